// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kind of step: one thing that is done to the host before the VM starts and undone after it
 * stops. One file per kind; steps/step.c has the list. The runner and the journal know no kind.
 *
 * Adding one: write steps/NAME.c with a VhStepKind, add it to the list there, have the plan make
 * it.
 */
#pragma once

#include <glib.h>

#include "host/host.h"

typedef enum {
    VH_UNDO_FULL,    /* undo brings back what was there */
    VH_UNDO_PARTIAL, /* undo does what it can; a failure is a warning, as nobody can mend it */
    VH_UNDO_NONE     /* nothing to bring back */
} VhUndoGrade;

typedef struct {
    VhHost *host;
    gint64 deadline;     /* for this step's waiting, on vh_host_now()'s clock */
    gint64 act_deadline; /* for its acts: later, so that none is begun with no time to end in */
    gboolean undoing;    /* the way back, which neither an interrupt nor the daemon's end stops */
    VhProcess daemon;    /* who has to be our parent still; {0, 0}: nobody */
    void (*note)(gpointer data, const char *); /* something worth a line in the log; or NULL */
    gpointer data;
} VhStepContext;

typedef struct {
    const char *name;
    const char *title; /* for people: "display manager and units" */
    VhUndoGrade undo_grade;
    /* What undo runs is not ours: it is tried once, and whatever comes of it is a warning. */
    gboolean undo_once;
    /* Another guest may need the same thing done: the last one that needs it undoes it. */
    gboolean shared;

    /*
     * The state to return to, a floating or full a{sv} that goes into the journal before anything
     * is done. *@ret_prior stays NULL when all is already as wanted: nothing is done, and nothing
     * will be undone. FALSE with an error when it cannot be known.
     */
    gboolean (*look)(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error);
    /*
     * Begins what takes a while by itself; apply, which is called once all steps of such kinds that
     * follow each other have been asked for, waits for it. FALSE when it cannot be asked for: apply
     * is called at once then, as without this member, and says why.
     */
    gboolean (*ask)(const VhStepContext *context, GVariant *args);
    /* No other step builds on what was asked for: it is waited for with others that are, or when
     * all else is done. */
    gboolean aside;
    /* Does it, and does not return before it is so. On failure undo is called. */
    gboolean (*apply)(const VhStepContext *context, GVariant *args, GVariant *prior,
                      GError **error);
    /* Brings @prior back, from whatever state is found: never begun, half done, done, undone
     * already, or changed by others. Something that is gone for good is success. NULL: nothing. */
    gboolean (*undo)(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error);
    /*
     * For a shared kind, when another guest needs the same (its record has @theirs; NULL: it found
     * all as wanted): what that guest has to bring back from now on, a full or floating a{sv}.
     * NULL: what it had. Without this member it is ours if it had none, else its own.
     */
    GVariant *(*inherit)(GVariant *ours, GVariant *theirs);
    /* … and what is ours to undo all the same, given what others (GVariant) have to bring back
     * before they inherit. Without this member nothing is. */
    GVariant *(*share)(GVariant *ours, const GPtrArray *others);
    /* What apply and undo do, as a person would say it: "stop lightdm.service". undo: or NULL. */
    char *(*describe)(GVariant *args);
    char *(*describe_undo)(GVariant *args);
} VhStepKind;

typedef struct {
    const VhStepKind *kind;
    GVariant *args; /* a{sv}, all that apply and undo need to know */
    char *subject;  /* device, unit, module, … the step is about; for logs and claims */
} VhStep;

/* @args may be floating. The caller owns the step. */
VhStep *vh_step_new(const VhStepKind *kind, const char *subject, GVariant *args);
void vh_step_free(VhStep *step);

/* The kind of that name, or NULL. */
const VhStepKind *vh_step_kind_find(const char *name);
/* All kinds, NULL-terminated, in the order of the sequence. */
const VhStepKind *const *vh_step_kinds(void);

/* Whether the guest is still to start: VH_ERROR_INTERRUPTED on SIGTERM, and when @daemon is not our
 * parent any more ({0, 0}: nobody has to be), or is the first process, who takes what has lost its
 * parent. */
gboolean vh_step_is_wanted(VhHost *host, VhProcess daemon, GError **error);

/* Waits a little (first 20 ms, then doubling up to 250 ms, kept in *@pause) for one of @holders to
 * end. FALSE with VH_ERROR_TIMEOUT once the deadline is reached, VH_ERROR_INTERRUPTED on SIGTERM or
 * when libvirt's daemon has ended. */
gboolean vh_step_pause(const VhStepContext *context, GPtrArray *holders, gint64 *pause,
                       GError **error);

/* Waits until nobody has a node of the function open. */
gboolean vh_step_wait_free(const VhStepContext *context, const char *address, GError **error);

/* Says @format… through the context's note. */
void vh_step_note(const VhStepContext *context, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* ---- the kinds, in the order of the sequence ---- */

/* { driver }: the target driver is loaded; never unloaded, another VM may need it. */
extern const VhStepKind vh_step_driver;
/* { unit }: the host is kept awake by that unit. */
extern const VhStepKind vh_step_awake;
/* { operation, suboperation, run, undo?, timeout, guest, uuid, devices }: a program of the user's
 * has run; the first kind has no undo, the second has one. */
extern const VhStepKind vh_step_command;
extern const VhStepKind vh_step_command_undo;
/* { seat, addresses }: the desktops of the seat were asked to log out, and had time for it. */
extern const VhStepKind vh_step_logout;
/* { uid, user, unit }: a unit of the user's own manager is stopped. */
extern const VhStepKind vh_step_user_unit;
/* { seat, unit }: does nothing; its undo brings the desktop of that display manager to the front.
 */
extern const VhStepKind vh_step_front;
/* { unit }: a system unit is stopped. */
extern const VhStepKind vh_step_unit;
/* { seat, policy, addresses }: the seat's graphical sessions have ended. */
extern const VhStepKind vh_step_sessions;
/* { addresses, now }: services that have such a node open (now, when planned) are stopped. */
extern const VhStepKind vh_step_services;
/* { addresses, policy }: nobody has a node of the functions open that unbinding would wait for. */
extern const VhStepKind vh_step_holders;
/* { number, name }: a framebuffer vtconsole is unbound. */
extern const VhStepKind vh_step_console;
/* { device, driver }: a firmware framebuffer is unbound. */
extern const VhStepKind vh_step_framebuffer;
/* { address }: the function has no virtual functions. */
extern const VhStepKind vh_step_virtual;
/* { address, driver, module?, drm, reset? }: does nothing; its undo sees to it that the display is
 * driven again. */
extern const VhStepKind vh_step_display;
/* { module, addresses }: a module is unloaded. */
extern const VhStepKind vh_step_module;
/* { address, d3cold_allowed?, power/control?, reset_method? }: the function's settings. */
extern const VhStepKind vh_step_settings;
/* { address, driver, home, override, id, reset?, awake?, bars? }: a PCI function is bound to the
 * target driver; bars as in steps/bars.h, reset as in steps/revive.h. */
extern const VhStepKind vh_step_device;
/* { addresses }: does nothing; its undo suspends the host for a moment. */
extern const VhStepKind vh_step_suspend;
/* { tune, value }: every governor, every slice of the host, unbound work, every interrupt that can
 * be moved has that value. */
extern const VhStepKind vh_step_governor;
extern const VhStepKind vh_step_slices;
extern const VhStepKind vh_step_workqueues;
extern const VhStepKind vh_step_irqs;
/* { size, needs, promised }: so many huge pages of that size are set aside and free. needs and
 * promised: { "any": N, "0": N }, pages by NUMA node. */
extern const VhStepKind vh_step_hugepages;

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The plan: what is to be done for one guest, and why not if not. It comes from the per-VM file,
 * the domain and a look at the host, and changes nothing. What `plan` prints is what the hook runs.
 */
#pragma once

#include "config/config.h"
#include "domain/domain.h"
#include "engine/engine.h"
#include "steps/step.h"

/* What another guest's journal holds: a device, or a shared thing it needs to be one way. */
typedef struct {
    char *guest;
    const char *turn;       /* libvirt's, as vh_libvirts_turn() has it; NULL: not its */
    char *address;          /* NULL: a shared thing … */
    const VhStepKind *kind; /* … of that kind, else NULL, */
    GVariant *args;         /* … done with these */
} VhClaim;

void vh_claim_free(VhClaim *claim);

/* What all journals but that of @uuid hold (VhClaim). Never NULL. */
GPtrArray *vh_claims_of_others(const VhEngine *engine, const char *uuid);

typedef struct {
    char *address;
    char *target;       /* driver to hand it to */
    gboolean managed;   /* as the domain says */
    VhPciFunction *now; /* NULL: not on this host (then there is a refusal) */
    guint virtuals;     /* functions that hang on it and have to end */
} VhPlanDevice;

typedef struct {
    char *guest, *uuid;
    gboolean running;    /* it has its devices from us: there are no steps */
    guint timeout;       /* seconds */
    GPtrArray *devices;  /* VhPlanDevice, in the order they are handed over */
    GPtrArray *steps;    /* VhStep */
    GPtrArray *later;    /* VhStep: the user's commands at other operations than prepare */
    GPtrArray *refusals; /* char *: why it cannot begin; a sentence each, empty: it can */
    GPtrArray *notes;    /* char *: worth knowing, no obstacle */
    GPtrArray *present;  /* char *: notes on who has the devices open (see inspect/departure.h) */
} VhPlan;

/*
 * Makes the plan. Obstacles are refusals in the plan, all of them; the error is for a host that
 * cannot be looked at. @claims from vh_claims_of_others.
 */
VhPlan *vh_plan_new(VhHost *host, const VhConfig *config, const VhDomain *domain,
                    const GPtrArray *claims, GError **error);

/*
 * The same with the claims of the other guests. A guest without a file (@config is NULL) is planned
 * with the defaults, and a note says that the hook leaves it alone.
 */
VhPlan *vh_plan_for_guest(const VhEngine *engine, const VhDomain *domain, const VhConfig *config,
                          GError **error);

/* A sentence when CPUs of @list, the value of @key ("host_cpus", "irq_cpus"; NULL: none), are those
 * that the guest's processors are pinned to; NULL when none are. The caller owns it. */
char *vh_plan_overlap(const VhDomain *domain, const char *key, const char *list);

/* VH_ERROR_REFUSED with the first refusal, and how many more there are; TRUE when there is none. */
gboolean vh_plan_check(const VhPlan *plan, GError **error);

/* Whether anything is to be undone later, so that there has to be a journal. */
gboolean vh_plan_needs_journal(const VhPlan *plan);

/* The plan as JSON value (a{sv}, floating) and as text for people, several lines. */
GVariant *vh_plan_variant(const VhPlan *plan);
char *vh_plan_text(const VhPlan *plan);

/* Longest that prepare can take until it has either succeeded or everything is back, seconds. */
guint vh_plan_worst_case(const VhPlan *plan);
/* … that release can take, from when no other hand-over holds the lock, and how long it waits for
 * that. The guest's own scripts come after it, and have a time of their own. */
guint vh_plan_worst_release(const VhPlan *plan);
enum { VH_RELEASE_PATIENCE = 30 };

/* For all commands and scripts of an operation that no deadline of the guest's file bounds,
 * seconds: libvirt waits for them too. */
enum { VH_SCRIPTS_SECONDS = 60 };

void vh_plan_free(VhPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhPlan, vh_plan_free)

/* The time limits of a guest with that timeout key, all on vh_host_now()'s clock: until when is
 * waited for things to be as they have to be, until when an act begun by then may take, and until
 * when a roll-back that begins at @now is to be over. */
gint64 vh_deadline_of_steps(gint64 begin, guint timeout);
gint64 vh_deadline_of_acts(gint64 begin, guint timeout);
gint64 vh_deadline_of_undo(gint64 begin, guint timeout, gint64 now);

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the program tells the world while it works. Everything is an event; a sink decides where it
 * goes: the systemd journal (host/log.h), or a person's terminal (rehearse, prepare by hand).
 */
#pragma once

#include <glib.h>

/* The kinds of event; each has a message id and a catalog entry (conf/virt-handoff.catalog). */
typedef enum {
    VH_EVENT_PREPARE_BEGIN, /* a hand-over begins */
    VH_EVENT_PREPARE_END,   /* the VM may start */
    VH_EVENT_REFUSED,       /* planning said no; nothing was touched */
    VH_EVENT_FAILED,        /* a step failed; everything is rolled back */
    VH_EVENT_RELEASE_BEGIN, /* the way back begins */
    VH_EVENT_RELEASE_END,   /* all is back */
    VH_EVENT_STUCK,         /* a step could not be undone */
    VH_EVENT_STEP,          /* a step was done or undone */
    VH_EVENT_NOTE,          /* worth knowing, nothing to do */
    VH_EVENT_RECOVER,       /* a journal that nobody else releases is replayed */
    VH_N_EVENTS
} VhEventKind;

typedef struct {
    VhEventKind kind;
    int priority;      /* syslog(3) level: 3 error, 4 warning, 5 notice, 6 info, 7 debug */
    const char *guest; /* any of these may be NULL */
    const char *uuid;
    const char *transaction;
    const char *operation; /* "prepare", "release", … */
    const char *step;      /* kind of step, as in the registry */
    const char *device;    /* PCI address, unit, module, … the step is about */
    const char *error;
    gint64 duration;  /* microseconds, -1: does not apply */
    const char *text; /* one line for people, never NULL */
} VhEvent;

typedef void (*VhEventSink)(const VhEvent *event, gpointer data);

/* The 32 hex digits of the kind's MESSAGE_ID, static. */
const char *vh_event_message_id(VhEventKind kind);
/* The kind's name, for tests and --json: "prepare-begin", … static. */
const char *vh_event_name(VhEventKind kind);

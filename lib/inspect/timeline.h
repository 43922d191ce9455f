// SPDX-License-Identifier: GPL-2.0-or-later
/* What happened when, in the last runs of a guest, from the events in the systemd journal. */
#pragma once

#include "host/log-read.h"

typedef struct {
    char *step, *device; /* may be NULL */
    char *text;
    gint64 start;    /* microseconds after the run's begin */
    gint64 duration; /* microseconds */
    gboolean stuck;
} VhTimelineStep;

typedef struct {
    char *transaction; /* NULL: it was refused before it got one */
    char *operation;   /* "prepare", "release", "recover", "reconnect" */
    gint64 begin;      /* microseconds since the epoch */
    gint64 duration;
    const char *result; /* "done", "failed", "refused", "stuck", "unfinished" */
    char *text;         /* why, NULL: it went well */
    GPtrArray *steps;   /* VhTimelineStep, in their order */
} VhTimelineRun;

/* The last @most runs in @entries (VhLogEntry, oldest first), the oldest first. A run is what one
 * call of one transaction did. */
GPtrArray *vh_timeline_new(const GPtrArray *entries, guint most);

/* {'guest': …, 'runs': […]}, floating. */
GVariant *vh_timeline_variant(const char *guest, const GPtrArray *runs);

/* A picture of the runs as SVG. The caller owns the text. */
char *vh_timeline_svg(const char *guest, const GPtrArray *runs);

/* When the run began, local time: "2026-11-22 14:01:02". The caller owns it. */
char *vh_timeline_begin_text(const VhTimelineRun *run);

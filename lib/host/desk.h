// SPDX-License-Identifier: GPL-2.0-or-later
/* What a start from the desktop itself needs of systemd and logind, on the real host only. */
#pragma once

#include "host/host.h"

/* A program that asked logind to be asked first (org.freedesktop.login1(5), ListInhibitors). */
typedef struct {
    char *what; /* "sleep:shutdown" */
    char *who, *why;
    char *mode; /* "block", "delay" */
    uid_t uid;
    pid_t pid;
} VhInhibitor;

/* All inhibitors (VhInhibitor). @host is a real one. */
GPtrArray *vh_desk_inhibitors(VhHost *host, GError **error);

/*
 * Has systemd run "@program start-now -- @guest" as the transient service @unit, which outlives
 * whoever asked; without systemd it runs in a session of its own, which does as well. Does not wait
 * for it. @host is a real one.
 */
gboolean vh_desk_start_guest(VhHost *host, const char *unit, const char *program, const char *guest,
                             GError **error);

/*
 * Shows @text to the user in the notification area of the desktop; @activate: also when the program
 * for that has to be started by the bus. VH_ERROR_UNSUPPORTED when there is none. @host is a real
 * one.
 */
gboolean vh_desk_notify(VhHost *host, uid_t uid, const char *text, gboolean activate,
                        GError **error);
/* The same for the first whose desktop is in front, looked for as often as @tries says, with a
 * @pause in microseconds: only on @seat (NULL: on any) until half of them are over. */
gboolean vh_desk_tell(VhHost *host, const char *seat, const char *text, guint tries, gint64 pause,
                      GError **error);

void vh_inhibitor_free(VhInhibitor *inhibitor);

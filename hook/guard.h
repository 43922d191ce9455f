// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <glib.h>

/*
 * For the way back, which nobody begins again for us: libvirt calls release once. Runs @work in a
 * child and, when that is killed (the kernel is short of memory, somebody types kill -9, a fault of
 * ours), once more, which is told in the systemd journal; returns its exit status. When we are
 * killed instead, the child goes on. @guest may be NULL. SIGTERM, SIGINT and SIGHUP are passed on.
 * To be called before there are threads (fork(2)).
 */
int vh_guard(const char *guest, int (*work)(gpointer data), gpointer data);

// SPDX-License-Identifier: GPL-2.0-or-later
/* The answers to single operations; call.c has the table. */
#pragma once

#include "config/config.h"
#include "domain/domain.h"
#include "engine/call.h"

/* prepare.c: hands the devices over. */
gboolean vh_call_prepare(const VhTeller *teller, const VhCall *call, GError **error);
/* release.c: gives them back. */
gboolean vh_call_release(const VhTeller *teller, const VhCall *call, GError **error);
/* release.c: a running guest's journal is looked at after a restart of the daemon. */
/* Remembers that the guest runs, if it holds something. */
void vh_call_mark_started(const VhTeller *teller, const VhCall *call);
gboolean vh_call_reconnect(const VhTeller *teller, const VhCall *call, GError **error);

/* scripts.c: until when scripts may take that no deadline of the guest's file bounds: libvirt waits
 * for them too. */
gint64 vh_call_scripts_deadline(const VhTeller *teller);

/* scripts.c: runs the user's scripts for the call, each with its four arguments and the XML on
 * stdin, until @deadline. The first failure ends it. With @ret_output not NULL (migrate, restore)
 * each gets what the one before it printed, if it printed anything, and *@ret_output is the last.
 */
gboolean vh_call_scripts(const VhTeller *teller, const VhCall *call, gint64 deadline,
                         GBytes **ret_output, GError **error);

/* commands.c: runs the user's commands for an operation other than prepare, until @deadline. The
 * first failure ends it. */
gboolean vh_call_commands(const VhTeller *teller, const VhCall *call, gint64 deadline,
                          GError **error);
/* The same where a failure is none of libvirt's business: logged, and the next one runs. */
void vh_call_all_commands(const VhTeller *teller, const VhCall *call, gint64 deadline);

/* The call's domain, NULL with an error when there is no XML or it is none. */
VhDomain *vh_call_domain(const VhCall *call, GError **error);

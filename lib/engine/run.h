// SPDX-License-Identifier: GPL-2.0-or-later
/* The runner: steps forward, records backward. It knows no kind of step. */
#pragma once

#include "engine/journal.h"

/*
 * Does @steps (VhStep) in order until @deadline (acts begun by then have until @act_deadline), each
 * with its begin record first. The first step that fails ends it: the error says which, and what
 * was begun is still in the journal, to be undone by vh_run_undo. VH_ERROR_INTERRUPTED after
 * SIGTERM, or when the daemon that called is gone.
 */
gboolean vh_run_steps(const VhTeller *teller, VhJournal *journal, GPtrArray *steps, gint64 deadline,
                      gint64 act_deadline, GError **error);

/*
 * Undoes all open records of @journal, last first, and goes on past failures; a thing that another
 * guest's journal needs as well is handed over to that journal instead. Every record leaves
 * three seconds to each of those after it, or half of what is left, so that one that hangs does not
 * starve the rest. What is undone after something got stuck stays open, to be looked at again with
 * it. Returns how many are stuck;
 * *@error (NULL allowed) is the first failure. The caller holds the lock.
 */
guint vh_run_undo(const VhTeller *teller, VhJournal *journal, gint64 deadline, GError **error);

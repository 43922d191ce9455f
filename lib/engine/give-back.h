// SPDX-License-Identifier: GPL-2.0-or-later
/* The way back, as release and recover take it. */
#pragma once

#include "engine/journal.h"

/* Undoes all of @journal within its time limit, tells what happens, and removes the file when
 * nothing is stuck; else VH_ERROR_FAILED with what is, and what to do. The caller holds the lock.
 */
gboolean vh_give_back(const VhTeller *teller, VhJournal *journal, GError **error);

/* Tells the desktop that has come back, if one was stopped, that the guest did not start, and where
 * libvirt says why: nobody else does when the start was asked for in that desktop. */
void vh_tell_unstarted(const VhTeller *teller, const VhJournal *journal);

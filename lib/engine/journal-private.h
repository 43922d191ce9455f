// SPDX-License-Identifier: GPL-2.0-or-later
/* Shared by the writing and the reading half of the journal. */
#pragma once

#include "engine/journal.h"

enum { VH_JOURNAL_VERSION = 1 };

/* An empty journal without file. */
VhJournal *vh_journal_alloc(void);
/* Adds a record in memory only; @args and @prior may be floating. */
VhRecord *vh_journal_add_record(VhJournal *journal, const char *kind, const char *subject,
                                GVariant *args, GVariant *prior);
/* STATE_DIR/UUID.journal. */
char *vh_journal_path(const VhEngine *engine, const char *uuid);

// SPDX-License-Identifier: GPL-2.0-or-later
/* Our events as the systemd journal keeps them: what host/log.h sent. */
#pragma once

#include "base/error.h"

typedef struct {
    gint64 time; /* microseconds since the epoch, when it was told */
    char *message_id;
    char *transaction, *operation, *step, *device, *error, *text; /* each may be NULL */
    gint64 duration;                                              /* microseconds, -1: none */
} VhLogEntry;

/* The newest @most events of @guest, the oldest first (VhLogEntry). @directory has the journal's
 * files, NULL: this machine's journal. */
GPtrArray *vh_log_read(const char *guest, guint most, const char *directory, GError **error);

void vh_log_entry_free(VhLogEntry *entry);

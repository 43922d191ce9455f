// SPDX-License-Identifier: GPL-2.0-or-later
/* Directories of its own for the engine of a rehearsal. */
#pragma once

#include "base/error.h"

/* A scratch directory with the state and the guest's file in it. */
typedef struct {
    char *dir, *hooks, *configs, *config, *state;
} Scratch;

/* Makes it with the file at @config, NULL: the guest's own, or an empty one. */
gboolean scratch_make(Scratch *scratch, const char *guest, const char *config, GError **error);
/* Removes it. */
void scratch_clear(Scratch *scratch);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scratch, scratch_clear)

// SPDX-License-Identifier: GPL-2.0-or-later
/* Directories of its own for the engine of a rehearsal. */
#pragma once

#include "hook/verbs.h"

/* A scratch directory with the state and the guest's file in it. */
typedef struct {
    char *dir, *hooks, *configs, *config, *state;
} Scratch;

/* Makes it with the file of --config, else the guest's own (below --root), or an empty one. */
gboolean scratch_make(Scratch *scratch, const char *guest, const VhOptions *options,
                      GError **error);
/* Removes it. */
void scratch_clear(Scratch *scratch);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scratch, scratch_clear)

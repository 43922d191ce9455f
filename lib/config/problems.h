// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All that is wrong with one file, collected, so that a person mends it in one round and not in
 * ten.
 */
#pragma once

#include <glib.h>

#include "base/error.h"

typedef struct VhProblems VhProblems;

/* @path is what the lines begin with. */
VhProblems *vh_problems_new(const char *path);

/* Adds "PATH:LINE: KEY: TEXT", without KEY when @key is NULL. The text should quote what is
 * foreign (vh_check_quote). After many problems the others are only counted. */
void vh_problems_add(VhProblems *problems, guint line, const char *key, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* TRUE when there are none; else VH_ERROR_CONFIG, a line for each, in the order of the file. */
gboolean vh_problems_finish(VhProblems *problems, GError **error);

void vh_problems_free(VhProblems *problems);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhProblems, vh_problems_free)

// SPDX-License-Identifier: GPL-2.0-or-later
/* What differs between two texts, by lines. */
#pragma once

#include <glib.h>

/*
 * The lines that differ, each with '-' (only in @before) or '+' (only in @after) before it, and two
 * lines of context (' ') around them; "..." where lines are left out between them. Empty when the
 * texts are equal. Elements are char *. Texts that differ in too much to compare are shown whole.
 */
GPtrArray *vh_diff_lines(const char *before, const char *after);

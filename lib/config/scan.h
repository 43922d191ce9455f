// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A look at the text before libconfig reads it, for what libconfig gets wrong: it would open other
 * files (@include), read numbers modulo 2^32 and take any depth of nesting.
 */
#pragma once

#include "config/problems.h"

/* The text for libconfig, with every number that libconfig would cut made plainly too large, on
 * the same lines. NULL when libconfig must not see it; @problems then says why. */
char *vh_scan_text(const char *text, VhProblems *problems);

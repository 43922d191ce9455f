// SPDX-License-Identifier: GPL-2.0-or-later
/* The per-VM file that init writes: comments only, so that it means all defaults. */
#pragma once

#include "engine/plan.h"

/* The text: what the plan of @guest has found (@plan NULL: nothing), and every key of the table
 * with what it is for, what it may be, and its default, ready to be uncommented. The caller owns
 * it. */
char *vh_template_text(const char *guest, const VhPlan *plan);

// SPDX-License-Identifier: GPL-2.0-or-later
/* What is under way, on stderr, when it takes more than a second; only where it is a terminal. */
#pragma once

#include <glib.h>

/* From now on "virt-handoff: TEXT …" is said after a second, and again every five; NULL: nothing is
 * under way that one waits for. */
void vh_progress(const char *text);

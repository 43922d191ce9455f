// SPDX-License-Identifier: GPL-2.0-or-later
/* Telling people who sit at the machine (the key notify). */
#pragma once

#include "engine/engine.h"

/* Says one line on the text console and on the terminals of those who are logged in, unless @config
 * says notify = "off". Best effort, bounded, and never a reason for anything to fail. */
void vh_announce(const VhTeller *teller, const VhConfig *config, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* Has it shown on the desktop that comes up when all is over, under the same conditions: rather on
 * that of @seat, where one was stopped (NULL: nowhere). @config may be NULL. */
void vh_announce_later(const VhTeller *teller, const VhConfig *config, const char *seat,
                       const char *format, ...) G_GNUC_PRINTF(4, 5);

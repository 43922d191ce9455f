// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading the ROM of a card that is in this machine. */
#pragma once

#include "host/host.h"

/*
 * The ROM of @text, an address in any of its forms. VH_ERROR_REFUSED while a driver of the host has
 * the function, unless @force: drivers change the card, and then what is read. @ret_note gets a
 * sentence worth knowing about what was read, or NULL; the caller owns it.
 */
GBytes *vh_rom_dump(VhHost *host, const char *text, gboolean force, char **ret_note,
                    GError **error);

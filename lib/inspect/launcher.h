// SPDX-License-Identifier: GPL-2.0-or-later
/* A desktop entry (freedesktop.org's Desktop Entry Specification) that starts a guest. */
#pragma once

#include <glib.h>

/* The file's name for @guest. The caller owns it, as that of the next. */
char *vh_launcher_name(const char *guest);

/* What is in it: in a terminal, where the questions of @program can be read and answered, one of
 * which is for a password. */
char *vh_launcher_text(const char *guest, const char *program);

// SPDX-License-Identifier: GPL-2.0-or-later
/* Files that a person names on the command line: read with a bound, written whole or not at all. */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * The content of the regular file @path, VH_ERROR_FAILED when it is none or longer than @most.
 * NULL with a sentence that names the file otherwise. An empty file is empty bytes.
 */
GBytes *vh_paper_read(const char *path, gsize most, GError **error);

/*
 * Writes @path with exactly that mode: through a new file beside it, which takes the name only when
 * all is on the disk. An existing one is refused (VH_ERROR_REFUSED, the sentence names --force)
 * unless @replace; a directory or another thing that is no regular file always is.
 */
gboolean vh_paper_write(const char *path, const void *data, gsize length, mode_t mode,
                        gboolean replace, GError **error);

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading a file that decides what root does: only when nobody but root can have written it, and
 * nobody but root can have put it there.
 */
#pragma once

#include <glib.h>

#include "base/error.h"

/*
 * The content of @path, an absolute path that lies below the directory @trusted, with a NUL behind
 * it; the caller owns it. The directories between the two and the file are checked, @trusted and
 * what is above are not ("/" checks all). A directory may be sticky (others can then not replace
 * what is in it), and may be a link of root's. VH_ERROR_GONE when there is no such file,
 * VH_ERROR_DENIED when we may not read it, VH_ERROR_CONFIG when it is refused; the sentence says
 * how to mend it.
 */
char *vh_config_read_file(const char *trusted, const char *path, GError **error);

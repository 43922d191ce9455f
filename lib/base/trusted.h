// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files that decide what root does: only when nobody but root can have written them, and nobody
 * but root can have put them there.
 */
#pragma once

#include <glib.h>

#include "base/error.h"

typedef struct {
    int flags;       /* of open(2), beside those that every file of ours is opened with */
    gboolean link;   /* at the end of the path there may be a symbolic link of root's */
    gboolean sticky; /* a directory that others can write to, but not replace root's files in, will
                        do */
    VhError code;    /* of a refusal */
} VhTrust;

/*
 * Opens the regular file @path, an absolute path that lies below the directory @top. The
 * directories between the two and the file are checked, @top and what is above are not ("/" checks
 * all); a directory may be a link of root's, which leads to others that are checked as well.
 * Returns the descriptor, or -1: VH_ERROR_GONE when there is no such file, VH_ERROR_DENIED when we
 * may not open it, @trust's code when it is refused. The sentence begins with the path and says how
 * to mend it.
 */
int vh_trusted_open(const VhTrust *trust, const char *top, const char *path, GError **error);

/* Sets @error to "PATH: FORMATTED" with @trust's code. Always returns FALSE. */
gboolean vh_trusted_refuse(const VhTrust *trust, const char *path, GError **error,
                           const char *format, ...) G_GNUC_PRINTF(4, 5);

// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/paper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptors.h"

/* An open regular file, -1 otherwise. A pipe must not hold us up. */
static int open_regular(const char *path, GError **error)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        vh_error_set_errno(error, errno, "%s", path);
        return -1;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    vh_error_set(error, VH_ERROR_FAILED, "%s: it is no regular file", path);
    (void)close(fd);
    return -1;
}

GBytes *vh_paper_read(const char *path, gsize most, GError **error)
{
    g_autoptr(GByteArray) content = g_byte_array_new();
    guint8 buffer[65536];
    ssize_t n = 0;
    int fd = open_regular(path, error);

    if (fd < 0)
        return NULL;
    do {
        n = read(fd, buffer, sizeof buffer);
        if (n > 0)
            g_byte_array_append(content, buffer, (guint)n);
    } while ((n > 0 && content->len <= most) || (n < 0 && errno == EINTR));
    int errnum = n < 0 ? errno : 0;
    (void)close(fd);
    if (errnum == 0 && content->len <= most)
        return g_byte_array_free_to_bytes(g_steal_pointer(&content));
    if (errnum != 0)
        vh_error_set_errno(error, errnum, "%s", path);
    else
        vh_error_set(error, VH_ERROR_FAILED, "%s: it is longer than %" G_GSIZE_FORMAT " bytes",
                     path, most);
    return NULL;
}

/* Gives @temporary the name @path; without @replace only when nobody has it, also just now. */
static int take_name(const char *temporary, const char *path, gboolean replace)
{
    if (replace)
        return rename(temporary, path) == 0 ? 0 : errno;
    if (link(temporary, path) == 0)
        return unlink(temporary) == 0 ? 0 : errno;
    /* Some file systems know no hard links. */
    if (errno != EPERM && errno != EOPNOTSUPP)
        return errno;
    return renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0 ? 0 : errno;
}

static gboolean may_write(const char *path, gboolean replace, GError **error)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno == ENOENT || vh_error_set_errno(error, errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return vh_error_set(error, VH_ERROR_REFUSED, "%s: it is there, and no regular file", path);
    return replace || vh_error_set(error, VH_ERROR_REFUSED,
                                   "%s: it is there already; --force replaces it", path);
}

gboolean vh_paper_write(const char *path, const void *data, gsize length, mode_t mode,
                        gboolean replace, GError **error)
{
    g_autofree char *temporary = g_strconcat(path, ".XXXXXX", NULL);

    if (!may_write(path, replace, error))
        return FALSE;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return vh_error_set_errno(error, errno, "%s", path);
    int errnum =
        vh_write_all(fd, data, length) && fchmod(fd, mode) == 0 && fsync(fd) == 0 ? 0 : errno;
    if (close(fd) != 0 && errnum == 0)
        errnum = errno;
    if (errnum == 0)
        errnum = take_name(temporary, path, replace);
    if (errnum == 0)
        return TRUE;
    (void)unlink(temporary);
    if (errnum == EEXIST)
        return vh_error_set(error, VH_ERROR_REFUSED, "%s: it is there already; --force replaces it",
                            path);
    return vh_error_set_errno(error, errnum, "%s", path);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Files as they are, for inspections. */
#include "host/real-private.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { MOST = 1024 * 1024 };

char *vh_real_read(VhHost *host, const char *path, GError **error)
{
    g_autofree char *full = vh_real_path((VhReal *)host, "%s", path);
    char *text = vh_file_read(full, MOST, error);
    gsize length = text ? strlen(text) : 0;

    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
    return text;
}

char **vh_real_list(VhHost *host, const char *path)
{
    g_autofree char *full = vh_real_path((VhReal *)host, "%s", path);
    GPtrArray *names = vh_file_list(full);

    g_ptr_array_set_free_func(names, NULL);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

char *vh_real_link(VhHost *host, const char *path, GError **error)
{
    g_autofree char *full = vh_real_path((VhReal *)host, "%s", path);
    char target[PATH_MAX];
    ssize_t n = readlink(full, target, sizeof target);

    if (n >= 0)
        return g_strndup(target, (gsize)n);
    vh_error_set_errno(error, errno, "%s", path);
    return NULL;
}

GBytes *vh_real_bytes(VhHost *host, const char *path, GError **error)
{
    g_autofree char *full = vh_real_path((VhReal *)host, "%s", path);

    return vh_file_bytes(full, MOST, error);
}

gboolean vh_real_stat(VhHost *host, const char *path, VhFileInfo *ret_info, GError **error)
{
    g_autofree char *full = vh_real_path((VhReal *)host, "%s", path);
    struct stat st;

    if (lstat(full, &st) < 0)
        return vh_error_set_errno(error, errno, "%s", path);
    *ret_info = (VhFileInfo){st.st_mode, st.st_uid, st.st_gid, st.st_ctime};
    return TRUE;
}

char *vh_real_label(VhHost *host, const char *path, GError **error)
{
    g_autofree char *full = vh_real_path((VhReal *)host, "%s", path);
    char label[256];
    ssize_t length = lgetxattr(full, "security.selinux", label, sizeof label);

    if (length >= 0)
        return g_strndup(label, (gsize)length);
    if (errno == ENODATA || errno == ENOTSUP)
        return g_strdup("");
    vh_error_set_errno(error, errno, "%s", path);
    return NULL;
}

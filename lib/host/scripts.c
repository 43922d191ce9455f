// SPDX-License-Identifier: GPL-2.0-or-later
/* The user's files: scripts in the layout of the VFIO-Tools hook helper, and ROM files. */
#include "host/real-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/trusted.h"

/* What root runs, nobody else may have a hand in. */
static gboolean check_owner(const char *path, const struct stat *st, GError **error)
{
    const char *kind = S_ISDIR(st->st_mode) ? "the directory" : "the script";

    if (st->st_uid != 0 && st->st_uid != geteuid())
        return vh_error_set(error, VH_ERROR_DENIED,
                            "%s %s is not root's, and what it says would be done by root; chown "
                            "root '%s'",
                            kind, path, path);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return vh_error_set(error, VH_ERROR_DENIED,
                            "%s %s can be written by others than root, and what it says would be "
                            "done by root; chmod go-w '%s'",
                            kind, path, path);
    return TRUE;
}

/* 1: there (filled @st), 0: not there, -1: an error. */
static int check(const char *path, struct stat *st, GError **error)
{
    if (stat(path, st) < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return 0;
        vh_error_set_errno(error, errno, "%s", path);
        return -1;
    }
    return check_owner(path, st, error) ? 1 : -1;
}

/* As virFileIsExecutable in libvirt's src/util/virfile.c. Editors' backups keep the mode. */
static gboolean is_script(const char *path, const struct stat *st)
{
    return S_ISREG(st->st_mode) && (st->st_mode & 0111) && !g_str_has_suffix(path, "~");
}

static gboolean add_directory(GPtrArray *scripts, const char *dir, GError **error)
{
    g_autoptr(GPtrArray) names = vh_file_list(dir);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(dir, g_ptr_array_index(names, i), NULL);
        struct stat st;
        if (stat(path, &st) < 0 || !is_script(path, &st))
            continue;
        if (!check_owner(path, &st, error))
            return FALSE;
        g_ptr_array_add(scripts, g_steal_pointer(&path));
    }
    return TRUE;
}

/* Down from the hook directory, each level checked: who can write one can replace the next. */
static int descend(const char *top, const char *const *components, char **ret_path, struct stat *st,
                   GError **error)
{
    g_autofree char *path = g_strdup(top);
    int r = check(path, st, error);

    for (; r > 0 && *components; components++) {
        char *next = g_build_filename(path, *components, NULL);
        g_free(path);
        path = next;
        r = check(path, st, error);
    }
    *ret_path = g_steal_pointer(&path);
    return r;
}

char **vh_real_scripts(VhHost *host, const char *guest, const char *operation,
                       const char *suboperation, GError **error)
{
    VhReal *real = (VhReal *)host;
    const char *const components[] = {"qemu.d", guest, operation, suboperation, NULL};
    g_autoptr(GPtrArray) scripts = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *path = NULL;
    struct stat st;
    int r = 0;

    if (real->hooksdir && vh_name_is_plain(guest) && vh_name_is_plain(operation) &&
        vh_name_is_plain(suboperation)) {
        g_autofree char *top = vh_real_path(real, "%s", real->hooksdir);
        r = descend(top, components, &path, &st, error);
    }
    if (r < 0 || (r > 0 && S_ISDIR(st.st_mode) && !add_directory(scripts, path, error)))
        return NULL;
    if (r > 0 && is_script(path, &st))
        g_ptr_array_add(scripts, g_strdup(path));
    g_ptr_array_add(scripts, NULL);
    return g_strdupv((char **)scripts->pdata);
}

gboolean vh_real_rom_usable(VhHost *host, const char *path, GError **error)
{
    g_autofree char *full = vh_real_path((VhReal *)host, "%s", path);
    struct stat st;
    int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return vh_error_set_errno(error, errno, "ROM file %s", path);
    int r = fstat(fd, &st);
    (void)close(fd);
    if (r < 0)
        return vh_error_set_errno(error, errno, "ROM file %s", path);
    if (!S_ISREG(st.st_mode))
        return vh_error_set(error, VH_ERROR_FAILED, "ROM file %s is no regular file", path);
    if (st.st_size == 0)
        return vh_error_set(error, VH_ERROR_FAILED, "ROM file %s is empty", path);
    return TRUE;
}

gboolean vh_real_program_usable(VhHost *host, const char *path, GError **error)
{
    static const VhTrust trust = {.flags = O_PATH, .link = TRUE, .code = VH_ERROR_DENIED};
    const VhReal *real = (VhReal *)host;
    g_autofree char *full = g_strconcat(real->root, path, NULL);
    struct stat st = {0};
    int fd = vh_trusted_open(&trust, *real->root ? real->root : "/", full, error);

    if (fd < 0)
        return FALSE;
    int r = fstat(fd, &st);
    (void)close(fd);
    if (r == 0 && (st.st_mode & 0111))
        return TRUE;
    return vh_trusted_refuse(&trust, path, error, "is not executable; to mend it: chmod +x '%s'",
                             path);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Users and groups of the host that is looked at, from its files. */
#include <string.h>
#include <sys/stat.h>

#include "inspect/check-private.h"

/* The fields of the line of @path whose first one is @name; NULL without. */
static char **entry(VhHost *host, const char *path, const char *name)
{
    g_autofree char *text = vh_host_read(host, path, NULL);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;

    for (gsize i = 0; lines && lines[i]; i++) {
        char **fields = g_strsplit(lines[i], ":", -1);
        if (fields[0] && g_str_equal(fields[0], name) && g_strv_length(fields) >= 4)
            return fields;
        g_strfreev(fields);
    }
    return NULL;
}

gint64 vh_check_group(VhHost *host, const char *name)
{
    g_auto(GStrv) fields = entry(host, "/etc/group", name);

    return fields ? g_ascii_strtoll(fields[2], NULL, 10) : -1;
}

static void add_groups(VhHost *host, VhCheckUser *user)
{
    g_autofree char *text = vh_host_read(host, "/etc/group", NULL);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;

    for (gsize i = 0; lines && lines[i]; i++) {
        g_auto(GStrv) fields = g_strsplit(lines[i], ":", -1);
        g_auto(GStrv) members = g_strsplit(g_strv_length(fields) >= 4 ? fields[3] : "", ",", -1);
        if (!g_strv_contains((const char *const *)members, user->name))
            continue;
        guint32 gid = (guint32)g_ascii_strtoull(fields[2], NULL, 10);
        g_array_append_val(user->gids, gid);
    }
}

VhCheckUser *vh_check_user(VhHost *host, const char *name)
{
    g_auto(GStrv) fields = entry(host, "/etc/passwd", name);
    guint64 number = 0;

    if (!fields && !g_ascii_string_to_unsigned(name, 10, 0, G_MAXUINT32 - 1, &number, NULL))
        return NULL;
    VhCheckUser *user = g_new0(VhCheckUser, 1);
    user->name = g_strdup(name);
    user->uid = fields ? (guint32)g_ascii_strtoull(fields[2], NULL, 10) : (guint32)number;
    user->gids = g_array_new(FALSE, FALSE, sizeof(guint32));
    if (fields) {
        guint32 gid = (guint32)g_ascii_strtoull(fields[3], NULL, 10);
        g_array_append_val(user->gids, gid);
    }
    add_groups(host, user);
    return user;
}

void vh_check_user_free(VhCheckUser *user)
{
    if (!user)
        return;
    g_free(user->name);
    g_array_unref(user->gids);
    g_free(user);
}

gboolean vh_check_user_in(const VhCheckUser *user, gint64 gid)
{
    for (guint i = 0; i < user->gids->len; i++)
        if ((gint64)g_array_index(user->gids, guint32, i) == gid)
            return TRUE;
    return FALSE;
}

/* Whether the permission bits (4: read, 1: go through) are the user's. */
static gboolean may(const VhCheckUser *user, const VhFileInfo *info, guint32 bits)
{
    if (user->uid == 0)
        return TRUE;
    if (user->uid == info->uid)
        return (info->mode >> 6 & bits) == bits;
    if (vh_check_user_in(user, (gint64)info->gid))
        return (info->mode >> 3 & bits) == bits;
    return (info->mode & bits) == bits;
}

gboolean vh_check_user_reads(VhHost *host, const VhCheckUser *user, const char *path,
                             GError **error)
{
    g_autofree char *where = NULL;
    VhFileInfo info;

    if (!vh_check_follow(host, path, &info, &where, error))
        return FALSE;
    if (!may(user, &info, 4))
        return vh_error_set(error, VH_ERROR_FAILED, "%s is not readable for user %s", where,
                            user->name);
    while (!g_str_equal(where, "/")) {
        g_autofree char *above = g_path_get_dirname(where);
        /* The root's directory can be gone through by all. */
        if (!g_str_equal(above, "/") && !vh_check_follow(host, above, &info, NULL, error))
            return FALSE;
        if (!g_str_equal(above, "/") && !may(user, &info, 1))
            return vh_error_set(error, VH_ERROR_FAILED, "user %s may not go through %s", user->name,
                                above);
        g_free(where);
        where = g_steal_pointer(&above);
    }
    return TRUE;
}

/* The value of a line 'user = "qemu"' of qemu.conf; NULL: the default. */
static char *configured_user(VhHost *host)
{
    g_autofree char *text = vh_host_read(host, "/etc/libvirt/qemu.conf", NULL);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;

    for (gsize i = 0; lines && lines[i]; i++) {
        const char *quote = strchr(lines[i], '"');
        if (!quote)
            continue;
        g_autofree char *key = g_strndup(lines[i], (gsize)(quote - lines[i]));
        g_strdelimit(key, "=", ' ');
        if (!g_str_equal(g_strstrip(key), "user"))
            continue;
        /* "+0" is a number, whatever names there are. */
        return g_strndup(quote + 1 + (quote[1] == '+'),
                         strcspn(quote + 1 + (quote[1] == '+'), "\""));
    }
    return NULL;
}

VhCheckUser *vh_check_qemu_user(VhHost *host)
{
    static const char *const defaults[] = {"libvirt-qemu", "qemu"};
    g_autofree char *name = configured_user(host);
    VhCheckUser *user = name ? vh_check_user(host, name) : NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(defaults) && !name && !user; i++)
        user = vh_check_user(host, defaults[i]);
    return user;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Looking at files. */
#include "sim/look.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const SimFile *find_file(VhHost *host, const char *path, GError **error)
{
    const SimMachine *machine = sim_of(host)->machine;

    for (guint i = 0; i < machine->files->len; i++) {
        const SimFile *file = machine->files->pdata[i];
        if (g_str_equal(file->path, path))
            return file;
    }
    vh_error_set_errno(error, ENOENT, "%s", path);
    return NULL;
}

char *sim_look_read(VhHost *host, const char *path, GError **error)
{
    const SimFile *file = find_file(host, path, error);

    return file ? g_strdup(file->text ? file->text : "") : NULL;
}

char *sim_look_link(VhHost *host, const char *path, GError **error)
{
    const SimFile *file = find_file(host, path, error);

    if (file && !file->link)
        vh_error_set_errno(error, EINVAL, "%s", path);
    return file ? g_strdup(file->link) : NULL;
}

GBytes *sim_look_bytes(VhHost *host, const char *path, GError **error)
{
    const SimFile *file = find_file(host, path, error);
    const char *text = file && file->text ? file->text : "";

    if (!file)
        return NULL;
    if (!file->hex)
        return g_bytes_new(text, strlen(text));
    GByteArray *bytes = g_byte_array_new();
    for (const char *p = file->hex; p[0] && p[1]; p += 2) {
        guint8 byte = (guint8)(g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]));
        g_byte_array_append(bytes, &byte, 1);
    }
    return g_byte_array_free_to_bytes(bytes);
}

gboolean sim_look_stat(VhHost *host, const char *path, VhFileInfo *ret_info, GError **error)
{
    g_autoptr(GError) cause = NULL;
    const SimFile *file = find_file(host, path, &cause);

    if (file) {
        guint32 mode = (guint32)g_ascii_strtoull(file->mode ? file->mode : "0644", NULL, 8);
        *ret_info = (VhFileInfo){mode | (file->link ? S_IFLNK : S_IFREG), (guint32)file->uid,
                                 (guint32)file->gid, file->changed};
        return TRUE;
    }
    g_auto(GStrv) names = sim_look_list(host, path);
    if (!*names) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    *ret_info = (VhFileInfo){.mode = S_IFDIR | 0755};
    return TRUE;
}

char *sim_look_label(VhHost *host, const char *path, GError **error)
{
    const SimFile *file = find_file(host, path, error);

    return file ? g_strdup(file->label ? file->label : "") : NULL;
}

static int by_bytes(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **sim_look_list(VhHost *host, const char *path)
{
    const SimMachine *machine = sim_of(host)->machine;
    g_autofree char *prefix = g_strconcat(path, "/", NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < machine->files->len; i++) {
        const char *file = ((const SimFile *)machine->files->pdata[i])->path;
        if (!g_str_has_prefix(file, prefix))
            continue;
        const char *rest = file + strlen(prefix);
        g_autofree char *name = g_strndup(rest, strcspn(rest, "/"));
        if (g_hash_table_contains(seen, name))
            continue;
        g_hash_table_add(seen, name);
        g_ptr_array_add(names, g_steal_pointer(&name));
    }
    g_ptr_array_sort(names, by_bytes);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_steal(names, NULL);
}

char *sim_look_usb_name(VhHost *host, const char *port)
{
    g_autofree char *directory = g_strconcat("/sys/bus/usb/devices/", port, NULL);
    g_autofree char *maker_path = g_strconcat(directory, "/manufacturer", NULL);
    g_autofree char *model_path = g_strconcat(directory, "/product", NULL);
    g_autofree char *maker = sim_look_read(host, maker_path, NULL);
    g_autofree char *model = sim_look_read(host, model_path, NULL);

    return vh_usb_name(maker, model);
}

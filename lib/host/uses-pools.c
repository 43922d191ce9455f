// SPDX-License-Identifier: GPL-2.0-or-later
/* Pools of disks that neither a mount nor "holders" in sysfs leads to. */
#include <string.h>

#include "host/real-private.h"
#include "host/uses-private.h"

/* ---- ZFS: udev knows the members, the module the pools that are imported ---- */

static void consider_zfs(VhUses *self, const char *block)
{
    g_autofree char *dev_path = vh_real_path(self->real, "/sys/class/block/%s/dev", block);
    g_autofree char *number = vh_file_attribute(dev_path);
    g_autofree char *record = vh_real_path(self->real, "/run/udev/data/b%s", number ? number : "");
    g_autofree char *text = vh_file_read(record, VH_ATTRIBUTE_MAX, NULL);
    g_autofree char *type = vh_line_value(text, "E:ID_FS_TYPE");
    g_autofree char *pool = vh_line_value(text, "E:ID_FS_LABEL");

    if (g_strcmp0(type, "zfs_member") != 0 || !vh_name_is_plain(pool))
        return;
    g_autofree char *imported = vh_real_path(self->real, "/proc/spl/kstat/zfs/%s", pool);
    if (!vh_file_exists(imported))
        return;
    g_autofree char *path = g_strconcat("/dev/", block, NULL);
    g_autofree char *where = g_strdup_printf("the ZFS pool %s", pool);
    vh_uses_add(self, "array", path, where);
}

/* ---- bcachefs: a mounted one has its members in sysfs, as links dev-N/block ---- */

static void add_bcachefs(VhUses *self)
{
    g_autofree char *top = vh_real_path(self->real, "/sys/fs/bcachefs");
    g_autoptr(GPtrArray) ids = vh_file_list(top);

    for (guint i = 0; i < ids->len; i++) {
        const char *id = g_ptr_array_index(ids, i);
        g_autofree char *dir = g_build_filename(top, id, NULL);
        g_autoptr(GPtrArray) names = vh_file_list(dir);
        g_autofree char *where = g_strdup_printf("bcachefs %s", id);
        for (guint j = 0; j < names->len; j++) {
            g_autofree char *link =
                g_build_filename(dir, g_ptr_array_index(names, j), "block", NULL);
            g_autofree char *block = vh_file_link(link);
            if (!block || !vh_uses_has_block(self, block))
                continue;
            g_autofree char *path = g_strconcat("/dev/", block, NULL);
            vh_uses_add(self, "mount", path, where);
        }
    }
}

void vh_uses_add_pools(VhUses *self)
{
    for (guint i = 0; i < self->blocks->len; i++)
        consider_zfs(self, g_ptr_array_index(self->blocks, i));
    add_bcachefs(self);
}

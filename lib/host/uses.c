// SPDX-License-Identifier: GPL-2.0-or-later
/* What the host itself needs a function for: disks in use, and the way to the network. */
#include "host/real-private.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "host/uses-private.h"

void vh_uses_add(VhUses *self, const char *kind, const char *name, const char *where)
{
    VhUse *use = g_new0(VhUse, 1);

    use->kind = g_strdup(kind);
    use->name = g_strdup(name);
    use->where = g_strdup(where);
    g_ptr_array_add(self->uses, use);
}

static gboolean contains(GPtrArray *names, const char *name)
{
    return g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL);
}

gboolean vh_uses_has_block(const VhUses *self, const char *name)
{
    return contains(self->blocks, name);
}

static gboolean add_name(GPtrArray *names, const char *name)
{
    if (contains(names, name))
        return FALSE;
    g_ptr_array_add(names, g_strdup(name));
    return TRUE;
}

/* ---- what is below the function ---- */

/* A namespace reached over several controllers is a disk of the subsystem, not of a controller
 * (drivers/nvme/host/multipath.c). */
static void add_nvme_heads(VhUses *self, const char *controller)
{
    g_autofree char *top = vh_real_path(self->real, "/sys/class/nvme-subsystem");
    g_autoptr(GPtrArray) subsystems = vh_file_list(top);

    for (guint i = 0; i < subsystems->len; i++) {
        g_autofree char *dir = g_build_filename(top, g_ptr_array_index(subsystems, i), NULL);
        g_autoptr(GPtrArray) names = vh_file_list(dir);
        if (!contains(names, controller))
            continue;
        for (guint j = 0; j < names->len; j++) {
            const char *name = g_ptr_array_index(names, j);
            g_autofree char *block = vh_real_path(self->real, "/sys/class/block/%s", name);
            g_autofree char *generic = vh_real_path(self->real, "/sys/class/nvme-generic/%s", name);
            if (vh_file_exists(block))
                add_name(self->blocks, name);
            if (vh_file_exists(generic))
                add_name(self->generics, generic);
        }
    }
}

static void visit(const VhDeviceDir *dir, gpointer data)
{
    VhUses *self = data;

    if (strcmp(dir->subsystem, "block") == 0)
        add_name(self->blocks, dir->name);
    else if (strcmp(dir->subsystem, "net") == 0)
        add_name(self->nets, dir->name);
    else if (strcmp(dir->subsystem, "scsi_generic") == 0 ||
             strcmp(dir->subsystem, "nvme-generic") == 0)
        add_name(self->generics, dir->path);
    else if (strcmp(dir->subsystem, "nvme") == 0)
        add_nvme_heads(self, dir->name);
}

/* ---- disks ---- */

/* "dm-0 (vg-root)", "md127" */
static char *describe_block(VhReal *real, const char *name)
{
    g_autofree char *path = vh_real_path(real, "/sys/class/block/%s/dm/name", name);
    g_autofree char *dm_name = vh_file_attribute(path);

    return dm_name ? g_strdup_printf("%s (%s)", name, dm_name) : g_strdup(name);
}

/* A disk's partitions are directories in its own. */
static void add_partitions(VhUses *self, const char *disk)
{
    g_autofree char *dir = vh_real_path(self->real, "/sys/class/block/%s", disk);
    g_autoptr(GPtrArray) names = vh_file_list(dir);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path =
            g_build_filename(dir, g_ptr_array_index(names, i), "partition", NULL);
        if (vh_file_exists(path))
            add_name(self->blocks, g_ptr_array_index(names, i));
    }
}

/* Follows the arrays, volumes and mappings upwards; the list grows while it is walked. */
static void add_arrays(VhUses *self)
{
    for (guint i = 0; i < self->blocks->len; i++) {
        const char *name = g_ptr_array_index(self->blocks, i);
        g_autofree char *dir = vh_real_path(self->real, "/sys/class/block/%s/holders", name);
        g_autoptr(GPtrArray) holders = vh_file_list(dir);
        g_autofree char *path = g_strconcat("/dev/", name, NULL);
        add_partitions(self, name);
        for (guint j = 0; j < holders->len; j++) {
            const char *holder = g_ptr_array_index(holders, j);
            g_autofree char *where = describe_block(self->real, holder);
            vh_uses_add(self, "array", path, where);
            add_name(self->blocks, holder);
        }
    }
}

/* The name in /sys/class/block of a block device, by its number. */
static char *block_of_number(VhReal *real, const char *number)
{
    g_autofree char *path = vh_real_path(real, "/sys/dev/block/%s", number);

    return vh_file_link(path);
}

/* By the path that a mount or swap goes by: "/dev/nvme0n1p2", "/dev/mapper/vg-root". */
static char *block_of_path(VhReal *real, const char *path)
{
    g_autofree char *full = vh_real_path(real, "%s", path);
    struct stat st;

    if (!g_str_has_prefix(path, "/dev/"))
        return NULL;
    if (stat(full, &st) < 0 || !S_ISBLK(st.st_mode))
        return g_path_get_basename(path);
    g_autofree char *number = g_strdup_printf("%u:%u", major(st.st_rdev), minor(st.st_rdev));
    return block_of_number(real, number);
}

/* One line of mountinfo (proc(5)): ID PARENT MAJ:MIN ROOT MOUNTPOINT OPTIONS … - TYPE SOURCE … */
static void consider_mount(VhUses *self, const char *line)
{
    const char *dash = strstr(line, " - ");
    g_auto(GStrv) left = g_strsplit(line, " ", 6);
    g_auto(GStrv) right = g_strsplit(dash ? dash + strlen(" - ") : "", " ", 3);

    if (g_strv_length(left) < 6 || g_strv_length(right) < 2)
        return;
    g_autofree char *source = g_strcompress(right[1]);
    g_autofree char *where = g_strcompress(left[4]);
    /* Some file systems, btrfs for one, have a number of their own instead of their disk's. */
    g_autofree char *block = block_of_number(self->real, left[2]);
    if (!block)
        block = block_of_path(self->real, source);
    if (block && contains(self->blocks, block))
        vh_uses_add(self, "mount", source, where);
}

static void add_mounts(VhUses *self)
{
    g_autofree char *path = vh_real_path(self->real, "/proc/self/mountinfo");
    g_auto(GStrv) lines = vh_file_lines(path);

    for (gsize i = 0; lines[i]; i++)
        consider_mount(self, lines[i]);
}

/* mountinfo names one disk of a btrfs; sysfs has them all while it is mounted. */
static void add_btrfs(VhUses *self)
{
    g_autofree char *top = vh_real_path(self->real, "/sys/fs/btrfs");
    g_autoptr(GPtrArray) ids = vh_file_list(top);

    for (guint i = 0; i < ids->len; i++) {
        const char *id = g_ptr_array_index(ids, i);
        g_autofree char *dir = g_build_filename(top, id, "devices", NULL);
        g_autoptr(GPtrArray) names = vh_file_list(dir);
        g_autofree char *where = g_strdup_printf("btrfs %s", id);
        for (guint j = 0; j < names->len; j++) {
            g_autofree char *path = g_strconcat("/dev/", g_ptr_array_index(names, j), NULL);
            if (contains(self->blocks, g_ptr_array_index(names, j)))
                vh_uses_add(self, "mount", path, where);
        }
    }
}

/* "/dev/nvme0n1p3  partition  8388604 0 -2", after a line of titles */
static void add_swaps(VhUses *self)
{
    g_autofree char *table = vh_real_path(self->real, "/proc/swaps");
    g_auto(GStrv) lines = vh_file_lines(table);

    for (gsize i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit_set(lines[i], " \t", 2);
        g_autofree char *path = g_strcompress(words[0] ? words[0] : "");
        g_autofree char *block = block_of_path(self->real, path);
        if (block && contains(self->blocks, block))
            vh_uses_add(self, "swap", path, "swap");
    }
}

/* ---- networks ---- */

/* Bonds, bridges, VLANs and the like that are built upon an interface: links "upper_NAME". */
static void add_uppers(VhUses *self)
{
    for (guint i = 0; i < self->nets->len; i++) {
        g_autofree char *dir =
            vh_real_path(self->real, "/sys/class/net/%s", (char *)g_ptr_array_index(self->nets, i));
        g_autoptr(GPtrArray) names = vh_file_list(dir);
        g_autofree char *link = g_build_filename(dir, "master", NULL);
        g_autofree char *master = vh_file_link(link);
        if (master)
            add_name(self->nets, master);
        for (guint j = 0; j < names->len; j++) {
            const char *name = g_ptr_array_index(names, j);
            if (g_str_has_prefix(name, "upper_"))
                add_name(self->nets, name + strlen("upper_"));
        }
    }
}

/* "eth0 00000000 0102A8C0 0003 0 0 100 00000000 …": a mask of nothing is the default; the address
 * is in network order, printed as a number of this machine (net/ipv4/fib_trie.c). */
static void consider_route(VhUses *self, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, "\t", 9);
    guint64 gateway = 0;

    if (g_strv_length(words) < 9 || strcmp(words[7], "00000000") != 0 ||
        !contains(self->nets, words[0]))
        return;
    (void)vh_number(words[2], 16, &gateway);
    guint32 address = (guint32)gateway;
    const guint8 *b = (const guint8 *)&address;
    g_autofree char *where =
        g_strdup_printf("default route by %d.%d.%d.%d", b[0], b[1], b[2], b[3]);
    vh_uses_add(self, "route", words[0], where);
}

/* DESTINATION PREFIX SOURCE PREFIX GATEWAY METRIC REFERENCES USES FLAGS INTERFACE, all hex */
static void consider_route6(VhUses *self, const char *line)
{
    static const char any[] = "00000000000000000000000000000000";
    char destination[33], name[17];
    unsigned int prefix;

    if (sscanf(line, "%32s %x %*s %*s %*s %*s %*s %*s %*s %16s", destination, &prefix, name) == 3 &&
        prefix == 0 && strcmp(destination, any) == 0 && contains(self->nets, name))
        vh_uses_add(self, "route", name, "default route (IPv6)");
}

static void for_lines(VhUses *self, const char *table, void (*consider)(VhUses *, const char *))
{
    g_autofree char *path = vh_real_path(self->real, "%s", table);
    g_auto(GStrv) lines = vh_file_lines(path);

    for (gsize i = 0; lines[i]; i++)
        consider(self, lines[i]);
}

/* ---- the operation ---- */

static void free_use(gpointer use)
{
    vh_use_free(use);
}

GPtrArray *vh_real_pci_uses(VhHost *host, const char *address, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *dir = vh_pci_directory(real, address, error);
    g_autoptr(GPtrArray) blocks = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) nets = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) generics = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(free_use);
    VhUses uses = {real, list, blocks, nets, generics};

    if (!dir)
        return NULL;
    vh_sysfs_walk(dir, visit, &uses);
    if (blocks->len > 0) {
        add_arrays(&uses);
        add_mounts(&uses);
        add_btrfs(&uses);
        add_swaps(&uses);
        vh_uses_add_pools(&uses);
    }
    if (!vh_uses_add_open(&uses, error))
        return NULL;
    if (nets->len > 0) {
        add_uppers(&uses);
        for_lines(&uses, "/proc/net/route", consider_route);
        for_lines(&uses, "/proc/net/ipv6_route", consider_route6);
    }
    return g_steal_pointer(&list);
}

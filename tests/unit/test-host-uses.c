// SPDX-License-Identifier: GPL-2.0-or-later
/* What the host needs a function for: disks and networks, over a tree. */
#include <string.h>
#include <unistd.h>

#include "host-tree.h"

#define DISK "0000:03:00.0"
#define DIR "/sys/devices/pci0000:00/" DISK

/* "KIND NAME WHERE", one a line, in the order found. */
static char *uses_of(HostTree *tree)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) uses = vh_host_pci_uses(tree->host, DISK, &error);
    GString *text = g_string_new(NULL);

    g_assert_no_error(error);
    for (guint i = 0; i < uses->len; i++) {
        const VhUse *use = g_ptr_array_index(uses, i);
        g_string_append_printf(text, "%s %s %s\n", use->kind, use->name, use->where);
    }
    return g_string_free(text, FALSE);
}

/* A block device: its directory, its links by name and by number. */
static void add_block(HostTree *tree, const char *dir, const char *number)
{
    g_autofree char *name = g_path_get_basename(dir);

    host_tree_device(tree, dir, "block", number, name);
    host_tree_link(tree, dir, "/sys/class/block/%s", name);
    host_tree_link(tree, dir, "/sys/dev/block/%s", number);
}

static void add_partition(HostTree *tree, const char *dir, const char *number)
{
    add_block(tree, dir, number);
    host_tree_write(tree, "1\n", "%s/partition", dir);
}

static HostTree *disk_tree(void)
{
    HostTree *tree = host_tree_new();

    host_tree_pci(tree, DISK, "0x010802\n", "144d:a808");
    add_block(tree, DIR "/nvme/nvme0/nvme0n1", "259:0");
    add_partition(tree, DIR "/nvme/nvme0/nvme0n1/nvme0n1p1", "259:1");
    add_partition(tree, DIR "/nvme/nvme0/nvme0n1/nvme0n1p2", "259:2");
    add_block(tree, "/sys/devices/virtual/block/dm-0", "253:0");
    host_tree_write(tree, "vg-root\n", "/sys/devices/virtual/block/dm-0/dm/name");
    return tree;
}

static void test_nothing(void)
{
    g_autoptr(HostTree) tree = disk_tree();

    host_tree_write(tree,
                    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 0:5 / /dev rw - devtmpfs d r\n",
                    "/proc/self/mountinfo");
    host_tree_write(tree, "Filename Type Size\n/dev/sda2 partition 1 0 -2\n", "/proc/swaps");
    g_autofree char *uses = uses_of(tree);
    g_assert_cmpstr(uses, ==, "");
}

static void test_mounts(void)
{
    g_autoptr(HostTree) tree = disk_tree();

    host_tree_write(tree,
                    "22 1 259:1 / /mnt/a\\040b rw,x shared:1 - ext4 /dev/nvme0n1p1 rw\n"
                    "23 1 0:45 /@home /home rw shared:2 - btrfs /dev/nvme0n1p2 rw\n"
                    "24 1 0:46 / /other rw shared:3 - btrfs /dev/sda2 rw\n"
                    "short - line\n",
                    "/proc/self/mountinfo");
    g_autofree char *uses = uses_of(tree);
    g_assert_cmpstr(uses, ==,
                    "mount /dev/nvme0n1p1 /mnt/a b\n"
                    "mount /dev/nvme0n1p2 /home\n");
}

static void test_second_disk_of_btrfs(void)
{
    g_autoptr(HostTree) tree = disk_tree();

    host_tree_write(tree, "24 1 0:46 / /data rw - btrfs /dev/sda2 rw\n", "/proc/self/mountinfo");
    host_tree_dir(tree, "/sys/fs/btrfs/features");
    host_tree_dir(tree, "/sys/fs/btrfs/1b4e/devices/sda2");
    host_tree_dir(tree, "/sys/fs/btrfs/1b4e/devices/nvme0n1p2");
    g_autofree char *uses = uses_of(tree);
    g_assert_cmpstr(uses, ==, "mount /dev/nvme0n1p2 btrfs 1b4e\n");
}

static void add_guest(HostTree *tree, pid_t pid, const char *target)
{
    g_autofree char *path = host_tree_path(tree, "/proc/%d/fd/9", (int)pid);
    g_autofree char *full = host_tree_path(tree, "%s", target);

    host_tree_process(tree, pid, "qemu-system\nx86", "S", 7, 0,
                      "0::/machine.slice/machine-qemu.scope\n");
    g_assert_cmpint(symlink(full, path), ==, 0);
}

/* The raw disk, or a partition of it, of another guest that runs; also by its other names. */
static void test_open(void)
{
    static const struct {
        const char *path;
        gboolean disk;
        guint major_number, minor_number;
        const char *uses;
    } cases[] = {
        {"/dev/nvme0n1", TRUE, 259, 0, "open /dev/nvme0n1 "},
        {"/dev/vms/by-another-name", TRUE, 259, 2, "open /dev/nvme0n1p2 "},
        {"/dev/ng0n1", FALSE, 241, 0, "open /dev/ng0n1 "},
        {"/dev/ng0n2", FALSE, 241, 1, "open /dev/ng0n2 "},
        {"/dev/sg0", FALSE, 21, 0, "open /dev/sg0 "},
        {"/dev/other", TRUE, 259, 9, ""},
        {"/dev/other", FALSE, 259, 0, ""},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(HostTree) tree = disk_tree();
        g_autofree char *expected = g_strdup_printf(
            "%s%s", cases[i].uses,
            *cases[i].uses ? "qemu-system\\nx86 (pid 4711, user 0, machine-qemu.scope)\n" : "");

        host_tree_device(tree, DIR "/nvme/nvme0/ng0n1", "nvme-generic", "241:0", "ng0n1");
        host_tree_device(tree, DIR "/host0/target0/0:0/scsi_generic/sg0", "scsi_generic", "21:0",
                         "sg0");
        host_tree_device(tree, DIR "/nvme/nvme0", "nvme", "240:0", "nvme0");
        host_tree_dir(tree, "/sys/class/nvme-subsystem/nvme-subsys0/nvme0");
        host_tree_dir(tree, "/sys/class/nvme-subsystem/nvme-subsys0/ng0n2");
        host_tree_device(tree, "/sys/class/nvme-generic/ng0n2", "nvme-generic", "241:1", "ng0n2");
        if (!(cases[i].disk ? host_tree_disk : host_tree_node)(
                tree, cases[i].path, cases[i].major_number, cases[i].minor_number))
            return;
        add_guest(tree, 4711, cases[i].path);
        g_autofree char *uses = uses_of(tree);
        g_assert_cmpstr(uses, ==, expected);
    }
}

/* ZFS opens its disks itself: udev knows the member, the kernel's statistics the pools in use. */
static void test_zfs(void)
{
    g_autoptr(HostTree) tree = disk_tree();
    g_autofree char *number = host_tree_read(tree, DIR "/nvme/nvme0/nvme0n1/nvme0n1p2/dev");
    g_autofree char *record = g_strconcat("/run/udev/data/b", g_strchomp(number), NULL);

    host_tree_write(tree, "S:disk\nE:ID_FS_TYPE=zfs_member\nE:ID_FS_LABEL=tank\n", "%s", record);
    g_autofree char *exported = uses_of(tree);
    g_assert_cmpstr(exported, ==, "");
    host_tree_dir(tree, "/proc/spl/kstat/zfs/tank");
    g_autofree char *uses = uses_of(tree);
    g_assert_cmpstr(uses, ==, "array /dev/nvme0n1p2 the ZFS pool tank\n");
}

static void test_bcachefs(void)
{
    g_autoptr(HostTree) tree = disk_tree();

    host_tree_link(tree, "/sys/class/block/nvme0n1p1", "/sys/fs/bcachefs/77aa/dev-1/block");
    host_tree_link(tree, "/sys/class/block/sda2", "/sys/fs/bcachefs/77aa/dev-0/block");
    g_autofree char *uses = uses_of(tree);
    g_assert_cmpstr(uses, ==, "mount /dev/nvme0n1p1 bcachefs 77aa\n");
}

/* A volume on a partition, mounted and swapped to. */
static void test_stacked(void)
{
    g_autoptr(HostTree) tree = disk_tree();

    host_tree_link(tree, "/sys/devices/virtual/block/dm-0",
                   DIR "/nvme/nvme0/nvme0n1/nvme0n1p2/holders/dm-0");
    host_tree_write(tree, "22 1 253:0 / / rw - ext4 /dev/mapper/vg-root rw\n",
                    "/proc/self/mountinfo");
    host_tree_write(tree, "Filename\tType\n/dev/nvme0n1p1  partition\t1\t0\t-2\n", "/proc/swaps");
    g_autofree char *uses = uses_of(tree);
    g_assert_cmpstr(uses, ==,
                    "array /dev/nvme0n1p2 dm-0 (vg-root)\n"
                    "mount /dev/mapper/vg-root /\n"
                    "swap /dev/nvme0n1p1 swap\n");
}

/* With multipath the disk is the subsystem's, and the controller has a hidden one without number.
 */
static void test_nvme_multipath(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    const char *head = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0";

    host_tree_pci(tree, DISK, "0x010802\n", "144d:a808");
    host_tree_link(tree, "/sys/class/nvme", DIR "/nvme/nvme0/subsystem");
    host_tree_link(tree, "/sys/class/block", DIR "/nvme/nvme0/nvme0c0n1/subsystem");
    host_tree_link(tree, head, "/sys/class/nvme-subsystem/nvme-subsys0");
    host_tree_link(tree, DIR "/nvme/nvme0", "%s/nvme0", head);
    add_block(tree, "/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1", "259:0");
    add_partition(tree, "/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p1",
                  "259:1");
    host_tree_write(tree, "22 1 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n", "/proc/self/mountinfo");
    g_autofree char *uses = uses_of(tree);
    g_assert_cmpstr(uses, ==, "mount /dev/nvme0n1p1 /\n");
}

/* ---- networks ---- */

#define ROUTE_TITLE "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tW\tI\n"

static HostTree *net_tree(void)
{
    HostTree *tree = host_tree_new();

    host_tree_pci(tree, DISK, "0x020000\n", "8086:15b8");
    host_tree_link(tree, "/sys/class/net", DIR "/net/enp3s0/subsystem");
    host_tree_link(tree, DIR "/net/enp3s0", "/sys/class/net/enp3s0");
    return tree;
}

static void write_route(HostTree *tree, const char *interface)
{
    /* 192.168.2.1 as a number of this machine. */
    guint32 gateway = GUINT32_FROM_BE(0xc0a80201);
    g_autofree char *table = g_strdup_printf(
        ROUTE_TITLE "%s\t00000000\t%08X\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
                    "enp3s0\t0002A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
                    "enp3s0\t00000000\t00000000\t0001\t0\t0\t100\t00000080\t0\t0\t0\n",
        interface, gateway);

    host_tree_write(tree, table, "/proc/net/route");
}

static void test_default_route(void)
{
    g_autoptr(HostTree) tree = net_tree();

    write_route(tree, "eth9");
    g_autofree char *none = uses_of(tree);
    g_assert_cmpstr(none, ==, "");
    write_route(tree, "enp3s0");
    g_autofree char *uses = uses_of(tree);
    g_assert_cmpstr(uses, ==, "route enp3s0 default route by 192.168.2.1\n");
}

static void test_bridged_route(void)
{
    g_autoptr(HostTree) tree = net_tree();

    host_tree_link(tree, "/sys/devices/virtual/net/bond0", DIR "/net/enp3s0/master");
    host_tree_link(tree, "/sys/devices/virtual/net/bond0", "/sys/class/net/bond0");
    host_tree_link(tree, "/sys/devices/virtual/net/bond0.5",
                   "/sys/devices/virtual/net/bond0/upper_bond0.5");
    write_route(tree, "bond0.5");
    g_autofree char *uses = uses_of(tree);
    g_assert_cmpstr(uses, ==, "route bond0.5 default route by 192.168.2.1\n");
}

#define ANY "00000000000000000000000000000000"

static void test_route6(void)
{
    g_autoptr(HostTree) tree = net_tree();

    host_tree_write(tree,
                    "fe80"
                    "0000000000000000000000000000 40 " ANY " 00 " ANY
                    " 00000100 00000001 00000000 00000001   enp3s0\n" ANY " 60 " ANY " 00 " ANY
                    " 00000100 00000001 00000000 00000001   enp3s0\n" ANY " 00 " ANY " 00 " ANY
                    " ffffffff 00000001 00000000 00200200       lo\n",
                    "/proc/net/ipv6_route");
    g_autofree char *none = uses_of(tree);
    g_assert_cmpstr(none, ==, "");
    host_tree_write(tree,
                    ANY " 00 " ANY " 00 fe800000000000000000000000000001 00000400 00000001 "
                        "00000000 00000003   enp3s0\n",
                    "/proc/net/ipv6_route");
    g_autofree char *uses = uses_of(tree);
    g_assert_cmpstr(uses, ==, "route enp3s0 default route (IPv6)\n");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/uses/nothing", test_nothing);
    g_test_add_func("/uses/mounts", test_mounts);
    g_test_add_func("/uses/second-disk-of-btrfs", test_second_disk_of_btrfs);
    g_test_add_func("/uses/open", test_open);
    g_test_add_func("/uses/zfs", test_zfs);
    g_test_add_func("/uses/bcachefs", test_bcachefs);
    g_test_add_func("/uses/stacked", test_stacked);
    g_test_add_func("/uses/nvme-multipath", test_nvme_multipath);
    g_test_add_func("/uses/default-route", test_default_route);
    g_test_add_func("/uses/bridged-route", test_bridged_route);
    g_test_add_func("/uses/route6", test_route6);
    return g_test_run();
}

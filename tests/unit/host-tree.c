// SPDX-License-Identifier: GPL-2.0-or-later
#include "host-tree.h"

#include <errno.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

HostTree *host_tree_new(void)
{
    g_autoptr(GError) error = NULL;
    HostTree *tree = g_new0(HostTree, 1);

    tree->root = g_dir_make_tmp("vh-host-XXXXXX", &error);
    g_assert_no_error(error);
    VhRealOptions options = {.root = tree->root, .hooksdir = "/etc/libvirt/hooks"};
    tree->host = vh_real_new(&options);
    host_tree_dir(tree, "/run/systemd/system");
    return tree;
}

static int delete_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

void host_tree_free(HostTree *tree)
{
    vh_host_free(tree->host);
    (void)nftw(tree->root, delete_one, 16, FTW_DEPTH | FTW_PHYS);
    g_free(tree->root);
    g_free(tree);
}

static char *path_of(HostTree *tree, const char *format, va_list args) G_GNUC_PRINTF(2, 0);

static char *path_of(HostTree *tree, const char *format, va_list args)
{
    g_autofree char *path = g_strdup_vprintf(format, args);

    return g_strconcat(tree->root, path, NULL);
}

static void make_parent(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
}

char *host_tree_path(HostTree *tree, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *path = path_of(tree, format, args);
    va_end(args);
    return path;
}

void host_tree_write(HostTree *tree, const char *text, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    va_list args;

    va_start(args, format);
    g_autofree char *path = path_of(tree, format, args);
    va_end(args);
    make_parent(path);
    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
}

void host_tree_link(HostTree *tree, const char *target, const char *format, ...)
{
    g_autofree char *full = g_strconcat(tree->root, target, NULL);
    va_list args;

    va_start(args, format);
    g_autofree char *path = path_of(tree, format, args);
    va_end(args);
    make_parent(path);
    (void)unlink(path);
    g_assert_cmpint(symlink(full, path), ==, 0);
}

void host_tree_dir(HostTree *tree, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *path = path_of(tree, format, args);
    va_end(args);
    g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
}

char *host_tree_read(HostTree *tree, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    g_autofree char *path = path_of(tree, format, args);
    va_end(args);
    (void)g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

void host_tree_pci(HostTree *tree, const char *address, const char *class_code, const char *id)
{
    g_auto(GStrv) ids = g_strsplit(id, ":", 2);
    g_autofree char *dir = g_strconcat("/sys/devices/pci0000:00/", address, NULL);
    g_autofree char *vendor = g_strdup_printf("0x%s\n", ids[0]);
    g_autofree char *device = g_strdup_printf("0x%s\n", ids[1]);

    host_tree_write(tree, class_code, "%s/class", dir);
    host_tree_write(tree, vendor, "%s/vendor", dir);
    host_tree_write(tree, device, "%s/device", dir);
    host_tree_write(tree, "(null)\n", "%s/driver_override", dir);
    host_tree_link(tree, "/sys/bus/pci", "%s/subsystem", dir);
    host_tree_link(tree, dir, "/sys/bus/pci/devices/%s", address);
    host_tree_write(tree, "", "/sys/bus/pci/drivers_probe");
}

void host_tree_bind(HostTree *tree, const char *address, const char *driver, const char *module)
{
    g_autofree char *dir = g_strconcat("/sys/bus/pci/drivers/", driver, NULL);
    g_autofree char *device = g_strconcat("/sys/devices/pci0000:00/", address, NULL);

    host_tree_write(tree, "", "%s/unbind", dir);
    host_tree_write(tree, "", "%s/bind", dir);
    host_tree_link(tree, device, "%s/%s", dir, address);
    host_tree_link(tree, dir, "%s/driver", device);
    if (!module)
        return;
    g_autofree char *module_dir = g_strconcat("/sys/module/", module, NULL);
    host_tree_link(tree, module_dir, "%s/module", dir);
    host_tree_write(tree, "live\n", "%s/initstate", module_dir);
    host_tree_link(tree, dir, "%s/drivers/pci:%s", module_dir, driver);
}

void host_tree_device(HostTree *tree, const char *directory, const char *subsystem,
                      const char *number, const char *devname)
{
    g_autofree char *class_dir = g_strconcat("/sys/class/", subsystem, NULL);
    g_autofree char *uevent = g_strdup_printf("MAJOR=0\nDEVNAME=%s\nDEVMODE=0666\n", devname);
    g_autofree char *line = g_strconcat(number, "\n", NULL);

    host_tree_link(tree, class_dir, "%s/subsystem", directory);
    host_tree_write(tree, uevent, "%s/uevent", directory);
    host_tree_write(tree, line, "%s/dev", directory);
}

static gboolean make_node(HostTree *tree, const char *path, mode_t type, dev_t number)
{
    g_autofree char *full = g_strconcat(tree->root, path, NULL);

    make_parent(full);
    if (mknod(full, type | 0600, number) == 0)
        return TRUE;
    g_assert_true(errno == EPERM || errno == EACCES);
    g_test_skip("may not make device nodes here");
    return FALSE;
}

gboolean host_tree_node(HostTree *tree, const char *path, guint major_number, guint minor_number)
{
    return make_node(tree, path, S_IFCHR, makedev(major_number, minor_number));
}

gboolean host_tree_disk(HostTree *tree, const char *path, guint major_number, guint minor_number)
{
    return make_node(tree, path, S_IFBLK, makedev(major_number, minor_number));
}

void host_tree_process(HostTree *tree, pid_t pid, const char *command, const char *state,
                       guint64 start, uid_t uid, const char *cgroup)
{
    g_autofree char *stat_line = g_strdup_printf(
        "%d (%s) %s 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %" G_GUINT64_FORMAT " 9 9\n", pid,
        command, state, start);
    g_autofree char *status =
        g_strdup_printf("Name:\t%s\nUid:\t%u\t%u\t%u\t%u\n", command, uid, uid, uid, uid);

    host_tree_write(tree, stat_line, "/proc/%d/stat", pid);
    host_tree_write(tree, status, "/proc/%d/status", pid);
    host_tree_write(tree, cgroup, "/proc/%d/cgroup", pid);
    host_tree_dir(tree, "/proc/%d/fd", pid);
}

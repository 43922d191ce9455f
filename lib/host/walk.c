// SPDX-License-Identifier: GPL-2.0-or-later
/* The device model's tree, as sysfs shows it: a device is a directory in its parent's. */
#include "host/real-private.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/address.h"

/* No tree of devices is deeper; a USB mouse behind five hubs is at about twenty. */
#define DEPTH_MAX 64

typedef struct {
    void (*visit)(const VhDeviceDir *, gpointer);
    gpointer data;
} Walk;

static void walk(const Walk *self, const char *path, guint depth, gboolean usb);

static gboolean is_pci_function(const char *name)
{
    g_autofree char *canonical = vh_address_canonical(name, NULL);

    return g_strcmp0(canonical, name) == 0;
}

/* Directories that hold no devices, and many files. */
static gboolean is_barren(const char *name)
{
    static const char *const names[] = {"power", "msi_irqs", "statistics", "queues", "mq", NULL};

    return g_strv_contains(names, name);
}

static void enter(const Walk *self, const char *parent, const char *name, guint depth, gboolean usb)
{
    g_autofree char *path = g_build_filename(parent, name, NULL);
    g_autofree char *link = g_build_filename(path, "subsystem", NULL);
    g_autofree char *subsystem = vh_file_link(link);

    if (subsystem) {
        usb = usb || strcmp(subsystem, "usb") == 0;
        VhDeviceDir dir = {path, name, subsystem, usb};
        self->visit(&dir, self->data);
    }
    walk(self, path, depth + 1, usb);
}

static gboolean is_directory(DIR *dir, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static void walk(const Walk *self, const char *path, guint depth, gboolean usb)
{
    DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;

    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *name = entry->d_name;
        if (is_directory(dir, entry) && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
            !is_barren(name) && !is_pci_function(name))
            enter(self, path, name, depth, usb);
    }
    (void)closedir(dir);
}

void vh_sysfs_walk(const char *top, void (*visit)(const VhDeviceDir *, gpointer), gpointer data)
{
    Walk self = {visit, data};

    walk(&self, top, 0, FALSE);
}

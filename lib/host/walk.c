// SPDX-License-Identifier: GPL-2.0-or-later
/* The device model's tree, as sysfs shows it: a device is a directory in its parent's. */
#include "host/real-private.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"

/* No tree of devices is deeper; a USB mouse behind five hubs is at about twenty. */
#define DEPTH_MAX 64

typedef struct {
    void (*visit)(const VhDeviceDir *, gpointer);
    gpointer data;
} Walk;

/* What one directory has. A kernel's answer to "is it there?" takes as long as a name here. */
typedef struct {
    GPtrArray *below; /* names of directories */
    gboolean device, node;
} Entries;

static gboolean is_pci_function(const char *name)
{
    g_autofree char *canonical = vh_address_canonical(name, NULL);

    return g_strcmp0(canonical, name) == 0;
}

/* Directories that hold no devices, and many files. */
static gboolean is_barren(const char *name)
{
    static const char *const names[] = {".",          "..",     "power", "link",    "msi_irqs",
                                        "statistics", "queues", "mq",    "widgets", NULL};

    return g_strv_contains(names, name);
}

static gboolean is_directory(DIR *dir, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static void read_entries(DIR *dir, Entries *entries)
{
    entries->below = g_ptr_array_new_with_free_func(g_free);
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *name = entry->d_name;
        entries->device = entries->device || strcmp(name, "subsystem") == 0;
        entries->node = entries->node || strcmp(name, "dev") == 0;
        if (is_directory(dir, entry) && !is_barren(name) && !is_pci_function(name))
            g_ptr_array_add(entries->below, g_strdup(name));
    }
}

/* @parent: a descriptor, or AT_FDCWD at the top. */
static void walk(const Walk *self, int parent, const char *name, const char *path, guint depth,
                 gboolean usb)
{
    int fd = depth < DEPTH_MAX
                 ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                 : -1;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    Entries entries = {0};

    if (!dir) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    read_entries(dir, &entries);
    g_autofree char *subsystem =
        entries.device && depth > 0 ? vh_file_link_at(fd, "subsystem") : NULL;
    if (subsystem) {
        usb = usb || strcmp(subsystem, "usb") == 0;
        VhDeviceDir found = {path, name, subsystem, usb, entries.node};
        self->visit(&found, self->data);
    }
    for (guint i = 0; i < entries.below->len; i++) {
        const char *child = g_ptr_array_index(entries.below, i);
        g_autofree char *below = g_build_filename(path, child, NULL);
        walk(self, fd, child, below, depth + 1, usb);
    }
    g_ptr_array_unref(entries.below);
    (void)closedir(dir);
}

void vh_sysfs_walk(const char *top, void (*visit)(const VhDeviceDir *, gpointer), gpointer data)
{
    Walk self = {visit, data};

    walk(&self, AT_FDCWD, top, top, 0, FALSE);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A tree of files in the place of /sys, /proc, /dev, /run and /etc, and the real back end over it.
 * The tree is passive: what is written to an attribute stays there to be read. Paths are as on the
 * machine, and formatted; directories are made as needed. Failures abort the test.
 */
#pragma once

#include "host/host.h"
#include "host/real-private.h"
#include "host/real.h"

typedef struct {
    char *root;
    VhHost *host;
} HostTree;

HostTree *host_tree_new(void);
void host_tree_free(HostTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostTree, host_tree_free)

char *host_tree_path(HostTree *tree, const char *format, ...) G_GNUC_PRINTF(2, 3);
void host_tree_write(HostTree *tree, const char *text, const char *format, ...) G_GNUC_PRINTF(3, 4);
void host_tree_link(HostTree *tree, const char *target, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void host_tree_dir(HostTree *tree, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* NULL when there is no such file. */
char *host_tree_read(HostTree *tree, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A function in /sys/devices/pci0000:00/ADDRESS, with its link in the bus's list. */
void host_tree_pci(HostTree *tree, const char *address, const char *class_code, const char *id);
/* Binds it; @module may be NULL. */
void host_tree_bind(HostTree *tree, const char *address, const char *driver, const char *module);
/* A device directory below a function's: NAME/{dev,uevent,subsystem}. */
void host_tree_device(HostTree *tree, const char *directory, const char *subsystem,
                      const char *number, const char *devname);
/* A character device; skips the test and returns FALSE when we may not make one. */
gboolean host_tree_node(HostTree *tree, const char *path, guint major_number, guint minor_number);
/* A block device, likewise. */
gboolean host_tree_disk(HostTree *tree, const char *path, guint major_number, guint minor_number);
/* A process: stat, status, cgroup. */
void host_tree_process(HostTree *tree, pid_t pid, const char *command, const char *state,
                       guint64 start, uid_t uid, const char *cgroup);

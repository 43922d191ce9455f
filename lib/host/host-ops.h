// SPDX-License-Identifier: GPL-2.0-or-later
/* What a host is made of, for its back ends only. */
#pragma once

#include "host/host.h"

/* A USB device's name of what it says of itself (either may be NULL), on one line and its maker
 * named once; NULL when it says nothing. The caller owns it. */
char *vh_usb_name(const char *manufacturer, const char *product);

/* One member for each operation of host.h and tuning.h, of the same name and contract. */
typedef struct {
    gint64 (*now)(VhHost *);
    guint64 (*process_start)(VhHost *, pid_t);
    gboolean (*process_signal)(VhHost *, VhProcess, int, GError **);
    VhProcess (*parent)(VhHost *);
    gboolean (*interrupted)(VhHost *);
    VhProcess (*hung)(VhHost *);
    void (*keep)(VhHost *, int);
    char *(*boot_id)(VhHost *);
    GPtrArray *(*pci_list)(VhHost *, GError **);
    VhPciFunction *(*pci_look)(VhHost *, const char *, GError **);
    gboolean (*pci_driver_known)(VhHost *, const char *);
    gboolean (*iommu_on)(VhHost *);
    gboolean (*pci_override)(VhHost *, const char *, const char *, GError **);
    gboolean (*pci_unbind)(VhHost *, const char *, gint64, GError **);
    gboolean (*pci_probe)(VhHost *, const char *, gint64, GError **);
    GPtrArray *(*pci_uses)(VhHost *, const char *, GError **);
    char *(*pci_seat)(VhHost *, const char *);
    gboolean (*pci_set)(VhHost *, const char *, const char *, const char *, gint64, GError **);
    gboolean (*pci_remove)(VhHost *, const char *, gint64, GError **);
    gboolean (*pci_rescan)(VhHost *, gint64, GError **);
    gboolean (*pci_answers)(VhHost *, const char *);
    gboolean (*suspend)(VhHost *, guint, gint64, GError **);
    GPtrArray *(*pci_nodes)(VhHost *, const char *, GError **);
    GPtrArray *(*holders)(VhHost *, GPtrArray *, GError **);
    void (*wait)(VhHost *, GPtrArray *, gint64);
    GPtrArray *(*consoles)(VhHost *, GError **);
    gboolean (*console_bind)(VhHost *, guint, gboolean, gint64, GError **);
    GPtrArray *(*framebuffers)(VhHost *, GError **);
    gboolean (*framebuffer_bind)(VhHost *, const char *, const char *, gboolean, gint64, GError **);
    VhModule *(*module_look)(VhHost *, const char *, GError **);
    gboolean (*module_load)(VhHost *, const char *, gint64, GError **);
    gboolean (*module_unload)(VhHost *, const char *, gint64, GError **);
    const VhServiceManager *(*service_manager)(VhHost *);
    VhUnit *(*unit_look)(VhHost *, const char *, GError **);
    gint64 (*unit_reloaded)(VhHost *, const char *);
    gboolean (*unit_stop)(VhHost *, const char *, gint64, GError **);
    gboolean (*unit_start)(VhHost *, const char *, gint64, GError **);
    gboolean (*unit_ask)(VhHost *, VhJob, const char *, GError **);
    gboolean (*stopping)(VhHost *);
    GPtrArray *(*sessions)(VhHost *, GError **);
    gboolean (*session_terminate)(VhHost *, const char *, GError **);
    gboolean (*session_logout)(VhHost *, const VhSession *, gint64, GError **);
    gboolean (*front_switch)(VhHost *, const char *, guint, gint64, GError **);
    void (*say)(VhHost *, const char *const *, const char *);
    void (*tell_desktop)(VhHost *, const char *, const char *);
    gboolean (*user_lingers)(VhHost *, uid_t);
    GPtrArray *(*user_units)(VhHost *, uid_t, const char *const *, VhProcess *, GError **);
    gboolean (*user_unit_of_desktop)(VhHost *, uid_t, const char *);
    gboolean (*user_unit_stop)(VhHost *, uid_t, const char *, gint64, GError **);
    gboolean (*user_unit_start)(VhHost *, uid_t, const char *, gint64, GError **);
    char *(*read)(VhHost *, const char *, GError **);
    char **(*list)(VhHost *, const char *);
    char *(*link)(VhHost *, const char *, GError **);
    GBytes *(*bytes)(VhHost *, const char *, GError **);
    gboolean (*stat)(VhHost *, const char *, VhFileInfo *, GError **);
    char *(*label)(VhHost *, const char *, GError **);
    char *(*usb_name)(VhHost *, const char *);
    gboolean (*rom_usable)(VhHost *, const char *, GError **);
    GBytes *(*rom_read)(VhHost *, const char *, gint64, GError **);
    char **(*scripts)(VhHost *, const char *, const char *, const char *, GError **);
    gboolean (*program_usable)(VhHost *, const char *, GError **);
    gboolean (*run)(VhHost *, const VhCommand *, gint64, GBytes **, GError **);
    gboolean (*guest_running)(VhHost *, const char *);
    char *(*cpus)(VhHost *, GError **);
    GPtrArray *(*tunables)(VhHost *, VhTune, GError **);
    gboolean (*tune)(VhHost *, VhTune, const char *, const char *, gint64, GError **);
    GPtrArray *(*page_pools)(VhHost *, GError **);
    gboolean (*set_pages)(VhHost *, guint64, int, guint64, gint64, GError **);
    gboolean (*compact)(VhHost *, int, gint64, GError **);
    void (*free)(VhHost *);
} VhHostOps;

/* Back ends put this first in their own struct. */
struct VhHost {
    const VhHostOps *ops;
};

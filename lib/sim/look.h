// SPDX-License-Identifier: GPL-2.0-or-later
/* The operations of host.h that only look. */
#pragma once

#include "sim/act.h"

/* The members of VhHostOps of these names. */
guint64 sim_look_process_start(VhHost *host, pid_t pid);
VhProcess sim_look_parent(VhHost *host);
VhProcess sim_look_hung(VhHost *host);
char *sim_look_boot_id(VhHost *host);
GPtrArray *sim_look_pci_list(VhHost *host, GError **error);
VhPciFunction *sim_look_pci(VhHost *host, const char *address, GError **error);
gboolean sim_look_driver_known(VhHost *host, const char *driver);
gboolean sim_look_iommu_on(VhHost *host);
GPtrArray *sim_look_uses(VhHost *host, const char *address, GError **error);
gboolean sim_look_answers(VhHost *host, const char *address);
char *sim_look_seat(VhHost *host, const char *address);
GPtrArray *sim_look_nodes(VhHost *host, const char *address, GError **error);
GPtrArray *sim_look_holders(VhHost *host, GPtrArray *nodes, GError **error);
GPtrArray *sim_look_consoles(VhHost *host, GError **error);
GPtrArray *sim_look_framebuffers(VhHost *host, GError **error);
VhModule *sim_look_module(VhHost *host, const char *name, GError **error);
gint64 sim_look_unit_reloaded(VhHost *host, const char *name);
const VhServiceManager *sim_look_service_manager(VhHost *host);
VhUnit *sim_look_unit(VhHost *host, const char *name, GError **error);
GPtrArray *sim_look_sessions(VhHost *host, GError **error);
gboolean sim_look_lingers(VhHost *host, uid_t uid);
GPtrArray *sim_look_user_units(VhHost *host, uid_t uid, const char *const *globs,
                               VhProcess *ret_manager, GError **error);
gboolean sim_look_user_unit_of_desktop(VhHost *host, uid_t uid, const char *name);
char *sim_look_read(VhHost *host, const char *path, GError **error);
char **sim_look_list(VhHost *host, const char *path);
char *sim_look_link(VhHost *host, const char *path, GError **error);
GBytes *sim_look_bytes(VhHost *host, const char *path, GError **error);
char *sim_look_label(VhHost *host, const char *path, GError **error);
gboolean sim_look_stat(VhHost *host, const char *path, VhFileInfo *ret_info, GError **error);
char *sim_look_usb_name(VhHost *host, const char *port);
gboolean sim_look_rom(VhHost *host, const char *path, GError **error);
char **sim_look_scripts(VhHost *host, const char *guest, const char *operation,
                        const char *suboperation, GError **error);
gboolean sim_look_program(VhHost *host, const char *path, GError **error);
gboolean sim_look_guest_running(VhHost *host, const char *guest);
char *sim_look_cpus(VhHost *host, GError **error);
GPtrArray *sim_look_tunables(VhHost *host, VhTune kind, GError **error);
GPtrArray *sim_look_page_pools(VhHost *host, GError **error);

/* tuning.c */
gboolean sim_tune(VhHost *host, VhTune kind, const char *name, const char *value, gint64 deadline,
                  GError **error);
gboolean sim_set_pages(VhHost *host, guint64 size, int node, guint64 pages, gint64 deadline,
                       GError **error);
gboolean sim_compact(VhHost *host, int node, gint64 deadline, GError **error);

/* The system unit a process lives in, or NULL; the caller owns it. */
char *sim_process_unit(const SimProcess *process);

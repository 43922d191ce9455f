// SPDX-License-Identifier: GPL-2.0-or-later
/* What the checks share. */
#pragma once

#include "inspect/check.h"

/* What a check is about: without a domain, those about that have nothing to look at. */
typedef enum { VH_ABOUT_HOST, VH_ABOUT_GUEST, VH_ABOUT_DOMAIN } VhCheckAbout;

typedef struct {
    const char *id, *title, *why;
    VhCheckAbout about;
    void (*look)(gpointer checking);
} VhCheckKind;

typedef struct {
    const VhCheck *in;
    VhHost *host;
    GPtrArray *findings;
    const VhCheckKind *kind; /* under way */
    const char *why;         /* in place of the kind's, NULL: the kind's */
} VhChecking;

/* Adds a finding of the check that is under way; @mend may be NULL and is copied. */
void vh_check_add(VhChecking *checking, VhFindingState state, const char *mend, const char *format,
                  ...) G_GNUC_PRINTF(4, 5);
/* Adds what a look that did not succeed leaves: unknown, with the reason. */
void vh_check_unknown(VhChecking *checking, const char *what, const GError *error);

/* ---- files ---- */

/* The file's text, NULL when it cannot be read. */
char *vh_check_read(VhChecking *checking, const char *path);
/* Whether something is at @path: FALSE when it is sure that nothing is, which it is not where its
 * directory @above is not there or may not be looked into (then *@ret_known is FALSE). */
gboolean vh_check_there(VhChecking *checking, const char *path, const char *above,
                        gboolean *ret_known);
/* vh_host_stat after up to eight symbolic links; *@ret_path is where they lead. */
gboolean vh_check_follow(VhHost *host, const char *path, VhFileInfo *ret_info, char **ret_path,
                         GError **error);

/* ---- users (check-users.c) ---- */

typedef struct {
    char *name;
    guint32 uid;
    GArray *gids; /* guint32: of its groups, the primary one first */
} VhCheckUser;

/* From /etc/passwd and /etc/group; NULL when the name is in neither. A number is one, too. */
VhCheckUser *vh_check_user(VhHost *host, const char *name);
void vh_check_user_free(VhCheckUser *user);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhCheckUser, vh_check_user_free)
/* The gid of a group, or -1. */
gint64 vh_check_group(VhHost *host, const char *name);
gboolean vh_check_user_in(const VhCheckUser *user, gint64 gid);
/* Whether the file at @path can be read by that user, permissions of all directories above
 * included; the error says where it ends, GONE where it cannot be known. */
gboolean vh_check_user_reads(VhHost *host, const VhCheckUser *user, const char *path,
                             GError **error);
/* The user that libvirt runs QEMU as (qemu.conf). NULL: not known. */
VhCheckUser *vh_check_qemu_user(VhHost *host);

/* ---- the checks ---- */

/* check-kernel.c */
void vh_check_virtualization(gpointer checking);
void vh_check_iommu(gpointer checking);
void vh_check_parameters(gpointer checking);
void vh_check_secure_boot(gpointer checking);
void vh_check_lockdown(gpointer checking);
void vh_check_framebuffer(gpointer checking);
void vh_check_vfio(gpointer checking);
/* check-setup.c */
void vh_check_recovery(gpointer checking);
void vh_check_files(gpointer checking);
/* check-hook.c */
void vh_check_daemon(gpointer checking);
void vh_check_hook(gpointer checking);
void vh_check_loaded(gpointer checking);
void vh_check_strangers(gpointer checking);
void vh_check_apparmor(gpointer checking);
void vh_check_selinux(gpointer checking);
/* check-desktop.c */
void vh_check_groups(gpointer checking);
void vh_check_services(gpointer checking);
void vh_check_display_manager(gpointer checking);
void vh_check_holders(gpointer checking);
void vh_check_linger(gpointer checking);
void vh_check_default_network(gpointer checking);
/* check-guest.c */
void vh_check_file(gpointer checking);
void vh_check_domain(gpointer checking);
void vh_check_plan(gpointer checking);
void vh_check_reset(gpointer checking);
void vh_check_machine(gpointer checking);
void vh_check_firmware(gpointer checking);
void vh_check_cpu(gpointer checking);
void vh_check_pins(gpointer checking);
void vh_check_hidden(gpointer checking);
void vh_check_graphics(gpointer checking);
void vh_check_managed(gpointer checking);
/* check-needs.c */
void vh_check_rom(gpointer checking);
void vh_check_images(gpointer checking);
void vh_check_networks(gpointer checking);
/* check-memory.c */
void vh_check_memory(gpointer checking);

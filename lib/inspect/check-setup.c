// SPDX-License-Identifier: GPL-2.0-or-later
/* What the hook needs beside itself: the unit that recovers, and files of guests that there are. */
#include <string.h>

#include "base/text.h"
#include "inspect/check-private.h"

/* ---- the recovery ---- */

#define UNITS "/etc/systemd/system"
#define RECOVERY "virt-handoff-recover.service"

void vh_check_recovery(gpointer data)
{
    VhChecking *checking = data;
    static const char *const daemons[] = {"libvirtd", "virtqemud"};
    gboolean known = TRUE;

    if (vh_host_service_manager(checking->host) != &vh_manager_systemd) {
        vh_check_add(checking, VH_FINDING_OK, NULL, "only systemd has it done by itself");
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(daemons); i++) {
        g_autofree char *path = g_strdup_printf(UNITS "/%s.service.wants/" RECOVERY, daemons[i]);
        gboolean sure;
        if (vh_check_there(checking, path, UNITS, &sure)) {
            vh_check_add(checking, VH_FINDING_OK, NULL, "comes with %s", daemons[i]);
            return;
        }
        known &= sure;
    }
    if (known)
        vh_check_add(checking, VH_FINDING_WARNING, "sudo systemctl enable " RECOVERY,
                     RECOVERY " is not enabled");
    else
        vh_check_unknown(checking, "whether it is enabled", NULL);
}

/* ---- files of no guest ---- */

#define SUFFIX ".conf"

/* Where libvirt keeps guests, and where those that run. */
static gboolean has_guest(VhChecking *checking, const char *guest, gboolean *ret_known)
{
    static const struct {
        const char *place, *above;
    } places[] = {{"/etc/libvirt/qemu", "/etc/libvirt/qemu"}, {"/run/libvirt/qemu", "/run"}};
    gboolean sure;

    *ret_known = TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *path = g_strdup_printf("%s/%s.xml", places[i].place, guest);
        if (vh_check_there(checking, path, places[i].above, &sure))
            return TRUE;
        *ret_known &= sure;
    }
    return FALSE;
}

static void tell_orphan(VhChecking *checking, const char *directory, const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autofree char *word = vh_text_word(path);
    g_autofree char *mend = g_strdup_printf("sudo mv %s to the guest's new name, or away", word);

    vh_check_add(checking, VH_FINDING_WARNING, mend, "%s: libvirt has no guest of that name", path);
}

/* That of the guest that is asked about is checked by itself. */
void vh_check_files(gpointer data)
{
    VhChecking *checking = data;
    g_autofree char *directory = g_build_filename(checking->in->hooks_dir, "kvm.conf.d", NULL);
    g_auto(GStrv) names = vh_host_list(checking->host, directory);
    guint before = checking->findings->len, unknown = 0, guests = 0;

    for (gsize i = 0; names[i]; i++) {
        gboolean known;
        if (!g_str_has_suffix(names[i], SUFFIX))
            continue;
        g_autofree char *guest = g_strndup(names[i], strlen(names[i]) - strlen(SUFFIX));
        if (g_strcmp0(guest, checking->in->guest) == 0)
            continue;
        if (has_guest(checking, guest, &known))
            guests++;
        else if (known)
            tell_orphan(checking, directory, names[i]);
        else
            unknown++;
    }
    if (unknown > 0)
        vh_check_unknown(checking, "whether each has its guest", NULL);
    else if (checking->findings->len == before)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s",
                     guests > 0 ? "each has its guest" : "no others");
}

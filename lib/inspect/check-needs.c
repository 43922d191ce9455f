// SPDX-License-Identifier: GPL-2.0-or-later
/* What QEMU needs to start: readable files, networks. It asks only after the desktop has
 * stopped, so we ask before. */
#include <string.h>

#include "inspect/check-private.h"

/* ---- ROM files ---- */

static gboolean check_rom(VhChecking *checking, const VhCheckUser *user, const char *path)
{
    g_autoptr(GError) error = NULL;

    /* That it is not there at all is one of the plan's refusals. */
    if (vh_check_user_reads(checking->host, user, path, &error))
        return TRUE;
    g_autofree char *mend =
        g_strdup_printf("sudo install -D -m 0644 %s /usr/share/vgabios/NAME.rom, "
                        "and name that in the domain",
                        path);
    if (g_error_matches(error, VH_ERROR, VH_ERROR_FAILED))
        vh_check_add(checking, VH_FINDING_FAILURE, mend, "%s", error->message);
    else
        vh_check_unknown(checking, "whether QEMU can read the ROM file", error);
    return FALSE;
}

void vh_check_rom(gpointer data)
{
    VhChecking *checking = data;
    const VhDomain *domain = checking->in->domain;
    g_autoptr(VhCheckUser) user = vh_check_qemu_user(checking->host);
    guint files = 0, good = 0;

    for (guint i = 0; i < domain->devices->len; i++) {
        const char *path = ((VhDomainDevice *)domain->devices->pdata[i])->rom_file;
        if (path)
            files++;
        if (path && user && check_rom(checking, user, path))
            good++;
    }
    if (files == 0)
        vh_check_add(checking, VH_FINDING_OK, NULL, "none is given");
    else if (!user)
        vh_check_unknown(checking, "which user QEMU runs as", NULL);
    else if (good == files)
        vh_check_add(checking, VH_FINDING_OK, NULL, "readable for user %s", user->name);
}

/* ---- networks ---- */

/* TRUE when this network says nothing against a start. */
static gboolean check_network(VhChecking *checking, const VhDomainNetwork *network)
{
    gboolean of_libvirt = g_strcmp0(network->kind, "network") == 0;
    gboolean known;

    if (!network->name || strchr(network->name, '/') ||
        (!of_libvirt && g_strcmp0(network->kind, "bridge") != 0 &&
         g_strcmp0(network->kind, "direct") != 0))
        return TRUE;
    g_autofree char *path = of_libvirt
                                ? g_strdup_printf("/run/libvirt/network/%s.xml", network->name)
                                : g_strdup_printf("/sys/class/net/%s", network->name);
    if (vh_check_there(checking, path, of_libvirt ? "/run" : "/sys/class/net", &known))
        return TRUE;
    g_autofree char *mend =
        of_libvirt ? g_strdup_printf("sudo virsh net-start %s && sudo virsh net-autostart %s",
                                     network->name, network->name)
                   : NULL;
    if (!known)
        vh_check_add(checking, VH_FINDING_UNKNOWN, NULL, "whether %s is active cannot be told",
                     network->name);
    else if (of_libvirt)
        vh_check_add(checking, VH_FINDING_FAILURE, mend, "network %s is not active", network->name);
    else
        vh_check_add(checking, VH_FINDING_FAILURE, "make it, or name another one in the domain",
                     "there is no network interface %s", network->name);
    return FALSE;
}

void vh_check_networks(gpointer data)
{
    VhChecking *checking = data;
    const VhDomain *domain = checking->in->domain;
    gboolean good = TRUE;

    for (guint i = 0; i < domain->networks->len; i++)
        good = check_network(checking, domain->networks->pdata[i]) && good;
    if (good)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s",
                     domain->networks->len > 0 ? "there" : "it has none");
}

/* What a command or a script of the guest's mounts first is not known here. */
static gboolean check_image(VhChecking *checking, const char *path)
{
    g_autofree char *directory = g_path_get_dirname(path);
    gboolean known;

    if (vh_check_there(checking, path, directory, &known))
        return TRUE;
    if (known)
        vh_check_add(checking, VH_FINDING_FAILURE, "put it back, or: virsh edit, <source file=…/>",
                     "there is no %s", path);
    else
        vh_check_add(checking, VH_FINDING_UNKNOWN, NULL, "whether %s is there cannot be told",
                     path);
    return FALSE;
}

void vh_check_images(gpointer data)
{
    VhChecking *checking = data;
    const GPtrArray *images = checking->in->domain->images;
    gboolean good = TRUE;

    for (guint i = 0; i < images->len; i++)
        good = check_image(checking, images->pdata[i]) && good;
    if (good)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s",
                     images->len > 0 ? "there" : "none of its disks is a file");
}

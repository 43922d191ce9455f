// SPDX-License-Identifier: GPL-2.0-or-later
/* What QEMU needs to start: readable files, networks, memory. It asks only after the desktop has
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

    for (guint i = 0; domain && i < domain->devices->len; i++) {
        const char *path = ((VhDomainDevice *)domain->devices->pdata[i])->rom_file;
        if (path)
            files++;
        if (path && user && check_rom(checking, user, path))
            good++;
    }
    if (!domain)
        vh_check_unknown(checking, "this", checking->in->domain_error);
    else if (files == 0)
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

    for (guint i = 0; domain && i < domain->networks->len; i++)
        good = check_network(checking, domain->networks->pdata[i]) && good;
    if (!domain)
        vh_check_unknown(checking, "this", checking->in->domain_error);
    else if (good)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s",
                     domain->networks->len > 0 ? "there" : "it has none");
}

/* ---- memory ---- */

/* A line "KEY:  1234 kB" of /proc/meminfo in bytes, 0 without. */
static guint64 meminfo(const char *text, const char *key)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    gsize length = strlen(key);

    for (gsize i = 0; lines[i]; i++)
        if (g_str_has_prefix(lines[i], key) && lines[i][length] == ':')
            return g_ascii_strtoull(lines[i] + length + 1, NULL, 10) * 1024;
    return 0;
}

static void check_pages(VhChecking *checking, guint64 size)
{
    const VhDomain *domain = checking->in->domain;
    guint64 needed = (domain->memory + size - 1) / size;
    g_autofree char *path = g_strdup_printf(
        "/sys/kernel/mm/hugepages/hugepages-%" G_GUINT64_FORMAT "kB/free_hugepages", size / 1024);
    g_autofree char *text = vh_check_read(checking, path);
    guint64 free = text ? g_ascii_strtoull(text, NULL, 10) : 0;

    if (!text) {
        vh_check_unknown(checking, "how many huge pages are free", NULL);
        return;
    }
    g_autofree char *mend = g_strdup_printf(
        "echo %" G_GUINT64_FORMAT
        " | sudo tee /sys/kernel/mm/hugepages/hugepages-%" G_GUINT64_FORMAT "kB/nr_hugepages",
        needed, size / 1024);
    vh_check_add(checking, free < needed ? VH_FINDING_FAILURE : VH_FINDING_OK,
                 free < needed ? mend : NULL,
                 "%" G_GUINT64_FORMAT " huge pages of %" G_GUINT64_FORMAT
                 " MiB needed, %" G_GUINT64_FORMAT " free",
                 needed, size / (1024 * 1024), free);
}

void vh_check_memory(gpointer data)
{
    enum { MIB = 1024 * 1024 };
    VhChecking *checking = data;
    const VhDomain *domain = checking->in->domain;
    g_autofree char *text = vh_check_read(checking, "/proc/meminfo");
    guint64 total = text ? meminfo(text, "MemTotal") : 0;
    guint64 size = text ? meminfo(text, "Hugepagesize") : 0;

    if (!domain || domain->memory == 0)
        vh_check_unknown(checking, "how much it needs", checking->in->domain_error);
    else if (domain->hugepages && (domain->page_size || size))
        check_pages(checking, domain->page_size ? domain->page_size : size);
    else if (!text)
        vh_check_unknown(checking, "how much memory there is", NULL);
    else if (domain->memory > total)
        vh_check_add(checking, VH_FINDING_FAILURE, "give it less memory: virsh edit",
                     "it needs %" G_GUINT64_FORMAT " MiB, and this host has %" G_GUINT64_FORMAT,
                     domain->memory / MIB, total / MIB);
    else
        vh_check_add(checking, VH_FINDING_OK, NULL,
                     "%" G_GUINT64_FORMAT " MiB of this host's %" G_GUINT64_FORMAT,
                     domain->memory / MIB, total / MIB);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/rom-dump.h"

#include "base/address.h"

/* 16 MiB at the pace of the slowest cards. */
#define PATIENCE ((gint64)20 * G_USEC_PER_SEC)

static gboolean has_rom(VhHost *host, const VhPciFunction *function)
{
    g_autofree char *path = g_strdup_printf("/sys/bus/pci/devices/%s/rom", function->address);
    VhFileInfo info;

    return vh_host_stat(host, path, &info, NULL);
}

static gboolean may_read(VhHost *host, const VhPciFunction *function, gboolean force,
                         GError **error)
{
    if (function->bridge)
        return vh_error_set(error, VH_ERROR_REFUSED, "%s is a bridge, and no card",
                            function->address);
    if (!function->driver || function->vfio || force)
        return TRUE;
    /* Nobody need take the driver from it for that. */
    if (!vh_pci_is_display(function) && !has_rom(host, function))
        return vh_error_set(error, VH_ERROR_REFUSED,
                            "%s is no display controller, and has no ROM; the cards are in: "
                            "virt-handoff iommu --gpu",
                            function->address);
    return vh_error_set(error, VH_ERROR_REFUSED,
                        "%s has the driver %s, which may have changed what would be read: dump it "
                        "with the driver unbound or on vfio-pci, for example while the guest is "
                        "prepared (virt-handoff prepare GUEST), or try with --force",
                        function->address, function->driver);
}

/* The first card's ROM may be what the firmware keeps of it in memory. */
static char *note_on(const VhPciFunction *function)
{
    if (!function->boot_vga)
        return NULL;
    return g_strdup_printf("%s showed the firmware's picture: some firmware leaves a changed copy "
                           "of its ROM; compare with a dump made while another card is the first",
                           function->address);
}

GBytes *vh_rom_dump(VhHost *host, const char *text, gboolean force, char **ret_note, GError **error)
{
    g_autofree char *address = vh_address_canonical(text, error);
    g_autoptr(VhPciFunction) function = address ? vh_host_pci_look(host, address, error) : NULL;

    *ret_note = NULL;
    if (!function || !may_read(host, function, force, error))
        return NULL;
    GBytes *rom = vh_host_rom_read(host, address, vh_host_now(host) + PATIENCE, error);
    if (rom)
        *ret_note = note_on(function);
    return rom;
}

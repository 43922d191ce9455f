// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/attach.h"

#include <string.h>

#include "base/address.h"

enum { LONGEST_VENDOR = 12 };

static gboolean add_named(GHashTable *groups, VhHost *host, const char *text, GError **error)
{
    g_autofree char *address = vh_address_canonical(text, error);
    g_autoptr(VhPciFunction) function = address ? vh_host_pci_look(host, address, error) : NULL;

    if (!function)
        return FALSE;
    if (function->bridge)
        return vh_error_set(error, VH_ERROR_REFUSED,
                            "%s is a bridge, which stays with the host: name what is behind it",
                            address);
    if (function->iommu_group < 0)
        return vh_error_set(error, VH_ERROR_REFUSED,
                            "%s is in no IOMMU group: switch the IOMMU on (virt-handoff iommu)",
                            address);
    g_hash_table_add(groups, GINT_TO_POINTER(function->iommu_group));
    return TRUE;
}

/* What the host runs on stays with it. */
static gboolean check_free(VhHost *host, const VhPciFunction *function, GError **error)
{
    g_autoptr(GPtrArray) uses = vh_host_pci_uses(host, function->address, error);

    if (!uses)
        return FALSE;
    if (uses->len == 0)
        return TRUE;
    const VhUse *use = uses->pdata[0];
    return vh_error_set(error, VH_ERROR_REFUSED,
                        "%s (IOMMU group %d) stays with the host, which uses it: %s %s (%s)",
                        function->address, function->iommu_group, use->kind, use->name, use->where);
}

GPtrArray *vh_attach_functions(VhHost *host, char *const *addresses, GError **error)
{
    g_autoptr(GHashTable) groups = g_hash_table_new(NULL, NULL);

    for (gsize i = 0; addresses[i]; i++)
        if (!add_named(groups, host, addresses[i], error))
            return NULL;
    g_autoptr(GPtrArray) all = vh_host_pci_list(host, error);
    g_autoptr(GPtrArray) passed =
        g_ptr_array_new_with_free_func((GDestroyNotify)vh_pci_function_free);
    while (all && all->len > 0) {
        VhPciFunction *function = g_ptr_array_steal_index(all, 0);
        if (function->bridge || function->iommu_group < 0 ||
            !g_hash_table_contains(groups, GINT_TO_POINTER(function->iommu_group))) {
            vh_pci_function_free(function);
            continue;
        }
        g_ptr_array_add(passed, function);
        if (!check_free(host, function, error))
            return NULL;
    }
    return all ? g_steal_pointer(&passed) : NULL;
}

const char *vh_attach_rom_address(const GPtrArray *functions)
{
    const char *address = NULL;

    for (guint i = 0; i < functions->len; i++) {
        const VhPciFunction *function = functions->pdata[i];
        if (!vh_pci_is_display(function))
            continue;
        if (address)
            return NULL;
        address = function->address;
    }
    return address;
}

gboolean vh_attach_vendor_check(const char *text, GError **error)
{
    gsize length = strlen(text);
    gboolean fine = length > 0 && length <= LONGEST_VENDOR;

    for (gsize i = 0; i < length; i++)
        fine = fine && g_ascii_isprint(text[i]) && text[i] != ',';
    return fine || vh_error_set(error, VH_ERROR_USAGE,
                                "--vendor-id: a vendor is 1 to %d characters of ASCII without a "
                                "comma, such as 1234567890ab",
                                LONGEST_VENDOR);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Every reason not to begin, found before anything is touched. */
#include "base/text.h"
#include "engine/plan-private.h"
#include "steps/holding.h"

static gboolean check_exists(VhPlanning *planning, const VhPlanDevice *device, GError **error)
{
    if (!device->now)
        vh_plan_refuse(planning,
                       "there is no PCI device %s on this host: addresses change when a card is "
                       "moved or the firmware is updated; compare with lspci and correct the "
                       "domain or the guest's file",
                       device->address);
    else if (device->now->bridge)
        vh_plan_refuse(planning,
                       "%s is a bridge, and bridges stay with the host: take it out of the domain "
                       "or the guest's file",
                       device->address);
    return TRUE;
}

static void refuse_claimed(VhPlanning *planning, const char *address, const VhClaim *claim)
{
    const char *guest = claim->guest;
    g_autofree char *operand = vh_text_operand(guest);

    if (vh_host_guest_running(planning->host, guest))
        vh_plan_refuse(planning,
                       "%s is held by guest %s, which runs: stop that one first: virsh shutdown %s",
                       address, guest, operand);
    else if (claim->turn)
        vh_plan_refuse(planning,
                       "%s is held by guest %s: %s; try again when that is over (virt-handoff "
                       "status %s)",
                       address, guest, claim->turn, operand);
    else
        vh_plan_refuse(planning,
                       "%s is held by guest %s, which does not run: give it back first: "
                       "virt-handoff release %s",
                       address, guest, operand);
}

static gboolean check_claims(VhPlanning *planning, const VhPlanDevice *device, GError **error)
{
    for (guint i = 0; i < planning->claims->len; i++) {
        const VhClaim *claim = planning->claims->pdata[i];
        if (g_strcmp0(claim->address, device->address) == 0)
            refuse_claimed(planning, device->address, claim);
    }
    return TRUE;
}

/* The kernel hands out whole groups; drivers that do no DMA by themselves may stay. */
static gboolean disturbs_group(const VhPciFunction *other)
{
    return !other->bridge && other->driver && !other->vfio &&
           g_strcmp0(other->driver, "pci-stub") != 0;
}

static gboolean check_group(VhPlanning *planning, const VhPlanDevice *device, GError **error)
{
    if (!device->now || device->now->bridge || !planning->iommu_on)
        return TRUE;
    if (device->now->iommu_group < 0) {
        vh_plan_refuse(planning, "%s is in no IOMMU group and cannot be passed to a guest",
                       device->address);
        return TRUE;
    }
    for (guint i = 0; i < planning->all->len; i++) {
        const VhPciFunction *other = planning->all->pdata[i];
        if (other->iommu_group != device->now->iommu_group || !disturbs_group(other) ||
            vh_plan_device(planning->plan, other->address))
            continue;
        vh_plan_refuse(planning,
                       "%s shares IOMMU group %d with %s (driver %s): add %s to %s as well, as a "
                       "group is passed as a whole",
                       device->address, other->iommu_group, other->address, other->driver,
                       other->address,
                       vh_plan_in_domain(planning, other->address) ? "devices in the guest's file"
                                                                   : "the domain");
    }
    return TRUE;
}

static gboolean check_uses(VhPlanning *planning, const VhPlanDevice *device, GError **error)
{
    static const struct {
        const char *kind, *format;
    } sentences[] = {
        {"mount", "%s carries %s, mounted on %s: unmount it first"},
        {"swap", "%s carries %s, in use as swap (%s): swapoff first"},
        {"open", "%s carries %s, which %s has open: end that first"},
        {"array", "%s carries %s, part of %s: stop that first"},
        {"route", "%s is %s, the host's way to the network (%s): give the host another one first"},
    };
    g_autoptr(GPtrArray) uses = NULL;

    if (!device->now || !vh_plan_moves(device))
        return TRUE;
    uses = vh_host_pci_uses(planning->host, device->address, error);
    if (!uses)
        return FALSE;
    for (guint i = 0; i < uses->len; i++) {
        const VhUse *use = uses->pdata[i];
        for (gsize j = 0; j < G_N_ELEMENTS(sentences); j++)
            if (g_str_equal(use->kind, sentences[j].kind)) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                vh_plan_refuse(planning, sentences[j].format, device->address, use->name,
                               use->where);
#pragma GCC diagnostic pop
            }
    }
    return TRUE;
}

static void check_target(VhPlanning *planning, const char *driver)
{
    g_autoptr(VhModule) module = NULL;

    if (vh_host_pci_driver_known(planning->host, driver))
        return;
    module = vh_host_module_look(planning->host, driver, NULL);
    if (!module || module->state == VH_MODULE_MISSING)
        vh_plan_refuse(
            planning, "the running kernel has no driver %s; after a kernel update, reboot", driver);
}

static void check_targets(VhPlanning *planning)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const VhPlan *plan = planning->plan;

    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (vh_plan_moves(device) && g_hash_table_add(seen, device->target))
            check_target(planning, device->target);
    }
}

/* Whether the units that the file lists end @holder: its own, or the display manager of a desktop.
 */
static gboolean ends_with_listed(VhPlanning *planning, const VhHolder *holder)
{
    const VhConfig *config = planning->config;
    g_autofree char *manager = vh_holding_manager(planning->host);

    for (char **name = config->stop == VH_CHOICE_LIST ? config->stop_list : NULL; name && *name;
         name++) {
        g_autoptr(VhUnit) unit = vh_host_unit_look(planning->host, *name, NULL);
        const char *id = unit ? unit->id : *name;
        if (g_strcmp0(id, holder->unit) == 0 ||
            (g_strcmp0(id, manager) == 0 && vh_holding_lives_in_desktop(holder, manager)))
            return TRUE;
    }
    return FALSE;
}

/*
 * A managed device that the per-VM file does not list: libvirt unbinds it in its own thread, which
 * hangs with the kernel when somebody has it open. Whoever lists units himself may stop them.
 */
static void check_managed(VhPlanning *planning, const char *address)
{
    const char *const addresses[] = {address, NULL};
    g_autoptr(GPtrArray) holders = vh_holding_find(planning->host, addresses, NULL);

    for (guint i = 0; holders && i < holders->len; i++) {
        g_autofree char *holder = NULL;
        if (ends_with_listed(planning, holders->pdata[i]))
            continue;
        holder = vh_holding_describe(holders->pdata[i]);
        vh_plan_refuse(planning,
                       "%s; libvirt would take %s from it, as the domain has it and devices in the "
                       "guest's file does not: add it to devices, or take it out of the domain",
                       holder, address);
        return;
    }
    vh_plan_note(planning, "%s is left to libvirt (managed='yes', not in devices)", address);
}

/*
 * Devices of the domain that the per-VM file does not list. An unmanaged one that is not on vfio
 * libvirt may reset while the host is using it (virHostdevPreparePCIDevicesImpl).
 */
static gboolean check_unlisted(VhPlanning *planning, GError **error)
{
    const GPtrArray *devices = planning->domain->devices;

    for (guint i = 0; i < devices->len; i++) {
        const VhDomainDevice *device = devices->pdata[i];
        g_autoptr(GError) cause = NULL;
        if (vh_plan_device(planning->plan, device->address))
            continue;
        g_autoptr(VhPciFunction) now = vh_host_pci_look(planning->host, device->address, &cause);
        if (!now && !vh_error_is_gone(cause)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        if (device->managed)
            check_managed(planning, device->address);
        else if (!now || !now->vfio)
            vh_plan_refuse(planning,
                           "%s is in the domain with managed='no', but neither in devices nor on "
                           "vfio-pci: add it to devices",
                           device->address);
    }
    return TRUE;
}

static void check_roms(VhPlanning *planning)
{
    const GPtrArray *devices = planning->domain->devices;

    for (guint i = 0; i < devices->len; i++) {
        const VhDomainDevice *device = devices->pdata[i];
        g_autoptr(GError) error = NULL;
        if (device->rom_file && !vh_host_rom_usable(planning->host, device->rom_file, &error))
            vh_plan_refuse(planning, "the ROM file of %s cannot be used: %s", device->address,
                           error->message);
    }
}

static void check_iommu(VhPlanning *planning)
{
    planning->iommu_on = vh_host_iommu_on(planning->host);
    if (planning->plan->devices->len > 0 && !planning->iommu_on)
        vh_plan_refuse(planning,
                       "the IOMMU is off: switch it on in the firmware (AMD-Vi, VT-d) and, for "
                       "Intel, add intel_iommu=on to the kernel's command line, then reboot");
}

gboolean vh_plan_find_refusals(VhPlanning *planning, GError **error)
{
    static gboolean (*const checks[])(VhPlanning *, const VhPlanDevice *, GError **) = {
        check_exists, check_claims, check_group, check_uses};
    const VhPlan *plan = planning->plan;

    check_iommu(planning);
    for (guint i = 0; i < plan->devices->len; i++)
        for (gsize j = 0; j < G_N_ELEMENTS(checks); j++)
            if (!checks[j](planning, plan->devices->pdata[i], error))
                return FALSE;
    for (guint i = 0; i < plan->devices->len; i++)
        vh_plan_check_virtual(planning, plan->devices->pdata[i]);
    vh_plan_note_devices(planning);
    vh_plan_rebar_needs_display(planning);
    check_targets(planning);
    check_roms(planning);
    vh_plan_check_commands(planning);
    return check_unlisted(planning, error);
}

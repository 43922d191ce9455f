// SPDX-License-Identifier: GPL-2.0-or-later
/* PCI functions and their drivers, as drivers/base/dd.c and drivers/pci/pci-driver.c have it. */
#include "sim/machine.h"

#include "base/address.h"

SimFunction *sim_function_find(const SimMachine *machine, const char *address)
{
    for (guint i = 0; i < machine->functions->len; i++) {
        SimFunction *function = machine->functions->pdata[i];
        if (!function->removed && g_str_equal(function->address, address))
            return function;
    }
    return NULL;
}

SimDriver *sim_driver_find(const SimMachine *machine, const char *name)
{
    for (guint i = 0; i < machine->drivers->len; i++) {
        SimDriver *driver = machine->drivers->pdata[i];
        if (g_str_equal(driver->name, name))
            return driver;
    }
    return NULL;
}

SimDriver *sim_function_driver(const SimMachine *machine, const SimFunction *function)
{
    return function->driver ? sim_driver_find(machine, function->driver) : NULL;
}

gboolean sim_driver_registered(const SimMachine *machine, const SimDriver *driver)
{
    return !driver->module || sim_module_live(sim_module_find(machine, driver->module));
}

static gboolean held_by(const SimMachine *machine, const SimFunction *function,
                        const SimProcess *process)
{
    for (guint i = 0; process->runs && i < function->nodes->len; i++) {
        const SimNode *node = function->nodes->pdata[i];
        if (node->blocks && sim_node_there(machine, function, node) &&
            sim_process_has_open(process, node->path))
            return TRUE;
    }
    return FALSE;
}

/* sound/core/init.c snd_card_disconnect_sync() and NVIDIA's remove wait for the last close. */
gboolean sim_function_held(const SimMachine *machine, const SimFunction *function)
{
    const SimDriver *driver = sim_function_driver(machine, function);

    if (!driver || (!driver->unbind_hangs && !driver->vfio))
        return FALSE;
    for (guint i = 0; i < machine->processes->len; i++)
        if (held_by(machine, function, machine->processes->pdata[i]))
            return TRUE;
    return FALSE;
}

static gboolean matches(const SimDriver *driver, const SimFunction *function)
{
    g_autofree char *id =
        g_strdup_printf("%04x:%04x", (guint)function->vendor, (guint)function->device);
    g_autofree char *class = g_strdup_printf("%06x", (guint)function->class_code);

    /* pci_match_device(): an override matches its driver and no other; vfio-pci's own table
     * (PCI_DRIVER_OVERRIDE_DEVICE_VFIO) is for overrides only. */
    if (function->driver_override)
        return g_str_equal(function->driver_override, driver->name);
    if (driver->vfio)
        return FALSE;
    if (g_strv_contains((const char *const *)driver->ids, id))
        return TRUE;
    for (char **prefix = driver->classes; *prefix; prefix++)
        if (g_str_has_prefix(class, *prefix))
            return TRUE;
    return FALSE;
}

static gboolean has_virtual_functions(const SimMachine *machine, const SimFunction *function)
{
    const char *number = sim_setting_get(machine, function->address, "sriov_numvfs");

    return number && !g_str_equal(number, "0");
}

/* A failing probe is no error of the bus: the next driver that matches may try. */
static gboolean can_bind(const SimMachine *machine, const SimDriver *driver,
                         const SimFunction *function)
{
    if (driver->bind_fails)
        return FALSE;
    /* vfio_pci_core_register_device(): no bridges, no device without an IOMMU group, none that
     * virtual functions hang on. */
    if (driver->vfio)
        return machine->iommu && function->group >= 0 && !function->bridge &&
               !has_virtual_functions(machine, function);
    return TRUE;
}

/* drivers/video/aperture.c: the platform device itself is removed. */
static void take_framebuffers(SimMachine *machine, const SimFunction *function)
{
    for (guint i = 0; i < machine->framebuffers->len; i++) {
        SimFramebuffer *framebuffer = machine->framebuffers->pdata[i];
        if (g_strcmp0(framebuffer->address, function->address) != 0)
            continue;
        framebuffer->removed = TRUE;
        g_clear_pointer(&framebuffer->driver, g_free);
    }
}

gboolean sim_driver_wants(const SimMachine *machine, const SimDriver *driver,
                          const SimFunction *function)
{
    if (function->wedged && !driver->vfio)
        return FALSE;
    return !function->driver && !function->removed && matches(driver, function) &&
           can_bind(machine, driver, function);
}

gint64 sim_driver_bind(SimMachine *machine, const SimDriver *driver, SimFunction *function)
{
    gint64 cost = driver->bind_ms * 1000;

    sim_set_text(&function->driver, driver->name);
    function->nodes_at = driver->nodes_ms > 0 ? machine->clock + cost + driver->nodes_ms * 1000 : 0;
    if (driver->takes_framebuffer)
        take_framebuffers(machine, function);
    /* vfio_pci_core_register_device() allows the kernel to put it to sleep. */
    if (driver->vfio)
        sim_setting_put(machine, function->address, "power/control", "auto");
    return cost;
}

gint64 sim_function_probe(SimMachine *machine, SimFunction *function)
{
    for (guint i = 0; i < machine->drivers->len; i++) {
        const SimDriver *driver = machine->drivers->pdata[i];
        if (sim_driver_registered(machine, driver) && sim_driver_wants(machine, driver, function))
            return sim_driver_bind(machine, driver, function);
    }
    return 0;
}

void sim_function_unbind(SimMachine *machine, SimFunction *function)
{
    const SimDriver *driver = sim_function_driver(machine, function);

    if (driver && driver->vfio)
        sim_setting_put(machine, function->address, "power/control", "on");
    function->wedged = function->wedged || (driver && driver->vfio && function->wedges);
    g_clear_pointer(&function->driver, g_free);
    function->unbinding = FALSE;
    function->nodes_at = 0;
}

gboolean sim_function_conflicts(const SimMachine *machine, const SimFunction *function)
{
    const SimDriver *driver = sim_function_driver(machine, function);

    if (!driver || !driver->vfio || function->removed)
        return FALSE;
    for (guint i = 0; i < machine->framebuffers->len; i++) {
        const SimFramebuffer *framebuffer = machine->framebuffers->pdata[i];
        if (framebuffer->driver && g_strcmp0(framebuffer->address, function->address) == 0)
            return TRUE;
    }
    return FALSE;
}

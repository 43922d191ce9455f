// SPDX-License-Identifier: GPL-2.0-or-later
/* Looking at the kernel's part of the machine. */
#include "sim/look.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

char *sim_look_boot_id(VhHost *host)
{
    const char *id = sim_of(host)->machine->boot_id;

    return g_strdup(id ? id : "00000000-0000-0000-0000-000000000000");
}

/* dd.c removes the driver link before it calls remove(), so that a function whose unbind waits
 * looks driverless. */
static VhPciFunction *describe(const SimMachine *machine, const SimFunction *function)
{
    VhPciFunction *seen = g_new0(VhPciFunction, 1);
    const SimDriver *driver = function->unbinding ? NULL : sim_function_driver(machine, function);

    seen->address = g_strdup(function->address);
    seen->class_code = (guint32)function->class_code;
    seen->vendor = (guint16)function->vendor;
    seen->device = (guint16)function->device;
    seen->driver = g_strdup(driver ? driver->name : NULL);
    seen->module = g_strdup(driver ? driver->module : NULL);
    seen->driver_override = g_strdup(function->driver_override);
    seen->iommu_group = machine->iommu ? (int)function->group : -1;
    seen->bridge = function->bridge || function->class_code >> 16 == 0x06;
    seen->boot_vga = function->boot_vga;
    seen->vfio = driver && driver->vfio;
    return seen;
}

static SimFunction *find(VhHost *host, const char *address, GError **error)
{
    SimFunction *function = sim_function_find(sim_of(host)->machine, address);

    if (!function)
        vh_error_set_errno(error, ENODEV, "%s", address);
    return function;
}

GPtrArray *sim_look_pci_list(VhHost *host, GError **error)
{
    const SimMachine *machine = sim_of(host)->machine;
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)vh_pci_function_free);

    for (guint i = 0; i < machine->functions->len; i++) {
        const SimFunction *function = machine->functions->pdata[i];
        if (!function->removed)
            g_ptr_array_add(list, describe(machine, function));
    }
    return list;
}

VhPciFunction *sim_look_pci(VhHost *host, const char *address, GError **error)
{
    const SimFunction *function = find(host, address, error);

    return function ? describe(sim_of(host)->machine, function) : NULL;
}

gboolean sim_look_driver_known(VhHost *host, const char *name)
{
    const SimMachine *machine = sim_of(host)->machine;
    const SimDriver *driver = sim_driver_find(machine, name);

    return driver && sim_driver_registered(machine, driver);
}

gboolean sim_look_iommu_on(VhHost *host)
{
    const SimMachine *machine = sim_of(host)->machine;

    for (guint i = 0; machine->iommu && i < machine->functions->len; i++)
        if (((const SimFunction *)machine->functions->pdata[i])->group >= 0)
            return TRUE;
    return FALSE;
}

GPtrArray *sim_look_uses(VhHost *host, const char *address, GError **error)
{
    const SimFunction *function = find(host, address, error);

    if (!function)
        return NULL;
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)vh_use_free);
    const SimDriver *driver = sim_function_driver(sim_of(host)->machine, function);
    for (guint i = 0; driver && !driver->vfio && i < function->uses->len; i++) {
        const SimUse *use = function->uses->pdata[i];
        VhUse *seen = g_new0(VhUse, 1);
        seen->kind = g_strdup(use->kind);
        seen->name = g_strdup(use->name);
        seen->where = g_strdup(use->where);
        g_ptr_array_add(list, seen);
    }
    return list;
}

char *sim_look_seat(VhHost *host, const char *address)
{
    const SimFunction *function = find(host, address, NULL);

    return g_strdup(function && function->seat ? function->seat : "seat0");
}

static void add_node(GPtrArray *list, const SimNode *node)
{
    VhNode *seen = g_new0(VhNode, 1);
    char *minor = NULL;
    guint64 major = g_ascii_strtoull(node->number, &minor, 10);

    seen->path = g_strdup(node->path);
    seen->subsystem = g_strdup(node->subsystem);
    seen->number = makedev((guint)major, (guint)g_ascii_strtoull(minor + 1, NULL, 10));
    seen->blocks = node->blocks;
    g_ptr_array_add(list, seen);
}

GPtrArray *sim_look_nodes(VhHost *host, const char *address, GError **error)
{
    const SimMachine *machine = sim_of(host)->machine;
    const SimFunction *function = find(host, address, error);

    if (!function)
        return NULL;
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)vh_node_free);
    for (guint i = 0; i < function->nodes->len; i++)
        if (sim_node_there(machine, function, function->nodes->pdata[i]))
            add_node(list, function->nodes->pdata[i]);
    for (guint i = 0; i < machine->framebuffers->len; i++) {
        const SimFramebuffer *framebuffer = machine->framebuffers->pdata[i];
        if (g_strcmp0(framebuffer->address, address) != 0)
            continue;
        for (guint k = 0; k < framebuffer->nodes->len; k++)
            if (sim_framebuffer_node_there(framebuffer, framebuffer->nodes->pdata[k]))
                add_node(list, framebuffer->nodes->pdata[k]);
    }
    return list;
}

GPtrArray *sim_look_consoles(VhHost *host, GError **error)
{
    const SimMachine *machine = sim_of(host)->machine;
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)vh_console_free);

    for (guint i = 0; i < machine->consoles->len; i++) {
        const SimConsole *console = machine->consoles->pdata[i];
        if (!console->registered)
            continue;
        VhConsole *seen = g_new0(VhConsole, 1);
        seen->number = (guint)console->number;
        seen->name = g_strdup(console->name);
        seen->framebuffer = sim_console_draws(console);
        seen->bound = console->bound;
        g_ptr_array_add(list, seen);
    }
    return list;
}

GPtrArray *sim_look_framebuffers(VhHost *host, GError **error)
{
    const SimMachine *machine = sim_of(host)->machine;
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)vh_framebuffer_free);

    for (guint i = 0; i < machine->framebuffers->len; i++) {
        const SimFramebuffer *framebuffer = machine->framebuffers->pdata[i];
        if (framebuffer->removed)
            continue;
        VhFramebuffer *seen = g_new0(VhFramebuffer, 1);
        seen->device = g_strdup(framebuffer->device);
        seen->driver = g_strdup(framebuffer->driver);
        seen->address = g_strdup(framebuffer->address);
        g_ptr_array_add(list, seen);
    }
    return list;
}

static char **devices_of(const SimMachine *machine, const SimModule *module)
{
    GPtrArray *devices = g_ptr_array_new();

    for (guint i = 0; i < machine->functions->len; i++) {
        const SimFunction *function = machine->functions->pdata[i];
        const SimDriver *driver = sim_function_driver(machine, function);
        if (driver && !function->removed && g_strcmp0(driver->module, module->name) == 0)
            g_ptr_array_add(devices, g_strdup(function->address));
    }
    g_ptr_array_add(devices, NULL);
    return (char **)g_ptr_array_free(devices, FALSE);
}

static VhModuleState state_of(const SimModule *module)
{
    static const struct {
        const char *name;
        VhModuleState state;
    } states[] = {{"live", VH_MODULE_LIVE},
                  {"builtin", VH_MODULE_BUILTIN},
                  {"available", VH_MODULE_AVAILABLE}};

    for (gsize i = 0; i < G_N_ELEMENTS(states); i++)
        if (g_str_equal(module->state, states[i].name))
            return states[i].state;
    return VH_MODULE_MISSING;
}

VhModule *sim_look_module(VhHost *host, const char *name, GError **error)
{
    const SimMachine *machine = sim_of(host)->machine;
    const SimModule *module = sim_module_find(machine, name);
    VhModule *seen = g_new0(VhModule, 1);

    seen->name = g_strdelimit(g_strdup(name), "-", '_');
    if (!module) {
        seen->state = VH_MODULE_MISSING;
        seen->holders = g_new0(char *, 1);
        seen->devices = g_new0(char *, 1);
        return seen;
    }
    g_autoptr(GPtrArray) holders = sim_module_holders(machine, module);
    g_ptr_array_add(holders, NULL);
    seen->state = state_of(module);
    seen->refcount = sim_module_count(machine, module);
    seen->holders = g_strdupv((char **)holders->pdata);
    seen->devices = devices_of(machine, module);
    return seen;
}

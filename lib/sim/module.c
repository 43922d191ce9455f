// SPDX-License-Identifier: GPL-2.0-or-later
/* Modules, as kernel/module/main.c and modprobe have it. */
#include "sim/machine.h"

#include <errno.h>

SimModule *sim_module_find(const SimMachine *machine, const char *name)
{
    g_autofree char *key = g_strdelimit(g_strdup(name), "-", '_');

    for (guint i = 0; i < machine->modules->len; i++) {
        SimModule *module = machine->modules->pdata[i];
        if (g_str_equal(module->name, key))
            return module;
    }
    return NULL;
}

gboolean sim_module_live(const SimModule *module)
{
    return module && !g_str_equal(module->state, "available");
}

static gboolean depends_on(const SimModule *user, const SimModule *module)
{
    return g_str_equal(user->state, "live") &&
           g_strv_contains((const char *const *)user->depends, module->name);
}

GPtrArray *sim_module_holders(const SimMachine *machine, const SimModule *module)
{
    GPtrArray *holders = g_ptr_array_new();

    for (guint i = 0; i < machine->modules->len; i++) {
        const SimModule *user = machine->modules->pdata[i];
        if (depends_on(user, module))
            g_ptr_array_add(holders, user->name);
    }
    return holders;
}

static int count_open(const SimProcess *process, const char *module)
{
    int count = 0;

    for (guint i = 0; process->runs && i < process->open->len; i++) {
        const SimOpen *open = process->open->pdata[i];
        count += g_strcmp0(open->module, module) == 0;
    }
    return count;
}

static gboolean console_holds(const SimMachine *machine, const SimModule *module)
{
    const SimFunction *function = sim_console_function(machine);
    const SimDriver *driver = function ? sim_function_driver(machine, function) : NULL;

    return driver && driver->console_holds && g_strcmp0(driver->module, module->name) == 0;
}

int sim_module_count(const SimMachine *machine, const SimModule *module)
{
    g_autoptr(GPtrArray) holders = sim_module_holders(machine, module);
    int count = (int)holders->len + (int)module->references;

    if (!g_str_equal(module->state, "live"))
        return 0;
    for (guint i = 0; i < machine->processes->len; i++)
        count += count_open(machine->processes->pdata[i], module->name);
    return count + (console_holds(machine, module) ? 1 : 0);
}

/* Registers the module's drivers, now the last ones, and has each look at all functions, as
 * driver_attach() does. Returns how many found one to bind. */
static guint attach_drivers(SimMachine *machine, const SimModule *module, gboolean bind,
                            gint64 *cost)
{
    guint found = 0;

    for (guint i = 0; i < machine->drivers->len; i++) {
        SimDriver *driver = machine->drivers->pdata[i];
        if (g_strcmp0(driver->module, module->name) != 0)
            continue;
        for (guint k = 0; k < machine->functions->len; k++) {
            SimFunction *function = machine->functions->pdata[k];
            if (!sim_driver_wants(machine, driver, function))
                continue;
            found++;
            *cost += bind ? sim_driver_bind(machine, driver, function) : 0;
        }
    }
    return found;
}

static void register_last(SimMachine *machine, const SimModule *module)
{
    guint n = machine->drivers->len;

    for (guint i = 0, k = 0; i < n; i++) {
        SimDriver *driver = machine->drivers->pdata[k];
        if (g_strcmp0(driver->module, module->name) == 0)
            g_ptr_array_add(machine->drivers, g_ptr_array_steal_index(machine->drivers, k));
        else
            k++;
    }
}

static gboolean insert(SimMachine *machine, SimModule *module, gint64 *cost, GError **error)
{
    *cost += module->load_ms * 1000;
    if (module->load_fails)
        return vh_error_set(error, VH_ERROR_FAILED, "module %s: its init failed", module->name);
    if (module->needs_device && attach_drivers(machine, module, FALSE, cost) == 0)
        return vh_error_set_errno(error, ENODEV, "could not insert '%s'", module->name);
    sim_set_text(&module->state, "live");
    register_last(machine, module);
    attach_drivers(machine, module, TRUE, cost);
    return TRUE;
}

static gboolean load_all(SimMachine *machine, char **names, gint64 *cost, GError **error)
{
    for (; *names; names++)
        if (!sim_module_load(machine, sim_module_find(machine, *names), cost, error))
            return FALSE;
    return TRUE;
}

gboolean sim_module_load(SimMachine *machine, SimModule *module, gint64 *cost, GError **error)
{
    if (!module || sim_module_live(module))
        return module != NULL;
    /* modprobe goes on without a soft dependency that fails. */
    for (char **name = module->softdeps; *name; name++)
        sim_module_load(machine, sim_module_find(machine, *name), cost, NULL);
    return load_all(machine, module->depends, cost, error) && insert(machine, module, cost, error);
}

void sim_module_unload(SimMachine *machine, SimModule *module)
{
    for (guint i = 0; i < machine->functions->len; i++) {
        SimFunction *function = machine->functions->pdata[i];
        const SimDriver *driver = sim_function_driver(machine, function);
        if (driver && g_strcmp0(driver->module, module->name) == 0)
            sim_function_unbind(machine, function);
    }
    sim_set_text(&module->state, "available");
}

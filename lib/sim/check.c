// SPDX-License-Identifier: GPL-2.0-or-later
/* What a snapshot must fulfil beyond its tables. */
#include "sim/machine.h"

static gboolean check_function(const SimMachine *machine, guint index, GError **error)
{
    const SimFunction *function = machine->functions->pdata[index];
    const SimDriver *driver = sim_function_driver(machine, function);

    if (driver && !sim_driver_registered(machine, driver))
        return vh_error_set(error, VH_ERROR_FAILED,
                            "functions[%u].driver: module %s of driver %s is not loaded", index,
                            driver->module, driver->name);
    if (function->unbinding && !driver)
        return vh_error_set(error, VH_ERROR_FAILED,
                            "functions[%u].unbinding: it is bound to no driver", index);
    return TRUE;
}

/* Depth-first; @path holds the names on the way here. No kernel has chains of that length. */
enum { MAX_CHAIN = 64 };

static gboolean has_cycle(const SimMachine *machine, const SimModule *module, GHashTable *done,
                          GHashTable *path)
{
    gboolean cycle = FALSE;

    if (g_hash_table_contains(done, module->name))
        return FALSE;
    if (!g_hash_table_add(path, module->name) || g_hash_table_size(path) > MAX_CHAIN)
        return TRUE;
    char **const lists[] = {module->depends, module->softdeps};
    for (gsize k = 0; k < G_N_ELEMENTS(lists); k++)
        for (char **name = lists[k]; *name && !cycle; name++)
            cycle = has_cycle(machine, sim_module_find(machine, *name), done, path);
    g_hash_table_remove(path, module->name);
    g_hash_table_add(done, module->name);
    return cycle;
}

static gboolean check_module(const SimMachine *machine, guint index, GError **error)
{
    const SimModule *module = machine->modules->pdata[index];
    g_autoptr(GHashTable) done = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) path = g_hash_table_new(g_str_hash, g_str_equal);

    if (has_cycle(machine, module, done, path))
        return vh_error_set(error, VH_ERROR_FAILED, "modules[%u].depends: %s needs itself", index,
                            module->name);
    for (char **name = module->depends; sim_module_live(module) && *name; name++)
        if (!sim_module_live(sim_module_find(machine, *name)))
            return vh_error_set(error, VH_ERROR_FAILED,
                                "modules[%u].depends: %s is loaded, %s is not", index, module->name,
                                *name);
    return TRUE;
}

static gboolean check_framebuffer(const SimMachine *machine, guint index, GError **error)
{
    const SimFramebuffer *framebuffer = machine->framebuffers->pdata[index];

    if (framebuffer->driver &&
        !g_strv_contains((const char *const *)framebuffer->drivers, framebuffer->driver))
        return vh_error_set(error, VH_ERROR_FAILED,
                            "framebuffers[%u].driver: \"%s\" is not one of its drivers", index,
                            framebuffer->driver);
    return TRUE;
}

static gboolean check_unit(const SimMachine *machine, guint index, GError **error)
{
    const SimUnit *unit = machine->units->pdata[index];

    if (sim_unit_find(machine, unit->id) != unit)
        return vh_error_set(error, VH_ERROR_FAILED, "units[%u].id: another unit has this name",
                            index);
    for (char **alias = unit->aliases; *alias; alias++)
        if (sim_unit_find(machine, *alias) != unit)
            return vh_error_set(error, VH_ERROR_FAILED,
                                "units[%u].aliases: \"%s\" names another unit", index, *alias);
    if ((unit->job != NULL) != (unit->job_at != 0))
        return vh_error_set(error, VH_ERROR_FAILED, "units[%u].job: job and job_at need each other",
                            index);
    return TRUE;
}

static gboolean has_node(GPtrArray *nodes, const char *path)
{
    for (guint i = 0; i < nodes->len; i++)
        if (g_str_equal(((const SimNode *)nodes->pdata[i])->path, path))
            return TRUE;
    return FALSE;
}

static gboolean knows_node(const SimMachine *machine, const char *path)
{
    for (guint i = 0; i < machine->functions->len; i++)
        if (has_node(((const SimFunction *)machine->functions->pdata[i])->nodes, path))
            return TRUE;
    for (guint i = 0; i < machine->framebuffers->len; i++)
        if (has_node(((const SimFramebuffer *)machine->framebuffers->pdata[i])->nodes, path))
            return TRUE;
    return FALSE;
}

static gboolean check_process(const SimMachine *machine, guint index, GError **error)
{
    const SimProcess *process = machine->processes->pdata[index];

    if (process->unit && process->session)
        return vh_error_set(error, VH_ERROR_FAILED,
                            "processes[%u].unit: it lives in its session's scope", index);
    if (process->runs && process->session && !sim_session_find(machine, process->session))
        return vh_error_set(error, VH_ERROR_FAILED, "processes[%u].session: it has ended", index);
    if (!process->runs && !process->unit && !process->session)
        return vh_error_set(error, VH_ERROR_FAILED,
                            "processes[%u].runs: nothing would start it again", index);
    for (char **path = process->nodes; *path; path++)
        if (!g_str_has_prefix(*path, "/dev/vfio/") && !knows_node(machine, *path))
            return vh_error_set(error, VH_ERROR_FAILED,
                                "processes[%u].nodes: nothing has the node %s", index, *path);
    return TRUE;
}

static gboolean check_guest(const SimMachine *machine, guint index, GError **error)
{
    const SimGuest *guest = machine->guests->pdata[index];

    if (guest->pid != 0 && !sim_process_find(machine, guest->pid))
        return vh_error_set(error, VH_ERROR_FAILED, "guests[%u].pid: it does not run", index);
    return TRUE;
}

gboolean sim_check(const SimMachine *machine, GError **error)
{
    static const struct {
        gsize records;
        gboolean (*check)(const SimMachine *, guint index, GError **);
    } checks[] = {
        {G_STRUCT_OFFSET(SimMachine, functions), check_function},
        {G_STRUCT_OFFSET(SimMachine, modules), check_module},
        {G_STRUCT_OFFSET(SimMachine, framebuffers), check_framebuffer},
        {G_STRUCT_OFFSET(SimMachine, units), check_unit},
        {G_STRUCT_OFFSET(SimMachine, processes), check_process},
        {G_STRUCT_OFFSET(SimMachine, guests), check_guest},
    };

    for (gsize k = 0; k < G_N_ELEMENTS(checks); k++) {
        GPtrArray *records = G_STRUCT_MEMBER(GPtrArray *, machine, checks[k].records);
        for (guint i = 0; i < records->len; i++)
            if (!checks[k].check(machine, i, error))
                return FALSE;
    }
    return TRUE;
}

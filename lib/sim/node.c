// SPDX-License-Identifier: GPL-2.0-or-later
/* Device nodes, and the processes that have them open. */
#include "sim/machine.h"

static gboolean module_there(const SimMachine *machine, const char *name)
{
    return sim_module_live(sim_module_find(machine, name));
}

gboolean sim_node_there(const SimMachine *machine, const SimFunction *function, const SimNode *node)
{
    const SimDriver *driver = sim_function_driver(machine, function);

    if (!driver || function->removed || function->nodes_at != 0)
        return FALSE;
    if (node->driver ? !g_str_equal(node->driver, driver->name) : driver->vfio)
        return FALSE;
    return !node->module || module_there(machine, node->module);
}

gboolean sim_framebuffer_node_there(const SimFramebuffer *framebuffer, const SimNode *node)
{
    return framebuffer->driver && !framebuffer->removed &&
           (!node->driver || g_str_equal(node->driver, framebuffer->driver));
}

static const SimNode *find_of_function(const SimMachine *machine, const SimFunction *function,
                                       const char *path, const char **ret_module)
{
    for (guint i = 0; i < function->nodes->len; i++) {
        const SimNode *node = function->nodes->pdata[i];
        if (!g_str_equal(node->path, path) || !sim_node_there(machine, function, node))
            continue;
        *ret_module = node->module ? node->module : sim_function_driver(machine, function)->module;
        return node;
    }
    return NULL;
}

static const SimNode *find_of_framebuffer(const SimFramebuffer *framebuffer, const char *path)
{
    for (guint i = 0; i < framebuffer->nodes->len; i++) {
        const SimNode *node = framebuffer->nodes->pdata[i];
        if (g_str_equal(node->path, path) && sim_framebuffer_node_there(framebuffer, node))
            return node;
    }
    return NULL;
}

const SimNode *sim_node_find(const SimMachine *machine, const char *path, const char **ret_module)
{
    *ret_module = NULL;
    for (guint i = 0; i < machine->functions->len; i++) {
        const SimNode *node =
            find_of_function(machine, machine->functions->pdata[i], path, ret_module);
        if (node)
            return node;
    }
    for (guint i = 0; i < machine->framebuffers->len; i++) {
        const SimNode *node = find_of_framebuffer(machine->framebuffers->pdata[i], path);
        if (node)
            return node;
    }
    return NULL;
}

/* drivers/vfio/group.c: one node for the group, there while one of its functions is bound to vfio;
 * vfio_unregister_group_dev() waits until it is closed. */
static void add_vfio_node(SimFunction *function, const SimDriver *driver)
{
    g_autofree char *path = g_strdup_printf("/dev/vfio/%d", (int)function->group);

    for (guint i = 0; i < function->nodes->len; i++) {
        const SimNode *node = function->nodes->pdata[i];
        if (g_str_equal(node->path, path) && g_strcmp0(node->driver, driver->name) == 0)
            return;
    }
    SimNode *node = sim_record_new(&sim_node_type);
    node->path = g_steal_pointer(&path);
    node->subsystem = g_strdup("vfio");
    node->number = g_strdup_printf("511:%d", (int)function->group);
    node->driver = g_strdup(driver->name);
    node->blocks = TRUE;
    g_ptr_array_add(function->nodes, node);
}

void sim_nodes_add_vfio(SimMachine *machine)
{
    for (guint i = 0; i < machine->functions->len; i++) {
        SimFunction *function = machine->functions->pdata[i];
        for (guint k = 0; function->group >= 0 && k < machine->drivers->len; k++) {
            const SimDriver *driver = machine->drivers->pdata[k];
            if (driver->vfio)
                add_vfio_node(function, driver);
        }
    }
}

gboolean sim_process_has_open(const SimProcess *process, const char *path)
{
    for (guint i = 0; i < process->open->len; i++) {
        const SimOpen *open = process->open->pdata[i];
        if (!open->gone && g_str_equal(open->path, path))
            return TRUE;
    }
    return FALSE;
}

void sim_process_open(const SimMachine *machine, SimProcess *process, const char *path)
{
    const char *module = NULL;

    if (sim_process_has_open(process, path) || !sim_node_find(machine, path, &module))
        return;
    SimOpen *open = sim_record_new(&sim_open_type);
    open->path = g_strdup(path);
    open->module = g_strdup(module);
    g_ptr_array_add(process->open, open);
}

/* A file that was open when its node went stays open, and its module in use, until its process
 * ends or, if it listens to udev, closes it. */
static void lose_nodes(const SimMachine *machine, SimProcess *process)
{
    const char *module = NULL;

    for (guint i = process->open->len; i-- > 0;) {
        SimOpen *open = process->open->pdata[i];
        if (open->gone || sim_node_find(machine, open->path, &module))
            continue;
        if (process->watches)
            g_ptr_array_remove_index(process->open, i);
        else
            open->gone = TRUE;
    }
}

void sim_nodes_follow(SimMachine *machine)
{
    for (guint i = 0; i < machine->processes->len; i++) {
        SimProcess *process = machine->processes->pdata[i];
        if (!process->runs)
            continue;
        lose_nodes(machine, process);
        for (char **path = process->nodes; process->watches && *path; path++)
            sim_process_open(machine, process, *path);
    }
}

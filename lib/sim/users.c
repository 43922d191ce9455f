// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The users' own managers. Their units are those that the snapshot's processes live in
 * ("user_unit"): one is active while a process of it runs. "init.scope" is the manager itself.
 */
#include <fnmatch.h>

#include "sim/look.h"

/* Whether the process is one of the user's manager. */
static gboolean is_of(const SimMachine *machine, const SimProcess *process, gint64 uid)
{
    const SimUnit *manager = sim_user_manager(machine, uid);

    return manager && process->user_unit && g_strcmp0(process->unit, manager->id) == 0;
}

static const SimProcess *manager_of(const SimMachine *machine, gint64 uid)
{
    for (guint i = 0; i < machine->processes->len; i++) {
        const SimProcess *process = machine->processes->pdata[i];
        if (process->runs && is_of(machine, process, uid) &&
            g_str_equal(process->user_unit, "init.scope"))
            return process;
    }
    return NULL;
}

static VhUnit *find_unit(GPtrArray *units, const char *id)
{
    for (guint i = 0; i < units->len; i++) {
        VhUnit *unit = units->pdata[i];
        if (g_str_equal(unit->id, id))
            return unit;
    }
    return NULL;
}

static void add_matching(const SimMachine *machine, gint64 uid, const char *glob, GPtrArray *units)
{
    for (guint i = 0; i < machine->processes->len; i++) {
        const SimProcess *process = machine->processes->pdata[i];
        if (!is_of(machine, process, uid) ||
            (fnmatch(glob, process->user_unit, 0) != 0 && !g_str_equal(glob, process->user_unit)))
            continue;
        VhUnit *unit = find_unit(units, process->user_unit);
        if (!unit) {
            unit = g_new0(VhUnit, 1);
            unit->id = g_strdup(process->user_unit);
            unit->load = g_strdup("loaded");
            g_ptr_array_add(units, unit);
        }
        if (process->runs)
            sim_set_text(&unit->active, "active");
        else if (!unit->active)
            sim_set_text(&unit->active, "inactive");
    }
}

GPtrArray *sim_look_user_units(VhHost *host, uid_t uid, const char *const *globs,
                               VhProcess *ret_manager, GError **error)
{
    const SimMachine *machine = sim_of(host)->machine;
    const SimProcess *manager = manager_of(machine, uid);
    GPtrArray *units = g_ptr_array_new_with_free_func((GDestroyNotify)vh_unit_free);

    *ret_manager = (VhProcess){0, 0};
    if (!manager)
        return units;
    *ret_manager = (VhProcess){(pid_t)manager->pid, (guint64)manager->start_time};
    for (; *globs; globs++)
        add_matching(machine, uid, *globs, units);
    return units;
}

gboolean sim_look_user_unit_of_desktop(VhHost *host, uid_t uid, const char *name)
{
    const SimMachine *machine = sim_of(host)->machine;

    for (guint i = 0; i < machine->processes->len; i++) {
        const SimProcess *process = machine->processes->pdata[i];
        if (process->of_desktop && is_of(machine, process, uid) &&
            g_str_equal(process->user_unit, name))
            return TRUE;
    }
    return FALSE;
}

/* Calls @change for each process of the unit; FALSE: there is no such unit. */
static gboolean change(SimMachine *machine, const SimAct *act,
                       void (*change_one)(SimMachine *, SimProcess *), GError **error)
{
    gboolean found = FALSE;

    for (guint i = 0; manager_of(machine, act->number) && i < machine->processes->len; i++) {
        SimProcess *process = machine->processes->pdata[i];
        if (!is_of(machine, process, act->number) || !g_str_equal(process->user_unit, act->target))
            continue;
        change_one(machine, process);
        found = TRUE;
    }
    return found ||
           vh_error_set(error, VH_ERROR_GONE, "user %u has no unit %s", act->number, act->target);
}

gboolean sim_do_user_stop(SimMachine *machine, SimAct *act, GError **error)
{
    return change(machine, act, sim_process_stop, error);
}

gboolean sim_do_user_start(SimMachine *machine, SimAct *act, GError **error)
{
    return change(machine, act, sim_process_start, error);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "sim/act.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    char *text;
    VhSimFault fault;
} NamedFault;

/* Microseconds that such a call takes on an idle machine, in magnitude. */
static const struct {
    const char *name;
    gint64 cost;
    gboolean (*run)(SimMachine *, SimAct *, GError **);
} acts[SIM_N_ACTS] = {
    [SIM_PCI_OVERRIDE] = {"pci_override", 50, sim_do_override},
    [SIM_PCI_UNBIND] = {"pci_unbind", 2000, sim_do_unbind},
    [SIM_PCI_PROBE] = {"pci_probe", 2000, sim_do_probe},
    [SIM_PCI_SET] = {"pci_set", 100, sim_do_set},
    [SIM_PCI_REMOVE] = {"pci_remove", 20000, sim_do_remove},
    [SIM_PCI_RESCAN] = {"pci_rescan", 50000, sim_do_rescan},
    [SIM_SUSPEND] = {"suspend", 2000000, sim_do_suspend},
    [SIM_ROM_READ] = {"rom_read", 20000, sim_do_rom},
    [SIM_CONSOLE_BIND] = {"console_bind", 1000, sim_do_console},
    [SIM_FRAMEBUFFER_BIND] = {"framebuffer_bind", 1000, sim_do_framebuffer},
    [SIM_MODULE_LOAD] = {"module_load", 5000, sim_do_load},
    [SIM_MODULE_UNLOAD] = {"module_unload", 5000, sim_do_unload},
    [SIM_UNIT_STOP] = {"unit_stop", 500, sim_do_stop},
    [SIM_UNIT_START] = {"unit_start", 500, sim_do_start},
    [SIM_UNIT_ASK_STOP] = {"unit_stop", 500, sim_do_ask_stop},
    [SIM_UNIT_ASK_START] = {"unit_start", 500, sim_do_ask_start},
    [SIM_SESSION_TERMINATE] = {"session_terminate", 500, sim_do_terminate},
    [SIM_SESSION_LOGOUT] = {"session_logout", 20000, sim_do_logout},
    [SIM_USER_UNIT_STOP] = {"user_unit_stop", 2000, sim_do_user_stop},
    [SIM_USER_UNIT_START] = {"user_unit_start", 2000, sim_do_user_start},
    [SIM_PROCESS_SIGNAL] = {"process_signal", 20, sim_do_signal},
    [SIM_FRONT_SWITCH] = {"front_switch", 2000, sim_do_front},
    [SIM_RUN] = {"run", 1000, sim_do_run},
    [SIM_TUNE] = {"tune", 500, sim_do_tune},
    [SIM_SET_PAGES] = {"set_pages", 5000, sim_do_set_pages},
    [SIM_COMPACT] = {"compact", 50000, sim_do_compact},
};

/* "pci_override 0000:09:00.0 vfio-pci" */
static char *line_of(const SimAct *act)
{
    GString *line = g_string_new(acts[act->kind].name);

    if (act->command) {
        for (const char *const *word = act->command->argv; *word; word++)
            g_string_append_printf(line, " %s", *word);
        return g_string_free(line, FALSE);
    }
    if (act->kind == SIM_SET_PAGES)
        g_string_append_printf(line, " %" G_GUINT64_FORMAT "k %" G_GUINT64_FORMAT " node %d",
                               act->size / 1024, act->pages, (int)act->node);
    else if (act->kind == SIM_COMPACT)
        g_string_append_printf(line, " node %d", (int)act->node);
    else if (act->kind == SIM_CONSOLE_BIND)
        g_string_append_printf(line, " %u", act->number);
    else if (act->target)
        g_string_append_printf(line, " %s", act->target);
    if (act->kind == SIM_FRONT_SWITCH)
        g_string_append_printf(line, " %u", act->number);
    if (act->name)
        g_string_append_printf(line, " %s %s", act->name, act->argument);
    if (act->kind == SIM_PCI_OVERRIDE || act->kind == SIM_FRAMEBUFFER_BIND || act->kind == SIM_TUNE)
        g_string_append_printf(line, " %s", act->argument ? act->argument : "none");
    if (act->kind == SIM_PROCESS_SIGNAL)
        g_string_append_printf(line, " %s", act->argument);
    if (act->kind == SIM_USER_UNIT_STOP || act->kind == SIM_USER_UNIT_START)
        g_string_append_printf(line, " %u", act->number);
    if (act->kind == SIM_CONSOLE_BIND || act->kind == SIM_FRAMEBUFFER_BIND)
        g_string_append(line, act->bind ? " bind" : " unbind");
    return g_string_free(line, FALSE);
}

static VhSimFault fault_of(const Sim *sim, const char *line)
{
    if (sim->fault_number == sim->operations)
        return sim->fault;
    if (sim->second_number == sim->operations)
        return sim->second;
    for (guint i = 0; i < sim->faults->len; i++) {
        const NamedFault *named = sim->faults->pdata[i];
        if (strstr(line, named->text))
            return named->fault;
    }
    return VH_SIM_NONE;
}

/* Nothing of ours is owned by the stack here: a test leaves it with longjmp. */
static void die(const Sim *sim)
{
    if (sim->die)
        sim->die(sim->die_data);
    abort();
}

static gboolean perform(SimMachine *machine, SimAct *act, GError **error)
{
    GError *cause = NULL;
    gboolean done = acts[act->kind].run(machine, act, &cause);

    sim_settle(machine);
    gint64 end = machine->clock + acts[act->kind].cost + act->cost;
    gboolean late = act->deadline > 0 && end > act->deadline;
    sim_pass(machine, late ? MAX(act->deadline, machine->clock) : end);
    if (late && done) {
        if (act->ret_output)
            g_clear_pointer(act->ret_output, g_bytes_unref);
        return vh_error_set(error, VH_ERROR_TIMEOUT, "%s took too long", acts[act->kind].name);
    }
    if (!done)
        g_propagate_error(error, cause);
    return done;
}

gboolean sim_act(VhHost *host, SimAct *act, GError **error)
{
    Sim *sim = sim_of(host);
    char *line = line_of(act);

    g_ptr_array_add(sim->trace, line);
    sim->operations++;
    if (sim->watcher)
        sim->watcher(sim->watcher_data, line);
    VhSimFault fault = fault_of(sim, line);
    if (fault == VH_SIM_FAIL) {
        sim_pass(sim->machine, sim->machine->clock + acts[act->kind].cost);
        return vh_error_set(error, sim->fault_code, "%s: injected fault", line);
    }
    if (fault == VH_SIM_HANG) {
        sim_stick(sim->machine, act);
        return sim_hang(sim->machine, act, error);
    }
    if (fault == VH_SIM_DIE_BEFORE)
        die(sim);
    if (sim->share)
        sim_share_begin(sim);
    gboolean done = perform(sim->machine, act, fault == VH_SIM_DIE_AFTER ? NULL : error);
    if (sim->share)
        sim_share_end(sim);
    if (fault == VH_SIM_DIE_AFTER)
        die(sim);
    return done;
}

/* ---- what sim.h has for tests ---- */

void vh_sim_set_fault(VhHost *host, guint number, VhSimFault fault, void (*death)(gpointer),
                      gpointer data)
{
    Sim *sim = sim_of(host);

    sim->fault_number = number;
    sim->fault = fault;
    sim->die = death;
    sim->die_data = data;
}

void vh_sim_set_second_fault(VhHost *host, guint number, VhSimFault fault)
{
    sim_of(host)->second_number = number;
    sim_of(host)->second = fault;
}

void vh_sim_watch(VhHost *host, void (*watcher)(gpointer, const char *), gpointer data)
{
    sim_of(host)->watcher = watcher;
    sim_of(host)->watcher_data = data;
}

static void named_fault_free(gpointer data)
{
    NamedFault *named = data;

    g_free(named->text);
    g_free(named);
}

void vh_sim_set_fault_at(VhHost *host, const char *text, VhSimFault fault)
{
    Sim *sim = sim_of(host);

    if (!text) {
        g_ptr_array_set_size(sim->faults, 0);
        return;
    }
    for (guint i = sim->faults->len; i-- > 0;)
        if (g_str_equal(((const NamedFault *)sim->faults->pdata[i])->text, text))
            g_ptr_array_remove_index(sim->faults, i);
    if (fault == VH_SIM_NONE)
        return;
    NamedFault *named = g_new0(NamedFault, 1);
    named->text = g_strdup(text);
    named->fault = fault;
    g_ptr_array_set_free_func(sim->faults, named_fault_free);
    g_ptr_array_add(sim->faults, named);
}

void vh_sim_set_fault_code(VhHost *host, VhError code)
{
    sim_of(host)->fault_code = code;
}

guint vh_sim_operations(VhHost *host)
{
    return sim_of(host)->operations;
}

void vh_sim_reset_operations(VhHost *host)
{
    sim_of(host)->operations = 0;
}

GPtrArray *vh_sim_said(VhHost *host)
{
    return sim_of(host)->said;
}

GPtrArray *vh_sim_trace(VhHost *host)
{
    return sim_of(host)->trace;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* A machine's beginning, and the consequences of a change. */
#include "sim/machine.h"

#include <string.h>

#include "base/address.h"

void sim_set_text(char **text, const char *value)
{
    char *copy = g_strdup(value);

    g_free(*text);
    *text = copy;
}

static int by_address(gconstpointer a, gconstpointer b)
{
    const SimFunction *left = *(const SimFunction *const *)a;
    const SimFunction *right = *(const SimFunction *const *)b;

    return vh_address_compare(left->address, right->address);
}

static void number_sessions(SimMachine *machine)
{
    for (guint i = 0; i < machine->sessions->len; i++) {
        const SimSession *session = machine->sessions->pdata[i];
        const char *digits = session->id + strcspn(session->id, "0123456789");
        gint64 number = (gint64)MIN(g_ascii_strtoull(digits, NULL, 10), G_MAXINT32 - 1);
        machine->next_session = MAX(machine->next_session, number + 1);
    }
}

void sim_begin(SimMachine *machine)
{
    g_ptr_array_sort(machine->functions, by_address);
    sim_nodes_add_vfio(machine);
    if (machine->next_session == 0)
        number_sessions(machine);
    for (guint i = 0; i < machine->processes->len; i++) {
        SimProcess *process = machine->processes->pdata[i];
        if (process->started || !process->runs)
            continue;
        process->started = TRUE;
        for (char **path = process->nodes; *path; path++)
            sim_process_open(machine, process, *path);
    }
    sim_settle(machine);
}

static void finish_unbinds(SimMachine *machine)
{
    for (guint i = 0; i < machine->functions->len; i++) {
        SimFunction *function = machine->functions->pdata[i];
        if (function->unbinding && !function->stuck && !sim_function_held(machine, function))
            sim_function_unbind(machine, function);
    }
}

void sim_settle(SimMachine *machine)
{
    finish_unbinds(machine);
    sim_nodes_follow(machine);
    sim_consoles_follow(machine);
    sim_sessions_follow(machine);
    sim_processes_forget(machine);
}

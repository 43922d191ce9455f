// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes: they start and end with what they live in, or by themselves. */
#include "sim/machine.h"

/* /proc/PID/stat counts in USER_HZ. */
enum { TICK = G_USEC_PER_SEC / 100 };

static SimProcess *find_any(const SimMachine *machine, gint64 pid)
{
    for (guint i = 0; i < machine->processes->len; i++) {
        SimProcess *process = machine->processes->pdata[i];
        if (process->pid == pid)
            return process;
    }
    return NULL;
}

SimProcess *sim_process_find(const SimMachine *machine, gint64 pid)
{
    SimProcess *process = find_any(machine, pid);

    return process && process->runs ? process : NULL;
}

static gint64 free_pid(SimMachine *machine)
{
    enum { FIRST = 1000 };
    gint64 pid = MAX(machine->next_pid, FIRST);

    while (find_any(machine, pid))
        pid = pid < SIM_MAX_PID ? pid + 1 : FIRST;
    machine->next_pid = pid < SIM_MAX_PID ? pid + 1 : FIRST;
    return pid;
}

static void run(SimMachine *machine, SimProcess *process)
{
    process->pid = free_pid(machine);
    process->start_time = MAX(machine->clock / TICK, 1);
    process->runs = process->started = TRUE;
    for (char **path = process->nodes; *path; path++)
        sim_process_open(machine, process, *path);
}

void sim_process_start(SimMachine *machine, SimProcess *process)
{
    if (!process->runs)
        run(machine, process);
}

/* Every process has a user. */
static void add_user(SimMachine *machine, gint64 uid)
{
    if (sim_user_find(machine, uid))
        return;
    SimUser *user = sim_record_new(&sim_user_type);
    user->uid = uid;
    user->name = uid == 0 ? g_strdup("root") : g_strdup_printf("%" G_GINT64_FORMAT, uid);
    g_ptr_array_add(machine->users, user);
}

SimProcess *sim_process_new(SimMachine *machine, const char *command, gint64 uid)
{
    SimProcess *process = sim_record_new(&sim_process_type);

    process->command = g_strdup(command);
    process->uid = uid;
    add_user(machine, uid);
    run(machine, process);
    g_ptr_array_add(machine->processes, process);
    return process;
}

static void end_sessions_of(SimMachine *machine, const SimProcess *process)
{
    for (guint i = 0; i < machine->sessions->len; i++) {
        SimSession *session = machine->sessions->pdata[i];
        if (session->uid == process->uid && g_strcmp0(session->process, process->command) == 0 &&
            (!process->session || g_str_equal(process->session, session->id)))
            sim_session_end(machine, session, FALSE);
    }
}

void sim_process_stop(SimMachine *machine, SimProcess *process)
{
    if (!process->runs)
        return;
    process->runs = FALSE;
    process->ends_at = 0;
    g_ptr_array_set_size(process->open, 0);
    if (machine->parent == process->pid)
        machine->parent = 0;
    for (guint i = 0; i < machine->guests->len; i++) {
        SimGuest *guest = machine->guests->pdata[i];
        if (guest->pid == process->pid)
            guest->pid = 0;
    }
    end_sessions_of(machine, process);
}

void sim_process_ends(SimMachine *machine, gpointer record)
{
    SimProcess *process = record;
    SimUnit *unit = process->unit ? sim_unit_find(machine, process->unit) : NULL;

    sim_process_stop(machine, process);
    /* In a user's manager it is a unit of that manager that is lost. */
    if (unit && !process->user_unit)
        sim_unit_lost_process(machine, unit);
}

void sim_processes_forget(SimMachine *machine)
{
    for (guint i = machine->processes->len; i-- > 0;) {
        const SimProcess *process = machine->processes->pdata[i];
        if (!process->runs && !process->unit && !process->session)
            g_ptr_array_remove_index(machine->processes, i);
    }
}

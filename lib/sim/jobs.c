// SPDX-License-Identifier: GPL-2.0-or-later
/* The acts on systemd and logind, and programs that are run. */
#include "sim/act.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static gboolean bus_answers(const SimMachine *machine, GError **error)
{
    if (machine->bus)
        return TRUE;
    return vh_error_set(error, VH_ERROR_FAILED, "the system bus does not answer");
}

/* The unit, if systemd can do something with it. */
static SimUnit *unit_of(SimMachine *machine, const SimAct *act, GError **error)
{
    SimUnit *unit = sim_unit_find(machine, act->target);

    if (!bus_answers(machine, error))
        return NULL;
    if (!unit || g_strcmp0(unit->load, "not-found") == 0) {
        vh_error_set(error, VH_ERROR_GONE, "unit %s: not found", act->target);
        return NULL;
    }
    return unit;
}

static gboolean await(SimMachine *machine, const SimUnit *unit, const SimAct *act, GError **error)
{
    while (!unit->result)
        if (!sim_step(machine, act->deadline))
            return vh_error_set(error, VH_ERROR_TIMEOUT, "unit %s: its job is not done",
                                act->target);
    if (!g_str_equal(unit->result, "done"))
        return vh_error_set(error, VH_ERROR_FAILED, "unit %s: the job ended as %s", act->target,
                            unit->result);
    return TRUE;
}

gboolean sim_do_stop(SimMachine *machine, SimAct *act, GError **error)
{
    SimUnit *unit = unit_of(machine, act, error);

    if (!unit)
        return FALSE;
    sim_unit_begin_stop(machine, unit);
    return await(machine, unit, act, error);
}

/* With an error when the start is not even queued. */
static SimUnit *begin_start(SimMachine *machine, const SimAct *act, GError **error)
{
    SimUnit *unit = unit_of(machine, act, error);

    if (!unit)
        return NULL;
    if (unit->load && !g_str_equal(unit->load, "loaded")) {
        vh_error_set(error, VH_ERROR_FAILED, "unit %s is %s", act->target, unit->load);
        return NULL;
    }
    /* ResetFailedUnit() forgets the start limit too. */
    unit->starts = 0;
    sim_unit_begin_start(machine, unit);
    return unit;
}

gboolean sim_do_start(SimMachine *machine, SimAct *act, GError **error)
{
    SimUnit *unit = begin_start(machine, act, error);

    return unit && await(machine, unit, act, error);
}

gboolean sim_do_ask_stop(SimMachine *machine, SimAct *act, GError **error)
{
    SimUnit *unit = unit_of(machine, act, error);

    if (!unit)
        return FALSE;
    sim_unit_begin_stop(machine, unit);
    return TRUE;
}

gboolean sim_do_ask_start(SimMachine *machine, SimAct *act, GError **error)
{
    return begin_start(machine, act, error) != NULL;
}

gboolean sim_do_terminate(SimMachine *machine, SimAct *act, GError **error)
{
    SimSession *session = sim_session_find(machine, act->target);

    if (!bus_answers(machine, error))
        return FALSE;
    if (!session)
        return vh_error_set(error, VH_ERROR_GONE, "session %s: not found", act->target);
    sim_session_end(machine, session, TRUE);
    return TRUE;
}

gboolean sim_do_logout(SimMachine *machine, SimAct *act, GError **error)
{
    SimSession *session = sim_session_find(machine, act->target);
    const VhSession facts = {.desktop = session ? session->desktop : NULL};

    if (!session || !vh_session_desktop_known(&facts))
        return vh_error_set(error, VH_ERROR_UNSUPPORTED,
                            "session %s has no desktop that could be asked", act->target);
    if (!session->ignores_logout)
        sim_session_end(machine, session, FALSE);
    return TRUE;
}

gboolean sim_do_signal(SimMachine *machine, SimAct *act, GError **error)
{
    SimProcess *process = sim_process_find(machine, act->number);

    if (!process)
        return vh_error_set_errno(error, ESRCH, "process %u", act->number);
    if (act->signal == SIGKILL)
        sim_process_ends(machine, process);
    else if (process->term_ms >= 0)
        process->ends_at = machine->clock + MAX(process->term_ms * 1000, 1);
    return TRUE;
}

SimProgram *sim_program_find(const SimMachine *machine, const char *path)
{
    for (guint i = 0; i < machine->programs->len; i++) {
        SimProgram *program = machine->programs->pdata[i];
        if (g_str_equal(program->path, path))
            return program;
    }
    return NULL;
}

gboolean sim_do_run(SimMachine *machine, SimAct *act, GError **error)
{
    const SimProgram *program = sim_program_find(machine, act->target);

    if (!program)
        return vh_error_set_errno(error, ENOENT, "%s", act->target);
    if (act->deadline > 0 && machine->clock + program->ms * 1000 > act->deadline) {
        sim_pass(machine, act->deadline);
        return vh_error_set(error, VH_ERROR_TIMEOUT, "%s was killed at its deadline", act->target);
    }
    act->cost += program->ms * 1000;
    if (program->status != 0)
        return vh_error_set(error, VH_ERROR_FAILED, "%s: %s", act->target,
                            program->error ? program->error : "failed");
    if (act->ret_output) {
        const char *output = program->output ? program->output : "";
        *act->ret_output = g_bytes_new(output, strlen(output));
    }
    return TRUE;
}

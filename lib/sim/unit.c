// SPDX-License-Identifier: GPL-2.0-or-later
/* Units and their jobs, as systemd has them. */
#include "sim/machine.h"

enum { START_LIMIT_BURST = 5 };                    /* DefaultStartLimitBurst= */
#define START_LIMIT_INTERVAL (10 * G_USEC_PER_SEC) /* DefaultStartLimitIntervalSec= */

SimUnit *sim_unit_find(const SimMachine *machine, const char *name)
{
    for (guint i = 0; i < machine->units->len; i++) {
        SimUnit *unit = machine->units->pdata[i];
        if (g_str_equal(unit->id, name) ||
            g_strv_contains((const char *const *)unit->aliases, name))
            return unit;
    }
    return NULL;
}

const char *sim_unit_active(const SimUnit *unit)
{
    return unit->active ? unit->active : "inactive";
}

static gboolean is_active(const SimUnit *unit, const char *state)
{
    return g_str_equal(sim_unit_active(unit), state);
}

static gboolean has_job(const SimUnit *unit, const char *job)
{
    return g_strcmp0(unit->job, job) == 0;
}

static void queue(SimMachine *machine, SimUnit *unit, const char *job, gint64 ms)
{
    sim_set_text(&unit->job, job);
    unit->job_at = machine->clock + ms * 1000;
    unit->result = NULL;
    sim_set_text(&unit->active, g_str_equal(job, "stop") ? "deactivating" : "activating");
}

void sim_unit_begin_stop(SimMachine *machine, SimUnit *unit)
{
    unit->again = FALSE;
    if (has_job(unit, "stop"))
        return;
    if (is_active(unit, "inactive") || is_active(unit, "failed")) {
        unit->result = "done";
        return;
    }
    queue(machine, unit, "stop", unit->stop_ms);
}

void sim_unit_begin_start(SimMachine *machine, SimUnit *unit)
{
    if (has_job(unit, "start"))
        return;
    /* A start waits for the end of a stop. */
    if (has_job(unit, "stop")) {
        unit->again = TRUE;
        return;
    }
    if (is_active(unit, "active")) {
        unit->result = "done";
        return;
    }
    queue(machine, unit, "start", unit->start_ms);
}

/* ---- what lives in a unit ---- */

static void end_contents(SimMachine *machine, const SimUnit *unit)
{
    for (guint i = 0; i < machine->processes->len; i++) {
        SimProcess *process = machine->processes->pdata[i];
        if (process->runs && g_strcmp0(process->unit, unit->id) == 0)
            sim_process_stop(machine, process);
    }
    for (guint i = 0; i < machine->sessions->len; i++) {
        SimSession *session = machine->sessions->pdata[i];
        if (g_strcmp0(session->unit, unit->id) == 0)
            sim_session_end(machine, session, FALSE);
    }
}

static void start_contents(SimMachine *machine, const SimUnit *unit)
{
    for (guint i = 0; i < machine->processes->len; i++) {
        SimProcess *process = machine->processes->pdata[i];
        if (g_strcmp0(process->unit, unit->id) == 0)
            sim_process_start(machine, process);
    }
    for (guint i = 0; i < machine->sessions->len; i++) {
        SimSession *session = machine->sessions->pdata[i];
        if (g_strcmp0(session->unit, unit->id) == 0)
            sim_session_open(machine, session);
    }
}

static gboolean has_needs(const SimMachine *machine, const SimUnit *unit)
{
    const char *module = NULL;

    for (char **path = unit->needs; *path; path++)
        if (sim_node_find(machine, *path, &module))
            return TRUE;
    return unit->needs[0] == NULL;
}

/* Restart=, until the start limit. */
static void fail(SimMachine *machine, SimUnit *unit)
{
    if (machine->clock - unit->starts_since > START_LIMIT_INTERVAL) {
        unit->starts = 0;
        unit->starts_since = machine->clock;
    }
    if (unit->restart_ms < 0 || ++unit->starts > START_LIMIT_BURST)
        sim_set_text(&unit->active, "failed");
    else
        queue(machine, unit, "start", unit->restart_ms + unit->start_ms);
}

static void stop_ends(SimMachine *machine, SimUnit *unit)
{
    unit->result = unit->stop_result ? unit->stop_result : "done";
    if (!g_str_equal(unit->result, "done")) {
        sim_set_text(&unit->active, "active");
        return;
    }
    sim_set_text(&unit->active, "inactive");
    end_contents(machine, unit);
    if (unit->again)
        sim_unit_begin_start(machine, unit);
    unit->again = FALSE;
}

static void start_ends(SimMachine *machine, SimUnit *unit)
{
    unit->result = unit->start_result ? unit->start_result : "done";
    if (!g_str_equal(unit->result, "done")) {
        sim_set_text(&unit->active, "failed");
        return;
    }
    /* A display manager's job is done when its process runs; that it finds no screen comes out a
     * moment later. */
    if (!has_needs(machine, unit)) {
        if (unit->blind)
            sim_set_text(&unit->active, "active");
        else
            fail(machine, unit);
        unit->result = "done";
        return;
    }
    sim_set_text(&unit->active, "active");
    start_contents(machine, unit);
}

void sim_unit_job_ends(SimMachine *machine, gpointer record)
{
    SimUnit *unit = record;
    gboolean stop = has_job(unit, "stop");

    unit->job_at = 0;
    g_clear_pointer(&unit->job, g_free);
    if (stop)
        stop_ends(machine, unit);
    else
        start_ends(machine, unit);
}

static gboolean has_process(const SimMachine *machine, const SimUnit *unit)
{
    for (guint i = 0; i < machine->processes->len; i++) {
        const SimProcess *process = machine->processes->pdata[i];
        if (process->runs && g_strcmp0(process->unit, unit->id) == 0)
            return TRUE;
    }
    return FALSE;
}

void sim_unit_lost_process(SimMachine *machine, SimUnit *unit)
{
    if (!is_active(unit, "active"))
        return;
    if (unit->restart_ms < 0 && has_process(machine, unit))
        return;
    sim_set_text(&unit->active, "inactive");
    end_contents(machine, unit);
    if (unit->restart_ms >= 0)
        fail(machine, unit);
}

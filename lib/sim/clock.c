// SPDX-License-Identifier: GPL-2.0-or-later
/* Time: what is due is kept in the records, so that a snapshot has it too. */
#include "sim/machine.h"

static void nodes_come(SimMachine *machine, gpointer function)
{
    /* Its nodes_at is 0 now, and that is all there is to it (sim_node_there). */
}

static const struct {
    gsize records, at;
    void (*happens)(SimMachine *, gpointer record);
} events[] = {
    {G_STRUCT_OFFSET(SimMachine, processes), G_STRUCT_OFFSET(SimProcess, ends_at),
     sim_process_ends},
    {G_STRUCT_OFFSET(SimMachine, units), G_STRUCT_OFFSET(SimUnit, job_at), sim_unit_job_ends},
    {G_STRUCT_OFFSET(SimMachine, sessions), G_STRUCT_OFFSET(SimSession, close_at),
     sim_session_closes},
    {G_STRUCT_OFFSET(SimMachine, users), G_STRUCT_OFFSET(SimUser, stop_at), sim_user_stops},
    {G_STRUCT_OFFSET(SimMachine, functions), G_STRUCT_OFFSET(SimFunction, nodes_at), nodes_come},
};

gboolean sim_step(SimMachine *machine, gint64 limit)
{
    gint64 *first = NULL;
    gpointer of = NULL;
    gsize kind = 0;

    for (gsize k = 0; k < G_N_ELEMENTS(events); k++) {
        GPtrArray *records = G_STRUCT_MEMBER(GPtrArray *, machine, events[k].records);
        for (guint i = 0; i < records->len; i++) {
            gint64 *at = G_STRUCT_MEMBER_P(records->pdata[i], events[k].at);
            if (*at == 0 || (first && *at >= *first))
                continue;
            first = at;
            of = records->pdata[i];
            kind = k;
        }
    }
    limit = MIN(limit, SIM_MAX_TIME);
    if (!first || *first > limit) {
        machine->clock = MAX(machine->clock, limit);
        return FALSE;
    }
    machine->clock = MAX(machine->clock, *first);
    *first = 0;
    events[kind].happens(machine, of);
    sim_settle(machine);
    return TRUE;
}

void sim_pass(SimMachine *machine, gint64 time)
{
    while (sim_step(machine, time))
        ;
}

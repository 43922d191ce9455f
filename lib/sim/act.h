// SPDX-License-Identifier: GPL-2.0-or-later
/* The operations that act: one way in for all of them, which counts, traces and applies faults. */
#pragma once

#include "host/host-ops.h"
#include "sim/machine.h"
#include "sim/sim.h"

typedef struct SimShare SimShare;

typedef struct {
    VhHost host;
    SimMachine *machine;
    gboolean interrupted;
    GPtrArray *trace; /* char * */
    GPtrArray *said;  /* char * */
    guint operations;
    guint fault_number;
    VhSimFault fault;
    guint second_number; /* 0: none */
    VhSimFault second;
    VhError fault_code;
    GPtrArray *faults; /* NamedFault, see act.c */
    void (*die)(gpointer);
    gpointer die_data;
    void (*watcher)(gpointer, const char *);
    gpointer watcher_data;
    SimShare *share; /* NULL: the machine is this process's own */
} Sim;

/* A machine shared with other processes (share.c): looks at it as it is now; has it for an act,
 * which ends when its time is over; waits until a point on its clock. */
void sim_share_look(Sim *sim);
void sim_share_begin(Sim *sim);
void sim_share_end(Sim *sim);
void sim_share_wait(Sim *sim, gint64 until);
void sim_share_free(SimShare *share);

/* A machine from its bytes, NULL when they are none. */
SimMachine *sim_unpack(GBytes *bytes, GError **error);
/* Takes the machine, which has begun. */
VhHost *sim_host_new(SimMachine *machine);
/* The machine behind the operations. */
static inline Sim *sim_of(VhHost *host)
{
    Sim *sim = (Sim *)host;

    if (sim->share)
        sim_share_look(sim);
    return sim;
}

typedef enum {
    SIM_PCI_OVERRIDE,
    SIM_PCI_UNBIND,
    SIM_PCI_PROBE,
    SIM_PCI_SET,
    SIM_PCI_REMOVE,
    SIM_PCI_RESCAN,
    SIM_SUSPEND,
    SIM_ROM_READ,
    SIM_CONSOLE_BIND,
    SIM_FRAMEBUFFER_BIND,
    SIM_MODULE_LOAD,
    SIM_MODULE_UNLOAD,
    SIM_UNIT_STOP,
    SIM_UNIT_START,
    SIM_UNIT_ASK_STOP,
    SIM_UNIT_ASK_START,
    SIM_SESSION_TERMINATE,
    SIM_SESSION_LOGOUT,
    SIM_USER_UNIT_STOP,
    SIM_USER_UNIT_START,
    SIM_PROCESS_SIGNAL,
    SIM_FRONT_SWITCH,
    SIM_RUN,
    SIM_TUNE,
    SIM_SET_PAGES,
    SIM_COMPACT,
    SIM_N_ACTS
} SimActKind;

/* One call of an operation that acts. */
typedef struct {
    SimActKind kind;
    const char *target;   /* address, module, unit, … */
    const char *argument; /* driver, value of a setting, or NULL */
    const char *name;     /* of a setting */
    guint number;         /* of a console, process or user */
    int signal;
    gboolean bind;
    const VhCommand *command;
    GBytes **ret_output;
    gint64 deadline; /* 0: it has none */
    VhTune tune;     /* the kind of a tunable */
    gint64 node;     /* of memory */
    guint64 size, pages;
    gint64 cost; /* what the act takes beyond its usual time (µs) */
} SimAct;

/* Counts and traces it, applies the fault that is armed for it, if any, and does it. */
gboolean sim_act(VhHost *host, SimAct *act, GError **error);

/* What an act does (acts.c, jobs.c): changes the machine, or says why not. */
gboolean sim_do_override(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_unbind(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_probe(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_set(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_remove(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_rescan(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_suspend(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_rom(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_console(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_framebuffer(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_load(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_unload(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_stop(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_start(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_ask_stop(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_ask_start(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_terminate(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_logout(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_user_stop(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_user_start(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_signal(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_front(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_run(SimMachine *machine, SimAct *act, GError **error);
/* The program that can be run at @path, or NULL. */
SimProgram *sim_program_find(const SimMachine *machine, const char *path);
gboolean sim_do_tune(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_set_pages(SimMachine *machine, SimAct *act, GError **error);
gboolean sim_do_compact(SimMachine *machine, SimAct *act, GError **error);
/* Marks what the act was to change as locked for ever by a call that never came back. */
void sim_stick(SimMachine *machine, const SimAct *act);
/* Whether the kernel has not come back from some act. */
gboolean sim_something_hangs(const SimMachine *machine);
/* Waits in vain: time passes to the deadline; VH_ERROR_TIMEOUT. */
gboolean sim_hang(SimMachine *machine, const SimAct *act, GError **error);

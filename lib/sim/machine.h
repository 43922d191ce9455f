// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How a simulated machine behaves: the kernel's part (pci.c, module.c, console.c), systemd's and
 * logind's (unit.c, session.c), and time (clock.c). Nothing here counts, traces or knows faults;
 * that is act.c.
 *
 * Every change is followed by sim_settle(), which draws the consequences.
 */
#pragma once

#include <sys/types.h>

#include "sim/snapshot.h"

/* A year, so that a clock never overflows. */
#define SIM_MAX_TIME (G_GINT64_CONSTANT(366) * 24 * 3600 * G_USEC_PER_SEC)
/* PID_MAX_LIMIT, include/linux/threads.h */
enum { SIM_MAX_PID = 4194304 };
/* Who calls us on a host of which that is not told: nobody we know, but there. */
enum { SIM_SOMEBODY = SIM_MAX_PID - 2 };

/* ---- the whole (machine.c, check.c) ---- */

/* What the tables cannot say; the error has the place. */
gboolean sim_check(const SimMachine *machine, GError **error);
/* A machine that was read begins to run: numbers for what is new, nodes opened. */
void sim_begin(SimMachine *machine);
/* Draws the consequences of a change: waiting unbinds end, nodes come and go, consoles follow
 * their framebuffers, what has ended and will not come back is forgotten. */
void sim_settle(SimMachine *machine);
void sim_set_text(char **text, const char *value);

/* ---- time (clock.c) ---- */

/* Lets time pass until the next event, or until @limit when none is due before; FALSE then. */
gboolean sim_step(SimMachine *machine, gint64 limit);
/* Lets time pass until @time with all that happens meanwhile. */
void sim_pass(SimMachine *machine, gint64 time);

/* ---- PCI (pci.c) ---- */

/* By canonical address, NULL: not on the bus. */
SimFunction *sim_function_find(const SimMachine *machine, const char *address);
SimDriver *sim_driver_find(const SimMachine *machine, const char *name);
/* The driver it is bound to, or NULL. */
SimDriver *sim_function_driver(const SimMachine *machine, const SimFunction *function);
gboolean sim_driver_registered(const SimMachine *machine, const SimDriver *driver);
/* Whether it would bind this function: driverless, matched, and its probe works. */
gboolean sim_driver_wants(const SimMachine *machine, const SimDriver *driver,
                          const SimFunction *function);
/* Binds it; returns how long that takes (µs). */
gint64 sim_driver_bind(SimMachine *machine, const SimDriver *driver, SimFunction *function);
/* Whether an unbind would have to wait for somebody. */
gboolean sim_function_held(const SimMachine *machine, const SimFunction *function);
/* Binds a driverless function as drivers_probe does; returns how long that takes (µs). */
gint64 sim_function_probe(SimMachine *machine, SimFunction *function);
void sim_function_unbind(SimMachine *machine, SimFunction *function);
/* Whether its memory is still drawn on by the firmware framebuffer while a VM has or gets it. */
gboolean sim_function_conflicts(const SimMachine *machine, const SimFunction *function);

/* ---- settings of functions (settings.c) ---- */

/* What the kernel itself sets; nothing when the snapshot has no such file. */
const char *sim_setting_get(const SimMachine *machine, const char *address, const char *name);
void sim_setting_put(SimMachine *machine, const char *address, const char *name, const char *text);
/* Whether the file of that path is one that is part of the machine's state. */
gboolean sim_is_setting(const char *path);

/* ---- nodes (node.c) ---- */

/* Whether a node of the function, or of the framebuffer, is there now. */
gboolean sim_node_there(const SimMachine *machine, const SimFunction *function,
                        const SimNode *node);
gboolean sim_framebuffer_node_there(const SimFramebuffer *framebuffer, const SimNode *node);
/* The node @path if it is there now. @ret_module: the module that is in use while it is open. */
const SimNode *sim_node_find(const SimMachine *machine, const char *path, const char **ret_module);
/* Adds the vfio group's node to every function that can be bound to a vfio driver. */
void sim_nodes_add_vfio(SimMachine *machine);
void sim_process_open(const SimMachine *machine, SimProcess *process, const char *path);
gboolean sim_process_has_open(const SimProcess *process, const char *path);
/* Closes what was taken away, and has those that watch open what came. */
void sim_nodes_follow(SimMachine *machine);

/* ---- modules (module.c) ---- */

/* By name, with dashes or underscores; NULL: the kernel has none of that name. */
SimModule *sim_module_find(const SimMachine *machine, const char *name);
gboolean sim_module_live(const SimModule *module);
/* Names of the live modules that depend on it (borrowed). */
GPtrArray *sim_module_holders(const SimMachine *machine, const SimModule *module);
int sim_module_count(const SimMachine *machine, const SimModule *module);
/* Loads it with what it needs; adds what that takes to @cost (µs). */
gboolean sim_module_load(SimMachine *machine, SimModule *module, gint64 *cost, GError **error);
/* Takes it away; the caller has checked that nobody uses it. */
void sim_module_unload(SimMachine *machine, SimModule *module);

/* ---- consoles and firmware framebuffers (console.c) ---- */

/* By number, NULL: not registered now. */
SimConsole *sim_console_find(const SimMachine *machine, guint number);
gboolean sim_console_draws(const SimConsole *console);
void sim_console_bind(SimMachine *machine, SimConsole *console, gboolean bind);
/* The function on whose framebuffer a bound console draws, NULL: none, or a firmware one. */
SimFunction *sim_console_function(const SimMachine *machine);
void sim_consoles_follow(SimMachine *machine);
SimFramebuffer *sim_framebuffer_find(const SimMachine *machine, const char *device);

/* ---- units (unit.c) ---- */

/* By id or alias, NULL: not found. */
SimUnit *sim_unit_find(const SimMachine *machine, const char *name);
const char *sim_unit_active(const SimUnit *unit);
void sim_unit_begin_stop(SimMachine *machine, SimUnit *unit);
void sim_unit_begin_start(SimMachine *machine, SimUnit *unit);
/* Event: its job ends. */
void sim_unit_job_ends(SimMachine *machine, gpointer unit);
/* One of its processes ended by itself. */
void sim_unit_lost_process(SimMachine *machine, SimUnit *unit);

/* ---- users, sessions, processes (session.c, process.c) ---- */

/* NULL: there is none. */
SimUser *sim_user_find(const SimMachine *machine, gint64 uid);
SimUnit *sim_user_manager(const SimMachine *machine, gint64 uid);
/* Event: logind stops the user's manager. */
void sim_user_stops(SimMachine *machine, gpointer user);
SimSession *sim_session_find(const SimMachine *machine, const char *id);
void sim_session_end(SimMachine *machine, SimSession *session, gboolean terminate);
/* Event: the time its processes had is over. */
void sim_session_closes(SimMachine *machine, gpointer session);
void sim_session_open(SimMachine *machine, SimSession *session);
/* Those that waited for their last process are closed; those that never come back are removed. */
void sim_sessions_follow(SimMachine *machine);

/* NULL: no process of that number runs. */
SimProcess *sim_process_find(const SimMachine *machine, gint64 pid);
/* Starts a process that does not run. */
void sim_process_start(SimMachine *machine, SimProcess *process);
/* A new one that runs. */
SimProcess *sim_process_new(SimMachine *machine, const char *command, gint64 uid);
/* It is told to end, or killed with its unit or session. */
void sim_process_stop(SimMachine *machine, SimProcess *process);
/* Event: it ends by itself. */
void sim_process_ends(SimMachine *machine, gpointer process);
/* Those that have ended and belong to no unit or session are removed. */
void sim_processes_forget(SimMachine *machine);

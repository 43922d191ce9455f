// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A simulated machine behind the operations of host/host.h. It behaves: drivers bind and unbind,
 * modules have holders and counts, units have jobs, processes hold nodes, an unbind of an open
 * sound or NVIDIA function hangs. Its time is its own: waiting costs nothing.
 */
#pragma once

#include "host/host.h"

/* A machine from a snapshot (JSON text, schema in sim/snapshot.h). NULL with the place of the
 * problem for a snapshot that is none. */
VhHost *vh_sim_new(const char *snapshot, GError **error);

/* A machine equal to @host as it is now, with no fault armed and nothing done yet. A hundred times
 * faster than a snapshot. */
VhHost *vh_sim_copy(VhHost *host);
/* The same through bytes, for another process of this very program. NULL when they are none. */
GBytes *vh_sim_pack(VhHost *host);
VhHost *vh_sim_unpack(GBytes *bytes, GError **error);

/* From now on the machine is the one in the file @path, for all processes that share it at once; it
 * is put there when nothing is there yet. Its time is real. Only what the operations do is shared.
 */
gboolean vh_sim_share(VhHost *host, const char *path, GError **error);

/* What can happen to the operation number k (counting from 1 all operations that act). */
typedef enum {
    VH_SIM_NONE,
    VH_SIM_FAIL, /* it fails with VH_ERROR_FAILED and does nothing */
    VH_SIM_HANG, /* it never comes back: VH_ERROR_TIMEOUT at its deadline, clock moved there */
    VH_SIM_DIE_BEFORE, /* the engine's process ends right before it */
    VH_SIM_DIE_AFTER   /* … right after it */
} VhSimFault;

/* Arms a fault at operation @number (0: none). Dying is done by calling @die (which must not
 * return; tests longjmp or _exit), NULL: abort(). */
void vh_sim_set_fault(VhHost *host, guint number, VhSimFault fault, void (*die)(gpointer),
                      gpointer data);
/* One more, for what follows the first. */
void vh_sim_set_second_fault(VhHost *host, guint number, VhSimFault fault);
/* The same by name: the fault hits every act whose trace line (see vh_sim_trace) has this text. */
void vh_sim_set_fault_at(VhHost *host, const char *text, VhSimFault fault);
/* The error code of VH_SIM_FAIL from now on (VH_ERROR_FAILED at the beginning). */
void vh_sim_set_fault_code(VhHost *host, VhError code);
/* Calls @watcher with the trace line of each act right before it, so that a test can have something
 * happen in that moment. NULL: no longer. */
void vh_sim_watch(VhHost *host, void (*watcher)(gpointer data, const char *line), gpointer data);
/* Operations that acted since the start or the last reset of the count. */
guint vh_sim_operations(VhHost *host);
void vh_sim_reset_operations(VhHost *host);
/* What was done, one line per operation that acted: "pci_unbind 0000:01:00.0", borrowed. */
GPtrArray *vh_sim_trace(VhHost *host);

/* What was said on terminals (char *), borrowed. */
GPtrArray *vh_sim_said(VhHost *host);

/* The machine's state, without clock and trace, as text with one fact per line, sorted: two
 * machines are equal when these are. The caller owns it. */
char *vh_sim_state(VhHost *host);
/* The machine as a snapshot again (JSON). */
char *vh_sim_snapshot(VhHost *host);

/* The kernel comes back from everything that hangs, without having done it. */
void vh_sim_let_go(VhHost *host);

/* Things that happen to a machine by themselves. FALSE when there is no such thing. */
gboolean vh_sim_device_remove(VhHost *host, const char *address);
gboolean vh_sim_process_end(VhHost *host, pid_t pid);
/* A process with @node open, in system unit @unit (NULL: none); returns its pid. */
pid_t vh_sim_process_add(VhHost *host, const char *command, uid_t uid, const char *unit,
                         const char *node);
/* A program to be run at @path; @unsafe: others than root can write it. */
void vh_sim_program_add(VhHost *host, const char *path, gboolean unsafe);
void vh_sim_set_guest_running(VhHost *host, const char *guest, gboolean running);
/* The process that "calls" us: what vh_host_parent returns. (0,0) ends it; one that runs takes its
 * place; any other is the daemon that was there, started again with that number and time. */
void vh_sim_set_parent(VhHost *host, VhProcess parent);
/* So many huge pages of the pool of that name are in use; FALSE when there is no such pool. */
gboolean vh_sim_use_pages(VhHost *host, const char *pool, guint64 pages);
/* It is started anew: what is known of the last boot is of another. */
void vh_sim_set_boot(VhHost *host, const char *boot_id);
void vh_sim_set_stopping(VhHost *host, gboolean stopping);
/* Whether systemd and logind can be asked. */
void vh_sim_set_bus(VhHost *host, gboolean bus);
void vh_sim_set_interrupted(VhHost *host, gboolean interrupted);

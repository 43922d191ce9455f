// SPDX-License-Identifier: GPL-2.0-or-later
/* A process that dies on a simulated host, which lives on. */
#pragma once

#include "sim/sim.h"

/* What is done; FALSE with an error when it failed. */
typedef gboolean (*VhSimRun)(gpointer data, GError **error);

/* Where it dies: right before each act with @step in its trace line, or as @fault says at act
 * @number, counted as by vh_sim_set_fault. */
typedef struct {
    const char *step; /* NULL: none */
    guint number;
    VhSimFault fault;
} VhSimDeath;

/*
 * Runs @run in a process of its own, which kills itself (SIGKILL) as @death says, and puts the
 * simulated host as it left it in the place of *@host (the old one is freed); what else was armed
 * or traced on that host is forgotten. Returns what @run did; *@ret_died tells whether it was
 * killed. VH_ERROR_INTERRUPTED: the process ended otherwise, and *@host is as before.
 */
gboolean vh_sim_mortal(VhHost **host, const VhSimDeath *death, VhSimRun run, gpointer data,
                       gboolean *ret_died, GError **error);

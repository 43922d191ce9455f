// SPDX-License-Identifier: GPL-2.0-or-later
/* A process that dies on a simulated host, which lives on. */
#pragma once

#include "sim/sim.h"

/* What is done; FALSE with an error when it failed. */
typedef gboolean (*MortalRun)(gpointer data, GError **error);

/*
 * Runs @run in a child that is killed right before the first act with @step in its trace line, and
 * puts the simulated host as it left it in the place of *@host (the old one is freed). Returns what
 * @run did; *@ret_died tells whether it was killed.
 */
gboolean mortal_run(VhHost **host, const char *step, MortalRun run, gpointer data,
                    gboolean *ret_died, GError **error);

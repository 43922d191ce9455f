// SPDX-License-Identifier: GPL-2.0-or-later
/* What ends on this host when a guest takes its devices. */
#pragma once

#include "engine/plan.h"

typedef struct {
    gboolean blocks;     /* the start fails because of it */
    const char *verdict; /* "takes", "ends", "is stopped", "is terminated", "waits", "blocks", … */
    char *text;          /* who, and of what */
} VhGoer;

/* The devices, the sessions and the processes that have a node of them open, as the plan deals with
 * them (VhGoer). @config may be NULL. */
GPtrArray *vh_departure_look(VhHost *host, const VhPlan *plan, const VhConfig *config);

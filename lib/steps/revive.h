// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Help for a function that a guest had and that does not come back to its driver: it is removed
 * from the bus and found again, which makes the kernel set it up anew. The policy is @args'
 * "reset": "auto", "keep", "rescan" or "rtcwake" (missing: "keep").
 */
#pragma once

#include "steps/step.h"

/* Whether to do it before a driver is tried: it is asked for, or the function is dead. */
gboolean vh_revive_first(VhHost *host, GVariant *args, const char *address);
/* Whether to do it when a driver did not take it, also where the kernel has a reset, which may not
 * have brought it back; and whether a function that is not there may have been removed by us. */
gboolean vh_revive_can(GVariant *args);

/* Does it, and waits until the function is there again. Nothing may be bound to it that waits. */
gboolean vh_revive(const VhStepContext *context, const char *address, GError **error);
/* The second half of it, when the first was done already. */
gboolean vh_revive_find(const VhStepContext *context, const char *address, GError **error);

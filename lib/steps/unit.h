// SPDX-License-Identifier: GPL-2.0-or-later
/* What steps that stop units share. */
#pragma once

#include "steps/step.h"

/* Whether it runs, or is about to. */
gboolean vh_step_unit_runs(const VhUnit *unit);
/* Whether the unit of that name is up, and not only on its way. */
gboolean vh_step_unit_is_up(VhHost *host, const char *name);
/* Of the guest's instance of the unit that keeps the host awake, to be freed. */
char *vh_step_awake_unit(const char *uuid);
/* Starts a unit that was stopped, unless it runs already or the host is shutting down. */
gboolean vh_step_unit_again(const VhStepContext *context, const char *unit, GError **error);
/* The same for a unit in a user's manager { uid, user, unit }, unless that manager { pid, start }
 * is another one by now. */
gboolean vh_step_user_unit_again(const VhStepContext *context, GVariant *args, GVariant *prior,
                                 GError **error);

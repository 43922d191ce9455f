// SPDX-License-Identifier: GPL-2.0-or-later
/* An unbind would hang in the kernel for as long as somebody has the device open. */
#pragma once

#include "steps/step.h"

/*
 * Takes the function from its driver, as soon as nobody has a node of it open that this would wait
 * for. Nobody had when the holders were waited for; but a sound server that its socket starts again
 * has come since. No act is between the look and the unbind, so that whoever still gets in between
 * has only that long to; then the unbind is waited for until its deadline. Both errors name who has
 * one open: VH_ERROR_BUSY (undoing: VH_ERROR_TIMEOUT) when nothing was begun, with what to do about
 * it, or else the unbind's own.
 */
gboolean vh_last_look_unbind(const VhStepContext *context, const char *address, GError **error);

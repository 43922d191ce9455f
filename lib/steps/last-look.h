// SPDX-License-Identifier: GPL-2.0-or-later
/* Right before an unbind that would hang in the kernel for as long as somebody has the device open.
 */
#pragma once

#include "steps/step.h"

/*
 * Waits until nobody has a node of the function open that unbinding would wait for. Nobody had when
 * the holders were waited for; but a sound server that its socket starts again has come since.
 * Returns these nodes (VhNode), which the caller owns: an unbind that hangs has hidden them. NULL
 * with an error that names who has one open.
 */
GPtrArray *vh_last_look(const VhStepContext *context, const char *address, GError **error);
/* When @error says that the kernel did not come back: puts in front of it who has one of @nodes
 * open. */
void vh_last_look_name(VhHost *host, GPtrArray *nodes, GError **error);

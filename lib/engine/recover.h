// SPDX-License-Identifier: GPL-2.0-or-later
/* Journals that nobody will release any more. */
#pragma once

#include "engine/engine.h"

/*
 * Replays every journal whose release will never be called: the daemon that called is gone and the
 * guest has no QEMU process; or it was prepared by hand and that was cut short; or release was
 * called and could not wait for the lock, or did not get everything back. A running guest,
 * one between its preparation and its QEMU (the daemon lives), and one that was prepared by hand
 * are left alone. Goes on past failures, and looks again for those that were left to it meanwhile;
 * each is tried once. *@ret_replayed counts those that were begun; FALSE with
 * the first error when one is stuck.
 */
gboolean vh_recover_all(const VhEngine *engine, guint *ret_replayed, GError **error);

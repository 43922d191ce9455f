// SPDX-License-Identifier: GPL-2.0-or-later
/* The part of lib/base/confined.c that speaks to the kernel. */
#pragma once

#include <glib.h>

/*
 * Gives up, for this process and for good: every capability, the way to new ones, core dumps, and
 * every system call that is not on a short list. FALSE when the kernel has no such filter; then the
 * rest is done all the same.
 */
gboolean vh_confined_enter(void);

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Work on what others wrote, in a child that can do nothing but compute and answer. It has no file
 * descriptor but the one for its answer, no capability, and never gets one; the kernel refuses it
 * every system call but those for memory, for that answer and for its end. What a fault of a parser
 * could be abused for ends there, and a parser that crashes or never ends takes nobody with it.
 */
#pragma once

#include <glib.h>

/* Returns a{sv}, or NULL with an error of our domain. It may allocate memory and no more. */
typedef GVariant *(*VhConfinedWork)(gconstpointer data, GError **error);

/*
 * From now on vh_confined() uses a child, for so long at most. Programs call it first of all; until
 * then the work is done in this process, where tests and fuzzers see what it does.
 */
void vh_confined_begin(gint64 microseconds);

/*
 * Does @work, and returns its a{sv} (no floating reference) or its error. When the child does not
 * come back with either, the error begins with @what: VH_ERROR_TIMEOUT after the time above,
 * VH_ERROR_FAILED when it crashed or its answer makes no sense. A kernel without seccomp is no
 * error: the child then has no capabilities, no descriptors, and that is all.
 */
GVariant *vh_confined(const char *what, VhConfinedWork work, gconstpointer data, GError **error);

// SPDX-License-Identifier: GPL-2.0-or-later
/* File descriptors, beyond one system call. */
#pragma once

#include <glib.h>

/* Closes every file descriptor from @first on. For a child, right after its fork. */
void vh_close_from(int first);

/* Writes all of @length bytes; FALSE with errno when it could not. */
gboolean vh_write_all(int fd, const void *data, gsize length);

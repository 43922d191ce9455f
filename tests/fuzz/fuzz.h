// SPDX-License-Identifier: GPL-2.0-or-later
/* What a fuzz target is: a function that is given any bytes and must come back. */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Always returns 0. What should never be is an abort (g_assert). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* @data with a NUL behind it; the caller owns it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    return g_strndup((const char *)data, size);
}

/* A critical message of GLib is a mistake of ours that only luck keeps from being a crash. */
static inline void fuzz_log(const char *domain, GLogLevelFlags level, const char *message,
                            gpointer data)
{
    g_log_default_handler(domain, level, message, data);
    if (level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING))
        abort();
}

__attribute__((constructor)) static void fuzz_set_up(void)
{
    g_log_set_default_handler(fuzz_log, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one error domain. A function that can fail takes GError ** last, leaves it untouched on
 * success, and says in its message which thing, why, and what to do next. Callers add a prefix
 * (g_prefix_error), so that a message reads from the outside in; the first error wins.
 */
#pragma once

#include <glib.h>

#define VH_ERROR (vh_error_quark())

typedef enum {
    VH_ERROR_FAILED,      /* none of the others */
    VH_ERROR_USAGE,       /* the command line is wrong */
    VH_ERROR_CONFIG,      /* the per-VM file is wrong; the message has one line per problem */
    VH_ERROR_DOMAIN,      /* the domain XML is wrong */
    VH_ERROR_REFUSED,     /* planning found a reason not to begin; nothing was touched */
    VH_ERROR_UNSUPPORTED, /* known, but this version or this host cannot do it */
    VH_ERROR_GONE,        /* the device, unit, module or process is not (or no longer) there */
    VH_ERROR_BUSY,        /* in use now; trying again may help */
    VH_ERROR_DENIED,      /* no permission */
    VH_ERROR_TIMEOUT,     /* the deadline passed, or the kernel did not come back from an act */
    VH_ERROR_JOURNAL,     /* the journal of a guest cannot be read or written */
    VH_ERROR_INTERRUPTED, /* asked to end (SIGTERM), or the daemon that called us is gone */
} VhError;

GQuark vh_error_quark(void);

/* Predicates, so that callers ask a question instead of comparing codes. NULL is never true. */
gboolean vh_error_is_gone(const GError *error);
gboolean vh_error_is_busy(const GError *error);
gboolean vh_error_is_timeout(const GError *error);

/*
 * Sets @error from an errno value: ENOENT, ENODEV, ENXIO and ESRCH become GONE, EBUSY and EAGAIN
 * BUSY, EACCES and EPERM DENIED, ETIMEDOUT TIMEOUT, anything else FAILED. The text is
 * "FORMATTED: strerror". Always returns FALSE, so that a failing line is one line.
 */
gboolean vh_error_set_errno(GError **error, int errnum, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Sets @error to @code with the formatted message; always returns FALSE. */
gboolean vh_error_set(GError **error, VhError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* What these always return, which an analyser of one file at a time has no way to know. */
#ifdef __clang_analyzer__
#define vh_error_set(...) (vh_error_set(__VA_ARGS__), FALSE)
#define vh_error_set_errno(...) (vh_error_set_errno(__VA_ARGS__), FALSE)
#endif

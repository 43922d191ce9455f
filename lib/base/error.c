// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/error.h"

#include <errno.h>

#undef vh_error_set
#undef vh_error_set_errno

G_DEFINE_QUARK(vh - error, vh_error)

gboolean vh_error_is_gone(const GError *error)
{
    return g_error_matches(error, VH_ERROR, VH_ERROR_GONE);
}

gboolean vh_error_is_busy(const GError *error)
{
    return g_error_matches(error, VH_ERROR, VH_ERROR_BUSY);
}

gboolean vh_error_is_timeout(const GError *error)
{
    return g_error_matches(error, VH_ERROR, VH_ERROR_TIMEOUT);
}

static VhError code_of_errno(int errnum)
{
    static const struct {
        int errnum;
        VhError code;
    } table[] = {
        {ENOENT, VH_ERROR_GONE},       {ENODEV, VH_ERROR_GONE},  {ENXIO, VH_ERROR_GONE},
        {ESRCH, VH_ERROR_GONE},        {EBUSY, VH_ERROR_BUSY},   {EAGAIN, VH_ERROR_BUSY},
        {EACCES, VH_ERROR_DENIED},     {EPERM, VH_ERROR_DENIED}, {EROFS, VH_ERROR_DENIED},
        {ETIMEDOUT, VH_ERROR_TIMEOUT},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (table[i].errnum == errnum)
            return table[i].code;
    return VH_ERROR_FAILED;
}

gboolean vh_error_set_errno(GError **error, int errnum, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, VH_ERROR, (gint)code_of_errno(errnum), "%s: %s", text, g_strerror(errnum));
    return FALSE;
}

gboolean vh_error_set(GError **error, VhError code, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, VH_ERROR, (gint)code, text);
    return FALSE;
}

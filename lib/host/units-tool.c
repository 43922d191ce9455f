// SPDX-License-Identifier: GPL-2.0-or-later
/* Service managers that are asked through a program of theirs. */
#include <string.h>

#include "base/error.h"
#include "host/services.h"

#define SUFFIX ".service"
/* How long between two looks at a service that is asked to change: the first, and the longest. */
#define PAUSE_FIRST (20 * G_TIME_SPAN_MILLISECOND)
#define PAUSE_LONGEST (250 * G_TIME_SPAN_MILLISECOND)
/* What is up for so long has started. */
#define STEADY (1 * G_USEC_PER_SEC)

char *vh_service_name(const char *unit)
{
    gsize length = strlen(unit);

    if (g_str_has_suffix(unit, SUFFIX))
        length -= strlen(SUFFIX);
    g_autofree char *name = g_strndup(unit, length);
    /* What begins so would be an option or a path to the program. */
    gboolean good = vh_name_is_plain(name) && *name != '-' && *name != '.';
    return good ? g_steal_pointer(&name) : NULL;
}

VhUnit *vh_service_unit(const char *unit, const char *name, const char *active)
{
    VhUnit *found = g_new0(VhUnit, 1);

    found->id = g_strdup(name ? name : unit);
    found->load = g_strdup(name ? "loaded" : "not-found");
    found->active = g_strdup(name ? active : "inactive");
    return found;
}

char *vh_service_path(VhReal *real, const char *const *paths)
{
    for (; *paths; paths++) {
        g_autofree char *path = vh_real_path(real, "%s", *paths);
        if (vh_file_exists(path))
            return g_steal_pointer(&path);
    }
    return NULL;
}

gboolean vh_service_ask(VhReal *real, const char *const *argv, gint64 deadline, int *ret_status,
                        char **ret_output, GError **error)
{
    const VhCommand command = {.argv = argv};
    const VhRunManner manner = {.ret_status = ret_status, .quiet = TRUE};
    g_autoptr(GBytes) output = NULL;

    if (!vh_program_run(real, &command, &manner, deadline, &output, error))
        return FALSE;
    if (ret_output)
        *ret_output = g_strndup(g_bytes_get_data(output, NULL), g_bytes_get_size(output));
    return TRUE;
}

gboolean vh_service_halt(VhReal *real, const char *const *argv, gint64 deadline, GError **error)
{
    const VhCommand command = {.argv = argv};
    const VhRunManner manner = {.quiet = TRUE, .sturdy = TRUE};

    return vh_program_run(real, &command, &manner, deadline, NULL, error);
}

gboolean vh_service_launch(VhReal *real, const char *const *argv, gint64 deadline, GError **error)
{
    const VhCommand command = {.argv = argv};
    const VhRunManner manner = {.silent = TRUE, .leave = TRUE};

    return vh_program_run(real, &command, &manner, deadline, NULL, error);
}

gboolean vh_service_stays(VhReal *real, const VhServices *services, const char *unit,
                          gint64 deadline, GError **error)
{
    gint64 left = deadline - g_get_monotonic_time();

    if (left < STEADY)
        return TRUE;
    vh_host_wait(&real->host, NULL, STEADY);
    g_autoptr(VhUnit) now = services->look(real, unit, error);
    if (!now || g_str_equal(now->active, "active") || g_str_equal(now->active, "activating"))
        return now != NULL;
    g_autofree char *see = vh_service_command(services->manager, "status", now->id);
    return vh_error_set(error, VH_ERROR_FAILED, "it ended at once, and is %s (see: %s)",
                        now->active, see);
}

gboolean vh_service_await(VhReal *real, const VhServices *services, const char *unit,
                          const char *active, gint64 deadline, GError **error)
{
    for (gint64 pause = PAUSE_FIRST;; pause = MIN(pause * 2, PAUSE_LONGEST)) {
        g_autoptr(VhUnit) now = services->look(real, unit, error);
        if (!now)
            return FALSE;
        if (g_str_equal(now->active, active))
            return TRUE;
        gint64 left = deadline - g_get_monotonic_time();
        if (left <= 0) {
            g_autofree char *see = vh_service_command(services->manager, "status", now->id);
            return vh_error_set(error, VH_ERROR_TIMEOUT,
                                "it is %s still, and not %s in time (see: %s)", now->active, active,
                                see);
        }
        vh_host_wait(&real->host, NULL, MIN(pause, left));
    }
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* OpenRC's services, by rc-service(8). */
#include "base/error.h"
#include "host/services.h"

static char *tool(VhReal *real, GError **error)
{
    static const char *const paths[] = {"/sbin/rc-service", "/usr/sbin/rc-service",
                                        "/usr/bin/rc-service", NULL};
    char *path = vh_service_path(real, paths);

    if (!path)
        vh_error_set(error, VH_ERROR_UNSUPPORTED,
                     "OpenRC runs this host, but its program rc-service is not there");
    return path;
}

/* rc-service NAME VERB; *@ret_status 1 also when there is no such service. */
static gboolean ask(VhReal *real, const char *name, const char *verb, gint64 deadline,
                    int *ret_status, GError **error)
{
    g_autofree char *path = tool(real, error);
    const char *const argv[] = {path, name, verb, NULL};

    return path && vh_service_ask(real, argv, deadline, ret_status, NULL, error);
}

static gboolean exists(VhReal *real, const char *name, gboolean *ret_exists, GError **error)
{
    g_autofree char *path = tool(real, error);
    const char *const argv[] = {path, "--exists", name, NULL};
    int status = 1;

    if (!path ||
        !vh_service_ask(real, argv, g_get_monotonic_time() + VH_ASK_LIMIT, &status, NULL, error))
        return FALSE;
    *ret_exists = status == 0;
    return TRUE;
}

/* The exit status of "status" (sh/openrc-run.sh, _status()); a script may have its own. */
static const char *state_of(int status)
{
    static const struct {
        int status;
        const char *active;
    } states[] = {{0, "active"},      {4, "deactivating"}, {8, "activating"},
                  {16, "activating"}, {32, "failed"},      {3, "inactive"}};

    for (gsize i = 0; i < G_N_ELEMENTS(states); i++)
        if (states[i].status == status)
            return states[i].active;
    return "inactive";
}

static VhUnit *look(VhReal *real, const char *unit, GError **error)
{
    g_autofree char *name = vh_service_name(unit);
    gboolean there = FALSE;
    int status = 0;

    if (!name)
        return vh_service_unit(unit, NULL, NULL);
    if (!exists(real, name, &there, error) ||
        (there &&
         !ask(real, name, "status", g_get_monotonic_time() + VH_ASK_LIMIT, &status, error))) {
        g_prefix_error(error, "look at service %s: ", name);
        return NULL;
    }
    return vh_service_unit(unit, there ? name : NULL, state_of(status));
}

static gboolean no_service(const char *verb, const char *unit, GError **error)
{
    return vh_error_set(error, VH_ERROR_GONE, "%s %s: there is no such service", verb, unit);
}

/* Takes @cause. */
static gboolean failed(const char *verb, const char *name, GError *cause, GError **error)
{
    vh_error_set(error, (VhError)cause->code, "%s %s: %s (see: rc-service %s status)", verb, name,
                 cause->message, name);
    g_error_free(cause);
    return FALSE;
}

static gboolean stop(VhReal *real, const char *unit, gint64 deadline, GError **error)
{
    g_autofree char *name = vh_service_name(unit);
    GError *cause = NULL;

    if (!name)
        return no_service("stop", unit, error);
    return ask(real, name, "stop", deadline, NULL, &cause) || failed("stop", name, cause, error);
}

/* What starts something, or is not waited for. */
static gboolean launch(VhReal *real, const char *unit, const char *verb, gint64 deadline,
                       GError **error)
{
    g_autofree char *name = vh_service_name(unit);
    GError *cause = NULL;

    if (!name)
        return no_service(verb, unit, error);
    g_autofree char *path = tool(real, &cause);
    const char *const argv[] = {path, name, verb, NULL};
    return (path && vh_service_launch(real, argv, deadline, &cause)) ||
           failed(verb, name, cause, error);
}

static gboolean start(VhReal *real, const char *unit, gint64 deadline, GError **error)
{
    return launch(real, unit, "start", deadline, error);
}

static gboolean ask_stop(VhReal *real, const char *unit, GError **error)
{
    return launch(real, unit, "stop", VH_NO_WAIT, error);
}

/* Where services are being stopped for another runlevel, one that is started would be in its way.
 */
static gboolean stopping(VhReal *real)
{
    static const char *const last[] = {"shutdown", "reboot", NULL};
    g_autofree char *mark = vh_real_path(real, "/run/openrc/rc.stopping");
    g_autofree char *path = vh_real_path(real, "/run/openrc/softlevel");
    g_autofree char *level = vh_file_attribute(path);

    return vh_file_exists(mark) || (level && g_strv_contains(last, level));
}

static gboolean here(VhReal *real)
{
    g_autofree char *path = vh_real_path(real, "/run/openrc");

    return vh_file_exists(path);
}

const VhServices vh_services_openrc = {
    .manager = &vh_manager_openrc,
    .here = here,
    .look = look,
    .stop = stop,
    .start = start,
    .ask_stop = ask_stop,
    .stopping = stopping,
};

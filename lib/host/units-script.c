// SPDX-License-Identifier: GPL-2.0-or-later
/* Services that are scripts, told by "PROGRAM NAME VERB": OpenRC's by rc-service(8), sysvinit's by
 * service(8). */
#include <utmpx.h>

#include "base/error.h"
#include "host/services.h"

/* What has been started is seen to run until then. */
#define COME_LIMIT (5 * G_USEC_PER_SEC)
/* A change that is under way ends until then. */
#define SETTLE_LIMIT (10 * G_USEC_PER_SEC)
#define SETTLE_PAUSE (100 * G_TIME_SPAN_MILLISECOND)

typedef struct {
    int status; /* exit status of "status" */
    const char *active;
} State;

typedef struct {
    const VhServices *services;
    const char *const *paths; /* of the manager's tool */
    gboolean (*exists)(VhReal *real, const char *name, gboolean *ret_exists, GError **error);
    const State *states; /* up to "inactive", which all others are too */
    gboolean look_after; /* a script may report success and have done nothing */
    gboolean settles;    /* it tells of changes that are under way, and refuses others meanwhile */
} Manager;

static const Manager openrc, sysvinit;

static gboolean openrc_here(VhReal *real)
{
    g_autofree char *path = vh_real_path(real, "/run/openrc");

    return vh_file_exists(path);
}

static const Manager *manager_of(VhReal *real)
{
    return openrc_here(real) ? &openrc : &sysvinit;
}

/* ---- asking ---- */

static char *tool(VhReal *real, GError **error)
{
    const Manager *manager = manager_of(real);
    char *path = vh_service_path(real, manager->paths);

    if (!path)
        vh_error_set(error, VH_ERROR_UNSUPPORTED,
                     "%s runs this host, but its program %s is not there",
                     manager->services->manager->name, manager->services->manager->tool);
    return path;
}

/* PROGRAM NAME VERB; *@ret_status 1 also when there is no such service. */
static gboolean ask(VhReal *real, const char *name, const char *verb, gint64 deadline,
                    int *ret_status, GError **error)
{
    g_autofree char *path = tool(real, error);
    const char *const argv[] = {path, name, verb, NULL};

    return path && vh_service_ask(real, argv, deadline, ret_status, NULL, error);
}

static const char *state_of(const Manager *manager, int status)
{
    const State *state = manager->states;

    while (state->active && state->status != status)
        state++;
    return state->active ? state->active : "inactive";
}

static VhUnit *look(VhReal *real, const char *unit, GError **error)
{
    const Manager *manager = manager_of(real);
    g_autofree char *name = vh_service_name(unit);
    gboolean there = FALSE;
    int status = 0;

    if (!name)
        return vh_service_unit(unit, NULL, NULL);
    if (!manager->exists(real, name, &there, error) ||
        (there &&
         !ask(real, name, "status", g_get_monotonic_time() + VH_ASK_LIMIT, &status, error))) {
        g_prefix_error(error, "look at service %s: ", name);
        return NULL;
    }
    return vh_service_unit(unit, there ? name : NULL, state_of(manager, status));
}

/* ---- acting ---- */

static gboolean no_service(const char *verb, const char *unit, GError **error)
{
    return vh_error_set(error, VH_ERROR_GONE, "%s %s: there is no such service", verb, unit);
}

/* Takes @cause. */
static gboolean failed(VhReal *real, const char *verb, const char *name, GError *cause,
                       GError **error)
{
    g_autofree char *see = vh_service_command(manager_of(real)->services->manager, "status", name);

    vh_error_set(error, (VhError)cause->code, "%s %s: %s (see: %s)", verb, name, cause->message,
                 see);
    g_error_free(cause);
    return FALSE;
}

static void settle(VhReal *real, const char *name, gint64 deadline)
{
    gint64 limit = MIN(deadline, g_get_monotonic_time() + SETTLE_LIMIT);

    while (manager_of(real)->settles && g_get_monotonic_time() < limit) {
        g_autoptr(VhUnit) now = look(real, name, NULL);
        if (!now || !g_str_has_suffix(now->active, "activating")) /* and "deactivating" */
            return;
        vh_host_wait(&real->host, NULL, SETTLE_PAUSE);
    }
}

static gboolean came(VhReal *real, const char *unit, const char *verb, gint64 deadline,
                     GError **error)
{
    const Manager *manager = manager_of(real);
    gboolean starts = g_str_equal(verb, "start");
    gint64 limit = starts ? MIN(deadline, g_get_monotonic_time() + COME_LIMIT) : deadline;

    if ((!manager->look_after || vh_service_await(real, manager->services, unit,
                                                  starts ? "active" : "inactive", limit, error)) &&
        (!starts || vh_service_stays(real, manager->services, unit, deadline, error)))
        return TRUE;
    g_prefix_error(error, "%s %s: ", verb, unit);
    return FALSE;
}

static gboolean stop(VhReal *real, const char *unit, gint64 deadline, GError **error)
{
    g_autofree char *name = vh_service_name(unit);
    GError *cause = NULL;

    if (!name)
        return no_service("stop", unit, error);
    settle(real, name, deadline);
    g_autofree char *path = tool(real, &cause);
    const char *const argv[] = {path, name, "stop", NULL};
    if (!path || !vh_service_halt(real, argv, deadline, &cause))
        return failed(real, "stop", name, cause, error);
    return came(real, name, "stop", deadline, error);
}

static gboolean start(VhReal *real, const char *unit, gint64 deadline, GError **error)
{
    g_autofree char *name = vh_service_name(unit);
    GError *cause = NULL;

    if (!name)
        return no_service("start", unit, error);
    settle(real, name, deadline);
    g_autofree char *path = tool(real, &cause);
    const char *const argv[] = {path, name, "start", NULL};
    if (!path || !vh_service_launch(real, argv, deadline, &cause))
        return failed(real, "start", name, cause, error);
    return came(real, name, "start", deadline, error);
}

/* ---- OpenRC ---- */

static gboolean openrc_exists(VhReal *real, const char *name, gboolean *ret_exists, GError **error)
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

/* Where services are being stopped for another runlevel, one that is started would be in its way.
 */
static gboolean openrc_stopping(VhReal *real)
{
    static const char *const last[] = {"shutdown", "reboot", NULL};
    g_autofree char *mark = vh_real_path(real, "/run/openrc/rc.stopping");
    g_autofree char *path = vh_real_path(real, "/run/openrc/softlevel");
    g_autofree char *level = vh_file_attribute(path);

    return vh_file_exists(mark) || (level && g_strv_contains(last, level));
}

static const char *const openrc_paths[] = {"/sbin/rc-service", "/usr/sbin/rc-service",
                                           "/usr/bin/rc-service", NULL};
/* sh/openrc-run.sh, _status(); a script may have its own. */
static const State openrc_states[] = {{0, "active"},      {4, "deactivating"}, {8, "activating"},
                                      {16, "activating"}, {32, "failed"},      {0, NULL}};

static const Manager openrc = {
    .services = &vh_services_openrc,
    .paths = openrc_paths,
    .exists = openrc_exists,
    .states = openrc_states,
    .settles = TRUE,
};

const VhServices vh_services_openrc = {
    .manager = &vh_manager_openrc,
    .here = openrc_here,
    .look = look,
    .stop = stop,
    .start = start,
    .stopping = openrc_stopping,
};

/* ---- sysvinit ---- */

static gboolean sysvinit_exists(VhReal *real, const char *name, gboolean *ret_exists,
                                GError **error)
{
    g_autofree char *path = vh_real_path(real, "/etc/init.d/%s", name);

    *ret_exists = vh_file_exists(path);
    return TRUE;
}

/* The run level is in utmp, the one before it in the second byte (utmp(5)). */
static gboolean sysvinit_stopping(VhReal *real)
{
    g_autofree char *path = vh_real_path(real, "/run/utmp");
    const struct utmpx wanted = {.ut_type = RUN_LVL};

    (void)utmpxname(path);
    setutxent();
    const struct utmpx *found = getutxid(&wanted);
    int level = found ? found->ut_pid % 256 : 0;
    endutxent();
    return level == '0' || level == '6';
}

/* The pipe that init listens on, telinit(8); systemd, which has one too, was asked for before. */
static gboolean sysvinit_here(VhReal *real)
{
    static const char *const pipes[] = {"/run/initctl", "/dev/initctl", NULL};
    g_autofree char *listens = vh_service_path(real, pipes);
    g_autofree char *scripts = vh_real_path(real, "/etc/init.d");

    return listens && vh_file_exists(scripts);
}

static const char *const sysvinit_paths[] = {"/usr/sbin/service", "/sbin/service",
                                             "/usr/bin/service", NULL};
/* The Linux Standard Base's: 1 and 2 are dead with traces left, 3 is not running. */
static const State sysvinit_states[] = {{0, "active"}, {0, NULL}};

static const Manager sysvinit = {
    .services = &vh_services_sysvinit,
    .paths = sysvinit_paths,
    .exists = sysvinit_exists,
    .states = sysvinit_states,
    .look_after = TRUE,
};

const VhServices vh_services_sysvinit = {
    .manager = &vh_manager_sysvinit,
    .here = sysvinit_here,
    .look = look,
    .stop = stop,
    .start = start,
    .stopping = sysvinit_stopping,
};

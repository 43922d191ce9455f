// SPDX-License-Identifier: GPL-2.0-or-later
/* systemd's units and jobs (org.freedesktop.systemd1(5)). */
#include "host/services.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_slot, sd_bus_slot_unref)

#define CANCEL_LIMIT G_USEC_PER_SEC

/* ---- looking ---- */

/* A job that is queued has not changed the unit yet: while the host boots, the display manager may
 * still wait for its turn, and what was told to stop may wait for what stops before it. */
static const char *state_with_job(const char *active, const char *job)
{
    static const struct {
        const char *job, *active, *state;
    } table[] = {
        {"start", "inactive", "activating"},
        {"stop", "active", "deactivating"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (g_str_equal(table[i].job, job) && g_str_equal(table[i].active, active))
            return table[i].state;
    return active;
}

static VhUnit *look(VhReal *real, const char *name, GError **error)
{
    const char *id, *load, *active, *job;
    g_autoptr(sd_bus_message) reply = NULL;

    if (!vh_bus_call(real, vh_bus_ask_deadline(real), &vh_bus_systemd, "ListUnitsByNames", &reply,
                     error, "as", 1, name)) {
        g_prefix_error(error, "look at unit %s: ", name);
        return NULL;
    }
    int r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
    if (r > 0)
        r = sd_bus_message_read(reply, "(ssssssouso)", &id, NULL, &load, &active, NULL, NULL, NULL,
                                NULL, &job, NULL);
    if (r <= 0) {
        /* systemd leaves out what cannot be a unit's name. */
        if (r == 0)
            vh_error_set(error, VH_ERROR_FAILED, "\"%s\" is no name of a unit", name);
        else
            vh_bus_bad_reply(error, "ListUnitsByNames", r);
        return NULL;
    }
    VhUnit *unit = g_new0(VhUnit, 1);
    unit->id = g_strdup(id);
    unit->load = g_strdup(load);
    unit->active = g_strdup(state_with_job(active, job));
    return unit;
}

static gboolean stopping(VhReal *real)
{
    static const VhBusObject properties = {"org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                           "org.freedesktop.DBus.Properties"};
    g_autoptr(sd_bus_message) reply = NULL;
    const char *state = NULL;

    return vh_bus_call(real, vh_bus_ask_deadline(real), &properties, "Get", &reply, NULL, "ss",
                       "org.freedesktop.systemd1.Manager", "SystemState") &&
           sd_bus_message_read(reply, "v", "s", &state) > 0 && strcmp(state, "stopping") == 0;
}

/* ---- jobs ---- */

/* Why a job did not do what it was for; NULL: it did. As systemctl judges
 * (src/shared/bus-wait-for-jobs.c). */
static const struct {
    const char *result, *problem;
} results[] = {
    {"done", NULL},
    {"skipped", NULL},
    {"canceled", "the job was cancelled, perhaps for a newer one"},
    {"collected", "the job was dropped"},
    {"timeout", "the job ran into its timeout"},
    {"failed", "the job failed"},
    {"dependency", "a unit that it depends on failed"},
    {"invalid", "the unit does not know this job"},
    {"assert", "an assertion of the unit did not hold"},
    {"unsupported", "units of this type are not supported here"},
    {"once", "the unit can be started only once"},
    {"frozen", "the unit is frozen"},
    {"concurrency", "its slice runs as many units as it may"},
};

static gboolean judge(const char *result, const char *verb, const char *name, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(results); i++) {
        if (strcmp(results[i].result, result) != 0)
            continue;
        return !results[i].problem ||
               vh_error_set(error, VH_ERROR_FAILED, "%s %s: %s (see systemctl status %s)", verb,
                            name, results[i].problem, name);
    }
    return vh_error_set(error, VH_ERROR_FAILED, "%s %s: systemd says \"%s\" of the job", verb, name,
                        result);
}

/* JobRemoved(id, job, unit, result): kept by job, since it may come before the answer that tells
 * which job is ours. */
static int on_job_removed(sd_bus_message *message, void *data, sd_bus_error *error)
{
    GHashTable *ended = data;
    const char *job, *result;

    if (sd_bus_message_read(message, "uoss", NULL, &job, NULL, &result) >= 0)
        g_hash_table_insert(ended, g_strdup(job), g_strdup(result));
    return 0;
}

/*
 * Whoever queues a job is told of its end without being a subscriber (systemd's
 * src/core/dbus-job.c, bus_job_track_sender()). Subscribe() would have systemd send each change of
 * every unit over the bus, and while a desktop ends these are so many that it ends a good deal
 * later.
 */
static gboolean listen_for_end(VhReal *real, gint64 deadline, GHashTable *ended,
                               sd_bus_slot **ret_slot, GError **error)
{
    sd_bus *bus = vh_bus_get(real, deadline, error);

    if (!bus)
        return FALSE;
    /* A peer without a bus between has no name to be matched. */
    const char *sender = sd_bus_is_bus_client(bus) > 0 ? vh_bus_systemd.destination : NULL;
    /* Nobody waits for the answer: when the bus refuses, sd-bus ends the connection. */
    int r = sd_bus_match_signal_async(bus, ret_slot, sender, vh_bus_systemd.path,
                                      vh_bus_systemd.interface, "JobRemoved", on_job_removed, NULL,
                                      ended);
    return r >= 0 || vh_error_set_errno(error, -r, "listen for the end of systemd's jobs");
}

/* The result of @job, NULL and a negative errno when it did not come. */
static const char *await(sd_bus *bus, GHashTable *ended, const char *job, gint64 deadline, int *ret)
{
    for (;;) {
        const char *result = g_hash_table_lookup(ended, job);
        if (result)
            return result;
        *ret = sd_bus_process(bus, NULL);
        if (*ret < 0)
            return NULL;
        if (*ret > 0)
            continue;
        gint64 left = deadline - g_get_monotonic_time();
        *ret = left > 0 ? sd_bus_wait(bus, (guint64)left) : -ETIMEDOUT;
        if (*ret < 0 && *ret != -EINTR)
            return NULL;
    }
}

/* Its verb, for people, and the method that queues it. */
static const struct {
    const char *verb, *method;
} jobs[] = {
    [VH_JOB_STOP] = {"stop", "StopUnit"},
    [VH_JOB_START] = {"start", "StartUnit"},
};

static gboolean gave_up(VhReal *real, const char *path, VhJob job, const char *name, int r,
                        GError **error)
{
    VhBusObject object = {vh_bus_systemd.destination, path, "org.freedesktop.systemd1.Job"};
    gboolean starts = job == VH_JOB_START;
    const char *verb = jobs[job].verb;

    if (r != -ETIMEDOUT)
        return vh_error_set(error, VH_ERROR_FAILED,
                            "%s %s: the connection to the system bus broke before the job ended "
                            "(%s)",
                            verb, name, g_strerror(-r));
    /* A unit that is slow to come up may come up yet, and it is wanted: a desktop above all. */
    if (!starts)
        (void)vh_bus_call(real, g_get_monotonic_time() + CANCEL_LIMIT, &object, "Cancel", NULL,
                          NULL, "");
    return vh_error_set(error, VH_ERROR_TIMEOUT,
                        "%s %s: the job did not end in time and %s (see systemctl status %s)", verb,
                        name, starts ? "goes on" : "was cancelled", name);
}

/* Its object's path. */
static char *queue(VhReal *real, VhJob job, const char *name, gint64 deadline, GError **error)
{
    g_autoptr(sd_bus_message) reply = NULL;
    const char *method = jobs[job].method, *path;

    /* A unit that was started too often lately is refused a start (systemd.unit(5),
     * StartLimitBurst=), and ours comes and goes with its VM. */
    if (job == VH_JOB_START)
        vh_bus_post(real, deadline, &vh_bus_systemd, "ResetFailedUnit", "s", name);
    if (!vh_bus_call(real, deadline, &vh_bus_systemd, method, &reply, error, "ss", name, "replace"))
        return NULL;
    int r = sd_bus_message_read(reply, "o", &path);
    if (r > 0)
        return g_strdup(path);
    vh_bus_bad_reply(error, method, r);
    return NULL;
}

static gboolean run_job(VhReal *real, VhJob job, const char *name, gint64 deadline, GError **error)
{
    g_autoptr(GHashTable) ended = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(sd_bus_slot) slot = NULL;
    const char *verb = jobs[job].verb;
    int r = 0;

    /* First the ear, then the question: a job may be over before its number is told. */
    g_autofree char *path = listen_for_end(real, deadline, ended, &slot, error)
                                ? queue(real, job, name, deadline, error)
                                : NULL;
    if (!path) {
        g_prefix_error(error, "%s %s: ", verb, name);
        return FALSE;
    }
    /* Not real->bus: it may be a new connection by now, where nobody tells of this job. */
    const char *result = await(sd_bus_slot_get_bus(slot), ended, path, deadline, &r);
    return result ? judge(result, verb, name, error) : gave_up(real, path, job, name, r, error);
}

static gboolean stop(VhReal *real, const char *name, gint64 deadline, GError **error)
{
    return run_job(real, VH_JOB_STOP, name, deadline, error);
}

static gboolean start(VhReal *real, const char *name, gint64 deadline, GError **error)
{
    return run_job(real, VH_JOB_START, name, deadline, error);
}

/*
 * The stop of a user's manager is queued behind those of the user's sessions, and a process that
 * minds no SIGTERM keeps a session for its TimeoutStopSec (90 s). Told itself, the manager ends
 * what it runs at once (systemd(1), SIGTERM).
 */
static void tell_manager(VhReal *real, const char *name)
{
    if (g_str_has_prefix(name, "user@"))
        (void)vh_bus_call(real, vh_bus_ask_deadline(real), &vh_bus_systemd, "KillUnit", NULL, NULL,
                          "ssi", name, "main", SIGTERM);
}

static gboolean ask(VhReal *real, VhJob job, const char *name, GError **error)
{
    g_autofree char *path = queue(real, job, name, vh_bus_ask_deadline(real), error);

    if (!path) {
        g_prefix_error(error, "%s %s: ", jobs[job].verb, name);
        return FALSE;
    }
    if (job == VH_JOB_STOP)
        tell_manager(real, name);
    return TRUE;
}

/* As sd_booted(3), below our root. */
static gboolean here(VhReal *real)
{
    g_autofree char *path = vh_real_path(real, "/run/systemd/system");

    return vh_file_exists(path);
}

const VhServices vh_services_systemd = {
    .manager = &vh_manager_systemd,
    .here = here,
    .look = look,
    .stop = stop,
    .start = start,
    .ask = ask,
    .stopping = stopping,
};

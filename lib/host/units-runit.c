// SPDX-License-Identifier: GPL-2.0-or-later
/* runit's services, by sv(8). */
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "host/services.h"

/* Where the supervised services are: Artix, Void, Debian. */
static const char *const directories[] = {"/run/runit/service", "/var/service", "/etc/service",
                                          NULL};
static const char *const tools[] = {"/usr/bin/sv", "/bin/sv", "/sbin/sv", "/usr/sbin/sv", NULL};

/* The service's directory; NULL: there is none of that name. */
static char *directory_of(VhReal *real, const char *name)
{
    for (gsize i = 0; directories[i]; i++) {
        g_autofree char *path = vh_real_path(real, "%s/%s", directories[i], name);
        struct stat st;
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            return g_steal_pointer(&path);
    }
    return NULL;
}

/* sv VERB DIRECTORY. It exits with 1 when nobody supervises the service, and says so. */
static char *sv(VhReal *real, const char *verb, const char *directory, gint64 deadline,
                GError **error)
{
    g_autofree char *tool = vh_service_path(real, tools);
    const char *const argv[] = {tool, verb, directory, NULL};
    char *output = NULL;
    int status;

    if (!tool)
        vh_error_set(error, VH_ERROR_UNSUPPORTED,
                     "runit runs this host, but its program sv is not there");
    else if (vh_service_ask(real, argv, deadline, &status, &output, error))
        return output;
    return NULL;
}

/*
 * From what "sv status" says: "run: DIR: (pid 812) 5s, normally down, want down; run: log: …",
 * "down: DIR: 1s, normally up, want up", "finish: DIR: (pid 812) 5s", "fail: DIR: …",
 * "warning: DIR: …" (src/sv.c, svstatus_print).
 */
static const char *state_of(const char *text)
{
    g_autofree char *own = g_strndup(text, strcspn(text, ";\n"));

    if (g_str_has_prefix(own, "run:"))
        return strstr(own, ", want down") ? "deactivating" : "active";
    if (g_str_has_prefix(own, "finish:"))
        return "deactivating";
    return strstr(own, ", want up") ? "activating" : "inactive";
}

static VhUnit *look(VhReal *real, const char *unit, GError **error)
{
    g_autofree char *name = vh_service_name(unit);
    g_autofree char *directory = name ? directory_of(real, name) : NULL;

    if (!directory)
        return vh_service_unit(unit, NULL, NULL);
    g_autofree char *text =
        sv(real, "status", directory, g_get_monotonic_time() + VH_ASK_LIMIT, error);
    if (text)
        return vh_service_unit(unit, name, state_of(text));
    g_prefix_error(error, "look at service %s: ", name);
    return NULL;
}

/* sv up or sv down, which do not wait. */
static gboolean ask(VhReal *real, const char *unit, const char *verb, gint64 deadline,
                    GError **error)
{
    g_autofree char *name = vh_service_name(unit);
    g_autofree char *directory = name ? directory_of(real, name) : NULL;
    g_autofree char *text = NULL;

    if (!directory)
        return vh_error_set(error, VH_ERROR_GONE, "%s: there is no such service", unit);
    text = sv(real, verb, directory, deadline, error);
    if (text && *text)
        return vh_error_set(error, VH_ERROR_FAILED, "%s", g_strchomp(text));
    return text != NULL;
}

static gboolean change(VhReal *real, const char *unit, const char *verb, const char *active,
                       gint64 deadline, GError **error)
{
    if (ask(real, unit, verb, deadline, error) &&
        vh_service_await(real, &vh_services_runit, unit, active, deadline, error))
        return TRUE;
    g_prefix_error(error, "sv %s %s: ", verb, unit);
    return FALSE;
}

static gboolean stop(VhReal *real, const char *unit, gint64 deadline, GError **error)
{
    return change(real, unit, "down", "inactive", deadline, error);
}

static gboolean start(VhReal *real, const char *unit, gint64 deadline, GError **error)
{
    if (!change(real, unit, "up", "active", deadline, error))
        return FALSE;
    if (vh_service_stays(real, &vh_services_runit, unit, deadline, error))
        return TRUE;
    g_prefix_error(error, "sv up %s: ", unit);
    return FALSE;
}

/* Told to end: a file that is executable then (runit-init(8)). */
static gboolean stopping(VhReal *real)
{
    static const char *const marks[] = {"/run/runit/stopit", "/run/runit.stopit",
                                        "/etc/runit/stopit"};

    for (gsize i = 0; i < G_N_ELEMENTS(marks); i++) {
        g_autofree char *path = vh_real_path(real, "%s", marks[i]);
        struct stat st;
        if (stat(path, &st) == 0 && (st.st_mode & S_IXUSR))
            return TRUE;
    }
    return FALSE;
}

static gboolean here(VhReal *real)
{
    g_autofree char *directory = vh_service_path(real, directories);
    g_autofree char *tool = vh_service_path(real, tools);

    return directory && tool;
}

const VhServices vh_services_runit = {
    .manager = &vh_manager_runit,
    .here = here,
    .look = look,
    .stop = stop,
    .start = start,
    .stopping = stopping,
};

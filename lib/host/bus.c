// SPDX-License-Identifier: GPL-2.0-or-later
/* The system bus, with every wait bounded. */
#include "host/real-private.h"

#include <errno.h>

#include "base/error.h"

/* A service that answers at all answers at once; systemd may be busy with a reload for a while. */
#define CONNECT_LIMIT (5 * G_USEC_PER_SEC)
#define ASK_LIMIT (10 * G_USEC_PER_SEC)
#define MUTE_LIMIT (G_USEC_PER_SEC / 2)

const VhBusObject vh_bus_systemd = {"org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                    "org.freedesktop.systemd1.Manager"};
const VhBusObject vh_bus_logind = {"org.freedesktop.login1", "/org/freedesktop/login1",
                                   "org.freedesktop.login1.Manager"};

void vh_real_use_bus(VhHost *host, sd_bus *bus)
{
    VhReal *real = (VhReal *)host;

    sd_bus_close_unref(real->bus);
    real->bus = bus;
}

/* sd_bus_open_system() would do, but for the root. */
static int open_bus(VhReal *real, sd_bus **ret_bus)
{
    g_autofree char *path = real->bus_socket ? g_strdup(real->bus_socket)
                                             : vh_real_path(real, "/run/dbus/system_bus_socket");
    g_autofree char *escaped = g_uri_escape_string(path, "/", FALSE);
    g_autofree char *address = g_strconcat("unix:path=", escaped, NULL);
    sd_bus *bus = NULL;
    int r = sd_bus_new(&bus);

    if (r >= 0)
        r = sd_bus_set_address(bus, address);
    if (r >= 0)
        r = sd_bus_set_bus_client(bus, !real->bus_socket || real->user_bus);
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r >= 0)
        *ret_bus = bus;
    else
        sd_bus_unref(bus);
    return r;
}

/* Until the greeting of the bus has come; sd_bus_call() would wait for it without a bound. */
static int become_ready(sd_bus *bus, gint64 deadline)
{
    for (;;) {
        int r = sd_bus_is_ready(bus);
        if (r != 0)
            return r;
        r = sd_bus_process(bus, NULL);
        if (r < 0)
            return r;
        gint64 left = deadline - g_get_monotonic_time();
        if (r == 0 && left <= 0)
            return -ETIMEDOUT;
        if (r == 0)
            (void)sd_bus_wait(bus, (guint64)left);
    }
}

static void drop(VhReal *real)
{
    sd_bus_close_unref(real->bus);
    real->bus = NULL;
}

/* A host without a bus is another thing than a bus that is in trouble. */
static gboolean no_bus(const VhReal *real, GError **error, int result)
{
    VhError code = result == -ENOENT || result == -ECONNREFUSED ? VH_ERROR_UNSUPPORTED
                   : result == -ETIMEDOUT                       ? VH_ERROR_TIMEOUT
                                                                : VH_ERROR_FAILED;

    return vh_error_set(error, code, "cannot reach %s: %s",
                        real->bus_socket
                            ? real->bus_socket
                            : "the system bus, which systemd and logind are asked through",
                        g_strerror(-result));
}

gint64 vh_bus_ask_deadline(const VhReal *real)
{
    return g_get_monotonic_time() + (real->mute ? MUTE_LIMIT : ASK_LIMIT);
}

sd_bus *vh_bus_get(VhReal *real, gint64 deadline, GError **error)
{
    gint64 limit =
        MIN(deadline, g_get_monotonic_time() + (real->mute ? MUTE_LIMIT : CONNECT_LIMIT));
    int r = 0;

    /* Also after the bus was restarted. */
    if (real->bus && sd_bus_is_open(real->bus) <= 0)
        drop(real);
    if (!real->bus)
        r = open_bus(real, &real->bus);
    if (r >= 0)
        r = become_ready(real->bus, limit);
    if (r >= 0)
        return real->bus;
    real->mute = r == -ETIMEDOUT;
    if (real->bus)
        drop(real);
    no_bus(real, error, r);
    return NULL;
}

static VhError code_of_name(const char *name)
{
    static const struct {
        const char *name;
        VhError code;
    } table[] = {
        {"org.freedesktop.systemd1.NoSuchUnit", VH_ERROR_GONE},
        {"org.freedesktop.systemd1.LoadFailed", VH_ERROR_GONE},
        {"org.freedesktop.systemd1.NoSuchJob", VH_ERROR_GONE},
        {"org.freedesktop.login1.NoSuchSession", VH_ERROR_GONE},
        {"org.freedesktop.login1.NoSuchUser", VH_ERROR_GONE},
        {SD_BUS_ERROR_UNKNOWN_OBJECT, VH_ERROR_GONE},
        {SD_BUS_ERROR_SERVICE_UNKNOWN, VH_ERROR_UNSUPPORTED},
        {SD_BUS_ERROR_NAME_HAS_NO_OWNER, VH_ERROR_UNSUPPORTED},
        {SD_BUS_ERROR_UNKNOWN_METHOD, VH_ERROR_UNSUPPORTED},
        {SD_BUS_ERROR_ACCESS_DENIED, VH_ERROR_DENIED},
        {SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, VH_ERROR_DENIED},
        {SD_BUS_ERROR_NO_REPLY, VH_ERROR_TIMEOUT},
        {SD_BUS_ERROR_TIMEOUT, VH_ERROR_TIMEOUT},
        {"org.freedesktop.DBus.Error.TimedOut", VH_ERROR_TIMEOUT},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (g_strcmp0(table[i].name, name) == 0)
            return table[i].code;
    return VH_ERROR_FAILED;
}

static gboolean call_failed(GError **error, const char *member, const sd_bus_error *reply, int r)
{
    if (!sd_bus_error_is_set(reply))
        return vh_error_set_errno(error, -r, "%s over D-Bus", member);
    return vh_error_set(error, code_of_name(reply->name), "%s over D-Bus: %s", member,
                        reply->message ? reply->message : reply->name);
}

gboolean vh_bus_bad_reply(GError **error, const char *member, int result)
{
    return vh_error_set(error, VH_ERROR_FAILED, "%s over D-Bus: an unexpected answer (%s)", member,
                        result == 0 ? "it is too short" : g_strerror(ABS(result)));
}

gboolean vh_bus_call(VhReal *real, gint64 deadline, const VhBusObject *object, const char *member,
                     sd_bus_message **ret_reply, GError **error, const char *types, ...)
{
    sd_bus *bus = vh_bus_get(real, deadline, error);
    sd_bus_error reply = SD_BUS_ERROR_NULL;
    va_list args;

    if (!bus)
        return FALSE;
    gint64 left = deadline - g_get_monotonic_time();
    if (left <= 0)
        return vh_error_set(error, VH_ERROR_TIMEOUT, "%s over D-Bus: no time is left for it",
                            member);
    (void)sd_bus_set_method_call_timeout(bus, (guint64)left);
    va_start(args, types);
    int r = sd_bus_call_methodv(bus, object->destination, object->path, object->interface, member,
                                &reply, ret_reply, types, args);
    va_end(args);
    g_autoptr(GError) cause = NULL;
    if (r < 0)
        call_failed(&cause, member, &reply, r);
    sd_bus_error_free(&reply);
    real->mute = vh_error_is_timeout(cause);
    if (cause)
        g_propagate_error(error, g_steal_pointer(&cause));
    return r >= 0;
}

void vh_bus_post(VhReal *real, gint64 deadline, const VhBusObject *object, const char *member,
                 const char *types, ...)
{
    sd_bus *bus = vh_bus_get(real, deadline, NULL);
    sd_bus_message *call = NULL;
    va_list args;

    if (!bus || sd_bus_message_new_method_call(bus, &call, object->destination, object->path,
                                               object->interface, member) < 0)
        return;
    va_start(args, types);
    int r = sd_bus_message_appendv(call, types, args);
    va_end(args);
    if (r >= 0 && sd_bus_message_set_expect_reply(call, FALSE) >= 0)
        (void)sd_bus_send(bus, call, NULL);
    sd_bus_message_unref(call);
}

gboolean vh_bus_send(VhReal *real, gint64 deadline, sd_bus_message *call, GError **error)
{
    /* What the call has moves when it is sealed. */
    g_autofree char *member = g_strdup(sd_bus_message_get_member(call));
    sd_bus_error reply = SD_BUS_ERROR_NULL;
    gint64 left = deadline - g_get_monotonic_time();

    if (left <= 0)
        return vh_error_set(error, VH_ERROR_TIMEOUT, "%s over D-Bus: no time is left for it",
                            member);
    int r = sd_bus_call(real->bus, call, (guint64)left, &reply, NULL);
    if (r < 0)
        call_failed(error, member, &reply, r);
    sd_bus_error_free(&reply);
    return r >= 0;
}

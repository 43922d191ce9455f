// SPDX-License-Identifier: GPL-2.0-or-later
/* When a service was last reloaded (org.freedesktop.systemd1(5), property ExecReload). */
#include <signal.h>

#include "host/real-private.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)

#define ASK_LIMIT (10 * G_USEC_PER_SEC)

/* Each command: path, arguments, whether failure is ignored, then when it began and ended. */
#define COMMAND "(sasbttttuii)"

/* The latest end of one of the commands, in microseconds since 1970; those that failed changed
 * nothing. */
static guint64 last_end(sd_bus_message *reply)
{
    guint64 latest = 0, end;
    gint32 status, code;

    if (sd_bus_message_enter_container(reply, 'v', "a" COMMAND) <= 0 ||
        sd_bus_message_enter_container(reply, 'a', COMMAND) <= 0)
        return 0;
    while (sd_bus_message_enter_container(reply, 'r', "sasbttttuii") > 0) {
        if (sd_bus_message_skip(reply, "sasbtt") < 0 ||
            sd_bus_message_read(reply, "ttuii", &end, NULL, NULL, &code, &status) <= 0 ||
            sd_bus_message_exit_container(reply) < 0)
            return 0;
        if (code == CLD_EXITED && status == 0)
            latest = MAX(latest, end);
    }
    return latest;
}

gint64 vh_real_unit_reloaded(VhHost *host, const char *name)
{
    g_autofree char *path = NULL;
    g_autoptr(sd_bus_message) reply = NULL;

    if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", name, &path) < 0)
        return 0;
    const VhBusObject unit = {"org.freedesktop.systemd1", path, "org.freedesktop.DBus.Properties"};
    if (!vh_bus_call((VhReal *)host, g_get_monotonic_time() + ASK_LIMIT, &unit, "Get", &reply, NULL,
                     "ss", "org.freedesktop.systemd1.Service", "ExecReload"))
        return 0;
    return (gint64)(last_end(reply) / G_USEC_PER_SEC);
}

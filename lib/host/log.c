// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events to the systemd journal, in its native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). Not by sd_journal_sendv(): that waits without a
 * bound when journald is stopped and its socket full, and with us waits libvirtd.
 */
#include "host/log.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "host/real-private.h"

#define SOCKET "/run/systemd/journal/socket"
/* Where there is no journal: whatever syslog daemon the host has. */
#define SYSLOG "/dev/log"
/* A datagram of more is refused by the socket; sentences are short. */
#define FIELD_MAX ((gsize)16 * 1024)

static void put(GString *datagram, const char *name, const char *value)
{
    if (!value)
        return;
    gsize length = MIN(strlen(value), FIELD_MAX);
    g_string_append(datagram, name);
    if (memchr(value, '\n', length)) {
        guint64 size = GUINT64_TO_LE((guint64)length);
        g_string_append_c(datagram, '\n');
        g_string_append_len(datagram, (const char *)&size, sizeof size);
    } else {
        g_string_append_c(datagram, '=');
    }
    g_string_append_len(datagram, value, (gssize)length);
    g_string_append_c(datagram, '\n');
}

static void put_number(GString *datagram, const char *name, gint64 value)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, value);

    put(datagram, name, text);
}

static GString *compose(const VhEvent *event)
{
    GString *datagram = g_string_new(NULL);

    put(datagram, "SYSLOG_IDENTIFIER", "virt-handoff");
    put(datagram, "MESSAGE", event->text);
    put_number(datagram, "PRIORITY", CLAMP(event->priority, 0, 7));
    put(datagram, "MESSAGE_ID", vh_event_message_id(event->kind));
    put(datagram, "GUEST", event->guest);
    put(datagram, "UUID", event->uuid);
    put(datagram, "TRANSACTION", event->transaction);
    put(datagram, "OPERATION", event->operation);
    put(datagram, "STEP", event->step);
    put(datagram, "DEVICE", event->device);
    put(datagram, "ERROR", event->error);
    if (event->duration >= 0)
        put_number(datagram, "DURATION_USEC", event->duration);
    return datagram;
}

/* FALSE when nobody listens there. A log that is full does not keep us from the work. */
static gboolean send_to(const char *socket_path, const GString *datagram)
{
    static int fd = -1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (fd < 0)
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || strlen(socket_path) >= sizeof address.sun_path)
        return FALSE;
    memcpy(address.sun_path, socket_path, strlen(socket_path));
    return sendto(fd, datagram->str, datagram->len, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (const struct sockaddr *)&address, sizeof address) >= 0 ||
           (errno != ENOENT && errno != ECONNREFUSED);
}

gboolean vh_log_journal_at(const char *socket_path, const VhEvent *event)
{
    GString *datagram = compose(event);
    gboolean heard = send_to(socket_path, datagram);

    g_string_free(datagram, TRUE);
    return heard;
}

gboolean vh_log_syslog_at(const char *socket_path, const VhEvent *event)
{
    GString *datagram = g_string_new(NULL);

    /* Without time and host, as syslog(3) of a local program may be (RFC 3164, 4.3.3). */
    g_string_printf(datagram, "<%d>virt-handoff: %s%s%s", LOG_DAEMON | CLAMP(event->priority, 0, 7),
                    event->guest ? event->guest : "", event->guest ? ": " : "", event->text);
    gboolean heard = send_to(socket_path, datagram);
    g_string_free(datagram, TRUE);
    return heard;
}

void vh_log_journal(const VhEvent *event, gpointer data)
{
    if (!vh_log_journal_at(SOCKET, event))
        (void)vh_log_syslog_at(SYSLOG, event);
}

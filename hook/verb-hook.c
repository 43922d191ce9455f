// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the drop-in execs: hook GUEST OPERATION SUBOPERATION EXTRA, with the domain XML on stdin.
 * stdout stays empty but for what a user's script printed for migrate and restore; stderr gets one
 * line when the call failed.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "engine/call.h"
#include "hook/guard.h"
#include "hook/report.h"
#include "hook/verbs.h"
#include "host/log.h"

enum { MOST_XML = 4 * 1024 * 1024, READ_SECONDS = 10 };

/* One read; FALSE at the end, or when nothing comes for too long. What is over the limit is
 * drained, so that the XML is seen to be too large and libvirt gets no broken pipe. */
static gboolean read_some(GByteArray *xml, gint64 deadline)
{
    guint8 buffer[16 * 1024];
    struct pollfd poller = {.fd = STDIN_FILENO, .events = POLLIN};
    gint64 left = (deadline - g_get_monotonic_time()) / 1000;

    if (left <= 0 || poll(&poller, 1, (int)left) <= 0)
        return FALSE;
    gssize n = read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return TRUE;
    if (n <= 0)
        return FALSE;
    if (xml->len <= MOST_XML)
        g_byte_array_append(xml, buffer, (guint)n);
    return TRUE;
}

static GBytes *read_stdin(void)
{
    GByteArray *xml = g_byte_array_new();
    gint64 deadline = g_get_monotonic_time() + (gint64)READ_SECONDS * G_USEC_PER_SEC;

    while (read_some(xml, deadline))
        ;
    return g_byte_array_free_to_bytes(xml);
}

static int answer(gpointer data)
{
    const VhCall *call = data;
    VhEngine engine = vh_machine_engine(vh_log_journal, call->guest);
    g_autoptr(VhHost) host = engine.host;
    g_autoptr(GBytes) output = NULL;
    g_autoptr(GError) error = NULL;

    gboolean ok = vh_call_answer(&engine, call, &output, &error);
    if (ok && (!output || vh_report_bytes(output)))
        return VH_EXIT_OK;
    if (!vh_call_fails(call))
        return VH_EXIT_OK;
    if (error)
        vh_report_error(call->guest, error);
    return VH_EXIT_FAILED;
}

int vh_verb_hook(int argc, char **argv, const VhOptions *options)
{
    g_autoptr(GBytes) xml = read_stdin();
    VhCall call = {
        .guest = argv[0],
        .operation = argv[1],
        .suboperation = argv[2],
        .extra = argv[3],
        .xml = xml,
    };

    /* A preparation that is killed, libvirt takes for one that failed, and calls release. */
    if (g_str_equal(call.operation, "release"))
        return vh_guard(call.guest, answer, &call);
    return answer(&call);
}

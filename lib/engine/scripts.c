// SPDX-License-Identifier: GPL-2.0-or-later
/* The user's own scripts, in the layout of the VFIO-Tools hook helper. */
#include <syslog.h>

#include "base/text.h"
#include "engine/call-private.h"
#include "engine/plan.h"

static gboolean run_one(const VhTeller *teller, const VhCall *call, const char *path, GBytes *input,
                        gint64 deadline, GBytes **ret_output, GError **error)
{
    VhHost *host = teller->engine->host;
    const char *const argv[] = {path,        call->guest, call->operation, call->suboperation,
                                call->extra, NULL};
    const VhEvent about = {.guest = teller->guest,
                           .uuid = teller->uuid,
                           .transaction = teller->transaction,
                           .operation = teller->operation,
                           .step = "script",
                           .device = path};
    const VhCommand command = {.argv = argv, .input = input, .about = &about};
    gint64 begin = vh_host_now(host);

    if (!vh_host_run(host, &command, deadline, ret_output, error)) {
        g_prefix_error(error, "script %s: ", path);
        return FALSE;
    }
    vh_tell(teller, VH_EVENT_STEP, LOG_INFO, "script", path, vh_host_now(host) - begin, NULL,
            "ran %s", path);
    return TRUE;
}

gint64 vh_call_scripts_deadline(const VhTeller *teller)
{
    return vh_host_now(teller->engine->host) + (gint64)VH_SCRIPTS_SECONDS * G_USEC_PER_SEC;
}

gboolean vh_call_scripts(const VhTeller *teller, const VhCall *call, gint64 deadline,
                         GBytes **ret_output, GError **error)
{
    g_auto(GStrv) paths = vh_host_scripts(teller->engine->host, call->guest, call->operation,
                                          call->suboperation, error);
    g_autoptr(GBytes) input = call->xml ? g_bytes_ref(call->xml) : NULL;
    g_autoptr(GBytes) last = NULL;

    for (gsize i = 0; paths && paths[i]; i++) {
        g_autoptr(GBytes) output = NULL;
        if (!run_one(teller, call, paths[i], input, deadline, ret_output ? &output : NULL, error))
            return FALSE;
        if (!output || g_bytes_get_size(output) == 0)
            continue;
        g_clear_pointer(&input, g_bytes_unref);
        g_clear_pointer(&last, g_bytes_unref);
        input = g_bytes_ref(output);
        last = g_steal_pointer(&output);
    }
    if (ret_output)
        *ret_output = g_steal_pointer(&last);
    return paths != NULL;
}

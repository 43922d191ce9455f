// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/call.h"

#include <string.h>
#include <syslog.h>

#include "base/text.h"
#include "engine/call-private.h"

typedef gboolean (*Answer)(const VhTeller *, const VhCall *, GBytes **, GError **);

/* The user's scripts and commands; libvirt hears of the first failure. */
static gboolean run_own(const VhTeller *teller, const VhCall *call, GBytes **ret_output,
                        GError **error)
{
    gint64 deadline = vh_call_scripts_deadline(teller);

    return vh_call_scripts(teller, call, deadline, NULL, error) &&
           vh_call_commands(teller, call, deadline, error);
}

/* The same where nobody hears of it. */
static gboolean run_all_own(const VhTeller *teller, const VhCall *call, GBytes **ret_output,
                            GError **error)
{
    gint64 deadline = vh_call_scripts_deadline(teller);
    gboolean ok = vh_call_scripts(teller, call, deadline, NULL, error);

    vh_call_all_commands(teller, call, deadline);
    return ok;
}

/* Only scripts may change the XML: what commands print goes to the log. */
static gboolean filter(const VhTeller *teller, const VhCall *call, GBytes **ret_output,
                       GError **error)
{
    gint64 deadline = vh_call_scripts_deadline(teller);

    return vh_call_scripts(teller, call, deadline, ret_output, error) &&
           vh_call_commands(teller, call, deadline, error);
}

static gboolean started(const VhTeller *teller, const VhCall *call, GBytes **ret_output,
                        GError **error)
{
    vh_call_mark_started(teller, call);
    return run_own(teller, call, ret_output, error);
}

static gboolean prepare(const VhTeller *teller, const VhCall *call, GBytes **ret_output,
                        GError **error)
{
    return vh_call_prepare(teller, call, error);
}

static gboolean release(const VhTeller *teller, const VhCall *call, GBytes **ret_output,
                        GError **error)
{
    return vh_call_release(teller, call, error);
}

static gboolean reconnect(const VhTeller *teller, const VhCall *call, GBytes **ret_output,
                          GError **error)
{
    return vh_call_reconnect(teller, call, error);
}

/* The contract: whatever is not in here is none of our business and succeeds. */
static const struct {
    const char *operation, *suboperation;
    Answer answer;
    gboolean fails; /* a failure is told to libvirt */
} operations[] = {
    {"prepare", "begin", prepare, TRUE},      /* libvirt does not start the guest */
    {"start", "begin", run_own, TRUE},        /* … stops it, and calls release */
    {"started", "begin", started, TRUE},      /* … the same */
    {"stopped", "end", run_all_own, FALSE},   /* libvirt would only log it */
    {"attach", "begin", run_all_own, FALSE},  /* no libvirt since 5.5 calls it */
    {"release", "end", release, TRUE},        /* … logged, with our line */
    {"reconnect", "begin", reconnect, FALSE}, /* a failure would kill the running guest */
    {"migrate", "begin", filter, TRUE},       {"restore", "begin", filter, TRUE},
};

static gssize find_operation(const VhCall *call)
{
    for (gsize i = 0; i < G_N_ELEMENTS(operations); i++)
        if (g_strcmp0(call->operation, operations[i].operation) == 0 &&
            g_strcmp0(call->suboperation, operations[i].suboperation) == 0)
            return (gssize)i;
    return -1;
}

gboolean vh_call_fails(const VhCall *call)
{
    gssize i = find_operation(call);

    return i >= 0 && operations[i].fails;
}

gboolean vh_call_answer(const VhEngine *engine, const VhCall *call, GBytes **ret_output,
                        GError **error)
{
    gssize i = find_operation(call);
    g_autofree char *guest = vh_text_one_line(call->guest);
    VhTeller teller = {.engine = engine, .guest = guest, .operation = call->operation};

    *ret_output = NULL;
    if (i >= 0)
        return operations[i].answer(&teller, call, ret_output, error);
    vh_tell(&teller, VH_EVENT_NOTE, LOG_DEBUG, NULL, NULL, -1, NULL,
            "operation %s %s: nothing to do", call->operation, call->suboperation);
    return TRUE;
}

VhDomain *vh_call_domain(const VhCall *call, GError **error)
{
    gsize length = 0;
    const char *xml = call->xml ? g_bytes_get_data(call->xml, &length) : NULL;

    if (length == 0) {
        vh_error_set(error, VH_ERROR_DOMAIN, "libvirt passed no domain XML on stdin");
        return NULL;
    }
    return vh_domain_parse(xml, length, error);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does nothing on the way out. On the way back, while the devices are still on vfio and nobody has
 * them, the host sleeps for a moment, which takes the power from a card that no reset helps. Only
 * on request (reset = "rtcwake").
 */
#include "base/json.h"
#include "steps/step.h"

enum { SECONDS = 5 };

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    *ret_prior = g_variant_new("a{sv}", NULL);
    return TRUE;
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    return TRUE;
}

static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    g_auto(GStrv) addresses = vh_json_strings(args, "addresses");

    if (vh_host_stopping(context->host)) {
        vh_step_note(context, "the host is shutting down and is not suspended");
        return TRUE;
    }
    for (char **address = addresses; *address; address++)
        if (!vh_step_wait_free(context, *address, error))
            return FALSE;
    return vh_host_suspend(context->host, SECONDS, context->act_deadline, error);
}

static char *describe(GVariant *args)
{
    return g_strdup("remember to suspend the host");
}

static char *describe_undo(GVariant *args)
{
    return g_strdup_printf("suspend the host to RAM for %d s, to reset the card", SECONDS);
}

const VhStepKind vh_step_suspend = {
    .name = "suspend",
    .title = "suspend to RAM",
    .undo_grade = VH_UNDO_PARTIAL,
    .look = look,
    .apply = apply,
    .undo = undo,
    .describe = describe,
    .describe_undo = describe_undo,
};

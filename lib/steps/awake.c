// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host does not sleep while the guest has its devices: a passed card does not survive that. The
 * inhibitor lives in a unit of its own (conf/virt-handoff-awake@.service), one instance for each
 * guest, as it has to outlive the hook.
 */
#include "base/json.h"
#include "steps/unit.h"

char *vh_step_awake_unit(const char *uuid)
{
    return g_strdup_printf("virt-handoff-awake@%s.service", uuid);
}

static const char *unit_of(GVariant *args)
{
    return vh_json_string(args, "unit", "");
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    g_autoptr(VhUnit) unit = vh_host_unit_look(context->host, unit_of(args), error);

    if (!unit)
        return FALSE;
    if (g_strcmp0(unit->active, "active") != 0)
        *ret_prior = g_variant_new_parsed("{'active': <false>}");
    return TRUE;
}

static gboolean ask(const VhStepContext *context, GVariant *args)
{
    return vh_host_unit_ask(context->host, VH_JOB_START, unit_of(args), NULL);
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    if (vh_host_unit_start(context->host, unit_of(args), context->act_deadline, error))
        return TRUE;
    g_prefix_error(error, "cannot keep the host awake (sleep = \"allow\" does without): ");
    return FALSE;
}

/* Nothing waits for the end of it. */
static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (vh_host_unit_ask(context->host, VH_JOB_STOP, unit_of(args), &cause) ||
        (vh_error_is_gone(cause) && !vh_step_unit_is_up(context->host, unit_of(args))))
        return TRUE;
    g_propagate_prefixed_error(error, g_steal_pointer(&cause), "the host is still kept awake: ");
    return FALSE;
}

static char *describe(GVariant *args)
{
    return g_strdup("keep the host awake");
}

static char *describe_undo(GVariant *args)
{
    return g_strdup("let the host sleep again");
}

const VhStepKind vh_step_awake = {
    .name = "awake",
    .title = "sleep inhibitor",
    .undo_grade = VH_UNDO_FULL,
    .look = look,
    .ask = ask,
    .aside = TRUE,
    .apply = apply,
    .undo = undo,
    .describe = describe,
    .describe_undo = describe_undo,
};

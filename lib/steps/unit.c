// SPDX-License-Identifier: GPL-2.0-or-later
/* A system unit, above all the display manager, is stopped and started again. */
#include "steps/unit.h"

#include "base/json.h"
#include "steps/holding.h"

gboolean vh_step_unit_runs(const VhUnit *unit)
{
    static const char *const states[] = {"active", "activating", "reloading", NULL};

    return unit->active && g_strv_contains(states, unit->active);
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    g_autoptr(VhUnit) unit =
        vh_host_unit_look(context->host, vh_json_string(args, "unit", ""), error);

    if (!unit)
        return FALSE;
    if (vh_step_unit_runs(unit))
        *ret_prior = g_variant_new_parsed("{'active': <true>}");
    return TRUE;
}

static gboolean ask(const VhStepContext *context, GVariant *args)
{
    return vh_host_unit_ask(context->host, VH_JOB_STOP, vh_json_string(args, "unit", ""), NULL);
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    const char *unit = vh_json_string(args, "unit", "");

    g_autoptr(GError) cause = NULL;

    /* What comes after it needs time as well. */
    if (vh_host_unit_stop(context->host, unit, context->deadline, &cause))
        return TRUE;
    return vh_error_set(error, (VhError)cause->code, "cannot stop %s: %s%s", unit, cause->message,
                        vh_error_is_timeout(cause)
                            ? "; a longer timeout in the guest's file gives it more time"
                            : "");
}

static gboolean is_up(const VhUnit *unit)
{
    return unit && g_strcmp0(unit->active, "active") == 0;
}

gboolean vh_step_unit_is_up(VhHost *host, const char *name)
{
    g_autoptr(VhUnit) unit = vh_host_unit_look(host, name, NULL);

    return is_up(unit);
}

/* Whether a unit that is up stays so. A stop that failed, or whose engine was killed, may end it
 * yet, and scripts tell one that is ending from one that runs in no way. */
static gboolean stays_up(const VhStepContext *context, const char *name)
{
    enum { LONGEST = 10 * G_USEC_PER_SEC, PAUSE = 250 * 1000 };
    VhHost *host = context->host;
    gint64 now = vh_host_now(host);
    gint64 until = now + MIN(LONGEST, (context->act_deadline - now) / 2);

    while (vh_host_service_manager(host)->scripts && vh_host_now(host) < until) {
        vh_host_wait(host, NULL, PAUSE);
        if (!vh_step_unit_is_up(host, name))
            return FALSE;
    }
    return TRUE;
}

/*
 * Whether it is a display manager without any session, which somebody started while its card was
 * away: some (SDDM) stay up without a screen, and do not look for one again when the card is back.
 */
static gboolean shows_nothing(VhHost *host, const char *unit)
{
    g_autofree char *manager = vh_holding_manager(host);
    g_autoptr(GPtrArray) sessions =
        g_strcmp0(manager, unit) == 0 && !vh_host_service_manager(host)->scripts
            ? vh_host_sessions(host, NULL)
            : NULL;

    for (guint i = 0; sessions && i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (g_strcmp0(session->state, "closing") != 0 &&
            (g_strcmp0(session->unit, unit) == 0 || vh_holding_ends_with(session, unit)))
            return FALSE;
    }
    return sessions != NULL;
}

gboolean vh_step_unit_again(const VhStepContext *context, const char *unit, GError **error)
{
    /* Starting a unit would conflict with the shutdown's own transaction. */
    if (vh_host_stopping(context->host)) {
        vh_step_note(context, "%s stays down: the host is shutting down", unit);
        return TRUE;
    }
    g_autoptr(VhUnit) now = vh_host_unit_look(context->host, unit, NULL);
    if (is_up(now) && stays_up(context, unit)) {
        if (!shows_nothing(context->host, unit))
            return TRUE;
        vh_step_note(context, "%s runs already and shows nothing: it is started anew", unit);
        if (!vh_host_unit_stop(context->host, unit, context->act_deadline, error)) {
            g_prefix_error(error, "cannot start %s anew: ", unit);
            return FALSE;
        }
    }
    /* systemd forgets a unit that a program made (systemd-run) when it stops. */
    if (now && g_strcmp0(now->load, "not-found") == 0) {
        vh_step_note(context, "%s is gone and cannot be started again", unit);
        return TRUE;
    }
    if (vh_host_unit_start(context->host, unit, context->act_deadline, error))
        return TRUE;
    g_prefix_error(error, "cannot start %s: ", unit);
    return FALSE;
}

static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    return vh_step_unit_again(context, vh_json_string(args, "unit", ""), error);
}

static char *describe(GVariant *args)
{
    return g_strdup_printf("stop %s", vh_json_string(args, "unit", "?"));
}

static char *describe_undo(GVariant *args)
{
    return g_strdup_printf("start %s", vh_json_string(args, "unit", "?"));
}

const VhStepKind vh_step_unit = {
    .name = "unit",
    .title = "units",
    .undo_grade = VH_UNDO_FULL,
    .shared = TRUE,
    .look = look,
    .ask = ask,
    .apply = apply,
    .undo = undo,
    .describe = describe,
    .describe_undo = describe_undo,
};

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The graphical sessions of the display's seat have ended. Stopping the display manager ends those
 * it began; one begun from a text console (startx, sway) ends only by its user, or by logind when
 * the policy is "terminate". They do not come back by themselves: there is nothing to undo.
 */
#include "base/json.h"
#include "steps/holding.h"
#include "steps/step.h"

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    g_autoptr(GPtrArray) sessions = vh_holding_desktops(context->host, args, error);

    if (!sessions)
        return FALSE;
    if (sessions->len > 0)
        *ret_prior = g_variant_new("a{sv}", NULL);
    return TRUE;
}

static gboolean terminate_all(VhHost *host, GPtrArray *sessions, GError **error)
{
    for (guint i = 0; i < sessions->len; i++) {
        VhSession *session = sessions->pdata[i];
        g_autoptr(GError) cause = NULL;
        if (!vh_host_session_terminate(host, session->id, &cause) && !vh_error_is_gone(cause)) {
            g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                                       "cannot end session %s of %s: ", session->id, session->user);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean still_there(const VhSession *session, GError **error)
{
    return vh_error_set(error, VH_ERROR_TIMEOUT,
                        "%s is still logged in on %s (session %s, %s): log out first, or set "
                        "sessions = \"terminate\" in the guest's file",
                        session->user, session->seat, session->id,
                        session->desktop && *session->desktop ? session->desktop : session->type);
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    gboolean terminate = g_str_equal(vh_json_string(args, "policy", "wait"), "terminate");
    gint64 pause = 0;

    for (;;) {
        g_autoptr(GPtrArray) sessions = vh_holding_desktops(context->host, args, error);
        if (!sessions)
            return FALSE;
        if (sessions->len == 0)
            return TRUE;
        if (terminate && pause == 0 && !terminate_all(context->host, sessions, error))
            return FALSE;
        g_autoptr(GError) cause = NULL;
        if (vh_step_pause(context, NULL, &pause, &cause))
            continue;
        if (vh_error_is_timeout(cause))
            return still_there(sessions->pdata[0], error);
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
}

static char *describe(GVariant *args)
{
    const char *seat = vh_json_string(args, "seat", "?");

    if (g_str_equal(vh_json_string(args, "policy", "wait"), "terminate"))
        return g_strdup_printf("end the graphical sessions on %s", seat);
    return g_strdup_printf("wait for the graphical sessions on %s to end", seat);
}

const VhStepKind vh_step_sessions = {
    .name = "sessions",
    .title = "graphical sessions",
    .undo_grade = VH_UNDO_NONE,
    .look = look,
    .apply = apply,
    .describe = describe,
};

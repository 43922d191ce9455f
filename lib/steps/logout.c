// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The desktops of the display's seat are asked to log out by their own interfaces, so that programs
 * can save what they have, and get half of the time that is left for it. One that cannot be asked,
 * or does not end, is no failure: what comes after ends it, or waits for it. Sessions do not come
 * back by themselves: there is nothing to undo.
 */
#include "base/json.h"
#include "base/text.h"
#include "steps/holding.h"
#include "steps/step.h"

/* Those that somebody is logged in to: a greeter has nothing to save. */
static GPtrArray *desktops(VhHost *host, GVariant *args, GError **error)
{
    GPtrArray *sessions = vh_holding_desktops(host, args, error);

    for (guint i = sessions ? sessions->len : 0; i > 0; i--)
        if (g_strcmp0(((VhSession *)sessions->pdata[i - 1])->class, "greeter") == 0)
            g_ptr_array_remove_index(sessions, i - 1);
    return sessions;
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    g_autoptr(GPtrArray) sessions = desktops(context->host, args, error);

    if (!sessions)
        return FALSE;
    if (sessions->len > 0)
        *ret_prior = g_variant_new("a{sv}", NULL);
    return TRUE;
}

static char *name_of(const VhSession *session)
{
    g_autofree char *desktop = vh_text_one_line(session->desktop ? session->desktop : "");

    return g_strdup_printf("session %s of %s (%s)", session->id, session->user,
                           *desktop ? desktop : session->type);
}

/* The ids of those that were asked: one that did not answer may do it all the same. */
static GPtrArray *ask(const VhStepContext *context, const GPtrArray *sessions, gint64 deadline)
{
    GPtrArray *asked = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        g_autofree char *name = name_of(session);
        g_autoptr(GError) cause = NULL;
        gboolean good = vh_host_session_logout(context->host, session, deadline, &cause);
        gboolean mute = vh_error_is_timeout(cause);
        if (!good)
            vh_step_note(context, "%s %s: %s", name,
                         mute ? "was asked to log out" : "cannot be asked to log out",
                         cause->message);
        if (good || mute)
            g_ptr_array_add(asked, g_strdup(session->id));
    }
    return asked;
}

/* The first of the sessions that was asked and is still there, or NULL. */
static const VhSession *find_asked(const GPtrArray *sessions, const GPtrArray *asked)
{
    for (guint i = 0; i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (g_ptr_array_find_with_equal_func((GPtrArray *)asked, session->id, g_str_equal, NULL))
            return session;
    }
    return NULL;
}

static gboolean wait_for(const VhStepContext *context, GVariant *args, const GPtrArray *asked,
                         GError **error)
{
    gint64 pause = 0;

    for (;;) {
        g_autoptr(GPtrArray) sessions = desktops(context->host, args, error);
        g_autoptr(GError) cause = NULL;
        if (!sessions)
            return FALSE;
        const VhSession *left = find_asked(sessions, asked);
        if (!left)
            return TRUE;
        if (vh_step_pause(context, NULL, &pause, &cause))
            continue;
        if (!vh_error_is_timeout(cause)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        g_autofree char *name = name_of(left);
        vh_step_note(context, "%s was asked to log out and is still there; going on without", name);
        return TRUE;
    }
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    g_autoptr(GPtrArray) sessions = desktops(context->host, args, error);
    VhStepContext half = *context;
    gint64 now = vh_host_now(context->host);

    if (!sessions)
        return FALSE;
    half.deadline = now + MAX(context->deadline - now, 0) / 2;
    g_autoptr(GPtrArray) asked = ask(&half, sessions, half.deadline);
    return wait_for(&half, args, asked, error);
}

static char *describe(GVariant *args)
{
    return g_strdup_printf("ask the desktops on %s to log out, and wait for that",
                           vh_json_string(args, "seat", "?"));
}

const VhStepKind vh_step_logout = {
    .name = "logout",
    .title = "logging out",
    .undo_grade = VH_UNDO_NONE,
    .look = look,
    .apply = apply,
    .describe = describe,
};

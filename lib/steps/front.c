// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does nothing on the way out but remember that the desktop is in front. On the way back, when the
 * display manager has been started, it sees to it that the login screen, and no text console, is
 * what people see: a display manager that starts while another virtual terminal is being switched
 * to stays behind it. Best effort: the screen is there, a key press away.
 */
#include <string.h>

#include "base/json.h"
#include "steps/unit.h"

enum { LIMIT = 2 * G_USEC_PER_SEC };

/* "tty7"; 0: not known. */
static guint front_now(VhHost *host)
{
    g_autofree char *text = vh_host_read(host, "/sys/class/tty/tty0/active", NULL);

    return text && g_str_has_prefix(text, "tty")
               ? (guint)g_ascii_strtoull(text + strlen("tty"), NULL, 10)
               : 0;
}

/* The terminal of a graphical session of the seat: @wanted if one is there, else any; 0: none. */
static guint find_desktop(VhHost *host, const char *seat, guint wanted)
{
    g_autoptr(GPtrArray) sessions = vh_host_sessions(host, NULL);
    guint found = 0;

    for (guint i = 0; sessions && i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (!vh_session_is_graphical(session) || g_strcmp0(session->seat, seat) != 0 ||
            g_strcmp0(session->state, "closing") == 0 || session->vt == 0)
            continue;
        if (session->vt == wanted)
            return wanted;
        found = session->vt;
    }
    return found;
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    guint front = front_now(context->host);

    /* Who works on a text console gets that back. */
    if (front != 0 && find_desktop(context->host, vh_json_string(args, "seat", ""), front) == front)
        *ret_prior = g_variant_new_parsed("{'vt': <%x>}", (gint64)front);
    return TRUE;
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    return TRUE;
}

static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    const char *seat = vh_json_string(args, "seat", "");
    guint vt = (guint)vh_json_int(prior, "vt", 0);
    guint front = front_now(context->host);
    g_autoptr(GError) cause = NULL;

    if (vh_host_stopping(context->host) ||
        !vh_step_unit_is_up(context->host, vh_json_string(args, "unit", "")))
        return TRUE;
    guint desktop = find_desktop(context->host, seat, front);
    /* It comes where it was, as a rule, when it is not there yet. */
    guint wanted = desktop != 0 ? desktop : vt;
    if (wanted == 0 || wanted == front)
        return TRUE;
    if (!vh_host_front_switch(context->host, seat, wanted,
                              MIN(context->act_deadline, vh_host_now(context->host) + LIMIT),
                              &cause))
        vh_step_note(context, "the desktop may be behind tty%u (Ctrl+Alt+F%u shows it): %s", front,
                     wanted, cause->message);
    return TRUE;
}

static char *describe(GVariant *args)
{
    return g_strdup_printf("remember what is in front on %s", vh_json_string(args, "seat", "?"));
}

static char *describe_undo(GVariant *args)
{
    return g_strdup("bring the desktop to the front");
}

const VhStepKind vh_step_front = {
    .name = "front",
    .title = "screen",
    .undo_grade = VH_UNDO_PARTIAL,
    .look = look,
    .apply = apply,
    .undo = undo,
    .describe = describe,
    .describe_undo = describe_undo,
};

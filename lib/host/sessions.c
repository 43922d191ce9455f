// SPDX-License-Identifier: GPL-2.0-or-later
/* logind's sessions (org.freedesktop.login1(5)). */
#include "host/real-private.h"

#include <string.h>

#include "base/error.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)

#define PROPERTIES "org.freedesktop.DBus.Properties"

static void free_session(gpointer session)
{
    vh_session_free(session);
}

static char *null_if_empty(const char *text)
{
    return *text ? g_strdup(text) : NULL;
}

/* ---- properties ---- */

/* Puts one property of the session in its place; others are passed over. */
static int take_property(sd_bus_message *reply, VhSession *session, const char *name,
                         guint32 *ret_leader)
{
    const struct {
        const char *name;
        char **target;
    } table[] = {{"Type", &session->type},
                 {"Class", &session->class},
                 {"State", &session->state},
                 {"Desktop", &session->desktop},
                 {"TTY", &session->terminal}};
    const char *text;

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strcmp(table[i].name, name) != 0)
            continue;
        int r = sd_bus_message_read(reply, "v", "s", &text);
        if (r > 0 && !*table[i].target)
            *table[i].target = null_if_empty(text);
        return r;
    }
    if (strcmp(name, "VTNr") == 0)
        return sd_bus_message_read(reply, "v", "u", &session->vt);
    if (strcmp(name, "Leader") == 0)
        return sd_bus_message_read(reply, "v", "u", ret_leader);
    return sd_bus_message_skip(reply, "v");
}

static int take_properties(sd_bus_message *reply, VhSession *session, guint32 *ret_leader)
{
    const char *name;
    int r = sd_bus_message_enter_container(reply, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
        r = sd_bus_message_read(reply, "s", &name);
        if (r > 0)
            r = take_property(reply, session, name, ret_leader);
        if (r >= 0)
            r = sd_bus_message_exit_container(reply);
    }
    return r;
}

/* FALSE without an error when the session ended meanwhile. */
static gboolean read_session(VhReal *real, const char *path, VhSession *session, GError **error)
{
    VhBusObject object = {vh_bus_logind.destination, path, PROPERTIES};
    g_autoptr(sd_bus_message) reply = NULL;
    g_autoptr(GError) local = NULL;
    guint32 leader = 0;

    if (!vh_bus_call(real, vh_bus_ask_deadline(real), &object, "GetAll", &reply, &local, "s",
                     "org.freedesktop.login1.Session")) {
        if (!vh_error_is_gone(local))
            g_propagate_prefixed_error(error, g_steal_pointer(&local),
                                       "look at session %s: ", session->id);
        return FALSE;
    }
    int r = take_properties(reply, session, &leader);
    session->unit = leader > 0 ? vh_process_maker(real, (pid_t)leader) : NULL;
    return r >= 0 || vh_bus_bad_reply(error, "GetAll", r);
}

/* ---- the operations ---- */

/* One row "(susso)": id, uid, user, seat, object. 0 at the end of the list. */
static int next_session(sd_bus_message *list, VhSession *session, const char **ret_path)
{
    const char *id, *user, *seat;
    guint32 uid;
    int r = sd_bus_message_read(list, "(susso)", &id, &uid, &user, &seat, ret_path);

    if (r <= 0)
        return r;
    session->id = g_strdup(id);
    session->uid = uid;
    session->user = g_strdup(user);
    session->seat = null_if_empty(seat);
    return r;
}

static gboolean add_sessions(VhReal *real, sd_bus_message *list, GPtrArray *sessions,
                             GError **error)
{
    const char *path;
    int r = sd_bus_message_enter_container(list, 'a', "(susso)");

    while (r >= 0) {
        VhSession *session = g_new0(VhSession, 1);
        g_autoptr(GError) local = NULL;
        r = next_session(list, session, &path);
        if (r > 0 && read_session(real, path, session, &local))
            g_ptr_array_add(sessions, session);
        else
            vh_session_free(session);
        if (local) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        if (r == 0)
            return TRUE;
    }
    return vh_bus_bad_reply(error, "ListSessions", r);
}

GPtrArray *vh_real_sessions(VhHost *host, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autoptr(GPtrArray) sessions = g_ptr_array_new_with_free_func(free_session);
    g_autoptr(sd_bus_message) list = NULL;
    g_autoptr(GError) local = NULL;

    if (vh_bus_call(real, vh_bus_ask_deadline(real), &vh_bus_logind, "ListSessions", &list, &local,
                    "")) {
        if (!add_sessions(real, list, sessions, error))
            return NULL;
    } else if (!g_error_matches(local, VH_ERROR, VH_ERROR_UNSUPPORTED)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    return g_steal_pointer(&sessions);
}

gboolean vh_real_session_terminate(VhHost *host, const char *id, GError **error)
{
    if (vh_bus_call((VhReal *)host, vh_bus_ask_deadline((VhReal *)host), &vh_bus_logind,
                    "TerminateSession", NULL, error, "s", id))
        return TRUE;
    g_prefix_error(error, "end session %s: ", id);
    return FALSE;
}

/* logind knows every user who lingers, logged in or not. */
gboolean vh_real_user_lingers(VhHost *host, uid_t uid)
{
    VhReal *real = (VhReal *)host;
    VhBusObject object = {vh_bus_logind.destination, NULL, PROPERTIES};
    g_autoptr(sd_bus_message) user = NULL;
    g_autoptr(sd_bus_message) value = NULL;
    int lingers = 0;

    return vh_bus_call(real, vh_bus_ask_deadline(real), &vh_bus_logind, "GetUser", &user, NULL, "u",
                       (guint32)uid) &&
           sd_bus_message_read(user, "o", &object.path) > 0 &&
           vh_bus_call(real, vh_bus_ask_deadline(real), &object, "Get", &value, NULL, "ss",
                       "org.freedesktop.login1.User", "Linger") &&
           sd_bus_message_read(value, "v", "b", &lingers) > 0 && lingers;
}

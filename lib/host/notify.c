// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Telling somebody at a desktop (Desktop Notifications Specification). The desktop comes up only
 * after all is over, so nobody waits for it here: a unit of its own does, whose process then speaks
 * to the user's bus as that user, bounded.
 */
#include "host/real-private.h"

#include <errno.h>
#include <syslog.h>
#include <unistd.h>

#include "base/error.h"
#include "host/desk.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)

/* The child, beyond what its question may take. */
#define CHILD_SPARE (500 * G_TIME_SPAN_MILLISECOND)

#define BUS_NAME "org.freedesktop.Notifications"
#define BUS_PATH "/org/freedesktop/Notifications"

typedef struct {
    VhReal user; /* with the user's bus instead of the system's */
    uid_t uid;
    gid_t gid;
    const char *text;
    gboolean activate;
    gint64 deadline;
} Notice;

/* ---- for the engine ---- */

void vh_real_tell_desktop(VhHost *host, const char *seat, const char *text)
{
    VhReal *real = (VhReal *)host;
    gint64 limit = MIN(vh_bus_ask_deadline(real), g_get_monotonic_time() + G_USEC_PER_SEC);
    /* In one, as the unit's command has one; hook/verb-tell.c takes it apart. */
    g_autofree char *argument = g_strdup_printf("%s %s", seat ? seat : "-", text);
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    /* One that waits already says the same. */
    g_autofree char *unit = g_strdup_printf("virt-handoff-tell-%08x.service", g_str_hash(text));
    const VhTransient transient = {
        .unit = unit,
        .about = "Tell a desktop what virt-handoff could not do",
        .program = program,
        .verb = "tell",
        .argument = argument,
    };
    g_autoptr(GError) error = NULL;

    if (program && vh_real_service_manager(host) == &vh_manager_systemd &&
        !vh_transient_start(real, &transient, limit, &error))
        g_debug("%s", error->message);
}

/* ---- in the child ---- */

/* The body may have markup, the text has none; 2 is critical, which stays until it is seen. */
static gboolean notify(Notice *self, GError **error)
{
    enum { CRITICAL = 2 };
    sd_bus *bus = vh_bus_get(&self->user, self->deadline, error);
    g_autofree char *body = g_markup_escape_text(self->text, -1);
    g_autoptr(sd_bus_message) call = NULL;

    if (!bus)
        return FALSE;
    int r = sd_bus_message_new_method_call(bus, &call, BUS_NAME, BUS_PATH, BUS_NAME, "Notify");
    if (r >= 0)
        r = sd_bus_message_set_auto_start(call, self->activate);
    if (r >= 0)
        r = sd_bus_message_append(call, "susssasa{sv}i", "virt-handoff", 0, "dialog-warning",
                                  "virt-handoff", body, 0, 1, "urgency", "y", CRITICAL, -1);
    if (r < 0)
        return vh_error_set_errno(error, -r, "Notify over D-Bus");
    return vh_bus_send(&self->user, self->deadline, call, error);
}

static int act_notify(gpointer data, GString *answer)
{
    Notice *self = data;
    g_autoptr(GError) error = NULL;
    int errnum = vh_user_become(self->uid, self->gid);

    if (errnum != 0)
        vh_error_set_errno(&error, errnum, "become user %u", self->uid);
    else
        (void)notify(self, &error);
    if (error)
        vh_user_answer_error(answer, error);
    return 0;
}

/* ---- for the unit's process ---- */

gboolean vh_desk_notify(VhHost *host, uid_t uid, const char *text, gboolean activate,
                        GError **error)
{
    VhReal *real = (VhReal *)host;
    /* A desktop that comes up answers late, and what is not answered is said again. */
    gint64 limit = 5 * real->look_limit;
    Notice notice = {
        .uid = uid, .text = text, .activate = activate, .deadline = g_get_monotonic_time() + limit};
    g_autofree char *directory = vh_user_directory(real, uid, &notice.gid);
    g_autoptr(GBytes) answer = NULL;

    if (!directory)
        return vh_error_set(error, VH_ERROR_UNSUPPORTED, "there is no /run/user/%u", uid);
    vh_user_bus(real, directory, &notice.user);
    gboolean asked = vh_child_look(real, "tell the desktop", limit + CHILD_SPARE, act_notify,
                                   &notice, &answer, error);
    g_free(notice.user.bus_socket);
    if (!asked)
        return FALSE;
    g_autofree char *words = vh_user_answer(answer, "tell the desktop", error);
    return words != NULL;
}

/* Whose desktop is in front; on that seat, or NULL: on any. */
static const VhSession *somebody(const GPtrArray *sessions, const char *seat)
{
    for (guint i = 0; i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (vh_session_is_graphical(session) && g_strcmp0(session->class, "user") == 0 &&
            g_strcmp0(session->state, "active") == 0 &&
            (!seat || g_strcmp0(session->seat, seat) == 0))
            return session;
    }
    return NULL;
}

gboolean vh_desk_tell(VhHost *host, const char *seat, const char *text, guint tries, gint64 pause,
                      GError **error)
{
    enum { OF_ITSELF = 5 }; /* so many questions long a desktop may take to begin to listen */
    g_autoptr(GError) cause = NULL;
    guint seen = 0;

    if (vh_real_service_manager(host) != &vh_manager_systemd)
        return vh_error_set(error, VH_ERROR_UNSUPPORTED, "systemd does not run this host");
    for (guint i = 0; i < tries; i++) {
        g_autoptr(GPtrArray) sessions = vh_host_sessions(host, error);
        if (!sessions)
            return FALSE;
        /* The desktop that was stopped comes up later than one that was not. */
        const VhSession *session = somebody(sessions, i < tries / 2 ? seat : NULL);
        /* What a desktop said before it ended is the better reason. */
        if (session)
            g_clear_error(&cause);
        if (session && vh_desk_notify(host, session->uid, text, ++seen > OF_ITSELF, &cause))
            return TRUE;
        vh_host_wait(host, NULL, pause);
    }
    return vh_error_set(error, VH_ERROR_TIMEOUT, "no desktop could be told: %s",
                        cause ? cause->message : "nobody has logged in");
}

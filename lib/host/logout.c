// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asking a desktop to log out, by its own interface: a method on the user's session bus, or a line
 * on the compositor's socket. What lies below /run/user/UID is the user's: nothing there is opened
 * as root, but by a child that has become the user, and no answer is waited for without a bound.
 */
#include "host/real-private.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)

/* The child, beyond what its questions may take. */
#define CHILD_SPARE (1500 * G_TIME_SPAN_MILLISECOND)

typedef struct {
    VhReal user; /* with the user's bus instead of the system's */
    uid_t uid;
    gid_t gid;
    char *directory; /* /run/user/UID */
    const VhSession *session;
    gint64 deadline;
} Ask;

/* One way to ask. */
typedef struct Way Way;
struct Way {
    const char *names[6]; /* globs: what such a session calls its desktop, in lower case */
    gboolean (*ask)(Ask *, const Way *, GError **);
    /* on the bus */
    VhBusObject object;
    const char *member, *types;
    guint32 value;      /* of each argument */
    gboolean activated; /* the bus starts the service for the call, which then ends the session */
    /* on a socket */
    const char *sockets; /* glob below /run/user/UID */
    const char *command;
    const char *agreed; /* how the answer begins when it is heeded; NULL: any answer will do */
    gboolean framed;    /* in i3-ipc's frame */
};

/* ---- over the bus ---- */

static gboolean ask_bus(Ask *ask, const Way *way, GError **error)
{
    g_autoptr(sd_bus_message) call = NULL;
    sd_bus *bus = vh_bus_get(&ask->user, ask->deadline, error);

    if (!bus)
        return FALSE;
    int r = sd_bus_message_new_method_call(bus, &call, way->object.destination, way->object.path,
                                           way->object.interface, way->member);
    if (r >= 0)
        r = sd_bus_message_set_auto_start(call, way->activated);
    for (const char *type = way->types; r >= 0 && *type; type++)
        r = sd_bus_message_append_basic(call, *type, &way->value);
    if (r < 0)
        return vh_error_set_errno(error, -r, "%s over D-Bus", way->member);
    return vh_bus_send(&ask->user, ask->deadline, call, error);
}

/* ---- over a socket ---- */

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (g_strlcpy(address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

/* Whether the compositor at the other end is of another session of the user. */
static gboolean is_of_another(Ask *ask, int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    VhHolder *holder = g_new0(VhHolder, 1);
    gboolean another = FALSE;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
        VhHost *host = &ask->user.host;
        holder->process = (VhProcess){peer.pid, vh_real_process_start(host, peer.pid)};
        another = vh_process_describe(&ask->user, holder) && holder->session &&
                  !g_str_equal(holder->session, ask->session->id);
    }
    vh_holder_free(holder);
    return another;
}

/* i3-ipc: the magic, the length and the type (0: a command) in the order of this machine's bytes.
 */
static GByteArray *message_of(const Way *way)
{
    static const char magic[] = "i3-ipc";
    guint32 header[] = {(guint32)strlen(way->command), 0};
    GByteArray *message = g_byte_array_new();

    if (way->framed) {
        g_byte_array_append(message, (const guint8 *)magic, sizeof magic - 1);
        g_byte_array_append(message, (const guint8 *)header, sizeof header);
    }
    return g_byte_array_append(message, (const guint8 *)way->command, header[0]);
}

/* The end of the connection is an agreement too: the compositor ends. */
static gboolean judge_answer(const Way *way, int fd, GError **error)
{
    char text[64] = "";
    ssize_t n = recv(fd, text, sizeof text - 1, 0);

    if (n <= 0 || !way->agreed || g_str_has_prefix(text, way->agreed))
        return TRUE;
    return vh_error_set(error, VH_ERROR_UNSUPPORTED, "the compositor does not know \"%s\"",
                        way->command);
}

/* Says it, and waits for an answer. */
static gboolean say_on(Ask *ask, const Way *way, int fd, GError **error)
{
    g_autoptr(GByteArray) message = message_of(way);
    struct pollfd answer = {.fd = fd, .events = POLLIN};

    if (send(fd, message->data, message->len, MSG_NOSIGNAL) != (ssize_t)message->len)
        return vh_error_set_errno(error, errno, "tell the compositor \"%s\"", way->command);
    if (poll(&answer, 1, vh_poll_timeout(ask->deadline)) > 0)
        return judge_answer(way, fd, error);
    return vh_error_set(error, VH_ERROR_TIMEOUT, "the compositor does not answer \"%s\"",
                        way->command);
}

/* Sockets of compositors that have ended stay behind. */
static gboolean ask_socket(Ask *ask, const Way *way, GError **error)
{
    g_autofree char *pattern = g_strconcat(ask->directory, "/", way->sockets, NULL);
    glob_t found = {0};
    gboolean asked = FALSE, good = FALSE;

    (void)glob(pattern, 0, NULL, &found);
    for (gsize i = 0; !asked && i < found.gl_pathc; i++) {
        int fd = connect_to(found.gl_pathv[i]);
        if (fd < 0)
            continue;
        asked = !is_of_another(ask, fd);
        good = asked && say_on(ask, way, fd, error);
        (void)close(fd);
    }
    globfree(&found);
    return asked ? good
                 : vh_error_set(error, VH_ERROR_UNSUPPORTED, "no compositor listens at %s",
                                way->sockets);
}

/* ---- the desktops ---- */

#define KDE                                                                                        \
    {                                                                                              \
        "kde*", "plasma*"                                                                          \
    }

/* First those that tell which session they are of. */
static const Way ways[] = {
    {.names = {"sway*"},
     .ask = ask_socket,
     .sockets = "sway-ipc.*.sock",
     .command = "exit",
     .framed = TRUE},
    /* With its old language of configuration, and with the one of 0.55, Lua. */
    {.names = {"hyprland*"},
     .ask = ask_socket,
     .sockets = "hypr/*/.socket.sock",
     .command = "dispatch exit",
     .agreed = "ok"},
    {.names = {"hyprland*"},
     .ask = ask_socket,
     .sockets = "hypr/*/.socket.sock",
     .command = "dispatch hl.dsp.exit()",
     .agreed = "ok"},
    /* Plasma since 5.20, whose service is started for the call; and before. */
    {.names = KDE,
     .ask = ask_bus,
     .object = {"org.kde.Shutdown", "/Shutdown", "org.kde.Shutdown"},
     .member = "logout",
     .types = "",
     .activated = TRUE},
    /* No question, no shutdown, at once when programs agree. */
    {.names = KDE,
     .ask = ask_bus,
     .object = {"org.kde.ksmserver", "/KSMServer", "org.kde.KSMServerInterface"},
     .member = "logout",
     .types = "iii"},
    /* 1: without a question, but for a program that inhibits it. */
    {.names = {"gnome*", "ubuntu*", "*cinnamon*", "mate*", "budgie*"},
     .ask = ask_bus,
     .object = {"org.gnome.SessionManager", "/org/gnome/SessionManager",
                "org.gnome.SessionManager"},
     .member = "Logout",
     .types = "u",
     .value = 1},
    /* Neither with a dialog nor with the session's programs kept for the next one. */
    {.names = {"xfce*", "xubuntu*"},
     .ask = ask_bus,
     .object = {"org.xfce.SessionManager", "/org/xfce/SessionManager", "org.xfce.Session.Manager"},
     .member = "Logout",
     .types = "bb"},
};

static gboolean is_named(const Way *way, const VhSession *session)
{
    g_autofree char *name = g_ascii_strdown(session->desktop ? session->desktop : "", -1);

    for (const char *const *glob = way->names; *glob; glob++)
        if (fnmatch(*glob, name, 0) == 0)
            return TRUE;
    return FALSE;
}

gboolean vh_session_desktop_known(const VhSession *session)
{
    for (gsize i = 0; i < G_N_ELEMENTS(ways); i++)
        if (is_named(&ways[i], session))
            return TRUE;
    return FALSE;
}

static gboolean is_absent(const GError *error)
{
    return vh_error_is_gone(error) || g_error_matches(error, VH_ERROR, VH_ERROR_UNSUPPORTED);
}

/* A session that says what it is is asked as that; any other by whatever is there, which is not
 * started for it. */
static gboolean ask_all(Ask *ask, GError **error)
{
    gboolean known = vh_session_desktop_known(ask->session);

    for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autoptr(GError) cause = NULL;
        if (known ? !is_named(&ways[i], ask->session) : ways[i].activated)
            continue;
        if (ways[i].ask(ask, &ways[i], &cause))
            return TRUE;
        if (is_absent(cause))
            continue;
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    return vh_error_set(error, VH_ERROR_UNSUPPORTED,
                        "no desktop is there whose interface for logging out is known (KDE, GNOME, "
                        "Cinnamon, MATE, XFCE, Sway, Hyprland)");
}

static int act_ask(gpointer data, GString *answer)
{
    Ask *ask = data;
    g_autoptr(GError) error = NULL;
    int errnum = vh_user_become(ask->uid, ask->gid);

    if (errnum != 0)
        vh_error_set_errno(&error, errnum, "become user %u", ask->uid);
    else
        (void)ask_all(ask, &error);
    if (error)
        vh_user_answer_error(answer, error);
    return 0;
}

/* The compositor's or the bus's answer has the same bound as a look: what it does then is waited
 * for by its session. */
gboolean vh_real_session_logout(VhHost *host, const VhSession *session, gint64 deadline,
                                GError **error)
{
    VhReal *real = (VhReal *)host;
    gint64 limit = MIN(deadline - g_get_monotonic_time(), real->look_limit);
    gid_t gid = 0;
    g_autofree char *directory = vh_user_directory(real, session->uid, &gid);
    g_autoptr(GBytes) answer = NULL;

    if (!directory)
        return vh_error_set(error, VH_ERROR_UNSUPPORTED, "%s has no /run/user/%u", session->user,
                            session->uid);
    Ask ask = {.uid = session->uid,
               .gid = gid,
               .directory = directory,
               .session = session,
               .deadline = g_get_monotonic_time() + limit};
    vh_user_bus(real, directory, &ask.user);
    gboolean asked =
        vh_child_look(real, "log out", limit + CHILD_SPARE, act_ask, &ask, &answer, error);
    g_free(ask.user.bus_socket);
    if (!asked)
        return FALSE;
    g_autofree char *text = vh_user_answer(answer, "log out", error);
    return text != NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A user's own manager (systemd --user), over the socket that it listens on. What lies below
 * /run/user/UID is the user's: nothing there is opened as root, but by a child that has become the
 * user, and no answer is waited for without a bound.
 */
#include "host/real-private.h"

#include <errno.h>
#include <fnmatch.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)

/* A job that is not done at the deadline is cancelled, which is one more question. */
#define CANCEL_SPARE (1500 * G_TIME_SPAN_MILLISECOND)

/* What a user's program says why it did not do something, at most. */
#define REASON_MAX 512

/* What the child is to do: @act to the unit @name, or without it list what matches @globs. */
typedef struct {
    VhReal user; /* the manager's bus instead of the system's */
    uid_t uid;
    gid_t gid;
    const char *const *globs;
    gboolean (*act)(VhHost *, const char *, gint64, GError **);
    const char *name;
    gint64 deadline;
} Ask;

/* ---- in the child ---- */

int vh_user_become(uid_t uid, gid_t gid)
{
    if (geteuid() == uid)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return errno;
    return 0;
}

/* The one who listens at the other end is the manager itself. */
static pid_t manager_pid(VhReal *user, GError **error)
{
    sd_bus *bus = vh_bus_get(user, g_get_monotonic_time() + user->look_limit, error);
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (!bus)
        return 0;
    if (getsockopt(sd_bus_get_fd(bus), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
        return peer.pid;
    vh_error_set_errno(error, errno, "who is at the other end");
    return 0;
}

/* A name of the user's making goes no further unless it can be a unit's. */
static gboolean is_name(const char *id)
{
    for (const char *c = id; *c; c++)
        if (!g_ascii_isalnum(*c) && !strchr(":-_.\\@", *c))
            return FALSE;
    return *id != '\0' && strlen(id) < 256;
}

static int append_units(sd_bus_message *list, const char *glob, GString *answer)
{
    const char *id, *load, *active;
    int r = sd_bus_message_enter_container(list, 'a', "(ssssssouso)");

    while (r >= 0 && (r = sd_bus_message_read(list, "(ssssssouso)", &id, NULL, &load, &active, NULL,
                                              NULL, NULL, NULL, NULL, NULL)) > 0)
        if (is_name(id) && is_name(load) && is_name(active) && fnmatch(glob, id, 0) == 0)
            g_string_append_printf(answer, "%s %s %s\n", id, load, active);
    return r;
}

/* A glob's units are those that are loaded. A name is no glob: its backslashes are its own. */
static gboolean list_units(VhReal *user, const char *glob, GString *answer, GError **error)
{
    g_autoptr(sd_bus_message) list = NULL;
    gboolean is_glob = strpbrk(glob, "*?[") != NULL;
    gint64 deadline = g_get_monotonic_time() + user->look_limit;
    const char *method = is_glob ? "ListUnitsByPatterns" : "ListUnitsByNames";

    if (is_glob
            ? !vh_bus_call(user, deadline, &vh_bus_systemd, method, &list, error, "asas", 0, 1,
                           glob)
            : !vh_bus_call(user, deadline, &vh_bus_systemd, method, &list, error, "as", 1, glob))
        return FALSE;
    int r = append_units(list, is_glob ? glob : "*", answer);
    return r >= 0 || vh_bus_bad_reply(error, method, r);
}

static gboolean do_list(Ask *ask, GString *answer, GError **error)
{
    pid_t pid = manager_pid(&ask->user, error);

    if (pid == 0)
        return FALSE;
    g_string_append_printf(answer, "%d\n", (int)pid);
    for (const char *const *glob = ask->globs; *glob; glob++)
        if (!list_units(&ask->user, *glob, answer, error))
            return FALSE;
    return TRUE;
}

/* "graphical-session.target", "sway-session.target", "wayland-session@sway.target". */
static gboolean names_session(char **units)
{
    for (; units && *units; units++)
        if (g_str_has_suffix(*units, ".target") && strstr(*units, "session"))
            return TRUE;
    return FALSE;
}

static gboolean is_tied(VhReal *user, const VhBusObject *unit, const char *property,
                        gint64 deadline, GError **error)
{
    g_autoptr(sd_bus_message) reply = NULL;
    g_auto(GStrv) units = NULL;

    if (!vh_bus_call(user, deadline, unit, "Get", &reply, error, "ss",
                     "org.freedesktop.systemd1.Unit", property))
        return FALSE;
    int r = sd_bus_message_enter_container(reply, 'v', "as");
    if (r >= 0)
        r = sd_bus_message_read_strv(reply, &units);
    return r < 0 ? vh_bus_bad_reply(error, property, r) : names_session(units);
}

/* With an error, be it one that nothing is wrong but that it is not. */
static gboolean of_desktop(VhHost *host, const char *name, gint64 deadline, GError **error)
{
    VhReal *user = (VhReal *)host;
    g_autoptr(GError) cause = NULL;
    g_autofree char *path = NULL;

    if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", name, &path) < 0)
        return vh_error_set(error, VH_ERROR_FAILED, "\"%s\" is no name of a unit", name);
    const VhBusObject unit = {"org.freedesktop.systemd1", path, "org.freedesktop.DBus.Properties"};
    if (is_tied(user, &unit, "PartOf", deadline, &cause) ||
        (!cause && is_tied(user, &unit, "BindsTo", deadline, &cause)))
        return TRUE;
    return vh_error_set(error, cause ? (VhError)cause->code : VH_ERROR_GONE, "%s",
                        cause ? cause->message : "it is no part of a desktop");
}

/* Failures are told as "!CODE TEXT", so that they keep their code on the way to the parent. */
void vh_user_answer_error(GString *answer, const GError *error)
{
    g_string_printf(answer, "!%d %.*s", error->code, REASON_MAX, error->message);
}

static int act_ask(gpointer data, GString *answer)
{
    Ask *ask = data;
    g_autoptr(GError) error = NULL;
    int errnum = vh_user_become(ask->uid, ask->gid);
    gboolean good = FALSE;

    if (errnum != 0)
        vh_error_set_errno(&error, errnum, "become user %u", ask->uid);
    else if (ask->act)
        good = ask->act(&ask->user.host, ask->name, ask->deadline, &error);
    else
        good = do_list(ask, answer, &error);
    if (!good)
        vh_user_answer_error(answer, error);
    return 0;
}

/* ---- in the parent ---- */

static char *text_of(GBytes *answer)
{
    gsize length;
    const char *data = g_bytes_get_data(answer, &length);

    return g_strndup(data ? data : "", length);
}

char *vh_user_answer(GBytes *answer, const char *what, GError **error)
{
    g_autofree char *text = text_of(answer);
    char *space = strchr(text, ' ');

    if (text[0] != '!' || !space)
        return g_steal_pointer(&text);
    gint64 code = g_ascii_strtoll(text + 1, NULL, 10);
    g_autofree char *why = vh_text_one_line(space + 1); /* in the words of what is the user's */
    vh_error_set(error, (VhError)CLAMP(code, 0, VH_ERROR_INTERRUPTED), "%s: %s", what, why);
    return NULL;
}

char *vh_user_directory(VhReal *real, uid_t uid, gid_t *ret_gid)
{
    g_autofree char *directory = vh_real_path(real, "/run/user/%u", uid);
    struct stat st;

    /* systemd makes this directory, and nobody else can put one in its place. */
    if (lstat(directory, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != uid)
        return NULL;
    *ret_gid = st.st_gid;
    return g_steal_pointer(&directory);
}

void vh_user_bus(VhReal *real, const char *directory, VhReal *ret_user)
{
    *ret_user = *real;
    ret_user->bus = NULL;
    ret_user->bus_socket = g_strconcat(directory, "/bus", NULL);
    ret_user->user_bus = TRUE;
}

/* FALSE: the user has no manager. */
static gboolean ask_new(VhReal *real, uid_t uid, Ask *ask)
{
    gid_t gid = 0;
    g_autofree char *directory = vh_user_directory(real, uid, &gid);

    if (!directory)
        return FALSE;
    *ask = (Ask){.user = *real, .uid = uid, .gid = gid};
    ask->user.bus = NULL;
    ask->user.bus_socket = g_strconcat(directory, "/systemd/private", NULL);
    return vh_file_exists(ask->user.bus_socket);
}

static void ask_clear(Ask *ask)
{
    g_free(ask->user.bus_socket);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Ask, ask_clear)

static void free_unit(gpointer unit)
{
    vh_unit_free(unit);
}

static gboolean has_unit(const GPtrArray *units, const char *id)
{
    for (guint i = 0; i < units->len; i++)
        if (g_str_equal(((const VhUnit *)units->pdata[i])->id, id))
            return TRUE;
    return FALSE;
}

static void add_unit(GPtrArray *units, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 3);

    if (g_strv_length(words) != 3 || has_unit(units, words[0]))
        return;
    VhUnit *unit = g_new0(VhUnit, 1);
    unit->id = g_strdup(words[0]);
    unit->load = g_strdup(words[1]);
    unit->active = g_strdup(words[2]);
    g_ptr_array_add(units, unit);
}

GPtrArray *vh_real_user_units(VhHost *host, uid_t uid, const char *const *globs,
                              VhProcess *ret_manager, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autoptr(GPtrArray) units = g_ptr_array_new_with_free_func(free_unit);
    g_autofree char *what = g_strdup_printf("ask the manager of user %u", uid);
    g_autoptr(GBytes) answer = NULL;
    g_auto(Ask) ask = {.uid = uid};
    guint64 pid;

    *ret_manager = (VhProcess){0, 0};
    if (!ask_new(real, uid, &ask))
        return g_steal_pointer(&units);
    ask.globs = globs;
    if (!vh_child_look(real, what, real->look_limit, act_ask, &ask, &answer, error))
        return NULL;
    g_autofree char *text = vh_user_answer(answer, what, error);
    if (!text)
        return NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    if (lines[0] && vh_number(lines[0], 10, &pid) && pid <= G_MAXINT)
        *ret_manager = (VhProcess){(pid_t)pid, vh_host_process_start(host, (pid_t)pid)};
    for (gsize i = 1; lines[0] && lines[i]; i++)
        add_unit(units, lines[i]);
    return g_steal_pointer(&units);
}

gboolean vh_real_user_unit_of_desktop(VhHost *host, uid_t uid, const char *name)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *what = g_strdup_printf("ask the manager of user %u", uid);
    g_autoptr(GBytes) answer = NULL;
    g_auto(Ask) ask = {.uid = uid};

    if (!ask_new(real, uid, &ask))
        return FALSE;
    ask.act = of_desktop;
    ask.name = name;
    ask.deadline = g_get_monotonic_time() + real->look_limit;
    if (!vh_child_look(real, what, real->look_limit, act_ask, &ask, &answer, NULL))
        return FALSE;
    g_autofree char *text = vh_user_answer(answer, what, NULL);
    return text != NULL;
}

static gboolean act_on(VhHost *host, uid_t uid, const char *name, gint64 deadline,
                       gboolean (*act)(VhHost *, const char *, gint64, GError **), GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *what = g_strdup_printf("in the manager of user %u", uid);
    g_autoptr(GBytes) answer = NULL;
    g_auto(Ask) ask = {.uid = uid};

    if (!ask_new(real, uid, &ask))
        return vh_error_set(error, VH_ERROR_GONE, "user %u has no manager any more", uid);
    ask.act = act;
    ask.name = name;
    ask.deadline = deadline;
    if (!vh_child_act(real, what, deadline + CANCEL_SPARE, act_ask, &ask, &answer, error))
        return FALSE;
    g_autofree char *text = vh_user_answer(answer, what, error);
    return text != NULL;
}

gboolean vh_real_user_unit_stop(VhHost *host, uid_t uid, const char *name, gint64 deadline,
                                GError **error)
{
    return act_on(host, uid, name, deadline, vh_real_unit_stop, error);
}

gboolean vh_real_user_unit_start(VhHost *host, uid_t uid, const char *name, gint64 deadline,
                                 GError **error)
{
    return act_on(host, uid, name, deadline, vh_real_unit_start, error);
}

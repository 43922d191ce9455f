// SPDX-License-Identifier: GPL-2.0-or-later
/* Asking a desktop to log out, over a bus and over sockets in a tree: we are the user. */
#include <semaphore.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake-bus.h"

static gint64 in_ms(gint64 ms)
{
    return g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
}

static gboolean log_out(VhHost *host, const char *desktop, GError **error)
{
    VhSession session = {
        .id = (char *)"2", .uid = geteuid(), .user = (char *)"ida", .desktop = (char *)desktop};

    return vh_host_session_logout(host, &session, in_ms(10000), error);
}

/* Each desktop by its own method; one that does not say what it is by what is on the bus. */
static void test_bus(void)
{
    static const struct {
        const char *desktop, *name, *call;
    } cases[] = {
        {"KDE", "org.kde.Shutdown", "logout /Shutdown\nwith\n"},
        {"plasmax11", "org.kde.ksmserver", "logout /KSMServer\nwith i0 i0 i0\n"},
        {"GNOME", "org.gnome.SessionManager", "Logout /org/gnome/SessionManager\nwith u1\n"},
        {"X-Cinnamon", "org.gnome.SessionManager", "Logout /org/gnome/SessionManager\nwith u1\n"},
        {"MATE", "org.gnome.SessionManager", "Logout /org/gnome/SessionManager\nwith u1\n"},
        {"XFCE", "org.xfce.SessionManager", "Logout /org/xfce/SessionManager\nwith b0 b0\n"},
        {NULL, "org.xfce.SessionManager", "Logout /org/xfce/SessionManager\nwith b0 b0\n"},
        {"other", "org.kde.ksmserver", "logout /KSMServer\nwith i0 i0 i0\n"},
        /* Not by another desktop's, nor by what would be started for it. */
        {"KDE", "org.xfce.SessionManager", ""},
        {NULL, "org.kde.Shutdown", ""},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeSetup) setup = fake_setup_on_user_bus((FakeBehaviour){.name = cases[i].name});
        g_autoptr(GError) error = NULL;
        if (!setup)
            return;
        gboolean good = log_out(setup->host, cases[i].desktop, &error);
        g_assert_cmpint(good, ==, *cases[i].call != '\0');
        if (!good)
            g_assert_error(error, VH_ERROR, VH_ERROR_UNSUPPORTED);
        g_autofree char *calls = fake_calls(&setup->fake);
        g_assert_cmpstr(calls, ==, cases[i].call);
        /* The host's own connection is another. */
        g_assert_null(((VhReal *)setup->host)->bus);
    }
}

/* One that says no, and one that says nothing: which keeps its code on the way from the child. */
static void test_bus_troubles(void)
{
    static const struct {
        FakeBehaviour behaviour;
        VhError code;
    } cases[] = {
        {{.name = "org.gnome.SessionManager",
          .fails = "Logout",
          .error = "org.gnome.No",
          .why = "no\n\033[2Jno"},
         VH_ERROR_FAILED},
        {{.name = "org.gnome.SessionManager", .silent = "Logout"}, VH_ERROR_TIMEOUT},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeSetup) setup = fake_setup_on_user_bus(cases[i].behaviour);
        g_autoptr(GError) error = NULL;
        if (!setup)
            return;
        if (cases[i].behaviour.silent)
            ((VhReal *)setup->host)->look_limit = 300 * G_TIME_SPAN_MILLISECOND;
        g_assert_false(log_out(setup->host, "GNOME", &error));
        g_assert_error(error, VH_ERROR, (gint)cases[i].code);
        g_assert_null(strpbrk(error->message, "\n\033"));
    }
}

/* ---- sockets ---- */

static int listen_at(HostTree *tree, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_autofree char *path = host_tree_path(tree, "/run/user/%u/%s", geteuid(), name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpuint(g_strlcpy(address.sun_path, path, sizeof address.sun_path), <,
                     sizeof address.sun_path);
    g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(fd, 4), ==, 0);
    return fd;
}

static void ready(HostTree *tree)
{
    host_tree_dir(tree, "/run/user/%u/hypr/abc_1", geteuid());
}

/* It hears one message for each answer, and hangs up after that. */
typedef struct {
    int listener;
    const char *const *answers;
    char heard[2][64];
    gsize lengths[2];
    sem_t listening;
    GThread *thread;
} Compositor;

static gpointer listen_and_answer(gpointer data)
{
    Compositor *self = data;

    (void)sem_post(&self->listening);
    for (gsize i = 0; i < 2 && self->answers[i]; i++) {
        int fd = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC);
        ssize_t n = recv(fd, self->heard[i], sizeof self->heard[i] - 1, 0);
        self->lengths[i] = (gsize)MAX(n, 0);
        (void)send(fd, self->answers[i], strlen(self->answers[i]), MSG_NOSIGNAL);
        (void)close(fd);
    }
    return NULL;
}

/* It does nothing but wait when this returns: the child is made while no lock is held. */
static void compositor_begin(Compositor *self, int listener, const char *const *answers)
{
    *self = (Compositor){.listener = listener, .answers = answers};
    g_assert_cmpint(sem_init(&self->listening, 0, 0), ==, 0);
    self->thread = g_thread_new("compositor", listen_and_answer, self);
    while (sem_wait(&self->listening) < 0)
        ;
}

static void compositor_end(Compositor *self)
{
    (void)shutdown(self->listener, SHUT_RDWR);
    (void)g_thread_join(self->thread);
    (void)sem_destroy(&self->listening);
    (void)close(self->listener);
}

static void test_sockets(void)
{
    static const struct {
        const char *desktop, *socket_name, *message;
        gsize length;
    } cases[] = {
        {"sway", "sway-ipc.7.50.sock", "i3-ipc\4\0\0\0\0\0\0\0exit", 18},
        {NULL, "sway-ipc.7.50.sock", "i3-ipc\4\0\0\0\0\0\0\0exit", 18},
        {"Hyprland", "hypr/abc_1/.socket.sock", "dispatch exit", 13},
    };
    static const char *const hangs_up[] = {"", NULL};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(HostTree) tree = host_tree_new();
        g_autoptr(GError) error = NULL;
        Compositor self;
        ready(tree);
        /* One that nobody listens at any more is passed over. */
        (void)close(listen_at(tree, "sway-ipc.7.1.sock"));
        compositor_begin(&self, listen_at(tree, cases[i].socket_name), hangs_up);
        log_out(tree->host, cases[i].desktop, &error);
        compositor_end(&self);
        g_assert_no_error(error);
        g_assert_cmpuint(self.lengths[0], ==, cases[i].length);
        if (GUINT32_TO_LE(1) == 1)
            g_assert_true(memcmp(self.heard[0], cases[i].message, cases[i].length) == 0);
    }
}

/* Hyprland's two languages: what the first one's words are to the other, and neither. */
static void test_hyprland(void)
{
    static const struct {
        const char *answers[3];
        const char *last;
        gboolean good;
    } cases[] = {
        {{"ok"}, "", TRUE},
        {{"error: hl.dispatch: expected a dispatcher", "ok"}, "dispatch hl.dsp.exit()", TRUE},
        {{"Invalid dispatcher", "unknown"}, "dispatch hl.dsp.exit()", FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(HostTree) tree = host_tree_new();
        g_autoptr(GError) error = NULL;
        Compositor self;
        ready(tree);
        compositor_begin(&self, listen_at(tree, "hypr/abc_1/.socket.sock"), cases[i].answers);
        log_out(tree->host, "Hyprland", &error);
        compositor_end(&self);
        if (cases[i].good)
            g_assert_no_error(error);
        else
            g_assert_error(error, VH_ERROR, VH_ERROR_UNSUPPORTED);
        g_assert_cmpstr(self.heard[0], ==, "dispatch exit");
        g_assert_cmpstr(self.heard[1], ==, cases[i].last);
    }
}

/* A compositor of another session of the user is left alone; one that is mute is not waited for. */
static void test_socket_troubles(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;

    ready(tree);
    g_assert_false(log_out(tree->host, "sway", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    int listener = listen_at(tree, "sway-ipc.7.50.sock");
    ((VhReal *)tree->host)->look_limit = 300 * G_TIME_SPAN_MILLISECOND;
    g_assert_false(log_out(tree->host, "sway", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_clear_error(&error);
    host_tree_process(tree, getpid(), "sway", "S", 77, geteuid(),
                      "0::/user.slice/user-7.slice/session-3.scope\n");
    g_assert_false(log_out(tree->host, "sway", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_UNSUPPORTED);
    (void)close(listener);
}

/* No directory, or one of somebody else's. */
static void test_no_directory(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    VhSession session = {.id = (char *)"2", .uid = geteuid() + 1, .user = (char *)"ida"};
    g_autoptr(GError) error = NULL;

    g_assert_false(log_out(tree->host, "KDE", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    host_tree_dir(tree, "/run/user/%u", geteuid() + 1);
    g_assert_false(vh_host_session_logout(tree->host, &session, in_ms(1000), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "/run/user/"));
}

/* ---- who began them ---- */

/* A process with a parent. */
static void put_child(FakeSetup *setup, int pid, int parent, const char *cgroup)
{
    g_autofree char *status = g_strdup_printf("Name:\tx\nPPid:\t%d\nTracerPid:\t0\n", parent);

    host_tree_write(setup->tree, status, "/proc/%d/status", pid);
    host_tree_write(setup->tree, cgroup, "/proc/%d/cgroup", pid);
}

static void test_session_begun_by(void)
{
    static const struct {
        const char *of_parent, *unit;
    } cases[] = {
        {"0::/system.slice/lightdm.service\n", "lightdm.service"},
        {"0::/init.scope\n", "init.scope"},
        /* From within another session, whose leader nobody knows any more. */
        {"0::/user.slice/user-0.slice/session-1.scope\n", NULL},
        {"", NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});
        put_child(setup, 24, 23, "0::/user.slice/user-1000.slice/session-2.scope\n");
        put_child(setup, 23, 22, "0::/user.slice/user-1000.slice/session-2.scope\n");
        put_child(setup, 22, 0, cases[i].of_parent);
        g_autoptr(GPtrArray) sessions = vh_host_sessions(setup->host, NULL);
        const VhSession *session = g_ptr_array_index(sessions, 0);
        g_assert_cmpstr(session->unit, ==, cases[i].unit);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/logout/bus", test_bus);
    g_test_add_func("/logout/bus-troubles", test_bus_troubles);
    g_test_add_func("/logout/sockets", test_sockets);
    g_test_add_func("/logout/hyprland", test_hyprland);
    g_test_add_func("/logout/socket-troubles", test_socket_troubles);
    g_test_add_func("/logout/no-directory", test_no_directory);
    g_test_add_func("/logout/begun-by", test_session_begun_by);
    return g_test_run();
}

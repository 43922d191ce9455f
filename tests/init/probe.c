// SPDX-License-Identifier: GPL-2.0-or-later
/* What the real back end does on a host that the manager named in the first argument runs. Service
 * "sddm" is up, "broken" cannot be started. Sessions are tried where logind or elogind is.
 * "stopping" instead of a name: the host is on its way down. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "host/real-private.h"
#include "host/real.h"

static VhHost *host;
static const char *manager;

static gint64 in_seconds(guint seconds)
{
    return g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;
}

static void assert_unit(const char *name, const char *id, const char *load, const char *active)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhUnit) unit = vh_host_unit_look(host, name, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(unit->id, ==, id);
    g_assert_cmpstr(unit->load, ==, load);
    g_assert_cmpstr(unit->active, ==, active);
}

static void test_look(void)
{
    g_assert_cmpstr(vh_host_service_manager(host)->name, ==, manager);
    assert_unit("sddm.service", "sddm", "loaded", "active");
    assert_unit("sddm", "sddm", "loaded", "active");
    assert_unit("display-manager.service", "sddm", "loaded", "active");
    assert_unit("broken.service", "broken", "loaded", "inactive");
    assert_unit("other.service", "other.service", "not-found", "inactive");
    g_assert_false(vh_host_stopping(host));
}

static void test_cycle(void)
{
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 2; i++) {
        (void)vh_host_unit_stop(host, "sddm.service", in_seconds(30), &error);
        g_assert_no_error(error);
        assert_unit("sddm", "sddm", "loaded", "inactive");
        (void)vh_host_unit_start(host, "sddm.service", in_seconds(30), &error);
        g_assert_no_error(error);
        assert_unit("sddm", "sddm", "loaded", "active");
    }
}

static void test_failure(void)
{
    g_autoptr(GError) broken = NULL, other = NULL;

    g_assert_false(vh_host_unit_start(host, "broken", in_seconds(30), &broken));
    g_test_message("%s", broken->message);
    g_assert_error(broken, VH_ERROR, VH_ERROR_FAILED);
    g_assert_false(vh_host_unit_stop(host, "other", in_seconds(30), &other));
    g_test_message("%s", other->message);
}

/* ---- sessions ---- */

typedef sd_bus_message Message;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Message, sd_bus_message_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhSession, vh_session_free)

/* What PAM has it do for a process that a display manager starts, on a seat without terminals. The
 * session is there for as long as the answer, which has a descriptor, and the process. */
static gboolean open_session(pid_t leader, Message **ret_answer, GError **error)
{
    return vh_bus_call((VhReal *)host, in_seconds(20), &vh_bus_logind, "CreateSession", ret_answer,
                       error, "uusssssussbssa(sv)", (guint32)1000, (guint32)leader, "sddm", "x11",
                       "user", "XFCE", "seat0", (guint32)0, "", ":0", 0, "", "", 0);
}

static VhSession *only_session(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) sessions = vh_host_sessions(host, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(sessions->len, <=, 1);
    return sessions->len ? g_ptr_array_steal_index(sessions, 0) : NULL;
}

static gboolean has_session(pid_t pid, const char *id)
{
    VhHolder *holder = g_new0(VhHolder, 1);

    holder->process = (VhProcess){pid, vh_host_process_start(host, pid)};
    gboolean has =
        vh_process_describe((VhReal *)host, holder) && g_strcmp0(holder->session, id) == 0;
    vh_holder_free(holder);
    return has;
}

/* Until logind has forgotten it. */
static gboolean session_ends(gint64 deadline)
{
    while (g_get_monotonic_time() < deadline) {
        g_autoptr(VhSession) left = only_session();
        if (!left)
            return TRUE;
    }
    return FALSE;
}

static void test_sessions(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Message) answer = NULL;
    gint64 deadline = in_seconds(20);
    pid_t leader = fork();

    if (leader == 0) {
        (void)pause();
        _exit(0);
    }
    if (!open_session(leader, &answer, &error) &&
        g_error_matches(error, VH_ERROR, VH_ERROR_UNSUPPORTED)) {
        g_test_skip(error->message);
        (void)kill(leader, SIGKILL);
        return;
    }
    g_assert_no_error(error);
    g_autoptr(VhSession) session = only_session();
    g_assert_nonnull(session);
    g_assert_cmpuint(session->uid, ==, 1000);
    g_assert_cmpstr(session->user, ==, "anna");
    g_assert_cmpstr(session->seat, ==, "seat0");
    g_assert_cmpstr(session->type, ==, "x11");
    g_assert_cmpstr(session->class, ==, "user");
    g_assert_cmpstr(session->desktop, ==, "XFCE");
    g_assert_true(has_session(leader, session->id));
    g_assert_false(vh_host_user_lingers(host, 1000));
    (void)vh_host_session_terminate(host, session->id, &error);
    g_assert_no_error(error);
    g_assert_true(vh_child_wait(leader, deadline, NULL));
    sd_bus_message_unref(g_steal_pointer(&answer));
    g_assert_true(session_ends(deadline));
}

static void test_stopping(void)
{
    g_assert_true(vh_host_stopping(host));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestFunc run;
    } tests[] = {{"/look", test_look},
                 {"/cycle", test_cycle},
                 {"/failure", test_failure},
                 {"/sessions", test_sessions}};

    g_test_init(&argc, &argv, NULL);
    manager = argc > 1 ? argv[1] : "";
    host = vh_real_new(NULL);
    for (gsize i = 0; !g_str_equal(manager, "stopping") && i < G_N_ELEMENTS(tests); i++)
        g_test_add_func(tests[i].name, tests[i].run);
    if (g_str_equal(manager, "stopping"))
        g_test_add_func("/stopping", test_stopping);
    int status = g_test_run();
    vh_host_free(host);
    return status;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* systemd's and logind's part of the simulated machine, time, processes, files and guests. */
#include "test-sim.h"
#include "test-sim-machines.h"

static guint count_sessions(VhHost *host)
{
    g_autoptr(GPtrArray) sessions = vh_host_sessions(host, NULL);

    return sessions->len;
}

static void test_look(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);
    g_autoptr(GError) error = NULL;
    g_autoptr(VhUnit) unit = vh_host_unit_look(host, "display-manager.service", &error);
    g_autoptr(VhUnit) none = vh_host_unit_look(host, "none.service", &error);
    g_autoptr(VhUnit) masked = vh_host_unit_look(host, "masked.service", &error);
    g_autoptr(GPtrArray) sessions = vh_host_sessions(host, &error);
    const VhSession *desktop = sessions->pdata[0], *ssh = sessions->pdata[1];

    g_assert_cmpstr(unit->id, ==, "dm.service");
    g_assert_cmpstr(unit->load, ==, "loaded");
    g_assert_cmpstr(unit->active, ==, "active");
    g_assert_cmpstr(none->id, ==, "none.service");
    g_assert_cmpstr(none->load, ==, "not-found");
    g_assert_cmpstr(none->active, ==, "inactive");
    g_assert_cmpstr(masked->load, ==, "masked");
    g_assert_cmpstr(desktop->id, ==, "3");
    g_assert_cmpuint(desktop->uid, ==, 7);
    g_assert_cmpstr(desktop->user, ==, "ida");
    g_assert_cmpstr(desktop->seat, ==, "seat0");
    g_assert_cmpstr(desktop->class, ==, "user");
    g_assert_cmpstr(desktop->state, ==, "active");
    g_assert_cmpstr(desktop->desktop, ==, "KDE");
    g_assert_true(vh_session_is_graphical(desktop));
    g_assert_null(ssh->seat);
    g_assert_false(vh_session_is_graphical(ssh));
    g_assert_true(vh_host_user_lingers(host, 8));
    g_assert_false(vh_host_user_lingers(host, 7));
    g_assert_false(vh_host_user_lingers(host, 99));
}

static void test_holders(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(host, GPU, NULL);
    g_autoptr(GPtrArray) holders = vh_host_holders(host, nodes, NULL);
    static const struct {
        const char *command, *user, *unit, *user_unit, *session;
    } expected[] = {
        {"dm", "root", "dm.service", NULL, NULL},
        {"kwin", "ida", "session-3.scope", NULL, "3"},
        {"plasma", "ida", "user@7.service", "plasma.service", NULL},
        {"mpd", "bo", "user@8.service", "mpd.service", NULL},
    };

    g_assert_cmpuint(holders->len, ==, G_N_ELEMENTS(expected));
    for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
        const VhHolder *holder = holders->pdata[i];
        g_assert_cmpstr(holder->command, ==, expected[i].command);
        g_assert_cmpstr(holder->user, ==, expected[i].user);
        g_assert_cmpstr(holder->unit, ==, expected[i].unit);
        g_assert_cmpstr(holder->user_unit, ==, expected[i].user_unit);
        g_assert_cmpstr(holder->session, ==, expected[i].session);
        g_assert_cmpstr(holder->node, ==, "/dev/dri/card0");
        g_assert_true(vh_host_process_alive(host, holder->process));
    }
    const VhHolder *dm = holders->pdata[0];
    g_assert_cmpint(dm->process.pid, ==, 10);
    g_assert_cmpuint(dm->process.start_time, ==, 99);
}

/* Units of a user's manager are those that its processes are in. */
static void test_user_units(void)
{
    static const char *const all[] = {"*.service", NULL}, *const one[] = {"plasma.service", NULL};
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);
    VhProcess manager;

    g_autoptr(GPtrArray) none = vh_host_user_units(host, 99, all, &manager, NULL);
    g_assert_nonnull(none);
    g_assert_cmpuint(none->len, ==, 0);
    g_assert_cmpint(manager.pid, ==, 0);
    failed(vh_host_user_unit_stop(host, 99, "plasma.service", soon(host), &error), VH_ERROR_GONE);
    g_autoptr(GPtrArray) units = vh_host_user_units(host, 7, one, &manager, NULL);
    g_assert_cmpuint(units->len, ==, 1);
    g_assert_cmpint(manager.pid, >, 0);
    g_assert_true(vh_host_process_alive(host, manager));
    g_assert_cmpstr(((const VhUnit *)units->pdata[0])->active, ==, "active");
    did(vh_host_user_unit_stop(host, 7, "plasma.service", soon(host), &error));
    failed(vh_host_user_unit_stop(host, 7, "none.service", soon(host), &error), VH_ERROR_GONE);
    g_autoptr(GPtrArray) after = vh_host_user_units(host, 7, one, &manager, NULL);
    g_assert_cmpstr(((const VhUnit *)after->pdata[0])->active, ==, "inactive");
    assert_holders(host, GPU, "dm kwin mpd");
    did(vh_host_user_unit_start(host, 7, "plasma.service", soon(host), &error));
    assert_holders(host, GPU, "dm kwin plasma mpd");
}

static void test_stop(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);
    gint64 before = vh_host_now(host);

    did(vh_host_unit_stop(host, "display-manager.service", soon(host), &error));
    g_assert_cmpint(vh_host_now(host) - before, >=, 300000);
    g_assert_cmpint(vh_host_now(host) - before, <, 310000);
    assert_active(host, "dm.service", "inactive");
    /* Its session takes a little while to close, and its user's manager logind's ten seconds. */
    assert_holders(host, GPU, "kwin plasma mpd");
    assert_fact(host, "session uid 7 seat seat0 type wayland class user closing");
    vh_host_wait(host, NULL, 100000);
    assert_holders(host, GPU, "plasma mpd");
    /* One process stays, and the session with it. */
    assert_fact(host, "session uid 7 seat seat0 type wayland class user closing");
    g_assert_true(vh_sim_process_end(host, 21));
    g_assert_cmpuint(count_sessions(host), ==, 1);
    vh_host_wait(host, NULL, 9900000);
    assert_active(host, "user@7.service", "active");
    vh_host_wait(host, NULL, 150000);
    assert_active(host, "user@7.service", "deactivating");
    vh_host_wait(host, NULL, 100000);
    assert_active(host, "user@7.service", "inactive");
    assert_holders(host, GPU, "mpd");
    did(vh_host_unit_stop(host, "dm.service", soon(host), &error));
}

static void test_user_manager_at_once(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);
    gint64 before = vh_host_now(host);

    did(vh_host_unit_ask(host, VH_JOB_STOP, "dm.service", &error));
    did(vh_host_unit_ask(host, VH_JOB_STOP, "user@7.service", &error));
    g_assert_cmpint(vh_host_now(host) - before, <, 10000);
    assert_active(host, "dm.service", "deactivating");
    assert_holders(host, GPU, "dm kwin plasma mpd");
    vh_host_wait(host, NULL, 500000);
    assert_active(host, "dm.service", "inactive");
    assert_active(host, "user@7.service", "inactive");
    assert_holders(host, GPU, "mpd");
}

static void test_linger(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);

    did(vh_host_session_terminate(host, "5", &error));
    vh_host_wait(host, NULL, 60 * SECOND);
    g_assert_cmpuint(count_sessions(host), ==, 1);
    assert_active(host, "user@8.service", "active");
    /* Nothing would open an ssh session again. */
    did(vh_host_unit_stop(host, "dm.service", soon(host), &error));
    did(vh_host_unit_start(host, "dm.service", soon(host), &error));
    g_assert_cmpuint(count_sessions(host), ==, 1);
    failed(vh_host_session_terminate(host, "5", &error), VH_ERROR_GONE);
    g_autofree char *text = vh_sim_snapshot(host);
    g_assert_null(strstr(text, "\"bash\""));
}

static void test_terminate(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);

    did(vh_host_session_terminate(host, "3", &error));
    assert_fact(host, "session uid 7 seat seat0 type wayland class user closing");
    vh_host_wait(host, NULL, 100000);
    /* Those that would stay are killed too. */
    g_assert_cmpuint(count_sessions(host), ==, 1);
    g_assert_cmpuint(vh_host_process_start(host, 21), ==, 0);
}

/* A compositor that ends takes its session with it; in a user's manager it takes no unit down. */
static void test_session_process(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);

    g_assert_true(vh_sim_process_end(host, 20));
    assert_fact(host, "session uid 7 seat seat0 type wayland class user closing");
    g_assert_true(vh_sim_process_end(host, 30));
    assert_active(host, "user@7.service", "active");
}

static void test_start(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);
    g_autofree char *before = vh_sim_state(host);

    did(vh_host_unit_stop(host, "dm.service", soon(host), &error));
    g_assert_true(vh_sim_process_end(host, 21));
    vh_host_wait(host, NULL, 20 * SECOND);
    gint64 began = vh_host_now(host);
    did(vh_host_unit_start(host, "dm.service", soon(host), &error));
    g_assert_cmpint(vh_host_now(host) - began, >=, 400000);
    vh_host_wait(host, NULL, SECOND);
    /* All is as before, under new numbers. */
    g_autofree char *after = vh_sim_state(host);
    g_assert_cmpstr(before, ==, after);
    g_assert_cmpuint(vh_host_process_start(host, 10), ==, 0);
    g_autoptr(GPtrArray) sessions = vh_host_sessions(host, NULL);
    g_assert_cmpstr(((const VhSession *)sessions->pdata[0])->id, ==, "6");
    did(vh_host_unit_start(host, "dm.service", soon(host), &error));
    /* The way there is a job, too, when nobody waits for it. */
    g_autoptr(VhHost) other = machine(DESKTOP_MACHINE);
    did(vh_host_unit_stop(other, "dm.service", soon(other), &error));
    failed(vh_host_unit_start(other, "dm.service", in_ms(other, 100), &error), VH_ERROR_TIMEOUT);
    assert_active(other, "dm.service", "activating");
    vh_host_wait(other, NULL, SECOND);
    assert_active(other, "dm.service", "active");
}

/* The session is opened again while the manager of its user still lives. */
static void test_start_soon(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);
    g_autofree char *before = vh_sim_state(host);

    did(vh_host_unit_stop(host, "dm.service", soon(host), &error));
    did(vh_host_unit_start(host, "dm.service", soon(host), &error));
    vh_host_wait(host, NULL, 30 * SECOND);
    g_autofree char *after = vh_sim_state(host);
    g_assert_cmpstr(before, ==, after);
    /* … also when the session had closed, and the manager was about to be stopped. */
    did(vh_host_unit_stop(host, "dm.service", soon(host), &error));
    vh_host_wait(host, NULL, SECOND);
    g_assert_true(vh_sim_process_end(host, 21));
    g_assert_cmpuint(count_sessions(host), ==, 1);
    did(vh_host_unit_start(host, "dm.service", soon(host), &error));
    vh_host_wait(host, NULL, 30 * SECOND);
    g_autofree char *again = vh_sim_state(host);
    g_assert_cmpstr(before, ==, again);
}

/* A manager lives while its user has another session; a unit while it has another process. */
static void test_one_of_two(void)
{
    g_autofree char *text = g_strdup(DESKTOP_MACHINE);
    char *uid = strstr(text, "'uid': 8, 'type': 'tty'");

    uid[strlen("'uid': ")] = '7';
    g_autoptr(VhHost) host = machine(text);
    g_assert_true(vh_sim_process_end(host, 21));
    did(vh_host_unit_stop(host, "dm.service", soon(host), &error));
    vh_host_wait(host, NULL, 60 * SECOND);
    assert_active(host, "user@7.service", "active");
    did(vh_host_session_terminate(host, "5", &error));
    vh_host_wait(host, NULL, 60 * SECOND);
    assert_active(host, "user@7.service", "inactive");
    pid_t pid = vh_sim_process_add(host, "helper", 0, "simple.service", NULL);
    g_assert_true(vh_sim_process_end(host, 41));
    assert_active(host, "simple.service", "active");
    g_assert_true(vh_sim_process_end(host, pid));
    assert_active(host, "simple.service", "inactive");
}

static void test_black_screen(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);

    /* What the display manager had open when it lost its screen is forgotten with it. */
    did(vh_host_pci_unbind(host, GPU, soon(host), &error));
    assert_fact(host, "process dm uid 0 in dm.service /dev/dri/card0 (gone)");
    did(vh_host_unit_stop(host, "dm.service", soon(host), &error));
    /* The job is done, and the display manager has no screen. */
    did(vh_host_unit_start(host, "dm.service", soon(host), &error));
    assert_active(host, "dm.service", "failed");
    did(vh_host_pci_probe(host, GPU, soon(host), &error));
    /* Started before the node is there, it fails as well. */
    did(vh_host_unit_stop(host, "dm.service", soon(host), &error));
    assert_active(host, "dm.service", "failed");
    vh_host_wait(host, NULL, 300000);
    did(vh_host_unit_start(host, "dm.service", soon(host), &error));
    assert_active(host, "dm.service", "active");
    assert_fact(host, "process dm uid 0 in dm.service /dev/dri/card0");
}

static void test_job_results(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);

    failed(vh_host_unit_stop(host, "stubborn.service", soon(host), &error), VH_ERROR_FAILED);
    assert_active(host, "stubborn.service", "active");
    failed(vh_host_unit_start(host, "broken.service", soon(host), &error), VH_ERROR_FAILED);
    assert_active(host, "broken.service", "failed");
    failed(vh_host_unit_start(host, "masked.service", soon(host), &error), VH_ERROR_FAILED);
    failed(vh_host_unit_start(host, "gone.service", soon(host), &error), VH_ERROR_GONE);
    failed(vh_host_unit_stop(host, "none.service", soon(host), &error), VH_ERROR_GONE);
    failed(vh_host_unit_ask(host, VH_JOB_STOP, "none.service", &error), VH_ERROR_GONE);
}

static void test_slow_stop(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);
    gint64 deadline = in_ms(host, 100);

    failed(vh_host_unit_stop(host, "dm.service", deadline, &error), VH_ERROR_TIMEOUT);
    g_assert_cmpint(vh_host_now(host), ==, deadline);
    /* A deadline that is over turns no clock back. */
    failed(vh_host_unit_stop(host, "dm.service", 1000, &error), VH_ERROR_TIMEOUT);
    g_assert_cmpint(vh_host_now(host), ==, deadline);
    assert_active(host, "dm.service", "deactivating");
    /* A start waits for the stop's end. */
    did(vh_host_unit_start(host, "dm.service", soon(host), &error));
    g_assert_cmpint(vh_host_now(host), >=, deadline + 200000 + 400000);
    assert_active(host, "dm.service", "active");
}

/* The process of restless.service ends by itself. */
static void end_restless(VhHost *host)
{
    g_assert_true(vh_sim_process_end(host, holder_of(host, RTC).pid));
}

static void test_restarts(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);

    g_assert_true(vh_sim_process_end(host, 41));
    assert_active(host, "simple.service", "inactive");
    for (int i = 0; i < 5; i++) {
        end_restless(host);
        assert_active(host, "restless.service", "activating");
        vh_host_wait(host, NULL, 150000);
        assert_active(host, "restless.service", "active");
    }
    end_restless(host);
    assert_active(host, "restless.service", "failed");
    /* A start by hand forgets the failures. */
    did(vh_host_unit_start(host, "restless.service", soon(host), &error));
    end_restless(host);
    assert_active(host, "restless.service", "activating");
    vh_host_wait(host, NULL, 60 * SECOND);
    /* So does time. */
    for (int i = 0; i < 5; i++) {
        end_restless(host);
        vh_host_wait(host, NULL, 150000);
    }
    assert_active(host, "restless.service", "active");
}

static void test_bus_gone(void)
{
    g_autoptr(GString) text = g_string_new(DESKTOP_MACHINE);

    g_string_insert(text, 1, "'bus': false, ");
    g_autoptr(VhHost) host = machine(text->str);
    failed(vh_host_unit_look(host, "dm.service", &error), VH_ERROR_FAILED);
    failed(vh_host_unit_stop(host, "dm.service", soon(host), &error), VH_ERROR_FAILED);
    failed(vh_host_unit_start(host, "dm.service", soon(host), &error), VH_ERROR_FAILED);
    failed(vh_host_unit_ask(host, VH_JOB_STOP, "dm.service", &error), VH_ERROR_FAILED);
    failed(vh_host_session_terminate(host, "3", &error), VH_ERROR_FAILED);
    g_assert_cmpuint(count_sessions(host), ==, 2);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(void);
    } tests[] = {
        {"/sim/desktop/look", test_look},
        {"/sim/desktop/holders", test_holders},
        {"/sim/desktop/stop", test_stop},
        {"/sim/desktop/user-manager-at-once", test_user_manager_at_once},
        {"/sim/desktop/linger", test_linger},
        {"/sim/desktop/terminate", test_terminate},
        {"/sim/desktop/user-units", test_user_units},
        {"/sim/desktop/session-process", test_session_process},
        {"/sim/desktop/start", test_start},
        {"/sim/desktop/start-soon", test_start_soon},
        {"/sim/desktop/one-of-two", test_one_of_two},
        {"/sim/desktop/black-screen", test_black_screen},
        {"/sim/desktop/job-results", test_job_results},
        {"/sim/desktop/slow-stop", test_slow_stop},
        {"/sim/desktop/restarts", test_restarts},
        {"/sim/desktop/bus-gone", test_bus_gone},
    };

    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add_func(tests[i].path, tests[i].test);
    return g_test_run();
}

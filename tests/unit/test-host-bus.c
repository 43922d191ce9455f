// SPDX-License-Identifier: GPL-2.0-or-later
/* Units and sessions of the real back end, against a fake systemd and logind. */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake-bus.h"

static gint64 in_ms(gint64 ms)
{
    return g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
}

/* ---- units ---- */

static void test_look(void)
{
    static const struct {
        const char *name, *id, *load, *active;
    } cases[] = {
        {"display-manager.service", "lightdm.service", "loaded", "active"},
        {"masked.service", "masked.service", "masked", "inactive"},
        {"queued.service", "queued.service", "loaded", "activating"},
        {"going.service", "going.service", "loaded", "deactivating"},
        {"leaving.service", "leaving.service", "loaded", "inactive"},
        {"none.service", "none.service", "not-found", "inactive"},
    };
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VhUnit) unit = vh_host_unit_look(setup->host, cases[i].name, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(unit->id, ==, cases[i].id);
        g_assert_cmpstr(unit->load, ==, cases[i].load);
        g_assert_cmpstr(unit->active, ==, cases[i].active);
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(vh_host_unit_look(setup->host, "no unit's name", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
}

/* As where a display manager was started and never enabled; one that does not run is not it. */
static void test_look_without_alias(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){.no_alias = TRUE});
    g_autoptr(GError) error = NULL;
    g_autoptr(VhUnit) unit = vh_host_unit_look(setup->host, "display-manager.service", &error);

    g_assert_no_error(error);
    g_assert_cmpstr(unit->id, ==, "sddm.service");
    g_assert_cmpstr(unit->active, ==, "active");
}

static void test_look_troubles(void)
{
    static const struct {
        const char *error;
        VhError code;
    } cases[] = {{SYSTEMD ".NoSuchUnit", VH_ERROR_GONE},
                 {SD_BUS_ERROR_ACCESS_DENIED, VH_ERROR_DENIED},
                 {SD_BUS_ERROR_NO_REPLY, VH_ERROR_TIMEOUT},
                 {SD_BUS_ERROR_SERVICE_UNKNOWN, VH_ERROR_UNSUPPORTED},
                 {"org.example.Odd", VH_ERROR_FAILED},
                 {NULL, VH_ERROR_FAILED}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        FakeBehaviour behaviour = {.fails = cases[i].error ? "ListUnitsByNames" : NULL,
                                   .error = cases[i].error,
                                   .odd = !cases[i].error};
        g_autoptr(FakeSetup) setup = fake_setup_new(behaviour);
        g_autoptr(GError) error = NULL;
        g_assert_null(vh_host_unit_look(setup->host, "a.service", &error));
        g_assert_error(error, VH_ERROR, (gint)cases[i].code);
    }
}

static void test_job_results(void)
{
    static const struct {
        const char *result;
        gboolean good;
        const char *words;
    } cases[] = {
        {"done", TRUE, NULL},
        {"skipped", TRUE, NULL},
        {"canceled", FALSE, "cancelled"},
        {"timeout", FALSE, "timeout"},
        {"failed", FALSE, "the job failed"},
        {"dependency", FALSE, "depends on"},
        {"invalid", FALSE, "does not know"},
        {"assert", FALSE, "assertion"},
        {"unsupported", FALSE, "not supported"},
        {"collected", FALSE, "dropped"},
        {"once", FALSE, "only once"},
        {"of-tomorrow", FALSE, "\"of-tomorrow\""},
    };

    for (gsize i = 0; i < 2 * G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeSetup) setup =
            fake_setup_new((FakeBehaviour){.result = cases[i / 2].result, .early = i % 2});
        g_autoptr(GError) error = NULL;
        gboolean good = vh_host_unit_stop(setup->host, "a.service", in_ms(10000), &error);
        g_assert_cmpint(good, ==, cases[i / 2].good);
        if (good) {
            g_assert_no_error(error);
            continue;
        }
        g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
        g_assert_true(g_str_has_prefix(error->message, "stop a.service: "));
        g_assert_nonnull(strstr(error->message, cases[i / 2].words));
    }
}

static void test_order_of_calls(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});
    g_autoptr(GError) error = NULL;

    g_assert_true(vh_host_unit_stop(setup->host, "a.service", in_ms(10000), &error));
    g_assert_true(vh_host_unit_start(setup->host, "b.service", in_ms(10000), &error));
    g_assert_true(vh_host_unit_ask(setup->host, VH_JOB_STOP, "c.service", &error));
    g_assert_true(vh_host_unit_ask(setup->host, VH_JOB_STOP, "user@7.service", &error));
    g_assert_no_error(error);
    g_autofree char *calls = fake_calls(&setup->fake);
    g_assert_cmpstr(calls, ==,
                    "StopUnit a.service replace\n"
                    "ResetFailedUnit b.service\nStartUnit b.service replace\n"
                    "StopUnit c.service replace\n"
                    "StopUnit user@7.service replace\nKillUnit user@7.service main\n");
}

static void test_reset_may_fail(void)
{
    g_autoptr(FakeSetup) setup =
        fake_setup_new((FakeBehaviour){.fails = "ResetFailedUnit", .error = SYSTEMD ".NoSuchUnit"});
    g_autoptr(GError) error = NULL;

    g_assert_true(vh_host_unit_start(setup->host, "a.service", in_ms(10000), &error));
    g_assert_no_error(error);
}

static void test_no_such_unit(void)
{
    g_autoptr(FakeSetup) setup =
        fake_setup_new((FakeBehaviour){.fails = "StopUnit", .error = SYSTEMD ".NoSuchUnit"});
    g_autoptr(GError) error = NULL, again = NULL;

    g_assert_false(vh_host_unit_stop(setup->host, "a.service", in_ms(10000), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_GONE);
    g_assert_false(vh_host_unit_ask(setup->host, VH_JOB_STOP, "a.service", &again));
    g_assert_error(again, VH_ERROR, VH_ERROR_GONE);
}

static void test_job_without_end(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){.never = TRUE});
    g_autoptr(GError) error = NULL;
    gint64 began = g_get_monotonic_time();

    g_assert_false(vh_host_unit_stop(setup->host, "a.service", in_ms(300), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_cmpint(g_get_monotonic_time() - began, >=, 300 * G_TIME_SPAN_MILLISECOND);
    g_assert_cmpint(g_get_monotonic_time() - began, <, 5 * G_USEC_PER_SEC);
    g_autofree char *calls = fake_calls(&setup->fake);
    g_assert_true(g_str_has_suffix(calls, "Cancel " JOB "\n"));
}

/* A desktop that is slow to come up is not stopped from coming up. */
static void test_slow_start_goes_on(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){.never = TRUE});
    g_autoptr(GError) error = NULL;

    g_assert_false(vh_host_unit_start(setup->host, "a.service", in_ms(300), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_autofree char *calls = fake_calls(&setup->fake);
    g_assert_null(strstr(calls, "Cancel"));
}

static void test_bus_breaks(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){.drop = TRUE});
    g_autoptr(GError) error = NULL, after = NULL;
    gint64 began = g_get_monotonic_time();

    g_assert_false(vh_host_unit_stop(setup->host, "a.service", in_ms(10000), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "broke"));
    g_assert_cmpint(g_get_monotonic_time() - began, <, 5 * G_USEC_PER_SEC);
    /* The next question opens the bus anew, which this tree has none of. */
    g_assert_null(vh_host_unit_look(setup->host, "a.service", &after));
    g_assert_error(after, VH_ERROR, VH_ERROR_UNSUPPORTED);
}

static void test_no_answer(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){.silent = "StartUnit"});
    g_autoptr(GError) error = NULL;
    gint64 began = g_get_monotonic_time();

    g_assert_false(vh_host_unit_start(setup->host, "a.service", in_ms(300), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_cmpint(g_get_monotonic_time() - began, <, 5 * G_USEC_PER_SEC);
    /* What comes after the deadline is not begun. */
    g_autofree char *calls = fake_calls(&setup->fake);
    g_auto(GStrv) lines = g_strsplit(g_strchomp(calls), "\n", -1);
    g_assert_true(g_str_has_prefix(lines[g_strv_length(lines) - 1], "StartUnit"));
}

/* Whatever comes of the reset of a unit's failures, nobody waits for it. */
static void test_reset_unanswered(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){.silent = "ResetFailedUnit"});
    g_autoptr(GError) error = NULL;

    g_assert_true(vh_host_unit_start(setup->host, "a.service", in_ms(10000), &error));
    g_assert_no_error(error);
}

/* Who did not answer is asked again, but not waited for as long: a hook has several questions. */
static void test_mute(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){.silent = "StopUnit"});
    g_autoptr(GError) error = NULL;
    const VhReal *real = (VhReal *)setup->host;

    g_assert_false(vh_host_unit_stop(setup->host, "a.service", in_ms(300), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    gint64 brief = vh_bus_ask_deadline(real);
    g_assert_cmpint(brief, <=, in_ms(1000));
    g_autoptr(VhUnit) unit = vh_host_unit_look(setup->host, "a.service", NULL);
    g_assert_nonnull(unit);
    g_assert_cmpint(in_ms(5000), <=, vh_bus_ask_deadline(real));
}

static void test_odd_answer(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){.odd = TRUE});
    g_autoptr(GError) error = NULL;

    g_assert_false(vh_host_unit_stop(setup->host, "a.service", in_ms(10000), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
}

static void test_stopping(void)
{
    static const struct {
        FakeBehaviour behaviour;
        gboolean stopping;
    } cases[] = {{{.result = "stopping"}, TRUE},
                 {{.result = "degraded"}, FALSE},
                 {{.fails = "Get", .error = SD_BUS_ERROR_ACCESS_DENIED}, FALSE}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeSetup) setup = fake_setup_new(cases[i].behaviour);
        g_assert_cmpint(vh_host_stopping(setup->host), ==, cases[i].stopping);
    }
}

/* ---- sessions ---- */

static void test_sessions(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) sessions = vh_host_sessions(setup->host, &error);

    g_assert_no_error(error);
    /* One ended between the list and the look. */
    g_assert_cmpuint(sessions->len, ==, 2);
    const VhSession *desktop = g_ptr_array_index(sessions, 0);
    const VhSession *ssh = g_ptr_array_index(sessions, 1);
    g_assert_cmpstr(desktop->id, ==, "2");
    g_assert_cmpuint(desktop->uid, ==, 1000);
    g_assert_cmpstr(desktop->user, ==, "alice");
    g_assert_cmpstr(desktop->seat, ==, "seat0");
    g_assert_cmpstr(desktop->type, ==, "wayland");
    g_assert_cmpstr(desktop->class, ==, "user");
    g_assert_cmpstr(desktop->state, ==, "active");
    g_assert_cmpstr(desktop->desktop, ==, "KDE");
    g_assert_cmpuint(desktop->vt, ==, 7);
    g_assert_true(vh_session_is_graphical(desktop));
    g_assert_cmpstr(ssh->id, ==, "9");
    g_assert_null(ssh->seat);
    g_assert_null(ssh->unit);
    g_assert_cmpstr(ssh->state, ==, "closing");
    g_assert_null(ssh->desktop);
    g_assert_false(vh_session_is_graphical(ssh));
}

static void test_sessions_troubles(void)
{
    static const struct {
        FakeBehaviour behaviour;
        VhError code;
    } cases[] = {
        {{.fails = "ListSessions", .error = SD_BUS_ERROR_ACCESS_DENIED}, VH_ERROR_DENIED},
        {{.fails = "GetAll", .error = SD_BUS_ERROR_NO_REPLY}, VH_ERROR_TIMEOUT},
        {{.odd = TRUE}, VH_ERROR_FAILED},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeSetup) setup = fake_setup_new(cases[i].behaviour);
        g_autoptr(GError) error = NULL;
        g_assert_null(vh_host_sessions(setup->host, &error));
        g_assert_error(error, VH_ERROR, (gint)cases[i].code);
    }
}

static void test_no_logind(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new(
        (FakeBehaviour){.fails = "ListSessions", .error = SD_BUS_ERROR_SERVICE_UNKNOWN});
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) sessions = vh_host_sessions(setup->host, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(sessions->len, ==, 0);
}

static void test_front(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});
    g_autoptr(FakeSetup) odd = fake_setup_new((FakeBehaviour){.odd = TRUE});
    g_autoptr(GError) error = NULL;

    g_assert_true(vh_host_front_switch(setup->host, "seat0", 7, in_ms(10000), &error));
    g_assert_no_error(error);
    g_autofree char *calls = fake_calls(&setup->fake);
    g_assert_cmpstr(calls, ==, "GetSeat seat0\nSwitchTo /seat/zero\nto 7\n");
    g_assert_false(vh_host_front_switch(odd->host, "seat0", 7, in_ms(10000), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
}

static void test_terminate(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});
    g_autoptr(GError) error = NULL;

    g_assert_true(vh_host_session_terminate(setup->host, "c2", &error));
    g_assert_no_error(error);
    g_autofree char *calls = fake_calls(&setup->fake);
    g_assert_cmpstr(calls, ==, "TerminateSession c2\n");

    g_autoptr(FakeSetup) gone = fake_setup_new(
        (FakeBehaviour){.fails = "TerminateSession", .error = LOGIND ".NoSuchSession"});
    g_assert_false(vh_host_session_terminate(gone->host, "c2", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_GONE);
}

static void test_lingers(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});

    g_assert_true(vh_host_user_lingers(setup->host, 1000));
    g_assert_false(vh_host_user_lingers(setup->host, 1001));
    g_assert_false(vh_host_user_lingers(setup->host, 1002));
}

/* ---- the bus itself ---- */

static void test_no_bus(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;

    g_assert_false(vh_host_unit_stop(tree->host, "a.service", in_ms(1000), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "system bus"));
    g_assert_false(vh_host_stopping(tree->host));
    g_assert_false(vh_host_user_lingers(tree->host, 0));
    g_autoptr(GPtrArray) sessions = vh_host_sessions(tree->host, NULL);
    g_assert_nonnull(sessions);
    g_assert_cmpuint(sessions->len, ==, 0);
}

/* A bus that takes the connection and says nothing. */
static void test_mute_bus(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_autofree char *path = host_tree_path(tree, "/run/dbus/system_bus_socket");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gint64 began = g_get_monotonic_time();

    host_tree_dir(tree, "/run/dbus");
    g_assert_cmpuint(g_strlcpy(address.sun_path, path, sizeof address.sun_path), <,
                     sizeof address.sun_path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(fd, 4), ==, 0);
    g_assert_false(vh_host_unit_stop(tree->host, "a.service", in_ms(300), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_cmpint(g_get_monotonic_time() - began, <, 5 * G_USEC_PER_SEC);
    (void)close(fd);
}

/* With a bus between: the greeting, names of services, and matches that the bus has to know. */
static void test_real_bus(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_on_bus((FakeBehaviour){.result = "dependency"});
    g_autoptr(GError) error = NULL;

    if (!setup)
        return;
    g_autoptr(VhUnit) unit = vh_host_unit_look(setup->host, "display-manager.service", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(unit->id, ==, "lightdm.service");
    g_autoptr(GPtrArray) sessions = vh_host_sessions(setup->host, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(sessions->len, ==, 2);
    g_assert_false(vh_host_unit_stop(setup->host, "a.service", in_ms(10000), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "depends on"));
    g_clear_error(&error);
    setup->fake.behaviour.result = "done";
    g_assert_true(vh_host_unit_start(setup->host, "a.service", in_ms(10000), &error));
    g_assert_no_error(error);
}

/* A bus on which nobody is systemd or logind. */
static void test_empty_bus(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_on_bus((FakeBehaviour){.absent = TRUE});
    g_autoptr(GError) error = NULL;

    if (!setup)
        return;
    g_assert_null(vh_host_unit_look(setup->host, "a.service", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    g_autoptr(GPtrArray) sessions = vh_host_sessions(setup->host, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(sessions->len, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/units/look", test_look);
    g_test_add_func("/units/look-without-alias", test_look_without_alias);
    g_test_add_func("/units/look-troubles", test_look_troubles);
    g_test_add_func("/units/job-results", test_job_results);
    g_test_add_func("/units/order-of-calls", test_order_of_calls);
    g_test_add_func("/units/reset-may-fail", test_reset_may_fail);
    g_test_add_func("/units/reset-unanswered", test_reset_unanswered);
    g_test_add_func("/units/no-such-unit", test_no_such_unit);
    g_test_add_func("/units/job-without-end", test_job_without_end);
    g_test_add_func("/units/slow-start-goes-on", test_slow_start_goes_on);
    g_test_add_func("/units/bus-breaks", test_bus_breaks);
    g_test_add_func("/units/no-answer", test_no_answer);
    g_test_add_func("/units/odd-answer", test_odd_answer);
    g_test_add_func("/units/stopping", test_stopping);
    g_test_add_func("/units/mute", test_mute);
    g_test_add_func("/sessions/list", test_sessions);
    g_test_add_func("/sessions/troubles", test_sessions_troubles);
    g_test_add_func("/sessions/no-logind", test_no_logind);
    g_test_add_func("/sessions/front", test_front);
    g_test_add_func("/sessions/terminate", test_terminate);
    g_test_add_func("/sessions/lingers", test_lingers);
    g_test_add_func("/bus/none", test_no_bus);
    g_test_add_func("/bus/mute", test_mute_bus);
    g_test_add_func("/bus/real", test_real_bus);
    g_test_add_func("/bus/empty", test_empty_bus);
    return g_test_run();
}

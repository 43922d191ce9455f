// SPDX-License-Identifier: GPL-2.0-or-later
/* Services without systemd: OpenRC, sysvinit and runit, by programs that answer as theirs do. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmpx.h>

#include "fake-services.h"

static gint64 in_ms(gint64 ms)
{
    return g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
}

static void assert_unit(HostTree *tree, const char *name, const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhUnit) unit = vh_host_unit_look(tree->host, name, &error);

    g_assert_no_error(error);
    g_autofree char *got = g_strdup_printf("%s %s %s", unit->id, unit->load, unit->active);
    g_assert_cmpstr(got, ==, wanted);
}

static void test_which(void)
{
    static const struct {
        HostTree *(*make)(void);
        const VhServiceManager *manager;
        const char *stop;
    } cases[] = {{host_tree_new, &vh_manager_systemd, "systemctl stop a.service"},
                 {fake_openrc_tree, &vh_manager_openrc, "rc-service a stop"},
                 {fake_sysvinit_tree, &vh_manager_sysvinit, "service a stop"},
                 {fake_runit_tree, &vh_manager_runit, "sv stop a"},
                 {fake_bare_tree, &vh_manager_none, "systemctl stop a"}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(HostTree) tree = cases[i].make();
        const VhServiceManager *manager = vh_host_service_manager(tree->host);
        g_autofree char *stop = vh_service_command(manager, "stop", "a.service");
        g_assert_true(manager == cases[i].manager);
        g_assert_cmpstr(stop, ==, cases[i].stop);
    }
}

static void test_none(void)
{
    g_autoptr(HostTree) tree = fake_bare_tree();
    g_autoptr(GError) look = NULL, stop = NULL;

    g_assert_null(vh_host_unit_look(tree->host, "sddm.service", &look));
    g_assert_error(look, VH_ERROR, VH_ERROR_UNSUPPORTED);
    g_assert_false(vh_host_unit_stop(tree->host, "sddm.service", in_ms(1000), &stop));
    g_assert_error(stop, VH_ERROR, VH_ERROR_UNSUPPORTED);
    g_assert_false(vh_host_stopping(tree->host));
}

/* ---- OpenRC ---- */

static void test_openrc_look(void)
{
    static const struct {
        const char *state, *active;
    } cases[] = {{"started", "active"},
                 {"stopped", "inactive"},
                 {"stopping", "deactivating"},
                 {"starting", "activating"},
                 {"crashed", "failed"}};
    g_autoptr(HostTree) tree = fake_openrc_tree();

    assert_unit(tree, "sddm.service", "sddm.service not-found inactive");
    assert_unit(tree, "-x.service", "-x.service not-found inactive");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *wanted = g_strdup_printf("sddm loaded %s", cases[i].active);
        host_tree_write(tree, cases[i].state, "/services/sddm");
        assert_unit(tree, "sddm.service", wanted);
        assert_unit(tree, "sddm", wanted);
    }
}

static void test_openrc_acts(void)
{
    g_autoptr(HostTree) tree = fake_openrc_tree();
    g_autoptr(GError) error = NULL;

    host_tree_write(tree, "started", "/services/sddm");
    (void)vh_host_unit_stop(tree->host, "sddm.service", in_ms(20000), &error);
    g_assert_no_error(error);
    assert_unit(tree, "sddm", "sddm loaded inactive");
    (void)vh_host_unit_start(tree->host, "sddm", in_ms(20000), &error);
    g_assert_no_error(error);
    assert_unit(tree, "sddm", "sddm loaded active");
    /* What it starts lives on and must have no pipe of ours. */
    g_autofree char *output = host_tree_read(tree, "/stdout");
    g_assert_cmpstr(output, ==, "/dev/null\n");
    g_autofree char *calls = host_tree_read(tree, "/calls");
    g_assert_true(
        g_str_has_prefix(calls, "--exists sddm\nsddm status\nsddm stop\n--exists sddm\n"));
}

static void test_openrc_fails(void)
{
    g_autoptr(HostTree) tree = fake_openrc_tree();
    g_autoptr(GError) stop = NULL, start = NULL, gone = NULL;

    host_tree_write(tree, "stuck", "/services/sddm");
    g_assert_false(vh_host_unit_stop(tree->host, "sddm", in_ms(20000), &stop));
    g_assert_error(stop, VH_ERROR, VH_ERROR_FAILED);
    g_assert_nonnull(strstr(stop->message, "stop sddm: "));
    g_assert_nonnull(strstr(stop->message, "* ERROR: sddm failed to stop"));
    g_assert_nonnull(strstr(stop->message, "see: rc-service sddm status"));
    g_assert_false(vh_host_unit_start(tree->host, "sddm", in_ms(20000), &start));
    g_assert_error(start, VH_ERROR, VH_ERROR_FAILED);
    g_assert_false(vh_host_unit_stop(tree->host, "other", in_ms(20000), &gone));
    g_assert_nonnull(strstr(gone->message, "does not exist"));
}

/* rc-service does nothing to a service that is still on its way, and says that it started one that
 * has crashed since. */
static void test_openrc_settles(void)
{
    g_autoptr(HostTree) tree = fake_openrc_tree();
    g_autoptr(GError) error = NULL;

    host_tree_write(tree, "leaving", "/services/sddm");
    (void)vh_host_unit_start(tree->host, "sddm", in_ms(20000), &error);
    g_assert_no_error(error);
    assert_unit(tree, "sddm", "sddm loaded active");
    host_tree_write(tree, "brief", "/services/sddm");
    g_assert_false(vh_host_unit_start(tree->host, "sddm", in_ms(20000), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    g_assert_cmpstr(error->message, ==,
                    "start sddm: it ended at once, and is failed (see: rc-service sddm status)");
}

/* When the engine is killed in it, the stop goes on to its end, though nobody reads what it says.
 */
static void test_openrc_killed(void)
{
    g_autoptr(HostTree) tree = fake_openrc_tree();
    g_autofree char *begun = host_tree_path(tree, "/loud");
    g_autofree char *state = NULL;

    host_tree_write(tree, "loud", "/services/sddm");
    pid_t pid = fork();
    if (pid == 0) {
        vh_real_catch_signals();
        _exit(vh_host_unit_stop(tree->host, "sddm", in_ms(20000), NULL));
    }
    while (!g_file_test(begun, G_FILE_TEST_EXISTS))
        g_usleep(10000);
    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    for (guint i = 0; i < 500 && g_strcmp0(state, "stopped\n") != 0; i++) {
        g_usleep(10000);
        g_free(state);
        state = host_tree_read(tree, "/services/sddm");
    }
    g_assert_cmpstr(state, ==, "stopped\n");
}

/* A stop that hangs is killed, a start goes on. */
static void test_openrc_deadline(void)
{
    g_autoptr(HostTree) tree = fake_openrc_tree();
    g_autoptr(GError) stop = NULL, start = NULL, no_stop = NULL;

    host_tree_write(tree, "slow", "/services/sddm");
    g_assert_false(vh_host_unit_stop(tree->host, "sddm", in_ms(200), &stop));
    g_assert_error(stop, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(stop->message, "was killed"));
    g_assert_false(vh_host_unit_start(tree->host, "sddm", in_ms(200), &start));
    g_assert_error(start, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(start->message, "goes on"));
    GArray *left = ((VhReal *)tree->host)->left;
    g_assert_cmpuint(left->len, ==, 1);
    g_assert_cmpint(kill(-g_array_index(left, pid_t, 0), SIGKILL), ==, 0);
    /* There are no jobs to be queued: that is left to who waits. */
    g_autofree char *before = host_tree_read(tree, "/calls");
    g_assert_false(vh_host_unit_ask(tree->host, VH_JOB_STOP, "sddm", &no_stop));
    g_assert_error(no_stop, VH_ERROR, VH_ERROR_UNSUPPORTED);
    g_autofree char *after = host_tree_read(tree, "/calls");
    g_assert_cmpstr(before, ==, after);
}

static void test_openrc_stopping(void)
{
    g_autoptr(HostTree) tree = fake_openrc_tree();

    g_assert_false(vh_host_stopping(tree->host));
    host_tree_write(tree, "shutdown\n", "/run/openrc/softlevel");
    g_assert_true(vh_host_stopping(tree->host));
    host_tree_write(tree, "default\n", "/run/openrc/softlevel");
    host_tree_dir(tree, "/run/openrc/rc.stopping");
    g_assert_true(vh_host_stopping(tree->host));
}

static void test_display_manager(void)
{
    g_autoptr(HostTree) tree = fake_openrc_tree();

    assert_unit(tree, "display-manager.service", "display-manager.service not-found inactive");
    host_tree_write(tree, "stopped", "/services/xdm");
    assert_unit(tree, "display-manager.service", "xdm loaded inactive");
    host_tree_write(tree, "started", "/services/greetd");
    assert_unit(tree, "display-manager.service", "greetd loaded active");
}

/* ---- sysvinit ---- */

static void test_sysvinit(void)
{
    g_autoptr(HostTree) tree = fake_sysvinit_tree();
    g_autoptr(GError) error = NULL;

    assert_unit(tree, "gdm.service", "gdm.service not-found inactive");
    host_tree_write(tree, "crashed", "/services/sddm");
    assert_unit(tree, "display-manager.service", "sddm loaded inactive");
    g_assert_false(vh_host_unit_start(tree->host, "sddm", in_ms(20000), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    g_clear_error(&error);
    host_tree_write(tree, "started", "/services/sddm");
    (void)vh_host_unit_stop(tree->host, "sddm.service", in_ms(20000), &error);
    g_assert_no_error(error);
    g_autofree char *state = host_tree_read(tree, "/services/sddm");
    g_assert_cmpstr(state, ==, "stopped\n");
    (void)vh_host_unit_start(tree->host, "sddm", in_ms(20000), &error);
    g_assert_no_error(error);
    assert_unit(tree, "sddm", "sddm loaded active");
}

/* The script of a package that was removed says that all is well. */
static void test_sysvinit_choice(void)
{
    g_autoptr(HostTree) tree = fake_sysvinit_tree();

    host_tree_write(tree, "started", "/services/sddm");
    host_tree_write(tree, "stopped", "/services/lightdm");
    host_tree_write(tree, "", "/etc/init.d/lightdm");
    assert_unit(tree, "display-manager.service", "sddm loaded active");
    host_tree_write(tree, "/usr/sbin/lightdm\n", "/etc/X11/default-display-manager");
    assert_unit(tree, "display-manager.service", "lightdm loaded inactive");
    host_tree_write(tree, "/usr/sbin/gone\n", "/etc/X11/default-display-manager");
    assert_unit(tree, "display-manager.service", "sddm loaded active");
}

/* As when another display manager is the one to start (/etc/X11/default-display-manager). */
static void test_sysvinit_idle(void)
{
    g_autoptr(HostTree) tree = fake_sysvinit_tree();
    g_autoptr(GError) error = NULL;

    host_tree_write(tree, "idle", "/services/sddm");
    g_assert_false(vh_host_unit_start(tree->host, "sddm", in_ms(300), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_cmpstr(error->message, ==,
                    "start sddm: it is inactive still, and not active in time (see: service sddm "
                    "status)");
}

static void test_sysvinit_stopping(void)
{
    static const struct {
        char level, before;
        gboolean stopping;
    } cases[] = {{'2', 'N', FALSE}, {'0', '2', TRUE}, {'6', '2', TRUE}, {'2', '0', FALSE}};
    g_autoptr(HostTree) tree = fake_sysvinit_tree();
    g_autofree char *path = host_tree_path(tree, "/run/utmp");

    g_assert_false(vh_host_stopping(tree->host));
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct utmpx record = {.ut_type = RUN_LVL,
                                     .ut_pid = cases[i].level + 256 * cases[i].before};
        g_assert_true(g_file_set_contents(path, (const char *)&record, sizeof record, NULL));
        g_assert_cmpint(vh_host_stopping(tree->host), ==, cases[i].stopping);
    }
}

/* ---- runit ---- */

static void test_runit_look(void)
{
    static const struct {
        const char *state, *active;
    } cases[] = {{"run", "active"},         {"down", "inactive"},    {"finish", "deactivating"},
                 {"stuck", "deactivating"}, {"waits", "activating"}, {"fail", "inactive"}};
    g_autoptr(HostTree) tree = fake_runit_tree();

    assert_unit(tree, "sddm.service", "sddm.service not-found inactive");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *wanted = g_strdup_printf("sddm loaded %s", cases[i].active);
        host_tree_write(tree, cases[i].state, "/var/service/sddm/state");
        assert_unit(tree, "sddm.service", wanted);
    }
    host_tree_write(tree, "run", "/var/service/sddm/state");
    assert_unit(tree, "display-manager.service", "sddm loaded active");
}

static void test_runit_acts(void)
{
    g_autoptr(HostTree) tree = fake_runit_tree();
    g_autoptr(GError) error = NULL;

    host_tree_write(tree, "run", "/var/service/sddm/state");
    (void)vh_host_unit_stop(tree->host, "sddm.service", in_ms(20000), &error);
    g_assert_no_error(error);
    assert_unit(tree, "sddm", "sddm loaded inactive");
    (void)vh_host_unit_start(tree->host, "sddm.service", in_ms(20000), &error);
    g_assert_no_error(error);
    assert_unit(tree, "sddm", "sddm loaded active");
    g_autofree char *calls = host_tree_read(tree, "/calls");
    g_autofree char *down = g_strdup_printf("down %s/var/service/sddm\n", tree->root);
    g_assert_true(g_str_has_prefix(calls, down));
}

static void test_runit_fails(void)
{
    g_autoptr(HostTree) tree = fake_runit_tree();
    g_autoptr(GError) stuck = NULL, fail = NULL, brief = NULL, gone = NULL;

    host_tree_write(tree, "stuck", "/var/service/sddm/state");
    g_assert_false(vh_host_unit_stop(tree->host, "sddm", in_ms(500), &stuck));
    g_assert_error(stuck, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(stuck->message, "see: sv status sddm"));
    host_tree_write(tree, "fail", "/var/service/sddm/state");
    g_assert_false(vh_host_unit_start(tree->host, "sddm", in_ms(20000), &fail));
    g_assert_nonnull(strstr(fail->message, "unable to change to service directory"));
    host_tree_write(tree, "brief", "/var/service/sddm/state");
    g_assert_false(vh_host_unit_start(tree->host, "sddm", in_ms(20000), &brief));
    g_assert_cmpstr(brief->message, ==,
                    "sv up sddm: it ended at once, and is inactive (see: sv status sddm)");
    g_assert_false(vh_host_unit_stop(tree->host, "other", in_ms(20000), &gone));
    g_assert_error(gone, VH_ERROR, VH_ERROR_GONE);
}

static void test_runit_stopping(void)
{
    g_autoptr(HostTree) tree = fake_runit_tree();
    g_autofree char *mark = host_tree_path(tree, "/run/runit/stopit");

    host_tree_write(tree, "", "/run/runit/stopit");
    g_assert_false(vh_host_stopping(tree->host));
    g_assert_cmpint(chmod(mark, 0100), ==, 0);
    g_assert_true(vh_host_stopping(tree->host));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/services/which", test_which);
    g_test_add_func("/services/none", test_none);
    g_test_add_func("/services/display-manager", test_display_manager);
    g_test_add_func("/services/openrc/look", test_openrc_look);
    g_test_add_func("/services/openrc/acts", test_openrc_acts);
    g_test_add_func("/services/openrc/fails", test_openrc_fails);
    g_test_add_func("/services/openrc/settles", test_openrc_settles);
    g_test_add_func("/services/openrc/killed", test_openrc_killed);
    g_test_add_func("/services/openrc/deadline", test_openrc_deadline);
    g_test_add_func("/services/openrc/stopping", test_openrc_stopping);
    g_test_add_func("/services/sysvinit/acts", test_sysvinit);
    g_test_add_func("/services/sysvinit/choice", test_sysvinit_choice);
    g_test_add_func("/services/sysvinit/idle", test_sysvinit_idle);
    g_test_add_func("/services/sysvinit/stopping", test_sysvinit_stopping);
    g_test_add_func("/services/runit/look", test_runit_look);
    g_test_add_func("/services/runit/acts", test_runit_acts);
    g_test_add_func("/services/runit/fails", test_runit_fails);
    g_test_add_func("/services/runit/stopping", test_runit_stopping);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* A user's own manager, over its socket, against a fake one: we are the user. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake-bus.h"

static const char *const globs[] = {"plasma-*", "a.service", NULL};

static gint64 in_ms(gint64 ms)
{
    return g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
}

static char *list(GPtrArray *units)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < units->len; i++) {
        const VhUnit *unit = units->pdata[i];
        g_string_append_printf(text, "%s %s %s\n", unit->id, unit->load, unit->active);
    }
    return g_string_free(text, FALSE);
}

/* Only what matches, and only what can be a unit's name, whatever the manager says. */
static void test_list(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_manager((FakeBehaviour){0});
    g_autoptr(GError) error = NULL;
    VhProcess manager;

    host_tree_process(setup->tree, getpid(), "systemd", "S", 77, geteuid(), "");
    g_autoptr(GPtrArray) units =
        vh_host_user_units(setup->host, geteuid(), globs, &manager, &error);
    g_assert_no_error(error);
    g_autofree char *text = list(units);
    g_assert_cmpstr(text, ==,
                    "plasma-b.service loaded active\n"
                    "plasma-a.service loaded inactive\n"
                    "a.service not-found inactive\n");
    g_assert_cmpint(manager.pid, ==, getpid());
    g_assert_cmpuint(manager.start_time, ==, 77);
}

static void test_of_desktop(void)
{
    static const struct {
        const char *name;
        gboolean is;
    } cases[] = {{"bar.service", TRUE},
                 {"idle.service", TRUE},
                 {"pod.service", FALSE},
                 {"none.service", FALSE},
                 {"", FALSE}};
    g_autoptr(FakeSetup) setup = fake_setup_manager((FakeBehaviour){0});
    g_autoptr(FakeSetup) odd = fake_setup_manager((FakeBehaviour){.odd = TRUE});
    g_autoptr(HostTree) tree = host_tree_new();

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(vh_host_user_unit_of_desktop(setup->host, geteuid(), cases[i].name), ==,
                        cases[i].is);
    g_assert_false(vh_host_user_unit_of_desktop(odd->host, geteuid(), "bar.service"));
    g_assert_false(vh_host_user_unit_of_desktop(tree->host, geteuid(), "bar.service"));
}

/* No directory, one of somebody else's, or one without a manager in it. */
static void test_no_manager(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;
    VhProcess manager = {1, 1};

    host_tree_write(tree, "", "/run/user/%u/systemd/private", geteuid() + 1);
    host_tree_dir(tree, "/run/user/%u/systemd", geteuid());
    for (uid_t uid = geteuid(); uid < geteuid() + 3; uid++) {
        g_autoptr(GPtrArray) units = vh_host_user_units(tree->host, uid, globs, &manager, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(units->len, ==, 0);
        g_assert_cmpint(manager.pid, ==, 0);
        g_assert_false(vh_host_user_unit_stop(tree->host, uid, "a.service", in_ms(500), &error));
        g_assert_error(error, VH_ERROR, VH_ERROR_GONE);
        g_clear_error(&error);
    }
}

static void test_jobs(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_manager((FakeBehaviour){0});
    g_autoptr(GError) error = NULL;

    vh_host_user_unit_stop(setup->host, geteuid(), "a.service", in_ms(10000), &error);
    g_assert_no_error(error);
    vh_host_user_unit_start(setup->host, geteuid(), "b.service", in_ms(10000), &error);
    g_assert_no_error(error);
    g_autofree char *calls = fake_calls(&setup->fake);
    g_assert_nonnull(strstr(calls, "StopUnit a.service replace\n"));
    g_assert_nonnull(strstr(calls, "StartUnit b.service replace\n"));
    /* The host's own connection is another. */
    g_assert_null(((VhReal *)setup->host)->bus);
}

/* The code of a failure comes through from the child, and its words. */
static void test_failures(void)
{
    static const struct {
        FakeBehaviour behaviour;
        VhError code;
        const char *words;
    } cases[] = {
        {{.result = "failed"}, VH_ERROR_FAILED, "the job failed"},
        {{.fails = "StopUnit", .error = SYSTEMD ".NoSuchUnit"}, VH_ERROR_GONE, "as told"},
        {{.never = TRUE}, VH_ERROR_TIMEOUT, "did not end in time"},
        {{.drop = TRUE}, VH_ERROR_FAILED, "broke"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeSetup) setup = fake_setup_manager(cases[i].behaviour);
        g_autoptr(GError) error = NULL;
        gint64 deadline = in_ms(cases[i].behaviour.never ? 1500 : 10000);
        g_assert_false(
            vh_host_user_unit_stop(setup->host, geteuid(), "a.service", deadline, &error));
        g_assert_error(error, VH_ERROR, (gint)cases[i].code);
        if (!strstr(error->message, cases[i].words))
            g_error("\"%s\" does not say \"%s\"", error->message, cases[i].words);
    }
}

/* A manager that answers nothing is not waited for. */
static void test_silent(void)
{
    g_autoptr(FakeSetup) setup =
        fake_setup_manager((FakeBehaviour){.silent = "ListUnitsByPatterns"});
    g_autoptr(GError) error = NULL;
    VhProcess manager;

    ((VhReal *)setup->host)->look_limit = 200 * G_TIME_SPAN_MILLISECOND;
    g_assert_null(vh_host_user_units(setup->host, geteuid(), globs, &manager, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
}

/* A terminal gets the line; a file that is none, or a name that leads elsewhere, does not. */
static void test_say(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    char buffer[128] = "";

    if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0) {
        g_test_skip("no terminal can be made here");
        return;
    }
    /* Not the tree's links, which stay within it. */
    g_autofree char *link = host_tree_path(tree, "/dev/pts/7");
    host_tree_dir(tree, "/dev/pts");
    g_assert_cmpint(symlink(ptsname(fd), link), ==, 0);
    host_tree_write(tree, "file", "/dev/tty1");
    host_tree_write(tree, "file", "/secret");
    const char *const terminals[] = {"tty1", "../secret", "none", "pts/7", NULL};
    vh_host_say(tree->host, terminals, "hello");
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    g_assert_cmpint(poll(&ready, 1, 10000), ==, 1);
    g_assert_cmpint(read(fd, buffer, sizeof buffer - 1), >, 0);
    g_assert_nonnull(strstr(buffer, "hello\r"));
    g_autofree char *file = host_tree_read(tree, "/dev/tty1");
    g_autofree char *secret = host_tree_read(tree, "/secret");
    g_assert_cmpstr(file, ==, "file");
    g_assert_cmpstr(secret, ==, "file");
    (void)close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/users/list", test_list);
    g_test_add_func("/users/of-desktop", test_of_desktop);
    g_test_add_func("/users/no-manager", test_no_manager);
    g_test_add_func("/users/jobs", test_jobs);
    g_test_add_func("/users/failures", test_failures);
    g_test_add_func("/terminals/say", test_say);
    g_test_add_func("/users/silent", test_silent);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* What `start` asks of logind and systemd, against a fake one. */
#include <string.h>
#include <unistd.h>

#include "fake-bus.h"
#include "host/desk.h"

#define NOTIFICATIONS "org.freedesktop.Notifications"

static void test_inhibitors(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = vh_desk_inhibitors(setup->host, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(list->len, ==, 2);
    const VhInhibitor *burner = list->pdata[0], *network = list->pdata[1];
    g_assert_cmpstr(burner->what, ==, "sleep:shutdown");
    g_assert_cmpstr(burner->who, ==, "burner");
    g_assert_cmpstr(burner->why, ==, "a disc");
    g_assert_cmpstr(burner->mode, ==, "block");
    g_assert_cmpuint(burner->uid, ==, 1000);
    g_assert_cmpint(burner->pid, ==, 77);
    g_assert_cmpstr(network->mode, ==, "delay");
}

static void test_inhibitors_troubles(void)
{
    const FakeBehaviour cases[] = {
        {.odd = TRUE}, {.fails = "ListInhibitors", .error = SD_BUS_ERROR_ACCESS_DENIED}};

    const gint codes[] = {VH_ERROR_FAILED, VH_ERROR_DENIED};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeSetup) setup = fake_setup_new(cases[i]);
        g_autoptr(GError) error = NULL;
        g_assert_null(vh_desk_inhibitors(setup->host, &error));
        g_assert_error(error, VH_ERROR, codes[i]);
    }
}

static void test_start(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});
    g_autoptr(GError) error = NULL;

    g_assert_true(vh_desk_start_guest(setup->host, "s.service", "/usr/sbin/virt-handoff",
                                      "--my $guest", &error));
    g_assert_no_error(error);
    g_autofree char *calls = fake_calls(&setup->fake);
    g_assert_cmpstr(calls, ==,
                    "StartTransientUnit s.service fail\n"
                    "Description: Start of virtual machine --my $guest\n"
                    "CollectMode: inactive-or-failed\n"
                    "ExecStart /usr/sbin/virt-handoff /usr/sbin/virt-handoff start-now -- "
                    "--my $$guest\n");
}

static void test_start_fails(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){
        .fails = "StartTransientUnit", .error = "org.freedesktop.systemd1.UnitExists"});
    g_autoptr(GError) error = NULL;

    g_assert_false(vh_desk_start_guest(setup->host, "s.service", "/p", "win10", &error));
    g_assert_nonnull(error);
    g_assert_true(g_str_has_prefix(error->message, "start s.service: "));
}

/* On the user's own bus, with nothing in the text that could be markup. */
static void test_notify(void)
{
    static const struct {
        FakeBehaviour behaviour;
        gint code; /* -1: it is shown */
    } cases[] = {
        {{.name = NOTIFICATIONS}, -1},
        {{.name = "org.other"}, VH_ERROR_UNSUPPORTED},
        {{.name = NOTIFICATIONS, .silent = "Notify"}, VH_ERROR_TIMEOUT},
        {{.name = NOTIFICATIONS, .fails = "Notify", .error = "org.No"}, VH_ERROR_FAILED},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeSetup) setup = fake_setup_on_user_bus(cases[i].behaviour);
        g_autoptr(GError) error = NULL;
        if (!setup)
            return;
        if (cases[i].behaviour.silent)
            ((VhReal *)setup->host)->look_limit = 300 * G_TIME_SPAN_MILLISECOND;
        gboolean good = vh_desk_notify(setup->host, geteuid(), "<b>win10</b>", TRUE, &error);
        g_assert_cmpint(good, ==, cases[i].code < 0);
        if (!good) {
            g_assert_error(error, VH_ERROR, cases[i].code);
            continue;
        }
        g_autofree char *calls = fake_calls(&setup->fake);
        g_assert_cmpstr(calls, ==,
                        "Notify virt-handoff\nvirt-handoff dialog-warning virt-handoff: "
                        "&lt;b&gt;win10&lt;/b&gt; urgency 2\n");
    }
}

static HostTree *tree_without_systemd(void)
{
    HostTree *tree = host_tree_new();
    g_autofree char *path = host_tree_path(tree, "/run/systemd/system");

    g_assert_cmpint(rmdir(path), ==, 0);
    return tree;
}

static guint count(const char *text, const char *word)
{
    g_auto(GStrv) parts = g_strsplit(text, word, -1);

    return g_strv_length(parts) - 1;
}

/* Nobody is there, or their desktop does not listen: it is tried as often as was said. */
static void test_tell_nobody(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});
    g_autoptr(HostTree) without = tree_without_systemd();
    g_autoptr(GError) error = NULL;

    g_assert_false(vh_desk_tell(setup->host, NULL, "text", 3, G_TIME_SPAN_MILLISECOND, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(error->message, "no desktop could be told: "));
    g_autofree char *calls = fake_calls(&setup->fake);
    g_assert_cmpuint(count(calls, "ListSessions"), ==, 3);
    g_clear_error(&error);
    /* Without systemd it is over at once. */
    g_assert_false(vh_desk_tell(without->host, NULL, "text", G_MAXUINT, G_USEC_PER_SEC, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_UNSUPPORTED);
}

/* Only the seat's for half of the time, then the first of all; nobody but us can be told. */
static void test_tell_seat(void)
{
    static const struct {
        const char *ours, *seat;
        guint looks;
        gboolean told;
    } cases[] = {{"seat0", "seat0", 1, TRUE},
                 {"seat0", NULL, 4, FALSE},
                 {"seat1", NULL, 1, TRUE},
                 {"seat1", "seat0", 3, TRUE},
                 {"seat1", "seat2", 3, TRUE}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeSetup) desk = fake_setup_on_user_bus((FakeBehaviour){.name = NOTIFICATIONS});
        g_autoptr(FakeSetup) logind = fake_setup_new((FakeBehaviour){.ours = cases[i].ours});
        g_autoptr(GError) error = NULL;
        if (!desk)
            return;
        vh_real_use_bus(desk->host, sd_bus_ref(((VhReal *)logind->host)->bus));
        gboolean told = vh_desk_tell(desk->host, cases[i].seat, "text", 4, 1000, &error);
        g_assert_cmpint(told, ==, cases[i].told);
        g_autofree char *calls = fake_calls(&logind->fake);
        g_assert_cmpuint(count(calls, "ListSessions"), ==, cases[i].looks);
    }
}

/* The engine waits for nothing: a unit of systemd's does it, one for each text. */
static void test_tell_later(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});

    vh_host_tell_desktop(setup->host, "seat0", "win10: $HOME");
    g_autofree char *calls = fake_calls(&setup->fake);
    g_assert_nonnull(strstr(calls, "StartTransientUnit virt-handoff-tell-"));
    g_assert_true(g_str_has_suffix(calls, " tell -- seat0 win10: $$HOME\n"));
    g_autoptr(HostTree) without = tree_without_systemd();
    vh_host_tell_desktop(without->host, NULL, "text");
    g_assert_null(((VhReal *)without->host)->bus);
}

/* The end of the last command that did what it was for. */
static void test_reloaded(void)
{
    const FakeBehaviour troubles[] = {
        {.odd = TRUE}, {.fails = "Get", .error = "org.freedesktop.systemd1.NoSuchUnit"}};
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});

    g_assert_cmpint(vh_host_unit_reloaded(setup->host, "libvirtd.service"), ==, 1700000001);
    g_assert_cmpint(vh_host_unit_reloaded(setup->host, "virtqemud.service"), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(troubles); i++) {
        g_autoptr(FakeSetup) other = fake_setup_new(troubles[i]);
        g_assert_cmpint(vh_host_unit_reloaded(other->host, "libvirtd.service"), ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/desk/notify", test_notify);
    g_test_add_func("/desk/tell-nobody", test_tell_nobody);
    g_test_add_func("/desk/tell-seat", test_tell_seat);
    g_test_add_func("/desk/tell-later", test_tell_later);
    g_test_add_func("/desk/inhibitors", test_inhibitors);
    g_test_add_func("/desk/inhibitors-troubles", test_inhibitors_troubles);
    g_test_add_func("/desk/start", test_start);
    g_test_add_func("/desk/start-fails", test_start_fails);
    g_test_add_func("/desk/reloaded", test_reloaded);
    return g_test_run();
}

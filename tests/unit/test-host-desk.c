// SPDX-License-Identifier: GPL-2.0-or-later
/* What `start` asks of logind and systemd, against a fake one. */
#include "fake-bus.h"
#include "host/desk.h"

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
                                      "--my guest", &error));
    g_assert_no_error(error);
    g_autofree char *calls = fake_calls(&setup->fake);
    g_assert_cmpstr(calls, ==,
                    "StartTransientUnit s.service fail\n"
                    "Description: Start of virtual machine --my guest\n"
                    "CollectMode: inactive-or-failed\n"
                    "ExecStart /usr/sbin/virt-handoff /usr/sbin/virt-handoff start-now -- "
                    "--my guest\n");
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
    g_test_add_func("/desk/inhibitors", test_inhibitors);
    g_test_add_func("/desk/inhibitors-troubles", test_inhibitors_troubles);
    g_test_add_func("/desk/start", test_start);
    g_test_add_func("/desk/start-fails", test_start_fails);
    g_test_add_func("/desk/reloaded", test_reloaded);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Time, processes, the calling daemon, files and programs of the simulated machine. */
#include "test-sim.h"
#include "test-sim-machines.h"

static void test_clock(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);
    gint64 before = vh_host_now(host);

    vh_host_wait(host, NULL, 1234567);
    g_assert_cmpint(vh_host_now(host), ==, before + 1234567);
    vh_host_wait(host, NULL, 0);
    vh_host_wait(host, NULL, -5);
    g_assert_cmpint(vh_host_now(host), ==, before + 1234567);
    vh_host_wait(host, NULL, G_MAXINT64);
    vh_host_wait(host, NULL, G_MAXINT64);
    g_assert_cmpint(vh_host_now(host), >, before + 3600 * SECOND);
    g_autofree char *text = vh_sim_snapshot(host);
    g_autoptr(VhHost) again = vh_sim_new(text, NULL);
    g_assert_nonnull(again);
}

/* What was due before the snapshot was taken happens, and turns no clock back; a number that a
 * process has is given to no other. */
static void test_old_event(void)
{
    g_autoptr(VhHost) host =
        machine("{'version': 1, 'users': [{'uid': 0, 'name': 'root'}], 'processes': ["
                "{'pid': 1000, 'command': 'a', 'uid': 0}, {'pid': 1001, 'command': 'b', 'uid': 0, "
                "'ends_at': 10}], 'units': [{'id': 'a.service', 'active': 'deactivating', 'job': "
                "'stop', 'job_at': 20}]}");

    g_assert_cmpint(vh_sim_process_add(host, "c", 0, NULL, NULL), ==, 1002);
    g_assert_cmpuint(vh_host_process_start(host, 1001), ==, 1);
    did(vh_host_unit_stop(host, "a.service", soon(host), &error));
    g_assert_cmpint(vh_host_now(host), >=, SECOND);
    g_assert_cmpint(vh_host_now(host), <, SECOND + 10000);
    g_assert_cmpuint(vh_host_process_start(host, 1001), ==, 0);
}

static void test_wait_for_holders(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(host, GPU, NULL);
    g_autoptr(GPtrArray) holders = vh_host_holders(host, nodes, NULL);
    gint64 before = vh_host_now(host);

    did(vh_host_unit_ask(host, VH_JOB_STOP, "dm.service", &error));
    vh_host_wait(host, holders, 60 * SECOND);
    /* Back when the first of them is gone, and at once when one is gone already. */
    g_assert_cmpint(vh_host_now(host), ==, before + 300000);
    vh_host_wait(host, holders, 60 * SECOND);
    g_assert_cmpint(vh_host_now(host), ==, before + 300000);
    g_autoptr(GPtrArray) left = vh_host_holders(host, nodes, NULL);
    vh_host_wait(host, left, 10000);
    g_assert_cmpint(vh_host_now(host), ==, before + 310000);
}

/* Those that listen to udev open what comes; a process that is added opens what is there. */
static void test_watchers(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);

    g_assert_cmpint(vh_sim_process_add(host, "x", 8, NULL, "/dev/none"), ==, 0);
    pid_t pid = vh_sim_process_add(host, "ffmpeg", 1234, "rec.service", "/dev/dri/card0");
    g_assert_cmpint(pid, >, 0);
    assert_active(host, "rec.service", "active");
    assert_holders(host, GPU, "dm kwin plasma mpd ffmpeg");
    did(vh_host_pci_unbind(host, GPU, soon(host), &error));
    assert_fact(host, "process ffmpeg uid 1234 in rec.service /dev/dri/card0 (gone)");
    assert_fact(host, "process mpd uid 8 in user@8.service");
    did(vh_host_pci_probe(host, GPU, soon(host), &error));
    assert_holders(host, GPU, "");
    vh_host_wait(host, NULL, 300000);
    assert_holders(host, GPU, "mpd");
    did(vh_host_unit_stop(host, "rec.service", soon(host), &error));
    g_assert_cmpuint(vh_host_process_start(host, pid), ==, 0);
    g_assert_false(vh_sim_process_end(host, pid));
}

static void test_parent(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);
    VhProcess daemon = vh_host_parent(host), shell = {50, vh_host_process_start(host, 50)};

    g_assert_cmpint(daemon.pid, ==, 60);
    g_assert_cmpuint(daemon.start_time, ==, 5);
    /* One that runs takes the place, and the other goes on. */
    vh_sim_set_parent(host, shell);
    g_assert_cmpint(vh_host_parent(host).pid, ==, 50);
    g_assert_true(vh_host_process_alive(host, daemon));
    vh_sim_set_parent(host, daemon);
    /* The daemon restarts. */
    vh_sim_set_parent(host, (VhProcess){77, 7000});
    g_assert_cmpint(vh_host_parent(host).pid, ==, 77);
    g_assert_false(vh_host_process_alive(host, daemon));
    g_assert_true(vh_host_process_alive(host, (VhProcess){77, 7000}));
    g_assert_false(vh_host_process_alive(host, (VhProcess){77, 7001}));
    vh_sim_set_parent(host, (VhProcess){0, 0});
    g_assert_cmpint(vh_host_parent(host).pid, ==, 1);
    g_assert_true(vh_host_process_alive(host, vh_host_parent(host)));
    g_assert_false(vh_host_process_alive(host, (VhProcess){77, 7000}));
    /* Those that have ended are in no snapshot. */
    g_autofree char *text = vh_sim_snapshot(host);
    g_autoptr(VhHost) again = vh_sim_new(text, NULL);
    g_assert_nonnull(again);
    vh_sim_set_parent(host, (VhProcess){78, 8000});
    g_assert_cmpint(vh_host_parent(host).pid, ==, 78);
}

/* A daemon of a unit comes back in it. */
static void test_parent_in_unit(void)
{
    g_autoptr(VhHost) host = sample("emulated");
    g_autofree char *before = vh_sim_state(host);

    vh_sim_set_parent(host, (VhProcess){0, 0});
    assert_active(host, "libvirtd.service", "inactive");
    vh_sim_set_parent(host, (VhProcess){4000, 1});
    g_autofree char *after = vh_sim_state(host);
    g_assert_cmpstr(before, ==, after);
}

static void test_flags(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);

    g_assert_false(vh_host_stopping(host));
    vh_sim_set_stopping(host, TRUE);
    g_assert_true(vh_host_stopping(host));
    assert_fact(host, "stopping");
    g_assert_false(vh_host_interrupted(host));
    vh_sim_set_interrupted(host, TRUE);
    g_assert_true(vh_host_interrupted(host));
}

static void test_roms(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);

    did(vh_host_rom_usable(host, "/good.rom", &error));
    failed(vh_host_rom_usable(host, "/empty.rom", &error), VH_ERROR_FAILED);
    failed(vh_host_rom_usable(host, "/secret.rom", &error), VH_ERROR_DENIED);
    failed(vh_host_rom_usable(host, "/dir", &error), VH_ERROR_FAILED);
    failed(vh_host_rom_usable(host, "/none", &error), VH_ERROR_GONE);
}

static void test_scripts(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);
    g_auto(GStrv) files = vh_host_scripts(host, "win10", "prepare", "begin", NULL);
    g_auto(GStrv) one = vh_host_scripts(host, "win10", "release", "end", NULL);
    g_auto(GStrv) none = vh_host_scripts(host, "..", "prepare", "begin", NULL);

    g_assert_true(files && one && none);
    g_assert_cmpuint(g_strv_length(files), ==, 2);
    g_assert_true(g_str_has_suffix(files[0], "/10"));
    g_assert_true(g_str_has_suffix(files[1], "/20-b"));
    g_assert_cmpuint(g_strv_length(one), ==, 1);
    g_assert_cmpuint(g_strv_length(none), ==, 0);
    g_auto(GStrv) nested = vh_host_scripts(host, "win10/prepare", "begin", "sub", NULL);
    g_assert_cmpuint(g_strv_length(nested), ==, 0);
    failed(vh_host_scripts(host, "win11", "prepare", "begin", &error), VH_ERROR_DENIED);
}

static gboolean run(VhHost *host, const char *path, gint64 deadline, GBytes **output,
                    GError **error)
{
    const char *const argv[] = {path, "-x", NULL};
    const VhCommand command = {.argv = argv};

    return vh_host_run(host, &command, deadline, output, error);
}

static void test_run(void)
{
    g_autoptr(VhHost) host = machine(DESKTOP_MACHINE);
    g_autoptr(GBytes) output = NULL;
    g_autoptr(GError) bad = NULL;
    gint64 before = vh_host_now(host);

    did(run(host, "/bin/good", soon(host), &output, &error));
    g_autoptr(GBytes) hello = g_bytes_new_static("hello", 5);
    g_assert_true(g_bytes_equal(output, hello));
    g_assert_cmpint(vh_host_now(host) - before, >=, 100000);
    did(run(host, "/bin/good", soon(host), NULL, &error));
    g_assert_false(run(host, "/bin/bad", soon(host), NULL, &bad));
    g_assert_error(bad, VH_ERROR, VH_ERROR_FAILED);
    g_assert_nonnull(strstr(bad->message, "no luck"));
    failed(run(host, "/bin/none", soon(host), NULL, &error), VH_ERROR_GONE);
    gint64 deadline = soon(host);
    failed(run(host, "/bin/slow", deadline, NULL, &error), VH_ERROR_TIMEOUT);
    g_assert_cmpint(vh_host_now(host), ==, deadline);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(void);
    } tests[] = {
        {"/sim/world/clock", test_clock},
        {"/sim/world/old-event", test_old_event},
        {"/sim/world/wait-for-holders", test_wait_for_holders},
        {"/sim/world/watchers", test_watchers},
        {"/sim/world/parent", test_parent},
        {"/sim/world/parent-in-unit", test_parent_in_unit},
        {"/sim/world/flags", test_flags},
        {"/sim/world/roms", test_roms},
        {"/sim/world/scripts", test_scripts},
        {"/sim/world/run", test_run},
    };

    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add_func(tests[i].path, tests[i].test);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Snapshots: what is refused, and where it says that it is. */
#include "test-sim.h"

static void test_minimal(void)
{
    g_autoptr(VhHost) host = machine("{'version': 1}");
    g_autofree char *state = vh_sim_state(host);
    g_autofree char *boot = vh_host_boot_id(host);

    g_assert_cmpstr(state, ==, "");
    g_assert_cmpint(vh_host_now(host), ==, G_USEC_PER_SEC);
    g_assert_cmpstr(boot, ==, "00000000-0000-0000-0000-000000000000");
    g_assert_false(vh_host_iommu_on(host));
    g_assert_cmpint(vh_host_parent(host).pid, >, 1);
    g_assert_true(vh_host_process_alive(host, vh_host_parent(host)));
}

/* What is put after {"version": 1, and how the message begins. */
static const struct {
    const char *text, *message;
} bad[] = {
    {"'funktions': []}", "snapshot: unknown key \"funktions\" (did you mean functions?)"},
    {"'functions': {}}", "functions: must be an array of objects"},
    {"'functions': [1]}", "functions[0]: must be an object"},
    {"'functions': [{'address': '0000:01:00.0', 'class': '0x030000', 'vendor': '0x1234'}]}",
     "functions[0]: \"device\" is missing"},
    {"'functions': [{'address': '01:00.0', 'class': '0x030000', 'vendor': '0x1234', 'device': "
     "'0x1111'}]}",
     "functions[0].address: \"01:00.0\" is not a canonical PCI address"},
    {"'functions': [{'address': '0000:01:00.0', 'class': '0x0300', 'vendor': '0x1234', 'device': "
     "'0x1111'}]}",
     "functions[0].class: \"0x0300\" is not 0x and 6 hex digits"},
    {"'functions': [{'address': '0000:01:00.0', 'class': 768, 'vendor': '0x1234', 'device': "
     "'0x1111'}]}",
     "functions[0].class: must be a text"},
    {"'functions': [{'address': '0000:01:00.0', 'class': '0x030000', 'vendor': '0x1234', "
     "'device': '0x1111', 'driver': 'bochs'}]}",
     "functions[0].driver: no \"bochs\" in drivers"},
    {"'functions': [{'address': '0000:01:00.0', 'class': '0x030000', 'vendor': '0x1234', "
     "'device': '0x1111', 'nodes': [{'path': '/dev/x', 'subsystem': 'drm', 'number': '1'}]}]}",
     "functions[0].nodes[0].number: \"1\" is not a device number"},
    {"'functions': [{'address': '0000:01:00.0', 'class': '0x030000', 'vendor': '0x1234', "
     "'device': '0x1111', 'group': 70000}]}",
     "functions[0].group: 70000 is not within -1 and 65535"},
    {"'functions': [{'address': '0000:01:00.0', 'class': '0x030000', 'vendor': '0x1234', "
     "'device': '0x1111'}, {'address': '0000:01:00.0', 'class': '0x030000', 'vendor': '0x1234', "
     "'device': '0x1111'}]}",
     "functions[1]: there is another one of that name"},
    {"'drivers': [{'name': 'a', 'ids': ['10DE:2489']}]}",
     "drivers[0].ids[0]: \"10DE:2489\" is not vendor:device in hex"},
    {"'drivers': [{'name': 'a', 'ids': '10de:2489'}]}", "drivers[0].ids: must be an array of"},
    {"'drivers': [{'name': 'a', 'ids': [1]}]}", "drivers[0].ids[0]: must be a text"},
    {"'drivers': [{'name': 'a', 'classes': ['3']}]}", "drivers[0].classes[0]: \"3\" is not 2 to 6"},
    {"'drivers': [{'name': 'a', 'module': 'a'}]}", "drivers[0].module: no \"a\" in modules"},
    {"'drivers': [{'name': 'a', 'vfio': 1}]}", "drivers[0].vfio: must be true or false"},
    {"'drivers': [{'name': ''}]}", "drivers[0].name: must not be empty"},
    {"'modules': [{'name': 'snd-hda', 'state': 'live'}]}", "modules[0].name: \"snd-hda\" is not"},
    {"'modules': [{'name': 'a', 'state': 'loaded'}]}",
     "modules[0].state: \"loaded\" is not one of live, available and builtin"},
    {"'modules': [{'name': 'a', 'state': 'live', 'depends': ['b']}]}",
     "modules[0].depends: no \"b\" in modules"},
    {"'modules': [{'name': 'a', 'state': 'available', 'depends': ['b']}, {'name': 'b', 'state': "
     "'available', 'depends': ['a']}]}",
     "modules[0].depends: a needs itself"},
    {"'modules': [{'name': 'a', 'state': 'live', 'depends': ['b']}, {'name': 'b', 'state': "
     "'available'}]}",
     "modules[0].depends: a is loaded, b is not"},
    {"'modules': [{'name': 'a', 'state': 'available'}], 'drivers': [{'name': 'd', 'module': 'a'}], "
     "'functions': [{'address': '0000:01:00.0', 'class': '0x030000', 'vendor': '0x1234', 'device': "
     "'0x1111', 'driver': 'd'}]}",
     "functions[0].driver: module a of driver d is not loaded"},
    {"'functions': [{'address': '0000:01:00.0', 'class': '0x030000', 'vendor': '0x1234', "
     "'device': '0x1111', 'unbinding': true}]}",
     "functions[0].unbinding: it is bound to no driver"},
    {"'consoles': [{'number': 16, 'name': 'x'}]}", "consoles[0].number: 16 is not within"},
    {"'consoles': [{'number': 1.5, 'name': 'x'}]}", "consoles[0].number: must be a whole number"},
    {"'consoles': [{'number': null, 'name': 'x'}]}", "consoles[0].number: must be a whole number"},
    {"'framebuffers': [{'device': 'a.0', 'driver': 'b', 'drivers': ['a']}]}",
     "framebuffers[0].driver: \"b\" is not one of its drivers"},
    {"'framebuffers': [{'device': 'a.0', 'address': '0000:01:00.0'}]}",
     "framebuffers[0].address: no \"0000:01:00.0\" in functions"},
    {"'units': [{'id': 'a', 'active': 'running'}]}", "units[0].active: \"running\" is not one of"},
    {"'units': [{'id': 'a', 'aliases': ['b']}, {'id': 'b'}]}",
     "units[1].id: another unit has this name"},
    {"'units': [{'id': 'a', 'aliases': ['x']}, {'id': 'b', 'aliases': ['x']}]}",
     "units[1].aliases: \"x\" names another unit"},
    {"'units': [{'id': 'a', 'job': 'stop'}]}", "units[0].job: job and job_at need each other"},
    {"'sessions': [{'id': '1', 'uid': 5, 'type': 'x11', 'class': 'user'}]}",
     "sessions[0].uid: no \"5\" in users"},
    {"'users': [{'uid': 0, 'name': 'root'}], 'processes': [{'pid': 1, 'command': 'a', 'uid': 0}]}",
     "processes[0].pid: 1 is not within"},
    {"'users': [{'uid': 0, 'name': 'root'}], 'processes': [{'pid': 2, 'command': 'a', 'uid': 0, "
     "'unit': 'a.service'}]}",
     "processes[0].unit: no \"a.service\" in units"},
    {"'users': [{'uid': 0, 'name': 'root'}], 'processes': [{'pid': 2, 'command': 'a', 'uid': 0, "
     "'nodes': ['/dev/dri/card0']}]}",
     "processes[0].nodes: nothing has the node /dev/dri/card0"},
    {"'users': [{'uid': 0, 'name': 'root'}], 'processes': [{'pid': 2, 'command': 'a', 'uid': 0, "
     "'runs': false}]}",
     "processes[0].runs: nothing would start it again"},
    {"'users': [{'uid': 0, 'name': 'root'}], 'units': [{'id': 'u'}], 'sessions': [{'id': '1', "
     "'uid': 0, 'type': 'x11', 'class': 'user'}], 'processes': [{'pid': 2, 'command': 'a', 'uid': "
     "0, 'unit': 'u', 'session': '1'}]}",
     "processes[0].unit: it lives in its session's scope"},
    {"'users': [{'uid': 0, 'name': 'root'}], 'units': [{'id': 'u'}], 'sessions': [{'id': '1', "
     "'uid': 0, 'type': 'x11', 'class': 'user', 'unit': 'u', 'open': false}], 'processes': "
     "[{'pid': 2, 'command': 'a', 'uid': 0, 'session': '1'}]}",
     "processes[0].session: it has ended"},
    {"'users': [{'uid': 0, 'name': 'root'}], 'processes': [{'pid': 2, 'command': 'a', 'uid': 0}, "
     "{'pid': 2, 'command': 'b', 'uid': 0}]}",
     "processes[1]: there is another one of that name"},
    {"'guests': [{'name': 'a', 'pid': 7}]}", "guests[0].pid: no \"7\" in processes"},
    {"'parent': 7}", "parent: no \"7\" in processes"},
    {"'clock': -1}", "clock: -1 is not within"},
    {"'version': 2}", "version: 2 is not within 1 and 1"},
    {"'programs': [{'path': 'true'}]}", "programs[0].path: \"true\" is not an absolute path"},
    {"'roms': [{'path': '/a', 'problem': 'odd'}]}", "roms[0].problem: \"odd\" is not one of"},
};

static void test_refused(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strconcat("{'version': 1, ", bad[i].text, NULL);
        g_assert_null(machine_try(text, &error));
        g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
        if (!g_str_has_prefix(error->message, bad[i].message))
            g_assert_cmpstr(error->message, ==, bad[i].message);
    }
}

static void test_no_snapshot(void)
{
    static const char *const none[] = {"", "[]", "{}", "{'version': '1'}", "\xff", "{'version': 1"};

    for (gsize i = 0; i < G_N_ELEMENTS(none); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(machine_try(none[i], &error));
        g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    }
}

/* A message stays one line, whatever it quotes. */
static void test_one_line(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(machine_try("{'version': 1, 'a\\nb': 1}", &error));
    g_assert_null(strchr(error->message, '\n'));
}

/* Chains of modules as long as no kernel has them, which must not exhaust the stack. */
static void test_long_chain(void)
{
    g_autoptr(GString) text = g_string_new("{'version': 1, 'modules': [");
    g_autoptr(GError) error = NULL;
    enum { LENGTH = 500 };

    for (int i = 0; i < LENGTH; i++)
        g_string_append_printf(text, "{'name': 'm%d', 'state': 'live', 'depends': ['m%d']}, ", i,
                               i + 1);
    g_string_append_printf(text, "{'name': 'm%d', 'state': 'live'}]}", LENGTH);
    g_assert_null(machine_try(text->str, &error));
    g_assert_true(g_str_has_prefix(error->message, "modules[0].depends"));
}

/* A machine in the middle of everything comes back the same. */
static void test_busy_round_trip(void)
{
    g_autoptr(VhHost) host = sample("nvidia-desktop");

    did(vh_host_module_load(host, "vfio_pci", in_ms(host, 1000), &error));
    failed(vh_host_pci_unbind(host, "0000:09:00.1", in_ms(host, 200), &error), VH_ERROR_TIMEOUT);
    failed(vh_host_unit_stop(host, "sddm.service", in_ms(host, 10), &error), VH_ERROR_TIMEOUT);
    g_assert_true(vh_sim_device_remove(host, "0000:0b:00.3"));
    g_assert_cmpint(vh_sim_process_add(host, "ffmpeg", 77, "rec.service", "/dev/nvidia0"), >, 0);
    vh_sim_set_guest_running(host, "other", TRUE);

    g_autofree char *text = vh_sim_snapshot(host);
    g_autoptr(VhHost) again = vh_sim_new(text, NULL);
    g_assert_nonnull(again);
    /* … and goes on in the same way. */
    VhHost *both[] = {host, again};
    char *states[2] = {NULL, NULL};
    for (guint i = 0; i < 2; i++) {
        vh_host_wait(both[i], NULL, 30 * G_USEC_PER_SEC);
        did(vh_host_unit_start(both[i], "sddm.service", in_ms(both[i], 5000), &error));
        states[i] = vh_sim_state(both[i]);
    }
    g_assert_cmpstr(states[0], ==, states[1]);
    assert_fact(again, "pci 0000:09:00.1 driver none");
    assert_fact(again, "unit sddm.service active");
    g_free(states[0]);
    g_free(states[1]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/snapshot/minimal", test_minimal);
    g_test_add_func("/sim/snapshot/refused", test_refused);
    g_test_add_func("/sim/snapshot/none", test_no_snapshot);
    g_test_add_func("/sim/snapshot/one-line", test_one_line);
    g_test_add_func("/sim/snapshot/long-chain", test_long_chain);
    g_test_add_func("/sim/snapshot/busy-round-trip", test_busy_round_trip);
    return g_test_run();
}

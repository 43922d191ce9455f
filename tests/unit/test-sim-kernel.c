// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's part of the simulated machine: drivers, modules, nodes, consoles. */
#include "test-sim.h"
#include "test-sim-machines.h"

static void test_look(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = vh_host_pci_list(host, &error);
    g_autoptr(VhPciFunction) gpu = vh_host_pci_look(host, GPU, &error);
    g_autofree char *seat = vh_host_pci_seat(host, SOUND);
    g_autofree char *seat0 = vh_host_pci_seat(host, GPU);

    g_assert_cmpuint(list->len, ==, 4);
    g_assert_true(((const VhPciFunction *)list->pdata[0])->bridge);
    g_assert_cmpstr(((const VhPciFunction *)list->pdata[1])->address, ==, GPU);
    g_assert_cmpuint(gpu->class_code, ==, 0x030000);
    g_assert_cmpuint(gpu->vendor, ==, 0x1111);
    g_assert_cmpuint(gpu->device, ==, 0x2222);
    g_assert_cmpstr(gpu->driver, ==, "gpu");
    g_assert_cmpstr(gpu->module, ==, "gpu");
    g_assert_null(gpu->driver_override);
    g_assert_cmpint(gpu->iommu_group, ==, 3);
    g_assert_true(gpu->boot_vga);
    g_assert_false(gpu->vfio);
    g_assert_false(gpu->bridge);
    g_assert_cmpstr(seat, ==, "seat1");
    g_assert_cmpstr(seat0, ==, "seat0");
    g_autoptr(VhPciFunction) nic = vh_host_pci_look(host, NIC, &error);
    g_assert_null(nic->module);
    g_assert_false(nic->bridge);
    g_assert_true(vh_host_iommu_on(host));
    g_assert_true(vh_host_pci_driver_known(host, "net"));
    g_assert_false(vh_host_pci_driver_known(host, "vfio-pci"));
    g_assert_false(vh_host_pci_driver_known(host, "none"));
}

static void test_unbind_and_probe(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);

    did(vh_host_pci_unbind(host, NIC, soon(host), &error));
    assert_driver(host, NIC, NULL);
    did(vh_host_pci_unbind(host, NIC, soon(host), &error));
    did(vh_host_pci_probe(host, NIC, soon(host), &error));
    /* Both drivers match; the first that was registered binds. */
    assert_driver(host, NIC, "net");
    did(vh_host_pci_override(host, NIC, "net2", &error));
    assert_driver(host, NIC, "net");
    /* An override says nothing about what is bound already. */
    did(vh_host_pci_probe(host, NIC, soon(host), &error));
    assert_driver(host, NIC, "net");
    did(vh_host_pci_unbind(host, NIC, soon(host), &error));
    did(vh_host_pci_probe(host, NIC, soon(host), &error));
    assert_driver(host, NIC, "net2");
    assert_fact(host, "pci " NIC " override net2");
}

static void test_override(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);

    /* An override binds its driver and no other, also when that is not there. */
    did(vh_host_pci_override(host, NIC, "nobody", &error));
    did(vh_host_pci_unbind(host, NIC, soon(host), &error));
    did(vh_host_pci_probe(host, NIC, soon(host), &error));
    assert_driver(host, NIC, NULL);
    assert_fact(host, "pci " NIC " override nobody");
    did(vh_host_pci_override(host, NIC, NULL, &error));
    assert_no_fact(host, "pci " NIC " override nobody");
    did(vh_host_pci_probe(host, NIC, soon(host), &error));
    assert_driver(host, NIC, "net");
}

static void test_probe_fails(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);

    g_assert_true(vh_sim_process_end(host, 50));
    did(vh_host_pci_override(host, SOUND, "broken", &error));
    did(vh_host_pci_unbind(host, SOUND, soon(host), &error));
    did(vh_host_pci_probe(host, SOUND, soon(host), &error));
    assert_driver(host, SOUND, NULL);
    /* Without an override the next that matches may try. */
    did(vh_host_pci_override(host, SOUND, NULL, &error));
    did(vh_host_pci_probe(host, SOUND, soon(host), &error));
    assert_driver(host, SOUND, "snd");
}

static void test_vfio(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);

    did(vh_host_pci_unbind(host, GPU, soon(host), &error));
    did(vh_host_pci_override(host, GPU, "vfio-pci", &error));
    did(vh_host_pci_probe(host, GPU, soon(host), &error));
    assert_driver(host, GPU, NULL);
    /* Its module was not there; loading it binds what waits for it. */
    did(vh_host_module_load(host, "vfio-pci", soon(host), &error));
    assert_driver(host, GPU, "vfio-pci");
    g_autoptr(VhPciFunction) gpu = vh_host_pci_look(host, GPU, NULL);
    g_assert_true(gpu->vfio);
    /* The driver's nodes are not there, the group's is. */
    g_assert_cmpuint(count_nodes(host, GPU), ==, 1);
    assert_holders(host, GPU, "");
    /* Never without an override, an IOMMU group, or on a bridge. */
    did(vh_host_pci_override(host, NIC, "vfio-pci", &error));
    did(vh_host_pci_unbind(host, NIC, soon(host), &error));
    did(vh_host_pci_probe(host, NIC, soon(host), &error));
    assert_driver(host, NIC, NULL);
    did(vh_host_pci_override(host, "0000:00:01.0", "vfio-pci", &error));
    did(vh_host_pci_probe(host, "0000:00:01.0", soon(host), &error));
    assert_driver(host, "0000:00:01.0", NULL);
    did(vh_host_pci_override(host, GPU, NULL, &error));
    did(vh_host_pci_unbind(host, GPU, soon(host), &error));
    did(vh_host_pci_probe(host, GPU, soon(host), &error));
    assert_driver(host, GPU, "gpu");
}

/* Drivers that match what they may not bind: one function is a bridge by its class, one by its
 * header, and the driver of the third is vfio, which needs an override. */
static void test_no_driver(void)
{
    g_autoptr(VhHost) host = machine(
        "{'version': 1, 'functions': ["
        "{'address': '0000:00:01.0', 'class': '0x060400', 'vendor': '0x0001', 'device': '0x0001'},"
        "{'address': '0000:00:02.0', 'class': '0x130000', 'vendor': '0x0001', 'device': '0x0001',"
        " 'bridge': true},"
        "{'address': '0000:00:03.0', 'class': '0x130000', 'vendor': '0x0001', 'device': '0x0002',"
        " 'group': 1}], 'drivers': [{'name': 'vfio-pci', 'vfio': true, 'ids': ['0001:0002']}]}");
    g_autoptr(GPtrArray) list = vh_host_pci_list(host, NULL);

    g_assert_true(((const VhPciFunction *)list->pdata[0])->bridge);
    g_assert_true(((const VhPciFunction *)list->pdata[1])->bridge);
    g_assert_false(((const VhPciFunction *)list->pdata[2])->bridge);
    did(vh_host_pci_probe(host, "0000:00:03.0", soon(host), &error));
    assert_driver(host, "0000:00:03.0", NULL);
    did(vh_host_pci_override(host, "0000:00:03.0", "vfio-pci", &error));
    did(vh_host_pci_probe(host, "0000:00:03.0", soon(host), &error));
    assert_driver(host, "0000:00:03.0", "vfio-pci");
}

static void test_no_iommu(void)
{
    g_autoptr(VhHost) host =
        machine("{'version': 1, 'iommu': false, 'functions': [{'address': '" GPU "', 'class': "
                "'0x030000', 'vendor': '0x0001', 'device': '0x0001', 'group': 1, "
                "'driver_override': 'vfio-pci'}], 'drivers': [{'name': 'vfio-pci', 'vfio': "
                "true}]}");
    g_autoptr(VhPciFunction) gpu = vh_host_pci_look(host, GPU, NULL);

    g_assert_false(vh_host_iommu_on(host));
    g_assert_cmpint(gpu->iommu_group, ==, -1);
    did(vh_host_pci_probe(host, GPU, soon(host), &error));
    assert_driver(host, GPU, NULL);
}

/* A guest's QEMU has the group open: vfio waits for it. */
static void test_guest_holds(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);

    did(vh_host_module_load(host, "vfio_pci", soon(host), &error));
    did(vh_host_pci_unbind(host, GPU, soon(host), &error));
    did(vh_host_pci_override(host, GPU, "vfio-pci", &error));
    did(vh_host_pci_probe(host, GPU, soon(host), &error));
    g_assert_false(vh_host_guest_running(host, "win10"));
    vh_sim_set_guest_running(host, "win10", TRUE);
    g_assert_true(vh_host_guest_running(host, "win10"));
    assert_fact(host, "guest win10");
    assert_holders(host, GPU, "qemu-system-x86");
    /* Another one has nothing left to open. */
    vh_sim_set_guest_running(host, "win11", TRUE);
    assert_holders(host, GPU, "qemu-system-x86");
    failed(vh_host_pci_unbind(host, GPU, soon(host), &error), VH_ERROR_TIMEOUT);
    vh_sim_set_guest_running(host, "win10", FALSE);
    g_assert_false(vh_host_guest_running(host, "win10"));
    assert_fact(host, "pci " GPU " driver none");
    g_assert_true(vh_host_guest_running(host, "win11"));
}

static void test_hang(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);
    gint64 deadline = soon(host);

    assert_holders(host, SOUND, "recorder");
    failed(vh_host_pci_unbind(host, SOUND, deadline, &error), VH_ERROR_TIMEOUT);
    g_assert_cmpint(vh_host_now(host), ==, deadline);
    /* The driver's link is gone, the device lock is not, and the unbind goes on. */
    assert_driver(host, SOUND, NULL);
    assert_fact(host, "pci " SOUND " unbind waits for its users");
    failed(vh_host_pci_override(host, SOUND, NULL, &error), VH_ERROR_TIMEOUT);
    failed(vh_host_pci_probe(host, SOUND, soon(host), &error), VH_ERROR_TIMEOUT);
    failed(vh_host_pci_unbind(host, SOUND, soon(host), &error), VH_ERROR_TIMEOUT);
    g_assert_true(vh_sim_process_end(host, 50));
    assert_no_fact(host, "pci " SOUND " unbind waits for its users");
    assert_fact(host, "pci " SOUND " driver none");
    did(vh_host_pci_probe(host, SOUND, soon(host), &error));
    assert_driver(host, SOUND, "snd");
}

/* A lock that is never let go outlives the users for whom the unbind waited. */
static void test_stuck_while_unbinding(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);

    failed(vh_host_pci_unbind(host, SOUND, soon(host), &error), VH_ERROR_TIMEOUT);
    /* A file of another module does not keep the driver's own, but the lock does. */
    failed(vh_host_module_unload(host, "snd", soon(host), &error), VH_ERROR_BUSY);
    vh_sim_set_fault_at(host, "pci_probe", VH_SIM_HANG);
    failed(vh_host_pci_probe(host, SOUND, soon(host), &error), VH_ERROR_TIMEOUT);
    g_assert_true(vh_sim_process_end(host, 50));
    assert_fact(host, "pci " SOUND " unbind waits for its users");
    assert_fact(host, "pci " SOUND " stuck");
    failed(vh_host_module_unload(host, "snd", soon(host), &error), VH_ERROR_TIMEOUT);
    assert_fact(host, "module snd");
}

/* It comes back when its holder ends in time, and is not held by a node that does not block. */
static void test_hang_ends(void)
{
    g_autofree char *text = g_strdup(SMALL_MACHINE);
    char *at = strstr(text, "'uid': 7, 'nodes'");
    g_autoptr(GString) ends = g_string_new_len(text, at - text);

    g_string_append(ends, "'ends_at': 1400000, ");
    g_string_append(ends, at);
    g_autoptr(VhHost) host = machine(ends->str);
    did(vh_host_pci_unbind(host, SOUND, soon(host), &error));
    g_assert_cmpint(vh_host_now(host), >=, 1400000);
    g_assert_cmpint(vh_host_now(host), <, 1500000);
    assert_driver(host, SOUND, NULL);

    did(vh_host_pci_probe(host, SOUND, soon(host), &error));
    g_assert_cmpint(vh_sim_process_add(host, "clock", 0, NULL, "/dev/snd/timer"), >, 0);
    did(vh_host_pci_unbind(host, SOUND, soon(host), &error));
}

/* Other drivers let go at once; what was open stays open on nothing and keeps the module. */
static void test_open_at_unbind(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);
    pid_t pid = vh_sim_process_add(host, "game", 0, NULL, "/dev/dri/card0");

    assert_holders(host, GPU, "game");
    did(vh_host_console_bind(host, 1, FALSE, soon(host), &error));
    did(vh_host_module_unload(host, "gpu_extra", soon(host), &error));
    g_assert_cmpint(count_of(host, "gpu"), ==, 1);
    did(vh_host_pci_unbind(host, GPU, soon(host), &error));
    assert_holders(host, GPU, "");
    g_assert_cmpint(count_of(host, "gpu"), ==, 1);
    assert_fact(host, "process game uid 0 in no unit /dev/dri/card0 (gone)");
    failed(vh_host_module_unload(host, "gpu", soon(host), &error), VH_ERROR_BUSY);
    /* A node that comes again is not the one that it has open. */
    did(vh_host_pci_probe(host, GPU, soon(host), &error));
    vh_host_wait(host, NULL, SECOND);
    assert_holders(host, GPU, "");
    g_autofree char *text = vh_sim_snapshot(host);
    g_autoptr(VhHost) again = vh_sim_new(text, NULL);
    assert_holders(again, GPU, "");
    g_assert_true(vh_sim_process_end(host, pid));
    g_assert_cmpint(count_of(host, "gpu"), ==, 1);
    did(vh_host_console_bind(host, 1, FALSE, soon(host), &error));
    did(vh_host_module_unload(host, "gpu", soon(host), &error));
}

static void test_nodes(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(host, SOUND, NULL);
    const VhNode *control = nodes->pdata[0];
    const VhNode *timer = nodes->pdata[1];

    g_assert_cmpuint(nodes->len, ==, 2);
    g_assert_cmpstr(control->path, ==, "/dev/snd/controlC0");
    g_assert_cmpstr(control->subsystem, ==, "sound");
    g_assert_cmpuint(control->number, ==, (116 << 8) + 2);
    g_assert_true(control->blocks);
    g_assert_false(timer->blocks);
    /* Some come with another module, all come a while after the driver. */
    g_assert_cmpuint(count_nodes(host, GPU), ==, 2);
    did(vh_host_module_unload(host, "gpu_extra", soon(host), &error));
    g_assert_cmpuint(count_nodes(host, GPU), ==, 1);
    did(vh_host_pci_unbind(host, GPU, soon(host), &error));
    g_assert_cmpuint(count_nodes(host, GPU), ==, 0);
    did(vh_host_pci_probe(host, GPU, soon(host), &error));
    g_assert_cmpuint(count_nodes(host, GPU), ==, 0);
    vh_host_wait(host, NULL, 30000);
    g_assert_cmpuint(count_nodes(host, GPU), ==, 0);
    vh_host_wait(host, NULL, 30000);
    g_assert_cmpuint(count_nodes(host, GPU), ==, 1);
}

static void test_uses(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);
    g_autoptr(GPtrArray) uses = vh_host_pci_uses(host, NIC, NULL);
    const VhUse *use = uses->pdata[0];

    g_assert_cmpuint(uses->len, ==, 1);
    g_assert_cmpstr(use->kind, ==, "route");
    g_assert_cmpstr(use->name, ==, "eth0");
    g_assert_cmpstr(use->where, ==, "10.0.0.1");
    did(vh_host_pci_unbind(host, NIC, soon(host), &error));
    g_autoptr(GPtrArray) none = vh_host_pci_uses(host, NIC, NULL);
    g_assert_cmpuint(none->len, ==, 0);
}

/* Where a function is not, or no longer, every operation says so. */
static void test_gone(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);

    g_assert_true(vh_sim_device_remove(host, SOUND));
    g_assert_false(vh_sim_device_remove(host, SOUND));
    g_assert_false(vh_sim_device_remove(host, "0000:ff:00.0"));
    failed(vh_host_pci_look(host, SOUND, &error), VH_ERROR_GONE);
    failed(vh_host_pci_override(host, SOUND, "vfio-pci", &error), VH_ERROR_GONE);
    failed(vh_host_pci_unbind(host, SOUND, soon(host), &error), VH_ERROR_GONE);
    failed(vh_host_pci_probe(host, SOUND, soon(host), &error), VH_ERROR_GONE);
    failed(vh_host_pci_uses(host, SOUND, &error), VH_ERROR_GONE);
    failed(vh_host_pci_nodes(host, SOUND, &error), VH_ERROR_GONE);
    g_autoptr(GPtrArray) list = vh_host_pci_list(host, NULL);
    g_assert_cmpuint(list->len, ==, 3);
    assert_no_fact(host, "pci " SOUND " driver none");
    /* What was open on it keeps the module in use. */
    g_assert_cmpint(count_of(host, "snd"), ==, 1);
    did(vh_host_module_load(host, "snd", soon(host), &error));
    g_assert_cmpuint(count_nodes(host, GPU), ==, 2);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(void);
    } tests[] = {
        {"/sim/kernel/look", test_look},
        {"/sim/kernel/unbind-and-probe", test_unbind_and_probe},
        {"/sim/kernel/override", test_override},
        {"/sim/kernel/probe-fails", test_probe_fails},
        {"/sim/kernel/vfio", test_vfio},
        {"/sim/kernel/no-driver", test_no_driver},
        {"/sim/kernel/no-iommu", test_no_iommu},
        {"/sim/kernel/guest-holds", test_guest_holds},
        {"/sim/kernel/hang", test_hang},
        {"/sim/kernel/stuck-while-unbinding", test_stuck_while_unbinding},
        {"/sim/kernel/hang-ends", test_hang_ends},
        {"/sim/kernel/open-at-unbind", test_open_at_unbind},
        {"/sim/kernel/nodes", test_nodes},
        {"/sim/kernel/uses", test_uses},
        {"/sim/kernel/gone", test_gone},
    };

    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add_func(tests[i].path, tests[i].test);
    return g_test_run();
}

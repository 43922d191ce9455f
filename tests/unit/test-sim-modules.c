// SPDX-License-Identifier: GPL-2.0-or-later
/* Modules, consoles and firmware framebuffers of the simulated machine. */
#include "test-sim.h"
#include "test-sim-machines.h"

static void test_module_look(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);
    static const struct {
        const char *name;
        VhModuleState state;
        int count;
    } modules[] = {
        {"helper", VH_MODULE_LIVE, 1},        {"gpu", VH_MODULE_LIVE, 2 /* and the console */},
        {"gpu-extra", VH_MODULE_LIVE, 0},     {"snd", VH_MODULE_LIVE, 1},
        {"odd", VH_MODULE_LIVE, 2},           {"vfio_pci", VH_MODULE_AVAILABLE, 0},
        {"vfio-pci", VH_MODULE_AVAILABLE, 0}, {"core", VH_MODULE_BUILTIN, 0},
        {"nvidia", VH_MODULE_MISSING, 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(modules); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VhModule) module = vh_host_module_look(host, modules[i].name, &error);
        g_assert_no_error(error);
        g_assert_cmpint((int)module->state, ==, (int)modules[i].state);
        g_assert_cmpint(module->refcount, ==, modules[i].count);
        g_assert_null(strchr(module->name, '-'));
        g_assert_nonnull(module->holders);
        g_assert_nonnull(module->devices);
    }
    g_autoptr(VhModule) gpu = vh_host_module_look(host, "gpu", NULL);
    g_assert_cmpstr(gpu->holders[0], ==, "gpu_extra");
    g_assert_null(gpu->holders[1]);
    g_assert_cmpstr(gpu->devices[0], ==, GPU);
    g_assert_null(gpu->devices[1]);
}

static void test_module_load(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);
    gint64 before = vh_host_now(host);

    did(vh_host_module_load(host, "vfio-pci", soon(host), &error));
    g_assert_cmpint(vh_host_now(host) - before, >=, 30000);
    /* With what it needs, and with a soft dependency but not for one that fails. */
    g_autoptr(VhModule) vfio = vh_host_module_look(host, "vfio", NULL);
    g_autoptr(VhModule) soft = vh_host_module_look(host, "iommu_type", NULL);
    g_autoptr(VhModule) refuses = vh_host_module_look(host, "refuses", NULL);
    g_assert_cmpint((int)vfio->state, ==, VH_MODULE_LIVE);
    g_assert_cmpint((int)soft->state, ==, VH_MODULE_LIVE);
    g_assert_cmpint((int)refuses->state, ==, VH_MODULE_AVAILABLE);
    g_assert_cmpstr(vfio->holders[0], ==, "vfio_pci");
    g_assert_true(vh_host_pci_driver_known(host, "vfio-pci"));
    did(vh_host_module_load(host, "vfio_pci", soon(host), &error));
    did(vh_host_module_load(host, "core", soon(host), &error));
    failed(vh_host_module_load(host, "refuses", soon(host), &error), VH_ERROR_FAILED);
    failed(vh_host_module_load(host, "needs_refuses", soon(host), &error), VH_ERROR_FAILED);
    failed(vh_host_module_load(host, "nvidia", soon(host), &error), VH_ERROR_GONE);
    /* A load that takes longer than it may. */
    did(vh_host_module_unload(host, "vfio_pci", soon(host), &error));
    gint64 deadline = in_ms(host, 10);
    failed(vh_host_module_load(host, "vfio_pci", deadline, &error), VH_ERROR_TIMEOUT);
    g_assert_cmpint(vh_host_now(host), ==, deadline);
}

static void test_module_unload(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);

    failed(vh_host_module_unload(host, "gpu", soon(host), &error), VH_ERROR_BUSY);
    failed(vh_host_module_unload(host, "odd", soon(host), &error), VH_ERROR_BUSY);
    failed(vh_host_module_unload(host, "core", soon(host), &error), VH_ERROR_UNSUPPORTED);
    did(vh_host_module_unload(host, "vfio-pci", soon(host), &error));
    did(vh_host_module_unload(host, "nvidia", soon(host), &error));
    did(vh_host_module_unload(host, "gpu-extra", soon(host), &error));
    /* The console on its framebuffer still counts. */
    failed(vh_host_module_unload(host, "gpu", soon(host), &error), VH_ERROR_BUSY);
    did(vh_host_console_bind(host, 1, FALSE, soon(host), &error));
    did(vh_host_module_unload(host, "gpu", soon(host), &error));
    assert_driver(host, GPU, NULL);
    g_assert_false(vh_host_pci_driver_known(host, "gpu"));
    did(vh_host_module_load(host, "gpu", soon(host), &error));
    assert_driver(host, GPU, "gpu");
    assert_no_fact(host, "module gpu_extra");
}

static void test_module_hangs(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);
    gint64 deadline = soon(host);

    failed(vh_host_module_unload(host, "hangs", deadline, &error), VH_ERROR_TIMEOUT);
    g_assert_cmpint(vh_host_now(host), ==, deadline);
    assert_fact(host, "module hangs stuck");
    failed(vh_host_module_load(host, "hangs", soon(host), &error), VH_ERROR_TIMEOUT);
}

/* A module that is loaded leaves a function alone that an override keeps for another driver, and
 * one that finds no function may refuse (NVIDIA's does). */
static void test_load_and_override(void)
{
    g_autoptr(VhHost) host = sample("nvidia-desktop");
    static const char *const chain[] = {"nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia"};

    vh_host_unit_stop(host, "sddm.service", soon(host), NULL);
    vh_host_unit_stop(host, "nvidia-persistenced.service", soon(host), NULL);
    vh_host_wait(host, NULL, 15 * SECOND);
    for (gsize i = 0; i < G_N_ELEMENTS(chain); i++)
        did(vh_host_module_unload(host, chain[i], soon(host), &error));
    did(vh_host_pci_override(host, "0000:09:00.0", "vfio-pci", &error));
    failed(vh_host_module_load(host, "nvidia", in_ms(host, 5000), &error), VH_ERROR_GONE);
    assert_driver(host, "0000:09:00.0", NULL);
    did(vh_host_pci_override(host, "0000:09:00.0", NULL, &error));
    did(vh_host_module_load(host, "nvidia_drm", in_ms(host, 5000), &error));
    assert_driver(host, "0000:09:00.0", "nvidia");
}

/* Two displays that a driver of either module may bind, and one that is no longer there. */
static const char rivals[] =
    "{'version': 1, 'functions': ["
    "{'address': '" GPU "', 'class': '0x030000', 'vendor': '0x0001', 'device': '0x0001',"
    " 'driver': 'a'},"
    "{'address': '" SOUND "', 'class': '0x030000', 'vendor': '0x0001', 'device': '0x0001',"
    " 'driver': 'b', 'boot_vga': true},"
    "{'address': '" NIC "', 'class': '0x020000', 'vendor': '0x0001', 'device': '0x0003'}],"
    "'drivers': ["
    "{'name': 'a', 'module': 'a', 'ids': ['0001:0001'], 'framebuffer': true,"
    " 'console_holds': true},"
    "{'name': 'b', 'module': 'b', 'ids': ['0001:0001'], 'framebuffer': true,"
    " 'console_holds': true, 'unbind_ms': 70},"
    "{'name': 'c', 'module': 'c', 'ids': ['0001:0001']},"
    "{'name': 'd', 'module': 'd', 'ids': ['0001:0003']}],"
    "'modules': [{'name': 'a', 'state': 'live', 'unload_ms': 90}, {'name': 'b', 'state': 'live'},"
    "{'name': 'c', 'state': 'available'},"
    "{'name': 'd', 'state': 'available', 'needs_device': true}],"
    "'consoles': [{'number': 0, 'name': '(S) dummy device'},"
    "{'number': 1, 'name': '(M) frame buffer device', 'bound': true}],"
    "'framebuffers': [{'device': 'vesa-framebuffer.0', 'drivers': ['vesa-framebuffer']}]}";

/* Whoever is registered first binds first, and takes nothing from another. */
static void test_order_of_drivers(void)
{
    g_autoptr(VhHost) host = machine(rivals);

    did(vh_host_module_load(host, "c", soon(host), &error));
    assert_driver(host, GPU, "a");
    did(vh_host_pci_unbind(host, GPU, soon(host), &error));
    did(vh_host_pci_probe(host, GPU, soon(host), &error));
    assert_driver(host, GPU, "a");
    gint64 before = vh_host_now(host);
    did(vh_host_module_unload(host, "a", soon(host), &error));
    g_assert_cmpint(vh_host_now(host) - before, >=, 90000);
    assert_driver(host, GPU, NULL);
    did(vh_host_module_load(host, "a", soon(host), &error));
    assert_driver(host, GPU, "a");
    did(vh_host_pci_unbind(host, GPU, soon(host), &error));
    did(vh_host_pci_probe(host, GPU, soon(host), &error));
    assert_driver(host, GPU, "b");
    before = vh_host_now(host);
    did(vh_host_pci_unbind(host, GPU, soon(host), &error));
    g_assert_cmpint(vh_host_now(host) - before, >=, 70000);
    /* What has left the bus is found by nobody. */
    g_assert_true(vh_sim_device_remove(host, NIC));
    failed(vh_host_module_load(host, "d", soon(host), &error), VH_ERROR_GONE);
}

/* The console holds the one module on whose framebuffer it draws: the firmware's comes before all,
 * the boot display's before others. */
static void test_console_counts(void)
{
    g_autoptr(VhHost) host = machine(rivals);

    g_assert_cmpint(count_of(host, "a"), ==, 0);
    g_assert_cmpint(count_of(host, "b"), ==, 1);
    did(vh_host_framebuffer_bind(host, "vesa-framebuffer.0", "vesa-framebuffer", TRUE, soon(host),
                                 &error));
    g_assert_cmpint(count_of(host, "b"), ==, 0);
    did(vh_host_framebuffer_bind(host, "vesa-framebuffer.0", "vesa-framebuffer", FALSE, soon(host),
                                 &error));
    g_assert_cmpint(count_of(host, "b"), ==, 1);
    did(vh_host_pci_unbind(host, SOUND, soon(host), &error));
    g_assert_cmpint(count_of(host, "a"), ==, 1);
    /* Not every driver's framebuffer counts. */
    g_autofree char *text = g_strdup(rivals);
    memcpy(strstr(text, "'console_holds': true}"), "'console_holds':false}", 22);
    g_autoptr(VhHost) other = machine(text);
    did(vh_host_pci_unbind(other, SOUND, soon(other), &error));
    g_assert_cmpint(count_of(other, "a"), ==, 0);
}

static gboolean console_bound(VhHost *host, guint number)
{
    g_autoptr(GPtrArray) consoles = vh_host_consoles(host, NULL);

    for (guint i = 0; i < consoles->len; i++) {
        const VhConsole *console = consoles->pdata[i];
        if (console->number == number) {
            g_assert_cmpint(console->framebuffer, ==, number == 1);
            return console->bound;
        }
    }
    return FALSE;
}

static void test_consoles(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);

    g_assert_true(console_bound(host, 1));
    did(vh_host_console_bind(host, 1, FALSE, soon(host), &error));
    g_assert_false(console_bound(host, 1));
    g_assert_true(console_bound(host, 0));
    /* The kernel says nothing about a console that it leaves as it is. */
    did(vh_host_console_bind(host, 0, FALSE, soon(host), &error));
    g_assert_true(console_bound(host, 0));
    did(vh_host_console_bind(host, 1, TRUE, soon(host), &error));
    g_assert_true(console_bound(host, 1));
    did(vh_host_console_bind(host, 0, TRUE, soon(host), &error));
    g_assert_true(console_bound(host, 1));
    failed(vh_host_console_bind(host, 2, TRUE, soon(host), &error), VH_ERROR_GONE);
}

/* The console on framebuffers leaves with the last of them, and takes over with the first. */
static void test_console_follows(void)
{
    g_autoptr(VhHost) host = machine(SMALL_MACHINE);

    did(vh_host_pci_unbind(host, GPU, soon(host), &error));
    g_autoptr(GPtrArray) consoles = vh_host_consoles(host, NULL);
    g_assert_cmpuint(consoles->len, ==, 1);
    g_assert_true(console_bound(host, 0));
    failed(vh_host_console_bind(host, 1, TRUE, soon(host), &error), VH_ERROR_GONE);
    did(vh_host_pci_probe(host, GPU, soon(host), &error));
    g_assert_true(console_bound(host, 1));
    g_assert_false(console_bound(host, 0));
}

static void test_firmware_framebuffer(void)
{
    g_autoptr(VhHost) host = sample("nvidia-desktop");
    const char *device = "efi-framebuffer.0", *driver = "efi-framebuffer";

    assert_no_fact(host, "pci 0000:09:00.0 conflicts with the firmware framebuffer");
    g_assert_true(console_bound(host, 1));
    failed(vh_host_framebuffer_bind(host, device, driver, TRUE, soon(host), &error), VH_ERROR_BUSY);
    failed(vh_host_framebuffer_bind(host, device, "simple-framebuffer", FALSE, soon(host), &error),
           VH_ERROR_GONE);
    failed(vh_host_framebuffer_bind(host, "vesa-framebuffer.0", driver, FALSE, soon(host), &error),
           VH_ERROR_GONE);
    did(vh_host_framebuffer_bind(host, device, driver, FALSE, soon(host), &error));
    g_assert_false(console_bound(host, 1));
    g_autoptr(GPtrArray) list = vh_host_framebuffers(host, NULL);
    g_assert_cmpuint(list->len, ==, 1);
    g_assert_null(((const VhFramebuffer *)list->pdata[0])->driver);
    g_assert_cmpstr(((const VhFramebuffer *)list->pdata[0])->address, ==, "0000:09:00.0");
    failed(vh_host_framebuffer_bind(host, device, driver, FALSE, soon(host), &error),
           VH_ERROR_GONE);
    did(vh_host_framebuffer_bind(host, device, driver, TRUE, soon(host), &error));
    g_assert_true(console_bound(host, 1));
}

static const char firmware[] =
    "{'version': 1, 'functions': [{'address': '" GPU "', 'class': '0x030000', 'vendor': '0x0001',"
    " 'device': '0x0001', 'group': 1}], 'drivers': [{'name': 'vfio-pci', 'vfio': true},"
    " {'name': 'native', 'ids': ['0001:0001'], 'takes_framebuffer': true}],"
    "'framebuffers': [{'device': 'simple-framebuffer.0', 'driver': 'simple-framebuffer',"
    " 'drivers': ['simple-framebuffer'], 'address': '" GPU "', 'bind_fails': true,"
    " 'nodes': [{'path': '/dev/fb0', 'subsystem': 'graphics', 'number': '29:0'}]}]}";

static void test_framebuffer_conflict(void)
{
    const char *conflict = "pci " GPU " conflicts with the firmware framebuffer";
    g_autoptr(VhHost) host = machine(firmware);

    g_assert_cmpuint(count_nodes(host, GPU), ==, 1);
    did(vh_host_pci_override(host, GPU, "vfio-pci", &error));
    did(vh_host_pci_probe(host, GPU, soon(host), &error));
    assert_fact(host, conflict);
    did(vh_host_framebuffer_bind(host, "simple-framebuffer.0", "simple-framebuffer", FALSE,
                                 soon(host), &error));
    assert_no_fact(host, conflict);
    /* The memory has moved meanwhile. */
    failed(vh_host_framebuffer_bind(host, "simple-framebuffer.0", "simple-framebuffer", TRUE,
                                    soon(host), &error),
           VH_ERROR_GONE);
}

static void test_framebuffer_taken(void)
{
    g_autoptr(VhHost) host = machine(firmware);

    did(vh_host_pci_probe(host, GPU, soon(host), &error));
    assert_driver(host, GPU, "native");
    g_autoptr(GPtrArray) list = vh_host_framebuffers(host, NULL);
    g_assert_cmpuint(list->len, ==, 0);
    g_assert_cmpuint(count_nodes(host, GPU), ==, 0);
    failed(vh_host_framebuffer_bind(host, "simple-framebuffer.0", "simple-framebuffer", FALSE,
                                    soon(host), &error),
           VH_ERROR_GONE);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(void);
    } tests[] = {
        {"/sim/modules/module-look", test_module_look},
        {"/sim/modules/module-load", test_module_load},
        {"/sim/modules/module-unload", test_module_unload},
        {"/sim/modules/module-hangs", test_module_hangs},
        {"/sim/modules/load-and-override", test_load_and_override},
        {"/sim/modules/order-of-drivers", test_order_of_drivers},
        {"/sim/modules/console-counts", test_console_counts},
        {"/sim/modules/consoles", test_consoles},
        {"/sim/modules/console-follows", test_console_follows},
        {"/sim/modules/firmware-framebuffer", test_firmware_framebuffer},
        {"/sim/modules/framebuffer-conflict", test_framebuffer_conflict},
        {"/sim/modules/framebuffer-taken", test_framebuffer_taken},
    };

    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add_func(tests[i].path, tests[i].test);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Settings, removal and sleep on the simulated machine. */
#include "test-sim.h"

#define CARD "0000:01:00.0"
#define DIR "/sys/bus/pci/devices/" CARD
#define FUNCTION                                                                                   \
    "{'address': '" CARD "', 'class': '0x030000', 'vendor': '0x1002', 'device': '0x67df', "        \
    "'driver': 'gpu', 'group': 1, 'resets': ['device_specific']"
#define REST                                                                                       \
    "}], 'drivers': [{'name': 'gpu', 'ids': ['1002:67df']}, {'name': 'vfio-pci', 'vfio': true}], " \
    "'files': [{'path': '" DIR "/reset_method', 'text': 'bus'}, "                                  \
    "{'path': '" DIR "/d3cold_allowed', 'text': '1'}, "                                            \
    "{'path': '" DIR "/power/control', 'text': 'auto'}, "                                          \
    "{'path': '" DIR "/resource', 'text': '0x0 0x0fffffff 0x14220c'}, "                            \
    "{'path': '" DIR "/resource0_resize', 'text': '0000000000000f00'}]}"

static VhHost *card(const char *more)
{
    g_autofree char *text = g_strconcat("{'version': 1, 'functions': [" FUNCTION, more, REST, NULL);

    return machine(text);
}

static void assert_file(VhHost *host, const char *name, const char *expected)
{
    g_autofree char *path = g_strdup_printf(DIR "/%s", name);
    g_autofree char *text = vh_host_read(host, path, NULL);

    g_assert_cmpstr(text, ==, expected);
}

static void test_reset_method(void)
{
    g_autoptr(VhHost) host = card("");

    did(vh_host_pci_set(host, CARD, "reset_method", "device_specific bus", soon(host), &error));
    assert_file(host, "reset_method", "device_specific bus");
    assert_fact(host, "file " DIR "/reset_method device_specific bus");
    failed(vh_host_pci_set(host, CARD, "reset_method", "flr", soon(host), &error), VH_ERROR_FAILED);
    failed(vh_host_pci_set(host, "0000:02:00.0", "reset_method", "bus", soon(host), &error),
           VH_ERROR_GONE);
    failed(vh_host_pci_set(host, CARD, "resource3_resize", "8", soon(host), &error),
           VH_ERROR_UNSUPPORTED);
}

static void test_resize(void)
{
    g_autoptr(VhHost) host = card("");

    failed(vh_host_pci_set(host, CARD, "resource0_resize", "9", soon(host), &error), VH_ERROR_BUSY);
    did(vh_host_pci_unbind(host, CARD, soon(host), &error));
    failed(vh_host_pci_set(host, CARD, "resource0_resize", "12", soon(host), &error),
           VH_ERROR_FAILED);
    did(vh_host_pci_set(host, CARD, "resource0_resize", "9", soon(host), &error));
    assert_file(host, "resource", "0x0000000000000000 0x000000001fffffff 0x14220c");
    assert_file(host, "resource0_resize", "0000000000000f00");
}

static void to_vfio_and_back(VhHost *host)
{
    did(vh_host_pci_override(host, CARD, "vfio-pci", &error));
    did(vh_host_pci_unbind(host, CARD, soon(host), &error));
    did(vh_host_pci_probe(host, CARD, soon(host), &error));
    assert_driver(host, CARD, "vfio-pci");
    did(vh_host_pci_override(host, CARD, NULL, &error));
    did(vh_host_pci_unbind(host, CARD, soon(host), &error));
    did(vh_host_pci_probe(host, CARD, soon(host), &error));
}

/* vfio lets it sleep, and leaves it awake. */
static void test_vfio_lets_it_sleep(void)
{
    g_autoptr(VhHost) host = card("");

    did(vh_host_pci_override(host, CARD, "vfio-pci", &error));
    did(vh_host_pci_unbind(host, CARD, soon(host), &error));
    did(vh_host_pci_set(host, CARD, "power/control", "on", soon(host), &error));
    did(vh_host_pci_probe(host, CARD, soon(host), &error));
    assert_file(host, "power/control", "auto");
    did(vh_host_pci_unbind(host, CARD, soon(host), &error));
    assert_file(host, "power/control", "on");
}

static void test_wedged(gconstpointer how)
{
    gboolean dead = g_str_equal(how, "dead");
    g_autofree char *more = g_strdup_printf(", 'wedges': '%s'", (const char *)how);
    g_autoptr(VhHost) host = card(more);

    g_assert_true(vh_host_pci_answers(host, CARD));
    to_vfio_and_back(host);
    assert_driver(host, CARD, NULL);
    g_assert_true(vh_host_pci_answers(host, CARD) == !dead);
    did(vh_host_pci_override(host, CARD, "other", &error));
    did(vh_host_pci_set(host, CARD, "d3cold_allowed", "0", soon(host), &error));
    did(vh_host_pci_remove(host, CARD, soon(host), &error));
    g_assert_null(vh_host_pci_look(host, CARD, NULL));
    did(vh_host_pci_rescan(host, soon(host), &error));
    assert_driver(host, CARD, "gpu");
    g_assert_true(vh_host_pci_answers(host, CARD));
    assert_file(host, "d3cold_allowed", "1");
    assert_no_fact(host, "pci " CARD " override other");
}

/* What was pulled out is not found by looking for it. */
static void test_pulled_out(void)
{
    g_autoptr(VhHost) host = card("");

    g_assert_true(vh_sim_device_remove(host, CARD));
    did(vh_host_pci_rescan(host, soon(host), &error));
    g_assert_null(vh_host_pci_look(host, CARD, NULL));
}

static void test_suspend(void)
{
    g_autoptr(VhHost) none = card("");
    g_autoptr(VhHost) host = sample("amd-desktop");

    failed(vh_host_suspend(none, 5, soon(none), &error), VH_ERROR_GONE);
    did(vh_host_suspend(host, 5, soon(host), &error));
    g_assert_cmpstr(vh_sim_trace(host)->pdata[0], ==, "suspend");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim-settings/reset-method", test_reset_method);
    g_test_add_func("/sim-settings/resize", test_resize);
    g_test_add_func("/sim-settings/vfio-sleep", test_vfio_lets_it_sleep);
    g_test_add_data_func("/sim-settings/wedged/probe", "probe", test_wedged);
    g_test_add_data_func("/sim-settings/wedged/dead", "dead", test_wedged);
    g_test_add_func("/sim-settings/pulled-out", test_pulled_out);
    g_test_add_func("/sim-settings/suspend", test_suspend);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Devices with peculiarities, on simulated hosts: virtual functions, the rest of a card, keyboard
 * and mouse, drivers of vfio's kind. */
#include <string.h>

#include "base/json.h"
#include "engine/plan.h"
#include "inspect/snapshot.h"
#include "machine.h"

#define PF "0000:03:00.0"
#define VF "0000:03:10.0"
#define CARD "0000:01:00.0"
#define DIR "/sys/bus/pci/devices/"

/* A network card with one virtual function, which @vf has more of, and a graphics card with a
 * function in another group. */
static Machine *machine_with(const char *vf)
{
    g_autofree char *text = g_strdup_printf(
        "{\"version\": 1, \"functions\": ["
        "{\"address\": \"" PF "\", \"class\": \"0x020000\", \"vendor\": \"0x8086\","
        " \"device\": \"0x1572\", \"driver\": \"i40e\", \"group\": 1},"
        "{\"address\": \"" VF "\", \"class\": \"0x020000\", \"vendor\": \"0x8086\","
        " \"device\": \"0x154c\", \"group\": 2%s},"
        "{\"address\": \"" CARD "\", \"class\": \"0x030000\", \"vendor\": \"0x10de\","
        " \"device\": \"0x1e87\", \"group\": 3},"
        "{\"address\": \"0000:01:00.3\", \"class\": \"0x0c8000\", \"vendor\": \"0x10de\","
        " \"device\": \"0x1ad9\", \"group\": 4, \"driver\": \"nvidia-gpu\"}],"
        "\"drivers\": [{\"name\": \"i40e\", \"ids\": [\"8086:1572\"]},"
        " {\"name\": \"iavf\", \"ids\": [\"8086:154c\"]},"
        " {\"name\": \"nvidia-gpu\", \"ids\": [\"10de:1ad9\"]},"
        " {\"name\": \"vfio-pci\", \"vfio\": true}, {\"name\": \"mlx5_vfio_pci\", \"vfio\": true}],"
        "\"units\": [{\"id\": \"a.service\", \"active\": \"active\"}],"
        "\"files\": [{\"path\": \"" DIR PF "/sriov_numvfs\", \"text\": \"1\"},"
        " {\"path\": \"" DIR PF "/virtfn0\", \"link\": \"../" VF "\"}]}",
        vf);

    return machine_from_text(text);
}

static char *lines_of(const GPtrArray *lines)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < lines->len; i++)
        g_string_append_printf(text, "%s\n", (char *)lines->pdata[i]);
    return g_string_free(text, FALSE);
}

static VhPlan *plan_of(Machine *machine, GBytes *xml, const VhConfig *config)
{
    gsize length;
    const char *text = g_bytes_get_data(xml, &length);
    g_autoptr(GError) error = NULL;
    g_autoptr(VhDomain) domain = vh_domain_parse(text, length, &error);

    g_assert_no_error(error);
    VhPlan *plan = vh_plan_for_guest(&machine->engine, domain, config, &error);
    g_assert_no_error(error);
    return plan;
}

static VhPlan *plan_for(Machine *machine, const char *address)
{
    const char *const addresses[] = {address, NULL};
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, addresses);

    return plan_of(machine, xml, NULL);
}

static void assert_has(const GPtrArray *lines, const char *words)
{
    g_autofree char *text = lines_of(lines);

    if (!strstr(text, words))
        g_error("\"%s\" is not in: %s", words, text);
}

static void test_virtual_function_in_use(void)
{
    g_autoptr(Machine) machine = machine_with(", \"driver\": \"iavf\"");
    g_autoptr(VhPlan) plan = plan_for(machine, PF);
    g_autoptr(VhPlan) other = plan_for(machine, VF);

    assert_has(plan->refusals, PF " has virtual functions, and " VF " is in use by iavf");
    assert_has(plan->refusals, "sriov_numvfs");
    /* The virtual function itself is a device as any other. */
    g_assert_cmpuint(other->refusals->len, ==, 0);
}

static void test_virtual_function_of_guest(void)
{
    static const char *const vf[] = {VF, NULL}, *const pf[] = {PF, NULL};
    g_autoptr(Machine) machine = machine_with("");
    g_autoptr(GBytes) first = machine_domain("other", TRUE, vf);
    g_autoptr(GBytes) second = machine_domain("win10", TRUE, pf);
    g_autoptr(GError) error = NULL;

    /* A guest before it that has a claim to no device. */
    machine_configure(machine, "first", "stop = [ \"a.service\" ];");
    g_autoptr(GBytes) none = machine_domain("first", TRUE, vf + 1);
    machine_call(machine, "first", "prepare", none, &error);
    g_assert_no_error(error);
    machine_configure(machine, "other", "");
    machine_call(machine, "other", "prepare", first, &error);
    g_assert_no_error(error);
    g_assert_false(machine_prepare(machine, second, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, VF " is in use by guest other"));
}

static void test_virtual_function_idle(void)
{
    g_autoptr(Machine) machine = machine_with("");
    g_autoptr(VhPlan) plan = plan_for(machine, PF);

    g_assert_cmpuint(plan->refusals->len, ==, 0);
    assert_has(plan->notes, "the 1 virtual function(s) of " PF " end while the guest has it");
}

static void assert_number(Machine *machine, const char *expected)
{
    g_autofree char *number = vh_host_read(machine->host, DIR PF "/sriov_numvfs", NULL);

    g_assert_cmpstr(number, ==, expected);
}

/* vfio does not take the function as long as it has them. */
static void test_virtual_functions_end(void)
{
    static const char *const pf[] = {PF, NULL};
    g_autoptr(Machine) machine = machine_with("");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, pf);
    g_autoptr(GError) error = NULL;

    /* Also on a snapshot of that machine. */
    GVariant *snapshot = vh_snapshot_take(machine->host, NULL, &error);
    g_assert_no_error(error);
    g_autofree char *text = vh_json_pretty(snapshot);
    g_autoptr(Machine) taken = machine_from_text(text);
    g_autoptr(VhPlan) plan = plan_for(taken, PF);
    assert_has(plan->notes, "the 1 virtual function(s)");
    assert_number(taken, "1");

    machine_configure(machine, "win10", "");
    (void)machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
    assert_number(machine, "0");
    (void)machine_release(machine, xml, &error);
    g_assert_no_error(error);
    assert_number(machine, "1");
}

/* A USB-C function (UCSI) that stays with the host. */
static void test_rest_of_card(void)
{
    static const char *const both[] = {CARD, "0000:01:00.3", NULL};
    g_autoptr(Machine) machine = machine_with("");
    g_autoptr(VhPlan) plan = plan_for(machine, CARD);
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, both);
    g_autoptr(VhPlan) whole = plan_of(machine, xml, NULL);

    assert_has(plan->notes, "0000:01:00.3 stays with the host, though on the same card as " CARD);
    g_autofree char *notes = lines_of(whole->notes);
    g_assert_null(strstr(notes, "same card"));
}

/* A driver of the maker's, named by the domain (libvirt 10) or by the guest's file. */
static void test_variant_driver(gconstpointer in_file)
{
    g_autoptr(Machine) machine = machine_with("");
    g_autofree char *text = g_strdup_printf(
        "<domain type='kvm'><name>win10</name><uuid>" MACHINE_UUID "</uuid><devices>"
        "<hostdev mode='subsystem' type='pci' managed='yes'>%s<source><address domain='0x0000' "
        "bus='0x03' slot='0x10' function='0x0'/></source></hostdev></devices></domain>",
        in_file ? "" : "<driver name='vfio' model='mlx5_vfio_pci'/>");
    g_autoptr(GBytes) xml = g_bytes_new(text, strlen(text));
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;

    if (in_file)
        machine_configure(machine, "win10", "driver = \"mlx5_vfio_pci\";\n");
    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
    g_autofree char *driver = machine_driver(machine, VF);
    g_assert_cmpstr(driver, ==, "mlx5_vfio_pci");
    machine_release(machine, xml, &error);
    g_assert_no_error(error);
    machine_assert_state(machine, before, NULL);
}

#define UDEV(number, text) "{\"path\": \"/run/udev/data/c13:" number "\", \"text\": \"" text "\"},"
#define KEYBOARD "I:1\\nE:ID_INPUT=1\\nE:ID_INPUT_KEYBOARD=1"
#define MOUSE "E:ID_INPUT_MOUSE=1"

static void test_keyboard_and_mouse(void)
{
    static const struct {
        const char *udev;
        gboolean keyboard, mouse;
    } cases[] = {
        {"", FALSE, FALSE},
        {UDEV("66", KEYBOARD), TRUE, FALSE},
        {UDEV("66", KEYBOARD "\\n" MOUSE), TRUE, TRUE},
        /* Another keyboard stays; its handlers that are no events do not count. */
        {UDEV("66", KEYBOARD "\\n" MOUSE) UDEV("67", KEYBOARD) UDEV("33", MOUSE), FALSE, TRUE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *files = g_strconcat("\"files\": [ ", cases[i].udev, NULL);
        g_autoptr(Machine) machine = machine_changed("emulated", "\"files\": [", files);
        g_autoptr(VhPlan) plan = plan_for(machine, "0000:02:00.0");
        g_autofree char *notes = lines_of(plan->notes);
        g_assert_cmpint(strstr(notes, "no other keyboard") != NULL, ==, cases[i].keyboard);
        g_assert_cmpint(strstr(notes, "no other mouse") != NULL, ==, cases[i].mouse);
        g_assert_cmpuint(plan->refusals->len, ==, 0);
    }
}

/* A disk that is in use in any way stays, and the sentence says what to do. */
static void test_disk_in_use(void)
{
    static const char here[] = "{\"kind\": \"mount\", \"name\": \"/dev/nvme0n1p2\", "
                               "\"where\": \"/\"}";
    static const struct {
        const char *use, *sentence;
    } cases[] = {
        {"{\"kind\": \"mount\", \"name\": \"/dev/a\", \"where\": \"/b\"}",
         "0000:01:00.0 carries /dev/a, mounted on /b: unmount it first"},
        {"{\"kind\": \"array\", \"name\": \"/dev/a\", \"where\": \"md0\"}",
         "0000:01:00.0 carries /dev/a, part of md0: stop that first"},
        {"{\"kind\": \"open\", \"name\": \"/dev/a\", \"where\": \"qemu (pid 7)\"}",
         "0000:01:00.0 carries /dev/a, which qemu (pid 7) has open: end that first"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Machine) machine = machine_changed("amd-desktop", here, cases[i].use);
        g_autoptr(VhPlan) plan = plan_for(machine, "0000:01:00.0");
        assert_has(plan->refusals, cases[i].sentence);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/devices/virtual/in-use", test_virtual_function_in_use);
    g_test_add_func("/devices/virtual/of-guest", test_virtual_function_of_guest);
    g_test_add_func("/devices/virtual/idle", test_virtual_function_idle);
    g_test_add_func("/devices/virtual-function/ends", test_virtual_functions_end);
    g_test_add_func("/devices/rest-of-card", test_rest_of_card);
    g_test_add_data_func("/devices/variant/domain", NULL, test_variant_driver);
    g_test_add_data_func("/devices/variant/file", "file", test_variant_driver);
    g_test_add_func("/devices/disk-in-use", test_disk_in_use);
    g_test_add_func("/devices/keyboard-and-mouse", test_keyboard_and_mouse);
    return g_test_run();
}

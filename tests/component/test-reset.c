// SPDX-License-Identifier: GPL-2.0-or-later
/* The keys `reset` and `rebar` on simulated hosts: what is set while a guest has the card, what
 * comes back, and what helps a card that does not. */
#include <setjmp.h>
#include <string.h>

#include "engine/recover.h"
#include "machine.h"

#define GPU "0000:01:00.0"
#define DIR "/sys/bus/pci/devices/"
#define AMD "0000:0c:00.0"
#define NVIDIA "0000:09:00.0"
/* The beginning of the card in the snapshots, with which it gets a member more. */
#define GPU_HERE "{\"address\": \"" GPU "\","
#define SLEEP "{\"path\": \"/sys/power/state\""
#define AMD_HERE "{\"address\": \"" AMD "\","

static void assert_file(Machine *machine, const char *path, const char *expected)
{
    g_autofree char *text = vh_host_read(machine->host, path, NULL);

    g_assert_cmpstr(text, ==, expected);
}

static void refused(Machine *machine, GBytes *xml, const char *words)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_REFUSED);
    if (!strstr(error->message, words))
        g_error("\"%s\" is not in: %s", words, error->message);
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);
}

static void test_kept_under_power(void)
{
    g_autoptr(Machine) machine =
        machine_changed("nvidia-desktop", DIR NVIDIA "/power/control\", \"text\": \"on\"",
                        DIR NVIDIA "/power/control\", \"text\": \"auto\"");
    g_autoptr(GBytes) xml = machine_sample_domain("nvidia-desktop");
    g_autofree char *before = machine_state(machine, NULL);

    machine_prepare_ok(machine, xml);
    assert_file(machine, DIR NVIDIA "/d3cold_allowed", "0");
    assert_file(machine, DIR NVIDIA "/power/control", "on");
    machine_release_ok(machine, xml);
    assert_file(machine, DIR NVIDIA "/d3cold_allowed", "1");
    assert_file(machine, DIR NVIDIA "/power/control", "auto");
    machine_assert_state(machine, before, NULL);
}

static void test_keep(void)
{
    g_autoptr(Machine) machine =
        machine_changed("emulated", GPU_HERE, GPU_HERE " \"wedges\": \"dead\",");
    g_autoptr(GBytes) xml = machine_sample_domain("emulated");

    machine_configure(machine, "win10", "reset = \"keep\";\n");
    machine_prepare_ok(machine, xml);
    g_assert_false(machine_did(machine, "pci_set"));
    (void)machine_release(machine, xml, NULL);
    g_assert_false(machine_did(machine, "pci_remove"));
    g_assert_true(machine_has_journal(machine));
}

/* Setting what the kernel does not take is no reason not to start. */
static void test_setting_fails(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_sample_domain("emulated");
    g_autofree char *before = machine_state(machine, NULL);

    vh_sim_set_fault_at(machine->host, "d3cold_allowed 0", VH_SIM_FAIL);
    machine_prepare_ok(machine, xml);
    g_assert_true(machine_told(machine, "going on without"));
    machine_release_ok(machine, xml);
    machine_assert_state(machine, before, NULL);
}

/* ---- reset_method ---- */

static void test_device_specific(void)
{
    g_autoptr(Machine) machine =
        machine_changed("amd-desktop", "\"bus\"", "\"flr device_specific bus\"");
    g_autoptr(GBytes) xml = machine_sample_domain("amd-desktop");
    g_autofree char *before = machine_state(machine, NULL);

    machine_prepare_ok(machine, xml);
    assert_file(machine, DIR AMD "/reset_method", "device_specific flr bus");
    machine_release_ok(machine, xml);
    assert_file(machine, DIR AMD "/reset_method", "flr device_specific bus");
    machine_assert_state(machine, before, NULL);
}

/* vendor-reset is loaded after the kernel asked; whether it knows the card is tried. */
static void test_vendor_reset(void)
{
    g_autoptr(Machine) machine =
        machine_changed("amd-desktop", "\"modules\": [",
                        "\"modules\": [ {\"name\": \"vendor_reset\", \"state\": \"live\"},");
    g_autoptr(Machine) known =
        machine_changed("amd-desktop", AMD_HERE, AMD_HERE " \"resets\": [\"device_specific\"],");
    g_autoptr(GBytes) xml = machine_sample_domain("amd-desktop");

    machine_prepare_ok(machine, xml);
    assert_file(machine, DIR AMD "/reset_method", "bus");
    g_assert_true(machine_told(machine, "going on without"));
    machine_release_ok(machine, xml);
    /* Without the module nothing is tried. */
    machine_prepare_ok(known, xml);
    assert_file(known, DIR AMD "/reset_method", "bus");
}

/* ---- a card that does not come back ---- */

static void test_wedged(gconstpointer how)
{
    g_autofree char *changed = g_strdup_printf(GPU_HERE " \"wedges\": \"%s\",", (const char *)how);
    g_autoptr(Machine) machine = machine_changed("emulated", GPU_HERE, changed);
    g_autoptr(GBytes) xml = machine_sample_domain("emulated");
    g_autofree char *before = machine_state(machine, NULL);

    machine_prepare_ok(machine, xml);
    machine_release_ok(machine, xml);
    g_assert_true(machine_did(machine, "pci_remove " GPU));
    g_assert_true(machine_did(machine, "pci_rescan"));
    g_assert_true(machine_told(machine, "looking for it again"));
    machine_assert_state(machine, before, NULL);
    g_assert_false(machine_has_journal(machine));
}

/* One whose driver stays loaded is helped where it is given back. */
static void test_wedged_with_driver(void)
{
    g_autoptr(Machine) machine =
        machine_changed("emulated", GPU_HERE, GPU_HERE " \"wedges\": \"probe\",");
    g_autoptr(GBytes) xml = machine_sample_domain("emulated");
    g_autofree char *before = machine_state(machine, NULL);

    machine_configure(machine, "win10", "modules = \"keep\";\n");
    machine_prepare_ok(machine, xml);
    machine_release_ok(machine, xml);
    g_assert_true(machine_did(machine, "pci_remove " GPU));
    machine_assert_state(machine, before, NULL);
}

/* The kernel can reset it, and did; that need not have brought it back. */
static void test_resettable(void)
{
    g_autoptr(Machine) machine = machine_changed("emulated", "\"files\": [",
                                                 "\"files\": [ {\"path\": \"" DIR GPU "/reset\"},");
    g_autoptr(GBytes) xml = machine_sample_domain("emulated");

    machine_configure(machine, "win10", "modules = \"keep\";\n");
    machine_prepare_ok(machine, xml);
    vh_sim_set_fault_at(machine->host, "pci_probe " GPU, VH_SIM_FAIL);
    machine_release_ok(machine, xml);
    g_assert_true(machine_did(machine, "pci_remove " GPU));
    machine_assert_driver(machine, GPU, "bochs-drm");
}

static void test_rescan(void)
{
    /* What a function was set to by the administrator comes back, too. */
    g_autoptr(Machine) machine =
        machine_changed("emulated", DIR GPU "/d3cold_allowed\", \"text\": \"1\"",
                        DIR GPU "/d3cold_allowed\", \"text\": \"0\"");
    g_autoptr(GBytes) xml = machine_sample_domain("emulated");
    g_autofree char *before = machine_state(machine, NULL);

    machine_configure(machine, "win10", "reset = \"rescan\";\n");
    machine_prepare_ok(machine, xml);
    machine_release_ok(machine, xml);
    g_assert_true(machine_did(machine, "pci_remove " GPU));
    g_assert_true(machine_did(machine, "pci_remove 0000:01:00.1"));
    machine_assert_state(machine, before, NULL);
}

static jmp_buf death;

static void die(gpointer data)
{
    longjmp(death, 1);
}

static void release_and_die(Machine *machine, GBytes *xml)
{
    if (setjmp(death) == 0)
        (void)machine_release(machine, xml, NULL);
}

/* The engine ends when the card is off the bus: who comes after it finds it again. */
static void test_dies_in_between(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_sample_domain("emulated");
    g_autofree char *before = machine_state(machine, NULL);
    guint replayed = 0;

    machine_configure(machine, "win10", "reset = \"rescan\";\n");
    machine_prepare_ok(machine, xml);
    vh_sim_set_fault(machine->host, 0, VH_SIM_NONE, die, NULL);
    vh_sim_set_fault_at(machine->host, "pci_remove " GPU, VH_SIM_DIE_AFTER);
    release_and_die(machine, xml);
    machine_let_go(machine);
    g_autofree char *now = machine_driver(machine, GPU);
    g_assert_cmpstr(now, ==, "gone");
    vh_sim_set_fault_at(machine->host, NULL, VH_SIM_NONE);
    vh_sim_set_parent(machine->host, (VhProcess){4242, 1});
    g_assert_true(vh_recover_all(&machine->engine, &replayed, NULL));
    g_assert_cmpuint(replayed, ==, 1);
    machine_assert_state(machine, before, NULL);
}

/* ---- suspend to RAM ---- */

static guint place_of(Machine *machine, const char *text)
{
    const GPtrArray *trace = vh_sim_trace(machine->host);
    guint found = 0;

    for (guint i = 0; i < trace->len; i++)
        if (strstr(trace->pdata[i], text))
            found = i + 1;
    return found;
}

static void test_rtcwake(void)
{
    g_autoptr(Machine) machine =
        machine_changed("amd-desktop", AMD_HERE, AMD_HERE " \"wedges\": \"probe\",");
    g_autoptr(GBytes) xml = machine_sample_domain("amd-desktop");
    g_autofree char *before = machine_state(machine, NULL);

    machine_configure(machine, "win10", "reset = \"rtcwake\";\n");
    machine_prepare_ok(machine, xml);
    g_assert_false(machine_did(machine, "suspend"));
    machine_release_ok(machine, xml);
    /* While vfio has the card, before anything of the host does. */
    g_assert_cmpuint(place_of(machine, "suspend"), >, 0);
    g_assert_cmpuint(place_of(machine, "suspend"), <, place_of(machine, "pci_unbind " AMD));
    machine_assert_state(machine, before, NULL);
}

static void test_rtcwake_not_at_shutdown(void)
{
    g_autoptr(Machine) machine = machine_new("amd-desktop");
    g_autoptr(GBytes) xml = machine_sample_domain("amd-desktop");

    machine_configure(machine, "win10", "reset = \"rtcwake\";\n");
    machine_prepare_ok(machine, xml);
    vh_sim_set_stopping(machine->host, TRUE);
    machine_release_ok(machine, xml);
    g_assert_false(machine_did(machine, "suspend"));
}

/* Sleep under power resets no card; one that can be chosen is chosen when it comes to it. */
static void test_rtcwake_shallow(void)
{
    static const struct {
        const char *kinds;
        gboolean noted;
    } cases[] = {{"[s2idle]", TRUE}, {"[s2idle] deep", FALSE}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *files = g_strdup_printf(
            "{\"path\": \"/sys/power/mem_sleep\", \"text\": \"%s\"}, " SLEEP, cases[i].kinds);
        g_autoptr(Machine) machine = machine_changed("amd-desktop", SLEEP, files);
        g_autoptr(GBytes) xml = machine_sample_domain("amd-desktop");
        gsize length;
        const char *text = g_bytes_get_data(xml, &length);
        g_autoptr(VhDomain) domain = vh_domain_parse(text, length, NULL);
        g_autoptr(VhConfig) config = vh_config_parse("reset = \"rtcwake\";", "win10.conf", NULL);
        g_autoptr(VhPlan) plan = vh_plan_for_guest(&machine->engine, domain, config, NULL);
        g_autofree char *notes = vh_plan_text(plan);
        g_assert_cmpint(strstr(notes, "sleeps under power only") != NULL, ==, cases[i].noted);
    }
}

static void test_rtcwake_refused(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_sample_domain("emulated");

    machine_configure(machine, "win10", "reset = \"rtcwake\";\n");
    refused(machine, xml, "cannot suspend to RAM");
}

/* ---- rebar ---- */

#define BAR0_256M "0x00000000e0000000 0x00000000efffffff 0x000000000014220c"

static gboolean bar0_is(Machine *machine, const char *line)
{
    g_autofree char *text = vh_host_read(machine->host, DIR AMD "/resource", NULL);

    return g_str_has_prefix(text, line);
}

static void test_rebar(gconstpointer modules)
{
    g_autoptr(Machine) machine = machine_new("amd-desktop");
    g_autoptr(GBytes) xml = machine_sample_domain("amd-desktop");
    g_autofree char *before = machine_state(machine, NULL);
    g_autofree char *text = g_strconcat("rebar = [ \"8G\", \"2:8M\" ];\n", modules, NULL);

    machine_configure(machine, "win10", text);
    g_assert_true(bar0_is(machine, BAR0_256M));
    machine_prepare_ok(machine, xml);
    g_assert_true(bar0_is(machine, "0x00000000e0000000 0x00000002dfffffff 0x000000000014220c"));
    g_assert_true(machine_did(machine, "resource2_resize 3"));
    machine_release_ok(machine, xml);
    g_assert_true(bar0_is(machine, BAR0_256M));
    machine_assert_state(machine, before, NULL);
}

/* libvirt may have given the card back with the size that the guest had. */
static void test_rebar_libvirt_first(void)
{
    g_autoptr(Machine) machine = machine_new("amd-desktop");
    g_autoptr(GBytes) xml = machine_sample_domain("amd-desktop");
    g_autofree char *before = machine_state(machine, NULL);
    gint64 later = vh_host_now(machine->host) + 100 * G_USEC_PER_SEC;

    machine_configure(machine, "win10", "rebar = [ \"0:1G\" ]; modules = \"keep\";\n");
    machine_prepare_ok(machine, xml);
    g_assert_true(vh_host_pci_override(machine->host, AMD, NULL, NULL));
    g_assert_true(vh_host_pci_unbind(machine->host, AMD, later, NULL));
    g_assert_true(vh_host_pci_probe(machine->host, AMD, later, NULL));
    g_assert_false(bar0_is(machine, BAR0_256M));
    machine_release_ok(machine, xml);
    machine_assert_state(machine, before, NULL);
}

/* … and somebody has opened it since: no unbind that hangs, but who it is and what to do. */
static void test_rebar_in_use(void)
{
    g_autoptr(Machine) machine = machine_new("amd-desktop");
    g_autoptr(GBytes) xml = machine_sample_domain("amd-desktop");
    gint64 later = vh_host_now(machine->host) + 100 * G_USEC_PER_SEC;
    g_autoptr(GError) error = NULL;

    machine_configure(machine, "win10", "rebar = [ \"0:1G\" ]; modules = \"keep\";\n");
    machine_prepare_ok(machine, xml);
    g_assert_true(vh_host_pci_override(machine->host, AMD, NULL, NULL));
    g_assert_true(vh_host_pci_unbind(machine->host, AMD, later, NULL));
    g_assert_true(vh_host_pci_probe(machine->host, AMD, later, NULL));
    machine_settle(machine);
    pid_t pid = vh_sim_process_add(machine->host, "ollama", 0, "ollama.service", "/dev/kfd");
    g_assert_cmpint(pid, !=, 0);
    g_assert_false(machine_release(machine, xml, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "ollama (pid "));
    g_assert_nonnull(strstr(error->message, "end it now"));
    g_assert_nonnull(strstr(error->message, "add \"ollama.service\" to stop"));
    g_assert_true(vh_sim_process_end(machine->host, pid));
    machine_release_ok(machine, xml);
    g_assert_true(bar0_is(machine, BAR0_256M));
}

static void test_rebar_refused(void)
{
    static const struct {
        const char *sample, *text, *words;
    } cases[] = {
        {"amd-desktop", "rebar = [ \"64G\" ];\n", "cannot have 64G, only 256M, 512M, 1G, 2G, 4G"},
        {"amd-desktop", "rebar = [ \"1:1G\" ];\n", "cannot change the size"},
        {"amd-desktop", "rebar = [ \"1G\", \"0:2G\" ];\n", "named twice"},
        {"emulated", "rebar = [ \"1G\" ];\n", "no resizable BAR"},
        {"amd-desktop", "rebar = [ \"1G\" ]; devices = [ \"0000:0c:00.1\" ];\n",
         "no graphics card is passed"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Machine) machine = machine_new(cases[i].sample);
        g_autoptr(GBytes) xml = machine_sample_domain(cases[i].sample);
        machine_configure(machine, "win10", cases[i].text);
        refused(machine, xml, cases[i].words);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestFunc run;
    } tests[] = {
        {"/reset/kept-under-power", test_kept_under_power},
        {"/reset/keep", test_keep},
        {"/reset/setting-fails", test_setting_fails},
        {"/reset/device-specific", test_device_specific},
        {"/reset/vendor-reset", test_vendor_reset},
        {"/reset/wedged/driver-there", test_wedged_with_driver},
        {"/reset/resettable", test_resettable},
        {"/reset/rescan", test_rescan},
        {"/reset/dies-in-between", test_dies_in_between},
        {"/reset/rtcwake", test_rtcwake},
        {"/reset/rtcwake/shutdown", test_rtcwake_not_at_shutdown},
        {"/reset/rtcwake/shallow", test_rtcwake_shallow},
        {"/reset/rtcwake/refused", test_rtcwake_refused},
        {"/rebar/libvirt-first", test_rebar_libvirt_first},
        {"/rebar/in-use", test_rebar_in_use},
        {"/rebar/refused", test_rebar_refused},
    };

    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add_func(tests[i].name, tests[i].run);
    g_test_add_data_func("/reset/wedged/probe", "probe", test_wedged);
    g_test_add_data_func("/reset/wedged/dead", "dead", test_wedged);
    g_test_add_data_func("/rebar/unloaded", "", test_rebar);
    g_test_add_data_func("/rebar/loaded", "modules = \"keep\";\n", test_rebar);
    return g_test_run();
}

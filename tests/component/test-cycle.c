// SPDX-License-Identifier: GPL-2.0-or-later
/* Whole calls on simulated hosts: what libvirt asks, and what a user would see. */
#include <string.h>

#include "engine/plan.h"
#include "engine/recover.h"
#include "machine.h"

#define GPU "0000:01:00.0"
#define SOUND "0000:01:00.1"
#define USB "0000:02:00.0"

static const char *const card[] = {GPU, SOUND, NULL};
static const char *const usb[] = {USB, NULL};

static void test_sample(gconstpointer data)
{
    const char *sample = data;
    g_autoptr(Machine) machine = machine_new(sample);
    g_autoptr(GBytes) xml = machine_sample_domain(sample);
    g_autofree char *before = machine_state(machine, NULL);

    for (int i = 0; i < 2; i++) {
        machine_prepare_ok(machine, xml);
        g_autofree char *during = machine_state(machine, NULL);
        g_assert_cmpstr(during, !=, before);
        g_assert_true(machine_has_journal(machine));
        machine_release_ok(machine, xml);
        machine_assert_state(machine, before, NULL);
        g_assert_false(machine_has_journal(machine));
    }
}

/* An APU's driver never lets go of its own last reference: refused, and the desktop is back. */
static void test_apu(void)
{
    g_autoptr(Machine) machine = machine_new("apu");
    g_autoptr(GBytes) xml = machine_sample_domain("apu");
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, "module amdgpu is in use"));
    g_assert_nonnull(strstr(error->message, "modules = \"keep\""));
    machine_assert_state(machine, before, NULL);
    g_assert_false(machine_has_journal(machine));
}

static void test_devices_on_vfio(gconstpointer managed)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", managed != NULL, card);

    machine_prepare_ok(machine, xml);
    machine_assert_driver(machine, GPU, "vfio-pci");
    machine_assert_driver(machine, SOUND, "vfio-pci");
    machine_release_ok(machine, xml);
    machine_assert_driver(machine, GPU, "bochs-drm");
    machine_assert_driver(machine, SOUND, "snd_hda_intel");
}

/* libvirt with managed='yes' may have given the devices back already. */
static void test_libvirt_gave_back_first(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    gint64 later = vh_host_now(machine->host) + 100 * G_USEC_PER_SEC;

    machine_prepare_ok(machine, xml);
    g_assert_true(vh_host_pci_override(machine->host, SOUND, NULL, NULL));
    g_assert_true(vh_host_pci_unbind(machine->host, SOUND, later, NULL));
    g_assert_true(vh_host_pci_probe(machine->host, SOUND, later, NULL));
    machine_release_ok(machine, xml);
    machine_assert_state(machine, before, NULL);
}

static void test_order(void)
{
    static const char *const order[] = {
        "module_load vfio-pci", "unit_stop lightdm.service",  "console_bind 1",
        "module_unload bochs",  "pci_unbind " SOUND,          "pci_probe " GPU,
        "module_load bochs",    "unit_start lightdm.service", "unit_stop virt-handoff-awake@"};
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    guint at = 0;

    machine_prepare_ok(machine, xml);
    machine_release_ok(machine, xml);
    const GPtrArray *trace = vh_sim_trace(machine->host);
    for (gsize i = 0; i < G_N_ELEMENTS(order); i++) {
        while (at < trace->len && !strstr(trace->pdata[at], order[i]))
            at++;
        if (at == trace->len)
            g_test_message("not found in order: %s", order[i]);
        g_assert_cmpuint(at, <, trace->len);
    }
}

/* Units are asked for together, before any of them is waited for. */
static void test_together(void)
{
    static const char *const units[] = {"unit_stop sddm.service",
                                        "unit_stop nvidia-persistenced.service"};
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) xml = machine_sample_domain("nvidia-desktop");
    guint asked = 0;

    machine_prepare_ok(machine, xml);
    const GPtrArray *trace = vh_sim_trace(machine->host);
    for (guint i = 0; i < trace->len; i++)
        for (guint unit = 0; unit < G_N_ELEMENTS(units); unit++)
            if (g_str_has_prefix(trace->pdata[i], units[unit]) && asked < G_N_ELEMENTS(units))
                g_assert_cmpuint(asked++, ==, unit);
    g_assert_cmpuint(asked, ==, G_N_ELEMENTS(units));
}

/* The desktop's end does not wait for what keeps the host awake, however long that takes. */
static void test_awake_aside(void)
{
    enum { START_MS = 60 * 1000, LONGEST = 65 * G_USEC_PER_SEC };
    g_autoptr(Machine) machine =
        machine_changed("emulated", "\"active\": \"inactive\", \"stop_ms\": 5, \"start_ms\": 10}",
                        "\"active\": \"inactive\", \"stop_ms\": 5, \"start_ms\": 60000}");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    const GPtrArray *trace = vh_sim_trace(machine->host);
    gint64 begin = vh_host_now(machine->host);

    machine_configure(machine, "win10", "timeout = 300;");
    machine_prepare_ok(machine, xml);
    gint64 took = vh_host_now(machine->host) - begin;
    g_assert_cmpint(took, >=, START_MS * 1000);
    g_assert_cmpint(took, <, LONGEST);
    g_assert_true(g_str_has_prefix(trace->pdata[1], "unit_start virt-handoff-awake@"));
    g_assert_true(g_str_has_prefix(trace->pdata[2], "unit_stop lightdm.service"));
}

/* One that does not stop in time does not cost the session. */
static void test_before_the_manager(void)
{
    g_autoptr(Machine) machine = machine_changed(
        "nvidia-desktop",
        "\"nvidia-persistenced.service\", \"active\": \"active\", \"stop_ms\": 30",
        "\"nvidia-persistenced.service\", \"active\": \"active\", \"stop_ms\": 90000");
    g_autoptr(GBytes) xml = machine_sample_domain("nvidia-desktop");
    g_autoptr(GError) error = NULL;

    machine_configure(machine, "win10",
                      "stop = [ \"nvidia-persistenced.service\", \"sddm.service\" ];");
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_nonnull(strstr(error->message, "cannot stop nvidia-persistenced.service"));
    g_assert_false(machine_did(machine, "unit_stop sddm.service"));
}

static void test_sleep_allowed(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    machine_configure(machine, "win10", "sleep = \"allow\";\n");
    machine_prepare_ok(machine, xml);
    g_assert_false(machine_did(machine, "virt-handoff-awake@"));
    machine_release_ok(machine, xml);
}

static void test_usb_only_keeps_desktop(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, usb);
    g_autofree char *before = machine_state(machine, NULL);

    machine_prepare_ok(machine, xml);
    machine_assert_driver(machine, USB, "vfio-pci");
    g_assert_false(machine_did(machine, "unit_stop"));
    g_assert_false(machine_did(machine, "console_bind"));
    machine_release_ok(machine, xml);
    machine_assert_state(machine, before, NULL);
}

static void test_no_devices(void)
{
    static const char *const none[] = {NULL};
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, none);

    machine_prepare_ok(machine, xml);
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);
    g_assert_false(machine_has_journal(machine));
    machine_release_ok(machine, xml);
}

/* Everything that is refused is refused before the first change. */
static void assert_refused(Machine *machine, GBytes *xml, VhError code, const char *text)
{
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_error(error, VH_ERROR, (gint)code);
    if (!strstr(error->message, text))
        g_test_message("message: %s", error->message);
    g_assert_nonnull(strstr(error->message, text));
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);
    g_assert_false(machine_has_journal(machine));
    machine_assert_state(machine, before, NULL);
    /* libvirt calls stopped and release after a failed prepare. */
    g_assert_true(machine_call(machine, "win10", "stopped", xml, NULL));
    machine_release_ok(machine, xml);
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);
}

static void test_refusals(void)
{
    static const struct {
        const char *addresses[3];
        const char *text;
    } cases[] = {
        {{"0000:77:00.0", NULL}, "there is no PCI device 0000:77:00.0"},
        {{GPU, NULL}, "add 0000:01:00.1 to the domain"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Machine) machine = machine_new("emulated");
        g_autoptr(GBytes) xml = machine_domain("win10", TRUE, cases[i].addresses);
        assert_refused(machine, xml, VH_ERROR_REFUSED, cases[i].text);
    }
}

static void test_bad_file(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    machine_configure(machine, "win10", "\ndevice = \"auto\";\n");
    assert_refused(machine, xml, VH_ERROR_CONFIG, "win10.conf:2: device: ");
}

static void test_bad_xml(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) bad = g_bytes_new_static("<domain", 7);
    g_autoptr(GBytes) empty = g_bytes_new_static("", 0);

    assert_refused(machine, bad, VH_ERROR_DOMAIN, "");
    assert_refused(machine, empty, VH_ERROR_DOMAIN, "no domain XML");
}

static void test_foreign_guest(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("other", TRUE, card);

    g_assert_true(machine_call(machine, "other", "prepare", xml, NULL));
    g_assert_true(machine_call(machine, "other", "release", xml, NULL));
    g_assert_true(machine_call(machine, "../win10", "prepare", xml, NULL));
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);
}

static void test_other_operations(void)
{
    static const char *const operations[] = {"start",   "started", "stopped", "reconnect",
                                             "migrate", "restore", "attach",  "later"};
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    for (gsize i = 0; i < G_N_ELEMENTS(operations); i++)
        g_assert_true(machine_call(machine, "win10", operations[i], xml, NULL));
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);
}

static void test_foreign_holder(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    pid_t pid = vh_sim_process_add(machine->host, "obs", 1000, NULL, "/dev/dri/card0");
    g_autofree char *before = machine_state(machine, NULL);
    g_autofree char *wanted = g_strdup_printf("obs (pid %d, user ", (int)pid);
    g_autoptr(GError) error = NULL;
    gint64 begin = vh_host_now(machine->host);

    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, wanted));
    g_assert_nonnull(strstr(error->message, "end it first"));
    g_assert_cmpint(vh_host_now(machine->host) - begin, <=, 26 * G_USEC_PER_SEC);
    machine_assert_state(machine, before, NULL);
    g_assert_false(machine_has_journal(machine));
}

static void test_two_guests(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) first = machine_domain("win10", TRUE, card);
    g_autoptr(GBytes) second = machine_domain("usbvm", TRUE, usb);
    g_autoptr(GBytes) rival = machine_domain("rival", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL, ended = NULL, running = NULL;

    machine_configure(machine, "usbvm", "");
    machine_configure(machine, "rival", "");
    machine_prepare_ok(machine, first);
    g_assert_true(machine_call(machine, "usbvm", "prepare", second, &error));
    g_assert_no_error(error);
    g_assert_false(machine_call(machine, "rival", "prepare", rival, &error));
    g_assert_nonnull(strstr(error->message, "held by guest win10"));
    /* Who gave it back now would take it from the start that is under way. */
    g_assert_nonnull(strstr(error->message, "libvirt is starting it; try again"));
    g_assert_true(machine_call(machine, "win10", "started", first, NULL));
    g_assert_false(machine_call(machine, "rival", "prepare", rival, &ended));
    g_assert_nonnull(strstr(ended->message, "virt-handoff release win10"));
    vh_sim_set_guest_running(machine->host, "win10", TRUE);
    g_assert_false(machine_call(machine, "rival", "prepare", rival, &running));
    g_assert_nonnull(strstr(running->message, "virsh shutdown win10"));
    vh_sim_set_guest_running(machine->host, "win10", FALSE);
    machine_release_ok(machine, first);
    machine_assert_driver(machine, USB, "vfio-pci");
    machine_assert_driver(machine, GPU, "bochs-drm");
    g_assert_true(machine_call(machine, "usbvm", "release", second, NULL));
    machine_assert_state(machine, before, NULL);
}

/* Two cards, two guests, one display manager: it comes back with the last card. */
static void test_shared_display_manager(gconstpointer first_goes_first)
{
    static const char *const addresses[][3] = {{"0000:01:00.0", "0000:01:00.1", NULL},
                                               {"0000:02:00.0", "0000:02:00.1", NULL}};
    static const char *const guests[] = {"win10", "other"};
    g_autoptr(Machine) machine = machine_new("two-equal-cards");
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GBytes) one = machine_domain("win10", TRUE, addresses[0]);
    g_autoptr(GBytes) two = machine_domain("other", TRUE, addresses[1]);
    GBytes *const xml[] = {one, two};
    g_autoptr(GError) error = NULL;
    gsize leaver = first_goes_first ? 0 : 1;

    machine_configure(machine, "other", "stop = [ \"lightdm.service\" ];\n");
    machine_configure(machine, "win10", "stop = [ \"lightdm.service\" ];\n");
    for (gsize i = 0; i < 2; i++) {
        machine_call(machine, guests[i], "prepare", xml[i], &error);
        g_assert_no_error(error);
    }
    machine_call(machine, guests[leaver], "release", xml[leaver], &error);
    g_assert_no_error(error);
    g_assert_false(machine_did(machine, "unit_start lightdm.service"));
    machine_call(machine, guests[1 - leaver], "release", xml[1 - leaver], &error);
    g_assert_no_error(error);
    machine_assert_state(machine, before, NULL);
}

static void test_daemon_dies(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    guint replayed;

    machine_prepare_ok(machine, xml);
    /* Between prepare and QEMU the daemon lives: not an orphan. */
    g_assert_true(vh_recover_all(&machine->engine, &replayed, NULL));
    g_assert_cmpuint(replayed, ==, 0);
    /* The daemon is gone, the guest runs: not an orphan. */
    vh_sim_set_parent(machine->host, (VhProcess){0, 0});
    vh_sim_set_guest_running(machine->host, "win10", TRUE);
    g_assert_true(vh_recover_all(&machine->engine, &replayed, NULL));
    g_assert_cmpuint(replayed, ==, 0);
    machine_assert_driver(machine, GPU, "vfio-pci");
    vh_sim_set_guest_running(machine->host, "win10", FALSE);
    g_assert_true(vh_recover_all(&machine->engine, &replayed, NULL));
    g_assert_cmpuint(replayed, ==, 1);
    machine_assert_driver(machine, GPU, "bochs-drm");
    g_assert_false(machine_has_journal(machine));
}

static void test_interrupted(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;

    vh_sim_set_interrupted(machine->host, TRUE);
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_INTERRUPTED);
    machine_assert_state(machine, before, NULL);
    g_assert_false(machine_has_journal(machine));
}

static void test_config_deleted_meanwhile(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);

    machine_prepare_ok(machine, xml);
    machine_configure(machine, "win10", NULL);
    machine_release_ok(machine, xml);
    machine_assert_state(machine, before, NULL);
}

static void test_modules_keep(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);

    machine_configure(machine, "win10", "modules = \"keep\";\n");
    machine_prepare_ok(machine, xml);
    g_assert_false(machine_did(machine, "module_unload"));
    machine_assert_driver(machine, GPU, "vfio-pci");
    machine_release_ok(machine, xml);
    machine_assert_state(machine, before, NULL);
}

/* A function the administrator had on vfio-pci already is not ours to give back. */
static void test_bound_by_admin(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, usb);
    gint64 later = vh_host_now(machine->host) + 100 * G_USEC_PER_SEC;

    g_assert_true(vh_host_module_load(machine->host, "vfio-pci", later, NULL));
    g_assert_true(vh_host_pci_override(machine->host, USB, "vfio-pci", NULL));
    g_assert_true(vh_host_pci_unbind(machine->host, USB, later, NULL));
    g_assert_true(vh_host_pci_probe(machine->host, USB, later, NULL));
    machine_configure(machine, "win10", "sleep = \"allow\";\n");
    vh_sim_reset_operations(machine->host);
    machine_prepare_ok(machine, xml);
    machine_release_ok(machine, xml);
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);
    machine_assert_driver(machine, USB, "vfio-pci");
}

static void test_device_vanishes(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;

    machine_prepare_ok(machine, xml);
    g_assert_true(vh_sim_device_remove(machine->host, SOUND));
    machine_release_ok(machine, xml);
    machine_assert_driver(machine, GPU, "bochs-drm");
    g_assert_true(machine_did(machine, "unit_start lightdm.service"));
    g_assert_false(machine_has_journal(machine));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestFunc run;
    } tests[] = {
        {"/cycle/apu", test_apu},
        {"/cycle/libvirt-gave-back-first", test_libvirt_gave_back_first},
        {"/cycle/order", test_order},
        {"/cycle/together", test_together},
        {"/cycle/awake-aside", test_awake_aside},
        {"/cycle/before-the-manager", test_before_the_manager},
        {"/cycle/sleep-allowed", test_sleep_allowed},
        {"/cycle/usb-only", test_usb_only_keeps_desktop},
        {"/cycle/no-devices", test_no_devices},
        {"/cycle/refusals", test_refusals},
        {"/cycle/bad-file", test_bad_file},
        {"/cycle/bad-xml", test_bad_xml},
        {"/cycle/foreign-guest", test_foreign_guest},
        {"/cycle/other-operations", test_other_operations},
        {"/cycle/foreign-holder", test_foreign_holder},
        {"/cycle/two-guests", test_two_guests},
        {"/cycle/daemon-dies", test_daemon_dies},
        {"/cycle/interrupted", test_interrupted},
        {"/cycle/config-deleted", test_config_deleted_meanwhile},
        {"/cycle/modules-keep", test_modules_keep},
        {"/cycle/bound-by-admin", test_bound_by_admin},
        {"/cycle/device-vanishes", test_device_vanishes},
    };

    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < MACHINE_SAMPLES; i++) {
        /* It has a test of its own. */
        if (g_str_equal(machine_samples[i], "apu"))
            continue;
        g_autofree char *path = g_strdup_printf("/cycle/sample/%s", machine_samples[i]);
        g_test_add_data_func(path, machine_samples[i], test_sample);
    }
    g_test_add_data_func("/cycle/managed", "yes", test_devices_on_vfio);
    g_test_add_data_func("/cycle/unmanaged", NULL, test_devices_on_vfio);
    g_test_add_data_func("/cycle/shared/first-leaves", "first", test_shared_display_manager);
    g_test_add_data_func("/cycle/shared/last-leaves", NULL, test_shared_display_manager);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add_func(tests[i].name, tests[i].run);
    return g_test_run();
}

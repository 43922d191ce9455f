// SPDX-License-Identifier: GPL-2.0-or-later
/* The sample hosts: each loads, says the same twice, and goes through what a hand-over does. */
#include "test-sim.h"

static const struct {
    const char *name, *manager, *gpu, *sound, *driver;
    const char *modules[5]; /* of the display driver, in the order to unload them */
} hosts[] = {
    {"nvidia-desktop",
     "sddm.service",
     "0000:09:00.0",
     "0000:09:00.1",
     "nvidia",
     {"nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia"}},
    {"nvidia-four-functions",
     "sddm.service",
     "0000:09:00.0",
     "0000:09:00.1",
     "nvidia",
     {"nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia"}},
    {"amd-desktop", "gdm.service", "0000:0c:00.0", "0000:0c:00.1", "amdgpu", {"amdgpu"}},
    {"laptop-hybrid",
     "gdm.service",
     "0000:01:00.0",
     "0000:01:00.1",
     "nvidia",
     {"nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia"}},
    {"apu", "lightdm.service", "0000:04:00.0", "0000:04:00.1", "amdgpu", {NULL}},
    {"two-equal-cards", "lightdm.service", "0000:02:00.0", "0000:02:00.1", "amdgpu", {NULL}},
    {"emulated", "lightdm.service", "0000:01:00.0", "0000:01:00.1", "bochs-drm", {"bochs"}},
};

/* A snapshot of the machine makes an equal machine, whose snapshot is the same text. */
static void assert_round_trip(VhHost *host)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = vh_sim_snapshot(host);
    g_autoptr(VhHost) again = vh_sim_new(text, &error);

    g_assert_no_error(error);
    g_autofree char *text_again = vh_sim_snapshot(again);
    g_assert_cmpstr(text, ==, text_again);
    g_autofree char *state = vh_sim_state(host);
    g_autofree char *state_again = vh_sim_state(again);
    g_assert_cmpstr(state, ==, state_again);
    g_assert_cmpint(vh_host_now(host), ==, vh_host_now(again));
    g_autoptr(VhHost) copy = vh_sim_copy(host);
    g_autofree char *text_copy = vh_sim_snapshot(copy);
    g_assert_cmpstr(text, ==, text_copy);
    g_assert_cmpuint(vh_sim_operations(copy), ==, 0);
    g_autoptr(GBytes) packed = vh_sim_pack(host);
    g_autoptr(VhHost) unpacked = vh_sim_unpack(packed, &error);
    g_assert_no_error(error);
    g_autofree char *text_unpacked = vh_sim_snapshot(unpacked);
    g_assert_cmpstr(text, ==, text_unpacked);
}

/* Bytes that were cut are no machine, wherever that happened. */
static void test_cut(void)
{
    g_autoptr(VhHost) host = sample("apu");
    g_autoptr(GBytes) packed = vh_sim_pack(host);

    for (gsize length = 0; length < g_bytes_get_size(packed); length += 97) {
        g_autoptr(GBytes) cut = g_bytes_new_from_bytes(packed, 0, length);
        g_autoptr(GError) problem = NULL;
        g_assert_null(vh_sim_unpack(cut, &problem));
        g_assert_error(problem, VH_ERROR, VH_ERROR_FAILED);
    }
}

static void test_round_trips(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++) {
        g_autoptr(VhHost) host = sample(hosts[i].name);
        assert_round_trip(host);
    }
}

static void test_samples_are_known(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(g_getenv("VH_SAMPLE_HOSTS"), 0, &error);
    guint files = 0;

    g_assert_no_error(error);
    for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir))
        files += g_str_has_suffix(name, ".json") ? 1 : 0;
    g_assert_cmpuint(files, ==, G_N_ELEMENTS(hosts));
}

static void unbind_consoles(VhHost *host, gboolean bind)
{
    g_autoptr(GPtrArray) consoles = vh_host_consoles(host, NULL);

    for (guint i = 0; i < consoles->len; i++) {
        const VhConsole *console = consoles->pdata[i];
        if (console->framebuffer)
            did(vh_host_console_bind(host, console->number, bind, in_ms(host, 1000), &error));
    }
}

static void bind_framebuffers(VhHost *host, const char *address, gboolean bind)
{
    g_autoptr(GPtrArray) framebuffers = vh_host_framebuffers(host, NULL);

    for (guint i = 0; i < framebuffers->len; i++) {
        const VhFramebuffer *framebuffer = framebuffers->pdata[i];
        if (g_strcmp0(framebuffer->address, address) == 0)
            did(vh_host_framebuffer_bind(host, framebuffer->device, "efi-framebuffer", bind,
                                         in_ms(host, 1000), &error));
    }
}

static void rebind(VhHost *host, const char *address, const char *driver)
{
    did(vh_host_pci_override(host, address, driver, &error));
    did(vh_host_pci_unbind(host, address, in_ms(host, 5000), &error));
    did(vh_host_pci_probe(host, address, in_ms(host, 5000), &error));
}

static void stop_desktop(VhHost *host, const char *manager)
{
    did(vh_host_unit_stop(host, manager, in_ms(host, 5000), &error));
    g_autoptr(VhUnit) persistence = vh_host_unit_look(host, "nvidia-persistenced.service", NULL);
    if (g_str_equal(persistence->load, "loaded"))
        did(vh_host_unit_stop(host, persistence->id, in_ms(host, 5000), &error));
    /* Longer than logind lets a user's manager live on. */
    vh_host_wait(host, NULL, 15 * G_USEC_PER_SEC);
}

static void start_desktop(VhHost *host, const char *manager)
{
    g_autoptr(VhUnit) persistence = vh_host_unit_look(host, "nvidia-persistenced.service", NULL);

    if (g_str_equal(persistence->load, "loaded"))
        did(vh_host_unit_start(host, persistence->id, in_ms(host, 5000), &error));
    did(vh_host_unit_start(host, manager, in_ms(host, 5000), &error));
    vh_host_wait(host, NULL, 5 * G_USEC_PER_SEC);
}

/* What a hand-over and its way back do, act by act. */
static void hand_over(gsize i)
{
    g_autoptr(VhHost) host = sample(hosts[i].name);
    g_autofree char *before = vh_sim_state(host);
    const char *const *modules = hosts[i].modules;

    did(vh_host_module_load(host, "vfio-pci", in_ms(host, 5000), &error));
    stop_desktop(host, hosts[i].manager);
    assert_holders(host, hosts[i].gpu, "");
    assert_holders(host, hosts[i].sound, "");
    unbind_consoles(host, FALSE);
    bind_framebuffers(host, hosts[i].gpu, FALSE);
    for (guint k = 0; modules[k]; k++)
        did(vh_host_module_unload(host, modules[k], in_ms(host, 5000), &error));
    rebind(host, hosts[i].sound, "vfio-pci");
    rebind(host, hosts[i].gpu, "vfio-pci");
    assert_driver(host, hosts[i].gpu, "vfio-pci");
    assert_round_trip(host);
    vh_sim_set_guest_running(host, "guest", TRUE);
    assert_holders(host, hosts[i].gpu, "qemu-system-x86");
    assert_round_trip(host);
    vh_sim_set_guest_running(host, "guest", FALSE);

    rebind(host, hosts[i].sound, NULL);
    rebind(host, hosts[i].gpu, NULL);
    for (guint k = g_strv_length((char **)modules); k-- > 0;)
        did(vh_host_module_load(host, modules[k], in_ms(host, 5000), &error));
    assert_driver(host, hosts[i].gpu, hosts[i].driver);
    vh_host_wait(host, NULL, G_USEC_PER_SEC);
    bind_framebuffers(host, hosts[i].gpu, TRUE);
    unbind_consoles(host, TRUE);
    start_desktop(host, hosts[i].manager);
    g_autofree char *after = vh_sim_state(host);
    g_assert_cmpstr(before, ==, after);
}

static void test_hand_over(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++)
        hand_over(i);
}

/* The peculiarities that the samples are there for. */
static void test_peculiarities(void)
{
    g_autoptr(VhHost) nvidia = sample("nvidia-desktop");
    g_autoptr(VhHost) equal = sample("two-equal-cards");
    g_autoptr(VhHost) apu = sample("apu");

    g_autoptr(VhModule) module = vh_host_module_look(nvidia, "nvidia", NULL);
    g_assert_true(g_strv_contains((const char *const *)module->holders, "nvidia_modeset"));
    assert_fact(nvidia, "framebuffer efi-framebuffer.0 driver efi-framebuffer");
    g_autoptr(VhModule) amdgpu = vh_host_module_look(equal, "amdgpu", NULL);
    g_assert_cmpuint(g_strv_length(amdgpu->devices), ==, 2);
    stop_desktop(apu, "lightdm.service");
    unbind_consoles(apu, FALSE);
    failed(vh_host_module_unload(apu, "amdgpu", in_ms(apu, 1000), &error), VH_ERROR_BUSY);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/hosts/round-trips", test_round_trips);
    g_test_add_func("/sim/hosts/cut", test_cut);
    g_test_add_func("/sim/hosts/all-known", test_samples_are_known);
    g_test_add_func("/sim/hosts/hand-over", test_hand_over);
    g_test_add_func("/sim/hosts/peculiarities", test_peculiarities);
    return g_test_run();
}

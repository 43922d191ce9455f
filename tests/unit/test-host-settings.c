// SPDX-License-Identifier: GPL-2.0-or-later
/* Settings, removal and sleep of the real back end, over a tree. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "host-tree.h"

#define GPU "0000:01:00.0"
#define DIR "/sys/devices/pci0000:00/" GPU

static gint64 soon(void)
{
    return g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
}

static HostTree *gpu_tree(void)
{
    HostTree *tree = host_tree_new();

    host_tree_pci(tree, GPU, "0x030000\n", "10de:1b80");
    host_tree_write(tree, "flr bus\n", DIR "/reset_method");
    host_tree_write(tree, "auto\n", DIR "/power/control");
    host_tree_write(tree, "0000000000003f00\n", DIR "/resource1_resize");
    host_tree_write(tree, "", DIR "/remove");
    host_tree_write(tree, "", "/sys/bus/pci/rescan");
    return tree;
}

static void assert_text(HostTree *tree, const char *path, const char *expected)
{
    g_autofree char *text = host_tree_read(tree, "%s", path);

    g_assert_cmpstr(text, ==, expected);
}

static void test_set(void)
{
    g_autoptr(HostTree) tree = gpu_tree();
    g_autoptr(GError) error = NULL;

    vh_host_pci_set(tree->host, GPU, "reset_method", "bus flr", soon(), &error);
    g_assert_no_error(error);
    assert_text(tree, DIR "/reset_method", "bus flr");
    g_assert_true(vh_host_pci_set(tree->host, GPU, "power/control", "on", soon(), NULL));
    assert_text(tree, DIR "/power/control", "on");
    g_assert_true(vh_host_pci_set(tree->host, GPU, "resource1_resize", "9", soon(), NULL));
    assert_text(tree, DIR "/resource1_resize", "9");
}

static void test_set_refused(void)
{
    static const struct {
        const char *address, *name;
        VhError code;
    } cases[] = {
        {GPU, "d3cold_allowed", VH_ERROR_UNSUPPORTED},     /* the kernel has none */
        {GPU, "resource0_resize", VH_ERROR_UNSUPPORTED},   /* no such BAR */
        {GPU, "driver_override", VH_ERROR_FAILED},         /* not for this door */
        {GPU, "../" GPU "/reset_method", VH_ERROR_FAILED}, /* nor another function's */
        {"0000:02:00.0", "reset_method", VH_ERROR_GONE},   {"..", "reset_method", VH_ERROR_FAILED},
    };
    g_autoptr(HostTree) tree = gpu_tree();

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(
            vh_host_pci_set(tree->host, cases[i].address, cases[i].name, "x", soon(), &error));
        g_assert_error(error, VH_ERROR, (gint)cases[i].code);
    }
    assert_text(tree, DIR "/driver_override", "(null)\n");
}

/* A named pipe without a reader holds its writer, as a device's lock does. */
static void test_set_is_bounded(void)
{
    g_autoptr(HostTree) tree = gpu_tree();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = host_tree_path(tree, DIR "/power/control");

    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    g_assert_false(vh_host_pci_set(tree->host, GPU, "power/control", "on",
                                   g_get_monotonic_time() + 300 * G_TIME_SPAN_MILLISECOND, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(error->message, GPU));
}

static void test_remove_and_rescan(void)
{
    g_autoptr(HostTree) tree = gpu_tree();
    g_autoptr(GError) error = NULL;

    vh_host_pci_remove(tree->host, GPU, soon(), &error);
    g_assert_no_error(error);
    assert_text(tree, DIR "/remove", "1");
    vh_host_pci_rescan(tree->host, soon(), &error);
    g_assert_no_error(error);
    assert_text(tree, "/sys/bus/pci/rescan", "1");
    g_assert_false(vh_host_pci_remove(tree->host, "0000:02:00.0", soon(), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_GONE);
}

static void write_header(HostTree *tree, guint8 vendor, guint8 type, gsize length)
{
    guint8 bytes[64] = {vendor, vendor};
    g_autofree char *path = host_tree_path(tree, DIR "/config");
    g_autoptr(GError) error = NULL;

    bytes[0x0e] = type;
    g_file_set_contents(path, (const char *)bytes, (gssize)length, &error);
    g_assert_no_error(error);
}

static void test_answers(void)
{
    g_autoptr(HostTree) tree = gpu_tree();

    /* Nobody can tell: no reason to do anything. */
    g_assert_true(vh_host_pci_answers(tree->host, GPU));
    g_assert_true(vh_host_pci_answers(tree->host, "0000:02:00.0"));
    write_header(tree, 0x10, 0x80, 64);
    g_assert_true(vh_host_pci_answers(tree->host, GPU));
    write_header(tree, 0xff, 0x80, 64);
    g_assert_false(vh_host_pci_answers(tree->host, GPU));
    write_header(tree, 0x10, 0xff, 64);
    g_assert_false(vh_host_pci_answers(tree->host, GPU));
    write_header(tree, 0xff, 0xff, 4);
    g_assert_true(vh_host_pci_answers(tree->host, GPU));
    /* A virtual function. */
    host_tree_dir(tree, DIR "/physfn");
    write_header(tree, 0xff, 0x00, 64);
    g_assert_true(vh_host_pci_answers(tree->host, GPU));
    write_header(tree, 0xff, 0xff, 64);
    g_assert_false(vh_host_pci_answers(tree->host, GPU));
}

static void test_suspend(void)
{
    g_autoptr(HostTree) tree = gpu_tree();
    g_autoptr(GError) error = NULL;

    g_assert_false(vh_host_suspend(tree->host, 5, soon(), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_GONE);
    g_assert_nonnull(strstr(error->message, "alarm"));
    g_clear_error(&error);
    host_tree_write(tree, "", "/sys/class/rtc/rtc0/wakealarm");
    host_tree_write(tree, "freeze mem disk\n", "/sys/power/state");
    host_tree_write(tree, "[s2idle] deep\n", "/sys/power/mem_sleep");
    vh_host_suspend(tree->host, 5, soon(), &error);
    g_assert_no_error(error);
    assert_text(tree, "/sys/power/state", "mem");
    assert_text(tree, "/sys/power/mem_sleep", "s2idle");
    assert_text(tree, "/sys/class/rtc/rtc0/wakealarm", "0");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-settings/set", test_set);
    g_test_add_func("/host-settings/set/refused", test_set_refused);
    g_test_add_func("/host-settings/set/bounded", test_set_is_bounded);
    g_test_add_func("/host-settings/remove-and-rescan", test_remove_and_rescan);
    g_test_add_func("/host-settings/answers", test_answers);
    g_test_add_func("/host-settings/suspend", test_suspend);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The PCI functions of the real back end, over a tree. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "host-tree.h"

#define GPU "0000:01:00.0"
#define SOUND "0000:01:00.1"
#define DIR "/sys/devices/pci0000:00/"

static gint64 soon(void)
{
    return g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
}

static HostTree *gpu_tree(void)
{
    HostTree *tree = host_tree_new();

    host_tree_pci(tree, GPU, "0x030000\n", "10de:1b80");
    host_tree_bind(tree, GPU, "bochs-drm", "bochs");
    host_tree_write(tree, "1\n", DIR GPU "/boot_vga");
    host_tree_link(tree, "/sys/kernel/iommu_groups/13", DIR GPU "/iommu_group");
    host_tree_pci(tree, SOUND, "0x040300\n", "10de:10f0");
    host_tree_write(tree, "vfio-pci\n", DIR SOUND "/driver_override");
    return tree;
}

static void test_look(void)
{
    g_autoptr(HostTree) tree = gpu_tree();
    g_autoptr(GError) error = NULL;
    g_autoptr(VhPciFunction) gpu = vh_host_pci_look(tree->host, GPU, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(gpu->address, ==, GPU);
    g_assert_cmpuint(gpu->class_code, ==, 0x030000);
    g_assert_cmpuint(gpu->vendor, ==, 0x10de);
    g_assert_cmpuint(gpu->device, ==, 0x1b80);
    g_assert_cmpstr(gpu->driver, ==, "bochs-drm");
    g_assert_cmpstr(gpu->module, ==, "bochs");
    g_assert_null(gpu->driver_override);
    g_assert_cmpint(gpu->iommu_group, ==, 13);
    g_assert_true(gpu->boot_vga);
    g_assert_false(gpu->bridge);
    g_assert_false(gpu->vfio);

    g_autoptr(VhPciFunction) sound = vh_host_pci_look(tree->host, SOUND, &error);
    g_assert_no_error(error);
    g_assert_null(sound->driver);
    g_assert_null(sound->module);
    g_assert_cmpstr(sound->driver_override, ==, "vfio-pci");
    g_assert_cmpint(sound->iommu_group, ==, -1);
    g_assert_false(sound->boot_vga);
}

static void test_empty_override_is_none(void)
{
    g_autoptr(HostTree) tree = gpu_tree();

    host_tree_write(tree, "\n", DIR SOUND "/driver_override");
    g_autoptr(VhPciFunction) sound = vh_host_pci_look(tree->host, SOUND, NULL);
    g_assert_nonnull(sound);
    g_assert_null(sound->driver_override);
}

static void expect(GError **error, VhError code)
{
    g_assert_error(*error, VH_ERROR, (gint)code);
    g_clear_error(error);
}

static void assert_absent(VhHost *host, const char *address, VhError code)
{
    GError *error = NULL;

    g_assert_null(vh_host_pci_look(host, address, &error));
    expect(&error, code);
    g_assert_false(vh_host_pci_override(host, address, "x", &error));
    expect(&error, code);
    g_assert_false(vh_host_pci_unbind(host, address, soon(), &error));
    expect(&error, code);
    g_assert_false(vh_host_pci_probe(host, address, soon(), &error));
    expect(&error, code);
    g_assert_null(vh_host_pci_nodes(host, address, &error));
    expect(&error, code);
    g_assert_null(vh_host_pci_uses(host, address, &error));
    expect(&error, code);
}

static void test_gone(void)
{
    g_autoptr(HostTree) tree = gpu_tree();

    assert_absent(tree->host, "0000:02:00.0", VH_ERROR_GONE);
    assert_absent(tree->host, "..", VH_ERROR_FAILED);
}

static void test_vfio_drivers(void)
{
    static const struct {
        const char *driver;
        gboolean vfio_dev, vfio;
    } cases[] = {{"vfio-pci", FALSE, TRUE},         {"mlx5_vfio_pci", FALSE, TRUE},
                 {"xe-vfio-pci", FALSE, TRUE},      {"odd-variant", TRUE, TRUE},
                 {"notvfio-pciback", FALSE, FALSE}, {"pciback", FALSE, FALSE}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(HostTree) tree = gpu_tree();
        host_tree_bind(tree, SOUND, cases[i].driver, NULL);
        if (cases[i].vfio_dev)
            host_tree_dir(tree, DIR SOUND "/vfio-dev/vfio0");
        g_autoptr(VhPciFunction) sound = vh_host_pci_look(tree->host, SOUND, NULL);
        g_assert_cmpstr(sound->driver, ==, cases[i].driver);
        g_assert_cmpint(sound->vfio, ==, cases[i].vfio);
    }
}

static void test_bridges(void)
{
    g_autoptr(HostTree) tree = gpu_tree();

    host_tree_pci(tree, "0000:00:01.0", "0x060400\n", "8086:1901");
    host_tree_pci(tree, "0000:00:02.0", "0x088000\n", "8086:0001");
    host_tree_write(tree, "5\n", DIR "0000:00:02.0/secondary_bus_number");
    g_autoptr(VhPciFunction) port = vh_host_pci_look(tree->host, "0000:00:01.0", NULL);
    g_autoptr(VhPciFunction) odd = vh_host_pci_look(tree->host, "0000:00:02.0", NULL);
    g_assert_true(port->bridge);
    g_assert_true(odd->bridge);
}

static void test_list(void)
{
    g_autoptr(HostTree) tree = gpu_tree();
    g_autoptr(GError) error = NULL;
    static const char *const order[] = {GPU, SOUND, "0000:0a:00.0", "2000:00:00.0",
                                        "10000:00:00.0"};

    host_tree_pci(tree, "2000:00:00.0", "0x010802\n", "144d:a808");
    host_tree_pci(tree, "10000:00:00.0", "0x010802\n", "144d:a808");
    host_tree_pci(tree, "0000:0a:00.0", "0x0c0330\n", "1912:0014");
    g_autoptr(GPtrArray) functions = vh_host_pci_list(tree->host, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(functions->len, ==, G_N_ELEMENTS(order));
    for (guint i = 0; i < functions->len; i++) {
        const VhPciFunction *function = g_ptr_array_index(functions, i);
        g_assert_cmpstr(function->address, ==, order[i]);
        g_assert_cmpstr(function->driver_override, ==, i == 1 ? "vfio-pci" : NULL);
    }
}

static void test_list_of_nothing(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GPtrArray) functions = vh_host_pci_list(tree->host, NULL);

    g_assert_nonnull(functions);
    g_assert_cmpuint(functions->len, ==, 0);
}

/* A named pipe without a writer holds its reader, as an attribute does whose lock a hung unbind
 * has. */
static void test_look_is_bounded(void)
{
    g_autoptr(HostTree) tree = gpu_tree();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = host_tree_path(tree, DIR GPU "/driver_override");

    ((VhReal *)tree->host)->look_limit = 500 * G_TIME_SPAN_MILLISECOND;
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    g_assert_null(vh_host_pci_look(tree->host, GPU, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(error->message, GPU));
    /* The others are listed all the same. */
    g_autoptr(GPtrArray) functions = vh_host_pci_list(tree->host, NULL);
    g_assert_cmpuint(functions->len, ==, 2);
    const VhPciFunction *gpu = g_ptr_array_index(functions, 0);
    const VhPciFunction *sound = g_ptr_array_index(functions, 1);
    g_assert_null(gpu->driver_override);
    g_assert_cmpstr(sound->driver_override, ==, "vfio-pci");
    /* And the write, which takes the same lock. */
    g_clear_error(&error);
    g_assert_false(vh_host_pci_override(tree->host, GPU, "vfio-pci", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
}

static void test_no_override_attribute(void)
{
    g_autoptr(HostTree) tree = gpu_tree();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = host_tree_path(tree, DIR SOUND "/driver_override");

    g_assert_cmpint(g_unlink(path), ==, 0);
    g_autoptr(VhPciFunction) sound = vh_host_pci_look(tree->host, SOUND, &error);
    g_assert_no_error(error);
    g_assert_null(sound->driver_override);
}

static void test_override(void)
{
    g_autoptr(HostTree) tree = gpu_tree();
    g_autoptr(GError) error = NULL;

    g_assert_true(vh_host_pci_override(tree->host, GPU, "vfio-pci", &error));
    g_autofree char *set = host_tree_read(tree, DIR GPU "/driver_override");
    g_assert_cmpstr(set, ==, "vfio-pci\n");
    g_assert_true(vh_host_pci_override(tree->host, GPU, NULL, &error));
    g_autofree char *cleared = host_tree_read(tree, DIR GPU "/driver_override");
    g_assert_cmpstr(cleared, ==, "\n");
    g_assert_no_error(error);
    g_assert_false(vh_host_pci_override(tree->host, GPU, "a/b", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
}

static void test_unbind_and_probe(void)
{
    g_autoptr(HostTree) tree = gpu_tree();
    g_autoptr(GError) error = NULL;

    g_assert_true(vh_host_pci_unbind(tree->host, GPU, soon(), &error));
    g_autofree char *unbound = host_tree_read(tree, "/sys/bus/pci/drivers/bochs-drm/unbind");
    g_assert_cmpstr(unbound, ==, GPU);
    g_assert_true(vh_host_pci_probe(tree->host, GPU, soon(), &error));
    g_autofree char *probed = host_tree_read(tree, "/sys/bus/pci/drivers_probe");
    g_assert_cmpstr(probed, ==, GPU);
    /* Without a driver there is nothing to do. */
    g_assert_true(vh_host_pci_unbind(tree->host, SOUND, soon(), &error));
    g_assert_no_error(error);
}

static void test_refused_write(void)
{
    g_autoptr(HostTree) tree = gpu_tree();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = host_tree_path(tree, "/sys/bus/pci/drivers_probe");

    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_cmpint(g_mkdir(path, 0755), ==, 0);
    g_assert_false(vh_host_pci_probe(tree->host, GPU, soon(), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, GPU));
}

static void test_driver_known(void)
{
    g_autoptr(HostTree) tree = gpu_tree();

    g_assert_true(vh_host_pci_driver_known(tree->host, "bochs-drm"));
    g_assert_false(vh_host_pci_driver_known(tree->host, "vfio-pci"));
    g_assert_false(vh_host_pci_driver_known(tree->host, ".."));
}

static void test_iommu(void)
{
    g_autoptr(HostTree) tree = host_tree_new();

    g_assert_false(vh_host_iommu_on(tree->host));
    host_tree_dir(tree, "/sys/kernel/iommu_groups");
    g_assert_false(vh_host_iommu_on(tree->host));
    host_tree_dir(tree, "/sys/kernel/iommu_groups/0/devices");
    g_assert_true(vh_host_iommu_on(tree->host));
}

static void test_seat(void)
{
    g_autoptr(HostTree) tree = gpu_tree();

    host_tree_device(tree, DIR GPU "/drm/card0", "drm", "226:0", "dri/card0");
    g_autofree char *none = vh_host_pci_seat(tree->host, GPU);
    g_assert_cmpstr(none, ==, "seat0");
    host_tree_write(tree, "I:1\nE:ID_SEATING=no\nE:ID_SEAT=seat-two\n",
                    "/run/udev/data/+drm:card0");
    g_autofree char *drm = vh_host_pci_seat(tree->host, GPU);
    g_assert_cmpstr(drm, ==, "seat-two");
    host_tree_write(tree, "E:ID_SEAT=seat-one\n", "/run/udev/data/c226:0");
    g_autofree char *node = vh_host_pci_seat(tree->host, GPU);
    g_assert_cmpstr(node, ==, "seat-one");
    host_tree_write(tree, "E:ID_SEAT=seat-pci\n", "/run/udev/data/+pci:" GPU);
    g_autofree char *pci = vh_host_pci_seat(tree->host, GPU);
    g_assert_cmpstr(pci, ==, "seat-pci");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pci/look", test_look);
    g_test_add_func("/pci/empty-override", test_empty_override_is_none);
    g_test_add_func("/pci/gone", test_gone);
    g_test_add_func("/pci/vfio-drivers", test_vfio_drivers);
    g_test_add_func("/pci/bridges", test_bridges);
    g_test_add_func("/pci/list", test_list);
    g_test_add_func("/pci/list-of-nothing", test_list_of_nothing);
    g_test_add_func("/pci/look-is-bounded", test_look_is_bounded);
    g_test_add_func("/pci/no-override-attribute", test_no_override_attribute);
    g_test_add_func("/pci/override", test_override);
    g_test_add_func("/pci/unbind-and-probe", test_unbind_and_probe);
    g_test_add_func("/pci/refused-write", test_refused_write);
    g_test_add_func("/pci/driver-known", test_driver_known);
    g_test_add_func("/pci/iommu", test_iommu);
    g_test_add_func("/pci/seat", test_seat);
    return g_test_run();
}

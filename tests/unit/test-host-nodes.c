// SPDX-License-Identifier: GPL-2.0-or-later
/* Device nodes of a function, over a tree. */
#include <string.h>
#include <sys/sysmacros.h>

#include "host-tree.h"

#define GPU "0000:01:00.0"
#define OTHER "0000:02:00.0"
#define DIR "/sys/devices/pci0000:00/" GPU
#define OTHER_DIR "/sys/devices/pci0000:00/" OTHER

static HostTree *gpu_tree(const char *driver)
{
    HostTree *tree = host_tree_new();

    host_tree_pci(tree, GPU, "0x030000\n", "10de:1b80");
    host_tree_bind(tree, GPU, driver, driver);
    host_tree_pci(tree, OTHER, "0x030000\n", "10de:1b80");
    host_tree_bind(tree, OTHER, driver, driver);
    return tree;
}

static int compare_nodes(gconstpointer a, gconstpointer b)
{
    const VhNode *const *left = a, *const *right = b;

    return strcmp((*left)->path, (*right)->path);
}

/* "PATH SUBSYSTEM MAJOR:MINOR", with "!" in front when it blocks; sorted, one a line. */
static char *nodes_of(HostTree *tree)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(tree->host, GPU, &error);
    GString *text = g_string_new(NULL);

    g_assert_no_error(error);
    g_ptr_array_sort(nodes, compare_nodes);
    for (guint i = 0; i < nodes->len; i++) {
        const VhNode *node = g_ptr_array_index(nodes, i);
        g_string_append_printf(text, "%s%s %s %u:%u\n", node->blocks ? "!" : "", node->path,
                               node->subsystem, major(node->number), minor(node->number));
    }
    return g_string_free(text, FALSE);
}

static void test_below(void)
{
    g_autoptr(HostTree) tree = gpu_tree("amdgpu");

    host_tree_device(tree, DIR "/drm/card0", "drm", "226:0", "dri/card0");
    host_tree_device(tree, DIR "/drm/renderD128", "drm", "226:128", "dri/renderD128");
    host_tree_device(tree, DIR "/i2c-4/i2c-dev/i2c-4", "i2c-dev", "89:4", "i2c-4");
    host_tree_device(tree, DIR "/graphics/fb0", "graphics", "29:0", "fb0");
    host_tree_device(tree, DIR "/input/input3/event3", "input", "13:67", "input/event3");
    host_tree_device(tree, DIR "/ata1/block/sda", "block", "8:0", "sda");
    host_tree_device(tree, "/sys/class/kfd/kfd", "kfd", "240:0", "kfd");
    /* Not a device, one without a node, and one of another function below this. */
    host_tree_dir(tree, DIR "/power");
    host_tree_link(tree, "/sys/class/backlight", DIR "/backlight/amdgpu_bl0/subsystem");
    host_tree_device(tree, DIR "/0000:03:00.0/drm/card9", "drm", "226:9", "dri/card9");
    host_tree_device(tree, OTHER_DIR "/drm/card1", "drm", "226:1", "dri/card1");
    g_autofree char *nodes = nodes_of(tree);
    g_assert_cmpstr(nodes, ==,
                    "!/dev/dri/card0 drm 226:0\n"
                    "!/dev/dri/renderD128 drm 226:128\n"
                    "!/dev/fb0 graphics 29:0\n"
                    "!/dev/i2c-4 i2c-dev 89:4\n"
                    "/dev/input/event3 input 13:67\n"
                    "!/dev/kfd kfd 240:0\n"
                    "!/dev/sda block 8:0\n");
}

/* No directory is entered through a link, or the walk would never end. */
static void test_links_are_not_followed(void)
{
    g_autoptr(HostTree) tree = gpu_tree("i915");

    host_tree_device(tree, DIR "/drm/card0", "drm", "226:0", "dri/card0");
    host_tree_link(tree, DIR, DIR "/drm/card0/device");
    host_tree_link(tree, OTHER_DIR, DIR "/consumer");
    host_tree_device(tree, OTHER_DIR "/drm/card1", "drm", "226:1", "dri/card1");
    g_autofree char *nodes = nodes_of(tree);
    g_assert_cmpstr(nodes, ==, "!/dev/dri/card0 drm 226:0\n");
}

static void test_usb_is_harmless(void)
{
    g_autoptr(HostTree) tree = gpu_tree("xhci_hcd");

    host_tree_device(tree, DIR "/usb1", "usb", "189:0", "bus/usb/001/001");
    host_tree_device(tree, DIR "/usb1/1-1/1-1:1.0/sound/card2/controlC2", "sound", "116:2",
                     "snd/controlC2");
    host_tree_device(tree, DIR "/usb1/1-2/1-2:1.0/video4linux/video0", "video4linux", "81:0",
                     "video0");
    g_autofree char *nodes = nodes_of(tree);
    g_assert_cmpstr(nodes, ==,
                    "/dev/bus/usb/001/001 usb 189:0\n"
                    "/dev/snd/controlC2 sound 116:2\n"
                    "/dev/video0 video4linux 81:0\n");
}

static void test_firmware_framebuffer(void)
{
    g_autoptr(HostTree) tree = gpu_tree("nouveau");
    const char *device = DIR "/simple-framebuffer.0";

    host_tree_link(tree, device, "/sys/bus/platform/devices/simple-framebuffer.0");
    host_tree_device(tree, DIR "/simple-framebuffer.0/drm/card0", "drm", "226:0", "dri/card0");
    g_autofree char *below = nodes_of(tree);
    g_assert_cmpstr(below, ==, "!/dev/dri/card0 drm 226:0\n");

    g_autoptr(HostTree) apart = gpu_tree("nouveau");
    host_tree_device(apart, "/sys/devices/platform/efi-framebuffer.0/graphics/fb0", "graphics",
                     "29:0", "fb0");
    host_tree_link(apart, "/sys/devices/platform/efi-framebuffer.0",
                   "/sys/bus/platform/devices/efi-framebuffer.0");
    host_tree_write(apart, "  e0000000-e02fffff : BOOTFB\n", "/proc/iomem");
    host_tree_write(apart, "0xe0000000 0xefffffff 0x1\n", DIR "/resource");
    g_autofree char *elsewhere = nodes_of(apart);
    g_assert_cmpstr(elsewhere, ==, "!/dev/fb0 graphics 29:0\n");
}

static void test_vfio_group(void)
{
    g_autoptr(HostTree) tree = gpu_tree("vfio-pci");

    host_tree_link(tree, "/sys/kernel/iommu_groups/7", DIR "/iommu_group");
    host_tree_device(tree, "/sys/class/vfio/7", "vfio", "241:0", "vfio/7");
    host_tree_device(tree, "/sys/class/vfio/8", "vfio", "241:1", "vfio/8");
    g_autofree char *nodes = nodes_of(tree);
    g_assert_cmpstr(nodes, ==, "!/dev/vfio/7 vfio 241:0\n");
}

static gboolean make_nvidia_nodes(HostTree *tree)
{
    static const struct {
        const char *path;
        guint major_number, minor_number;
    } nodes[] = {{"/dev/nvidia0", 195, 0},     {"/dev/nvidia1", 195, 1},
                 {"/dev/nvidiactl", 195, 255}, {"/dev/nvidia-modeset", 195, 254},
                 {"/dev/nvidia-uvm", 508, 0},  {"/dev/nvidia-caps/nvidia-cap1", 509, 1},
                 {"/dev/null", 1, 3}};

    for (gsize i = 0; i < G_N_ELEMENTS(nodes); i++)
        if (!host_tree_node(tree, nodes[i].path, nodes[i].major_number, nodes[i].minor_number))
            return FALSE;
    return TRUE;
}

static void test_nvidia(void)
{
    g_autoptr(HostTree) tree = gpu_tree("nvidia");

    host_tree_write(tree,
                    "Character devices:\n  1 mem\n195 nvidia\n195 nvidia-modeset\n195 nvidiactl\n"
                    "508 nvidia-uvm\n509 nvidia-caps\n\n"
                    "Block devices:\n  1 nvidia-uvm\n",
                    "/proc/devices");
    host_tree_write(tree, "Model: \t\t GeForce\nDevice Minor: \t 1\n",
                    "/proc/driver/nvidia/gpus/" GPU "/information");
    if (!make_nvidia_nodes(tree))
        return;
    g_autofree char *nodes = nodes_of(tree);
    g_assert_cmpstr(nodes, ==,
                    "!/dev/nvidia-caps/nvidia-cap1 nvidia-caps 509:1\n"
                    "!/dev/nvidia-modeset nvidia 195:254\n"
                    "!/dev/nvidia-uvm nvidia-uvm 508:0\n"
                    "!/dev/nvidia1 nvidia 195:1\n"
                    "!/dev/nvidiactl nvidia 195:255\n");
    /* Which GPU it is cannot be told: then either may be meant. */
    host_tree_write(tree, "", "/proc/driver/nvidia/gpus/" GPU "/information");
    g_autofree char *all = nodes_of(tree);
    g_assert_nonnull(strstr(all, "!/dev/nvidia0 "));
    g_assert_nonnull(strstr(all, "!/dev/nvidia1 "));
}

/* Modules upon the driver's, found by their holders, with nodes that sysfs does not show below the
 * function. */
static void test_nodes_of_holders(void)
{
    g_autoptr(HostTree) tree = gpu_tree("shape");

    host_tree_dir(tree, "/sys/module/shape/holders/shape_modeset");
    host_tree_dir(tree, "/sys/module/shape_modeset/holders/shape_drm");
    host_tree_write(tree, "Character devices:\n240 shape-modeset\n241 shape_drm\n242 other\n",
                    "/proc/devices");
    host_tree_write(tree, " 59 shape\n 60 vga_arbiter\n", "/proc/misc");
    /* The last is of another function's own device. */
    host_tree_link(tree, "/sys/devices/pci0000:00/" OTHER "/x", "/sys/dev/char/240:1");
    if (!host_tree_node(tree, "/dev/shape-modeset", 240, 0) ||
        !host_tree_node(tree, "/dev/shape-other", 240, 1) ||
        !host_tree_node(tree, "/dev/shape/drm", 241, 0) ||
        !host_tree_node(tree, "/dev/other", 242, 0) ||
        !host_tree_node(tree, "/dev/shape-misc", 10, 59) ||
        !host_tree_node(tree, "/dev/vga_arbiter", 10, 60))
        return;
    g_autofree char *nodes = nodes_of(tree);
    g_assert_cmpstr(nodes, ==,
                    "!/dev/shape-misc shape 10:59\n"
                    "!/dev/shape-modeset shape-modeset 240:0\n"
                    "!/dev/shape/drm shape_drm 241:0\n");
}

/* The module of what is counted, and nothing where the kernel counts elsewhere or not at all. */
static void test_counted(void)
{
    static const struct {
        const char *path, *counted;
    } table[] = {
        {"/dev/dri/card0", "amdgpu"},     {"/dev/fb0", "amdgpu"},
        {"/dev/snd/controlC0", "amdgpu"}, {"/dev/i2c-4", NULL},
        {"/dev/snd/controlC1", NULL},     {"/dev/kfd", NULL},
    };
    g_autoptr(HostTree) tree = gpu_tree("amdgpu");
    g_autoptr(GError) error = NULL;

    host_tree_device(tree, DIR "/drm/card0", "drm", "226:0", "dri/card0");
    host_tree_device(tree, DIR "/graphics/fb0", "graphics", "29:0", "fb0");
    host_tree_device(tree, DIR "/sound/card0/controlC0", "sound", "116:0", "snd/controlC0");
    host_tree_device(tree, DIR "/drm/card0/card0-DP-1/i2c-4/i2c-dev/i2c-4", "i2c-dev", "89:4",
                     "i2c-4");
    host_tree_device(tree, DIR "/machine.0/sound/card1/controlC1", "sound", "116:1",
                     "snd/controlC1");
    host_tree_device(tree, "/sys/class/kfd/kfd", "kfd", "240:0", "kfd");
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(tree->host, GPU, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(nodes->len, ==, G_N_ELEMENTS(table));
    for (guint i = 0; i < nodes->len; i++) {
        const VhNode *node = nodes->pdata[i];
        gsize row = 0;
        while (row < G_N_ELEMENTS(table) && strcmp(table[row].path, node->path) != 0)
            row++;
        g_assert_cmpuint(row, <, G_N_ELEMENTS(table));
        g_assert_cmpstr(node->counted, ==, table[row].counted);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nodes/below", test_below);
    g_test_add_func("/nodes/links-are-not-followed", test_links_are_not_followed);
    g_test_add_func("/nodes/usb-is-harmless", test_usb_is_harmless);
    g_test_add_func("/nodes/firmware-framebuffer", test_firmware_framebuffer);
    g_test_add_func("/nodes/vfio-group", test_vfio_group);
    g_test_add_func("/nodes/nvidia", test_nvidia);
    g_test_add_func("/nodes/of-holders", test_nodes_of_holders);
    g_test_add_func("/nodes/counted", test_counted);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Device nodes of a function, and who has them open, over a tree. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* ---- holders ---- */

static void free_node(gpointer node)
{
    vh_node_free(node);
}

/* /dev/null's number: what every tree's process can have open. */
static GPtrArray *null_node(const char *path, dev_t number)
{
    GPtrArray *nodes = g_ptr_array_new_with_free_func(free_node);
    VhNode *node = g_new0(VhNode, 1);

    node->path = g_strdup(path);
    node->number = number;
    g_ptr_array_add(nodes, node);
    return nodes;
}

static void open_in_tree(HostTree *tree, pid_t pid, const char *descriptor, const char *target)
{
    g_autofree char *path = host_tree_path(tree, "/proc/%d/fd/%s", pid, descriptor);

    g_assert_cmpint(symlink(target, path), ==, 0);
}

static void test_holders(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) nodes = null_node("/dev/dri/card0", makedev(1, 3));

    host_tree_write(tree, "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n",
                    "/etc/passwd");
    host_tree_process(tree, 4711, "odd (name) x", "S", 987654, 1000,
                      "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n");
    open_in_tree(tree, 4711, "0", "/dev/zero");
    open_in_tree(tree, 4711, "7", "/dev/null");
    open_in_tree(tree, 4711, "8", "/dev/null");
    host_tree_process(tree, 4712, "bystander", "S", 1, 0, "0::/system.slice/b.service\n");
    open_in_tree(tree, 4712, "0", "/dev/zero");
    open_in_tree(tree, 4712, "1", "pipe:[12345]");
    /* Gone before we can ask who it is, and a zombie. */
    host_tree_dir(tree, "/proc/4713/fd");
    open_in_tree(tree, 4713, "0", "/dev/null");
    host_tree_process(tree, 4714, "dead", "Z", 1, 0, "");
    open_in_tree(tree, 4714, "0", "/dev/null");
    /* Ourselves. */
    host_tree_process(tree, getpid(), "us", "R", 1, 0, "");
    open_in_tree(tree, getpid(), "0", "/dev/null");
    g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(holders->len, ==, 1);
    const VhHolder *holder = g_ptr_array_index(holders, 0);
    g_assert_cmpint(holder->process.pid, ==, 4711);
    g_assert_cmpuint(holder->process.start_time, ==, 987654);
    g_assert_cmpstr(holder->command, ==, "odd (name) x");
    g_assert_cmpuint(holder->uid, ==, 1000);
    g_assert_cmpstr(holder->user, ==, "alice");
    g_assert_cmpstr(holder->unit, ==, "user@1000.service");
    g_assert_cmpstr(holder->user_unit, ==, "a.service");
    g_assert_null(holder->session);
    g_assert_cmpstr(holder->node, ==, "/dev/dri/card0");
}

/* A mapping without a descriptor is found by the place of its file. */
static void test_holder_by_mapping(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) nodes = null_node("/dev/x", makedev(99, 99));
    g_autofree char *path = host_tree_path(tree, "/dev/x");
    struct stat st;

    host_tree_write(tree, "", "/dev/x");
    g_assert_cmpint(stat(path, &st), ==, 0);
    for (pid_t pid = 51; pid <= 52; pid++) {
        g_autofree char *map = g_strdup_printf(
            "55d0-55d1 r--p 00000000 00:00 0 \n7f00-7f01 rw-s 00001000 %02x:%02x %lu    /dev/x\n",
            major(st.st_dev), minor(st.st_dev), (unsigned long)st.st_ino + (pid == 51 ? 1 : 0));
        host_tree_process(tree, pid, "mapper", "S", 1, 0, "");
        host_tree_write(tree, map, "/proc/%d/maps", pid);
    }
    g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(holders->len, ==, 1);
    g_assert_cmpint(((VhHolder *)g_ptr_array_index(holders, 0))->process.pid, ==, 52);
}

/* What the kernel has begun is looked at when it is a program. */
static void test_kernel_threads(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GPtrArray) nodes = null_node("/dev/dri/card0", makedev(1, 3));

    host_tree_process(tree, 2, "kthreadd", "S", 0, 0, "");
    host_tree_write(tree, "72 73 ", "/proc/2/task/2/children");
    for (pid_t pid = 72; pid <= 74; pid++) {
        g_autofree char *exe = g_strdup_printf("/proc/%d/exe", (int)pid);
        host_tree_process(tree, pid, "helper", "S", 2, 0, "");
        open_in_tree(tree, pid, "3", "/dev/null");
        if (pid == 73)
            host_tree_link(tree, "/usr/bin/helper", "%s", exe);
    }
    g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, NULL);
    g_assert_cmpuint(holders->len, ==, 2); /* 73, and 74, which is somebody else's child */
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

/* One that is not counted is looked for, whatever the count of the others says. */
static void test_not_all_counted(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GPtrArray) nodes = null_node("/dev/dri/card0", makedev(99, 99));
    g_autoptr(GPtrArray) more = null_node("/dev/i2c-4", makedev(1, 3));

    ((VhNode *)nodes->pdata[0])->counted = g_strdup("amdgpu");
    g_ptr_array_extend_and_steal(nodes, g_steal_pointer(&more));
    host_tree_write(tree, "0\n", "/sys/module/amdgpu/refcnt");
    host_tree_process(tree, 71, "ddcutil", "S", 1, 0, "");
    open_in_tree(tree, 71, "3", "/dev/null");
    g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, NULL);
    g_assert_cmpuint(holders->len, ==, 1);
}

/* As many references as modules that need it: no process has a node open, and none is looked at. */
static void test_vfio_unused(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GPtrArray) nodes = null_node("/dev/vfio/7", makedev(1, 3));

    ((VhNode *)nodes->pdata[0])->counted = g_strdup("vfio");
    host_tree_process(tree, 70, "qemu", "S", 1, 0, "");
    open_in_tree(tree, 70, "3", "/dev/null");
    host_tree_dir(tree, "/sys/module/vfio/holders/vfio_pci");
    for (guint used = 0; used < 2; used++) {
        host_tree_write(tree, used ? "2\n" : "1\n", "/sys/module/vfio/refcnt");
        g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, NULL);
        g_assert_cmpuint(holders->len, ==, used);
    }
}

/* A block device of the same number is another device. */
static void test_block_device_is_another(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GPtrArray) nodes = null_node("/dev/dri/card0", makedev(1, 3));
    g_autofree char *path = host_tree_path(tree, "/dev/block");

    host_tree_process(tree, 60, "mounter", "S", 1, 0, "");
    if (!host_tree_disk(tree, "/dev/block", 1, 3))
        return;
    open_in_tree(tree, 60, "3", path);
    g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, NULL);
    g_assert_cmpuint(holders->len, ==, 0);
    /* … and the other way round. */
    host_tree_process(tree, 61, "reader", "S", 1, 0, "");
    open_in_tree(tree, 61, "3", "/dev/null");
    ((VhNode *)nodes->pdata[0])->subsystem = g_strdup("block");
    g_autoptr(GPtrArray) mounter = vh_host_holders(tree->host, nodes, NULL);
    g_assert_cmpuint(mounter->len, ==, 1);
    g_assert_cmpint(((VhHolder *)mounter->pdata[0])->process.pid, ==, 60);
}

static void test_no_nodes_no_holders(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GPtrArray) nodes = g_ptr_array_new();
    g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, NULL);

    g_assert_nonnull(holders);
    g_assert_cmpuint(holders->len, ==, 0);
}

/* This machine's own /proc: a child of ours that has a device open, then one that maps a file. */
static pid_t make_holder(const char *path, gboolean map)
{
    int fds[2];
    char byte = 0;

    g_assert_cmpint(pipe(fds), ==, 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(path, O_RDWR);
        if (map && mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED)
            (void)close(fd);
        (void)!write(fds[1], &byte, 1);
        for (;;)
            (void)pause();
    }
    g_assert_cmpint(read(fds[0], &byte, 1), ==, 1);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return pid;
}

static gboolean holds(GPtrArray *holders, pid_t pid)
{
    for (guint i = 0; i < holders->len; i++)
        if (((VhHolder *)g_ptr_array_index(holders, i))->process.pid == pid)
            return TRUE;
    return FALSE;
}

static void end(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static void test_live_descriptor(void)
{
    g_autoptr(VhHost) host = vh_real_new(NULL);
    g_autoptr(GError) error = NULL;
    struct stat st;

    g_assert_cmpint(stat("/dev/full", &st), ==, 0);
    g_autoptr(GPtrArray) nodes = null_node("/dev/full", st.st_rdev);
    pid_t pid = make_holder("/dev/full", FALSE);
    g_autoptr(GPtrArray) holders = vh_host_holders(host, nodes, &error);
    g_assert_no_error(error);
    g_assert_true(holds(holders, pid));
    end(pid);
    g_autoptr(GPtrArray) after = vh_host_holders(host, nodes, &error);
    g_assert_false(holds(after, pid));
}

static void test_live_mapping(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(VhHost) host = vh_real_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *path = host_tree_path(tree, "/node");
    g_autoptr(GPtrArray) nodes = null_node(path, makedev(99, 99));

    host_tree_write(tree, "text", "/node");
    pid_t pid = make_holder(path, TRUE);
    g_autoptr(GPtrArray) holders = vh_host_holders(host, nodes, &error);
    g_assert_no_error(error);
    g_assert_true(holds(holders, pid));
    end(pid);
}

/* ---- waiting ---- */

static void free_holder(gpointer holder)
{
    vh_holder_free(holder);
}

static GPtrArray *one_holder(VhHost *host, pid_t pid)
{
    GPtrArray *holders = g_ptr_array_new_with_free_func(free_holder);
    VhHolder *holder = g_new0(VhHolder, 1);

    holder->process.pid = pid;
    holder->process.start_time = vh_host_process_start(host, pid);
    g_assert_cmpuint(holder->process.start_time, >, 0);
    g_ptr_array_add(holders, holder);
    return holders;
}

/* Milliseconds that a wait of @limit took. */
static gint64 wait_for(VhHost *host, GPtrArray *holders, gint64 limit)
{
    gint64 began = g_get_monotonic_time();

    vh_host_wait(host, holders, limit * G_TIME_SPAN_MILLISECOND);
    return (g_get_monotonic_time() - began) / G_TIME_SPAN_MILLISECOND;
}

static void test_wait(void)
{
    g_autoptr(VhHost) host = vh_real_new(NULL);
    pid_t pid = fork();

    if (pid == 0) {
        (void)usleep(300 * 1000);
        _exit(0);
    }
    g_autoptr(GPtrArray) holders = one_holder(host, pid);
    g_assert_cmpint(wait_for(host, holders, 50), >=, 50);
    g_assert_cmpint(wait_for(host, holders, 20000), <, 10000);
    /* It has ended (a zombie still), then is gone: no wait at all. */
    g_assert_cmpint(wait_for(host, holders, 20000), <, 10000);
    (void)waitpid(pid, NULL, 0);
    g_assert_cmpint(wait_for(host, holders, 20000), <, 10000);
    g_assert_cmpint(wait_for(host, NULL, 60), >=, 60);
    g_assert_cmpint(wait_for(host, NULL, -5), <, 1000);
}

static void test_wait_and_signal(void)
{
    g_autoptr(VhHost) host = vh_real_new(NULL);

    vh_real_catch_signals();
    g_assert_false(vh_host_interrupted(host));
    (void)kill(getpid(), SIGTERM);
    g_assert_cmpint(wait_for(host, NULL, 20000), <, 10000);
    /* The rollback waits as long as it needs. */
    g_assert_cmpint(wait_for(host, NULL, 60), >=, 60);
    g_assert_true(vh_host_interrupted(host));
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
    g_test_add_func("/holders/described", test_holders);
    g_test_add_func("/holders/by-mapping", test_holder_by_mapping);
    g_test_add_func("/nodes/counted", test_counted);
    g_test_add_func("/holders/kernel-threads", test_kernel_threads);
    g_test_add_func("/holders/not-all-counted", test_not_all_counted);
    g_test_add_func("/holders/vfio-unused", test_vfio_unused);
    g_test_add_func("/holders/block-device", test_block_device_is_another);
    g_test_add_func("/holders/none", test_no_nodes_no_holders);
    g_test_add_func("/holders/live-descriptor", test_live_descriptor);
    g_test_add_func("/holders/live-mapping", test_live_mapping);
    g_test_add_func("/wait/end", test_wait);
    g_test_add_func("/wait/signal", test_wait_and_signal);
    return g_test_run();
}

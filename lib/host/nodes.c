// SPDX-License-Identifier: GPL-2.0-or-later
/* The device nodes of a PCI function: what sysfs shows below it, and what drivers hide from sysfs.
 */
#include "host/real-private.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "base/error.h"

typedef struct {
    VhReal *real;
    const char *dir;    /* the function's */
    const char *module; /* its driver's, or NULL */
    GPtrArray *nodes;   /* VhNode */
} Nodes;

/* Whose open nodes make an unbind wait (sound, video), break (drm, graphics), keep the driver's
 * module in use or lose what is being written (block). All others lose their device without harm:
 * their reads fail. */
static gboolean subsystem_blocks(const char *subsystem)
{
    static const char *const names[] = {
        "drm",         "sound", "graphics", "i2c-dev",  "drm_dp_aux_dev", "kfd",  "accel",
        "video4linux", "media", "cec",      "dvb",      "nvidia",         "vfio", "vfio-dev",
        "mei",         "uio",   "comedi",   "dma_heap", "block",          NULL};

    return g_strv_contains(names, subsystem);
}

/*
 * Whether the use count of the function's driver tells that this node is open. It does for what the
 * driver itself has registered, in a directory of its class just below the function's: DRM
 * (drivers/gpu/drm/drm_drv.c, drm_stub_open), sound cards (sound/core/control.c, snd_ctl_open;
 * pcm_native.c, snd_pcm_open; hwdep.c, snd_hwdep_open) and framebuffers (drm_fbdev_generic.c,
 * drm_fbdev_fb_open; drivers/video/fbdev/core/fbmem.c, fb_open). A sound card that a machine driver
 * has registered (sound/soc) is further below, and counts there.
 */
static gboolean is_counted(const Nodes *self, const VhDeviceDir *dir)
{
    static const char *const classes[] = {"drm", "sound", "graphics", NULL};
    gsize length = strlen(self->dir);

    if (!self->module || !g_strv_contains(classes, dir->subsystem) ||
        strncmp(dir->path, self->dir, length) != 0)
        return FALSE;
    g_autofree char *class_dir = g_strdup_printf("/%s/", dir->subsystem);
    return g_str_has_prefix(dir->path + length, class_dir);
}

static void add(Nodes *self, const char *path, const char *subsystem, dev_t number, gboolean blocks,
                const char *counted)
{
    VhNode *node;

    for (guint i = 0; i < self->nodes->len; i++) {
        node = g_ptr_array_index(self->nodes, i);
        if (node->number == number && strcmp(node->path, path) == 0)
            return;
    }
    node = g_new0(VhNode, 1);
    node->path = g_strdup(path);
    node->subsystem = g_strdup(subsystem);
    node->number = number;
    node->blocks = blocks;
    node->counted = g_strdup(counted);
    g_ptr_array_add(self->nodes, node);
}

static gboolean read_number(const char *dir, dev_t *ret_number)
{
    g_autofree char *path = g_build_filename(dir, "dev", NULL);
    g_autofree char *text = vh_file_attribute(path);

    return vh_device_number(text, ret_number);
}

/* "/dev/dri/card0" */
static char *node_path(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "uevent", NULL);
    g_autofree char *text = vh_file_attribute(path);
    g_autofree char *name = vh_line_value(text, "DEVNAME");

    return name ? g_strconcat("/dev/", name, NULL) : NULL;
}

VhNode *vh_node_read(const char *dir, const char *subsystem)
{
    dev_t number;
    g_autofree char *path = node_path(dir);

    if (!path || !read_number(dir, &number))
        return NULL;
    VhNode *node = g_new0(VhNode, 1);
    node->path = g_steal_pointer(&path);
    node->subsystem = g_strdup(subsystem);
    node->number = number;
    return node;
}

static void visit(const VhDeviceDir *dir, gpointer data)
{
    const Nodes *self = data;
    dev_t number;

    if (!dir->node || !read_number(dir->path, &number))
        return;
    g_autofree char *path = node_path(dir->path);
    if (path)
        add(data, path, dir->subsystem, number, !dir->usb && subsystem_blocks(dir->subsystem),
            is_counted(self, dir) ? self->module : NULL);
}

static void add_framebuffers(Nodes *self, const char *address)
{
    g_autoptr(GPtrArray) framebuffers = vh_real_framebuffers(&self->real->host, NULL);

    for (guint i = 0; framebuffers && i < framebuffers->len; i++) {
        const VhFramebuffer *framebuffer = g_ptr_array_index(framebuffers, i);
        if (g_strcmp0(framebuffer->address, address) != 0)
            continue;
        g_autofree char *dir = vh_platform_directory(self->real, framebuffer->device);
        if (dir)
            vh_sysfs_walk(dir, visit, self);
    }
}

/* A node that is one for all devices of a driver. */
static void add_shared(Nodes *self, const char *class_dir, const char *path, const char *subsystem,
                       const char *counted)
{
    g_autofree char *dir = vh_real_path(self->real, "%s", class_dir);
    dev_t number;

    if (read_number(dir, &number))
        add(self, path, subsystem, number, TRUE, counted);
}

/* ---- nodes that the driver does not show in sysfs ---- */

typedef struct {
    GPtrArray *names; /* what the driver may have called its numbers, with underscores */
    gboolean nvidia;
    gint64 own_minor; /* NVIDIA's; -1: not known */
} Hidden;

static char *with_underscores(const char *name)
{
    return g_strdelimit(g_strdup(name), "-", '_');
}

static void add_name(GPtrArray *names, const char *name)
{
    g_autofree char *normal = with_underscores(name);

    if (!g_ptr_array_find_with_equal_func(names, normal, g_str_equal, NULL))
        g_ptr_array_add(names, g_steal_pointer(&normal));
}

/* The driver's module and those that use it, at any remove: nvidia, nvidia_uvm, nvidia_modeset, …
 */
static void add_module_names(VhReal *real, GPtrArray *names, const char *module)
{
    add_name(names, module);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *dir =
            vh_real_path(real, "/sys/module/%s/holders", (char *)g_ptr_array_index(names, i));
        g_autoptr(GPtrArray) holders = vh_file_list(dir);
        for (guint j = 0; j < holders->len; j++)
            add_name(names, g_ptr_array_index(holders, j));
    }
}

static gboolean is_hidden_name(const Hidden *hidden, const char *name)
{
    g_autofree char *normal = with_underscores(name);

    /* "nvidia-frontend", "nvidiactl" and "nvidia-caps" are no modules. */
    return g_ptr_array_find_with_equal_func(hidden->names, normal, g_str_equal, NULL) ||
           (hidden->nvidia && g_str_has_prefix(name, "nvidia"));
}

/* "195 nvidia" in /proc/devices, "59 name" in /proc/misc: number to name, of those that match. */
static GHashTable *read_numbers(VhReal *real, const char *table, const Hidden *hidden)
{
    g_autofree char *path = vh_real_path(real, "%s", table);
    g_auto(GStrv) lines = vh_file_lines(path);
    GHashTable *numbers = g_hash_table_new_full(NULL, NULL, NULL, g_free);

    /* The block devices follow after the character devices. */
    for (gsize i = 0; lines[i] && !g_str_has_prefix(lines[i], "Block"); i++) {
        char *line = g_strstrip(lines[i]);
        char *space = strchr(line, ' ');
        guint64 number;
        if (!space || !is_hidden_name(hidden, space + 1))
            continue;
        *space = '\0';
        /* The first of several is the one of the lowest minor: "nvidia" before "nvidiactl". */
        if (vh_number(line, 10, &number) &&
            !g_hash_table_contains(numbers, GUINT_TO_POINTER(number)))
            g_hash_table_insert(numbers, GUINT_TO_POINTER(number), g_strdup(space + 1));
    }
    return numbers;
}

/* "Device Minor: 	 0" */
static gint64 nvidia_minor(VhReal *real, const char *address)
{
    g_autofree char *path = vh_real_path(real, "/proc/driver/nvidia/gpus/%s/information", address);
    g_auto(GStrv) lines = vh_file_lines(path);

    for (gsize i = 0; lines[i]; i++) {
        guint64 minor_number;
        if (g_str_has_prefix(lines[i], "Device Minor:") &&
            vh_number(g_strstrip(lines[i] + strlen("Device Minor:")), 10, &minor_number))
            return (gint64)minor_number;
    }
    return -1;
}

/* NVIDIA's numbers: a minor for each GPU, from 254 on the control nodes that all share. */
static gboolean is_other_gpu(const Hidden *hidden, const char *name, guint minor_number)
{
    static const char *const per_gpu[] = {"nvidia", "nvidia-frontend", NULL};

    return hidden->nvidia && g_strv_contains(per_gpu, name) && hidden->own_minor >= 0 &&
           minor_number < 254 && minor_number != hidden->own_minor;
}

/* A node that sysfs shows below a PCI function is either found by the walk, or another's. */
static gboolean belongs_to_pci(VhReal *real, dev_t number)
{
    g_autofree char *link = vh_real_path(real, "/sys/dev/char/%u:%u", major(number), minor(number));
    g_autofree char *target = g_file_read_link(link, NULL);

    return target && strstr(target, "/pci") != NULL;
}

typedef struct {
    Nodes *nodes;
    const Hidden *hidden;
    GHashTable *majors, *misc;
} Scan;

static void consider(const Scan *self, const char *path, dev_t number)
{
    gboolean misc = major(number) == 10; /* MISC_MAJOR */
    const char *name = misc ? g_hash_table_lookup(self->misc, GUINT_TO_POINTER(minor(number)))
                            : g_hash_table_lookup(self->majors, GUINT_TO_POINTER(major(number)));

    if (name && !is_other_gpu(self->hidden, name, minor(number)) &&
        !belongs_to_pci(self->nodes->real, number))
        add(self->nodes, path, name, number, TRUE, NULL);
}

/* /dev and its directories; deeper there are only links and USB. */
static void scan_dev(const Scan *self, const char *dir, guint depth)
{
    g_autofree char *full = vh_real_path(self->nodes->real, "%s", dir);
    g_autoptr(GPtrArray) names = vh_file_list(full);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(dir, g_ptr_array_index(names, i), NULL);
        g_autofree char *real_path = vh_real_path(self->nodes->real, "%s", path);
        struct stat st;
        if (lstat(real_path, &st) < 0)
            continue;
        if (S_ISCHR(st.st_mode))
            consider(self, path, st.st_rdev);
        else if (S_ISDIR(st.st_mode) && depth == 0)
            scan_dev(self, path, depth + 1);
    }
}

static void add_hidden(Nodes *self, const VhPciFunction *function)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    Hidden hidden = {names, strcmp(function->driver, "nvidia") == 0, -1};

    add_module_names(self->real, names, function->module ? function->module : function->driver);
    add_name(names, function->driver);
    if (hidden.nvidia)
        hidden.own_minor = nvidia_minor(self->real, function->address);
    g_autoptr(GHashTable) majors = read_numbers(self->real, "/proc/devices", &hidden);
    g_autoptr(GHashTable) misc = read_numbers(self->real, "/proc/misc", &hidden);
    Scan scan = {self, &hidden, majors, misc};
    if (g_hash_table_size(majors) > 0 || g_hash_table_size(misc) > 0)
        scan_dev(&scan, "/dev", 0);
}

/* The group's node, which QEMU has open for as long as it has the function
 * (Documentation/driver-api/vfio.rst), and the module vfio counts (fs/char_dev.c, chrdev_open). */
static void add_vfio_group(Nodes *self, const VhPciFunction *function)
{
    g_autofree char *class_dir = g_strdup_printf("/sys/class/vfio/%d", function->iommu_group);
    g_autofree char *path = g_strdup_printf("/dev/vfio/%d", function->iommu_group);

    add_shared(self, class_dir, path, "vfio", "vfio");
}

static void free_node(gpointer node)
{
    vh_node_free(node);
}

GPtrArray *vh_real_pci_nodes(VhHost *host, const char *address, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *dir = vh_pci_directory(real, address, error);

    if (!dir)
        return NULL;
    g_autoptr(VhPciFunction) function = vh_pci_read_driver(address, dir);
    Nodes nodes = {real, dir, function->module, g_ptr_array_new_with_free_func(free_node)};
    vh_sysfs_walk(dir, visit, &nodes);
    add_framebuffers(&nodes, address);
    if (g_strcmp0(function->driver, "amdgpu") == 0)
        add_shared(&nodes, "/sys/class/kfd/kfd", "/dev/kfd", "kfd", NULL);
    if (function->vfio)
        add_vfio_group(&nodes, function);
    else if (function->driver)
        add_hidden(&nodes, function);
    return nodes.nodes;
}

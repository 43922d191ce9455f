// SPDX-License-Identifier: GPL-2.0-or-later
/* PCI functions through sysfs (Documentation/ABI/testing/sysfs-bus-pci). */
#include "host/real-private.h"

#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"

#define DEVICES "/sys/bus/pci/devices"
#define DRIVERS "/sys/bus/pci/drivers"

/* DEVICES/ADDRESS, NULL and VH_ERROR_GONE when there is no such function. */
static char *function_path(VhReal *real, const char *address, GError **error)
{
    if (!vh_name_is_plain(address)) {
        vh_error_set(error, VH_ERROR_FAILED, "\"%s\" is no PCI address", address);
        return NULL;
    }
    g_autofree char *path = vh_real_path(real, DEVICES "/%s", address);
    if (vh_file_exists(path))
        return g_steal_pointer(&path);
    vh_error_set(error, VH_ERROR_GONE, "there is no PCI function %s", address);
    return NULL;
}

char *vh_pci_directory(VhReal *real, const char *address, GError **error)
{
    g_autofree char *path = function_path(real, address, error);
    char *resolved = path ? realpath(path, NULL) : NULL;

    if (path && !resolved)
        vh_error_set(error, VH_ERROR_GONE, "there is no PCI function %s", address);
    char *copy = g_strdup(resolved);
    free(resolved);
    return copy;
}

static guint32 read_hex(const char *dir, const char *attribute)
{
    g_autofree char *path = g_build_filename(dir, attribute, NULL);
    g_autofree char *text = vh_file_attribute(path);
    guint64 value = 0;

    (void)vh_number(text, 16, &value);
    return (guint32)value;
}

static char *read_link(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return vh_file_link(path);
}

static gboolean has(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return vh_file_exists(path);
}

static int read_group(const char *dir)
{
    g_autofree char *name = read_link(dir, "iommu_group");
    guint64 number;

    return vh_number(name, 10, &number) && number <= G_MAXINT ? (int)number : -1;
}

/* Variants are named after their module, "mlx5_vfio_pci", or with dashes, "xe-vfio-pci"; each has a
 * vfio-dev directory in its device's since Linux 6.1 (drivers/vfio/vfio_main.c). */
static gboolean is_vfio(const char *dir, const char *driver)
{
    if (!driver)
        return FALSE;
    g_autofree char *name = g_strdelimit(g_strdup(driver), "-", '_');
    return strcmp(name, "vfio_pci") == 0 || g_str_has_suffix(name, "_vfio_pci") ||
           has(dir, "vfio-dev");
}

/* A header of type 1 or 2 shows in this attribute (drivers/pci/pci-sysfs.c, pci_bridge_attrs).
 * Reading "config" instead would wake a sleeping device. */
static gboolean is_bridge(const char *dir, guint32 class_code)
{
    return class_code >> 16 == 0x06 || has(dir, "secondary_bus_number");
}

VhPciFunction *vh_pci_read_driver(const char *address, const char *dir)
{
    VhPciFunction *function = g_new0(VhPciFunction, 1);

    function->address = g_strdup(address);
    function->driver = read_link(dir, "driver");
    function->module = function->driver ? read_link(dir, "driver/module") : NULL;
    function->iommu_group = read_group(dir);
    function->vfio = is_vfio(dir, function->driver);
    return function;
}

/* All but driver_override. */
static VhPciFunction *read_function(const char *address, const char *dir)
{
    VhPciFunction *function = vh_pci_read_driver(address, dir);

    function->class_code = read_hex(dir, "class");
    function->vendor = (guint16)read_hex(dir, "vendor");
    function->device = (guint16)read_hex(dir, "device");
    function->bridge = is_bridge(dir, function->class_code);
    function->boot_vga = vh_pci_is_display(function) && read_hex(dir, "boot_vga") == 1;
    return function;
}

/* "(null)" stands for none up to Linux 6.x; later an empty line does. */
static char *override_of(const char *text)
{
    if (!text || *text == '\0' || strcmp(text, "(null)") == 0)
        return NULL;
    return g_strdup(text);
}

/* driver_override_show takes the device's lock (drivers/pci/pci-sysfs.c), which an unbind that
 * hangs holds for ever: hence in a child. */
VhPciFunction *vh_real_pci_look(VhHost *host, const char *address, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *dir = function_path(real, address, error);
    g_autoptr(GError) local = NULL;

    if (!dir)
        return NULL;
    g_autoptr(VhPciFunction) function = read_function(address, dir);
    g_autofree char *path = g_build_filename(dir, "driver_override", NULL);
    g_autofree char *what = g_strdup_printf("look at PCI function %s", address);
    g_autofree char *text = vh_child_attribute(real, what, path, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    function->driver_override = override_of(text);
    return g_steal_pointer(&function);
}

typedef struct {
    VhReal *real;
    GPtrArray *functions;
} List;

/* One line for each function, in their order. */
static int act_overrides(gpointer data, GString *answer)
{
    const List *self = data;

    for (guint i = 0; i < self->functions->len; i++) {
        const VhPciFunction *function = g_ptr_array_index(self->functions, i);
        g_autofree char *path =
            vh_real_path(self->real, DEVICES "/%s/driver_override", function->address);
        g_autofree char *text = vh_file_attribute(path);
        g_string_append_printf(answer, "%s\n", text ? text : "");
    }
    return 0;
}

/* One child for all of them. A function whose lock is held spoils this for the others, which then
 * are looked at one by one; what cannot be read stays NULL. */
static void add_overrides(VhReal *real, GPtrArray *functions)
{
    g_autoptr(GBytes) answer = NULL;
    List list = {real, functions};
    gsize length;

    if (vh_child_look(real, "look at PCI functions", real->look_limit, act_overrides, &list,
                      &answer, NULL)) {
        const char *data = g_bytes_get_data(answer, &length);
        g_autofree char *text = g_strndup(data ? data : "", length);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        for (guint i = 0; i < functions->len && lines[i]; i++) {
            VhPciFunction *function = g_ptr_array_index(functions, i);
            function->driver_override = override_of(lines[i]);
        }
        return;
    }
    for (guint i = 0; i < functions->len; i++) {
        VhPciFunction *function = g_ptr_array_index(functions, i);
        g_autoptr(GPtrArray) one = g_ptr_array_new();
        List single = {real, one};
        g_autoptr(GBytes) text = NULL;
        g_ptr_array_add(one, function);
        if (!vh_child_look(real, "look", real->look_limit, act_overrides, &single, &text, NULL))
            continue;
        g_autofree char *line = g_strndup(g_bytes_get_data(text, &length), g_bytes_get_size(text));
        function->driver_override = override_of(g_strchomp(line));
    }
}

static int compare_functions(gconstpointer a, gconstpointer b)
{
    const VhPciFunction *const *left = a, *const *right = b;

    return vh_address_compare((*left)->address, (*right)->address);
}

static void free_function(gpointer function)
{
    vh_pci_function_free(function);
}

GPtrArray *vh_real_pci_list(VhHost *host, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *top = vh_real_path(real, DEVICES);
    g_autoptr(GPtrArray) names = vh_file_list(top);
    GPtrArray *functions = g_ptr_array_new_with_free_func(free_function);

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *canonical = vh_address_canonical(name, NULL);
        g_autofree char *dir = g_build_filename(top, name, NULL);
        /* Not only sysfs's names: a device may leave between the listing and the look. */
        if (canonical && vh_file_exists(dir))
            g_ptr_array_add(functions, read_function(canonical, dir));
    }
    g_ptr_array_sort(functions, compare_functions);
    if (functions->len > 0)
        add_overrides(real, functions);
    return functions;
}

gboolean vh_real_pci_driver_known(VhHost *host, const char *driver)
{
    g_autofree char *path = vh_real_path((VhReal *)host, DRIVERS "/%s", driver);

    return vh_name_is_plain(driver) && vh_file_exists(path);
}

gboolean vh_real_iommu_on(VhHost *host)
{
    g_autofree char *path = vh_real_path((VhReal *)host, "/sys/kernel/iommu_groups");
    g_autoptr(GPtrArray) groups = vh_file_list(path);

    return groups->len > 0;
}

gboolean vh_real_pci_override(VhHost *host, const char *address, const char *driver, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *dir = function_path(real, address, error);

    if (!dir)
        return FALSE;
    if (driver && !vh_name_is_plain(driver))
        return vh_error_set(error, VH_ERROR_FAILED, "\"%s\" is no name of a driver", driver);
    g_autofree char *path = g_build_filename(dir, "driver_override", NULL);
    g_autofree char *text = g_strdup_printf("%s\n", driver ? driver : "");
    g_autofree char *what =
        driver ? g_strdup_printf("set the driver of %s to %s (%s)", address, driver, path)
               : g_strdup_printf("clear the driver override of %s (%s)", address, path);
    /* Takes the device's lock as well (driver_set_override in drivers/base/driver.c). */
    return vh_child_write(real, what, g_get_monotonic_time() + real->look_limit, path, text, error);
}

gboolean vh_real_pci_unbind(VhHost *host, const char *address, gint64 deadline, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autoptr(GError) local = NULL;
    g_autofree char *dir = function_path(real, address, error);
    g_autofree char *driver = dir ? read_link(dir, "driver") : NULL;

    if (!dir || !driver)
        return dir != NULL;
    g_autofree char *path = g_build_filename(dir, "driver/unbind", NULL);
    g_autofree char *what = g_strdup_printf("unbind %s from %s", address, driver);
    if (vh_child_write(real, what, deadline, path, address, &local))
        return TRUE;
    /* Somebody else was faster: no driver any more, or no device. */
    if (vh_error_is_gone(local) && !has(dir, "driver"))
        return vh_file_exists(dir) ||
               vh_error_set(error, VH_ERROR_GONE, "there is no PCI function %s", address);
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

gboolean vh_real_pci_probe(VhHost *host, const char *address, gint64 deadline, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *dir = function_path(real, address, error);
    g_autofree char *path = vh_real_path(real, "/sys/bus/pci/drivers_probe");
    g_autofree char *what = g_strdup_printf("have the kernel find a driver for %s", address);

    return dir && vh_child_write(real, what, deadline, path, address, error);
}

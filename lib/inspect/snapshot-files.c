// SPDX-License-Identifier: GPL-2.0-or-later
/* Attributes: those that a hand-over reads and sets, and those that inspections show. Serial
 * numbers are left out. */
#include "inspect/snapshot-private.h"

#include <string.h>

#define PCI_DIR "/sys/bus/pci/devices"
#define USB_DIR "/sys/bus/usb/devices"

/* No machine has more than that many USB devices and interfaces to plug. */
enum { MOST_USB = 1024 };

static void add_file(GVariantBuilder *list, const char *path, const char *text)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "path", "s", path);
    if (text && *text)
        g_variant_dict_insert(&dict, "text", "s", text);
    g_variant_builder_add_value(list, g_variant_dict_end(&dict));
}

/* Those of the attributes @names in @dir that can be read. */
static void add_attributes(const VhSnapshot *snapshot, GVariantBuilder *list, const char *dir,
                           const char *const *names)
{
    for (gsize i = 0; names[i]; i++) {
        g_autofree char *path = g_build_filename(dir, names[i], NULL);
        g_autofree char *text = vh_host_read(snapshot->host, path, NULL);
        if (text)
            add_file(list, path, text);
    }
}

/* ---- PCI functions ---- */

/* What a hand-over reads and sets, and what it needs for that. "reset" itself can only be written;
 * "resource" tells sizes, of those that can be changed. */
static gboolean is_told(char **names, const char *name)
{
    static const char *const always[] = {"reset",         "reset_method", "d3cold_allowed",
                                         "power/control", "sriov_numvfs", NULL};
    gboolean resizes = FALSE;

    for (char **other = names; *other; other++)
        resizes |= g_str_has_suffix(*other, "_resize");
    return g_strv_contains(always, name) || g_str_has_suffix(name, "_resize") ||
           (resizes && g_str_equal(name, "resource"));
}

/* The virtual function that "virtfnN" leads to. */
static void add_link(const VhSnapshot *snapshot, GVariantBuilder *list, const char *path)
{
    g_autofree char *target = vh_host_link(snapshot->host, path, NULL);
    GVariantDict dict;

    if (!target)
        return;
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "path", "s", path);
    g_variant_dict_insert(&dict, "link", "s", target);
    g_variant_builder_add_value(list, g_variant_dict_end(&dict));
}

static void add_function(const VhSnapshot *snapshot, GVariantBuilder *list, const char *address)
{
    static const char *const of_bus[] = {"busnum", NULL};
    g_autofree char *dir = g_build_filename(PCI_DIR, address, NULL);
    g_auto(GStrv) names = vh_host_list(snapshot->host, dir);

    for (char **name = names; *name; name++) {
        g_autofree char *shown = g_strdup(g_str_equal(*name, "power") ? "power/control" : *name);
        g_autofree char *path = g_build_filename(dir, shown, NULL);
        if (g_str_has_prefix(*name, "usb") && g_ascii_isdigit((*name)[3]))
            add_attributes(snapshot, list, path, of_bus);
        if (g_str_has_prefix(*name, "virtfn"))
            add_link(snapshot, list, path);
        if (!is_told(names, shown))
            continue;
        g_autofree char *text = vh_host_read(snapshot->host, path, NULL);
        if (text || g_str_equal(shown, "reset"))
            add_file(list, path, text);
    }
}

/* ---- USB devices and their interfaces ---- */

static void add_usb(const VhSnapshot *snapshot, GVariantBuilder *list)
{
    static const char *const attributes[] = {"devnum",          "idVendor",           "idProduct",
                                             "bDeviceClass",    "manufacturer",       "product",
                                             "bInterfaceClass", "bInterfaceProtocol", NULL};
    g_auto(GStrv) names = vh_host_list(snapshot->host, USB_DIR);

    for (guint i = 0; i < MOST_USB && names[i]; i++) {
        g_autofree char *dir = g_build_filename(USB_DIR, names[i], NULL);
        add_attributes(snapshot, list, dir, attributes);
    }
}

/* ---- the kernel ---- */

/* Of the kernel's command line, the words about devices: others name disks, keys and networks. */
static gboolean is_about_devices(const char *word)
{
    static const char *const patterns[] = {"*iom*",   "*vfio*",    "*pci*",     "*driver*",
                                           "*black*", "*module*",  "*drm*",     "*fb*",
                                           "*video*", "nomodeset", "*hugepage*"};
    g_autofree char *key = g_strndup(word, strcspn(word, "="));

    for (gsize i = 0; i < G_N_ELEMENTS(patterns); i++)
        if (g_pattern_match_simple(patterns[i], key))
            return TRUE;
    return FALSE;
}

static void add_command_line(const VhSnapshot *snapshot, GVariantBuilder *list)
{
    g_autofree char *line = vh_host_read(snapshot->host, "/proc/cmdline", NULL);
    g_auto(GStrv) words = line ? g_strsplit_set(line, " \n", -1) : NULL;
    g_autoptr(GPtrArray) told = g_ptr_array_new();

    if (!words)
        return;
    for (char **word = words; *word; word++)
        if (is_about_devices(*word))
            g_ptr_array_add(told, *word);
    g_ptr_array_add(told, NULL);
    g_autofree char *text = g_strjoinv(" ", (char **)told->pdata);
    add_file(list, "/proc/cmdline", text);
}

/* Whose IOMMU it is. */
static void add_processor(const VhSnapshot *snapshot, GVariantBuilder *list)
{
    g_autofree char *text = vh_host_read(snapshot->host, "/proc/cpuinfo", NULL);
    const char *vendor = text ? strstr(text, "vendor_id") : NULL;
    g_autofree char *line = vendor ? g_strndup(vendor, strcspn(vendor, "\n")) : NULL;

    if (line)
        add_file(list, "/proc/cpuinfo", line);
}

GVariant *vh_snapshot_files(const VhSnapshot *snapshot)
{
    static const char *const others[] = {"sys/power/state", "sys/power/mem_sleep",
                                         "sys/class/rtc/rtc0/wakealarm",
                                         "sys/class/tty/tty0/active", NULL};
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < snapshot->functions->len; i++)
        add_function(snapshot, &list, ((VhPciFunction *)snapshot->functions->pdata[i])->address);
    add_attributes(snapshot, &list, "/", others);
    add_command_line(snapshot, &list);
    add_processor(snapshot, &list);
    add_usb(snapshot, &list);
    return g_variant_builder_end(&list);
}

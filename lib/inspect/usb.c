// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/usb.h"

#include <string.h>

#define DEVICES "/sys/bus/usb/devices"

enum { CLASS_USB_CONTROLLER = 0x0c03, INTERFACE_HID = 0x03, DEVICE_HUB = 0x09 };

static void free_device(gpointer data)
{
    VhUsbDevice *device = data;

    g_free(device->port);
    g_free(device->name);
    g_free(device);
}

void vh_usb_device_free(VhUsbDevice *device)
{
    if (device)
        free_device(device);
}

static void free_bus(gpointer data)
{
    VhUsbBus *bus = data;

    g_ptr_array_unref(bus->devices);
    g_free(bus);
}

void vh_usb_free(VhUsb *usb)
{
    if (!usb)
        return;
    g_clear_pointer(&usb->buses, g_ptr_array_unref);
    g_clear_pointer(&usb->iommu, vh_iommu_free);
    g_free(usb);
}

/* ---- devices ---- */

/* An attribute that is a number; @fallback when it is none. */
static guint read_number(VhHost *host, const char *name, const char *attribute, guint base,
                         guint fallback)
{
    g_autofree char *path = g_build_filename(DEVICES, name, attribute, NULL);
    g_autofree char *text = vh_host_read(host, path, NULL);
    guint64 number;

    if (!text || !g_ascii_string_to_unsigned(g_strstrip(text), base, 0, G_MAXUINT16, &number, NULL))
        return fallback;
    return (guint)number;
}

/* "1-4.2": a device; "1-4.2:1.0" is one of its interfaces, "usb1" a bus's own hub. */
static gboolean is_port(const char *name)
{
    return g_ascii_isdigit(*name) && strchr(name, '-') && !strchr(name, ':');
}

/* Keyboards and mice speak the boot protocols 1 and 2 (HID 1.11, section 4.3), so that firmware
 * understands them. */
static void add_interface(VhHost *host, VhUsbDevice *device, const char *name)
{
    if (read_number(host, name, "bInterfaceClass", 16, 0) != INTERFACE_HID)
        return;
    guint protocol = read_number(host, name, "bInterfaceProtocol", 16, 0);
    device->keyboard |= protocol == 1;
    device->mouse |= protocol == 2;
}

/* Without its interfaces. */
static VhUsbDevice *read_device(VhHost *host, const char *port)
{
    guint vendor = read_number(host, port, "idVendor", 16, G_MAXUINT);

    /* It left since it was listed. */
    if (vendor == G_MAXUINT)
        return NULL;
    VhUsbDevice *device = g_new0(VhUsbDevice, 1);
    device->port = g_strdup(port);
    device->number = read_number(host, port, "devnum", 10, 0);
    device->vendor = (guint16)vendor;
    device->product = (guint16)read_number(host, port, "idProduct", 16, 0);
    device->hub = read_number(host, port, "bDeviceClass", 16, 0) == DEVICE_HUB;
    device->name = vh_host_usb_name(host, port);
    return device;
}

VhUsbDevice *vh_usb_device(VhHost *host, const char *port)
{
    g_auto(GStrv) names = vh_host_list(host, DEVICES);
    g_autofree char *prefix = g_strconcat(port, ":", NULL);
    VhUsbDevice *device = read_device(host, port);

    for (gsize i = 0; device && names[i]; i++)
        if (g_str_has_prefix(names[i], prefix))
            add_interface(host, device, names[i]);
    return device;
}

/* Orders "1-4.2" before "1-10": by its numbers. */
static int compare_ports(const char *a, const char *b)
{
    while (*a && *b) {
        if (!g_ascii_isdigit(*a) || !g_ascii_isdigit(*b)) {
            if (*a != *b)
                return *a < *b ? -1 : 1;
            a++;
            b++;
            continue;
        }
        char *end_a, *end_b;
        guint64 left = g_ascii_strtoull(a, &end_a, 10), right = g_ascii_strtoull(b, &end_b, 10);
        if (left != right)
            return left < right ? -1 : 1;
        a = end_a;
        b = end_b;
    }
    return *a ? 1 : *b ? -1 : 0;
}

static int by_port(gconstpointer a, gconstpointer b)
{
    return compare_ports((*(const VhUsbDevice *const *)a)->port,
                         (*(const VhUsbDevice *const *)b)->port);
}

/* ---- buses ---- */

static VhUsbBus *new_bus(VhUsb *usb, guint number, const VhIommuGroup *group,
                         const VhIommuFunction *controller)
{
    VhUsbBus *bus = g_new0(VhUsbBus, 1);

    bus->number = number;
    bus->controller = controller;
    bus->group = group && group->number >= 0 ? group : NULL;
    bus->devices = g_ptr_array_new_with_free_func(free_device);
    g_ptr_array_add(usb->buses, bus);
    return bus;
}

/* N of "usbN" or "N-…", 0 when it is neither. */
static guint bus_number(const char *name)
{
    const char *digits = g_str_has_prefix(name, "usb") ? name + strlen("usb") : name;
    guint64 number = 0;
    g_autofree char *text = g_strndup(digits, strspn(digits, "0123456789"));
    char end = digits[strlen(text)];

    if (end != (digits == name ? '-' : '\0'))
        return 0;
    (void)g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT, &number, NULL);
    return (guint)number;
}

/* A controller's buses are directories in its own. */
static void add_controller(VhHost *host, VhUsb *usb, GHashTable *buses, const VhIommuGroup *group,
                           const VhIommuFunction *controller)
{
    g_autofree char *path =
        g_build_filename("/sys/bus/pci/devices", controller->pci->address, NULL);
    g_auto(GStrv) names = vh_host_list(host, path);
    VhUsbBus *bus = NULL;

    for (gsize i = 0; names[i]; i++) {
        guint number = g_str_has_prefix(names[i], "usb") ? bus_number(names[i]) : 0;
        if (number == 0)
            continue;
        bus = new_bus(usb, number, group, controller);
        g_hash_table_insert(buses, GUINT_TO_POINTER(number), bus);
    }
    if (!bus)
        (void)new_bus(usb, 0, group, controller);
}

static void add_controllers(VhHost *host, VhUsb *usb, GHashTable *buses)
{
    for (guint i = 0; i < usb->iommu->groups->len; i++) {
        const VhIommuGroup *group = usb->iommu->groups->pdata[i];
        for (guint j = 0; j < group->functions->len; j++) {
            const VhIommuFunction *function = group->functions->pdata[j];
            if (function->pci->class_code >> 8 == CLASS_USB_CONTROLLER)
                add_controller(host, usb, buses, group, function);
        }
    }
}

/* Devices, and buses of no PCI function (USB over IP, a controller of the chip's own). */
static void add_devices(VhHost *host, VhUsb *usb, GHashTable *buses)
{
    g_auto(GStrv) names = vh_host_list(host, DEVICES);
    g_autoptr(GHashTable) devices = g_hash_table_new(g_str_hash, g_str_equal);

    for (gsize i = 0; names[i]; i++) {
        guint number = bus_number(names[i]);
        VhUsbBus *bus = g_hash_table_lookup(buses, GUINT_TO_POINTER(number));
        if (number == 0 || strchr(names[i], ':'))
            continue;
        if (!bus) {
            bus = new_bus(usb, number, NULL, NULL);
            g_hash_table_insert(buses, GUINT_TO_POINTER(number), bus);
        }
        VhUsbDevice *device = is_port(names[i]) ? read_device(host, names[i]) : NULL;
        if (!device)
            continue;
        g_ptr_array_add(bus->devices, device);
        g_hash_table_insert(devices, device->port, device);
    }
    for (gsize i = 0; names[i]; i++) {
        g_autofree char *port = g_strndup(names[i], strcspn(names[i], ":"));
        VhUsbDevice *device = g_hash_table_lookup(devices, port);
        if (device && strlen(port) < strlen(names[i]))
            add_interface(host, device, names[i]);
    }
}

static int by_number(gconstpointer a, gconstpointer b)
{
    /* 0 becomes the largest number. */
    guint left = (*(const VhUsbBus *const *)a)->number - 1;
    guint right = (*(const VhUsbBus *const *)b)->number - 1;

    return left < right ? -1 : left > right;
}

VhUsb *vh_usb_look(VhHost *host, GError **error)
{
    VhIommu *iommu = vh_iommu_look(host, error);
    g_autoptr(GHashTable) buses = g_hash_table_new(NULL, NULL);

    if (!iommu)
        return NULL;
    VhUsb *usb = g_new0(VhUsb, 1);
    usb->iommu = iommu;
    usb->buses = g_ptr_array_new_with_free_func(free_bus);
    add_controllers(host, usb, buses);
    add_devices(host, usb, buses);
    g_ptr_array_sort(usb->buses, by_number);
    for (guint i = 0; i < usb->buses->len; i++)
        g_ptr_array_sort(((VhUsbBus *)usb->buses->pdata[i])->devices, by_port);
    return usb;
}

/* ---- telling ---- */

gboolean vh_usb_alone(const VhUsbBus *bus)
{
    return bus->group && bus->group->passable == 1;
}

static char *neighbours(const VhUsbBus *bus)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < bus->group->functions->len; i++) {
        const VhIommuFunction *function = bus->group->functions->pdata[i];
        if (function != bus->controller && !function->pci->bridge)
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", function->pci->address);
    }
    return g_string_free(text, FALSE);
}

char *vh_usb_verdict(const VhUsbBus *bus)
{
    if (!bus->controller)
        return g_strdup("cannot be passed: its controller is no PCI function");
    if (!bus->group)
        return g_strdup("cannot be passed: its controller is in no IOMMU group");
    if (!vh_usb_alone(bus)) {
        g_autofree char *others = neighbours(bus);
        return g_strdup_printf("can be passed only together with %s", others);
    }
    if (!bus->controller->reset_known)
        return g_strdup("can be passed on its own; whether the kernel can reset it is not known");
    if (!bus->controller->reset)
        return g_strdup("can be passed on its own, but the kernel has no reset for it");
    g_autofree char *methods = g_strjoinv(" ", bus->controller->reset_methods);
    return g_strdup_printf("can be passed on its own, and reset%s%s%s", *methods ? " (" : "",
                           methods, *methods ? ")" : "");
}

const char *vh_usb_kind(const VhUsbDevice *device)
{
    static const char *const kinds[] = {"", "mouse", "keyboard", "keyboard, mouse"};

    return device->hub ? "hub" : kinds[(device->keyboard ? 2 : 0) + (device->mouse ? 1 : 0)];
}

static GVariant *hex(guint number)
{
    return g_variant_new_take_string(g_strdup_printf("0x%04x", number));
}

static void add(GVariantBuilder *dict, const char *key, GVariant *value)
{
    g_variant_builder_add(dict, "{sv}", key, value);
}

const VhUsbBus *vh_usb_bus_of(const VhUsb *usb, const VhUsbDevice *device)
{
    for (guint i = 0; i < usb->buses->len; i++) {
        const VhUsbBus *bus = usb->buses->pdata[i];
        g_autofree char *begin = g_strdup_printf("%u-", bus->number);
        if (g_str_has_prefix(device->port, begin))
            return bus;
    }
    return NULL;
}

GVariant *vh_usb_device_variant(const VhUsbDevice *device)
{
    GVariantBuilder dict;

    g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
    add(&dict, "port", g_variant_new_string(device->port));
    add(&dict, "number", g_variant_new_uint32(device->number));
    add(&dict, "vendor", hex(device->vendor));
    add(&dict, "product", hex(device->product));
    add(&dict, "name", g_variant_new("ms", device->name));
    add(&dict, "hub", g_variant_new_boolean(device->hub));
    add(&dict, "keyboard", g_variant_new_boolean(device->keyboard));
    add(&dict, "mouse", g_variant_new_boolean(device->mouse));
    return g_variant_builder_end(&dict);
}

/* A number that is there, or null. */
static GVariant *maybe_number(gboolean known, int number)
{
    return g_variant_new_maybe(G_VARIANT_TYPE_INT32, known ? g_variant_new_int32(number) : NULL);
}

GVariant *vh_usb_controller_variant(const VhUsbBus *bus)
{
    const VhIommuFunction *controller = bus ? bus->controller : NULL;
    GVariantBuilder dict;

    if (!controller)
        return g_variant_new_maybe(G_VARIANT_TYPE_VARDICT, NULL);
    g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
    add(&dict, "address", g_variant_new_string(controller->pci->address));
    add(&dict, "vendor", hex(controller->pci->vendor));
    add(&dict, "device", hex(controller->pci->device));
    add(&dict, "name", g_variant_new_string(controller->name));
    add(&dict, "driver", g_variant_new("ms", controller->pci->driver));
    add(&dict, "group", maybe_number(bus->group != NULL, bus->group ? bus->group->number : 0));
    add(&dict, "alone", g_variant_new_boolean(vh_usb_alone(bus)));
    add(&dict, "reset", vh_iommu_reset_variant(controller));
    add(&dict, "reset_methods",
        g_variant_new_strv((const char *const *)controller->reset_methods, -1));
    return g_variant_builder_end(&dict);
}

GVariant *vh_usb_variant(const VhUsb *usb)
{
    GVariantBuilder buses, devices, dict;

    g_variant_builder_init(&buses, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < usb->buses->len; i++) {
        const VhUsbBus *bus = usb->buses->pdata[i];
        g_variant_builder_init(&devices, G_VARIANT_TYPE("aa{sv}"));
        for (guint j = 0; j < bus->devices->len; j++)
            g_variant_builder_add_value(&devices, vh_usb_device_variant(bus->devices->pdata[j]));
        g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
        add(&dict, "bus", maybe_number(bus->number > 0, (int)bus->number));
        add(&dict, "controller", vh_usb_controller_variant(bus));
        add(&dict, "devices", g_variant_builder_end(&devices));
        g_variant_builder_add_value(&buses, g_variant_builder_end(&dict));
    }
    return g_variant_builder_end(&buses);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* USB ports and their controllers, over a tree of files. */
#include "inspect/usb.h"

#include <glib/gstdio.h>
#include <string.h>

#include "host/host-ops.h"
#include "host-tree.h"

#define USB "/sys/bus/usb/devices/"
#define PCI "/sys/devices/pci0000:00/"

static void add_port(HostTree *tree, const char *port, const char *ids, const char *number,
                     const char *product)
{
    g_auto(GStrv) words = g_strsplit(ids, ":", 2);

    host_tree_write(tree, words[0], USB "%s/idVendor", port);
    host_tree_write(tree, words[1], USB "%s/idProduct", port);
    host_tree_write(tree, number, USB "%s/devnum", port);
    if (product)
        host_tree_write(tree, product, USB "%s/product", port);
}

static void add_interface(HostTree *tree, const char *name, const char *class, const char *protocol)
{
    host_tree_write(tree, class, USB "%s/bInterfaceClass", name);
    host_tree_write(tree, protocol, USB "%s/bInterfaceProtocol", name);
}

static void add_function(HostTree *tree, const char *address, const char *class, const char *group)
{
    host_tree_pci(tree, address, class, "1022:149c");
    if (!group)
        return;
    g_autofree char *target = g_strconcat("/sys/kernel/iommu_groups/", group, NULL);
    host_tree_link(tree, target, PCI "%s/iommu_group", address);
}

/* Takes the device's attributes away, as unplugging does. */
static void unplug(HostTree *tree, const char *port)
{
    static const char *const names[] = {"idVendor", "idProduct", "devnum", "product"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = host_tree_path(tree, USB "%s/%s", port, names[i]);
        (void)g_remove(path);
    }
    g_autofree char *directory = host_tree_path(tree, USB "%s", port);
    g_assert_cmpint(g_rmdir(directory), ==, 0);
}

static HostTree *make_machine(void)
{
    HostTree *tree = host_tree_new();

    add_function(tree, "0000:00:01.0", "0x060400", "5"); /* a bridge does not count */
    add_function(tree, "0000:02:00.0", "0x0c0330", "5");
    host_tree_write(tree, "", PCI "0000:02:00.0/reset");
    host_tree_write(tree, "flr pm", PCI "0000:02:00.0/reset_method");
    host_tree_dir(tree, PCI "0000:02:00.0/usb10");
    host_tree_dir(tree, PCI "0000:02:00.0/usb2");
    host_tree_dir(tree, PCI "0000:02:00.0/usbmisc");
    add_function(tree, "0000:03:00.0", "0x0c0330", "6");
    add_function(tree, "0000:03:00.1", "0x020000", "6");
    add_function(tree, "0000:04:00.0", "0x0c0330", NULL);
    host_tree_dir(tree, PCI "0000:04:00.0/usb3");
    add_port(tree, "usb2", "1d6b:0002", "1", "xHCI Host Controller");
    add_port(tree, "2-10", "046d:c52b", "9", "USB Receiver");
    host_tree_write(tree, "Logitech", USB "2-10/manufacturer");
    add_interface(tree, "2-0:1.0", "09", "00");
    add_interface(tree, "2-10:1.0", "03", "01");
    add_interface(tree, "2-10:1.1", "03", "02");
    add_port(tree, "2-1", "05e3:0610", "2", NULL);
    host_tree_write(tree, "09", USB "2-1/bDeviceClass");
    add_port(tree, "2-1.4", "1532:0084", "3", "Razer\nMouse");
    add_interface(tree, "2-1.4:1.0", "03", "02");
    add_interface(tree, "2-1.4:1.1", "08", "01"); /* protocol 1 of another class */
    add_port(tree, "usb7", "1d6b:0002", "1", NULL);
    host_tree_write(tree, "x", USB "2-3/product"); /* half gone */
    host_tree_write(tree, "x", USB "2-4/idVendor");
    return tree;
}

static const VhUsbBus *bus_at(const VhUsb *usb, guint i, guint number, const char *controller,
                              const char *verdict)
{
    g_assert_cmpuint(i, <, usb->buses->len);
    const VhUsbBus *bus = usb->buses->pdata[i];
    g_autofree char *text = vh_usb_verdict(bus);

    g_assert_cmpuint(bus->number, ==, number);
    g_assert_cmpstr(bus->controller ? bus->controller->pci->address : NULL, ==, controller);
    g_assert_cmpstr(text, ==, verdict);
    return bus;
}

static void test_buses(void)
{
    static const char alone[] = "can be passed on its own, and reset (flr pm)";
    g_autoptr(HostTree) tree = make_machine();
    g_autoptr(GError) error = NULL;
    g_autoptr(VhUsb) usb = vh_usb_look(tree->host, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(usb->buses->len, ==, 5);
    g_assert_true(vh_usb_alone(bus_at(usb, 0, 2, "0000:02:00.0", alone)));
    (void)bus_at(usb, 1, 3, "0000:04:00.0",
                 "cannot be passed: its controller is in no IOMMU group");
    (void)bus_at(usb, 2, 7, NULL, "cannot be passed: its controller is no PCI function");
    (void)bus_at(usb, 3, 10, "0000:02:00.0", alone);
    (void)bus_at(usb, 4, 0, "0000:03:00.0", "can be passed only together with 0000:03:00.1");
}

static void check_device(const VhUsbDevice *device, const char *port, guint vendor, guint number,
                         const char *name, const char *kind)
{
    g_assert_cmpstr(device->port, ==, port);
    g_assert_cmphex(device->vendor, ==, vendor);
    g_assert_cmpuint(device->number, ==, number);
    if (name)
        g_assert_cmpstr(device->name, ==, name);
    g_assert_cmpstr(vh_usb_kind(device), ==, kind);
}

static void test_devices(void)
{
    g_autoptr(HostTree) tree = make_machine();
    g_autoptr(VhUsb) usb = vh_usb_look(tree->host, NULL);
    const VhUsbBus *bus = usb->buses->pdata[0];

    /* 2-1 says nothing of itself: what the machine's own database has is no matter of this test. */
    g_assert_cmpuint(bus->devices->len, ==, 3);
    check_device(bus->devices->pdata[0], "2-1", 0x05e3, 2, NULL, "hub");
    check_device(bus->devices->pdata[1], "2-1.4", 0x1532, 3, "Razer\\nMouse", "mouse");
    check_device(bus->devices->pdata[2], "2-10", 0x046d, 9, "Logitech USB Receiver",
                 "keyboard, mouse");
}

static void test_names(void)
{
    static const struct {
        const char *maker, *model, *name;
    } table[] = {
        {"Logitech", "USB Receiver", "Logitech USB Receiver"},
        {"Razer", "Razer DeathAdder", "Razer DeathAdder"},
        {" SanDisk ", " SanDisk 3.2 ", "SanDisk 3.2"},
        {NULL, "Stick", "Stick"},
        {"Maker", NULL, "Maker"},
        {"", " ", NULL},
        {NULL, NULL, NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *name = vh_usb_name(table[i].maker, table[i].model);
        g_assert_cmpstr(name, ==, table[i].name);
    }
}

/* The port of the only element, NULL when there is none. */
static char *only(GPtrArray *devices)
{
    g_assert_cmpuint(devices->len, <=, 1);
    return g_strdup(devices->len > 0 ? ((VhUsbDevice *)devices->pdata[0])->port : NULL);
}

static void check_watch(VhUsbWatch *watch, const char *came, const char *went)
{
    g_autoptr(GPtrArray) new = NULL, old = NULL;

    vh_usb_watch_look(watch, &new, &old);
    g_autofree char *first = only(new), *last = only(old);
    g_assert_cmpstr(first, ==, came);
    g_assert_cmpstr(last, ==, went);
}

static void test_watch(void)
{
    g_autoptr(HostTree) tree = make_machine();
    g_autoptr(VhUsbWatch) watch = vh_usb_watch_new(tree->host);

    check_watch(watch, NULL, NULL);
    add_port(tree, "2-5", "0781:5581", "20", "Stick");
    check_watch(watch, NULL, NULL); /* not yet: it may not be whole */
    check_watch(watch, "2-5", NULL);
    check_watch(watch, NULL, NULL);
    /* Replugged between two looks. */
    host_tree_write(tree, "21", USB "2-5/devnum");
    check_watch(watch, NULL, "2-5");
    check_watch(watch, "2-5", NULL);
    unplug(tree, "2-5");
    check_watch(watch, NULL, "2-5");
    check_watch(watch, NULL, NULL);
    /* There at one look only. */
    add_port(tree, "2-6", "0781:5581", "22", NULL);
    check_watch(watch, NULL, NULL);
    unplug(tree, "2-6");
    check_watch(watch, NULL, NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/usb/buses", test_buses);
    g_test_add_func("/usb/devices", test_devices);
    g_test_add_func("/usb/names", test_names);
    g_test_add_func("/usb/watch", test_watch);
    return g_test_run();
}

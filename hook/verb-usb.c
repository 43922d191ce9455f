// SPDX-License-Identifier: GPL-2.0-or-later
/* usb: which port is on which controller, and whether that can be passed. */
#include "base/json.h"
#include "hook/report.h"
#include "hook/verbs.h"
#include "host/real.h"
#include "inspect/usb.h"

/* Of the host's own: then it has a bus, recorded or not. */
static gboolean has_driver(const VhUsbBus *bus)
{
    return bus->controller && bus->controller->pci->driver && !bus->controller->pci->vfio;
}

static char *bus_text(const VhUsbBus *bus)
{
    g_autofree char *name = bus->number > 0   ? g_strdup_printf("Bus %u", bus->number)
                            : has_driver(bus) ? g_strdup("Bus not known")
                                              : g_strdup("No bus");
    g_autofree char *group =
        bus->group ? g_strdup_printf("IOMMU group %d", bus->group->number) : g_strdup("no group");

    if (!bus->controller)
        return g_strdup_printf("%s", name);
    return g_strdup_printf("%s --> %s (%s)", name, bus->controller->pci->address, group);
}

/* As lsusb has it, and in its columns. */
static void show_device(int indent, const char *before, const VhUsbDevice *device)
{
    const char *kind = vh_usb_kind(device);
    g_autofree char *mark = g_strdup_printf("%s%-8s %04x:%04x  ", before, device->port,
                                            device->vendor, device->product);
    g_autofree char *text = g_strdup_printf("%s%s%s%s", device->name ? device->name : "(no name)",
                                            *kind ? " [" : "", kind, *kind ? "]" : "");

    vh_report_item(indent, mark, text);
}

static void show_bus(const VhUsbBus *bus)
{
    g_autofree char *text = bus_text(bus);
    g_autofree char *head = g_strconcat("*", text, NULL);
    g_autofree char *verdict = vh_usb_verdict(bus);
    const char *colour = !vh_usb_alone(bus) || !bus->controller->reset_known ? ""
                         : bus->controller->reset                            ? "+"
                                                                             : "?";
    g_autofree char *coloured = g_strconcat(colour, verdict, NULL);

    vh_report_line(head);
    if (bus->controller)
        vh_report_wrapped(2, "", "%s, driver: %s", bus->controller->title,
                          bus->controller->pci->driver ? bus->controller->pci->driver : "none");
    vh_report_wrapped(2, coloured, "%s", "");
    for (guint i = 0; i < bus->devices->len; i++)
        show_device(4, "", bus->devices->pdata[i]);
}

static void show(const VhUsb *usb, const VhOptions *options)
{
    if (options->json) {
        vh_report_json(vh_usb_variant(usb));
        return;
    }
    for (guint i = 0; i < usb->buses->len; i++)
        show_bus(usb->buses->pdata[i]);
}

static void tell_one(const VhUsbDevice *device, const VhUsbBus *bus, gboolean came,
                     const VhOptions *options)
{
    const char *event = came ? "came" : "went";

    if (options->json) {
        g_autofree char *line = vh_json_line(
            g_variant_new_parsed("{'event': <%s>, 'controller': <%*>, 'device': <%@a{sv}>}", event,
                                 vh_usb_controller_variant(bus), vh_usb_device_variant(device)));
        vh_report_text("%s\n", line);
        return;
    }
    g_autofree char *where = came && bus && bus->controller ? bus_text(bus) : NULL;
    show_device(0, came ? "came " : "went ", device);
    if (where)
        vh_report_text("     %s\n", where);
}

/* The buses are looked at anew: a controller may have come with the device. */
static void tell(VhHost *host, const GPtrArray *devices, gboolean came, const VhOptions *options)
{
    g_autoptr(VhUsb) usb = devices->len > 0 ? vh_usb_look(host, NULL) : NULL;

    for (guint i = 0; i < devices->len; i++)
        tell_one(devices->pdata[i], usb ? vh_usb_bus_of(usb, devices->pdata[i]) : NULL, came,
                 options);
}

/* Until somebody ends it. */
static void watch(VhHost *host, const VhOptions *options)
{
    const gint64 pause = G_USEC_PER_SEC / 4;
    g_autoptr(VhUsbWatch) state = vh_usb_watch_new(host);

    if (!options->json)
        vh_report_text("Plug a device, and see its port appear; Ctrl-C ends this.\n");
    while (!vh_host_interrupted(host)) {
        g_autoptr(GPtrArray) came = NULL, went = NULL;
        vh_host_wait(host, NULL, pause);
        vh_usb_watch_look(state, &came, &went);
        tell(host, went, FALSE, options);
        tell(host, came, TRUE, options);
    }
}

int vh_verb_usb(int argc, char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;

    if (options->watch && options->host) {
        vh_error_set(&error, VH_ERROR_USAGE,
                     "nothing is plugged into a snapshot: --watch goes "
                     "with this machine, or with --root");
        return vh_report_failure(NULL, error);
    }
    if (options->watch)
        vh_real_catch_signals();
    g_autoptr(VhHost) host = vh_machine_host(options, &error);
    g_autoptr(VhUsb) usb = host ? vh_usb_look(host, &error) : NULL;
    if (!usb) {
        vh_report_error(NULL, error);
        return VH_EXIT_FAILED;
    }
    if (!options->watch || !options->json)
        show(usb, options);
    if (usb->buses->len == 0 && !options->json)
        vh_report_text("This host has no USB controller.\n");
    if (options->watch)
        watch(host, options);
    return VH_EXIT_OK;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The USB ports of a machine: on which controller each is, and whether that can be passed. */
#pragma once

#include "inspect/iommu.h"

typedef struct {
    char *port;   /* "1-4.2": bus 1, port 4, there port 2 of a hub */
    guint number; /* of the device on its bus, as lsusb shows it; another one after replugging */
    guint16 vendor, product;
    char *name; /* NULL: not known */
    gboolean hub, keyboard, mouse;
} VhUsbDevice;

typedef struct {
    guint number;                      /* 0: a controller without a bus, as vfio has it */
    const VhIommuFunction *controller; /* NULL: no PCI function; borrowed from VhUsb.iommu */
    const VhIommuGroup *group;         /* the controller's, NULL: in none */
    GPtrArray *devices;                /* VhUsbDevice, by port, without the bus's own hub */
} VhUsbBus;

typedef struct {
    VhIommu *iommu;
    GPtrArray *buses; /* VhUsbBus, by number, those without last */
} VhUsb;

/* The buses of @host as they are now. */
VhUsb *vh_usb_look(VhHost *host, GError **error);
void vh_usb_free(VhUsb *usb);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhUsb, vh_usb_free)

/* Where @device is plugged in; NULL: on none that was there. Borrowed from @usb. */
const VhUsbBus *vh_usb_bus_of(const VhUsb *usb, const VhUsbDevice *device);

/* Whether the bus's controller is alone in its IOMMU group, bridges aside. */
gboolean vh_usb_alone(const VhUsbBus *bus);

/* Whether passing the controller works, and why not, in a sentence. The caller owns it. */
char *vh_usb_verdict(const VhUsbBus *bus);

/* The device at @port now, NULL when there is none (any more). */
VhUsbDevice *vh_usb_device(VhHost *host, const char *port);
void vh_usb_device_free(VhUsbDevice *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhUsbDevice, vh_usb_device_free)

/* "keyboard, mouse", "hub" or "". Borrowed. */
const char *vh_usb_kind(const VhUsbDevice *device);

/* What usb --json prints: of all buses, of the controller of one (null for none), and of one
 * device. Floating. */
GVariant *vh_usb_variant(const VhUsb *usb);
GVariant *vh_usb_controller_variant(const VhUsbBus *bus);
GVariant *vh_usb_device_variant(const VhUsbDevice *device);

/* ---- what comes and goes ---- */

typedef struct VhUsbWatch VhUsbWatch;

/* Devices that are there now are none that come. */
VhUsbWatch *vh_usb_watch_new(VhHost *host);
void vh_usb_watch_free(VhUsbWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhUsbWatch, vh_usb_watch_free)

/*
 * What came and went since the last call: arrays of VhUsbDevice, owned by the caller. A device has
 * come when it was there at two calls, so that the kernel had the time to find out what it is.
 */
void vh_usb_watch_look(VhUsbWatch *watch, GPtrArray **ret_came, GPtrArray **ret_went);

// SPDX-License-Identifier: GPL-2.0-or-later
/* USB devices that come and go. */
#include <string.h>

#include "inspect/usb.h"

#define DEVICES "/sys/bus/usb/devices"

struct VhUsbWatch {
    VhHost *host;
    GHashTable *seen;  /* port to its devnum, as text: what was there at the last look */
    GHashTable *known; /* port to VhUsbDevice: what was there, or was said to have come */
};

static void free_device(gpointer device)
{
    vh_usb_device_free(device);
}

/* Devices that are there now. A device that was replugged between two looks has another number. */
static GHashTable *list_now(VhHost *host)
{
    GHashTable *now = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) names = vh_host_list(host, DEVICES);

    for (gsize i = 0; names[i]; i++) {
        g_autofree char *path = g_build_filename(DEVICES, names[i], "devnum", NULL);
        char *number = g_ascii_isdigit(*names[i]) && !strchr(names[i], ':')
                           ? vh_host_read(host, path, NULL)
                           : NULL;
        if (number)
            g_hash_table_insert(now, g_strdup(names[i]), number);
    }
    return now;
}

VhUsbWatch *vh_usb_watch_new(VhHost *host)
{
    VhUsbWatch *watch = g_new0(VhUsbWatch, 1);
    GHashTableIter iter;
    gpointer port;

    watch->host = host;
    watch->seen = list_now(host);
    watch->known = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_device);
    g_hash_table_iter_init(&iter, watch->seen);
    while (g_hash_table_iter_next(&iter, &port, NULL)) {
        VhUsbDevice *device = vh_usb_device(host, port);
        if (device)
            g_hash_table_insert(watch->known, device->port, device);
    }
    return watch;
}

void vh_usb_watch_free(VhUsbWatch *watch)
{
    if (!watch)
        return;
    g_hash_table_unref(watch->seen);
    g_hash_table_unref(watch->known);
    g_free(watch);
}

static gboolean is_same(GHashTable *now, const VhUsbDevice *device)
{
    const char *text = g_hash_table_lookup(now, device->port);
    guint64 number;

    return text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT, &number, NULL) &&
           number == device->number;
}

static void find_gone(VhUsbWatch *watch, GHashTable *now, GPtrArray *went)
{
    GHashTableIter iter;
    gpointer device;

    g_hash_table_iter_init(&iter, watch->known);
    while (g_hash_table_iter_next(&iter, NULL, &device))
        if (!is_same(now, device)) {
            g_hash_table_iter_steal(&iter);
            g_ptr_array_add(went, device);
        }
}

static void find_new(VhUsbWatch *watch, GHashTable *now, GPtrArray *came)
{
    GHashTableIter iter;
    gpointer port, number;

    g_hash_table_iter_init(&iter, now);
    while (g_hash_table_iter_next(&iter, &port, &number)) {
        if (g_hash_table_contains(watch->known, port) ||
            g_strcmp0(g_hash_table_lookup(watch->seen, port), number) != 0)
            continue;
        VhUsbDevice *device = vh_usb_device(watch->host, port);
        if (!device)
            continue;
        g_hash_table_insert(watch->known, device->port, device);
        /* The caller's is one of its own. */
        VhUsbDevice *copy = g_new(VhUsbDevice, 1);
        *copy = *device;
        copy->port = g_strdup(device->port);
        copy->name = g_strdup(device->name);
        g_ptr_array_add(came, copy);
    }
}

void vh_usb_watch_look(VhUsbWatch *watch, GPtrArray **ret_came, GPtrArray **ret_went)
{
    GHashTable *now = list_now(watch->host);

    *ret_came = g_ptr_array_new_with_free_func(free_device);
    *ret_went = g_ptr_array_new_with_free_func(free_device);
    find_gone(watch, now, *ret_went);
    find_new(watch, now, *ret_came);
    g_hash_table_unref(watch->seen);
    watch->seen = now;
}

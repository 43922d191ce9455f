// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of USB devices: their own words, else those of udev's hardware database. */
#include "host/real-private.h"

#include <errno.h>
#include <systemd/sd-hwdb.h>

/* The value of @key for the device, NULL when the database has none, or there is no database. */
static char *look_up(sd_hwdb *hwdb, const char *modalias, const char *key)
{
    const char *value = NULL;

    return hwdb && sd_hwdb_get(hwdb, modalias, key, &value) >= 0 ? g_strdup(value) : NULL;
}

/* The ids come as texts, "046d"; the database's keys have them in capitals. */
static char *name_in_database(const char *vendor, const char *product)
{
    sd_hwdb *hwdb = NULL;
    guint64 numbers[2];

    if (!vh_number(vendor, 16, &numbers[0]) || !vh_number(product, 16, &numbers[1]) ||
        sd_hwdb_new(&hwdb) < 0)
        return NULL;
    g_autofree char *modalias =
        g_strdup_printf("usb:v%04Xp%04X", (guint)numbers[0], (guint)numbers[1]);
    g_autofree char *maker = look_up(hwdb, modalias, "ID_VENDOR_FROM_DATABASE");
    g_autofree char *model = look_up(hwdb, modalias, "ID_MODEL_FROM_DATABASE");
    sd_hwdb_unref(hwdb);
    return model ? vh_usb_name(maker, model) : NULL;
}

static int act_name(gpointer data, GString *answer)
{
    static const char *const names[] = {"manufacturer", "product", "idVendor", "idProduct"};
    char *words[G_N_ELEMENTS(names)];

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(data, names[i], NULL);
        words[i] = vh_file_attribute(path);
    }
    g_autofree char *known = words[1] ? NULL : name_in_database(words[2], words[3]);
    g_autofree char *own = vh_usb_name(words[0], words[1]);
    if (known || own)
        g_string_append(answer, known ? known : own);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        g_free(words[i]);
    return 0;
}

/* manufacturer_show and product_show take the device's lock (drivers/usb/core/sysfs.c), which a
 * controller's unbind that hangs may hold: hence in a child. */
char *vh_real_usb_name(VhHost *host, const char *port)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *directory = vh_real_path(real, "/sys/bus/usb/devices/%s", port);
    g_autoptr(GBytes) answer = NULL;
    gsize length;

    if (!vh_name_is_plain(port) || !vh_child_look(real, "look at a USB device", real->look_limit,
                                                  act_name, directory, &answer, NULL))
        return NULL;
    const char *text = g_bytes_get_data(answer, &length);
    return length > 0 ? g_strndup(text, length) : NULL;
}

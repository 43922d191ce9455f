// SPDX-License-Identifier: GPL-2.0-or-later
/* The seat of a function, from udev's database (sd-login(3), "Multi-Seat on Linux"). */
#include "host/real-private.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "base/error.h"

/* Of one record, "+pci:ADDRESS" or "cMAJOR:MINOR"; properties are lines "E:NAME=VALUE". */
static char *seat_of_record(VhReal *real, const char *record)
{
    g_autofree char *path = vh_real_path(real, "/run/udev/data/%s", record);
    g_autofree char *text = vh_file_read(path, VH_ATTRIBUTE_MAX, NULL);

    return vh_line_value(text, "E:ID_SEAT");
}

/* DRM's nodes have two records, by number and by name. */
static char *seat_of_node(VhReal *real, const VhNode *node)
{
    g_autofree char *record = g_strdup_printf("c%u:%u", major(node->number), minor(node->number));
    g_autofree char *name = g_path_get_basename(node->path);
    g_autofree char *named = g_strdup_printf("+%s:%s", node->subsystem, name);
    char *seat = seat_of_record(real, record);

    return seat ? seat : seat_of_record(real, named);
}

char *vh_real_pci_seat(VhHost *host, const char *address)
{
    VhReal *real = (VhReal *)host;
    g_autoptr(GPtrArray) nodes = vh_real_pci_nodes(host, address, NULL);
    g_autofree char *record = g_strconcat("+pci:", address, NULL);
    char *seat = vh_name_is_plain(address) ? seat_of_record(real, record) : NULL;

    for (guint i = 0; !seat && nodes && i < nodes->len; i++)
        seat = seat_of_node(real, g_ptr_array_index(nodes, i));
    return seat ? seat : g_strdup("seat0");
}

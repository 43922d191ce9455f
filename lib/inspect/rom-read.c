// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/confined.h"
#include "base/json.h"
#include "inspect/rom.h"

/* In the confined child. */
static GVariant *read_content(gconstpointer content, GError **error)
{
    gsize length;
    const guint8 *data = g_bytes_get_data((GBytes *)(gsize)content, &length);
    g_autoptr(VhRom) rom = vh_rom_parse(data, length, error);

    return rom ? vh_rom_variant(rom) : NULL;
}

GVariant *vh_rom_read(const char *path, GBytes *content, GError **error)
{
    g_autoptr(GVariant) rom = vh_confined("option ROM", read_content, content, error);
    gint64 start = rom ? vh_json_int(rom, "start", -1) : -1;
    gint64 end = rom ? vh_json_int(rom, "end", -1) : -1;

    if (!rom) {
        g_prefix_error(error, "%s: ", path);
        return NULL;
    }
    g_autoptr(GPtrArray) images = vh_json_objects(rom, "images");
    if (images->len > 0 && start >= 0 && end >= start && end <= (gint64)g_bytes_get_size(content))
        return g_steal_pointer(&rom);
    vh_error_set(error, VH_ERROR_FAILED, "%s: what was read from it makes no sense", path);
    return NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "inspect/rom.h"

static void check_rom(const VhRom *rom, const uint8_t *data, size_t size)
{
    g_assert_cmpuint(rom->length, ==, size);
    g_assert_cmpuint(rom->images->len, >, 0);
    g_assert_cmpuint(rom->start, <, rom->end);
    g_assert_cmpuint(rom->end, <=, size);
    g_assert_true((rom->before != NULL) == (rom->start > 0));
    g_assert_true((rom->after != NULL) == (rom->end < size));
    for (guint i = 0; i < rom->images->len; i++) {
        const VhRomImage *image = rom->images->pdata[i];
        g_assert_cmpuint(image->offset, <, size);
        g_assert_true(data[image->offset] == 0x55 && data[image->offset + 1] == 0xaa);
        g_assert_cmpint(image->cut, ==, image->offset + image->size > size);
    }
    g_variant_unref(g_variant_ref_sink(vh_rom_variant(rom)));
}

/* What trim writes is a ROM with nothing around it. */
static void check_trimmed(const VhRom *rom, const uint8_t *data)
{
    g_autoptr(VhRom) again = vh_rom_parse(data + rom->start, rom->end - rom->start, NULL);

    g_assert_nonnull(again);
    g_assert_cmpuint(again->images->len, ==, rom->images->len);
    g_assert_null(again->before);
    g_assert_null(again->after);
    g_assert_true(again->complete);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhRom) rom = vh_rom_parse(data, size, &error);

    if (rom) {
        g_assert_no_error(error);
        check_rom(rom, data, size);
        if (rom->complete)
            check_trimmed(rom, data);
    } else {
        g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
        g_assert_null(strchr(error->message, '\n'));
    }
    return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/rom.h"

#include <string.h>

/*
 * Offsets from the PCI Firmware Specification 3.x, 5.1, and the UEFI specification, "PCI Option
 * ROMs". Lengths are in blocks of 512 bytes. NPDE is what NVIDIA puts behind its PCIR structures
 * (Linux, drivers/gpu/nova-core/vbios.rs): its length is the true one of that part of the image.
 */
enum {
    BLOCK = 512,
    HEADER_SIZE = 0x1a,
    HEADER_BLOCKS = 0x02,
    HEADER_PCIR = 0x18,
    EFI_SIGNATURE = 0x04,
    EFI_SUBSYSTEM = 0x08,
    EFI_MACHINE = 0x0a,
    EFI_COMPRESSION = 0x0c,
    EFI_PROGRAM = 0x16,
    PCIR_VENDOR = 0x04,
    PCIR_DEVICE = 0x06,
    PCIR_LENGTH = 0x0a,
    PCIR_CLASS = 0x0d,
    PCIR_BLOCKS = 0x10,
    PCIR_CODE = 0x14,
    PCIR_INDICATOR = 0x15,
    PCIR_SIZE = 0x18,
    PCIR_LAST = 0x80,
    NPDE_BLOCKS = 0x08,
    NPDE_SIZE = 0x0b,
    MOST_IMAGES = 64,
};

typedef struct {
    const guint8 *data;
    gsize length;
} Bytes;

/* Little endian; 0 behind the end. */
static guint32 number_at(const Bytes *bytes, gsize offset, guint size)
{
    guint32 value = 0;

    if (offset > bytes->length || bytes->length - offset < size)
        return 0;
    for (guint i = 0; i < size; i++)
        value |= (guint32)bytes->data[offset + i] << (8 * i);
    return value;
}

static gboolean text_at(const Bytes *bytes, gsize offset, const char *text)
{
    gsize size = strlen(text);

    return offset <= bytes->length && bytes->length - offset >= size &&
           memcmp(bytes->data + offset, text, size) == 0;
}

static gboolean magic_at(const Bytes *bytes, gsize offset)
{
    return text_at(bytes, offset, "\x55\xaa");
}

/* Where the PCIR structure of a header at @offset is, 0: none that confirms it. */
static gsize pcir_of(const Bytes *bytes, gsize offset)
{
    if (!magic_at(bytes, offset) || bytes->length - offset < HEADER_SIZE)
        return 0;
    gsize pcir = offset + number_at(bytes, offset + HEADER_PCIR, 2);
    if (pcir < offset + HEADER_SIZE || bytes->length < PCIR_SIZE ||
        pcir > bytes->length - PCIR_SIZE || !text_at(bytes, pcir, "PCIR"))
        return 0;
    gboolean complete = number_at(bytes, pcir + PCIR_LENGTH, 2) >= PCIR_SIZE &&
                        number_at(bytes, pcir + PCIR_BLOCKS, 2) > 0;
    return complete ? pcir : 0;
}

static gboolean sums_to_zero(const Bytes *bytes, gsize offset, gsize size)
{
    guint8 sum = 0;

    if (size == 0 || offset > bytes->length || bytes->length - offset < size)
        return FALSE;
    for (gsize i = 0; i < size; i++)
        sum = (guint8)(sum + bytes->data[offset + i]);
    return sum == 0;
}

static void read_efi(const Bytes *bytes, VhRomImage *image)
{
    image->efi = number_at(bytes, image->offset + EFI_SIGNATURE, 4) == 0x0ef1;
    if (!image->efi)
        return;
    image->subsystem = (guint16)number_at(bytes, image->offset + EFI_SUBSYSTEM, 2);
    image->machine = (guint16)number_at(bytes, image->offset + EFI_MACHINE, 2);
    image->compression = (guint16)number_at(bytes, image->offset + EFI_COMPRESSION, 2);
    image->efi_offset = (guint16)number_at(bytes, image->offset + EFI_PROGRAM, 2);
}

/* The checksum is over what the header's length byte says, which firmware reads; makers that pad
 * the image afterwards have it over all. */
static void read_checksum(const Bytes *bytes, VhRomImage *image)
{
    gsize size = number_at(bytes, image->offset + HEADER_BLOCKS, 1) * BLOCK;

    image->has_checksum = TRUE;
    image->checksum_ok =
        sums_to_zero(bytes, image->offset, size) || sums_to_zero(bytes, image->offset, image->size);
}

static VhRomImage *read_image(const Bytes *bytes, gsize offset, gsize pcir)
{
    VhRomImage *image = g_new0(VhRomImage, 1);

    image->offset = offset;
    image->size = number_at(bytes, pcir + PCIR_BLOCKS, 2) * (gsize)BLOCK;
    image->code_type = (guint8)number_at(bytes, pcir + PCIR_CODE, 1);
    image->vendor = (guint16)number_at(bytes, pcir + PCIR_VENDOR, 2);
    image->device = (guint16)number_at(bytes, pcir + PCIR_DEVICE, 2);
    image->class_code = number_at(bytes, pcir + PCIR_CLASS, 3);
    image->last = (number_at(bytes, pcir + PCIR_INDICATOR, 1) & PCIR_LAST) != 0;
    image->cut = bytes->length - offset < image->size;
    if (image->code_type == VH_ROM_EFI)
        read_efi(bytes, image);
    if (image->code_type == VH_ROM_X86)
        read_checksum(bytes, image);
    return image;
}

/* NVIDIA's own length of the image, 0: none. */
static gsize npde_size(const Bytes *bytes, gsize pcir)
{
    gsize npde = (pcir + number_at(bytes, pcir + PCIR_LENGTH, 2) + 15) & ~(gsize)15;

    if (!text_at(bytes, npde, "NPDE") || bytes->length - npde < NPDE_SIZE)
        return 0;
    return number_at(bytes, npde + NPDE_BLOCKS, 2) * (gsize)BLOCK;
}

/* Where the image behind this one begins, 0: nowhere. */
static gsize next_of(const Bytes *bytes, const VhRomImage *image, gsize pcir)
{
    gsize sizes[] = {image->size, npde_size(bytes, pcir)};

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++)
        if (sizes[i] > 0 && pcir_of(bytes, image->offset + sizes[i]) > 0)
            return image->offset + sizes[i];
    return 0;
}

static void problem(VhRom *rom, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void problem(VhRom *rom, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(rom->problems, g_strdup_vprintf(format, args));
    va_end(args);
}

/* Follows the chain from @offset. */
static void read_images(const Bytes *bytes, VhRom *rom, gsize offset)
{
    while (rom->images->len < MOST_IMAGES) {
        gsize pcir = pcir_of(bytes, offset);
        VhRomImage *image = read_image(bytes, offset, pcir);
        g_ptr_array_add(rom->images, image);
        rom->end = MAX(rom->end, MIN(offset + image->size, bytes->length));
        if (image->last) {
            rom->complete = !image->cut;
            return;
        }
        gsize next = next_of(bytes, image, pcir);
        if (next == 0) {
            if (!image->cut)
                problem(rom,
                        "image %u says that another one follows, and none does: the file was cut "
                        "off there; dump it again",
                        rom->images->len);
            return;
        }
        offset = next;
    }
    problem(rom, "more than %d images follow each other: this is no ROM that can be trusted",
            MOST_IMAGES);
}

static void judge_image(VhRom *rom, guint number, const VhRomImage *image)
{
    if (image->cut)
        problem(rom,
                "image %u has %" G_GSIZE_FORMAT " bytes and the file only %" G_GSIZE_FORMAT
                " of them: it was cut off; dump it again",
                number, image->size, rom->length - image->offset);
    else if (image->has_checksum && !image->checksum_ok)
        problem(rom,
                "the checksum of image %u is wrong: its bytes were changed; firmware for legacy "
                "boot would not run it",
                number);
    if (image->code_type == VH_ROM_EFI && !image->efi)
        problem(rom,
                "image %u is of type EFI without EFI's signature: UEFI firmware will not run it",
                number);
    /* Of no consequence for QEMU's firmware, which does not compare them; some of iPXE's are so. */
    const VhRomImage *first = rom->images->pdata[0];
    if (image->vendor != first->vendor)
        g_ptr_array_add(rom->notes,
                        g_strdup_printf("image %u is for vendor %04x, the first one for %04x",
                                        number, image->vendor, first->vendor));
}

static void judge(VhRom *rom)
{
    gboolean efi = vh_rom_has(rom, VH_ROM_EFI), x86 = vh_rom_has(rom, VH_ROM_X86);
    const char *note = NULL;

    for (guint i = 0; i < rom->images->len; i++)
        judge_image(rom, i + 1, rom->images->pdata[i]);
    /* Of what is missing, nobody knows what it is. */
    if (!rom->complete)
        return;
    if (efi && !x86)
        note = "only guests with UEFI firmware can use it: there is no x86 image for legacy boot";
    else if (x86 && !efi)
        note = "only guests with legacy BIOS firmware can use it: there is no EFI image, so a UEFI "
               "guest shows nothing before its own driver runs";
    else if (!x86 && !efi)
        note = "no PC firmware can use it: it has neither an x86 nor an EFI image";
    if (note)
        g_ptr_array_add(rom->notes, g_strdup(note));
}

/* ---- what is around the images ---- */

static gboolean all_of(const Bytes *bytes, gsize from, gsize to, guint8 value)
{
    for (gsize i = from; i < to; i++)
        if (bytes->data[i] != value)
            return FALSE;
    return TRUE;
}

/* Whether @text begins somewhere in the stretch. */
static gboolean has_text(const Bytes *bytes, gsize from, gsize to, const char *text)
{
    for (gsize i = from; i < to; i++)
        if (bytes->data[i] == (guint8)text[0] && text_at(bytes, i, text))
            return TRUE;
    return FALSE;
}

/* In words; NULL when the stretch is empty. */
static char *describe(const Bytes *bytes, gsize from, gsize to)
{
    static const struct {
        const char *text, *words;
    } known[] = {
        {"NVGI", "NVIDIA's header (NVGI)"},
        {"NPDS", "NVIDIA's own images (NPDS)"},
        {"NPDE", "NVIDIA's own data (NPDE)"},
        {"RFRD", "NVIDIA's own data (RFRD)"},
        {"PCIR", "images that the chain does not lead to"},
    };

    if (from >= to)
        return NULL;
    if (all_of(bytes, from, to, 0xff) || all_of(bytes, from, to, 0))
        return g_strdup("padding");
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        if (has_text(bytes, from, to, known[i].text))
            return g_strdup(known[i].words);
    return g_strdup("data that is no option ROM");
}

/* ---- what is none ---- */

static const char *reason_against(const Bytes *bytes)
{
    static const struct {
        const char *text, *words;
    } known[] = {
        {"\x7f"
         "ELF",
         "it is a program"},
        {"PK\x03\x04", "it is a zip archive: unpack it"},
        {"\x1f\x8b", "it is compressed: unpack it"},
        {"MZ", "it is an EFI or Windows program, not the ROM it is in"},
        {"NVGI", "it has NVIDIA's header (NVGI), and no image behind it: cut off"},
        {"<", "it is a text"},
    };

    if (all_of(bytes, 0, bytes->length, 0xff))
        return "all its bytes are ff, as a card's that is asleep or whose ROM cannot be read; dump "
               "it "
               "with the driver unbound or on vfio-pci";
    if (all_of(bytes, 0, bytes->length, 0))
        return "all its bytes are 00: nothing was read; dump it with the driver unbound or on "
               "vfio-pci";
    if (magic_at(bytes, 0))
        return "it begins with 55 AA, and no PCIR structure confirms that: it is cut off, or a ROM "
               "of another bus";
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        if (text_at(bytes, 0, known[i].text))
            return known[i].words;
    return "it has no 55 AA header that a PCIR structure confirms";
}

static gsize find_start(const Bytes *bytes)
{
    for (const guint8 *at = bytes->data, *end = bytes->data + bytes->length;
         at < end && (at = memchr(at, 0x55, (gsize)(end - at))); at++)
        if (pcir_of(bytes, (gsize)(at - bytes->data)) > 0)
            return (gsize)(at - bytes->data);
    return bytes->length;
}

VhRom *vh_rom_parse(const guint8 *data, gsize length, GError **error)
{
    const Bytes bytes = {data, length};

    if (length == 0 || length > VH_ROM_MOST) {
        vh_error_set(error, VH_ERROR_FAILED, "no option ROM: %s",
                     length == 0 ? "it is empty" : "it is larger than the 16 MiB a ROM can have");
        return NULL;
    }
    gsize start = find_start(&bytes);
    if (start == length) {
        vh_error_set(error, VH_ERROR_FAILED, "no option ROM: %s", reason_against(&bytes));
        return NULL;
    }
    VhRom *rom = g_new0(VhRom, 1);
    rom->length = length;
    rom->start = start;
    rom->images = g_ptr_array_new_with_free_func(g_free);
    rom->problems = g_ptr_array_new_with_free_func(g_free);
    rom->notes = g_ptr_array_new_with_free_func(g_free);
    read_images(&bytes, rom, start);
    judge(rom);
    rom->before = describe(&bytes, 0, start);
    rom->after = describe(&bytes, rom->end, length);
    return rom;
}

gboolean vh_rom_has(const VhRom *rom, guint8 code_type)
{
    for (guint i = 0; i < rom->images->len; i++) {
        const VhRomImage *image = rom->images->pdata[i];
        if (image->code_type == code_type && !image->cut)
            return TRUE;
    }
    return FALSE;
}

void vh_rom_free(VhRom *rom)
{
    if (!rom)
        return;
    g_ptr_array_unref(rom->images);
    g_ptr_array_unref(rom->problems);
    g_ptr_array_unref(rom->notes);
    g_free(rom->before);
    g_free(rom->after);
    g_free(rom);
}

/* ---- words and JSON ---- */

const char *vh_rom_code_name(guint8 code_type)
{
    static const char *const names[] = {"x86", "Open Firmware", "PA-RISC", "EFI"};

    return code_type < G_N_ELEMENTS(names) ? names[code_type] : "unknown";
}

typedef struct {
    guint16 number;
    const char *name;
} Name;

static const char *name_in(const Name *names, gsize n, guint16 number)
{
    for (gsize i = 0; i < n; i++)
        if (names[i].number == number)
            return names[i].name;
    return "unknown";
}

const char *vh_rom_machine_name(guint16 machine)
{
    static const Name names[] = {
        {0x014c, "ia32"}, {0x0200, "ia64"},    {0x0ebc, "byte code"}, {0x8664, "x64"},
        {0x01c2, "arm"},  {0x5064, "riscv64"}, {0xaa64, "aa64"},
    };

    return name_in(names, G_N_ELEMENTS(names), machine);
}

const char *vh_rom_subsystem_name(guint16 subsystem)
{
    static const Name names[] = {
        {10, "application"}, {11, "boot service driver"}, {12, "runtime driver"}};

    return name_in(names, G_N_ELEMENTS(names), subsystem);
}

static GVariant *image_variant(const VhRomImage *image)
{
    GVariantDict dict;
    g_autofree char *vendor = g_strdup_printf("%04x", image->vendor);
    g_autofree char *device = g_strdup_printf("%04x", image->device);
    g_autofree char *class_code = g_strdup_printf("%06x", image->class_code);

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "offset", "x", (gint64)image->offset);
    g_variant_dict_insert(&dict, "size", "x", (gint64)image->size);
    g_variant_dict_insert(&dict, "type", "s", vh_rom_code_name(image->code_type));
    g_variant_dict_insert(&dict, "code_type", "x", (gint64)image->code_type);
    g_variant_dict_insert(&dict, "vendor", "s", vendor);
    g_variant_dict_insert(&dict, "device", "s", device);
    g_variant_dict_insert(&dict, "class", "s", class_code);
    g_variant_dict_insert(&dict, "last", "b", image->last);
    g_variant_dict_insert(&dict, "cut", "b", image->cut);
    if (image->has_checksum)
        g_variant_dict_insert(&dict, "checksum_ok", "b", image->checksum_ok);
    if (image->efi) {
        g_variant_dict_insert(&dict, "subsystem", "s", vh_rom_subsystem_name(image->subsystem));
        g_variant_dict_insert(&dict, "machine", "s", vh_rom_machine_name(image->machine));
        g_variant_dict_insert(&dict, "compressed", "b", image->compression != 0);
    }
    return g_variant_dict_end(&dict);
}

static GVariant *texts(const GPtrArray *array)
{
    return g_variant_new_strv((const char *const *)array->pdata, array->len);
}

GVariant *vh_rom_variant(const VhRom *rom)
{
    GVariantBuilder images;
    GVariantDict dict;

    g_variant_builder_init(&images, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < rom->images->len; i++)
        g_variant_builder_add_value(&images, image_variant(rom->images->pdata[i]));
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "length", "x", (gint64)rom->length);
    g_variant_dict_insert(&dict, "start", "x", (gint64)rom->start);
    g_variant_dict_insert(&dict, "end", "x", (gint64)rom->end);
    g_variant_dict_insert(&dict, "complete", "b", rom->complete);
    if (rom->before)
        g_variant_dict_insert(&dict, "before", "s", rom->before);
    if (rom->after)
        g_variant_dict_insert(&dict, "after", "s", rom->after);
    g_variant_dict_insert_value(&dict, "images", g_variant_builder_end(&images));
    g_variant_dict_insert_value(&dict, "problems", texts(rom->problems));
    g_variant_dict_insert_value(&dict, "notes", texts(rom->notes));
    return g_variant_dict_end(&dict);
}

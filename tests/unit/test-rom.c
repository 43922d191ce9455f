// SPDX-License-Identifier: GPL-2.0-or-later
/* Option ROMs made by hand, whole and broken; reading one from a simulated card; files. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inspect/paper.h"
#include "inspect/rom-dump.h"
#include "inspect/rom.h"
#include "sim/sim.h"

enum { X86_SIZE = 1024, EFI_SIZE = 512, NVIDIA_HEADER = 1536, PCIR = 0x20 };

static void put(guint8 *at, guint32 value, guint size)
{
    for (guint i = 0; i < size; i++)
        at[i] = (guint8)(value >> (8 * i));
}

/* An image appended to @rom; its code type tells what it has beside the PCIR structure. */
static guint8 *add_image(GByteArray *rom, guint8 code_type, guint size, gboolean last)
{
    guint at = rom->len;
    guint8 sum = 0;

    g_byte_array_set_size(rom, at + size);
    guint8 *image = rom->data + at;
    memset(image, 0, size);
    put(image, 0xaa55, 2);
    put(image + 2, size / 512, 1);
    put(image + 0x18, PCIR, 2);
    memcpy(image + PCIR, "PCIR", 4);
    put(image + PCIR + 4, 0x10de, 2);
    put(image + PCIR + 6, 0x2489, 2);
    put(image + PCIR + 0x0a, 0x18, 2);
    put(image + PCIR + 0x0d, 0x030000, 3);
    put(image + PCIR + 0x10, size / 512, 2);
    image[PCIR + 0x14] = code_type;
    image[PCIR + 0x15] = last ? 0x80 : 0;
    if (code_type == VH_ROM_EFI) {
        put(image + 4, 0x0ef1, 4);
        put(image + 8, 11, 2);
        put(image + 0x0a, 0x8664, 2);
        put(image + 0x0c, 1, 2);
        put(image + 0x16, 0x40, 2);
    }
    for (guint i = 0; i < size; i++)
        sum = (guint8)(sum + image[i]);
    image[size - 1] = (guint8)-sum;
    return image;
}

static void add_text(GByteArray *rom, const char *text, guint size)
{
    guint at = rom->len;

    g_byte_array_set_size(rom, at + size);
    memset(rom->data + at, 0x11, size);
    memcpy(rom->data + at, text, strlen(text));
}

/* As it comes out of an NVIDIA card's flash. */
static GByteArray *flash(void)
{
    GByteArray *rom = g_byte_array_new();

    add_text(rom, "NVGI", NVIDIA_HEADER);
    /* 55 AA that no PCIR structure confirms. */
    put(rom->data + 0x300, 0xaa55, 2);
    put(rom->data + 0x318, 0x20, 2);
    add_image(rom, VH_ROM_X86, X86_SIZE, FALSE);
    add_image(rom, VH_ROM_EFI, EFI_SIZE, TRUE);
    add_text(rom, "VN..............................NPDS", 512);
    return rom;
}

static VhRom *parse(const GByteArray *bytes)
{
    g_autoptr(GError) error = NULL;
    VhRom *rom = vh_rom_parse(bytes->data, bytes->len, &error);

    g_assert_no_error(error);
    return rom;
}

static void assert_none(const guint8 *data, gsize length, const char *words)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(vh_rom_parse(data, length, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, words));
}

static void assert_problem(const VhRom *rom, const char *words)
{
    g_assert_cmpuint(rom->problems->len, >, 0);
    g_assert_nonnull(strstr(rom->problems->pdata[0], words));
}

static void test_flash(void)
{
    g_autoptr(GByteArray) bytes = flash();
    g_autoptr(VhRom) rom = parse(bytes);

    g_assert_cmpuint(rom->images->len, ==, 2);
    g_assert_cmpuint(rom->problems->len, ==, 0);
    g_assert_cmpuint(rom->notes->len, ==, 0);
    g_assert_true(rom->complete);
    g_assert_cmpuint(rom->start, ==, NVIDIA_HEADER);
    g_assert_cmpuint(rom->end, ==, NVIDIA_HEADER + X86_SIZE + EFI_SIZE);
    g_assert_cmpstr(rom->before, ==, "NVIDIA's header (NVGI)");
    g_assert_cmpstr(rom->after, ==, "NVIDIA's own images (NPDS)");
    const VhRomImage *x86 = rom->images->pdata[0], *efi = rom->images->pdata[1];
    g_assert_true(x86->has_checksum && x86->checksum_ok && !x86->last && !x86->efi);
    g_assert_cmpuint(x86->vendor, ==, 0x10de);
    g_assert_cmpuint(x86->device, ==, 0x2489);
    g_assert_cmpuint(x86->class_code, ==, 0x030000);
    g_assert_cmpuint(x86->size, ==, X86_SIZE);
    g_assert_true(efi->efi && efi->last && !efi->has_checksum);
    g_assert_cmpstr(vh_rom_machine_name(efi->machine), ==, "x64");
    g_assert_cmpstr(vh_rom_subsystem_name(efi->subsystem), ==, "boot service driver");
    g_assert_cmpuint(efi->compression, ==, 1);
    g_assert_cmpuint(efi->efi_offset, ==, 0x40);
}

static void test_efi_only_and_padding(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    add_image(bytes, VH_ROM_EFI, EFI_SIZE, TRUE);
    g_byte_array_set_size(bytes, 2 * EFI_SIZE);
    memset(bytes->data + EFI_SIZE, 0xff, EFI_SIZE);
    g_autoptr(VhRom) rom = parse(bytes);
    g_assert_cmpuint(rom->end, ==, EFI_SIZE);
    g_assert_cmpstr(rom->after, ==, "padding");
    g_assert_null(rom->before);
    g_assert_nonnull(strstr(rom->notes->pdata[0], "only guests with UEFI firmware"));
    g_assert_true(vh_rom_has(rom, VH_ROM_EFI));
    g_assert_false(vh_rom_has(rom, VH_ROM_X86));
}

static void test_checksum(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    add_image(bytes, VH_ROM_X86, X86_SIZE, TRUE)[0x100]++;
    g_autoptr(VhRom) rom = parse(bytes);
    g_assert_false(((VhRomImage *)rom->images->pdata[0])->checksum_ok);
    g_assert_true(rom->complete);
    assert_problem(rom, "the checksum of image 1 is wrong");
}

static void test_cut_off(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    add_image(bytes, VH_ROM_X86, X86_SIZE, FALSE);
    g_autoptr(VhRom) chain = parse(bytes);
    g_assert_false(chain->complete);
    assert_problem(chain, "says that another one follows, and none does");
    /* The exact end of what must be there, and every length before it. */
    for (guint length = X86_SIZE - 1; length > 0; length--) {
        g_autofree guint8 *exact = g_malloc(length);
        memcpy(exact, bytes->data, length);
        g_autoptr(VhRom) rom = vh_rom_parse(exact, length, NULL);
        g_assert_true((rom != NULL) == (length >= PCIR + 0x18));
        if (rom) {
            g_assert_false(rom->complete);
            g_assert_cmpuint(rom->end, ==, length);
            assert_problem(rom, "it was cut off");
        }
    }
}

/* NVIDIA's own length of the first image is the true one. */
static void test_npde(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    guint8 *image = add_image(bytes, VH_ROM_X86, X86_SIZE, FALSE);

    put(image + PCIR + 0x10, 3, 2);
    memcpy(image + 0x40, "NPDE", 4);
    put(image + 0x48, X86_SIZE / 512, 2);
    add_image(bytes, VH_ROM_EFI, EFI_SIZE, TRUE);
    g_autoptr(VhRom) rom = parse(bytes);
    g_assert_cmpuint(rom->images->len, ==, 2);
    g_assert_cmpuint(rom->end, ==, X86_SIZE + EFI_SIZE);
}

static void test_none(void)
{
    g_autofree guint8 *bytes = g_malloc0((gsize)VH_ROM_MOST + 1);
    static const guint8 isa[512] = {0x55, 0xaa, 1};
    static const guint8 program[64] = {0x7f, 'E', 'L', 'F'};
    static const guint8 words[64] = "#!/bin/sh\n";

    assert_none(bytes, 0, "it is empty");
    assert_none(bytes, 4096, "all its bytes are 00");
    assert_none(bytes, (gsize)VH_ROM_MOST + 1, "larger than the 16 MiB");
    memset(bytes, 0xff, 4096);
    assert_none(bytes, 4096, "all its bytes are ff");
    assert_none(isa, sizeof isa, "no PCIR structure confirms that");
    assert_none(program, sizeof program, "it is a program");
    assert_none(words, sizeof words, "it has no 55 AA header that a PCIR structure confirms");
}

/* Offsets that lead out of the file, or to nothing. */
static void test_offsets(void)
{
    static const struct {
        guint at, value, size;
    } wrong[] = {{0x18, 0xffff, 2},   {0x18, 0, 2},        {0x18, X86_SIZE - 4, 2},
                 {PCIR + 0x10, 0, 2}, {PCIR + 0x0a, 4, 2}, {PCIR, 0x20202020, 4}};

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        put(add_image(bytes, VH_ROM_X86, X86_SIZE, TRUE) + wrong[i].at, wrong[i].value,
            wrong[i].size);
        assert_none(bytes->data, bytes->len, "no PCIR structure confirms that");
    }
}

static void test_endless(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    for (int i = 0; i < 100; i++)
        add_image(bytes, VH_ROM_X86, 512, FALSE);
    g_autoptr(VhRom) rom = parse(bytes);
    g_assert_cmpuint(rom->images->len, ==, 64);
    g_assert_false(rom->complete);
}

/* ---- reading a card ---- */

static VhHost *card_host(const char *driver, const char *more)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) error = NULL;

    add_image(bytes, VH_ROM_X86, X86_SIZE, TRUE);
    g_autofree char *rom = g_base64_encode(bytes->data, bytes->len);
    g_autofree char *snapshot = g_strdup_printf(
        "{\"version\": 1, \"drivers\": [{\"name\": \"bochs-drm\"}, {\"name\": \"vfio-pci\", "
        "\"vfio\": true}], \"functions\": [{\"address\": \"0000:01:00.0\", \"class\": \"0x030000\","
        " \"vendor\": \"0x10de\", \"device\": \"0x2489\", \"group\": 1, \"rom\": \"%s\"%s%s%s%s}, "
        "{\"address\": \"0000:02:00.0\", \"class\": \"0x0c0330\", \"vendor\": \"0x1b21\", "
        "\"device\": \"0x1242\"}, {\"address\": \"0000:00:01.0\", \"class\": \"0x060400\", "
        "\"vendor\": \"0x1b21\", \"device\": \"0x1243\"}]}",
        rom, driver ? ", \"driver\": \"" : "", driver ? driver : "", driver ? "\"" : "", more);
    VhHost *host = vh_sim_new(snapshot, &error);
    g_assert_no_error(error);
    return host;
}

static void assert_refused(VhHost *host, const char *address, gboolean force, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *note = NULL;

    g_assert_null(vh_rom_dump(host, address, force, &note, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, words));
    g_assert_null(note);
}

static void assert_dumped(VhHost *host, const char *address, gboolean force, gboolean noted)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *note = NULL;
    g_autoptr(GBytes) bytes = vh_rom_dump(host, address, force, &note, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(g_bytes_get_size(bytes), ==, X86_SIZE);
    g_assert_true((note != NULL) == noted);
}

static void test_dump(void)
{
    g_autoptr(VhHost) free_card = card_host(NULL, "");
    g_autoptr(VhHost) vfio = card_host("vfio-pci", ", \"rom_needs_free\": true");
    g_autoptr(VhHost) bound = card_host("bochs-drm", ", \"boot_vga\": true");
    g_autoptr(VhHost) blind = card_host("bochs-drm", ", \"rom_needs_free\": true");

    assert_dumped(free_card, "01:00.0", FALSE, FALSE);
    assert_dumped(vfio, "pci_0000_01_00_0", FALSE, FALSE);
    assert_refused(bound, "01:00.0", FALSE, "has the driver bochs-drm");
    g_assert_cmpuint(vh_sim_operations(bound), ==, 0);
    assert_dumped(bound, "01:00.0", TRUE, TRUE);
    assert_refused(blind, "01:00.0", TRUE, "Input/output error");
    assert_refused(free_card, "02:00.0", FALSE, "has no ROM");
    assert_refused(free_card, "00:01.0", TRUE, "is a bridge");
    assert_refused(free_card, "0000:03:00.0", FALSE, "0000:03:00.0");
    assert_refused(free_card, "card", FALSE, "card");
}

/* ---- files ---- */

static void test_paper(void)
{
    g_autofree char *dir = g_dir_make_tmp("vh-paper-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "file", NULL);
    g_autofree char *link_path = g_build_filename(dir, "link", NULL);
    g_autoptr(GError) error = NULL;
    struct stat st;

    g_assert_true(vh_paper_write(path, "one", 3, 0604, FALSE, &error));
    g_assert_false(vh_paper_write(path, "two", 3, 0644, FALSE, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "--force"));
    g_clear_error(&error);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0604);
    g_assert_true(vh_paper_write(path, "three", 5, 0644, TRUE, &error));
    g_autoptr(GBytes) bytes = vh_paper_read(path, 5, &error);
    g_assert_cmpuint(g_bytes_get_size(bytes), ==, 5);
    g_assert_cmpint(memcmp(g_bytes_get_data(bytes, NULL), "three", 5), ==, 0);
    g_assert_null(vh_paper_read(path, 4, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    g_clear_error(&error);

    g_assert_cmpint(symlink(path, link_path), ==, 0);
    g_assert_false(vh_paper_write(link_path, "x", 1, 0644, TRUE, NULL));
    g_assert_cmpint(unlink(link_path), ==, 0);
    g_assert_cmpint(mkfifo(link_path, 0600), ==, 0);
    g_assert_null(vh_paper_read(link_path, 5, &error));
    g_assert_nonnull(strstr(error->message, "no regular file"));
    g_clear_error(&error);
    g_assert_null(vh_paper_read(dir, 5, NULL));
    g_assert_cmpint(unlink(link_path), ==, 0);
    /* What cannot be written leaves nothing behind: the directory is empty but for the file. */
    g_assert_cmpint(unlink(path), ==, 0);
    g_assert_cmpint(g_rmdir(dir), ==, 0);
    g_assert_false(vh_paper_write(path, "x", 1, 0644, FALSE, &error));
    g_assert_true(vh_error_is_gone(error));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rom/flash", test_flash);
    g_test_add_func("/rom/efi-only-and-padding", test_efi_only_and_padding);
    g_test_add_func("/rom/checksum", test_checksum);
    g_test_add_func("/rom/cut-off", test_cut_off);
    g_test_add_func("/rom/npde", test_npde);
    g_test_add_func("/rom/none", test_none);
    g_test_add_func("/rom/offsets", test_offsets);
    g_test_add_func("/rom/endless", test_endless);
    g_test_add_func("/rom/dump", test_dump);
    g_test_add_func("/paper", test_paper);
    return g_test_run();
}

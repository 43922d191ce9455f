// SPDX-License-Identifier: GPL-2.0-or-later
/* vbios dump|info|trim: the option ROM of a card, for libvirt's <rom file='…'/>. */
#include <string.h>

#include "hook/report.h"
#include "hook/verbs.h"
#include "inspect/paper.h"
#include "inspect/rom-dump.h"
#include "inspect/rom.h"

enum { FILE_MODE = 0644 };

static int fail(const GError *error)
{
    return vh_report_failure(NULL, error);
}

static VhRom *parse(const char *path, GBytes *content, GError **error)
{
    gsize length;
    const guint8 *data = g_bytes_get_data(content, &length);
    VhRom *rom = vh_rom_parse(data, length, error);

    if (!rom)
        g_prefix_error(error, "%s: ", path);
    return rom;
}

/* ---- what is in it ---- */

/* A line of its own below the image's; NULL: there is nothing to say. */
static char *details_of(const VhRomImage *image)
{
    GString *text = g_string_new("       ");
    gsize begin = text->len;

    if (image->efi)
        g_string_append_printf(text, "%s, %s%s", vh_rom_machine_name(image->machine),
                               vh_rom_subsystem_name(image->subsystem),
                               image->compression ? ", compressed" : "");
    if (image->cut)
        g_string_append_printf(text, "%scut off", text->len > begin ? ", " : "");
    return g_string_free(text, text->len == begin);
}

static char **row_of(guint number, const VhRomImage *image)
{
    const char *sum = !image->has_checksum ? "-" : image->checksum_ok ? "+good" : "!wrong";
    GPtrArray *row = g_ptr_array_new();

    g_ptr_array_add(row, g_strdup_printf("%u", number));
    g_ptr_array_add(row, g_strdup(vh_rom_code_name(image->code_type)));
    g_ptr_array_add(row, g_strdup_printf("%04x:%04x", image->vendor, image->device));
    g_ptr_array_add(row, g_strdup_printf("%06x", image->class_code));
    g_ptr_array_add(row, g_strdup_printf("0x%06" G_GSIZE_MODIFIER "x", image->offset));
    g_ptr_array_add(row, g_strdup_printf("%" G_GSIZE_FORMAT, image->size));
    g_ptr_array_add(row, g_strdup(sum));
    g_ptr_array_add(row, NULL);
    return (char **)g_ptr_array_free(row, FALSE);
}

static void free_row(gpointer row)
{
    g_strfreev(row);
}

static void show_images(const VhRom *rom)
{
    static const char *const head[] = {"IMAGE",  "TYPE", "DEVICE",   "CLASS",
                                       "OFFSET", "SIZE", "CHECKSUM", NULL};
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(free_row);

    g_ptr_array_add(rows, g_strdupv((char **)head));
    for (guint i = 0; i < rom->images->len; i++) {
        char *details = details_of(rom->images->pdata[i]);
        g_ptr_array_add(rows, row_of(i + 1, rom->images->pdata[i]));
        if (details) {
            char *const row[] = {details, NULL};
            g_ptr_array_add(rows, g_strdupv((char **)row));
        }
        g_free(details);
    }
    vh_report_table(rows);
}

static void show_surroundings(const VhRom *rom, const char *path)
{
    if (!rom->before && !rom->after)
        return;
    if (rom->before)
        vh_report_text("Before the images: %" G_GSIZE_FORMAT " bytes, %s.\n", rom->start,
                       rom->before);
    if (rom->after)
        vh_report_text("Behind the images: %" G_GSIZE_FORMAT " bytes, %s.\n",
                       rom->length - rom->end, rom->after);
    if (rom->before)
        vh_report_text("QEMU needs a file that begins with the first image:\n"
                       "  virt-handoff vbios trim %s OUT\n",
                       path);
}

static void show_judgement(const VhRom *rom)
{
    for (guint i = 0; i < rom->notes->len; i++)
        vh_report_wrapped(0, "Note: ", "%s.", (const char *)rom->notes->pdata[i]);
    for (guint i = 0; i < rom->problems->len; i++)
        vh_report_wrapped(0, "Problem: ", "%s.", (const char *)rom->problems->pdata[i]);
}

static int show(const VhRom *rom, const char *path, gboolean json)
{
    if (json) {
        vh_report_json(vh_rom_variant(rom));
    } else {
        vh_report_text("%s: %" G_GSIZE_FORMAT " bytes, %u image%s\n", path, rom->length,
                       rom->images->len, rom->images->len == 1 ? "" : "s");
        show_images(rom);
        show_surroundings(rom, path);
        show_judgement(rom);
    }
    return rom->problems->len > 0 ? VH_EXIT_FAILED : VH_EXIT_OK;
}

static int info(char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) content = vh_paper_read(argv[0], VH_ROM_MOST, &error);
    g_autoptr(VhRom) rom = content ? parse(argv[0], content, &error) : NULL;

    return rom ? show(rom, argv[0], options->json) : fail(error);
}

/* ---- cutting ---- */

static void tell_cut(const char *where, gsize bytes, const char *what)
{
    if (bytes > 0)
        vh_report_text("Cut off %s: %" G_GSIZE_FORMAT " bytes, %s.\n", where, bytes, what);
}

static int trim(char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) content = vh_paper_read(argv[0], VH_ROM_MOST, &error);
    g_autoptr(VhRom) rom = content ? parse(argv[0], content, &error) : NULL;

    if (!rom)
        return fail(error);
    if (!rom->complete) {
        vh_error_set(&error, VH_ERROR_REFUSED, "%s: %s", argv[0],
                     (const char *)rom->problems->pdata[0]);
        return fail(error);
    }
    const guint8 *data = g_bytes_get_data(content, NULL);
    if (!vh_paper_write(argv[1], data + rom->start, rom->end - rom->start, FILE_MODE,
                        options->force, &error))
        return fail(error);
    tell_cut("in front", rom->start, rom->before);
    tell_cut("behind", rom->length - rom->end, rom->after);
    vh_report_text("%s: %" G_GSIZE_FORMAT " bytes, %u image%s%s\n", argv[1], rom->end - rom->start,
                   rom->images->len, rom->images->len == 1 ? "" : "s",
                   rom->before || rom->after ? "" : "; there was nothing to cut");
    show_judgement(rom);
    return VH_EXIT_OK;
}

/* ---- reading a card ---- */

static int dump(char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhHost) host = vh_machine_host(options, &error);
    g_autofree char *note = NULL;
    g_autoptr(GBytes) content =
        host ? vh_rom_dump(host, argv[0], options->force, &note, &error) : NULL;
    /* Nothing is written that is no ROM: it would only look like one. */
    g_autoptr(VhRom) rom = content ? parse(argv[0], content, &error) : NULL;
    gsize length;

    if (!rom)
        return fail(error);
    const void *data = g_bytes_get_data(content, &length);
    if (!vh_paper_write(argv[1], data, length, FILE_MODE, options->force, &error))
        return fail(error);
    if (note && !options->json)
        vh_report_wrapped(0, "Note: ", "%s.", note);
    return show(rom, argv[1], options->json);
}

static const struct {
    const char *name;
    int arguments;
    const char *usage;
    int (*run)(char **argv, const VhOptions *options);
} actions[] = {
    {"dump", 2, "dump ADDRESS FILE", dump},
    {"info", 1, "info FILE", info},
    {"trim", 2, "trim IN OUT", trim},
};

int vh_verb_vbios(int argc, char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    const char *usage = "dump ADDRESS FILE, info FILE, or trim IN OUT";

    for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(argv[0], actions[i].name) != 0)
            continue;
        if (argc == actions[i].arguments + 1)
            return actions[i].run(argv + 1, options);
        usage = actions[i].usage;
    }
    vh_error_set(&error, VH_ERROR_USAGE, "vbios takes: %s (try: virt-handoff vbios --help)", usage);
    return fail(error);
}

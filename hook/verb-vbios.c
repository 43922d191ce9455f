// SPDX-License-Identifier: GPL-2.0-or-later
/* vbios dump|info|trim: the option ROM of a card, for libvirt's <rom file='…'/>. */
#include <string.h>

#include "base/json.h"
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

/* ---- what is in it: rom is what vh_rom_read has ---- */

/* A line of its own below the image's; NULL: there is nothing to say. */
static char *details_of(GVariant *image)
{
    const char *machine = vh_json_string(image, "machine", NULL);
    GString *text = g_string_new("       ");
    gsize begin = text->len;

    if (machine)
        g_string_append_printf(text, "%s, %s%s", machine, vh_json_string(image, "subsystem", "-"),
                               vh_json_bool(image, "compressed", FALSE) ? ", compressed" : "");
    if (vh_json_bool(image, "cut", FALSE))
        g_string_append_printf(text, "%scut off", text->len > begin ? ", " : "");
    return g_string_free(text, text->len == begin);
}

static char **row_of(guint number, GVariant *image)
{
    gboolean good = FALSE;
    gboolean has_sum = g_variant_lookup(image, "checksum_ok", "b", &good);
    GPtrArray *row = g_ptr_array_new();

    g_ptr_array_add(row, g_strdup_printf("%u", number));
    g_ptr_array_add(row, g_strdup(vh_json_string(image, "type", "-")));
    g_ptr_array_add(row, g_strdup_printf("%s:%s", vh_json_string(image, "vendor", "-"),
                                         vh_json_string(image, "device", "-")));
    g_ptr_array_add(row, g_strdup(vh_json_string(image, "class", "-")));
    g_ptr_array_add(row, g_strdup_printf("0x%06" G_GINT64_MODIFIER "x",
                                         (guint64)vh_json_int(image, "offset", 0)));
    g_ptr_array_add(row, g_strdup_printf("%" G_GINT64_FORMAT, vh_json_int(image, "size", 0)));
    g_ptr_array_add(row, g_strdup(!has_sum ? "-" : good ? "+good" : "!wrong"));
    g_ptr_array_add(row, NULL);
    return (char **)g_ptr_array_free(row, FALSE);
}

static void free_row(gpointer row)
{
    g_strfreev(row);
}

static void show_images(const GPtrArray *images)
{
    static const char *const head[] = {"IMAGE",  "TYPE", "DEVICE",   "CLASS",
                                       "OFFSET", "SIZE", "CHECKSUM", NULL};
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(free_row);

    g_ptr_array_add(rows, g_strdupv((char **)head));
    for (guint i = 0; i < images->len; i++) {
        char *details = details_of(images->pdata[i]);
        g_ptr_array_add(rows, row_of(i + 1, images->pdata[i]));
        if (details) {
            char *const row[] = {details, NULL};
            g_ptr_array_add(rows, g_strdupv((char **)row));
        }
        g_free(details);
    }
    vh_report_table(rows);
}

static void show_surroundings(GVariant *rom, const char *path)
{
    const char *before = vh_json_string(rom, "before", NULL);
    const char *after = vh_json_string(rom, "after", NULL);

    if (before)
        vh_report_text("Before the images: %" G_GINT64_FORMAT " bytes, %s.\n",
                       vh_json_int(rom, "start", 0), before);
    if (after)
        vh_report_text("Behind the images: %" G_GINT64_FORMAT " bytes, %s.\n",
                       vh_json_int(rom, "length", 0) - vh_json_int(rom, "end", 0), after);
    if (before)
        vh_report_text("QEMU needs a file that begins with the first image:\n"
                       "  virt-handoff vbios trim %s OUT\n",
                       path);
}

static void show_sentences(GVariant *rom, const char *key, const char *head)
{
    g_auto(GStrv) sentences = vh_json_strings(rom, key);

    for (gsize i = 0; sentences[i]; i++)
        vh_report_wrapped(0, head, "%s.", sentences[i]);
}

static void show_judgement(GVariant *rom)
{
    show_sentences(rom, "notes", "Note: ");
    show_sentences(rom, "problems", "Problem: ");
}

static int show(GVariant *rom, const char *path, gboolean json)
{
    g_autoptr(GPtrArray) images = vh_json_objects(rom, "images");
    g_auto(GStrv) problems = vh_json_strings(rom, "problems");

    if (json) {
        vh_report_json(rom);
    } else {
        vh_report_text("%s: %" G_GINT64_FORMAT " bytes, %u image%s\n", path,
                       vh_json_int(rom, "length", 0), images->len, images->len == 1 ? "" : "s");
        show_images(images);
        show_surroundings(rom, path);
        show_judgement(rom);
    }
    return problems[0] ? VH_EXIT_FAILED : VH_EXIT_OK;
}

static int info(char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) content = vh_paper_read(argv[0], VH_ROM_MOST, &error);
    g_autoptr(GVariant) rom = content ? vh_rom_read(argv[0], content, &error) : NULL;

    return rom ? show(rom, argv[0], options->json) : fail(error);
}

/* ---- cutting ---- */

static void tell_cut(const char *where, gsize bytes, const char *what)
{
    if (bytes > 0)
        vh_report_text("Cut off %s: %" G_GSIZE_FORMAT " bytes, %s.\n", where, bytes, what);
}

static gboolean require_complete(GVariant *rom, const char *path, GError **error)
{
    g_auto(GStrv) problems = vh_json_strings(rom, "problems");

    return vh_json_bool(rom, "complete", FALSE) ||
           vh_error_set(error, VH_ERROR_REFUSED, "%s: %s", path,
                        problems[0] ? problems[0] : "it is not complete");
}

static int trim(char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) content = vh_paper_read(argv[0], VH_ROM_MOST, &error);
    g_autoptr(GVariant) rom = content ? vh_rom_read(argv[0], content, &error) : NULL;

    if (!rom || !require_complete(rom, argv[0], &error))
        return fail(error);
    gsize length, start = (gsize)vh_json_int(rom, "start", 0);
    gsize size = (gsize)vh_json_int(rom, "end", 0) - start;
    const guint8 *data = g_bytes_get_data(content, &length);
    if (!vh_paper_write(argv[1], data + start, size, FILE_MODE, options->force, &error))
        return fail(error);
    const char *before = vh_json_string(rom, "before", NULL);
    const char *after = vh_json_string(rom, "after", NULL);
    g_autoptr(GPtrArray) images = vh_json_objects(rom, "images");
    tell_cut("in front", start, before);
    tell_cut("behind", length - start - size, after);
    vh_report_text("%s: %" G_GSIZE_FORMAT " bytes, %u image%s%s\n", argv[1], size, images->len,
                   images->len == 1 ? "" : "s",
                   before || after ? "" : "; there was nothing to cut");
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
    g_autoptr(GVariant) rom = content ? vh_rom_read(argv[0], content, &error) : NULL;
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

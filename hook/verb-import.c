// SPDX-License-Identifier: GPL-2.0-or-later
/* import FILE: other hooks' configuration as a per-VM file, and what became of each line of it. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "build-config.h"
#include "hook/report.h"
#include "hook/verbs.h"
#include "inspect/import.h"
#include "inspect/paper.h"

enum { FILE_MODE = 0644, DIRECTORY_MODE = 0755 };

static int fail(const GError *error)
{
    return vh_report_failure(NULL, error);
}

static void report(const VhImport *import)
{
    static const char *const heads[VH_N_IMPORT_VERDICTS] = {
        [VH_IMPORT_TAKEN] = "Taken:",
        [VH_IMPORT_NEEDLESS] = "No longer needed:",
        [VH_IMPORT_PERSON] = "For you to look at:",
    };

    for (guint verdict = 0; verdict < VH_N_IMPORT_VERDICTS; verdict++) {
        gboolean any = FALSE;
        for (guint i = 0; i < import->notes->len; i++) {
            const VhImportNote *note = import->notes->pdata[i];
            if (note->verdict != verdict)
                continue;
            if (!any)
                vh_report_remark("%s\n", heads[verdict]);
            any = TRUE;
            if (note->line > 0)
                vh_report_remark("  %s:%u: %s\n", note->file, note->line, note->text);
            else
                vh_report_remark("  %s: %s\n", note->file, note->text);
        }
    }
}

static GVariant *note_variant(const VhImportNote *note)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "verdict", "s", vh_import_verdict_name(note->verdict));
    g_variant_dict_insert(&dict, "file", "s", note->file);
    g_variant_dict_insert(&dict, "line", "x", (gint64)note->line);
    g_variant_dict_insert(&dict, "text", "s", note->text);
    return g_variant_dict_end(&dict);
}

static void show_json(const VhImport *import, const char *file)
{
    GVariantBuilder notes;
    GVariantDict dict;

    g_variant_builder_init(&notes, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < import->notes->len; i++)
        g_variant_builder_add_value(&notes, note_variant(import->notes->pdata[i]));
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "config", "s", file);
    g_variant_dict_insert_value(
        &dict, "devices",
        g_variant_new_strv((const char *const *)import->devices->pdata, import->devices->len));
    g_variant_dict_insert_value(&dict, "notes", g_variant_builder_end(&notes));
    vh_report_json(g_variant_dict_end(&dict));
}

static gboolean install(const char *file, const VhOptions *options, GError **error)
{
    g_autofree char *name = g_strconcat(options->guest, ".conf", NULL);
    g_autofree char *dir =
        g_build_filename(options->root ? options->root : "/", HOOKS_DIR, "kvm.conf.d", NULL);
    g_autofree char *path = g_build_filename(dir, name, NULL);

    if (!*options->guest || strchr(options->guest, '/') || strlen(name) > NAME_MAX)
        return vh_error_set(error, VH_ERROR_USAGE, "\"%s\" is no guest's name", options->guest);
    if (g_mkdir_with_parents(dir, DIRECTORY_MODE) != 0)
        return vh_error_set_errno(error, errno, "%s", dir);
    if (!vh_paper_write(path, file, strlen(file), FILE_MODE, options->force, error))
        return FALSE;
    g_autofree char *guest = vh_text_operand(options->guest);
    vh_report_remark("%s is written; see what it does: virt-handoff plan %s\n", path, guest);
    return TRUE;
}

static int put_out(const VhImport *import, const char *file, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;

    if (!options->json)
        report(import);
    if (options->guest && !install(file, options, &error))
        return fail(error);
    if (options->json)
        show_json(import, file);
    else if (!options->guest)
        vh_report_text("%s", file);
    return VH_EXIT_OK;
}

int vh_verb_import(int argc, char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhHost) host = vh_machine_host(options, &error);
    g_autoptr(VhImport) import = vh_import_new();

    if (!host || !vh_import_path(import, argv[0], &error))
        return fail(error);
    g_autofree char *file = vh_import_file(import, host, &error);
    return file ? put_out(import, file, options) : fail(error);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* A file, or a directory of scripts such as VFIO-Tools has, from the disk. */
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "inspect/import-private.h"
#include "inspect/paper.h"

enum { MOST_FILES = 200, DEEPEST = 8 };

typedef struct {
    VhImport *import;
    guint files;
} Walk;

/* *@ret_script: whether it says that it is one; may be NULL. */
static gboolean read_file(VhImport *import, const char *path, gboolean *ret_script, GError **error)
{
    g_autoptr(GBytes) bytes = vh_paper_read(path, VH_IMPORT_MOST, error);
    gsize length;

    if (!bytes)
        return FALSE;
    const char *text = g_bytes_get_data(bytes, &length);
    if (ret_script)
        *ret_script = length > 1 && memcmp(text, "#!", 2) == 0;
    return vh_import_text(import, path, text ? text : "", length, error);
}

/* In a directory, a file that is none of ours is worth a note, no more. */
static void walk_file(Walk *walk, const char *path)
{
    const ImportPlace place = {walk->import, path, 0, NULL};
    g_autoptr(GError) error = NULL;

    if (++walk->files > MOST_FILES) {
        if (walk->files == MOST_FILES + 1)
            import_note(&place, VH_IMPORT_PERSON,
                        "too many files: this and later ones were left out");
        return;
    }
    if (!read_file(walk->import, path, NULL, &error))
        import_note(&place, VH_IMPORT_PERSON, "%s", error->message);
    else if (strstr(path, "/qemu.d/"))
        import_note(
            &place, VH_IMPORT_PERSON,
            "where it lies in the hooks' directory it is run as before: take out of it what "
            "is needless now, or take it away");
}

static int by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void walk_directory(Walk *walk, const char *path, guint depth)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    struct stat st;

    for (const char *name = NULL; dir && (name = g_dir_read_name(dir));)
        if (names->len < 10 * MOST_FILES && *name != '.')
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, by_name);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *inner = g_build_filename(path, names->pdata[i], NULL);
        if (lstat(inner, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < DEEPEST)
            walk_directory(walk, inner, depth + 1);
        else if (S_ISREG(st.st_mode))
            walk_file(walk, inner);
    }
}

/* Scripts of several guests would become one file: which guest is it for? */
static gboolean one_guest(const char *path, GError **error)
{
    g_autofree char *tree = g_build_filename(path, "qemu.d", NULL);
    g_autofree char *name = g_path_get_basename(path);
    const char *top = g_str_equal(name, "qemu.d") ? path : tree;
    g_autoptr(GDir) dir = g_dir_open(top, 0, NULL);
    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func(g_free);

    for (const char *guest = NULL; dir && (guest = g_dir_read_name(dir));)
        if (guests->len < IMPORT_MOST_WORDS)
            g_ptr_array_add(guests, vh_text_one_line(guest));
    if (guests->len < 2)
        return TRUE;
    g_ptr_array_sort(guests, by_name);
    g_ptr_array_add(guests, NULL);
    g_autofree char *list = vh_text_list((const char *const *)guests->pdata);
    return vh_error_set(error, VH_ERROR_FAILED,
                        "%s: it has scripts of several guests (%.300s); import one of them: %s/%s",
                        path, list, top, (const char *)guests->pdata[0]);
}

/* Whether nothing in it says that it is what it was taken for; a word or two of a long table are a
 * command's name by chance. A script may well have nothing but commands of its own, which are told
 * one by one. */
static gboolean is_strange(const VhImport *import, gboolean script)
{
    enum { BY_CHANCE = 20 };

    for (guint i = 0; i < import->notes->len; i++)
        if (!((const VhImportNote *)import->notes->pdata[i])->strange)
            return FALSE;
    return !script && import->strange > import->known * BY_CHANCE;
}

static gboolean read_one(VhImport *import, const char *path, GError **error)
{
    gboolean script = FALSE;

    if (!read_file(import, path, &script, error))
        return FALSE;
    return !is_strange(import, script) ||
           vh_error_set(
               error, VH_ERROR_FAILED,
               "%s: hardly a line of it is understood: it is no configuration of a hook, and no "
               "script (which begins with #!)",
               path);
}

gboolean vh_import_path(VhImport *import, const char *path, GError **error)
{
    Walk walk = {import, 0};

    if (!g_file_test(path, G_FILE_TEST_IS_DIR))
        return read_one(import, path, error);
    if (!one_guest(path, error))
        return FALSE;
    walk_directory(&walk, path, 0);
    if (walk.files > 0)
        return TRUE;
    return vh_error_set(error, VH_ERROR_FAILED, "%s: there is no file in it", path);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* A table of guests and their devices: a line of keys, then a line of values for each guest. */
#include <string.h>

#include "inspect/import-private.h"

enum { FEWEST_COLUMNS = 2 };

static char **cells_of(const char *line)
{
    char **cells = g_strsplit(line, strchr(line, ',') ? "," : ";", IMPORT_MOST_WORDS);

    for (gsize i = 0; cells[i]; i++)
        g_strdelimit(cells[i], "\"'\r", ' ');
    for (gsize i = 0; cells[i]; i++)
        g_strstrip(cells[i]);
    return cells;
}

static gboolean is_key(const char *cell)
{
    for (const char *p = cell; *p; p++)
        if (!g_ascii_isalnum(*p) && !strchr("_- ", *p))
            return FALSE;
    return g_ascii_isalpha(*cell);
}

static gboolean is_blank(const char *line)
{
    return *line == '#' || line[strspn(line, " \t\r")] == '\0';
}

gboolean import_is_csv(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint columns = 0, rows = 0;

    for (gsize i = 0; lines[i]; i++) {
        if (is_blank(lines[i]))
            continue;
        g_auto(GStrv) cells = cells_of(lines[i]);
        guint width = g_strv_length(cells);
        for (guint j = 0; j < width && rows == 0; j++)
            if (!is_key(cells[j]))
                return FALSE;
        if (width < FEWEST_COLUMNS || (rows > 0 && width != columns))
            return FALSE;
        columns = width;
        rows++;
    }
    return rows > 1;
}

void import_csv(const ImportPlace *place, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_auto(GStrv) keys = NULL;
    guint guests = 0;

    for (guint i = 0; lines[i]; i++) {
        const ImportPlace here = {place->import, place->file, i + 1, NULL};
        if (is_blank(lines[i]))
            continue;
        g_auto(GStrv) cells = cells_of(lines[i]);
        if (!keys) {
            keys = g_steal_pointer(&cells);
            continue;
        }
        /* One per-VM file is of one guest. */
        if (guests++ > 0) {
            import_note(&here, VH_IMPORT_PERSON,
                        "another guest: it was not taken; import it from a file of its own");
            continue;
        }
        for (gsize j = 0; keys[j] && cells[j]; j++) {
            char *values[] = {cells[j], NULL};
            if (*cells[j])
                import_key(&here, keys[j], values);
        }
    }
}

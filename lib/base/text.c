// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"

#include <string.h>

char *vh_text_one_line(const char *text)
{
    if (!text)
        return g_strdup("");
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *line = g_string_sized_new(strlen(valid));

    for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (c == '\n')
            g_string_append(line, "\\n");
        else if (c == '\t')
            g_string_append(line, "\\t");
        else if (g_unichar_iscntrl(c))
            g_string_append_printf(line, "\\x%02x", c);
        else
            g_string_append_unichar(line, c);
    }
    return g_string_free(line, FALSE);
}

char *vh_text_word(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-./:=+,@%";
    const char *at = text;

    /* A byte of a longer character means nothing to a shell. */
    while (*at && (strchr(plain, *at) || (guchar)*at >= 0x80))
        at++;
    return *text && !*at ? g_strdup(text) : g_shell_quote(text);
}

char *vh_text_operand(const char *text)
{
    g_autofree char *word = vh_text_word(text);

    return g_strconcat(*text == '-' ? "-- " : "", word, NULL);
}

static gboolean same(char a, char b)
{
    return g_ascii_tolower(a) == g_ascii_tolower(b);
}

/* Edit distance, in which two letters in the wrong order are one slip (optimal string alignment),
 * and capitals are none. */
static gsize distance(const char *a, const char *b)
{
    gsize width = strlen(b) + 1, height = strlen(a) + 1;
    g_autofree gsize *cells = g_new(gsize, width * height);

    for (gsize i = 0; i < height; i++) {
        for (gsize j = 0; j < width; j++) {
            gsize *cell = &cells[i * width + j];
            if (i == 0 || j == 0) {
                *cell = i + j;
                continue;
            }
            gsize change = *(cell - width - 1) + (same(a[i - 1], b[j - 1]) ? 0 : 1);
            *cell = MIN(change, MIN(*(cell - 1), *(cell - width)) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                *cell = MIN(*cell, *(cell - 2 * width - 2) + 1);
        }
    }
    return cells[width * height - 1];
}

const char *vh_text_nearest(const char *word, const char *const *words)
{
    const char *best = NULL;
    gsize limit = MAX(strlen(word) / 3, 1) + 1;

    /* A key typed by hand is short; a longer one is no slip of ours. */
    if (strlen(word) > 64)
        return NULL;
    for (; *words; words++) {
        gsize d = distance(word, *words);
        if (d < limit) {
            limit = d;
            best = *words;
        }
    }
    return best;
}

char *vh_text_list(const char *const *words)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; words[i]; i++) {
        if (i > 0)
            g_string_append(text, words[i + 1] ? ", " : " and ");
        g_string_append(text, words[i]);
    }
    return g_string_free(text, FALSE);
}

char **vh_text_wrap(const char *text, glong width)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    g_autoptr(GString) line = g_string_new(NULL);
    GPtrArray *lines = g_ptr_array_new();

    for (gsize i = 0; words[i]; i++) {
        if (line->len > 0 &&
            g_utf8_strlen(line->str, -1) + 1 + g_utf8_strlen(words[i], -1) > width) {
            g_ptr_array_add(lines, g_strdup(line->str));
            g_string_truncate(line, 0);
        }
        g_string_append_printf(line, "%s%s", line->len ? " " : "", words[i]);
    }
    g_ptr_array_add(lines, g_strdup(line->str));
    g_ptr_array_add(lines, NULL);
    return (char **)g_ptr_array_free(lines, FALSE);
}

char *vh_text_number(guint64 number)
{
    GString *text = g_string_new(NULL);

    g_string_printf(text, "%" G_GUINT64_FORMAT, number);
    for (gsize at = text->len; at > 3;) {
        at -= 3;
        g_string_insert_c(text, (gssize)at, ',');
    }
    return g_string_free(text, FALSE);
}

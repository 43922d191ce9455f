// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/diff.h"

#include <string.h>

/* MOST_CELLS bounds the table of the comparison: 64 MiB. */
enum { CONTEXT = 2, MOST_CELLS = 16 * 1024 * 1024 };

/* Lines of the part in which the texts differ, and what is common to all of their lines there:
 * common[i * (n_after + 1) + j] is the length of the longest sequence of lines that are in both
 * texts from i and j on. */
typedef struct {
    char **before, **after;
    gsize n_before, n_after;
    guint32 *common;
} Middle;

static char **split(const char *text)
{
    g_autofree char *copy = g_strdup(text);
    gsize length = strlen(copy);

    if (length > 0 && copy[length - 1] == '\n')
        copy[length - 1] = '\0';
    return g_strsplit(copy, "\n", -1);
}

static guint32 *cell(const Middle *middle, gsize i, gsize j)
{
    return &middle->common[i * (middle->n_after + 1) + j];
}

static void compare(Middle *middle)
{
    if ((middle->n_before + 1) > MOST_CELLS / (middle->n_after + 1))
        return;
    middle->common = g_new0(guint32, (middle->n_before + 1) * (middle->n_after + 1));
    for (gsize i = middle->n_before; i-- > 0;)
        for (gsize j = middle->n_after; j-- > 0;)
            *cell(middle, i, j) = g_str_equal(middle->before[i], middle->after[j])
                                      ? *cell(middle, i + 1, j + 1) + 1
                                      : MAX(*cell(middle, i + 1, j), *cell(middle, i, j + 1));
}

static void put(GPtrArray *lines, char mark, const char *line)
{
    g_ptr_array_add(lines, g_strdup_printf("%c%s", mark, line));
}

static void put_middle(GPtrArray *lines, const Middle *middle)
{
    gsize i = 0, j = 0;

    while (middle->common && i < middle->n_before && j < middle->n_after)
        if (g_str_equal(middle->before[i], middle->after[j])) {
            put(lines, ' ', middle->before[i++]);
            j++;
        } else if (*cell(middle, i + 1, j) >= *cell(middle, i, j + 1))
            put(lines, '-', middle->before[i++]);
        else
            put(lines, '+', middle->after[j++]);
    while (i < middle->n_before)
        put(lines, '-', middle->before[i++]);
    while (j < middle->n_after)
        put(lines, '+', middle->after[j++]);
}

/* Whether a line within CONTEXT of that one differs. */
static gboolean is_near(const GPtrArray *lines, guint i)
{
    guint first = i > CONTEXT ? i - CONTEXT : 0;

    for (guint k = first; k < lines->len && k <= i + CONTEXT; k++)
        if (*(const char *)lines->pdata[k] != ' ')
            return TRUE;
    return FALSE;
}

static GPtrArray *shorten(const GPtrArray *lines)
{
    GPtrArray *shown = g_ptr_array_new_with_free_func(g_free);
    gboolean gap = FALSE;

    for (guint i = 0; i < lines->len; i++) {
        gboolean near = is_near(lines, i);
        if (near && gap && shown->len > 0)
            g_ptr_array_add(shown, g_strdup("..."));
        if (near)
            g_ptr_array_add(shown, g_strdup(lines->pdata[i]));
        gap = !near;
    }
    return shown;
}

GPtrArray *vh_diff_lines(const char *before, const char *after)
{
    g_auto(GStrv) old = split(before);
    g_auto(GStrv) new = split(after);
    gsize n_old = g_strv_length(old), n_new = g_strv_length(new), head = 0, tail = 0;
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    while (head < n_old && head < n_new && g_str_equal(old[head], new[head]))
        put(lines, ' ', old[head++]);
    while (tail < n_old - head && tail < n_new - head &&
           g_str_equal(old[n_old - 1 - tail], new[n_new - 1 - tail]))
        tail++;
    Middle middle = {old + head, new + head, n_old - head - tail, n_new - head - tail, NULL};
    compare(&middle);
    put_middle(lines, &middle);
    g_free(middle.common);
    for (gsize i = n_old - tail; i < n_old; i++)
        put(lines, ' ', old[i]);
    return shorten(lines);
}

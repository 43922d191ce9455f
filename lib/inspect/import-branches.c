// SPDX-License-Identifier: GPL-2.0-or-later
/* Which of libvirt's operations a line of a script is for: by its place in the tree of VFIO-Tools,
 * or by the "if" and "case" around it. Nothing is evaluated: a comparison with the name of one
 * operation counts, and everything else says nothing. */
#include <string.h>

#include "inspect/import-private.h"

static const struct {
    const char *at, *place;
    gboolean after; /* the guest has ended */
} phases[] = {
    {"prepare", "/prepare/begin/", FALSE}, {"start", "/start/begin/", FALSE},
    {"started", "/started/begin/", FALSE}, {"stopped", "/stopped/end/", TRUE},
    {"release", "/release/end/", TRUE},
};

gboolean import_is_after(const char *at)
{
    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++)
        if (at && g_str_equal(phases[i].at, at))
            return phases[i].after;
    return FALSE;
}

const char *import_operation_of_file(const char *file)
{
    g_autofree char *whole = g_strdup_printf("/%s/", file);

    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++)
        if (strstr(whole, phases[i].place))
            return phases[i].at;
    return NULL;
}

/* "prepare", "prepare/begin", "win10 prepare": the operation in it, or NULL. */
static const char *operation_in(const char *word)
{
    g_auto(GStrv) parts = g_strsplit_set(word, "/ ", 8);

    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++)
        if (g_strv_contains((const char *const *)parts, phases[i].at))
            return phases[i].at;
    return NULL;
}

/* ---- the branches that are open ---- */

enum { DEEPEST = 32 };

/* What the innermost compares with, as far as it was read: one operation, or too much. */
struct ImportBranches {
    const char *open[DEEPEST]; /* of each; NULL: not known */
    guint depth;
    gboolean condition, unclear;
    const char *found;
};

ImportBranches *import_branches_new(void)
{
    return g_new0(ImportBranches, 1);
}

const char *import_branches_now(const ImportBranches *branches)
{
    gboolean known = branches->depth > 0 && branches->depth <= DEEPEST;

    return known ? branches->open[branches->depth - 1] : NULL;
}

static void set(ImportBranches *branches, const char *at)
{
    const char *around = branches->depth > 1 && branches->depth <= DEEPEST
                             ? branches->open[branches->depth - 2]
                             : NULL;

    if (branches->depth > 0 && branches->depth <= DEEPEST)
        branches->open[branches->depth - 1] = at ? at : around;
    branches->found = NULL;
    branches->unclear = FALSE;
}

static void find(ImportBranches *branches, const char *at)
{
    branches->unclear |= at && branches->found && branches->found != at;
    if (at)
        branches->found = at;
}

void import_branches_keyword(ImportBranches *branches, const char *word)
{
    gboolean opens = g_str_equal(word, "if") || g_str_equal(word, "case");
    gboolean tests = g_str_equal(word, "if") || g_str_equal(word, "elif");

    branches->depth += opens ? 1 : 0;
    if (opens || tests || g_str_equal(word, "else"))
        set(branches, NULL);
    if (g_str_equal(word, "then"))
        set(branches, branches->unclear ? NULL : branches->found);
    if (tests || g_str_equal(word, "then"))
        branches->condition = tests;
    branches->unclear |= branches->condition && g_str_equal(word, "!");
    if (branches->depth > 0 && (g_str_equal(word, "fi") || g_str_equal(word, "esac")))
        branches->depth--;
}

void import_branches_statement(ImportBranches *branches, const GPtrArray *words)
{
    for (guint i = 0; branches->condition && i < words->len; i++) {
        const char *word = words->pdata[i];
        branches->unclear |= g_str_equal(word, "!");
        if ((g_str_equal(word, "=") || g_str_equal(word, "==")) && i + 1 < words->len)
            find(branches, operation_in(words->pdata[i + 1]));
    }
}

void import_branches_pattern(ImportBranches *branches, const GPtrArray *words)
{
    const char *at = words->len > 0 ? operation_in(words->pdata[words->len - 1]) : NULL;

    branches->unclear |= !at;
    find(branches, at);
}

void import_branches_pattern_end(ImportBranches *branches)
{
    set(branches, branches->unclear ? NULL : branches->found);
}

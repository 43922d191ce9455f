// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/problems.h"

#include "base/text.h"

enum { MAX_PROBLEMS = 50 }; /* more than anybody reads, and a bound on the message */

typedef struct {
    guint line;
    char *text;
} Problem;

struct VhProblems {
    char *path;
    GPtrArray *list; /* Problem */
    guint more;      /* beyond MAX_PROBLEMS */
};

static void problem_free(gpointer data)
{
    Problem *problem = data;

    g_free(problem->text);
    g_free(problem);
}

VhProblems *vh_problems_new(const char *path)
{
    VhProblems *problems = g_new0(VhProblems, 1);

    problems->path = vh_text_one_line(path);
    problems->list = g_ptr_array_new_with_free_func(problem_free);
    return problems;
}

void vh_problems_free(VhProblems *problems)
{
    if (!problems)
        return;
    g_free(problems->path);
    g_ptr_array_unref(problems->list);
    g_free(problems);
}

void vh_problems_add(VhProblems *problems, guint line, const char *key, const char *format, ...)
{
    va_list args;

    if (problems->list->len >= MAX_PROBLEMS) {
        problems->more++;
        return;
    }
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    Problem *problem = g_new0(Problem, 1);
    problem->line = line;
    problem->text = g_strdup_printf("%s:%u: %s%s%s", problems->path, line, key ? key : "",
                                    key ? ": " : "", text);
    g_ptr_array_add(problems->list, problem);
}

static gint by_line(gconstpointer a, gconstpointer b)
{
    const Problem *left = *(const Problem *const *)a, *right = *(const Problem *const *)b;

    return left->line < right->line ? -1 : left->line > right->line;
}

gboolean vh_problems_finish(VhProblems *problems, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (problems->list->len == 0)
        return TRUE;
    g_ptr_array_sort(problems->list, by_line);
    for (guint i = 0; i < problems->list->len; i++) {
        const Problem *problem = problems->list->pdata[i];
        g_string_append_printf(text, "%s%s", i > 0 ? "\n" : "", problem->text);
    }
    if (problems->more > 0)
        g_string_append_printf(text, "\n%s: and %u more", problems->path, problems->more);
    return vh_error_set(error, VH_ERROR_CONFIG, "%s", text->str);
}

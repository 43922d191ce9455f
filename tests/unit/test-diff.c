// SPDX-License-Identifier: GPL-2.0-or-later
/* The lines that differ between two texts. */
#include <string.h>

#include "inspect/diff.h"

static void check(const char *before, const char *after, const char *wanted)
{
    g_autoptr(GPtrArray) lines = vh_diff_lines(before, after);

    g_ptr_array_add(lines, NULL);
    g_autofree char *found = g_strjoinv("|", (char **)lines->pdata);
    g_assert_cmpstr(found, ==, wanted);
}

static void test_differences(void)
{
    check("", "", "");
    check("a\nb\n", "a\nb\n", "");
    check("a\nb", "a\nb\n", "");
    check("a\nb\nc\nd\n", "a\nb\nc\nx\nd\n", " b| c|+x| d");
    check("a\nb\nc\nd\n", "a\nc\nd\n", " a|-b| c| d");
    check("a\nb\nc\n", "a\nB\nc\n", " a|-b|+B| c");
    check("1\n2\n3\n4\n5\n6\n7\n8\n", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", "+0| 1| 2|...| 7| 8|+9");
    check("h\n1\n2\n3\n4\nt\n", "h\nx\n1\n2\n3\n4\ny\nt\n", " h|+x| 1| 2| 3| 4|+y| t");
}

/* Too different to compare: shown whole, in bounded memory. */
static void test_large(void)
{
    g_autoptr(GString) before = g_string_new(NULL);
    g_autoptr(GString) after = g_string_new(NULL);

    for (guint i = 0; i < 5000; i++) {
        g_string_append_printf(before, "b%u\n", i);
        g_string_append_printf(after, "a%u\n", i);
    }
    g_autoptr(GPtrArray) lines = vh_diff_lines(before->str, after->str);
    g_assert_cmpuint(lines->len, ==, 10000);
    g_assert_cmpstr(lines->pdata[0], ==, "-b0");
    g_assert_cmpstr(lines->pdata[5000], ==, "+a0");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/diff/differences", test_differences);
    g_test_add_func("/diff/large", test_large);
    return g_test_run();
}

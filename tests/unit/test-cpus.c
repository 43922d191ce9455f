// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets of CPUs, in all the ways they are written. */
#include "base/cpus.h"

static void test_ways(void)
{
    static const struct {
        const char *written, *list, *mask;
        gsize bytes;
    } cases[] = {
        {"", "", "0", 0},
        {"0", "0", "1", 1},
        {" 0-3,8 \n", "0-3,8", "10f", 2},
        {"3,2,1,0", "0-3", "f", 1},
        {"0-7,^2,^4", "0-1,3,5-7", "eb", 1},
        {"31,32", "31-32", "1,80000000", 5},
        {"0-63", "0-63", "ffffffff,ffffffff", 8},
        {"64", "64", "1,00000000,00000000", 9},
        {"8191", "8191", NULL, 1024},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        VhCpus cpus, again;
        g_assert_true(vh_cpus_parse(cases[i].written, &cpus));
        g_autofree char *list = vh_cpus_list(&cpus);
        g_autofree char *mask = vh_cpus_mask(&cpus);
        g_assert_cmpstr(list, ==, cases[i].list);
        if (cases[i].mask)
            g_assert_cmpstr(mask, ==, cases[i].mask);
        g_assert_cmpuint(vh_cpus_length(&cpus), ==, cases[i].bytes);
        g_assert_true(vh_cpus_parse_mask(mask, &again));
        g_autofree char *back = vh_cpus_list(&again);
        g_assert_cmpstr(back, ==, cases[i].list);
        vh_cpus_from_bytes(cpus.bytes, cases[i].bytes, &again);
        g_autofree char *bytes = vh_cpus_list(&again);
        g_assert_cmpstr(bytes, ==, cases[i].list);
    }
}

static void test_none(void)
{
    static const char *const lists[] = {"a",    "1-",    "-1",    "3-1", "1,,2",
                                        "8192", "99999", "0-1 2", "1,"};
    static const char *const masks[] = {"", "0x", "g", "f f", ","};
    VhCpus cpus;

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        g_assert_false(vh_cpus_parse(lists[i], &cpus));
    for (gsize i = 0; i < G_N_ELEMENTS(masks); i++)
        g_assert_false(vh_cpus_parse_mask(masks[i], &cpus));
    g_assert_true(vh_cpus_parse_mask("0x3", &cpus));
}

static void test_sets(void)
{
    VhCpus a, b;

    g_assert_true(vh_cpus_parse("0-3", &a));
    g_assert_true(vh_cpus_parse("2-5", &b));
    const VhCpus common = vh_cpus_common(&a, &b), rest = vh_cpus_without(&a, &b);
    g_autofree char *in_both = vh_cpus_list(&common);
    g_autofree char *in_one = vh_cpus_list(&rest);
    g_assert_cmpstr(in_both, ==, "2-3");
    g_assert_cmpstr(in_one, ==, "0-1");
    vh_cpus_add(&a, &b);
    g_autofree char *in_any = vh_cpus_list(&a);
    g_assert_cmpstr(in_any, ==, "0-5");
    g_assert_true(vh_cpus_has(&a, 5));
    g_assert_false(vh_cpus_has(&a, 6));
    g_assert_false(vh_cpus_has(&a, VH_CPUS_MOST));
    g_assert_true(vh_cpus_same("0,1", "1,0"));
    g_assert_false(vh_cpus_same("0,1", "0-2"));
    g_assert_true(vh_cpus_same("powersave", "powersave"));
    g_assert_false(vh_cpus_same("powersave", "1"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cpus/ways", test_ways);
    g_test_add_func("/cpus/none", test_none);
    g_test_add_func("/cpus/sets", test_sets);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses, error codes, JSON and words. */
#include <errno.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"
#include "base/event.h"
#include "base/json.h"
#include "base/text.h"

static void test_address_forms(void)
{
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"0000:09:00.0", "0000:09:00.0"},     {"09:00.0", "0000:09:00.0"},
        {"pci_0000_0C_00_3", "0000:0c:00.3"}, {"0000:0A:1f.7", "0000:0a:1f.7"},
        {"10000:01:00.0", "10000:01:00.0"},   {"9:8.0", "0000:09:08.0"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *got = vh_address_canonical(cases[i].text, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(got, ==, cases[i].canonical);
    }
}

static void test_address_rejects(void)
{
    static const char *const bad[] = {
        "",        "pci_0000_00:00.0", "pci_0000_",    "01:00",           "0000:01:20.0",
        "01:00.8", "0000:01:00.0 ",    "x0000:01:0.0", "000000000:1:0.0", "01:00.0x",
        "\n",      "0000:100:00.0",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *got = vh_address_canonical(bad[i], &error);
        g_assert_error(error, VH_ERROR, VH_ERROR_USAGE);
        g_assert_null(got);
    }
    g_assert_null(vh_address_canonical(NULL, NULL));
}

static void test_address_order(void)
{
    g_assert_cmpint(vh_address_compare("0000:09:00.0", "0000:0a:00.0"), <, 0);
    g_assert_cmpint(vh_address_compare("10000:00:00.0", "0000:0a:00.0"), >, 0);
    g_assert_cmpint(vh_address_compare("0000:09:00.0", "0000:09:00.0"), ==, 0);
    g_assert_true(vh_address_same_slot("0000:09:00.0", "0000:09:00.3"));
    g_assert_false(vh_address_same_slot("0000:09:00.0", "0000:09:01.0"));
}

static void test_error_of_errno(void)
{
    static const struct {
        int errnum;
        VhError code;
    } cases[] = {{ENODEV, VH_ERROR_GONE},
                 {EBUSY, VH_ERROR_BUSY},
                 {EACCES, VH_ERROR_DENIED},
                 {ETIMEDOUT, VH_ERROR_TIMEOUT},
                 {EIO, VH_ERROR_FAILED}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(vh_error_set_errno(&error, cases[i].errnum, "%s", "thing"));
        g_assert_error(error, VH_ERROR, (gint)cases[i].code);
        g_assert_true(g_str_has_prefix(error->message, "thing: "));
    }
    g_assert_false(vh_error_is_gone(NULL));
}

static void test_json_round_trip(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) dict = vh_json_parse(
        "{\"s\":\"a\\n\",\"n\":-5,\"b\":true,\"l\":[\"x\",1,\"y\"],\"o\":{\"k\":\"v\"},"
        "\"objects\":[{\"a\":1},2,{\"a\":2}],\"empty\":[],"
        "\"min\":-9223372036854775808,\"max\":9223372036854775807,\"z\":null,\"d\":-1.5e3,"
        "\"u\":\"\\\"\\\\\\/\\b\\f\\r\\t\\ud83d\\uDE00\"}\r\n\t ",
        -1, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(vh_json_string(dict, "s", NULL), ==, "a\n");
    g_assert_cmpint(vh_json_int(dict, "n", 0), ==, -5);
    g_assert_true(vh_json_bool(dict, "b", FALSE));
    g_auto(GStrv) list = vh_json_strings(dict, "l");
    g_assert_cmpuint(g_strv_length(list), ==, 2);
    g_assert_cmpstr(list[1], ==, "y");
    g_auto(GStrv) empty = vh_json_strings(dict, "empty");
    g_assert_cmpuint(g_strv_length(empty), ==, 0);
    g_autoptr(GVariant) object = vh_json_object(dict, "o");
    g_assert_cmpstr(vh_json_string(object, "k", NULL), ==, "v");
    g_autoptr(GPtrArray) objects = vh_json_objects(dict, "objects");
    g_assert_cmpuint(objects->len, ==, 2);
    g_assert_cmpint(vh_json_int(objects->pdata[1], "a", 0), ==, 2);
    g_assert_cmpstr(vh_json_string(dict, "n", "fallback"), ==, "fallback");
    g_assert_cmpint(vh_json_int(dict, "min", 0), ==, G_MININT64);
    g_assert_cmpint(vh_json_int(dict, "max", 0), ==, G_MAXINT64);
    g_assert_cmpstr(vh_json_string(dict, "u", NULL), ==, "\"\\/\b\f\r\t\xf0\x9f\x98\x80");

    g_assert_cmpint(vh_json_int(dict, "d", 7), ==, 7);

    g_autofree char *line = vh_json_line(dict);
    g_assert_null(strchr(line, '\n'));
    g_autoptr(GVariant) again = vh_json_parse(line, -1, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(vh_json_string(again, "s", NULL), ==, "a\n");
}

static void test_json_place(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(vh_json_parse("{\"a\": 1,\n  \"b\": 'x'}", -1, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    g_assert_cmpstr(error->message, ==, "not JSON: line 2, column 8");
}

static void test_json_rejects(void)
{
    static const char *const bad[] = {
        "", "[]", "{", "nul", "{\"a\":}", "\"x\"", "{} {}", "\xff", "}", "{}}", "var a = {};",
        "{/* */}", "{} // x", "{\"a\":1,}", "{\"a\":TRUE}", "{\"a\":'x'}", "{\"a\":\"\n\"}",
        "{\"a\":\"x}", "{\"a\":\"\\", "{\"a\":\"\\u00e", "{\"a\":\"\\u00xy\"}",
        /* What json-glib would make something else of. */
        "{\"a\":\"\\377\"}", "{\"a\":\"\\u0000b\"}", "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\ud800nuxxxxxxxx\"}", "{\"a\":\"\\udc00\\ud800\"}",
        "{\"a\":9223372036854775808}", "{\"a\":-9223372036854775809}", "{\"a\":1e999}",
        "{\"a\":010}", "{\"a\":-}", "{\"a\":1.5.5}", "{\"a\":0x10}", "{\"a\":- 1}", "{\"a\":nan}",
        /* A comment that hides the depth. */
        "{/* \" "
        "*/"
        "\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"};
    g_autoptr(GString) deep = g_string_new("{\"a\":");

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(vh_json_parse(bad[i], -1, &error));
        g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    }
    for (int i = 0; i < 100000; i++)
        g_string_append_c(deep, '[');
    g_autoptr(GError) error = NULL;
    g_assert_null(vh_json_parse(deep->str, (gssize)deep->len, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
}

static void test_one_line(void)
{
    g_autofree char *line = vh_text_one_line("a\nb\t\x1b[1m\xff");

    g_assert_cmpstr(line, ==, "a\\nb\\t\\x1b[1m\xef\xbf\xbd");
    g_autofree char *none = vh_text_one_line(NULL);
    g_assert_cmpstr(none, ==, "");
}

static void test_word(void)
{
    static const struct {
        const char *text, *word, *operand;
    } cases[] = {
        {"win10", "win10", "win10"},     {"Büro", "Büro", "Büro"},
        {"a b", "'a b'", "'a b'"},       {"O'Brien", "'O'\\''Brien'", "'O'\\''Brien'"},
        {"$(id)", "'$(id)'", "'$(id)'"}, {"-rf", "-rf", "-- -rf"},
        {"-r f", "'-r f'", "-- '-r f'"}, {"", "''", "''"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *word = vh_text_word(cases[i].text);
        g_autofree char *operand = vh_text_operand(cases[i].text);
        g_assert_cmpstr(word, ==, cases[i].word);
        g_assert_cmpstr(operand, ==, cases[i].operand);
    }
}

static void test_nearest(void)
{
    static const char *const words[] = {"devices", "driver", "modules", "stop", NULL};

    g_assert_cmpstr(vh_text_nearest("device", words), ==, "devices");
    g_assert_cmpstr(vh_text_nearest("modulse", words), ==, "modules");
    g_assert_cmpstr(vh_text_nearest("sotp", words), ==, "stop");
    g_assert_cmpstr(vh_text_nearest("MODULES", words), ==, "modules");
    g_assert_cmpstr(vh_text_nearest("STPO", words), ==, "stop");
    g_assert_null(vh_text_nearest("wallpaper", words));
    g_assert_null(vh_text_nearest("", words));
}

static void test_list(void)
{
    static const char *const three[] = {"a", "b", "c", NULL};
    g_autofree char *text = vh_text_list(three);

    g_assert_cmpstr(text, ==, "a, b and c");
}

static void test_event_ids(void)
{
    for (VhEventKind a = 0; a < VH_N_EVENTS; a++) {
        g_assert_cmpuint(strlen(vh_event_message_id(a)), ==, 32);
        g_assert_nonnull(vh_event_name(a));
        for (VhEventKind b = 0; b < a; b++)
            g_assert_cmpstr(vh_event_message_id(a), !=, vh_event_message_id(b));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/address/forms", test_address_forms);
    g_test_add_func("/address/rejects", test_address_rejects);
    g_test_add_func("/address/order", test_address_order);
    g_test_add_func("/error/errno", test_error_of_errno);
    g_test_add_func("/json/round-trip", test_json_round_trip);
    g_test_add_func("/json/place", test_json_place);
    g_test_add_func("/json/rejects", test_json_rejects);
    g_test_add_func("/text/one-line", test_one_line);
    g_test_add_func("/text/word", test_word);
    g_test_add_func("/text/nearest", test_nearest);
    g_test_add_func("/text/list", test_list);
    g_test_add_func("/event/ids", test_event_ids);
    return g_test_run();
}

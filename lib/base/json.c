// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/json.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "base/confined.h"
#include "base/error.h"

enum { MAX_DEPTH = 32 };

/* ---- what json-glib does not check ---- */

/* The 16 bits of the escape "\uXXXX" at the start of @text, 0 when it is none. */
static guint escaped_unit(const char *text, gsize length)
{
    guint unit = 0;

    if (length < 6 || text[0] != '\\' || text[1] != 'u')
        return 0;
    for (gsize i = 2; i < 6; i++) {
        if (!g_ascii_isxdigit(text[i]))
            return 0;
        unit = unit * 16 + (guint)g_ascii_xdigit_value(text[i]);
    }
    return unit;
}

/* Length of the escape at the start of @text, 0 when it is none of JSON's or a NUL: json-glib takes
 * octal ones and halves of surrogates, which make broken UTF-8, and cuts the text at a NUL. */
static gsize escape_length(const char *text, gsize length)
{
    guint unit = escaped_unit(text, length);

    if (unit >= 0xd800 && unit < 0xdc00) {
        guint low = escaped_unit(text + 6, length - 6);
        return low >= 0xdc00 && low < 0xe000 ? 12 : 0;
    }
    if (unit > 0)
        return unit >= 0xdc00 && unit < 0xe000 ? 0 : 6;
    return length >= 2 && text[1] && strchr("\"\\/bfnrt", text[1]) ? 2 : 0;
}

static gsize string_length(const char *text, gsize length)
{
    gsize i = 1;

    while (i < length && text[i] != '"') {
        gsize n = text[i] == '\\' ? escape_length(text + i, length - i) : 1;
        if (n == 0 || (guchar)text[i] < ' ')
            return 0;
        i += n;
    }
    return i < length ? i + 1 : 0;
}

/* true, false, null, or a number: json-glib takes octal ones and lets large ones overflow. */
static gsize word_length(const char *text, gsize length)
{
    static const char *const words[] = {"true", "false", "null", NULL};
    gsize n = 0;
    char *end = NULL;

    while (n < length && text[n] && (g_ascii_isalnum(text[n]) || strchr("+-.", text[n])))
        n++;
    g_autofree char *word = g_strndup(text, n);
    if (g_strv_contains(words, word))
        return n;
    const char *digits = word + (*word == '-');
    if (!g_ascii_isdigit(*digits) || (*digits == '0' && g_ascii_isalnum(digits[1])))
        return 0;
    if (!digits[strspn(digits, "0123456789")])
        return g_ascii_string_to_signed(word, 10, G_MININT64, G_MAXINT64, NULL, NULL) ? n : 0;
    return isfinite(g_ascii_strtod(word, &end)) && *end == '\0' ? n : 0;
}

/* Length of what begins at @text, 0 when it is nothing of JSON. */
static gsize token_length(const char *text, gsize length)
{
    if (*text == '"')
        return string_length(text, length);
    return *text && strchr("{}[]:,", *text) ? 1 : word_length(text, length);
}

static gboolean refuse_at(const char *text, gsize at, GError **error)
{
    guint line = 1;
    gsize start = 0;

    for (gsize i = 0; i < at; i++)
        if (text[i] == '\n') {
            line++;
            start = i + 1;
        }
    return vh_error_set(error, VH_ERROR_FAILED, "not JSON: line %u, column %" G_GSIZE_FORMAT, line,
                        at - start + 1);
}

/*
 * One object, and nothing but space around it: json-glib takes comments, which could hide what
 * follows, assignments ("var x = {}") and several values one after the other. It parses and
 * converts by recursion, so the depth is bounded before it sees the text.
 */
static gboolean check_text(const char *text, gsize length, GError **error)
{
    guint depth = 0;
    gboolean over = FALSE;

    for (gsize i = 0, n = 1; i < length; i += n) {
        n = 1;
        if (strchr(" \t\r\n", text[i]))
            continue;
        if (over || (depth == 0 && text[i] != '{'))
            return vh_error_set(error, VH_ERROR_FAILED, "not one JSON object");
        n = token_length(text + i, length - i);
        if (n == 0)
            return refuse_at(text, i, error);
        if (strchr("{[", text[i]) && ++depth > MAX_DEPTH)
            return vh_error_set(error, VH_ERROR_FAILED, "nested deeper than %d", MAX_DEPTH);
        if (strchr("}]", text[i]))
            over = --depth == 0;
    }
    return TRUE;
}

GVariant *vh_json_parse(const char *text, gssize length, GError **error)
{
    gsize size = length < 0 ? strlen(text) : (gsize)length;
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    g_autoptr(GError) cause = NULL;

    if (!g_utf8_validate(text, (gssize)size, NULL)) {
        vh_error_set(error, VH_ERROR_FAILED, "not UTF-8 text");
        return NULL;
    }
    if (!check_text(text, size, error))
        return NULL;
    if (!json_parser_load_from_data(parser, text, (gssize)size, &cause)) {
        vh_error_set(error, VH_ERROR_FAILED, "not JSON: %s", cause->message);
        return NULL;
    }
    JsonNode *root = json_parser_get_root(parser);
    if (!root || !JSON_NODE_HOLDS_OBJECT(root)) {
        vh_error_set(error, VH_ERROR_FAILED, "not a JSON object");
        return NULL;
    }
    GVariant *value = json_gvariant_deserialize(root, NULL, &cause);
    if (!value) {
        vh_error_set(error, VH_ERROR_FAILED, "JSON not understood: %s", cause->message);
        return NULL;
    }
    return g_variant_take_ref(value);
}

static GVariant *parse_text(gconstpointer text, GError **error)
{
    return vh_json_parse(text, -1, error);
}

GVariant *vh_json_parse_confined(const char *what, const char *text, GError **error)
{
    return vh_confined(what, parse_text, text, error);
}

static char *print(GVariant *value, gboolean pretty)
{
    g_autoptr(GVariant) owned = g_variant_ref_sink(value);
    g_autoptr(JsonNode) node = json_gvariant_serialize(owned);

    return json_to_string(node, pretty);
}

char *vh_json_line(GVariant *value)
{
    return print(value, FALSE);
}

char *vh_json_pretty(GVariant *value)
{
    g_autofree char *text = print(value, TRUE);

    return g_strconcat(text, "\n", NULL);
}

/* The member with one layer of boxing taken off, a new reference, or NULL. */
static GVariant *member(GVariant *dict, const char *key)
{
    if (!dict || !g_variant_is_of_type(dict, G_VARIANT_TYPE_VARDICT))
        return NULL;
    return g_variant_lookup_value(dict, key, NULL);
}

const char *vh_json_string(GVariant *dict, const char *key, const char *fallback)
{
    g_autoptr(GVariant) value = member(dict, key);

    /* The text belongs to the serialised dict, so it outlives this reference. */
    if (!value || !g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
        return fallback;
    const char *text = fallback;
    return g_variant_lookup(dict, key, "&s", &text) ? text : fallback;
}

gint64 vh_json_int(GVariant *dict, const char *key, gint64 fallback)
{
    g_autoptr(GVariant) value = member(dict, key);

    if (!value)
        return fallback;
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_INT64))
        return g_variant_get_int64(value);
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_INT32))
        return g_variant_get_int32(value);
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32))
        return g_variant_get_uint32(value);
    return fallback;
}

gboolean vh_json_bool(GVariant *dict, const char *key, gboolean fallback)
{
    g_autoptr(GVariant) value = member(dict, key);

    if (!value || !g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
        return fallback;
    return g_variant_get_boolean(value);
}

/* Each member of the array @key, unboxed, as a new reference. */
static GPtrArray *items(GVariant *dict, const char *key, const GVariantType *wanted)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    g_autoptr(GVariant) array = member(dict, key);

    if (!array || !g_variant_is_of_type(array, G_VARIANT_TYPE_ARRAY))
        return list;
    gsize n = g_variant_n_children(array);
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(array, i);
        g_autoptr(GVariant) item = g_variant_is_of_type(child, G_VARIANT_TYPE_VARIANT)
                                       ? g_variant_get_variant(child)
                                       : g_variant_ref(child);
        if (g_variant_is_of_type(item, wanted))
            g_ptr_array_add(list, g_steal_pointer(&item));
    }
    return list;
}

char **vh_json_strings(GVariant *dict, const char *key)
{
    g_autoptr(GPtrArray) list = items(dict, key, G_VARIANT_TYPE_STRING);
    char **words = g_new0(char *, list->len + 1);

    for (guint i = 0; i < list->len; i++)
        words[i] = g_variant_dup_string(list->pdata[i], NULL);
    return words;
}

GVariant *vh_json_object(GVariant *dict, const char *key)
{
    g_autoptr(GVariant) value = member(dict, key);

    if (!value || !g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT))
        return NULL;
    return g_steal_pointer(&value);
}

GPtrArray *vh_json_objects(GVariant *dict, const char *key)
{
    return items(dict, key, G_VARIANT_TYPE_VARDICT);
}

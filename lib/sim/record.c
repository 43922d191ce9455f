// SPDX-License-Identifier: GPL-2.0-or-later
#include "sim/record.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* The member that @field describes, as its C type. */
#define MEMBER(record, field, ctype) (*(ctype *)G_STRUCT_MEMBER_P(record, (field)->offset))

static gboolean problem(const char *place, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static gboolean problem(const char *place, GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    return vh_error_set(error, VH_ERROR_FAILED, "%s: %s", *place ? place : "snapshot", text);
}

static char *below(const char *place, const char *key)
{
    return *place ? g_strconcat(place, ".", key, NULL) : g_strdup(key);
}

/* ---- reading ---- */

static gboolean check_text(const SimField *field, const char *text, const char *place,
                           GError **error)
{
    g_autofree char *shown = vh_text_one_line(text);

    if (field->words && !g_strv_contains(field->words, text)) {
        g_autofree char *words = vh_text_list(field->words);
        return problem(place, error, "\"%s\" is not one of %s", shown, words);
    }
    if (field->check && !field->check(text))
        return problem(place, error, "\"%s\" is not %s", shown, field->expected);
    if (*text == '\0')
        return problem(place, error, "must not be empty");
    return TRUE;
}

static gboolean read_text(const SimField *field, gpointer record, GVariant *value,
                          const char *place, GError **error)
{
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
        return problem(place, error, "must be a text");
    if (!check_text(field, g_variant_get_string(value, NULL), place, error))
        return FALSE;
    g_free(MEMBER(record, field, char *));
    MEMBER(record, field, char *) = g_variant_dup_string(value, NULL);
    return TRUE;
}

static gboolean read_number(const SimField *field, gpointer record, GVariant *value,
                            const char *place, GError **error)
{
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_INT64))
        return problem(place, error, "must be a whole number");
    gint64 number = g_variant_get_int64(value);
    if (number < field->minimum || number > field->maximum)
        return problem(place, error,
                       "%" G_GINT64_FORMAT " is not within %" G_GINT64_FORMAT
                       " and %" G_GINT64_FORMAT,
                       number, field->minimum, field->maximum);
    MEMBER(record, field, gint64) = number;
    return TRUE;
}

static gboolean read_hex(const SimField *field, gpointer record, GVariant *value, const char *place,
                         GError **error)
{
    gint64 number = 0;

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
        return problem(place, error, "must be a text");
    const char *text = g_variant_get_string(value, NULL);
    gboolean good = g_str_has_prefix(text, "0x") && strlen(text) == 2 + field->digits;
    for (guint i = 0; good && i < field->digits; i++) {
        good = g_ascii_isxdigit(text[2 + i]);
        number = number * 16 + g_ascii_xdigit_value(text[2 + i]);
    }
    if (!good) {
        g_autofree char *shown = vh_text_one_line(text);
        return problem(place, error, "\"%s\" is not 0x and %u hex digits", shown, field->digits);
    }
    MEMBER(record, field, gint64) = number;
    return TRUE;
}

static gboolean read_flag(const SimField *field, gpointer record, GVariant *value,
                          const char *place, GError **error)
{
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
        return problem(place, error, "must be true or false");
    MEMBER(record, field, gboolean) = g_variant_get_boolean(value);
    return TRUE;
}

/* The array's member number @i without its box, a new reference. */
static GVariant *item(GVariant *array, gsize i)
{
    g_autoptr(GVariant) child = g_variant_get_child_value(array, i);

    if (g_variant_is_of_type(child, G_VARIANT_TYPE_VARIANT))
        return g_variant_get_variant(child);
    return g_steal_pointer(&child);
}

static gboolean read_texts(const SimField *field, gpointer record, GVariant *value,
                           const char *place, GError **error)
{
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_ARRAY))
        return problem(place, error, "must be an array of texts");
    gsize n = g_variant_n_children(value);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) child = item(value, i);
        g_autofree char *here = g_strdup_printf("%s[%" G_GSIZE_FORMAT "]", place, i);
        if (!g_variant_is_of_type(child, G_VARIANT_TYPE_STRING))
            return problem(here, error, "must be a text");
        if (!check_text(field, g_variant_get_string(child, NULL), here, error))
            return FALSE;
        g_ptr_array_add(texts, g_variant_dup_string(child, NULL));
    }
    g_ptr_array_add(texts, NULL);
    g_strfreev(MEMBER(record, field, char **));
    MEMBER(record, field, char **) = (char **)g_ptr_array_steal(texts, NULL);
    return TRUE;
}

/* What names a record, as text. */
static char *name_of(gconstpointer record)
{
    const SimField *field = ((const SimRecord *)record)->type->fields;

    if (field->kind == SIM_TEXT)
        return g_strdup(MEMBER(record, field, char *));
    return g_strdup_printf("%" G_GINT64_FORMAT, MEMBER(record, field, gint64));
}

static gboolean has_named(GPtrArray *records, const char *name)
{
    for (guint i = 0; i < records->len; i++) {
        const SimField *field = ((const SimRecord *)records->pdata[i])->type->fields;
        if (field->kind == SIM_TEXT) {
            if (g_strcmp0(MEMBER(records->pdata[i], field, char *), name) == 0)
                return TRUE;
            continue;
        }
        g_autofree char *other = name_of(records->pdata[i]);
        if (g_str_equal(other, name))
            return TRUE;
    }
    return FALSE;
}

static gboolean read_records(const SimField *field, gpointer record, GVariant *value,
                             const char *place, GError **error)
{
    GPtrArray *records = MEMBER(record, field, GPtrArray *);

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_ARRAY) ||
        g_variant_is_of_type(value, G_VARIANT_TYPE_DICTIONARY))
        return problem(place, error, "must be an array of objects");
    gsize n = g_variant_n_children(value);
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) child = item(value, i);
        g_autofree char *here = g_strdup_printf("%s[%" G_GSIZE_FORMAT "]", place, i);
        gpointer new = sim_record_read(field->type, child, here, error);
        if (!new)
            return FALSE;
        g_ptr_array_add(records, new);
        if (!g_hash_table_add(names, name_of(new)) && field->type->unique)
            return problem(here, error, "there is another one of that name");
    }
    return TRUE;
}

static const SimField *find_field(const SimType *type, const char *key)
{
    for (const SimField *field = type->fields; field->key; field++)
        if (g_str_equal(field->key, key))
            return field;
    return NULL;
}

static gboolean unknown_key(const SimType *type, const char *key, const char *place, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();

    for (const SimField *field = type->fields; field->key; field++)
        g_ptr_array_add(keys, (gpointer)field->key);
    g_ptr_array_add(keys, NULL);
    const char *near = vh_text_nearest(key, (const char *const *)keys->pdata);
    g_autofree char *shown = vh_text_one_line(key);
    if (near)
        return problem(place, error, "unknown key \"%s\" (did you mean %s?)", shown, near);
    return problem(place, error, "unknown key \"%s\"", shown);
}

static gboolean read_member(const SimType *type, gpointer record, const char *key, GVariant *value,
                            const char *place, GError **error)
{
    typedef gboolean (*Reader)(const SimField *, gpointer, GVariant *, const char *, GError **);
    static const Reader readers[] = {
        [SIM_TEXT] = read_text, [SIM_NUMBER] = read_number, [SIM_HEX] = read_hex,
        [SIM_FLAG] = read_flag, [SIM_TEXTS] = read_texts,   [SIM_RECORDS] = read_records,
    };
    const SimField *field = find_field(type, key);

    if (!field)
        return unknown_key(type, key, place, error);
    g_autofree char *here = below(place, key);
    return readers[field->kind](field, record, value, here, error);
}

gpointer sim_record_new(const SimType *type)
{
    SimRecord *record = g_malloc0(type->size);

    record->type = type;
    for (const SimField *field = type->fields; field->key; field++) {
        if (field->kind == SIM_NUMBER || field->kind == SIM_HEX)
            MEMBER(record, field, gint64) = field->fallback;
        else if (field->kind == SIM_FLAG)
            MEMBER(record, field, gboolean) = field->fallback != 0;
        else if (field->kind == SIM_TEXTS)
            MEMBER(record, field, char **) = g_new0(char *, 1);
        else if (field->kind == SIM_RECORDS)
            MEMBER(record, field, GPtrArray *) = g_ptr_array_new_with_free_func(sim_record_free);
    }
    return record;
}

static GPtrArray *copy_records(GPtrArray *records)
{
    GPtrArray *copies = g_ptr_array_new_full(records->len, sim_record_free);

    for (guint i = 0; i < records->len; i++)
        g_ptr_array_add(copies, sim_record_copy(records->pdata[i]));
    return copies;
}

gpointer sim_record_copy(gconstpointer record)
{
    const SimType *type = ((const SimRecord *)record)->type;
    gpointer copy = g_malloc(type->size);

    memcpy(copy, record, type->size);
    for (const SimField *field = type->fields; field->key; field++) {
        if (field->kind == SIM_TEXT)
            MEMBER(copy, field, char *) = g_strdup(MEMBER(record, field, char *));
        else if (field->kind == SIM_TEXTS)
            MEMBER(copy, field, char **) = g_strdupv(MEMBER(record, field, char **));
        else if (field->kind == SIM_RECORDS)
            MEMBER(copy, field, GPtrArray *) = copy_records(MEMBER(record, field, GPtrArray *));
    }
    return copy;
}

gpointer sim_record_read(const SimType *type, GVariant *dict, const char *place, GError **error)
{
    if (!g_variant_is_of_type(dict, G_VARIANT_TYPE_VARDICT)) {
        problem(place, error, "must be an object");
        return NULL;
    }
    for (const SimField *field = type->fields; field->key; field++) {
        g_autoptr(GVariant) found =
            field->required ? g_variant_lookup_value(dict, field->key, NULL) : NULL;
        if (field->required && !found) {
            problem(place, error, "\"%s\" is missing", field->key);
            return NULL;
        }
    }
    gpointer record = sim_record_new(type);
    gsize n = g_variant_n_children(dict);
    for (gsize i = 0; i < n; i++) {
        const char *key = NULL;
        g_autoptr(GVariant) value = NULL;
        g_variant_get_child(dict, i, "{&sv}", &key, &value);
        if (!read_member(type, record, key, value, place, error)) {
            sim_record_free(record);
            return NULL;
        }
    }
    return record;
}

/* ---- references ---- */

static gboolean check_name(gconstpointer top, const SimField *field, const char *name,
                           const char *place, GError **error)
{
    const SimField *array = find_field(((const SimRecord *)top)->type, field->refers);

    if (array && has_named(MEMBER(top, array, GPtrArray *), name))
        return TRUE;
    g_autofree char *shown = vh_text_one_line(name);
    return problem(place, error, "no \"%s\" in %s", shown, field->refers);
}

static gboolean check_reference(gconstpointer top, gconstpointer record, const SimField *field,
                                const char *place, GError **error)
{
    if (field->kind == SIM_TEXTS) {
        char **names = MEMBER(record, field, char **);
        for (gsize i = 0; names[i]; i++)
            if (!check_name(top, field, names[i], place, error))
                return FALSE;
        return TRUE;
    }
    if (field->kind == SIM_TEXT) {
        const char *name = MEMBER(record, field, char *);
        return !name || check_name(top, field, name, place, error);
    }
    gint64 value = MEMBER(record, field, gint64);
    /* A number of 0 that may be missing means nobody. */
    if (!field->required && (value == 0 || value == field->fallback))
        return TRUE;
    g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, value);
    return check_name(top, field, number, place, error);
}

static gboolean check_references(gconstpointer top, gconstpointer record, const char *place,
                                 GError **error)
{
    for (const SimField *field = ((const SimRecord *)record)->type->fields; field->key; field++) {
        g_autofree char *here = below(place, field->key);
        if (field->refers && !check_reference(top, record, field, here, error))
            return FALSE;
        if (field->kind != SIM_RECORDS)
            continue;
        GPtrArray *records = MEMBER(record, field, GPtrArray *);
        for (guint i = 0; i < records->len; i++) {
            g_autofree char *inner = g_strdup_printf("%s[%u]", here, i);
            if (!check_references(top, records->pdata[i], inner, error))
                return FALSE;
        }
    }
    return TRUE;
}

gboolean sim_record_check_references(gconstpointer top, GError **error)
{
    return check_references(top, top, "", error);
}

/* ---- writing ---- */

static GVariant *write_records(GPtrArray *records)
{
    g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

    for (guint i = 0; i < records->len; i++)
        g_variant_builder_add_value(&list, sim_record_write(records->pdata[i]));
    return g_variant_builder_end(&list);
}

/* The member's value, floating, or NULL when it is at its fallback. */
static GVariant *write_member(const SimField *field, gconstpointer record)
{
    switch (field->kind) {
    case SIM_TEXT: {
        const char *text = MEMBER(record, field, char *);
        return text ? g_variant_new_string(text) : NULL;
    }
    case SIM_NUMBER: {
        gint64 number = MEMBER(record, field, gint64);
        return number != field->fallback || field->required ? g_variant_new_int64(number) : NULL;
    }
    case SIM_HEX:
        return g_variant_new_take_string(g_strdup_printf("0x%0*" G_GINT64_MODIFIER "x",
                                                         (int)field->digits,
                                                         (guint64)MEMBER(record, field, gint64)));
    case SIM_FLAG: {
        gboolean flag = MEMBER(record, field, gboolean);
        return flag != (field->fallback != 0) ? g_variant_new_boolean(flag) : NULL;
    }
    case SIM_TEXTS: {
        char **texts = MEMBER(record, field, char **);
        return *texts ? g_variant_new_strv((const char *const *)texts, -1) : NULL;
    }
    case SIM_RECORDS:
    default: {
        GPtrArray *records = MEMBER(record, field, GPtrArray *);
        return records->len > 0 ? write_records(records) : NULL;
    }
    }
}

GVariant *sim_record_write(gconstpointer record)
{
    g_auto(GVariantBuilder) dict = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

    for (const SimField *field = ((const SimRecord *)record)->type->fields; field->key; field++) {
        GVariant *value = write_member(field, record);
        if (value)
            g_variant_builder_add(&dict, "{sv}", field->key, value);
    }
    return g_variant_builder_end(&dict);
}

void sim_record_free(gpointer record)
{
    if (!record)
        return;
    for (const SimField *field = ((SimRecord *)record)->type->fields; field->key; field++) {
        if (field->kind == SIM_TEXT)
            g_free(MEMBER(record, field, char *));
        else if (field->kind == SIM_TEXTS)
            g_strfreev(MEMBER(record, field, char **));
        else if (field->kind == SIM_RECORDS)
            g_ptr_array_unref(MEMBER(record, field, GPtrArray *));
    }
    g_free(record);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/loader.h"

#include <libconfig.h>
#include <string.h>

#include "base/text.h"
#include "config/check.h"
#include "config/keys.h"
#include "config/scan.h"

enum { MAX_MEMBERS = 256 }; /* of one list */

/* A key, where its value goes, and what it is called in messages ("commands.run"). */
typedef struct {
    const VhKey *key;
    const char *name;
    gpointer base;
    VhProblems *problems;
} Place;

static void read_group(config_setting_t *group, const VhKey *keys, const Place *parent);

static guint line_of(const config_setting_t *setting)
{
    return config_setting_source_line(setting);
}

/* ---- keeping values ---- */

static gpointer field(const Place *place, VhKeyField where)
{
    return (char *)place->base + where.offset;
}

static void keep_number(const Place *place, VhKeyField where, gint64 value)
{
    if (where.size == sizeof(gint64))
        *(gint64 *)field(place, where) = value;
    else if (where.size == sizeof(gint32))
        *(gint32 *)field(place, where) = (gint32)value;
}

static void keep_text(const Place *place, char *text)
{
    char **at = field(place, place->key->value);

    g_free(*at);
    *at = text;
}

static void keep_list(const Place *place, GPtrArray *list)
{
    char ***at = field(place, place->key->value);

    g_strfreev(*at);
    g_ptr_array_add(list, NULL);
    *at = (char **)g_ptr_array_free(list, FALSE);
}

/* ---- complaints ---- */

static char *written(const config_setting_t *setting)
{
    static const struct {
        int type;
        const char *noun;
    } nouns[] = {
        {CONFIG_TYPE_GROUP, "a group"},
        {CONFIG_TYPE_ARRAY, "a list"},
        {CONFIG_TYPE_LIST, "a list"},
        {CONFIG_TYPE_BOOL, "true or false"},
        {CONFIG_TYPE_INT64, "a number that large"},
        {CONFIG_TYPE_FLOAT, "a fraction"},
    };

    if (config_setting_type(setting) == CONFIG_TYPE_STRING)
        return vh_check_quote(config_setting_get_string(setting));
    if (config_setting_type(setting) == CONFIG_TYPE_INT)
        return g_strdup_printf("%d", config_setting_get_int(setting));
    for (gsize i = 0; i < G_N_ELEMENTS(nouns); i++)
        if (nouns[i].type == config_setting_type(setting))
            return g_strdup(nouns[i].noun);
    return g_strdup("this");
}

static void complain(const Place *place, const config_setting_t *setting)
{
    g_autofree char *accepts = vh_key_accepts(place->key);
    g_autofree char *got = written(setting);

    vh_problems_add(place->problems, line_of(setting), place->name, "must be %s, not %s", accepts,
                    got);
}

static void complain_word(const Place *place, const config_setting_t *setting)
{
    const char *text = config_setting_get_string(setting);
    const char *nearest = vh_text_nearest(text, place->key->words);
    g_autofree char *accepts = vh_key_accepts(place->key);
    g_autofree char *got = vh_check_quote(text);

    vh_problems_add(place->problems, line_of(setting), place->name, "must be %s, not %s%s%s%s",
                    accepts, got, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                    nearest ? "\"?" : "");
}

static void complain_unknown(const Place *parent, const VhKey *keys,
                             const config_setting_t *setting, const char *name)
{
    const char *nearest = vh_key_nearest(keys, config_setting_name(setting));
    g_autofree char *shown = vh_text_one_line(name);

    vh_problems_add(parent->problems, line_of(setting), shown, "unknown key%s%s%s",
                    nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                    nearest ? "\"?" : "");
}

/* ---- reading one value ---- */

static void read_word(const Place *place, config_setting_t *setting)
{
    const VhKey *key = place->key;
    const char *text = config_setting_get_string(setting);
    int index = 0;

    while (key->words[index] && !g_str_equal(key->words[index], text))
        index++;
    if (!key->words[index])
        complain_word(place, setting);
    else if (key->choice.size > 0)
        keep_number(place, key->choice, index);
    else
        keep_text(place, g_strdup(text));
}

static void read_text(const Place *place, config_setting_t *setting)
{
    g_autoptr(GError) error = NULL;
    char *text = place->key->check(config_setting_get_string(setting), &error);

    if (text)
        keep_text(place, text);
    else
        vh_problems_add(place->problems, line_of(setting), place->name, "%s", error->message);
}

static void read_size(const Place *place, config_setting_t *setting)
{
    guint64 bytes = vh_check_page_size(config_setting_get_string(setting));

    if (bytes > 0)
        keep_number(place, place->key->value, (gint64)bytes);
    else
        complain(place, setting);
}

static void read_number(const Place *place, config_setting_t *setting)
{
    const VhKey *key = place->key;
    gint64 value = config_setting_get_int64(setting);

    if (value < key->min || value > key->max) {
        complain(place, setting);
        return;
    }
    keep_number(place, key->value, value);
    keep_number(place, key->choice, key->other);
}

/* The text of member @i, or NULL and a problem. */
static const char *member_text(const Place *place, const config_setting_t *list, guint i)
{
    const config_setting_t *member = config_setting_get_elem(list, i);

    if (config_setting_type(member) == CONFIG_TYPE_STRING)
        return config_setting_get_string(member);
    vh_problems_add(place->problems, line_of(member), place->name, "member %u must be a text",
                    i + 1);
    return NULL;
}

static gboolean too_long(const Place *place, const config_setting_t *list)
{
    if (config_setting_length(list) <= MAX_MEMBERS)
        return FALSE;
    vh_problems_add(place->problems, line_of(list), place->name, "has more than %d members",
                    MAX_MEMBERS);
    return TRUE;
}

/* Adds the text, as its check returns it, to @list unless something is wrong with it. @seen has
 * the lines of the texts so far. */
static void add_member(const Place *place, guint line, const char *text, GPtrArray *list,
                       GHashTable *seen)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *kept = place->key->check(text, &error);
    guint first = kept ? GPOINTER_TO_UINT(g_hash_table_lookup(seen, kept)) : 0;

    if (!kept) {
        vh_problems_add(place->problems, line, place->name, "%s", error->message);
    } else if (first > 0) {
        vh_problems_add(place->problems, line, place->name, "%s is listed twice, first on line %u",
                        kept, first);
    } else {
        g_hash_table_insert(seen, g_strdup(kept), GUINT_TO_POINTER(line));
        g_ptr_array_add(list, g_steal_pointer(&kept));
    }
}

static void read_list(const Place *place, config_setting_t *setting)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; !too_long(place, setting) && i < (guint)config_setting_length(setting); i++) {
        const char *text = member_text(place, setting, i);
        if (text)
            add_member(place, line_of(config_setting_get_elem(setting, i)), text, list, seen);
    }
    keep_list(place, list);
    keep_number(place, place->key->choice, place->key->other);
}

static void read_argv(const Place *place, config_setting_t *setting)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *list = g_ptr_array_new();
    const char *text = NULL;

    for (guint i = 0; !too_long(place, setting) && i < (guint)config_setting_length(setting); i++)
        if ((text = member_text(place, setting, i)))
            g_ptr_array_add(list, g_strdup(text));
    if (list->len > 0)
        g_free(place->key->check(list->pdata[0], &error));
    if (error)
        vh_problems_add(place->problems, line_of(config_setting_get_elem(setting, 0)), place->name,
                        "%s", error->message);
    else if (config_setting_length(setting) == 0)
        vh_problems_add(place->problems, line_of(setting), place->name, "names no program");
    keep_list(place, list);
}

static void read_one_group(const Place *place, config_setting_t *setting)
{
    read_group(setting, place->key->members, place);
    keep_number(place, place->key->choice, place->key->other);
}

static void read_groups(const Place *place, config_setting_t *setting)
{
    GPtrArray **at = field(place, place->key->value);

    if (!*at)
        *at = g_ptr_array_new_with_free_func((GDestroyNotify)vh_config_command_free);
    for (guint i = 0; !too_long(place, setting) && i < (guint)config_setting_length(setting); i++) {
        config_setting_t *member = config_setting_get_elem(setting, i);
        if (!config_setting_is_group(member)) {
            vh_problems_add(place->problems, line_of(member), place->name,
                            "member %u must be a group, { … }", i + 1);
            continue;
        }
        Place inner = *place;
        inner.base = g_new0(VhConfigCommand, 1);
        g_ptr_array_add(*at, inner.base);
        read_group(member, place->key->members, &inner);
    }
}

/* ---- which reader ---- */

enum { STRING = 1 << 0, NUMBER = 1 << 1, LIST = 1 << 2, GROUP = 1 << 3 };

static int shape(const config_setting_t *setting)
{
    static const struct {
        int type, shape;
    } table[] = {
        {CONFIG_TYPE_STRING, STRING}, {CONFIG_TYPE_INT, NUMBER}, {CONFIG_TYPE_INT64, NUMBER},
        {CONFIG_TYPE_ARRAY, LIST},    {CONFIG_TYPE_LIST, LIST},  {CONFIG_TYPE_GROUP, GROUP},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (table[i].type == config_setting_type(setting))
            return table[i].shape;
    return 0;
}

static void read_setting(const Place *place, config_setting_t *setting)
{
    static const struct {
        VhKeyAccepts accepts;
        int shape;
        void (*read)(const Place *place, config_setting_t *setting);
    } readers[] = {
        {VH_ACCEPTS_WORD, STRING, read_word},      {VH_ACCEPTS_TEXT, STRING, read_text},
        {VH_ACCEPTS_SIZE, STRING, read_size},      {VH_ACCEPTS_NUMBER, NUMBER, read_number},
        {VH_ACCEPTS_LIST, LIST, read_list},        {VH_ACCEPTS_ARGV, LIST, read_argv},
        {VH_ACCEPTS_GROUP, GROUP, read_one_group}, {VH_ACCEPTS_GROUPS, LIST, read_groups},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(readers); i++)
        if ((place->key->accepts & readers[i].accepts) && shape(setting) == readers[i].shape) {
            readers[i].read(place, setting);
            return;
        }
    complain(place, setting);
}

/* The default goes the same way as what people write, so the key table has it only once. */
static void read_preset(const Place *place)
{
    g_autofree char *text = g_strdup_printf("preset = %s;", place->key->preset);
    config_t parsed;

    config_init(&parsed);
    if (config_read_string(&parsed, text))
        read_setting(place, config_lookup(&parsed, "preset"));
    config_destroy(&parsed);
}

/* A list is never NULL, and without a word nothing else sets it. */
static void fill_list(const Place *place)
{
    if ((place->key->accepts & VH_ACCEPTS_LIST) && !*(char ***)field(place, place->key->value))
        keep_list(place, g_ptr_array_new());
}

static void read_key(const VhKey *key, config_setting_t *group, const Place *parent)
{
    g_autofree char *name =
        parent->name ? g_strdup_printf("%s.%s", parent->name, key->name) : g_strdup(key->name);
    const Place place = {key, name, parent->base, parent->problems};
    config_setting_t *setting = config_setting_get_member(group, key->name);

    if (setting)
        read_setting(&place, setting);
    else if (key->required)
        vh_problems_add(place.problems, line_of(group), name, "is missing");
    else if (key->preset)
        read_preset(&place);
    fill_list(&place);
}

static void read_group(config_setting_t *group, const VhKey *keys, const Place *parent)
{
    for (const VhKey *key = keys; key->name; key++)
        read_key(key, group, parent);
    for (guint i = 0; i < (guint)config_setting_length(group); i++) {
        const config_setting_t *setting = config_setting_get_elem(group, i);
        const char *name = config_setting_name(setting);
        g_autofree char *full =
            parent->name ? g_strdup_printf("%s.%s", parent->name, name) : g_strdup(name);
        if (!vh_key_find(keys, name))
            complain_unknown(parent, keys, setting, full);
    }
}

/* libconfig's own words are two, and the usual slip is a word without quotation marks. What is
 * missing at the end it finds missing behind the last of the file's @lines. */
static void add_syntax_error(const config_t *parsed, int lines, VhProblems *problems)
{
    const char *text = config_error_text(parsed);
    gboolean slip = g_strcmp0(text, "syntax error") == 0;

    vh_problems_add(problems, (guint)CLAMP(config_error_line(parsed), 1, lines), NULL, "%s%s",
                    text ? text : "cannot be read",
                    slip ? "; write KEY = \"TEXT\"; or KEY = [ \"TEXT\", \"TEXT\" ];" : "");
}

/* At least 1. */
static int count_lines(const char *text)
{
    int lines = *text ? 0 : 1;

    for (; *text; text++)
        lines += *text == '\n' || !text[1];
    return lines;
}

void vh_loader_read(const char *text, VhConfig *config, VhProblems *problems)
{
    const Place root = {NULL, NULL, config, problems};
    g_autofree char *scanned = vh_scan_text(text, problems);
    config_t parsed;

    if (!scanned)
        return;
    /* libconfig knows no comment that ends with the file instead of a line. */
    g_autofree char *lines = g_strconcat(scanned, "\n", NULL);
    config_init(&parsed);
    /* Should an @include pass the scan all the same, it finds nothing. */
    config_set_include_dir(&parsed, "/dev/null");
    if (config_read_string(&parsed, lines))
        read_group(config_root_setting(&parsed), vh_keys, &root);
    else
        add_syntax_error(&parsed, count_lines(text), problems);
    config_destroy(&parsed);
}

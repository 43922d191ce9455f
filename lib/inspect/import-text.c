// SPDX-License-Identifier: GPL-2.0-or-later
/* Telling the kinds of files apart, and reading each. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "inspect/import-private.h"

typedef struct {
    ImportPlace place;
    GHashTable *values; /* name to char **, what was assigned so far */
} Reader;

static gboolean is_name(const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++)
        if (!g_ascii_isalnum(text[i]) && text[i] != '_')
            return FALSE;
    return length > 0 && !g_ascii_isdigit(*text);
}

/* ---- shell ---- */

/* The values of "$NAME", "${NAME}" or "${NAME[@]}" when the word begins so; @ret_rest is what
 * follows it. Borrowed; NULL: it is no variable that we know. */
static char **variable(const Reader *reader, const char *word, const char **ret_rest)
{
    gboolean brace = word[1] == '{';
    const char *name = word + 1 + brace;
    gsize length = 0;

    while (g_ascii_isalnum(name[length]) || name[length] == '_')
        length++;
    const char *rest = name + length;
    if (brace && (g_str_has_prefix(rest, "[@]") || g_str_has_prefix(rest, "[*]")))
        rest += 3;
    if (!is_name(name, length) || (brace && *rest != '}'))
        return NULL;
    *ret_rest = rest + brace;
    g_autofree char *key = g_strndup(name, length);
    return g_hash_table_lookup(reader->values, key);
}

/* The word with what earlier keys had in place of their names; other dollars stay. */
static void expand(const Reader *reader, const char *word, GPtrArray *into)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *rest = NULL;
    char **whole = *word == '$' ? variable(reader, word, &rest) : NULL;

    if (whole && !*rest) {
        for (gsize i = 0; whole[i] && into->len < IMPORT_MOST_WORDS; i++)
            g_ptr_array_add(into, g_strdup(whole[i]));
        return;
    }
    while (*word && text->len < IMPORT_LONGEST_WORD) {
        char **values = *word == '$' ? variable(reader, word, &rest) : NULL;
        if (values && values[0]) {
            g_string_append(text, values[0]);
            word = rest;
        } else {
            g_string_append_c(text, *word++);
        }
    }
    g_string_truncate(text, MIN(text->len, IMPORT_LONGEST_WORD));
    if (into->len < IMPORT_MOST_WORDS)
        g_ptr_array_add(into, g_strdup(text->str));
}

static char **expand_all(const Reader *reader, char **words)
{
    GPtrArray *all = g_ptr_array_new();

    for (gsize i = 0; words[i]; i++)
        expand(reader, words[i], all);
    g_ptr_array_add(all, NULL);
    return (char **)g_ptr_array_free(all, FALSE);
}

/* "$1", "$@": what the script is called with, which says nothing about the host. */
static gboolean is_parameter(const char *value)
{
    return value[0] == '$' && value[1] && strchr("0123456789@*#", value[1]) && !value[2];
}

gsize import_assigned(const char *word)
{
    gsize length = strcspn(word, "=+");

    return is_name(word, length) && (word[length] == '=' || g_str_has_prefix(word + length, "+="))
               ? length
               : 0;
}

static void take_key(Reader *reader, const char *name, char **values, gboolean more)
{
    VhImport *import = reader->place.import;

    if (!more && g_hash_table_contains(reader->values, name))
        import_key_again(&reader->place, name, values);
    import->key = name;
    import_key(&reader->place, name, values);
    import->key = NULL;
}

/* "NAME=value COMMAND": where the command begins, if it is one that is known. */
static char **behind_assignments(char **words)
{
    while (words[0] && import_assigned(words[0]) > 0 && !g_str_has_suffix(words[0], "=("))
        words++;
    return words[0] && import_is_program(words[0]) ? words : NULL;
}

static void assign(Reader *reader, char **words, gsize length)
{
    char *name = g_strndup(words[0], length);
    const char *value = words[0] + length + (words[0][length] == '+' ? 2 : 1);
    g_autoptr(GPtrArray) members = g_ptr_array_new_with_free_func(g_free);

    if (!g_str_equal(value, "("))
        expand(reader, value, members);
    else
        for (gsize i = 1; words[i]; i++)
            expand(reader, words[i], members);
    g_ptr_array_add(members, NULL);
    char **values = (char **)g_ptr_array_steal(members, NULL);
    const char *dollar = strchr(values[0] ? values[0] : "", '$');
    gboolean parameter = values[0] && is_parameter(values[0]);
    if (!parameter && (dollar || strchr(values[0] ? values[0] : "", '`')))
        import_note(&reader->place, VH_IMPORT_PERSON, "%s is computed, which is not followed",
                    name);
    else if (!parameter)
        take_key(reader, name, values, words[0][length] == '+');
    if (g_hash_table_size(reader->values) < IMPORT_MOST_VALUES) {
        g_hash_table_replace(reader->values, name, values);
        return;
    }
    g_free(name);
    g_strfreev(values);
}

static void read_comment(Reader *reader, const char *text)
{
    g_autofree char *name = g_strndup(text, strcspn(text, "="));

    if (g_ascii_strncasecmp(name, "VIRSH", 5) == 0 && is_name(name, strlen(name)) &&
        text[strlen(name)] == '=')
        import_note(&reader->place, VH_IMPORT_PERSON, "%s is commented out: it was not imported",
                    name);
}

static void read_shell(Reader *reader, const char *text)
{
    g_autoptr(GPtrArray) statements = import_shell(text);
    const char *of_file = import_operation_of_file(reader->place.file);

    for (guint i = 0; i < statements->len; i++) {
        ImportStatement *statement = statements->pdata[i];
        reader->place.line = statement->line;
        reader->place.at = statement->at ? statement->at : of_file;
        g_ptr_array_add(statement->words, NULL);
        char **words = (char **)statement->words->pdata;
        if (statement->comment) {
            read_comment(reader, words[0]);
            continue;
        }
        gsize length = words[0] ? import_assigned(words[0]) : 0;
        char **command = length > 0 ? behind_assignments(words) : words;
        if (!command) {
            assign(reader, words, length);
            continue;
        }
        g_auto(GStrv) full = expand_all(reader, command);
        g_autoptr(GPtrArray) target = g_ptr_array_new_with_free_func(g_free);
        if (statement->target)
            expand(reader, statement->target, target);
        import_command(&reader->place, full, target->len ? target->pdata[0] : NULL);
    }
}

/* ---- INI, TOML, YAML ---- */

/* The values in "a, b", "[ 'a', \"b\" ]", "(a b)", without a comment behind them. */
static char **values_of(const char *text)
{
    GPtrArray *values = g_ptr_array_new();
    gsize end = 0;

    for (char quote = 0; text[end] && !(text[end] == '#' && !quote); end++)
        if (quote == text[end])
            quote = 0;
        else if (!quote && (text[end] == '"' || text[end] == '\''))
            quote = text[end];
    g_autofree char *kept = g_strndup(text, end);
    g_auto(GStrv) words = g_strsplit_set(kept, " \t\r,;[](){}\"'", -1);
    for (gsize i = 0; words[i]; i++)
        if (*words[i] && values->len < IMPORT_MOST_WORDS)
            g_ptr_array_add(values, g_strndup(words[i], IMPORT_LONGEST_WORD));
    g_ptr_array_add(values, NULL);
    return (char **)g_ptr_array_free(values, FALSE);
}

static void append(GPtrArray *to, char **values)
{
    for (gsize i = 0; values[i]; i++)
        if (to->len < IMPORT_MOST_WORDS)
            g_ptr_array_add(to, g_strdup(values[i]));
}

static void end_key(Reader *reader, char **key, GPtrArray *values)
{
    if (*key) {
        g_ptr_array_add(values, NULL);
        import_key(&reader->place, *key, (char **)values->pdata);
    }
    g_clear_pointer(key, g_free);
    g_ptr_array_set_size(values, 0);
}

/* Lines of "key = value" or "key: value"; what is neither belongs to the key before it. */
static void read_table(Reader *reader, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *key = NULL;

    for (guint i = 0; lines[i]; i++) {
        char *line = g_strstrip(lines[i]);
        gsize length = strcspn(line, "=:");
        g_autofree char *name = g_strstrip(g_strndup(line, length));
        g_strdelimit(name, "-. ", '_');
        gboolean new_key = line[length] && g_ascii_isalpha(*line) && is_name(name, strlen(name));
        if (*line == '#' || *line == ';' || !*line)
            continue;
        if (new_key || (*line == '[' && !key))
            end_key(reader, &key, values);
        if (*line == '[' && !new_key && g_str_has_suffix(line, "]") && values->len > 0)
            end_key(reader, &key, values);
        if (new_key) {
            reader->place.line = i + 1;
            key = g_steal_pointer(&name);
        }
        g_auto(GStrv) found =
            values_of(new_key ? line + length + 1 : line + (g_str_has_prefix(line, "- ") ? 2 : 0));
        if (key)
            append(values, found);
    }
    end_key(reader, &key, values);
}

/* ---- JSON ---- */

static void read_value(Reader *reader, const char *key, GVariant *value, GPtrArray *values)
{
    GVariantIter iter;
    GVariant *child;
    const char *name;

    if (g_variant_is_of_type(value, G_VARIANT_TYPE_VARIANT)) {
        g_autoptr(GVariant) inner = g_variant_get_variant(value);
        read_value(reader, key, inner, values);
    } else if (g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
        g_variant_iter_init(&iter, value);
        while (g_variant_iter_next(&iter, "{&sv}", &name, &child)) {
            g_autoptr(GPtrArray) inner = g_ptr_array_new_with_free_func(g_free);
            read_value(reader, name, child, inner);
            g_variant_unref(child);
            g_ptr_array_add(inner, NULL);
            if (inner->len > 1)
                import_key(&reader->place, name, (char **)inner->pdata);
        }
    } else if (g_variant_is_container(value)) {
        g_variant_iter_init(&iter, value);
        while ((child = g_variant_iter_next_value(&iter))) {
            read_value(reader, key, child, values);
            g_variant_unref(child);
        }
    } else if (values->len < IMPORT_MOST_WORDS) {
        g_ptr_array_add(values, g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)
                                    ? g_variant_dup_string(value, NULL)
                                    : g_variant_print(value, FALSE));
    }
}

static gboolean read_json(Reader *reader, const char *text, GError **error)
{
    g_autoptr(GVariant) top = vh_json_parse(text, -1, error);
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);

    if (!top)
        return FALSE;
    reader->place.line = 0;
    read_value(reader, "", top, values);
    return TRUE;
}

/* ---- which is it ---- */

static gboolean begins_with_word(const char *line, const char *const *words)
{
    g_autofree char *word = g_strndup(line, strcspn(line, " \t"));

    return g_strv_contains(words, word) && line[strlen(word)];
}

/* Lines of the kinds, comments aside. */
typedef struct {
    guint all, modprobe, shell, table;
} Kinds;

static Kinds count_kinds(const char *text)
{
    static const char *const modprobe[] = {"options", "blacklist", "install", "softdep",
                                           "alias",   "remove",    NULL};
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    Kinds kinds = {0, 0, 0, 0};

    for (gsize i = 0; lines[i]; i++) {
        const char *line = g_strstrip(lines[i]);
        gsize name = 0;
        if (!*line || *line == '#' || *line == ';')
            continue;
        while (g_ascii_isalnum(line[name]) || line[name] == '_' || line[name] == '-')
            name++;
        gsize blank = strspn(line + name, " \t");
        gboolean equals = name > 0 && line[name + blank] == '=';
        kinds.all++;
        kinds.modprobe += begins_with_word(line, modprobe) ? 1 : 0;
        kinds.shell += equals && blank == 0 && line[name + 1] != ' ' ? 1 : 0;
        gboolean table = (equals && (blank > 0 || line[name + 1] == ' ')) ||
                         (name > 0 && line[name] == ':' && strchr(" \t", line[name + 1])) ||
                         (*line == '[' && g_ascii_isalpha(line[1]) && g_str_has_suffix(line, "]"));
        kinds.table += table ? 1 : 0;
    }
    return kinds;
}

/* VFIO-Tools' hook helper, whose work the hook itself does. */
static gboolean is_dispatcher(const char *text)
{
    return g_str_has_prefix(text, "#!") && strstr(text, "qemu.d") &&
           (strstr(text, "HOOKPATH") || strstr(text, "BASEDIR"));
}

static gboolean read_any(Reader *reader, const char *text, GError **error)
{
    const char *start = text + strspn(text, " \t\r\n");
    Kinds kinds = count_kinds(text);

    if (kinds.all > 0 && kinds.modprobe == kinds.all)
        return vh_error_set(
            error, VH_ERROR_FAILED,
            "%s: it is a file of modprobe.d, with options of kernel modules, and no "
            "hook's kvm.conf; leave it where it is",
            reader->place.file);
    if (*start == '<')
        return vh_error_set(error, VH_ERROR_FAILED,
                            "%s: it is XML; the devices of a domain's XML are found without being "
                            "imported",
                            reader->place.file);
    if (is_dispatcher(text))
        import_note(&reader->place, VH_IMPORT_NEEDLESS,
                    "a dispatcher of qemu.d: the hook runs those scripts itself");
    else if (*start == '{' && start[1 + strspn(start + 1, " \t\r\n")] == '"')
        return read_json(reader, text, error);
    else if (!g_str_has_prefix(start, "#!") && kinds.table > kinds.shell)
        read_table(reader, text);
    else if (!g_str_has_prefix(start, "#!") && kinds.shell == 0 && import_is_csv(text))
        import_csv(&reader->place, text);
    else
        read_shell(reader, text);
    return TRUE;
}

gboolean vh_import_text(VhImport *import, const char *name, const char *text, gsize length,
                        GError **error)
{
    g_autofree char *file = vh_text_one_line(name);
    Reader reader = {{import, file, 0, NULL}, import->values};

    if (length > VH_IMPORT_MOST)
        return vh_error_set(error, VH_ERROR_FAILED, "%s: it is longer than %d KiB", file,
                            VH_IMPORT_MOST / 1024);
    if (memchr(text, '\0', length))
        return vh_error_set(error, VH_ERROR_FAILED, "%s: it is no text", file);
    g_autofree char *copy = g_strndup(text, length);
    return read_any(&reader, copy, error);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/config.h"

#include <string.h>

#include "config/file.h"
#include "config/keys.h"
#include "config/loader.h"

void vh_config_command_free(VhConfigCommand *command)
{
    g_free(command->at);
    g_strfreev(command->run);
    g_strfreev(command->undo);
    g_free(command);
}

void vh_config_free(VhConfig *config)
{
    if (!config)
        return;
    g_free(config->path);
    g_strfreev(config->device_list);
    g_free(config->driver);
    g_strfreev(config->stop_list);
    g_strfreev(config->stop_user);
    g_strfreev(config->module_list);
    g_free(config->governor);
    g_free(config->host_cpus);
    g_free(config->irq_cpus);
    g_free(config->reset);
    g_strfreev(config->rebar);
    if (config->commands)
        g_ptr_array_unref(config->commands);
    g_free(config);
}

VhConfig *vh_config_parse(const char *text, const char *path, GError **error)
{
    g_autoptr(VhProblems) problems = vh_problems_new(path);
    g_autoptr(VhConfig) config = g_new0(VhConfig, 1);

    config->path = g_strdup(path);
    config->hugepage_node = -1; /* also when it is only a number of pages */
    vh_loader_read(text, config, problems);
    if (!vh_problems_finish(problems, error))
        return NULL;
    return g_steal_pointer(&config);
}

VhConfig *vh_config_load_below(const char *trusted, const char *path, GError **error)
{
    g_autofree char *text = vh_config_read_file(trusted, path, error);

    return text ? vh_config_parse(text, path, error) : NULL;
}

VhConfig *vh_config_load(const char *path, GError **error)
{
    return vh_config_load_below("/", path, error);
}

static gconstpointer field(const VhConfig *config, VhKeyField where)
{
    return (const char *)config + where.offset;
}

static int choice_of(const VhConfig *config, const VhKey *key)
{
    return key->choice.size > 0 ? *(const int *)field(config, key->choice) : 0;
}

/* The word that @config has for @key, or NULL. */
static const char *word_of(const VhConfig *config, const VhKey *key)
{
    if (!(key->accepts & VH_ACCEPTS_WORD))
        return NULL;
    if (key->choice.size == 0)
        return *(const char *const *)field(config, key->value);
    int choice = choice_of(config, key);
    return choice < (int)g_strv_length((GStrv)key->words) ? key->words[choice] : NULL;
}

static gboolean same_value(const VhConfig *a, const VhConfig *b, const VhKey *key)
{
    gconstpointer left = field(a, key->value), right = field(b, key->value);

    if (choice_of(a, key) != choice_of(b, key))
        return FALSE;
    if (key->accepts & VH_ACCEPTS_LIST)
        return g_strv_equal(*(const char *const *const *)left, *(const char *const *const *)right);
    if (key->accepts & VH_ACCEPTS_GROUPS)
        return (*(GPtrArray *const *)left)->len == (*(GPtrArray *const *)right)->len;
    if (key->accepts & VH_ACCEPTS_TEXT || (word_of(a, key) && key->choice.size == 0))
        return g_strcmp0(*(const char *const *)left, *(const char *const *)right) == 0;
    return memcmp(left, right, key->value.size) == 0;
}

static gboolean is_unsupported(const VhConfig *config, const VhConfig *presets, const VhKey *key)
{
    const char *word = word_of(config, key);

    if (key->later_words && word && g_strv_contains(key->later_words, word))
        return TRUE;
    return key->later && !same_value(config, presets, key);
}

char **vh_config_unsupported(const VhConfig *config)
{
    g_autoptr(VhConfig) presets = vh_config_parse("", "", NULL);
    GPtrArray *found = g_ptr_array_new();

    for (const VhKey *key = vh_keys; presets && key->name; key++) {
        const char *word = word_of(config, key);
        if (!is_unsupported(config, presets, key))
            continue;
        g_ptr_array_add(found, word ? g_strdup_printf("%s = \"%s\"", key->name, word)
                                    : g_strdup(key->name));
    }
    g_ptr_array_add(found, NULL);
    return (char **)g_ptr_array_free(found, FALSE);
}

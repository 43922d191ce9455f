// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands that run another one: "sudo -u anna systemctl …" is about systemctl. */
#include <string.h>

#include "inspect/import-private.h"

enum { DEEPEST = 4 };

static const struct {
    const char *name;
    const char *valued; /* its short options that a value follows */
    guint names;        /* words of its own before the command */
    gboolean script;    /* "-c" has the command in one word */
} wrappers[] = {
    {"sudo", "CDghpRrTtUu", 0, FALSE}, {"doas", "aCu", 0, FALSE},   {"runuser", "uwgGs", 0, TRUE},
    {"su", "wgGs", 0, TRUE},           {"sh", "", 0, TRUE},         {"bash", "", 0, TRUE},
    {"env", "CuS", 0, FALSE},          {"timeout", "ks", 1, FALSE}, {"nice", "n", 0, FALSE},
    {"ionice", "cnpP", 0, FALSE},      {"setsid", "", 0, FALSE},    {"machinectl", "", 2, FALSE},
};

static gssize wrapper_of(const char *word)
{
    const char *slash = strrchr(word, '/');

    for (gsize i = 0; i < G_N_ELEMENTS(wrappers); i++)
        if (g_str_equal(slash ? slash + 1 : word, wrappers[i].name))
            return (gssize)i;
    return -1;
}

gboolean import_is_wrapper(const char *word)
{
    return wrapper_of(word) >= 0;
}

/* The words of "-c 'command'", "-lc …"; NULL: there is none. */
static char **script_of(char **words)
{
    for (gsize i = 1; words[i] && words[i + 1]; i++)
        if (words[i][0] == '-' && words[i][1] != '-' && g_str_has_suffix(words[i], "c"))
            return g_strsplit_set(words[i + 1], " \t", IMPORT_MOST_WORDS);
    return NULL;
}

static gboolean takes_value(const char *option, const char *valued)
{
    static const char *const words[] = {"--user",       "--group",  "--chdir",  "--host",
                                        "--kill-after", "--signal", "--prompt", NULL};

    if (option[1] == '-')
        return g_strv_contains(words, option);
    return option[1] && !option[2] && strchr(valued, option[1]);
}

/* Where the command begins that @words, of wrapper @n, run. */
static gsize command_at(char **words, gsize n)
{
    guint names = wrappers[n].names;

    for (gsize i = 1; words[i]; i++) {
        if (g_str_equal(words[i], "--"))
            continue;
        if (words[i][0] == '-')
            i += words[i + 1] && takes_value(words[i], wrappers[n].valued) ? 1 : 0;
        else if (import_assigned(words[i]) == 0 && names-- == 0)
            return i;
    }
    return g_strv_length(words);
}

char **import_unwrap(char **words)
{
    char **inner = g_strdupv(words);

    for (guint depth = 0; depth < DEEPEST && inner[0]; depth++) {
        gssize n = wrapper_of(inner[0]);
        if (n < 0)
            break;
        char **script = wrappers[n].script ? script_of(inner) : NULL;
        char **next = script ? script : g_strdupv(inner + command_at(inner, (gsize)n));
        /* It runs none that is written here: a shell script, an editor, nothing. */
        if (!next[0]) {
            g_strfreev(next);
            break;
        }
        g_strfreev(inner);
        inner = next;
    }
    return inner;
}

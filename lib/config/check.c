// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/check.h"

#include <limits.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"
#include "base/text.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define UNIT_CHARS LETTERS DIGITS ":-_.\\@"
#define GLOB_CHARS "*?[]!^"

enum {
    MAX_QUOTE = 64,     /* characters of a foreign text in a message */
    MAX_DRIVER = 63,    /* a file name in sysfs; longer ones do not exist */
    MAX_MODULE = 55,    /* the kernel's MODULE_NAME_LEN on 64 bits, without the NUL */
    MAX_UNIT = 255,     /* systemd's UNIT_NAME_MAX */
    MAX_GOVERNOR = 15,  /* the kernel's CPUFREQ_NAME_LEN, without the NUL */
    MAX_CPU = 8191,     /* the kernel's largest NR_CPUS */
    MAX_CPU_DIGITS = 4, /* of that number */
    MAX_CPU_LIST = 1024,
};

char *vh_check_quote(const char *text)
{
    g_autofree char *line = vh_text_one_line(text);

    if (g_utf8_strlen(line, -1) <= MAX_QUOTE)
        return g_strdup_printf("\"%s\"", line);
    g_autofree char *start = g_utf8_substring(line, 0, MAX_QUOTE);
    return g_strdup_printf("\"%s…\"", start);
}

static char *refuse(const char *text, const char *why, GError **error)
{
    g_autofree char *quoted = vh_check_quote(text);

    vh_error_set(error, VH_ERROR_FAILED, "%s %s", quoted, why);
    return NULL;
}

/* With a sentence of our own, because it quotes no more than a line of the text. */
char *vh_check_address(const char *text, GError **error)
{
    char *address = vh_address_canonical(text, NULL);

    return address ? address
                   : refuse(text,
                            "is not a PCI address; write it as 0000:09:00.0, 09:00.0 or "
                            "pci_0000_09_00_0",
                            error);
}

/* Whether @text is 1 to @max of the characters @allowed and begins with a letter or digit. */
static gboolean is_name(const char *text, const char *allowed, gsize max)
{
    gsize length = strlen(text);

    return length > 0 && length <= max && g_ascii_isalnum(*text) && strspn(text, allowed) == length;
}

char *vh_check_driver(const char *text, GError **error)
{
    if (!is_name(text, LETTERS DIGITS "_-.", MAX_DRIVER))
        return refuse(text, "is not the name of a driver", error);
    return g_strdup(text);
}

char *vh_check_module(const char *text, GError **error)
{
    if (!is_name(text, LETTERS DIGITS "_-", MAX_MODULE))
        return refuse(text, "is not the name of a module", error);
    return g_strdelimit(g_strdup(text), "-", '_');
}

char *vh_check_governor(const char *text, GError **error)
{
    if (!is_name(text, LETTERS DIGITS "_-", MAX_GOVERNOR))
        return refuse(text, "is not the name of a governor", error);
    return g_strdup(text);
}

static gboolean has_unit_suffix(const char *text)
{
    static const char *const suffixes[] = {"service",   "socket", "target", "device",
                                           "mount",     "swap",   "timer",  "path",
                                           "automount", "slice",  "scope",  NULL};
    const char *dot = strrchr(text, '.');

    return dot && dot > text && g_strv_contains(suffixes, dot + 1);
}

char *vh_check_unit(const char *text, GError **error)
{
    const char *at = strchr(text, '@');

    if (strlen(text) > MAX_UNIT || strspn(text, UNIT_CHARS) != strlen(text) || at == text)
        return refuse(text, "is not the name of a unit", error);
    /* As systemctl has it, and what a service is called without systemd. */
    gboolean bare = *text && *text != '-' && !strchr(text, '.');
    if (!bare && !has_unit_suffix(text))
        return refuse(text, "is not the name of a unit, such as \"sddm\" or \"sddm.service\"",
                      error);
    if (at && (at[1] == '\0' || (at[1] == '.' && !strchr(at + 2, '.'))))
        return refuse(text, "is a template; name an instance of it", error);
    return g_strconcat(text, bare ? ".service" : NULL, NULL);
}

char *vh_check_unit_glob(const char *text, GError **error)
{
    if (!strpbrk(text, "*?["))
        return vh_check_unit(text, error);
    if (strlen(text) > MAX_UNIT || strspn(text, UNIT_CHARS GLOB_CHARS) != strlen(text))
        return refuse(text, "is not the name of a unit or a glob", error);
    return g_strdup(text);
}

/* Reads a CPU number at *@text and moves *@text behind it; -1 when there is none. */
static int take_cpu(const char **text)
{
    gsize n = strspn(*text, DIGITS);
    int cpu = 0;

    if (n == 0 || n > MAX_CPU_DIGITS)
        return -1;
    for (; n > 0; n--)
        cpu = cpu * 10 + g_ascii_digit_value(*(*text)++);
    return cpu <= MAX_CPU ? cpu : -1;
}

static gboolean take_cpu_range(const char **text)
{
    int first = take_cpu(text), last = first;

    if (**text == '-') {
        (*text)++;
        last = take_cpu(text);
    }
    return first >= 0 && last >= first;
}

char *vh_check_cpus(const char *text, GError **error)
{
    const char *at = text;
    gboolean good = strlen(text) <= MAX_CPU_LIST && take_cpu_range(&at);

    while (good && *at == ',') {
        at++;
        good = take_cpu_range(&at);
    }
    if (!good || *at != '\0')
        return refuse(text, "is not a CPU list; write it as \"0-1,8-9\"", error);
    return g_strdup(text);
}

char *vh_check_program(const char *text, GError **error)
{
    if (*text != '/' || strlen(text) >= PATH_MAX)
        return refuse(text, "is not an absolute path", error);
    return g_strdup(text);
}

guint64 vh_check_page_size(const char *text)
{
    static const struct {
        char unit;
        guint shift;
    } units[] = {{'K', 10}, {'M', 20}, {'G', 30}};
    gsize n = strspn(text, DIGITS);
    guint64 value = 0;

    if (n == 0 || n > 4 || text[n] == '\0' || text[n + 1] != '\0')
        return 0;
    for (gsize i = 0; i < n; i++)
        value = value * 10 + (guint64)g_ascii_digit_value(text[i]);
    if (value == 0 || (value & (value - 1)) != 0)
        return 0;
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++)
        if (units[i].unit == text[n])
            return value << units[i].shift;
    return 0;
}

char *vh_check_bar(const char *text, GError **error)
{
    gboolean numbered = *text >= '0' && *text <= '5' && text[1] == ':';
    guint64 bytes = vh_check_page_size(numbered ? text + 2 : text);

    if (bytes < 1024 * 1024)
        return refuse(text,
                      "is not the size of a BAR; write \"256M\" or, with its number, \"0:256M\"",
                      error);
    return g_strdup_printf("%.*s:%d", numbered ? 1 : 0, text,
                           g_bit_nth_msf((gulong)(bytes >> 20), -1));
}

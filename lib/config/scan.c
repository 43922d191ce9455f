// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/scan.h"

#include <string.h>

#include "base/text.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TOO_LARGE "999999999999L" /* a 64-bit number above every range of the key table */

enum {
    MAX_SIZE = 64 * 1024,
    MAX_DEPTH = 8, /* a list of groups of lists is 3 */
    MAX_DECIMAL = 9,
    MAX_HEX = 7, /* digits that surely fit into 31 bits */
};

typedef struct {
    VhProblems *problems;
    GString *out;
    guint line;
    guint depth;
    gboolean bad;
} Scan;

static void refuse(Scan *scan, const char *text)
{
    vh_problems_add(scan->problems, scan->line, NULL, "%s", text);
    scan->bad = TRUE;
}

/* Length of the comment at @at, 0 when there is none. */
static gsize comment_length(const char *at)
{
    if (*at == '#' || g_str_has_prefix(at, "//"))
        return strcspn(at, "\n");
    if (!g_str_has_prefix(at, "/*"))
        return 0;
    const char *end = strstr(at + 2, "*/");
    return end ? (gsize)(end - at) + 2 : strlen(at);
}

/* Length of the text in quotation marks at the scan, 0 when there is none. */
static gsize string_length(Scan *scan, const char *at)
{
    gsize n = 1;

    if (*at != '"')
        return 0;
    while (at[n] && at[n] != '"')
        n += at[n] == '\\' && at[n + 1] ? 2 : 1;
    if (at[n])
        return n + 1;
    /* libconfig would name the last line of the file. */
    refuse(scan, "a text begins here and has no closing quotation mark");
    return n;
}

/* Length of the name or number at @at, 0 when there is none. */
static gsize word_length(const char *at)
{
    return strspn(at, LETTERS DIGITS "_*.+-");
}

/* Whether the @length characters at @at are a whole number with more digits than libconfig can
 * be trusted with. */
static gboolean is_large_number(const char *at, gsize length)
{
    const char *end = at + length;
    const char *digits = DIGITS;
    gsize limit = MAX_DECIMAL;

    at += strspn(at, "+-");
    if (*at == '0' && at + 1 < end && strchr("xXbBoOqQ", at[1])) {
        digits = DIGITS "abcdefABCDEF";
        limit = MAX_HEX;
        at += 2;
    }
    gsize zeros = MIN(strspn(at, "0"), (gsize)(end - at));
    gsize n = strspn(at, digits);
    const char *rest = at + n + strspn(at + n, "L");
    return rest == end && n > zeros && n - zeros > limit;
}

/* 017: libconfig 1.5 reads a decimal number there, 1.7 an octal one. */
static gboolean has_leading_zero(const char *at, gsize length)
{
    const char *digits = at + strspn(at, "+-");
    gsize n = strspn(digits, DIGITS);
    const char *rest = digits + n + strspn(digits + n, "L");

    return n > 1 && *digits == '0' && rest == at + length;
}

static void copy(Scan *scan, const char *at, gsize length)
{
    g_string_append_len(scan->out, at, (gssize)length);
    for (gsize i = 0; i < length; i++)
        scan->line += at[i] == '\n';
}

static void take_mark(Scan *scan, char mark)
{
    if (mark == '@')
        refuse(scan, "files cannot be included (@)");
    else if (strchr("([{", mark) && ++scan->depth == MAX_DEPTH + 1)
        refuse(scan, "groups and lists are nested too deeply");
    else if (strchr(")]}", mark) && scan->depth > 0)
        scan->depth--;
}

/* Takes what begins at @at; returns its length. */
static gsize take(Scan *scan, const char *at)
{
    gsize n = comment_length(at);

    if (n == 0)
        n = string_length(scan, at);
    if (n == 0 && (n = word_length(at)) > 0) {
        if (has_leading_zero(at, n))
            refuse(scan, at[n] == ':' ? "an address stands in quotes, like \"01:00.0\""
                                      : "a number must not begin with 0: leave the zero out");
        if (is_large_number(at, n)) {
            g_string_append(scan->out, TOO_LARGE);
            return n;
        }
    }
    if (n == 0) {
        take_mark(scan, *at);
        n = 1;
    }
    copy(scan, at, n);
    return n;
}

/* Line of the first byte that is not UTF-8. */
static guint broken_line(const char *text, const char *bad)
{
    guint line = 1;

    for (; text < bad; text++)
        line += *text == '\n';
    return line;
}

char *vh_scan_text(const char *text, VhProblems *problems)
{
    Scan scan = {.problems = problems, .line = 1};
    const char *bad = NULL;

    /* A mark of the byte order, as editors of Windows put it there. */
    if (g_str_has_prefix(text, "\xEF\xBB\xBF"))
        text += strlen("\xEF\xBB\xBF");
    if (strlen(text) > MAX_SIZE) {
        refuse(&scan, "the file is larger than 64 KiB");
        return NULL;
    }
    if (!g_utf8_validate(text, -1, &bad)) {
        scan.line = broken_line(text, bad);
        refuse(&scan, "not UTF-8 text");
        return NULL;
    }
    scan.out = g_string_sized_new(strlen(text));
    while (*text)
        text += take(&scan, text);
    return g_string_free(scan.out, scan.bad);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/cpus.h"

#include <string.h>

enum { GROUP_DIGITS = 8, MAX_DIGITS = 4 };

static void set(VhCpus *cpus, guint cpu, gboolean on)
{
    guint8 bit = (guint8)(1U << cpu % 8);

    if (on)
        cpus->bytes[cpu / 8] |= bit;
    else
        cpus->bytes[cpu / 8] &= (guint8)~bit;
}

gboolean vh_cpus_has(const VhCpus *cpus, guint cpu)
{
    return cpu < VH_CPUS_MOST && cpus->bytes[cpu / 8] & 1U << cpu % 8;
}

/* ---- in ---- */

static gboolean take_number(const char **text, guint *ret)
{
    gsize n = strspn(*text, "0123456789");

    *ret = 0;
    if (n == 0 || n > MAX_DIGITS)
        return FALSE;
    for (; n > 0; n--)
        *ret = *ret * 10 + (guint)g_ascii_digit_value(*(*text)++);
    return *ret < VH_CPUS_MOST;
}

/* "8", "0-3", "^2" */
static gboolean take_range(const char **text, VhCpus *cpus)
{
    gboolean on = **text != '^';
    guint first, last;

    *text += on ? 0 : 1;
    if (!take_number(text, &first))
        return FALSE;
    last = first;
    if (**text == '-') {
        (*text)++;
        if (!take_number(text, &last))
            return FALSE;
    }
    for (guint cpu = first; cpu <= last; cpu++)
        set(cpus, cpu, on);
    return last >= first;
}

gboolean vh_cpus_parse(const char *list, VhCpus *ret_cpus)
{
    g_autofree char *copy = g_strstrip(g_strdup(list));
    const char *at = copy;

    memset(ret_cpus, 0, sizeof *ret_cpus);
    if (*at == '\0')
        return TRUE;
    for (;;) {
        if (!take_range(&at, ret_cpus))
            return FALSE;
        if (*at == '\0')
            return TRUE;
        if (*at++ != ',')
            return FALSE;
        at += strspn(at, " ");
    }
}

/* From its end, as the last digit is that of the lowest CPUs; every group but the first is full. */
gboolean vh_cpus_parse_mask(const char *mask, VhCpus *ret_cpus)
{
    const char *start = g_str_has_prefix(mask, "0x") ? mask + 2 : mask;
    guint cpu = 0;

    memset(ret_cpus, 0, sizeof *ret_cpus);
    for (const char *at = start + strlen(start); at-- > start;) {
        if (*at == ',')
            continue;
        if (!g_ascii_isxdigit(*at))
            return FALSE;
        guint digit = (guint)g_ascii_xdigit_value(*at);
        for (guint bit = 0; bit < 4; bit++, cpu++)
            if (digit & 1U << bit) {
                if (cpu >= VH_CPUS_MOST)
                    return FALSE;
                set(ret_cpus, cpu, TRUE);
            }
    }
    return cpu > 0;
}

void vh_cpus_from_bytes(const guint8 *bytes, gsize length, VhCpus *ret_cpus)
{
    memset(ret_cpus, 0, sizeof *ret_cpus);
    if (length > 0)
        memcpy(ret_cpus->bytes, bytes, MIN(length, sizeof ret_cpus->bytes));
}

/* ---- out ---- */

char *vh_cpus_list(const VhCpus *cpus)
{
    GString *list = g_string_new(NULL);

    for (guint cpu = 0; cpu < VH_CPUS_MOST; cpu++) {
        guint first = cpu;
        if (!vh_cpus_has(cpus, cpu))
            continue;
        while (vh_cpus_has(cpus, cpu + 1))
            cpu++;
        g_string_append_printf(list, "%s%u", list->len > 0 ? "," : "", first);
        if (cpu > first)
            g_string_append_printf(list, "-%u", cpu);
    }
    return g_string_free(list, FALSE);
}

gsize vh_cpus_length(const VhCpus *cpus)
{
    gsize length = sizeof cpus->bytes;

    while (length > 0 && cpus->bytes[length - 1] == 0)
        length--;
    return length;
}

char *vh_cpus_mask(const VhCpus *cpus)
{
    GString *mask = g_string_new(NULL);
    gsize digits = vh_cpus_length(cpus) * 2;

    for (gsize i = digits; i > 0; i--) {
        guint byte = cpus->bytes[(i - 1) / 2];
        guint digit = i % 2 == 0 ? byte >> 4 : byte & 0xf;
        if (mask->len > 0 || digit != 0)
            g_string_append_printf(mask, "%x%s", digit,
                                   i > 1 && (i - 1) % GROUP_DIGITS == 0 ? "," : "");
    }
    if (mask->len == 0)
        g_string_append_c(mask, '0');
    return g_string_free(mask, FALSE);
}

/* ---- sets ---- */

gboolean vh_cpus_empty(const VhCpus *cpus)
{
    return vh_cpus_length(cpus) == 0;
}

void vh_cpus_add(VhCpus *cpus, const VhCpus *more)
{
    for (gsize i = 0; i < sizeof cpus->bytes; i++)
        cpus->bytes[i] |= more->bytes[i];
}

VhCpus vh_cpus_common(const VhCpus *cpus, const VhCpus *others)
{
    VhCpus common = *cpus;

    for (gsize i = 0; i < sizeof common.bytes; i++)
        common.bytes[i] &= others->bytes[i];
    return common;
}

VhCpus vh_cpus_without(const VhCpus *cpus, const VhCpus *others)
{
    VhCpus rest = *cpus;

    for (gsize i = 0; i < sizeof rest.bytes; i++)
        rest.bytes[i] &= (guint8)~others->bytes[i];
    return rest;
}

gboolean vh_cpus_same(const char *a, const char *b)
{
    VhCpus left, right;

    if (vh_cpus_parse(a, &left) && vh_cpus_parse(b, &right))
        return memcmp(left.bytes, right.bytes, sizeof left.bytes) == 0;
    return g_strcmp0(a, b) == 0;
}

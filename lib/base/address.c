// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/address.h"

#include <string.h>

#include "base/error.h"

typedef struct {
    guint64 domain, bus, slot, function;
} Parts;

/* Reads 1 to @max hex digits at *@text into @ret and moves *@text behind them. */
static gboolean take_hex(const char **text, gsize max, guint64 *ret)
{
    guint64 value = 0;
    gsize n = 0;

    while (n < max && g_ascii_isxdigit((*text)[n])) {
        value = value * 16 + (guint64)g_ascii_xdigit_value((*text)[n]);
        n++;
    }
    *text += n;
    *ret = value;
    return n > 0;
}

static gboolean take_char(const char **text, char wanted)
{
    if (**text != wanted)
        return FALSE;
    (*text)++;
    return TRUE;
}

/* "BB:SS.F" with the given separators, to the end of the text. */
static gboolean take_tail(const char *text, char colon, char dot, Parts *ret)
{
    return take_hex(&text, 2, &ret->bus) && take_char(&text, colon) &&
           take_hex(&text, 2, &ret->slot) && take_char(&text, dot) &&
           take_hex(&text, 1, &ret->function) && *text == '\0';
}

static gboolean take_full(const char *text, char colon, char dot, Parts *ret)
{
    return take_hex(&text, 8, &ret->domain) && take_char(&text, colon) &&
           take_tail(text, colon, dot, ret);
}

static gboolean take_address(const char *text, Parts *ret)
{
    if (g_str_has_prefix(text, "pci_"))
        return take_full(text + strlen("pci_"), '_', '_', ret);
    if (take_full(text, ':', '.', ret))
        return TRUE;
    ret->domain = 0;
    return take_tail(text, ':', '.', ret);
}

char *vh_address_from_parts(guint64 domain, guint64 bus, guint64 slot, guint64 function,
                            GError **error)
{
    if (domain > G_MAXUINT32 || bus > 0xff || slot > 0x1f || function > 7) {
        vh_error_set(error, VH_ERROR_FAILED,
                     "not a PCI address: bus is at most ff, slot 1f, function 7");
        return NULL;
    }
    return g_strdup_printf("%04x:%02x:%02x.%x", (guint)domain, (guint)bus, (guint)slot,
                           (guint)function);
}

char *vh_address_canonical(const char *text, GError **error)
{
    Parts parts = {0};
    gboolean formed = text && take_address(text, &parts);
    char *address =
        formed ? vh_address_from_parts(parts.domain, parts.bus, parts.slot, parts.function, NULL)
               : NULL;

    if (address)
        return address;
    g_autofree char *shown = g_strescape(text ? text : "", NULL);
    vh_error_set(error, VH_ERROR_USAGE, "\"%s\" is not a PCI address%s", shown,
                 formed ? ": bus is at most ff, slot 1f, function 7"
                        : "; write it as 0000:09:00.0, 09:00.0 or pci_0000_09_00_0");
    return NULL;
}

gboolean vh_address_same_slot(const char *a, const char *b)
{
    const char *dot = strrchr(a, '.');

    return dot && strncmp(a, b, (gsize)(dot - a) + 1) == 0;
}

int vh_address_compare(const char *a, const char *b)
{
    Parts left = {0}, right = {0};

    if (!take_address(a, &left) || !take_address(b, &right))
        return strcmp(a, b);
    const guint64 keys[][2] = {{left.domain, right.domain},
                               {left.bus, right.bus},
                               {left.slot, right.slot},
                               {left.function, right.function}};
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        if (keys[i][0] != keys[i][1])
            return keys[i][0] < keys[i][1] ? -1 : 1;
    return 0;
}

int vh_address_compare_indirect(gconstpointer a, gconstpointer b)
{
    return vh_address_compare(*(const char *const *)a, *(const char *const *)b);
}

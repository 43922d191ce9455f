// SPDX-License-Identifier: GPL-2.0-or-later
#include "steps/bars.h"

#include <string.h>

#define DEVICES "/sys/bus/pci/devices"

static char *read_attribute(VhHost *host, const char *address, const char *name)
{
    g_autofree char *path = g_strdup_printf(DEVICES "/%s/%s", address, name);

    return vh_host_read(host, path, NULL);
}

/* "0x00000000e0000000 0x00000000efffffff 0x000000000014220c", a line for each BAR. */
int vh_bar_size(VhHost *host, const char *address, guint bar)
{
    g_autofree char *text = read_attribute(host, address, "resource");
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
    char *after = NULL;

    if (bar >= VH_BARS || bar >= g_strv_length(lines))
        return -1;
    guint64 begin = g_ascii_strtoull(lines[bar], &after, 16);
    guint64 size = g_ascii_strtoull(after, NULL, 16) - begin + 1;
    if (size < 1024 * 1024 || (size & (size - 1)) != 0)
        return -1;
    return g_bit_nth_lsf(size >> 20, -1);
}

guint64 vh_bar_choices(VhHost *host, const char *address, guint bar)
{
    g_autofree char *name = g_strdup_printf("resource%u_resize", bar);
    g_autofree char *text = read_attribute(host, address, name);

    return text ? g_ascii_strtoull(text, NULL, 16) : 0;
}

/* "0:8"; FALSE when it is none. */
static gboolean parse(const char *text, guint *ret_bar, int *ret_size)
{
    char *after = NULL;
    guint64 bar = g_ascii_strtoull(text, &after, 10);

    if (*after != ':' || bar >= VH_BARS)
        return FALSE;
    *ret_bar = (guint)bar;
    *ret_size = (int)g_ascii_strtoull(after + 1, NULL, 10);
    return TRUE;
}

char **vh_bars_now(VhHost *host, const char *address, char **bars)
{
    g_autoptr(GPtrArray) now = g_ptr_array_new_with_free_func(g_free);

    for (char **text = bars; *text; text++) {
        guint bar;
        int wanted;
        int size = parse(*text, &bar, &wanted) ? vh_bar_size(host, address, bar) : -1;
        if (size < 0)
            return NULL;
        g_ptr_array_add(now, g_strdup_printf("%u:%d", bar, size));
    }
    g_ptr_array_add(now, NULL);
    return (char **)g_ptr_array_steal(now, NULL);
}

gboolean vh_bars_are(VhHost *host, const char *address, char **bars)
{
    g_auto(GStrv) now = vh_bars_now(host, address, bars);

    return now && g_strv_equal((const char *const *)now, (const char *const *)bars);
}

gboolean vh_bars_set(const VhStepContext *context, const char *address, char **bars, GError **error)
{
    for (char **text = bars; *text; text++) {
        guint bar;
        int size;
        if (!parse(*text, &bar, &size) || vh_bar_size(context->host, address, bar) == size)
            continue;
        g_autofree char *name = g_strdup_printf("resource%u_resize", bar);
        g_autofree char *value = g_strdup_printf("%d", size);
        if (!vh_host_pci_set(context->host, address, name, value, context->act_deadline, error)) {
            g_prefix_error(error, "BAR %u cannot get its size: ", bar);
            return FALSE;
        }
    }
    return TRUE;
}

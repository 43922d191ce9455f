// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "host/host.h"

guint64 vh_host_memory(VhHost *host, const char *key)
{
    g_autofree char *text = vh_host_read(host, "/proc/meminfo", NULL);
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
    gsize length = strlen(key);

    for (gsize i = 0; lines[i]; i++)
        if (g_str_has_prefix(lines[i], key) && lines[i][length] == ':')
            return g_ascii_strtoull(lines[i] + length + 1, NULL, 10) * 1024;
    return 0;
}

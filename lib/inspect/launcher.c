// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/launcher.h"

#include <string.h>

#include "base/text.h"

char *vh_launcher_name(const char *guest)
{
    GString *name = g_string_new("virt-handoff-");

    /* What tools take for the name of an application; the others become their numbers. */
    for (const char *p = guest; *p; p++)
        if (g_ascii_isalnum(*p) || *p == '-')
            g_string_append_c(name, *p);
        else
            g_string_append_printf(name, "_%02x", (guint)(guchar)*p);
    /* A file's name has 255 bytes at most. */
    g_string_truncate(name, MIN(name->len, 200));
    return g_string_free(g_string_append(name, ".desktop"), FALSE);
}

/* A value of type string, with its escapes. */
static char *string_value(const char *text)
{
    static const char characters[] = "\\\n\t\r", letters[] = "\\ntr";
    GString *value = g_string_new(NULL);

    for (const char *p = text; *p; p++) {
        const char *found = strchr(characters, *p);
        if (found)
            g_string_append_printf(value, "\\%c", letters[found - characters]);
        else
            g_string_append_c(value, *p);
    }
    return g_string_free(value, FALSE);
}

/* One argument of Exec: in quotes, in which four characters have a backslash before them; "%" is
 * the beginning of a field code. */
static char *argument(const char *text)
{
    GString *quoted = g_string_new("\"");

    for (const char *p = text; *p; p++) {
        if (strchr("\"`$\\", *p))
            g_string_append_c(quoted, '\\');
        g_string_append_c(quoted, *p);
        if (*p == '%')
            g_string_append_c(quoted, '%');
    }
    return g_string_free(g_string_append_c(quoted, '"'), FALSE);
}

char *vh_launcher_text(const char *guest, const char *program)
{
    g_autofree char *shown = vh_text_one_line(guest);
    g_autofree char *name = string_value(shown);
    g_autofree char *quoted = argument(guest);
    g_autofree char *last = string_value(quoted);

    return g_strdup_printf("[Desktop Entry]\n"
                           "Type=Application\n"
                           "Name=%s\n"
                           "Comment=Start virtual machine %s with this computer's graphics card\n"
                           "Icon=computer\n"
                           "TryExec=%s\n"
                           "Exec=%s start-asked -- %s\n"
                           "Terminal=true\n"
                           "Categories=System;Emulator;\n",
                           name, name, program, program, last);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Virtual consoles (Documentation/driver-api/console.rst). */
#include "host/real-private.h"

#include <string.h>

#include "base/error.h"

#define CONSOLES "/sys/class/vtconsole"

/* show_bind waits for the console's lock (drivers/tty/vt/vt.c), which a hung unbind may hold. */
static gboolean read_bound(VhReal *real, const char *dir, guint64 number, gboolean *ret_bound,
                           GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *path = g_build_filename(dir, "bind", NULL);
    g_autofree char *what = g_strdup_printf("look at vtcon%" G_GUINT64_FORMAT, number);
    g_autofree char *bind = vh_child_attribute(real, what, path, &local);

    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    *ret_bound = g_strcmp0(bind, "1") == 0;
    return TRUE;
}

static VhConsole *read_console(VhReal *real, const char *dir, guint64 number, GError **error)
{
    g_autofree char *name_path = g_build_filename(dir, "name", NULL);
    char *name = vh_file_attribute(name_path);
    gboolean bound = FALSE;

    if (!name || !read_bound(real, dir, number, &bound, error)) {
        g_free(name);
        return NULL;
    }
    VhConsole *console = g_new0(VhConsole, 1);
    console->number = (guint)number;
    console->name = name;
    /* "(M) frame buffer device": fbcon's name, drivers/tty/vt/vt.c and fbcon.c. */
    console->framebuffer = strstr(name, "frame buffer") != NULL;
    console->bound = bound;
    return console;
}

static void free_console(gpointer console)
{
    vh_console_free(console);
}

GPtrArray *vh_real_consoles(VhHost *host, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *top = vh_real_path(real, CONSOLES);
    g_autoptr(GPtrArray) names = vh_file_list(top);
    g_autoptr(GPtrArray) consoles = g_ptr_array_new_with_free_func(free_console);

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autoptr(GError) local = NULL;
        g_autofree char *dir = g_build_filename(top, name, NULL);
        guint64 number;
        if (!g_str_has_prefix(name, "vtcon") || !vh_number(name + strlen("vtcon"), 10, &number))
            continue;
        VhConsole *console = read_console(real, dir, number, &local);
        if (local) {
            g_propagate_error(error, g_steal_pointer(&local));
            return NULL;
        }
        if (console)
            g_ptr_array_add(consoles, console);
    }
    return g_steal_pointer(&consoles);
}

gboolean vh_real_console_bind(VhHost *host, guint number, gboolean bind, gint64 deadline,
                              GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *path = vh_real_path(real, CONSOLES "/vtcon%u/bind", number);
    g_autofree char *what = g_strdup_printf("%s console vtcon%u", bind ? "bind" : "unbind", number);

    if (!vh_file_exists(path))
        return vh_error_set(error, VH_ERROR_GONE, "there is no console vtcon%u", number);
    return vh_child_write(real, what, deadline, path, bind ? "1" : "0", error);
}

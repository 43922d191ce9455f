// SPDX-License-Identifier: GPL-2.0-or-later
/* What draws on the firmware's framebuffer before a native driver comes, or instead of one. */
#include "host/real-private.h"

#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"

#define PLATFORM "/sys/bus/platform"

typedef struct {
    guint64 start, end;
} Range;

static gboolean is_framebuffer(const char *device)
{
    /* drivers/firmware/sysfb.c and sysfb_simplefb.c. */
    static const char *const prefixes[] = {"efi-framebuffer.", "vesa-framebuffer.",
                                           "simple-framebuffer.", "vga-framebuffer.",
                                           "ega-framebuffer."};

    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(device, prefixes[i]))
            return TRUE;
    return FALSE;
}

char *vh_platform_directory(VhReal *real, const char *device)
{
    g_autofree char *path = vh_real_path(real, PLATFORM "/devices/%s", device);
    char *resolved = vh_name_is_plain(device) ? realpath(path, NULL) : NULL;
    char *copy = g_strdup(resolved);

    free(resolved);
    return copy;
}

/* The PCI function that the platform device is a child of (since Linux 6.9, sysfb_parent_dev). */
static char *address_of_parent(VhReal *real, const char *device)
{
    g_autofree char *dir = vh_platform_directory(real, device);
    g_autofree char *parent = dir ? g_path_get_dirname(dir) : NULL;
    g_autofree char *name = parent ? g_path_get_basename(parent) : NULL;
    g_autofree char *canonical = vh_address_canonical(name, NULL);

    return g_strcmp0(canonical, name) == 0 ? g_steal_pointer(&canonical) : NULL;
}

/* How a firmware framebuffer calls its memory in /proc/iomem: the platform device's own resource,
 * then each driver's. */
static gboolean is_framebuffer_memory(const char *name, const char *device)
{
    static const char *const names[] = {"BOOTFB",   "efifb",     "vesafb",
                                        "simplefb", "simpledrm", "simple-framebuffer",
                                        "efidrm",   "vesadrm",   NULL};

    return g_strv_contains(names, name) || strcmp(name, device) == 0;
}

/* "  e0000000-e02fffff : BOOTFB" */
static gboolean parse_memory(char *line, Range *range, const char **ret_name)
{
    char *colon = strstr(line, " : ");
    char *dash = strchr(line, '-');

    if (!colon || !dash || dash > colon)
        return FALSE;
    *colon = '\0';
    *dash = '\0';
    *ret_name = colon + strlen(" : ");
    return vh_number(g_strchug(line), 16, &range->start) && vh_number(dash + 1, 16, &range->end);
}

/* Whether one of the function's BARs contains @range; lines are "0xSTART 0xEND 0xFLAGS". */
static gboolean bar_contains(VhReal *real, const char *address, const Range *range)
{
    g_autofree char *path = vh_real_path(real, "/sys/bus/pci/devices/%s/resource", address);
    g_auto(GStrv) lines = vh_file_lines(path);

    for (gsize i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 4);
        Range bar;
        if (g_strv_length(words) >= 2 && vh_number(words[0], 16, &bar.start) &&
            vh_number(words[1], 16, &bar.end) && bar.start <= range->start && range->end <= bar.end)
            return TRUE;
    }
    return FALSE;
}

static char *owner_of_memory(VhReal *real, const Range *range)
{
    g_autofree char *top = vh_real_path(real, "/sys/bus/pci/devices");
    g_autoptr(GPtrArray) names = vh_file_list(top);

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *path = g_build_filename(top, name, "class", NULL);
        g_autofree char *class = vh_file_attribute(path);
        /* Display controllers only; a bridge's window would contain it as well. */
        if (class && g_str_has_prefix(class, "0x03") && bar_contains(real, name, range))
            return g_strdup(name);
    }
    return NULL;
}

/* Who may not see physical addresses reads 0-0 everywhere (kernel/resource.c, r_show). */
static char *address_of_memory(VhReal *real, const char *device)
{
    g_autofree char *path = vh_real_path(real, "/proc/iomem");
    g_auto(GStrv) lines = vh_file_lines(path);

    for (gsize i = 0; lines[i]; i++) {
        Range range;
        const char *name;
        if (!parse_memory(lines[i], &range, &name) || range.end == 0 ||
            !is_framebuffer_memory(name, device))
            continue;
        char *owner = owner_of_memory(real, &range);
        if (owner)
            return owner;
    }
    return NULL;
}

static VhFramebuffer *read_framebuffer(VhReal *real, const char *device)
{
    VhFramebuffer *framebuffer = g_new0(VhFramebuffer, 1);
    g_autofree char *link = vh_real_path(real, PLATFORM "/devices/%s/driver", device);

    framebuffer->device = g_strdup(device);
    framebuffer->driver = vh_file_link(link);
    framebuffer->address = address_of_parent(real, device);
    if (!framebuffer->address)
        framebuffer->address = address_of_memory(real, device);
    return framebuffer;
}

static void free_framebuffer(gpointer framebuffer)
{
    vh_framebuffer_free(framebuffer);
}

GPtrArray *vh_real_framebuffers(VhHost *host, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *top = vh_real_path(real, PLATFORM "/devices");
    g_autoptr(GPtrArray) names = vh_file_list(top);
    GPtrArray *framebuffers = g_ptr_array_new_with_free_func(free_framebuffer);

    for (guint i = 0; i < names->len; i++)
        if (is_framebuffer(g_ptr_array_index(names, i)))
            g_ptr_array_add(framebuffers, read_framebuffer(real, g_ptr_array_index(names, i)));
    return framebuffers;
}

gboolean vh_real_framebuffer_bind(VhHost *host, const char *device, const char *driver,
                                  gboolean bind, gint64 deadline, GError **error)
{
    VhReal *real = (VhReal *)host;
    const char *verb = bind ? "bind" : "unbind";

    if (!vh_name_is_plain(device) || !vh_name_is_plain(driver))
        return vh_error_set(error, VH_ERROR_FAILED, "\"%s\" or \"%s\" is no name in sysfs", device,
                            driver);
    g_autofree char *dir = vh_real_path(real, PLATFORM "/devices/%s", device);
    if (!vh_file_exists(dir))
        return vh_error_set(error, VH_ERROR_GONE, "there is no platform device %s", device);
    g_autofree char *link = g_build_filename(dir, "driver", NULL);
    g_autofree char *bound = vh_file_link(link);
    /* Already so. */
    if ((g_strcmp0(bound, driver) == 0) == (bind != FALSE))
        return TRUE;
    g_autofree char *path = vh_real_path(real, PLATFORM "/drivers/%s/%s", driver, verb);
    g_autofree char *what =
        g_strdup_printf("%s %s %s %s", verb, device, bind ? "to" : "from", driver);
    return vh_child_write(real, what, deadline, path, device, error);
}

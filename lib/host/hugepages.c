// SPDX-License-Identifier: GPL-2.0-or-later
/* Huge pages (Documentation/admin-guide/mm/hugetlbpage.rst). */
#include "host/real-private.h"

#include <string.h>

#define NODES "/sys/devices/system/node"
#define KERNEL "/sys/kernel/mm/hugepages"
#define POOL "hugepages-"

static guint64 number_in(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *text = vh_file_attribute(path);
    guint64 value = 0;

    (void)vh_number(text, 10, &value);
    return value;
}

/* Of "hugepages-2048kB" in bytes, 0 when it is none. */
static guint64 size_of(const char *name)
{
    g_autofree char *digits = g_str_has_prefix(name, POOL) && g_str_has_suffix(name, "kB")
                                  ? g_strndup(name + strlen(POOL), strlen(name) - strlen(POOL "kB"))
                                  : NULL;
    guint64 kilobytes;

    return vh_number(digits, 10, &kilobytes) && kilobytes <= G_MAXINT64 / 1024 ? kilobytes * 1024
                                                                               : 0;
}

/* /proc/meminfo says which size is meant when none is named. */
static guint64 usual_size(VhReal *real)
{
    static const char key[] = "Hugepagesize:";
    g_autofree char *path = vh_real_path(real, "/proc/meminfo");
    g_auto(GStrv) lines = vh_file_lines(path);

    for (gsize i = 0; lines[i]; i++)
        if (g_str_has_prefix(lines[i], key))
            return g_ascii_strtoull(lines[i] + strlen(key), NULL, 10) * 1024;
    return 0;
}

static guint64 or_zero(guint64 all, guint64 less)
{
    return all > less ? all - less : 0;
}

/* The pools in a directory of NODES or KERNEL. */
static void add_pools(VhReal *real, const char *dir, int node, GPtrArray *pools)
{
    g_autoptr(GPtrArray) names = vh_file_list(dir);
    guint64 usual = usual_size(real);

    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autofree char *path = g_build_filename(dir, name, NULL);
        g_autofree char *whole = vh_real_path(real, KERNEL "/%s", name);
        if (size_of(name) == 0)
            continue;
        VhPagePool *pool = g_new0(VhPagePool, 1);
        pool->size = size_of(name);
        pool->usual = pool->size == usual;
        pool->node = node;
        pool->pages =
            or_zero(number_in(path, "nr_hugepages"), number_in(path, "surplus_hugepages"));
        pool->free = number_in(path, "free_hugepages");
        pool->reserved = number_in(whole, "resv_hugepages");
        g_ptr_array_add(pools, pool);
    }
}

static int by_size(gconstpointer a, gconstpointer b)
{
    const VhPagePool *left = *(VhPagePool *const *)a, *right = *(VhPagePool *const *)b;

    if (left->size != right->size)
        return left->size < right->size ? -1 : 1;
    return left->node - right->node;
}

GPtrArray *vh_real_page_pools(VhHost *host, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *top = vh_real_path(real, NODES);
    g_autoptr(GPtrArray) names = vh_file_list(top);
    GPtrArray *pools = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        guint64 node;
        if (!g_str_has_prefix(name, "node") || !vh_number(name + strlen("node"), 10, &node))
            continue;
        g_autofree char *dir = g_build_filename(top, name, "hugepages", NULL);
        add_pools(real, dir, (int)node, pools);
    }
    if (pools->len == 0) {
        g_autofree char *dir = vh_real_path(real, KERNEL);
        add_pools(real, dir, -1, pools);
    }
    g_ptr_array_sort(pools, by_size);
    return pools;
}

gboolean vh_real_set_pages(VhHost *host, guint64 size, int node, guint64 pages, gint64 deadline,
                           GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *top = node >= 0 ? vh_real_path(real, NODES "/node%d/hugepages", node)
                                     : vh_real_path(real, KERNEL);
    g_autofree char *path =
        g_strdup_printf("%s/" POOL "%" G_GUINT64_FORMAT "kB/nr_hugepages", top, size / 1024);
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, pages);
    g_autofree char *what =
        g_strdup_printf("set aside %s huge pages of %" G_GUINT64_FORMAT " KiB", text, size / 1024);

    return vh_child_write(real, what, deadline, path, text, error);
}

gboolean vh_real_compact(VhHost *host, int node, gint64 deadline, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *path = node >= 0 ? vh_real_path(real, NODES "/node%d/compact", node)
                                      : vh_real_path(real, "/proc/sys/vm/compact_memory");

    return vh_child_write(real, "compact memory", deadline, path, "1", error);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Processors and memory. Who has an interrupt is left out: that may be a name that people gave. How
 * many huge pages could be had nobody knows, so a rehearsal gets as many as it asks for. */
#include "inspect/snapshot-private.h"

void vh_snapshot_cpus(const VhSnapshot *snapshot, GVariantDict *dict)
{
    g_autofree char *cpus = vh_host_cpus(snapshot->host, NULL);

    if (cpus)
        g_variant_dict_insert(dict, "cpus", "s", cpus);
}

static void add_tunable(GVariantBuilder *list, VhTune kind, const VhTunable *tunable)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "name", "s", tunable->name);
    g_variant_dict_insert(&dict, "kind", "s", vh_tune_name(kind));
    if (*tunable->value)
        g_variant_dict_insert(&dict, "value", "s", tunable->value);
    if (tunable->choices)
        g_variant_dict_insert_value(&dict, "choices",
                                    g_variant_new_strv((const char *const *)tunable->choices, -1));
    g_variant_builder_add_value(list, g_variant_dict_end(&dict));
}

GVariant *vh_snapshot_tunables(const VhSnapshot *snapshot)
{
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (int kind = 0; kind < VH_N_TUNES; kind++) {
        /* Without a cpuset controller there are no slices, here as there. */
        g_autoptr(GPtrArray) tunables = vh_host_tunables(snapshot->host, (VhTune)kind, NULL);
        for (guint i = 0; tunables && i < tunables->len; i++)
            add_tunable(&list, (VhTune)kind, tunables->pdata[i]);
    }
    return g_variant_builder_end(&list);
}

/* ---- huge pages ---- */

static gboolean same_size(const GPtrArray *pools, guint one, guint other)
{
    return other < pools->len && ((const VhPagePool *)pools->pdata[one])->size ==
                                     ((const VhPagePool *)pools->pdata[other])->size;
}

/* "2M", and where there are several of a size, "2M on node 1". */
static char *pool_name(const GPtrArray *pools, guint index)
{
    enum { KIB = 1024, MIB = 1024 * KIB, GIB = 1024 * MIB };
    const VhPagePool *pool = pools->pdata[index];
    guint64 unit = pool->size % GIB == 0 ? GIB : pool->size % MIB == 0 ? MIB : KIB;
    const char *letter = unit == GIB ? "G" : unit == MIB ? "M" : "K";
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT "%s", pool->size / unit, letter);

    if (same_size(pools, index, index + 1) || (index > 0 && same_size(pools, index, index - 1)))
        return g_strdup_printf("%s on node %d", size, pool->node);
    return g_steal_pointer(&size);
}

static void add_pool(GVariantBuilder *list, const GPtrArray *pools, guint index)
{
    const VhPagePool *pool = pools->pdata[index];
    gboolean first = index == 0 || !same_size(pools, index, index - 1);
    g_autofree char *name = pool_name(pools, index);
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "name", "s", name);
    g_variant_dict_insert(&dict, "size_kb", "x", (gint64)(pool->size / 1024));
    g_variant_dict_insert(&dict, "node", "x", (gint64)pool->node);
    if (pool->usual)
        g_variant_dict_insert(&dict, "usual", "b", TRUE);
    g_variant_dict_insert(&dict, "pages", "x", (gint64)pool->pages);
    /* Those that go when they are freed are not counted, but may be free. */
    g_variant_dict_insert(&dict, "used", "x", (gint64)(pool->pages - MIN(pool->free, pool->pages)));
    /* They are of all nodes. */
    g_variant_dict_insert(&dict, "reserved", "x", first ? (gint64)pool->reserved : (gint64)0);
    g_variant_builder_add_value(list, g_variant_dict_end(&dict));
}

GVariant *vh_snapshot_page_pools(const VhSnapshot *snapshot)
{
    g_autoptr(GPtrArray) pools = vh_host_page_pools(snapshot->host, NULL);
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; pools && i < pools->len; i++)
        add_pool(&list, pools, i);
    return g_variant_builder_end(&list);
}

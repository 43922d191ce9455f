// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Huge pages of one size are set aside, beside what is free already, and given back.
 *
 * The prior state is { "NODE": { before, added } } for each pool that may grow. Several guests may
 * have added to one pool, and each takes away its own share, in any order and however often: what
 * is to be left is the least that any of them found, and what the others have added.
 */
#include "base/json.h"
#include "base/text.h"
#include "steps/step.h"

#define MIB ((guint64)1024 * 1024)
#define GIB (1024 * MIB)

typedef struct {
    VhPagePool now;
    guint64 target; /* so many pages are to be set aside */
} Pool;

static guint64 size_of(GVariant *args)
{
    return (guint64)vh_json_int(args, "size", 0);
}

static guint64 or_zero(guint64 all, guint64 less)
{
    return all > less ? all - less : 0;
}

/* Of an object { "any": N, "0": N }, on any node (-1) or one of them. */
static guint64 pages_of(GVariant *args, const char *key, int node)
{
    g_autoptr(GVariant) pages = vh_json_object(args, key);
    g_autofree char *name = node < 0 ? g_strdup("any") : g_strdup_printf("%d", node);

    return pages ? (guint64)vh_json_int(pages, name, 0) : 0;
}

/* The pools of the size (Pool), as they are. */
static GArray *pools_now(VhHost *host, GVariant *args, GError **error)
{
    g_autoptr(GPtrArray) all = vh_host_page_pools(host, error);
    GArray *pools = all ? g_array_new(FALSE, FALSE, sizeof(Pool)) : NULL;

    for (guint i = 0; all && i < all->len; i++) {
        const VhPagePool *now = all->pdata[i];
        const Pool pool = {*now, now->pages};
        if (now->size == size_of(args))
            g_array_append_val(pools, pool);
    }
    return pools;
}

static Pool *pool_at(const GArray *pools, guint i)
{
    return &g_array_index(pools, Pool, i);
}

/* ---- how many are missing ---- */

/* Sets targets for what is wanted of each node by name; returns how many pages are then free and
 * wanted by nobody. */
static guint64 want_on_nodes(GArray *pools, GVariant *args)
{
    guint64 spare = 0, reserved = 0;

    for (guint i = 0; i < pools->len; i++) {
        Pool *pool = pool_at(pools, i);
        /* Which node those reserved will be of nobody knows: they count on each. */
        guint64 taken = pool->now.reserved + pages_of(args, "promised", -1) +
                        (pool->now.node < 0 ? 0 : pages_of(args, "promised", pool->now.node));
        guint64 need = pool->now.node < 0 ? 0 : pages_of(args, "needs", pool->now.node);
        guint64 free = or_zero(pool->now.free, taken);
        pool->target += or_zero(need, free);
        spare += or_zero(pool->now.free, need);
        spare -= MIN(spare, pool->now.node < 0 ? 0 : pages_of(args, "promised", pool->now.node));
        reserved = pool->now.reserved;
    }
    return or_zero(spare, reserved + pages_of(args, "promised", -1));
}

/* Adds @pages to the targets, evenly. */
static void spread(GArray *pools, guint64 pages)
{
    for (guint i = 0; i < pools->len; i++) {
        guint64 part = pages / (pools->len - i);
        pool_at(pools, i)->target += part;
        pages -= part;
    }
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    g_autoptr(GArray) pools = pools_now(context->host, args, error);
    g_auto(GVariantDict) prior = G_VARIANT_DICT_INIT(NULL);
    gboolean any = FALSE;

    if (!pools)
        return FALSE;
    guint64 free = want_on_nodes(pools, args);
    spread(pools, or_zero(pages_of(args, "needs", -1), free));
    for (guint i = 0; i < pools->len; i++) {
        const Pool *pool = pool_at(pools, i);
        g_autofree char *name = g_strdup_printf("%d", pool->now.node);
        any |= pool->target > pool->now.pages;
        g_variant_dict_insert_value(&prior, name,
                                    g_variant_new_parsed("{'before': <%x>, 'added': <%x>}",
                                                         (gint64)pool->now.pages,
                                                         (gint64)(pool->target - pool->now.pages)));
    }
    if (any)
        *ret_prior = g_variant_dict_end(&prior);
    return TRUE;
}

/* ---- setting them aside ---- */

static gint64 prior_number(GVariant *prior, int node, const char *what, gint64 fallback)
{
    g_autofree char *name = g_strdup_printf("%d", node);
    g_autoptr(GVariant) pool = vh_json_object(prior, name);

    return pool ? vh_json_int(pool, what, fallback) : fallback;
}

static gboolean set_pages(const VhStepContext *context, const Pool *pool, guint64 pages,
                          GError **error)
{
    return vh_host_set_pages(context->host, pool->now.size, pool->now.node, pages,
                             context->act_deadline, error);
}

/* Asks for what is missing in each pool and looks what came of it. */
static gboolean ask(const VhStepContext *context, GVariant *args, GArray *pools, GError **error)
{
    for (guint i = 0; i < pools->len; i++)
        if (pool_at(pools, i)->now.pages < pool_at(pools, i)->target &&
            !set_pages(context, pool_at(pools, i), pool_at(pools, i)->target, error))
            return FALSE;
    g_autoptr(GArray) now = pools_now(context->host, args, error);
    for (guint i = 0; now && i < MIN(pools->len, now->len); i++)
        pool_at(pools, i)->now = pool_at(now, i)->now;
    return now != NULL;
}

static guint64 missing(const GArray *pools)
{
    guint64 pages = 0;

    for (guint i = 0; i < pools->len; i++)
        pages += or_zero(pool_at(pools, i)->target, pool_at(pools, i)->now.pages);
    return pages;
}

/* What one node does not have another may, when it is all the same to the guest: for *@movable
 * pages at most. */
static void shift(GArray *pools, guint64 *movable)
{
    Pool *giver = NULL;

    for (guint i = 0; i < pools->len && !giver; i++)
        if (pool_at(pools, i)->now.pages >= pool_at(pools, i)->target)
            giver = pool_at(pools, i);
    for (guint i = 0; giver && i < pools->len; i++) {
        Pool *pool = pool_at(pools, i);
        guint64 moved = MIN(or_zero(pool->target, pool->now.pages), *movable);
        if (pool == giver)
            continue;
        pool->target -= moved;
        giver->target += moved;
        *movable -= moved;
    }
}

static void compact(const VhStepContext *context, const GArray *pools)
{
    for (guint i = 0; i < pools->len; i++) {
        const Pool *pool = pool_at(pools, i);
        if (pool->now.pages < pool->target)
            (void)vh_host_compact(context->host, pool->now.node, context->act_deadline, NULL);
    }
}

static char *size_text(guint64 size)
{
    return size % GIB == 0   ? g_strdup_printf("%d GiB", (int)(size / GIB))
           : size % MIB == 0 ? g_strdup_printf("%d MiB", (int)(size / MIB))
                             : g_strdup_printf("%d KiB", (int)(size / 1024));
}

static guint64 all_needs(GVariant *args)
{
    g_autoptr(GVariant) needs = vh_json_object(args, "needs");
    GVariantIter iter;
    const char *name;
    GVariant *value;
    guint64 sum = 0;

    if (!needs)
        return 0;
    g_variant_iter_init(&iter, needs);
    while (g_variant_iter_loop(&iter, "{&sv}", &name, &value))
        sum += (guint64)vh_json_int(needs, name, 0);
    return sum;
}

/* Where they fell short, when it matters. */
static char *place_text(GVariant *args, const GArray *pools)
{
    for (guint i = 0; i < pools->len; i++) {
        const Pool *pool = pool_at(pools, i);
        if (pool->now.pages < pool->target && pages_of(args, "needs", pool->now.node) > 0 &&
            pool->now.node >= 0)
            return g_strdup_printf(" on NUMA node %d", pool->now.node);
    }
    return g_strdup("");
}

static gboolean fell_short(GVariant *args, const GArray *pools, GError **error)
{
    guint64 size = size_of(args), needed = all_needs(args);
    g_autofree char *had = vh_text_number(or_zero(needed, missing(pools)));
    g_autofree char *wanted = vh_text_number(needed);
    g_autofree char *each = size_text(size);
    g_autofree char *place = place_text(args, pools);
    g_autofree char *unusual = pools->len > 0 && pool_at(pools, 0)->now.usual
                                   ? g_strdup("")
                                   : g_strdup_printf("hugepagesz=%" G_GUINT64_FORMAT "%s ",
                                                     size % GIB == 0 ? size / GIB : size / MIB,
                                                     size % GIB == 0 ? "G" : "M");

    return vh_error_set(error, VH_ERROR_FAILED,
                        "only %s of %s huge pages of %s could be had%s: close programs, or reserve "
                        "them at boot with %shugepages=%" G_GUINT64_FORMAT
                        " on the kernel's command line",
                        had, wanted, each, place, unusual, needed);
}

/*
 * Whether the memory is there at all. The kernel gives its best before it says no: it throws out
 * every page it can, and the host stands still for minutes.
 */
static gboolean may_be_had(const VhStepContext *context, GVariant *args, GArray *pools,
                           GError **error)
{
    guint64 left = vh_host_memory(context->host, "MemAvailable");
    guint64 pages = (left + vh_host_memory(context->host, "SwapFree")) / size_of(args);

    if (left == 0 || missing(pools) <= pages)
        return TRUE;
    for (guint i = 0; i < pools->len; i++) {
        guint64 had = MIN(or_zero(pool_at(pools, i)->target, pool_at(pools, i)->now.pages), pages);
        pool_at(pools, i)->now.pages += had;
        pages -= had;
    }
    return fell_short(args, pools, error);
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    g_autoptr(GArray) pools = pools_now(context->host, args, error);
    guint64 movable = pages_of(args, "needs", -1);
    gint64 pause = 0;

    for (guint i = 0; pools && i < pools->len; i++) {
        Pool *pool = pool_at(pools, i);
        pool->target = (guint64)(prior_number(prior, pool->now.node, "before", 0) +
                                 prior_number(prior, pool->now.node, "added", 0));
    }
    if (!pools || !may_be_had(context, args, pools, error))
        return FALSE;
    for (;;) {
        g_autoptr(GError) cause = NULL;
        if (!ask(context, args, pools, error))
            return FALSE;
        if (missing(pools) == 0)
            return TRUE;
        shift(pools, &movable);
        compact(context, pools);
        if (vh_step_pause(context, NULL, &pause, &cause))
            continue;
        if (vh_error_is_timeout(cause))
            return fell_short(args, pools, error);
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
}

/* ---- giving them back ---- */

static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    g_autoptr(GArray) pools = pools_now(context->host, args, error);
    g_autoptr(GError) first = NULL;

    for (guint i = 0; pools && i < pools->len; i++) {
        const Pool *pool = pool_at(pools, i);
        gint64 before = prior_number(prior, pool->now.node, "before", -1);
        /* What a dying guest still has goes as soon as it is freed. Fewer than before are left
         * when another guest that found fewer has given its share back since. */
        if (before >= 0 && pool->now.pages > (guint64)before)
            (void)set_pages(context, pool, (guint64)before, first ? NULL : &first);
    }
    if (!first)
        return pools != NULL;
    g_propagate_prefixed_error(error, g_steal_pointer(&first), "huge pages stay set aside: ");
    return FALSE;
}

/* The number before, in @prior's every pool, as @choose has it. */
static GVariant *with_before(GVariant *prior, gint64 (*choose)(int node, gint64 before, gpointer),
                             gpointer data)
{
    GVariantDict dict;
    GVariantIter iter;
    const char *name;
    GVariant *value;

    g_variant_dict_init(&dict, NULL);
    g_variant_iter_init(&iter, prior);
    while (g_variant_iter_loop(&iter, "{&sv}", &name, &value)) {
        int node = (int)g_ascii_strtoll(name, NULL, 10);
        gint64 before = choose(node, prior_number(prior, node, "before", 0), data);
        gint64 added = prior_number(prior, node, "added", 0);
        g_variant_dict_insert_value(
            &dict, name, g_variant_new_parsed("{'before': <%x>, 'added': <%x>}", before, added));
    }
    return g_variant_dict_end(&dict);
}

static gint64 least(int node, gint64 before, gpointer other)
{
    return MIN(before, prior_number(other, node, "before", before));
}

static GVariant *inherit(GVariant *ours, GVariant *theirs)
{
    return theirs ? with_before(theirs, least, ours) : NULL;
}

static gint64 least_and_others(int node, gint64 before, gpointer data)
{
    const GPtrArray *others = data;
    gint64 base = before, added = 0;

    for (guint i = 0; i < others->len; i++) {
        base = least(node, base, others->pdata[i]);
        added += prior_number(others->pdata[i], node, "added", 0);
    }
    return base + added;
}

static GVariant *share(GVariant *ours, const GPtrArray *others)
{
    return with_before(ours, least_and_others, (gpointer)others);
}

static char *describe(GVariant *args)
{
    g_autofree char *size = size_text(size_of(args));
    g_autofree char *count = vh_text_number(all_needs(args));

    return g_strdup_printf("have %s huge pages of %s free", count, size);
}

static char *describe_undo(GVariant *args)
{
    g_autofree char *size = size_text(size_of(args));

    return g_strdup_printf("give back the huge pages of %s that were set aside", size);
}

const VhStepKind vh_step_hugepages = {
    .name = "hugepages",
    .title = "huge pages",
    .undo_grade = VH_UNDO_FULL,
    .shared = TRUE,
    .look = look,
    .apply = apply,
    .undo = undo,
    .inherit = inherit,
    .share = share,
    .describe = describe,
    .describe_undo = describe_undo,
};

// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether there is memory for the guest, and huge pages where its domain asks for them: counted as
 * the plan counts them, with what the hook itself sets aside. */
#include <string.h>

#include "inspect/check-private.h"

enum { KIB = 1024, MIB = 1024 * KIB };

/* ---- huge pages ---- */

/* One size on one node, -1: any. */
typedef struct {
    guint64 size;
    int node;
    guint64 needed, pages, free;
    gboolean known; /* the kernel has such pages there */
} Need;

static guint64 or_zero(guint64 all, guint64 less)
{
    return all > less ? all - less : 0;
}

static guint64 usual_size(const GPtrArray *pools)
{
    for (guint i = 0; i < pools->len; i++)
        if (((const VhPagePool *)pools->pdata[i])->usual)
            return ((const VhPagePool *)pools->pdata[i])->size;
    return 0;
}

static Need need_of(const VhDomainPages *asked, guint64 usual)
{
    guint64 size = asked->size ? asked->size : usual;

    return (Need){.size = size,
                  .node = asked->node,
                  .needed = asked->bytes / size + (asked->bytes % size != 0)};
}

/* What is wanted of a node by name is no longer free for whom any will do. */
static guint64 wanted_by_name(const VhDomain *domain, guint64 usual, const VhPagePool *pool)
{
    guint64 pages = 0;

    for (guint i = 0; i < domain->pages->len; i++) {
        const Need other = need_of(domain->pages->pdata[i], usual);
        if (other.size == pool->size && other.node >= 0 && other.node == pool->node)
            pages += other.needed;
    }
    return pages;
}

static void count_pools(const VhDomain *domain, const GPtrArray *pools, guint64 usual, Need *need)
{
    guint64 reserved = 0;

    for (guint i = 0; i < pools->len; i++) {
        const VhPagePool *pool = pools->pdata[i];
        gboolean here =
            need->node < 0 || pool->node == need->node || (pool->node < 0 && need->node == 0);
        if (pool->size != need->size || !here)
            continue;
        need->known = TRUE;
        need->pages += pool->pages;
        need->free +=
            need->node < 0 ? or_zero(pool->free, wanted_by_name(domain, usual, pool)) : pool->free;
        reserved = pool->reserved;
    }
    need->free = or_zero(need->free, reserved);
}

/* Whether prepare has so many free by itself; when there is not memory enough, the plan says so. */
static gboolean hook_sees_to(const VhConfig *config, const Need *need, guint64 usual)
{
    if (!need->known || !config || config->hugepages == VH_HUGEPAGES_NONE)
        return FALSE;
    if (config->hugepages == VH_HUGEPAGES_AUTO)
        return TRUE;
    return (config->hugepage_size ? config->hugepage_size : usual) == need->size &&
           (config->hugepage_node == need->node || need->node < 0) &&
           config->hugepage_count >= need->needed;
}

static char *how_to_get(const Need *need)
{
    g_autofree char *top = need->node < 0
                               ? g_strdup("/sys/kernel/mm")
                               : g_strdup_printf("/sys/devices/system/node/node%d", need->node);

    if (!need->known)
        return g_strdup("name a size and a node in the domain that /sys/devices/system/node has");
    return g_strdup_printf("hugepages = \"auto\" in the guest's file, or: echo %" G_GUINT64_FORMAT
                           " | sudo tee %s/hugepages/hugepages-%" G_GUINT64_FORMAT
                           "kB/nr_hugepages",
                           need->pages + or_zero(need->needed, need->free), top, need->size / KIB);
}

static void judge(VhChecking *checking, const Need *need, guint64 usual)
{
    gboolean enough = need->free >= need->needed;
    gboolean hook = !enough && hook_sees_to(checking->in->config, need, usual);
    gboolean small = need->size % MIB != 0;
    g_autofree char *mend = enough || hook ? NULL : how_to_get(need);
    g_autofree char *node =
        need->node < 0 ? g_strdup("") : g_strdup_printf(" on NUMA node %d", need->node);

    vh_check_add(checking, mend ? VH_FINDING_FAILURE : VH_FINDING_OK, mend,
                 "%" G_GUINT64_FORMAT " huge pages of %" G_GUINT64_FORMAT
                 " %s needed%s, %" G_GUINT64_FORMAT " free%s",
                 need->needed, need->size / (small ? KIB : MIB), small ? "KiB" : "MiB", node,
                 need->free, hook ? "; prepare sets aside the others" : "");
}

static void check_pages(VhChecking *checking)
{
    const VhDomain *domain = checking->in->domain;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) pools = vh_host_page_pools(checking->host, &error);
    guint64 usual = pools ? usual_size(pools) : 0;

    if (!pools || pools->len == 0 || usual == 0) {
        vh_check_unknown(checking, "how many huge pages are free", error);
        return;
    }
    for (guint i = 0; i < domain->pages->len; i++) {
        Need need = need_of(domain->pages->pdata[i], usual);
        count_pools(domain, pools, usual, &need);
        judge(checking, &need, usual);
    }
}

/* ---- the whole ---- */

void vh_check_memory(gpointer data)
{
    VhChecking *checking = data;
    const VhDomain *domain = checking->in->domain;
    guint64 total = vh_host_memory(checking->host, "MemTotal");

    if (domain->memory == 0)
        vh_check_unknown(checking, "how much it needs", NULL);
    else if (domain->pages->len > 0)
        check_pages(checking);
    else if (total == 0)
        vh_check_unknown(checking, "how much memory there is", NULL);
    else if (domain->memory > total)
        vh_check_add(checking, VH_FINDING_FAILURE, "give it less memory: virsh edit",
                     "it needs %" G_GUINT64_FORMAT " MiB, and this host has %" G_GUINT64_FORMAT,
                     domain->memory / MIB, total / MIB);
    else
        vh_check_add(checking, VH_FINDING_OK, NULL,
                     "%" G_GUINT64_FORMAT " MiB of this host's %" G_GUINT64_FORMAT,
                     domain->memory / MIB, total / MIB);
}

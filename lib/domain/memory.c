// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which huge pages a domain asks for, and where its processors are. <page nodeset=…> counts the
 * guest's own NUMA cells; which of the host's nodes their memory comes from is in <numatune>.
 */
#include <string.h>

#include "domain/facts-private.h"

/* A set of nodes that is one node, or -1. */
static int only_node(const VhCpus *nodes)
{
    int only = -1;

    for (guint node = 0; node < VH_CPUS_MOST; node++) {
        if (!vh_cpus_has(nodes, node))
            continue;
        if (only >= 0)
            return -1;
        only = (int)node;
    }
    return only;
}

static gboolean take_set(const VhXmlElement *element, const char *name, VhCpus *ret)
{
    g_autofree char *text = vh_xml_attribute(element, name);

    return text && vh_cpus_parse(text, ret);
}

/* The number in an attribute, -1 when there is none or it is beyond what one could have. */
static int take_number(const VhXmlElement *element, const char *name)
{
    g_autofree char *text = vh_xml_attribute(element, name);
    guint64 value;

    return text && g_ascii_string_to_unsigned(text, 10, 0, VH_CPUS_MOST - 1, &value, NULL)
               ? (int)value
               : -1;
}

static void take_page(VhMemoryFacts *facts, const VhXmlElement *element)
{
    g_autofree char *size = vh_xml_attribute(element, "size");
    VhMemoryPage page = {.size = size ? vh_facts_amount(size, element) : 0};

    page.everywhere = !take_set(element, "nodeset", &page.cells);
    g_array_append_val(facts->pages, page);
}

static void take_cell(VhMemoryFacts *facts, const VhXmlElement *element)
{
    g_autofree char *memory = vh_xml_attribute(element, "memory");
    int id = take_number(element, "id");
    VhMemoryCell cell = {.id = id >= 0 ? id : (int)facts->cells->len, .node = -1};

    cell.bytes = memory ? vh_facts_amount(memory, element) : 0;
    g_array_append_val(facts->cells, cell);
}

/* Only "strict" (the default) keeps to the node when it is full. */
static int strict_node(const VhXmlElement *element)
{
    g_autofree char *mode = vh_xml_attribute(element, "mode");
    VhCpus nodes;

    if ((mode && !g_str_equal(mode, "strict")) || !take_set(element, "nodeset", &nodes))
        return -1;
    return only_node(&nodes);
}

static void take_tune(VhMemoryFacts *facts, const VhXmlElement *element)
{
    facts->node = strict_node(element);
}

static void take_memnode(VhMemoryFacts *facts, const VhXmlElement *element)
{
    VhMemoryCell place = {.id = take_number(element, "cellid"), .node = strict_node(element)};

    g_array_append_val(facts->places, place);
}

static void take_pin(VhMemoryFacts *facts, const VhXmlElement *element)
{
    VhCpus cpus;

    if (take_set(element, "cpuset", &cpus))
        vh_cpus_add(&facts->pinned, &cpus);
}

void vh_memory_begin(VhMemoryFacts *facts, const char *path, const VhXmlElement *element)
{
    static const struct {
        const char *path;
        void (*take)(VhMemoryFacts *facts, const VhXmlElement *element);
    } table[] = {
        {"/domain/memoryBacking/hugepages/page", take_page},
        {"/domain/cpu/numa/cell", take_cell},
        {"/domain/numatune/memory", take_tune},
        {"/domain/numatune/memnode", take_memnode},
        {"/domain/cputune/vcpupin", take_pin},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (g_str_equal(path, table[i].path))
            table[i].take(facts, element);
}

void vh_memory_start(VhMemoryFacts *facts)
{
    facts->node = -1;
    facts->pages = g_array_new(FALSE, FALSE, sizeof(VhMemoryPage));
    facts->cells = g_array_new(FALSE, FALSE, sizeof(VhMemoryCell));
    facts->places = g_array_new(FALSE, FALSE, sizeof(VhMemoryCell));
}

/* ---- what it comes to ---- */

static int node_of(const VhMemoryFacts *facts, int cell)
{
    for (guint i = 0; i < facts->places->len; i++) {
        const VhMemoryCell *place = &g_array_index(facts->places, VhMemoryCell, i);
        if (place->id == cell)
            return place->node;
    }
    return facts->node;
}

/* The page that @cell's memory is made of; NULL: ordinary ones. */
static const VhMemoryPage *page_of(const VhMemoryFacts *facts, int cell)
{
    const VhMemoryPage *fallback = NULL;

    for (guint i = 0; i < facts->pages->len; i++) {
        const VhMemoryPage *page = &g_array_index(facts->pages, VhMemoryPage, i);
        if (!page->everywhere && vh_cpus_has(&page->cells, (guint)cell))
            return page;
        if (page->everywhere)
            fallback = page;
    }
    return fallback;
}

static void add_need(GPtrArray *needs, guint64 size, int node, guint64 bytes)
{
    for (guint i = 0; i < needs->len; i++) {
        VhDomainPages *known = needs->pdata[i];
        if (known->size == size && known->node == node) {
            known->bytes += bytes;
            return;
        }
    }
    VhDomainPages *need = g_new0(VhDomainPages, 1);
    need->size = size;
    need->node = node;
    need->bytes = bytes;
    g_ptr_array_add(needs, need);
}

static void add_cell(VhDomain *domain, const VhMemoryFacts *facts, const VhMemoryCell *cell)
{
    const VhMemoryPage *page = page_of(facts, cell->id);

    if (cell->bytes > 0 && (page || facts->pages->len == 0))
        add_need(domain->pages, page ? page->size : 0, node_of(facts, cell->id), cell->bytes);
}

void vh_memory_finish(VhMemoryFacts *facts, VhDomain *domain)
{
    /* A guest without cells is one. */
    const VhMemoryCell whole = {.id = 0, .bytes = domain->memory};

    if (domain->hugepages && facts->cells->len == 0)
        add_cell(domain, facts, &whole);
    for (guint i = 0; domain->hugepages && i < facts->cells->len; i++)
        add_cell(domain, facts, &g_array_index(facts->cells, VhMemoryCell, i));
    if (!vh_cpus_empty(&facts->pinned))
        domain->pinned = vh_cpus_list(&facts->pinned);
    g_clear_pointer(&facts->pages, g_array_unref);
    g_clear_pointer(&facts->cells, g_array_unref);
    g_clear_pointer(&facts->places, g_array_unref);
}

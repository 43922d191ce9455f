// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain/facts-private.h"

#include <string.h>

enum { MAX_NUMBER = 32, MAX_IMAGES = 256 };

/* An attribute of the element at @path goes to the member at @offset; the last one wins. */
static const struct {
    const char *path, *attribute;
    gsize offset;
} texts[] = {
    {"/domain", "type", G_STRUCT_OFFSET(VhDomain, type)},
    {"/domain/os", "firmware", G_STRUCT_OFFSET(VhDomain, firmware)},
    {"/domain/os/type", "machine", G_STRUCT_OFFSET(VhDomain, machine)},
    {"/domain/os/loader", "type", G_STRUCT_OFFSET(VhDomain, loader_type)},
    {"/domain/cpu", "mode", G_STRUCT_OFFSET(VhDomain, cpu_mode)},
};

/* The same for elements that can be there often. */
static const struct {
    const char *path, *attribute;
    gsize offset;
} lists[] = {
    {"/domain/devices/graphics", "type", G_STRUCT_OFFSET(VhDomain, graphics)},
    {"/domain/devices/video/model", "type", G_STRUCT_OFFSET(VhDomain, videos)},
};

static gboolean attribute_is(const VhXmlElement *element, const char *name, const char *wanted)
{
    g_autofree char *value = vh_xml_attribute(element, name);

    return g_strcmp0(value, wanted) == 0;
}

static void take_hidden(VhFacts *facts, const VhXmlElement *element)
{
    facts->domain->kvm_hidden = attribute_is(element, "state", "on");
}

static void take_vendor_id(VhFacts *facts, const VhXmlElement *element)
{
    g_clear_pointer(&facts->domain->vendor_id, g_free);
    if (attribute_is(element, "state", "on"))
        facts->domain->vendor_id = vh_xml_attribute(element, "value");
}

static void begin_interface(VhFacts *facts, const VhXmlElement *element)
{
    facts->network = g_new0(VhDomainNetwork, 1);
    facts->network->kind = vh_xml_attribute(element, "type");
    g_ptr_array_add(facts->domain->networks, facts->network);
}

/* <source network='default'/>, <source bridge='br0'/>, <source dev='enp4s0'/> */
static void take_network(VhFacts *facts, const VhXmlElement *element)
{
    static const char *const attributes[] = {"network", "bridge", "dev"};

    for (gsize i = 0; i < G_N_ELEMENTS(attributes) && !facts->network->name; i++)
        facts->network->name = vh_xml_attribute(element, attributes[i]);
}

/* An image without which libvirt starts no guest; it goes without one that may be missing
 * (startupPolicy). */
static void take_image(VhFacts *facts, const VhXmlElement *element)
{
    g_autofree char *file = vh_xml_attribute(element, "file");
    g_autofree char *policy = vh_xml_attribute(element, "startupPolicy");

    if (file && g_path_is_absolute(file) && (!policy || g_str_equal(policy, "mandatory")) &&
        facts->domain->images->len < MAX_IMAGES)
        g_ptr_array_add(facts->domain->images, g_steal_pointer(&file));
}

/* libvirt's units (virScaleInteger): KiB when none is given; "b" and "bytes"; "k" and "KiB" are
 * 1024, "KB" is 1000, and so on. 0: unknown. */
static guint64 unit_of(const VhXmlElement *element)
{
    static const char letters[] = "kmgt";
    g_autofree char *unit = vh_xml_attribute(element, "unit");
    g_autofree char *lower = g_ascii_strdown(unit ? unit : "kib", -1);
    const char *letter = *lower ? strchr(letters, *lower) : NULL;
    guint64 value = 1;

    if (g_str_equal(lower, "b") || g_str_equal(lower, "bytes"))
        return 1;
    if (!letter || (lower[1] && !g_str_equal(lower + 1, "b") && !g_str_equal(lower + 1, "ib")))
        return 0;
    for (const char *p = letters; p <= letter; p++)
        value *= g_str_equal(lower + 1, "b") ? 1000 : 1024;
    return value;
}

/* @number times @unit; 0 when that is nothing one could have. */
static guint64 amount(const char *number, guint64 unit)
{
    g_autofree char *text = g_strstrip(g_strdup(number));
    guint64 value = 0;

    if (unit == 0 ||
        !g_ascii_string_to_unsigned(text, 10, 0, (guint64)G_MAXINT64 / unit, &value, NULL))
        return 0;
    return value * unit;
}

guint64 vh_facts_amount(const char *number, const VhXmlElement *element)
{
    return amount(number, unit_of(element));
}

static void begin_memory(VhFacts *facts, const VhXmlElement *element)
{
    if (!facts->memory)
        facts->memory = g_string_new(NULL);
    g_string_truncate(facts->memory, 0);
    facts->memory_unit = unit_of(element);
}

static void take_hugepages(VhFacts *facts, const VhXmlElement *element)
{
    facts->domain->hugepages = TRUE;
}

static void take_page(VhFacts *facts, const VhXmlElement *element)
{
    g_autofree char *size = vh_xml_attribute(element, "size");

    if (size)
        facts->domain->page_size = amount(size, unit_of(element));
}

static void network_free(gpointer data)
{
    VhDomainNetwork *network = data;

    g_free(network->kind);
    g_free(network->name);
    g_free(network);
}

void vh_facts_make(VhDomain *domain)
{
    domain->graphics = g_ptr_array_new_with_free_func(g_free);
    domain->videos = g_ptr_array_new_with_free_func(g_free);
    domain->images = g_ptr_array_new_with_free_func(g_free);
    domain->networks = g_ptr_array_new_with_free_func(network_free);
    domain->pages = g_ptr_array_new_with_free_func(g_free);
}

void vh_facts_start(VhFacts *facts, VhDomain *domain)
{
    *facts = (VhFacts){.domain = domain};
    vh_memory_start(&facts->backing);
}

static void take_attributes(VhFacts *facts, const char *path, const VhXmlElement *element)
{
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        char **to = G_STRUCT_MEMBER_P(facts->domain, texts[i].offset);
        if (!g_str_equal(path, texts[i].path))
            continue;
        g_free(*to);
        *to = vh_xml_attribute(element, texts[i].attribute);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        char *text =
            g_str_equal(path, lists[i].path) ? vh_xml_attribute(element, lists[i].attribute) : NULL;
        if (text)
            g_ptr_array_add(G_STRUCT_MEMBER(GPtrArray *, facts->domain, lists[i].offset), text);
    }
}

void vh_facts_begin(VhFacts *facts, const char *path, const VhXmlElement *element)
{
    static const struct {
        const char *path;
        void (*take)(VhFacts *facts, const VhXmlElement *element);
    } table[] = {
        {"/domain/devices/interface", begin_interface},
        {"/domain/devices/interface/source", take_network},
        {"/domain/devices/disk/source", take_image},
        {"/domain/memory", begin_memory},
        {"/domain/memoryBacking/hugepages", take_hugepages},
        {"/domain/memoryBacking/hugepages/page", take_page},
        {"/domain/features/kvm/hidden", take_hidden},
        {"/domain/features/hyperv/vendor_id", take_vendor_id},
    };

    take_attributes(facts, path, element);
    vh_memory_begin(&facts->backing, path, element);
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (g_str_equal(path, table[i].path))
            table[i].take(facts, element);
}

void vh_facts_text(VhFacts *facts, const char *path, const char *text, gsize length)
{
    if (facts->memory && g_str_equal(path, "/domain/memory") && facts->memory->len <= MAX_NUMBER)
        g_string_append_len(facts->memory, text, (gssize)MIN(length, MAX_NUMBER));
}

void vh_facts_finish(VhFacts *facts)
{
    if (facts->memory) {
        facts->domain->memory = amount(facts->memory->str, facts->memory_unit);
        g_string_free(facts->memory, TRUE);
        facts->memory = NULL;
    }
    vh_memory_finish(&facts->backing, facts->domain);
}

void vh_facts_free(VhDomain *domain)
{
    GPtrArray **const arrays[] = {&domain->graphics, &domain->videos, &domain->images,
                                  &domain->networks, &domain->pages};

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(G_STRUCT_MEMBER(char *, domain, texts[i].offset));
    for (gsize i = 0; i < G_N_ELEMENTS(arrays); i++)
        g_clear_pointer(arrays[i], g_ptr_array_unref);
    g_free(domain->vendor_id);
    g_free(domain->pinned);
}

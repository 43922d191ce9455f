// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain/pack.h"

#include "base/json.h"

/* The texts of a structure; one that is NULL is left out. */
typedef struct {
    const char *key;
    gsize offset;
} Text;

#define TEXT(type, member)                                                                         \
    {                                                                                              \
#member, G_STRUCT_OFFSET(type, member)                                                     \
    }

static const Text domain_texts[] = {
    TEXT(VhDomain, name),     TEXT(VhDomain, uuid),        TEXT(VhDomain, pinned),
    TEXT(VhDomain, type),     TEXT(VhDomain, machine),     TEXT(VhDomain, firmware),
    TEXT(VhDomain, cpu_mode), TEXT(VhDomain, loader_type), TEXT(VhDomain, vendor_id),
};
static const Text device_texts[] = {
    TEXT(VhDomainDevice, address),
    TEXT(VhDomainDevice, origin),
    TEXT(VhDomainDevice, rom_file),
    TEXT(VhDomainDevice, driver_model),
};
static const Text network_texts[] = {
    TEXT(VhDomainNetwork, kind),
    TEXT(VhDomainNetwork, name),
};

static void put_texts(GVariantDict *dict, const Text *texts, gsize n, gconstpointer from)
{
    for (gsize i = 0; i < n; i++) {
        const char *text = G_STRUCT_MEMBER(const char *, from, texts[i].offset);
        if (text)
            g_variant_dict_insert(dict, texts[i].key, "s", text);
    }
}

static void take_texts(GVariant *dict, const Text *texts, gsize n, gpointer to)
{
    for (gsize i = 0; i < n; i++)
        G_STRUCT_MEMBER(char *, to, texts[i].offset) =
            g_strdup(vh_json_string(dict, texts[i].key, NULL));
}

/* ---- out ---- */

static GVariant *pack_device(gconstpointer data)
{
    const VhDomainDevice *device = data;
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    put_texts(&dict, device_texts, G_N_ELEMENTS(device_texts), device);
    g_variant_dict_insert(&dict, "managed", "b", device->managed);
    return g_variant_dict_end(&dict);
}

static GVariant *pack_network(gconstpointer network)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    put_texts(&dict, network_texts, G_N_ELEMENTS(network_texts), network);
    return g_variant_dict_end(&dict);
}

static GVariant *pack_pages(gconstpointer data)
{
    const VhDomainPages *pages = data;
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "size", "x", (gint64)pages->size);
    g_variant_dict_insert(&dict, "bytes", "x", (gint64)pages->bytes);
    g_variant_dict_insert(&dict, "node", "x", (gint64)pages->node);
    return g_variant_dict_end(&dict);
}

static void put_all(GVariantDict *dict, const char *key, const GPtrArray *array,
                    GVariant *(*pack)(gconstpointer))
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < array->len; i++)
        g_variant_builder_add_value(&builder, pack(array->pdata[i]));
    g_variant_dict_insert_value(dict, key, g_variant_builder_end(&builder));
}

static GVariant *words(const GPtrArray *array)
{
    return g_variant_new_strv((const char *const *)array->pdata, array->len);
}

GVariant *vh_domain_pack(const VhDomain *domain)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    put_texts(&dict, domain_texts, G_N_ELEMENTS(domain_texts), domain);
    put_all(&dict, "devices", domain->devices, pack_device);
    put_all(&dict, "networks", domain->networks, pack_network);
    put_all(&dict, "pages", domain->pages, pack_pages);
    g_variant_dict_insert_value(&dict, "graphics", words(domain->graphics));
    g_variant_dict_insert_value(&dict, "videos", words(domain->videos));
    g_variant_dict_insert_value(&dict, "images", words(domain->images));
    g_variant_dict_insert(&dict, "kvm_hidden", "b", domain->kvm_hidden);
    g_variant_dict_insert(&dict, "hugepages", "b", domain->hugepages);
    g_variant_dict_insert(&dict, "memory", "x", (gint64)domain->memory);
    g_variant_dict_insert(&dict, "page_size", "x", (gint64)domain->page_size);
    return g_variant_dict_end(&dict);
}

/* ---- in ---- */

static gpointer unpack_device(GVariant *dict)
{
    VhDomainDevice *device = g_new0(VhDomainDevice, 1);

    take_texts(dict, device_texts, G_N_ELEMENTS(device_texts), device);
    device->managed = vh_json_bool(dict, "managed", FALSE);
    return device;
}

static gpointer unpack_network(GVariant *dict)
{
    VhDomainNetwork *network = g_new0(VhDomainNetwork, 1);

    take_texts(dict, network_texts, G_N_ELEMENTS(network_texts), network);
    return network;
}

static gpointer unpack_pages(GVariant *dict)
{
    VhDomainPages *pages = g_new0(VhDomainPages, 1);

    pages->size = (guint64)vh_json_int(dict, "size", 0);
    pages->bytes = (guint64)vh_json_int(dict, "bytes", 0);
    pages->node = (int)vh_json_int(dict, "node", -1);
    return pages;
}

static void take_all(GVariant *dict, const char *key, GPtrArray *array,
                     gpointer (*unpack)(GVariant *))
{
    g_autoptr(GPtrArray) objects = vh_json_objects(dict, key);

    for (guint i = 0; i < objects->len; i++)
        g_ptr_array_add(array, unpack(objects->pdata[i]));
}

static void take_words(GVariant *dict, const char *key, GPtrArray *array)
{
    g_autofree char **list = vh_json_strings(dict, key);

    for (gsize i = 0; list[i]; i++)
        g_ptr_array_add(array, list[i]);
}

VhDomain *vh_domain_unpack(GVariant *dict, GError **error)
{
    g_autoptr(VhDomain) domain = vh_domain_new();

    take_texts(dict, domain_texts, G_N_ELEMENTS(domain_texts), domain);
    take_all(dict, "devices", domain->devices, unpack_device);
    take_all(dict, "networks", domain->networks, unpack_network);
    take_all(dict, "pages", domain->pages, unpack_pages);
    take_words(dict, "graphics", domain->graphics);
    take_words(dict, "videos", domain->videos);
    take_words(dict, "images", domain->images);
    domain->kvm_hidden = vh_json_bool(dict, "kvm_hidden", FALSE);
    domain->hugepages = vh_json_bool(dict, "hugepages", FALSE);
    domain->memory = (guint64)vh_json_int(dict, "memory", 0);
    domain->page_size = (guint64)vh_json_int(dict, "page_size", 0);
    return vh_domain_check(domain, error) ? g_steal_pointer(&domain) : NULL;
}

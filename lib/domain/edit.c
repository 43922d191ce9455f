// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain/edit.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlsave.h>
#include <string.h>

#include "base/address.h"
#include "base/confined.h"
#include "base/json.h"
#include "domain/domain.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlBuffer, xmlBufferFree)

/* An element of libvirt's own; those in a namespace (qemu:commandline) are somebody else's. */
static gboolean is_element(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && !node->ns &&
           g_str_equal((const char *)node->name, name);
}

static xmlNode *find_child(const xmlNode *parent, const char *name)
{
    for (xmlNode *node = parent ? parent->children : NULL; node; node = node->next)
        if (is_element(node, name))
            return node;
    return NULL;
}

/* ---- adding, indented as libvirt does it: two spaces for each level ---- */

static xmlNode *new_space(guint depth)
{
    g_autofree char *spaces = g_strnfill(2 * (gsize)depth, ' ');
    g_autofree char *text = g_strconcat("\n", spaces, NULL);

    return xmlNewText((const xmlChar *)text);
}

static guint depth_of(const xmlNode *node)
{
    guint depth = 0;

    for (; node->parent && node->parent->type == XML_ELEMENT_NODE; node = node->parent)
        depth++;
    return depth;
}

static xmlNode *last_element(const xmlNode *parent)
{
    xmlNode *node = parent->last;

    while (node && node->type != XML_ELEMENT_NODE)
        node = node->prev;
    return node;
}

/* A new element on a line of its own behind @before, which is a child of @parent, or as its first
 * one. */
static xmlNode *add_behind(xmlNode *parent, xmlNode *before, const char *name)
{
    xmlNode *node = xmlNewNode(NULL, (const xmlChar *)name);
    guint depth = depth_of(parent);

    if (before)
        xmlAddNextSibling(before, node);
    else if (parent->children)
        xmlAddPrevSibling(parent->children, node);
    else {
        xmlAddChild(parent, node);
        xmlAddChild(parent, new_space(depth));
    }
    xmlAddPrevSibling(node, new_space(depth + 1));
    return node;
}

static xmlNode *add_last(xmlNode *parent, const char *name)
{
    return add_behind(parent, last_element(parent), name);
}

static xmlNode *find_or_add(xmlNode *parent, const char *name)
{
    xmlNode *node = find_child(parent, name);

    return node ? node : add_last(parent, name);
}

static void set(xmlNode *node, const char *name, const char *value)
{
    xmlSetProp(node, (const xmlChar *)name, (const xmlChar *)value);
}

/* ---- devices ---- */

/* A number of an address, in decimal or hex as libvirt reads it; what is none is too large. */
static guint64 number_of(xmlNode *node, const char *name)
{
    xmlChar *text = xmlGetNoNsProp(node, (const xmlChar *)name);
    guint64 number = G_MAXUINT64;

    if (!text)
        return 0;
    const char *digits = (const char *)text;
    guint base = g_str_has_prefix(digits, "0x") ? 16 : 10;
    if (!g_ascii_string_to_unsigned(base == 16 ? digits + 2 : digits, base, 0, G_MAXUINT32, &number,
                                    NULL))
        number = G_MAXUINT64;
    xmlFree(text);
    return number;
}

static gboolean is_device(xmlNode *node, const char *address)
{
    xmlNode *place = find_child(find_child(node, "source"), "address");

    if (!place || !(is_element(node, "hostdev") || is_element(node, "interface")))
        return FALSE;
    g_autofree char *own =
        vh_address_from_parts(number_of(place, "domain"), number_of(place, "bus"),
                              number_of(place, "slot"), number_of(place, "function"), NULL);
    return g_strcmp0(own, address) == 0;
}

static xmlNode *find_device(xmlNode *devices, const char *address)
{
    for (xmlNode *node = devices->children; node; node = node->next)
        if (is_device(node, address))
            return node;
    return NULL;
}

static xmlNode *last_hostdev(xmlNode *devices)
{
    xmlNode *node = devices->last;

    while (node && !is_element(node, "hostdev"))
        node = node->prev;
    return node ? node : last_element(devices);
}

/* @address is canonical: "DDDD:BB:SS.F", where the domain may have more digits. */
static void add_device(xmlNode *devices, const char *address)
{
    g_auto(GStrv) parts = g_strsplit_set(address, ":.", 4);
    static const char *const names[] = {"domain", "bus", "slot", "function"};
    xmlNode *hostdev = add_behind(devices, last_hostdev(devices), "hostdev");

    set(hostdev, "mode", "subsystem");
    set(hostdev, "type", "pci");
    set(hostdev, "managed", "yes");
    xmlNode *place = add_last(add_last(hostdev, "source"), "address");
    for (gsize i = 0; i < G_N_ELEMENTS(names) && parts[i]; i++) {
        g_autofree char *number = g_strconcat("0x", parts[i], NULL);
        set(place, names[i], number);
    }
}

static gboolean has_device(const VhDomain *domain, const char *address)
{
    for (guint i = 0; i < domain->devices->len; i++)
        if (g_str_equal(((VhDomainDevice *)domain->devices->pdata[i])->address, address))
            return TRUE;
    return FALSE;
}

/* ---- the whole ---- */

static gboolean apply(xmlNode *root, const VhDomain *domain, const VhDomainChange *change,
                      GError **error)
{
    xmlNode *devices = find_child(root, "devices");

    if (!devices)
        return vh_error_set(error, VH_ERROR_DOMAIN, "domain XML has no <devices>");
    for (gsize i = 0; change->addresses && change->addresses[i]; i++)
        if (!has_device(domain, change->addresses[i]))
            add_device(devices, change->addresses[i]);
    xmlNode *device = change->rom ? find_device(devices, change->rom_address) : NULL;
    if (change->rom && !device)
        return vh_error_set(error, VH_ERROR_DOMAIN,
                            "%s is no <hostdev> of the domain: it takes no ROM file",
                            change->rom_address);
    if (device)
        set(find_or_add(device, "rom"), "file", change->rom);
    xmlNode *features = change->hide_kvm || change->vendor_id ? find_child(root, "features") : NULL;
    if (!features && (change->hide_kvm || change->vendor_id)) {
        xmlNode *before = devices->prev;
        while (before && before->type != XML_ELEMENT_NODE)
            before = before->prev;
        features = add_behind(root, before, "features");
    }
    if (change->hide_kvm)
        set(find_or_add(find_or_add(features, "kvm"), "hidden"), "state", "on");
    if (change->vendor_id) {
        xmlNode *vendor = find_or_add(find_or_add(features, "hyperv"), "vendor_id");
        set(vendor, "state", "on");
        set(vendor, "value", change->vendor_id);
    }
    return TRUE;
}

static char *written(xmlDoc *document)
{
    g_autoptr(xmlBuffer) buffer = xmlBufferCreate();
    xmlSaveCtxtPtr save = buffer ? xmlSaveToBuffer(buffer, "UTF-8", XML_SAVE_NO_DECL) : NULL;

    if (!save)
        return NULL;
    long status = xmlSaveDoc(save, document);
    xmlSaveClose(save);
    return status < 0 ? NULL : g_strdup((const char *)xmlBufferContent(buffer));
}

typedef struct {
    const char *xml;
    gsize length;
    const VhDomain *domain; /* what is in it */
    const VhDomainChange *change;
} Edit;

/* In the confined child. */
static GVariant *edit(gconstpointer data, GError **error)
{
    const int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
    const Edit *self = data;
    g_autoptr(xmlDoc) document =
        xmlReadMemory(self->xml, (int)self->length, NULL, "UTF-8", options);
    xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
    GVariantDict dict;

    if (!root) {
        vh_error_set(error, VH_ERROR_DOMAIN, "domain XML is not well-formed");
        return NULL;
    }
    g_autofree char *before = written(document);
    if (!apply(root, self->domain, self->change, error))
        return NULL;
    g_autofree char *after = written(document);
    if (!before || !after) {
        vh_error_set(error, VH_ERROR_FAILED, "no memory to write the domain XML");
        return NULL;
    }
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "before", "s", before);
    g_variant_dict_insert(&dict, "after", "s", after);
    return g_variant_dict_end(&dict);
}

gboolean vh_domain_edit(const char *xml, gsize length, const VhDomainChange *change,
                        char **ret_before, char **ret_after, GError **error)
{
    /* It also is what bounds the text, and refuses a DOCTYPE. */
    g_autoptr(VhDomain) domain = vh_domain_parse(xml, length, error);
    const Edit self = {xml, length, domain, change};
    g_autoptr(GVariant) texts = domain ? vh_confined("domain XML", edit, &self, error) : NULL;

    if (!texts)
        return FALSE;
    *ret_before = g_strdup(vh_json_string(texts, "before", ""));
    *ret_after = g_strdup(vh_json_string(texts, "after", ""));
    return TRUE;
}

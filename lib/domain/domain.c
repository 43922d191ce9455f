// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain/domain.h"

#include <limits.h>
#include <string.h>

#include "base/address.h"
#include "base/confined.h"
#include "base/text.h"
#include "domain/events.h"
#include "domain/facts-private.h"
#include "domain/pack.h"

#define DEVICES "/domain/devices"
#define HOSTDEV DEVICES "/hostdev"
#define INTERFACE DEVICES "/interface"
#define DISK DEVICES "/disk"
#define BACKING "/backingStore"

enum {
    MAX_NAME = 4096, /* a transient guest's name has no bound of its own */
    MAX_MODEL = 63,  /* a driver's name in sysfs */
    MAX_SHOWN = 64,  /* characters of a foreign text in a message */
};

/* What is known while the reading goes on. */
typedef struct {
    VhDomain *domain;
    GHashTable *by_address;  /* VhDomainDevice, borrowed */
    VhDomainDevice *current; /* the one whose element is open; NULL: none */
    gboolean elsewhere;      /* its source is no PCI device of the host */
    GString *name, *uuid;    /* NULL until their elements begin */
    VhFacts facts;
} Reading;

static void device_free(gpointer data)
{
    VhDomainDevice *device = data;

    if (!device)
        return;
    g_free(device->address);
    g_free(device->origin);
    g_free(device->rom_file);
    g_free(device->driver_model);
    g_free(device);
}

VhDomain *vh_domain_new(void)
{
    VhDomain *domain = g_new0(VhDomain, 1);

    domain->devices = g_ptr_array_new_with_free_func(device_free);
    vh_facts_make(domain);
    return domain;
}

void vh_domain_free(VhDomain *domain)
{
    if (!domain)
        return;
    g_free(domain->name);
    g_free(domain->uuid);
    if (domain->devices)
        g_ptr_array_unref(domain->devices);
    vh_facts_free(domain);
    g_free(domain);
}

static gboolean refuse(GError **error, const char *what, const char *value, const char *why)
{
    g_autofree char *line = vh_text_one_line(value);
    g_autofree char *shown = g_utf8_substring(line, 0, MIN(g_utf8_strlen(line, -1), MAX_SHOWN));

    return vh_error_set(error, VH_ERROR_DOMAIN, "%s=\"%s\" %s", what, shown, why);
}

static gboolean attribute_is(const VhXmlElement *element, const char *name, const char *wanted)
{
    g_autofree char *value = vh_xml_attribute(element, name);

    return g_strcmp0(value, wanted) == 0;
}

/* ---- devices ---- */

static gboolean begin_device(Reading *reading, const VhXmlElement *element, const char *origin,
                             GError **error)
{
    g_autofree char *managed = vh_xml_attribute(element, "managed");

    if (managed && !g_str_equal(managed, "yes") && !g_str_equal(managed, "no"))
        return refuse(error, "managed", managed, "is neither \"yes\" nor \"no\"");
    if (reading->current)
        return vh_error_set(error, VH_ERROR_DOMAIN, "a device within a device");
    reading->current = g_new0(VhDomainDevice, 1);
    reading->current->origin = g_strdup(origin);
    reading->current->managed = g_strcmp0(managed, "yes") == 0;
    reading->elsewhere = FALSE;
    return TRUE;
}

static gboolean begin_hostdev(Reading *reading, const VhXmlElement *element, GError **error)
{
    g_autofree char *mode = vh_xml_attribute(element, "mode");

    if (g_strcmp0(mode ? mode : "subsystem", "subsystem") != 0 ||
        !attribute_is(element, "type", "pci"))
        return TRUE;
    return begin_device(reading, element, "hostdev", error);
}

static gboolean begin_interface(Reading *reading, const VhXmlElement *element, GError **error)
{
    return !attribute_is(element, "type", "hostdev") ||
           begin_device(reading, element, "interface", error);
}

/* Only nvme disks have such a source. */
static gboolean begin_nvme(Reading *reading, const VhXmlElement *element, GError **error)
{
    return !attribute_is(element, "type", "pci") || begin_device(reading, element, "nvme", error);
}

/* The number in @text: hex digits after 0x, else decimal ones (08 is eight). */
static gboolean parse_number(const char *text, guint64 *ret)
{
    gboolean hex = g_str_has_prefix(text, "0x") || g_str_has_prefix(text, "0X");
    const char *digits = hex ? text + 2 : text;
    guint base = hex ? 16 : 10;
    guint64 value = 0;
    gsize n = 0;

    for (; n < 10 && g_ascii_isxdigit(digits[n]); n++) {
        guint digit = (guint)g_ascii_xdigit_value(digits[n]);
        if (digit >= base)
            return FALSE;
        value = value * base + digit;
    }
    *ret = value;
    return n > 0 && digits[n] == '\0';
}

static gboolean take_part(const VhXmlElement *element, const char *name, guint64 *ret,
                          GError **error)
{
    g_autofree char *text = vh_xml_attribute(element, name);

    if (text && parse_number(text, ret))
        return TRUE;
    if (text)
        return refuse(error, name, text, "is not a number");
    /* libvirt always writes all four; people leave out the domain. */
    *ret = 0;
    return g_str_equal(name, "domain") ||
           vh_error_set(error, VH_ERROR_DOMAIN, "%s is missing", name);
}

static gboolean take_address(Reading *reading, const VhXmlElement *element, GError **error)
{
    static const char *const names[] = {"domain", "bus", "slot", "function"};
    guint64 parts[G_N_ELEMENTS(names)] = {0};
    g_autofree char *type = vh_xml_attribute(element, "type");
    g_autoptr(GError) cause = NULL;

    if (!reading->current)
        return TRUE;
    if (type && !g_str_equal(type, "pci")) {
        /* A network card on the USB. */
        reading->elsewhere = TRUE;
        return TRUE;
    }
    if (reading->current->address)
        return vh_error_set(error, VH_ERROR_DOMAIN, "a second address of one device");
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (!take_part(element, names[i], &parts[i], error))
            return FALSE;
    reading->current->address =
        vh_address_from_parts(parts[0], parts[1], parts[2], parts[3], &cause);
    return reading->current->address || vh_error_set(error, VH_ERROR_DOMAIN, "%s", cause->message);
}

static gboolean is_file(const char *path)
{
    return *path && strlen(path) < PATH_MAX;
}

/* What becomes the name of a driver in sysfs. */
static gboolean is_driver(const char *name)
{
    return strlen(name) <= MAX_MODEL && g_ascii_isalnum(*name) &&
           strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-.") == strlen(name);
}

static gboolean take_rom(Reading *reading, const VhXmlElement *element, GError **error)
{
    g_autofree char *file = vh_xml_attribute(element, "file");

    if (!reading->current || !file || attribute_is(element, "bar", "off") ||
        attribute_is(element, "enabled", "no"))
        return TRUE;
    if (!is_file(file))
        return refuse(error, "file", file, "is not the path of a file");
    g_free(reading->current->rom_file);
    reading->current->rom_file = g_steal_pointer(&file);
    return TRUE;
}

static gboolean take_driver(Reading *reading, const VhXmlElement *element, GError **error)
{
    g_autofree char *model = vh_xml_attribute(element, "model");

    if (!reading->current || !model)
        return TRUE;
    if (!is_driver(model))
        return refuse(error, "model", model, "is not the name of a driver");
    g_free(reading->current->driver_model);
    reading->current->driver_model = g_steal_pointer(&model);
    return TRUE;
}

/* Two namespaces of one nvme controller are two disks and one device; all else must differ. */
static gboolean merge(VhDomainDevice *known, const VhDomainDevice *device, GError **error)
{
    if (!g_str_equal(known->origin, "nvme") || !g_str_equal(device->origin, "nvme"))
        return vh_error_set(error, VH_ERROR_DOMAIN, "%s is passed twice", device->address);
    known->managed = known->managed || device->managed;
    return TRUE;
}

static gboolean end_device(Reading *reading, GError **error)
{
    VhDomainDevice *device = g_steal_pointer(&reading->current);
    gboolean good = TRUE;

    if (device && device->address) {
        VhDomainDevice *known = g_hash_table_lookup(reading->by_address, device->address);
        if (!known) {
            g_hash_table_insert(reading->by_address, device->address, device);
            g_ptr_array_add(reading->domain->devices, device);
            return TRUE;
        }
        good = merge(known, device, error);
    } else if (device && !reading->elsewhere) {
        good = vh_error_set(error, VH_ERROR_DOMAIN, "a host device without a source address");
    }
    device_free(device);
    return good;
}

/* ---- name and uuid ---- */

static gboolean begin_text(GString **text, GError **error)
{
    if (*text)
        return vh_error_set(error, VH_ERROR_DOMAIN, "is there twice");
    *text = g_string_new(NULL);
    return TRUE;
}

static gboolean begin_name(Reading *reading, const VhXmlElement *element, GError **error)
{
    return begin_text(&reading->name, error);
}

static gboolean begin_uuid(Reading *reading, const VhXmlElement *element, GError **error)
{
    return begin_text(&reading->uuid, error);
}

/* The uuid in lower case with dashes, from either way to write it; NULL when it is none. */
static char *canonical_uuid(const char *text)
{
    g_autofree char *lower = g_strstrip(g_ascii_strdown(text, -1));

    if (strlen(lower) != 32)
        return g_uuid_string_is_valid(lower) ? g_steal_pointer(&lower) : NULL;
    g_autofree char *dashed = g_strdup_printf("%.8s-%.4s-%.4s-%.4s-%.12s", lower, lower + 8,
                                              lower + 12, lower + 16, lower + 20);
    return g_uuid_string_is_valid(dashed) ? g_steal_pointer(&dashed) : NULL;
}

static gboolean is_guest(const char *name)
{
    return *name && strlen(name) <= MAX_NAME && !strchr(name, '/');
}

static gboolean finish(Reading *reading, GError **error)
{
    VhDomain *domain = reading->domain;

    if (!reading->name || reading->name->len == 0)
        return vh_error_set(error, VH_ERROR_DOMAIN, "domain XML: no name");
    if (!is_guest(reading->name->str))
        return refuse(error, "domain XML: name", reading->name->str, "is not one of a guest");
    if (!reading->uuid)
        return vh_error_set(error, VH_ERROR_DOMAIN, "domain XML: no uuid");
    domain->uuid = canonical_uuid(reading->uuid->str);
    if (!domain->uuid)
        return refuse(error, "domain XML: uuid", reading->uuid->str, "is not a UUID");
    domain->name = g_strdup(reading->name->str);
    return TRUE;
}

/* ---- events ---- */

/* The sources of a disk's backing chain count like its own. */
static const char *plain_path(const char *path, char **ret_owned)
{
    const char *rest = path + strlen(DISK);

    if (!g_str_has_prefix(path, DISK BACKING))
        return path;
    while (g_str_has_prefix(rest, BACKING "/"))
        rest += strlen(BACKING);
    return *ret_owned = g_strconcat(DISK, rest, NULL);
}

static gboolean on_begin(const VhXmlElement *element, gpointer data, GError **error)
{
    static const struct {
        const char *path;
        gboolean (*begin)(Reading *reading, const VhXmlElement *element, GError **error);
    } table[] = {
        {"/domain/name", begin_name}, {"/domain/uuid", begin_uuid},
        {HOSTDEV, begin_hostdev},     {HOSTDEV "/source/address", take_address},
        {HOSTDEV "/rom", take_rom},   {HOSTDEV "/driver", take_driver},
        {INTERFACE, begin_interface}, {INTERFACE "/source/address", take_address},
        {INTERFACE "/rom", take_rom}, {INTERFACE "/driver", take_driver},
        {DISK "/source", begin_nvme}, {DISK "/source/address", take_address},
    };
    g_autofree char *owned = NULL;
    const char *path = plain_path(vh_xml_path(element), &owned);

    if (!strchr(path + 1, '/') && !g_str_equal(path, "/domain"))
        return vh_error_set(error, VH_ERROR_DOMAIN, "is no libvirt domain");
    vh_facts_begin(&((Reading *)data)->facts, path, element);
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (g_str_equal(path, table[i].path))
            return table[i].begin(data, element, error);
    return TRUE;
}

static gboolean on_end(const char *path, gpointer data, GError **error)
{
    static const char *const devices[] = {HOSTDEV, INTERFACE, DISK "/source", NULL};
    g_autofree char *owned = NULL;

    return !g_strv_contains(devices, plain_path(path, &owned)) || end_device(data, error);
}

static void on_text(const char *path, const char *text, gsize length, gpointer data)
{
    Reading *reading = data;
    const struct {
        const char *path;
        GString *to;
    } table[] = {{"/domain/name", reading->name}, {"/domain/uuid", reading->uuid}};

    vh_facts_text(&reading->facts, path, text, length);
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (g_str_equal(path, table[i].path) && table[i].to->len <= MAX_NAME)
            g_string_append_len(table[i].to, text, (gssize)length);
}

static void free_text(GString *text)
{
    if (text)
        g_string_free(text, TRUE);
}

typedef struct {
    const char *xml;
    gsize length;
} Text;

/* In the confined child: all that has to do with the XML itself. */
static GVariant *read_text(gconstpointer data, GError **error)
{
    static const VhXmlEvents events = {on_begin, on_end, on_text};
    const Text *text = data;
    g_autoptr(VhDomain) domain = vh_domain_new();
    g_autoptr(GHashTable) by_address = g_hash_table_new(g_str_hash, g_str_equal);
    Reading reading = {.domain = domain, .by_address = by_address};

    vh_facts_start(&reading.facts, domain);
    gboolean good =
        vh_xml_read(text->xml, text->length, &events, &reading, error) && finish(&reading, error);
    device_free(reading.current);
    free_text(reading.name);
    free_text(reading.uuid);
    vh_facts_finish(&reading.facts);
    return good ? vh_domain_pack(domain) : NULL;
}

/* ---- what comes out of that child ---- */

static gboolean check_device(const VhDomainDevice *device)
{
    static const char *const origins[] = {"hostdev", "interface", "nvme", NULL};
    g_autofree char *address = device->address ? vh_address_canonical(device->address, NULL) : NULL;

    return address && g_str_equal(address, device->address) && device->origin &&
           g_strv_contains(origins, device->origin) &&
           (!device->rom_file || is_file(device->rom_file)) &&
           (!device->driver_model || is_driver(device->driver_model));
}

gboolean vh_domain_check(const VhDomain *domain, GError **error)
{
    g_autofree char *uuid = domain->uuid ? canonical_uuid(domain->uuid) : NULL;
    gboolean good =
        domain->name && is_guest(domain->name) && uuid && g_str_equal(uuid, domain->uuid);

    for (guint i = 0; good && i < domain->devices->len; i++)
        good = check_device(domain->devices->pdata[i]);
    return good ||
           vh_error_set(error, VH_ERROR_DOMAIN, "domain XML: what was read from it makes no sense");
}

VhDomain *vh_domain_parse(const char *xml, gsize length, GError **error)
{
    const Text text = {xml, length};
    g_autoptr(GVariant) dict = vh_confined("domain XML", read_text, &text, error);

    return dict ? vh_domain_unpack(dict, error) : NULL;
}

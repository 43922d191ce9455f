// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/iommu.h"

#include "base/address.h"
#include "base/text.h"
#include "inspect/names.h"

#define DEVICES "/sys/bus/pci/devices"

static void free_pointer_function(gpointer data)
{
    VhIommuFunction *function = data;

    g_strfreev(function->reset_methods);
    g_clear_pointer(&function->uses, g_ptr_array_unref);
    g_free(function->class_name);
    g_free(function->name);
    g_free(function->title);
    g_free(function);
}

static void free_pointer_group(gpointer data)
{
    VhIommuGroup *group = data;

    g_ptr_array_unref(group->functions);
    g_free(group);
}

void vh_iommu_free(VhIommu *iommu)
{
    if (!iommu)
        return;
    g_clear_pointer(&iommu->groups, g_ptr_array_unref);
    g_clear_pointer(&iommu->functions, g_ptr_array_unref);
    g_free(iommu);
}

/* ---- looking ---- */

static char *read_attribute(VhHost *host, const char *address, const char *name)
{
    g_autofree char *path = g_build_filename(DEVICES, address, name, NULL);

    return vh_host_read(host, path, NULL);
}

/* The attribute "reset" is there when the kernel can reset the function. It can only be written:
 * asking whether it is a link tells without opening it. */
static gboolean has_reset(VhHost *host, const char *address)
{
    g_autofree char *path = g_build_filename(DEVICES, address, "reset", NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *target = vh_host_link(host, path, &error);

    return target || !vh_error_is_gone(error);
}

/* Since Linux 5.15; an empty line when the administrator switched all of them off. */
static char **read_methods(VhHost *host, const char *address)
{
    g_autofree char *text = read_attribute(host, address, "reset_method");
    g_auto(GStrv) words = g_strsplit_set(text ? text : "", " \n", -1);
    GPtrArray *methods = g_ptr_array_new();

    for (gsize i = 0; words[i]; i++)
        if (*words[i])
            g_ptr_array_add(methods, vh_text_one_line(words[i]));
    g_ptr_array_add(methods, NULL);
    return (char **)g_ptr_array_free(methods, FALSE);
}

static guint read_revision(VhHost *host, const char *address)
{
    g_autofree char *text = read_attribute(host, address, "revision");
    guint64 revision = 0;

    if (text && g_str_has_prefix(text, "0x"))
        (void)g_ascii_string_to_unsigned(text + 2, 16, 0, 0xff, &revision, NULL);
    return (guint)revision;
}

static VhIommuFunction *look_at(VhHost *host, const VhPciFunction *pci, VhPciNames *names,
                                gboolean recorded)
{
    VhIommuFunction *function = g_new0(VhIommuFunction, 1);

    function->pci = pci;
    function->revision = read_revision(host, pci->address);
    function->reset_known = recorded;
    function->reset = has_reset(host, pci->address);
    function->reset_methods = read_methods(host, pci->address);
    function->class_name = vh_pci_names_class(names, pci->class_code);
    function->name = vh_pci_names_device(names, pci->vendor, pci->device, FALSE);
    function->title = vh_pci_names_device(names, pci->vendor, pci->device, TRUE);
    return function;
}

/* Functions come by address, so those of one device come one after the other. */
static void add_function(VhIommuGroup *group, VhIommuFunction *function, const char **last)
{
    g_ptr_array_add(group->functions, function);
    if (function->pci->bridge)
        return;
    group->passable++;
    group->display |= vh_pci_is_display(function->pci);
    group->slots += !*last || !vh_address_same_slot(*last, function->pci->address);
    *last = function->pci->address;
}

typedef struct {
    VhIommuGroup *group;
    const char *last; /* address of the last function that is no bridge */
} Entry;

static Entry *entry_of(GHashTable *entries, VhIommu *iommu, int number)
{
    Entry *entry = g_hash_table_lookup(entries, GINT_TO_POINTER(number));

    if (entry)
        return entry;
    entry = g_new0(Entry, 1);
    entry->group = g_new0(VhIommuGroup, 1);
    entry->group->number = number;
    entry->group->functions = g_ptr_array_new_with_free_func(free_pointer_function);
    g_ptr_array_add(iommu->groups, entry->group);
    g_hash_table_insert(entries, GINT_TO_POINTER(number), entry);
    return entry;
}

static int by_number(gconstpointer a, gconstpointer b)
{
    const VhIommuGroup *left = *(const VhIommuGroup *const *)a;
    const VhIommuGroup *right = *(const VhIommuGroup *const *)b;

    /* As unsigned numbers, so that -1 comes last. */
    return (guint)left->number < (guint)right->number   ? -1
           : (guint)left->number > (guint)right->number ? 1
                                                        : 0;
}

VhIommu *vh_iommu_look(VhHost *host, GError **error)
{
    g_autoptr(GPtrArray) functions = vh_host_pci_list(host, error);
    g_autoptr(GHashTable) entries = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    g_autoptr(VhPciNames) names = functions ? vh_pci_names_new() : NULL;

    if (!functions)
        return NULL;
    VhIommu *iommu = g_new0(VhIommu, 1);
    g_auto(GStrv) recorded = vh_host_list(host, DEVICES);
    iommu->on = vh_host_iommu_on(host);
    iommu->groups = g_ptr_array_new_with_free_func(free_pointer_group);
    for (guint i = 0; i < functions->len; i++) {
        const VhPciFunction *pci = functions->pdata[i];
        Entry *entry = entry_of(entries, iommu, pci->iommu_group);
        add_function(entry->group, look_at(host, pci, names, *recorded != NULL), &entry->last);
    }
    g_ptr_array_sort(iommu->groups, by_number);
    iommu->functions = g_steal_pointer(&functions);
    return iommu;
}

gboolean vh_iommu_keep(VhIommu *iommu, int number, gboolean display)
{
    GPtrArray *kept = g_ptr_array_new_with_free_func(free_pointer_group);

    for (guint i = 0; i < iommu->groups->len; i++) {
        VhIommuGroup *group = iommu->groups->pdata[i];
        if ((number < 0 || group->number == number) && (!display || group->display))
            g_ptr_array_add(kept, group);
        else
            free_pointer_group(group);
    }
    g_ptr_array_set_free_func(iommu->groups, NULL);
    g_ptr_array_unref(iommu->groups);
    iommu->groups = kept;
    return kept->len > 0;
}

/* Disks, also on USB, and networks: nothing else is needed in such a way, and to look takes a
 * while. What has no driver, or vfio's, serves nobody here. */
static gboolean can_be_used(const VhPciFunction *pci)
{
    enum { STORAGE = 0x01, NETWORK = 0x02, USB = 0x0c03 };
    guint base = pci->class_code >> 16;

    return pci->driver && !pci->vfio &&
           (base == STORAGE || base == NETWORK || pci->class_code >> 8 == USB);
}

void vh_iommu_find_uses(VhIommu *iommu, VhHost *host)
{
    for (guint i = 0; i < iommu->groups->len; i++) {
        VhIommuGroup *group = iommu->groups->pdata[i];
        for (guint j = 0; j < group->functions->len; j++) {
            VhIommuFunction *function = group->functions->pdata[j];
            if (!can_be_used(function->pci))
                continue;
            g_clear_pointer(&function->uses, g_ptr_array_unref);
            function->uses = vh_host_pci_uses(host, function->pci->address, NULL);
            group->used += function->uses && function->uses->len > 0;
        }
    }
}

/* ---- telling ---- */

static char *passing_of(const VhIommuGroup *group)
{
    const char *rest =
        group->functions->len > group->passable ? " (the bridges stay with the host)" : "";

    if (group->number < 0)
        return g_strdup("cannot be passed");
    if (group->passable == 0)
        return g_strdup("bridges only, nothing to pass");
    if (group->passable == 1)
        return g_strdup_printf("can be passed on its own%s", rest);
    if (group->slots == 1)
        return g_strdup_printf("%u functions of one device, to be passed together%s",
                               group->passable, rest);
    return g_strdup_printf("%u functions of %u devices, to be passed only together%s",
                           group->passable, group->slots, rest);
}

char *vh_iommu_verdict(const VhIommuGroup *group)
{
    g_autofree char *passing = passing_of(group);
    const char *host = group->used == 0       ? ""
                       : group->passable == 1 ? ", but the host uses it"
                                              : ", but in use";

    return g_strconcat(passing, host, NULL);
}

char *vh_iommu_use_text(const VhIommuFunction *function)
{
    const VhUse *first =
        function->uses && function->uses->len > 0 ? function->uses->pdata[0] : NULL;

    if (!first)
        return NULL;
    g_autofree char *text = g_strdup_printf("%s %s (%s)", first->kind, first->name, first->where);
    g_autofree char *line = vh_text_one_line(text);
    return function->uses->len == 1
               ? g_steal_pointer(&line)
               : g_strdup_printf("%s and %u more", line, function->uses->len - 1);
}

char *vh_iommu_line(const VhIommuFunction *function)
{
    g_autofree char *revision =
        function->revision > 0 ? g_strdup_printf(" (rev %02x)", function->revision) : NULL;

    return g_strdup_printf("%s: %s%s", function->class_name, function->title,
                           revision ? revision : "");
}

static GVariant *hex(guint number, int digits)
{
    return g_variant_new_take_string(g_strdup_printf("0x%0*x", digits, number));
}

GVariant *vh_iommu_reset_variant(const VhIommuFunction *function)
{
    return g_variant_new_maybe(G_VARIANT_TYPE_BOOLEAN, function->reset_known
                                                           ? g_variant_new_boolean(function->reset)
                                                           : NULL);
}

static GVariant *uses_variant(const VhIommuFunction *function)
{
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; function->uses && i < function->uses->len; i++) {
        const VhUse *use = function->uses->pdata[i];
        g_variant_builder_add_value(
            &list, g_variant_new_parsed("{'kind': <%s>, 'name': <%s>, 'where': <%s>}", use->kind,
                                        use->name, use->where));
    }
    return g_variant_builder_end(&list);
}

static GVariant *function_variant(const VhIommuFunction *function)
{
    const VhPciFunction *pci = function->pci;
    GVariantBuilder dict;

    /* In this order: a dictionary of GLib's would lose it. */
    g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&dict, "{sv}", "address", g_variant_new_string(pci->address));
    g_variant_builder_add(&dict, "{sv}", "class", hex(pci->class_code, 6));
    g_variant_builder_add(&dict, "{sv}", "vendor", hex(pci->vendor, 4));
    g_variant_builder_add(&dict, "{sv}", "device", hex(pci->device, 4));
    g_variant_builder_add(&dict, "{sv}", "name", g_variant_new_string(function->name));
    g_variant_builder_add(&dict, "{sv}", "driver", g_variant_new("ms", pci->driver));
    g_variant_builder_add(&dict, "{sv}", "reset", vh_iommu_reset_variant(function));
    g_variant_builder_add(&dict, "{sv}", "reset_methods",
                          g_variant_new_strv((const char *const *)function->reset_methods, -1));
    g_variant_builder_add(&dict, "{sv}", "boot_vga", g_variant_new_boolean(pci->boot_vga));
    g_variant_builder_add(&dict, "{sv}", "uses", uses_variant(function));
    return g_variant_builder_end(&dict);
}

GVariant *vh_iommu_variant(const VhIommu *iommu)
{
    GVariantBuilder groups, functions, dict;

    g_variant_builder_init(&groups, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < iommu->groups->len; i++) {
        const VhIommuGroup *group = iommu->groups->pdata[i];
        if (group->number < 0)
            continue;
        g_variant_builder_init(&functions, G_VARIANT_TYPE("aa{sv}"));
        for (guint j = 0; j < group->functions->len; j++)
            g_variant_builder_add_value(&functions, function_variant(group->functions->pdata[j]));
        g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
        g_variant_builder_add(&dict, "{sv}", "group", g_variant_new_int32(group->number));
        g_variant_builder_add(&dict, "{sv}", "devices", g_variant_builder_end(&functions));
        g_variant_builder_add_value(&groups, g_variant_builder_end(&dict));
    }
    return g_variant_builder_end(&groups);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Drivers, and the modules that they are in, need and are needed by. */
#include <string.h>

#include "inspect/snapshot-private.h"

/* What no look tells: how drivers behave. */
static const struct {
    const char *driver;
    gboolean unbind_hangs; /* waits, unkillably, for whoever has it open */
    gboolean needs_device; /* its module does not load without one */
} habits[] = {
    {"nvidia", TRUE, TRUE},
    {"snd_hda_intel", TRUE, FALSE},
};

/* What vfio's modules need while they are not loaded, and the kernel does not tell. */
static const struct {
    const char *module, *needs;
} vfio_chain[] = {
    {"vfio_pci", "vfio_pci_core"},
    {"vfio_pci_core", "vfio"},
    {"vfio_pci_core", "irqbypass"},
    {"vfio_iommu_type1", "vfio"},
};

/* ---- which modules are to be told ---- */

static void add_need(VhSnapshot *snapshot, const char *user, const char *name)
{
    GHashTable *set = g_hash_table_lookup(snapshot->needs, user);

    if (!set) {
        set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_insert(snapshot->needs, g_strdup(user), set);
    }
    g_hash_table_add(set, g_strdup(name));
}

/* A line of /proc/modules: NAME SIZE COUNT USER,USER, STATE ADDRESS; "-" when nobody uses it. */
static void read_line(VhSnapshot *snapshot, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 5);

    if (g_strv_length(words) < 5)
        return;
    g_auto(GStrv) users = g_strsplit(words[3], ",", -1);
    for (char **user = users; *user; user++)
        if (**user && **user != '-' && **user != '[')
            add_need(snapshot, *user, words[0]);
}

static void read_needs(VhSnapshot *snapshot)
{
    g_autofree char *text = vh_host_read(snapshot->host, "/proc/modules", NULL);
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

    for (char **line = lines; *line; line++)
        read_line(snapshot, *line);
}

static void wish(GQueue *wanted, const char *name)
{
    if (name)
        g_queue_push_tail(wanted, g_strdup(name));
}

static void wish_needs(VhSnapshot *snapshot, GQueue *wanted, const char *user)
{
    GHashTable *set = g_hash_table_lookup(snapshot->needs, user);
    GHashTableIter iter;
    gpointer name;

    if (!set)
        return;
    g_hash_table_iter_init(&iter, set);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        wish(wanted, name);
}

/* Takes the module into the set, and wishes for those around it. */
static void take(VhSnapshot *snapshot, GQueue *wanted, const char *name)
{
    if (g_hash_table_contains(snapshot->modules, name))
        return;
    VhModule *module = vh_host_module_look(snapshot->host, name, NULL);
    if (!module || module->state == VH_MODULE_MISSING) {
        g_clear_pointer(&module, vh_module_free);
        return;
    }
    g_hash_table_insert(snapshot->modules, g_strdup(name), module);
    for (char **user = module->holders; user && *user; user++) {
        add_need(snapshot, *user, name);
        wish(wanted, *user);
    }
    wish_needs(snapshot, wanted, name);
}

void vh_snapshot_find_modules(VhSnapshot *snapshot)
{
    GQueue wanted = G_QUEUE_INIT;
    char *name;

    snapshot->modules =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)vh_module_free);
    snapshot->needs =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);
    read_needs(snapshot);
    for (guint i = 0; i < snapshot->functions->len; i++)
        wish(&wanted, ((VhPciFunction *)snapshot->functions->pdata[i])->module);
    for (gsize i = 0; i < G_N_ELEMENTS(vfio_chain); i++) {
        wish(&wanted, vfio_chain[i].module);
        wish(&wanted, vfio_chain[i].needs);
    }
    while ((name = g_queue_pop_head(&wanted))) {
        take(snapshot, &wanted, name);
        g_free(name);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(vfio_chain); i++)
        add_need(snapshot, vfio_chain[i].module, vfio_chain[i].needs);
}

/* ---- telling them ---- */

static const VhModule *find(const VhSnapshot *snapshot, const char *name)
{
    return name ? g_hash_table_lookup(snapshot->modules, name) : NULL;
}

static gboolean loaded(const VhModule *module)
{
    return module && module->state != VH_MODULE_AVAILABLE;
}

static int by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted names, NULL-terminated, of the modules it uses; a loaded one uses loaded ones only. */
static GPtrArray *needs_of(const VhSnapshot *snapshot, const VhModule *user)
{
    GPtrArray *names = g_ptr_array_new();
    GHashTable *set = g_hash_table_lookup(snapshot->needs, user->name);
    GHashTableIter iter;
    gpointer name;

    if (set && user->state != VH_MODULE_BUILTIN) {
        g_hash_table_iter_init(&iter, set);
        while (g_hash_table_iter_next(&iter, &name, NULL))
            if (find(snapshot, name) && (loaded(find(snapshot, name)) || !loaded(user)))
                g_ptr_array_add(names, name);
    }
    g_ptr_array_sort(names, by_name);
    g_ptr_array_add(names, NULL);
    return names;
}

static const char *state_name(VhModuleState state)
{
    return state == VH_MODULE_LIVE ? "live" : state == VH_MODULE_BUILTIN ? "builtin" : "available";
}

static gboolean needs_device(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(habits); i++)
        if (g_str_equal(habits[i].driver, name))
            return habits[i].needs_device;
    return FALSE;
}

static void add_module(const VhSnapshot *snapshot, GVariantBuilder *list, const char *name,
                       const VhModule *module)
{
    g_autoptr(GPtrArray) needs = needs_of(snapshot, module);
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "name", "s", name);
    g_variant_dict_insert(&dict, "state", "s", state_name(module->state));
    g_variant_dict_insert_value(&dict, "depends",
                                g_variant_new_strv((const char *const *)needs->pdata, -1));
    if (g_str_equal(name, "vfio_pci") && find(snapshot, "vfio_iommu_type1")) {
        const char *const soft[] = {"vfio_iommu_type1", NULL};
        g_variant_dict_insert_value(&dict, "softdeps", g_variant_new_strv(soft, -1));
    }
    if (needs_device(name))
        g_variant_dict_insert(&dict, "needs_device", "b", TRUE);
    g_variant_builder_add_value(list, g_variant_dict_end(&dict));
}

GVariant *vh_snapshot_modules(const VhSnapshot *snapshot)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GVariantBuilder list;
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, snapshot->modules);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_ptr_array_add(names, name);
    g_ptr_array_sort(names, by_name);
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < names->len; i++)
        add_module(snapshot, &list, names->pdata[i],
                   g_hash_table_lookup(snapshot->modules, names->pdata[i]));
    return g_variant_builder_end(&list);
}

/* ---- drivers ---- */

static gboolean unbind_hangs(const char *driver)
{
    for (gsize i = 0; i < G_N_ELEMENTS(habits); i++)
        if (g_str_equal(habits[i].driver, driver))
            return habits[i].unbind_hangs;
    return FALSE;
}

/* Whether the driver made a framebuffer of its own for function number @index. */
static gboolean has_framebuffer(const VhSnapshot *snapshot, guint index)
{
    const VhPciFunction *function = snapshot->functions->pdata[index];
    const GPtrArray *nodes = snapshot->nodes->pdata[index];

    for (guint i = 0; i < nodes->len; i++) {
        const VhNode *node = nodes->pdata[i];
        if (g_str_equal(node->subsystem, "graphics") &&
            !vh_snapshot_framebuffer(snapshot, function->address, node))
            return TRUE;
    }
    return FALSE;
}

/* The ids of the functions that are bound to it now; its flags from what they have. */
static void put_matches(const VhSnapshot *snapshot, const char *driver, GVariantDict *dict)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    gboolean framebuffer = FALSE;

    for (guint i = 0; i < snapshot->functions->len; i++) {
        const VhPciFunction *function = snapshot->functions->pdata[i];
        if (g_strcmp0(function->driver, driver) != 0)
            continue;
        char *id = g_strdup_printf("%04x:%04x", function->vendor, function->device);
        if (g_ptr_array_find_with_equal_func(ids, id, g_str_equal, NULL))
            g_free(id);
        else
            g_ptr_array_add(ids, id);
        framebuffer |= has_framebuffer(snapshot, i);
    }
    g_ptr_array_add(ids, NULL);
    g_variant_dict_insert_value(dict, "ids",
                                g_variant_new_strv((const char *const *)ids->pdata, -1));
    if (!framebuffer)
        return;
    g_variant_dict_insert(dict, "framebuffer", "b", TRUE);
    g_variant_dict_insert(dict, "console_holds", "b", TRUE);
    g_variant_dict_insert(dict, "takes_framebuffer", "b", TRUE);
}

static void add_driver(const VhSnapshot *snapshot, GVariantBuilder *list, const char *name,
                       const char *module, gboolean vfio)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "name", "s", name);
    if (find(snapshot, module) && find(snapshot, module)->state != VH_MODULE_BUILTIN)
        g_variant_dict_insert(&dict, "module", "s", module);
    if (vfio)
        g_variant_dict_insert(&dict, "vfio", "b", TRUE);
    else
        put_matches(snapshot, name, &dict);
    if (unbind_hangs(name))
        g_variant_dict_insert(&dict, "unbind_hangs", "b", TRUE);
    g_variant_builder_add_value(list, g_variant_dict_end(&dict));
}

/* Those that something is bound to, then vfio-pci, which is what devices are handed to. */
GVariant *vh_snapshot_drivers(const VhSnapshot *snapshot)
{
    g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < snapshot->functions->len; i++) {
        const VhPciFunction *function = snapshot->functions->pdata[i];
        if (function->driver && g_hash_table_add(told, function->driver))
            add_driver(snapshot, &list, function->driver, function->module, function->vfio);
    }
    if (!g_hash_table_contains(told, "vfio-pci") &&
        (find(snapshot, "vfio_pci") || vh_host_pci_driver_known(snapshot->host, "vfio-pci")))
        add_driver(snapshot, &list, "vfio-pci", "vfio_pci", TRUE);
    return g_variant_builder_end(&list);
}

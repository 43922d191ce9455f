// SPDX-License-Identifier: GPL-2.0-or-later
/* The machine's devices, consoles and files, and the whole. */
#include <string.h>
#include <sys/sysmacros.h>

#include "inspect/snapshot-private.h"

static void put_text(GVariantDict *dict, const char *key, const char *text)
{
    if (text)
        g_variant_dict_insert(dict, key, "s", text);
}

static void put_flag(GVariantDict *dict, const char *key, gboolean flag)
{
    if (flag)
        g_variant_dict_insert(dict, key, "b", flag);
}

static void put_hex(GVariantDict *dict, const char *key, int digits, guint value)
{
    g_autofree char *text = g_strdup_printf("0x%0*x", digits, value);

    put_text(dict, key, text);
}

static GVariantBuilder *list_new(void)
{
    return g_variant_builder_new(G_VARIANT_TYPE("aa{sv}"));
}

static void list_add(GVariantBuilder *list, GVariantDict *dict)
{
    g_variant_builder_add_value(list, g_variant_dict_end(dict));
}

static GVariant *list_end(GVariantBuilder *list)
{
    GVariant *value = g_variant_builder_end(list);

    g_variant_builder_unref(list);
    return value;
}

/* ---- nodes ---- */

const VhFramebuffer *vh_snapshot_framebuffer(const VhSnapshot *snapshot, const char *address,
                                             const VhNode *node)
{
    g_autofree char *number =
        g_strdup_printf("/sys/dev/char/%u:%u", major(node->number), minor(node->number));
    g_autofree char *place = vh_host_link(snapshot->host, number, NULL);

    for (guint i = 0; i < snapshot->framebuffers->len; i++) {
        const VhFramebuffer *framebuffer = snapshot->framebuffers->pdata[i];
        if (!framebuffer->driver || g_strcmp0(framebuffer->address, address) != 0)
            continue;
        g_autofree char *part = g_strdup_printf("/%s/", framebuffer->device);
        /* Where the kernel does not say: a native driver would have taken the framebuffer away. */
        if (place ? strstr(place, part) != NULL : g_str_equal(node->subsystem, "graphics"))
            return framebuffer;
    }
    return NULL;
}

const char *vh_snapshot_node_module(const VhSnapshot *snapshot, const VhNode *node)
{
    static const struct {
        const char *path, *module;
    } table[] = {
        {"/dev/nvidia-modeset", "nvidia_modeset"},
        {"/dev/nvidia-uvm", "nvidia_uvm"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (g_str_has_prefix(node->path, table[i].path) &&
            g_hash_table_contains(snapshot->modules, table[i].module))
            return table[i].module;
    return NULL;
}

static gboolean is_nvidia(const VhPciFunction *function)
{
    return g_strcmp0(function->driver, "nvidia") == 0;
}

static void add_node(const VhSnapshot *snapshot, GVariantBuilder *list, const VhNode *node,
                     const VhPciFunction *function)
{
    g_autofree char *number = g_strdup_printf("%u:%u", major(node->number), minor(node->number));
    const char *module = vh_snapshot_node_module(snapshot, node);
    GVariantDict dict;

    if (!module && function && is_nvidia(function) && g_str_equal(node->subsystem, "drm") &&
        g_hash_table_contains(snapshot->modules, "nvidia_drm"))
        module = "nvidia_drm";
    g_variant_dict_init(&dict, NULL);
    put_text(&dict, "path", node->path);
    put_text(&dict, "subsystem", node->subsystem);
    put_text(&dict, "number", number);
    put_flag(&dict, "blocks", node->blocks);
    put_text(&dict, "driver", function ? function->driver : NULL);
    put_text(&dict, "module", module);
    list_add(list, &dict);
}

/* The nodes of function number @index that its driver made, or (@framebuffer) the firmware's. */
static GVariant *nodes_of(const VhSnapshot *snapshot, guint index, const VhFramebuffer *framebuffer)
{
    const VhPciFunction *function = snapshot->functions->pdata[index];
    const GPtrArray *nodes = snapshot->nodes->pdata[index];
    GVariantBuilder *list = list_new();

    for (guint i = 0; i < nodes->len; i++) {
        const VhNode *node = nodes->pdata[i];
        if (g_str_has_prefix(node->path, "/dev/vfio/"))
            continue;
        if (vh_snapshot_framebuffer(snapshot, function->address, node) == framebuffer)
            add_node(snapshot, list, node, framebuffer ? NULL : function);
    }
    return list_end(list);
}

/* ---- what the host needs of a function ---- */

/* Names that people gave, or that tell a hardware address. */
static const char *use_name(const char *name)
{
    static const struct {
        const char *prefix, *instead;
    } table[] = {
        {"enx", "eth0"}, {"wlx", "wlan0"}, {"/dev/mapper/", "/dev/dm-0"}, {"/dev/md/", "/dev/md0"}};

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (g_str_has_prefix(name, table[i].prefix))
            return table[i].instead;
    return name;
}

static const char *use_place(const VhUse *use)
{
    static const char *const known[] = {"/",    "/boot", "/boot/efi", "/efi", "/home", "/opt",
                                        "/srv", "/tmp",  "/usr",      "/var", "swap",  NULL};

    if (use->where && g_strv_contains(known, use->where))
        return use->where;
    return g_str_equal(use->kind, "mount")   ? "/mnt"
           : g_str_equal(use->kind, "route") ? "gateway"
           : g_str_equal(use->kind, "open")  ? "a program"
                                             : use->kind;
}

static GVariant *uses_of(const VhSnapshot *snapshot, const char *address)
{
    g_autoptr(GPtrArray) uses = vh_host_pci_uses(snapshot->host, address, NULL);
    GVariantBuilder *list = list_new();

    for (guint i = 0; uses && i < uses->len; i++) {
        const VhUse *use = uses->pdata[i];
        GVariantDict dict;
        g_variant_dict_init(&dict, NULL);
        put_text(&dict, "kind", use->kind);
        put_text(&dict, "name", use_name(use->name));
        put_text(&dict, "where", use_place(use));
        list_add(list, &dict);
    }
    return list_end(list);
}

/* ---- functions ---- */

static GVariant *functions_of(const VhSnapshot *snapshot)
{
    GVariantBuilder *list = list_new();

    for (guint i = 0; i < snapshot->functions->len; i++) {
        const VhPciFunction *function = snapshot->functions->pdata[i];
        g_autofree char *seat = vh_host_pci_seat(snapshot->host, function->address);
        GVariantDict dict;
        g_variant_dict_init(&dict, NULL);
        put_text(&dict, "address", function->address);
        put_hex(&dict, "class", 6, function->class_code);
        put_hex(&dict, "vendor", 4, function->vendor);
        put_hex(&dict, "device", 4, function->device);
        put_text(&dict, "driver", function->driver);
        put_text(&dict, "driver_override", function->driver_override);
        if (function->iommu_group >= 0)
            g_variant_dict_insert(&dict, "group", "x", (gint64)function->iommu_group);
        put_flag(&dict, "bridge", function->bridge);
        put_flag(&dict, "boot_vga", function->boot_vga);
        put_text(&dict, "seat", g_strcmp0(seat, "seat0") == 0 ? NULL : seat);
        g_variant_dict_insert_value(&dict, "nodes", nodes_of(snapshot, i, NULL));
        g_variant_dict_insert_value(&dict, "uses", uses_of(snapshot, function->address));
        list_add(list, &dict);
    }
    return list_end(list);
}

/* ---- consoles and framebuffers ---- */

static GVariant *consoles_of(const VhSnapshot *snapshot)
{
    g_autoptr(GPtrArray) consoles = vh_host_consoles(snapshot->host, NULL);
    GVariantBuilder *list = list_new();

    for (guint i = 0; consoles && i < consoles->len; i++) {
        const VhConsole *console = consoles->pdata[i];
        GVariantDict dict;
        g_variant_dict_init(&dict, NULL);
        g_variant_dict_insert(&dict, "number", "x", (gint64)console->number);
        put_text(&dict, "name", console->name);
        put_flag(&dict, "bound", console->bound);
        list_add(list, &dict);
    }
    return list_end(list);
}

/* Index of the function, or the length of the list. */
static guint index_of(const VhSnapshot *snapshot, const char *address)
{
    guint i = 0;

    while (i < snapshot->functions->len &&
           g_strcmp0(((VhPciFunction *)snapshot->functions->pdata[i])->address, address) != 0)
        i++;
    return i;
}

/* "efi-framebuffer.0" is bound by efi-framebuffer, when it is bound by nothing now. */
static char *framebuffer_driver(const VhFramebuffer *framebuffer)
{
    if (framebuffer->driver)
        return g_strdup(framebuffer->driver);
    return g_strndup(framebuffer->device, strcspn(framebuffer->device, "."));
}

static GVariant *framebuffers_of(const VhSnapshot *snapshot)
{
    GVariantBuilder *list = list_new();

    for (guint i = 0; i < snapshot->framebuffers->len; i++) {
        const VhFramebuffer *framebuffer = snapshot->framebuffers->pdata[i];
        g_autofree char *driver = framebuffer_driver(framebuffer);
        const char *const drivers[] = {driver, NULL};
        guint function = index_of(snapshot, framebuffer->address);
        GVariantDict dict;
        g_variant_dict_init(&dict, NULL);
        put_text(&dict, "device", framebuffer->device);
        put_text(&dict, "driver", framebuffer->driver);
        g_variant_dict_insert_value(&dict, "drivers", g_variant_new_strv(drivers, -1));
        if (function < snapshot->functions->len) {
            put_text(&dict, "address", framebuffer->address);
            g_variant_dict_insert_value(&dict, "nodes", nodes_of(snapshot, function, framebuffer));
        }
        list_add(list, &dict);
    }
    return list_end(list);
}

/* ---- ROM files ---- */

static GVariant *roms_of(const VhSnapshot *snapshot)
{
    GVariantBuilder *list = list_new();

    for (guint i = 0; snapshot->domain && i < snapshot->domain->devices->len; i++) {
        const VhDomainDevice *device = snapshot->domain->devices->pdata[i];
        GVariantDict dict;
        if (!device->rom_file || !vh_host_rom_usable(snapshot->host, device->rom_file, NULL))
            continue;
        g_variant_dict_init(&dict, NULL);
        put_text(&dict, "path", device->rom_file);
        list_add(list, &dict);
    }
    return list_end(list);
}

/* ---- the whole ---- */

static void snapshot_clear(VhSnapshot *snapshot)
{
    g_clear_pointer(&snapshot->functions, g_ptr_array_unref);
    g_clear_pointer(&snapshot->framebuffers, g_ptr_array_unref);
    g_clear_pointer(&snapshot->nodes, g_ptr_array_unref);
    g_clear_pointer(&snapshot->modules, g_hash_table_unref);
    g_clear_pointer(&snapshot->needs, g_hash_table_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VhSnapshot, snapshot_clear)

static gboolean look(VhSnapshot *snapshot, GError **error)
{
    snapshot->functions = vh_host_pci_list(snapshot->host, error);
    if (!snapshot->functions)
        return FALSE;
    snapshot->framebuffers = vh_host_framebuffers(snapshot->host, error);
    if (!snapshot->framebuffers)
        return FALSE;
    snapshot->nodes = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < snapshot->functions->len; i++) {
        const VhPciFunction *function = snapshot->functions->pdata[i];
        GPtrArray *nodes = vh_host_pci_nodes(snapshot->host, function->address, error);
        if (!nodes)
            return FALSE;
        g_ptr_array_add(snapshot->nodes, nodes);
    }
    vh_snapshot_find_modules(snapshot);
    return TRUE;
}

GVariant *vh_snapshot_take(VhHost *host, const VhDomain *domain, GError **error)
{
    g_auto(VhSnapshot) snapshot = {.host = host, .domain = domain};
    g_auto(GVariantDict) dict;

    g_variant_dict_init(&dict, NULL);
    if (!look(&snapshot, error) || !vh_snapshot_people(&snapshot, &dict, error))
        return NULL;
    g_variant_dict_insert(&dict, "version", "x", (gint64)1);
    put_text(&dict, "about", "taken by virt-handoff snapshot");
    g_variant_dict_insert(&dict, "iommu", "b", vh_host_iommu_on(host));
    g_variant_dict_insert_value(&dict, "functions", functions_of(&snapshot));
    g_variant_dict_insert_value(&dict, "drivers", vh_snapshot_drivers(&snapshot));
    g_variant_dict_insert_value(&dict, "modules", vh_snapshot_modules(&snapshot));
    g_variant_dict_insert_value(&dict, "consoles", consoles_of(&snapshot));
    g_variant_dict_insert_value(&dict, "framebuffers", framebuffers_of(&snapshot));
    g_variant_dict_insert_value(&dict, "roms", roms_of(&snapshot));
    g_variant_dict_insert_value(&dict, "files", vh_snapshot_files(&snapshot));
    vh_snapshot_cpus(&snapshot, &dict);
    g_variant_dict_insert_value(&dict, "tunables", vh_snapshot_tunables(&snapshot));
    g_variant_dict_insert_value(&dict, "page_pools", vh_snapshot_page_pools(&snapshot));
    return g_variant_dict_end(&dict);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Modules over a tree with depmod's indexes; nothing is loaded into this kernel. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host-tree.h"

static gint64 soon(void)
{
    return g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
}

/* ---- indexes, in the format of libkmod's libkmod-index.c ---- */

typedef struct {
    const char *key, *value;
} Entry;

enum {
    HAS_PREFIX = 0x80000000,
    HAS_VALUES = 0x40000000,
    HAS_CHILDREN = 0x20000000,
};

static void put_number(GByteArray *index, guint32 number)
{
    guint32 big = GUINT32_TO_BE(number);

    g_byte_array_append(index, (const guint8 *)&big, sizeof big);
}

static void put_text(GByteArray *index, const char *text)
{
    g_byte_array_append(index, (const guint8 *)text, (guint)strlen(text) + 1);
}

/* A node for one entry, which is all that is left of its key after @skip characters. */
static guint32 put_leaf(GByteArray *index, const Entry *entry, guint skip)
{
    guint32 at = index->len | HAS_VALUES;

    if (entry->key[skip]) {
        at |= HAS_PREFIX;
        put_text(index, entry->key + skip);
    }
    put_number(index, 1);
    put_number(index, 0);
    put_text(index, entry->value);
    return at;
}

/* Keys differ in their first characters, which are lower-case letters. */
static GByteArray *make_index(const Entry *entries, gsize n)
{
    GByteArray *index = g_byte_array_new();
    guint32 children['z' - 'a' + 1] = {0};

    put_number(index, 0xb007f457);
    put_number(index, 0x00020001);
    put_number(index, 0);
    for (gsize i = 0; i < n; i++)
        children[entries[i].key[0] - 'a'] = put_leaf(index, &entries[i], 1);
    guint32 root = GUINT32_TO_BE(index->len | HAS_CHILDREN);
    memcpy(index->data + 8, &root, sizeof root);
    g_byte_array_append(index, (const guint8 *)"az", 2);
    for (gsize i = 0; i < G_N_ELEMENTS(children); i++)
        put_number(index, children[i]);
    return index;
}

static void write_index(HostTree *tree, const char *name, const Entry *entries, gsize n)
{
    struct utsname uts;
    g_autoptr(GByteArray) index = make_index(entries, n);

    (void)uname(&uts);
    g_autofree char *path = host_tree_path(tree, "/lib/modules/%s/%s.bin", uts.release, name);
    host_tree_write(tree, "", "/lib/modules/%s/%s.bin", uts.release, name);
    g_assert_true(g_file_set_contents(path, (const char *)index->data, (gssize)index->len, NULL));
}

/* Modules vh_no_such (a file that is no module), its name also behind an alias; "builtin_one". */
static HostTree *module_tree(void)
{
    static const Entry modules[] = {{"vh_no_such", "kernel/vh_no_such.ko:"},
                                    {"bochs", "kernel/bochs.ko:"}};
    static const Entry aliases[] = {{"other_name", "vh_no_such"}};
    static const Entry builtin[] = {{"x_builtin", ""}};
    HostTree *tree = host_tree_new();
    struct utsname uts;

    (void)uname(&uts);
    host_tree_write(tree, "no module", "/lib/modules/%s/kernel/vh_no_such.ko", uts.release);
    write_index(tree, "modules.dep", modules, G_N_ELEMENTS(modules));
    write_index(tree, "modules.alias", aliases, G_N_ELEMENTS(aliases));
    write_index(tree, "modules.builtin", builtin, G_N_ELEMENTS(builtin));
    write_index(tree, "modules.symbols", NULL, 0);
    write_index(tree, "modules.builtin.alias", NULL, 0);
    return tree;
}

/* ---- looking ---- */

static void test_state(void)
{
    static const struct {
        const char *name, *kernel_name;
        VhModuleState state;
    } cases[] = {
        {"vh-no-such", "vh_no_such", VH_MODULE_AVAILABLE},
        {"other-name", "other_name", VH_MODULE_AVAILABLE},
        {"x_builtin", "x_builtin", VH_MODULE_BUILTIN},
        {"with-parameters", "with_parameters", VH_MODULE_BUILTIN},
        {"snd-hda-intel", "snd_hda_intel", VH_MODULE_LIVE},
        {"nowhere", "nowhere", VH_MODULE_MISSING},
    };
    g_autoptr(HostTree) tree = module_tree();

    host_tree_dir(tree, "/sys/module/with_parameters/parameters");
    host_tree_write(tree, "live\n", "/sys/module/snd_hda_intel/initstate");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VhModule) module = vh_host_module_look(tree->host, cases[i].name, &error);
        g_assert_no_error(error);
        g_test_message("%s", cases[i].name);
        g_assert_cmpstr(module->name, ==, cases[i].kernel_name);
        g_assert_cmpint((int)module->state, ==, (int)cases[i].state);
        g_assert_cmpint(module->refcount, ==, 0);
        g_assert_nonnull(module->holders);
        g_assert_nonnull(module->devices);
    }
}

static void test_live(void)
{
    g_autoptr(HostTree) tree = module_tree();
    g_autoptr(GError) error = NULL;

    host_tree_pci(tree, "0000:01:00.0", "0x030000\n", "1234:1111");
    host_tree_bind(tree, "0000:01:00.0", "bochs-drm", "bochs");
    host_tree_pci(tree, "0000:02:00.0", "0x030000\n", "1234:1111");
    host_tree_bind(tree, "0000:02:00.0", "bochs-drm", "bochs");
    host_tree_write(tree, "3\n", "/sys/module/bochs/refcnt");
    host_tree_dir(tree, "/sys/module/bochs/holders/above");
    host_tree_dir(tree, "/sys/module/bochs/holders/and_more");
    g_autoptr(VhModule) module = vh_host_module_look(tree->host, "bochs", &error);
    g_assert_no_error(error);
    g_assert_cmpint((int)module->state, ==, VH_MODULE_LIVE);
    g_assert_cmpint(module->refcount, ==, 3);
    g_autofree char *holders = g_strjoinv(" ", module->holders);
    g_autofree char *devices = g_strjoinv(" ", module->devices);
    g_assert_cmpstr(holders, ==, "above and_more");
    g_assert_cmpstr(devices, ==, "0000:01:00.0 0000:02:00.0");
}

static void test_bad_names(void)
{
    static const char *const names[] = {"", "..", "a/b"};
    g_autoptr(HostTree) tree = module_tree();

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) errors = NULL;
        g_assert_null(vh_host_module_look(tree->host, names[i], &errors));
        g_assert_error(errors, VH_ERROR, VH_ERROR_FAILED);
        g_assert_false(vh_host_module_load(tree->host, names[i], soon(), NULL));
        g_assert_false(vh_host_module_unload(tree->host, names[i], soon(), NULL));
    }
}

/* ---- loading ---- */

static void test_load_already(void)
{
    g_autoptr(HostTree) tree = module_tree();
    g_autoptr(GError) error = NULL;

    host_tree_write(tree, "live\n", "/sys/module/bochs/initstate");
    g_assert_true(vh_host_module_load(tree->host, "bochs", soon(), &error));
    g_assert_true(vh_host_module_load(tree->host, "x_builtin", soon(), &error));
    g_assert_no_error(error);
}

static void test_load_missing(void)
{
    g_autoptr(HostTree) tree = module_tree();
    g_autoptr(GError) error = NULL;

    g_assert_false(vh_host_module_load(tree->host, "nowhere", soon(), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_GONE);
    g_assert_nonnull(strstr(error->message, "no module nowhere"));
}

/* The kernel takes no text for a module, or takes none from us. */
static void test_load_refused(void)
{
    g_autoptr(HostTree) tree = module_tree();
    g_autoptr(GError) error = NULL;

    g_assert_false(vh_host_module_load(tree->host, "vh-no-such", soon(), &error));
    g_assert_nonnull(error);
    g_assert_false(vh_error_is_gone(error));
    g_assert_true(g_str_has_prefix(error->message, "load module vh-no-such: "));
}

/* As modprobe: Debian's nvidia is an install command for nvidia-current. */
static void test_install_command(void)
{
    g_autoptr(HostTree) tree = module_tree();
    g_autoptr(GError) error = NULL;
    g_autofree char *witness = host_tree_path(tree, "/witness");
    g_autofree char *line = g_strdup_printf("install vh_install echo yes >%s\n", witness);

    host_tree_write(tree, line, "/etc/modprobe.d/vh.conf");
    g_assert_true(vh_host_module_load(tree->host, "vh_install", soon(), &error));
    g_assert_no_error(error);
    g_autofree char *text = host_tree_read(tree, "/witness");
    g_assert_cmpstr(text, ==, "yes\n");
}

/* ---- unloading ---- */

static void test_unload(void)
{
    g_autoptr(HostTree) tree = module_tree();
    g_autoptr(GError) error = NULL;

    g_assert_true(vh_host_module_unload(tree->host, "vh-no-such", soon(), &error));
    g_assert_true(vh_host_module_unload(tree->host, "nowhere", soon(), &error));
    g_assert_no_error(error);
    g_assert_false(vh_host_module_unload(tree->host, "x_builtin", soon(), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_UNSUPPORTED);
}

/* Live in the tree, unknown to the kernel: somebody else was faster. */
static void test_unload_gone_meanwhile(void)
{
    g_autoptr(HostTree) tree = module_tree();
    g_autoptr(GError) error = NULL;

    host_tree_write(tree, "live\n", "/sys/module/vh_no_such/initstate");
    if (vh_host_module_unload(tree->host, "vh-no-such", soon(), &error)) {
        g_assert_no_error(error);
        return;
    }
    g_assert_true(g_str_has_prefix(error->message, "unload module vh_no_such: "));
    if (access("/proc/modules", F_OK) < 0)
        g_test_skip("this kernel has no modules");
    else if (g_error_matches(error, VH_ERROR, VH_ERROR_DENIED))
        g_test_skip("may not unload modules here");
    else
        g_assert_no_error(error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/modules/state", test_state);
    g_test_add_func("/modules/live", test_live);
    g_test_add_func("/modules/bad-names", test_bad_names);
    g_test_add_func("/modules/load-already", test_load_already);
    g_test_add_func("/modules/load-missing", test_load_missing);
    g_test_add_func("/modules/load-refused", test_load_refused);
    g_test_add_func("/modules/install-command", test_install_command);
    g_test_add_func("/modules/unload", test_unload);
    g_test_add_func("/modules/unload-gone-meanwhile", test_unload_gone_meanwhile);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The per-VM file as a file: who may have written it and put it there; and the examples. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/config.h"

enum { STRANGER = 65534 };

/* A directory TOP that stands in for "/", with TOP/etc/hooks/vm.conf in it. */
typedef struct {
    char *top, *etc, *hooks, *file;
} Tree;

static void write_file(const char *path, const char *text, gssize length)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(g_file_set_contents(path, text, length, &error));
    g_assert_no_error(error);
    g_assert_cmpint(chmod(path, 0644), ==, 0);
}

static void set_up(Tree *tree, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    tree->top = g_dir_make_tmp("vh-config-XXXXXX", &error);
    g_assert_no_error(error);
    tree->etc = g_build_filename(tree->top, "etc", NULL);
    tree->hooks = g_build_filename(tree->etc, "hooks", NULL);
    tree->file = g_build_filename(tree->hooks, "vm.conf", NULL);
    g_assert_cmpint(g_mkdir_with_parents(tree->hooks, 0755), ==, 0);
    write_file(tree->file, "timeout = 7;\n", -1);
}

static void remove_all(const char *path)
{
    g_autoptr(GDir) dir =
        g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    const char *name = NULL;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        remove_all(inner);
    }
    g_remove(path);
}

static void tear_down(Tree *tree, gconstpointer data)
{
    remove_all(tree->top);
    g_free(tree->top);
    g_free(tree->etc);
    g_free(tree->hooks);
    g_free(tree->file);
}

static void assert_loads(const Tree *tree)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhConfig) config = vh_config_load_below(tree->top, tree->file, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(config->timeout, ==, 7);
    g_assert_cmpstr(config->path, ==, tree->file);
}

static void assert_fails(const Tree *tree, VhError code, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *wanted = g_strdup_printf("%s: %s", tree->file, text);

    g_assert_null(vh_config_load_below(tree->top, tree->file, &error));
    g_assert_error(error, VH_ERROR, (gint)code);
    g_assert_cmpstr(error->message, ==, wanted);
}

/* That it is refused since "BEFORE PATH AFTER", with a command that mends it. */
static void assert_mended(const Tree *tree, const char *before, const char *path, const char *after,
                          const char *command)
{
    g_autofree char *typed = g_strdup_printf("%s '%s'", command, path);
    g_autofree char *text =
        g_strdup_printf("refused, since %s%s%s; to mend it: %s", before, path, after, typed);
    g_auto(GStrv) argv = NULL;
    g_autoptr(GError) error = NULL;

    assert_fails(tree, VH_ERROR_CONFIG, text);
    g_assert_true(g_shell_parse_argv(typed, NULL, &argv, &error));
    g_assert_true(
        g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, &error));
    g_assert_no_error(error);
    assert_loads(tree);
}

static void assert_writable(const Tree *tree, const char *path)
{
    assert_mended(tree, "others can write to ", path, "", "chmod go-w");
}

static gboolean is_root(void)
{
    if (geteuid() == 0)
        return TRUE;
    g_test_skip("only root can give files away");
    return FALSE;
}

static void test_loads(Tree *tree, gconstpointer data)
{
    assert_loads(tree);
    g_assert_cmpint(chmod(tree->file, 0400), ==, 0);
    assert_loads(tree);
}

static void test_absent(Tree *tree, gconstpointer data)
{
    g_assert_cmpint(g_unlink(tree->file), ==, 0);
    assert_fails(tree, VH_ERROR_GONE, g_strerror(ENOENT));
    remove_all(tree->etc);
    assert_fails(tree, VH_ERROR_GONE, g_strerror(ENOENT));
}

static void test_writable(Tree *tree, gconstpointer data)
{
    const char *const paths[] = {tree->file, tree->hooks, tree->etc};
    static const mode_t modes[] = {0775, 0757, 0777};

    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++)
        for (gsize j = 0; j < G_N_ELEMENTS(modes); j++) {
            g_assert_cmpint(chmod(paths[i], modes[j]), ==, 0);
            assert_writable(tree, paths[i]);
        }
    /* What is above the trusted directory, and that itself, is not looked at. */
    g_assert_cmpint(chmod(tree->top, 0777), ==, 0);
    assert_loads(tree);
    /* In a sticky directory nobody else can put another file in its place; a file has no such. */
    g_assert_cmpint(chmod(tree->etc, 01777), ==, 0);
    assert_loads(tree);
    g_assert_cmpint(chmod(tree->file, 01666), ==, 0);
    assert_writable(tree, tree->file);
}

static void test_foreign(Tree *tree, gconstpointer data)
{
    const char *const paths[] = {tree->file, tree->hooks, tree->etc};

    if (!is_root())
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_assert_cmpint(chown(paths[i], STRANGER, (gid_t)-1), ==, 0);
        assert_mended(tree, "", paths[i], " is not root's", "chown root");
    }
}

/* A person who is not root looks at a file of root's or an own one. */
static void test_not_root(Tree *tree, gconstpointer data)
{
    if (!is_root())
        return;
    g_assert_cmpint(chmod(tree->top, 0755), ==, 0);
    g_assert_cmpint(seteuid(STRANGER), ==, 0);
    assert_loads(tree);
    g_assert_cmpint(seteuid(0), ==, 0);
    g_assert_cmpint(chmod(tree->file, 0600), ==, 0);
    g_assert_cmpint(seteuid(STRANGER), ==, 0);
    assert_fails(tree, VH_ERROR_DENIED, g_strerror(EACCES));
    g_assert_cmpint(seteuid(0), ==, 0);
    g_assert_cmpint(chown(tree->file, STRANGER, (gid_t)-1), ==, 0);
    g_assert_cmpint(seteuid(STRANGER), ==, 0);
    assert_loads(tree);
    g_assert_cmpint(seteuid(0), ==, 0);
    g_assert_cmpint(chown(tree->file, STRANGER - 1, (gid_t)-1), ==, 0);
    g_assert_cmpint(chmod(tree->file, 0644), ==, 0);
    g_assert_cmpint(seteuid(STRANGER), ==, 0);
    g_autofree char *text = g_strdup_printf(
        "refused, since %s is not root's; to mend it: chown root '%s'", tree->file, tree->file);
    assert_fails(tree, VH_ERROR_CONFIG, text);
    g_assert_cmpint(seteuid(0), ==, 0);
}

static void test_file_link(Tree *tree, gconstpointer data)
{
    g_autofree char *real = g_build_filename(tree->etc, "real.conf", NULL);

    g_assert_cmpint(g_rename(tree->file, real), ==, 0);
    g_assert_cmpint(symlink(real, tree->file), ==, 0);
    assert_fails(tree, VH_ERROR_CONFIG, "is a symbolic link; put the file itself there");
}

/* Moves TOP/etc/hooks to TOP/etc/real and makes a link to @target in its place. */
static char *link_hooks(const Tree *tree, const char *target)
{
    char *real = g_build_filename(tree->etc, "real", NULL);

    g_assert_cmpint(g_rename(tree->hooks, real), ==, 0);
    g_assert_cmpint(symlink(target, tree->hooks), ==, 0);
    return real;
}

static void test_directory_link(Tree *tree, gconstpointer data)
{
    g_autofree char *real = link_hooks(tree, "../etc/./real");

    assert_loads(tree);
    g_assert_cmpint(chmod(real, 0777), ==, 0);
    g_autofree char *shown = g_build_filename(tree->etc, "..", "etc", "real", NULL);
    assert_writable(tree, shown);
    if (!is_root())
        return;
    g_assert_cmpint(lchown(tree->hooks, STRANGER, (gid_t)-1), ==, 0);
    assert_mended(tree, "the link ", tree->hooks, " is not root's", "chown -h root");
}

/* An absolute link leads out of the trusted directory, so all of its way is checked. */
static void test_absolute_link(Tree *tree, gconstpointer data)
{
    g_autofree char *target = g_build_filename(tree->etc, "real", NULL);
    g_autofree char *real = link_hooks(tree, target);

    g_assert_cmpint(chmod(tree->top, 0777), ==, 0);
    assert_writable(tree, tree->top);
}

static void test_link_loop(Tree *tree, gconstpointer data)
{
    g_autofree char *real = link_hooks(tree, "hooks");
    g_autofree char *text = g_strdup_printf("cannot be read: %s", g_strerror(EMLINK));

    assert_fails(tree, VH_ERROR_CONFIG, text);
}

static void make_fifo(const char *path)
{
    g_assert_cmpint(mkfifo(path, 0644), ==, 0);
}

static void make_directory(const char *path)
{
    g_assert_cmpint(g_mkdir(path, 0755), ==, 0);
}

static void make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof address), ==, 0);
    close(fd);
}

/* None of these is taken for "no file": the guest would start without its devices. */
static void test_kinds(Tree *tree, gconstpointer data)
{
    g_autofree char *no_device = g_strdup_printf("cannot be read: %s", g_strerror(ENXIO));
    const struct {
        void (*make)(const char *path);
        const char *text;
    } cases[] = {{make_fifo, "is not a regular file"},
                 {make_directory, "is not a regular file"},
                 {make_socket, no_device}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        remove_all(tree->file);
        cases[i].make(tree->file);
        assert_fails(tree, VH_ERROR_CONFIG, cases[i].text);
    }
    g_autofree char *not_directory = g_strdup_printf("cannot be read: %s", g_strerror(ENOTDIR));
    remove_all(tree->hooks);
    write_file(tree->hooks, "", -1);
    assert_fails(tree, VH_ERROR_CONFIG, not_directory);
}

static void test_content(Tree *tree, gconstpointer data)
{
    g_autofree char *text = g_strnfill(64 * 1024 + 1, '\n');

    memcpy(text, "timeout = 7;", strlen("timeout = 7;"));
    write_file(tree->file, text, 64 * 1024);
    assert_loads(tree);
    write_file(tree->file, text, 64 * 1024 + 1);
    assert_fails(tree, VH_ERROR_CONFIG, "is larger than 64 KiB");
    write_file(tree->file, "timeout = 7;\0timeout = 8;", 25);
    assert_fails(tree, VH_ERROR_CONFIG, "is not text: it contains a NUL byte");
    write_file(tree->file, "", 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(VhConfig) config = vh_config_load_below(tree->top, tree->file, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(config->timeout, ==, 25);
}

static void assert_no_path(const Tree *tree, const char *path)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(vh_config_load_below(tree->top, path, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_CONFIG);
    g_assert_nonnull(strstr(error->message, ": is not the path of a file below "));
}

static void test_names(Tree *tree, gconstpointer data)
{
    static const char *const bad[] = {"/../x.conf", "/etc/hooks/", "x/vm.conf", ""};
    static const char *const good[] = {"a b;$(id)\n.conf", "-x.conf", "....conf", "gäst\t.conf"};

    assert_no_path(tree, "vm.conf");
    assert_no_path(tree, "/vm.conf");
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *path = g_strconcat(tree->top, bad[i], NULL);
        assert_no_path(tree, path);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_free(tree->file);
        tree->file = g_build_filename(tree->hooks, good[i], NULL);
        write_file(tree->file, "timeout = 7;", -1);
        assert_loads(tree);
    }
}

/* The plain function begins at the root. */
static void test_from_root(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(vh_config_load("/dev/null", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_CONFIG);
    g_assert_cmpstr(error->message, ==, "/dev/null: is not a regular file");
    g_clear_error(&error);
    g_assert_null(vh_config_load("/nonexistent/a\nb.conf", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_GONE);
    g_assert_true(g_str_has_prefix(error->message, "/nonexistent/a\\nb.conf: "));
}

static void test_examples(void)
{
    g_autofree char *folder = g_test_build_filename(G_TEST_DIST, "conf", "examples", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
    const char *name = NULL;
    guint n = 0;

    g_assert_no_error(error);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_autofree char *text = NULL;
        if (!g_str_has_suffix(name, ".conf"))
            continue;
        g_assert_true(g_file_get_contents(path, &text, NULL, &error));
        g_autoptr(VhConfig) config = vh_config_parse(text, path, &error);
        g_assert_no_error(error);
        n++;
    }
    g_assert_cmpuint(n, >=, 4);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(Tree *tree, gconstpointer data);
    } cases[] = {
        {"/config-file/loads", test_loads},
        {"/config-file/absent", test_absent},
        {"/config-file/writable", test_writable},
        {"/config-file/foreign", test_foreign},
        {"/config-file/not-root", test_not_root},
        {"/config-file/file-link", test_file_link},
        {"/config-file/directory-link", test_directory_link},
        {"/config-file/absolute-link", test_absolute_link},
        {"/config-file/link-loop", test_link_loop},
        {"/config-file/kinds", test_kinds},
        {"/config-file/content", test_content},
        {"/config-file/names", test_names},
    };

    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_test_add(cases[i].path, Tree, NULL, set_up, cases[i].test, tear_down);
    g_test_add_func("/config-file/from-root", test_from_root);
    g_test_add_func("/config-file/examples", test_examples);
    return g_test_run();
}

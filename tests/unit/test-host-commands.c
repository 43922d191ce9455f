// SPDX-License-Identifier: GPL-2.0-or-later
/* Which programs root may run, and what the log says of those that ran. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host-tree.h"

enum { STRANGER = 65534 };

#define DIR "/usr/local/bin"
#define TOOL DIR "/tool"

static HostTree *tree_with_tool(void)
{
    HostTree *tree = host_tree_new();
    g_autofree char *path = host_tree_path(tree, TOOL);

    host_tree_write(tree, "#!/bin/sh\n", TOOL);
    g_assert_cmpint(chmod(path, 0755), ==, 0);
    return tree;
}

/* As it is written, so that it does not lead out of the tree. */
static void make_link(HostTree *tree, const char *target, const char *path)
{
    g_autofree char *full = host_tree_path(tree, "%s", path);

    g_assert_cmpint(symlink(target, full), ==, 0);
}

static void set_mode(HostTree *tree, const char *path, mode_t mode)
{
    g_autofree char *full = host_tree_path(tree, "%s", path);

    g_assert_cmpint(chmod(full, mode), ==, 0);
}

static void assert_usable(HostTree *tree, const char *path)
{
    g_autoptr(GError) error = NULL;

    (void)vh_host_program_usable(tree->host, path, &error);
    g_assert_no_error(error);
}

static void assert_refused(HostTree *tree, const char *path, VhError code, const char *words)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(vh_host_program_usable(tree->host, path, &error));
    g_assert_error(error, VH_ERROR, (gint)code);
    if (!strstr(error->message, words))
        g_test_message("message: %s", error->message);
    g_assert_nonnull(strstr(error->message, words));
}

static void test_good(void)
{
    g_autoptr(HostTree) tree = tree_with_tool();

    assert_usable(tree, TOOL);
    make_link(tree, "tool", DIR "/other-name");
    assert_usable(tree, DIR "/other-name");
    make_link(tree, "usr/local/bin", "/bin");
    assert_usable(tree, "/bin/other-name");
}

static void test_modes(void)
{
    static const struct {
        const char *path;
        mode_t mode, good;
        const char *words;
    } cases[] = {
        {TOOL, 0775, 0755, "chmod go-w"},         {TOOL, 0757, 0755, "chmod go-w"},
        {TOOL, 0644, 0755, "chmod +x"},           {DIR, 0775, 0755, "chmod go-w"},
        {"/usr/local", 0757, 0755, "chmod go-w"}, {DIR, 01777, 0755, "chmod go-w"},
    };
    g_autoptr(HostTree) tree = tree_with_tool();

    make_link(tree, &TOOL[1], "/by-link");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        set_mode(tree, cases[i].path, cases[i].mode);
        assert_refused(tree, TOOL, VH_ERROR_DENIED, cases[i].words);
        /* A link elsewhere is no way around. */
        assert_refused(tree, "/by-link", VH_ERROR_DENIED, cases[i].words);
        set_mode(tree, cases[i].path, cases[i].good);
        assert_usable(tree, TOOL);
    }
}

static void test_owners(void)
{
    g_autoptr(HostTree) tree = tree_with_tool();
    static const char *const paths[] = {TOOL, DIR, "/usr"};

    if (geteuid() != 0) {
        g_test_skip("only root can give files away");
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *full = host_tree_path(tree, "%s", paths[i]);
        g_assert_cmpint(chown(full, STRANGER, STRANGER), ==, 0);
        assert_refused(tree, TOOL, VH_ERROR_DENIED, "chown root");
        g_assert_cmpint(chown(full, 0, 0), ==, 0);
    }
    assert_usable(tree, TOOL);
}

static void test_no_program(void)
{
    g_autoptr(HostTree) tree = tree_with_tool();

    assert_refused(tree, DIR "/missing", VH_ERROR_GONE, "missing");
    assert_refused(tree, DIR, VH_ERROR_DENIED, "not a regular file");
    assert_refused(tree, "/usr/../usr/local/bin/tool", VH_ERROR_DENIED, "not the path");
    make_link(tree, "round", "/round");
    assert_refused(tree, "/round", VH_ERROR_DENIED, "cannot be read");
    make_link(tree, "nowhere", "/dangling");
    assert_refused(tree, "/dangling", VH_ERROR_GONE, "dangling");
}

/* One line for each event: the fields that it has. */
static void log_fields(const VhEvent *event, gpointer data)
{
    g_string_append_printf(data, "%d %s %s %s %s %s\n", event->priority, event->guest, event->uuid,
                           event->operation, event->step, event->text);
}

static void test_fields(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GString) log = g_string_new(NULL);
    const VhEvent about = {.guest = "win", .uuid = "1-2", .operation = "start", .step = "command"};
    const char *const argv[] = {"/bin/sh", "-c", "echo one; echo two >&2", NULL};
    const VhCommand command = {.argv = argv, .about = &about};
    g_autoptr(GError) error = NULL;

    ((VhReal *)tree->host)->sink = log_fields;
    ((VhReal *)tree->host)->sink_data = log;
    (void)vh_host_run(tree->host, &command, g_get_monotonic_time() + 20 * G_USEC_PER_SEC, NULL,
                      &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(log->str, "6 win 1-2 start command sh: one\n"));
    g_assert_nonnull(strstr(log->str, "5 win 1-2 start command sh: two\n"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host/program/good", test_good);
    g_test_add_func("/host/program/modes", test_modes);
    g_test_add_func("/host/program/owners", test_owners);
    g_test_add_func("/host/program/none", test_no_program);
    g_test_add_func("/host/program/fields", test_fields);
    return g_test_run();
}

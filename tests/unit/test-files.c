// SPDX-License-Identifier: GPL-2.0-or-later
/* Files as inspections see them, on a real tree and in a snapshot: the same answers. */
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "host/real.h"
#include "sim/sim.h"

static void check(VhHost *host)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = vh_host_read(host, "/etc/a/name", &error);
    g_autofree char *target = vh_host_link(host, "/etc/a/link", NULL);
    g_auto(GStrv) names = vh_host_list(host, "/etc/a");
    g_auto(GStrv) none = vh_host_list(host, "/etc/b");

    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, "words\nand more");
    g_assert_cmpstr(target, ==, "../elsewhere");
    g_assert_cmpuint(g_strv_length(names), ==, 3);
    g_assert_cmpstr(names[0], ==, "dir");
    g_assert_cmpstr(names[1], ==, "link");
    g_assert_cmpstr(names[2], ==, "name");
    g_assert_cmpuint(g_strv_length(none), ==, 0);
    g_assert_null(vh_host_read(host, "/etc/b", &error));
    g_assert_true(vh_error_is_gone(error));
    g_assert_null(vh_host_link(host, "/etc/a/name", NULL));
}

static guint32 mode_of(VhHost *host, const char *path)
{
    VhFileInfo info = {0};
    g_autoptr(GError) error = NULL;

    g_assert_true(vh_host_stat(host, path, &info, &error));
    g_assert_no_error(error);
    g_assert_cmpint(info.changed, >, 1000000000);
    return info.mode;
}

static void check_bytes(VhHost *host)
{
    g_autoptr(GBytes) wanted = g_bytes_new_static("\6\0\0\0\1", 5);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = vh_host_bytes(host, "/etc/a/name", &error);
    VhFileInfo info;

    g_assert_no_error(error);
    g_assert_true(g_bytes_equal(bytes, wanted));
    g_assert_cmpuint(mode_of(host, "/etc/a/name"), ==, S_IFREG | 0640);
    g_assert_true(S_ISLNK(mode_of(host, "/etc/a/link")));
    g_assert_false(vh_host_stat(host, "/etc/b", &info, &error));
    g_assert_true(vh_error_is_gone(error));
    g_assert_null(vh_host_bytes(host, "/etc/b", NULL));
    g_assert_true(vh_host_stat(host, "/etc/a", &info, NULL));
    g_assert_true(S_ISDIR(info.mode));
}

static void check_label(VhHost *host, const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *label = vh_host_label(host, "/etc/a/name", &error);

    g_assert_no_error(error);
    g_assert_cmpstr(label, ==, wanted);
    g_assert_null(vh_host_label(host, "/etc/b", &error));
    g_assert_true(vh_error_is_gone(error));
}

#define LABEL "system_u:object_r:virt_hook_t:s0"

/* A label of ours, where this may be set; in the kernel's xattr its zero byte counts. */
static void label_file(VhHost *host, const char *path)
{
    if (lsetxattr(path, "security.selinux", LABEL, sizeof LABEL, 0) == 0)
        check_label(host, LABEL);
    else
        g_test_message("no label can be set here");
}

static void test_real(void)
{
    g_autofree char *root = g_dir_make_tmp("vh-files-XXXXXX", NULL);
    const VhRealOptions options = {.root = root, .hooksdir = "/hooks"};
    g_autoptr(VhHost) host = vh_real_new(&options);
    g_autofree char *dir = g_build_filename(root, "etc/a/dir", NULL);
    g_autofree char *name = g_build_filename(root, "etc/a/name", NULL);
    g_autofree char *link = g_build_filename(root, "etc/a/link", NULL);
    g_autofree char *in_dir = g_build_filename(dir, "x", NULL);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    g_assert_true(g_file_set_contents(name, "words\nand more\n", -1, NULL));
    g_assert_true(g_file_set_contents(in_dir, "", -1, NULL));
    g_assert_cmpint(symlink("../elsewhere", link), ==, 0);
    check(host);
    g_assert_true(g_file_set_contents(name, "\6\0\0\0\1", 5, NULL));
    g_assert_cmpint(chmod(name, 0640), ==, 0);
    check_bytes(host);
    label_file(host, name);
    g_autofree char *a = g_path_get_dirname(dir), *etc = g_path_get_dirname(a);
    const char *const paths[] = {in_dir, dir, name, link, a, etc, root};
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++)
        g_assert_cmpint(remove(paths[i]), ==, 0);
}

static void test_snapshot(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhHost) host = vh_sim_new(
        "{\"version\":1,\"files\":[{\"path\":\"/etc/a/name\",\"text\":\"words\\nand more\"},"
        "{\"path\":\"/etc/a/link\",\"link\":\"../elsewhere\"},"
        "{\"path\":\"/etc/a/dir/x\"},{\"path\":\"/etc/a/dir/y\"},{\"path\":\"/etc/a/dir/z\"}]}",
        &error);

    g_assert_no_error(error);
    check(host);
}

static void test_snapshot_bytes(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhHost) host =
        vh_sim_new("{\"version\":1,\"files\":[{\"path\":\"/etc/a/name\",\"hex\":\"0600000001\","
                   "\"mode\":\"0640\",\"changed\":1700000000,\"label\":\"" LABEL "\"},"
                   "{\"path\":\"/etc/a/link\",\"link\":\"x\",\"changed\":1700000000}]}",
                   &error);

    g_assert_no_error(error);
    check_bytes(host);
    check_label(host, LABEL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/files/real", test_real);
    g_test_add_func("/files/snapshot", test_snapshot);
    g_test_add_func("/files/snapshot/bytes", test_snapshot_bytes);
    return g_test_run();
}

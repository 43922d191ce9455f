// SPDX-License-Identifier: GPL-2.0-or-later
/* The "rom" attribute, played by a pipe: what is written to it and when it is read shows there. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host-tree.h"

#define GPU "0000:01:00.0"
#define ROM "/sys/devices/pci0000:00/" GPU "/rom"

static gint64 in(gint64 milliseconds)
{
    return g_get_monotonic_time() + milliseconds * 1000;
}

typedef struct {
    char *path;
    gsize size; /* of the ROM it answers with */
    GString *written;
} Attribute;

static void take(Attribute *attribute)
{
    char buffer[16];
    int fd = open(attribute->path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;

    g_assert_cmpint(fd, >=, 0);
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        g_string_append_len(attribute->written, buffer, n);
    (void)close(fd);
}

/* As the kernel sees a read: on, the bytes, off. */
static gpointer serve(gpointer data)
{
    Attribute *attribute = data;
    g_autofree char *bytes = g_malloc(attribute->size + 1);

    memset(bytes, 'R', attribute->size);
    take(attribute);
    int fd = open(attribute->path, O_WRONLY | O_CLOEXEC);
    for (gsize at = 0; at < attribute->size;) {
        ssize_t n = write(fd, bytes + at, attribute->size - at);
        if (n < 0)
            break;
        at += (gsize)n;
    }
    (void)close(fd);
    take(attribute);
    return NULL;
}

static HostTree *card_tree(void)
{
    HostTree *tree = host_tree_new();

    host_tree_pci(tree, GPU, "0x030000\n", "10de:1b80");
    return tree;
}

static void read_through(gsize size, GBytes **ret_bytes, GError **error)
{
    g_autoptr(HostTree) tree = card_tree();
    g_autofree char *path = host_tree_path(tree, ROM);
    Attribute attribute = {path, size, g_string_new(NULL)};

    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    GThread *thread = g_thread_new("rom", serve, &attribute);
    *ret_bytes = vh_host_rom_read(tree->host, GPU, in(60000), error);
    g_thread_join(thread);
    /* "0" and one more byte, or the kernel takes it for on. */
    g_assert_cmpstr(attribute.written->str, ==, "1\n0\n");
    g_string_free(attribute.written, TRUE);
}

static void test_read(void)
{
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(GError) error = NULL;

    read_through(100000, &bytes, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_bytes_get_size(bytes), ==, 100000);
    g_assert_cmpint(((const char *)g_bytes_get_data(bytes, NULL))[99999], ==, 'R');
}

static void test_off_after_failure(void)
{
    GBytes *bytes = NULL;
    g_autoptr(GError) error = NULL;

    read_through(VH_HOST_ROM_MOST + 1, &bytes, &error);
    g_assert_null(bytes);
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "the card shows no ROM that can be read"));
}

static void test_hang(void)
{
    g_autoptr(HostTree) tree = card_tree();
    g_autofree char *path = host_tree_path(tree, ROM);
    g_autoptr(GError) error = NULL;

    ((VhReal *)tree->host)->look_limit = 50000;
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    g_assert_null(vh_host_rom_read(tree->host, GPU, in(100), &error));
    g_assert_true(vh_error_is_timeout(error));
    g_assert_null(strstr(error->message, "shows no ROM"));
}

static void test_none(void)
{
    g_autoptr(HostTree) tree = card_tree();
    g_autoptr(GError) error = NULL;

    g_assert_null(vh_host_rom_read(tree->host, GPU, in(1000), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    g_assert_null(vh_host_rom_read(tree->host, "0000:02:00.0", in(1000), &error));
    g_assert_true(vh_error_is_gone(error));
    g_clear_error(&error);
}

/* What to do depends on who has the card. */
static void test_advice(void)
{
    static const struct {
        const char *driver, *words;
    } cases[] = {
        {NULL, "Is a directory; no driver is in the way: the card shows no ROM"},
        {"vfio-pci", "Is a directory; no driver is in the way: the card shows no ROM"},
        {"nvidia", "Is a directory; dump it with the driver unbound or on vfio-pci"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(HostTree) tree = card_tree();
        g_autoptr(GError) error = NULL;
        host_tree_dir(tree, ROM);
        if (cases[i].driver)
            host_tree_bind(tree, GPU, cases[i].driver, NULL);
        g_assert_null(vh_host_rom_read(tree->host, GPU, in(5000), &error));
        g_assert_nonnull(strstr(error->message, cases[i].words));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-rom/read", test_read);
    g_test_add_func("/host-rom/off-after-failure", test_off_after_failure);
    g_test_add_func("/host-rom/hang", test_hang);
    g_test_add_func("/host-rom/none", test_none);
    g_test_add_func("/host-rom/advice", test_advice);
    return g_test_run();
}

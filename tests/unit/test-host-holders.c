// SPDX-License-Identifier: GPL-2.0-or-later
/* Who has device nodes open, over a tree and in this machine's own /proc. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host-tree.h"

static void free_node(gpointer node)
{
    vh_node_free(node);
}

/* /dev/null's number: what every tree's process can have open. */
static GPtrArray *null_node(const char *path, dev_t number)
{
    GPtrArray *nodes = g_ptr_array_new_with_free_func(free_node);
    VhNode *node = g_new0(VhNode, 1);

    node->path = g_strdup(path);
    node->number = number;
    g_ptr_array_add(nodes, node);
    return nodes;
}

static void open_in_tree(HostTree *tree, pid_t pid, const char *descriptor, const char *target)
{
    g_autofree char *path = host_tree_path(tree, "/proc/%d/fd/%s", pid, descriptor);

    g_assert_cmpint(symlink(target, path), ==, 0);
}

static void test_holders(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) nodes = null_node("/dev/dri/card0", makedev(1, 3));

    host_tree_write(tree, "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n",
                    "/etc/passwd");
    host_tree_process(tree, 4711, "odd (name) x", "S", 987654, 1000,
                      "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n");
    open_in_tree(tree, 4711, "0", "/dev/zero");
    open_in_tree(tree, 4711, "7", "/dev/null");
    open_in_tree(tree, 4711, "8", "/dev/null");
    host_tree_process(tree, 4712, "bystander", "S", 1, 0, "0::/system.slice/b.service\n");
    open_in_tree(tree, 4712, "0", "/dev/zero");
    open_in_tree(tree, 4712, "1", "pipe:[12345]");
    /* Gone before we can ask who it is, and a zombie. */
    host_tree_dir(tree, "/proc/4713/fd");
    open_in_tree(tree, 4713, "0", "/dev/null");
    host_tree_process(tree, 4714, "dead", "Z", 1, 0, "");
    open_in_tree(tree, 4714, "0", "/dev/null");
    /* Ourselves. */
    host_tree_process(tree, getpid(), "us", "R", 1, 0, "");
    open_in_tree(tree, getpid(), "0", "/dev/null");
    g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(holders->len, ==, 1);
    const VhHolder *holder = g_ptr_array_index(holders, 0);
    g_assert_cmpint(holder->process.pid, ==, 4711);
    g_assert_cmpuint(holder->process.start_time, ==, 987654);
    g_assert_cmpstr(holder->command, ==, "odd (name) x");
    g_assert_cmpuint(holder->uid, ==, 1000);
    g_assert_cmpstr(holder->user, ==, "alice");
    g_assert_cmpstr(holder->unit, ==, "user@1000.service");
    g_assert_cmpstr(holder->user_unit, ==, "a.service");
    g_assert_null(holder->session);
    g_assert_cmpstr(holder->node, ==, "/dev/dri/card0");
}

/* A mapping without a descriptor is found by the place of its file. */
static void test_holder_by_mapping(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) nodes = null_node("/dev/x", makedev(99, 99));
    g_autofree char *path = host_tree_path(tree, "/dev/x");
    struct stat st;

    host_tree_write(tree, "", "/dev/x");
    g_assert_cmpint(stat(path, &st), ==, 0);
    for (pid_t pid = 51; pid <= 52; pid++) {
        g_autofree char *map = g_strdup_printf(
            "55d0-55d1 r--p 00000000 00:00 0 \n7f00-7f01 rw-s 00001000 %02x:%02x %lu    /dev/x\n",
            major(st.st_dev), minor(st.st_dev), (unsigned long)st.st_ino + (pid == 51 ? 1 : 0));
        host_tree_process(tree, pid, "mapper", "S", 1, 0, "");
        host_tree_write(tree, map, "/proc/%d/maps", pid);
    }
    g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(holders->len, ==, 1);
    g_assert_cmpint(((VhHolder *)g_ptr_array_index(holders, 0))->process.pid, ==, 52);
}

/* What the kernel has begun is looked at when it is a program. */
static void test_kernel_threads(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GPtrArray) nodes = null_node("/dev/dri/card0", makedev(1, 3));

    host_tree_process(tree, 2, "kthreadd", "S", 0, 0, "");
    host_tree_write(tree, "72 73 ", "/proc/2/task/2/children");
    for (pid_t pid = 72; pid <= 74; pid++) {
        g_autofree char *exe = g_strdup_printf("/proc/%d/exe", (int)pid);
        host_tree_process(tree, pid, "helper", "S", 2, 0, "");
        open_in_tree(tree, pid, "3", "/dev/null");
        if (pid == 73)
            host_tree_link(tree, "/usr/bin/helper", "%s", exe);
    }
    g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, NULL);
    g_assert_cmpuint(holders->len, ==, 2); /* 73, and 74, which is somebody else's child */
}

/* One that is not counted is looked for, whatever the count of the others says. */
static void test_not_all_counted(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GPtrArray) nodes = null_node("/dev/dri/card0", makedev(99, 99));
    g_autoptr(GPtrArray) more = null_node("/dev/i2c-4", makedev(1, 3));

    ((VhNode *)nodes->pdata[0])->counted = g_strdup("amdgpu");
    g_ptr_array_extend_and_steal(nodes, g_steal_pointer(&more));
    host_tree_write(tree, "0\n", "/sys/module/amdgpu/refcnt");
    host_tree_process(tree, 71, "ddcutil", "S", 1, 0, "");
    open_in_tree(tree, 71, "3", "/dev/null");
    g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, NULL);
    g_assert_cmpuint(holders->len, ==, 1);
}

/* As many references as modules that need it: no process has a node open, and none is looked at. */
static void test_vfio_unused(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GPtrArray) nodes = null_node("/dev/vfio/7", makedev(1, 3));

    ((VhNode *)nodes->pdata[0])->counted = g_strdup("vfio");
    host_tree_process(tree, 70, "qemu", "S", 1, 0, "");
    open_in_tree(tree, 70, "3", "/dev/null");
    host_tree_dir(tree, "/sys/module/vfio/holders/vfio_pci");
    for (guint used = 0; used < 2; used++) {
        host_tree_write(tree, used ? "2\n" : "1\n", "/sys/module/vfio/refcnt");
        g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, NULL);
        g_assert_cmpuint(holders->len, ==, used);
    }
}

/* A block device of the same number is another device. */
static void test_block_device_is_another(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GPtrArray) nodes = null_node("/dev/dri/card0", makedev(1, 3));
    g_autofree char *path = host_tree_path(tree, "/dev/block");

    host_tree_process(tree, 60, "mounter", "S", 1, 0, "");
    if (!host_tree_disk(tree, "/dev/block", 1, 3))
        return;
    open_in_tree(tree, 60, "3", path);
    g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, NULL);
    g_assert_cmpuint(holders->len, ==, 0);
    /* … and the other way round. */
    host_tree_process(tree, 61, "reader", "S", 1, 0, "");
    open_in_tree(tree, 61, "3", "/dev/null");
    ((VhNode *)nodes->pdata[0])->subsystem = g_strdup("block");
    g_autoptr(GPtrArray) mounter = vh_host_holders(tree->host, nodes, NULL);
    g_assert_cmpuint(mounter->len, ==, 1);
    g_assert_cmpint(((VhHolder *)mounter->pdata[0])->process.pid, ==, 60);
}

static void test_no_nodes_no_holders(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GPtrArray) nodes = g_ptr_array_new();
    g_autoptr(GPtrArray) holders = vh_host_holders(tree->host, nodes, NULL);

    g_assert_nonnull(holders);
    g_assert_cmpuint(holders->len, ==, 0);
}

/* This machine's own /proc: a child of ours that has a device open, then one that maps a file. */
static pid_t make_holder(const char *path, gboolean map)
{
    int fds[2];
    char byte = 0;

    g_assert_cmpint(pipe(fds), ==, 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(path, O_RDWR);
        if (map && mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED)
            (void)close(fd);
        (void)!write(fds[1], &byte, 1);
        for (;;)
            (void)pause();
    }
    g_assert_cmpint(read(fds[0], &byte, 1), ==, 1);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return pid;
}

static gboolean holds(GPtrArray *holders, pid_t pid)
{
    for (guint i = 0; i < holders->len; i++)
        if (((VhHolder *)g_ptr_array_index(holders, i))->process.pid == pid)
            return TRUE;
    return FALSE;
}

static void end(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static void test_live_descriptor(void)
{
    g_autoptr(VhHost) host = vh_real_new(NULL);
    g_autoptr(GError) error = NULL;
    struct stat st;

    g_assert_cmpint(stat("/dev/full", &st), ==, 0);
    g_autoptr(GPtrArray) nodes = null_node("/dev/full", st.st_rdev);
    pid_t pid = make_holder("/dev/full", FALSE);
    g_autoptr(GPtrArray) holders = vh_host_holders(host, nodes, &error);
    g_assert_no_error(error);
    g_assert_true(holds(holders, pid));
    end(pid);
    g_autoptr(GPtrArray) after = vh_host_holders(host, nodes, &error);
    g_assert_false(holds(after, pid));
}

static void test_live_mapping(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(VhHost) host = vh_real_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *path = host_tree_path(tree, "/node");
    g_autoptr(GPtrArray) nodes = null_node(path, makedev(99, 99));

    host_tree_write(tree, "text", "/node");
    pid_t pid = make_holder(path, TRUE);
    g_autoptr(GPtrArray) holders = vh_host_holders(host, nodes, &error);
    g_assert_no_error(error);
    g_assert_true(holds(holders, pid));
    end(pid);
}

/* ---- waiting ---- */

static void free_holder(gpointer holder)
{
    vh_holder_free(holder);
}

static GPtrArray *one_holder(VhHost *host, pid_t pid)
{
    GPtrArray *holders = g_ptr_array_new_with_free_func(free_holder);
    VhHolder *holder = g_new0(VhHolder, 1);

    holder->process.pid = pid;
    holder->process.start_time = vh_host_process_start(host, pid);
    g_assert_cmpuint(holder->process.start_time, >, 0);
    g_ptr_array_add(holders, holder);
    return holders;
}

/* Milliseconds that a wait of @limit took. */
static gint64 wait_for(VhHost *host, GPtrArray *holders, gint64 limit)
{
    gint64 began = g_get_monotonic_time();

    vh_host_wait(host, holders, limit * G_TIME_SPAN_MILLISECOND);
    return (g_get_monotonic_time() - began) / G_TIME_SPAN_MILLISECOND;
}

static void test_wait(void)
{
    g_autoptr(VhHost) host = vh_real_new(NULL);
    pid_t pid = fork();

    if (pid == 0) {
        (void)usleep(300 * 1000);
        _exit(0);
    }
    g_autoptr(GPtrArray) holders = one_holder(host, pid);
    g_assert_cmpint(wait_for(host, holders, 50), >=, 50);
    g_assert_cmpint(wait_for(host, holders, 20000), <, 10000);
    /* It has ended (a zombie still), then is gone: no wait at all. */
    g_assert_cmpint(wait_for(host, holders, 20000), <, 10000);
    (void)waitpid(pid, NULL, 0);
    g_assert_cmpint(wait_for(host, holders, 20000), <, 10000);
    g_assert_cmpint(wait_for(host, NULL, 60), >=, 60);
    g_assert_cmpint(wait_for(host, NULL, -5), <, 1000);
}

static void test_wait_and_signal(void)
{
    g_autoptr(VhHost) host = vh_real_new(NULL);

    vh_real_catch_signals();
    g_assert_false(vh_host_interrupted(host));
    (void)kill(getpid(), SIGTERM);
    g_assert_cmpint(wait_for(host, NULL, 20000), <, 10000);
    /* The rollback waits as long as it needs. */
    g_assert_cmpint(wait_for(host, NULL, 60), >=, 60);
    g_assert_true(vh_host_interrupted(host));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/holders/described", test_holders);
    g_test_add_func("/holders/by-mapping", test_holder_by_mapping);
    g_test_add_func("/holders/kernel-threads", test_kernel_threads);
    g_test_add_func("/holders/not-all-counted", test_not_all_counted);
    g_test_add_func("/holders/vfio-unused", test_vfio_unused);
    g_test_add_func("/holders/block-device", test_block_device_is_another);
    g_test_add_func("/holders/none", test_no_nodes_no_holders);
    g_test_add_func("/holders/live-descriptor", test_live_descriptor);
    g_test_add_func("/holders/live-mapping", test_live_mapping);
    g_test_add_func("/wait/end", test_wait);
    g_test_add_func("/wait/signal", test_wait_and_signal);
    return g_test_run();
}

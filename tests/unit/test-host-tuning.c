// SPDX-License-Identifier: GPL-2.0-or-later
/* Governors, masks, slices and huge pages of the real back end, over a tree of files and against a
 * fake systemd. */
#include <string.h>

#include "fake-bus.h"

#define POLICY "/sys/devices/system/cpu/cpufreq/policy%d/"
#define NODE "/sys/devices/system/node/node%d/hugepages/hugepages-%dkB/"
#define KERNEL "/sys/kernel/mm/hugepages/hugepages-%dkB/"

static gint64 soon(void)
{
    return g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
}

/* "NAME=VALUE (ABOUT) …" of all of a kind. */
static char *told(VhHost *host, VhTune kind)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) tunables = vh_host_tunables(host, kind, &error);
    GString *text = g_string_new(NULL);

    g_assert_no_error(error);
    for (guint i = 0; i < tunables->len; i++) {
        const VhTunable *tunable = tunables->pdata[i];
        g_string_append_printf(text, "%s%s=%s", i > 0 ? ", " : "", tunable->name, tunable->value);
        if (tunable->about)
            g_string_append_printf(text, " (%s)", tunable->about);
        g_assert_cmpint(tunable->cpus, ==,
                        kind != VH_TUNE_GOVERNOR && !strstr(tunable->name, "numa"));
    }
    return g_string_free(text, FALSE);
}

static void tune(VhHost *host, VhTune kind, const char *name, const char *value)
{
    g_autoptr(GError) error = NULL;

    vh_host_tune(host, kind, name, value, soon(), &error);
    g_assert_no_error(error);
}

static void assert_file(HostTree *tree, const char *text, const char *path)
{
    g_autofree char *now = host_tree_read(tree, "%s", path);

    g_assert_cmpstr(now, ==, text);
}

static void test_governors(void)
{
    g_autoptr(HostTree) tree = host_tree_new();

    g_autofree char *none = told(tree->host, VH_TUNE_GOVERNOR);
    g_assert_cmpstr(none, ==, "");
    for (int i = 0; i < 2; i++) {
        host_tree_write(tree, i == 0 ? "powersave\n" : "ondemand\n", POLICY "scaling_governor", i);
        host_tree_write(tree, "performance powersave \n", POLICY "scaling_available_governors", i);
    }
    host_tree_write(tree, "x\n", "/sys/devices/system/cpu/cpufreq/boost");
    g_autofree char *all = told(tree->host, VH_TUNE_GOVERNOR);
    g_assert_cmpstr(all, ==, "policy0=powersave, policy1=ondemand");
    g_autoptr(GPtrArray) policies = vh_host_tunables(tree->host, VH_TUNE_GOVERNOR, NULL);
    g_autofree char *choices = g_strjoinv("|", ((VhTunable *)policies->pdata[0])->choices);
    g_assert_cmpstr(choices, ==, "performance|powersave");

    tune(tree->host, VH_TUNE_GOVERNOR, "policy1", "performance");
    g_autofree char *after = told(tree->host, VH_TUNE_GOVERNOR);
    g_assert_cmpstr(after, ==, "policy0=powersave, policy1=performance");
    static const char *const bad[] = {"policy9", "policy0/../policy1", "boost", "policy"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(
            vh_host_tune(tree->host, VH_TUNE_GOVERNOR, bad[i], "performance", soon(), &error));
        g_assert_true(vh_error_is_gone(error));
    }
}

static void test_interrupts(void)
{
    g_autoptr(HostTree) tree = host_tree_new();

    host_tree_write(tree, "f,ffffffff\n", "/proc/irq/default_smp_affinity");
    host_tree_write(tree, "0-35\n", "/proc/irq/9/smp_affinity_list");
    host_tree_write(tree, "7\n", "/proc/irq/30/smp_affinity_list");
    host_tree_write(tree, "nvme0q1\n", "/sys/kernel/irq/30/actions");
    g_autofree char *all = told(tree->host, VH_TUNE_IRQ);
    g_assert_cmpstr(all, ==, "irq default=0-35, irq 30=7 (nvme0q1), irq 9=0-35");
    tune(tree->host, VH_TUNE_IRQ, "irq default", "0,33");
    tune(tree->host, VH_TUNE_IRQ, "irq 9", "0,33");
    assert_file(tree, "2,00000001", "/proc/irq/default_smp_affinity");
    assert_file(tree, "0,33", "/proc/irq/9/smp_affinity_list");
}

static void test_workqueues(void)
{
    g_autoptr(HostTree) tree = host_tree_new();

    host_tree_write(tree, "ffff\n", "/sys/devices/virtual/workqueue/cpumask");
    host_tree_write(tree, "ff\n", "/sys/bus/workqueue/devices/writeback/cpumask");
    g_autofree char *new_kernel = told(tree->host, VH_TUNE_WORKQUEUE);
    g_assert_cmpstr(new_kernel, ==, "workqueues=0-15, writeback=0-7");
    host_tree_write(tree, "1\n", "/sys/bus/workqueue/devices/writeback/numa");
    g_autofree char *old_kernel = told(tree->host, VH_TUNE_WORKQUEUE);
    g_assert_cmpstr(old_kernel, ==, "workqueues=0-15, writeback=0-7, writeback numa=1");
    tune(tree->host, VH_TUNE_WORKQUEUE, "workqueues", "0-1,8");
    tune(tree->host, VH_TUNE_WORKQUEUE, "writeback numa", "0");
    assert_file(tree, "103", "/sys/devices/virtual/workqueue/cpumask");
    assert_file(tree, "0", "/sys/bus/workqueue/devices/writeback/numa");
}

static void test_cpus(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;

    g_assert_null(vh_host_cpus(tree->host, &error));
    g_assert_true(vh_error_is_gone(error));
    host_tree_write(tree, "0-11\n", "/sys/devices/system/cpu/present");
    g_autofree char *cpus = vh_host_cpus(tree->host, NULL);
    g_assert_cmpstr(cpus, ==, "0-11");
}

/* ---- slices ---- */

static void test_slices(void)
{
    g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});

    host_tree_write(setup->tree, "cpuset cpu io memory\n", "/sys/fs/cgroup/cgroup.controllers");
    host_tree_write(setup->tree, "0-15\n", "/sys/devices/system/cpu/present");
    g_autofree char *all = told(setup->host, VH_TUNE_SLICE);
    g_assert_cmpstr(all, ==, "system.slice=, user.slice=0-1,8, init.scope=");
    tune(setup->host, VH_TUNE_SLICE, "system.slice", "0-1");
    /* What was not set is set to all first: systemd forgets to tell the kernel otherwise. */
    tune(setup->host, VH_TUNE_SLICE, "system.slice", "");
    g_autofree char *calls = fake_calls(&setup->fake);
    g_assert_nonnull(strstr(calls, "SetUnitProperties system.slice\n"
                                   "runtime AllowedCPUs=0-1\n"
                                   "SetUnitProperties system.slice\n"
                                   "runtime AllowedCPUs=0-15\n"
                                   "SetUnitProperties system.slice\n"
                                   "runtime AllowedCPUs=\n"));
}

static void test_no_cpuset(void)
{
    static const char *const controllers[] = {NULL, "cpu io memory\n"};

    for (gsize i = 0; i < G_N_ELEMENTS(controllers); i++) {
        g_autoptr(FakeSetup) setup = fake_setup_new((FakeBehaviour){0});
        g_autoptr(GError) error = NULL;
        if (controllers[i])
            host_tree_write(setup->tree, controllers[i], "/sys/fs/cgroup/cgroup.controllers");
        g_assert_null(vh_host_tunables(setup->host, VH_TUNE_SLICE, &error));
        g_assert_error(error, VH_ERROR, VH_ERROR_UNSUPPORTED);
        g_assert_nonnull(strstr(error->message, "cgroup v2"));
        g_assert_cmpint(strstr(error->message, "systemd.unified_cgroup_hierarchy=1") != NULL, ==,
                        controllers[i] == NULL);
    }
}

static void test_slice_troubles(void)
{
    static const char *const members[] = {"LoadUnit", "Get", "SetUnitProperties"};

    for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
        g_autoptr(FakeSetup) setup = fake_setup_new(
            (FakeBehaviour){.fails = members[i], .error = SD_BUS_ERROR_ACCESS_DENIED});
        g_autoptr(GError) error = NULL;
        host_tree_write(setup->tree, "cpuset\n", "/sys/fs/cgroup/cgroup.controllers");
        if (i < 2)
            g_assert_null(vh_host_tunables(setup->host, VH_TUNE_SLICE, &error));
        else
            g_assert_false(
                vh_host_tune(setup->host, VH_TUNE_SLICE, "system.slice", "0", soon(), &error));
        g_assert_error(error, VH_ERROR, VH_ERROR_DENIED);
    }
}

/* ---- huge pages ---- */

static char *pools_told(VhHost *host)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) pools = vh_host_page_pools(host, &error);
    GString *text = g_string_new(NULL);

    g_assert_no_error(error);
    for (guint i = 0; i < pools->len; i++) {
        const VhPagePool *pool = pools->pdata[i];
        g_string_append_printf(text, "%s%d KiB%s on %d: %d, %d free, %d reserved",
                               i > 0 ? "; " : "", (int)(pool->size / 1024),
                               pool->usual ? " (usual)" : "", pool->node, (int)pool->pages,
                               (int)pool->free, (int)pool->reserved);
    }
    return g_string_free(text, FALSE);
}

static void write_pool(HostTree *tree, int node, int size, const char *pages, const char *surplus,
                       const char *free)
{
    host_tree_write(tree, pages, NODE "nr_hugepages", node, size);
    host_tree_write(tree, surplus, NODE "surplus_hugepages", node, size);
    host_tree_write(tree, free, NODE "free_hugepages", node, size);
}

static void test_pools(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;

    host_tree_write(tree, "MemTotal: 100 kB\nHugepagesize:       2048 kB\n", "/proc/meminfo");
    write_pool(tree, 0, 2048, "10\n", "3\n", "4\n");
    write_pool(tree, 1, 2048, "1\n", "0\n", "1\n");
    write_pool(tree, 0, 1048576, "0\n", "0\n", "0\n");
    host_tree_write(tree, "2\n", KERNEL "resv_hugepages", 2048);
    g_autofree char *all = pools_told(tree->host);
    g_assert_cmpstr(all, ==,
                    "2048 KiB (usual) on 0: 7, 4 free, 2 reserved; "
                    "2048 KiB (usual) on 1: 1, 1 free, 2 reserved; "
                    "1048576 KiB on 0: 0, 0 free, 0 reserved");
    g_assert_true(vh_host_set_pages(tree->host, 2048 * 1024, 1, 512, soon(), &error));
    assert_file(tree, "512",
                "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages");
    g_assert_false(vh_host_set_pages(tree->host, 2048 * 1024, 2, 512, soon(), &error));
    g_assert_true(vh_error_is_gone(error));
    host_tree_write(tree, "", "/sys/devices/system/node/node1/compact");
    g_assert_true(vh_host_compact(tree->host, 1, soon(), NULL));
    assert_file(tree, "1", "/sys/devices/system/node/node1/compact");
}

/* A kernel without CONFIG_NUMA. */
static void test_pools_without_nodes(void)
{
    g_autoptr(HostTree) tree = host_tree_new();

    host_tree_write(tree, "Hugepagesize: 2048 kB\n", "/proc/meminfo");
    host_tree_write(tree, "5\n", KERNEL "nr_hugepages", 2048);
    host_tree_write(tree, "5\n", KERNEL "free_hugepages", 2048);
    host_tree_write(tree, "", "/proc/sys/vm/compact_memory");
    g_autofree char *all = pools_told(tree->host);
    g_assert_cmpstr(all, ==, "2048 KiB (usual) on -1: 5, 5 free, 0 reserved");
    g_assert_true(vh_host_set_pages(tree->host, 2048 * 1024, -1, 8, soon(), NULL));
    assert_file(tree, "8", "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
    g_assert_true(vh_host_compact(tree->host, -1, soon(), NULL));
    assert_file(tree, "1", "/proc/sys/vm/compact_memory");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tuning/governors", test_governors);
    g_test_add_func("/tuning/interrupts", test_interrupts);
    g_test_add_func("/tuning/workqueues", test_workqueues);
    g_test_add_func("/tuning/cpus", test_cpus);
    g_test_add_func("/tuning/slices", test_slices);
    g_test_add_func("/tuning/no-cpuset", test_no_cpuset);
    g_test_add_func("/tuning/slice-troubles", test_slice_troubles);
    g_test_add_func("/tuning/pools", test_pools);
    g_test_add_func("/tuning/pools-without-nodes", test_pools_without_nodes);
    return g_test_run();
}

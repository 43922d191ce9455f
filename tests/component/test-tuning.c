// SPDX-License-Identifier: GPL-2.0-or-later
/* Governors, CPUs, interrupts and huge pages through the whole engine: one guest, and several that
 * share them. */
#include <string.h>

#include "machine.h"

#define ALL                                                                                        \
    "governor = \"performance\"; host_cpus = \"0-1\"; irq_cpus = \"1,0\"; hugepages = 4096;\n"

static const char *const none[] = {NULL};

static void prepare(Machine *machine, const char *guest, GBytes *xml)
{
    g_autoptr(GError) error = NULL;

    machine_call(machine, guest, "prepare", xml, &error);
    g_assert_no_error(error);
}

static void release(Machine *machine, const char *guest, GBytes *xml)
{
    g_autoptr(GError) error = NULL;

    machine_call(machine, guest, "release", xml, &error);
    g_assert_no_error(error);
}

/* Whether the host is so, in the words of vh_sim_state. */
static void assert_fact(Machine *machine, const char *fact)
{
    g_autofree char *state = vh_sim_state(machine->host);
    g_auto(GStrv) lines = g_strsplit(state, "\n", -1);

    if (!g_strv_contains((const char *const *)lines, fact))
        g_test_message("not so: %s\n%s", fact, state);
    g_assert_true(g_strv_contains((const char *const *)lines, fact));
}

static void test_all(void)
{
    static const char *const facts[] = {"governor policy0 is \"performance\"",
                                        "governor policy7 is \"performance\"",
                                        "slice system.slice is \"0-1\"",
                                        "slice user.slice is \"0-1\"",
                                        "slice init.scope is \"0-1\"",
                                        "workqueue workqueues is \"0-1\"",
                                        "workqueue writeback is \"0-1\"",
                                        "workqueue writeback numa is \"0\"",
                                        "irq irq default is \"0-1\"",
                                        "irq irq 52 is \"0-1\"",
                                        "irq irq 41 is \"2\"",
                                        "huge pages 2M: 4096"};
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) xml = machine_sample_domain("nvidia-desktop");
    g_autofree char *before = machine_state(machine, NULL);

    machine_configure(machine, "win10", ALL);
    prepare(machine, "win10", xml);
    for (gsize i = 0; i < G_N_ELEMENTS(facts); i++)
        assert_fact(machine, facts[i]);
    g_assert_true(machine_told(machine, "2 interrupt(s) cannot be moved and stay where they are: "
                                        "irq 0 (timer), irq 41 (nvme0q1)"));
    release(machine, "win10", xml);
    machine_assert_state(machine, before, NULL);
    g_assert_false(machine_has_journal(machine));
}

/* What is tuned goes back before the first device: no desktop waits for it longer than it must. */
static void test_order(void)
{
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) xml = machine_sample_domain("nvidia-desktop");
    guint last_tuned = 0, first_device = 0;

    machine_configure(machine, "win10", ALL);
    prepare(machine, "win10", xml);
    guint begin = vh_sim_trace(machine->host)->len;
    release(machine, "win10", xml);
    for (guint i = begin; i < vh_sim_trace(machine->host)->len; i++) {
        const char *line = vh_sim_trace(machine->host)->pdata[i];
        if (g_str_has_prefix(line, "tune") || g_str_has_prefix(line, "set_pages"))
            last_tuned = i;
        if (first_device == 0 && g_str_has_prefix(line, "pci_"))
            first_device = i;
    }
    g_assert_cmpuint(last_tuned, >, 0);
    g_assert_cmpuint(first_device, >, last_tuned);
}

/* A host that does not let the tuning go is no reason to keep the screen dark. */
static void test_stuck_tuning(void)
{
    static const char *const stubborn[] = {"tune policy3 schedutil", "tune system.slice",
                                           "set_pages 2048k 0"};
    for (gsize i = 0; i < G_N_ELEMENTS(stubborn); i++) {
        g_autoptr(Machine) machine = machine_new("nvidia-desktop");
        g_autoptr(GBytes) xml = machine_sample_domain("nvidia-desktop");
        g_autoptr(GError) error = NULL;

        machine_configure(machine, "win10", ALL);
        prepare(machine, "win10", xml);
        vh_sim_set_fault_at(machine->host, stubborn[i], VH_SIM_FAIL);
        gboolean good = machine_release(machine, xml, &error);
        machine_settle(machine);
        assert_fact(machine, "unit sddm.service active");
        /* A governor is warned of; what confines the host can be released once more. */
        g_assert_cmpint(good, ==, i == 0);
        g_assert_cmpint(machine_has_journal(machine), ==, i != 0);
        vh_sim_set_fault_at(machine->host, NULL, VH_SIM_NONE);
        release(machine, "win10", xml);
        g_assert_false(machine_has_journal(machine));
    }
}

static void test_refused(void)
{
    static const struct {
        const char *sample, *text, *sentence;
    } cases[] = {
        {"emulated", "governor = \"performance\";",
         "governor: the kernel does not control the frequency of this host's CPUs"},
        {"nvidia-desktop", "governor = \"fast\";",
         "governor: \"fast\" is none that the CPUs of policy0 know: choose among conservative, "
         "ondemand, userspace, powersave, performance and schedutil"},
        {"nvidia-desktop", "host_cpus = \"6-9\";", "host_cpus: this host has no CPU 8-9, only 0-7"},
        {"nvidia-desktop", "irq_cpus = \"63\";", "irq_cpus: this host has no CPU 63, only 0-7"},
        {"apu", "host_cpus = \"0\";", "host_cpus: which CPUs this host has cannot be told"},
        {"apu", "hugepages = 3;", "hugepages: this kernel has no huge pages"},
        {"emulated", "hugepages = { size = \"1G\"; count = 1; };",
         "hugepages: this kernel has no huge pages of 1048576 KiB"},
        {"amd-desktop", "hugepages = { count = 1; node = 2; };",
         "hugepages: this host has no NUMA node 2 with memory"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Machine) machine = machine_new(cases[i].sample);
        g_autoptr(GBytes) xml = machine_domain("win10", TRUE, none);
        g_autoptr(GError) error = NULL;

        machine_configure(machine, "win10", cases[i].text);
        g_assert_false(machine_prepare(machine, xml, &error));
        g_assert_error(error, VH_ERROR, VH_ERROR_REFUSED);
        g_assert_true(g_str_has_prefix(error->message, cases[i].sentence));
        g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);
    }
}

/* The kernel loads a governor that is named, unless the driver has ways of its own. */
static void test_governor_to_load(void)
{
    static const char available[] =
        "\"modules\": [ {\"name\": \"cpufreq_fast\", \"state\": \"available\"},";
    static const struct {
        const char *sample;
        gboolean taken;
    } cases[] = {{"nvidia-desktop", TRUE}, {"amd-desktop", FALSE}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Machine) machine = machine_changed(cases[i].sample, "\"modules\": [", available);
        g_autoptr(GBytes) xml = machine_domain("win10", TRUE, none);
        g_autoptr(GError) error = NULL;
        machine_configure(machine, "win10", "governor = \"fast\";");
        (void)machine_prepare(machine, xml, &error);
        g_assert_cmpint(error && strstr(error->message, "choose among performance and powersave"),
                        ==, !cases[i].taken);
        if (cases[i].taken)
            g_assert_no_error(error);
        if (cases[i].taken)
            assert_fact(machine, "governor policy0 is \"fast\"");
    }
}

/* The last of two guests gives back what both needed, in whatever order they stop. */
static void test_two_guests(void)
{
    for (int first = 0; first < 2; first++) {
        g_autoptr(Machine) machine = machine_new("nvidia-desktop");
        const char *const names[] = {"one", "two"};
        g_autofree char *before = machine_state(machine, NULL);

        for (int i = 0; i < 2; i++) {
            g_autoptr(GBytes) xml = machine_domain(names[i], TRUE, none);
            machine_configure(machine, names[i], "governor = \"performance\"; irq_cpus = \"0\";");
            prepare(machine, names[i], xml);
        }
        g_autoptr(GBytes) leaves = machine_domain(names[first], TRUE, none);
        release(machine, names[first], leaves);
        assert_fact(machine, "governor policy0 is \"performance\"");
        assert_fact(machine, "irq irq 52 is \"0\"");
        g_autoptr(GBytes) stays = machine_domain(names[!first], TRUE, none);
        release(machine, names[!first], stays);
        machine_assert_state(machine, before, NULL);
    }
}

static void test_two_ways(void)
{
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) one = machine_domain("one", TRUE, none);
    g_autoptr(GBytes) two = machine_domain("two", TRUE, none);
    g_autoptr(GError) error = NULL;

    machine_configure(machine, "one", "host_cpus = \"0-1\";");
    machine_configure(machine, "two", "host_cpus = \"0-2\";");
    prepare(machine, "one", one);
    g_assert_false(machine_call(machine, "two", "prepare", two, &error));
    g_assert_true(g_str_has_prefix(error->message, "host_cpus: guest one has it at \"0-1\""));
    machine_configure(machine, "two", "host_cpus = \"1,0\";");
    prepare(machine, "two", two);
}

/* ---- huge pages ---- */

static void configure_pages(Machine *machine, const char *guest, guint pages)
{
    g_autofree char *text = g_strdup_printf("hugepages = %u;", pages);

    machine_configure(machine, guest, text);
}

/* Each guest gives back its own share, in whatever order they stop. */
static void test_pages_of_two(void)
{
    for (int first = 0; first < 2; first++) {
        g_autoptr(Machine) machine = machine_new("nvidia-desktop");
        const char *const names[] = {"one", "two"};
        const guint pages[] = {1000, 300};
        g_autofree char *left = g_strdup_printf("huge pages 2M: %u", pages[!first]);

        for (int i = 0; i < 2; i++) {
            g_autoptr(GBytes) xml = machine_domain(names[i], TRUE, none);
            configure_pages(machine, names[i], pages[i]);
            /* The first does not run yet: what is free is promised to it. */
            prepare(machine, names[i], xml);
        }
        assert_fact(machine, "huge pages 2M: 1300");
        g_autoptr(GBytes) leaves = machine_domain(names[first], TRUE, none);
        release(machine, names[first], leaves);
        assert_fact(machine, left);
        release(machine, names[first], leaves);
        g_autoptr(GBytes) stays = machine_domain(names[!first], TRUE, none);
        release(machine, names[!first], stays);
        assert_fact(machine, "huge pages 2M: 0");
    }
}

/* A guest that runs has its pages; what is free beside them is anybody's. */
static void test_pages_free_already(void)
{
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) xml = machine_domain("one", TRUE, none);
    gint64 later = vh_host_now(machine->host) + G_USEC_PER_SEC;

    g_assert_true(vh_host_set_pages(machine->host, 2048 * 1024, 0, 500, later, NULL));
    g_assert_true(vh_sim_use_pages(machine->host, "2M", 200));
    configure_pages(machine, "one", 400);
    prepare(machine, "one", xml);
    assert_fact(machine, "huge pages 2M: 600");
    release(machine, "one", xml);
    assert_fact(machine, "huge pages 2M: 500");
}

static void test_pages_after_compaction(void)
{
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) xml = machine_domain("one", TRUE, none);

    machine_configure(machine, "one", "hugepages = { size = \"1G\"; count = 16; };");
    prepare(machine, "one", xml);
    assert_fact(machine, "huge pages 1G: 16");
    g_assert_true(machine_did(machine, "compact node 0"));
    release(machine, "one", xml);
    assert_fact(machine, "huge pages 1G: 0");
}

static void test_pages_short(void)
{
    static const struct {
        const char *sample, *text, *sentence;
    } cases[] = {
        {"nvidia-desktop", "hugepages = 20000;",
         "only 14,000 of 20,000 huge pages of 2 MiB could be had: close programs, or reserve them "
         "at boot with hugepages=20000 on the kernel's command line"},
        {"amd-desktop", "hugepages = { size = \"1G\"; count = 4; node = 0; };",
         "only 2 of 4 huge pages of 1 GiB could be had on NUMA node 0: close programs, or reserve "
         "them at boot with hugepagesz=1G hugepages=4 on the kernel's command line"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Machine) machine = machine_new(cases[i].sample);
        g_autoptr(GBytes) xml = machine_domain("win10", TRUE, none);
        g_autoptr(GError) error = NULL;
        g_autofree char *before = machine_state(machine, NULL);

        machine_configure(machine, "win10", cases[i].text);
        g_assert_false(machine_prepare(machine, xml, &error));
        g_assert_cmpstr(error->message, ==, cases[i].sentence);
        machine_assert_state(machine, before, NULL);
    }
}

/* The kernel is not asked for what it cannot have: it would try for minutes. 48 are free. */
static void test_pages_beyond_memory(void)
{
    g_autoptr(Machine) machine = machine_changed(
        "amd-desktop", "\"files\": [",
        "\"files\": [ { \"path\": \"/proc/meminfo\", \"text\": \"MemTotal: 8388608 kB\\n"
        "MemAvailable: 1000000 kB\\nSwapFree: 24000 kB\\n\" },");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, none);
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;

    machine_configure(machine, "win10", "hugepages = 549;");
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_nonnull(strstr(error->message, "only 548 of 549 huge pages of 2 MiB could be had"));
    g_assert_false(machine_did(machine, "compact"));
    release(machine, "win10", xml);
    machine_assert_state(machine, before, NULL);
    machine_configure(machine, "win10", "hugepages = 548;");
    prepare(machine, "win10", xml);
    release(machine, "win10", xml);
}

/* What one node has not, another may have, when it is all the same to the guest. */
static void test_pages_of_any_node(void)
{
    g_autoptr(Machine) machine = machine_new("amd-desktop");
    g_autoptr(GBytes) xml = machine_domain("one", TRUE, none);

    machine_configure(machine, "one", "hugepages = { size = \"1G\"; count = 8; };");
    prepare(machine, "one", xml);
    assert_fact(machine, "huge pages 1G on node 0: 2");
    assert_fact(machine, "huge pages 1G on node 1: 6");
    release(machine, "one", xml);
    assert_fact(machine, "huge pages 1G on node 0: 0");
    assert_fact(machine, "huge pages 1G on node 1: 0");
}

static void test_pages_of_domain(void)
{
    static const char text[] =
        "<domain><name>one</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1801</uuid>"
        "<memory unit='MiB'>6145</memory><memoryBacking><hugepages>"
        "<page size='1' unit='G' nodeset='1'/><page size='2' unit='M'/></hugepages></memoryBacking>"
        "<numatune><memnode cellid='1' mode='strict' nodeset='1'/></numatune><cpu><numa>"
        "<cell id='0' memory='4097' unit='MiB'/><cell id='1' memory='2' unit='GiB'/></numa></cpu>"
        "</domain>";
    g_autoptr(Machine) machine = machine_new("amd-desktop");
    g_autoptr(GBytes) xml = g_bytes_new_static(text, strlen(text));
    g_autofree char *before = machine_state(machine, NULL);

    machine_configure(machine, "one", "hugepages = \"auto\";");
    prepare(machine, "one", xml);
    assert_fact(machine, "huge pages 1G on node 0: 0");
    assert_fact(machine, "huge pages 1G on node 1: 2");
    /* 2,049 are needed, 48 of the 64 there are free, and the rest is spread. */
    assert_fact(machine, "huge pages 2M on node 0: 1064");
    assert_fact(machine, "huge pages 2M on node 1: 1001");
    release(machine, "one", xml);
    machine_assert_state(machine, before, NULL);
}

static void test_no_pages_in_domain(void)
{
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) xml = machine_domain("one", TRUE, none);

    machine_configure(machine, "one", "hugepages = \"auto\";");
    prepare(machine, "one", xml);
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);
}

static void test_overlap(void)
{
    static const char text[] =
        "<domain><name>one</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1801</uuid><cputune>"
        "<vcpupin vcpu='0' cpuset='1-2'/><vcpupin vcpu='1' cpuset='3,^3,4'/></cputune></domain>";
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) xml = g_bytes_new_static(text, strlen(text));

    machine_configure(machine, "one", "host_cpus = \"0-1,3\"; irq_cpus = \"2-7\";");
    g_autoptr(VhPlan) plan = machine_plan(machine, "one", xml);
    g_assert_cmpuint(plan->notes->len, ==, 2);
    g_assert_true(g_str_has_prefix(plan->notes->pdata[1], "CPU 2,4 gets the interrupts by"));
    g_assert_true(g_str_has_prefix(plan->notes->pdata[0], "CPU 1 is left to the host"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tuning/all", test_all);
    g_test_add_func("/tuning/order", test_order);
    g_test_add_func("/tuning/stuck", test_stuck_tuning);
    g_test_add_func("/tuning/refused", test_refused);
    g_test_add_func("/tuning/governor-to-load", test_governor_to_load);
    g_test_add_func("/tuning/two-guests", test_two_guests);
    g_test_add_func("/tuning/two-ways", test_two_ways);
    g_test_add_func("/tuning/overlap", test_overlap);
    g_test_add_func("/pages/two-guests", test_pages_of_two);
    g_test_add_func("/pages/free-already", test_pages_free_already);
    g_test_add_func("/pages/after-compaction", test_pages_after_compaction);
    g_test_add_func("/pages/short", test_pages_short);
    g_test_add_func("/pages/pages-beyond-memory", test_pages_beyond_memory);
    g_test_add_func("/pages/any-node", test_pages_of_any_node);
    g_test_add_func("/pages/domain", test_pages_of_domain);
    g_test_add_func("/pages/none-in-domain", test_no_pages_in_domain);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What planning and journaling cost, by the number of devices and of guests: lines of
 * "SUBJECT NUMBER MICROSECONDS", each the least of several measurements. The real back end over a
 * tree of files.
 */
#include <glib/gstdio.h>
#include <stdio.h>

#include "engine/journal.h"
#include "engine/plan.h"
#include "host-tree.h"
#include "steps/step.h"

enum { ROUNDS = 5, MOST_PASSED = 512 };

static const char guest[] = "win10", uuid[] = "5d1e6b7a-0000-4000-8000-000000000001";

typedef struct {
    HostTree *tree;
    char *state, *hooks;
    VhEngine engine;
} Bench;

static void bench_begin(Bench *bench)
{
    bench->tree = host_tree_new();
    bench->state = host_tree_path(bench->tree, "/state");
    bench->hooks = host_tree_path(bench->tree, "/etc/libvirt/hooks");
    bench->engine = (VhEngine){.host = bench->tree->host,
                               .hooks_dir = bench->hooks,
                               .trusted = bench->tree->root,
                               .state_dir = bench->state};
    host_tree_dir(bench->tree, "/sys/kernel/iommu_groups");
    host_tree_dir(bench->tree, "/proc");
    g_assert_cmpint(g_mkdir(bench->state, 0700), ==, 0);
    host_tree_write(bench->tree, "", "/etc/libvirt/hooks/kvm.conf.d/%s.conf", guest);
}

static void bench_end(Bench *bench)
{
    g_free(bench->state);
    g_free(bench->hooks);
    host_tree_free(bench->tree);
}

static char *address_of(guint number)
{
    return g_strdup_printf("%04x:%02x:%02x.%x", number >> 16, (number >> 8) & 0xff,
                           (number >> 3) & 0x1f, number & 7);
}

/* Network cards of a group each, on a driver, and the XML of a guest that has the first @passed. */
static GBytes *make_devices(Bench *bench, guint number, guint passed)
{
    GString *xml = g_string_new(NULL);

    g_string_printf(xml, "<domain><name>%s</name><uuid>%s</uuid><devices>", guest, uuid);
    for (guint i = 0; i < number; i++) {
        g_autofree char *address = address_of(i);
        g_autofree char *group = g_strdup_printf("/sys/kernel/iommu_groups/%u", i);
        g_autofree char *dir = g_strconcat("/sys/devices/pci0000:00/", address, NULL);
        host_tree_pci(bench->tree, address, "0x020000\n", "8086:1572");
        host_tree_bind(bench->tree, address, "i40e", NULL);
        host_tree_link(bench->tree, group, "%s/iommu_group", dir);
        host_tree_link(bench->tree, dir, "%s/devices/%s", group, address);
        if (i < passed)
            g_string_append_printf(
                xml,
                "<hostdev mode='subsystem' type='pci' managed='yes'><source><address "
                "domain='0x%.4s'"
                " bus='0x%.2s' slot='0x%.2s' function='0x%s'/></source></hostdev>",
                address, address + 5, address + 8, address + 11);
    }
    g_string_append(xml, "</devices></domain>");
    return g_string_free_to_bytes(xml);
}

static void plan_once(const Bench *bench, GBytes *xml)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhConfig) config = vh_engine_config(&bench->engine, guest, &error);
    g_autoptr(VhDomain) domain =
        vh_domain_parse(g_bytes_get_data(xml, NULL), g_bytes_get_size(xml), NULL);

    g_assert_nonnull(domain);
    g_autoptr(VhPlan) plan = vh_plan_for_guest(&bench->engine, domain, config, &error);
    g_assert_nonnull(plan);
}

static gint64 least_plan(const Bench *bench, GBytes *xml)
{
    gint64 least = G_MAXINT64;

    for (int i = 0; i < ROUNDS; i++) {
        gint64 begin = g_get_monotonic_time();
        plan_once(bench, xml);
        least = MIN(least, g_get_monotonic_time() - begin);
    }
    return least;
}

static void tell(const char *subject, guint number, gint64 microseconds)
{
    (void)fprintf(stdout, "%s %u %" G_GINT64_FORMAT "\n", subject, number, microseconds);
}

/* On a host with @number functions, of which the guest has @passed. */
static void plan_by_devices(const char *subject, guint number, guint passed)
{
    Bench bench;

    bench_begin(&bench);
    g_autoptr(GBytes) xml = make_devices(&bench, number, passed);
    tell(subject, number, least_plan(&bench, xml));
    bench_end(&bench);
}

static void plan_by_guests(guint number)
{
    Bench bench;

    bench_begin(&bench);
    for (guint i = 1; i < number; i++)
        host_tree_write(bench.tree, "timeout = 30;\n", "/etc/libvirt/hooks/kvm.conf.d/vm%u.conf",
                        i);
    g_autoptr(GBytes) xml = make_devices(&bench, 8, 1);
    tell("plan-guests", number, least_plan(&bench, xml));
    bench_end(&bench);
}

static void journal_once(const Bench *bench, guint number)
{
    const char *const none[] = {NULL};
    const VhJournalHead head = {.guest = guest, .uuid = uuid, .timeout = 25, .devices = none};
    g_autoptr(GError) error = NULL;
    g_autoptr(VhJournal) journal = vh_journal_create(&bench->engine, &head, &error);

    g_assert_no_error(error);
    for (guint i = 0; i < number; i++) {
        g_autofree char *address = address_of(i);
        g_autoptr(GVariant) args =
            g_variant_ref_sink(g_variant_new_parsed("{'address': <%s>}", address));
        g_autoptr(GVariant) prior = g_variant_ref_sink(g_variant_new("a{sv}", NULL));
        VhRecord *record = vh_journal_begin(journal, &vh_step_device, address, args, prior, &error);
        g_assert_no_error(error);
        vh_journal_done(journal, record, 1);
    }
    g_autoptr(VhJournal) again = vh_journal_open(&bench->engine, uuid, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(again->records->len, ==, number);
    g_assert_true(vh_journal_remove(journal, &error));
}

static void journal_by_devices(guint number)
{
    gint64 least = G_MAXINT64;
    Bench bench;

    bench_begin(&bench);
    for (int i = 0; i < ROUNDS; i++) {
        gint64 begin = g_get_monotonic_time();
        journal_once(&bench, number);
        least = MIN(least, g_get_monotonic_time() - begin);
    }
    tell("journal", number, least);
    bench_end(&bench);
}

int main(void)
{
    static const guint devices[] = {1, 8, 64, 512, 4096}, guests[] = {1, 16, 256, 1000};

    for (gsize i = 0; i < G_N_ELEMENTS(devices); i++) {
        plan_by_devices("plan-host", devices[i], 1);
        if (devices[i] <= MOST_PASSED)
            plan_by_devices("plan-passed", devices[i], devices[i]);
        journal_by_devices(devices[i]);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(guests); i++)
        plan_by_guests(guests[i]);
    return 0;
}

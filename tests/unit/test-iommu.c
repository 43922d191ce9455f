// SPDX-License-Identifier: GPL-2.0-or-later
/* IOMMU groups of simulated machines. */
#include <string.h>

#include "inspect/iommu.h"
#include "sim/sim.h"

#define FUNCTION(address, class, group)                                                            \
    "{\"address\":\"" address                                                                      \
    "\",\"class\":\"" class "\",\"vendor\":\"0x10de\",\"device\":\"0x2489\",\"group\":" group "}"
#define DEVICES "/sys/bus/pci/devices/"

static const char snapshot[] = "{\"version\":1,\"functions\":[" /* groups come in no order */
    FUNCTION("0000:00:01.0", "0x060400", "12") "," FUNCTION("0000:01:00.0", "0x030000", "12") "," FUNCTION("0000:01:00.1", "0x040300", "12") "," FUNCTION(
        "0000:02:00.0", "0x020000",
        "9") "," FUNCTION("0000:02:00.1", "0x020000",
                          "100") "," FUNCTION("0000:03:00.0", "0x020000",
                                              "9") "," FUNCTION("0000:03:00.1", "0x038000",
                                                                "9") "," FUNCTION("0000:04:00.0",
                                                                                  "0x060400",
                                                                                  "0") "," FUNCTION("0000:05:00.0",
                                                                                                    "0x020000",
                                                                                                    "-1") "],\"files\":["
                                                                                                          "{\"path\":\"" DEVICES
                                                                                                          "0000:01:00.0/reset\"},"
                                                                                                          "{\"path\":\"" DEVICES
                                                                                                          "0000:01:00.0/reset_method\",\"text\":\"flr bus\"},"
                                                                                                          "{\"path\":\"" DEVICES
                                                                                                          "0000:01:00.0/revision\",\"text\":\"0xa1\"},"
                                                                                                          "{\"path\":\"" DEVICES
                                                                                                          "0000:02:00.0/reset\"},"
                                                                                                          "{\"path\":\"" DEVICES
                                                                                                          "0000:02:00.0/reset_method\"},"
                                                                                                          "{\"path\":\"" DEVICES
                                                                                                          "0000:02:00.0/revision\",\"text\":\"0x1a1\"}]}";

static VhIommu *look(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhHost) host = vh_sim_new(snapshot, &error);
    VhIommu *iommu = host ? vh_iommu_look(host, &error) : NULL;

    g_assert_no_error(error);
    return iommu;
}

static void test_groups(void)
{
    static const struct {
        int number;
        guint functions, passable, slots;
        gboolean display;
        const char *verdict;
    } expected[] = {
        {0, 1, 0, 0, FALSE, "bridges only, nothing to pass"},
        {9, 3, 3, 2, TRUE, "3 functions of 2 devices, to be passed only together"},
        {12, 3, 2, 1, TRUE,
         "2 functions of one device, to be passed together (the bridges stay with the host)"},
        {100, 1, 1, 1, FALSE, "can be passed on its own"},
        {-1, 1, 1, 1, FALSE, "cannot be passed"},
    };
    g_autoptr(VhIommu) iommu = look();

    g_assert_true(iommu->on);
    g_assert_cmpuint(iommu->groups->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        const VhIommuGroup *group = iommu->groups->pdata[i];
        g_autofree char *verdict = vh_iommu_verdict(group);
        g_assert_cmpint(group->number, ==, expected[i].number);
        g_assert_cmpuint(group->functions->len, ==, expected[i].functions);
        g_assert_cmpuint(group->passable, ==, expected[i].passable);
        g_assert_cmpuint(group->slots, ==, expected[i].slots);
        g_assert_cmpint(group->display, ==, expected[i].display);
        g_assert_cmpstr(verdict, ==, expected[i].verdict);
    }
}

static void test_reset(void)
{
    g_autoptr(VhIommu) iommu = look();
    const VhIommuGroup *nine = iommu->groups->pdata[1], *twelve = iommu->groups->pdata[2];
    const VhIommuFunction *card = twelve->functions->pdata[1], *sound = twelve->functions->pdata[2];
    const VhIommuFunction *net = nine->functions->pdata[0];

    g_assert_true(card->reset);
    g_assert_cmpuint(g_strv_length(card->reset_methods), ==, 2);
    g_assert_cmpstr(card->reset_methods[1], ==, "bus");
    g_assert_cmphex(card->revision, ==, 0xa1);
    g_assert_false(sound->reset);
    g_assert_cmpuint(g_strv_length(sound->reset_methods), ==, 0);
    g_assert_cmphex(sound->revision, ==, 0);
    /* Switched off by the administrator; and a revision that is none. */
    g_assert_true(net->reset);
    g_assert_cmpuint(g_strv_length(net->reset_methods), ==, 0);
    g_assert_cmphex(net->revision, ==, 0);
}

/* What the host runs on says so: a disk and the way to the network; not what vfio has. */
static void test_used(void)
{
    g_autofree char *path =
        g_test_build_filename(G_TEST_DIST, "conf", "hosts", "nvidia-desktop.json", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, &error));
    g_autoptr(VhHost) host = vh_sim_new(text, &error);
    g_autoptr(VhIommu) iommu = vh_iommu_look(host, &error);
    g_assert_no_error(error);
    vh_iommu_find_uses(iommu, host);
    static const struct {
        int number;
        guint used;
        const char *verdict;
    } expected[] = {
        {13, 1, "can be passed on its own, but the host uses it"},
        {14, 1, "2 functions of 2 devices, to be passed only together, but in use"},
        {17, 0, "can be passed on its own"},
    };
    for (guint i = 0; i < iommu->groups->len; i++)
        for (gsize j = 0; j < G_N_ELEMENTS(expected); j++) {
            const VhIommuGroup *group = iommu->groups->pdata[i];
            g_autofree char *verdict = vh_iommu_verdict(group);
            if (group->number != expected[j].number)
                continue;
            g_assert_cmpuint(group->used, ==, expected[j].used);
            g_assert_cmpstr(verdict, ==, expected[j].verdict);
        }
}

static void test_keep(void)
{
    static const struct {
        int number;
        gboolean display;
        guint left;
    } table[] = {{-1, FALSE, 5}, {-1, TRUE, 2},  {12, FALSE, 1},
                 {12, TRUE, 1},  {100, TRUE, 0}, {3, FALSE, 0}};

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(VhIommu) iommu = look();
        gboolean any = vh_iommu_keep(iommu, table[i].number, table[i].display);
        g_assert_cmpint(any, ==, table[i].left > 0);
        g_assert_cmpuint(iommu->groups->len, ==, table[i].left);
    }
}

static void test_line(void)
{
    g_autoptr(VhIommu) iommu = look();
    const VhIommuGroup *group = iommu->groups->pdata[2];
    g_autofree char *line = vh_iommu_line(group->functions->pdata[1]);

    g_assert_nonnull(strstr(line, "[0300]: "));
    g_assert_true(g_str_has_suffix(line, " [10de:2489] (rev a1)"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/iommu/groups", test_groups);
    g_test_add_func("/iommu/reset", test_reset);
    g_test_add_func("/iommu/used", test_used);
    g_test_add_func("/iommu/keep", test_keep);
    g_test_add_func("/iommu/line", test_line);
    return g_test_run();
}

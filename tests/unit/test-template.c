// SPDX-License-Identifier: GPL-2.0-or-later
/* What init writes means all defaults, and is read, too, when the lines of keys are uncommented. */
#include <string.h>

#include "config/keys.h"
#include "inspect/template.h"
#include "sim/sim.h"

static VhPlan *plan_of_sample(VhHost *host)
{
    static const char xml[] =
        "<domain><name>win10</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid><devices>"
        "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='9' "
        "slot='0' function='0'/></source></hostdev></devices></domain>";
    g_autoptr(GError) error = NULL;
    g_autoptr(VhConfig) config = vh_config_parse("", "defaults", &error);
    g_autoptr(VhDomain) domain = vh_domain_parse(xml, strlen(xml), &error);
    g_autoptr(GPtrArray) claims = g_ptr_array_new();
    VhPlan *plan = vh_plan_new(host, config, domain, claims, &error);

    g_assert_no_error(error);
    return plan;
}

static void test_comments(void)
{
    g_autofree char *path =
        g_test_build_filename(G_TEST_DIST, "conf", "hosts", "nvidia-desktop.json", NULL);
    g_autofree char *snapshot = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_get_contents(path, &snapshot, NULL, NULL));
    g_autoptr(VhHost) host = vh_sim_new(snapshot, &error);
    g_assert_no_error(error);
    g_autoptr(VhPlan) plan = plan_of_sample(host);
    g_autofree char *text = vh_template_text("win\n10", plan);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (gsize i = 0; lines[i]; i++) {
        g_assert_true(*lines[i] == '\0' || *lines[i] == '#');
        g_assert_cmpint(g_utf8_strlen(lines[i], -1), <=, 80);
    }
    g_assert_nonnull(
        strstr(text, "\n#   0000:09:00.0  10de:2489, nvidia, IOMMU group 16, a display\n"));
    g_assert_nonnull(strstr(text, "\n# Would stop: "));
    g_assert_nonnull(strstr(text, "sddm.service"));
    g_assert_nonnull(strstr(text, "\n# Would unload: "));
    g_assert_nonnull(strstr(text, "\n# Cannot start yet: 0000:09:00.0 shares IOMMU group 16"));
    g_autoptr(VhConfig) config = vh_config_parse(text, "win10.conf", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(config->timeout, ==, 25);
}

/* Each key's line, uncommented alone, is read and changes nothing else. */
static void test_presets(void)
{
    g_autofree char *text = vh_template_text("win10", NULL);

    for (const VhKey *key = vh_keys; key->name; key++) {
        g_autofree char *mark = g_strdup_printf("\n#%s = ", key->name);
        const char *line = strstr(text, mark);
        g_autoptr(GError) error = NULL;
        g_assert_nonnull(line);
        g_autofree char *own = g_strndup(line + 2, strcspn(line + 2, "\n") + 1);
        g_autoptr(VhConfig) config = vh_config_parse(own, "win10.conf", &error);
        g_assert_no_error(error);
        g_assert_cmpuint(config->timeout, ==, 25);
        g_assert_cmpstr(config->driver, ==, "vfio-pci");
    }
}

/* What the file's head says: take away the # before the keys. */
static void test_all_keys(void)
{
    g_autofree char *text = vh_template_text("win10", NULL);
    g_autoptr(GString) file = g_string_new(text);
    g_autoptr(GError) error = NULL;

    for (const VhKey *key = vh_keys; key->name; key++) {
        g_autofree char *mark = g_strdup_printf("\n#%s = ", key->name);
        const char *line = strstr(file->str, mark);
        g_assert_nonnull(line);
        g_string_erase(file, line + 1 - file->str, 1);
    }
    g_autoptr(VhConfig) config = vh_config_parse(file->str, "win10.conf", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->driver, ==, "vfio-pci");
    g_assert_cmpstr(config->host_cpus, ==, "0-1");
    g_assert_nonnull(strstr(text, "\"0-1,8-9\". No default; an example:\n#irq_cpus = \"0-1\";\n"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/template/comments", test_comments);
    g_test_add_func("/template/presets", test_presets);
    g_test_add_func("/template/all-keys", test_all_keys);
    return g_test_run();
}

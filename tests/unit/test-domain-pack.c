// SPDX-License-Identifier: GPL-2.0-or-later
/* A domain comes out of the process that has read it as it was, and nothing else does. */
#include <string.h>

#include "base/json.h"
#include "domain/pack.h"
#include "test-domain.h"

static VhDomain *parsed(const char *name)
{
    g_autofree char *xml = read_fixture(name);
    g_autoptr(GError) error = NULL;
    VhDomain *domain = vh_domain_parse(xml, strlen(xml), &error);

    g_assert_no_error(error);
    return domain;
}

static void test_whole(void)
{
    static const char *const names[] = {"kinds.xml", "win10-prepare.xml", "win10-release.xml"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VhDomain) domain = parsed(names[i]);
        g_autoptr(GVariant) dict = g_variant_ref_sink(vh_domain_pack(domain));
        g_autoptr(VhDomain) again = vh_domain_unpack(dict, &error);
        g_assert_no_error(error);
        g_autofree char *expected = vh_json_pretty(vh_domain_pack(domain));
        g_autofree char *got = vh_json_pretty(vh_domain_pack(again));
        g_assert_cmpstr(got, ==, expected);
        g_assert_nonnull(strstr(got, again->name));
        g_assert_cmpuint(again->devices->len, ==, domain->devices->len);
    }
}

/* Refused with this one text in place of the domain's or of its first device's; NULL: left out. */
static gboolean is_refused(const char *key, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhDomain) domain = parsed("win10-prepare.xml");
    VhDomainDevice *device = domain->devices->pdata[0];
    const struct {
        const char *key;
        char **at;
    } texts[] = {
        {"name", &domain->name},         {"uuid", &domain->uuid},
        {"address", &device->address},   {"origin", &device->origin},
        {"rom_file", &device->rom_file}, {"driver_model", &device->driver_model},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        if (g_str_equal(texts[i].key, key)) {
            g_free(*texts[i].at);
            *texts[i].at = g_strdup(text);
        }
    g_autoptr(GVariant) dict = g_variant_ref_sink(vh_domain_pack(domain));
    g_autoptr(VhDomain) got = vh_domain_unpack(dict, &error);
    g_assert_true(!got == (error && error->code == VH_ERROR_DOMAIN));
    return !got;
}

static void test_hostile(void)
{
    static const struct {
        const char *key, *good, *bad;
    } cases[] = {
        {"name", "win11", NULL},
        {"name", "..", "../../etc/passwd"},
        {"name", "a", ""},
        {"uuid", "5d1e6b7a-0000-4000-8000-000000000001", "5D1E6B7A-0000-4000-8000-000000000001"},
        {"uuid", "5d1e6b7a-0000-4000-8000-000000000001", "../lock"},
        {"address", "0000:01:00.0", NULL},
        {"address", "0000:01:00.0", "01:00.0"},
        {"address", "0000:01:00.0", "../../../etc"},
        {"origin", "nvme", "elsewhere"},
        {"rom_file", "/a", ""},
        {"driver_model", "vfio-pci", "../unbind"},
        {"driver_model", NULL, "a/b"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_false(is_refused(cases[i].key, cases[i].good));
        g_assert_true(is_refused(cases[i].key, cases[i].bad));
    }
}

static void test_empty(void)
{
    g_autoptr(GVariant) dict =
        g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0));
    g_autoptr(GError) error = NULL;

    g_assert_null(vh_domain_unpack(dict, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_DOMAIN);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain-pack/whole", test_whole);
    g_test_add_func("/domain-pack/hostile", test_hostile);
    g_test_add_func("/domain-pack/empty", test_empty);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Devices are added to a definition, and the rest of it stays. */
#include <string.h>

#include "domain/domain.h"
#include "domain/edit.h"

#define HEAD                                                                                       \
    "<!-- mine -->\n<domain type=\"kvm\">\n  <name>a&amp;b</name>\n"                               \
    "  <uuid>11111111-2222-3333-4444-555555555555</uuid>\n"
#define HOSTDEV                                                                                    \
    "    <hostdev mode=\"subsystem\" type=\"pci\" managed=\"yes\">\n      <source>\n        "      \
    "<address domain=\"0x0000\" bus=\"0x09\" slot=\"0x1f\" function=\"0x1\"/>\n      "             \
    "</source>\n    </hostdev>\n"
#define TAIL "  <!-- x < y -->\n  <description>\xc3\xa4\n   two</description>\n</domain>\n"

static const char *const one[] = {"0000:09:1f.1", NULL};

static void check(const char *xml, const VhDomainChange *change, const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *before = NULL, *after = NULL, *again = NULL, *same = NULL;

    g_assert_true(vh_domain_edit(xml, strlen(xml), change, &before, &after, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(before, ==, xml);
    g_assert_cmpstr(after, ==, wanted);
    g_autoptr(VhDomain) domain = vh_domain_parse(after, strlen(after), &error);
    g_assert_no_error(error);
    /* Twice is once. */
    g_assert_true(vh_domain_edit(after, strlen(after), change, &again, &same, &error));
    g_assert_cmpstr(again, ==, wanted);
    g_assert_cmpstr(same, ==, wanted);
}

static void test_add(void)
{
    const VhDomainChange change = {.addresses = one};

    check(HEAD "  <devices/>\n" TAIL, &change, HEAD "  <devices>\n" HOSTDEV "  </devices>\n" TAIL);
    check(HEAD "  <devices>\n    <emulator>/q</emulator>\n  </devices>\n" TAIL, &change,
          HEAD "  <devices>\n    <emulator>/q</emulator>\n" HOSTDEV "  </devices>\n" TAIL);
}

/* Behind the others, and not a second time, however it is written. */
static void test_others(void)
{
    static const char *const two[] = {"0000:09:1f.1", "10000:01:00.0", NULL};
    const VhDomainChange change = {.addresses = two};
    const char other[] = "    <hostdev type='pci' mode='subsystem'><source><address bus='9' "
                         "slot='31' function='1'/></source></hostdev>\n    <memballoon/>\n";
    g_autofree char *xml = g_strconcat(HEAD "  <devices>\n", other, "  </devices>\n" TAIL, NULL);
    g_autofree char *before = NULL, *after = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(vh_domain_edit(xml, strlen(xml), &change, &before, &after, &error));
    g_assert_null(strstr(after, "bus=\"0x09\""));
    const char *new = strstr(after, "<address domain=\"0x10000\" bus=\"0x01\"");
    g_assert_nonnull(new);
    g_assert_true(strstr(after, "slot=\"31\"") < new &&new < strstr(after, "<memballoon/>"));
}

static void test_rom(void)
{
    const VhDomainChange change = {
        .addresses = one, .rom = "/a<b\"&.rom", .rom_address = "0000:09:1f.1"};
    const VhDomainChange lost = {.rom = "/a.rom", .rom_address = "0000:09:1f.0"};
    const char xml[] = HEAD "  <devices>\n" HOSTDEV "  </devices>\n" TAIL;
    g_autofree char *before = NULL, *after = NULL;
    g_autoptr(GError) error = NULL;

    check(xml, &change,
          HEAD "  <devices>\n"
               "    <hostdev mode=\"subsystem\" type=\"pci\" managed=\"yes\">\n      <source>\n"
               "        <address domain=\"0x0000\" bus=\"0x09\" slot=\"0x1f\" function=\"0x1\"/>\n"
               "      </source>\n      <rom file=\"/a&lt;b&quot;&amp;.rom\"/>\n    </hostdev>\n"
               "  </devices>\n" TAIL);
    g_assert_false(vh_domain_edit(xml, strlen(xml), &lost, &before, &after, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_DOMAIN);
    g_assert_null(after);
}

static void test_features(void)
{
    const VhDomainChange change = {.hide_kvm = TRUE, .vendor_id = "abc"};
    const char made[] =
        HEAD "  <features>\n    <kvm>\n      <hidden state=\"on\"/>\n    </kvm>\n    <hyperv>\n"
             "      <vendor_id state=\"on\" value=\"abc\"/>\n    </hyperv>\n  </features>\n"
             "  <devices/>\n" TAIL;

    check(HEAD "  <devices/>\n" TAIL, &change, made);
    check(HEAD "  <features>\n    <acpi/>\n    <kvm>\n      <hidden state=\"off\"/>\n    </kvm>\n"
               "    <hyperv mode=\"custom\">\n      <relaxed state=\"on\"/>\n    </hyperv>\n"
               "  </features>\n  <devices/>\n" TAIL,
          &change,
          HEAD "  <features>\n    <acpi/>\n    <kvm>\n      <hidden state=\"on\"/>\n    </kvm>\n"
               "    <hyperv mode=\"custom\">\n      <relaxed state=\"on\"/>\n"
               "      <vendor_id state=\"on\" value=\"abc\"/>\n    </hyperv>\n"
               "  </features>\n  <devices/>\n" TAIL);
}

static void test_refused(void)
{
    static const char *const texts[] = {
        "",
        "<domain>",
        "<domain><name>a</name></domain>",
        HEAD TAIL,
        "<!DOCTYPE domain [<!ENTITY x \"y\">]>" HEAD "<devices/>" TAIL,
    };
    const VhDomainChange change = {.addresses = one};

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *before = NULL, *after = NULL;
        g_assert_false(
            vh_domain_edit(texts[i], strlen(texts[i]), &change, &before, &after, &error));
        g_assert_error(error, VH_ERROR, VH_ERROR_DOMAIN);
        g_assert_null(before);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain-edit/add", test_add);
    g_test_add_func("/domain-edit/others", test_others);
    g_test_add_func("/domain-edit/rom", test_rom);
    g_test_add_func("/domain-edit/features", test_features);
    g_test_add_func("/domain-edit/refused", test_refused);
    return g_test_run();
}

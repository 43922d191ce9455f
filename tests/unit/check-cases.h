// SPDX-License-Identifier: GPL-2.0-or-later
/* One finding on a machine that is as a case says, for the tests of check. */
#pragma once

#include <string.h>

#include "inspect/check.h"
#include "sim/sim.h"

#define HOOKS "/etc/libvirt/hooks"
#define ENGINE "/usr/sbin/virt-handoff"
#define FILE_AT(path, text) "{\"path\":\"" path "\",\"text\":\"" text "\"}"
#define HOOK(more) "{\"path\":\"" HOOKS "/qemu\",\"text\":\"ELF " ENGINE "\"" more "}"
#define INSTALLED FILE_AT(ENGINE, "x\",\"mode\":\"0755")
#define CARD                                                                                       \
    "\"functions\":[{\"address\":\"0000:09:00.0\",\"class\":\"0x030000\",\"vendor\":\"0x10de\","   \
    "\"device\":\"0x2489\",\"group\":16,\"boot_vga\":true},{\"address\":\"0000:09:00.1\","         \
    "\"class\":\"0x040300\",\"vendor\":\"0x10de\",\"device\":\"0x228b\",\"group\":16}]"
#define ACCOUNTS                                                                                   \
    FILE_AT("/etc/passwd", "root:x:0:0::/:\\nanna:x:1000:1000::/:\\nlibvirt-qemu:x:64055:109::/:") \
    "," FILE_AT("/etc/group",                                                                      \
                "libvirt:x:140:anna\\nkvm:x:109:\\ninput:x:104:\\nvideo:x:44:libvirt-qemu")

typedef struct {
    const char *id;
    const char *files;   /* of the snapshot */
    const char *members; /* others of the snapshot, NULL: none */
    const char *domain;  /* what is in its XML, NULL: no guest */
    const char *wanted;  /* "STATE WHAT", one line each */
} Case;

static char *describe(const GPtrArray *findings, const char *id)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < findings->len; i++) {
        const VhFinding *finding = findings->pdata[i];
        if (!g_str_equal(finding->id, id))
            continue;
        g_string_append_printf(text, "%s%s %s", text->len ? "\n" : "",
                               vh_finding_state_name(finding->state), finding->what);
        /* Whoever is told that something is wrong is told what to do. */
        if (finding->state >= VH_FINDING_WARNING && !g_str_equal(id, "plan"))
            g_assert_nonnull(finding->mend);
        g_assert_nonnull(finding->why);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static VhDomain *parse_domain(const char *inner)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml =
        g_strdup_printf("<domain type='kvm'><name>win10</name>"
                        "<uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>%s</domain>",
                        inner);
    VhDomain *domain = vh_domain_parse(xml, strlen(xml), &error);

    g_assert_no_error(error);
    return domain;
}

static GPtrArray *run(const Case *one, const char *config_text, VhHost *host)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhDomain) domain = one->domain ? parse_domain(one->domain) : NULL;
    g_autoptr(VhConfig) config =
        vh_config_parse(config_text, HOOKS "/kvm.conf.d/win10.conf", &error);
    g_autoptr(GPtrArray) claims = g_ptr_array_new();
    g_autoptr(VhPlan) plan = domain ? vh_plan_new(host, config, domain, claims, &error) : NULL;
    const VhCheck check = {.host = host,
                           .hooks_dir = HOOKS,
                           .engine = ENGINE,
                           .user = "anna",
                           .guest = domain ? "win10" : NULL,
                           .config = config,
                           .domain = domain,
                           .plan = plan};

    g_assert_no_error(error);
    return vh_check_run(&check);
}

static void assert_case(const Case *one, const char *config)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *snapshot =
        g_strdup_printf("{\"version\":1,\"files\":[%s]%s%s}", one->files, one->members ? "," : "",
                        one->members ? one->members : "");
    g_autoptr(VhHost) host = vh_sim_new(snapshot, &error);

    g_assert_no_error(error);
    g_autoptr(GPtrArray) findings = run(one, config, host);
    g_autofree char *got = describe(findings, one->id);
    if (g_strcmp0(got, one->wanted) != 0)
        g_test_message("%s", snapshot);
    g_assert_cmpstr(got, ==, one->wanted);
}

/* With that file of the guest's. */
#define CASES_WITH(config, ...)                                                                    \
    {                                                                                              \
        static const Case cases[] = {__VA_ARGS__};                                                 \
        for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)                                            \
            assert_case(&cases[i], config);                                                        \
    }
#define CASES(...) CASES_WITH("", __VA_ARGS__)

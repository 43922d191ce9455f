// SPDX-License-Identifier: GPL-2.0-or-later
/* Which huge pages a domain asks for, of which of the host's nodes, and where its CPUs are. */
#include <string.h>

#include "domain/domain.h"

/* "SIZE on NODE: AMOUNT" of each size and node, and "pins LIST", one line each. */
static char *memory_of(const char *inner)
{
    g_autofree char *xml = g_strdup_printf("<domain><name>g</name><uuid>c7a5fdbd-edaf-9455-926a-"
                                           "d65c16db1809</uuid>%s</domain>",
                                           inner);
    g_autoptr(GError) error = NULL;
    g_autoptr(VhDomain) domain = vh_domain_parse(xml, strlen(xml), &error);
    g_autoptr(GString) text = g_string_new(NULL);

    g_assert_no_error(error);
    for (guint i = 0; i < domain->pages->len; i++) {
        const VhDomainPages *pages = domain->pages->pdata[i];
        g_string_append_printf(text, "%" G_GUINT64_FORMAT "K on %d: %" G_GUINT64_FORMAT "M\n",
                               pages->size / 1024, pages->node, pages->bytes / (1024 * 1024));
    }
    if (domain->pinned)
        g_string_append_printf(text, "pins %s\n", domain->pinned);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

typedef struct {
    const char *xml, *wanted;
} Case;

static void assert_cases(const Case *cases, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        g_autofree char *got = memory_of(cases[i].xml);
        if (strcmp(got, cases[i].wanted) != 0)
            g_test_message("%s", cases[i].xml);
        g_assert_cmpstr(got, ==, cases[i].wanted);
    }
}

#define HUGE(pages) "<memoryBacking><hugepages>" pages "</hugepages></memoryBacking>"
#define GIB2 "<memory unit='GiB'>2</memory>"
#define CELLS                                                                                      \
    "<memory unit='GiB'>6</memory><cpu><numa><cell id='0' memory='2' unit='GiB'/>"                 \
    "<cell id='1' memory='4' unit='GiB'/></numa></cpu>"
#define TUNE(more) "<numatune>" more "</numatune>"

static void test_pages(void)
{
    static const Case cases[] = {
        {GIB2, ""},
        {GIB2 HUGE(""), "0K on -1: 2048M\n"},
        {GIB2 HUGE("<page size='1' unit='G'/>"), "1048576K on -1: 2048M\n"},
        {GIB2 HUGE("<page size='2048'/>"), "2048K on -1: 2048M\n"},
        /* Sizes by cell: those named, and the rest. */
        {CELLS HUGE("<page size='1' unit='G' nodeset='1'/><page size='2' unit='M'/>"),
         "2048K on -1: 2048M\n1048576K on -1: 4096M\n"},
        /* A cell that no page names has ordinary memory. */
        {CELLS HUGE("<page size='1' unit='G' nodeset='1'/>"), "1048576K on -1: 4096M\n"},
        {CELLS HUGE("<page size='1' unit='G' nodeset='0-3,^1'/>"), "1048576K on -1: 2048M\n"},
        {CELLS HUGE(""), "0K on -1: 6144M\n"},
        /* A cell without a number is the next one. */
        {"<memory unit='GiB'>2</memory><cpu><numa><cell memory='1' unit='GiB'/><cell memory='1' "
         "unit='GiB'/></numa></cpu>" HUGE("<page size='2' unit='M' nodeset='1'/>"),
         "2048K on -1: 1024M\n"},
        /* What is no set of cells is for all. */
        {GIB2 HUGE("<page size='2' unit='M' nodeset='x'/>"), "2048K on -1: 2048M\n"},
    };

    assert_cases(cases, G_N_ELEMENTS(cases));
}

static void test_nodes(void)
{
    static const Case cases[] = {
        {GIB2 HUGE("") TUNE("<memory nodeset='1'/>"), "0K on 1: 2048M\n"},
        {GIB2 HUGE("") TUNE("<memory mode='strict' nodeset='0'/>"), "0K on 0: 2048M\n"},
        /* Only that mode keeps to the node, and only one node is one to keep to. */
        {GIB2 HUGE("") TUNE("<memory mode='preferred' nodeset='1'/>"), "0K on -1: 2048M\n"},
        {GIB2 HUGE("") TUNE("<memory mode='strict' nodeset='0-1'/>"), "0K on -1: 2048M\n"},
        {GIB2 HUGE("") TUNE("<memory mode='strict' placement='auto'/>"), "0K on -1: 2048M\n"},
        {CELLS HUGE("") TUNE("<memnode cellid='1' mode='strict' nodeset='1'/>"),
         "0K on -1: 2048M\n0K on 1: 4096M\n"},
        /* A cell's own place goes before that of all. */
        {CELLS HUGE("") TUNE("<memory nodeset='0'/><memnode cellid='1' mode='strict' "
                             "nodeset='3'/>"),
         "0K on 0: 2048M\n0K on 3: 4096M\n"},
        {CELLS HUGE("") TUNE("<memory nodeset='2'/>"), "0K on 2: 6144M\n"},
        {GIB2 HUGE("") TUNE("<memory nodeset='99999999999'/>"), "0K on -1: 2048M\n"},
    };

    assert_cases(cases, G_N_ELEMENTS(cases));
}

static void test_pins(void)
{
    static const Case cases[] = {
        {"<cputune><vcpupin vcpu='0' cpuset='2'/><vcpupin vcpu='1' cpuset='8'/></cputune>",
         "pins 2,8\n"},
        {"<cputune><vcpupin vcpu='0' cpuset='2-5,^3'/><vcpupin vcpu='1' cpuset='5-6'/></cputune>",
         "pins 2,4-6\n"},
        /* QEMU's own threads may be where the host is. */
        {"<cputune><emulatorpin cpuset='0'/><iothreadpin iothread='1' cpuset='1'/></cputune>", ""},
        {"<cputune><vcpupin vcpu='0' cpuset='x'/><vcpupin vcpu='1'/></cputune>", ""},
        {"<cputune><vcpupin vcpu='0' cpuset='99999999999'/><vcpupin vcpu='1' cpuset='7'/>"
         "</cputune>",
         "pins 7\n"},
        {"<metadata><cputune><vcpupin vcpu='0' cpuset='2'/></cputune></metadata>", ""},
    };

    assert_cases(cases, G_N_ELEMENTS(cases));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain-memory/pages", test_pages);
    g_test_add_func("/domain-memory/nodes", test_nodes);
    g_test_add_func("/domain-memory/pins", test_pins);
    return g_test_run();
}

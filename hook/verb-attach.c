// SPDX-License-Identifier: GPL-2.0-or-later
/* attach GUEST ADDRESS…: adds whole IOMMU groups to a guest's definition, difference first. */
#include <string.h>

#include "base/address.h"
#include "base/text.h"
#include "domain/edit.h"
#include "hook/patient.h"
#include "hook/report.h"
#include "hook/verbs.h"
#include "inspect/attach.h"
#include "inspect/diff.h"

/* Where passwords are in domain XML: <graphics passwd=…>. */
static char *without_passwords(const char *line)
{
    g_autoptr(GRegex) regex = g_regex_new("passwd=(\"[^\"]*\"|'[^']*')", 0, 0, NULL);

    return g_regex_replace_literal(regex, line, -1, 0, "passwd=\"…\"", 0, NULL);
}

static void show(const char *before, const char *after)
{
    static const struct {
        char mark;
        const char *colour; /* of vh_report_line */
    } marks[] = {{'-', "!"}, {'+', "+"}};
    g_autoptr(GPtrArray) lines = vh_diff_lines(before, after);

    for (guint i = 0; i < lines->len; i++) {
        g_autofree char *shown = without_passwords(lines->pdata[i]);
        const char *colour = "";
        for (gsize k = 0; k < G_N_ELEMENTS(marks); k++)
            if (*shown == marks[k].mark)
                colour = marks[k].colour;
        g_autofree char *line = g_strconcat(colour, shown, NULL);
        vh_report_line(line);
    }
}

static gboolean is_named(const char *address, char *const *names)
{
    for (gsize i = 0; names[i]; i++) {
        g_autofree char *name = vh_address_canonical(names[i], NULL);
        if (g_strcmp0(name, address) == 0)
            return TRUE;
    }
    return FALSE;
}

/* What is done beside what was asked for. */
static void tell_group(const GPtrArray *functions, char *const *names)
{
    for (guint i = 0; i < functions->len; i++) {
        const VhPciFunction *function = functions->pdata[i];
        if (!is_named(function->address, names))
            vh_report_remark("%s comes along: a guest gets IOMMU group %d whole\n",
                             function->address, function->iommu_group);
    }
}

static gboolean check_options(VhHost *host, const VhOptions *options, GError **error)
{
    if (options->vendor && !vh_attach_vendor_check(options->vendor, error))
        return FALSE;
    if (options->rom && !g_path_is_absolute(options->rom))
        return vh_error_set(error, VH_ERROR_USAGE, "--rom %s: libvirt takes an absolute path only",
                            options->rom);
    return !options->rom || vh_host_rom_usable(host, options->rom, error);
}

static gboolean edit(const GPtrArray *functions, char *const *names, GBytes *xml,
                     const VhOptions *options, char **ret_before, char **ret_after, GError **error)
{
    g_autoptr(GPtrArray) addresses = g_ptr_array_new();
    g_autofree char *first = vh_address_canonical(names[0], NULL);
    const char *display = vh_attach_rom_address(functions);
    gsize length;
    const char *text = g_bytes_get_data(xml, &length);

    for (guint i = 0; i < functions->len; i++)
        g_ptr_array_add(addresses, ((VhPciFunction *)functions->pdata[i])->address);
    g_ptr_array_add(addresses, NULL);
    const VhDomainChange change = {
        .addresses = (const char *const *)addresses->pdata,
        .rom = options->rom,
        .rom_address = display ? display : first,
        .hide_kvm = options->hide,
        .vendor_id = options->vendor,
    };
    if (!vh_domain_edit(text, length, &change, ret_before, ret_after, error))
        return FALSE;
    if (g_str_equal(*ret_before, *ret_after))
        return vh_error_set(error, VH_ERROR_REFUSED,
                            "the guest has all of it already: nothing to change");
    return TRUE;
}

static gboolean put(const char *guest, const char *before, const char *after,
                    const VhOptions *options, GError **error)
{
    if (options->xml && options->yes) {
        vh_report_text("%s", after);
        return TRUE;
    }
    show(before, after);
    if (!options->yes) {
        vh_report_remark("Nothing is changed yet: --yes does it\n");
        return TRUE;
    }
    if (options->host || options->root) {
        vh_report_remark("This is not this machine: nothing is defined\n");
        return TRUE;
    }
    if (!vh_machine_define(after, error))
        return FALSE;
    g_autofree char *operand = vh_text_operand(guest);
    vh_report_remark("Defined, for the next start of %s; see what it does: virt-handoff plan %s\n",
                     guest, operand);
    return TRUE;
}

/* Below another root it is what libvirt keeps there, and of a snapshot the file beside it. */
static GBytes *definition(VhHost *host, const char *guest, const VhOptions *options, GError **error)
{
    g_autofree char *kept = g_strdup_printf("/etc/libvirt/qemu/%s.xml", guest);

    g_autofree char *beside =
        options->host && !options->xml ? patient_xml_beside(options->host) : NULL;

    if (!options->root || options->xml)
        return vh_machine_definition(guest, beside ? beside : options->xml, error);
    g_autofree char *text = vh_host_read(host, kept, error);
    return text ? g_bytes_new(text, strlen(text)) : NULL;
}

int vh_verb_attach(int argc, char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhHost) host = vh_machine_host(options, &error);
    g_autofree char *before = NULL, *after = NULL;
    char **names = argv + 1;

    g_autoptr(GPtrArray) functions = host && check_options(host, options, &error)
                                         ? vh_attach_functions(host, names, &error)
                                         : NULL;
    g_autoptr(GBytes) xml = functions ? definition(host, argv[0], options, &error) : NULL;
    if (xml && edit(functions, names, xml, options, &before, &after, &error)) {
        tell_group(functions, names);
        if (put(argv[0], before, after, options, &error))
            return VH_EXIT_OK;
    }
    return vh_report_failure(argv[0], error);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* iommu: the groups, what is in them, and what can only be passed together. */
#include "hook/report.h"
#include "hook/verbs.h"
#include "inspect/iommu.h"

#define HOW_TO_SWITCH_ON                                                                           \
    "this host has no IOMMU in use, so no device can be passed to a guest; enable AMD-Vi (IOMMU) " \
    "or Intel VT-d in the firmware's setup, on Intel add intel_iommu=on to the kernel's command "  \
    "line, and start the machine again"

static void show_function(const VhIommuFunction *function)
{
    g_autofree char *line = vh_iommu_line(function);
    g_autofree char *use = vh_iommu_use_text(function);
    g_autofree char *methods = g_strjoinv(" ", function->reset_methods);
    const char *driver = function->pci->driver;
    const char *reset = !function->reset_known ? "not known" : function->reset ? methods : "none";
    gboolean nores = function->reset_known && !function->reset;

    /* As in the guide's iommu.sh, and a line of "lspci -nn" to be searched for. */
    g_autofree char *head =
        g_strdup_printf("%s %s %s", nores ? "?[NORES]" : "       ", function->pci->address, line);
    vh_report_line(head);
    vh_report_text("%21sdriver: %s, reset: %s%s\n", "", driver ? driver : "none",
                   *reset ? reset : "yes", function->pci->boot_vga ? ", boot VGA" : "");
    if (use)
        vh_report_text("%21sin use: %s\n", "", use);
}

static void show_group(const VhIommuGroup *group)
{
    g_autofree char *verdict = vh_iommu_verdict(group);
    g_autofree char *head = group->number < 0
                                ? g_strdup_printf("*In no IOMMU group: %s", verdict)
                                : g_strdup_printf("*IOMMU group %d: %s", group->number, verdict);

    vh_report_line(head);
    for (guint i = 0; i < group->functions->len; i++)
        show_function(group->functions->pdata[i]);
}

static void show(const VhIommu *iommu, const VhOptions *options)
{
    if (options->json) {
        vh_report_json(vh_iommu_variant(iommu));
        return;
    }
    for (guint i = 0; i < iommu->groups->len; i++)
        show_group(iommu->groups->pdata[i]);
}

/* The group that was asked for, -1 for any. */
static gboolean parse_group(const VhOptions *options, int *ret_group, GError **error)
{
    guint64 number = 0;

    *ret_group = -1;
    if (!options->group)
        return TRUE;
    if (!g_ascii_string_to_unsigned(options->group, 10, 0, G_MAXINT, &number, NULL))
        return vh_error_set(error, VH_ERROR_USAGE,
                            "--group takes the number of an IOMMU group (try: virt-handoff iommu)");
    *ret_group = (int)number;
    return TRUE;
}

static gboolean look(VhHost *host, const VhOptions *options, int group, GError **error)
{
    g_autoptr(VhIommu) iommu = vh_iommu_look(host, error);

    if (!iommu)
        return FALSE;
    gboolean found = vh_iommu_keep(iommu, group, options->gpu);
    vh_iommu_find_uses(iommu, host);
    show(iommu, options);
    if (!iommu->on)
        return vh_error_set(error, VH_ERROR_UNSUPPORTED, HOW_TO_SWITCH_ON);
    if (!found && group >= 0)
        return vh_error_set(error, VH_ERROR_GONE, "there is no IOMMU group %d%s", group,
                            options->gpu ? " with a display controller" : "");
    return found || vh_error_set(error, VH_ERROR_GONE, "this host has no %s",
                                 options->gpu ? "display controller" : "PCI function");
}

int vh_verb_iommu(int argc, char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    int group;

    if (!parse_group(options, &group, &error))
        return vh_report_failure(NULL, error);
    g_autoptr(VhHost) host = vh_machine_host(options, &error);
    if (host && look(host, options, group, &error))
        return VH_EXIT_OK;
    return vh_report_failure(NULL, error);
}

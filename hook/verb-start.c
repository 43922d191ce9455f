// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * start GUEST: everything is checked and said while there still is a screen to read it on; then
 * systemd runs what has libvirt start the guest, as the session that asked may end with it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "build-config.h"
#include "engine/plan.h"
#include "hook/report.h"
#include "hook/verbs.h"
#include "host/desk.h"

/* ---- what will end ---- */

static gboolean has_kind(const VhPlan *plan, const char *kind)
{
    for (guint i = 0; i < plan->steps->len; i++)
        if (g_str_equal(((VhStep *)plan->steps->pdata[i])->kind->name, kind))
            return TRUE;
    return FALSE;
}

/* Whether a device of the plan is on that seat. */
static gboolean takes_seat(VhHost *host, const VhPlan *plan, const char *seat)
{
    for (guint i = 0; seat && i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (!device->now || !vh_pci_is_display(device->now))
            continue;
        g_autofree char *own = vh_host_pci_seat(host, device->address);
        if (g_strcmp0(own, seat) == 0)
            return TRUE;
    }
    return FALSE;
}

static void show_sessions(VhHost *host, const VhPlan *plan)
{
    g_autoptr(GPtrArray) sessions = vh_host_sessions(host, NULL);

    for (guint i = 0; sessions && i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (vh_session_is_graphical(session) && takes_seat(host, plan, session->seat))
            vh_report_text("  ends: session %s of %s%s%s\n", session->id, session->user,
                           session->desktop ? ", " : "", session->desktop ? session->desktop : "");
    }
}

static void show_holders(VhHost *host, const VhPlan *plan)
{
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func((GDestroyNotify)vh_node_free);

    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        g_autoptr(GPtrArray) own = vh_host_pci_nodes(host, device->address, NULL);
        while (own && own->len > 0) {
            VhNode *node = g_ptr_array_steal_index(own, 0);
            if (node->blocks)
                g_ptr_array_add(nodes, node);
            else
                vh_node_free(node);
        }
    }
    g_autoptr(GPtrArray) holders = nodes->len > 0 ? vh_host_holders(host, nodes, NULL) : NULL;
    for (guint i = 0; holders && i < holders->len; i++) {
        const VhHolder *holder = holders->pdata[i];
        vh_report_text("  has to let go of %s: %s (pid %d, user %s)\n", holder->node,
                       holder->command, (int)holder->process.pid, holder->user);
    }
}

/* Programs that are in the midst of something: only what blocks says so. */
static void show_inhibitors(VhHost *host)
{
    g_autoptr(GPtrArray) inhibitors = vh_desk_inhibitors(host, NULL);

    for (guint i = 0; inhibitors && i < inhibitors->len; i++) {
        const VhInhibitor *inhibitor = inhibitors->pdata[i];
        if (g_strcmp0(inhibitor->mode, "block") == 0)
            vh_report_text("  asks not to be disturbed: %s (%s)\n", inhibitor->who, inhibitor->why);
    }
}

/* TRUE when it can begin. */
static gboolean show(VhHost *host, const VhPlan *plan, gboolean real)
{
    for (guint i = 0; i < plan->refusals->len; i++)
        vh_report_text("  cannot: %s\n", (char *)plan->refusals->pdata[i]);
    for (guint i = 0; i < plan->notes->len; i++)
        vh_report_text("  note: %s\n", (char *)plan->notes->pdata[i]);
    if (plan->refusals->len > 0)
        return FALSE;
    vh_report_text("Starting %s takes %u device(s) from this host.\n", plan->guest,
                   plan->devices->len);
    if (has_kind(plan, "unit") || has_kind(plan, "sessions"))
        show_sessions(host, plan);
    show_holders(host, plan);
    if (real)
        show_inhibitors(host);
    return TRUE;
}

/* ---- asking, and doing it ---- */

static gboolean agreed(const VhOptions *options, GError **error)
{
    char answer[16] = "";

    if (options->yes)
        return TRUE;
    if (!isatty(STDIN_FILENO))
        return vh_error_set(error, VH_ERROR_REFUSED,
                            "nobody can be asked here: --yes starts it without a question");
    vh_report_text("Go on? [y/N] ");
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return TRUE;
    return vh_error_set(error, VH_ERROR_REFUSED, "not started");
}

static gboolean start(VhHost *host, const VhPlan *plan, GError **error)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *unit = g_strdup_printf("virt-handoff-start-%s.service", plan->uuid);

    if (!vh_desk_start_guest(host, unit, self ? self : ENGINE, plan->guest, error))
        return FALSE;
    vh_report_text("%s starts; how it went: journalctl -u %s, virt-handoff timeline %s\n",
                   plan->guest, unit, plan->guest);
    return TRUE;
}

int vh_verb_start(int argc, char **argv, const VhOptions *options)
{
    VhEngine engine = vh_machine_engine(NULL, argv[0]);
    g_autoptr(VhHost) here = engine.host;
    g_autoptr(GError) error = NULL;
    g_autoptr(VhHost) other = options->host ? vh_machine_host(options, &error) : NULL;

    if (other)
        engine.host = other;
    g_autoptr(GBytes) xml = error ? NULL : vh_machine_domain_xml(argv[0], options->xml, &error);
    g_autoptr(VhPlan) plan =
        xml ? vh_plan_for_guest(&engine, argv[0], xml, options->config, &error) : NULL;
    if (plan && !show(engine.host, plan, other == NULL))
        return VH_EXIT_FAILED;
    if (plan && other) {
        vh_report_text("This is a simulated host: nothing is started.\n");
        return VH_EXIT_OK;
    }
    if (plan && vh_host_guest_running(here, plan->guest))
        vh_error_set(&error, VH_ERROR_REFUSED, "the guest is running already");
    else if (plan && agreed(options, &error) && start(here, plan, &error))
        return VH_EXIT_OK;
    vh_report_error(argv[0], error);
    return VH_EXIT_FAILED;
}

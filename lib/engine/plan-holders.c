// SPDX-License-Identifier: GPL-2.0-or-later
/* Who has the devices open, and what becomes of them. */
#include "engine/fate.h"
#include "engine/plan-private.h"
#include "steps/holding.h"

/* Who has a device open for a moment only has closed it by then. */
#define MOMENT (1 * G_USEC_PER_SEC)
#define PAUSE (MOMENT / 5)

/* NULL: none. */
static char **end_list(GPtrArray *addresses)
{
    if (addresses->len == 0)
        return NULL;
    g_ptr_array_add(addresses, NULL);
    return (char **)g_ptr_array_steal(addresses, NULL);
}

char **vh_plan_leaving(const VhPlan *plan)
{
    g_autoptr(GPtrArray) addresses = g_ptr_array_new();

    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (vh_plan_moves(device) && device->now->driver)
            g_ptr_array_add(addresses, g_strdup(device->address));
    }
    return end_list(addresses);
}

/* ---- who will still be there at the end of all waiting ---- */

static gboolean is_among(const GPtrArray *holders, VhProcess process)
{
    for (guint i = 0; holders && i < holders->len; i++) {
        const VhHolder *holder = holders->pdata[i];
        if (holder->process.pid == process.pid && holder->process.start_time == process.start_time)
            return TRUE;
    }
    return FALSE;
}

static void keep_those_of(GPtrArray *holders, const GPtrArray *now)
{
    for (guint i = holders->len; i > 0; i--)
        if (!is_among(now, ((const VhHolder *)holders->pdata[i - 1])->process))
            g_ptr_array_remove_index(holders, i - 1);
}

/* Leaves those in @found (VhHolder) who have a device open whenever one looks. Nothing is touched
 * yet, so a moment is all that it costs to know. */
static void keep_lasting(VhPlanning *planning, GPtrArray *found, const char *const *addresses)
{
    gint64 all = MIN(MOMENT, (gint64)planning->plan->timeout * G_USEC_PER_SEC / 8);
    gint64 until = vh_host_now(planning->host) + all, now;

    while (found->len > 0 && (now = vh_host_now(planning->host)) < until &&
           !vh_host_interrupted(planning->host)) {
        vh_host_wait(planning->host, found, MIN(PAUSE, until - now));
        g_autoptr(GPtrArray) again = vh_holding_find(planning->host, addresses, NULL);
        keep_those_of(found, again);
    }
}

/* Services (VhHolder, borrowed) that nothing ends. */
static GPtrArray *find_obstacles(VhPlanning *planning, const VhJudge *judge,
                                 const char *const *addresses)
{
    const GPtrArray *holders = vh_judge_holders(judge);
    GPtrArray *found = g_ptr_array_new();

    for (guint i = 0; i < holders->len; i++)
        if (vh_judge_is_obstacle(judge, holders->pdata[i]))
            g_ptr_array_add(found, holders->pdata[i]);
    keep_lasting(planning, found, addresses);
    return found;
}

static void refuse(VhPlanning *planning, const VhJudge *judge, const VhHolder *holder)
{
    g_autofree char *what = vh_holding_describe(holder);
    g_autofree char *advice = vh_judge_advice(judge, holder);
    g_autofree char *service = vh_judge_service(judge, holder);

    vh_plan_refuse(planning, "%s: %s%s", what, advice,
                   service ? ", or set holders = \"terminate\"" : "");
}

/* ---- who has what need not be moved ---- */

static gboolean passes_group(const VhPlan *plan, int group)
{
    for (guint i = 0; group >= 0 && i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (device->now && device->now->iommu_group == group)
            return TRUE;
    }
    return FALSE;
}

/* What is on vfio-pci already, of the groups that are passed: passed itself, or not. NULL: nothing.
 */
static char **find_ready(const VhPlanning *planning)
{
    g_autoptr(GPtrArray) addresses = g_ptr_array_new();

    for (guint i = 0; i < planning->all->len; i++) {
        const VhPciFunction *function = planning->all->pdata[i];
        const VhPlanDevice *device = vh_plan_device(planning->plan, function->address);
        if (function->vfio && !(device && vh_plan_moves(device)) &&
            passes_group(planning->plan, function->iommu_group))
            g_ptr_array_add(addresses, g_strdup(function->address));
    }
    return end_list(addresses);
}

/* A guest that libvirt handed a device to without us, at its start or while it runs, has no journal
 * that says so; of one that has, it may be another device of the group. A group is one process's
 * (vfio_group_fops_open in the kernel's vfio/group.c), and libvirt looks at that only when the
 * desktop is gone. */
static void refuse_taken(VhPlanning *planning)
{
    g_auto(GStrv) addresses = find_ready(planning);
    const char *const *list = (const char *const *)addresses;

    if (!list || vh_host_guest_running(planning->host, planning->plan->guest))
        return;
    g_autoptr(GPtrArray) found = vh_holding_find(planning->host, list, NULL);
    if (found)
        keep_lasting(planning, found, list);
    for (guint i = 0; found && i < found->len; i++) {
        const VhHolder *holder = found->pdata[i];
        g_autofree char *what = vh_holding_describe(holder);
        g_autofree char *advice = vh_holding_advice(planning->host, holder, NULL);
        vh_plan_refuse(planning, "%s: %s", what, advice);
    }
}

/* ---- what the plan shows ---- */

static void note(VhPlanning *planning, const VhHolder *holder, const char *text)
{
    g_autofree char *what = vh_holding_describe(holder);

    g_ptr_array_add(planning->plan->present, g_strdup_printf("%s: %s", what, text));
}

static void note_session(VhPlanning *planning, const VhJudge *judge, const VhSession *session)
{
    if (vh_judge_session(judge, session) != VH_FATE_WAITED || vh_judge_is_helped(judge))
        return;
    g_ptr_array_add(planning->plan->present, vh_judge_session_advice(session));
}

/* A note about a process; the service that is stopped now for another, into @services (char *). */
static void plan_holder(VhPlanning *planning, const VhJudge *judge, const VhHolder *holder,
                        GPtrArray *services)
{
    VhFate fate = vh_judge_holder(judge, holder);

    if (fate == VH_FATE_STAYS) {
        g_autofree char *advice = vh_judge_advice(judge, holder);
        note(planning, holder, advice);
    } else if (fate == VH_FATE_TERMINATED) {
        note(planning, holder, "it will be ended and does not come back by itself");
    } else if (fate == VH_FATE_STOPPED) {
        g_autofree char *service = vh_judge_service(judge, holder);
        if (!g_ptr_array_find_with_equal_func(services, service, g_str_equal, NULL))
            g_ptr_array_add(services, g_steal_pointer(&service));
    }
}

/* Notes and refusals about those who have one of the devices open; the services that are stopped
 * now (char *). */
static GPtrArray *plan_present(VhPlanning *planning, const char *const *addresses)
{
    g_autoptr(VhJudge) judge = vh_judge_new(planning->host, planning->plan, planning->config);
    const GPtrArray *sessions = vh_judge_sessions(judge), *holders = vh_judge_holders(judge);
    g_autoptr(GPtrArray) obstacles = find_obstacles(planning, judge, addresses);
    GPtrArray *services = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < sessions->len; i++)
        note_session(planning, judge, sessions->pdata[i]);
    for (guint i = 0; i < holders->len; i++) {
        const VhHolder *holder = holders->pdata[i];
        if (vh_judge_is_hopeless(judge, holder) || is_among(obstacles, holder->process))
            refuse(planning, judge, holder);
        else
            plan_holder(planning, judge, holder, services);
    }
    return services;
}

void vh_plan_holders(VhPlanning *planning)
{
    static const char *const policies[] = {"refuse", "terminate"};
    g_auto(GStrv) addresses = vh_plan_leaving(planning->plan);
    VhHolders policy = planning->config->holders;

    /* What a guest of ours holds is refused with its name. */
    if (planning->plan->refusals->len == 0)
        refuse_taken(planning);
    if (!addresses)
        return;
    g_autofree char *subject = g_strjoinv(" ", addresses);
    const char *const *list = (const char *const *)addresses;
    g_autoptr(GPtrArray) now = plan_present(planning, list);
    if (policy == VH_HOLDERS_TERMINATE)
        vh_plan_add(planning, &vh_step_services, subject,
                    g_variant_new_parsed(
                        "{'addresses': <%^as>, 'now': <%@as>}", list,
                        g_variant_new_strv((const char *const *)now->pdata, (gssize)now->len)));
    vh_plan_add(
        planning, &vh_step_holders, subject,
        g_variant_new_parsed("{'addresses': <%^as>, 'policy': <%s>}", list, policies[policy]));
}

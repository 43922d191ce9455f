// SPDX-License-Identifier: GPL-2.0-or-later
/* A plan for people: beside what the other guests hold, and what an earlier hand-over left. */
#include "base/json.h"
#include "base/text.h"
#include "engine/journal.h"
#include "engine/plan-private.h"
#include "steps/unit.h"

static void note_earlier(VhPlanning *planning, const VhJournal *own)
{
    const char *guest = planning->plan->guest;
    g_autofree char *operand = vh_text_operand(guest);
    gboolean running = vh_host_guest_running(planning->host, guest);

    /* What was done is in its journal, and what a start would do shows when it has stopped. */
    planning->plan->running = running && own;
    if (planning->plan->running)
        g_ptr_array_set_size(planning->plan->steps, 0);
    else if (running && planning->plan->devices->len > 0)
        vh_plan_note(planning, "%s runs and has its devices; this is for the host as it is now",
                     guest);
    else if (own && own->prepared && !vh_journal_goes_back(own))
        vh_plan_note(
            planning,
            "its devices are handed over already: a start takes that over, and its end, or "
            "virt-handoff release %s, gives them back",
            operand);
    else if (own)
        vh_plan_note(
            planning,
            "an earlier hand-over was not given back yet (virt-handoff status %s): a start does "
            "that first",
            operand);
}

/* What was not handed over by us is not given back by us. */
static void note_staying(VhPlanning *planning, const VhJournal *own)
{
    const VhPlan *plan = planning->plan;

    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        gboolean ours = own && g_strv_contains((const char *const *)own->devices, device->address);
        if (device->now && !vh_plan_moves(device) && !ours)
            vh_plan_note(planning, "%s is bound to %s already and stays so afterwards",
                         device->address, device->target);
    }
}

static gboolean stopped_by_other(const GPtrArray *claims, const char *unit)
{
    for (guint i = 0; i < claims->len; i++) {
        const VhClaim *claim = claims->pdata[i];
        if (claim->kind == &vh_step_unit &&
            g_strcmp0(vh_json_string(claim->args, "unit", NULL), unit) == 0)
            return TRUE;
    }
    return FALSE;
}

/* The step stays in the plan, as a unit may start until then. What an earlier hand-over or another
 * guest has stopped does come back. */
static void note_inactive(VhPlanning *planning, const VhJournal *own)
{
    const GPtrArray *steps = planning->plan->steps;

    for (guint i = 0; !own && i < steps->len; i++) {
        const VhStep *step = steps->pdata[i];
        g_autoptr(VhUnit) unit = step->kind == &vh_step_unit
                                     ? vh_host_unit_look(planning->host, step->subject, NULL)
                                     : NULL;
        if (unit && !vh_step_unit_runs(unit) && !stopped_by_other(planning->claims, unit->id))
            vh_plan_note(planning, "%s does not run now: it is neither stopped nor started again",
                         unit->id);
    }
}

/* The guest's scripts at all operations. One that may not be run fails a start only at those
 * before it. */
static void note_scripts(VhPlanning *planning)
{
    static const struct {
        const char *operation, *suboperation;
        gboolean before;
    } times[] = {{"prepare", "begin", TRUE},
                 {"start", "begin", TRUE},
                 {"started", "begin", TRUE},
                 {"stopped", "end", FALSE},
                 {"release", "end", FALSE}};
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);

    for (gsize i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) paths = vh_host_scripts(planning->host, planning->plan->guest,
                                              times[i].operation, times[i].suboperation, &error);
        for (char **path = paths; path && *path; path++)
            g_ptr_array_add(all, g_strdup(*path));
        if (error)
            (times[i].before ? vh_plan_refuse : vh_plan_note)(planning, "%s", error->message);
    }
    g_ptr_array_add(all, NULL);
    g_autofree char *list = vh_text_list((const char *const *)all->pdata);
    if (*list)
        vh_plan_note(
            planning,
            "scripts of the guest's own are run, too, those of prepare before all steps, those of "
            "release when everything is back: %s",
            list);
}

VhPlan *vh_plan_for_guest(const VhEngine *engine, const VhDomain *domain, const VhConfig *config,
                          GError **error)
{
    g_autoptr(VhConfig) defaults = config ? NULL : vh_config_parse("", "defaults", error);

    if (!config && !defaults)
        return NULL;
    g_autoptr(GPtrArray) claims = vh_claims_of_others(engine, domain->uuid);
    g_autoptr(VhJournal) own = vh_journal_look(engine, domain->uuid);
    VhPlan *plan = vh_plan_new(engine->host, config ? config : defaults, domain, claims, error);
    if (!plan)
        return NULL;
    VhPlanning planning = {.host = engine->host, .claims = claims, .plan = plan};
    note_earlier(&planning, own);
    note_inactive(&planning, own);
    note_staying(&planning, own);
    note_scripts(&planning);
    g_autofree char *none = vh_engine_no_config(engine, domain->name);
    if (!config)
        vh_plan_note(&planning, "%s", none);
    return plan;
}

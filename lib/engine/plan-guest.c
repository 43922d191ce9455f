// SPDX-License-Identifier: GPL-2.0-or-later
/* A plan for people: beside what the other guests hold, and what an earlier hand-over left. */
#include "base/text.h"
#include "engine/journal.h"
#include "engine/plan.h"

static void note(VhPlan *plan, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void note(VhPlan *plan, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(plan->notes, g_strdup_vprintf(format, args));
    va_end(args);
}

/* The guest's own journal among all, or NULL. */
static const VhJournal *own_of(const GPtrArray *journals, const char *uuid)
{
    for (guint i = 0; i < journals->len; i++)
        if (g_strcmp0(((const VhJournal *)journals->pdata[i])->uuid, uuid) == 0)
            return journals->pdata[i];
    return NULL;
}

static void note_earlier(VhPlan *plan, VhHost *host, const VhJournal *own)
{
    if (vh_host_guest_running(host, plan->guest))
        note(plan, "%s runs and has its devices; this is for the host as it is now", plan->guest);
    else if (own && own->prepared && !vh_journal_goes_back(own))
        note(plan,
             "its devices are handed over already: a start takes that over, and its end, or "
             "virt-handoff release %s, gives them back",
             plan->guest);
    else if (own)
        note(plan,
             "an earlier hand-over was not given back yet (virt-handoff status %s): a start does "
             "that first",
             plan->guest);
}

/* What was not handed over by us is not given back by us. */
static void note_staying(VhPlan *plan, const VhJournal *own)
{
    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        gboolean ours = own && g_strv_contains((const char *const *)own->devices, device->address);
        if (device->now && g_strcmp0(device->now->driver, device->target) == 0 && !ours)
            note(plan, "%s is bound to %s already and stays so afterwards", device->address,
                 device->target);
    }
}

/* The guest's scripts at all operations. One that may not be run fails a start only at those
 * before it. */
static void note_scripts(VhPlan *plan, VhHost *host)
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
        g_auto(GStrv) paths =
            vh_host_scripts(host, plan->guest, times[i].operation, times[i].suboperation, &error);
        for (char **path = paths; path && *path; path++)
            g_ptr_array_add(all, g_strdup(*path));
        if (error)
            g_ptr_array_add(times[i].before ? plan->refusals : plan->notes,
                            g_strdup(error->message));
    }
    g_ptr_array_add(all, NULL);
    g_autofree char *list = vh_text_list((const char *const *)all->pdata);
    if (*list)
        note(plan,
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
    g_autoptr(GPtrArray) journals = vh_journal_list(engine, NULL);
    const VhJournal *own = own_of(journals, domain->uuid);
    VhPlan *plan = vh_plan_new(engine->host, config ? config : defaults, domain, claims, error);
    if (!plan)
        return NULL;
    note_earlier(plan, engine->host, own);
    note_staying(plan, own);
    note_scripts(plan, engine->host);
    if (!config)
        note(plan,
             "%s/kvm.conf.d/%s.conf does not exist, so the hook leaves this guest alone; an empty "
             "file is enough",
             engine->hooks_dir, domain->name);
    return plan;
}

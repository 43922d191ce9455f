// SPDX-License-Identifier: GPL-2.0-or-later
/* prepare begin: look, then hand everything over, or put everything back. */
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "engine/announce.h"
#include "engine/call-private.h"
#include "engine/journal.h"
#include "engine/plan.h"
#include "engine/run.h"

/* One preparation on its way. */
typedef struct {
    VhTeller teller; /* with uuid and transaction filled in as they become known */
    const VhCall *call;
    gint64 begin;
    VhProcess daemon; /* who called, {0, 0}: a person */
    VhConfig *config; /* NULL: the guest has scripts only */
    VhDomain *domain;
    VhJournal *journal;
    VhPlan *plan;
} Preparation;

static void preparation_clear(Preparation *p)
{
    g_clear_pointer(&p->config, vh_config_free);
    g_clear_pointer(&p->domain, vh_domain_free);
    g_clear_pointer(&p->journal, vh_journal_free);
    g_clear_pointer(&p->plan, vh_plan_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Preparation, preparation_clear)

static VhHost *host_of(const Preparation *p)
{
    return p->teller.engine->host;
}

static gint64 steps_deadline(const Preparation *p)
{
    return vh_deadline_of_steps(p->begin, p->config->timeout);
}

/* libvirt asks for every guest; a person who asks wants something done. */
static gboolean may_do_nothing(const Preparation *p, GError **error)
{
    const VhCall *call = p->call;

    if (!call->by_hand)
        return TRUE;
    g_auto(GStrv) scripts =
        vh_host_scripts(host_of(p), call->guest, call->operation, call->suboperation, NULL);
    if (scripts && *scripts)
        return TRUE;
    g_autofree char *why = vh_engine_no_config(p->teller.engine, p->teller.guest);
    return vh_error_set(error, VH_ERROR_REFUSED, "%s", why);
}

/* The guest's file; one that is not there is no error: the guest may have scripts only. */
static gboolean load_config(Preparation *p, GError **error)
{
    g_autoptr(GError) cause = NULL;

    p->config = vh_engine_config(p->teller.engine, p->call->guest, &cause);
    if (p->config)
        return TRUE;
    if (vh_error_is_gone(cause))
        return may_do_nothing(p, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

static gboolean undo_all(Preparation *p, GError **error)
{
    gint64 now = vh_host_now(host_of(p));
    /* An earlier hand-over may have had more time, but libvirt waits for this one now. */
    gint64 deadline = vh_deadline_of_undo(p->begin, p->config->timeout, now);

    if (vh_run_undo(&p->teller, p->journal, deadline, error) > 0)
        return FALSE;
    return vh_journal_remove(p->journal, error);
}

/* ---- what an earlier preparation left ---- */

static gboolean same_devices(const VhPlan *plan, const VhJournal *journal)
{
    if (plan->devices->len != g_strv_length(journal->devices))
        return FALSE;
    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (!device->now || g_strcmp0(device->now->driver, device->target) != 0 ||
            !g_strv_contains((const char *const *)journal->devices, device->address))
            return FALSE;
    }
    return TRUE;
}

/* All that was done still holds: a release that was killed undoes some of it first. */
static gboolean all_done(VhJournal *journal)
{
    for (guint i = 0; i < journal->records->len; i++) {
        const VhRecord *record = journal->records->pdata[i];
        if (record->prior && record->state != VH_RECORD_DONE)
            return FALSE;
    }
    return journal->prepared && !vh_journal_goes_back(journal) && vh_journal_quiet(journal);
}

static gboolean make_plan(Preparation *p, GError **error)
{
    g_autoptr(GPtrArray) claims = vh_claims_of_others(p->teller.engine, p->domain->uuid);

    g_clear_pointer(&p->plan, vh_plan_free);
    p->plan = vh_plan_new(host_of(p), p->config, p->domain, claims, error);
    return p->plan != NULL;
}

/*
 * A journal of this guest is there already: prepared by hand, or left behind by a daemon that died.
 * When all it did still holds, it is taken over; else it is replayed and all begins anew.
 * *@ret_ready: nothing more is to be done.
 */
static gboolean settle_earlier(Preparation *p, gboolean *ret_ready, GError **error)
{
    g_autoptr(GError) cause = NULL;

    *ret_ready = FALSE;
    p->journal = vh_journal_open(p->teller.engine, p->domain->uuid, &cause);
    if (!p->journal && vh_error_is_gone(cause))
        return TRUE;
    if (!p->journal) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    p->teller.transaction = p->journal->transaction;
    if (all_done(p->journal) && same_devices(p->plan, p->journal)) {
        *ret_ready = TRUE;
        vh_tell(&p->teller, VH_EVENT_NOTE, LOG_NOTICE, NULL, NULL, -1, NULL,
                "taking over what was prepared before");
        return vh_journal_take_over(p->journal, p->daemon, error);
    }
    vh_tell(&p->teller, VH_EVENT_NOTE, LOG_WARNING, NULL, NULL, -1, NULL,
            "an earlier hand-over was never given back: doing that first");
    if (!undo_all(p, error)) {
        g_prefix_error(error, "what an earlier run left behind is still stuck: ");
        return FALSE;
    }
    p->teller.transaction = NULL;
    g_clear_pointer(&p->journal, vh_journal_free);
    return make_plan(p, error);
}

/* ---- the run itself ---- */

static gboolean create_journal(Preparation *p, GError **error)
{
    g_autoptr(GPtrArray) devices = g_ptr_array_new();

    for (guint i = 0; i < p->plan->devices->len; i++)
        g_ptr_array_add(devices, ((VhPlanDevice *)p->plan->devices->pdata[i])->address);
    g_ptr_array_add(devices, NULL);
    const VhJournalHead head = {
        .guest = p->domain->name,
        .uuid = p->domain->uuid,
        .timeout = p->config->timeout,
        .daemon = p->daemon,
        .by_hand = p->call->by_hand,
        .devices = (const char *const *)devices->pdata,
    };
    p->journal = vh_journal_create(p->teller.engine, &head, error);
    if (!p->journal)
        return FALSE;
    p->teller.transaction = p->journal->transaction;
    return TRUE;
}

/* The first step that ends somebody's work; NULL: none does. */
static const VhStep *step_that_ends_desktop(const Preparation *p)
{
    for (guint i = 0; i < p->plan->steps->len; i++) {
        const VhStep *step = p->plan->steps->pdata[i];
        if (step->kind == &vh_step_sessions)
            return step;
    }
    return NULL;
}

static void roll_back(Preparation *p, const GError *cause)
{
    g_autoptr(GError) error = NULL;

    vh_tell(&p->teller, VH_EVENT_FAILED, LOG_ERR, NULL, NULL, -1, cause,
            "cannot start: %s; putting everything back", cause->message);
    gboolean back = undo_all(p, &error);
    if (back)
        vh_tell(&p->teller, VH_EVENT_RELEASE_END, LOG_NOTICE, NULL, NULL,
                vh_host_now(host_of(p)) - p->begin, NULL, "everything is back");
    const char *how =
        back ? "everything is back" : "not everything is back, see: virt-handoff status";
    vh_announce(&p->teller, p->config, "%s could not be started: %s; %s", p->call->guest,
                cause->message, how);
    const VhStep *step = step_that_ends_desktop(p);
    if (step)
        vh_announce_later(&p->teller, p->config, step->subject, "%s could not be started: %s; %s",
                          p->call->guest, cause->message, how);
}

static void announce_end(const Preparation *p)
{
    const VhStep *step = step_that_ends_desktop(p);

    if (step)
        vh_announce(&p->teller, p->config, "the desktop on %s stops now: %s gets the display",
                    step->subject, p->call->guest);
}

static gboolean run_plan(Preparation *p, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!vh_call_scripts(&p->teller, p->call, steps_deadline(p), NULL, error) ||
        !create_journal(p, error))
        return FALSE;
    vh_tell(&p->teller, VH_EVENT_PREPARE_BEGIN, LOG_NOTICE, NULL, NULL, -1, NULL,
            "handing %u device(s) over", p->plan->devices->len);
    announce_end(p);
    if (vh_run_steps(&p->teller, p->journal, p->plan->steps, steps_deadline(p),
                     vh_deadline_of_acts(p->begin, p->config->timeout), &cause) &&
        vh_journal_set_prepared(p->journal, &cause)) {
        vh_tell(&p->teller, VH_EVENT_PREPARE_END, LOG_NOTICE, NULL, NULL,
                vh_host_now(host_of(p)) - p->begin, NULL, "the guest can start");
        return TRUE;
    }
    roll_back(p, cause);
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

static gboolean prepare_locked(Preparation *p, GError **error)
{
    gboolean ready;

    if (!make_plan(p, error) || !settle_earlier(p, &ready, error))
        return FALSE;
    if (ready)
        return vh_call_scripts(&p->teller, p->call, steps_deadline(p), NULL, error);
    if (!vh_plan_check(p->plan, error))
        return FALSE;
    if (!vh_plan_needs_journal(p->plan))
        return vh_call_scripts(&p->teller, p->call, steps_deadline(p), NULL, error);
    return run_plan(p, error);
}

/* A guest that needs nothing of the host's need not wait for those that do. */
static gboolean needs_nothing(Preparation *p)
{
    return p->domain->devices->len == 0 && p->config->devices == VH_CHOICE_AUTO &&
           !vh_journal_exists(p->teller.engine, p->domain->uuid) && make_plan(p, NULL) &&
           !vh_plan_needs_journal(p->plan) && p->plan->refusals->len == 0;
}

static gboolean prepare_devices(Preparation *p, GError **error)
{
    p->domain = vh_call_domain(p->call, error);
    if (!p->domain)
        return FALSE;
    p->teller.uuid = p->domain->uuid;
    if (p->call->by_hand && vh_host_guest_running(host_of(p), p->call->guest))
        return vh_error_set(error, VH_ERROR_REFUSED, "the guest is running already");
    if (needs_nothing(p))
        return vh_call_scripts(&p->teller, p->call, steps_deadline(p), NULL, error);
    int lock = vh_lock_take(p->teller.engine, steps_deadline(p), error);
    if (lock < 0)
        return FALSE;
    gboolean ok = prepare_locked(p, error);
    close(lock);
    return ok;
}

gboolean vh_call_prepare(const VhTeller *teller, const VhCall *call, GError **error)
{
    g_auto(Preparation) p = {.teller = *teller, .call = call};
    g_autoptr(GError) cause = NULL;

    p.begin = vh_host_now(host_of(&p));
    /* First of all: one that ends from now on is seen to have ended. */
    if (!call->by_hand)
        p.daemon = vh_host_parent(host_of(&p));
    gboolean ok = vh_step_is_wanted(host_of(&p), p.daemon, &cause) && load_config(&p, &cause) &&
                  (p.config ? prepare_devices(&p, &cause)
                            : vh_call_scripts(&p.teller, call, vh_call_scripts_deadline(&p.teller),
                                              NULL, &cause));
    if (ok)
        return TRUE;
    if (!p.journal)
        vh_tell(&p.teller, VH_EVENT_REFUSED, LOG_ERR, NULL, NULL, -1, cause,
                "not started, nothing was touched: %s", cause->message);
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/run.h"

#include <syslog.h>

typedef struct {
    const VhTeller *teller;
    const char *step, *subject;
} NoteTarget;

static void note(gpointer data, const char *text)
{
    const NoteTarget *target = data;

    vh_tell(target->teller, VH_EVENT_NOTE, LOG_INFO, target->step, target->subject, -1, NULL, "%s",
            text);
}

/* ---- forward ---- */

/* @next: NULL when all is done. */
static gboolean may_go_on(const VhTeller *teller, const VhJournal *journal, const VhStep *next,
                          gint64 act_deadline, GError **error)
{
    VhHost *host = teller->engine->host;

    /* What has no act of its own, and so no time limit, must not go on either. */
    if (vh_host_now(host) > act_deadline) {
        g_autofree char *what = next ? next->kind->describe(next->args) : g_strdup("start");
        return vh_error_set(error, VH_ERROR_TIMEOUT,
                            "its time was over before it could %s (timeout = %u; in the guest's "
                            "file)",
                            what, journal->timeout);
    }
    return vh_step_is_wanted(host, journal->daemon, error);
}

/* An act that the kernel did not come back from may still happen, whatever is done now. */
static void remember_hang(VhHost *host, VhJournal *journal, VhRecord *record)
{
    VhProcess hung = vh_host_hung(host);

    if (hung.pid != 0)
        vh_journal_hung(journal, record, hung);
}

/* A run of steps on the way there. */
typedef struct {
    const VhTeller *teller;
    VhJournal *journal;
    gint64 deadline, act_deadline;
    GArray *asked; /* Begun: goes on by itself, and has to be waited for */
    NoteTarget about;
} Run;

/* A step whose record is in the journal. */
typedef struct {
    const VhStep *step;
    VhRecord *record;
    gint64 since;
} Begun;

/* Valid until the next. */
static VhStepContext context_of(Run *self, const VhStep *step)
{
    self->about = (NoteTarget){self->teller, step->kind->name, step->subject};
    return (VhStepContext){.host = self->teller->engine->host,
                           .deadline = self->deadline,
                           .act_deadline = self->act_deadline,
                           .daemon = self->journal->daemon,
                           .note = note,
                           .data = &self->about};
}

/* *@ret_record stays NULL when nothing is to be done. */
static gboolean begin_step(Run *self, const VhStep *step, VhRecord **ret_record, GError **error)
{
    const VhStepContext context = context_of(self, step);
    g_autoptr(GVariant) prior = NULL;

    if (!step->kind->look(&context, step->args, &prior, error))
        return FALSE;
    if (prior)
        g_variant_take_ref(prior);
    if (!prior && !step->kind->shared)
        return TRUE;
    VhRecord *record =
        vh_journal_begin(self->journal, step->kind, step->subject, step->args, prior, error);
    if (prior)
        *ret_record = record;
    return record != NULL;
}

static gboolean apply_step(Run *self, const Begun *begun, GError **error)
{
    const VhStep *step = begun->step;
    VhHost *host = self->teller->engine->host;
    const VhStepContext context = context_of(self, step);

    gboolean ok = step->kind->apply(&context, step->args, begun->record->prior, error);
    gint64 took = vh_host_now(host) - begun->since;
    if (ok)
        vh_journal_done(self->journal, begun->record, took);
    else
        remember_hang(host, self->journal, begun->record);
    /* Why it was not done is said when all is rolled back; here, where the time went. */
    g_autofree char *what = step->kind->describe(step->args);
    vh_tell(self->teller, VH_EVENT_STEP, ok ? LOG_INFO : LOG_NOTICE, step->kind->name,
            step->subject, took, NULL, "%s%s", ok ? "" : "not done: ", what);
    return ok;
}

/* FALSE: that has to be applied at once. */
static gboolean ask_for(Run *self, const Begun *begun)
{
    const VhStep *step = begun->step;
    const VhStepContext context = context_of(self, step);

    if (!step->kind->ask || !step->kind->ask(&context, step->args))
        return FALSE;
    g_array_append_val(self->asked, *begun);
    return TRUE;
}

/* Waits for what was asked for, of what goes on aside or of all else. */
static gboolean apply_kept(Run *self, gboolean aside, GError **error)
{
    gboolean ok = TRUE;

    for (guint i = 0; ok && i < self->asked->len;) {
        const Begun begun = g_array_index(self->asked, Begun, i);
        if (begun.step->kind->aside != aside) {
            i++;
            continue;
        }
        g_array_remove_index(self->asked, i);
        ok = apply_step(self, &begun, error);
    }
    return ok;
}

/* What goes on aside is no reason to wait; @all: but it is time. */
static gboolean apply_asked(Run *self, gboolean all, GError **error)
{
    guint before = self->asked->len;

    if (!apply_kept(self, FALSE, error))
        return FALSE;
    return (!all && self->asked->len == before) || apply_kept(self, TRUE, error);
}

static gboolean run_step(Run *self, const VhStep *step, GError **error)
{
    Begun begun = {step, NULL, vh_host_now(self->teller->engine->host)};

    if ((!step->kind->ask && !apply_asked(self, FALSE, error)) ||
        !begin_step(self, step, &begun.record, error))
        return FALSE;
    return !begun.record || ask_for(self, &begun) || apply_step(self, &begun, error);
}

gboolean vh_run_steps(const VhTeller *teller, VhJournal *journal, GPtrArray *steps, gint64 deadline,
                      gint64 act_deadline, GError **error)
{
    VhHost *host = teller->engine->host;
    g_autoptr(GArray) asked = g_array_new(FALSE, FALSE, sizeof(Begun));
    Run self = {.teller = teller,
                .journal = journal,
                .deadline = deadline,
                .act_deadline = act_deadline,
                .asked = asked};
    gboolean ok = TRUE;

    vh_host_keep(host, journal->fd);
    for (guint i = 0; ok && i < steps->len; i++)
        ok = may_go_on(teller, journal, steps->pdata[i], act_deadline, error) &&
             run_step(&self, steps->pdata[i], error);
    ok = ok && apply_asked(&self, TRUE, error);
    vh_host_keep(host, -1);
    /* What is done is done, also a moment too late. */
    return ok && may_go_on(teller, journal, NULL, G_MAXINT64, error);
}

/* ---- backward ---- */

/* The record of @journal that needs the same shared thing, or NULL. A guest that is gone needs
 * nothing, whatever its journal still has to be brought back. */
static VhRecord *find_same(VhJournal *journal, const VhRecord *wanted)
{
    for (guint i = 0; i < journal->records->len; i++) {
        VhRecord *record = journal->records->pdata[i];
        if (record->kind == wanted->kind && !vh_journal_goes_back(journal) &&
            g_strcmp0(record->subject, wanted->subject) == 0)
            return record;
    }
    return NULL;
}

/* Another guest that needs the same. */
typedef struct {
    VhJournal *journal;
    VhRecord *record;
} Sharer;

static void sharer_clear(gpointer sharer)
{
    vh_journal_free(((Sharer *)sharer)->journal);
}

static GArray *find_sharers(const VhTeller *teller, const VhJournal *journal,
                            const VhRecord *record)
{
    GArray *sharers = g_array_new(FALSE, FALSE, sizeof(Sharer));
    g_autoptr(GPtrArray) others = record->kind && record->kind->shared
                                      ? vh_journal_list(teller->engine, journal->uuid)
                                      : NULL;

    g_array_set_clear_func(sharers, sharer_clear);
    for (guint i = 0; others && i < others->len; i++) {
        VhJournal *seen = others->pdata[i];
        if (!find_same(seen, record))
            continue;
        Sharer sharer = {.journal = vh_journal_open(teller->engine, seen->uuid, NULL)};
        sharer.record = sharer.journal ? find_same(sharer.journal, record) : NULL;
        if (sharer.record)
            g_array_append_val(sharers, sharer);
        else
            vh_journal_free(sharer.journal);
    }
    return sharers;
}

/* Gives the duty to @heir. FALSE when that could not be written. */
static gboolean bequeath(const VhRecord *record, const Sharer *heir)
{
    GVariant *theirs = heir->record->prior;
    GVariant *given = record->kind->inherit ? record->kind->inherit(record->prior, theirs)
                      : theirs              ? NULL
                                            : g_variant_ref(record->prior);
    g_autoptr(GVariant) prior = given ? g_variant_take_ref(given) : NULL;

    return !prior || vh_journal_adopt(heir->journal, heir->record, prior);
}

/* What is ours to undo though others need the same, NULL: nothing. */
static GVariant *our_share(const VhRecord *record, const GArray *sharers)
{
    g_autoptr(GPtrArray) priors = g_ptr_array_new();

    if (!record->kind->share)
        return NULL;
    for (guint i = 0; i < sharers->len; i++) {
        const VhRecord *other = g_array_index(sharers, Sharer, i).record;
        if (other->prior)
            g_ptr_array_add(priors, other->prior);
    }
    return g_variant_take_ref(record->kind->share(record->prior, priors));
}

/*
 * When other guests need the thing as well, the duty to undo it moves into the journal of one of
 * them. It is written there before the record is closed here, so that a crash in between undoes
 * twice at worst. Returns what is to be undone now all the same, or NULL.
 */
static GVariant *hand_over(const VhTeller *teller, const VhJournal *journal, const VhRecord *record)
{
    g_autoptr(GArray) sharers = find_sharers(teller, journal, record);
    const Sharer *heir = NULL;

    if (sharers->len == 0)
        return g_variant_ref(record->prior);
    /* By what they have before they inherit. */
    g_autoptr(GVariant) rest = our_share(record, sharers);
    for (guint i = 0; i < sharers->len && !heir; i++)
        if (bequeath(record, &g_array_index(sharers, Sharer, i)))
            heir = &g_array_index(sharers, Sharer, i);
    if (!heir)
        return g_variant_ref(record->prior);
    if (rest)
        return g_steal_pointer(&rest);
    vh_tell(teller, VH_EVENT_NOTE, LOG_INFO, record->kind_name, record->subject, -1, NULL,
            "%s stays as it is: guest %s needs it so", record->subject, heir->journal->guest);
    return NULL;
}

/* How many of the first @count records will need time of their own. */
static guint count_open(const VhJournal *journal, guint count)
{
    guint open = 0;

    for (guint i = 0; i < count; i++) {
        const VhRecord *record = journal->records->pdata[i];
        open += vh_journal_is_open(record) && record->kind && record->kind->undo;
    }
    return open;
}

/* Until when a record may take: all the time there is but what each of the others may well need (a
 * unit that stops), who keep half of it at most. */
static gint64 share_of_time(VhHost *host, gint64 deadline, guint others)
{
    enum { LEAST = 100 * 1000, EACH = 3 * G_USEC_PER_SEC };
    gint64 now = vh_host_now(host);
    gint64 left = deadline - now;
    gint64 kept = MIN((gint64)others * EACH, left / 2);

    return now + MAX(left - kept, LEAST);
}

/* What failed may succeed a moment later (a device that still resets); what hangs will not. */
static gboolean try_undo(const VhStepContext *context, const VhRecord *record, GVariant *prior,
                         GError **error)
{
    enum { ATTEMPTS = 3 };
    gint64 pause = 0;

    for (guint i = 1;; i++) {
        g_autoptr(GError) cause = NULL;
        if (record->kind->undo(context, record->args, prior, &cause))
            return TRUE;
        if (i == ATTEMPTS || record->kind->undo_once || vh_error_is_timeout(cause) ||
            !vh_step_pause(context, NULL, &pause, NULL)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        vh_step_note(context, "%s; trying again", cause->message);
    }
}

static gboolean undo_record(const VhTeller *teller, const VhRecord *record, GVariant *prior,
                            gint64 deadline, GError **error)
{
    NoteTarget target = {teller, record->kind_name, record->subject};
    const VhStepContext context = {.host = teller->engine->host,
                                   .deadline = deadline,
                                   .act_deadline = deadline,
                                   .undoing = TRUE,
                                   .note = note,
                                   .data = &target};
    g_autoptr(GError) cause = NULL;

    if (vh_host_process_alive(teller->engine->host, record->hung))
        return vh_error_set(
            error, VH_ERROR_TIMEOUT,
            "%s: the kernel still holds an act on it (process %d): end whatever has "
            "it open; if that does not help, only a reboot does",
            record->subject, (int)record->hung.pid);
    if (!record->kind)
        return vh_error_set(error, VH_ERROR_JOURNAL,
                            "step \"%s\" is not known to this version of virt-handoff",
                            record->kind_name);
    if (!record->kind->undo || try_undo(&context, record, prior, &cause))
        return TRUE;
    if (record->kind->undo_grade != VH_UNDO_PARTIAL ||
        (vh_error_is_timeout(cause) && !record->kind->undo_once)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    vh_tell(teller, VH_EVENT_NOTE, LOG_WARNING, record->kind_name, record->subject, -1, cause,
            "%s, ignoring", cause->message);
    return TRUE;
}

/*
 * An engine that was killed may have left a child in the midst of an act. What is there to be seen
 * may be other than what will be when it ends, so that is waited for first. FALSE when it does not
 * end: it concerns the last open record, as that was being done, or undone.
 */
static gboolean await_acts(VhHost *host, VhJournal *journal, gint64 deadline, GError **error)
{
    enum { PATIENCE = 5 * G_USEC_PER_SEC, PAUSE = 20 * 1000 };
    gint64 until = MIN(deadline, vh_host_now(host) + PATIENCE);

    while (!vh_journal_quiet(journal)) {
        if (vh_host_now(host) >= until)
            return vh_error_set(
                error, VH_ERROR_TIMEOUT,
                "the kernel still holds an act on it that a killed virt-handoff began: end "
                "whatever has it open; if that does not help, only a reboot does");
        vh_host_wait(host, NULL, PAUSE);
    }
    return TRUE;
}

static void tell_undone(const VhTeller *teller, const VhRecord *record, gint64 took)
{
    if (!record->kind->describe_undo)
        return;
    g_autofree char *what = record->kind->describe_undo(record->args);
    vh_tell(teller, VH_EVENT_STEP, LOG_INFO, record->kind_name, record->subject, took, NULL, "%s",
            what);
}

/* One record, back to @prior; @acting: what is known of an act on it that still goes on, or NULL.
 */
static gboolean undo_one(const VhTeller *teller, VhJournal *journal, guint index, GVariant *prior,
                         gint64 deadline, GError **acting, GError **error)
{
    VhHost *host = teller->engine->host;
    VhRecord *record = journal->records->pdata[index];
    gint64 share = share_of_time(host, deadline, count_open(journal, index));

    if (*acting) {
        g_propagate_prefixed_error(error, g_steal_pointer(acting), "%s: ", record->subject);
        return FALSE;
    }
    if (undo_record(teller, record, prior, share, error))
        return TRUE;
    if (vh_error_is_timeout(*error))
        remember_hang(host, journal, record);
    return FALSE;
}

static void tell_stuck(const VhTeller *teller, VhJournal *journal, VhRecord *record, gint64 took,
                       const GError *cause)
{
    vh_journal_stuck(journal, record, cause->message);
    vh_tell(teller, VH_EVENT_STUCK, LOG_ERR, record->kind_name, record->subject, took, cause, "%s",
            cause->message);
}

/* It is undone; @last: it need not be seen to again with what is stuck. */
static void close_record(const VhTeller *teller, VhJournal *journal, VhRecord *record,
                         gboolean last, gint64 took)
{
    if (last)
        vh_journal_undone(journal, record);
    else
        vh_journal_again(journal, record);
    tell_undone(teller, record, took);
}

static guint undo_all(const VhTeller *teller, VhJournal *journal, gint64 deadline, GError **error)
{
    VhHost *host = teller->engine->host;
    g_autoptr(GError) acting = NULL;
    guint stuck = 0;

    (void)await_acts(host, journal, deadline, &acting);
    for (guint i = journal->records->len; i > 0; i--) {
        VhRecord *record = journal->records->pdata[i - 1];
        g_autoptr(GError) cause = NULL;
        gint64 begin = vh_host_now(host);
        if (!vh_journal_is_open(record))
            continue;
        g_autoptr(GVariant) prior =
            acting ? g_variant_ref(record->prior) : hand_over(teller, journal, record);
        if (!prior) {
            vh_journal_undone(journal, record);
        } else if (undo_one(teller, journal, i - 1, prior, deadline, &acting, &cause)) {
            /* A display manager that was started without its card has to be seen to again. */
            close_record(teller, journal, record, stuck == 0 || record->kind->undo_once,
                         vh_host_now(host) - begin);
        } else {
            tell_stuck(teller, journal, record, vh_host_now(host) - begin, cause);
            if (stuck++ == 0)
                g_propagate_error(error, g_steal_pointer(&cause));
        }
    }
    return stuck;
}

guint vh_run_undo(const VhTeller *teller, VhJournal *journal, gint64 deadline, GError **error)
{
    VhHost *host = teller->engine->host;

    vh_host_keep(host, journal->fd);
    if (!journal->returns)
        vh_journal_set_returns(journal);
    guint stuck = undo_all(teller, journal, deadline, error);
    vh_host_keep(host, -1);
    return stuck;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nobody has a node of the functions open that unbinding would wait for. This comes before any
 * unbind: sound and NVIDIA drivers block there, unkillably, until the last user closes the node.
 */
#include <signal.h>

#include "base/json.h"
#include "base/text.h"
#include "steps/holding.h"
#include "steps/step.h"

/* What is over already goes by itself in this time; who is told to end has that one, by a manager
 * that is being stopped or by us. */
#define NATURAL (1 * G_USEC_PER_SEC)
#define GRACE (3 * G_USEC_PER_SEC)

/* The wait for one set of functions. */
typedef struct {
    const VhStepContext *context;
    char **addresses;
    gboolean knows_manager;
    char *manager; /* unit of the display manager, or NULL */
    gint64 begin;
    GHashTable *asked; /* managers of users that are being stopped */
    GHashTable
        *told; /* "PID START" of processes that were told to end: gint64, when, or never again */
} Wait;

static void wait_clear(Wait *self)
{
    g_strfreev(self->addresses);
    g_free(self->manager);
    g_hash_table_unref(self->asked);
    g_hash_table_unref(self->told);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Wait, wait_clear)

/* Asked for only when it matters: mostly all have gone by themselves. */
static const char *manager_of(Wait *self)
{
    if (!self->knows_manager)
        self->manager = vh_holding_manager(self->context->host);
    self->knows_manager = TRUE;
    return self->manager;
}

/* Who has one open is for apply to find out: to look twice takes twice as long. */
static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    *ret_prior = g_variant_new("a{sv}", NULL);
    return TRUE;
}

/*
 * logind keeps a user's manager, and with it the sound server, for 10 s after the last session
 * (UserStopDelaySec). Nothing needs it any more then, so it is stopped at once.
 */
static void stop_idle_managers(const Wait *self, GPtrArray *holders)
{
    VhHost *host = self->context->host;
    g_autoptr(GPtrArray) sessions = vh_host_sessions(host, NULL);

    for (guint i = 0; sessions && i < holders->len; i++) {
        const VhHolder *holder = holders->pdata[i];
        g_autofree char *manager = g_strdup_printf("user@%u.service", holder->uid);
        if (g_strcmp0(holder->unit, manager) != 0 || g_hash_table_contains(self->asked, manager) ||
            vh_holding_has_session(sessions, holder->uid) ||
            vh_host_user_lingers(host, holder->uid))
            continue;
        g_autoptr(GError) error = NULL;
        if (vh_host_unit_ask(host, VH_JOB_STOP, manager, &error))
            vh_step_note(self->context, "%s has no session left, stopping %s", holder->user,
                         manager);
        else
            vh_step_note(self->context, "cannot stop %s: %s", manager, error->message);
        g_hash_table_add(self->asked, g_steal_pointer(&manager));
    }
}

/* ---- ending them ---- */

static void end_process(const Wait *self, const VhHolder *holder, int number)
{
    g_autofree char *what = vh_holding_describe(holder);
    g_autoptr(GError) error = NULL;
    const char *how = number == SIGKILL ? "killed" : "told to end";

    if (vh_host_process_signal(self->context->host, holder->process, number, &error))
        vh_step_note(self->context, "%s: %s", what, how);
    else if (!vh_error_is_gone(error))
        vh_step_note(self->context, "%s and cannot be %s: %s", what, how, error->message);
}

static gboolean is_going(const Wait *self, const VhHolder *holder)
{
    return holder->unit && g_hash_table_contains(self->asked, holder->unit);
}

static void remember(const Wait *self, const char *key, gint64 when)
{
    gint64 *value = g_new(gint64, 1);

    *value = when;
    g_hash_table_insert(self->told, g_strdup(key), value);
}

/* TERM once what goes by itself had the time to, and KILL when that was not heeded. Both early
 * enough to be waited for. */
static void end_holders(Wait *self, GPtrArray *holders)
{
    gint64 now = vh_host_now(self->context->host);
    gint64 all = self->context->deadline - self->begin;

    for (guint i = 0; i < holders->len; i++) {
        const VhHolder *holder = holders->pdata[i];
        if (vh_holding_protected(self->context->host, holder, manager_of(self)))
            continue;
        g_autofree char *key = g_strdup_printf("%d %" G_GUINT64_FORMAT, (int)holder->process.pid,
                                               holder->process.start_time);
        const gint64 *told = g_hash_table_lookup(self->told, key);
        gint64 patience = is_going(self, holder) ? GRACE : NATURAL;
        if (!told && now - self->begin >= MIN(patience, all / 4)) {
            end_process(self, holder, SIGTERM);
            remember(self, key, now);
        } else if (told && now - *told >= MIN(GRACE, all / 3)) {
            end_process(self, holder, SIGKILL);
            /* A second one does no more than the first. */
            remember(self, key, G_MAXINT64);
        }
    }
}

/* One that somebody has to do something about, if there is one. */
static const VhHolder *find_worst(const Wait *self, const GPtrArray *holders)
{
    for (guint i = 0; i < holders->len; i++)
        if (!is_going(self, holders->pdata[i]))
            return holders->pdata[i];
    return holders->pdata[0];
}

static char *advice_for(Wait *self, const VhHolder *holder)
{
    if (is_going(self, holder))
        return g_strdup_printf("%s was told to stop and has not ended in time: raise timeout",
                               holder->unit);
    return vh_holding_advice(self->context->host, holder, manager_of(self));
}

static gboolean refuse(Wait *self, GPtrArray *holders, GError **error)
{
    const VhHolder *worst = find_worst(self, holders);
    g_autofree char *first = vh_holding_describe(worst);
    g_autofree char *advice = advice_for(self, worst);
    g_autofree char *more =
        holders->len > 1 ? g_strdup_printf(" (and %u more)", holders->len - 1) : g_strdup("");

    return vh_error_set(error, VH_ERROR_BUSY, "%s%s: %s", first, more, advice);
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    gboolean terminate = g_str_equal(vh_json_string(args, "policy", "refuse"), "terminate");
    gint64 pause = 0;
    g_auto(Wait) self = {
        .context = context,
        .addresses = vh_json_strings(args, "addresses"),
        .begin = vh_host_now(context->host),
        .asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
    };

    for (;;) {
        g_autoptr(GPtrArray) holders =
            vh_holding_find(context->host, (const char *const *)self.addresses, error);
        if (!holders)
            return FALSE;
        if (holders->len == 0)
            return TRUE;
        stop_idle_managers(&self, holders);
        if (terminate)
            end_holders(&self, holders);
        g_autoptr(GError) cause = NULL;
        if (vh_step_pause(context, holders, &pause, &cause))
            continue;
        if (vh_error_is_timeout(cause))
            return refuse(&self, holders, error);
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
}

static char *describe(GVariant *args)
{
    g_auto(GStrv) addresses = vh_json_strings(args, "addresses");
    g_autofree char *list = vh_text_list((const char *const *)addresses);

    if (g_str_equal(vh_json_string(args, "policy", "refuse"), "terminate"))
        return g_strdup_printf("end the processes that still have %s open", list);
    return g_strdup_printf("wait until nobody has %s open", list);
}

const VhStepKind vh_step_holders = {
    .name = "holders",
    .title = "processes",
    .undo_grade = VH_UNDO_NONE,
    .look = look,
    .apply = apply,
    .describe = describe,
};

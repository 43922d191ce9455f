// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/fate.h"

#include "base/json.h"
#include "engine/plan-private.h"
#include "steps/holding.h"

struct VhJudge {
    VhHost *host;
    const VhPlan *plan;
    const VhConfig *config; /* NULL: defaults */
    char *manager;          /* unit of the display manager, or NULL */
    GPtrArray *sessions;    /* VhSession */
    GPtrArray *drawers;     /* VhHolder; NULL: not needed to judge */
    GPtrArray *holders;     /* VhHolder */
    const char *seat;       /* whose desktops the plan sees to; NULL: none */
    gboolean waits;         /* … by waiting for them only */
    gboolean asks;          /* … after it asked them to log out */
    gboolean stops_desktop; /* what began the graphical sessions is stopped */
    gboolean helped;
    /* What was asked once: */
    GHashTable *tied;    /* "UID UNIT" of user units → whether they end with the desktop */
    GHashTable *lingers; /* UID → whether this user lingers */
};

static const VhStep *find_step(const VhPlan *plan, const VhStepKind *kind, const char *subject)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const VhStep *step = plan->steps->pdata[i];
        if (step->kind == kind && (!subject || g_strcmp0(step->subject, subject) == 0))
            return step;
    }
    return NULL;
}

/* ---- the looks ---- */

/* Of a display manager that nobody knows as one: who names units to stop knows what they end. */
static gboolean stops_desktop(const VhJudge *self)
{
    if (self->manager)
        return find_step(self->plan, &vh_step_unit, self->manager) != NULL;
    return self->config && self->config->stop == VH_CHOICE_LIST && self->config->stop_list[0];
}

static gboolean is_helped(const VhJudge *self)
{
    g_auto(GStrv) scripts =
        vh_host_scripts(self->host, self->plan->guest, "prepare", "begin", NULL);

    return find_step(self->plan, &vh_step_command, NULL) || (scripts && *scripts);
}

static void look_at_desktops(VhJudge *self)
{
    const VhStep *step = find_step(self->plan, &vh_step_sessions, NULL);
    const char *policy = step ? vh_json_string(step->args, "policy", "wait") : NULL;

    self->seat = step ? step->subject : NULL;
    self->waits = g_strcmp0(policy, "terminate") != 0;
    self->asks = g_strcmp0(policy, "logout") == 0;
    self->stops_desktop = stops_desktop(self);
}

VhJudge *vh_judge_new(VhHost *host, const VhPlan *plan, const VhConfig *config)
{
    VhJudge *self = g_new0(VhJudge, 1);
    g_auto(GStrv) addresses = vh_plan_leaving(plan);
    const char *const *list = (const char *const *)addresses;

    self->host = host;
    self->plan = plan;
    self->config = config;
    self->manager = vh_holding_manager(host);
    self->sessions = vh_host_sessions(host, NULL);
    self->tied = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->lingers = g_hash_table_new(NULL, NULL);
    self->holders = list ? vh_holding_find(host, list, NULL) : NULL;
    if (!self->sessions)
        self->sessions = g_ptr_array_new();
    if (!self->holders)
        self->holders = g_ptr_array_new();
    self->helped = is_helped(self);
    look_at_desktops(self);
    if (list && self->seat && vh_holding_need_drawers(self->sessions, self->seat))
        self->drawers = vh_holding_drawers(host, list, NULL);
    return self;
}

void vh_judge_free(VhJudge *self)
{
    if (!self)
        return;
    g_free(self->manager);
    g_hash_table_unref(self->tied);
    g_hash_table_unref(self->lingers);
    g_ptr_array_unref(self->sessions);
    g_clear_pointer(&self->drawers, g_ptr_array_unref);
    g_ptr_array_unref(self->holders);
    g_free(self);
}

gboolean vh_judge_takes(const VhJudge *self, const char *address)
{
    const VhPlanDevice *device = vh_plan_device(self->plan, address);

    return device && vh_plan_moves(device) && device->now->driver;
}

const GPtrArray *vh_judge_sessions(const VhJudge *self)
{
    return self->sessions;
}

const GPtrArray *vh_judge_holders(const VhJudge *self)
{
    return self->holders;
}

gboolean vh_judge_is_helped(const VhJudge *self)
{
    return self->helped;
}

/* ---- sessions ---- */

/* Of a display manager are the graphical ones; what was begun from a text console outlives it. */
static gboolean ends_with_manager(const VhJudge *self, const VhSession *session)
{
    return self->stops_desktop && vh_holding_ends_with(session, self->manager);
}

VhFate vh_judge_session(const VhJudge *self, const VhSession *session)
{
    if (!vh_holding_counts(session))
        return VH_FATE_STAYS;
    if (ends_with_manager(self, session))
        return VH_FATE_ENDS;
    if (!self->seat || !vh_holding_is_desktop(session, self->seat, self->drawers))
        return VH_FATE_STAYS;
    if (!self->waits || (self->asks && vh_session_desktop_known(session)))
        return VH_FATE_ENDS;
    return VH_FATE_WAITED;
}

static VhFate fate_of_session(const VhJudge *self, const char *id)
{
    for (guint i = 0; i < self->sessions->len; i++) {
        const VhSession *session = self->sessions->pdata[i];
        if (g_str_equal(session->id, id))
            return vh_judge_session(self, session);
    }
    return VH_FATE_STAYS;
}

/* ---- processes ---- */

/* The user's session that keeps her manager, and hence her services, as it stays; NULL: none. */
static const VhSession *session_that_stays(const VhJudge *self, uid_t uid)
{
    for (guint i = 0; i < self->sessions->len; i++) {
        const VhSession *session = self->sessions->pdata[i];
        if (session->uid == uid && vh_holding_counts(session) &&
            vh_judge_session(self, session) == VH_FATE_STAYS)
            return session;
    }
    return NULL;
}

/* What becomes of the user's sessions that end: STAYS when there is none. */
static VhFate fate_of_leaving(const VhJudge *self, uid_t uid)
{
    VhFate fate = VH_FATE_STAYS;

    for (guint i = 0; i < self->sessions->len; i++) {
        const VhSession *session = self->sessions->pdata[i];
        VhFate own = vh_judge_session(self, session);
        if (session->uid == uid && vh_holding_counts(session) && own != VH_FATE_STAYS)
            fate = fate == VH_FATE_STAYS ? own : MAX(fate, own);
    }
    return fate;
}

/* By its name, or as its manager says. */
static gboolean is_of_desktop(const VhJudge *self, const VhHolder *holder)
{
    if (vh_holding_is_of_desktop(holder))
        return TRUE;
    if (!holder->user_unit)
        return FALSE;
    g_autofree char *key = g_strdup_printf("%u %s", holder->uid, holder->user_unit);
    if (!g_hash_table_contains(self->tied, key)) {
        gboolean is = vh_host_user_unit_of_desktop(self->host, holder->uid, holder->user_unit);
        g_hash_table_insert(self->tied, g_strdup(key), GINT_TO_POINTER(is));
    }
    return GPOINTER_TO_INT(g_hash_table_lookup(self->tied, key));
}

static gboolean lingers(const VhJudge *self, uid_t uid)
{
    gpointer is;

    if (!g_hash_table_lookup_extended(self->lingers, GUINT_TO_POINTER(uid), NULL, &is)) {
        is = GINT_TO_POINTER(vh_host_user_lingers(self->host, uid));
        g_hash_table_insert(self->lingers, GUINT_TO_POINTER(uid), is);
    }
    return GPOINTER_TO_INT(is);
}

/* A user's manager goes with the last session, unless the user lingers; what is of the desktop goes
 * with that, whatever becomes of the manager. */
static VhFate fate_of_user_unit(const VhJudge *self, const VhHolder *holder)
{
    gboolean stays = session_that_stays(self, holder->uid) != NULL || lingers(self, holder->uid);

    return stays && !is_of_desktop(self, holder) ? VH_FATE_STAYS
                                                 : fate_of_leaving(self, holder->uid);
}

/* logind has the cards of its sessions open for them. */
static VhFate fate_of_logind(const VhJudge *self)
{
    VhFate fate = self->stops_desktop ? VH_FATE_ENDS : VH_FATE_STAYS;

    for (guint i = 0; i < self->sessions->len; i++) {
        VhFate own = vh_judge_session(self, self->sessions->pdata[i]);
        if (own == VH_FATE_WAITED)
            return own;
        fate = MIN(fate, own);
    }
    return fate;
}

/* By a unit that the plan stops. */
static gboolean is_stopped(const VhJudge *self, const VhHolder *holder)
{
    g_autofree char *own =
        holder->user_unit ? g_strdup_printf("%s of %s", holder->user_unit, holder->user) : NULL;

    return (own && find_step(self->plan, &vh_step_user_unit, own)) ||
           (holder->unit && find_step(self->plan, &vh_step_unit, holder->unit));
}

static VhFate fate_with_desktop(const VhJudge *self, const VhHolder *holder)
{
    if (is_stopped(self, holder))
        return VH_FATE_ENDS;
    if (holder->session)
        return fate_of_session(self, holder->session);
    if (holder->unit && g_str_has_prefix(holder->unit, "user@"))
        return fate_of_user_unit(self, holder);
    return vh_holding_is_logind(holder) ? fate_of_logind(self) : VH_FATE_STAYS;
}

static gboolean terminates(const VhJudge *self)
{
    return self->config && self->config->holders == VH_HOLDERS_TERMINATE;
}

VhFate vh_judge_holder(const VhJudge *self, const VhHolder *holder)
{
    VhFate fate = fate_with_desktop(self, holder);

    if (fate != VH_FATE_STAYS || !terminates(self) ||
        vh_holding_protected(self->host, holder, self->manager))
        return fate;
    g_autofree char *service = vh_judge_service(self, holder);
    return service ? VH_FATE_STOPPED : VH_FATE_TERMINATED;
}

char *vh_judge_service(const VhJudge *self, const VhHolder *holder)
{
    if (vh_holding_is_user_service(self->host, holder, self->sessions))
        return g_strdup_printf("%s of %s", holder->user_unit, holder->user);
    return g_strdup(vh_holding_service(self->host, holder, self->manager));
}

/* Why a service of a user's goes on when the desktop has ended. */
static char *why_it_stays(const VhJudge *self, const VhHolder *holder)
{
    const VhSession *session = session_that_stays(self, holder->uid);

    if (!holder->user_unit || vh_judge_holder(self, holder) != VH_FATE_STAYS)
        return NULL;
    if (session)
        return g_strdup_printf(" (session %s of %s stays, and services with it)", session->id,
                               session->user);
    return g_strdup_printf(" (%s lingers, so services stay)", holder->user);
}

char *vh_judge_advice(const VhJudge *self, const VhHolder *holder)
{
    g_autofree char *why = why_it_stays(self, holder);
    g_autofree char *advice = vh_holding_advice(self->host, holder, self->manager);

    return g_strconcat(advice, why, NULL);
}

char *vh_judge_session_advice(const VhSession *session)
{
    return g_strdup_printf("nothing that is stopped ends session %s of %s, which draws on the "
                           "display: log out first, or set sessions = \"logout\" or \"terminate\" "
                           "in the guest's file",
                           session->id, session->user);
}

/* ---- who is no matter of waiting ---- */

gboolean vh_judge_is_hopeless(const VhJudge *self, const VhHolder *holder)
{
    return vh_judge_holder(self, holder) == VH_FATE_STAYS && vh_holding_is_guest(holder);
}

/* Under way to its end, as a program that runs once, or as a splash screen. */
static gboolean is_passing(const VhJudge *self, const char *name)
{
    g_autoptr(VhUnit) unit = vh_host_unit_look(self->host, name, NULL);

    return g_str_has_prefix(name, "plymouth") ||
           (unit &&
            (g_str_equal(unit->active, "activating") || g_str_equal(unit->active, "deactivating")));
}

static gboolean is_lasting_service(const VhJudge *self, const VhHolder *holder)
{
    return (vh_holding_service(self->host, holder, self->manager) ||
            (self->manager && g_strcmp0(holder->unit, self->manager) == 0)) &&
           !is_passing(self, holder->unit);
}

gboolean vh_judge_is_obstacle(const VhJudge *self, const VhHolder *holder)
{
    return !self->helped && vh_judge_holder(self, holder) == VH_FATE_STAYS &&
           (vh_holding_is_user_service(self->host, holder, self->sessions) ||
            is_lasting_service(self, holder));
}

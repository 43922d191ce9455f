// SPDX-License-Identifier: GPL-2.0-or-later
/* Who has the devices open, and what becomes of them. */
#include "base/json.h"
#include "engine/plan-private.h"
#include "steps/holding.h"

char **vh_plan_leaving(const VhPlan *plan)
{
    g_autoptr(GPtrArray) addresses = g_ptr_array_new();

    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (vh_plan_moves(device) && device->now->driver)
            g_ptr_array_add(addresses, g_strdup(device->address));
    }
    if (addresses->len == 0)
        return NULL;
    g_ptr_array_add(addresses, NULL);
    return (char **)g_ptr_array_steal(addresses, NULL);
}

static const VhStep *find_step(const VhPlan *plan, const VhStepKind *kind, const char *subject)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const VhStep *step = plan->steps->pdata[i];
        if (step->kind == kind && (!subject || g_strcmp0(step->subject, subject) == 0))
            return step;
    }
    return NULL;
}

/* What is known when the holders are looked at. */
typedef struct {
    VhPlanning *planning;
    char *manager;       /* unit of the display manager, or NULL */
    GPtrArray *sessions; /* VhSession, or NULL */
    GPtrArray *drawers;  /* VhHolder, or NULL */
    const char *seat;    /* whose graphical sessions end first; NULL: none do */
    GPtrArray *services; /* char *: that will be stopped */
} Present;

static gboolean ends_first(const Present *self, const VhSession *session)
{
    return self->seat && vh_holding_is_desktop(session, self->seat, self->drawers);
}

static gboolean session_ends(const Present *self, const char *id)
{
    for (guint i = 0; self->sessions && i < self->sessions->len; i++) {
        const VhSession *session = self->sessions->pdata[i];
        if (g_str_equal(session->id, id))
            return ends_first(self, session);
    }
    return FALSE;
}

/* A user's manager goes with the last session, unless the user lingers. */
static gboolean manager_ends(const Present *self, uid_t uid)
{
    gboolean ends = FALSE;

    for (guint i = 0; self->sessions && i < self->sessions->len; i++) {
        const VhSession *session = self->sessions->pdata[i];
        if (session->uid != uid || !vh_holding_counts(session))
            continue;
        if (!ends_first(self, session))
            return FALSE;
        ends = TRUE;
    }
    return ends && !vh_host_user_lingers(self->planning->host, uid);
}

/* It ends with a unit or a session that the plan ends before. */
static gboolean goes_with_desktop(const Present *self, const VhHolder *holder)
{
    if (holder->session)
        return session_ends(self, holder->session);
    if (holder->unit && find_step(self->planning->plan, &vh_step_unit, holder->unit))
        return TRUE;
    return holder->unit && g_str_has_prefix(holder->unit, "user@") &&
           manager_ends(self, holder->uid);
}

/* What is stopped for it, as people call it, or NULL. */
static char *service_of(const Present *self, const VhHolder *holder)
{
    VhHost *host = self->planning->host;

    if (self->sessions && vh_holding_is_user_service(host, holder, self->sessions))
        return g_strdup_printf("%s of %s", holder->user_unit, holder->user);
    return g_strdup(vh_holding_service(host, holder, self->manager));
}

/* What the plan shows of one holder. */
static void plan_holder(const Present *self, const VhHolder *holder)
{
    VhPlanning *planning = self->planning;
    gboolean terminate = planning->config->holders == VH_HOLDERS_TERMINATE;
    g_autofree char *service = service_of(self, holder);
    g_autofree char *what = vh_holding_describe(holder);
    g_autofree char *advice = vh_holding_advice(planning->host, holder, self->manager);

    if (goes_with_desktop(self, holder))
        return;
    if (!terminate || vh_holding_protected(planning->host, holder, self->manager))
        vh_plan_note(planning, "%s: %s", what, advice);
    else if (!service)
        vh_plan_note(planning, "%s: it will be ended and does not come back by itself", what);
    else if (!g_ptr_array_find_with_equal_func(self->services, service, g_str_equal, NULL))
        g_ptr_array_add(self->services, g_steal_pointer(&service));
}

/* Notes about those who have one of the devices open; the services that are stopped now. */
static GPtrArray *plan_present(VhPlanning *planning, char **addresses)
{
    const VhStep *sessions = find_step(planning->plan, &vh_step_sessions, NULL);
    Present self = {.planning = planning,
                    .manager = vh_holding_manager(planning->host),
                    .sessions = vh_host_sessions(planning->host, NULL),
                    .drawers =
                        vh_holding_drawers(planning->host, (const char *const *)addresses, NULL),
                    .seat = sessions ? sessions->subject : NULL,
                    .services = g_ptr_array_new_with_free_func(g_free)};
    g_autoptr(GPtrArray) holders =
        vh_holding_find(planning->host, (const char *const *)addresses, NULL);

    for (guint i = 0; holders && i < holders->len; i++)
        plan_holder(&self, holders->pdata[i]);
    g_free(self.manager);
    g_clear_pointer(&self.sessions, g_ptr_array_unref);
    g_clear_pointer(&self.drawers, g_ptr_array_unref);
    return self.services;
}

void vh_plan_holders(VhPlanning *planning)
{
    static const char *const policies[] = {"refuse", "terminate"};
    g_auto(GStrv) addresses = vh_plan_leaving(planning->plan);
    VhHolders policy = planning->config->holders;

    if (!addresses)
        return;
    g_autofree char *subject = g_strjoinv(" ", addresses);
    g_autoptr(GPtrArray) now = plan_present(planning, addresses);
    const char *const *list = (const char *const *)addresses;
    if (policy == VH_HOLDERS_TERMINATE)
        vh_plan_add(planning, &vh_step_services, subject,
                    g_variant_new_parsed(
                        "{'addresses': <%^as>, 'now': <%@as>}", list,
                        g_variant_new_strv((const char *const *)now->pdata, (gssize)now->len)));
    vh_plan_add(
        planning, &vh_step_holders, subject,
        g_variant_new_parsed("{'addresses': <%^as>, 'policy': <%s>}", list, policies[policy]));
}

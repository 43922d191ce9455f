// SPDX-License-Identifier: GPL-2.0-or-later
/* Units of the users' own managers that are stopped (the key stop_user). */
#include "engine/plan-private.h"
#include "steps/holding.h"
#include "steps/unit.h"

typedef struct {
    VhPlanning *planning;
    GArray *seen; /* uid_t */
    guint found;
} Users;

static gboolean is_new(Users *self, uid_t uid)
{
    for (guint i = 0; i < self->seen->len; i++)
        if (g_array_index(self->seen, uid_t, i) == uid)
            return FALSE;
    g_array_append_val(self->seen, uid);
    return TRUE;
}

/* A manager that does not answer is no reason not to begin: who holds a device is named later. */
static void plan_user(Users *self, uid_t uid, const char *user)
{
    VhPlanning *planning = self->planning;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) units = NULL;
    VhProcess manager;

    if (!is_new(self, uid))
        return;
    units = vh_host_user_units(planning->host, uid,
                               (const char *const *)planning->config->stop_user, &manager, &error);
    if (!units)
        vh_plan_note(planning, "stop_user: %s", error->message);
    for (guint i = 0; units && i < units->len; i++) {
        const VhUnit *unit = units->pdata[i];
        g_autofree char *subject = g_strdup_printf("%s of %s", unit->id, user);
        /* The manager itself, which a glob may match, cannot be stopped from within. */
        if (!vh_step_unit_runs(unit) || g_str_equal(unit->id, "init.scope"))
            continue;
        self->found++;
        vh_plan_add(planning, &vh_step_user_unit, subject,
                    g_variant_new_parsed("{'uid': <%x>, 'user': <%s>, 'unit': <%s>}", (gint64)uid,
                                         user, unit->id));
    }
}

/* Users with a session at the seat first, then those whose manager has a device open: one who
 * lingers is left alone otherwise. */
void vh_plan_user_units(VhPlanning *planning, const char *seat)
{
    Users self = {.planning = planning};

    if (!planning->config->stop_user[0])
        return;
    self.seen = g_array_new(FALSE, FALSE, sizeof(uid_t));
    g_autoptr(GPtrArray) sessions = vh_host_sessions(planning->host, NULL);
    for (guint i = 0; sessions && i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (vh_holding_counts(session) && (!seat || g_strcmp0(session->seat, seat) == 0))
            plan_user(&self, session->uid, session->user);
    }
    g_auto(GStrv) addresses = vh_plan_leaving(planning->plan);
    g_autoptr(GPtrArray) holders =
        addresses ? vh_holding_find(planning->host, (const char *const *)addresses, NULL) : NULL;
    for (guint i = 0; holders && i < holders->len; i++) {
        const VhHolder *holder = holders->pdata[i];
        if (holder->user_unit)
            plan_user(&self, holder->uid, holder->user);
    }
    g_array_unref(self.seen);
    if (self.found == 0)
        vh_plan_note(planning, "stop_user: no user who is logged in has such a unit now");
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/departure.h"

#include <string.h>

#include "base/text.h"
#include "inspect/names.h"

typedef struct {
    VhHost *host;
    const VhPlan *plan;
    const VhConfig *config;
    GPtrArray *goers;
} Departure;

static void goer_free(gpointer data)
{
    VhGoer *goer = data;

    g_free(goer->text);
    g_free(goer);
}

static void add(const Departure *self, gboolean blocks, const char *verdict, char *text)
{
    VhGoer *goer = g_new0(VhGoer, 1);

    goer->blocks = blocks;
    goer->verdict = verdict;
    goer->text = text;
    g_ptr_array_add(self->goers, goer);
}

/* ---- devices ---- */

static void look_at_devices(const Departure *self)
{
    g_autoptr(VhPciNames) names = vh_pci_names_new();

    for (guint i = 0; i < self->plan->devices->len; i++) {
        const VhPlanDevice *device = self->plan->devices->pdata[i];
        if (!device->now)
            continue;
        g_autofree char *name =
            vh_pci_names_device(names, device->now->vendor, device->now->device, FALSE);
        add(self, FALSE, "takes", g_strdup_printf("%s, %s", device->address, name));
    }
}

/* ---- sessions ---- */

static const VhStep *step_of(const VhPlan *plan, const char *kind, const char *subject)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const VhStep *step = plan->steps->pdata[i];
        if (g_str_equal(step->kind->name, kind) &&
            (!subject || g_str_equal(step->subject, subject)))
            return step;
    }
    return NULL;
}

/* Whether a display of the plan is on that seat. */
static gboolean takes_seat(const Departure *self, const char *seat)
{
    for (guint i = 0; seat && i < self->plan->devices->len; i++) {
        const VhPlanDevice *device = self->plan->devices->pdata[i];
        if (!device->now || !vh_pci_is_display(device->now))
            continue;
        g_autofree char *own = vh_host_pci_seat(self->host, device->address);
        if (g_strcmp0(own, seat) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean session_ends(const Departure *self, const VhSession *session)
{
    return vh_session_is_graphical(session) && takes_seat(self, session->seat) &&
           (step_of(self->plan, "unit", NULL) || step_of(self->plan, "sessions", NULL));
}

static void look_at_sessions(const Departure *self, const GPtrArray *sessions)
{
    for (guint i = 0; sessions && i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (session_ends(self, session))
            add(self, FALSE, "ends",
                g_strdup_printf("session %s of %s%s%s", session->id, session->user,
                                session->desktop ? ", " : "",
                                session->desktop ? session->desktop : ""));
    }
}

/* ---- processes ---- */

static gboolean is_session_that_ends(const Departure *self, const GPtrArray *sessions,
                                     const char *id)
{
    for (guint i = 0; sessions && i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (g_str_equal(session->id, id))
            return session_ends(self, session);
    }
    return FALSE;
}

/* Whether the process goes with what the plan ends: its session, its unit, or the services of a
 * user who has no session left and does not linger. */
static gboolean goes(const Departure *self, const GPtrArray *sessions, const VhHolder *holder)
{
    if (holder->session)
        return is_session_that_ends(self, sessions, holder->session);
    if (!holder->unit)
        return FALSE;
    if (g_str_has_prefix(holder->unit, "user@"))
        return step_of(self->plan, "unit", NULL) && !vh_host_user_lingers(self->host, holder->uid);
    return step_of(self->plan, "unit", holder->unit) != NULL;
}

static void add_holder(const Departure *self, const GPtrArray *sessions, const VhHolder *holder)
{
    g_autofree char *command = vh_text_one_line(holder->command);
    g_autofree char *who = g_strdup_printf("%s (pid %d, user %s), which has %s open", command,
                                           (int)holder->process.pid, holder->user, holder->node);

    if (goes(self, sessions, holder))
        add(self, FALSE, "ends", g_steal_pointer(&who));
    else if (self->config && self->config->holders == VH_HOLDERS_TERMINATE)
        add(self, FALSE, "is terminated", g_steal_pointer(&who));
    else if (holder->unit && !g_str_has_prefix(holder->unit, "user@"))
        add(self, TRUE, "blocks",
            g_strdup_printf("%s: end it, or add \"%s\" to stop in the guest's file", who,
                            holder->unit));
    else
        add(self, TRUE, "blocks", g_strdup_printf("%s: end it first", who));
}

static void look_at_holders(const Departure *self, const GPtrArray *sessions)
{
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func((GDestroyNotify)vh_node_free);

    for (guint i = 0; i < self->plan->devices->len; i++) {
        const VhPlanDevice *device = self->plan->devices->pdata[i];
        g_autoptr(GPtrArray) own = vh_host_pci_nodes(self->host, device->address, NULL);
        while (own && own->len > 0) {
            VhNode *node = g_ptr_array_steal_index(own, 0);
            if (node->blocks)
                g_ptr_array_add(nodes, node);
            else
                vh_node_free(node);
        }
    }
    g_autoptr(GPtrArray) holders = nodes->len > 0 ? vh_host_holders(self->host, nodes, NULL) : NULL;
    for (guint i = 0; holders && i < holders->len; i++)
        add_holder(self, sessions, holders->pdata[i]);
}

GPtrArray *vh_departure_look(VhHost *host, const VhPlan *plan, const VhConfig *config)
{
    const Departure self = {host, plan, config, g_ptr_array_new_with_free_func(goer_free)};
    g_autoptr(GPtrArray) sessions = vh_host_sessions(host, NULL);

    look_at_devices(&self);
    look_at_sessions(&self, sessions);
    look_at_holders(&self, sessions);
    return self.goers;
}

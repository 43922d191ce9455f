// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/departure.h"

#include "base/text.h"
#include "engine/fate.h"
#include "inspect/names.h"
#include "steps/holding.h"

typedef struct {
    const VhPlan *plan;
    const VhJudge *judge;
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

/* What stays may still be ended by commands and scripts of the guest's, which nobody can foresee.
 */
static void add_blocker(const Departure *self, char *text)
{
    gboolean helped = vh_judge_is_helped(self->judge);

    add(self, !helped, helped ? "blocks unless the guest's commands end it" : "blocks", text);
}

static void look_at_sessions(const Departure *self)
{
    const GPtrArray *sessions = vh_judge_sessions(self->judge);

    for (guint i = 0; i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        VhFate fate = vh_judge_session(self->judge, session);
        if (fate == VH_FATE_WAITED)
            add_blocker(self, vh_judge_session_advice(session));
        else if (fate == VH_FATE_ENDS)
            add(self, FALSE, "ends",
                g_strdup_printf("session %s of %s%s%s", session->id, session->user,
                                session->desktop ? ", " : "",
                                session->desktop ? session->desktop : ""));
    }
}

/* ---- processes ---- */

static void add_holder(const Departure *self, const VhHolder *holder)
{
    static const char *const verdicts[] = {
        [VH_FATE_ENDS] = "ends",
        [VH_FATE_WAITED] = "goes with its session",
        [VH_FATE_STOPPED] = "is stopped",
        [VH_FATE_TERMINATED] = "is terminated",
    };
    VhFate fate = vh_judge_holder(self->judge, holder);

    /* It has the cards open for its sessions, and does not end with them. */
    if (vh_holding_is_logind(holder) && fate != VH_FATE_STAYS)
        return;
    g_autofree char *command = vh_text_one_line(holder->command);
    g_autofree char *advice = vh_judge_advice(self->judge, holder);
    g_autofree char *who = g_strdup_printf("%s (pid %d, user %s), which has %s open", command,
                                           (int)holder->process.pid, holder->user, holder->node);

    if (fate == VH_FATE_STAYS)
        add_blocker(self, g_strdup_printf("%s: %s", who, advice));
    else
        add(self, FALSE, verdicts[fate], g_steal_pointer(&who));
}

GPtrArray *vh_departure_look(VhHost *host, const VhPlan *plan, const VhConfig *config)
{
    g_autoptr(VhJudge) judge = vh_judge_new(host, plan, config);
    const Departure self = {plan, judge, g_ptr_array_new_with_free_func(goer_free)};
    const GPtrArray *holders = vh_judge_holders(judge);

    look_at_devices(&self);
    look_at_sessions(&self);
    for (guint i = 0; i < holders->len; i++)
        add_holder(&self, holders->pdata[i]);
    return self.goers;
}

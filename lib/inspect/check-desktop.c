// SPDX-License-Identifier: GPL-2.0-or-later
/* Users, the desktop, and what else has the cards open. */
#include <string.h>

#include "base/text.h"
#include "engine/fate.h"
#include "inspect/check-private.h"
#include "steps/holding.h"

/* ---- groups ---- */

void vh_check_groups(gpointer data)
{
    VhChecking *checking = data;
    static const char *const names[] = {"libvirt", "kvm", "input"};
    const char *name = checking->in->user;
    g_autoptr(VhCheckUser) user = name ? vh_check_user(checking->host, name) : NULL;
    g_autoptr(GPtrArray) in = g_ptr_array_new(), out = g_ptr_array_new();

    if (!user) {
        vh_check_unknown(checking, "who uses the guests", NULL);
        return;
    }
    if (user->uid == 0) {
        vh_check_add(checking, VH_FINDING_OK, NULL, "root needs none");
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        gint64 gid = vh_check_group(checking->host, names[i]);
        if (gid >= 0)
            g_ptr_array_add(vh_check_user_in(user, gid) ? in : out, (gpointer)names[i]);
    }
    gboolean manages = g_ptr_array_find(in, names[0], NULL);
    g_ptr_array_add(in, NULL);
    g_ptr_array_add(out, NULL);
    g_autofree char *yes = vh_text_list((const char *const *)in->pdata);
    g_autofree char *no = vh_text_list((const char *const *)out->pdata);
    g_autofree char *mend = g_strdup_printf("sudo usermod -aG libvirt,kvm,input %s", name);
    vh_check_add(checking, manages ? VH_FINDING_OK : VH_FINDING_WARNING, manages ? NULL : mend,
                 "%s is in %s%s%s", name, *yes ? yes : "none of them", *no ? ", not in " : "", no);
}

/* ---- the display manager ---- */

/* A desktop that no display manager ends, or NULL: one that was begun from a text console, on
 * whichever card. Where there is no manager (@managed is FALSE) that is each one. */
static const VhSession *find_desktop(VhHost *host, const GPtrArray *sessions, gboolean managed)
{
    g_autoptr(GPtrArray) functions = vh_host_pci_list(host, NULL);
    g_autoptr(GPtrArray) addresses = g_ptr_array_new();

    for (guint i = 0; functions && i < functions->len; i++) {
        const VhPciFunction *function = functions->pdata[i];
        if (vh_pci_is_display(function) && !function->vfio)
            g_ptr_array_add(addresses, function->address);
    }
    g_ptr_array_add(addresses, NULL);
    g_autoptr(GPtrArray) drawers =
        vh_holding_drawers(host, (const char *const *)addresses->pdata, NULL);
    for (guint i = 0; sessions && i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (vh_session_is_graphical(session)
                ? !managed
                : session->seat && vh_holding_is_desktop(session, session->seat, drawers))
            return session;
    }
    return NULL;
}

void vh_check_services(gpointer data)
{
    VhChecking *checking = data;
    const VhServiceManager *manager = vh_host_service_manager(checking->host);

    if (manager != &vh_manager_none)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s", manager->name);
    else
        vh_check_add(checking, VH_FINDING_WARNING,
                     "set stop = [] and have commands of the guest's file stop the desktop",
                     "none of systemd, OpenRC, sysvinit and runit: no service can be stopped");
}

/* Whether the guest's file has it ended. */
static gboolean ends_sessions(const VhConfig *config)
{
    return config &&
           (config->sessions == VH_SESSIONS_LOGOUT || config->sessions == VH_SESSIONS_TERMINATE);
}

void vh_check_display_manager(gpointer data)
{
    VhChecking *checking = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(VhUnit) unit = vh_host_unit_look(checking->host, "display-manager.service", &error);
    g_autoptr(GPtrArray) sessions = vh_host_sessions(checking->host, NULL);
    gboolean managed = unit && g_strcmp0(unit->load, "not-found") != 0;
    const VhSession *session = find_desktop(checking->host, sessions, managed);
    g_autofree char *state =
        managed ? g_strdup_printf("%s is %s", unit->id, unit->active) : g_strdup("there is none");

    if (!unit)
        vh_check_unknown(checking, "what the display manager is", error);
    else if (session && !ends_sessions(checking->in->config))
        vh_check_add(checking, VH_FINDING_WARNING,
                     "set sessions = \"logout\" or \"terminate\" in the guest's file, or log out "
                     "first",
                     "%s, but %s has a desktop%s (session %s)", state, session->user,
                     managed ? " that does not end with it" : "", session->id);
    else if (managed && g_strcmp0(unit->active, "failed") == 0)
        vh_check_add(checking, VH_FINDING_WARNING, "see why, then start it again", "%s", state);
    else if (managed)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s", state);
    else
        vh_check_add(checking, VH_FINDING_OK, NULL, "none, and no desktop runs%s",
                     session ? " that is not ended" : "");
}

/* ---- who has a card open ---- */

typedef struct {
    VhChecking *checking;
    char *manager; /* unit of the display manager; NULL: none */
    guint desktop; /* processes that end with the desktop */
    guint found;
    const GPtrArray *functions; /* VhPciFunction: all of the host */
    const VhJudge *judge;       /* NULL: no plan */
} Holders;

/* Services that prepare stops by itself, as they belong to a driver. */
static gboolean is_companion(const char *unit)
{
    static const char *const units[] = {"nvidia-persistenced.service", "nvidia-powerd.service",
                                        NULL};

    return g_strv_contains(units, unit);
}

/* A program of a desktop that stays when this card goes. */
static void judge_renderer(Holders *self, const VhHolder *holder, const char *address)
{
    g_autofree char *command = vh_text_one_line(holder->command);

    self->found++;
    vh_check_add(self->checking, VH_FINDING_WARNING,
                 "end it before the guest starts, or set holders = \"terminate\" in the guest's "
                 "file",
                 "%s (pid %d) has work done on %s (PRIME), and no desktop ends for that", command,
                 holder->process.pid, address);
}

/* What can be done about it now, or in the guest's file. */
static char *mend_for(const Holders *self, const VhHolder *holder)
{
    VhHost *host = self->checking->host;
    g_autofree char *advice = vh_holding_advice(host, holder, self->manager);
    const char *service = vh_holding_service(host, holder, self->manager);
    g_autofree char *stop =
        service ? vh_service_command(vh_host_service_manager(host), "stop", service) : NULL;

    return stop ? g_strdup_printf("%s, or: sudo %s", advice, stop) : g_steal_pointer(&advice);
}

static void judge_stayer(Holders *self, const VhHolder *holder, const char *address)
{
    g_autofree char *command = vh_text_one_line(holder->command);
    g_autofree char *mend = mend_for(self, holder);
    const char *unit = holder->user_unit ? holder->user_unit : holder->unit;

    vh_check_add(self->checking, VH_FINDING_WARNING, mend, "%s (pid %d, %s) has %s of %s open",
                 command, holder->process.pid, unit ? unit : "no unit", holder->node, address);
}

/* One that has no part in a desktop; @fate as of a plan, or STAYS. */
static void judge_other(Holders *self, const VhHolder *holder, const char *address, VhFate fate)
{
    static const char *const ways[] = {
        [VH_FATE_ENDS] = "which prepare stops",    [VH_FATE_WAITED] = "which goes with a session",
        [VH_FATE_STOPPED] = "which prepare stops", [VH_FATE_TERMINATED] = "which prepare ends",
        [VH_FATE_STAYS] = "which prepare stops", /* a companion's, without a plan */
    };
    g_autofree char *command = vh_text_one_line(holder->command);

    self->found++;
    if (fate == VH_FATE_STAYS && (self->judge || !holder->unit || !is_companion(holder->unit)))
        judge_stayer(self, holder, address);
    else
        vh_check_add(self->checking, VH_FINDING_OK, NULL, "%s, %s, holds %s",
                     holder->unit ? holder->unit : command, ways[fate], address);
}

/* Whether the guest is known, and is not passed this card. */
static gboolean not_passed(const VhChecking *checking, const char *address)
{
    const VhDomain *domain = checking->in->domain;

    for (guint i = 0; domain && i < domain->devices->len; i++)
        if (g_str_equal(((VhDomainDevice *)domain->devices->pdata[i])->address, address))
            return FALSE;
    return domain != NULL;
}

/* Whether another display has a driver of the host, so that the desktop may be on that one. */
static gboolean other_display(const Holders *self, const VhPciFunction *card)
{
    for (guint i = 0; i < self->functions->len; i++) {
        const VhPciFunction *other = self->functions->pdata[i];
        if (other != card && vh_pci_is_display(other) && other->driver && !other->vfio &&
            (!self->checking->in->domain || not_passed(self->checking, other->address)))
            return TRUE;
    }
    return FALSE;
}

/* Whether the desktop goes on without this card, as the plan judges it: nothing of it draws there.
 */
static gboolean desktop_stays(const Holders *self, const VhPciFunction *card,
                              const GPtrArray *holders, const GPtrArray *drawers)
{
    for (guint i = 0; i < holders->len; i++)
        if (vh_holding_drives(holders->pdata[i], drawers, self->manager))
            return FALSE;
    return !card->boot_vga && other_display(self, card) &&
           !not_passed(self->checking, card->address);
}

/* As the plan deals with it, or, when none takes this card, as one with the defaults would. */
static void judge_holder(Holders *self, const VhHolder *holder, const char *address,
                         gboolean planned, gboolean stays)
{
    VhFate fate = planned ? vh_judge_holder(self->judge, holder) : VH_FATE_STAYS;
    gboolean logind = vh_holding_is_logind(holder);
    gboolean lives = logind || vh_holding_lives_in_desktop(holder, self->manager);

    if (!lives || fate == VH_FATE_STOPPED || fate == VH_FATE_TERMINATED)
        judge_other(self, holder, address, fate);
    else if (stays && !logind && fate == VH_FATE_STAYS)
        judge_renderer(self, holder, address);
    else if (planned && fate == VH_FATE_STAYS)
        judge_other(self, holder, address, fate);
    else
        self->desktop++;
}

static void judge_card(Holders *self, const VhPciFunction *card)
{
    const char *const addresses[] = {card->address, NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) holders = vh_holding_find(self->checking->host, addresses, &error);
    g_autoptr(GPtrArray) drawers = vh_holding_drawers(self->checking->host, addresses, NULL);

    if (!holders) {
        vh_check_unknown(self->checking, "who has a card open", error);
        self->found++;
        return;
    }
    gboolean planned = self->judge && vh_judge_takes(self->judge, card->address);
    gboolean stays = desktop_stays(self, card, holders, drawers);
    for (guint i = 0; i < holders->len; i++)
        judge_holder(self, holders->pdata[i], card->address, planned, stays);
}

static void judge_cards(Holders *self)
{
    for (guint i = 0; i < self->functions->len; i++) {
        const VhPciFunction *function = self->functions->pdata[i];
        if (vh_pci_is_display(function) && !function->vfio)
            judge_card(self, function);
    }
    if (self->found > 0)
        return;
    if (self->desktop > 0)
        vh_check_add(self->checking, VH_FINDING_OK, NULL, "only those of the desktop (%u)",
                     self->desktop);
    else
        vh_check_add(self->checking, VH_FINDING_OK, NULL, "none");
}

void vh_check_holders(gpointer data)
{
    VhChecking *checking = data;
    const VhCheck *in = checking->in;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) functions = vh_host_pci_list(checking->host, &error);
    g_autofree char *manager = vh_holding_manager(checking->host);
    g_autoptr(VhJudge) judge = in->plan ? vh_judge_new(checking->host, in->plan, in->config) : NULL;
    Holders holders = {checking, manager, 0, 0, functions, judge};

    if (functions)
        judge_cards(&holders);
    else
        vh_check_unknown(checking, "which cards there are", error);
}

/* ---- lingering ---- */

void vh_check_linger(gpointer data)
{
    VhChecking *checking = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) sessions = vh_host_sessions(checking->host, &error);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);
    guint found = 0;

    if (!sessions) {
        vh_check_unknown(checking, "who lingers", error);
        return;
    }
    for (guint i = 0; i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (!vh_session_is_graphical(session) ||
            !g_hash_table_add(seen, GUINT_TO_POINTER(session->uid)) ||
            !vh_host_user_lingers(checking->host, session->uid))
            continue;
        g_autofree char *mend = g_strdup_printf("sudo loginctl disable-linger %s", session->user);
        vh_check_add(checking, VH_FINDING_WARNING, mend, "%s lingers", session->user);
        found++;
    }
    if (found == 0)
        vh_check_add(checking, VH_FINDING_OK, NULL, "none with a desktop");
}

/* ---- libvirt's default network ---- */

#define NETWORKS "/etc/libvirt/qemu/networks"

/* Of a guest that is known by its own networks, which are checked by themselves. */
static gboolean needs_default(const VhDomain *domain)
{
    for (guint i = 0; domain && i < domain->networks->len; i++) {
        const VhDomainNetwork *network = domain->networks->pdata[i];
        if (g_strcmp0(network->kind, "network") == 0 && g_strcmp0(network->name, "default") == 0)
            return TRUE;
    }
    return !domain;
}

void vh_check_default_network(gpointer data)
{
    VhChecking *checking = data;
    gboolean known;

    if (!needs_default(checking->in->domain)) {
        vh_check_add(checking, VH_FINDING_OK, NULL, "this guest is not on it");
        return;
    }
    gboolean defined = vh_check_there(checking, NETWORKS "/default.xml", "/etc/libvirt", &known);

    if (!defined && known) {
        vh_check_add(checking, VH_FINDING_OK, NULL, "not defined");
        return;
    }
    gboolean active = vh_check_there(checking, "/run/libvirt/network/default.xml", "/run", &known);
    if (!defined || (!active && !known)) {
        g_autoptr(GError) error = NULL;
        VhFileInfo info;
        (void)vh_host_stat(checking->host, NETWORKS "/default.xml", &info, &error);
        vh_check_unknown(checking, "whether it is active", error);
        return;
    }
    gboolean autostart =
        vh_check_there(checking, NETWORKS "/autostart/default.xml", NETWORKS, &known);
    if (!active)
        vh_check_add(checking, VH_FINDING_WARNING, "sudo virsh net-start default", "not active");
    if (!autostart)
        vh_check_add(checking, VH_FINDING_WARNING, "sudo virsh net-autostart default",
                     "not started with the host");
    if (active && autostart)
        vh_check_add(checking, VH_FINDING_OK, NULL, "active, and started with the host");
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Users, the desktop, and what else has the cards open. */
#include <string.h>

#include "base/text.h"
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

static const VhSession *graphical_session(const GPtrArray *sessions)
{
    for (guint i = 0; sessions && i < sessions->len; i++)
        if (vh_session_is_graphical(sessions->pdata[i]))
            return sessions->pdata[i];
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
                     "neither systemd nor OpenRC nor runit: no service can be stopped");
}

void vh_check_display_manager(gpointer data)
{
    VhChecking *checking = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(VhUnit) unit = vh_host_unit_look(checking->host, "display-manager.service", &error);
    g_autoptr(GPtrArray) sessions = vh_host_sessions(checking->host, NULL);
    const VhSession *session = graphical_session(sessions);

    if (!unit)
        vh_check_unknown(checking, "what the display manager is", error);
    else if (g_strcmp0(unit->load, "not-found") != 0)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s is %s", unit->id, unit->active);
    else if (session)
        vh_check_add(checking, VH_FINDING_WARNING,
                     "set sessions = \"logout\" or \"terminate\" in the guest's file, or log out "
                     "first",
                     "there is none, but %s has a desktop (session %s)", session->user,
                     session->id);
    else
        vh_check_add(checking, VH_FINDING_OK, NULL, "none, and no desktop runs");
}

/* ---- who has a card open ---- */

typedef struct {
    VhChecking *checking;
    const char *manager; /* unit of the display manager; NULL: none */
    guint desktop;       /* processes that end with the desktop */
    guint found;
    const GPtrArray *functions; /* VhPciFunction: all of the host */
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

static void judge_service(Holders *self, const VhHolder *holder, const char *address)
{
    g_autofree char *command = vh_text_one_line(holder->command);

    self->found++;
    g_autofree char *stop = holder->unit
                                ? vh_service_command(vh_host_service_manager(self->checking->host),
                                                     "stop", holder->unit)
                                : NULL;
    g_autofree char *mend =
        stop ? g_strdup_printf("add \"%s\" to stop in the guest's file, or: sudo %s", holder->unit,
                               stop)
             : g_strdup_printf("sudo kill %d", holder->process.pid);
    if (holder->unit && is_companion(holder->unit))
        vh_check_add(self->checking, VH_FINDING_OK, NULL, "%s, which prepare stops, holds %s",
                     holder->unit, address);
    else
        vh_check_add(self->checking, VH_FINDING_WARNING, mend, "%s (pid %d, %s) has %s of %s open",
                     command, holder->process.pid, holder->unit ? holder->unit : "no unit",
                     holder->node, address);
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
    gboolean stays = desktop_stays(self, card, holders, drawers);
    for (guint i = 0; i < holders->len; i++) {
        const VhHolder *holder = holders->pdata[i];
        if (!vh_holding_lives_in_desktop(holder, self->manager))
            judge_service(self, holder, card->address);
        else if (stays)
            judge_renderer(self, holder, card->address);
        else
            self->desktop++;
    }
}

void vh_check_holders(gpointer data)
{
    VhChecking *checking = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) functions = vh_host_pci_list(checking->host, &error);
    g_autoptr(VhUnit) manager = vh_host_unit_look(checking->host, "display-manager.service", NULL);
    Holders holders = {checking, manager ? manager->id : NULL, 0, 0, functions};

    if (!functions) {
        vh_check_unknown(checking, "which cards there are", error);
        return;
    }
    for (guint i = 0; i < functions->len; i++) {
        const VhPciFunction *function = functions->pdata[i];
        if (vh_pci_is_display(function) && !function->vfio)
            judge_card(&holders, function);
    }
    if (holders.found > 0)
        return;
    if (holders.desktop > 0)
        vh_check_add(checking, VH_FINDING_OK, NULL, "only those of the desktop (%u)",
                     holders.desktop);
    else
        vh_check_add(checking, VH_FINDING_OK, NULL, "none");
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

void vh_check_default_network(gpointer data)
{
    VhChecking *checking = data;
    gboolean known;
    gboolean defined = vh_check_there(checking, NETWORKS "/default.xml", "/etc", &known);

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

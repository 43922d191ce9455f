// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is worth knowing where another card stays with the host, and the desktop may run on that
 * one: a process of a session that has the passed card open is either the desktop itself, which
 * drives every card it finds and can be told not to, or a program that has work done on it (PRIME),
 * for which no desktop ends.
 */
#include "base/text.h"
#include "engine/plan-private.h"
#include "steps/holding.h"

/* Whether another display has a driver of the host and stays with it. */
static gboolean other_display(const VhPlanning *planning)
{
    for (guint i = 0; i < planning->all->len; i++) {
        const VhPciFunction *function = planning->all->pdata[i];
        if (vh_pci_is_display(function) && function->driver && !function->vfio &&
            !vh_plan_device(planning->plan, function->address))
            return TRUE;
    }
    return FALSE;
}

/* How the desktop is told to leave a card alone. */
static const char *advice_for(const char *command)
{
    static const struct {
        const char *command, *advice;
    } table[] = {
        {"gnome-shell", "a udev rule with TAG+=\"mutter-device-ignore\" for it"},
        {"kwin_wayland", "KWIN_DRM_DEVICES with the other card only, in /etc/environment"},
        {"sway", "WLR_DRM_DEVICES with the other card only, in its environment"},
        {"Hyprland", "AQ_DRM_DEVICES with the other card only, in its environment"},
        {"Xorg", "Option \"AutoAddGPU\" \"false\" in the ServerFlags of /etc/X11/xorg.conf.d"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (g_str_equal(command, table[i].command))
            return table[i].advice;
    return "its manual says how";
}

static void tell(VhPlanning *planning, const VhPlanDevice *device, const VhHolder *holder,
                 gboolean draws)
{
    g_autofree char *command = vh_text_one_line(holder->command);

    if (planning->config->stop != VH_CHOICE_AUTO)
        return;
    if (draws)
        vh_plan_note(planning,
                     "the desktop is stopped because %s (pid %d) drives %s too; it can stay when "
                     "%s leaves that card alone: %s",
                     command, (int)holder->process.pid, device->address, command,
                     advice_for(holder->command));
    else
        vh_plan_note(planning,
                     "%s (pid %d, user %s) has work done on %s (PRIME) and keeps %s open: the "
                     "desktop stays, but that program has to end before the guest can start",
                     command, (int)holder->process.pid, holder->user, device->address,
                     holder->node);
}

void vh_plan_note_desktop(VhPlanning *planning, const VhPlanDevice *device, GPtrArray *nodes,
                          const GPtrArray *drawers, const char *manager)
{
    g_autoptr(GPtrArray) holders =
        other_display(planning) ? vh_host_holders(planning->host, nodes, NULL) : NULL;

    for (guint i = 0; holders && i < holders->len; i++) {
        const VhHolder *holder = holders->pdata[i];
        if (vh_holding_lives_in_desktop(holder, manager))
            tell(planning, device, holder, vh_holding_drives(holder, drawers, manager));
    }
}

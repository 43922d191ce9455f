// SPDX-License-Identifier: GPL-2.0-or-later
#include "steps/revive.h"

#include "base/json.h"
#include "steps/last-look.h"

static const char *policy_of(GVariant *args)
{
    return vh_json_string(args, "reset", "keep");
}

gboolean vh_revive_can(GVariant *args)
{
    return !g_str_equal(policy_of(args), "keep");
}

gboolean vh_revive_first(VhHost *host, GVariant *args, const char *address)
{
    if (!vh_revive_can(args))
        return FALSE;
    return g_str_equal(policy_of(args), "rescan") || !vh_host_pci_answers(host, address);
}

gboolean vh_revive_find(const VhStepContext *context, const char *address, GError **error)
{
    gint64 pause = 0;

    if (!vh_host_pci_rescan(context->host, context->act_deadline, error))
        return FALSE;
    for (;;) {
        g_autoptr(GError) cause = NULL;
        g_autoptr(VhPciFunction) function = vh_host_pci_look(context->host, address, &cause);
        if (function)
            return TRUE;
        if (!vh_error_is_gone(cause) || !vh_step_pause(context, NULL, &pause, NULL)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
    }
}

gboolean vh_revive(const VhStepContext *context, const char *address, GError **error)
{
    vh_step_note(context,
                 "%s does not come back by itself: removing it from the bus and looking "
                 "for it again",
                 address);
    if (!vh_last_look_unbind(context, address, error) ||
        !vh_host_pci_remove(context->host, address, context->act_deadline, error))
        return FALSE;
    if (vh_revive_find(context, address, error))
        return TRUE;
    g_prefix_error(error, "%s was removed from the bus and is not found again: ", address);
    return FALSE;
}

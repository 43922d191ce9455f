// SPDX-License-Identifier: GPL-2.0-or-later
#include "steps/last-look.h"

#include "steps/holding.h"

/* Those of the function's nodes that an unbind waits for. */
static GPtrArray *blocking(VhHost *host, const char *address, GError **error)
{
    GPtrArray *nodes = vh_host_pci_nodes(host, address, error);

    for (guint i = nodes ? nodes->len : 0; i > 0; i--)
        if (!((VhNode *)nodes->pdata[i - 1])->blocks)
            g_ptr_array_remove_index(nodes, i - 1);
    return nodes;
}

static gboolean wait_for(const VhStepContext *context, GPtrArray *nodes, GError **error)
{
    gint64 pause = 0;

    for (;;) {
        g_autoptr(GError) cause = NULL;
        g_autoptr(GPtrArray) holders = vh_host_holders(context->host, nodes, error);
        if (!holders)
            return FALSE;
        if (holders->len == 0)
            return TRUE;
        if (vh_step_pause(context, holders, &pause, &cause))
            continue;
        if (!vh_error_is_timeout(cause)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        g_autofree char *who = vh_holding_describe(holders->pdata[0]);
        return vh_error_set(error, VH_ERROR_BUSY, "%s, and had not when all had let go: end it",
                            who);
    }
}

GPtrArray *vh_last_look(const VhStepContext *context, const char *address, GError **error)
{
    g_autoptr(GPtrArray) nodes = blocking(context->host, address, error);

    return nodes && wait_for(context, nodes, error) ? g_steal_pointer(&nodes) : NULL;
}

void vh_last_look_name(VhHost *host, GPtrArray *nodes, GError **error)
{
    g_autoptr(GPtrArray) holders =
        nodes && error && vh_error_is_timeout(*error) ? vh_host_holders(host, nodes, NULL) : NULL;

    if (!holders || holders->len == 0)
        return;
    g_autofree char *who = vh_holding_describe(holders->pdata[0]);
    g_prefix_error(error, "%s: ", who);
}

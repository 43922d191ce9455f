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

static char *advice_for(VhHost *host, const VhHolder *holder)
{
    g_autofree char *manager = vh_holding_manager(host);

    return vh_holding_advice(host, holder, manager);
}

/* Nothing was begun, so that a start can be refused. The way back is not tried again at once: who
 * has it open now will in a second. */
static gboolean refuse(const VhStepContext *context, const VhHolder *holder, GError **error)
{
    g_autofree char *who = vh_holding_describe(holder);
    g_autofree char *advice = NULL;

    if (context->undoing && vh_holding_is_guest(holder))
        return vh_error_set(error, VH_ERROR_TIMEOUT, "%s: end that guest with virsh destroy", who);
    advice = advice_for(context->host, holder);
    if (context->undoing)
        return vh_error_set(error, VH_ERROR_TIMEOUT, "%s: end it now, and for the next time: %s",
                            who, advice);
    return vh_error_set(error, VH_ERROR_BUSY, "%s, and had not when all had let go: %s", who,
                        advice);
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
        return refuse(context, holders->pdata[0], error);
    }
}

/* Puts in front of @error, when the kernel did not come back, who has one of @nodes open. */
static void name_holder(VhHost *host, GPtrArray *nodes, GError **error)
{
    g_autoptr(GPtrArray) holders =
        vh_error_is_timeout(*error) ? vh_host_holders(host, nodes, NULL) : NULL;

    if (!holders || holders->len == 0)
        return;
    g_autofree char *who = vh_holding_describe(holders->pdata[0]);
    g_prefix_error(error, "%s: ", who);
}

gboolean vh_last_look_unbind(const VhStepContext *context, const char *address, GError **error)
{
    g_autoptr(GError) cause = NULL;
    /* An unbind that hangs has hidden them. */
    g_autoptr(GPtrArray) nodes = blocking(context->host, address, error);

    if (!nodes || !wait_for(context, nodes, error))
        return FALSE;
    if (vh_host_pci_unbind(context->host, address, context->act_deadline, &cause))
        return TRUE;
    name_holder(context->host, nodes, &cause);
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

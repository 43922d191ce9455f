// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nobody has a node of the functions open that unbinding would wait for. This comes before any
 * unbind: sound and NVIDIA drivers block there, unkillably, until the last user closes the node.
 */
#include "base/json.h"
#include "base/text.h"
#include "steps/step.h"

static GPtrArray *find_holders(VhHost *host, GVariant *args, GError **error)
{
    g_auto(GStrv) addresses = vh_json_strings(args, "addresses");
    g_autoptr(GPtrArray) blocking = g_ptr_array_new_with_free_func((GDestroyNotify)vh_node_free);

    for (gsize i = 0; addresses[i]; i++) {
        g_autoptr(GError) cause = NULL;
        g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(host, addresses[i], &cause);
        if (!nodes) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return NULL;
        }
        while (nodes->len > 0) {
            VhNode *node = g_ptr_array_steal_index(nodes, nodes->len - 1);
            if (node->blocks)
                g_ptr_array_add(blocking, node);
            else
                vh_node_free(node);
        }
    }
    return vh_host_holders(host, blocking, error);
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    g_autoptr(GPtrArray) holders = find_holders(context->host, args, error);

    if (!holders)
        return FALSE;
    if (holders->len > 0)
        *ret_prior = g_variant_new("a{sv}", NULL);
    return TRUE;
}

/* Whether the user has a session that is not about to end. */
static gboolean has_session(GPtrArray *sessions, uid_t uid)
{
    for (guint i = 0; i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        gboolean manager = g_str_has_prefix(session->class ? session->class : "", "manager");
        if (session->uid == uid && !manager && g_strcmp0(session->state, "closing") != 0)
            return TRUE;
    }
    return FALSE;
}

/*
 * logind keeps a user's manager, and with it the sound server, for 10 s after the last session
 * (UserStopDelaySec). Nothing needs it any more then, so it is stopped at once.
 */
static void stop_idle_managers(const VhStepContext *context, GPtrArray *holders, GHashTable *asked)
{
    g_autoptr(GPtrArray) sessions = vh_host_sessions(context->host, NULL);

    for (guint i = 0; sessions && i < holders->len; i++) {
        const VhHolder *holder = holders->pdata[i];
        g_autofree char *manager = g_strdup_printf("user@%u.service", holder->uid);
        if (g_strcmp0(holder->unit, manager) != 0 || g_hash_table_contains(asked, manager) ||
            has_session(sessions, holder->uid) || vh_host_user_lingers(context->host, holder->uid))
            continue;
        g_autoptr(GError) error = NULL;
        if (vh_host_unit_ask_stop(context->host, manager, &error))
            vh_step_note(context, "%s has no session left, stopping %s", holder->user, manager);
        else
            vh_step_note(context, "cannot stop %s: %s", manager, error->message);
        g_hash_table_add(asked, g_steal_pointer(&manager));
    }
}

/* "Xorg (pid 812, user root, lightdm.service) keeps /dev/dri/card0 open" */
static char *describe_holder(const VhHolder *holder)
{
    g_autofree char *command = vh_text_one_line(holder->command);
    const char *unit = holder->user_unit ? holder->user_unit : holder->unit;

    return g_strdup_printf("%s (pid %d, user %s%s%s) keeps %s open", command,
                           (int)holder->process.pid, holder->user, unit ? ", " : "",
                           unit ? unit : "", holder->node);
}

/* What the user can do about it; a service comes back by itself when it is named in the file. */
static char *advice_for(const VhHolder *holder)
{
    if (!holder->user_unit && !holder->session && holder->unit &&
        g_str_has_suffix(holder->unit, ".service"))
        return g_strdup_printf("add \"%s\" to stop in the guest's file, so that it is stopped for "
                               "as long as the guest runs",
                               holder->unit);
    return g_strdup_printf("end it first (kill %d)", (int)holder->process.pid);
}

static gboolean refuse(GPtrArray *holders, GError **error)
{
    g_autofree char *first = describe_holder(holders->pdata[0]);
    g_autofree char *advice = advice_for(holders->pdata[0]);
    g_autofree char *more =
        holders->len > 1 ? g_strdup_printf(" (and %u more)", holders->len - 1) : g_strdup("");

    return vh_error_set(error, VH_ERROR_BUSY, "%s%s: %s", first, more, advice);
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    g_autoptr(GHashTable) asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    gint64 pause = 0;

    for (;;) {
        g_autoptr(GPtrArray) holders = find_holders(context->host, args, error);
        if (!holders)
            return FALSE;
        if (holders->len == 0)
            return TRUE;
        stop_idle_managers(context, holders, asked);
        g_autoptr(GError) cause = NULL;
        if (vh_step_pause(context, holders, &pause, &cause))
            continue;
        if (vh_error_is_timeout(cause))
            return refuse(holders, error);
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
}

static char *describe(GVariant *args)
{
    g_auto(GStrv) addresses = vh_json_strings(args, "addresses");
    g_autofree char *list = vh_text_list((const char *const *)addresses);

    return g_strdup_printf("wait until nobody has %s open", list);
}

const VhStepKind vh_step_holders = {
    .name = "holders",
    .title = "processes",
    .undo_grade = VH_UNDO_NONE,
    .look = look,
    .apply = apply,
    .describe = describe,
};

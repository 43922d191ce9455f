// SPDX-License-Identifier: GPL-2.0-or-later
/* A module of the display driver is unloaded and loaded again. */
#include "base/json.h"
#include "base/text.h"
#include "steps/step.h"

static const char *name_of(GVariant *args)
{
    return vh_json_string(args, "module", "");
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    g_autoptr(VhModule) module = vh_host_module_look(context->host, name_of(args), error);

    if (!module)
        return FALSE;
    if (module->state == VH_MODULE_LIVE)
        *ret_prior = g_variant_new_parsed("{'loaded': <true>}");
    return TRUE;
}

/* Who may keep the module in use, as far as it can be told: modules, else processes, else a count.
 */
static char *explain_use(VhHost *host, GVariant *args)
{
    g_autoptr(VhModule) module = vh_host_module_look(host, name_of(args), NULL);
    g_auto(GStrv) addresses = vh_json_strings(args, "addresses");

    if (module && module->holders && module->holders[0]) {
        g_autofree char *list = vh_text_list((const char *const *)module->holders);
        return g_strdup_printf("%s uses it", list);
    }
    for (gsize i = 0; addresses[i]; i++) {
        g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(host, addresses[i], NULL);
        g_autoptr(GPtrArray) holders = nodes ? vh_host_holders(host, nodes, NULL) : NULL;
        if (holders && holders->len > 0) {
            const VhHolder *holder = holders->pdata[0];
            g_autofree char *command = vh_text_one_line(holder->command);
            return g_strdup_printf("%s (pid %d, user %s) has %s open", command,
                                   (int)holder->process.pid, holder->user, holder->node);
        }
    }
    return g_strdup_printf("its use count is %d, though no process has a node of the card open; "
                           "modules = \"keep\" in the guest's file only unbinds it",
                           module ? module->refcount : -1);
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    gint64 pause = 0;

    for (;;) {
        g_autoptr(GError) cause = NULL;
        if (vh_host_module_unload(context->host, name_of(args), context->act_deadline, &cause))
            return TRUE;
        if (vh_error_is_busy(cause)) {
            if (vh_step_pause(context, NULL, &pause, NULL))
                continue;
            g_autofree char *why = explain_use(context->host, args);
            return vh_error_set(error, VH_ERROR_BUSY, "module %s is in use: %s", name_of(args),
                                why);
        }
        g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                                   "cannot unload module %s: ", name_of(args));
        return FALSE;
    }
}

static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    if (vh_host_module_load(context->host, name_of(args), context->act_deadline, error))
        return TRUE;
    g_prefix_error(error, "cannot load module %s: ", name_of(args));
    return FALSE;
}

static char *describe(GVariant *args)
{
    return g_strdup_printf("unload module %s", name_of(args));
}

static char *describe_undo(GVariant *args)
{
    return g_strdup_printf("load module %s", name_of(args));
}

const VhStepKind vh_step_module = {
    .name = "module",
    .title = "modules",
    .undo_grade = VH_UNDO_FULL,
    .look = look,
    .apply = apply,
    .undo = undo,
    .describe = describe,
    .describe_undo = describe_undo,
};

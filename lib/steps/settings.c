// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a function is set to while a guest has it: never without power (a card in D3cold may not
 * come back: "stuck in D3"), and reset by the way that works. These are helps: on the way out, what
 * the kernel does not take is said and no reason to stop.
 */
#include "base/json.h"
#include "steps/step.h"

static const char *const names[] = {"d3cold_allowed", "power/control", "reset_method"};

static const char *address_of(GVariant *args)
{
    return vh_json_string(args, "address", "");
}

static char *value_now(VhHost *host, const char *address, const char *name)
{
    g_autofree char *path = g_strdup_printf("/sys/bus/pci/devices/%s/%s", address, name);

    return vh_host_read(host, path, NULL);
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
    gboolean any = FALSE;

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *now = value_now(context->host, address_of(args), names[i]);
        if (!now)
            continue;
        /* Also what stays as it is: a function that has to be found again forgets it. */
        g_variant_dict_insert(&dict, names[i], "s", now);
        any = TRUE;
    }
    if (any)
        *ret_prior = g_variant_dict_end(&dict);
    return TRUE;
}

/* Sets one that @prior has to what @values says; already so is success. */
static gboolean set_one(const VhStepContext *context, GVariant *args, GVariant *prior,
                        GVariant *values, const char *name, GError **error)
{
    const char *value = vh_json_string(values, name, NULL);
    g_autofree char *now = value_now(context->host, address_of(args), name);

    return !vh_json_string(prior, name, NULL) || !value || !now || g_str_equal(now, value) ||
           vh_host_pci_set(context->host, address_of(args), name, value, context->act_deadline,
                           error);
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) cause = NULL;
        if (set_one(context, args, prior, args, names[i], &cause))
            continue;
        if (vh_error_is_timeout(cause)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        vh_step_note(context, "%s; going on without", cause->message);
    }
    return TRUE;
}

static gboolean is_gone(VhHost *host, const char *address)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(VhPciFunction) function = vh_host_pci_look(host, address, &cause);

    return !function && vh_error_is_gone(cause);
}

static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    g_autoptr(GError) first = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) cause = NULL;
        if (!set_one(context, args, prior, prior, names[i], &cause) && !first &&
            !(vh_error_is_gone(cause) && is_gone(context->host, address_of(args))))
            first = g_steal_pointer(&cause);
    }
    if (!first)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}

static char *describe(GVariant *args)
{
    const char *reset = vh_json_string(args, "reset_method", NULL);

    return g_strdup_printf("keep %s under power%s%s%s", address_of(args),
                           reset ? ", reset by \"" : "", reset ? reset : "", reset ? "\"" : "");
}

static char *describe_undo(GVariant *args)
{
    return g_strdup_printf("set power and reset of %s as they were", address_of(args));
}

const VhStepKind vh_step_settings = {
    .name = "settings",
    .title = "power and reset",
    .undo_grade = VH_UNDO_FULL,
    .look = look,
    .apply = apply,
    .undo = undo,
    .describe = describe,
    .describe_undo = describe_undo,
};

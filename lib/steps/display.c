// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does nothing on the way out. On the way back, when the devices are returned and the modules are
 * loaded, it sees to it that the display driver is bound and its DRM node is there, so that the
 * display manager that starts next finds a card: a display manager without one restarts until
 * systemd gives up on it.
 */
#include "base/json.h"
#include "steps/revive.h"

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    const char *driver = vh_json_string(args, "driver", "");
    g_autoptr(VhPciFunction) now =
        vh_host_pci_look(context->host, vh_json_string(args, "address", ""), error);

    if (!now)
        return FALSE;
    /* A script of the user's may have taken it from there since the plan was made, and then gives
     * it back itself. */
    *ret_prior = g_strcmp0(now->driver, driver) == 0 ? g_variant_new("a{sv}", NULL) : NULL;
    return TRUE;
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    return TRUE;
}

static gboolean has_drm_node(VhHost *host, const char *address)
{
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(host, address, NULL);

    for (guint i = 0; nodes && i < nodes->len; i++) {
        const VhNode *node = nodes->pdata[i];
        if (g_strcmp0(node->subsystem, "drm") == 0)
            return TRUE;
    }
    return FALSE;
}

/* What keeps the display from being back, or NULL when it is. */
static char *missing(VhHost *host, GVariant *args, const VhPciFunction *function)
{
    const char *driver = vh_json_string(args, "driver", "");

    if (g_strcmp0(function->driver, driver) != 0)
        return g_strdup_printf("%s is bound to %s instead of %s", function->address,
                               function->driver ? function->driver : "no driver", driver);
    if (vh_json_bool(args, "drm", FALSE) && !has_drm_node(host, function->address))
        return g_strdup_printf("%s has no DRM node yet", function->address);
    return NULL;
}

/*
 * A last push: another guest with a card of the same kind may have unloaded the module meanwhile,
 * and a module that was loaded before its device was free does not look again by itself.
 */
static void push(const VhStepContext *context, GVariant *args)
{
    const char *module = vh_json_string(args, "module", NULL);
    g_autoptr(GError) error = NULL;

    if (module && !vh_host_pci_driver_known(context->host, vh_json_string(args, "driver", "")) &&
        !vh_host_module_load(context->host, module, context->act_deadline, &error))
        vh_step_note(context, "cannot load module %s: %s", module, error->message);
    (void)vh_host_pci_probe(context->host, vh_json_string(args, "address", ""),
                            context->act_deadline, NULL);
}

/* When no driver took the function though it had time to: once. */
static void help(const VhStepContext *context, GVariant *args, const VhPciFunction *function,
                 gint64 since, gboolean *helped)
{
    enum { PATIENCE = 1500 * 1000 }; /* a driver may probe beside the load of its module */
    g_autoptr(GError) error = NULL;

    if (*helped || function->driver || vh_host_now(context->host) - since < PATIENCE ||
        !vh_revive_can(args))
        return;
    *helped = TRUE;
    if (!vh_revive(context, function->address, &error))
        vh_step_note(context, "%s", error->message);
}

static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    const char *address = vh_json_string(args, "address", "");
    gint64 pause = 0, since = vh_host_now(context->host);
    gboolean helped = FALSE;

    for (;;) {
        g_autoptr(GError) cause = NULL;
        g_autoptr(VhPciFunction) function = vh_host_pci_look(context->host, address, &cause);
        if (!function && vh_error_is_gone(cause)) {
            vh_step_note(context, "%s is gone from the bus", address);
            return TRUE;
        }
        if (!function) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        g_autofree char *why = missing(context->host, args, function);
        if (!why)
            return TRUE;
        if (!function->driver && pause == 0)
            push(context, args);
        help(context, args, function, since, &helped);
        if (!vh_step_pause(context, NULL, &pause, NULL))
            return vh_error_set(error, VH_ERROR_TIMEOUT, "%s (see the kernel's log: dmesg)", why);
    }
}

static char *describe(GVariant *args)
{
    return g_strdup_printf("remember %s on %s", vh_json_string(args, "driver", "?"),
                           vh_json_string(args, "address", "?"));
}

static char *describe_undo(GVariant *args)
{
    return g_strdup_printf("wait for %s to drive %s again", vh_json_string(args, "driver", "?"),
                           vh_json_string(args, "address", "?"));
}

const VhStepKind vh_step_display = {
    .name = "display",
    .title = "display",
    .undo_grade = VH_UNDO_FULL,
    .look = look,
    .apply = apply,
    .undo = undo,
    .describe = describe,
    .describe_undo = describe_undo,
};

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A PCI function goes to the target driver and back to the one it had, by driver_override, unbind
 * and drivers_probe (Documentation/ABI/testing/sysfs-bus-pci). libvirt may bind and unbind between
 * our acts, so both ways look first and do only what is missing.
 */
#include "base/json.h"
#include "base/text.h"
#include "steps/step.h"

static const char *address_of(GVariant *args)
{
    return vh_json_string(args, "address", "");
}

static const char *target_of(GVariant *args)
{
    return vh_json_string(args, "driver", "");
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    g_autoptr(VhPciFunction) function = vh_host_pci_look(context->host, address_of(args), error);

    if (!function)
        return FALSE;
    /* Bound already by the administrator: not ours to give back. */
    if (g_strcmp0(function->driver, target_of(args)) == 0)
        return TRUE;
    /* What to return to was found out before the modules were unloaded, and is in @args. */
    *ret_prior = g_variant_new("a{sv}", NULL);
    return TRUE;
}

static gboolean verify(VhHost *host, const char *address, const char *driver, GError **error)
{
    g_autoptr(VhPciFunction) now = vh_host_pci_look(host, address, error);

    if (!now)
        return FALSE;
    if (g_strcmp0(now->driver, driver) == 0)
        return TRUE;
    return vh_error_set(error, VH_ERROR_FAILED,
                        "%s is bound to %s instead of %s (the reason is in the kernel's log: "
                        "journalctl -k -b)",
                        address, now->driver ? now->driver : "no driver", driver);
}

static gboolean bind_to(const VhStepContext *context, const char *address, const char *driver,
                        GError **error)
{
    VhHost *host = context->host;

    return vh_host_pci_override(host, address, driver, error) &&
           vh_host_pci_unbind(host, address, context->act_deadline, error) &&
           vh_host_pci_probe(host, address, context->act_deadline, error) &&
           verify(host, address, driver, error);
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    if (bind_to(context, address_of(args), target_of(args), error))
        return TRUE;
    g_prefix_error(error, "cannot hand %s to %s: ", address_of(args), target_of(args));
    return FALSE;
}

/* A QEMU that libvirt gave up on may still be dying, and unbinding would wait for it. */
static gboolean wait_for_qemu(const VhStepContext *context, const char *address, GError **error)
{
    gint64 pause = 0;

    for (;;) {
        g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(context->host, address, error);
        g_autoptr(GPtrArray) holders = nodes ? vh_host_holders(context->host, nodes, error) : NULL;
        if (!holders)
            return FALSE;
        if (holders->len == 0)
            return TRUE;
        if (vh_step_pause(context, holders, &pause, NULL))
            continue;
        const VhHolder *holder = holders->pdata[0];
        g_autofree char *command = vh_text_one_line(holder->command);
        return vh_error_set(error, VH_ERROR_TIMEOUT, "%s (pid %d) still has it open", command,
                            (int)holder->process.pid);
    }
}

/* Binds the home driver, if it is there; a module that is loaded later finds the function free. */
static gboolean go_home(const VhStepContext *context, GVariant *args, const char *driver_now,
                        GError **error)
{
    const char *address = address_of(args);
    const char *home = vh_json_string(args, "home", NULL);
    const char *override = vh_json_string(args, "override", NULL);
    gboolean wanted = home && vh_host_pci_driver_known(context->host, home);

    if (g_strcmp0(driver_now, home) != 0) {
        if (wanted && !bind_to(context, address, home, error))
            return FALSE;
        if (!wanted && !(vh_host_pci_override(context->host, address, override, error) &&
                         vh_host_pci_unbind(context->host, address, context->act_deadline, error)))
            return FALSE;
    }
    return vh_host_pci_override(context->host, address, override, error);
}

static gboolean same_device(const VhPciFunction *function, GVariant *args)
{
    g_autofree char *id = g_strdup_printf("%04x:%04x", function->vendor, function->device);

    return g_str_equal(id, vh_json_string(args, "id", id));
}

static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    const char *address = address_of(args);
    g_autoptr(GError) cause = NULL;
    g_autoptr(VhPciFunction) function = vh_host_pci_look(context->host, address, &cause);

    if (!function && vh_error_is_gone(cause)) {
        vh_step_note(context, "%s is gone from the bus: nothing to give back", address);
        return TRUE;
    }
    if (function && !same_device(function, args)) {
        vh_step_note(context, "another device is at %s now: left alone", address);
        return TRUE;
    }
    if (function && g_strcmp0(function->driver, vh_json_string(args, "home", NULL)) == 0 &&
        g_strcmp0(function->driver_override, vh_json_string(args, "override", NULL)) == 0)
        return TRUE;
    if (function && (!function->vfio || wait_for_qemu(context, address, &cause)) &&
        go_home(context, args, function->driver, &cause))
        return TRUE;
    g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                               "cannot give %s back to %s: ", address,
                               vh_json_string(args, "home", "nobody"));
    return FALSE;
}

static char *describe(GVariant *args)
{
    const char *home = vh_json_string(args, "home", NULL);

    return g_strdup_printf("hand %s from %s to %s", address_of(args), home ? home : "no driver",
                           target_of(args));
}

static char *describe_undo(GVariant *args)
{
    return g_strdup_printf("give %s back to %s", address_of(args),
                           vh_json_string(args, "home", "no driver"));
}

const VhStepKind vh_step_device = {
    .name = "device",
    .title = "devices",
    .undo_grade = VH_UNDO_FULL,
    .look = look,
    .apply = apply,
    .undo = undo,
    .describe = describe,
    .describe_undo = describe_undo,
};

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A PCI function goes to the target driver and back to the one it had, by driver_override, unbind
 * and drivers_probe (Documentation/ABI/testing/sysfs-bus-pci). libvirt may bind and unbind between
 * our acts, so both ways look first and do only what is missing.
 */
#include "base/json.h"
#include "steps/bars.h"
#include "steps/last-look.h"
#include "steps/revive.h"

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
    /* What to return to was found out before the modules were unloaded, and is in @args; but for
     * the sizes of the BARs. */
    g_auto(GStrv) wanted = vh_json_strings(args, "bars");
    g_auto(GStrv) bars = *wanted ? vh_bars_now(context->host, address_of(args), wanted) : NULL;
    if (*wanted && !bars)
        return vh_error_set(error, VH_ERROR_FAILED, "the sizes of the BARs of %s cannot be read",
                            address_of(args));
    *ret_prior =
        bars ? g_variant_new_parsed("{'bars': <%^as>}", bars) : g_variant_new("a{sv}", NULL);
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
                        "dmesg)",
                        address, now->driver ? now->driver : "no driver", driver);
}

/* @bars ("BAR:SIZE") are set in between, when no driver has the function. */
static gboolean bind_to(const VhStepContext *context, const char *address, const char *driver,
                        char **bars, GError **error)
{
    VhHost *host = context->host;

    return vh_host_pci_override(host, address, driver, error) &&
           vh_last_look_unbind(context, address, error) &&
           vh_bars_set(context, address, bars, error) &&
           vh_host_pci_probe(host, address, context->act_deadline, error) &&
           verify(host, address, driver, error);
}

/* vfio allows the kernel to take the power from what no guest has open yet, or no longer
 * (drivers/vfio/pci/vfio_pci_core.c, vfio_pci_core_register_device). */
static void keep_awake(const VhStepContext *context, GVariant *args)
{
    if (vh_json_bool(args, "awake", FALSE))
        (void)vh_host_pci_set(context->host, address_of(args), "power/control", "on",
                              context->act_deadline, NULL);
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    g_auto(GStrv) bars = vh_json_strings(args, "bars");

    if (bind_to(context, address_of(args), target_of(args), bars, error)) {
        keep_awake(context, args);
        return TRUE;
    }
    g_prefix_error(error, "cannot hand %s to %s: ", address_of(args), target_of(args));
    return FALSE;
}

/* Binds the home driver, if it is there; a module that is loaded later finds the function free. */
static gboolean go_home(const VhStepContext *context, GVariant *args, char **bars, GError **error)
{
    const char *address = address_of(args);
    const char *home = vh_json_string(args, "home", NULL);
    const char *override = vh_json_string(args, "override", NULL);
    gboolean wanted = home && vh_host_pci_driver_known(context->host, home);
    g_autoptr(VhPciFunction) now = vh_host_pci_look(context->host, address, error);

    if (!now)
        return FALSE;
    if (g_strcmp0(now->driver, home) != 0 || !vh_bars_are(context->host, address, bars)) {
        if (wanted && !bind_to(context, address, home, bars, error))
            return FALSE;
        if (!wanted && !(vh_host_pci_override(context->host, address, override, error) &&
                         vh_last_look_unbind(context, address, error) &&
                         vh_bars_set(context, address, bars, error)))
            return FALSE;
    }
    return vh_host_pci_override(context->host, address, override, error);
}

/* Its driver has it; the override may still have to go. */
static gboolean is_driven(VhHost *host, GVariant *args, const VhPciFunction *function, char **bars)
{
    return g_strcmp0(function->driver, vh_json_string(args, "home", NULL)) == 0 &&
           vh_bars_are(host, function->address, bars);
}

/* The same with the help that the guest's file allows: not for one that never left, which may be
 * in use. */
static gboolean come_home(const VhStepContext *context, GVariant *args, char **bars,
                          const VhPciFunction *function, GError **error)
{
    const char *address = address_of(args);
    g_autoptr(GError) cause = NULL;

    if (is_driven(context->host, args, function, bars))
        return go_home(context, args, bars, error);
    if (vh_revive_first(context->host, args, address) && !vh_revive(context, address, error))
        return FALSE;
    if (go_home(context, args, bars, &cause))
        return TRUE;
    if (vh_error_is_timeout(cause) || !vh_revive_can(args)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    return vh_revive(context, address, error) && go_home(context, args, bars, error);
}

static gboolean same_device(const VhPciFunction *function, GVariant *args)
{
    g_autofree char *id = g_strdup_printf("%04x:%04x", function->vendor, function->device);

    return g_str_equal(id, vh_json_string(args, "id", id));
}

static gboolean is_home(VhHost *host, GVariant *args, const VhPciFunction *function, char **bars)
{
    return g_strcmp0(function->driver_override, vh_json_string(args, "override", NULL)) == 0 &&
           is_driven(host, args, function, bars);
}

/* As it is now. One that is gone may be so because an earlier attempt ended between its removal
 * from the bus and its return. */
static VhPciFunction *look_again(const VhStepContext *context, GVariant *args, GError **error)
{
    g_autoptr(GError) cause = NULL;
    VhPciFunction *function = vh_host_pci_look(context->host, address_of(args), &cause);

    if (!function && vh_error_is_gone(cause) && vh_revive_can(args) &&
        vh_host_pci_rescan(context->host, context->act_deadline, NULL))
        return vh_host_pci_look(context->host, address_of(args), error);
    if (!function)
        g_propagate_error(error, g_steal_pointer(&cause));
    return function;
}

static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    const char *address = address_of(args);
    g_autoptr(GError) cause = NULL;
    g_autoptr(VhPciFunction) function = look_again(context, args, &cause);
    g_auto(GStrv) bars = vh_json_strings(prior, "bars");

    if (!function && vh_error_is_gone(cause)) {
        vh_step_note(context, "%s is gone from the bus: nothing to give back", address);
        return TRUE;
    }
    if (function && !same_device(function, args)) {
        vh_step_note(context, "another device is at %s now: left alone", address);
        return TRUE;
    }
    if (function && is_home(context->host, args, function, bars))
        return TRUE;
    /* A QEMU that libvirt gave up on may still be dying; the last look waits for it. */
    if (function && come_home(context, args, bars, function, &cause))
        return TRUE;
    g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                               "cannot give %s back to %s: ", address,
                               vh_json_string(args, "home", "nobody"));
    return FALSE;
}

static char *describe(GVariant *args)
{
    const char *home = vh_json_string(args, "home", NULL);

    if (!home)
        return g_strdup_printf("hand %s, which has no driver, to %s", address_of(args),
                               target_of(args));
    return g_strdup_printf("hand %s from %s to %s", address_of(args), home, target_of(args));
}

static char *describe_undo(GVariant *args)
{
    const char *home = vh_json_string(args, "home", NULL);

    if (!home)
        return g_strdup_printf("take %s from %s again", address_of(args), target_of(args));
    return g_strdup_printf("give %s back to %s", address_of(args), home);
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

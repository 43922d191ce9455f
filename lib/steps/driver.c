// SPDX-License-Identifier: GPL-2.0-or-later
/* The driver that the devices are handed to (vfio-pci) is there. */
#include "base/json.h"
#include "steps/step.h"

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    if (!vh_host_pci_driver_known(context->host, vh_json_string(args, "driver", "")))
        *ret_prior = g_variant_new("a{sv}", NULL);
    return TRUE;
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    const char *driver = vh_json_string(args, "driver", "");

    /* A driver and its module have the same name here: vfio-pci, nvgrace-gpu-vfio-pci, … */
    if (!vh_host_module_load(context->host, driver, context->act_deadline, error)) {
        g_prefix_error(error, "cannot load the driver %s: ", driver);
        return FALSE;
    }
    if (!vh_host_pci_driver_known(context->host, driver))
        return vh_error_set(error, VH_ERROR_FAILED,
                            "module %s was loaded, but brought no PCI driver of that name", driver);
    return TRUE;
}

static char *describe(GVariant *args)
{
    return g_strdup_printf("load %s", vh_json_string(args, "driver", "?"));
}

const VhStepKind vh_step_driver = {
    .name = "driver",
    .title = "target driver",
    .undo_grade = VH_UNDO_NONE, /* another VM may be using it: never unloaded */
    .look = look,
    .apply = apply,
    .describe = describe,
};

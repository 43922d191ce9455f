// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vfio takes no function that virtual functions hang on, and only some drivers end theirs when they
 * go (Documentation/PCI/pci-iov-howto.rst). What was set on one of them goes with it.
 */
#include "base/json.h"
#include "steps/step.h"

#define NUMBER "sriov_numvfs"

static const char *address_of(GVariant *args)
{
    return vh_json_string(args, "address", "");
}

static char *number_now(VhHost *host, GVariant *args)
{
    g_autofree char *path = g_strdup_printf("/sys/bus/pci/devices/%s/" NUMBER, address_of(args));

    return vh_host_read(host, path, NULL);
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    g_autofree char *now = number_now(context->host, args);

    if (now && !g_str_equal(now, "0"))
        *ret_prior = g_variant_new_parsed("{'number': <%s>}", now);
    return TRUE;
}

static gboolean set(const VhStepContext *context, GVariant *args, const char *number,
                    GError **error)
{
    g_autofree char *now = number_now(context->host, args);

    return g_strcmp0(now, number) == 0 || vh_host_pci_set(context->host, address_of(args), NUMBER,
                                                          number, context->act_deadline, error);
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    return set(context, args, "0", error);
}

static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    return set(context, args, vh_json_string(prior, "number", "0"), error);
}

static char *describe(GVariant *args)
{
    return g_strdup_printf("end the virtual functions of %s", address_of(args));
}

static char *describe_undo(GVariant *args)
{
    return g_strdup_printf("give %s as many virtual functions as it had", address_of(args));
}

const VhStepKind vh_step_virtual = {
    .name = "virtual",
    .title = "virtual functions",
    .undo_grade = VH_UNDO_PARTIAL,
    .look = look,
    .apply = apply,
    .undo = undo,
    .describe = describe,
    .describe_undo = describe_undo,
};

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The firmware's framebuffer (efifb, vesafb, simpledrm) lets go of the card's memory. Binding it
 * again is tried only where it was bound; it fails when the card's memory has moved or another
 * driver owns the screen by then, and nothing can be done about that: the undo is partial.
 */
#include "base/json.h"
#include "steps/step.h"

static const char *device_of(GVariant *args)
{
    return vh_json_string(args, "device", "");
}

/* NULL: it is not there, or @framebuffers is NULL. */
static const VhFramebuffer *find(const GPtrArray *framebuffers, const char *device)
{
    for (guint i = 0; framebuffers && i < framebuffers->len; i++) {
        const VhFramebuffer *framebuffer = framebuffers->pdata[i];
        if (g_str_equal(framebuffer->device, device))
            return framebuffer;
    }
    return NULL;
}

/* *@ret_bound; one that is not there is not bound. */
static gboolean is_bound(VhHost *host, const char *device, gboolean *ret_bound, GError **error)
{
    g_autoptr(GPtrArray) framebuffers = vh_host_framebuffers(host, error);
    const VhFramebuffer *framebuffer = find(framebuffers, device);

    *ret_bound = framebuffer && framebuffer->driver;
    return framebuffers != NULL;
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    gboolean bound;

    if (!is_bound(context->host, device_of(args), &bound, error))
        return FALSE;
    if (bound)
        *ret_prior = g_variant_new_parsed("{'bound': <true>}");
    return TRUE;
}

/* Whether the native driver removed it meanwhile, or it is unbound as it should be. */
static gboolean is_as_wanted(VhHost *host, const char *device, gboolean bound)
{
    g_autoptr(GPtrArray) framebuffers = vh_host_framebuffers(host, NULL);
    const VhFramebuffer *framebuffer = find(framebuffers, device);

    return framebuffer ? (framebuffer->driver != NULL) == bound : framebuffers != NULL;
}

static gboolean bind(const VhStepContext *context, GVariant *args, gboolean bound, GError **error)
{
    g_autoptr(GError) cause = NULL;
    const char *driver = vh_json_string(args, "driver", "");

    if (vh_host_framebuffer_bind(context->host, device_of(args), driver, bound,
                                 context->act_deadline, &cause) ||
        (vh_error_is_gone(cause) && is_as_wanted(context->host, device_of(args), bound)))
        return TRUE;
    g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                               "cannot %s %s: ", bound ? "bind" : "unbind", device_of(args));
    return FALSE;
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    return bind(context, args, FALSE, error);
}

static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    gboolean bound;

    if (is_bound(context->host, device_of(args), &bound, NULL) && bound)
        return TRUE;
    return bind(context, args, TRUE, error);
}

static char *describe(GVariant *args)
{
    return g_strdup_printf("unbind the firmware framebuffer %s", device_of(args));
}

static char *describe_undo(GVariant *args)
{
    return g_strdup_printf("bind the firmware framebuffer %s", device_of(args));
}

const VhStepKind vh_step_framebuffer = {
    .name = "framebuffer",
    .title = "firmware framebuffer",
    .undo_grade = VH_UNDO_PARTIAL,
    .look = look,
    .apply = apply,
    .undo = undo,
    .describe = describe,
    .describe_undo = describe_undo,
};

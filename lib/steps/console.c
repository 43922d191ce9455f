// SPDX-License-Identifier: GPL-2.0-or-later
/* A framebuffer vtconsole lets go of the display (Documentation/driver-api/console.rst). */
#include "base/json.h"
#include "steps/step.h"

static guint number_of(GVariant *args)
{
    return (guint)vh_json_int(args, "number", -1);
}

/* NULL: it is not there, or @consoles is NULL. */
static const VhConsole *find(const GPtrArray *consoles, guint number)
{
    for (guint i = 0; consoles && i < consoles->len; i++)
        if (((const VhConsole *)consoles->pdata[i])->number == number)
            return consoles->pdata[i];
    return NULL;
}

/* *@ret_bound; a console that is not there is not bound. */
static gboolean is_bound(VhHost *host, guint number, gboolean *ret_bound, GError **error)
{
    g_autoptr(GPtrArray) consoles = vh_host_consoles(host, error);
    const VhConsole *console = find(consoles, number);

    *ret_bound = console && console->bound;
    return consoles != NULL;
}

static gboolean is_there(VhHost *host, guint number)
{
    g_autoptr(GPtrArray) consoles = vh_host_consoles(host, NULL);

    return find(consoles, number) != NULL;
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    gboolean bound;

    if (!is_bound(context->host, number_of(args), &bound, error))
        return FALSE;
    if (bound)
        *ret_prior = g_variant_new_parsed("{'bound': <true>}");
    return TRUE;
}

static gboolean bind(const VhStepContext *context, GVariant *args, gboolean bound, GError **error)
{
    if (vh_host_console_bind(context->host, number_of(args), bound, context->act_deadline, error))
        return TRUE;
    g_prefix_error(error, "cannot %s vtcon%u: ", bound ? "bind" : "unbind", number_of(args));
    return FALSE;
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    return bind(context, args, FALSE, error);
}

static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    g_autoptr(GError) cause = NULL;
    gboolean bound;

    /* With the display driver's framebuffer the console often comes back by itself. */
    if (is_bound(context->host, number_of(args), &bound, NULL) && bound)
        return TRUE;
    if (!bind(context, args, TRUE, &cause) &&
        !(vh_error_is_gone(cause) && !is_there(context->host, number_of(args)))) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    /* Without another driver marked (S) the kernel says yes and does nothing, until the display
     * driver is loaded anew (drivers/tty/vt/vt.c, do_bind_con_driver). */
    if (is_bound(context->host, number_of(args), &bound, NULL) && !bound)
        vh_step_note(context,
                     "vtcon%u did not come back: the text consoles stay dark until the display "
                     "driver is loaded again; the desktop is not affected",
                     number_of(args));
    return TRUE;
}

static char *describe(GVariant *args)
{
    return g_strdup_printf("unbind vtcon%u (%s)", number_of(args),
                           vh_json_string(args, "name", "?"));
}

static char *describe_undo(GVariant *args)
{
    return g_strdup_printf("bind vtcon%u", number_of(args));
}

const VhStepKind vh_step_console = {
    .name = "console",
    .title = "text consoles",
    .undo_grade = VH_UNDO_FULL,
    .look = look,
    .apply = apply,
    .undo = undo,
    .describe = describe,
    .describe_undo = describe_undo,
};

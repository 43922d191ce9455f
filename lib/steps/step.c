// SPDX-License-Identifier: GPL-2.0-or-later
#include "steps/step.h"

#include "base/text.h"

static const VhStepKind *const kinds[] = {
    &vh_step_driver,
    &vh_step_awake,
    &vh_step_command,
    &vh_step_command_undo,
    &vh_step_logout,
    &vh_step_front,
    &vh_step_user_unit,
    &vh_step_unit,
    &vh_step_sessions,
    &vh_step_services,
    &vh_step_holders,
    &vh_step_console,
    &vh_step_framebuffer,
    &vh_step_virtual,
    &vh_step_display,
    &vh_step_module,
    &vh_step_settings,
    &vh_step_device,
    &vh_step_suspend,
    &vh_step_governor,
    &vh_step_slices,
    &vh_step_workqueues,
    &vh_step_irqs,
    &vh_step_hugepages,
    NULL,
};

const VhStepKind *const *vh_step_kinds(void)
{
    return kinds;
}

const VhStepKind *vh_step_kind_find(const char *name)
{
    for (gsize i = 0; kinds[i]; i++)
        if (g_strcmp0(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

VhStep *vh_step_new(const VhStepKind *kind, const char *subject, GVariant *args)
{
    VhStep *step = g_new0(VhStep, 1);

    step->kind = kind;
    step->args = g_variant_ref_sink(args);
    step->subject = g_strdup(subject);
    return step;
}

void vh_step_free(VhStep *step)
{
    if (!step)
        return;
    g_variant_unref(step->args);
    g_free(step->subject);
    g_free(step);
}

gboolean vh_step_is_wanted(VhHost *host, VhProcess daemon, GError **error)
{
    if (vh_host_interrupted(host))
        return vh_error_set(error, VH_ERROR_INTERRUPTED, "asked to stop (SIGTERM)");
    /* Whose parent has ended is a child of the first process. */
    if (daemon.pid == 1 || (daemon.pid != 0 && vh_host_parent(host).pid != daemon.pid))
        return vh_error_set(error, VH_ERROR_INTERRUPTED,
                            "libvirt's daemon ended meanwhile: start the guest again");
    return TRUE;
}

gboolean vh_step_pause(const VhStepContext *context, GPtrArray *holders, gint64 *pause,
                       GError **error)
{
    enum { FIRST = 20 * 1000, LONGEST = 250 * 1000 };
    gint64 left = context->deadline - vh_host_now(context->host);

    if (left <= 0)
        return vh_error_set(error, VH_ERROR_TIMEOUT, "not done in time");
    if (!context->undoing && !vh_step_is_wanted(context->host, context->daemon, error))
        return FALSE;
    *pause = *pause == 0 ? FIRST : MIN(*pause * 2, LONGEST);
    vh_host_wait(context->host, holders, MIN(*pause, left));
    return TRUE;
}

void vh_step_note(const VhStepContext *context, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    if (!context->note)
        return;
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    context->note(context->data, text);
}

gboolean vh_step_wait_free(const VhStepContext *context, const char *address, GError **error)
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

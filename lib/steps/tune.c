// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is told to the kernel and to systemd about processors: governors, the CPUs of the host's
 * processes, of its unbound work and of its interrupts. Four kinds of one shape: all tunables of a
 * kind get one value, and each gets its own back. The prior state is { NAME: VALUE } of those that
 * had another.
 */
#include "base/cpus.h"
#include "base/json.h"
#include "steps/step.h"

static VhTune tune_of(GVariant *args)
{
    int kind = vh_tune_of_name(vh_json_string(args, "tune", NULL));

    return kind < 0 ? VH_TUNE_GOVERNOR : (VhTune)kind;
}

static const char *value_of(GVariant *args)
{
    return vh_json_string(args, "value", "");
}

/* Where writeback's workers are of one node each, they keep to the nodes of the CPUs given only
 * when that is switched off. */
static const char *wanted(GVariant *args, const VhTunable *tunable)
{
    return tune_of(args) == VH_TUNE_WORKQUEUE && !tunable->cpus ? "0" : value_of(args);
}

static gboolean same(const VhTunable *tunable, const char *value)
{
    return tunable->cpus ? vh_cpus_same(tunable->value, value)
                         : g_strcmp0(tunable->value, value) == 0;
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    g_autoptr(GPtrArray) tunables = vh_host_tunables(context->host, tune_of(args), error);
    g_auto(GVariantDict) prior = G_VARIANT_DICT_INIT(NULL);
    gboolean any = FALSE;

    if (!tunables)
        return FALSE;
    for (guint i = 0; i < tunables->len; i++) {
        const VhTunable *tunable = tunables->pdata[i];
        if (same(tunable, wanted(args, tunable)))
            continue;
        g_variant_dict_insert(&prior, tunable->name, "s", tunable->value);
        any = TRUE;
    }
    if (any)
        *ret_prior = g_variant_dict_end(&prior);
    return TRUE;
}

/* Those that the kernel does not let go elsewhere: interrupts of one CPU, or of a device's queue.
 * Nobody can change that, so it is a note. */
static void note_stubborn(const VhStepContext *context, const GPtrArray *stubborn)
{
    enum { SHOWN = 8 };
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < MIN(stubborn->len, SHOWN); i++)
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", (char *)stubborn->pdata[i]);
    if (stubborn->len > SHOWN)
        g_string_append(names, ", …");
    if (stubborn->len > 0)
        vh_step_note(context, "%u interrupt(s) cannot be moved and stay where they are: %s",
                     stubborn->len, names->str);
}

static gboolean is_there(VhHost *host, VhTune kind, const char *name)
{
    g_autoptr(GPtrArray) tunables = vh_host_tunables(host, kind, NULL);

    for (guint i = 0; tunables && i < tunables->len; i++)
        if (g_str_equal(((VhTunable *)tunables->pdata[i])->name, name))
            return TRUE;
    return FALSE;
}

/* Sets one. What is gone is none of our business; a stubborn interrupt is only noted, when
 * @stubborn is given. */
static gboolean set(const VhStepContext *context, VhTune kind, const VhTunable *tunable,
                    const char *value, GPtrArray *stubborn, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (vh_host_tune(context->host, kind, tunable->name, value, context->act_deadline, &cause) ||
        (vh_error_is_gone(cause) && !is_there(context->host, kind, tunable->name)))
        return TRUE;
    if (stubborn && kind == VH_TUNE_IRQ && !vh_error_is_timeout(cause)) {
        g_ptr_array_add(stubborn, tunable->about
                                      ? g_strdup_printf("%s (%s)", tunable->name, tunable->about)
                                      : g_strdup(tunable->name));
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    g_autoptr(GPtrArray) tunables = vh_host_tunables(context->host, tune_of(args), error);
    g_autoptr(GPtrArray) stubborn = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; tunables && i < tunables->len; i++) {
        const VhTunable *tunable = tunables->pdata[i];
        if (vh_json_string(prior, tunable->name, NULL) &&
            !set(context, tune_of(args), tunable, wanted(args, tunable), stubborn, error))
            return FALSE;
    }
    note_stubborn(context, stubborn);
    return tunables != NULL;
}

/* Goes on past failures; the first is told. An interrupt that was never moved is where it was. */
static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    g_autoptr(GPtrArray) tunables = vh_host_tunables(context->host, tune_of(args), error);
    g_autoptr(GError) first = NULL;

    for (guint i = 0; tunables && i < tunables->len; i++) {
        const VhTunable *tunable = tunables->pdata[i];
        const char *old = vh_json_string(prior, tunable->name, NULL);
        if (old && !same(tunable, old))
            (void)set(context, tune_of(args), tunable, old, NULL, first ? NULL : &first);
    }
    if (!first)
        return tunables != NULL;
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}

/* The other guest found what we set: what we found is what was there before. */
static GVariant *inherit(GVariant *ours, GVariant *theirs)
{
    GVariantDict both;
    GVariantIter iter;
    const char *name;
    GVariant *value;

    g_variant_dict_init(&both, ours);
    if (theirs) {
        g_variant_iter_init(&iter, theirs);
        while (g_variant_iter_loop(&iter, "{&sv}", &name, &value))
            g_variant_dict_insert_value(&both, name, value);
    }
    return g_variant_dict_end(&both);
}

static char *describe_governor(GVariant *args)
{
    return g_strdup_printf("set the CPU frequency governor to %s", value_of(args));
}

static char *describe_slices(GVariant *args)
{
    return g_strdup_printf("keep the host's processes to CPUs %s", value_of(args));
}

static char *describe_workqueues(GVariant *args)
{
    return g_strdup_printf("keep the kernel's own work to CPUs %s", value_of(args));
}

static char *describe_irqs(GVariant *args)
{
    return g_strdup_printf("send interrupts to CPUs %s", value_of(args));
}

static char *undo_governor(GVariant *args)
{
    return g_strdup("give every CPU its governor back");
}

static char *undo_slices(GVariant *args)
{
    return g_strdup("let the host's processes use their CPUs again");
}

static char *undo_workqueues(GVariant *args)
{
    return g_strdup("let the kernel's own work use its CPUs again");
}

static char *undo_irqs(GVariant *args)
{
    return g_strdup("send interrupts where they went before");
}

/* A host confined to a few CPUs is worth another release; the others are not worth that a guest
 * cannot start again. */
#define KIND(NAME, GRADE, TITLE)                                                                   \
    const VhStepKind vh_step_##NAME = {                                                            \
        .name = #NAME,                                                                             \
        .title = TITLE,                                                                            \
        .undo_grade = GRADE,                                                                       \
        .shared = TRUE,                                                                            \
        .look = look,                                                                              \
        .apply = apply,                                                                            \
        .undo = undo,                                                                              \
        .inherit = inherit,                                                                        \
        .describe = describe_##NAME,                                                               \
        .describe_undo = undo_##NAME,                                                              \
    }

KIND(governor, VH_UNDO_PARTIAL, "CPU frequency");
KIND(slices, VH_UNDO_FULL, "CPUs of the host");
KIND(workqueues, VH_UNDO_PARTIAL, "CPUs of kernel work");
KIND(irqs, VH_UNDO_PARTIAL, "CPUs of interrupts");

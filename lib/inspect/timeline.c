// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/timeline.h"

#include <string.h>

#include "base/event.h"

static void step_free(gpointer data)
{
    VhTimelineStep *step = data;

    g_free(step->step);
    g_free(step->device);
    g_free(step->text);
    g_free(step);
}

static void run_free(gpointer data)
{
    VhTimelineRun *run = data;

    g_free(run->transaction);
    g_free(run->operation);
    g_free(run->text);
    g_ptr_array_unref(run->steps);
    g_free(run);
}

/* VH_N_EVENTS: none of ours. */
static VhEventKind kind_of(const VhLogEntry *entry)
{
    VhEventKind kind = 0;

    while (kind < VH_N_EVENTS && g_strcmp0(vh_event_message_id(kind), entry->message_id) != 0)
        kind++;
    return kind;
}

static gboolean begins(VhEventKind kind)
{
    return kind == VH_EVENT_PREPARE_BEGIN || kind == VH_EVENT_RELEASE_BEGIN ||
           kind == VH_EVENT_RECOVER || kind == VH_EVENT_REFUSED;
}

/* What a run is before its end is told. A reconnect has no end of its own: it only looks, and says
 * so in a note. */
static const char *first_result(const char *operation)
{
    return g_strcmp0(operation, "reconnect") == 0 ? "done" : "unfinished";
}

static VhTimelineRun *run_new(const VhLogEntry *entry)
{
    VhTimelineRun *run = g_new0(VhTimelineRun, 1);

    run->transaction = g_strdup(entry->transaction);
    run->operation = g_strdup(entry->operation ? entry->operation : "unknown");
    run->begin = entry->time - MAX(entry->duration, 0);
    run->result = first_result(entry->operation);
    run->steps = g_ptr_array_new_with_free_func(step_free);
    return run;
}

/* The run that the event belongs to; a new one when a call begins (a release is called again when
 * something was stuck), or when its begin is not in the journal any more. */
static VhTimelineRun *run_for(GPtrArray *runs, const VhLogEntry *entry, VhEventKind kind)
{
    VhTimelineRun *last = runs->len > 0 ? runs->pdata[runs->len - 1] : NULL;
    gboolean same = last && g_strcmp0(last->transaction, entry->transaction) == 0 &&
                    g_strcmp0(last->operation, entry->operation) == 0;

    /* "recover" is followed by the begin of the release that it does. */
    if (same && (!begins(kind) || (kind == VH_EVENT_RELEASE_BEGIN && last->steps->len == 0 &&
                                   g_str_equal(last->operation, "recover"))))
        return last;
    if (!entry->transaction && kind != VH_EVENT_REFUSED)
        return NULL;
    g_ptr_array_add(runs, run_new(entry));
    return runs->pdata[runs->len - 1];
}

static void add_step(VhTimelineRun *run, const VhLogEntry *entry, gboolean stuck)
{
    VhTimelineStep *step = g_new0(VhTimelineStep, 1);
    gint64 duration = MAX(entry->duration, 0);

    step->step = g_strdup(entry->step);
    step->device = g_strdup(entry->device);
    step->text = g_strdup(entry->text ? entry->text : "");
    step->duration = duration;
    step->start = MAX(entry->time - duration - run->begin, 0);
    step->stuck = stuck;
    g_ptr_array_add(run->steps, step);
}

static void conclude(VhTimelineRun *run, const char *result, const char *text)
{
    /* What failed is not mended by everything being back afterwards. */
    if (g_str_equal(run->result, "failed") || g_str_equal(run->result, "stuck"))
        return;
    run->result = result;
    run->text = g_strdup(text);
}

static void take(VhTimelineRun *run, const VhLogEntry *entry, VhEventKind kind)
{
    static const char *const results[VH_N_EVENTS] = {
        [VH_EVENT_PREPARE_END] = "done", [VH_EVENT_RELEASE_END] = "done",
        [VH_EVENT_REFUSED] = "refused",  [VH_EVENT_FAILED] = "failed",
        [VH_EVENT_STUCK] = "stuck",
    };

    if (kind == VH_EVENT_STEP || kind == VH_EVENT_STUCK)
        add_step(run, entry, kind == VH_EVENT_STUCK);
    if (kind < VH_N_EVENTS && results[kind])
        conclude(run, results[kind], g_str_equal(results[kind], "done") ? NULL : entry->text);
    run->duration = MAX(run->duration, entry->time - run->begin);
}

GPtrArray *vh_timeline_new(const GPtrArray *entries, guint most)
{
    GPtrArray *runs = g_ptr_array_new_with_free_func(run_free);

    for (guint i = 0; i < entries->len; i++) {
        const VhLogEntry *entry = entries->pdata[i];
        VhEventKind kind = kind_of(entry);
        VhTimelineRun *run = run_for(runs, entry, kind);
        if (run)
            take(run, entry, kind);
    }
    if (runs->len > most)
        g_ptr_array_remove_range(runs, 0, runs->len - most);
    return runs;
}

char *vh_timeline_begin_text(const VhTimelineRun *run)
{
    g_autoptr(GDateTime) begin = g_date_time_new_from_unix_local(run->begin / G_USEC_PER_SEC);

    return begin ? g_date_time_format(begin, "%F %T") : g_strdup("?");
}

/* ---- for programs ---- */

static GVariant *step_variant(const VhTimelineStep *step)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    if (step->step)
        g_variant_dict_insert(&dict, "step", "s", step->step);
    if (step->device)
        g_variant_dict_insert(&dict, "device", "s", step->device);
    g_variant_dict_insert(&dict, "text", "s", step->text);
    g_variant_dict_insert(&dict, "start_usec", "x", step->start);
    g_variant_dict_insert(&dict, "duration_usec", "x", step->duration);
    g_variant_dict_insert(&dict, "stuck", "b", step->stuck);
    return g_variant_dict_end(&dict);
}

static GVariant *run_variant(const VhTimelineRun *run)
{
    GVariantBuilder steps;
    GVariantDict dict;

    g_variant_builder_init(&steps, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < run->steps->len; i++)
        g_variant_builder_add_value(&steps, step_variant(run->steps->pdata[i]));
    g_variant_dict_init(&dict, NULL);
    if (run->transaction)
        g_variant_dict_insert(&dict, "transaction", "s", run->transaction);
    g_variant_dict_insert(&dict, "operation", "s", run->operation);
    g_variant_dict_insert(&dict, "begin_usec", "x", run->begin);
    g_variant_dict_insert(&dict, "duration_usec", "x", run->duration);
    g_variant_dict_insert(&dict, "result", "s", run->result);
    if (run->text)
        g_variant_dict_insert(&dict, "text", "s", run->text);
    g_variant_dict_insert_value(&dict, "steps", g_variant_builder_end(&steps));
    return g_variant_dict_end(&dict);
}

GVariant *vh_timeline_variant(const char *guest, const GPtrArray *runs)
{
    GVariantBuilder list;
    GVariantDict dict;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < runs->len; i++)
        g_variant_builder_add_value(&list, run_variant(runs->pdata[i]));
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "guest", "s", guest);
    g_variant_dict_insert_value(&dict, "runs", g_variant_builder_end(&list));
    return g_variant_dict_end(&dict);
}

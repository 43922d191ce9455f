// SPDX-License-Identifier: GPL-2.0-or-later
/* The plan as people and programs read it. */
#include "base/json.h"
#include "base/text.h"
#include "engine/plan.h"

static GVariant *device_variant(const VhPlanDevice *device)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "address", "s", device->address);
    g_variant_dict_insert(&dict, "target", "s", device->target);
    g_variant_dict_insert(&dict, "managed", "b", device->managed);
    g_variant_dict_insert(&dict, "present", "b", device->now != NULL);
    if (device->now) {
        g_autofree char *id =
            g_strdup_printf("%04x:%04x", device->now->vendor, device->now->device);
        g_autofree char *class = g_strdup_printf("%06x", device->now->class_code);
        g_variant_dict_insert(&dict, "id", "s", id);
        g_variant_dict_insert(&dict, "class", "s", class);
        g_variant_dict_insert(&dict, "group", "i", device->now->iommu_group);
        if (device->now->driver)
            g_variant_dict_insert(&dict, "driver", "s", device->now->driver);
    }
    return g_variant_dict_end(&dict);
}

static GVariant *step_variant(const VhStep *step)
{
    static const char *const grades[] = {"full", "partial", "none"};
    g_autofree char *what = step->kind->describe(step->args);
    g_autofree char *back =
        step->kind->describe_undo ? step->kind->describe_undo(step->args) : NULL;
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "step", "s", step->kind->name);
    g_variant_dict_insert(&dict, "subject", "s", step->subject);
    g_variant_dict_insert(&dict, "prepare", "s", what);
    if (back)
        g_variant_dict_insert(&dict, "release", "s", back);
    g_variant_dict_insert(&dict, "undo", "s", grades[step->kind->undo_grade]);
    g_variant_dict_insert_value(&dict, "arguments", step->args);
    return g_variant_dict_end(&dict);
}

static GVariant *texts_variant(const GPtrArray *texts)
{
    return g_variant_new_strv((const char *const *)texts->pdata, (gssize)texts->len);
}

static GVariant *notes_variant(const VhPlan *plan)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    g_ptr_array_extend(all, plan->notes, NULL, NULL);
    g_ptr_array_extend(all, plan->present, NULL, NULL);
    return texts_variant(all);
}

typedef GVariant *(*ToVariant)(gconstpointer item);

static void insert_list(GVariantDict *dict, const char *key, const GPtrArray *items,
                        ToVariant to_variant)
{
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < items->len; i++)
        g_variant_builder_add_value(&list, to_variant(items->pdata[i]));
    g_variant_dict_insert_value(dict, key, g_variant_builder_end(&list));
}

GVariant *vh_plan_variant(const VhPlan *plan)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "guest", "s", plan->guest);
    g_variant_dict_insert(&dict, "uuid", "s", plan->uuid);
    g_variant_dict_insert(&dict, "running", "b", plan->running);
    g_variant_dict_insert(&dict, "possible", "b", plan->refusals->len == 0);
    g_variant_dict_insert(&dict, "timeout", "x", (gint64)plan->timeout);
    g_variant_dict_insert(&dict, "worst_case", "x", (gint64)vh_plan_worst_case(plan));
    g_variant_dict_insert(&dict, "worst_release", "x", (gint64)vh_plan_worst_release(plan));
    insert_list(&dict, "devices", plan->devices, (ToVariant)device_variant);
    insert_list(&dict, "steps", plan->steps, (ToVariant)step_variant);
    insert_list(&dict, "commands", plan->later, (ToVariant)step_variant);
    g_variant_dict_insert_value(&dict, "refusals", texts_variant(plan->refusals));
    g_variant_dict_insert_value(&dict, "notes", notes_variant(plan));
    return g_variant_dict_end(&dict);
}

/* Own commands at other operations, in the order of the file. */
static void add_later(GString *text, const VhPlan *plan)
{
    for (guint i = 0; i < plan->later->len; i++) {
        const VhStep *step = plan->later->pdata[i];
        g_autofree char *what = step->kind->describe(step->args);
        g_autofree char *back =
            step->kind->describe_undo ? step->kind->describe_undo(step->args) : NULL;
        g_string_append_printf(text, "%s: at %s %s%s%s\n", plan->guest,
                               vh_json_string(step->args, "operation", "?"), what,
                               back ? "; first when it has stopped: " : "", back ? back : "");
    }
}

static void add_texts(GString *text, const char *label, const GPtrArray *texts)
{
    for (guint i = 0; i < texts->len; i++)
        g_string_append_printf(text, "%s: %s\n", label, (char *)texts->pdata[i]);
}

static void add_steps(GString *text, const VhPlan *plan)
{
    guint back = 0;

    if (plan->steps->len == 0) {
        g_string_append_printf(text, "%s: nothing: no host device has to change hands\n",
                               plan->guest);
        return;
    }
    g_string_append_printf(text, "%s: when it starts\n", plan->guest);
    for (guint i = 0; i < plan->steps->len; i++) {
        const VhStep *step = plan->steps->pdata[i];
        g_autofree char *what = step->kind->describe(step->args);
        g_string_append_printf(text, "%4u. %s\n", i + 1, what);
    }
    g_string_append_printf(text, "%s: when it has stopped\n", plan->guest);
    for (guint i = plan->steps->len; i > 0; i--) {
        const VhStep *step = plan->steps->pdata[i - 1];
        if (!step->kind->describe_undo)
            continue;
        g_autofree char *what = step->kind->describe_undo(step->args);
        g_string_append_printf(text, "%4u. %s\n", ++back, what);
    }
}

/* How long a start and an end may take. */
static void add_times(GString *text, const VhPlan *plan)
{
    g_string_append_printf(text, "At most %u s until the guest starts or all is back.\n",
                           vh_plan_worst_case(plan));
    g_string_append_printf(text,
                           "At most %u s until all is back when it has stopped, and up to %d s "
                           "more when another hand-over runs then.\n",
                           vh_plan_worst_release(plan), VH_RELEASE_PATIENCE);
    if (plan->later->len > 0)
        g_string_append_printf(text,
                               "At most %d s more for the own commands of each such operation.\n",
                               VH_SCRIPTS_SECONDS);
}

static void add_all(GString *text, const VhPlan *plan)
{
    add_steps(text, plan);
    add_later(text, plan);
    add_times(text, plan);
}

char *vh_plan_text(const VhPlan *plan)
{
    GString *text = g_string_new(NULL);
    g_autofree char *guest = vh_text_operand(plan->guest);

    if (plan->running)
        g_string_append_printf(text,
                               "%s runs and has its devices. What it holds: virt-handoff status "
                               "%s. What its start has done: virt-handoff timeline %s\n",
                               plan->guest, guest, guest);
    else
        add_all(text, plan);
    add_texts(text, "note", plan->notes);
    add_texts(text, "note", plan->present);
    add_texts(text, "cannot start", plan->refusals);
    return g_string_free(text, FALSE);
}

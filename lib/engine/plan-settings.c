// SPDX-License-Identifier: GPL-2.0-or-later
/* How functions are set while a guest has them, and what helps those that do not come back. */
#include <string.h>

#include "base/text.h"
#include "engine/plan-private.h"
#include "steps/bars.h"

#define DEVICES "/sys/bus/pci/devices"

static gboolean wanted(const VhPlanning *planning)
{
    return !g_str_equal(planning->config->reset, "keep");
}

static char *read_attribute(VhHost *host, const char *address, const char *name)
{
    g_autofree char *path = g_strdup_printf(DEVICES "/%s/%s", address, name);

    return vh_host_read(host, path, NULL);
}

static gboolean can_sleep(const VhPlanning *planning, const char *address)
{
    g_autofree char *control = read_attribute(planning->host, address, "power/control");

    return control != NULL;
}

/* ---- how it is reset ---- */

/* The module vendor-reset knows how AMD's cards are reset; the kernel asks it as
 * "device_specific", and tries whether it can when that is set. */
static gboolean has_vendor_reset(VhPlanning *planning, const VhPlanDevice *device)
{
    enum { AMD = 0x1002 };
    g_autoptr(VhModule) module = NULL;

    if (device->now->vendor != AMD || !vh_pci_is_display(device->now))
        return FALSE;
    module = vh_host_module_look(planning->host, "vendor_reset", NULL);
    if (module && module->state == VH_MODULE_AVAILABLE)
        vh_plan_note(planning,
                     "the module vendor-reset is there but not loaded; it resets some AMD cards: "
                     "modprobe vendor-reset, and at each boot by a line in /etc/modules-load.d");
    return module && module->state == VH_MODULE_LIVE;
}

/* The order to set, or NULL: the kernel's is right. */
static char *choose_reset(VhPlanning *planning, const VhPlanDevice *device, const char *methods)
{
    g_auto(GStrv) words = g_strsplit(methods, " ", -1);
    gboolean offered = g_strv_contains((const char *const *)words, "device_specific");
    g_autoptr(GString) order = g_string_new("device_specific");

    if (g_str_has_prefix(methods, "device_specific") ||
        (!offered && !has_vendor_reset(planning, device)))
        return NULL;
    for (char **word = words; *word; word++)
        if (**word && !g_str_equal(*word, "device_specific"))
            g_string_append_printf(order, " %s", *word);
    return g_string_free(g_steal_pointer(&order), FALSE);
}

/* Where the kernel says how it resets a function, it has a file "reset" when it can. */
static void report_reset(VhPlanning *planning, const VhPlanDevice *device, const char *methods)
{
    g_autofree char *dir = g_build_filename(DEVICES, device->address, NULL);
    g_auto(GStrv) names = vh_host_list(planning->host, dir);
    gboolean known = g_strv_length(names) > 0;

    if (!known || g_strv_contains((const char *const *)names, "reset") || (methods && *methods))
        return;
    vh_plan_note(planning,
                 "the kernel has no reset for %s; when it does not come back from the guest, it is "
                 "removed from the bus and found again",
                 device->address);
}

static void plan_one(VhPlanning *planning, const VhPlanDevice *device)
{
    g_autofree char *methods = read_attribute(planning->host, device->address, "reset_method");
    g_autofree char *order = methods ? choose_reset(planning, device, methods) : NULL;
    GVariantDict dict;

    report_reset(planning, device, methods);
    if (!order && !can_sleep(planning, device->address))
        return;
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "address", "s", device->address);
    g_variant_dict_insert(&dict, "d3cold_allowed", "s", "0");
    g_variant_dict_insert(&dict, "power/control", "s", "on");
    if (order)
        g_variant_dict_insert(&dict, "reset_method", "s", order);
    vh_plan_add(planning, &vh_step_settings, device->address, g_variant_dict_end(&dict));
}

void vh_plan_settings(VhPlanning *planning)
{
    const VhPlan *plan = planning->plan;

    for (guint i = 0; wanted(planning) && i < plan->devices->len; i++)
        if (vh_plan_moves(plan->devices->pdata[i]))
            plan_one(planning, plan->devices->pdata[i]);
}

/* ---- suspend to RAM ---- */

static gboolean can_suspend(VhPlanning *planning)
{
    g_autofree char *states = vh_host_read(planning->host, "/sys/power/state", NULL);
    g_auto(GStrv) words = g_strsplit(states ? states : "", " ", -1);
    g_auto(GStrv) clock = vh_host_list(planning->host, "/sys/class/rtc/rtc0");

    return g_strv_contains((const char *const *)words, "mem") &&
           g_strv_contains((const char *const *)clock, "wakealarm");
}

/* Some firmware has no other sleep than one in which everything stays under power. */
static void note_shallow(VhPlanning *planning)
{
    g_autofree char *kinds = vh_host_read(planning->host, "/sys/power/mem_sleep", NULL);

    if (kinds && !strstr(kinds, "deep"))
        vh_plan_note(planning,
                     "reset = \"rtcwake\": this host sleeps under power only (no \"deep\" in "
                     "/sys/power/mem_sleep), which may not reset a card");
}

void vh_plan_suspend(VhPlanning *planning)
{
    GVariantBuilder addresses;
    const VhPlan *plan = planning->plan;
    guint moving = 0;

    if (!g_str_equal(planning->config->reset, "rtcwake"))
        return;
    if (!can_suspend(planning)) {
        vh_plan_refuse(planning,
                       "reset = \"rtcwake\": this host cannot suspend to RAM and wake itself "
                       "(/sys/power/state without mem, or a clock without an alarm): use "
                       "reset = \"rescan\"");
        return;
    }
    g_variant_builder_init(&addresses, G_VARIANT_TYPE_STRING_ARRAY);
    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (!vh_plan_moves(device))
            continue;
        g_variant_builder_add(&addresses, "s", device->address);
        moving++;
    }
    GVariant *list = g_variant_ref_sink(g_variant_builder_end(&addresses));
    if (moving > 0) {
        note_shallow(planning);
        vh_plan_add(planning, &vh_step_suspend, "host",
                    g_variant_new_parsed("{'addresses': <%@as>}", list));
    }
    g_variant_unref(list);
}

/* ---- sizes of BARs ---- */

static char *size_text(int size)
{
    return size >= 10 ? g_strdup_printf("%dG", 1 << (size - 10))
                      : g_strdup_printf("%dM", 1 << size);
}

/* "256M, 512M and 1G" */
static char *choices_text(guint64 choices)
{
    g_autoptr(GPtrArray) sizes = g_ptr_array_new_with_free_func(g_free);

    for (int size = 0; size < 30; size++)
        if (choices >> size & 1)
            g_ptr_array_add(sizes, size_text(size));
    g_ptr_array_add(sizes, NULL);
    return vh_text_list((const char *const *)sizes->pdata);
}

/* The largest of those whose size can be changed, VH_BARS: there is none. */
static guint largest(VhHost *host, const char *address)
{
    guint found = VH_BARS;
    int most = -1;

    for (guint bar = 0; bar < VH_BARS; bar++) {
        int size = vh_bar_choices(host, address, bar) ? vh_bar_size(host, address, bar) : -1;
        if (size <= most)
            continue;
        most = size;
        found = bar;
    }
    return found;
}

/* One member of `rebar`, as the loader keeps it: "BAR:SIZE", or ":SIZE" for the largest. */
static char *choose_bar(VhPlanning *planning, const char *address, const char *text)
{
    char *after = NULL;
    guint bar = (guint)g_ascii_strtoull(text, &after, 10);
    int size = (int)g_ascii_strtoull(after + 1, NULL, 10);
    g_autofree char *words = size_text(size);

    if (*text == ':')
        bar = largest(planning->host, address);
    guint64 choices = bar < VH_BARS ? vh_bar_choices(planning->host, address, bar) : 0;
    if (choices >> size & 1)
        return g_strdup_printf("%u:%d", bar, size);
    g_autofree char *possible = choices_text(choices);
    if (choices == 0)
        vh_plan_refuse(planning,
                       "rebar: the kernel cannot change the size of %s of %s (no resizable BAR, "
                       "switched off in the firmware, or Linux before 6.1): remove rebar",
                       bar < VH_BARS ? "that BAR" : "a BAR", address);
    else
        vh_plan_refuse(planning, "rebar: BAR %u of %s cannot have %s, only %s", bar, address, words,
                       possible);
    return NULL;
}

static gboolean has_bar(const GPtrArray *bars, const char *bar)
{
    for (guint i = 0; i < bars->len; i++)
        if (g_ascii_strtoull(bars->pdata[i], NULL, 10) == g_ascii_strtoull(bar, NULL, 10))
            return TRUE;
    return FALSE;
}

static void add_bars(VhPlanning *planning, const VhPlanDevice *device, GVariantDict *dict)
{
    g_autoptr(GPtrArray) bars = g_ptr_array_new_with_free_func(g_free);

    for (char **text = planning->config->rebar; *text; text++) {
        char *bar = choose_bar(planning, device->address, *text);
        if (bar && has_bar(bars, bar)) {
            vh_plan_refuse(planning, "rebar: BAR %.1s of %s is named twice", bar, device->address);
            g_free(bar);
        } else if (bar) {
            g_ptr_array_add(bars, bar);
        }
    }
    if (bars->len > 0)
        g_variant_dict_insert_value(
            dict, "bars", g_variant_new_strv((const char *const *)bars->pdata, (gssize)bars->len));
}

void vh_plan_device_settings(VhPlanning *planning, const VhPlanDevice *device, GVariantDict *dict)
{
    if (wanted(planning)) {
        g_variant_dict_insert(dict, "reset", "s", planning->config->reset);
        if (can_sleep(planning, device->address))
            g_variant_dict_insert(dict, "awake", "b", TRUE);
    }
    if (vh_pci_is_display(device->now))
        add_bars(planning, device, dict);
}

void vh_plan_rebar_needs_display(VhPlanning *planning)
{
    const VhPlan *plan = planning->plan;

    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (!*planning->config->rebar || (device->now && vh_pci_is_display(device->now)))
            return;
    }
    if (*planning->config->rebar)
        vh_plan_refuse(planning, "rebar: no graphics card is passed: remove rebar");
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/plan.h"

#include "base/text.h"
#include "engine/plan-private.h"
#include "steps/unit.h"

static void device_free(VhPlanDevice *device)
{
    g_free(device->address);
    g_free(device->target);
    vh_pci_function_free(device->now);
    g_free(device);
}

void vh_plan_free(VhPlan *plan)
{
    if (!plan)
        return;
    g_free(plan->guest);
    g_free(plan->uuid);
    g_ptr_array_unref(plan->devices);
    g_ptr_array_unref(plan->steps);
    g_ptr_array_unref(plan->later);
    g_ptr_array_unref(plan->refusals);
    g_ptr_array_unref(plan->notes);
    g_ptr_array_unref(plan->present);
    g_free(plan);
}

static VhPlan *plan_alloc(const VhConfig *config, const VhDomain *domain)
{
    VhPlan *plan = g_new0(VhPlan, 1);

    plan->guest = g_strdup(domain->name);
    plan->uuid = g_strdup(domain->uuid);
    plan->timeout = config->timeout;
    plan->devices = g_ptr_array_new_with_free_func((GDestroyNotify)device_free);
    plan->steps = g_ptr_array_new_with_free_func((GDestroyNotify)vh_step_free);
    plan->later = g_ptr_array_new_with_free_func((GDestroyNotify)vh_step_free);
    plan->refusals = g_ptr_array_new_with_free_func(g_free);
    plan->notes = g_ptr_array_new_with_free_func(g_free);
    plan->present = g_ptr_array_new_with_free_func(g_free);
    return plan;
}

void vh_plan_refuse(VhPlanning *planning, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(planning->plan->refusals, g_strdup_vprintf(format, args));
    va_end(args);
}

void vh_plan_note(VhPlanning *planning, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(planning->plan->notes, g_strdup_vprintf(format, args));
    va_end(args);
}

void vh_plan_add(VhPlanning *planning, const VhStepKind *kind, const char *subject, GVariant *args)
{
    g_ptr_array_add(planning->plan->steps, vh_step_new(kind, subject, args));
}

const VhPlanDevice *vh_plan_device(const VhPlan *plan, const char *address)
{
    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (g_str_equal(device->address, address))
            return device;
    }
    return NULL;
}

gboolean vh_plan_moves(const VhPlanDevice *device)
{
    return device->now && g_strcmp0(device->now->driver, device->target) != 0;
}

/* ---- which devices ---- */

const VhDomainDevice *vh_plan_in_domain(const VhPlanning *planning, const char *address)
{
    const GPtrArray *devices = planning->domain->devices;

    for (guint i = 0; i < devices->len; i++) {
        const VhDomainDevice *device = devices->pdata[i];
        if (g_str_equal(device->address, address))
            return device;
    }
    return NULL;
}

static gboolean add_device(VhPlanning *planning, const char *address, GError **error)
{
    const VhDomainDevice *from = vh_plan_in_domain(planning, address);
    g_autoptr(GError) cause = NULL;
    VhPlanDevice *device = g_new0(VhPlanDevice, 1);

    device->address = g_strdup(address);
    device->target =
        g_strdup(from && from->driver_model ? from->driver_model : planning->config->driver);
    device->managed = from && from->managed;
    device->now = vh_host_pci_look(planning->host, address, &cause);
    g_ptr_array_add(planning->plan->devices, device);
    if (device->now || vh_error_is_gone(cause))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

/* Sound goes first, as it blocks while it is open; the display last, so that a failure before it
 * leaves the screen alone. */
static int rank(const VhPlanDevice *device)
{
    if (!device->now)
        return 1;
    return vh_pci_is_sound(device->now) ? 0 : vh_pci_is_display(device->now) ? 2 : 1;
}

static int by_rank(gconstpointer a, gconstpointer b)
{
    const VhPlanDevice *left = *(VhPlanDevice *const *)a, *right = *(VhPlanDevice *const *)b;
    int order = rank(left) - rank(right);

    return order != 0 ? order : g_strcmp0(left->address, right->address);
}

static gboolean find_devices(VhPlanning *planning, GError **error)
{
    const VhConfig *config = planning->config;
    const GPtrArray *devices = planning->domain->devices;

    if (config->devices == VH_CHOICE_LIST) {
        for (gsize i = 0; config->device_list[i]; i++)
            if (!add_device(planning, config->device_list[i], error))
                return FALSE;
    } else {
        for (guint i = 0; i < devices->len; i++)
            if (!add_device(planning, ((VhDomainDevice *)devices->pdata[i])->address, error))
                return FALSE;
    }
    g_ptr_array_sort(planning->plan->devices, by_rank);
    return TRUE;
}

/* ---- the steps at both ends ---- */

/* The target drivers are loaded first, while the desktop still runs. */
static void plan_drivers(VhPlanning *planning)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const VhPlan *plan = planning->plan;

    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (!vh_plan_moves(device) || !g_hash_table_add(seen, device->target))
            continue;
        vh_plan_add(planning, &vh_step_driver, device->target,
                    g_variant_new_parsed("{'driver': <%s>}", device->target));
    }
}

/* @unit is NULL with @cause. */
static const char *why_not_awake(VhPlanning *planning, const VhUnit *unit, const GError *cause)
{
    if (!unit)
        return cause->message;
    return g_str_equal(vh_host_service_manager(planning->host)->name, "systemd")
               ? "virt-handoff-awake@.service is not installed"
               : "keeping it awake takes systemd; sleep = \"allow\" does without this note";
}

static void plan_awake(VhPlanning *planning)
{
    g_autofree char *name = vh_step_awake_unit(planning->plan->uuid);
    g_autoptr(GError) cause = NULL;
    g_autoptr(VhUnit) unit = NULL;

    if (planning->config->allow_sleep || planning->plan->devices->len == 0)
        return;
    unit = vh_host_unit_look(planning->host, name, &cause);
    if (unit && g_strcmp0(unit->load, "loaded") == 0)
        vh_plan_add(planning, &vh_step_awake, name, g_variant_new_parsed("{'unit': <%s>}", name));
    else
        vh_plan_note(planning, "the host may go to sleep while the guest runs: %s",
                     why_not_awake(planning, unit, cause));
}

static void plan_hand_over(VhPlanning *planning)
{
    const VhPlan *plan = planning->plan;

    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        GVariantDict dict;
        if (!vh_plan_moves(device))
            continue;
        g_autofree char *id =
            g_strdup_printf("%04x:%04x", device->now->vendor, device->now->device);
        g_variant_dict_init(&dict, NULL);
        g_variant_dict_insert(&dict, "address", "s", device->address);
        g_variant_dict_insert(&dict, "driver", "s", device->target);
        g_variant_dict_insert(&dict, "id", "s", id);
        if (device->now->driver)
            g_variant_dict_insert(&dict, "home", "s", device->now->driver);
        if (device->now->driver_override)
            g_variant_dict_insert(&dict, "override", "s", device->now->driver_override);
        vh_plan_device_settings(planning, device, &dict);
        vh_plan_add(planning, &vh_step_device, device->address, g_variant_dict_end(&dict));
    }
}

VhPlan *vh_plan_new(VhHost *host, const VhConfig *config, const VhDomain *domain,
                    const GPtrArray *claims, GError **error)
{
    g_autoptr(GPtrArray) all = vh_host_pci_list(host, error);
    g_autoptr(VhPlan) plan = plan_alloc(config, domain);
    VhPlanning planning = {host, config, domain, claims, all, plan, FALSE};

    if (!all || !find_devices(&planning, error) || !vh_plan_find_refusals(&planning, error))
        return NULL;
    plan_drivers(&planning);
    plan_awake(&planning);
    vh_plan_commands(&planning);
    if (!vh_plan_screen(&planning, error))
        return NULL;
    vh_plan_virtual(&planning);
    if (!vh_plan_modules(&planning, error))
        return NULL;
    vh_plan_settings(&planning);
    plan_hand_over(&planning);
    vh_plan_suspend(&planning);
    /* Last, and so undone first: the desktop waits for none of it on its way down. */
    if (!vh_plan_tuning(&planning, error))
        return NULL;
    return g_steal_pointer(&plan);
}

gboolean vh_plan_check(const VhPlan *plan, GError **error)
{
    if (plan->refusals->len == 0)
        return TRUE;
    if (plan->refusals->len == 1)
        return vh_error_set(error, VH_ERROR_REFUSED, "%s", (char *)plan->refusals->pdata[0]);
    g_autofree char *guest = vh_text_operand(plan->guest);
    return vh_error_set(error, VH_ERROR_REFUSED, "%s (and %u more: virt-handoff plan %s)",
                        (char *)plan->refusals->pdata[0], plan->refusals->len - 1, guest);
}

/* ---- time limits ---- */

/* A quarter of the time is kept for the way back. */
gint64 vh_deadline_of_steps(gint64 begin, guint timeout)
{
    return begin + (gint64)timeout * G_USEC_PER_SEC * 3 / 4;
}

gint64 vh_deadline_of_acts(gint64 begin, guint timeout)
{
    return begin + (gint64)timeout * G_USEC_PER_SEC * 7 / 8;
}

enum { LEAST_UNDO = 10 };

gint64 vh_deadline_of_undo(gint64 begin, guint timeout, gint64 now)
{
    return MAX(begin + (gint64)timeout * G_USEC_PER_SEC, now + (gint64)LEAST_UNDO * G_USEC_PER_SEC);
}

guint vh_plan_worst_case(const VhPlan *plan)
{
    gint64 acts = vh_deadline_of_acts(0, plan->timeout);
    gint64 end = vh_deadline_of_undo(0, plan->timeout, acts);

    return (guint)((end + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);
}

guint vh_plan_worst_release(const VhPlan *plan)
{
    return (guint)(vh_deadline_of_undo(0, plan->timeout, 0) / G_USEC_PER_SEC);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Which modules of the display driver are to be unloaded, and in which order. */
#include "engine/plan-private.h"

/* A device that the module serves and that is not passed, or NULL. */
static const char *other_device(const VhPlan *plan, const VhModule *module)
{
    for (gsize i = 0; module->devices && module->devices[i]; i++)
        if (!vh_plan_device(plan, module->devices[i]))
            return module->devices[i];
    return NULL;
}

/*
 * Puts @name behind all that hold it into @order (char *), holders first. FALSE without an error:
 * it must stay, and *@ret_why says so.
 */
static gboolean collect(VhPlanning *planning, const char *name, GPtrArray *order, char **ret_why,
                        GError **error)
{
    enum { MOST = 64 }; /* a display driver has a handful; a loop in bad data ends here */
    g_autoptr(VhModule) module = vh_host_module_look(planning->host, name, error);

    if (!module)
        return FALSE;
    if (module->state != VH_MODULE_LIVE ||
        g_ptr_array_find_with_equal_func(order, name, g_str_equal, NULL))
        return TRUE;
    const char *other = other_device(planning->plan, module);
    if (other || order->len >= MOST) {
        *ret_why = g_strdup_printf("module %s stays loaded: it serves %s too", name,
                                   other ? other : "too many others");
        return FALSE;
    }
    for (gsize i = 0; module->holders && module->holders[i]; i++)
        if (!collect(planning, module->holders[i], order, ret_why, error))
            return FALSE;
    g_ptr_array_add(order, g_strdup(module->name));
    return TRUE;
}

static void add_module(VhPlanning *planning, const char *name, const char *address)
{
    for (guint i = 0; i < planning->plan->steps->len; i++) {
        const VhStep *step = planning->plan->steps->pdata[i];
        if (step->kind == &vh_step_module && g_str_equal(step->subject, name))
            return;
    }
    vh_plan_add(planning, &vh_step_module, name,
                g_variant_new_parsed("{'module': <%s>, 'addresses': <[%s]>}", name, address));
}

static gboolean plan_auto(VhPlanning *planning, const VhPlanDevice *device, GError **error)
{
    g_autoptr(GPtrArray) order = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) cause = NULL;
    g_autofree char *why = NULL;

    if (!collect(planning, device->now->module, order, &why, &cause)) {
        if (cause) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        vh_plan_note(planning, "%s; %s is only unbound from it", why, device->address);
        return TRUE;
    }
    for (guint i = 0; i < order->len; i++)
        add_module(planning, order->pdata[i], device->address);
    return TRUE;
}

static const VhPlanDevice *first_display(const VhPlan *plan)
{
    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (vh_plan_moves(device) && vh_pci_is_display(device->now))
            return device;
    }
    return NULL;
}

/* Those that the guest's file lists, in its order. */
static gboolean plan_listed(VhPlanning *planning, GError **error)
{
    const VhPlanDevice *display = first_display(planning->plan);

    for (char **name = planning->config->module_list; *name; name++) {
        g_autoptr(VhModule) module = vh_host_module_look(planning->host, *name, error);
        if (!module)
            return FALSE;
        if (module->state == VH_MODULE_MISSING)
            vh_plan_refuse(planning,
                           "modules: the running kernel has no module %s; those that are loaded: "
                           "lsmod",
                           *name);
        else
            add_module(planning, *name, display ? display->address : "");
    }
    return TRUE;
}

gboolean vh_plan_modules(VhPlanning *planning, GError **error)
{
    const VhConfig *config = planning->config;
    const VhPlan *plan = planning->plan;

    if (config->modules == VH_CHOICE_LIST)
        return plan_listed(planning, error);
    if (config->modules != VH_CHOICE_AUTO)
        return TRUE;
    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (vh_plan_moves(device) && vh_pci_is_display(device->now) && device->now->module &&
            !device->now->vfio && !plan_auto(planning, device, error))
            return FALSE;
    }
    return TRUE;
}

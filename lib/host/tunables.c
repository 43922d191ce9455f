// SPDX-License-Identifier: GPL-2.0-or-later
/* Governors (Documentation/admin-guide/pm/cpufreq.rst), interrupts (core-api/irq/irq-affinity.rst)
 * and unbound work (core-api/workqueue.rst). */
#include "host/real-private.h"

#include <string.h>

#include "base/cpus.h"

#define POLICIES "/sys/devices/system/cpu/cpufreq"
#define WORKQUEUES "/sys/devices/virtual/workqueue/cpumask"
#define WRITEBACK "/sys/bus/workqueue/devices/writeback"
#define INTERRUPTS "/proc/irq"

char *vh_real_cpus(VhHost *host, GError **error)
{
    g_autofree char *path = vh_real_path((VhReal *)host, "/sys/devices/system/cpu/present");
    char *list = vh_file_attribute(path);

    if (!list)
        vh_error_set(error, VH_ERROR_GONE, "%s cannot be read", path);
    return list;
}

static VhTunable *tunable_new(const char *name, char *value)
{
    VhTunable *tunable = g_new0(VhTunable, 1);

    tunable->name = g_strdup(name);
    tunable->value = value;
    return tunable;
}

/* The number at the end of "policy12"; FALSE when there is none. */
static gboolean numbered(const char *name, const char *prefix)
{
    guint64 number;

    return g_str_has_prefix(name, prefix) && vh_number(name + strlen(prefix), 10, &number);
}

/* ---- governors ---- */

static void add_policy(VhReal *real, const char *name, GPtrArray *tunables)
{
    g_autofree char *dir = vh_real_path(real, POLICIES "/%s", name);
    g_autofree char *now = g_build_filename(dir, "scaling_governor", NULL);
    g_autofree char *path = g_build_filename(dir, "scaling_available_governors", NULL);
    char *value = vh_file_attribute(now);
    g_autofree char *choices = vh_file_attribute(path);

    if (!value)
        return;
    VhTunable *tunable = tunable_new(name, value);
    tunable->choices = choices ? g_strsplit(g_strstrip(choices), " ", 0) : NULL;
    g_ptr_array_add(tunables, tunable);
}

static void find_policies(VhReal *real, GPtrArray *tunables)
{
    g_autofree char *top = vh_real_path(real, POLICIES);
    g_autoptr(GPtrArray) names = vh_file_list(top);

    for (guint i = 0; i < names->len; i++)
        if (numbered(names->pdata[i], "policy"))
            add_policy(real, names->pdata[i], tunables);
}

/* ---- what has a mask ---- */

/* The mask in the attribute as a list; NULL when there is none. */
static char *mask_list(const char *path)
{
    g_autofree char *mask = vh_file_attribute(path);
    VhCpus cpus;

    return mask && vh_cpus_parse_mask(mask, &cpus) ? vh_cpus_list(&cpus) : NULL;
}

static void add_cpus(GPtrArray *tunables, const char *name, char *list)
{
    if (!list)
        return;
    VhTunable *tunable = tunable_new(name, list);
    tunable->cpus = TRUE;
    g_ptr_array_add(tunables, tunable);
}

static void find_workqueues(VhReal *real, GPtrArray *tunables)
{
    g_autofree char *all = vh_real_path(real, WORKQUEUES);
    g_autofree char *writeback = vh_real_path(real, WRITEBACK "/cpumask");
    g_autofree char *numa = vh_real_path(real, WRITEBACK "/numa");
    char *value = vh_file_attribute(numa);

    add_cpus(tunables, "workqueues", mask_list(all));
    add_cpus(tunables, "writeback", mask_list(writeback));
    /* Until Linux 6.5. */
    if (value)
        g_ptr_array_add(tunables, tunable_new("writeback numa", value));
}

static void add_irq(VhReal *real, const char *number, GPtrArray *tunables)
{
    g_autofree char *path = vh_real_path(real, INTERRUPTS "/%s/smp_affinity_list", number);
    g_autofree char *actions = vh_real_path(real, "/sys/kernel/irq/%s/actions", number);
    g_autofree char *about = vh_file_attribute(actions);
    g_autofree char *name = g_strconcat("irq ", number, NULL);
    guint before = tunables->len;

    add_cpus(tunables, name, vh_file_attribute(path));
    if (tunables->len > before && about && *about)
        ((VhTunable *)tunables->pdata[before])->about = g_steal_pointer(&about);
}

static void find_irqs(VhReal *real, GPtrArray *tunables)
{
    g_autofree char *top = vh_real_path(real, INTERRUPTS);
    g_autofree char *path = vh_real_path(real, INTERRUPTS "/default_smp_affinity");
    g_autoptr(GPtrArray) names = vh_file_list(top);

    add_cpus(tunables, "irq default", mask_list(path));
    for (guint i = 0; i < names->len; i++)
        if (numbered(names->pdata[i], ""))
            add_irq(real, names->pdata[i], tunables);
}

GPtrArray *vh_real_tunables(VhHost *host, VhTune kind, GError **error)
{
    static void (*const finders[VH_N_TUNES])(VhReal *, GPtrArray *) = {
        [VH_TUNE_GOVERNOR] = find_policies,
        [VH_TUNE_WORKQUEUE] = find_workqueues,
        [VH_TUNE_IRQ] = find_irqs,
    };

    if (kind == VH_TUNE_SLICE)
        return vh_slices((VhReal *)host, error);
    GPtrArray *tunables = g_ptr_array_new_with_free_func((GDestroyNotify)vh_tunable_free);
    finders[kind]((VhReal *)host, tunables);
    return tunables;
}

/* ---- setting ---- */

/* The attribute of @name, and whether it wants a mask instead of a list. NULL: there is none. */
static char *attribute_of(VhReal *real, VhTune kind, const char *name, gboolean *ret_mask)
{
    static const struct {
        const char *name, *path;
        gboolean mask;
    } fixed[] = {
        {"workqueues", WORKQUEUES, TRUE},
        {"writeback", WRITEBACK "/cpumask", TRUE},
        {"writeback numa", WRITEBACK "/numa", FALSE},
        {"irq default", INTERRUPTS "/default_smp_affinity", TRUE},
    };

    *ret_mask = FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        if (strcmp(fixed[i].name, name) == 0) {
            *ret_mask = fixed[i].mask;
            return vh_real_path(real, "%s", fixed[i].path);
        }
    if (kind == VH_TUNE_GOVERNOR && numbered(name, "policy"))
        return vh_real_path(real, POLICIES "/%s/scaling_governor", name);
    if (kind == VH_TUNE_IRQ && numbered(name, "irq "))
        return vh_real_path(real, INTERRUPTS "/%s/smp_affinity_list", name + strlen("irq "));
    return NULL;
}

gboolean vh_real_tune(VhHost *host, VhTune kind, const char *name, const char *value,
                      gint64 deadline, GError **error)
{
    VhReal *real = (VhReal *)host;
    gboolean wants_mask;
    VhCpus cpus;

    if (kind == VH_TUNE_SLICE)
        return vh_slice_set(real, name, value, deadline, error);
    g_autofree char *path = attribute_of(real, kind, name, &wants_mask);
    if (!path)
        return vh_error_set(error, VH_ERROR_GONE, "there is no %s \"%s\"", vh_tune_name(kind),
                            name);
    if (wants_mask && !vh_cpus_parse(value, &cpus))
        return vh_error_set(error, VH_ERROR_FAILED, "\"%s\" is no list of CPUs", value);
    g_autofree char *mask = wants_mask ? vh_cpus_mask(&cpus) : NULL;
    g_autofree char *what = g_strdup_printf("set %s to %s", name, value);
    return vh_child_write(real, what, deadline, path, mask ? mask : value, error);
}

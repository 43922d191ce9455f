// SPDX-License-Identifier: GPL-2.0-or-later
/* Processors and memory: what the guest's file and its domain ask of them. */
#include <string.h>

#include "base/cpus.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/plan-private.h"

/* ---- other guests ---- */

/* Governors, slices and interrupts are the host's, so two guests cannot have them two ways. */
static gboolean conflicts(VhPlanning *planning, const VhStepKind *kind, const char *key,
                          const char *value)
{
    for (guint i = 0; i < planning->claims->len; i++) {
        const VhClaim *claim = planning->claims->pdata[i];
        if (claim->kind != kind || vh_cpus_same(vh_json_string(claim->args, "value", ""), value))
            continue;
        vh_plan_refuse(planning,
                       "%s: guest %s has it at \"%s\", and there is one for the whole host: give "
                       "both guests the same, or stop that one first",
                       key, claim->guest, vh_json_string(claim->args, "value", ""));
        return TRUE;
    }
    return FALSE;
}

/* ---- what has one value for all ---- */

/* The tunables of that kind, NULL with a refusal when there can be none. */
static GPtrArray *look(VhPlanning *planning, VhTune tune, const char *key)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *tunables = vh_host_tunables(planning->host, tune, &error);

    if (!tunables)
        vh_plan_refuse(planning, "%s: %s", key, error->message);
    return tunables;
}

static void add(VhPlanning *planning, const VhStepKind *kind, VhTune tune, const char *key,
                const char *value)
{
    if (conflicts(planning, kind, key, value))
        return;
    vh_plan_add(planning, kind, key,
                g_variant_new_parsed("{'tune': <%s>, 'value': <%s>}", vh_tune_name(tune), value));
}

/* A driver with ways of its own, as intel_pstate, names just these and takes no other. */
static gboolean has_own_ways(char **choices)
{
    static const char *const own[] = {"performance", "powersave", NULL};

    while (*choices && g_strv_contains(own, *choices))
        choices++;
    return *choices == NULL;
}

/* The kernel lists the governors that are loaded, and loads others when they are named. */
static gboolean can_be_loaded(VhHost *host, const char *governor)
{
    g_autofree char *name = g_strconcat("cpufreq_", governor, NULL);
    g_autoptr(VhModule) module = vh_host_module_look(host, name, NULL);

    return module && module->state == VH_MODULE_AVAILABLE;
}

static gboolean takes(VhPlanning *planning, const VhTunable *policy, const char *governor)
{
    if (!policy->choices || g_strv_contains((const char *const *)policy->choices, governor) ||
        (!has_own_ways(policy->choices) && can_be_loaded(planning->host, governor)))
        return TRUE;
    g_autofree char *choices = vh_text_list((const char *const *)policy->choices);
    vh_plan_refuse(planning, "governor: \"%s\" is none that the CPUs of %s know: choose among %s",
                   governor, policy->name, choices);
    return FALSE;
}

static void plan_governor(VhPlanning *planning)
{
    const char *governor = planning->config->governor;
    g_autoptr(GPtrArray) policies = governor ? look(planning, VH_TUNE_GOVERNOR, "governor") : NULL;
    gboolean good = TRUE;

    if (!policies)
        return;
    if (policies->len == 0)
        vh_plan_refuse(planning, "governor: the kernel does not control the frequency of this "
                                 "host's CPUs (nothing is in /sys/devices/system/cpu/cpufreq, as "
                                 "in a virtual machine): remove the key");
    for (guint i = 0; i < policies->len && good; i++)
        good = takes(planning, policies->pdata[i], governor);
    if (policies->len > 0 && good)
        add(planning, &vh_step_governor, VH_TUNE_GOVERNOR, "governor", governor);
}

/* The CPUs in the one way that lists are written, NULL with a refusal when some do not exist. */
static char *existing(VhPlanning *planning, const char *key, const char *list)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *present = vh_host_cpus(planning->host, &error);
    VhCpus cpus, there;

    if (!present || !vh_cpus_parse(present, &there) || !vh_cpus_parse(list, &cpus)) {
        vh_plan_refuse(planning, "%s: which CPUs this host has cannot be told%s%s", key,
                       error ? ": " : "", error ? error->message : "");
        return NULL;
    }
    VhCpus beyond = vh_cpus_without(&cpus, &there);
    if (vh_cpus_empty(&beyond))
        return vh_cpus_list(&cpus);
    g_autofree char *missing = vh_cpus_list(&beyond);
    vh_plan_refuse(planning, "%s: this host has no CPU %s, only %s", key, missing, present);
    return NULL;
}

char *vh_plan_overlap(const VhDomain *domain, const char *key, const char *list)
{
    gboolean interrupts = g_str_equal(key, "irq_cpus");
    VhCpus host, guest;

    if (!list || !domain->pinned || !vh_cpus_parse(list, &host) ||
        !vh_cpus_parse(domain->pinned, &guest))
        return NULL;
    VhCpus both = vh_cpus_common(&host, &guest);
    g_autofree char *shared = vh_cpus_list(&both);
    if (!*shared)
        return NULL;
    return g_strdup_printf("CPU %s %s, and a <vcpupin> of the domain has the guest's processors on "
                           "it as well",
                           shared,
                           interrupts ? "gets the interrupts by irq_cpus"
                                      : "is left to the host in host_cpus");
}

/* CPUs that the guest's are pinned to are better left to it. */
static void note_overlap(VhPlanning *planning, const char *key, const char *list)
{
    g_autofree char *note = vh_plan_overlap(planning->domain, key, list);

    if (note)
        vh_plan_note(planning, "%s", note);
}

static void plan_host_cpus(VhPlanning *planning)
{
    const char *list = planning->config->host_cpus;
    g_autofree char *cpus = list ? existing(planning, "host_cpus", list) : NULL;
    g_autoptr(GPtrArray) slices = cpus ? look(planning, VH_TUNE_SLICE, "host_cpus") : NULL;
    g_autoptr(GPtrArray) queues = slices ? look(planning, VH_TUNE_WORKQUEUE, "host_cpus") : NULL;

    if (!slices)
        return;
    note_overlap(planning, "host_cpus", cpus);
    add(planning, &vh_step_slices, VH_TUNE_SLICE, "host_cpus", cpus);
    if (queues && queues->len > 0)
        add(planning, &vh_step_workqueues, VH_TUNE_WORKQUEUE, "host_cpus", cpus);
}

static gboolean is_planned(const VhPlan *plan, const VhStepKind *kind, const char *subject)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const VhStep *step = plan->steps->pdata[i];
        if (step->kind == kind && g_str_equal(step->subject, subject))
            return TRUE;
    }
    return FALSE;
}

/* It would send them elsewhere again. */
static void plan_balancer(VhPlanning *planning)
{
    g_autoptr(VhUnit) unit = vh_host_unit_look(planning->host, "irqbalance.service", NULL);

    if (unit && g_strcmp0(unit->active, "active") == 0 &&
        !is_planned(planning->plan, &vh_step_unit, unit->id))
        vh_plan_add(planning, &vh_step_unit, unit->id,
                    g_variant_new_parsed("{'unit': <%s>}", unit->id));
}

static void plan_irq_cpus(VhPlanning *planning)
{
    const char *list = planning->config->irq_cpus;
    g_autofree char *cpus = list ? existing(planning, "irq_cpus", list) : NULL;
    g_autoptr(GPtrArray) irqs = cpus ? look(planning, VH_TUNE_IRQ, "irq_cpus") : NULL;

    if (!irqs)
        return;
    if (irqs->len == 0) {
        vh_plan_refuse(planning, "irq_cpus: this host has no interrupts that can be sent to other "
                                 "CPUs: remove the key");
        return;
    }
    note_overlap(planning, "irq_cpus", cpus);
    plan_balancer(planning);
    add(planning, &vh_step_irqs, VH_TUNE_IRQ, "irq_cpus", cpus);
}

/* ---- huge pages ---- */

typedef struct {
    guint64 size;
    int node;
    guint64 pages;
} Need;

/* What is needed (Need), by the guest's file or by its domain. */
static GArray *find_needs(VhPlanning *planning, guint64 usual)
{
    const VhConfig *config = planning->config;
    const GPtrArray *asked = planning->domain->pages;
    GArray *needs = g_array_new(FALSE, FALSE, sizeof(Need));

    if (config->hugepages == VH_HUGEPAGES_COUNT) {
        const Need need = {config->hugepage_size ? config->hugepage_size : usual,
                           config->hugepage_node, config->hugepage_count};
        g_array_append_val(needs, need);
    }
    for (guint i = 0; config->hugepages == VH_HUGEPAGES_AUTO && i < asked->len; i++) {
        const VhDomainPages *from = asked->pdata[i];
        guint64 size = from->size ? from->size : usual;
        const Need need = {size, from->node, from->bytes / size + (from->bytes % size != 0)};
        g_array_append_val(needs, need);
    }
    if (config->hugepages == VH_HUGEPAGES_AUTO && asked->len == 0)
        vh_plan_note(planning, "no huge pages are set aside: the domain has no "
                               "<memoryBacking><hugepages/></memoryBacking>");
    return needs;
}

/* Whether the kernel has such pools; a refusal when not. */
static gboolean has_pool(VhPlanning *planning, const GPtrArray *pools, const Need *need)
{
    gboolean size = FALSE, node = FALSE;

    for (guint i = 0; i < pools->len; i++) {
        const VhPagePool *pool = pools->pdata[i];
        size |= pool->size == need->size;
        node |= pool->size == need->size &&
                (need->node < 0 || pool->node == need->node || (pool->node < 0 && need->node == 0));
    }
    if (!size)
        vh_plan_refuse(planning,
                       "hugepages: this kernel has no huge pages of %" G_GUINT64_FORMAT
                       " KiB (see /sys/kernel/mm/hugepages)",
                       need->size / 1024);
    else if (!node)
        vh_plan_refuse(planning, "hugepages: this host has no NUMA node %d with memory",
                       need->node);
    return node;
}

/* More than the host has will never be had. */
static gboolean has_memory(VhPlanning *planning, const GArray *needs)
{
    enum { MIB = 1024 * 1024 };
    guint64 total = vh_host_memory(planning->host, "MemTotal") / MIB;
    guint64 wanted = 0;

    for (guint i = 0; i < needs->len; i++) {
        const Need *need = &g_array_index(needs, Need, i);
        wanted += need->size / 1024 * need->pages / 1024;
    }
    if (total == 0 || wanted < total)
        return TRUE;
    g_autofree char *much = vh_text_number(wanted);
    g_autofree char *all = vh_text_number(total);
    vh_plan_refuse(planning,
                   "hugepages: %s MiB are asked for, and this host has %s MiB of memory: give the "
                   "guest less, or ask for fewer pages",
                   much, all);
    return FALSE;
}

static void add_pages(GVariantDict *dict, int node, guint64 pages)
{
    g_autofree char *name = node < 0 ? g_strdup("any") : g_strdup_printf("%d", node);
    gint64 before = 0;

    (void)g_variant_dict_lookup(dict, name, "x", &before);
    g_variant_dict_insert(dict, name, "x", before + (gint64)pages);
}

/* Adds what guests that are prepared but do not run yet will take of what is free. */
static void add_promises(VhPlanning *planning, guint64 size, GVariantDict *dict)
{
    for (guint i = 0; i < planning->claims->len; i++) {
        const VhClaim *claim = planning->claims->pdata[i];
        GVariantIter iter;
        const char *name;
        GVariant *value;
        if (claim->kind != &vh_step_hugepages ||
            (guint64)vh_json_int(claim->args, "size", 0) != size ||
            vh_host_guest_running(planning->host, claim->guest))
            continue;
        g_autoptr(GVariant) needs = vh_json_object(claim->args, "needs");
        g_variant_iter_init(&iter, needs);
        while (needs && g_variant_iter_loop(&iter, "{&sv}", &name, &value))
            add_pages(dict, g_str_equal(name, "any") ? -1 : (int)g_ascii_strtoll(name, NULL, 10),
                      (guint64)vh_json_int(needs, name, 0));
    }
}

/* The step for one size. */
static void add_size(VhPlanning *planning, const GArray *needs, guint64 size)
{
    g_autofree char *subject = g_strdup_printf("pages of %" G_GUINT64_FORMAT " KiB", size / 1024);
    GVariantDict wanted, promised, args;

    if (is_planned(planning->plan, &vh_step_hugepages, subject))
        return;
    g_variant_dict_init(&wanted, NULL);
    for (guint i = 0; i < needs->len; i++) {
        const Need *need = &g_array_index(needs, Need, i);
        if (need->size == size)
            add_pages(&wanted, need->node, need->pages);
    }
    g_variant_dict_init(&promised, NULL);
    add_promises(planning, size, &promised);
    g_variant_dict_init(&args, NULL);
    g_variant_dict_insert(&args, "size", "x", (gint64)size);
    g_variant_dict_insert_value(&args, "needs", g_variant_dict_end(&wanted));
    g_variant_dict_insert_value(&args, "promised", g_variant_dict_end(&promised));
    vh_plan_add(planning, &vh_step_hugepages, subject, g_variant_dict_end(&args));
}

static guint64 usual_size(const GPtrArray *pools)
{
    for (guint i = 0; i < pools->len; i++)
        if (((const VhPagePool *)pools->pdata[i])->usual)
            return ((const VhPagePool *)pools->pdata[i])->size;
    return 0;
}

static gboolean plan_hugepages(VhPlanning *planning, GError **error)
{
    if (planning->config->hugepages == VH_HUGEPAGES_NONE)
        return TRUE;
    g_autoptr(GPtrArray) pools = vh_host_page_pools(planning->host, error);
    if (!pools)
        return FALSE;
    guint64 usual = usual_size(pools);
    if (usual == 0) {
        vh_plan_refuse(planning, "hugepages: this kernel has no huge pages: remove the key");
        return TRUE;
    }
    g_autoptr(GArray) needs = find_needs(planning, usual);
    gboolean good = TRUE;
    for (guint i = 0; i < needs->len; i++)
        good = has_pool(planning, pools, &g_array_index(needs, Need, i)) && good;
    if (!good || !has_memory(planning, needs))
        return TRUE;
    for (guint i = 0; i < needs->len; i++)
        add_size(planning, needs, g_array_index(needs, Need, i).size);
    return TRUE;
}

gboolean vh_plan_tuning(VhPlanning *planning, GError **error)
{
    plan_governor(planning);
    plan_host_cpus(planning);
    plan_irq_cpus(planning);
    return plan_hugepages(planning, error);
}

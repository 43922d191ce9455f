// SPDX-License-Identifier: GPL-2.0-or-later
/* Processors and memory: what is looked at, and what is set. */
#include <errno.h>

#include "sim/look.h"

char *sim_look_cpus(VhHost *host, GError **error)
{
    const char *cpus = sim_of(host)->machine->cpus;

    if (!cpus)
        vh_error_set(error, VH_ERROR_GONE, "which CPUs there are is not in the snapshot");
    return g_strdup(cpus);
}

static SimTunable *find(const SimMachine *machine, const char *kind, const char *name)
{
    for (guint i = 0; i < machine->tunables->len; i++) {
        SimTunable *tunable = machine->tunables->pdata[i];
        if (g_str_equal(tunable->kind, kind) && g_str_equal(tunable->name, name))
            return tunable;
    }
    return NULL;
}

static VhTunable *tunable_of(const SimTunable *from, VhTune kind)
{
    VhTunable *tunable = g_new0(VhTunable, 1);

    tunable->name = g_strdup(from->name);
    tunable->value = g_strdup(from->value ? from->value : "");
    tunable->cpus = kind != VH_TUNE_GOVERNOR && !g_str_equal(from->name, "writeback numa");
    tunable->choices = from->choices[0] ? g_strdupv(from->choices) : NULL;
    tunable->about = g_strdup(from->about);
    return tunable;
}

GPtrArray *sim_look_tunables(VhHost *host, VhTune kind, GError **error)
{
    const SimMachine *machine = sim_of(host)->machine;
    g_autoptr(GPtrArray) tunables = g_ptr_array_new_with_free_func((GDestroyNotify)vh_tunable_free);

    for (guint i = 0; i < machine->tunables->len; i++) {
        const SimTunable *from = machine->tunables->pdata[i];
        if (g_str_equal(from->kind, vh_tune_name(kind)))
            g_ptr_array_add(tunables, tunable_of(from, kind));
    }
    if (kind != VH_TUNE_SLICE || (machine->bus && tunables->len > 0))
        return g_steal_pointer(&tunables);
    vh_error_set(error, VH_ERROR_UNSUPPORTED, "%s",
                 machine->bus ? "the CPUs of the host's processes can only be chosen with cgroup "
                                "v2 and its cpuset controller, which this host does not have"
                              : "cannot reach the system bus");
    return NULL;
}

/* The kernel loads a governor that it does not list. */
static gboolean takes(const SimMachine *machine, const SimTunable *tunable, const char *value)
{
    g_autofree char *module = g_strconcat("cpufreq_", value, NULL);

    return !tunable->choices[0] || g_strv_contains((const char *const *)tunable->choices, value) ||
           sim_module_find(machine, module);
}

gboolean sim_do_tune(SimMachine *machine, SimAct *act, GError **error)
{
    SimTunable *tunable = find(machine, vh_tune_name(act->tune), act->target);

    if (!tunable)
        return vh_error_set_errno(error, ENOENT, "set %s", act->target);
    if (tunable->fixed)
        return vh_error_set_errno(error, EIO, "set %s to %s", act->target, act->argument);
    if (!takes(machine, tunable, act->argument))
        return vh_error_set_errno(error, EINVAL, "set %s to %s", act->target, act->argument);
    sim_set_text(&tunable->value, *act->argument ? act->argument : NULL);
    return TRUE;
}

gboolean sim_tune(VhHost *host, VhTune kind, const char *name, const char *value, gint64 deadline,
                  GError **error)
{
    SimAct act = {
        .kind = SIM_TUNE, .tune = kind, .target = name, .argument = value, .deadline = deadline};

    return sim_act(host, &act, error);
}

/* ---- huge pages ---- */

static int by_size(gconstpointer a, gconstpointer b)
{
    const VhPagePool *left = *(VhPagePool *const *)a, *right = *(VhPagePool *const *)b;

    if (left->size != right->size)
        return left->size < right->size ? -1 : 1;
    return left->node - right->node;
}

/* Those reserved are not told by node. */
static guint64 reserved(const SimMachine *machine, gint64 size_kb)
{
    gint64 sum = 0;

    for (guint i = 0; i < machine->page_pools->len; i++) {
        const SimPagePool *pool = machine->page_pools->pdata[i];
        sum += pool->size_kb == size_kb ? pool->reserved : 0;
    }
    return (guint64)sum;
}

GPtrArray *sim_look_page_pools(VhHost *host, GError **error)
{
    const SimMachine *machine = sim_of(host)->machine;
    GPtrArray *pools = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < machine->page_pools->len; i++) {
        const SimPagePool *from = machine->page_pools->pdata[i];
        VhPagePool *pool = g_new0(VhPagePool, 1);
        pool->size = (guint64)from->size_kb * 1024;
        pool->usual = from->usual;
        pool->node = (int)from->node;
        pool->pages = (guint64)from->pages;
        pool->free = (guint64)MAX(from->pages - from->used, 0);
        pool->reserved = reserved(machine, from->size_kb);
        g_ptr_array_add(pools, pool);
    }
    g_ptr_array_sort(pools, by_size);
    return pools;
}

gboolean sim_do_set_pages(SimMachine *machine, SimAct *act, GError **error)
{
    for (guint i = 0; i < machine->page_pools->len; i++) {
        SimPagePool *pool = machine->page_pools->pdata[i];
        if ((guint64)pool->size_kb * 1024 != act->size || pool->node != act->node)
            continue;
        pool->pages = MIN((gint64)MIN(act->pages, G_MAXINT64), MAX(pool->most, pool->pages));
        return TRUE;
    }
    return vh_error_set_errno(error, ENOENT, "huge pages of %" G_GUINT64_FORMAT " KiB on node %d",
                              act->size / 1024, (int)act->node);
}

gboolean sim_do_compact(SimMachine *machine, SimAct *act, GError **error)
{
    for (guint i = 0; i < machine->page_pools->len; i++) {
        SimPagePool *pool = machine->page_pools->pdata[i];
        if (act->node < 0 || pool->node == act->node)
            pool->most = MAX(pool->most, MIN(pool->most + pool->more_on_compact, pool->most_after));
    }
    return TRUE;
}

gboolean sim_set_pages(VhHost *host, guint64 size, int node, guint64 pages, gint64 deadline,
                       GError **error)
{
    SimAct act = {
        .kind = SIM_SET_PAGES, .size = size, .node = node, .pages = pages, .deadline = deadline};

    return sim_act(host, &act, error);
}

gboolean sim_compact(VhHost *host, int node, gint64 deadline, GError **error)
{
    SimAct act = {.kind = SIM_COMPACT, .node = node, .deadline = deadline};

    return sim_act(host, &act, error);
}

gboolean vh_sim_use_pages(VhHost *host, const char *name, guint64 pages)
{
    const SimMachine *machine = sim_of(host)->machine;

    for (guint i = 0; i < machine->page_pools->len; i++) {
        SimPagePool *pool = machine->page_pools->pdata[i];
        if (!g_str_equal(pool->name, name))
            continue;
        pool->used = (gint64)pages;
        return TRUE;
    }
    return FALSE;
}

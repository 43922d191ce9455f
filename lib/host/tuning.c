// SPDX-License-Identifier: GPL-2.0-or-later
/* The operations of tuning.h handed on to the back end. */
#include "host/host-ops.h"

static const char *const names[VH_N_TUNES] = {
    [VH_TUNE_GOVERNOR] = "governor",
    [VH_TUNE_SLICE] = "slice",
    [VH_TUNE_WORKQUEUE] = "workqueue",
    [VH_TUNE_IRQ] = "irq",
};

const char *vh_tune_name(VhTune kind)
{
    return names[kind];
}

int vh_tune_of_name(const char *name)
{
    for (int kind = 0; kind < VH_N_TUNES; kind++)
        if (g_strcmp0(names[kind], name) == 0)
            return kind;
    return -1;
}

void vh_tunable_free(VhTunable *tunable)
{
    if (!tunable)
        return;
    g_free(tunable->name);
    g_free(tunable->value);
    g_strfreev(tunable->choices);
    g_free(tunable->about);
    g_free(tunable);
}

char *vh_host_cpus(VhHost *host, GError **error)
{
    return host->ops->cpus(host, error);
}

GPtrArray *vh_host_tunables(VhHost *host, VhTune kind, GError **error)
{
    return host->ops->tunables(host, kind, error);
}

gboolean vh_host_tune(VhHost *host, VhTune kind, const char *name, const char *value,
                      gint64 deadline, GError **error)
{
    return host->ops->tune(host, kind, name, value, deadline, error);
}

GPtrArray *vh_host_page_pools(VhHost *host, GError **error)
{
    return host->ops->page_pools(host, error);
}

gboolean vh_host_set_pages(VhHost *host, guint64 size, int node, guint64 pages, gint64 deadline,
                           GError **error)
{
    return host->ops->set_pages(host, size, node, pages, deadline, error);
}

gboolean vh_host_compact(VhHost *host, int node, gint64 deadline, GError **error)
{
    return host->ops->compact(host, node, deadline, error);
}

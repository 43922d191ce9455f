// SPDX-License-Identifier: GPL-2.0-or-later
/* The part of host.h about processors and memory, under the same rules. Include host.h. */
#pragma once

#include <glib.h>

#include "base/error.h"

typedef struct VhHost VhHost;

/* ---- processors ---- */

/* The CPUs that this machine has, those that are offline too, as a list (base/cpus.h); the caller
 * owns it. */
char *vh_host_cpus(VhHost *host, GError **error);

/* What the kernel, or systemd, can be told about processors. */
typedef enum {
    VH_TUNE_GOVERNOR,  /* of each cpufreq policy: "policy0" */
    VH_TUNE_SLICE,     /* AllowedCPUs= of systemd's slices, "" when unset: "system.slice" */
    VH_TUNE_WORKQUEUE, /* where unbound kernel work runs: "workqueues", "writeback", and whether the
                          latter has workers of its own on each NUMA node: "writeback numa" */
    VH_TUNE_IRQ,       /* where interrupts go: "irq 27", and those to come: "irq default" */
    VH_N_TUNES
} VhTune;

/* "governor", "slice", "workqueue", "irq"; back: -1 when it is none. */
const char *vh_tune_name(VhTune kind);
int vh_tune_of_name(const char *name);

typedef struct {
    char *name;
    char *value;
    gboolean cpus;  /* the value is a CPU list */
    char **choices; /* the values it takes, NULL: any */
    char *about;    /* who has the interrupt: "nvme0q1"; or NULL */
} VhTunable;

void vh_tunable_free(VhTunable *tunable);

/* All of that kind, as they are now (VhTunable); empty when the machine has none.
 * VH_ERROR_UNSUPPORTED, in a sentence: it cannot have any. */
GPtrArray *vh_host_tunables(VhHost *host, VhTune kind, GError **error);
/* Sets one. VH_ERROR_FAILED for an interrupt that the kernel does not let go elsewhere. */
gboolean vh_host_tune(VhHost *host, VhTune kind, const char *name, const char *value,
                      gint64 deadline, GError **error);

/* ---- huge pages ---- */

typedef struct {
    guint64 size;     /* bytes */
    gboolean usual;   /* the size that is meant when none is named */
    int node;         /* NUMA node, -1: the kernel does not know nodes, it is all there is */
    guint64 pages;    /* set aside for good: those that go when they are freed not counted */
    guint64 free;     /* of these, nobody has them */
    guint64 reserved; /* … of those of all nodes, promised to somebody who has not used them yet */
} VhPagePool;

/* The pools of every page size that the kernel has, ordered by size and node (VhPagePool). */
GPtrArray *vh_host_page_pools(VhHost *host, GError **error);
/* Asks for @pages of them to be set aside. Success says nothing about how many could be had:
 * look. What is in use goes when it is freed. */
gboolean vh_host_set_pages(VhHost *host, guint64 size, int node, guint64 pages, gint64 deadline,
                           GError **error);
/* Has the kernel move memory together, so that there may be more huge pages to be had. */
gboolean vh_host_compact(VhHost *host, int node, gint64 deadline, GError **error);

// SPDX-License-Identifier: GPL-2.0-or-later
/* The parts of a snapshot: snapshot.c puts them together. */
#pragma once

#include "inspect/snapshot.h"

typedef struct {
    VhHost *host;
    const VhDomain *domain;
    GPtrArray *functions;    /* VhPciFunction */
    GPtrArray *framebuffers; /* VhFramebuffer */
    GPtrArray *nodes;        /* GPtrArray of VhNode, one for each function */
    GHashTable *modules;     /* name → VhModule: those that are told */
    GHashTable *needs; /* name → GHashTable: the modules it uses, as the kernel lists them */
} VhSnapshot;

/* The framebuffer that @node of @address belongs to; NULL: the function's own driver made it. */
const VhFramebuffer *vh_snapshot_framebuffer(const VhSnapshot *snapshot, const char *address,
                                             const VhNode *node);
/* The module that is in use while @node is open, where it is not the driver's; NULL: it is. */
const char *vh_snapshot_node_module(const VhSnapshot *snapshot, const VhNode *node);

/* snapshot-modules.c: finds what is to be told, and tells it (aa{sv}, floating). */
void vh_snapshot_find_modules(VhSnapshot *snapshot);
GVariant *vh_snapshot_modules(const VhSnapshot *snapshot);
/* PCI drivers. */
GVariant *vh_snapshot_drivers(const VhSnapshot *snapshot);

/* snapshot-people.c: units, users, sessions, processes, and who calls us, into @dict. */
gboolean vh_snapshot_people(const VhSnapshot *snapshot, GVariantDict *dict, GError **error);

/* snapshot-tuning.c: which CPUs there are, into @dict; what can be told to them, and huge pages
 * (aa{sv}, floating). */
void vh_snapshot_cpus(const VhSnapshot *snapshot, GVariantDict *dict);
GVariant *vh_snapshot_tunables(const VhSnapshot *snapshot);
GVariant *vh_snapshot_page_pools(const VhSnapshot *snapshot);

/* snapshot-files.c: what iommu and usb read (aa{sv}, floating). */
GVariant *vh_snapshot_files(const VhSnapshot *snapshot);

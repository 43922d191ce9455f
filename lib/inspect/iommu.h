// SPDX-License-Identifier: GPL-2.0-or-later
/* The IOMMU groups of a machine: what can be passed to a guest, and what only together. */
#pragma once

#include "host/host.h"

typedef struct {
    const VhPciFunction *pci; /* borrowed from VhIommu.functions */
    guint revision;           /* 0: none, or not known */
    gboolean reset_known;     /* FALSE: a snapshot that does not say how anything is reset */
    gboolean reset;           /* the kernel can reset it */
    char **reset_methods;     /* "flr", "pm", "bus", … in the kernel's order; empty: not known */
    GPtrArray *uses;          /* VhUse: what the host needs it for; NULL: nothing that is known */
    char *class_name;         /* "VGA compatible controller [0300]" */
    char *name;               /* "NVIDIA Corporation GA102 [GeForce RTX 3090]" */
    char *title;              /* the same with "[10de:2204]" */
} VhIommuFunction;

typedef struct {
    int number;           /* -1: those that are in none */
    GPtrArray *functions; /* VhIommuFunction, by address */
    guint passable;       /* of them no bridges: what is passed, is passed together */
    guint slots;          /* how many devices these are functions of */
    guint used;           /* … that the host needs, see vh_iommu_find_uses */
    gboolean display;     /* one of them is a display controller */
} VhIommuGroup;

typedef struct {
    gboolean on;          /* the kernel uses an IOMMU */
    GPtrArray *functions; /* VhPciFunction */
    GPtrArray *groups;    /* VhIommuGroup, in the order of their numbers, -1 last */
} VhIommu;

/* The groups of @host as they are now. */
VhIommu *vh_iommu_look(VhHost *host, GError **error);
void vh_iommu_free(VhIommu *iommu);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhIommu, vh_iommu_free)

/* Leaves those groups only that have this @number (-1: any), and a display controller when
 * @display. FALSE when none is left. */
gboolean vh_iommu_keep(VhIommu *iommu, int number, gboolean display);

/* Finds what the host needs the functions for: mounted disks, the way to the network. Only what can
 * have such is looked at. */
void vh_iommu_find_uses(VhIommu *iommu, VhHost *host);

/* What the group means for passing: "2 functions of one device, to be passed together", … The
 * caller owns it. */
char *vh_iommu_verdict(const VhIommuGroup *group);

/* "01:00.0"'s line of lspci -nn behind the address: class, names, ids and revision. The caller owns
 * it. */
char *vh_iommu_line(const VhIommuFunction *function);

/* What the host needs it for: "mount /dev/nvme0n1p2 (/) and 2 more"; NULL: nothing that is known.
 * The caller owns it. */
char *vh_iommu_use_text(const VhIommuFunction *function);

/* Whether it can be reset, as JSON value: null where that is not known. Floating. */
GVariant *vh_iommu_reset_variant(const VhIommuFunction *function);

/* The array that iommu --json prints, floating. Functions in no group are not in it. */
GVariant *vh_iommu_variant(const VhIommu *iommu);

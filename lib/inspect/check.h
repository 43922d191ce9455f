// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The doctor: what on this host, and in one guest, would keep a hand-over from working. Each check
 * of the table in check.c gives one finding or more.
 */
#pragma once

#include "engine/journal.h"
#include "engine/plan.h"

typedef enum {
    VH_FINDING_OK,
    VH_FINDING_UNKNOWN, /* it cannot be measured here */
    VH_FINDING_WARNING, /* works, but not well, or not always */
    VH_FINDING_FAILURE, /* will not work */
} VhFindingState;

typedef struct {
    const char *id;    /* of the check: "iommu" */
    const char *title; /* for people: "IOMMU" */
    const char *why;   /* why it matters */
    gboolean guest;    /* about the guest, not the host */
    VhFindingState state;
    char *what; /* what was found */
    char *mend; /* a command, or what to do; NULL: nothing */
} VhFinding;

/* What is looked at. Of the guest's parts those that could not be had are NULL; their errors say
 * why. */
typedef struct {
    VhHost *host;
    const char *hooks_dir; /* libvirt's, as that host sees it */
    const char *engine;    /* the program that the hook runs */
    const char *user;      /* who uses the guests; NULL: not known */

    const GPtrArray *journals; /* VhJournal: of the guests that hold something; may be NULL */

    const char *guest; /* NULL: only the host */
    const VhConfig *config;
    const GError *config_error;
    const VhDomain *domain;
    const GError *domain_error;
    const VhPlan *plan;
    const GError *plan_error;
} VhCheck;

/* All findings (VhFinding), in the order of the table. */
GPtrArray *vh_check_run(const VhCheck *check);

/* The worst state among them; OK when nothing is worse than unknown. */
VhFindingState vh_check_worst(const GPtrArray *findings);

/* "ok", "unknown", "warning", "failure". Static. */
const char *vh_finding_state_name(VhFindingState state);

/* The findings as JSON value (floating). */
GVariant *vh_check_variant(const GPtrArray *findings);

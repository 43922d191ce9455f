// SPDX-License-Identifier: GPL-2.0-or-later
/* What a verb looks at: this machine, a snapshot or another root, and one guest of it. */
#pragma once

#include "engine/plan.h"
#include "hook/verbs.h"

typedef struct {
    const VhOptions *options;
    gboolean recorded; /* not this machine, but a snapshot or a tree */
    VhEngine engine;   /* nobody listens to it */
    char *state_dir;   /* NULL: a snapshot has no journals */

    /* Of the guest; what could not be had is NULL, and its error says why. */
    VhConfig *config;
    VhDomain *domain;
    VhPlan *plan;
    GError *config_error, *domain_error, *plan_error;
} Patient;

/* The machine of --host, --root or this one. FALSE with the reason when it cannot be looked at. */
gboolean patient_admit(Patient *patient, const VhOptions *options, GError **error);

/*
 * The domain XML of @guest: --xml, else the file beside the snapshot, else the definition that is
 * kept on the machine (below --root), else libvirt's.
 */
GBytes *patient_xml(const Patient *patient, const char *guest, GError **error);

/* FALSE with the reason when the machine has neither a file, nor scripts, nor a definition of a
 * guest of that name: it is a slip. Whoever may not look has to take it for one that is there. */
gboolean patient_has_guest(const Patient *patient, const char *guest, GError **error);

/* The guest's file, domain and plan. */
void patient_examine(Patient *patient, const char *guest);

/* Why there is no plan: the file's problems first. */
const GError *patient_error(const Patient *patient);

/* All findings of the doctor (VhFinding), those about @guest after patient_examine; NULL: only
 * those about the host. */
GPtrArray *patient_check(const Patient *patient, const char *guest);

void patient_clear(Patient *patient);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Patient, patient_clear)

/* The domain's file beside a snapshot: HOST.json and HOST.xml. NULL when there is none. */
char *patient_xml_beside(const char *snapshot);

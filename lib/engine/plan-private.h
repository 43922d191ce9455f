// SPDX-License-Identifier: GPL-2.0-or-later
/* The parts of planning: plan.c puts them together. */
#pragma once

#include "engine/plan.h"

typedef struct {
    VhHost *host;
    const VhConfig *config;
    const VhDomain *domain;
    const GPtrArray *claims;
    GPtrArray *all; /* VhPciFunction: every function of the host */
    VhPlan *plan;
    gboolean iommu_on;
} VhPlanning;

void vh_plan_refuse(VhPlanning *planning, const char *format, ...) G_GNUC_PRINTF(2, 3);
void vh_plan_note(VhPlanning *planning, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* @args may be floating. */
void vh_plan_add(VhPlanning *planning, const VhStepKind *kind, const char *subject, GVariant *args);
/* The planned device of that address, or NULL. */
const VhPlanDevice *vh_plan_device(const VhPlan *plan, const char *address);
/* The domain's device of that address, or NULL. */
const VhDomainDevice *vh_plan_in_domain(const VhPlanning *planning, const char *address);
/* Whether the function has to leave a driver, or is free and has to get the target. */
gboolean vh_plan_moves(const VhPlanDevice *device);

/* plan-check.c: every reason not to begin. */
gboolean vh_plan_find_refusals(VhPlanning *planning, GError **error);
/* commands.c: the user's commands that cannot be run, as refusals; and all of them into the plan.
 */
void vh_plan_check_commands(VhPlanning *planning);
void vh_plan_commands(VhPlanning *planning);
/* plan-screen.c: units, sessions, consoles, framebuffers, display. */
gboolean vh_plan_screen(VhPlanning *planning, GError **error);
/* plan-users.c: units of the users at @seat (NULL: any), and of those who have a device open. */
void vh_plan_user_units(VhPlanning *planning, const char *seat);
/* plan-holders.c: services that have a device open, and all other processes. */
void vh_plan_holders(VhPlanning *planning);
/* The functions that leave a driver; NULL: none does. The caller owns it. */
char **vh_plan_leaving(const VhPlan *plan);
/* plan-devices.c: counts the virtual functions of one, and refuses it when they are in use; plans
 * their end. */
void vh_plan_check_virtual(VhPlanning *planning, VhPlanDevice *device);
void vh_plan_virtual(VhPlanning *planning);
/* What is worth knowing of the rest of a card, and of keyboard and mouse. */
void vh_plan_note_devices(VhPlanning *planning);
/* plan-prime.c: notes on who has the nodes of @device open where another card stays: the desktop,
 * when it is among @drawers (@manager is its unit), or programs that only use the card. */
void vh_plan_note_desktop(VhPlanning *planning, const VhPlanDevice *device, GPtrArray *nodes,
                          const GPtrArray *drawers, const char *manager);
/* plan-settings.c: power and reset of what moves, a moment's sleep on the way back, and into
 * @dict, the arguments of a device's step, what it has to know of them. */
void vh_plan_settings(VhPlanning *planning);
void vh_plan_suspend(VhPlanning *planning);
void vh_plan_device_settings(VhPlanning *planning, const VhPlanDevice *device, GVariantDict *dict);
/* A refusal when the guest's file has sizes for BARs and no display is passed. */
void vh_plan_rebar_needs_display(VhPlanning *planning);
/* plan-modules.c: the display driver's modules. */
gboolean vh_plan_modules(VhPlanning *planning, GError **error);
/* plan-tuning.c: governors, CPUs, interrupts, huge pages. */
gboolean vh_plan_tuning(VhPlanning *planning, GError **error);

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What becomes of the sessions, and of those who have the devices open, by the steps of a plan: the
 * one judge for the plan itself, for `check` and for `start`.
 */
#pragma once

#include "engine/plan.h"

typedef enum {
    VH_FATE_ENDS,       /* with what the plan stops */
    VH_FATE_WAITED,     /* goes when a session does that the plan only waits for */
    VH_FATE_STOPPED,    /* its service is stopped for it, and started again later */
    VH_FATE_TERMINATED, /* is told to end, and does not come back */
    VH_FATE_STAYS,      /* nothing of the plan ends it: who has a device open blocks the start */
} VhFate;

typedef struct VhJudge VhJudge;

/* Looks at the host. @plan may still be in the making: then what it has by now counts. @config may
 * be NULL. Both have to outlive the judge. */
VhJudge *vh_judge_new(VhHost *host, const VhPlan *plan, const VhConfig *config);
void vh_judge_free(VhJudge *judge);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhJudge, vh_judge_free)

/* Whether the function leaves a driver by the plan, so that who has it open matters. */
gboolean vh_judge_takes(const VhJudge *judge, const char *address);
/* Borrowed, never NULL: the sessions (VhSession), and who has one of the functions that leave a
 * driver open in a way that an unbind would wait for (VhHolder). */
const GPtrArray *vh_judge_sessions(const VhJudge *judge);
const GPtrArray *vh_judge_holders(const VhJudge *judge);

/* A session is never STOPPED or TERMINATED. */
VhFate vh_judge_session(const VhJudge *judge, const VhSession *session);
VhFate vh_judge_holder(const VhJudge *judge, const VhHolder *holder);

/* What is stopped for it, as people call it; NULL: it is no service. The caller owns it. */
char *vh_judge_service(const VhJudge *judge, const VhHolder *holder);
/* What the user can do about one that stays, or about a session that is waited for. The caller owns
 * it. */
char *vh_judge_advice(const VhJudge *judge, const VhHolder *holder);
char *vh_judge_session_advice(const VhSession *session);

/* Whether commands or scripts of the guest run before anything is stopped: who stays may be ended
 * by one of them. */
gboolean vh_judge_is_helped(const VhJudge *judge);
/* Whether it can never go by itself, so that the plan is refused: the QEMU of another guest. */
gboolean vh_judge_is_hopeless(const VhJudge *judge, const VhHolder *holder);
/* Whether it is a system service or the sound server of a user who stays, which has a device open
 * for as long as it runs, unless that was for a moment only. */
gboolean vh_judge_is_obstacle(const VhJudge *judge, const VhHolder *holder);

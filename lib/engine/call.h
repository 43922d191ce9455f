// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The calls of libvirt's hook, and the same by hand (libvirt's docs/hooks.rst). The table of
 * operations in call.c is the contract.
 */
#pragma once

#include "engine/engine.h"

typedef struct {
    const char *guest;        /* as libvirt passed it: any text */
    const char *operation;    /* "prepare", … */
    const char *suboperation; /* "begin", "end" */
    const char *extra;        /* "-", or why it stopped (libvirt 10.5) */
    GBytes *xml;              /* the domain, NULL: not given */
    gboolean by_hand;         /* typed by a person, not called by libvirt */
    gboolean force;           /* by hand: also while the guest runs */
} VhCall;

/*
 * Answers one call. FALSE with an error when the operation failed; vh_call_fails says whether
 * libvirt is to hear of it. *@ret_output (NULL when there is none) is what belongs on stdout:
 * only what a user's script printed for migrate and restore.
 */
gboolean vh_call_answer(const VhEngine *engine, const VhCall *call, GBytes **ret_output,
                        GError **error);

/* Whether a failure of this operation is an exit status other than 0. Never for reconnect, where
 * it would kill the running guest. */
gboolean vh_call_fails(const VhCall *call);

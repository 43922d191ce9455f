// SPDX-License-Identifier: GPL-2.0-or-later
/* What every part of the engine works with. */
#pragma once

#include "base/event.h"
#include "config/config.h"
#include "host/host.h"

typedef struct {
    VhHost *host;
    const char *hooks_dir; /* libvirt's hook directory: per-VM files are in its kvm.conf.d */
    const char *trusted;   /* directory below which a per-VM file's path is checked, NULL: "/" */
    const char *state_dir; /* journals and lock; NULL: only to look, and there are none */
    VhEventSink sink;      /* NULL: nobody listens */
    gpointer sink_data;
} VhEngine;

/* Who and what the events of one call are about. */
typedef struct {
    const VhEngine *engine;
    const char *guest, *uuid, *transaction, *operation;
} VhTeller;

/* Sends one event with @teller's fields. @step, @device and @error may be NULL, @duration -1. */
void vh_tell(const VhTeller *teller, VhEventKind kind, int priority, const char *step,
             const char *device, gint64 duration, const GError *error, const char *format, ...)
    G_GNUC_PRINTF(8, 9);

/* The guest's file as read; VH_ERROR_GONE when it has none. */
VhConfig *vh_engine_config(const VhEngine *engine, const char *guest, GError **error);
/* What a person is told of a guest that has none. The caller owns it. */
char *vh_engine_no_config(const VhEngine *engine, const char *guest);

/*
 * Takes the lock around all changes, STATE_DIR/lock, waiting until @deadline; makes the directory
 * (0700) when it is missing and refuses one that is not ours alone. Returns an fd (close it to let
 * go) or -1: VH_ERROR_TIMEOUT names what the lock is for, VH_ERROR_DENIED what is wrong with the
 * directory.
 */
int vh_lock_take(const VhEngine *engine, gint64 deadline, GError **error);

/*
 * Keeps hand-overs from beginning while one looks, which has to be short. Returns an fd to close,
 * or -1 when there is nothing to keep; several can look at once, and nothing is made. *@ret_free:
 * whether nobody has the lock, which is so too where it was never taken.
 */
int vh_lock_look(const VhEngine *engine, gboolean *ret_free);

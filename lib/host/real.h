// SPDX-License-Identifier: GPL-2.0-or-later
/* The machine we run on. The only code that touches one is in this folder. */
#pragma once

#include "base/event.h"
#include "host/host.h"

typedef struct {
    const char
        *root; /* prefix of /sys, /proc, /dev, /run, /etc; NULL or "": none (tests: a tree) */
    const char *hooksdir; /* libvirt's hook directory, below root */
    VhEventSink sink;     /* for what programs write (VH_EVENT_NOTE); NULL: vh_log_journal */
    gpointer sink_data;
} VhRealOptions;

/* Never fails: systemd's bus and libkmod are opened on first use. The strings are copied. */
VhHost *vh_real_new(const VhRealOptions *options);

/*
 * For a program's first lines: SIGTERM and SIGINT end nothing from now on but are what
 * vh_host_interrupted() tells and vh_host_wait() wakes for; SIGPIPE and SIGHUP (the terminal of a
 * desktop that we stop ourselves) are ignored. What the host runs gets the defaults again.
 */
void vh_real_catch_signals(void);

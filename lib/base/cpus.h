// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets of CPUs, and of NUMA nodes, in the three ways they are written: lists ("0-3,8"), the
 * kernel's masks ("ff,0000ffff", hex in groups of 32), and systemd's bytes (the lowest first).
 */
#pragma once

#include <glib.h>

#include "base/error.h"

enum { VH_CPUS_MOST = 8192 }; /* the kernel's largest NR_CPUS */

typedef struct {
    guint8 bytes[VH_CPUS_MOST / 8];
} VhCpus;

/* "0-3,8", spaces around it, or empty for none. libvirt's exclusions ("0-3,^2") are understood as
 * well. FALSE when it is none; *@ret_cpus is then undefined. */
gboolean vh_cpus_parse(const char *list, VhCpus *ret_cpus);
/* "ff", "f,ffffffff", also with "0x" before it. */
gboolean vh_cpus_parse_mask(const char *mask, VhCpus *ret_cpus);
/* Bytes beyond the largest CPU are left out. */
void vh_cpus_from_bytes(const guint8 *bytes, gsize length, VhCpus *ret_cpus);

/* The caller owns these texts; "" and "0" for an empty set. */
char *vh_cpus_list(const VhCpus *cpus);
char *vh_cpus_mask(const VhCpus *cpus);
/* How many bytes there are up to the last CPU: 0 for an empty set. */
gsize vh_cpus_length(const VhCpus *cpus);

/* FALSE also for a number beyond the largest. */
gboolean vh_cpus_has(const VhCpus *cpus, guint cpu);
gboolean vh_cpus_empty(const VhCpus *cpus);
void vh_cpus_add(VhCpus *cpus, const VhCpus *more);
/* Those of @cpus that are, or are not, in @others as well. */
VhCpus vh_cpus_common(const VhCpus *cpus, const VhCpus *others);
VhCpus vh_cpus_without(const VhCpus *cpus, const VhCpus *others);
/* Whether two lists mean the same; texts that are no lists only when they are equal. */
gboolean vh_cpus_same(const char *a, const char *b);

// SPDX-License-Identifier: GPL-2.0-or-later
/* What uses.c, uses-pools.c and uses-open.c share. */
#pragma once

#include "host/real-private.h"

typedef struct {
    VhReal *real;
    GPtrArray *uses;     /* VhUse */
    GPtrArray *blocks;   /* names in /sys/class/block, those stacked on the function's included */
    GPtrArray *nets;     /* names in /sys/class/net, likewise */
    GPtrArray *generics; /* directories of what passes commands to disks: sg0, ng0n1 */
} VhUses;

void vh_uses_add(VhUses *self, const char *kind, const char *name, const char *where);
gboolean vh_uses_has_block(const VhUses *self, const char *name);

/* uses-pools.c: adds the imported pools of ZFS and bcachefs that a block device is a member of. */
void vh_uses_add_pools(VhUses *self);

/* uses-open.c: adds the disks that somebody has open. FALSE when that cannot be known. */
gboolean vh_uses_add_open(VhUses *self, GError **error);

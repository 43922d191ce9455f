// SPDX-License-Identifier: GPL-2.0-or-later
/* A machine as a snapshot that a simulated one can be made from. */
#pragma once

#include "domain/domain.h"
#include "host/host.h"

/*
 * @host as it is now, in the schema of sim/snapshot.h (a{sv}, floating): what a hand-over of PCI
 * devices has to do with. No serial numbers, host names, addresses of networks, command lines or
 * names of people, who are "user1" and so on. With @domain (NULL: none) also what a rehearsal of
 * that guest looks at besides, its ROM files among them. NULL when the host cannot be looked at.
 */
GVariant *vh_snapshot_take(VhHost *host, const VhDomain *domain, GError **error);

// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host-tree.h"

/* Hosts without systemd: with nothing in its place, and with OpenRC, sysvinit and runit. The state
 * of a service is a word in /services/NAME, runit's in /var/service/NAME/state; what the programs
 * were asked is in /calls. */
HostTree *fake_bare_tree(void);
HostTree *fake_openrc_tree(void);
HostTree *fake_sysvinit_tree(void);
HostTree *fake_runit_tree(void);

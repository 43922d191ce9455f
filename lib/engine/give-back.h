// SPDX-License-Identifier: GPL-2.0-or-later
/* The way back, as release and recover take it. */
#pragma once

#include "engine/journal.h"

/* Undoes all of @journal within its time limit, tells what happens, and removes the file when
 * nothing is stuck; else VH_ERROR_FAILED with what is, and what to do. The caller holds the lock.
 */
gboolean vh_give_back(const VhTeller *teller, VhJournal *journal, GError **error);

/* Whether the daemon that prepared @journal is there. The first process is none: a call whose
 * daemon has ended before it looked is a child of that. */
gboolean vh_daemon_lives(VhHost *host, const VhJournal *journal);

/*
 * Whose turn it is: why nobody but libvirt may give back what the guest of @journal has, which does
 * not run, as a clause ("libvirt is starting it"), NULL: no such reason. For as long as libvirt has
 * the guest in its book (/run/libvirt/qemu/NAME.xml, from QEMU's start until before it calls
 * release), it gives the devices back itself, also when it comes to that only at its next start,
 * and resets those that are on vfio-pci no longer under whoever has them
 * (virHostdevReAttachPCIDevices in src/hypervisor/virhostdev.c, virPCIDeviceReset). Before that it
 * starts QEMU with them, or takes them once more.
 */
const char *vh_libvirts_turn(VhHost *host, const VhJournal *journal);

/* Tells the desktop that has come back, if one was stopped, that the guest did not start, and where
 * libvirt says why: nobody else does when the start was asked for in that desktop. */
void vh_tell_unstarted(const VhTeller *teller, const VhJournal *journal);

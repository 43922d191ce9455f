// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCI addresses. Everywhere in this program a PCI function is named by its canonical address, a
 * string "DDDD:BB:SS.F" in lower-case hex, as in /sys/bus/pci/devices.
 */
#pragma once

#include <glib.h>

/*
 * The canonical address of @text, which may be "0000:09:00.0", "09:00.0" or libvirt's node name
 * "pci_0000_09_00_0", hex digits in either case. The domain may have up to 8 digits (VMD), the
 * bus 2, slot 2 (at most 1f), function 1 (at most 7). NULL and VH_ERROR_USAGE when it is none of
 * these; the message says what was expected. The caller owns the result.
 */
char *vh_address_canonical(const char *text, GError **error);

/* The canonical address of the four numbers, or NULL (VH_ERROR_FAILED) when one is out of range. */
char *vh_address_from_parts(guint64 domain, guint64 bus, guint64 slot, guint64 function,
                            GError **error);

/* Whether both are functions of one slot ("0000:09:00.0" and "0000:09:00.1"). Canonical only. */
gboolean vh_address_same_slot(const char *a, const char *b);

/* Orders canonical addresses by number; for g_ptr_array_sort over arrays of strings use
 * vh_address_compare_indirect. */
int vh_address_compare(const char *a, const char *b);
int vh_address_compare_indirect(gconstpointer a, gconstpointer b);

// SPDX-License-Identifier: GPL-2.0-or-later
/* Which functions of a machine a guest can be given, and what goes with them. */
#pragma once

#include "host/host.h"

/*
 * The functions to pass for @addresses (NULL-terminated, in any form an address has): the whole
 * IOMMU groups of them, bridges aside, by address (VhPciFunction). VH_ERROR_REFUSED with a sentence
 * for a bridge, a function in no group, and one whose group has what the host itself cannot do
 * without; VH_ERROR_GONE for one that is not there.
 */
GPtrArray *vh_attach_functions(VhHost *host, char *const *addresses, GError **error);

/* The address of @functions that a ROM file is for: the only display controller of them, NULL when
 * there is none or more than one. */
const char *vh_attach_rom_address(const GPtrArray *functions);

/* Whether libvirt and the guest take @text as a Hyper-V vendor: 1 to 12 printable ASCII
 * characters, no comma. */
gboolean vh_attach_vendor_check(const char *text, GError **error);

// SPDX-License-Identifier: GPL-2.0-or-later
/* Changing the definition of a domain: what attaching devices to it needs, and nothing else. */
#pragma once

#include <glib.h>

#include "base/error.h"

typedef struct {
    const char *const *addresses; /* canonical; those the domain has already are left alone */
    const char *rom;              /* file for the function rom_address, NULL: none */
    const char *rom_address;      /* one of addresses, or one that the domain has */
    gboolean hide_kvm;            /* <kvm><hidden state='on'/> */
    const char *vendor_id;        /* <hyperv><vendor_id state='on' value=…/>, NULL: as it is */
} VhDomainChange;

/*
 * Makes the change in @length bytes of domain XML. @ret_after is the text to define; @ret_before is
 * the text without the change as the same writer puts it down, so that the two differ by the change
 * alone, and are equal when there is nothing to do. Both are the caller's, and may hold passwords.
 * VH_ERROR_DOMAIN for what vh_domain_parse refuses, and for a domain without <devices>.
 */
gboolean vh_domain_edit(const char *xml, gsize length, const VhDomainChange *change,
                        char **ret_before, char **ret_after, GError **error);

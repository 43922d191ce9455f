// SPDX-License-Identifier: GPL-2.0-or-later
/* Asking libvirt, for the verbs only: a hook must never call it (libvirt's docs/hooks.rst). */
#pragma once

#include "base/error.h"

/*
 * The domain XML of @guest as it runs, or as it is defined, from qemu:///system; with @definition
 * as it is defined and whole, with its passwords, so that it can be defined again. libvirt's
 * library is loaded here, on first use, as the engine has to start without it. Its calls have no
 * time limit: call this in a child that can be killed. The caller owns the text.
 * VH_ERROR_UNSUPPORTED without the library, VH_ERROR_GONE when there is no such guest,
 * VH_ERROR_FAILED with libvirt's words otherwise.
 */
char *vh_libvirt_domain_xml(const char *guest, gboolean definition, GError **error);

/* Has libvirt start the guest as it is defined, and waits until it runs; errors as above. Its hooks
 * are called meanwhile. */
gboolean vh_libvirt_domain_start(const char *guest, GError **error);

/* Has libvirt keep @xml as the definition of its domain; a running guest goes on as it is. Errors
 * as above. */
gboolean vh_libvirt_domain_define(const char *xml, GError **error);

/* That libvirt has no such guest: VH_ERROR_GONE. */
static inline gboolean vh_libvirt_unknown(const char *guest, GError **error)
{
    return vh_error_set(error, VH_ERROR_GONE, "libvirt knows no guest %s: see virsh list --all",
                        guest);
}

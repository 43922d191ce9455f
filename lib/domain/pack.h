// SPDX-License-Identifier: GPL-2.0-or-later
/* A domain on its way out of the process that has read it (base/confined.h). */
#pragma once

#include "domain/domain.h"

/* All of @domain as a{sv}, floating. */
GVariant *vh_domain_pack(const VhDomain *domain);

/*
 * The domain in @dict, whoever made it. What names a file, a driver, a device or a guest is held to
 * the same rules as in the XML; VH_ERROR_DOMAIN otherwise. What only inspections show is any text.
 */
VhDomain *vh_domain_unpack(GVariant *dict, GError **error);

/* domain.c: an empty one, and whether one could have come out of XML. */
VhDomain *vh_domain_new(void);
gboolean vh_domain_check(const VhDomain *domain, GError **error);

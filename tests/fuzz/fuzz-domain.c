// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "base/address.h"
#include "domain/domain.h"

static void check_domain(const VhDomain *domain)
{
    g_assert_cmpuint(strlen(domain->name), >, 0);
    g_assert_null(strchr(domain->name, '/'));
    g_assert_true(g_uuid_string_is_valid(domain->uuid));
    for (guint i = 0; i < domain->devices->len; i++) {
        const VhDomainDevice *device = domain->devices->pdata[i];
        g_autofree char *address = vh_address_canonical(device->address, NULL);
        g_assert_cmpstr(address, ==, device->address);
        g_assert_nonnull(device->origin);
        g_assert_true(!device->driver_model || !strchr(device->driver_model, '/'));
        for (guint j = 0; j < i; j++)
            g_assert_cmpstr(((VhDomainDevice *)domain->devices->pdata[j])->address, !=, address);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhDomain) domain = vh_domain_parse((const char *)data, size, &error);

    if (domain) {
        g_assert_no_error(error);
        check_domain(domain);
    } else {
        g_assert_error(error, VH_ERROR, VH_ERROR_DOMAIN);
        g_assert_null(strchr(error->message, '\n'));
        g_assert_cmpuint(strlen(error->message), <, 2048);
    }
    return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include "base/address.h"
#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    g_autoptr(GError) error = NULL;
    g_autofree char *address = vh_address_canonical(text, &error);

    if (!address) {
        g_assert_error(error, VH_ERROR, VH_ERROR_USAGE);
        return 0;
    }
    g_assert_no_error(error);
    g_autofree char *again = vh_address_canonical(address, &error);
    g_assert_cmpstr(again, ==, address);
    g_assert_cmpint(vh_address_compare(address, text), ==, 0);
    g_assert_true(vh_address_same_slot(address, again));
    return 0;
}

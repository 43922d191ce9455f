// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"

static gboolean has_fraction(GVariant *value)
{
    gboolean found = g_variant_is_of_type(value, G_VARIANT_TYPE_DOUBLE);
    gsize n = g_variant_is_container(value) ? g_variant_n_children(value) : 0;

    for (gsize i = 0; i < n && !found; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        found = has_fraction(child);
    }
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) value = vh_json_parse((const char *)data, (gssize)size, &error);

    if (!value) {
        g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
        return 0;
    }
    g_assert_no_error(error);
    g_assert_true(g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT));
    /* What we write is one line that we read, and reading it changes nothing. Fractions we do not
     * write: json-glib makes 1e+55.0 of some. */
    g_autofree char *line = vh_json_line(value);
    g_assert_null(strchr(line, '\n'));
    if (has_fraction(value))
        return 0;
    g_autoptr(GVariant) again = vh_json_parse(line, -1, &error);
    g_assert_no_error(error);
    g_autofree char *same = vh_json_line(again);
    g_assert_cmpstr(same, ==, line);
    return 0;
}

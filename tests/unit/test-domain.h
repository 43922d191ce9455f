// SPDX-License-Identifier: GPL-2.0-or-later
/* The domains in tests/fixtures/domain. */
#pragma once

#include <glib.h>

/* The text of the file @name. */
static inline char *read_fixture(const char *name)
{
    g_autofree char *path =
        g_test_build_filename(G_TEST_DIST, "tests", "fixtures", "domain", name, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

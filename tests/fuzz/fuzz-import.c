// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "base/address.h"
#include "config/config.h"
#include "inspect/import.h"

static void check_file(VhImport *import)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *file = vh_import_file(import, NULL, &error);
    g_assert_no_error(error);
    g_autoptr(VhConfig) config = vh_config_parse(file, "fuzz", &error);

    g_assert_no_error(error);
    g_assert_cmpuint(g_strv_length(config->device_list), ==, import->devices->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(VhImport) import = vh_import_new();
    g_autoptr(GError) error = NULL;

    if (vh_import_text(import, "kvm.conf", (const char *)data, size, &error)) {
        g_assert_no_error(error);
        check_file(import);
        g_assert_cmpuint(import->notes->len, <=, 400);
        for (guint i = 0; i < import->notes->len; i++) {
            const VhImportNote *note = import->notes->pdata[i];
            g_assert_null(strchr(note->text, '\n'));
            g_assert_true(g_utf8_validate(note->text, -1, NULL));
            g_assert_cmpuint(strlen(note->text), <, 8192);
        }
    } else {
        g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    }
    return 0;
}

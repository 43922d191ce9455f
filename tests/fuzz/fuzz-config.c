// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "base/address.h"
#include "config/config.h"

const char *__lsan_default_suppressions(void);

/* libconfig does not free the text it has read when the syntax is wrong behind it. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so";
}

/* Every line of the message is one of the file's: none is split or made up by what it quotes. */
static void check_problems(const char *message)
{
    g_auto(GStrv) lines = g_strsplit(message, "\n", -1);

    g_assert_cmpuint(g_strv_length(lines), >, 0);
    for (gsize i = 0; lines[i]; i++) {
        g_assert_true(g_str_has_prefix(lines[i], "vm.conf:"));
        g_assert_true(g_utf8_validate(lines[i], -1, NULL));
        g_assert_cmpuint(strlen(lines[i]), <, 2048);
    }
}

static void check_config(const VhConfig *config)
{
    g_assert_cmpuint(config->timeout, >=, 1);
    g_assert_cmpuint(config->timeout, <=, 300);
    g_assert_cmpuint(config->hugepage_count, <=, 16777216);
    g_assert_true(config->devices == VH_CHOICE_LIST || !*config->device_list);
    for (gsize i = 0; config->device_list[i]; i++) {
        g_autofree char *address = vh_address_canonical(config->device_list[i], NULL);
        g_assert_cmpstr(address, ==, config->device_list[i]);
    }
    for (guint i = 0; i < config->commands->len; i++) {
        const VhConfigCommand *command = config->commands->pdata[i];
        g_assert_nonnull(command->at);
        g_assert_cmpint(*command->run[0], ==, '/');
        g_assert_cmpuint(command->timeout, >=, 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(VhConfig) config = vh_config_parse(text, "vm.conf", &error);

    if (config) {
        g_assert_no_error(error);
        check_config(config);
    } else {
        g_assert_error(error, VH_ERROR, VH_ERROR_CONFIG);
        check_problems(error->message);
    }
    return 0;
}

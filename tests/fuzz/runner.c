// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Replays inputs through a fuzz target: fuzz-NAME [-OPTION…] FILE-OR-FOLDER…
 * Stands in for libFuzzer, whose options it leaves alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static guint n_inputs;

static void replay(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *content = NULL;
    gsize length = 0;

    if (!g_file_get_contents(path, &content, &length, &error)) {
        fprintf(stderr, "%s\n", error->message);
        exit(1);
    }
    /* Named before, for when the target does not come back. */
    fprintf(stderr, "%s\n", path);
    /* An exact copy, so that a sanitizer sees a look behind the end. */
    uint8_t *exact = malloc(length > 0 ? length : 1);
    for (gsize i = 0; i < length; i++)
        exact[i] = (uint8_t)content[i];
    LLVMFuzzerTestOneInput(exact, length);
    free(exact);
    n_inputs++;
}

static void replay_all(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name = NULL;

    if (!dir) {
        replay(path);
        return;
    }
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        replay_all(inner);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (*argv[i] != '-')
            replay_all(argv[i]);
    g_autofree char *name = g_path_get_basename(argv[0]);
    printf("# result: inputs of the fuzzers | %s | %u | no crash, no leak, no broken promise\n",
           name, n_inputs);
    return n_inputs > 0 ? 0 : 1;
}

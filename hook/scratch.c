// SPDX-License-Identifier: GPL-2.0-or-later
#include "hook/scratch.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "build-config.h"

void scratch_clear(Scratch *scratch)
{
    char **const files[] = {&scratch->config, &scratch->configs, &scratch->hooks};

    if (scratch->state) {
        g_autoptr(GDir) dir = g_dir_open(scratch->state, 0, NULL);
        const char *name;
        while (dir && (name = g_dir_read_name(dir))) {
            g_autofree char *path = g_build_filename(scratch->state, name, NULL);
            (void)unlink(path);
        }
        (void)rmdir(scratch->state);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
        if (*files[i])
            (void)remove(*files[i]);
    if (scratch->dir)
        (void)rmdir(scratch->dir);
    g_free(scratch->state);
    g_free(scratch->config);
    g_free(scratch->configs);
    g_free(scratch->hooks);
    g_free(scratch->dir);
}

/* The guest's own file, the one given, or an empty one. */
static char *config_text(const char *guest, const VhOptions *options, GError **error)
{
    g_autofree char *name = g_strconcat(guest, ".conf", NULL);
    g_autofree char *own =
        g_build_filename(options->root ? options->root : "/", HOOKS_DIR, "kvm.conf.d", name, NULL);
    const char *path = options->config;
    g_autoptr(GError) cause = NULL;
    char *text = NULL;

    if (g_file_get_contents(path ? path : own, &text, NULL, &cause))
        return text;
    if (!path)
        return g_strdup("");
    vh_error_set(error, VH_ERROR_FAILED, "%s", cause->message);
    return NULL;
}

gboolean scratch_make(Scratch *scratch, const char *guest, const VhOptions *options, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *name = g_strconcat(guest, ".conf", NULL);
    g_autofree char *text = config_text(guest, options, error);

    if (!text)
        return FALSE;
    scratch->dir = g_dir_make_tmp("virt-handoff-XXXXXX", &cause);
    if (!scratch->dir)
        return vh_error_set(error, VH_ERROR_FAILED, "%s", cause->message);
    scratch->hooks = g_build_filename(scratch->dir, "hooks", NULL);
    scratch->configs = g_build_filename(scratch->hooks, "kvm.conf.d", NULL);
    scratch->config = g_build_filename(scratch->configs, name, NULL);
    scratch->state = g_build_filename(scratch->dir, "state", NULL);
    if (g_mkdir_with_parents(scratch->configs, 0700) == 0 &&
        g_file_set_contents(scratch->config, text, -1, &cause))
        return TRUE;
    return vh_error_set(error, VH_ERROR_FAILED, "cannot write to %s: %s", scratch->dir,
                        cause ? cause->message : g_strerror(errno));
}

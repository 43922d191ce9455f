// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Not for people: what a launcher runs, in a terminal of the desktop and as its user. Only root may
 * start a guest, and the terminal would close over the answer.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "build-config.h"
#include "hook/progress.h"
#include "hook/report.h"
#include "hook/verbs.h"

enum { MOST = 8 };

/* Who asks for an administrator's password, the first that this host has; the command is appended.
 * su gives its arguments to a shell, which need not be one that knows "$@". */
static const char *const ways[][MOST] = {
    {"pkexec"},
    {"sudo"},
    {"su", "-s", "/bin/sh", "-c", "exec \"$0\" \"$@\"", "--", "root"},
};

static const char *const *way_to_root(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autofree char *path = g_find_program_in_path(ways[i][0]);
        if (path)
            return ways[i];
    }
    return NULL;
}

/* In this terminal, with all its questions; its exit status. */
static int start_as_root(const char *guest)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    const char *const *way = way_to_root();
    g_autoptr(GError) error = NULL;
    int status = 0;

    if (!way) {
        vh_error_set(&error, VH_ERROR_DENIED,
                     "only root may start it, and there is no pkexec, sudo or su");
        return vh_report_failure(guest, error);
    }
    for (gsize i = 0; way[i]; i++)
        g_ptr_array_add(argv, (gpointer)(gsize)way[i]);
    g_ptr_array_add(argv, self ? self : (gpointer)(gsize)ENGINE);
    g_ptr_array_add(argv, (gpointer)(gsize) "start");
    g_ptr_array_add(argv, (gpointer)(gsize) "--");
    g_ptr_array_add(argv, (gpointer)(gsize)guest);
    g_ptr_array_add(argv, NULL);
    if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL,
                      &status, &error))
        return vh_report_failure(guest, error);
    return WIFEXITED(status) ? WEXITSTATUS(status) : VH_EXIT_FAILED;
}

int vh_verb_start_asked(int argc, char **argv, const VhOptions *options)
{
    g_autofree char *guest = vh_text_one_line(argv[0]);
    int status;

    if (geteuid() == 0) {
        status = vh_verb_start(argc, argv, options);
    } else {
        vh_report_text("Starting %s needs an administrator's password.\n", guest);
        status = start_as_root(argv[0]);
    }
    if (isatty(STDIN_FILENO)) {
        vh_progress(NULL);
        vh_report_text("Enter closes this window. ");
        (void)getchar();
    }
    return status;
}

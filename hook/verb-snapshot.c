// SPDX-License-Identifier: GPL-2.0-or-later
/* snapshot [FILE]: this host as a snapshot that rehearse and the tests can run on. */
#include <string.h>

#include "base/json.h"
#include "hook/report.h"
#include "hook/verbs.h"
#include "inspect/snapshot.h"
#include "inspect/paper.h"

int vh_verb_snapshot(int argc, char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhHost) host = vh_machine_host(options, &error);
    GVariant *snapshot = host ? vh_snapshot_take(host, NULL, &error) : NULL;

    if (snapshot && argc == 0) {
        vh_report_json(snapshot);
        return VH_EXIT_OK;
    }
    if (snapshot) {
        g_autofree char *text = vh_json_pretty(snapshot);
        if (vh_paper_write(argv[0], text, strlen(text), 0600, options->force, &error))
            return VH_EXIT_OK;
    }
    vh_report_error(NULL, error);
    return VH_EXIT_FAILED;
}

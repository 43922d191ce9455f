// SPDX-License-Identifier: GPL-2.0-or-later
/* Not for people: shows a text on the desktop that comes up, as the process of a unit that the
 * engine made. */
#include "hook/report.h"
#include "hook/verbs.h"
#include "host/desk.h"

int vh_verb_tell(int argc, char **argv, const VhOptions *options)
{
    enum { TRIES = 90, PAUSE_SECONDS = 2 };
    g_autoptr(GError) error = NULL;
    g_autoptr(VhHost) host = vh_machine_host(options, &error);

    if (host && vh_desk_tell(host, argv[0], TRIES, (gint64)PAUSE_SECONDS * G_USEC_PER_SEC, &error))
        return VH_EXIT_OK;
    vh_report_error(NULL, error);
    return VH_EXIT_FAILED;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Not for people: shows a text on the desktop that comes up, as the process of a unit that the
 * engine made. Its argument is "SEAT TEXT", with "-" where no seat is meant. */
#include "hook/report.h"
#include "hook/verbs.h"
#include "host/desk.h"

int vh_verb_tell(int argc, char **argv, const VhOptions *options)
{
    enum { TRIES = 90, PAUSE_SECONDS = 2 };
    g_autoptr(GError) error = NULL;
    g_autoptr(VhHost) host = vh_machine_host(options, &error);
    g_auto(GStrv) parts = g_strsplit(argv[0], " ", 2);
    const char *seat = g_strcmp0(parts[0], "-") == 0 ? NULL : parts[0];
    const char *text = parts[0] && parts[1] ? parts[1] : "";

    if (host &&
        vh_desk_tell(host, seat, text, TRIES, (gint64)PAUSE_SECONDS * G_USEC_PER_SEC, &error))
        return VH_EXIT_OK;
    vh_report_error(NULL, error);
    return VH_EXIT_FAILED;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* recover: gives back what nobody else will, at every start of libvirt's daemon and by hand. */
#include "engine/recover.h"
#include "hook/report.h"
#include "hook/verbs.h"

int vh_verb_recover(int argc, char **argv, const VhOptions *options)
{
    VhEngine engine = vh_machine_engine(vh_machine_tell, NULL);
    g_autoptr(VhHost) host = engine.host;
    g_autoptr(GError) error = NULL;
    guint replayed;

    if (!vh_recover_all(&engine, &replayed, &error)) {
        vh_report_error(NULL, error);
        return VH_EXIT_FAILED;
    }
    if (replayed == 0)
        vh_report_text("Nothing is left behind.\n");
    return VH_EXIT_OK;
}

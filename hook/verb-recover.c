// SPDX-License-Identifier: GPL-2.0-or-later
/* recover: gives back what nobody else will, at every start of libvirt's daemon and by hand. */
#include "base/text.h"
#include "engine/give-back.h"
#include "engine/recover.h"
#include "hook/report.h"
#include "hook/verbs.h"

/* Who keeps what it has, and for whose sake. */
static guint show_left_alone(const VhEngine *engine)
{
    g_autoptr(GPtrArray) journals = vh_journal_list(engine, NULL);

    for (guint i = 0; i < journals->len; i++) {
        const VhJournal *journal = journals->pdata[i];
        g_autofree char *guest = vh_text_operand(journal->guest);
        const char *turn = vh_libvirts_turn(engine->host, journal);
        if (vh_host_guest_running(engine->host, journal->guest))
            vh_report_wrapped(0, "", "%s runs and keeps its devices.", journal->guest);
        else if (turn)
            vh_report_wrapped(0, "",
                              "%s is left alone: %s. If nothing follows: virt-handoff release "
                              "--force %s",
                              journal->guest, turn, guest);
        else
            vh_report_wrapped(
                0, "", "%s is left alone: %s%s. If nothing follows: virt-handoff release %s",
                journal->guest,
                journal->prepared ? "it is prepared to start" : "its preparation was cut off",
                journal->by_hand ? "" : ", and libvirt's daemon lives", guest);
    }
    return journals->len;
}

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
    if (show_left_alone(&engine) == 0 && replayed == 0)
        vh_report_text("Nothing is left behind.\n");
    return VH_EXIT_OK;
}

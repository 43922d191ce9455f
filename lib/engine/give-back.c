// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/give-back.h"

#include <syslog.h>

#include "base/json.h"
#include "base/text.h"
#include "engine/announce.h"
#include "engine/plan.h"
#include "engine/run.h"

static void tell_warnings(const VhTeller *teller, const VhJournal *journal)
{
    for (guint i = 0; i < journal->warnings->len; i++)
        vh_tell(teller, VH_EVENT_NOTE, LOG_WARNING, NULL, NULL, -1, NULL, "%s",
                (char *)journal->warnings->pdata[i]);
}

/* Whose desktop was stopped; NULL: nobody's. */
static const char *seat_of(const VhJournal *journal)
{
    const char *seat = NULL;

    for (guint i = 0; !seat && i < journal->records->len; i++)
        seat = vh_json_string(((VhRecord *)journal->records->pdata[i])->args, "seat", NULL);
    return seat;
}

/* Who comes back to a desktop that lacks something is to know why. */
static void tell_desktop(const VhTeller *teller, const VhJournal *journal, const GError *cause)
{
    g_autoptr(VhConfig) config = vh_engine_config(teller->engine, journal->guest, NULL);

    vh_announce_later(teller, config, seat_of(journal),
                      "not everything that %s had is back: %s; see: virt-handoff status",
                      journal->guest, cause->message);
}

gboolean vh_give_back(const VhTeller *teller, VhJournal *journal, GError **error)
{
    g_autoptr(GError) cause = NULL;
    gint64 begin = vh_host_now(teller->engine->host);
    gint64 deadline = vh_deadline_of_undo(begin, journal->timeout, begin);

    tell_warnings(teller, journal);
    vh_tell(teller, VH_EVENT_RELEASE_BEGIN, LOG_NOTICE, NULL, NULL, -1, NULL,
            "giving everything back");
    guint stuck = vh_run_undo(teller, journal, deadline, &cause);
    if (stuck > 0) {
        tell_desktop(teller, journal, cause);
        g_autofree char *guest = vh_text_operand(journal->guest);
        return vh_error_set(error, VH_ERROR_FAILED,
                            "%s (%u step(s) stuck; mend it, then: virt-handoff release %s)",
                            cause->message, stuck, guest);
    }
    vh_tell(teller, VH_EVENT_RELEASE_END, LOG_NOTICE, NULL, NULL,
            vh_host_now(teller->engine->host) - begin, NULL, "everything is back");
    return vh_journal_remove(journal, error);
}

static gboolean is_in_its_book(VhHost *host, const char *guest)
{
    g_autofree char *path = g_strdup_printf("/run/libvirt/qemu/%s.xml", guest);
    VhFileInfo info;

    return !strchr(guest, '/') && vh_host_stat(host, path, &info, NULL);
}

gboolean vh_daemon_lives(VhHost *host, const VhJournal *journal)
{
    return journal->daemon.pid != 1 && vh_host_process_alive(host, journal->daemon);
}

const char *vh_libvirts_turn(VhHost *host, const VhJournal *journal)
{
    if (journal->released || vh_journal_goes_back(journal))
        return NULL;
    if (is_in_its_book(host, journal->guest))
        return journal->started ? "libvirt has yet to see that it has ended"
                                : "libvirt is starting it";
    return journal->prepared && journal->awaits_start && !journal->started &&
                   vh_daemon_lives(host, journal)
               ? "libvirt is starting it"
               : NULL;
}

void vh_tell_unstarted(const VhTeller *teller, const VhJournal *journal)
{
    g_autofree char *text =
        g_strdup_printf("libvirt did not start %s; why: journalctl -u libvirtd (or virtqemud), and "
                        "/var/log/libvirt/qemu/%s.log",
                        journal->guest, journal->guest);
    const char *seat = seat_of(journal);

    vh_tell(teller, VH_EVENT_NOTE, LOG_WARNING, NULL, NULL, -1, NULL, "%s", text);
    if (!seat)
        return;
    g_autoptr(VhConfig) config = vh_engine_config(teller->engine, journal->guest, NULL);
    vh_announce_later(teller, config, seat, "%s; everything is back", text);
}

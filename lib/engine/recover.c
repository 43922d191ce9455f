// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/recover.h"

#include <syslog.h>
#include <unistd.h>

#include "engine/give-back.h"

/* Why nobody will release it, or NULL when somebody will. */
static const char *why_orphaned(VhHost *host, const VhJournal *journal)
{
    if (vh_host_guest_running(host, journal->guest))
        return NULL;
    if (journal->released)
        return "its release could not wait for another hand-over";
    if (vh_journal_goes_back(journal))
        return "its release got stuck, or was cut off";
    if (journal->by_hand)
        return journal->prepared ? NULL : "its preparation by hand was cut short";
    return vh_host_process_alive(host, journal->daemon)
               ? NULL
               : "libvirt's daemon that prepared it is gone and the guest does not run";
}

static gboolean recover_one(const VhEngine *engine, const char *uuid, guint *replayed,
                            GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(VhJournal) journal = vh_journal_open(engine, uuid, &cause);

    if (!journal && vh_error_is_gone(cause))
        return TRUE;
    if (!journal) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    const char *why = why_orphaned(engine->host, journal);
    if (!why)
        return TRUE;
    const VhTeller teller = {.engine = engine,
                             .guest = journal->guest,
                             .uuid = journal->uuid,
                             .transaction = journal->transaction,
                             .operation = "recover"};
    (*replayed)++;
    vh_tell(&teller, VH_EVENT_RECOVER, LOG_WARNING, NULL, NULL, -1, NULL,
            "giving everything back: %s", why);
    if (vh_give_back(&teller, journal, error))
        return TRUE;
    g_prefix_error(error, "guest %s: ", journal->guest);
    return FALSE;
}

gboolean vh_recover_all(const VhEngine *engine, guint *ret_replayed, GError **error)
{
    /* As long as a hand-over with the longest timeout can take. */
    enum { LOCK_SECONDS = 330 };
    int lock = vh_lock_take(
        engine, vh_host_now(engine->host) + (gint64)LOCK_SECONDS * G_USEC_PER_SEC, error);
    GError *first = NULL;

    *ret_replayed = 0;
    if (lock < 0)
        return FALSE;
    g_autoptr(GPtrArray) journals = vh_journal_list(engine);
    for (guint i = 0; i < journals->len; i++) {
        const VhJournal *journal = journals->pdata[i];
        (void)recover_one(engine, journal->uuid, ret_replayed, first ? NULL : &first);
    }
    close(lock);
    if (first)
        g_propagate_error(error, first);
    return first == NULL;
}

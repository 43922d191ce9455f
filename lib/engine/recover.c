// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/recover.h"

#include <syslog.h>
#include <unistd.h>

#include "base/text.h"
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
    return vh_daemon_lives(host, journal) || vh_libvirts_turn(host, journal)
               ? NULL
               : "libvirt's daemon that prepared it is gone and the guest does not run";
}

/* One recovery; each journal is tried once. */
typedef struct {
    const VhEngine *engine;
    GHashTable *tried; /* char *: transactions */
    guint replayed;
    GError *error; /* the first */
} Recovery;

static gboolean recover_one(Recovery *self, const char *uuid, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(VhJournal) journal = vh_journal_open(self->engine, uuid, &cause);

    if (!journal && vh_error_is_gone(cause))
        return TRUE;
    if (!journal) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    const char *why = why_orphaned(self->engine->host, journal);
    if (!why || !g_hash_table_add(self->tried, g_strdup(journal->transaction)))
        return TRUE;
    const VhTeller teller = {.engine = self->engine,
                             .guest = journal->guest,
                             .uuid = journal->uuid,
                             .transaction = journal->transaction,
                             .operation = "recover"};
    self->replayed++;
    vh_tell(&teller, VH_EVENT_RECOVER, LOG_WARNING, NULL, NULL, -1, NULL, "%s was left behind: %s",
            journal->guest, why);
    if (vh_give_back(&teller, journal, error))
        return TRUE;
    g_prefix_error(error, "guest %s: ", journal->guest);
    return FALSE;
}

/* All that are there now, under the lock. */
static gboolean recover_present(Recovery *self)
{
    /* As long as a hand-over with the longest timeout can take. */
    enum { LOCK_SECONDS = 330 };
    gint64 deadline = vh_host_now(self->engine->host) + (gint64)LOCK_SECONDS * G_USEC_PER_SEC;
    int lock = vh_lock_take(self->engine, deadline, self->error ? NULL : &self->error);

    if (lock < 0)
        return FALSE;
    g_autoptr(GPtrArray) journals = vh_journal_list(self->engine, NULL);
    for (guint i = 0; i < journals->len; i++) {
        const VhJournal *journal = journals->pdata[i];
        (void)recover_one(self, journal->uuid, self->error ? NULL : &self->error);
    }
    close(lock);
    return TRUE;
}

/* Whether a guest was left to us since we had passed it by: that is written without the lock, and
 * nobody is started for it while we run. */
static gboolean is_awaited(const Recovery *self)
{
    g_autoptr(GPtrArray) journals = vh_journal_list(self->engine, NULL);

    for (guint i = 0; i < journals->len; i++) {
        const VhJournal *journal = journals->pdata[i];
        if (journal->released && why_orphaned(self->engine->host, journal) &&
            !g_hash_table_contains(self->tried, journal->transaction))
            return TRUE;
    }
    return FALSE;
}

/* The first guest that has ended without its daemon, and that another one, which has just started,
 * is to see to; NULL: there is none. */
static char *find_libvirts(const Recovery *self)
{
    VhHost *host = self->engine->host;
    g_autoptr(GPtrArray) journals = vh_journal_list(self->engine, NULL);

    for (guint i = 0; i < journals->len; i++) {
        const VhJournal *journal = journals->pdata[i];
        if (!vh_daemon_lives(host, journal) && vh_libvirts_turn(host, journal) &&
            !vh_host_guest_running(host, journal->guest))
            return g_strdup(journal->guest);
    }
    return NULL;
}

/* Until libvirt has had its turn, or somebody waits for us: whether to look again. */
static gboolean await_libvirt(Recovery *self)
{
    enum { PATIENCE = 60 * G_USEC_PER_SEC, PAUSE = 250 * 1000 };
    VhHost *host = self->engine->host;
    gint64 until = vh_host_now(host) + PATIENCE;
    g_autofree char *guest = find_libvirts(self);

    if (!guest)
        return FALSE;
    while (guest && !is_awaited(self) && vh_host_now(host) < until && !vh_host_interrupted(host)) {
        vh_host_wait(host, NULL, PAUSE);
        g_free(guest);
        guest = find_libvirts(self);
    }
    if (vh_host_interrupted(host))
        return FALSE;
    if (!guest || is_awaited(self))
        return TRUE;
    g_autofree char *operand = vh_text_operand(guest);
    vh_error_set(self->error ? NULL : &self->error, VH_ERROR_TIMEOUT,
                 "guest %s has ended, and libvirt, which gives back what it had, has not seen that "
                 "in %d s: start its daemon; if that does not help: virt-handoff release --force "
                 "%s",
                 guest, (int)(PATIENCE / G_USEC_PER_SEC), operand);
    return FALSE;
}

gboolean vh_recover_all(const VhEngine *engine, guint *ret_replayed, GError **error)
{
    /* More guests than can be left to one recovery; not for ever all the same. */
    enum { ROUNDS = 64 };
    g_autoptr(GHashTable) tried = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Recovery self = {.engine = engine, .tried = tried};

    for (guint i = 0;
         i < ROUNDS && recover_present(&self) && (is_awaited(&self) || await_libvirt(&self));)
        i++;
    *ret_replayed = self.replayed;
    if (!self.error)
        return TRUE;
    g_propagate_error(error, self.error);
    return FALSE;
}

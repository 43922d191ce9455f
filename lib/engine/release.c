// SPDX-License-Identifier: GPL-2.0-or-later
/* release end: everything goes back; reconnect begin: is everything still as it was left? */
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/call-private.h"
#include "engine/give-back.h"
#include "engine/plan.h"
#include "steps/unit.h"

static gint64 in_seconds(const VhTeller *teller, guint seconds)
{
    return vh_host_now(teller->engine->host) + (gint64)seconds * G_USEC_PER_SEC;
}

static char *uuid_by_name(const VhEngine *engine, const char *guest)
{
    g_autoptr(GPtrArray) journals = vh_journal_list(engine, NULL);

    for (guint i = 0; i < journals->len; i++) {
        const VhJournal *journal = journals->pdata[i];
        if (g_strcmp0(journal->guest, guest) == 0)
            return g_strdup(journal->uuid);
    }
    return NULL;
}

/* As libvirt writes it, right behind the name; NULL when it is not written so. */
static char *uuid_in(const VhCall *call)
{
    enum { LENGTH = 36 };
    static const char tag[] = "<uuid>";
    gsize length = 0;
    const char *xml = call->xml ? g_bytes_get_data(call->xml, &length) : NULL;
    const char *found = xml ? g_strstr_len(xml, (gssize)length, tag) : NULL;
    const char *text = found ? found + strlen(tag) : NULL;
    g_autofree char *uuid =
        text && xml + length >= text + LENGTH ? g_ascii_strdown(text, LENGTH) : NULL;

    return uuid && g_uuid_string_is_valid(uuid) ? g_steal_pointer(&uuid) : NULL;
}

/* The UUID of the call's guest: from its XML, else from the journals. All of the XML is read, in a
 * child, only when that is needed. */
static char *uuid_of(const VhEngine *engine, const VhCall *call)
{
    char *uuid = uuid_in(call);

    if (uuid)
        return uuid;
    g_autoptr(VhDomain) domain = vh_call_domain(call, NULL);

    return domain ? g_strdup(domain->uuid) : uuid_by_name(engine, call->guest);
}

/* NULL without an error: there is none, and nothing to be done. */
static VhJournal *find_journal(const VhEngine *engine, const char *uuid, GError **error)
{
    g_autoptr(GError) cause = NULL;
    VhJournal *journal = uuid ? vh_journal_open(engine, uuid, &cause) : NULL;

    if (cause && !vh_error_is_gone(cause))
        g_propagate_error(error, g_steal_pointer(&cause));
    return journal;
}

/* Who types a release wants a device back: silence would make a slip in the name look like that. */
static gboolean release_nothing(const VhTeller *teller, GError **error)
{
    g_autoptr(GPtrArray) journals = vh_journal_list(teller->engine, NULL);
    g_autofree char *holders = vh_journal_holders(journals);

    if (holders)
        return vh_error_set(error, VH_ERROR_REFUSED, "this guest %s", holders);
    vh_tell(teller, VH_EVENT_NOTE, LOG_NOTICE, NULL, NULL, -1, NULL, "nothing is to be given back");
    return TRUE;
}

/* By hand, nothing is taken from libvirt. */
static gboolean may_release(const VhTeller *teller, const VhJournal *journal, GError **error)
{
    VhHost *host = teller->engine->host;
    g_autofree char *guest = vh_text_operand(teller->guest);

    if (vh_host_guest_running(host, teller->guest))
        return vh_error_set(error, VH_ERROR_REFUSED,
                            "the guest is running and uses the devices: stop it first (virsh "
                            "shutdown %s), or use --force",
                            guest);
    const char *turn = vh_libvirts_turn(host, journal);
    return !turn || vh_error_set(error, VH_ERROR_REFUSED,
                                 "%s, and has everything given back itself: wait for that; start "
                                 "libvirt's daemon if it does not run; or use --force",
                                 turn);
}

/* The unit that keeps the host awake tells of a hand-over whose journal somebody has removed. It is
 * stopped: it tells that once. */
static gboolean lost_journal(const VhTeller *teller, const char *uuid, GError **error)
{
    VhHost *host = teller->engine->host;
    g_autofree char *unit = uuid ? vh_step_awake_unit(uuid) : NULL;
    g_autoptr(GError) cause = NULL;

    if (!unit || !vh_step_unit_is_up(host, unit))
        return FALSE;
    (void)vh_host_unit_ask(host, VH_JOB_STOP, unit, NULL);
    vh_error_set(&cause, VH_ERROR_JOURNAL,
                 "what its devices had before is not known any more, as its file in %s was "
                 "removed while it had them: reboot the host",
                 teller->engine->state_dir);
    vh_tell(teller, VH_EVENT_NOTE, LOG_ERR, NULL, NULL, -1, cause, "%s", cause->message);
    g_propagate_error(error, g_steal_pointer(&cause));
    return TRUE;
}

static gboolean release_locked(const VhTeller *teller, const VhCall *call, const char *uuid,
                               GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(VhJournal) journal = find_journal(teller->engine, uuid, &cause);
    VhTeller told = *teller;

    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    if (!journal && lost_journal(teller, uuid, error))
        return FALSE;
    if (!journal)
        return !call->by_hand || release_nothing(teller, error);
    told.uuid = journal->uuid;
    told.transaction = journal->transaction;
    if (call->by_hand && !call->force && !may_release(teller, journal, error))
        return FALSE;
    if (!vh_give_back(&told, journal, error))
        return FALSE;
    if (!call->by_hand && journal->awaits_start && !journal->started)
        vh_tell_unstarted(&told, journal);
    return TRUE;
}

void vh_call_mark_started(const VhTeller *teller, const VhCall *call)
{
    g_autofree char *uuid = uuid_of(teller->engine, call);
    g_autoptr(VhJournal) journal = find_journal(teller->engine, uuid, NULL);

    if (journal)
        vh_journal_set_started(journal);
}

/* A guest that holds nothing need not wait for those that do. */
static gboolean may_hold(const VhEngine *engine, const char *uuid)
{
    return uuid && vh_journal_exists(engine, uuid);
}

#define RECOVERY "virt-handoff-recover.service"

/* A recovery that is about to end may have looked for the last time, and systemd does not start
 * another while it is there: so one that ends at once without having done it is asked for again.
 * One that goes on waits for the lock, or will look. */
static gboolean ask_recovery(const VhTeller *teller, const VhJournal *journal, GError **error)
{
    enum { ATTEMPTS = 3 };
    VhHost *host = teller->engine->host;
    gint64 deadline = in_seconds(teller, 1);
    g_autoptr(GError) cause = NULL;

    for (guint i = 0; i < ATTEMPTS && !cause; i++)
        if (vh_host_unit_start(host, RECOVERY, deadline, &cause) &&
            !vh_journal_exists(teller->engine, journal->uuid))
            return TRUE;
    if (!cause || vh_error_is_timeout(cause))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

/* The other hand-over may take longer than libvirt is to wait. The recovery can wait, and nobody
 * else would give the devices back. */
static void leave_to_recovery(const VhTeller *teller, const char *uuid)
{
    g_autoptr(VhJournal) journal = find_journal(teller->engine, uuid, NULL);
    g_autofree char *guest = vh_text_operand(teller->guest);
    g_autoptr(GError) cause = NULL;

    if (!journal)
        return;
    if (vh_journal_set_released(journal, &cause) && ask_recovery(teller, journal, &cause))
        vh_tell(teller, VH_EVENT_NOTE, LOG_WARNING, NULL, NULL, -1, NULL,
                RECOVERY " gives everything back when the other hand-over has ended");
    else
        vh_tell(teller, VH_EVENT_NOTE, LOG_ERR, NULL, NULL, -1, cause,
                "%s; when the other hand-over has ended: virt-handoff release %s", cause->message,
                guest);
}

gboolean vh_call_release(const VhTeller *teller, const VhCall *call, GError **error)
{
    g_autoptr(GError) first = NULL, second = NULL;
    g_autofree char *uuid = uuid_of(teller->engine, call);
    gboolean any = may_hold(teller->engine, uuid);
    int lock =
        any ? vh_lock_take(teller->engine, in_seconds(teller, VH_RELEASE_PATIENCE), &first) : -1;

    if (!first)
        (void)release_locked(teller, call, uuid, &first);
    else if (!call->by_hand && vh_error_is_timeout(first))
        leave_to_recovery(teller, uuid);
    if (lock >= 0)
        close(lock);
    if (!(call->by_hand && first)) {
        gint64 deadline = vh_call_scripts_deadline(teller);
        (void)vh_call_scripts(teller, call, deadline, NULL, &second);
        vh_call_all_commands(teller, call, deadline);
    }
    if (first && second)
        vh_tell(teller, VH_EVENT_NOTE, LOG_WARNING, "script", NULL, -1, second, "%s",
                second->message);
    GError *cause = first ? g_steal_pointer(&first) : g_steal_pointer(&second);
    if (cause)
        g_propagate_error(error, cause);
    return cause == NULL;
}

/* ---- reconnect ---- */

static void check_devices(const VhTeller *teller, const VhJournal *journal)
{
    for (gsize i = 0; journal->devices[i]; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VhPciFunction) now =
            vh_host_pci_look(teller->engine->host, journal->devices[i], &error);
        if (!now || !now->vfio)
            vh_tell(teller, VH_EVENT_NOTE, LOG_WARNING, "device", journal->devices[i], -1, error,
                    "%s is bound to %s while the guest runs", journal->devices[i],
                    now && now->driver ? now->driver : "no driver");
    }
}

/* From now on this daemon will call release. */
static gboolean take_over(const VhTeller *teller, const char *uuid, GError **error)
{
    enum { PATIENCE_SECONDS = 2 };
    int lock = vh_lock_take(teller->engine, in_seconds(teller, PATIENCE_SECONDS), error);

    if (lock < 0)
        return FALSE;
    g_autoptr(VhJournal) journal = find_journal(teller->engine, uuid, NULL);
    if (journal) {
        VhTeller told = *teller;
        told.uuid = journal->uuid;
        told.transaction = journal->transaction;
        check_devices(&told, journal);
        vh_tell(&told, VH_EVENT_NOTE, LOG_NOTICE, NULL, NULL, -1, NULL,
                "libvirt's daemon is back; the guest keeps its devices");
        (void)vh_journal_take_over(journal, vh_host_parent(teller->engine->host), NULL);
    }
    close(lock);
    return TRUE;
}

gboolean vh_call_reconnect(const VhTeller *teller, const VhCall *call, GError **error)
{
    g_autofree char *uuid = uuid_of(teller->engine, call);

    if (may_hold(teller->engine, uuid) && !take_over(teller, uuid, error))
        return FALSE;
    gint64 deadline = vh_call_scripts_deadline(teller);
    gboolean ok = vh_call_scripts(teller, call, deadline, NULL, error);
    vh_call_all_commands(teller, call, deadline);
    return ok;
}

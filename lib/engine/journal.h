// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The journal of one guest: STATE_DIR/UUID.journal, one JSON object per line, appended with one
 * write each. The state to return to is in it before anything changes (write ahead); the file is
 * there for as long as something is to be given back. It dies with the boot, as what it describes.
 *
 *   {"virt-handoff":1,"boot":…,"transaction":…,"guest":…,"uuid":…,"since":…,"timeout":…,
 *    "by-hand":…,"daemon":{"pid":…,"start":…},"devices":[…]}
 *   {"begin":1,"kind":"unit","subject":"lightdm.service","args":{…},"prior":{…}}
 *   {"done":1,"microseconds":…} {"undone":1} {"stuck":1,"error":…}
 *   {"undone":1,"again":true} … but to be seen to once more together with what is stuck
 *   {"hung":1,"process":{"pid":…,"start":…}} the kernel did not come back, see vh_host_hung
 *   {"adopt":1,"prior":{…}} {"prepared":true,"awaits-start":true} {"started":true} {"daemon":{…}}
 *   {"released":true} {"returns":true}
 *
 * A begin record without prior says that all was as wanted already (kept for shared kinds only).
 * Lines that are torn or not known are skipped with a warning.
 */
#pragma once

#include "engine/engine.h"
#include "steps/step.h"

typedef enum {
    VH_RECORD_BEGUN,
    VH_RECORD_DONE,
    VH_RECORD_UNDONE,
    VH_RECORD_AGAIN, /* undone, and to be undone once more with what is stuck */
    VH_RECORD_STUCK
} VhRecordState;

typedef struct {
    guint number;           /* from 1 */
    const VhStepKind *kind; /* NULL: of a kind this version does not know */
    char *kind_name;
    char *subject;
    GVariant *args;
    GVariant *prior; /* NULL: was so already */
    VhRecordState state;
    char *error;    /* why it is stuck */
    VhProcess hung; /* in which the kernel holds an act of it; {0, 0}: none */
} VhRecord;

typedef struct {
    char *path;
    char *boot, *transaction, *guest, *uuid;
    gint64 since;     /* seconds since the epoch */
    guint timeout;    /* seconds */
    VhProcess daemon; /* who called; {0, 0} by hand */
    gboolean by_hand;
    gboolean prepared;
    gboolean awaits_start; /* prepared by a version that would mark the start */
    gboolean started;
    gboolean released; /* release was called, and could not wait for the lock */
    gboolean returns;  /* giving back has begun */
    char **devices;
    GPtrArray *records;  /* VhRecord */
    GPtrArray *warnings; /* char *: lines that were skipped */
    int fd;
    gboolean torn;  /* the last write was cut short: the next line begins with a newline */
    gboolean quiet; /* we hold its lock, see vh_journal_quiet */
} VhJournal;

/* What a new journal begins with. The strings are copied. */
typedef struct {
    const char *guest, *uuid;
    guint timeout;
    VhProcess daemon;
    gboolean by_hand;
    const char *const *devices;
} VhJournalHead;

/* Makes a new journal; one of that UUID must not exist. Nothing has changed when this fails. */
VhJournal *vh_journal_create(const VhEngine *engine, const VhJournalHead *head, GError **error);

/*
 * Opens the journal of @uuid for reading and appending. VH_ERROR_GONE when there is none, when it
 * is of another boot, or when it has no head because the program died while making it (nothing had
 * changed then); the file is removed in both cases. VH_ERROR_JOURNAL for another version's.
 */
VhJournal *vh_journal_open(const VhEngine *engine, const char *uuid, GError **error);

/* The same for looking only: nothing is removed or appended, and what cannot be read is NULL. */
VhJournal *vh_journal_look(const VhEngine *engine, const char *uuid);

/* All journals of this boot that can be read, as a list (VhJournal), ordered by guest, without that
 * of the UUID @except (NULL: with all). Those that cannot are left out. For looking only: nothing
 * is removed or appended. Never NULL. */
GPtrArray *vh_journal_list(const VhEngine *engine, const char *except);

/* Of a guest without a journal, whose name may be a slip: "holds nothing; GUEST does: COMMAND", of
 * the guests of @journals (as vh_journal_list has them). NULL when there are none. */
char *vh_journal_holders(const GPtrArray *journals);

/* Whether a journal of that UUID may be there: a look at the name only. */
gboolean vh_journal_exists(const VhEngine *engine, const char *uuid);

/*
 * Whether nothing that was begun for @journal still goes on: an act's child keeps the journal
 * locked, so that one whose engine was killed is seen. From TRUE on the lock is ours.
 */
gboolean vh_journal_quiet(VhJournal *journal);

/* Appends a begin record, before the act. Returns it (owned by the journal), NULL when it could not
 * be written: then nothing may be done. */
VhRecord *vh_journal_begin(VhJournal *journal, const VhStepKind *kind, const char *subject,
                           GVariant *args, GVariant *prior, GError **error);

/* Appends what became of a record. A failing write is not an error: undoing twice does no harm. */
void vh_journal_done(VhJournal *journal, VhRecord *record, gint64 microseconds);
void vh_journal_undone(VhJournal *journal, VhRecord *record);
void vh_journal_again(VhJournal *journal, VhRecord *record);
void vh_journal_stuck(VhJournal *journal, VhRecord *record, const char *error);

/* The kernel has not come back from an act of the record; it is held in @process. */
void vh_journal_hung(VhJournal *journal, VhRecord *record, VhProcess process);

/* The duty to bring @prior (may be floating) back comes from another guest's journal to @record,
 * in the place of its own prior if it has one: it needed the same. FALSE when it could not be
 * written, or there is no such record. */
gboolean vh_journal_adopt(VhJournal *journal, VhRecord *record, GVariant *prior);

/* The VM may start. */
gboolean vh_journal_set_prepared(VhJournal *journal, GError **error);
/* The VM runs. Needs no lock; a write that fails only has release say that it never did. */
void vh_journal_set_started(VhJournal *journal);
/* Another daemon (or the first one, after a preparation by hand) answers for it from now on. */
gboolean vh_journal_take_over(VhJournal *journal, VhProcess daemon, GError **error);

/* Its release was called and is left to the recovery. Needs no lock. */
gboolean vh_journal_set_released(VhJournal *journal, GError **error);

/* Giving back begins: before anything changes, so that one that is cut off is seen to have begun.
 * Where that cannot be written, it goes on. */
void vh_journal_set_returns(VhJournal *journal);

/* Whether something is left to be undone. */
gboolean vh_journal_is_open(const VhRecord *record);
/* Whether what was done still is so, as far as we know: nobody else can have it otherwise. */
gboolean vh_journal_holds(const VhRecord *record);

/* Whether giving back has begun. What is left of it then has to come back, but no guest needs it
 * any more: where it got stuck, and where it was cut off. */
gboolean vh_journal_goes_back(const VhJournal *journal);

/* Removes the file; a file that is gone already is success. */
gboolean vh_journal_remove(VhJournal *journal, GError **error);

void vh_journal_free(VhJournal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhJournal, vh_journal_free)

// SPDX-License-Identifier: GPL-2.0-or-later
/* Writing the journal; reading it is in journal-read.c. */
#include "engine/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/json.h"
#include "engine/journal-private.h"

static void record_free(VhRecord *record)
{
    g_free(record->kind_name);
    g_free(record->subject);
    g_clear_pointer(&record->args, g_variant_unref);
    g_clear_pointer(&record->prior, g_variant_unref);
    g_free(record->error);
    g_free(record);
}

VhJournal *vh_journal_alloc(void)
{
    VhJournal *journal = g_new0(VhJournal, 1);

    journal->fd = -1;
    journal->devices = g_new0(char *, 1);
    journal->records = g_ptr_array_new_with_free_func((GDestroyNotify)record_free);
    journal->warnings = g_ptr_array_new_with_free_func(g_free);
    return journal;
}

void vh_journal_free(VhJournal *journal)
{
    if (!journal)
        return;
    if (journal->fd >= 0) {
        /* Not only closed: a child that hangs has it open, too, and is known to hang. */
        if (journal->quiet)
            (void)flock(journal->fd, LOCK_UN);
        close(journal->fd);
    }
    g_free(journal->path);
    g_free(journal->boot);
    g_free(journal->transaction);
    g_free(journal->guest);
    g_free(journal->uuid);
    g_strfreev(journal->devices);
    g_ptr_array_unref(journal->records);
    g_ptr_array_unref(journal->warnings);
    g_free(journal);
}

VhRecord *vh_journal_add_record(VhJournal *journal, const char *kind, const char *subject,
                                GVariant *args, GVariant *prior)
{
    VhRecord *record = g_new0(VhRecord, 1);

    record->number = journal->records->len + 1;
    record->kind = vh_step_kind_find(kind);
    record->kind_name = g_strdup(kind);
    record->subject = g_strdup(subject);
    record->args = g_variant_ref_sink(args);
    record->prior = prior ? g_variant_ref_sink(prior) : NULL;
    g_ptr_array_add(journal->records, record);
    return record;
}

/* One line, one write. */
static gboolean append(VhJournal *journal, GVariant *line, GError **error)
{
    g_autofree char *json = vh_json_line(line);
    g_autofree char *text = g_strconcat(journal->torn ? "\n" : "", json, "\n", NULL);
    gsize length = strlen(text);
    gssize n = write(journal->fd, text, length);

    journal->torn = n > 0 ? n < (gssize)length : journal->torn;
    if (n == (gssize)length)
        return TRUE;
    return vh_error_set_errno(error, n < 0 ? errno : ENOSPC, "cannot write %s", journal->path);
}

static GVariant *process_variant(VhProcess process)
{
    return g_variant_new_parsed("{'pid': <%x>, 'start': <%x>}", (gint64)process.pid,
                                (gint64)process.start_time);
}

static GVariant *head_variant(const VhJournal *journal)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "virt-handoff", "x", (gint64)VH_JOURNAL_VERSION);
    g_variant_dict_insert(&dict, "boot", "s", journal->boot);
    g_variant_dict_insert(&dict, "transaction", "s", journal->transaction);
    g_variant_dict_insert(&dict, "guest", "s", journal->guest);
    g_variant_dict_insert(&dict, "uuid", "s", journal->uuid);
    g_variant_dict_insert(&dict, "since", "x", journal->since);
    g_variant_dict_insert(&dict, "timeout", "x", (gint64)journal->timeout);
    g_variant_dict_insert(&dict, "by-hand", "b", journal->by_hand);
    g_variant_dict_insert_value(&dict, "daemon", process_variant(journal->daemon));
    g_variant_dict_insert(&dict, "devices", "^as", journal->devices);
    return g_variant_dict_end(&dict);
}

VhJournal *vh_journal_create(const VhEngine *engine, const VhJournalHead *head, GError **error)
{
    g_autoptr(VhJournal) journal = vh_journal_alloc();

    journal->path = vh_journal_path(engine, head->uuid);
    journal->boot = vh_host_boot_id(engine->host);
    journal->transaction = g_uuid_string_random();
    journal->guest = g_utf8_make_valid(head->guest, -1);
    journal->uuid = g_strdup(head->uuid);
    journal->since = g_get_real_time() / G_USEC_PER_SEC;
    journal->timeout = head->timeout;
    journal->daemon = head->daemon;
    journal->by_hand = head->by_hand;
    g_strfreev(journal->devices);
    journal->devices = g_strdupv((char **)(gsize)head->devices);
    journal->fd =
        open(journal->path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (journal->fd < 0) {
        vh_error_set_errno(error, errno, "cannot make the journal %s", journal->path);
        return NULL;
    }
    if (!append(journal, head_variant(journal), error)) {
        (void)unlink(journal->path);
        return NULL;
    }
    (void)vh_journal_quiet(journal);
    return g_steal_pointer(&journal);
}

gboolean vh_journal_quiet(VhJournal *journal)
{
    /* Where locks do not work at all, there is nothing to wait for. */
    if (!journal->quiet)
        journal->quiet = flock(journal->fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    return journal->quiet;
}

VhRecord *vh_journal_begin(VhJournal *journal, const VhStepKind *kind, const char *subject,
                           GVariant *args, GVariant *prior, GError **error)
{
    VhRecord *record = vh_journal_add_record(journal, kind->name, subject, args, prior);
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "begin", "x", (gint64)record->number);
    g_variant_dict_insert(&dict, "kind", "s", record->kind_name);
    g_variant_dict_insert(&dict, "subject", "s", record->subject);
    g_variant_dict_insert_value(&dict, "args", record->args);
    if (record->prior)
        g_variant_dict_insert_value(&dict, "prior", record->prior);
    if (append(journal, g_variant_dict_end(&dict), error))
        return record;
    g_ptr_array_remove_index(journal->records, journal->records->len - 1);
    return NULL;
}

void vh_journal_done(VhJournal *journal, VhRecord *record, gint64 microseconds)
{
    record->state = VH_RECORD_DONE;
    (void)append(journal,
                 g_variant_new_parsed("{'done': <%x>, 'microseconds': <%x>}",
                                      (gint64)record->number, microseconds),
                 NULL);
}

void vh_journal_undone(VhJournal *journal, VhRecord *record)
{
    record->state = VH_RECORD_UNDONE;
    (void)append(journal, g_variant_new_parsed("{'undone': <%x>}", (gint64)record->number), NULL);
}

void vh_journal_again(VhJournal *journal, VhRecord *record)
{
    record->state = VH_RECORD_AGAIN;
    g_clear_pointer(&record->error, g_free);
    (void)append(journal,
                 g_variant_new_parsed("{'undone': <%x>, 'again': <true>}", (gint64)record->number),
                 NULL);
}

void vh_journal_stuck(VhJournal *journal, VhRecord *record, const char *error)
{
    g_autofree char *text = g_utf8_make_valid(error, -1);

    record->state = VH_RECORD_STUCK;
    g_free(record->error);
    record->error = g_strdup(text);
    (void)append(
        journal,
        g_variant_new_parsed("{'stuck': <%x>, 'error': <%s>}", (gint64)record->number, text), NULL);
}

void vh_journal_hung(VhJournal *journal, VhRecord *record, VhProcess process)
{
    GVariantDict dict;

    record->hung = process;
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "hung", "x", (gint64)record->number);
    g_variant_dict_insert_value(&dict, "process", process_variant(process));
    (void)append(journal, g_variant_dict_end(&dict), NULL);
}

gboolean vh_journal_adopt(VhJournal *journal, VhRecord *record, GVariant *prior)
{
    GVariantDict dict;

    if (!record)
        return FALSE;
    g_variant_ref_sink(prior);
    g_clear_pointer(&record->prior, g_variant_unref);
    record->prior = prior;
    record->state = VH_RECORD_DONE;
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "adopt", "x", (gint64)record->number);
    g_variant_dict_insert_value(&dict, "prior", prior);
    return append(journal, g_variant_dict_end(&dict), NULL);
}

gboolean vh_journal_set_prepared(VhJournal *journal, GError **error)
{
    journal->prepared = TRUE;
    journal->awaits_start = TRUE;
    return append(journal, g_variant_new_parsed("{'prepared': <true>, 'awaits-start': <true>}"),
                  error);
}

void vh_journal_set_started(VhJournal *journal)
{
    journal->started = TRUE;
    (void)append(journal, g_variant_new_parsed("{'started': <true>}"), NULL);
}

gboolean vh_journal_set_released(VhJournal *journal, GError **error)
{
    journal->released = TRUE;
    return append(journal, g_variant_new_parsed("{'released': <true>}"), error);
}

void vh_journal_set_returns(VhJournal *journal)
{
    journal->returns = TRUE;
    (void)append(journal, g_variant_new_parsed("{'returns': <true>}"), NULL);
}

gboolean vh_journal_take_over(VhJournal *journal, VhProcess daemon, GError **error)
{
    GVariantDict dict;

    journal->daemon = daemon;
    journal->by_hand = daemon.pid == 0;
    journal->released = FALSE;
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert_value(&dict, "daemon", process_variant(daemon));
    return append(journal, g_variant_dict_end(&dict), error);
}

gboolean vh_journal_is_open(const VhRecord *record)
{
    return record->prior && record->state != VH_RECORD_UNDONE;
}

gboolean vh_journal_holds(const VhRecord *record)
{
    return record->state != VH_RECORD_UNDONE && record->state != VH_RECORD_AGAIN;
}

gboolean vh_journal_goes_back(const VhJournal *journal)
{
    for (guint i = 0; i < journal->records->len; i++) {
        const VhRecord *record = journal->records->pdata[i];
        if (!vh_journal_holds(record) || record->state == VH_RECORD_STUCK)
            return TRUE;
    }
    return journal->returns;
}

gboolean vh_journal_remove(VhJournal *journal, GError **error)
{
    if (unlink(journal->path) < 0 && errno != ENOENT)
        return vh_error_set_errno(error, errno, "cannot remove %s", journal->path);
    return TRUE;
}

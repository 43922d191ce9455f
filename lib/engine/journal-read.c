// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading the journal: bounded, and surprised by nothing. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "engine/journal-private.h"

enum { MAX_SIZE = 16 * 1024 * 1024 };

char *vh_journal_path(const VhEngine *engine, const char *uuid)
{
    g_autofree char *name = g_strconcat(uuid, ".journal", NULL);

    return g_build_filename(engine->state_dir, name, NULL);
}

gboolean vh_journal_exists(const VhEngine *engine, const char *uuid)
{
    g_autofree char *path = vh_journal_path(engine, uuid);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void warn(VhJournal *journal, guint line, const char *why)
{
    g_ptr_array_add(journal->warnings,
                    g_strdup_printf("%s:%u: %s, ignoring", journal->path, line, why));
}

static VhProcess process_of(GVariant *line, const char *key)
{
    g_autoptr(GVariant) process = vh_json_object(line, key);

    return (VhProcess){.pid = (pid_t)vh_json_int(process, "pid", 0),
                       .start_time = (guint64)vh_json_int(process, "start", 0)};
}

/* FALSE: no head, or one of another version (then with an error). */
static gboolean read_head(VhJournal *journal, GVariant *line, GError **error)
{
    gint64 version = vh_json_int(line, "virt-handoff", -1);

    if (version < 0)
        return FALSE;
    if (version != VH_JOURNAL_VERSION)
        return vh_error_set(error, VH_ERROR_JOURNAL,
                            "%s is of version %" G_GINT64_FORMAT ", this program knows only %d: "
                            "use the program that wrote it, or reboot",
                            journal->path, version, VH_JOURNAL_VERSION);
    journal->boot = g_strdup(vh_json_string(line, "boot", ""));
    journal->transaction = g_strdup(vh_json_string(line, "transaction", ""));
    journal->guest = g_strdup(vh_json_string(line, "guest", ""));
    journal->uuid = g_strdup(vh_json_string(line, "uuid", ""));
    journal->since = vh_json_int(line, "since", 0);
    journal->timeout = (guint)CLAMP(vh_json_int(line, "timeout", 25), 1, 300);
    journal->by_hand = vh_json_bool(line, "by-hand", FALSE);
    journal->daemon = process_of(line, "daemon");
    g_strfreev(journal->devices);
    journal->devices = vh_json_strings(line, "devices");
    return TRUE;
}

static gboolean read_begin(VhJournal *journal, GVariant *line, gint64 number)
{
    g_autoptr(GVariant) args = vh_json_object(line, "args");
    g_autoptr(GVariant) prior = vh_json_object(line, "prior");
    const char *kind = vh_json_string(line, "kind", NULL);

    /* A begin line that could not be finished is torn; the next one has its number again. */
    if (!args || !kind || number != (gint64)journal->records->len + 1)
        return FALSE;
    vh_journal_add_record(journal, kind, vh_json_string(line, "subject", ""), args, prior);
    return TRUE;
}

static VhRecord *record_of(const VhJournal *journal, GVariant *line, const char *key)
{
    gint64 number = vh_json_int(line, key, 0);

    return number < 1 || number > (gint64)journal->records->len
               ? NULL
               : journal->records->pdata[number - 1];
}

static gboolean read_outcome(VhJournal *journal, GVariant *line)
{
    static const struct {
        const char *key;
        VhRecordState state;
    } outcomes[] = {
        {"done", VH_RECORD_DONE}, {"undone", VH_RECORD_UNDONE}, {"stuck", VH_RECORD_STUCK}};

    for (gsize i = 0; i < G_N_ELEMENTS(outcomes); i++) {
        VhRecord *record = record_of(journal, line, outcomes[i].key);
        if (!record)
            continue;
        record->state = outcomes[i].state;
        if (record->state == VH_RECORD_UNDONE && vh_json_bool(line, "again", FALSE))
            record->state = VH_RECORD_AGAIN;
        g_free(record->error);
        record->error = g_strdup(vh_json_string(line, "error", NULL));
        return TRUE;
    }
    return FALSE;
}

static gboolean read_hung(VhJournal *journal, GVariant *line)
{
    VhRecord *record = record_of(journal, line, "hung");

    if (record)
        record->hung = process_of(line, "process");
    return record != NULL;
}

static gboolean read_adopt(VhJournal *journal, GVariant *line)
{
    VhRecord *record = record_of(journal, line, "adopt");
    g_autoptr(GVariant) prior = vh_json_object(line, "prior");

    if (!record || !prior)
        return FALSE;
    g_clear_pointer(&record->prior, g_variant_unref);
    record->prior = g_steal_pointer(&prior);
    record->state = VH_RECORD_DONE;
    return TRUE;
}

static gboolean read_mark(VhJournal *journal, GVariant *line)
{
    g_autoptr(GVariant) daemon = vh_json_object(line, "daemon");

    const struct {
        const char *key;
        gboolean *mark;
    } marks[] = {{"prepared", &journal->prepared},
                 {"started", &journal->started},
                 {"released", &journal->released},
                 {"returns", &journal->returns}};

    journal->awaits_start = journal->awaits_start || vh_json_bool(line, "awaits-start", FALSE);
    for (gsize i = 0; i < G_N_ELEMENTS(marks); i++)
        if (vh_json_bool(line, marks[i].key, FALSE))
            return *marks[i].mark = TRUE;
    if (!daemon)
        return FALSE;
    journal->released = FALSE;
    journal->daemon = process_of(line, "daemon");
    journal->by_hand = journal->daemon.pid == 0;
    return TRUE;
}

static void read_line(VhJournal *journal, const char *text, guint number)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) line = vh_json_parse(text, -1, &error);

    if (!line) {
        warn(journal, number, error->message);
        return;
    }
    gint64 begin = vh_json_int(line, "begin", 0);
    if (!(begin > 0 ? read_begin(journal, line, begin)
                    : read_outcome(journal, line) || read_hung(journal, line) ||
                          read_adopt(journal, line) || read_mark(journal, line)))
        warn(journal, number, "not a line this program knows");
}

/* The lines of @text. FALSE without an error: no head. */
static gboolean read_lines(VhJournal *journal, const char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GVariant) head = lines[0] ? vh_json_parse(lines[0], -1, NULL) : NULL;

    if (!head || !read_head(journal, head, error))
        return FALSE;
    for (guint i = 1; lines[i]; i++)
        if (*lines[i])
            read_line(journal, lines[i], i + 1);
    return TRUE;
}

static char *read_all(int fd, const char *path, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[4096];
    gssize n;

    while ((n = read(fd, buffer, sizeof buffer)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            vh_error_set_errno(error, errno, "cannot read %s", path);
            return NULL;
        }
        g_string_append_len(text, buffer, n);
        if (text->len > MAX_SIZE) {
            vh_error_set(error, VH_ERROR_JOURNAL, "%s is larger than %d bytes", path, MAX_SIZE);
            return NULL;
        }
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* On a file system that has become read-only, what is known must still be given back: it is then
 * not written down, and undone a second time at worst. */
static int open_file(const char *path, gboolean writable)
{
    int flags = O_NOFOLLOW | O_CLOEXEC;
    int fd = open(path, flags | (writable ? O_RDWR | O_APPEND : O_RDONLY));

    return fd < 0 && errno == EROFS ? open(path, flags | O_RDONLY) : fd;
}

/* @writable: for appending, and what is of no use is removed; else nothing is touched. */
static VhJournal *open_path(const VhEngine *engine, const char *path, gboolean writable,
                            GError **error)
{
    g_autoptr(VhJournal) journal = vh_journal_alloc();
    g_autoptr(GError) cause = NULL;
    g_autofree char *boot = vh_host_boot_id(engine->host);

    journal->path = g_strdup(path);
    journal->fd = open_file(path, writable);
    if (journal->fd < 0) {
        vh_error_set_errno(error, errno, "cannot open %s", path);
        return NULL;
    }
    g_autofree char *text = read_all(journal->fd, path, error);
    if (!text)
        return NULL;
    if (!read_lines(journal, text, &cause) && cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    if (g_strcmp0(journal->boot, boot) != 0) {
        if (writable)
            (void)vh_journal_remove(journal, NULL);
        vh_error_set(error, VH_ERROR_GONE, "no journal (%s is of another boot, or empty)", path);
        return NULL;
    }
    journal->torn = text[strlen(text) - 1] != '\n';
    return g_steal_pointer(&journal);
}

VhJournal *vh_journal_open(const VhEngine *engine, const char *uuid, GError **error)
{
    g_autofree char *path = vh_journal_path(engine, uuid);

    return open_path(engine, path, TRUE, error);
}

VhJournal *vh_journal_look(const VhEngine *engine, const char *uuid)
{
    g_autofree char *path = engine->state_dir && uuid ? vh_journal_path(engine, uuid) : NULL;

    return path ? open_path(engine, path, FALSE, NULL) : NULL;
}

static int by_guest(gconstpointer a, gconstpointer b)
{
    const VhJournal *left = *(VhJournal *const *)a, *right = *(VhJournal *const *)b;

    return strcmp(left->guest, right->guest);
}

GPtrArray *vh_journal_list(const VhEngine *engine, const char *except)
{
    gboolean any = engine->state_dir != NULL;
    g_autofree char *left_out = any && except ? vh_journal_path(engine, except) : NULL;
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)vh_journal_free);
    g_autoptr(GDir) dir = any ? g_dir_open(engine->state_dir, 0, NULL) : NULL;
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        if (!g_str_has_suffix(name, ".journal"))
            continue;
        g_autofree char *path = g_build_filename(engine->state_dir, name, NULL);
        VhJournal *journal =
            g_strcmp0(path, left_out) == 0 ? NULL : open_path(engine, path, FALSE, NULL);
        if (journal)
            g_ptr_array_add(list, journal);
    }
    g_ptr_array_sort(list, by_guest);
    return list;
}

char *vh_journal_holders(const GPtrArray *journals)
{
    g_autoptr(GString) guests = g_string_new(NULL);
    const VhJournal *first = journals->len > 0 ? journals->pdata[0] : NULL;

    if (!first)
        return NULL;
    for (guint i = 0; i < journals->len; i++)
        g_string_append_printf(guests, "%s%s", i > 0 ? ", " : "",
                               ((const VhJournal *)journals->pdata[i])->guest);
    if (journals->len > 1)
        return g_strdup_printf("holds nothing; %s do: virt-handoff status", guests->str);
    g_autofree char *guest = vh_text_operand(first->guest);
    return g_strdup_printf("holds nothing; %s does: virt-handoff release %s", guests->str, guest);
}

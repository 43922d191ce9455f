// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/log-read.h"

#include <string.h>
#include <systemd/sd-journal.h>

#include "host/real-private.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_journal, sd_journal_close)

/* Sentences are short; what is longer is not ours. */
#define FIELD_MAX ((gsize)16 * 1024)

void vh_log_entry_free(VhLogEntry *entry)
{
    if (!entry)
        return;
    g_free(entry->message_id);
    g_free(entry->transaction);
    g_free(entry->operation);
    g_free(entry->step);
    g_free(entry->device);
    g_free(entry->error);
    g_free(entry->text);
    g_free(entry);
}

/* The field's value, NULL without it. The journal's data begins with "NAME=". */
static char *field(sd_journal *journal, const char *name)
{
    const void *data;
    size_t length, skip = strlen(name) + 1;

    if (sd_journal_get_data(journal, name, &data, &length) < 0 || length < skip ||
        length > FIELD_MAX)
        return NULL;
    return g_utf8_make_valid((const char *)data + skip, (gssize)(length - skip));
}

static gboolean number_field(sd_journal *journal, const char *name, gint64 *ret_value)
{
    g_autofree char *text = field(journal, name);
    guint64 value;

    if (!text || !vh_number(text, 10, &value) || value > G_MAXINT64)
        return FALSE;
    *ret_value = (gint64)value;
    return TRUE;
}

static VhLogEntry *read_entry(sd_journal *journal)
{
    VhLogEntry *entry = g_new0(VhLogEntry, 1);
    const struct {
        const char *name;
        char **target;
    } fields[] = {{"MESSAGE_ID", &entry->message_id}, {"TRANSACTION", &entry->transaction},
                  {"OPERATION", &entry->operation},   {"STEP", &entry->step},
                  {"DEVICE", &entry->device},         {"ERROR", &entry->error},
                  {"MESSAGE", &entry->text}};
    guint64 received = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
        *fields[i].target = field(journal, fields[i].name);
    if (!number_field(journal, "DURATION_USEC", &entry->duration))
        entry->duration = -1;
    /* When it was sent, where that is known, not when the journal came to it. */
    if (number_field(journal, "_SOURCE_REALTIME_TIMESTAMP", &entry->time))
        return entry;
    (void)sd_journal_get_realtime_usec(journal, &received);
    entry->time = (gint64)received;
    return entry;
}

static gboolean match(sd_journal *journal, const char *name, const char *value)
{
    g_autofree char *text = g_strconcat(name, "=", value, NULL);

    return sd_journal_add_match(journal, text, strlen(text)) >= 0;
}

GPtrArray *vh_log_read(const char *guest, guint most, const char *directory, GError **error)
{
    g_autoptr(sd_journal) journal = NULL;
    GPtrArray *entries;
    int r = directory ? sd_journal_open_directory(&journal, directory, 0)
                      : sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY);

    if (r < 0) {
        vh_error_set_errno(error, -r, "cannot open the systemd journal");
        return NULL;
    }
    entries = g_ptr_array_new_with_free_func((GDestroyNotify)vh_log_entry_free);
    if (!match(journal, "SYSLOG_IDENTIFIER", "virt-handoff") || !match(journal, "GUEST", guest) ||
        sd_journal_seek_tail(journal) < 0)
        return entries;
    while (entries->len < most && sd_journal_previous(journal) > 0)
        g_ptr_array_insert(entries, 0, read_entry(journal));
    return entries;
}

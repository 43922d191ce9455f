// SPDX-License-Identifier: GPL-2.0-or-later
/* Timelines from events as they were told, and from files of the systemd journal. */
#include <glib/gstdio.h>
#include <string.h>

#include "base/event.h"
#include "base/json.h"
#include "inspect/timeline.h"

/* 2026-11-22 14:00:00 UTC */
#define NOON ((gint64)1795356000 * G_USEC_PER_SEC)

/* An event of a preparation that went well and a release in which something got stuck. */
static const struct {
    VhEventKind kind;
    const char *transaction, *operation, *step, *device, *text;
    gint64 at, duration; /* milliseconds after NOON; -1: none */
} told[] = {
    {VH_EVENT_REFUSED, NULL, "prepare", NULL, NULL, "not started: 0000:09:00.9 is not there", 0,
     -1},
    {VH_EVENT_PREPARE_BEGIN, "t1", "prepare", NULL, NULL, "handing 1 device(s) over", 1000, -1},
    {VH_EVENT_STEP, "t1", "prepare", "unit", "sddm.service", "stop sddm.service", 1600, 500},
    {VH_EVENT_NOTE, "t1", "prepare", NULL, NULL, "a note", 1700, -1},
    {VH_EVENT_STEP, "t1", "prepare", "device", "0000:09:00.0", "hand <it> & \"more\"", 2000, 250},
    {VH_EVENT_PREPARE_END, "t1", "prepare", NULL, NULL, "the guest can start", 2000, 1000},
    {VH_EVENT_NOTE, "t1", "reconnect", NULL, NULL, "libvirt's daemon is back", 5000, -1},
    {VH_EVENT_RELEASE_BEGIN, "t1", "release", NULL, NULL, "giving everything back", 9000, -1},
    {VH_EVENT_STUCK, "t1", "release", "unit", "sddm.service", "it does not start", 9900, 900},
    {VH_EVENT_RELEASE_END, "t1", "release", NULL, NULL, "some is back", 9900, 900},
    {VH_EVENT_RELEASE_BEGIN, "t1", "release", NULL, NULL, "giving everything back", 20000, -1},
    {VH_EVENT_STEP, "t1", "release", "unit", "sddm.service", "start sddm.service", 20400, 400},
    {VH_EVENT_RELEASE_END, "t1", "release", NULL, NULL, "everything is back", 20400, 400},
    {VH_EVENT_NOTE, NULL, "started", NULL, NULL, "no run's", 21000, -1},
};

static VhLogEntry *entry_of(gsize i)
{
    VhLogEntry *entry = g_new0(VhLogEntry, 1);

    entry->time = NOON + told[i].at * 1000;
    entry->duration = told[i].duration < 0 ? -1 : told[i].duration * 1000;
    entry->message_id = g_strdup(vh_event_message_id(told[i].kind));
    entry->transaction = g_strdup(told[i].transaction);
    entry->operation = g_strdup(told[i].operation);
    entry->step = g_strdup(told[i].step);
    entry->device = g_strdup(told[i].device);
    entry->text = g_strdup(told[i].text);
    return entry;
}

static GPtrArray *runs_of(guint most)
{
    g_autoptr(GPtrArray) entries =
        g_ptr_array_new_with_free_func((GDestroyNotify)vh_log_entry_free);

    for (gsize i = 0; i < G_N_ELEMENTS(told); i++)
        g_ptr_array_add(entries, entry_of(i));
    return vh_timeline_new(entries, most);
}

static void test_runs(void)
{
    static const struct {
        const char *operation, *result, *text;
        guint steps;
        gint64 begin, duration;
    } expected[] = {
        {"prepare", "refused", "not started: 0000:09:00.9 is not there", 0, 0, 0},
        {"prepare", "done", NULL, 2, 1000, 1000},
        {"reconnect", "done", NULL, 0, 5000, 0},
        {"release", "stuck", "it does not start", 1, 9000, 900},
        {"release", "done", NULL, 1, 20000, 400},
    };
    g_autoptr(GPtrArray) runs = runs_of(10);

    g_assert_cmpuint(runs->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < runs->len; i++) {
        const VhTimelineRun *run = runs->pdata[i];
        g_assert_cmpstr(run->operation, ==, expected[i].operation);
        g_assert_cmpstr(run->result, ==, expected[i].result);
        g_assert_cmpstr(run->text, ==, expected[i].text);
        g_assert_cmpuint(run->steps->len, ==, expected[i].steps);
        g_assert_cmpint(run->begin, ==, NOON + expected[i].begin * 1000);
        g_assert_cmpint(run->duration, ==, expected[i].duration * 1000);
    }
    const VhTimelineRun *prepare = runs->pdata[1];
    const VhTimelineStep *stop = prepare->steps->pdata[0], *hand = prepare->steps->pdata[1];
    g_assert_cmpint(stop->start, ==, 100 * 1000);
    g_assert_cmpint(stop->duration, ==, 500 * 1000);
    g_assert_cmpint(hand->start, ==, 750 * 1000);
    g_assert_cmpstr(hand->device, ==, "0000:09:00.0");
    const VhTimelineRun *stuck = runs->pdata[3];
    g_assert_true(((VhTimelineStep *)stuck->steps->pdata[0])->stuck);
}

static void test_last(void)
{
    g_autoptr(GPtrArray) runs = runs_of(2);

    g_assert_cmpuint(runs->len, ==, 2);
    g_assert_cmpstr(((VhTimelineRun *)runs->pdata[0])->result, ==, "stuck");
}

static void test_json(void)
{
    g_autoptr(GPtrArray) runs = runs_of(4);
    g_autofree char *text = vh_json_line(vh_timeline_variant("win10", runs));
    g_autoptr(GVariant) json = vh_json_parse(text, -1, NULL);
    g_autoptr(GPtrArray) list = vh_json_objects(json, "runs");

    g_assert_cmpstr(vh_json_string(json, "guest", NULL), ==, "win10");
    g_assert_cmpuint(list->len, ==, 4);
    GVariant *run = list->pdata[0];
    g_assert_cmpint(vh_json_int(run, "begin_usec", 0), ==, NOON + 1000000);
    g_autoptr(GPtrArray) steps = vh_json_objects(run, "steps");
    g_assert_cmpuint(steps->len, ==, 2);
    g_assert_cmpint(vh_json_int(steps->pdata[1], "start_usec", -1), ==, 750000);
    g_assert_cmpint(vh_json_int(steps->pdata[1], "duration_usec", -1), ==, 250000);
}

static guint count(const char *text, const char *word)
{
    guint n = 0;

    for (const char *at = text; (at = strstr(at, word)); at++)
        n++;
    return n;
}

static void test_svg(void)
{
    g_autoptr(GPtrArray) runs = runs_of(10);
    g_autofree char *svg = vh_timeline_svg("a<b>&\x1b", runs);
    g_autoptr(GError) error = NULL;
    const GMarkupParser nothing = {0};
    g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&nothing, 0, NULL, NULL);

    g_markup_parse_context_parse(context, svg, -1, &error);
    g_assert_no_error(error);
    g_markup_parse_context_end_parse(context, &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(svg, "hand &lt;it&gt; &amp; &quot;more&quot;"));
    g_assert_null(strchr(svg, 0x1b));
    g_assert_cmpuint(count(svg, "<rect "), ==, 1 + 4);
}

/* ---- the systemd journal itself ---- */

#define IMPORT "/lib/systemd/systemd-journal-remote"

static void export_entry(GString *text, const char *guest, gsize i)
{
    g_string_append_printf(text,
                           "__REALTIME_TIMESTAMP=%" G_GINT64_FORMAT "\n__MONOTONIC_TIMESTAMP=%u\n"
                           "_BOOT_ID=0123456789abcdef0123456789abcdef\n"
                           "SYSLOG_IDENTIFIER=virt-handoff\nGUEST=%s\nMESSAGE_ID=%s\nMESSAGE=%s\n"
                           "OPERATION=%s\n",
                           NOON + told[i].at * 1000, 1000 + (guint)i, guest,
                           vh_event_message_id(told[i].kind), told[i].text, told[i].operation);
    if (told[i].transaction)
        g_string_append_printf(text, "TRANSACTION=%s\n", told[i].transaction);
    if (told[i].step)
        g_string_append_printf(text, "STEP=%s\nDEVICE=%s\n", told[i].step, told[i].device);
    if (told[i].duration >= 0)
        g_string_append_printf(text, "DURATION_USEC=%" G_GINT64_FORMAT "\n",
                               told[i].duration * 1000);
    g_string_append_c(text, '\n');
}

/* A journal with the events, once for win10 and once for another guest; FALSE: none was made. */
static gboolean make_journal(const char *dir)
{
    g_autofree char *export = g_build_filename(dir, "export", NULL);
    g_autofree char *output = g_strconcat("--output=", dir, "/made.journal", NULL);
    const char *const argv[] = {IMPORT, output, export, NULL};
    g_autoptr(GString) text = g_string_new(NULL);
    int status = -1;

    for (gsize i = 0; i < G_N_ELEMENTS(told); i++) {
        export_entry(text, "win10", i);
        export_entry(text, "other", i);
    }
    g_assert_true(g_file_set_contents(export, text->str, -1, NULL));
    gboolean made = g_file_test(IMPORT, G_FILE_TEST_IS_EXECUTABLE) &&
                    g_spawn_sync(NULL, (char **)(gsize)argv, NULL,
                                 G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                                 NULL, NULL, NULL, &status, NULL);
    (void)g_unlink(export);
    return made && status == 0;
}

static void assert_journal(const char *dir)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) entries = vh_log_read("win10", 100, dir, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(entries->len, ==, G_N_ELEMENTS(told));
    for (gsize i = 0; i < G_N_ELEMENTS(told); i++) {
        const VhLogEntry *entry = entries->pdata[i];
        g_assert_cmpint(entry->time, ==, NOON + told[i].at * 1000);
        g_assert_cmpstr(entry->text, ==, told[i].text);
        g_assert_cmpstr(entry->device, ==, told[i].device);
        g_assert_cmpint(entry->duration, ==, told[i].duration < 0 ? -1 : told[i].duration * 1000);
    }
    g_autoptr(GPtrArray) runs = vh_timeline_new(entries, 10);
    g_assert_cmpuint(runs->len, ==, 5);
    g_autoptr(GPtrArray) newest = vh_log_read("win10", 2, dir, &error);
    g_assert_cmpuint(newest->len, ==, 2);
    g_assert_cmpstr(((VhLogEntry *)newest->pdata[1])->text, ==, "no run's");
    g_autoptr(GPtrArray) none = vh_log_read("nobody", 2, dir, &error);
    g_assert_cmpuint(none->len, ==, 0);
}

static void test_journal(void)
{
    g_autofree char *dir = g_dir_make_tmp("vh-timeline-XXXXXX", NULL);
    g_autofree char *made = g_build_filename(dir, "made.journal", NULL);

    if (make_journal(dir))
        assert_journal(dir);
    else
        g_test_skip("no systemd-journal-remote to make a journal with");
    (void)g_unlink(made);
    g_assert_cmpint(g_rmdir(dir), ==, 0);
}

static void test_no_journal(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(vh_log_read("win10", 10, "/nonexistent", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_GONE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/timeline/runs", test_runs);
    g_test_add_func("/timeline/last", test_last);
    g_test_add_func("/timeline/json", test_json);
    g_test_add_func("/timeline/svg", test_svg);
    g_test_add_func("/timeline/journal", test_journal);
    g_test_add_func("/timeline/no-journal", test_no_journal);
    return g_test_run();
}

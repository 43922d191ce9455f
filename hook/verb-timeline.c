// SPDX-License-Identifier: GPL-2.0-or-later
/* timeline GUEST: how long which step took in the last runs, from the systemd journal. */
#include <string.h>

#include "base/text.h"
#include "hook/patient.h"
#include "hook/report.h"
#include "hook/verbs.h"
#include "inspect/timeline.h"
#include "inspect/paper.h"

enum { RUNS = 4, EVENTS = 2000 };

#define NO_RUN "no run of %s, or none that this user may read"

/* Columns of a terminal: the duration, what was done, and the bar. */
enum { LABEL = 36, BAR = 30 };

static char *label_of(const char *text)
{
    g_autofree char *line = vh_text_one_line(text);
    glong length = g_utf8_strlen(line, -1);

    if (length > LABEL) {
        g_autofree char *begin = g_utf8_substring(line, 0, LABEL - 1);
        return g_strconcat(begin, "~", NULL);
    }
    g_autofree char *pad = g_strnfill((gsize)(LABEL - length), ' ');
    return g_strconcat(line, pad, NULL);
}

/* Where it was in the run; every step is to be seen. */
static char *bar_of(const VhTimelineRun *run, const VhTimelineStep *step)
{
    const char *block = g_get_charset(NULL) ? "█" : "#";
    gint64 whole = MAX(run->duration, 1);
    gint64 from = MIN(step->start * BAR / whole, BAR - 1);
    gint64 to = MIN((step->start + step->duration) * BAR / whole, BAR);
    GString *bar = g_string_new(NULL);

    for (gint64 i = 0; i < from; i++)
        g_string_append_c(bar, ' ');
    for (gint64 i = from; i < MAX(to, from + 1); i++)
        g_string_append(bar, block);
    return g_string_free(bar, FALSE);
}

static void show_run(const char *guest, const VhTimelineRun *run)
{
    g_autofree char *begin = vh_timeline_begin_text(run);

    g_autofree char *head = g_strdup_printf(
        "%c%s: %s, %s, %.3f s: %s", g_str_equal(run->result, "done") ? '+' : '!', guest,
        run->operation, begin, (double)run->duration / G_USEC_PER_SEC, run->result);

    vh_report_line(head);
    if (run->text)
        vh_report_wrapped(2, "", "%s", run->text);
    for (guint i = 0; i < run->steps->len; i++) {
        const VhTimelineStep *step = run->steps->pdata[i];
        g_autofree char *label = label_of(step->text);
        g_autofree char *bar = bar_of(run, step);
        vh_report_text("%8.3f s %c%s %s\n", (double)step->duration / G_USEC_PER_SEC,
                       step->stuck ? '!' : ' ', label, bar);
    }
}

static int show(const char *guest, const GPtrArray *runs)
{
    if (runs->len == 0)
        vh_report_text("The journal has " NO_RUN ".\n", guest);
    for (guint i = 0; i < runs->len; i++)
        show_run(guest, runs->pdata[i]);
    return VH_EXIT_OK;
}

/* A picture of nothing would look as if there were something to see. */
static gboolean draw(const char *guest, const GPtrArray *runs, const VhOptions *options,
                     GError **error)
{
    if (runs->len == 0)
        return vh_error_set(error, VH_ERROR_GONE, "nothing is drawn: the journal has " NO_RUN,
                            guest);
    g_autofree char *svg = vh_timeline_svg(guest, runs);
    return vh_paper_write(options->svg, svg, strlen(svg), 0644, options->force, error);
}

/* Where the journal's files are; NULL: this machine's own. */
static char *journal_of(const VhOptions *options)
{
    static const char *const places[] = {"var/log/journal", "run/log/journal"};

    for (gsize i = 0; i < G_N_ELEMENTS(places) && options->root && !options->journal; i++) {
        char *path = g_build_filename(options->root, places[i], NULL);
        if (i + 1 == G_N_ELEMENTS(places) || g_file_test(path, G_FILE_TEST_IS_DIR))
            return path;
        g_free(path);
    }
    return g_strdup(options->journal);
}

/* FALSE for a slip in the name: neither a run of it, nor such a guest. Files of a journal may be
 * those of another machine. */
static gboolean may_have_runs(const char *guest, const GPtrArray *runs, const VhOptions *options,
                              GError **error)
{
    g_auto(Patient) patient = {0};

    if (runs->len > 0 || options->journal)
        return TRUE;
    return patient_admit(&patient, options, error) && patient_has_guest(&patient, guest, error);
}

int vh_verb_timeline(int argc, char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *journal = journal_of(options);
    g_autoptr(GPtrArray) entries = vh_log_read(argv[0], EVENTS, journal, &error);
    g_autoptr(GPtrArray) runs = entries ? vh_timeline_new(entries, RUNS) : NULL;

    if (!runs || !may_have_runs(argv[0], runs, options, &error) ||
        (options->svg && !draw(argv[0], runs, options, &error))) {
        vh_report_error(argv[0], error);
        return VH_EXIT_FAILED;
    }
    if (options->json)
        vh_report_json(vh_timeline_variant(argv[0], runs));
    else if (!options->svg)
        return show(argv[0], runs);
    return VH_EXIT_OK;
}

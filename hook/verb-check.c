// SPDX-License-Identifier: GPL-2.0-or-later
/* check [GUEST]: the doctor. Nothing is touched. */
#include <string.h>

#include "base/text.h"
#include "hook/patient.h"
#include "hook/report.h"
#include "hook/verbs.h"
#include "inspect/check.h"

enum { EXIT_WELL = 0, EXIT_WARNINGS = 1, EXIT_WILL_NOT_WORK = 2 };

/* ---- showing it ---- */

/* Columns right of @indent, enough for a word in any case. */
static glong room_after(glong indent)
{
    enum { LEAST = 20 };

    return MAX(vh_report_width() - indent, LEAST);
}

static void add_row(GPtrArray *rows, const char *a, const char *b, const char *c)
{
    const char *const cells[] = {a, b, c, NULL};

    g_ptr_array_add(rows, g_strdupv((char **)(gsize)cells));
}

static void add_wrapped(GPtrArray *rows, glong indent, const char *mark, const char *text)
{
    g_auto(GStrv) lines = vh_text_wrap(text, room_after(indent + (glong)strlen(mark)));

    for (gsize i = 0; lines[i]; i++) {
        g_autofree char *line = g_strdup_printf("%*s%*s%s", (int)indent, "", (int)strlen(mark),
                                                i == 0 ? mark : "", lines[i]);
        add_row(rows, line, NULL, NULL);
    }
}

/* What they have in common is said below the last of them only. @next may be NULL. */
static gboolean goes_on(const VhFinding *finding, const VhFinding *next)
{
    return next && next->state >= VH_FINDING_WARNING && g_str_equal(next->why, finding->why);
}

static void add_finding(GPtrArray *rows, const VhFinding *finding, const VhFinding *next,
                        glong titles)
{
    static const char *const marks[] = {"+ok", "unknown", "?warning", "!failure"};
    enum { STATE = 9, GAP = 2 };
    glong indent = STATE + titles + GAP;
    g_autofree char *what = g_strdelimit(g_strdup(finding->what), "\n\t", ' ');
    g_auto(GStrv) lines = vh_text_wrap(what, room_after(indent));

    add_row(rows, marks[finding->state], finding->title, lines[0]);
    for (gsize i = 1; lines[i]; i++)
        add_wrapped(rows, indent, "", lines[i]);
    if (finding->state == VH_FINDING_OK)
        return;
    gboolean more = finding->state != VH_FINDING_UNKNOWN && goes_on(finding, next);
    if (finding->state != VH_FINDING_UNKNOWN && !more)
        add_wrapped(rows, STATE, "", finding->why);
    if (finding->mend && !(more && g_strcmp0(finding->mend, next->mend) == 0))
        add_wrapped(rows, STATE, "-> ", finding->mend);
}

static void show_sum(const GPtrArray *findings)
{
    static const char *const sums[] = {"All is well", "All is well",
                                       "It can work, with what is said above in mind",
                                       "It will not work like this"};
    guint unknown = 0;

    for (guint i = 0; i < findings->len; i++)
        if (((VhFinding *)findings->pdata[i])->state == VH_FINDING_UNKNOWN)
            unknown++;
    vh_report_text("\n%s", sums[vh_check_worst(findings)]);
    if (unknown > 0)
        vh_report_text("; %u of %u could not be measured", unknown, findings->len);
    vh_report_text(".\n");
}

static void show(const GPtrArray *findings)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    glong titles = 0;

    for (guint i = 0; i < findings->len; i++)
        titles = MAX(titles, g_utf8_strlen(((VhFinding *)findings->pdata[i])->title, -1));
    add_row(rows, "STATE", "CHECK", "FOUND");
    for (guint i = 0; i < findings->len; i++)
        add_finding(rows, findings->pdata[i], i + 1 < findings->len ? findings->pdata[i + 1] : NULL,
                    titles);
    vh_report_table(rows);
    show_sum(findings);
}

static int exit_of(const GPtrArray *findings)
{
    switch (vh_check_worst(findings)) {
    case VH_FINDING_WARNING:
        return EXIT_WARNINGS;
    case VH_FINDING_FAILURE:
        return EXIT_WILL_NOT_WORK;
    default:
        return EXIT_WELL;
    }
}

int vh_verb_check(int argc, char **argv, const VhOptions *options)
{
    const char *guest = argc > 0 ? argv[0] : NULL;
    g_autoptr(GError) error = NULL;
    g_auto(Patient) patient = {0};

    if (!patient_admit(&patient, options, &error)) {
        vh_report_error(guest, error);
        return EXIT_WILL_NOT_WORK;
    }
    if (guest)
        patient_examine(&patient, guest);
    g_autoptr(GPtrArray) findings = patient_check(&patient, guest);
    if (options->json)
        vh_report_json(vh_check_variant(findings));
    else
        show(findings);
    return exit_of(findings);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* plan GUEST: what would happen, and why it could not. Nothing is touched. */
#include <string.h>

#include "hook/patient.h"
#include "hook/report.h"
#include "hook/verbs.h"

static void show_line(const char *line)
{
    static const struct {
        const char *start, *mark;
    } marks[] = {{"cannot start: ", "!cannot start: "}, {"note: ", "note: "}};

    for (gsize i = 0; i < G_N_ELEMENTS(marks); i++)
        if (g_str_has_prefix(line, marks[i].start)) {
            vh_report_wrapped(0, marks[i].mark, "%s", line + strlen(marks[i].start));
            return;
        }
    gsize blanks = strspn(line, " "), number = strspn(line + blanks, "0123456789. ");
    g_autofree char *mark = g_strndup(line + blanks, number);
    if (blanks > 0)
        vh_report_item((int)blanks, mark, line + blanks + number);
    else
        vh_report_wrapped(0, "", "%s", line);
}

static int show(const VhPlan *plan, const VhOptions *options)
{
    if (options->json) {
        vh_report_json(vh_plan_variant(plan));
    } else {
        g_autofree char *text = vh_plan_text(plan);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        for (gsize i = 0; lines[i] && (*lines[i] || lines[i + 1]); i++)
            show_line(lines[i]);
    }
    return plan->refusals->len > 0 ? VH_EXIT_FAILED : VH_EXIT_OK;
}

/* All problems of the file, where the hook has room for one only. */
static int complain(const char *guest, const GError *error)
{
    vh_report_errors(guest, error);
    return VH_EXIT_FAILED;
}

int vh_verb_plan(int argc, char **argv, const VhOptions *options)
{
    g_auto(Patient) patient = {0};
    g_autoptr(GError) error = NULL;

    if (!patient_admit(&patient, options, &error))
        return complain(argv[0], error);
    patient_examine(&patient, argv[0]);
    return patient.plan ? show(patient.plan, options) : complain(argv[0], patient_error(&patient));
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* plan GUEST: what would happen, and why it could not. Nothing is touched. */
#include "hook/patient.h"
#include "hook/report.h"
#include "hook/verbs.h"

static int show(const VhPlan *plan, const VhOptions *options)
{
    if (options->json) {
        vh_report_json(vh_plan_variant(plan));
    } else {
        g_autofree char *text = vh_plan_text(plan);
        vh_report_text("%s", text);
    }
    return plan->refusals->len > 0 ? VH_EXIT_FAILED : VH_EXIT_OK;
}

/* All problems of the file, where the hook has room for one only. */
static int complain(const char *guest, const GError *error)
{
    if (g_error_matches(error, VH_ERROR, VH_ERROR_CONFIG))
        vh_report_text("%s\n", error->message);
    else
        vh_report_error(guest, error);
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

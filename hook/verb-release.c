// SPDX-License-Identifier: GPL-2.0-or-later
/* release GUEST: gives everything back by hand. The journal has all that is needed: this works
 * while libvirt does not answer. */
#include "engine/journal.h"
#include "hook/patient.h"
#include "hook/report.h"
#include "hook/verbs.h"

/* Beside a guest that holds something, the engine names that one. */
static gboolean may_hold(const char *guest, const VhOptions *options, GError **error)
{
    g_auto(Patient) patient = {0};

    if (!patient_admit(&patient, options, error))
        return FALSE;
    g_autoptr(GPtrArray) journals = vh_journal_list(&patient.engine, NULL);
    return journals->len > 0 || patient_has_guest(&patient, guest, error);
}

int vh_verb_release(int argc, char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;

    if (may_hold(argv[0], options, &error))
        return vh_machine_answer("release", "end", argv[0], NULL, options->force);
    vh_report_error(argv[0], error);
    return VH_EXIT_FAILED;
}

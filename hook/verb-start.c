// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * start GUEST: everything is checked and said while there still is a screen to read it on; then
 * systemd runs what has libvirt start the guest, as the session that asked may end with it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "build-config.h"
#include "hook/patient.h"
#include "hook/progress.h"
#include "hook/report.h"
#include "hook/verbs.h"
#include "host/desk.h"
#include "inspect/check.h"
#include "inspect/departure.h"
#include "inspect/launcher.h"
#include "inspect/paper.h"

/* ---- what the doctor says ---- */

/* What start says in words of its own. */
static gboolean is_said_elsewhere(const VhFinding *finding)
{
    static const char *const ids[] = {"plan", "holders", NULL};

    return g_strv_contains(ids, finding->id);
}

/* TRUE when nothing speaks against a start. */
static gboolean show_findings(const Patient *patient, const char *guest)
{
    g_autoptr(GPtrArray) findings = patient_check(patient, guest);
    gboolean good = TRUE;

    for (guint i = 0; i < findings->len; i++) {
        const VhFinding *finding = findings->pdata[i];
        gboolean failure = finding->state == VH_FINDING_FAILURE;
        if (finding->state < VH_FINDING_WARNING || is_said_elsewhere(finding))
            continue;
        vh_report_wrapped(2, failure ? "!failure: " : "?warning: ", "%s: %s", finding->title,
                          finding->what);
        if (finding->mend)
            vh_report_wrapped(4, "-> ", "%s", finding->mend);
        good = good && !failure;
    }
    return good;
}

/* ---- what ends ---- */

static void show_inhibitors(VhHost *host)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) inhibitors = vh_desk_inhibitors(host, &error);

    if (!inhibitors)
        vh_report_wrapped(2, "", "who asks not to be disturbed cannot be told: %s", error->message);
    for (guint i = 0; inhibitors && i < inhibitors->len; i++) {
        const VhInhibitor *inhibitor = inhibitors->pdata[i];
        /* What only wants to be told first ("delay") is told. */
        if (g_strcmp0(inhibitor->mode, "block") == 0)
            vh_report_wrapped(2, "?asks not to be disturbed: ", "%s (%s)", inhibitor->who,
                              inhibitor->why);
    }
}

/* TRUE when nothing blocks the start. */
static gboolean show_departure(const Patient *patient)
{
    VhHost *host = patient->engine.host;
    const VhPlan *plan = patient->plan;
    g_autoptr(GPtrArray) goers = vh_departure_look(host, plan, patient->config);
    gboolean good = TRUE;

    vh_report_text("Starting %s takes %u device%s from this host.\n", plan->guest,
                   plan->devices->len, plan->devices->len == 1 ? "" : "s");
    for (guint i = 0; i < plan->notes->len; i++)
        vh_report_wrapped(2, "note: ", "%s", (char *)plan->notes->pdata[i]);
    for (guint i = 0; i < goers->len; i++) {
        const VhGoer *goer = goers->pdata[i];
        g_autofree char *mark = g_strdup_printf("%s%s: ", goer->blocks ? "!" : "", goer->verdict);
        vh_report_wrapped(2, mark, "%s", goer->text);
        good = good && !goer->blocks;
    }
    if (!patient->recorded)
        show_inhibitors(host);
    return good;
}

/* TRUE when it can begin. */
static gboolean show(const Patient *patient, const char *guest, GError **error)
{
    const VhPlan *plan = patient->plan;

    for (guint i = 0; i < plan->refusals->len; i++)
        vh_report_wrapped(2, "!cannot: ", "%s", (char *)plan->refusals->pdata[i]);
    gboolean good = show_findings(patient, guest);
    if (plan->refusals->len > 0)
        return vh_error_set(error, VH_ERROR_REFUSED, "not started, for the reasons above");
    gboolean free = show_departure(patient);
    /* What has no device of this host is libvirt's affair alone. */
    if ((good && free) || plan->devices->len == 0 || patient->options->force)
        return TRUE;
    return vh_error_set(error, VH_ERROR_REFUSED,
                        "not started, as %s named above (--force starts it all the same)",
                        good ? "what blocks the start is" : "failures are");
}

/* ---- asking, and doing it ---- */

static gboolean agreed(const VhOptions *options, GError **error)
{
    char answer[16] = "";

    if (options->yes)
        return TRUE;
    if (!isatty(STDIN_FILENO))
        return vh_error_set(error, VH_ERROR_REFUSED,
                            "nobody can be asked here: --yes starts it without a question");
    vh_progress(NULL);
    vh_report_text("Go on? [y/N] ");
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return TRUE;
    return vh_error_set(error, VH_ERROR_REFUSED, "not started");
}

static gboolean start(const Patient *patient, GError **error)
{
    const VhPlan *plan = patient->plan;
    VhHost *host = patient->engine.host;
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *unit = g_strdup_printf("virt-handoff-start-%s.service", plan->uuid);
    g_autofree char *guest = vh_text_operand(plan->guest);

    if (!agreed(patient->options, error) ||
        !vh_desk_start_guest(host, unit, self ? self : ENGINE, plan->guest, error))
        return FALSE;
    if (vh_host_service_manager(host) == &vh_manager_systemd)
        vh_report_text("%s starts; how it went: journalctl -u %s, virt-handoff timeline %s\n",
                       plan->guest, unit, guest);
    else
        vh_report_text("%s starts; how it went: virsh domstate %s --reason, the system's log\n",
                       plan->guest, guest);
    return TRUE;
}

/* ---- a launcher ---- */

/* FALSE when libvirt knows no such guest; while it does not answer, there may be one. */
static gboolean may_exist(const char *guest, const VhOptions *options, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GBytes) xml =
        options->root || options->host ? NULL : vh_machine_domain_xml(guest, options->xml, &cause);

    if (!vh_error_is_gone(cause))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

/* For all users of the machine, as only root may start a guest. */
static gboolean write_launcher(const char *guest, const VhOptions *options, GError **error)
{
    g_autofree char *name = vh_launcher_name(guest);
    g_autofree char *dir =
        g_build_filename(options->root ? options->root : "/", LAUNCHER_DIR, NULL);
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *text = vh_launcher_text(guest, ENGINE);

    if (!may_exist(guest, options, error))
        return FALSE;
    if (g_mkdir_with_parents(dir, 0755) != 0)
        return vh_error_set_errno(error, errno, "%s", dir);
    if (!vh_paper_write(path, text, strlen(text), 0644, options->force, error))
        return FALSE;
    vh_report_text("%s is written: \"%s\" is among the applications now, and asks for an "
                   "administrator's password\n",
                   path, guest);
    return TRUE;
}

static gboolean run(const char *guest, const VhOptions *options, GError **error)
{
    g_auto(Patient) patient = {0};

    if (options->desktop_entry)
        return write_launcher(guest, options, error);
    if (!patient_admit(&patient, options, error))
        return FALSE;
    patient_examine(&patient, guest);
    if (!patient.plan) {
        if (error)
            *error = g_error_copy(patient_error(&patient));
        return FALSE;
    }
    if (vh_host_guest_running(patient.engine.host, patient.plan->guest))
        return vh_error_set(error, VH_ERROR_REFUSED, "the guest is running already");
    if (!show(&patient, guest, error))
        return FALSE;
    if (!patient.recorded)
        return start(&patient, error);
    vh_report_text("This is not this machine: nothing is started.\n");
    return TRUE;
}

int vh_verb_start(int argc, char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;

    if (run(argv[0], options, &error))
        return VH_EXIT_OK;
    vh_report_error(argv[0], error);
    return VH_EXIT_FAILED;
}

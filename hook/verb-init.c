// SPDX-License-Identifier: GPL-2.0-or-later
/* init GUEST: a per-VM file to begin with, with what was found as comments. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/text.h"
#include "build-config.h"
#include "hook/patient.h"
#include "hook/report.h"
#include "hook/verbs.h"
#include "inspect/template.h"
#include "inspect/paper.h"

/* Where the guest's file belongs; NULL for a name that is no guest's. */
static char *path_of(const char *guest, const VhOptions *options, GError **error)
{
    g_autofree char *name = g_strconcat(guest, ".conf", NULL);

    if (*guest != '\0' && !strchr(guest, '/') && strlen(name) <= NAME_MAX)
        return g_build_filename(options->root ? options->root : "/", HOOKS_DIR, "kvm.conf.d", name,
                                NULL);
    vh_error_set(error, VH_ERROR_USAGE, "\"%s\" is no guest's name", guest);
    return NULL;
}

/* The plan with all defaults, whatever a file that is there says. */
static VhPlan *plan_of(const char *guest, const VhOptions *options, GError **error)
{
    g_auto(Patient) patient = {0};

    if (!patient_admit(&patient, options, error))
        return NULL;
    g_autoptr(GBytes) xml = patient_xml(&patient, guest, error);
    gsize length = 0;
    const char *text = xml ? g_bytes_get_data(xml, &length) : NULL;
    g_autoptr(VhDomain) domain = xml ? vh_domain_parse(text, length, error) : NULL;
    VhPlan *plan = domain ? vh_plan_for_guest(&patient.engine, domain, NULL, error) : NULL;

    return plan;
}

static gboolean make_directory(const char *path, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);

    return g_mkdir_with_parents(directory, 0755) == 0 ||
           vh_error_set_errno(error, errno, "%s", directory);
}

static gboolean put(const char *path, const char *text, const VhOptions *options, GError **error)
{
    if (options->host) {
        vh_report_text("%s", text);
        return TRUE;
    }
    return make_directory(path, error) &&
           vh_paper_write(path, text, strlen(text), 0644, options->force, error);
}

int vh_verb_init(int argc, char **argv, const VhOptions *options)
{
    const char *guest = argv[0];
    g_autoptr(GError) error = NULL, cause = NULL;
    g_autofree char *path = path_of(guest, options, &error);
    g_autoptr(VhPlan) plan = path ? plan_of(guest, options, &cause) : NULL;

    /* A slip in the name would make a file that nobody reads. */
    if (path && !plan && !options->force)
        vh_error_set(&error, VH_ERROR_FAILED, "%s (--force writes the file all the same)",
                     cause->message);
    g_autofree char *text = vh_template_text(guest, plan);
    if (error || !put(path, text, options, &error))
        return vh_report_failure(guest, error);
    g_autofree char *operand = vh_text_operand(guest);
    if (!options->host)
        vh_report_text("%s is written; what it does: virt-handoff plan %s\n", path, operand);
    return VH_EXIT_OK;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* init GUEST: a per-VM file to begin with, with what was found as comments. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "build-config.h"
#include "hook/report.h"
#include "hook/verbs.h"
#include "inspect/template.h"
#include "inspect/paper.h"

/* Where the guest's file belongs; NULL for a name that is no guest's. */
static char *path_of(const char *guest, GError **error)
{
    if (*guest == '\0' || strchr(guest, '/')) {
        vh_error_set(error, VH_ERROR_USAGE, "\"%s\" is no guest's name", guest);
        return NULL;
    }
    return g_strdup_printf("%s/kvm.conf.d/%s.conf", HOOKS_DIR, guest);
}

/* The plan with all defaults, whatever a file that is there says. */
static VhPlan *plan_of(const char *guest, const VhOptions *options, GError **error)
{
    VhEngine engine = vh_machine_engine(NULL, guest);
    g_autoptr(VhHost) host = engine.host;
    g_autoptr(GBytes) xml = vh_machine_domain_xml(guest, options->xml, error);
    gsize length = 0;
    const char *text = xml ? g_bytes_get_data(xml, &length) : NULL;
    g_autoptr(VhConfig) config = vh_config_parse("", "defaults", error);
    g_autoptr(VhDomain) domain = text && config ? vh_domain_parse(text, length, error) : NULL;

    if (!domain)
        return NULL;
    g_autoptr(GPtrArray) claims = vh_claims_of_others(&engine, domain->uuid);
    return vh_plan_new(host, config, domain, claims, error);
}

static gboolean make_directory(const char *path, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);

    return g_mkdir_with_parents(directory, 0755) == 0 ||
           vh_error_set_errno(error, errno, "%s", directory);
}

int vh_verb_init(int argc, char **argv, const VhOptions *options)
{
    const char *guest = argv[0];
    g_autoptr(GError) error = NULL, cause = NULL;
    g_autofree char *path = path_of(guest, &error);
    g_autoptr(VhPlan) plan = path ? plan_of(guest, options, &cause) : NULL;

    /* A slip in the name would make a file that nobody reads. */
    if (path && !plan && !options->force)
        vh_error_set(&error, VH_ERROR_FAILED, "%s (--force writes the file all the same)",
                     cause->message);
    g_autofree char *text = vh_template_text(guest, plan);
    if (error || !make_directory(path, &error) ||
        !vh_paper_write(path, text, strlen(text), 0644, options->force, &error)) {
        vh_report_error(guest, error);
        return VH_EXIT_FAILED;
    }
    vh_report_text("%s is written; what it does: virt-handoff plan %s\n", path, guest);
    return VH_EXIT_OK;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* check [GUEST]: the doctor. Nothing is touched. */
#include <string.h>
#include <unistd.h>

#include "build-config.h"
#include "hook/report.h"
#include "hook/verbs.h"
#include "inspect/check.h"

enum { EXIT_WELL = 0, EXIT_WARNINGS = 1, EXIT_WILL_NOT_WORK = 2 };

/* ---- what is looked at ---- */

typedef struct {
    VhEngine engine;
    const VhOptions *options;
    gboolean recorded; /* not this machine, but a snapshot or a tree */
    char *user;
    VhConfig *config;
    VhDomain *domain;
    VhPlan *plan;
    GError *config_error, *domain_error, *plan_error;
} Patient;

static void patient_clear(Patient *patient)
{
    vh_plan_free(patient->plan);
    vh_domain_free(patient->domain);
    vh_config_free(patient->config);
    g_clear_error(&patient->plan_error);
    g_clear_error(&patient->domain_error);
    g_clear_error(&patient->config_error);
    g_free(patient->user);
    if (patient->engine.host)
        vh_host_free(patient->engine.host);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Patient, patient_clear)

/* Whose groups matter: who typed this, or else who has a desktop there. */
static char *user_of(VhHost *host, gboolean recorded)
{
    const char *name = recorded ? NULL : g_getenv("SUDO_USER");
    g_autoptr(GPtrArray) sessions = vh_host_sessions(host, NULL);

    for (guint i = 0; !name && sessions && i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (vh_session_is_graphical(session) && g_strcmp0(session->class, "user") == 0)
            name = session->user;
    }
    return g_strdup(name || recorded ? name : g_get_user_name());
}

static VhConfig *load_config(const Patient *patient, const char *guest, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/kvm.conf.d/%s.conf", HOOKS_DIR, guest);

    if (patient->options->config)
        return vh_config_load(patient->options->config, error);
    if (!patient->recorded)
        return vh_engine_config(&patient->engine, guest, error);
    g_autofree char *text = vh_host_read(patient->engine.host, path, error);
    return text ? vh_config_parse(text, path, error) : NULL;
}

/* The domain's file beside the snapshot: HOST.json and HOST.xml. NULL when there is none. */
static char *xml_beside(const char *snapshot)
{
    const char *dot = strrchr(snapshot, '.');
    g_autofree char *stem = g_strndup(snapshot, dot ? (gsize)(dot - snapshot) : strlen(snapshot));
    char *path = g_strconcat(stem, ".xml", NULL);

    if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return path;
    g_free(path);
    return NULL;
}

static GBytes *load_xml(const Patient *patient, const char *guest, GError **error)
{
    const VhOptions *options = patient->options;
    g_autofree char *kept = g_strdup_printf("/etc/libvirt/qemu/%s.xml", guest);
    g_autofree char *beside = options->host && !options->xml ? xml_beside(options->host) : NULL;

    if (!patient->recorded || options->xml || beside)
        return vh_machine_domain_xml(guest, options->xml ? options->xml : beside, error);
    g_autofree char *text = vh_host_read(patient->engine.host, kept, error);
    return text ? g_bytes_new(text, strlen(text)) : NULL;
}

static void free_claim(gpointer claim)
{
    vh_claim_free(claim);
}

static void examine(Patient *patient, const char *guest)
{
    g_autoptr(GBytes) xml = load_xml(patient, guest, &patient->domain_error);
    gsize length = 0;
    const char *text = xml ? g_bytes_get_data(xml, &length) : NULL;

    patient->config = load_config(patient, guest, &patient->config_error);
    if (text)
        patient->domain = vh_domain_parse(text, length, &patient->domain_error);
    if (!patient->domain || (!patient->config && !vh_error_is_gone(patient->config_error))) {
        vh_error_set(&patient->plan_error, VH_ERROR_FAILED, "%s",
                     patient->domain ? "the per-VM file is wrong" : patient->domain_error->message);
        return;
    }
    g_autoptr(VhConfig) defaults =
        patient->config ? NULL : vh_config_parse("", "defaults", &patient->plan_error);
    g_autoptr(GPtrArray) claims =
        patient->recorded ? g_ptr_array_new_with_free_func(free_claim)
                          : vh_claims_of_others(&patient->engine, patient->domain->uuid);
    patient->plan = vh_plan_new(patient->engine.host, patient->config ? patient->config : defaults,
                                patient->domain, claims, &patient->plan_error);
}

/* ---- showing it ---- */

enum { WIDTH = 80 };

/* @text in lines of at most @width characters, broken between words. */
static char **wrap(const char *text, glong width)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    g_autoptr(GString) line = g_string_new(NULL);
    GPtrArray *lines = g_ptr_array_new();

    for (gsize i = 0; words[i]; i++) {
        if (line->len > 0 &&
            g_utf8_strlen(line->str, -1) + 1 + g_utf8_strlen(words[i], -1) > width) {
            g_ptr_array_add(lines, g_strdup(line->str));
            g_string_truncate(line, 0);
        }
        g_string_append_printf(line, "%s%s", line->len ? " " : "", words[i]);
    }
    g_ptr_array_add(lines, g_strdup(line->str));
    g_ptr_array_add(lines, NULL);
    return (char **)g_ptr_array_free(lines, FALSE);
}

static void add_row(GPtrArray *rows, const char *a, const char *b, const char *c)
{
    const char *const cells[] = {a, b, c, NULL};

    g_ptr_array_add(rows, g_strdupv((char **)(gsize)cells));
}

static void add_wrapped(GPtrArray *rows, glong indent, const char *mark, const char *text)
{
    g_auto(GStrv) lines = wrap(text, WIDTH - indent - (glong)strlen(mark));

    for (gsize i = 0; lines[i]; i++) {
        g_autofree char *line = g_strdup_printf("%*s%*s%s", (int)indent, "", (int)strlen(mark),
                                                i == 0 ? mark : "", lines[i]);
        add_row(rows, line, NULL, NULL);
    }
}

static void add_finding(GPtrArray *rows, const VhFinding *finding, glong titles)
{
    static const char *const marks[] = {"+ok", "unknown", "?warning", "!failure"};
    enum { STATE = 9, GAP = 2 };
    glong indent = STATE + titles + GAP;
    g_autofree char *what = g_strdelimit(g_strdup(finding->what), "\n\t", ' ');
    g_auto(GStrv) lines = wrap(what, WIDTH - indent);

    add_row(rows, marks[finding->state], finding->title, lines[0]);
    for (gsize i = 1; lines[i]; i++)
        add_wrapped(rows, indent, "", lines[i]);
    if (finding->state == VH_FINDING_OK)
        return;
    if (finding->state != VH_FINDING_UNKNOWN)
        add_wrapped(rows, STATE, "", finding->why);
    if (finding->mend)
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
        add_finding(rows, findings->pdata[i], titles);
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
    g_auto(Patient) patient = {.options = options, .recorded = options->host || options->root};

    patient.engine = (VhEngine){
        .host = vh_machine_host(options, &error), .hooks_dir = HOOKS_DIR, .state_dir = STATE_DIR};
    if (!patient.engine.host) {
        vh_report_error(guest, error);
        return EXIT_WILL_NOT_WORK;
    }
    patient.user = user_of(patient.engine.host, patient.recorded);
    if (guest)
        examine(&patient, guest);
    const VhCheck check = {
        .host = patient.engine.host,
        .hooks_dir = HOOKS_DIR,
        .engine = ENGINE,
        .user = patient.user,
        .guest = guest,
        .config = patient.config,
        .config_error = patient.config_error,
        .domain = patient.domain,
        .domain_error = patient.domain_error,
        .plan = patient.plan,
        .plan_error = patient.plan_error,
    };
    g_autoptr(GPtrArray) findings = vh_check_run(&check);
    if (options->json)
        vh_report_json(vh_check_variant(findings));
    else
        show(findings);
    return exit_of(findings);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "hook/patient.h"

#include <string.h>
#include <unistd.h>

#include "build-config.h"
#include "inspect/check.h"

void patient_clear(Patient *patient)
{
    vh_plan_free(patient->plan);
    vh_domain_free(patient->domain);
    vh_config_free(patient->config);
    g_clear_error(&patient->plan_error);
    g_clear_error(&patient->domain_error);
    g_clear_error(&patient->config_error);
    g_free(patient->state_dir);
    if (patient->engine.host)
        vh_host_free(patient->engine.host);
}

gboolean patient_admit(Patient *patient, const VhOptions *options, GError **error)
{
    patient->options = options;
    patient->recorded = options->host || options->root;
    if (!options->host)
        patient->state_dir = g_build_filename(options->root ? options->root : "/", STATE_DIR, NULL);
    patient->engine = (VhEngine){
        .host = vh_machine_host(options, error),
        .hooks_dir = HOOKS_DIR,
        .state_dir = patient->state_dir,
    };
    return patient->engine.host != NULL;
}

char *patient_xml_beside(const char *snapshot)
{
    const char *dot = strrchr(snapshot, '.');
    g_autofree char *stem = g_strndup(snapshot, dot ? (gsize)(dot - snapshot) : strlen(snapshot));
    char *path = g_strconcat(stem, ".xml", NULL);

    if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return path;
    g_free(path);
    return NULL;
}

/* As an ordinary user the child that asks libvirt would name its own verb, and not the one typed.
 */
static GBytes *libvirt_xml(const VhOptions *options, const char *guest, const char *path,
                           GError **error)
{
    if (path || geteuid() == 0)
        return vh_machine_domain_xml(guest, path, error);
    vh_error_set(error, VH_ERROR_DENIED, "libvirt is asked as root only: sudo virt-handoff %s %s",
                 options->verb, guest);
    return NULL;
}

GBytes *patient_xml(const Patient *patient, const char *guest, GError **error)
{
    const VhOptions *options = patient->options;
    g_autofree char *kept = g_strdup_printf("/etc/libvirt/qemu/%s.xml", guest);
    g_autofree char *beside =
        options->host && !options->xml ? patient_xml_beside(options->host) : NULL;

    if (!patient->recorded || options->xml || beside)
        return libvirt_xml(options, guest, options->xml ? options->xml : beside, error);
    g_autofree char *text = vh_host_read(patient->engine.host, kept, NULL);
    if (text)
        return g_bytes_new(text, strlen(text));
    vh_error_set(error, VH_ERROR_FAILED,
                 "the snapshot has no domain of guest %s: give its XML with --xml FILE", guest);
    return NULL;
}

gboolean patient_has_guest(const Patient *patient, const char *guest, GError **error)
{
    g_autofree char *file = g_strdup_printf(HOOKS_DIR "/kvm.conf.d/%s.conf", guest);
    g_autofree char *scripts = g_strdup_printf(HOOKS_DIR "/qemu.d/%s", guest);
    g_autofree char *definition = g_strdup_printf("/etc/libvirt/qemu/%s.xml", guest);
    const char *const places[] = {file, scripts, definition};

    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autoptr(GError) cause = NULL;
        VhFileInfo info;
        if (vh_host_stat(patient->engine.host, places[i], &info, &cause) ||
            !vh_error_is_gone(cause))
            return TRUE;
    }
    return vh_error_set(error, VH_ERROR_GONE, "there is no such guest: see virsh list --all");
}

static VhConfig *load_config(const Patient *patient, const char *guest, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/kvm.conf.d/%s.conf", HOOKS_DIR, guest);

    if (patient->options->config) {
        g_autofree char *given = g_canonicalize_filename(patient->options->config, NULL);
        return vh_config_load(given, error);
    }
    if (!patient->recorded)
        return vh_engine_config(&patient->engine, guest, error);
    g_autofree char *text = vh_host_read(patient->engine.host, path, error);
    return text ? vh_config_parse(text, path, error) : NULL;
}

void patient_examine(Patient *patient, const char *guest)
{
    g_autoptr(GBytes) xml = patient_xml(patient, guest, &patient->domain_error);
    gsize length = 0;
    const char *text = xml ? g_bytes_get_data(xml, &length) : NULL;

    patient->config = load_config(patient, guest, &patient->config_error);
    if (xml)
        patient->domain = vh_domain_parse(text, length, &patient->domain_error);
    if (!patient->domain || (!patient->config && !vh_error_is_gone(patient->config_error)))
        vh_error_set(&patient->plan_error, VH_ERROR_FAILED, "%s",
                     patient->domain ? "the per-VM file is wrong" : patient->domain_error->message);
    else
        patient->plan = vh_plan_for_guest(&patient->engine, patient->domain, patient->config,
                                          &patient->plan_error);
}

const GError *patient_error(const Patient *patient)
{
    if (patient->config_error && !vh_error_is_gone(patient->config_error))
        return patient->config_error;
    return patient->domain_error ? patient->domain_error : patient->plan_error;
}

/* Whose groups matter: who typed this, or else who has a desktop there. */
static char *user_of(const Patient *patient)
{
    const char *name = patient->recorded ? NULL : g_getenv("SUDO_USER");
    g_autoptr(GPtrArray) sessions = vh_host_sessions(patient->engine.host, NULL);

    for (guint i = 0; !name && sessions && i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (vh_session_is_graphical(session) && g_strcmp0(session->class, "user") == 0)
            name = session->user;
    }
    return g_strdup(name || patient->recorded ? name : g_get_user_name());
}

GPtrArray *patient_check(const Patient *patient, const char *guest)
{
    g_autofree char *user = user_of(patient);
    g_autoptr(GPtrArray) journals = vh_journal_list(&patient->engine, NULL);
    const VhCheck check = {
        .host = patient->engine.host,
        .hooks_dir = HOOKS_DIR,
        .engine = ENGINE,
        .user = user,
        .journals = journals,
        .guest = guest,
        .config = patient->config,
        .config_error = patient->config_error,
        .domain = patient->domain,
        .domain_error = patient->domain_error,
        .plan = patient->plan,
        .plan_error = patient->plan_error,
    };

    return vh_check_run(&check);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* This machine, as the verbs use it. */
#include <string.h>

#include "build-config.h"
#include "domain/libvirt.h"
#include "engine/call.h"
#include "hook/progress.h"
#include "hook/report.h"
#include "hook/verbs.h"
#include "host/log.h"
#include "host/real.h"
#include "sim/sim.h"

/* What the guest's scripts write, as its own. */
static void tell_of_guest(const VhEvent *event, gpointer guest)
{
    VhEvent told = *event;

    told.guest = guest;
    vh_log_journal(&told, NULL);
}

VhEngine vh_machine_engine(VhEventSink sink, const char *guest)
{
    const VhRealOptions options = {
        .hooksdir = HOOKS_DIR, .sink = tell_of_guest, .sink_data = (gpointer)(gsize)guest};

    vh_real_catch_signals();
    return (VhEngine){
        .host = vh_real_new(&options),
        .hooks_dir = HOOKS_DIR,
        .state_dir = STATE_DIR,
        .sink = sink,
    };
}

static GBytes *read_file(const char *path, GError **error)
{
    g_autoptr(GError) cause = NULL;
    char *text;
    gsize length;

    if (g_file_get_contents(path, &text, &length, &cause))
        return g_bytes_new_take(text, length);
    vh_error_set(error, VH_ERROR_FAILED, "%s", cause->message);
    return NULL;
}

VhHost *vh_machine_host(const VhOptions *options, GError **error)
{
    const VhRealOptions real = {.root = options->root, .hooksdir = HOOKS_DIR};
    g_autoptr(GBytes) snapshot = options->host ? read_file(options->host, error) : NULL;

    if (!options->host)
        return vh_real_new(&real);
    if (!snapshot)
        return NULL;
    g_autofree char *text = g_strndup(g_bytes_get_data(snapshot, NULL), g_bytes_get_size(snapshot));
    VhHost *host = vh_sim_new(text, error);
    if (!host)
        g_prefix_error(error, "%s: ", options->host);
    return host;
}

enum { PATIENCE = 10 };

/* What the child said is what went wrong; that it was one of ours that did so, nobody needs to
 * know. */
static void explain(GError *cause, GError **error)
{
    static const char said[] = ": virt-handoff: ";
    const char *text = strstr(cause->message, said);

    if (vh_error_is_timeout(cause))
        vh_error_set(error, VH_ERROR_TIMEOUT, "libvirt did not answer within %d s", PATIENCE);
    else
        vh_error_set(error, VH_ERROR_FAILED, "%s", text ? text + strlen(said) : cause->message);
    g_error_free(cause);
}

/* Runs ourselves with a hidden verb, as libvirt's calls know no time limit. VH_ERROR_GONE when
 * there is no such guest: then the child has nothing to say. */
static GBytes *ask_libvirt(VhHost *host, const char *verb, const char *guest, GBytes *input,
                           GError **error)
{
    GError *cause = NULL;
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    const char *const argv[] = {self ? self : ENGINE, verb, guest ? "--" : NULL, guest, NULL};
    /* What it says is in the error, and whoever gets that decides what is logged. */
    const VhCommand command = {.argv = argv, .input = input, .quiet = TRUE};
    GBytes *xml = NULL;

    vh_progress("waiting for libvirt");
    gint64 deadline = vh_host_now(host) + PATIENCE * G_USEC_PER_SEC;
    gboolean ok = vh_host_run(host, &command, deadline, &xml, &cause);
    vh_progress("goes on");
    if (!ok)
        explain(cause, error);
    if (!ok || !guest || g_bytes_get_size(xml) > 0)
        return ok ? xml : NULL;
    g_bytes_unref(xml);
    vh_libvirt_unknown(guest, error);
    return NULL;
}

GBytes *vh_machine_domain_xml(const char *guest, const char *path, GError **error)
{
    const VhRealOptions options = {.hooksdir = HOOKS_DIR};
    g_autoptr(VhHost) host = vh_real_new(&options);
    g_autoptr(GError) cause = NULL;
    GBytes *xml;

    if (path)
        return read_file(path, error);
    xml = ask_libvirt(host, "domain-xml", guest, NULL, &cause);
    if (!xml && !strchr(guest, '/')) {
        g_autofree char *kept = g_strdup_printf("/etc/libvirt/qemu/%s.xml", guest);
        xml = read_file(kept, NULL);
    }
    if (!xml)
        g_propagate_error(error, g_steal_pointer(&cause));
    return xml;
}

GBytes *vh_machine_definition(const char *guest, const char *path, GError **error)
{
    const VhRealOptions options = {.hooksdir = HOOKS_DIR};
    g_autoptr(VhHost) host = vh_real_new(&options);

    return path ? read_file(path, error) : ask_libvirt(host, "definition", guest, NULL, error);
}

gboolean vh_machine_define(const char *xml, GError **error)
{
    const VhRealOptions options = {.hooksdir = HOOKS_DIR};
    g_autoptr(VhHost) host = vh_real_new(&options);
    g_autoptr(GBytes) input = g_bytes_new(xml, strlen(xml));
    g_autoptr(GBytes) output = ask_libvirt(host, "define-xml", NULL, input, error);

    return output != NULL;
}

void vh_machine_tell(const VhEvent *event, gpointer data)
{
    g_autofree char *text = g_strdup_printf("goes on; the last was: %s", event->text);
    gboolean *refused = data;

    if (event->kind == VH_EVENT_REFUSED && refused)
        *refused = TRUE;
    else
        vh_report_event(event, NULL);
    vh_log_journal(event, NULL);
    vh_progress(text);
}

int vh_machine_answer(const char *operation, const char *suboperation, const char *guest,
                      GBytes *xml, gboolean force)
{
    VhEngine engine = vh_machine_engine(vh_machine_tell, guest);
    g_autoptr(VhHost) host = engine.host;
    g_autoptr(GBytes) output = NULL;
    g_autoptr(GError) error = NULL;
    gboolean refused = FALSE;
    const VhCall call = {
        .guest = guest,
        .operation = operation,
        .suboperation = suboperation,
        .extra = "-",
        .xml = xml,
        .by_hand = TRUE,
        .force = force,
    };

    engine.sink_data = &refused;
    if (vh_call_answer(&engine, &call, &output, &error))
        return VH_EXIT_OK;
    if (refused)
        g_prefix_error(&error, "not started, nothing was touched: ");
    vh_report_error(guest, error);
    return VH_EXIT_FAILED;
}

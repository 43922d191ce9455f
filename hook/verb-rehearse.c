// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rehearse [GUEST]: the real engine and steps on a simulated host: prepare, the guest runs,
 * release; as all goes well, or as something goes wrong. Nothing of this machine is touched.
 */
#include <string.h>

#include "base/json.h"
#include "build-config.h"
#include "engine/call.h"
#include "hook/patient.h"
#include "hook/report.h"
#include "hook/scratch.h"
#include "hook/verbs.h"
#include "inspect/snapshot.h"
#include "sim/mortal.h"

#define SAMPLE DATA_DIR "/hosts/nvidia-desktop.json"
#define SAMPLE_GUEST "win10"

/* ---- which host, which guest ---- */

/* What is rehearsed: a simulated host and a guest. */
typedef struct {
    VhHost *host;
    GBytes *xml;
    VhDomain *domain;
    char *guest;
    char *about;      /* what the host is, for people */
    gboolean unknown; /* libvirt answers, and has no such guest */
} Stage;

static void stage_clear(Stage *stage)
{
    g_clear_pointer(&stage->host, vh_host_free);
    g_clear_pointer(&stage->xml, g_bytes_unref);
    g_clear_pointer(&stage->domain, vh_domain_free);
    g_clear_pointer(&stage->guest, g_free);
    g_clear_pointer(&stage->about, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

static gboolean parse_domain(Stage *stage, GError **error)
{
    stage->domain =
        vh_domain_parse(g_bytes_get_data(stage->xml, NULL), g_bytes_get_size(stage->xml), error);
    if (stage->domain && !stage->guest)
        stage->guest = g_strdup(stage->domain->name);
    return stage->domain != NULL;
}

/* The host of snapshot @path, and the domain of --xml, beside it or in it. */
static gboolean stage_snapshot(Stage *stage, const VhOptions *options, const char *path,
                               GError **error)
{
    VhOptions chosen = *options;
    g_auto(Patient) patient = {0};

    chosen.host = (char *)(gsize)path;
    if (!patient_admit(&patient, &chosen, error))
        return FALSE;
    stage->xml = patient_xml(&patient, stage->guest ? stage->guest : SAMPLE_GUEST, error);
    stage->host = g_steal_pointer(&patient.engine.host);
    stage->about = g_strdup_printf("host %s", path);
    return stage->xml && parse_domain(stage, error);
}

static gboolean stage_domain(Stage *stage, const Patient *patient, GError **error)
{
    g_autoptr(GError) cause = NULL;

    stage->xml = patient_xml(patient, stage->guest, &cause);
    stage->unknown = vh_error_is_gone(cause);
    if (stage->xml)
        return parse_domain(stage, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

/* This host as it is now, or that below --root; FALSE with the reason when it cannot be rehearsed
 * on. */
static gboolean stage_this(Stage *stage, const VhOptions *options, GError **error)
{
    g_auto(Patient) patient = {0};

    if (!patient_admit(&patient, options, error))
        return FALSE;
    g_autoptr(GPtrArray) functions = vh_host_pci_list(patient.engine.host, error);
    if (!functions)
        return FALSE;
    if (functions->len == 0)
        return vh_error_set(error, VH_ERROR_UNSUPPORTED, "this host has no PCI device");
    if (!stage_domain(stage, &patient, error))
        return FALSE;
    GVariant *snapshot = vh_snapshot_take(patient.engine.host, stage->domain, error);
    if (!snapshot)
        return FALSE;
    g_autofree char *text = vh_json_line(snapshot);
    stage->host = vh_sim_new(text, error);
    stage->about = options->root ? g_strdup_printf("copy of the host below %s", options->root)
                                 : g_strdup("copy of this host as it is now");
    return stage->host != NULL;
}

static gboolean stage_set(Stage *stage, const VhOptions *options, const char *guest, GError **error)
{
    g_autoptr(GError) cause = NULL;

    stage->guest = g_strdup(guest);
    if (options->host)
        return stage_snapshot(stage, options, options->host, error);
    if (guest && stage_this(stage, options, &cause))
        return TRUE;
    /* The sample is for who has no such host: it would hide a slip in the name. */
    if (options->root || stage->unknown) {
        vh_error_set(error, VH_ERROR_FAILED, "%s",
                     cause ? cause->message : "rehearse --root takes a guest");
        return FALSE;
    }
    stage_clear(stage);
    stage->guest = g_strdup(guest);
    if (cause)
        vh_report_wrapped(0, "", "Not on this host: %s. On a sample instead:", cause->message);
    return stage_snapshot(stage, options, SAMPLE, error);
}

/* ---- what goes wrong ---- */

/* A process of that name, in a unit of its own, has a node of the guest's devices open. */
static gboolean hold(const Stage *stage, const char *command, GError **error)
{
    g_autofree char *unit = g_strconcat(command, ".service", NULL);

    for (guint i = 0; i < stage->domain->devices->len; i++) {
        const VhDomainDevice *device = stage->domain->devices->pdata[i];
        g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(stage->host, device->address, NULL);
        for (guint j = 0; nodes && j < nodes->len; j++) {
            const VhNode *node = nodes->pdata[j];
            if (!node->blocks || vh_sim_process_add(stage->host, command, 0, unit, node->path) == 0)
                continue;
            vh_report_text("%s (unit %s) holds %s\n", command, unit, node->path);
            return TRUE;
        }
    }
    return vh_error_set(error, VH_ERROR_FAILED, "no device of %s has a node that %s could hold",
                        stage->guest, command);
}

static VhEngine engine_on(VhHost *host, const Scratch *scratch, VhEventSink sink)
{
    return (VhEngine){
        .host = host,
        .hooks_dir = scratch->hooks,
        .trusted = scratch->dir,
        .state_dir = scratch->state,
        .sink = sink,
    };
}

static gboolean call(const VhEngine *engine, const char *guest, const char *operation, GBytes *xml,
                     GError **error)
{
    g_autoptr(GBytes) output = NULL;
    const VhCall call = {.guest = guest,
                         .operation = operation,
                         .suboperation = g_str_equal(operation, "release") ? "end" : "begin",
                         .extra = "-",
                         .xml = xml};

    return vh_call_answer(engine, &call, &output, error);
}

/* Whether an act of this rehearsal has @step in it: tried on a copy of the host. */
static gboolean has_step(const Stage *stage, const VhOptions *options, const char *step,
                         GError **error)
{
    g_auto(Scratch) scratch = {0};
    g_autoptr(VhHost) host = vh_sim_copy(stage->host);

    if (!scratch_make(&scratch, stage->guest, options, error))
        return FALSE;
    const VhEngine engine = engine_on(host, &scratch, NULL);
    vh_sim_set_guest_running(host, stage->guest,
                             call(&engine, stage->guest, "prepare", stage->xml, NULL));
    vh_sim_set_guest_running(host, stage->guest, FALSE);
    (void)call(&engine, stage->guest, "release", stage->xml, NULL);
    const GPtrArray *acts = vh_sim_trace(host);
    for (guint i = 0; i < acts->len; i++)
        if (strstr(acts->pdata[i], step))
            return TRUE;
    vh_report_text("The acts of this rehearsal:\n");
    for (guint i = 0; i < acts->len; i++)
        vh_report_text("  %s\n", (char *)acts->pdata[i]);
    return vh_error_set(error, VH_ERROR_FAILED,
                        "none of them has \"%s\" in it: name one, or a part of one", step);
}

static void add_program(VhHost *here, VhHost *there, const char *path)
{
    g_autoptr(GError) cause = NULL;

    if (vh_host_program_usable(there, path, NULL))
        return;
    gboolean usable = vh_host_program_usable(here, path, &cause);
    if (usable || !vh_error_is_gone(cause))
        vh_sim_program_add(there, path, !usable);
}

/* The programs of the guest's commands are taken from this host; they will not be run. A file that
 * cannot be read is for the engine to tell. */
static void add_programs(const Stage *stage, const VhOptions *options, const Scratch *scratch)
{
    const VhOptions this = {.root = options->root};
    g_autoptr(VhHost) here = vh_machine_host(&this, NULL);
    g_autoptr(VhConfig) config = vh_config_load_below(scratch->dir, scratch->config, NULL);

    for (guint i = 0; config && i < config->commands->len; i++) {
        const VhConfigCommand *command = config->commands->pdata[i];
        add_program(here, stage->host, command->run[0]);
        if (command->undo)
            add_program(here, stage->host, command->undo[0]);
    }
}

static gboolean arm(const Stage *stage, const VhOptions *options, GError **error)
{
    const char *step = options->fail ? options->fail : options->kill;

    if (options->fail && options->kill)
        return vh_error_set(error, VH_ERROR_USAGE, "--fail and --kill: one of them at a time");
    if (options->hold && !hold(stage, options->hold, error))
        return FALSE;
    if (step && !has_step(stage, options, step, error))
        return FALSE;
    if (options->fail)
        vh_sim_set_fault_at(stage->host, options->fail, VH_SIM_FAIL);
    return TRUE;
}

/* ---- the rehearsal ---- */

/* What differs between two states, a line each; TRUE when nothing does. */
static gboolean report_difference(const char *before, const char *after)
{
    g_auto(GStrv) old = g_strsplit(before, "\n", -1);
    g_auto(GStrv) new = g_strsplit(after, "\n", -1);
    gboolean same = TRUE;

    for (gsize i = 0; old[i]; i++)
        if (*old[i] && !g_strv_contains((const char *const *)new, old[i])) {
            vh_report_text("  missing: %s\n", old[i]);
            same = FALSE;
        }
    for (gsize i = 0; new[i]; i++)
        if (*new[i] && !g_strv_contains((const char *const *)old, new[i])) {
            vh_report_text("  new:     %s\n", new[i]);
            same = FALSE;
        }
    return same;
}

typedef struct {
    Stage *stage;
    const VhOptions *options;
    VhEngine engine;
    gboolean killed; /* it happens once */
} Rehearsal;

/* One call of the engine that may be killed in the midst of it. */
typedef struct {
    Rehearsal *rehearsal;
    const char *operation;
} MortalCall;

static gboolean call_mortal(gpointer data, GError **error)
{
    const MortalCall *mortal = data;
    const Rehearsal *rehearsal = mortal->rehearsal;

    return call(&rehearsal->engine, rehearsal->stage->guest, mortal->operation,
                rehearsal->stage->xml, error);
}

static gboolean act(Rehearsal *rehearsal, const char *operation)
{
    const char *guest = rehearsal->stage->guest;
    gint64 begin = vh_host_now(rehearsal->engine.host);
    g_autoptr(GError) error = NULL;
    gboolean ok = FALSE, died = FALSE;

    vh_report_text("%s %s\n", operation, guest);
    if (rehearsal->options->kill && !rehearsal->killed) {
        MortalCall mortal = {rehearsal, operation};
        const VhSimDeath death = {.step = rehearsal->options->kill};
        ok = vh_sim_mortal(&rehearsal->stage->host, &death, call_mortal, &mortal, &died, &error);
        rehearsal->engine.host = rehearsal->stage->host;
    } else {
        ok = call(&rehearsal->engine, guest, operation, rehearsal->stage->xml, &error);
    }
    rehearsal->killed |= died;
    vh_report_text("%s: %s after %.3f s (simulated time)\n", operation,
                   ok     ? "done"
                   : died ? "killed in the midst of it"
                          : "failed",
                   (double)(vh_host_now(rehearsal->engine.host) - begin) / G_USEC_PER_SEC);
    if (error)
        vh_report_wrapped(2, "", "%s", error->message);
    return ok;
}

/* The login and what belongs to it come back by themselves; that takes a while. */
static char *state_at_rest(VhHost *host)
{
    enum { REST = 60 };
    gint64 end = vh_host_now(host) + (gint64)REST * G_USEC_PER_SEC;

    while (vh_host_now(host) < end)
        vh_host_wait(host, NULL, end - vh_host_now(host));
    return vh_sim_state(host);
}

static int rehearse(Rehearsal *rehearsal)
{
    VhEngine *engine = &rehearsal->engine;
    const char *guest = rehearsal->stage->guest;
    g_autofree char *before = state_at_rest(engine->host);
    gboolean prepared = act(rehearsal, "prepare");

    if (prepared) {
        vh_sim_set_guest_running(engine->host, guest, TRUE);
        (void)call(engine, guest, "started", rehearsal->stage->xml, NULL);
        vh_report_text("%s runs with its devices\n", guest);
        vh_sim_set_guest_running(engine->host, guest, FALSE);
    }
    gboolean killed = rehearsal->killed;
    gboolean released = act(rehearsal, "release");
    /* Killed in prepare, libvirt calls release; killed in release, it begins again (guard.h). */
    if (rehearsal->killed && !killed)
        released = act(rehearsal, "release");
    g_autofree char *after = state_at_rest(engine->host);
    gboolean same = report_difference(before, after);
    vh_report_text("%s\n", same ? "The host is as it was." : "The host is not as it was.");
    gboolean trouble =
        rehearsal->options->fail || rehearsal->options->kill || rehearsal->options->hold;
    return (trouble || (prepared && released)) && same ? VH_EXIT_OK : VH_EXIT_FAILED;
}

int vh_verb_rehearse(int argc, char **argv, const VhOptions *options)
{
    const char *guest = argc > 0 ? argv[0] : NULL;
    g_auto(Scratch) scratch = {0};
    g_auto(Stage) stage = {0};
    g_autoptr(GError) error = NULL;

    gboolean ready = stage_set(&stage, options, guest, &error) &&
                     scratch_make(&scratch, stage.guest, options, &error);
    if (ready)
        add_programs(&stage, options, &scratch);
    if (!ready || !arm(&stage, options, &error)) {
        return vh_report_failure(stage.guest, error);
    }
    vh_report_text("Simulated %s; nothing of this machine is touched.\n", stage.about);
    Rehearsal rehearsal = {&stage, options, engine_on(stage.host, &scratch, vh_report_event),
                           FALSE};
    return rehearse(&rehearsal);
}

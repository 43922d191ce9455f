// SPDX-License-Identifier: GPL-2.0-or-later
/* The user's commands of the per-VM file: those of prepare are steps of the plan, those of the
 * other operations run when libvirt calls. */
#include <syslog.h>
#include <unistd.h>

#include "engine/call-private.h"
#include "engine/plan-private.h"
#include "engine/run.h"

#define PREPARE "prepare"

/* ---- commands as steps ---- */

/* The domain's devices or those of the file, in their order. */
static char *devices_of(const VhConfig *config, const VhDomain *domain)
{
    if (config->devices == VH_CHOICE_LIST)
        return g_strjoinv(" ", config->device_list);
    GString *list = g_string_new(NULL);
    for (guint i = 0; domain && i < domain->devices->len; i++)
        g_string_append_printf(list, "%s%s", list->len > 0 ? " " : "",
                               ((const VhDomainDevice *)domain->devices->pdata[i])->address);
    return g_string_free(list, FALSE);
}

static const char *suboperation_of(const char *operation)
{
    static const char *const ends[] = {"stopped", "release", NULL};

    return g_strv_contains(ends, operation) ? "end" : "begin";
}

/* @domain may be NULL. */
static VhStep *command_step(const VhConfigCommand *command, const char *guest,
                            const VhConfig *config, const VhDomain *domain)
{
    g_autofree char *devices = devices_of(config, domain);
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "operation", "s", command->at);
    g_variant_dict_insert(&dict, "suboperation", "s", suboperation_of(command->at));
    g_variant_dict_insert(&dict, "run", "^as", command->run);
    if (command->undo)
        g_variant_dict_insert(&dict, "undo", "^as", command->undo);
    g_variant_dict_insert(&dict, "timeout", "x", (gint64)command->timeout);
    g_variant_dict_insert(&dict, "guest", "s", guest);
    g_variant_dict_insert(&dict, "uuid", "s", domain ? domain->uuid : "");
    g_variant_dict_insert(&dict, "devices", "s", devices);
    return vh_step_new(command->undo ? &vh_step_command_undo : &vh_step_command, command->run[0],
                       g_variant_dict_end(&dict));
}

/* ---- planning ---- */

static void check_program(VhPlanning *planning, const VhConfigCommand *command, const char *path)
{
    g_autoptr(GError) error = NULL;

    if (vh_host_program_usable(planning->host, path, &error))
        return;
    vh_plan_refuse(planning, "commands: a program of \"%s\" cannot be run: %s", command->at,
                   error->message);
}

void vh_plan_check_commands(VhPlanning *planning)
{
    static const char *const journaled[] = {PREPARE, "start", "started", NULL};
    const GPtrArray *commands = planning->config->commands;

    for (guint i = 0; i < commands->len; i++) {
        const VhConfigCommand *command = commands->pdata[i];
        check_program(planning, command, command->run[0]);
        if (command->undo && g_strv_contains(journaled, command->at))
            check_program(planning, command, command->undo[0]);
        else if (command->undo)
            vh_plan_refuse(
                planning,
                "commands: the undo of %s would never run, as \"%s\" is not undone: only "
                "what ran at prepare, start or started is",
                command->run[0], command->at);
    }
}

void vh_plan_commands(VhPlanning *planning)
{
    VhPlan *plan = planning->plan;
    const GPtrArray *commands = planning->config->commands;

    for (guint i = 0; i < commands->len; i++) {
        const VhConfigCommand *command = commands->pdata[i];
        GPtrArray *list = g_str_equal(command->at, PREPARE) ? plan->steps : plan->later;
        g_ptr_array_add(list,
                        command_step(command, plan->guest, planning->config, planning->domain));
    }
}

/* ---- at other operations ---- */

static gboolean is_at(const VhConfigCommand *command, const VhCall *call)
{
    return g_str_equal(command->at, call->operation);
}

static gboolean any_at(const VhCall *call, const VhConfig *config)
{
    for (guint i = 0; i < config->commands->len; i++)
        if (is_at(config->commands->pdata[i], call))
            return TRUE;
    return FALSE;
}

static GPtrArray *steps_at(const VhCall *call, const VhConfig *config, const VhDomain *domain)
{
    GPtrArray *steps = g_ptr_array_new_with_free_func((GDestroyNotify)vh_step_free);

    for (guint i = 0; i < config->commands->len; i++) {
        const VhConfigCommand *command = config->commands->pdata[i];
        if (is_at(command, call))
            g_ptr_array_add(steps, command_step(command, call->guest, config, domain));
    }
    return steps;
}

/* What there is no journal for: nothing of it will be undone. */
static gboolean run_alone(const VhTeller *teller, const GPtrArray *steps, gint64 deadline,
                          gboolean to_the_end, GError **error)
{
    VhHost *host = teller->engine->host;
    const VhStepContext context = {.host = host, .deadline = deadline, .act_deadline = deadline};

    for (guint i = 0; i < steps->len; i++) {
        const VhStep *step = steps->pdata[i];
        g_autofree char *what = step->kind->describe(step->args);
        g_autoptr(GError) cause = NULL;
        gint64 begin = vh_host_now(host);
        gboolean ok = step->kind->apply(&context, step->args, NULL, &cause);
        vh_tell(teller, ok ? VH_EVENT_STEP : VH_EVENT_NOTE, ok ? LOG_INFO : LOG_WARNING,
                step->kind->name, step->subject, vh_host_now(host) - begin, cause, "%s",
                ok ? what : cause->message);
        if (ok || to_the_end)
            continue;
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    return TRUE;
}

/* Into the guest's journal, so that what has an undo is undone with all the rest. */
static gboolean run_journaled(const VhTeller *teller, const char *uuid, GPtrArray *steps,
                              gint64 deadline, GError **error)
{
    int lock = vh_lock_take(teller->engine, deadline, error);
    VhTeller told = *teller;
    gboolean ok = FALSE;

    if (lock < 0)
        return FALSE;
    g_autoptr(VhJournal) journal = vh_journal_open(teller->engine, uuid, NULL);
    if (journal) {
        told.uuid = journal->uuid;
        told.transaction = journal->transaction;
        ok = vh_run_steps(&told, journal, steps, deadline, deadline, error);
    } else {
        ok = run_alone(&told, steps, deadline, FALSE, error);
    }
    (void)close(lock);
    return ok;
}

static gboolean any_undo(const GPtrArray *steps)
{
    for (guint i = 0; i < steps->len; i++)
        if (((const VhStep *)steps->pdata[i])->kind->undo)
            return TRUE;
    return FALSE;
}

gboolean vh_plan_needs_journal(const VhPlan *plan)
{
    return plan->steps->len > 0 || any_undo(plan->later);
}

static gboolean run_commands(const VhTeller *teller, const VhCall *call, gint64 deadline,
                             gboolean to_the_end, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(VhConfig) config = vh_engine_config(teller->engine, call->guest, &cause);

    if (!config && vh_error_is_gone(cause))
        return TRUE;
    /* Prepare refuses such a file; later, a slip in it must not cost the guest that runs. */
    if (!config) {
        vh_tell(teller, VH_EVENT_NOTE, LOG_WARNING, "command", NULL, -1, cause,
                "no command was run: %s", cause->message);
        return TRUE;
    }
    if (!any_at(call, config))
        return TRUE;
    g_autoptr(VhDomain) domain = vh_call_domain(call, NULL);
    g_autoptr(GPtrArray) steps = steps_at(call, config, domain);
    if (domain && any_undo(steps))
        return run_journaled(teller, domain->uuid, steps, deadline, error);
    return run_alone(teller, steps, deadline, to_the_end, error);
}

gboolean vh_call_commands(const VhTeller *teller, const VhCall *call, gint64 deadline,
                          GError **error)
{
    return run_commands(teller, call, deadline, FALSE, error);
}

void vh_call_all_commands(const VhTeller *teller, const VhCall *call, gint64 deadline)
{
    g_autoptr(GError) error = NULL;

    if (!run_commands(teller, call, deadline, TRUE, &error))
        vh_tell(teller, VH_EVENT_NOTE, LOG_WARNING, "command", NULL, -1, error,
                "no command was run: %s", error->message);
}

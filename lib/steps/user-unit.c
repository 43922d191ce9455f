// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A unit of a user's own manager is stopped: a desktop's or a sound server's. It is started again
 * only in the very manager that it was stopped in: another one, after a new login, has started by
 * itself what it wants.
 */
#include "steps/unit.h"

#include "base/json.h"

static VhProcess manager_in(GVariant *prior)
{
    return (VhProcess){(pid_t)vh_json_int(prior, "pid", 0),
                       (guint64)vh_json_int(prior, "start", 0)};
}

/* The unit as it is now, NULL when it or the manager is not there, or with an error. */
static VhUnit *look_at(VhHost *host, GVariant *args, VhProcess *ret_manager, GError **error)
{
    const char *const name[] = {vh_json_string(args, "unit", ""), NULL};
    uid_t uid = (uid_t)vh_json_int(args, "uid", -1);
    g_autoptr(GPtrArray) units = vh_host_user_units(host, uid, name, ret_manager, error);

    return units && units->len > 0 ? g_ptr_array_steal_index(units, 0) : NULL;
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    g_autoptr(GError) cause = NULL;
    VhProcess manager;
    g_autoptr(VhUnit) unit = look_at(context->host, args, &manager, &cause);

    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    if (unit && vh_step_unit_runs(unit))
        *ret_prior = g_variant_new_parsed("{'pid': <%x>, 'start': <%x>}", (gint64)manager.pid,
                                          (gint64)manager.start_time);
    return TRUE;
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    const char *unit = vh_json_string(args, "unit", ""), *user = vh_json_string(args, "user", "?");
    g_autoptr(GError) cause = NULL;

    if (vh_host_user_unit_stop(context->host, (uid_t)vh_json_int(args, "uid", -1), unit,
                               context->deadline, &cause) ||
        vh_error_is_gone(cause))
        return TRUE;
    g_propagate_prefixed_error(
        error, g_steal_pointer(&cause),
        "cannot stop %s of %s (see: systemctl --user -M %s@ status %s): ", unit, user, user, unit);
    return FALSE;
}

gboolean vh_step_user_unit_again(const VhStepContext *context, GVariant *args, GVariant *prior,
                                 GError **error)
{
    const char *unit = vh_json_string(args, "unit", "");
    VhProcess manager;

    if (!vh_host_process_alive(context->host, manager_in(prior)) || vh_host_stopping(context->host))
        return TRUE;
    g_autoptr(VhUnit) now = look_at(context->host, args, &manager, NULL);
    if (!now || g_strcmp0(now->load, "loaded") != 0 || vh_step_unit_runs(now))
        return TRUE;
    if (vh_host_user_unit_start(context->host, (uid_t)vh_json_int(args, "uid", -1), unit,
                                context->act_deadline, error))
        return TRUE;
    g_prefix_error(error, "cannot start %s of %s: ", unit, vh_json_string(args, "user", "?"));
    return FALSE;
}

static char *describe(GVariant *args)
{
    return g_strdup_printf("stop %s of %s", vh_json_string(args, "unit", "?"),
                           vh_json_string(args, "user", "?"));
}

static char *describe_undo(GVariant *args)
{
    return g_strdup_printf("start %s of %s, if its manager still runs",
                           vh_json_string(args, "unit", "?"), vh_json_string(args, "user", "?"));
}

const VhStepKind vh_step_user_unit = {
    .name = "user-unit",
    .title = "users' units",
    .undo_grade = VH_UNDO_PARTIAL,
    .look = look,
    .apply = apply,
    .undo = vh_step_user_unit_again,
    .describe = describe,
    .describe_undo = describe_undo,
};

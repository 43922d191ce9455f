// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Services that have a device open are stopped as units, so that systemd does not start them again
 * meanwhile and we can afterwards: nvidia-powerd, ollama, coolercontrold, whatever it is. They are
 * found by what they hold. What the plan saw is only shown; which ones are stopped is looked up
 * when it is this step's turn, and it is those that the journal has. One that comes later still is
 * a process like any other to the step after this one (steps/holders.c).
 */
#include "base/json.h"
#include "base/text.h"
#include "steps/holding.h"
#include "steps/unit.h"

typedef struct {
    const VhStepContext *context;
    char *manager;         /* unit of the display manager, or NULL */
    GPtrArray *sessions;   /* VhSession */
    GPtrArray *units;      /* char *: system services, borrowed */
    GPtrArray *user_units; /* GVariant *: { uid, user, unit, pid, start } */
} Found;

static void say(const Found *self, const VhHolder *holder, const char *unit)
{
    g_autofree char *what = vh_holding_describe(holder);

    vh_step_note(self->context, "%s: stopping %s", what, unit);
}

static gboolean has_user_unit(const Found *self, const VhHolder *holder)
{
    for (guint i = 0; i < self->user_units->len; i++) {
        GVariant *unit = self->user_units->pdata[i];
        if (vh_json_int(unit, "uid", -1) == holder->uid &&
            g_str_equal(vh_json_string(unit, "unit", ""), holder->user_unit))
            return TRUE;
    }
    return FALSE;
}

static void add_user_unit(Found *self, const VhHolder *holder)
{
    const char *const name[] = {holder->user_unit, NULL};
    VhProcess manager;
    g_autoptr(GPtrArray) units =
        vh_host_user_units(self->context->host, holder->uid, name, &manager, NULL);

    /* A manager that does not answer: it is a process like any other then. */
    if (!units || manager.pid == 0 || has_user_unit(self, holder))
        return;
    say(self, holder, holder->user_unit);
    GVariant *unit = g_variant_new_parsed(
        "{'uid': <%x>, 'user': <%s>, 'unit': <%s>, 'pid': <%x>, 'start': <%x>}",
        (gint64)holder->uid, holder->user, holder->user_unit, (gint64)manager.pid,
        (gint64)manager.start_time);
    g_ptr_array_add(self->user_units, g_variant_ref_sink(unit));
}

static void sort_in(Found *self, const VhHolder *holder)
{
    VhHost *host = self->context->host;
    const char *unit = vh_holding_service(host, holder, self->manager);

    if (vh_holding_is_user_service(host, holder, self->sessions))
        add_user_unit(self, holder);
    if (!unit || g_ptr_array_find_with_equal_func(self->units, unit, g_str_equal, NULL))
        return;
    say(self, holder, unit);
    g_ptr_array_add(self->units, (gpointer)unit);
}

static GVariant *prior_of(const Found *self)
{
    GVariantBuilder user_units;

    g_variant_builder_init(&user_units, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < self->user_units->len; i++)
        g_variant_builder_add_value(&user_units, self->user_units->pdata[i]);
    return g_variant_new_parsed(
        "{'units': <%@as>, 'user_units': <%@aa{sv}>}",
        g_variant_new_strv((const char *const *)self->units->pdata, (gssize)self->units->len),
        g_variant_builder_end(&user_units));
}

static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    g_auto(GStrv) addresses = vh_json_strings(args, "addresses");
    g_autoptr(GPtrArray) sessions = vh_host_sessions(context->host, error);
    g_autoptr(GPtrArray) units = g_ptr_array_new();
    g_autoptr(GPtrArray) user_units =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    g_autofree char *manager = vh_holding_manager(context->host);
    g_autoptr(GPtrArray) holders =
        sessions ? vh_holding_find(context->host, (const char *const *)addresses, error) : NULL;
    Found found = {context, manager, sessions, units, user_units};

    if (!holders)
        return FALSE;
    for (guint i = 0; i < holders->len; i++)
        sort_in(&found, holders->pdata[i]);
    if (units->len > 0 || user_units->len > 0)
        *ret_prior = prior_of(&found);
    return TRUE;
}

static gboolean stop_user_unit(const VhStepContext *context, GVariant *unit, GError **error)
{
    return vh_host_user_unit_stop(context->host, (uid_t)vh_json_int(unit, "uid", -1),
                                  vh_json_string(unit, "unit", ""), context->deadline, error);
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    g_auto(GStrv) units = vh_json_strings(prior, "units");
    g_autoptr(GPtrArray) user_units = vh_json_objects(prior, "user_units");

    for (char **unit = units; *unit; unit++)
        if (!vh_host_unit_stop(context->host, *unit, context->deadline, error)) {
            g_prefix_error(error, "cannot stop %s (see: systemctl status %s): ", *unit, *unit);
            return FALSE;
        }
    /* Those that do not stop are ended as processes. */
    for (guint i = 0; i < user_units->len; i++) {
        g_autoptr(GError) cause = NULL;
        if (!stop_user_unit(context, user_units->pdata[i], &cause))
            vh_step_note(context, "cannot stop %s: %s",
                         vh_json_string(user_units->pdata[i], "unit", "?"), cause->message);
    }
    return TRUE;
}

/* One that does not start keeps none of the others down. */
static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    g_auto(GStrv) units = vh_json_strings(prior, "units");
    g_autoptr(GPtrArray) user_units = vh_json_objects(prior, "user_units");
    gboolean good = TRUE;

    for (guint i = user_units->len; i-- > 0;) {
        g_autoptr(GError) cause = NULL;
        GVariant *unit = user_units->pdata[i];
        if (!vh_step_user_unit_again(context, unit, unit, &cause))
            vh_step_note(context, "%s", cause->message);
    }
    for (gsize i = g_strv_length(units); i-- > 0;)
        good = vh_step_unit_again(context, units[i], good ? error : NULL) && good;
    return good;
}

static char *describe(GVariant *args)
{
    g_auto(GStrv) addresses = vh_json_strings(args, "addresses");
    g_auto(GStrv) now = vh_json_strings(args, "now");
    g_autofree char *list = vh_text_list((const char *const *)addresses);
    g_autofree char *services = vh_text_list((const char *const *)now);

    return g_strdup_printf("stop the services that have %s open (now %s)", list,
                           *services ? services : "none");
}

static char *describe_undo(GVariant *args)
{
    return g_strdup("start the services that were stopped for it");
}

const VhStepKind vh_step_services = {
    .name = "services",
    .title = "services",
    .undo_grade = VH_UNDO_FULL,
    .look = look,
    .apply = apply,
    .undo = undo,
    .describe = describe,
    .describe_undo = describe_undo,
};

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program of the user's runs. All that its undo needs is in the arguments, hence in the journal:
 * the per-VM file may be another one by then. The program is looked at again right before it runs,
 * as that may be another one, too.
 */
#include "base/json.h"
#include "base/text.h"
#include "steps/step.h"

enum { SECONDS = 5 };

static const char *text(GVariant *args, const char *key)
{
    return vh_json_string(args, key, "");
}

/* What a program did once it does again: nothing of it is ever "already so". */
static gboolean look(const VhStepContext *context, GVariant *args, GVariant **ret_prior,
                     GError **error)
{
    *ret_prior = g_variant_new("a{sv}", NULL);
    return TRUE;
}

static char **environment(GVariant *args, const char *operation, const char *suboperation)
{
    const char *const pairs[] = {
        "GUEST",         text(args, "guest"),  "OPERATION", operation,
        "SUB_OPERATION", suboperation,         "UUID",      text(args, "uuid"),
        "DEVICES",       text(args, "devices")};
    GPtrArray *variables = g_ptr_array_new();

    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i += 2)
        g_ptr_array_add(variables, g_strdup_printf("%s=%s", pairs[i], pairs[i + 1]));
    g_ptr_array_add(variables, NULL);
    return (char **)g_ptr_array_free(variables, FALSE);
}

static gboolean run(const VhStepContext *context, GVariant *args, const char *key,
                    const char *operation, const char *suboperation, GError **error)
{
    g_auto(GStrv) argv = vh_json_strings(args, key);
    g_auto(GStrv) variables = environment(args, operation, suboperation);
    gint64 end =
        vh_host_now(context->host) + vh_json_int(args, "timeout", SECONDS) * G_USEC_PER_SEC;
    const VhEvent about = {.guest = text(args, "guest"),
                           .uuid = text(args, "uuid"),
                           .operation = operation,
                           .step = "command",
                           .device = argv[0]};
    const VhCommand command = {.argv = (const char *const *)argv,
                               .environment = (const char *const *)variables,
                               .about = &about};

    if (!argv[0])
        return vh_error_set(error, VH_ERROR_FAILED, "a command without a program");
    if (vh_host_program_usable(context->host, argv[0], error) &&
        vh_host_run(context->host, &command, MIN(end, context->act_deadline), NULL, error))
        return TRUE;
    g_prefix_error(error, "command: ");
    return FALSE;
}

static gboolean apply(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    return run(context, args, "run", text(args, "operation"), text(args, "suboperation"), error);
}

/* Whether it is for a release or for a start that failed: what it is to do is the same. */
static gboolean undo(const VhStepContext *context, GVariant *args, GVariant *prior, GError **error)
{
    return run(context, args, "undo", "release", "end", error);
}

static char *describe_argv(GVariant *args, const char *key)
{
    g_auto(GStrv) argv = vh_json_strings(args, key);
    GString *line = g_string_new("run");

    for (char **word = argv; *word; word++) {
        g_autofree char *quoted = vh_text_word(*word);
        g_string_append_printf(line, " %s", quoted);
    }
    return g_string_free(line, FALSE);
}

static char *describe(GVariant *args)
{
    return describe_argv(args, "run");
}

static char *describe_undo(GVariant *args)
{
    return describe_argv(args, "undo");
}

const VhStepKind vh_step_command = {
    .name = "command",
    .title = "own command",
    .undo_grade = VH_UNDO_NONE,
    .look = look,
    .apply = apply,
    .describe = describe,
};

const VhStepKind vh_step_command_undo = {
    .name = "command-undo",
    .title = "own command with an undo",
    .undo_grade = VH_UNDO_PARTIAL,
    .undo_once = TRUE,
    .look = look,
    .apply = apply,
    .undo = undo,
    .describe = describe,
    .describe_undo = describe_undo,
};

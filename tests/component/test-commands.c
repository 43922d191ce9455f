// SPDX-License-Identifier: GPL-2.0-or-later
/* The user's commands: when they run and are undone, and what becomes of a failure. */
#include <string.h>

#include "base/json.h"
#include "engine/plan.h"
#include "engine/recover.h"
#include "host/host-ops.h"
#include "machine.h"

#define GPU "0000:01:00.0"
#define SOUND "0000:01:00.1"
#define RUN "/usr/bin/run"
#define UNDO "/usr/bin/undo"
#define AT(operation)                                                                              \
    "commands = ( { at = \"" operation "\"; run = [ \"" RUN "\", \"a b\" ]; } );\n"
#define WITH_UNDO(operation)                                                                       \
    "commands = ( { at = \"" operation "\"; run = [ \"" RUN "\" ];"                                \
    " undo = [ \"" UNDO "\", \"1\" ]; timeout = 3; } );\n"

static const char *const card[] = {GPU, SOUND, NULL};
static const char *const none[] = {NULL};

/* A machine with both programs and that per-VM file. */
static Machine *machine_with(const char *config)
{
    Machine *machine = machine_new("emulated");

    vh_sim_program_add(machine->host, RUN, FALSE);
    vh_sim_program_add(machine->host, UNDO, FALSE);
    machine_configure(machine, "win10", config);
    return machine;
}

static void call_ok(Machine *machine, const char *operation, GBytes *xml)
{
    g_autoptr(GError) error = NULL;

    machine_call(machine, "win10", operation, xml, &error);
    g_assert_no_error(error);
}

/* The place in the trace where @text is first, or -1. */
static int place(Machine *machine, const char *text)
{
    const GPtrArray *trace = vh_sim_trace(machine->host);

    for (guint i = 0; i < trace->len; i++)
        if (strstr(trace->pdata[i], text))
            return (int)i;
    return -1;
}

static guint count(Machine *machine, const char *text)
{
    const GPtrArray *trace = vh_sim_trace(machine->host);
    guint n = 0;

    for (guint i = 0; i < trace->len; i++)
        n += strstr(trace->pdata[i], text) != NULL;
    return n;
}

static void test_prepare(void)
{
    g_autoptr(Machine) machine = machine_with(WITH_UNDO("prepare"));
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);

    call_ok(machine, "prepare", xml);
    g_assert_cmpint(place(machine, "run " RUN), >,
                    place(machine, "unit_start virt-handoff-awake@"));
    g_assert_cmpint(place(machine, "run " RUN), <, place(machine, "unit_stop lightdm"));
    /* The file may be another one by then. */
    machine_configure(machine, "win10", "");
    call_ok(machine, "release", xml);
    g_assert_cmpint(place(machine, "run " UNDO " 1"), >, place(machine, "unit_start lightdm"));
    g_assert_cmpuint(count(machine, "run " UNDO), ==, 1);
    machine_assert_state(machine, before, NULL);
    g_assert_false(machine_has_journal(machine));
}

/* The environment of what is run, as the host is told it. */
typedef struct {
    VhHostOps ops;
    const VhHostOps *real;
    GString *seen;
    gint64 longest;
} Spy;

static Spy spy;

static gboolean spy_run(VhHost *host, const VhCommand *command, gint64 deadline,
                        GBytes **ret_output, GError **error)
{
    g_autofree char *argv = g_strjoinv("|", (char **)(gsize)command->argv);
    g_autofree char *environment = g_strjoinv("|", (char **)(gsize)command->environment);

    g_assert_null(ret_output);
    g_assert_null(command->input);
    g_assert_cmpstr(command->about->guest, ==, "win10");
    spy.longest = MAX(spy.longest, deadline - vh_host_now(host));
    g_string_append_printf(spy.seen, "%s: %s\n", argv, environment);
    return spy.real->run(host, command, deadline, ret_output, error);
}

static void spy_on(Machine *machine)
{
    spy = (Spy){.ops = *machine->host->ops, .real = machine->host->ops};
    spy.seen = g_string_new(NULL);
    spy.ops.run = spy_run;
    machine->host->ops = &spy.ops;
}

static void test_environment(void)
{
    g_autoptr(Machine) machine = machine_with(WITH_UNDO("prepare"));
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    spy_on(machine);
    call_ok(machine, "prepare", xml);
    call_ok(machine, "release", xml);
    machine_configure(machine, "win10", AT("started") "devices = [ \"02:00.0\" ];");
    call_ok(machine, "started", xml);
    g_assert_cmpstr(spy.seen->str, ==,
                    RUN ": GUEST=win10|OPERATION=prepare|SUB_OPERATION=begin|UUID=" MACHINE_UUID
                        "|DEVICES=" GPU " " SOUND "\n" UNDO
                        "|1: GUEST=win10|OPERATION=release|SUB_OPERATION=end|UUID=" MACHINE_UUID
                        "|DEVICES=" GPU " " SOUND "\n" RUN
                        "|a b: GUEST=win10|OPERATION=started|SUB_OPERATION=begin|UUID=" MACHINE_UUID
                        "|DEVICES=0000:02:00.0\n");
    g_assert_cmpint(spy.longest, <=, 5 * G_USEC_PER_SEC);
    g_string_free(spy.seen, TRUE);
}

/* A failure at each operation: whether the caller hears of it, and whether the next command runs.
 */
static void test_failures(void)
{
    static const struct {
        const char *operation;
        gboolean heard;
    } cases[] = {{"prepare", TRUE},  {"start", TRUE},      {"started", TRUE},
                 {"migrate", TRUE},  {"restore", TRUE},    {"stopped", FALSE},
                 {"release", FALSE}, {"reconnect", FALSE}, {"attach", FALSE}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *config =
            g_strdup_printf("commands = ( { at = \"%s\"; run = [ \"" RUN "\" ]; },"
                            "{ at = \"%s\"; run = [ \"" UNDO "\" ]; } );",
                            cases[i].operation, cases[i].operation);
        g_autoptr(Machine) machine = machine_with(config);
        g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
        g_autoptr(GError) error = NULL;
        vh_sim_set_fault_at(machine->host, "run " RUN, VH_SIM_FAIL);
        gboolean ok = machine_call(machine, "win10", cases[i].operation, xml, &error);
        g_test_message("%s: %s", cases[i].operation, error ? error->message : "");
        g_assert_true(ok == !cases[i].heard);
        g_assert_true(machine_did(machine, "run " RUN));
        g_assert_true(machine_did(machine, "run " UNDO) == !cases[i].heard);
        g_assert_true(error || machine_told(machine, "command: "));
    }
}

/* A slip in a file that is edited while the guest runs: prepare refuses it, nothing else fails. */
static void test_edited_file(void)
{
    static const char *const later[] = {"start",   "started", "migrate", "restore",
                                        "stopped", "attach",  "release"};
    g_autoptr(Machine) machine = machine_with(AT("started"));
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;

    g_assert_true(machine_prepare(machine, xml, &error));
    g_assert_no_error(error);
    machine_configure(machine, "win10", "stopp = [];");
    for (gsize i = 0; i < G_N_ELEMENTS(later); i++)
        call_ok(machine, later[i], xml);
    g_assert_true(machine_told(machine, "no command was run"));
    g_assert_true(machine_told(machine, "stopp"));
    g_assert_false(machine_did(machine, "run " RUN));
    g_assert_false(machine_prepare(machine, xml, NULL));
}

/* All is put back, the command that failed half way included. */
static void test_rolled_back(void)
{
    static const char *const faults[] = {"run " RUN, "module_unload bochs"};

    for (gsize i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_autoptr(Machine) machine = machine_with(WITH_UNDO("prepare"));
        g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
        g_autofree char *before = machine_state(machine, NULL);
        vh_sim_set_fault_at(machine->host, faults[i], VH_SIM_FAIL);
        g_assert_false(machine_prepare(machine, xml, NULL));
        g_assert_cmpuint(count(machine, "run " UNDO), ==, 1);
        machine_assert_state(machine, before, NULL);
        g_assert_false(machine_has_journal(machine));
        call_ok(machine, "release", xml);
        g_assert_cmpuint(count(machine, "run " UNDO), ==, 1);
    }
}

static void test_recovered(void)
{
    g_autoptr(Machine) machine = machine_with(WITH_UNDO("start"));
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, none);
    guint replayed;

    call_ok(machine, "prepare", xml);
    call_ok(machine, "start", xml);
    vh_sim_set_parent(machine->host, (VhProcess){0, 0});
    g_assert_true(vh_recover_all(&machine->engine, &replayed, NULL));
    g_assert_cmpuint(replayed, ==, 1);
    g_assert_cmpuint(count(machine, "run " UNDO " 1"), ==, 1);
    g_assert_false(machine_has_journal(machine));
}

/* What failed to be undone, whyever, is told and done with. */
static void test_undo_fails(void)
{
    static const VhSimFault faults[] = {VH_SIM_NONE, VH_SIM_FAIL, VH_SIM_HANG};

    for (gsize i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_autoptr(Machine) machine = machine_with(WITH_UNDO("prepare"));
        g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
        call_ok(machine, "prepare", xml);
        if (faults[i] == VH_SIM_NONE)
            vh_sim_program_add(machine->host, UNDO, TRUE);
        else
            vh_sim_set_fault_at(machine->host, "run " UNDO, faults[i]);
        call_ok(machine, "release", xml);
        g_assert_cmpuint(count(machine, "run " UNDO), ==, faults[i] == VH_SIM_NONE ? 0 : 1);
        g_assert_true(machine_told(machine, "ignoring"));
        g_assert_false(machine_has_journal(machine));
    }
}

static void test_refused(void)
{
    static const struct {
        const char *config, *words;
    } cases[] = {
        {"commands = ( { at = \"started\"; run = [ \"/usr/bin/missing\" ]; } );",
         "/usr/bin/missing"},
        {"commands = ( { at = \"prepare\"; run = [ \"" RUN "\" ]; undo = [ \"/missing\" ]; } );",
         "/missing"},
        {"commands = ( { at = \"release\"; run = [ \"/usr/bin/unsafe\" ]; } );",
         "others can write"},
        {WITH_UNDO("stopped"), "would never run"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Machine) machine = machine_with(cases[i].config);
        g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
        g_autoptr(GError) error = NULL;
        vh_sim_program_add(machine->host, "/usr/bin/unsafe", TRUE);
        g_assert_false(machine_prepare(machine, xml, &error));
        g_assert_error(error, VH_ERROR, VH_ERROR_REFUSED);
        g_assert_nonnull(strstr(error->message, cases[i].words));
        g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);
    }
}

static void test_plan(void)
{
    g_autoptr(Machine) machine =
        machine_with("commands = ( { at = \"prepare\"; run = [ \"" RUN "\", \"a b\" ]; },"
                     "{ at = \"started\"; run = [ \"" RUN "\" ]; undo = [ \"" UNDO "\" ]; } );");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;
    g_autoptr(VhDomain) domain =
        vh_domain_parse(g_bytes_get_data(xml, NULL), g_bytes_get_size(xml), &error);
    g_autoptr(VhConfig) config = vh_engine_config(&machine->engine, "win10", &error);
    g_autoptr(VhPlan) plan = vh_plan_for_guest(&machine->engine, domain, config, &error);

    g_assert_no_error(error);
    g_autofree char *text = vh_plan_text(plan);
    g_autofree char *json = vh_json_line(vh_plan_variant(plan));
    g_assert_nonnull(strstr(text, ". run " RUN " 'a b'\n"));
    g_assert_nonnull(
        strstr(text, "win10: at started run " RUN "; first when it has stopped: run " UNDO "\n"));
    g_assert_nonnull(strstr(json, "\"commands\":[{"));
    g_assert_nonnull(strstr(json, "\"command-undo\""));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/commands/prepare", test_prepare);
    g_test_add_func("/commands/environment", test_environment);
    g_test_add_func("/commands/failures", test_failures);
    g_test_add_func("/commands/edited-file", test_edited_file);
    g_test_add_func("/commands/rolled-back", test_rolled_back);
    g_test_add_func("/commands/recovered", test_recovered);
    g_test_add_func("/commands/undo-fails", test_undo_fails);
    g_test_add_func("/commands/refused", test_refused);
    g_test_add_func("/commands/plan", test_plan);
    return g_test_run();
}

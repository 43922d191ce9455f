// SPDX-License-Identifier: GPL-2.0-or-later
/* Each kind of step against a simulated host: done, done twice, undone, undone twice, and with its
 * thing gone. */
#include <string.h>

#include "base/json.h"
#include "machine.h"
#include "steps/step.h"

#define GPU "0000:01:00.0"
#define SOUND "0000:01:00.1"

typedef struct {
    const char *name;
    const VhStepKind *kind;
    const char *args;         /* GVariant text */
    const char *const *first; /* kinds that have to be done before, "KIND ARGS" */
    const char *without;      /* lines of the state that follow by themselves */
    const char *sample;       /* NULL: emulated */
    gboolean stubborn;        /* a part of it never becomes as wanted */
} StepCase;

static VhStepContext context_of(Machine *machine, guint seconds)
{
    gint64 deadline = vh_host_now(machine->host) + (gint64)seconds * G_USEC_PER_SEC;

    return (VhStepContext){.host = machine->host, .deadline = deadline, .act_deadline = deadline};
}

/* look and, unless all is so already, apply; returns what to undo, or NULL. */
static GVariant *take(Machine *machine, const VhStepKind *kind, GVariant *args)
{
    VhStepContext context = context_of(machine, 25);
    g_autoptr(GError) error = NULL;
    GVariant *prior = NULL;

    kind->look(&context, args, &prior, &error);
    g_assert_no_error(error);
    if (!prior)
        return NULL;
    g_variant_take_ref(prior);
    kind->apply(&context, args, prior, &error);
    g_assert_no_error(error);
    return prior;
}

static void undo(Machine *machine, const VhStepKind *kind, GVariant *args, GVariant *prior)
{
    VhStepContext context = context_of(machine, 25);
    g_autoptr(GError) error = NULL;

    context.undoing = TRUE;
    if (kind->undo)
        kind->undo(&context, args, prior, &error);
    g_assert_no_error(error);
}

static GVariant *parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    GVariant *args = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &error);

    g_assert_no_error(error);
    return args;
}

static const char *const before_sound[] = {"driver {'driver': <'vfio-pci'>}",
                                           "unit {'unit': <'lightdm.service'>}",
                                           "holders {'addresses': <['" SOUND "']>}", NULL};
static const char *const before_display[] = {
    "driver {'driver': <'vfio-pci'>}", "unit {'unit': <'lightdm.service'>}",
    "holders {'addresses': <['" GPU "']>}", "console {'number': <int64 1>}", NULL};

static const StepCase cases[] = {
    {.name = "unit", .kind = &vh_step_unit, .args = "{'unit': <'lightdm.service'>}"},
    {.name = "awake",
     .kind = &vh_step_awake,
     .args = "{'unit': <'virt-handoff-awake@" MACHINE_UUID ".service'>}"},
    {.name = "console", .kind = &vh_step_console, .args = "{'number': <int64 1>}"},
    {.name = "framebuffer",
     .kind = &vh_step_framebuffer,
     .args = "{'device': <'efi-framebuffer.0'>, 'driver': <'efi-framebuffer'>}",
     .without = "console",
     .sample = "nvidia-desktop"},
    {.name = "sound",
     .kind = &vh_step_device,
     .args = "{'address': <'" SOUND "'>, 'driver': <'vfio-pci'>, 'home': <'snd_hda_intel'>}",
     .first = before_sound},
    {.name = "module",
     .kind = &vh_step_module,
     .args = "{'module': <'bochs'>, 'addresses': <['" GPU "']>}",
     .first = before_display,
     .without = "console"},
    {.name = "display-device",
     .kind = &vh_step_device,
     .args = "{'address': <'" GPU "'>, 'driver': <'vfio-pci'>, 'home': <'bochs-drm'>}",
     .first = before_display,
     .without = "console"},
    {.name = "governor",
     .kind = &vh_step_governor,
     .args = "{'tune': <'governor'>, 'value': <'performance'>}",
     .sample = "nvidia-desktop"},
    {.name = "slices", .kind = &vh_step_slices, .args = "{'tune': <'slice'>, 'value': <'0'>}"},
    {.name = "workqueues",
     .kind = &vh_step_workqueues,
     .args = "{'tune': <'workqueue'>, 'value': <'0-1'>}",
     .sample = "nvidia-desktop"},
    {.name = "irqs",
     .kind = &vh_step_irqs,
     .args = "{'tune': <'irq'>, 'value': <'0-1,7'>}",
     .stubborn = TRUE,
     .sample = "nvidia-desktop"},
    {.name = "hugepages",
     .kind = &vh_step_hugepages,
     .args = "{'size': <int64 2097152>, 'needs': <{'any': <int64 256>}>}"},
    {.name = "hugepages-node",
     .kind = &vh_step_hugepages,
     .args = "{'size': <int64 2097152>, 'needs': <{'any': <int64 9000>, '1': <int64 100>}>}",
     .sample = "amd-desktop"},
};

static void do_first(Machine *machine, const char *const *first)
{
    for (; first && *first; first++) {
        const char *space = strchr(*first, ' ');
        g_autofree char *name = g_strndup(*first, (gsize)(space - *first));
        g_autoptr(GVariant) args = parse(space + 1);
        g_autoptr(GVariant) prior = take(machine, vh_step_kind_find(name), args);
    }
}

static void test_twice(gconstpointer data)
{
    const StepCase *test = data;
    g_autoptr(Machine) machine = machine_new(test->sample ? test->sample : "emulated");
    g_autoptr(GVariant) args = parse(test->args);

    do_first(machine, test->first);
    g_autofree char *before = machine_state(machine, test->without);
    g_autoptr(GVariant) prior = take(machine, test->kind, args);
    g_assert_nonnull(prior);
    g_autofree char *during = machine_state(machine, test->without);
    g_assert_cmpstr(during, !=, before);

    /* Again: all is so already, and nothing is to be undone for it. */
    g_autoptr(GVariant) again = take(machine, test->kind, args);
    if (!test->stubborn)
        g_assert_null(again);
    machine_assert_state(machine, during, test->without);

    undo(machine, test->kind, args, prior);
    machine_assert_state(machine, before, test->without);
    undo(machine, test->kind, args, prior);
    machine_assert_state(machine, before, test->without);
}

/* A journal may say that a step was begun when nothing of it was done yet. */
static void test_undo_unbegun(gconstpointer data)
{
    const StepCase *test = data;
    g_autoptr(Machine) machine = machine_new(test->sample ? test->sample : "emulated");
    g_autoptr(GVariant) args = parse(test->args);
    g_autoptr(GVariant) prior = NULL;
    VhStepContext context = context_of(machine, 25);

    do_first(machine, test->first);
    g_autofree char *before = machine_state(machine, test->without);
    g_assert_true(test->kind->look(&context, args, &prior, NULL));
    g_assert_nonnull(prior);
    g_variant_ref_sink(prior);
    undo(machine, test->kind, args, prior);
    machine_assert_state(machine, before, test->without);
}

static void test_device_gone(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GVariant) args =
        parse("{'address': <'" SOUND "'>, 'driver': <'vfio-pci'>, 'home': <'snd_hda_intel'>}");
    g_autoptr(GVariant) prior = parse("{}");
    VhStepContext context = context_of(machine, 25);
    g_autoptr(GError) error = NULL;
    GVariant *none = NULL;

    g_assert_true(vh_sim_device_remove(machine->host, SOUND));
    g_assert_false(vh_step_device.look(&context, args, &none, &error));
    g_assert_true(vh_error_is_gone(error));
    g_clear_error(&error);
    g_assert_false(vh_step_device.apply(&context, args, prior, &error));
    g_assert_true(vh_error_is_gone(error));
    undo(machine, &vh_step_device, args, prior);
    g_autoptr(GVariant) display =
        parse("{'address': <'" SOUND "'>, 'driver': <'snd_hda_intel'>, 'drm': <true>}");
    undo(machine, &vh_step_display, display, prior);
}

/* Whoever took the card before we came brings it back himself. */
static void test_display_taken(void)
{
    static const char *const drivers[] = {"snd_hda_intel", "other"};

    for (gsize i = 0; i < G_N_ELEMENTS(drivers); i++) {
        g_autoptr(Machine) machine = machine_new("emulated");
        g_autofree char *text =
            g_strdup_printf("{'address': <'" SOUND "'>, 'driver': <'%s'>}", drivers[i]);
        g_autoptr(GVariant) args = parse(text);
        VhStepContext context = context_of(machine, 25);
        g_autoptr(GError) error = NULL;
        GVariant *prior = NULL;
        g_assert_true(vh_step_display.look(&context, args, &prior, &error));
        g_assert_no_error(error);
        g_assert_true((prior != NULL) == (i == 0));
        if (prior)
            g_variant_unref(g_variant_take_ref(prior));
    }
}

static void test_other_device_left_alone(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GVariant) args = parse("{'address': <'" SOUND "'>, 'driver': <'vfio-pci'>, "
                                     "'home': <'other'>, 'id': <'dead:beef'>}");
    g_autoptr(GVariant) prior = parse("{}");
    g_autofree char *before = machine_state(machine, NULL);

    undo(machine, &vh_step_device, args, prior);
    machine_assert_state(machine, before, NULL);
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);
}

static void test_holders_named(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GVariant) args = parse("{'addresses': <['" GPU "', '" SOUND "']>}");
    g_autoptr(GVariant) prior = parse("{}");
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) unit = parse("{'unit': <'lightdm.service'>}");
    pid_t pid = vh_sim_process_add(machine->host, "ollama", 0, "ollama.service", "/dev/dri/card0");
    g_autofree char *number = g_strdup_printf("pid %d", (int)pid);

    g_autoptr(GVariant) stopped = take(machine, &vh_step_unit, unit);
    VhStepContext context = context_of(machine, 5);
    gint64 begin = vh_host_now(machine->host);
    g_assert_false(vh_step_holders.apply(&context, args, prior, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_BUSY);
    static const char *const words[] = {"ollama", "user root", "ollama.service", "/dev/dri/card0"};
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        g_assert_nonnull(strstr(error->message, words[i]));
    g_assert_nonnull(strstr(error->message, number));
    g_assert_cmpint(vh_host_now(machine->host) - begin, <=, 6 * G_USEC_PER_SEC);

    g_assert_true(vh_sim_process_end(machine->host, pid));
    g_clear_error(&error);
    context = context_of(machine, 5);
    vh_step_holders.apply(&context, args, prior, &error);
    g_assert_no_error(error);
}

/* The user's manager, with the sound server in it, outlives the last session by 10 s. */
static void test_idle_manager_stopped(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GVariant) args = parse("{'addresses': <['" GPU "', '" SOUND "']>}");
    g_autoptr(GVariant) unit = parse("{'unit': <'lightdm.service'>}");
    g_autoptr(GVariant) stopped = take(machine, &vh_step_unit, unit);
    gint64 begin = vh_host_now(machine->host);

    g_autoptr(GVariant) waited = take(machine, &vh_step_holders, args);
    g_assert_cmpint(vh_host_now(machine->host) - begin, <, 5 * G_USEC_PER_SEC);
    g_assert_true(machine_did(machine, "unit_stop user@1000.service"));
}

static void test_sessions(gconstpointer policy)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autofree char *text =
        g_strdup_printf("{'seat': <'seat0'>, 'policy': <'%s'>}", (const char *)policy);
    g_autoptr(GVariant) args = parse(text);
    g_autoptr(GVariant) prior = parse("{}");
    g_autoptr(GVariant) other = parse("{'seat': <'seat1'>, 'policy': <'terminate'>}");
    g_autoptr(GError) error = NULL;
    VhStepContext context = context_of(machine, 3);
    gboolean ends = g_str_equal(policy, "terminate");

    /* A seat without a session has nothing to wait for, and nobody else's session is touched. */
    g_assert_null(take(machine, &vh_step_sessions, other));
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);

    /* Nobody stopped the display manager: only logind can end the session. */
    g_assert_true(vh_step_sessions.apply(&context, args, prior, &error) == ends);
    if (ends) {
        g_assert_no_error(error);
        g_assert_true(machine_did(machine, "session_terminate"));
        return;
    }
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    static const char *const words[] = {"anna", "seat0", "log out", "terminate"};
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        g_assert_nonnull(strstr(error->message, words[i]));
    g_assert_false(machine_did(machine, "session_terminate"));
}

#define TEXT_CONSOLE                                                                               \
    "{\"version\": 1, \"users\": [{\"uid\": 7, \"name\": \"ida\"}], \"functions\": ["              \
    "{\"address\": \"" GPU "\", \"class\": \"0x030000\", \"vendor\": \"0x1234\","                  \
    " \"device\": \"0x1111\", \"driver\": \"gpu\", \"nodes\": ["                                   \
    " {\"path\": \"/dev/dri/card0\", \"subsystem\": \"drm\", \"number\": \"226:0\"},"              \
    " {\"path\": \"/dev/dri/renderD128\", \"subsystem\": \"drm\", \"number\": \"226:128\"}]}],"    \
    "\"drivers\": [{\"name\": \"gpu\"}], \"units\": [{\"id\": \"user@7.service\", \"active\": "    \
    "\"active\"}], \"sessions\": [{\"id\": \"4\", \"uid\": 7, \"seat\": \"seat0\","                \
    " \"type\": \"tty\", \"class\": \"user\"}], \"processes\": [{\"pid\": 50, \"uid\": 7,"         \
    " \"command\": \"sway\", %s}]}"

/* A compositor that was started from a text console, which logind calls what it is, a tty. */
static void test_text_console(void)
{
    static const struct {
        const char *process;
        gboolean desktop;
    } starts[] = {
        {"\"session\": \"4\", \"nodes\": [\"/dev/dri/card0\"]", TRUE},
        {"\"unit\": \"user@7.service\", \"user_unit\": \"sway.service\", \"nodes\": "
         "[\"/dev/dri/card0\"]",
         TRUE},
        /* One that only renders there is no desktop. */
        {"\"session\": \"4\", \"nodes\": [\"/dev/dri/renderD128\"]", FALSE},
        {"\"session\": \"4\"", FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(starts); i++) {
        g_autofree char *text = g_strdup_printf(TEXT_CONSOLE, starts[i].process);
        g_autoptr(Machine) machine = machine_from_text(text);
        g_autoptr(GVariant) args =
            parse("{'seat': <'seat0'>, 'policy': <'terminate'>, 'addresses': <['" GPU "']>}");
        g_autoptr(GVariant) prior = take(machine, &vh_step_sessions, args);
        g_assert_cmpint(prior != NULL, ==, starts[i].desktop);
        g_assert_cmpint(machine_did(machine, "session_terminate 4"), ==, starts[i].desktop);
    }
}

static void count_note(gpointer data, const char *text)
{
    g_assert_nonnull(strstr(text, "vtcon1 did not come back"));
    (*(guint *)data)++;
}

/* The kernel may say that it bound a console and not do it. */
static void test_console_stays_dark(void)
{
    g_autoptr(Machine) machine =
        machine_from_text("{\"version\": 1, \"consoles\": [{\"number\": 1, "
                          "\"name\": \"(S) frame buffer device\", \"bound\": false}]}");
    g_autoptr(GVariant) args = parse("{'number': <int64 1>}");
    g_autoptr(GVariant) prior = parse("{'bound': <true>}");
    VhStepContext context = context_of(machine, 5);
    g_autoptr(GError) error = NULL;
    guint notes = 0;

    context.note = count_note;
    context.data = &notes;
    vh_step_console.undo(&context, args, prior, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(notes, ==, 1);
}

static void test_driver_loaded_once(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GVariant) args = parse("{'driver': <'vfio-pci'>}");
    g_autoptr(GVariant) wrong = parse("{'driver': <'no-such-driver'>}");
    g_autoptr(GVariant) prior = take(machine, &vh_step_driver, args);
    g_autoptr(GError) error = NULL;
    VhStepContext context = context_of(machine, 5);

    g_assert_nonnull(prior);
    g_assert_null(take(machine, &vh_step_driver, args));
    g_assert_false(vh_step_driver.apply(&context, wrong, prior, &error));
    g_assert_nonnull(strstr(error->message, "no-such-driver"));
}

static void test_unit_stays_down_at_shutdown(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GVariant) args = parse("{'unit': <'lightdm.service'>}");
    g_autoptr(GVariant) prior = take(machine, &vh_step_unit, args);

    vh_sim_set_stopping(machine->host, TRUE);
    undo(machine, &vh_step_unit, args, prior);
    g_assert_false(machine_did(machine, "unit_start"));
}

static void test_unit_gone(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GVariant) args = parse("{'unit': <'run-r7.service'>}");
    g_autoptr(GVariant) prior = parse("{'active': <true>}");

    undo(machine, &vh_step_unit, args, prior);
    g_assert_false(machine_did(machine, "unit_start"));
}

static void test_kinds_are_complete(void)
{
    const VhStepKind *const *kinds = vh_step_kinds();
    g_autoptr(GVariant) none = parse("{}");

    for (; *kinds; kinds++) {
        g_assert_true(vh_step_kind_find((*kinds)->name) == *kinds);
        g_assert_true((*kinds)->look && (*kinds)->apply && (*kinds)->describe && (*kinds)->title);
        g_assert_true(((*kinds)->undo_grade == VH_UNDO_NONE) == ((*kinds)->undo == NULL));
        g_assert_true(((*kinds)->undo == NULL) == ((*kinds)->describe_undo == NULL));
        /* Arguments from a damaged journal: nothing to be proud of, but no crash. */
        g_autofree char *what = (*kinds)->describe(none);
        g_assert_nonnull(what);
    }
    g_assert_null(vh_step_kind_find("nothing"));
    g_assert_null(vh_step_kind_find(NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *twice = g_strdup_printf("/steps/%s/twice", cases[i].name);
        g_autofree char *unbegun = g_strdup_printf("/steps/%s/undo-unbegun", cases[i].name);
        g_test_add_data_func(twice, &cases[i], test_twice);
        g_test_add_data_func(unbegun, &cases[i], test_undo_unbegun);
    }
    g_test_add_func("/steps/device/gone", test_device_gone);
    g_test_add_func("/steps/display/taken", test_display_taken);
    g_test_add_func("/steps/device/other-left-alone", test_other_device_left_alone);
    g_test_add_func("/steps/holders/named", test_holders_named);
    g_test_add_func("/steps/holders/idle-manager", test_idle_manager_stopped);
    g_test_add_func("/steps/console/stays-dark", test_console_stays_dark);
    g_test_add_data_func("/steps/sessions/wait", "wait", test_sessions);
    g_test_add_data_func("/steps/sessions/terminate", "terminate", test_sessions);
    g_test_add_func("/steps/sessions/text-console", test_text_console);
    g_test_add_func("/steps/driver/loaded-once", test_driver_loaded_once);
    g_test_add_func("/steps/unit/shutdown", test_unit_stays_down_at_shutdown);
    g_test_add_func("/steps/unit/gone", test_unit_gone);
    g_test_add_func("/steps/kinds", test_kinds_are_complete);
    return g_test_run();
}

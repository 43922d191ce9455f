// SPDX-License-Identifier: GPL-2.0-or-later
/* holders = "terminate": who is ended, how, and who never is. */
#include <string.h>

#include "machine.h"

#define GPU "0000:01:00.0"
#define SOUND "0000:01:00.1"
#define CARD "/dev/dri/card0"

static const char *const card[] = {GPU, SOUND, NULL};

static Machine *machine_terminating(void)
{
    Machine *machine = machine_new("emulated");

    machine_configure(machine, "win10", "holders = \"terminate\"; timeout = 25;");
    return machine;
}

static void add(Machine *machine, const char *command, const char *unit)
{
    g_assert_cmpint(vh_sim_process_add(machine->host, command, 0, unit, CARD), >, 0);
}

static void cycle_ok(Machine *machine, gboolean prepare, GBytes *xml)
{
    g_autoptr(GError) error = NULL;

    if (prepare)
        machine_prepare(machine, xml, &error);
    else
        machine_release(machine, xml, &error);
    g_assert_no_error(error);
}

/* Stopped as a unit, with a Restart= that would bring a process back that was only killed, and
 * there again afterwards. */
static void test_service(void)
{
    g_autoptr(Machine) machine = machine_terminating();
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    add(machine, "ollama", "ollama.service");
    add(machine, "ollama-runner", "ollama.service");
    g_autofree char *before = machine_state(machine, NULL);
    g_autofree char *plan = machine_plan_text(machine, xml);
    g_assert_nonnull(strstr(plan, "(now ollama.service)"));
    g_assert_nonnull(strstr(plan, "start the services that were stopped for it"));

    cycle_ok(machine, TRUE, xml);
    g_assert_true(machine_did(machine, "unit_stop ollama.service"));
    g_assert_false(machine_did(machine, "process_signal"));
    g_assert_true(machine_told(machine, "stopping ollama.service"));
    cycle_ok(machine, FALSE, xml);
    machine_assert_state(machine, before, NULL);
}

/* One that the plan did not see: it came while the display manager stopped. */
static void test_late_service(void)
{
    g_autoptr(Machine) machine = machine_terminating();
    const VhStepKind *kind = &vh_step_services;
    g_autoptr(GVariant) args =
        g_variant_ref_sink(g_variant_new_parsed("{'addresses': <[%s]>, 'now': <@as []>}", GPU));
    gint64 deadline = vh_host_now(machine->host) + 10 * G_USEC_PER_SEC;
    VhStepContext context = {.host = machine->host, .deadline = deadline, .act_deadline = deadline};
    g_autoptr(GError) error = NULL;
    GVariant *none = NULL, *prior = NULL;

    /* The desktop's own are not its business, so there is nothing to do and nothing to undo. */
    g_assert_true(kind->look(&context, args, &none, &error));
    g_assert_null(none);
    add(machine, "ollama", "ollama.service");
    g_autofree char *before = machine_state(machine, NULL);
    context.deadline = context.act_deadline = vh_host_now(machine->host) + 10 * G_USEC_PER_SEC;
    g_assert_true(kind->look(&context, args, &prior, &error));
    g_variant_ref_sink(prior);
    g_assert_true(kind->apply(&context, args, prior, &error));
    g_assert_true(machine_did(machine, "unit_stop ollama.service"));
    for (int i = 0; i < 2; i++) {
        g_assert_true(kind->undo(&context, args, prior, &error));
        machine_assert_state(machine, before, NULL);
        context.act_deadline = vh_host_now(machine->host) + 10 * G_USEC_PER_SEC;
    }
    g_variant_unref(prior);
}

/* What comes after a stop needs time as well: none has more than there is for waiting. */
static void test_stops_in_time_for_waiting(void)
{
    enum { WAITING = 5 * G_USEC_PER_SEC, ACTING = 10 * G_USEC_PER_SEC };
    static const struct {
        const VhStepKind *kind;
        const char *args, *prior, *act;
        gboolean fails;
    } stops[] = {
        {&vh_step_unit, "{'unit': <'lightdm.service'>}", "{'active': <true>}",
         "unit_stop lightdm.service", TRUE},
        {&vh_step_services, "{'addresses': <@as []>}",
         "{'units': <['ollama.service']>, 'user_units': <@aa{sv} []>}", "unit_stop ollama.service",
         TRUE},
        {&vh_step_services, "{'addresses': <@as []>}",
         "{'units': <@as []>, 'user_units': <[{'uid': <int64 1000>, 'user': <'anna'>, 'unit': "
         "<'wireplumber.service'>}]>}",
         "user_unit_stop wireplumber.service", FALSE},
        {&vh_step_user_unit,
         "{'uid': <int64 1000>, 'user': <'anna'>, 'unit': <'wireplumber.service'>}",
         "{'pid': <int64 1205>, 'start': <int64 3615>}", "user_unit_stop wireplumber.service",
         TRUE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(stops); i++) {
        g_autoptr(Machine) machine = machine_terminating();
        g_autoptr(GVariant) args = g_variant_ref_sink(g_variant_new_parsed(stops[i].args));
        g_autoptr(GVariant) prior = g_variant_ref_sink(g_variant_new_parsed(stops[i].prior));
        g_autoptr(GError) error = NULL;
        add(machine, "ollama", "ollama.service");
        gint64 begin = vh_host_now(machine->host);
        const VhStepContext context = {
            .host = machine->host, .deadline = begin + WAITING, .act_deadline = begin + ACTING};
        vh_sim_set_fault_at(machine->host, stops[i].act, VH_SIM_HANG);
        g_assert_cmpint(!stops[i].kind->apply(&context, args, prior, &error), ==, stops[i].fails);
        gint64 took = vh_host_now(machine->host) - begin;
        g_assert_cmpint(took, >=, WAITING);
        g_assert_cmpint(took, <, ACTING);
        if (stops[i].kind == &vh_step_unit)
            g_assert_nonnull(strstr(error->message, "a longer timeout in the guest's file"));
    }
}

/* A service that does not come back keeps the others from nothing, and is said. */
static void test_service_does_not_start(void)
{
    g_autoptr(Machine) machine = machine_terminating();
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;

    add(machine, "one", "one.service");
    add(machine, "two", "two.service");
    cycle_ok(machine, TRUE, xml);
    vh_sim_set_fault_at(machine->host, "unit_start two.service", VH_SIM_FAIL);
    g_assert_false(machine_release(machine, xml, &error));
    g_assert_nonnull(strstr(error->message, "two.service"));
    g_assert_true(machine_did(machine, "unit_start one.service"));
    g_assert_true(machine_did(machine, "unit_start lightdm.service"));
    vh_sim_set_fault_at(machine->host, NULL, VH_SIM_NONE);
    cycle_ok(machine, FALSE, xml);
}

/* A program in the service that it was started through: the way in stays open. */
static void test_way_in(void)
{
    g_autoptr(Machine) machine = machine_terminating();
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    add(machine, "miner", "ssh.service");
    cycle_ok(machine, TRUE, xml);
    g_assert_true(machine_did(machine, "process_signal miner TERM"));
    g_assert_false(machine_did(machine, "ssh.service"));
}

static void test_processes(void)
{
    g_autoptr(Machine) machine = machine_terminating();
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    add(machine, "miner", NULL);
    g_autofree char *plan = machine_plan_text(machine, xml);
    g_assert_nonnull(strstr(plan, "miner"));
    g_assert_nonnull(strstr(plan, "does not come back by itself"));
    cycle_ok(machine, TRUE, xml);
    g_assert_true(machine_did(machine, "process_signal miner TERM"));
    g_assert_false(machine_did(machine, "process_signal miner KILL"));
    g_assert_true(machine_told(machine, "told to end"));
    cycle_ok(machine, FALSE, xml);
}

/* A process that does not heed TERM, on a machine of its own. */
static void test_deaf(void)
{
    g_autoptr(Machine) machine = machine_from_text(
        "{\"version\": 1, \"users\": [{\"uid\": 0, \"name\": \"root\"}], \"functions\": ["
        "{\"address\": \"" GPU "\", \"class\": \"0x030000\", \"vendor\": \"0x1234\","
        " \"device\": \"0x1111\", \"driver\": \"gpu\", \"nodes\": [{\"path\": \"" CARD "\","
        " \"subsystem\": \"drm\", \"number\": \"226:0\", \"blocks\": true}]}],"
        "\"drivers\": [{\"name\": \"gpu\"}], \"processes\": ["
        "{\"pid\": 50, \"command\": \"deaf\", \"uid\": 0, \"term_ms\": -1, \"nodes\": "
        "[\"" CARD "\"]}]}");
    g_autoptr(GVariant) args = g_variant_ref_sink(
        g_variant_new_parsed("{'addresses': <[%s]>, 'policy': <'terminate'>}", GPU));
    gint64 begin = vh_host_now(machine->host);
    VhStepContext context = {.host = machine->host, .deadline = begin + 18 * G_USEC_PER_SEC};
    g_autoptr(GError) error = NULL;

    vh_step_holders.apply(&context, args, NULL, &error);
    g_assert_no_error(error);
    GPtrArray *trace = vh_sim_trace(machine->host);
    g_assert_cmpuint(trace->len, ==, 2);
    g_assert_cmpstr(trace->pdata[0], ==, "process_signal deaf TERM");
    g_assert_cmpstr(trace->pdata[1], ==, "process_signal deaf KILL");
    /* It had the time to. */
    g_assert_cmpint(vh_host_now(machine->host) - begin, >=, 4 * G_USEC_PER_SEC);
}

/* Nobody waits for a guest that no daemon is there to start: the screen comes back at once. */
static void test_daemon_gone(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GVariant) args = g_variant_ref_sink(
        g_variant_new_parsed("{'addresses': <[%s]>, 'policy': <'refuse'>}", GPU));
    gint64 begin = vh_host_now(machine->host);
    VhStepContext context = {.host = machine->host,
                             .deadline = begin + 18 * G_USEC_PER_SEC,
                             .daemon = vh_host_parent(machine->host)};
    g_autoptr(GError) error = NULL;

    vh_sim_process_add(machine->host, "miner", 0, "miner.service", CARD);
    vh_sim_set_parent(machine->host, (VhProcess){1, 1});
    g_assert_false(vh_step_holders.apply(&context, args, NULL, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_INTERRUPTED);
    g_assert_nonnull(strstr(error->message, "libvirt's daemon ended"));
    g_assert_cmpint(vh_host_now(machine->host) - begin, <, G_USEC_PER_SEC);
}

/* Never ended; the start fails with their names, and nothing else happened to them. */
static void test_protected(void)
{
    static const struct {
        const char *command, *unit, *advice;
    } cases[] = {
        {"qemu-system-x86", "machine-qemu\\x2d1\\x2dother.scope", "shut that guest down"},
        {"anything", "machine-qemu\\x2d1\\x2dother.scope", "shut that guest down"},
        {"qemu-kvm", NULL, "shut that guest down"},
        {"libvirtd", "libvirtd.service", "part of libvirt"},
        {"rpc-worker", "virtqemud.service", "part of libvirt"},
        {"systemd-logind", "systemd-logind.service", "part of the system"},
        {"systemd-udevd", "systemd-udevd.service", "part of the system"},
        {"dbus-broker", "dbus-broker.service", "part of the system"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Machine) machine = machine_terminating();
        g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
        g_autoptr(GError) error = NULL;

        add(machine, cases[i].command, cases[i].unit);
        g_autofree char *before = machine_state(machine, NULL);
        g_assert_false(machine_prepare(machine, xml, &error));
        /* A guest is known beforehand never to go. */
        int code = strstr(cases[i].advice, "guest") ? VH_ERROR_REFUSED : VH_ERROR_BUSY;
        g_assert_error(error, VH_ERROR, code);
        g_assert_nonnull(strstr(error->message, cases[i].command));
        g_assert_nonnull(strstr(error->message, cases[i].advice));
        g_autofree char *signalled = g_strconcat("process_signal ", cases[i].command, NULL);
        g_assert_false(machine_did(machine, signalled));
        if (cases[i].unit) {
            g_autofree char *stopped = g_strconcat("unit_stop ", cases[i].unit, NULL);
            g_assert_false(machine_did(machine, stopped));
        }
        machine_assert_state(machine, before, NULL);
    }
}

/* The daemon that called, whatever it is called. */
static void test_caller(void)
{
    g_autoptr(Machine) machine = machine_terminating();
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;
    pid_t pid = vh_sim_process_add(machine->host, "myvirtd", 0, "my.service", CARD);
    guint64 start = vh_host_process_start(machine->host, pid);

    vh_sim_set_parent(machine->host, (VhProcess){pid, start});
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_nonnull(strstr(error->message, "myvirtd"));
    g_assert_false(machine_did(machine, "process_signal"));
    g_assert_false(machine_did(machine, "unit_stop my.service"));
}

/* A display manager that stop leaves out: to end its server would only start it again. */
static void test_display_manager(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;

    machine_configure(machine, "win10",
                      "stop = []; sessions = \"keep\"; holders = \"terminate\"; timeout = 8;");
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_nonnull(strstr(error->message, "add \"lightdm.service\" to stop"));
    g_assert_false(machine_did(machine, "process_signal Xorg"));
    g_assert_false(machine_did(machine, "unit_stop lightdm.service"));
}

/* Without the key they are named, in the plan too, and nobody is touched. */
static void test_refuse(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;

    add(machine, "ollama", "ollama.service");
    g_autofree char *plan = machine_plan_text(machine, xml);
    g_assert_nonnull(strstr(plan, "ollama.service) keeps " CARD " open: add \"ollama.service\""));
    g_assert_null(strstr(plan, "Xorg"));
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_false(machine_did(machine, "process_signal"));
    g_assert_false(machine_did(machine, "unit_stop ollama.service"));
}

static char *without(const char *text, const char *part)
{
    g_auto(GStrv) parts = g_strsplit(text, part, 2);

    g_assert_cmpuint(g_strv_length(parts), ==, 2);
    return g_strjoinv("", parts);
}

/* A desktop on the laptop's other card goes on, and a program of it that renders on the passed one
 * is named. */
static void test_second_card(void)
{
    g_autofree char *all = machine_sample("laptop-hybrid");
    g_autofree char *half =
        without(all, ", \"/dev/dri/card1\", \"/dev/nvidia0\", \"/dev/nvidiactl\", "
                     "\"/dev/nvidia-modeset\"");
    g_autofree char *text = without(half, ", \"/dev/snd/controlC1\"");
    g_autoptr(Machine) machine = machine_from_text(text);
    g_autoptr(GBytes) xml = machine_sample_domain("laptop-hybrid");
    g_autoptr(GError) error = NULL;

    machine_configure(machine, "win10", "timeout = 8;");
    pid_t game =
        vh_sim_process_add(machine->host, "game", 1000, "user@1000.service", "/dev/dri/renderD129");
    g_autofree char *plan = machine_plan_text(machine, xml);
    g_assert_null(strstr(plan, "gdm.service"));
    g_assert_nonnull(strstr(plan, "game (pid"));
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_nonnull(strstr(error->message, "game (pid"));
    g_assert_false(machine_did(machine, "gdm.service"));
    g_assert_true(vh_sim_process_end(machine->host, game));
    cycle_ok(machine, TRUE, xml);
    g_assert_false(machine_did(machine, "gdm.service"));
    cycle_ok(machine, FALSE, xml);
}

/* What was told to end and takes too long is nobody's mistake. */
static void test_too_short(void)
{
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) xml = machine_sample_domain("nvidia-desktop");
    g_autoptr(GError) error = NULL;

    machine_configure(machine, "win10", "timeout = 1;");
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_nonnull(strstr(error->message, "user@1000.service was told to stop and has not ended "
                                            "in time: raise timeout"));
    g_assert_null(strstr(error->message, "stop_user"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/holders/daemon-gone", test_daemon_gone);
    g_test_add_func("/holders/service", test_service);
    g_test_add_func("/holders/late-service", test_late_service);
    g_test_add_func("/holders/stops-in-time-for-waiting", test_stops_in_time_for_waiting);
    g_test_add_func("/holders/service-does-not-start", test_service_does_not_start);
    g_test_add_func("/holders/way-in", test_way_in);
    g_test_add_func("/holders/processes", test_processes);
    g_test_add_func("/holders/deaf", test_deaf);
    g_test_add_func("/holders/protected", test_protected);
    g_test_add_func("/holders/caller", test_caller);
    g_test_add_func("/holders/display-manager", test_display_manager);
    g_test_add_func("/holders/second-card", test_second_card);
    g_test_add_func("/holders/refuse", test_refuse);
    g_test_add_func("/holders/too-short", test_too_short);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Faults: what they leave behind, for every operation that acts; the trace; dying. */
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include "sim/mortal.h"
#include "test-sim.h"

/* Every operation that acts, once; after it the machine is another. */
static gboolean act_override(VhHost *host, GError **error)
{
    return vh_host_pci_override(host, "0000:02:00.0", "vfio-pci", error);
}

static gboolean act_unbind(VhHost *host, GError **error)
{
    return vh_host_pci_unbind(host, "0000:02:00.0", soon(host), error);
}

static gboolean act_probe(VhHost *host, GError **error)
{
    return vh_host_pci_probe(host, "0000:02:00.0", soon(host), error);
}

static gboolean act_console(VhHost *host, GError **error)
{
    return vh_host_console_bind(host, 1, FALSE, soon(host), error);
}

static gboolean act_framebuffer(VhHost *host, GError **error)
{
    return vh_host_framebuffer_bind(host, "efi-framebuffer.0", "efi-framebuffer", FALSE, soon(host),
                                    error);
}

static gboolean act_load(VhHost *host, GError **error)
{
    return vh_host_module_load(host, "extra", soon(host), error);
}

static gboolean act_unload(VhHost *host, GError **error)
{
    return vh_host_module_unload(host, "spare", soon(host), error);
}

static gboolean act_stop(VhHost *host, GError **error)
{
    return vh_host_unit_stop(host, "a.service", soon(host), error);
}

static gboolean act_start(VhHost *host, GError **error)
{
    return vh_host_unit_start(host, "b.service", soon(host), error);
}

static gboolean act_ask_stop(VhHost *host, GError **error)
{
    return vh_host_unit_ask(host, VH_JOB_STOP, "a.service", error);
}

static gboolean act_terminate(VhHost *host, GError **error)
{
    return vh_host_session_terminate(host, "1", error);
}

static gboolean act_logout(VhHost *host, GError **error)
{
    const VhSession session = {.id = (char *)"1"};

    return vh_host_session_logout(host, &session, soon(host), error);
}

static gboolean act_user_stop(VhHost *host, GError **error)
{
    return vh_host_user_unit_stop(host, 0, "sound.service", soon(host), error);
}

static gboolean act_user_start(VhHost *host, GError **error)
{
    return vh_host_user_unit_start(host, 0, "shell.service", soon(host), error);
}

static gboolean act_signal(VhHost *host, GError **error)
{
    return vh_host_process_signal(host, (VhProcess){77, 5}, SIGKILL, error);
}

static gboolean act_run(VhHost *host, GError **error)
{
    static const char *const argv[] = {"/bin/true", "a b", NULL};
    const VhCommand command = {.argv = argv};

    return vh_host_run(host, &command, soon(host), NULL, error);
}

static const char lab[] =
    "{'version': 1, 'users': [{'uid': 0, 'name': 'root'}],"
    "'functions': [{'address': '0000:02:00.0', 'class': '0x0c0330', 'vendor': '0x0001',"
    " 'device': '0x0001', 'driver': 'usb', 'group': 1}],"
    "'drivers': [{'name': 'usb', 'classes': ['0c0330']}],"
    "'modules': [{'name': 'spare', 'state': 'live'}, {'name': 'extra', 'state': 'available'}],"
    "'consoles': [{'number': 0, 'name': '(S) VGA+'},"
    " {'number': 1, 'name': '(M) frame buffer device', 'bound': true}],"
    "'framebuffers': [{'device': 'efi-framebuffer.0', 'driver': 'efi-framebuffer',"
    " 'drivers': ['efi-framebuffer']}],"
    "'units': [{'id': 'a.service', 'active': 'active', 'stop_ms': 10}, {'id': 'b.service'},"
    " {'id': 'user@0.service', 'active': 'active'}],"
    "'sessions': [{'id': '1', 'uid': 0, 'type': 'tty', 'class': 'user', 'desktop': 'sway'}],"
    "'processes': [{'pid': 77, 'start_time': 5, 'command': 'miner', 'uid': 0},"
    " {'pid': 80, 'command': 'systemd', 'uid': 0, 'unit': 'user@0.service',"
    "  'user_unit': 'init.scope'},"
    " {'pid': 81, 'command': 'sound', 'uid': 0, 'unit': 'user@0.service',"
    "  'user_unit': 'sound.service'},"
    " {'pid': 82, 'command': 'shell', 'uid': 0, 'unit': 'user@0.service', 'runs': false,"
    "  'user_unit': 'shell.service'},"
    " {'pid': 78, 'start_time': 5, 'command': 'deaf', 'uid': 0, 'term_ms': -1},"
    " {'pid': 79, 'start_time': 5, 'command': 'slow', 'uid': 0, 'term_ms': 100}],"
    "'programs': [{'path': '/bin/true'}]}";

static const struct {
    gboolean (*act)(VhHost *, GError **);
    const char *line;  /* of the trace */
    gboolean changes;  /* the state shows it */
    const char *stuck; /* the fact that a hang leaves, NULL: none */
} acts[] = {
    {act_override, "pci_override 0000:02:00.0 vfio-pci", TRUE, "pci 0000:02:00.0 stuck"},
    {act_unbind, "pci_unbind 0000:02:00.0", TRUE, "pci 0000:02:00.0 stuck"},
    {act_probe, "pci_probe 0000:02:00.0", FALSE, "pci 0000:02:00.0 stuck"},
    {act_console, "console_bind 1 unbind", TRUE, "console 1 stuck"},
    {act_framebuffer, "framebuffer_bind efi-framebuffer.0 efi-framebuffer unbind", TRUE,
     "framebuffer efi-framebuffer.0 stuck"},
    {act_load, "module_load extra", TRUE, "module extra stuck"},
    {act_unload, "module_unload spare", TRUE, "module spare stuck"},
    {act_stop, "unit_stop a.service", TRUE, NULL},
    {act_start, "unit_start b.service", TRUE, NULL},
    {act_ask_stop, "unit_stop a.service", TRUE, NULL},
    {act_terminate, "session_terminate 1", TRUE, NULL},
    {act_logout, "session_logout 1", TRUE, NULL},
    {act_user_stop, "user_unit_stop sound.service 0", TRUE, NULL},
    {act_user_start, "user_unit_start shell.service 0", TRUE, NULL},
    {act_signal, "process_signal miner KILL", TRUE, NULL},
    {act_run, "run /bin/true a b", FALSE, NULL},
};

static void test_trace(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(acts); i++) {
        g_autoptr(VhHost) host = machine(lab);
        g_autofree char *before = vh_sim_state(host);
        gint64 began = vh_host_now(host);
        g_assert_cmpuint(vh_sim_operations(host), ==, 0);
        did(acts[i].act(host, &error));
        g_assert_cmpuint(vh_sim_operations(host), ==, 1);
        g_assert_cmpuint(vh_sim_trace(host)->len, ==, 1);
        g_assert_cmpstr(vh_sim_trace(host)->pdata[0], ==, acts[i].line);
        g_assert_cmpint(vh_host_now(host), >, began);
        g_autofree char *after = vh_sim_state(host);
        g_assert_cmpint(g_str_equal(before, after), ==, !acts[i].changes);
        vh_sim_reset_operations(host);
        g_assert_cmpuint(vh_sim_operations(host), ==, 0);
        g_assert_cmpuint(vh_sim_trace(host)->len, ==, 1);
    }
}

/* TERM may take its time or be for nothing, KILL not; another with that number is not hit. */
static void test_signals(void)
{
    g_autoptr(VhHost) host = machine(lab);

    failed(vh_host_process_signal(host, (VhProcess){78, 4}, SIGKILL, &error), VH_ERROR_GONE);
    failed(vh_host_process_signal(host, (VhProcess){99, 5}, SIGTERM, &error), VH_ERROR_GONE);
    did(vh_host_process_signal(host, (VhProcess){78, 5}, SIGTERM, &error));
    did(vh_host_process_signal(host, (VhProcess){79, 5}, SIGTERM, &error));
    vh_host_wait(host, NULL, 90000);
    assert_fact(host, "process slow uid 0 in no unit");
    vh_host_wait(host, NULL, 20000);
    assert_no_fact(host, "process slow uid 0 in no unit");
    assert_fact(host, "process deaf uid 0 in no unit");
    did(vh_host_process_signal(host, (VhProcess){78, 5}, SIGKILL, &error));
    assert_no_fact(host, "process deaf uid 0 in no unit");
}

/* Looking and waiting are no operations that act. */
static void test_looking(void)
{
    g_autoptr(VhHost) host = machine(lab);
    g_autofree char *before = vh_sim_snapshot(host);
    g_autoptr(GPtrArray) list = vh_host_pci_list(host, NULL);
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(host, "0000:02:00.0", NULL);
    g_autoptr(GPtrArray) holders = vh_host_holders(host, nodes, NULL);
    g_autoptr(GPtrArray) uses = vh_host_pci_uses(host, "0000:02:00.0", NULL);
    g_autoptr(GPtrArray) consoles = vh_host_consoles(host, NULL);
    g_autoptr(GPtrArray) framebuffers = vh_host_framebuffers(host, NULL);
    g_autoptr(GPtrArray) sessions = vh_host_sessions(host, NULL);
    g_autoptr(VhModule) module = vh_host_module_look(host, "spare", NULL);
    g_autoptr(VhUnit) unit = vh_host_unit_look(host, "a.service", NULL);
    g_autofree char *after = vh_sim_snapshot(host);

    g_assert_cmpstr(before, ==, after);
    vh_host_wait(host, holders, 10);
    g_assert_cmpuint(vh_sim_operations(host), ==, 0);
    g_assert_cmpuint(vh_sim_trace(host)->len, ==, 0);
}

static void test_fail(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(acts); i++) {
        g_autoptr(VhHost) host = machine(lab);
        g_autofree char *before = vh_sim_state(host);
        vh_sim_set_fault(host, 1, VH_SIM_FAIL, NULL, NULL);
        failed(acts[i].act(host, &error), VH_ERROR_FAILED);
        g_autofree char *after = vh_sim_state(host);
        g_assert_cmpstr(before, ==, after);
        g_assert_cmpuint(vh_sim_operations(host), ==, 1);
        g_assert_cmpstr(vh_sim_trace(host)->pdata[0], ==, acts[i].line);
        /* The next one is not hit. */
        did(acts[i].act(host, &error));
    }
}

static void test_fail_code(void)
{
    g_autoptr(VhHost) host = machine(lab);

    vh_sim_set_fault(host, 2, VH_SIM_FAIL, NULL, NULL);
    vh_sim_set_fault_code(host, VH_ERROR_DENIED);
    did(act_unbind(host, &error));
    failed(act_probe(host, &error), VH_ERROR_DENIED);
    vh_sim_reset_operations(host);
    did(act_override(host, &error));
    failed(act_override(host, &error), VH_ERROR_DENIED);
    vh_sim_set_fault(host, 0, VH_SIM_FAIL, NULL, NULL);
    vh_sim_reset_operations(host);
    did(act_override(host, &error));
}

static void test_hang(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(acts); i++) {
        g_autoptr(VhHost) host = machine(lab);
        gint64 began = vh_host_now(host);
        vh_sim_set_fault(host, 1, VH_SIM_HANG, NULL, NULL);
        failed(acts[i].act(host, &error), VH_ERROR_TIMEOUT);
        /* Those without a deadline come back at once. */
        gboolean bounded = acts[i].act != act_override && acts[i].act != act_ask_stop &&
                           acts[i].act != act_terminate && acts[i].act != act_signal;
        g_assert_cmpint(vh_host_now(host) - began, ==, bounded ? 5000000 : 0);
        if (!acts[i].stuck) {
            did(acts[i].act(host, &error));
            continue;
        }
        /* What it was about stays locked, for every other operation on it, and a snapshot too. */
        assert_fact(host, acts[i].stuck);
        failed(acts[i].act(host, &error), VH_ERROR_TIMEOUT);
        g_autofree char *text = vh_sim_snapshot(host);
        g_autoptr(VhHost) again = vh_sim_new(text, NULL);
        assert_fact(again, acts[i].stuck);
        vh_host_wait(again, NULL, 100 * G_USEC_PER_SEC);
        failed(acts[i].act(again, &error), VH_ERROR_TIMEOUT);
    }
}

static void test_by_name(void)
{
    g_autoptr(VhHost) host = machine(lab);

    vh_sim_set_fault_at(host, "pci_unbind", VH_SIM_FAIL);
    vh_sim_set_fault_at(host, "a.service", VH_SIM_HANG);
    failed(act_unbind(host, &error), VH_ERROR_FAILED);
    failed(act_unbind(host, &error), VH_ERROR_FAILED);
    did(act_probe(host, &error));
    failed(act_stop(host, &error), VH_ERROR_TIMEOUT);
    failed(act_ask_stop(host, &error), VH_ERROR_TIMEOUT);
    did(act_start(host, &error));
    vh_sim_set_fault_at(host, "pci_unbind", VH_SIM_NONE);
    did(act_unbind(host, &error));
    failed(act_stop(host, &error), VH_ERROR_TIMEOUT);
    vh_sim_set_fault_at(host, NULL, VH_SIM_NONE);
    did(act_stop(host, &error));
}

static jmp_buf after_death;

static void die(gpointer data)
{
    guint *deaths = data;

    (*deaths)++;
    longjmp(after_death, 1);
}

/* The state in which the machine is when the act @i dies, at @fault. */
static char *state_of_death(gsize i, VhSimFault fault)
{
    static guint deaths;
    static VhHost *host;
    GError *error = NULL;

    deaths = 0;
    host = machine(lab);
    vh_sim_set_fault(host, 1, fault, die, &deaths);
    if (setjmp(after_death) == 0) {
        acts[i].act(host, &error);
        g_assert_not_reached();
    }
    g_assert_cmpuint(deaths, ==, 1);
    g_assert_cmpuint(vh_sim_operations(host), ==, 1);
    char *state = vh_sim_state(host);
    vh_host_free(host);
    return state;
}

static void test_die(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(acts); i++) {
        g_autoptr(VhHost) host = machine(lab);
        g_autofree char *start = vh_sim_state(host);
        did(acts[i].act(host, &error));
        g_autofree char *done = vh_sim_state(host);
        g_autofree char *before = state_of_death(i, VH_SIM_DIE_BEFORE);
        g_autofree char *after = state_of_death(i, VH_SIM_DIE_AFTER);
        g_assert_cmpstr(before, ==, start);
        g_assert_cmpstr(after, ==, done);
    }
}

/* By name, and also when the act fails. */
static void test_die_by_name(void)
{
    static guint deaths;
    static VhHost *host;

    deaths = 0;
    host = machine(lab);
    vh_sim_set_fault(host, 0, VH_SIM_NONE, die, &deaths);
    vh_sim_set_fault_at(host, "nobody.service", VH_SIM_DIE_AFTER);
    if (setjmp(after_death) == 0) {
        vh_host_unit_stop(host, "nobody.service", soon(host), NULL);
        g_assert_not_reached();
    }
    g_assert_cmpuint(deaths, ==, 1);
    vh_host_free(host);
}

static void test_abort(void)
{
    if (g_test_subprocess()) {
        g_autoptr(VhHost) host = machine(lab);
        vh_sim_set_fault(host, 1, VH_SIM_DIE_BEFORE, NULL, NULL);
        act_probe(host, NULL);
        _exit(0);
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
}

/* The second fault comes at its own number, whatever became of the first. */
static void test_second(void)
{
    g_autoptr(VhHost) host = machine(lab);

    vh_sim_set_fault(host, 1, VH_SIM_FAIL, NULL, NULL);
    vh_sim_set_second_fault(host, 3, VH_SIM_FAIL);
    failed(act_stop(host, &error), VH_ERROR_FAILED);
    did(act_stop(host, &error));
    failed(act_start(host, &error), VH_ERROR_FAILED);
    did(act_start(host, &error));
}

static void test_let_go(void)
{
    g_autoptr(VhHost) host = machine(lab);
    g_autofree char *start = vh_sim_state(host);

    for (gsize i = 0; i < G_N_ELEMENTS(acts); i++) {
        vh_sim_set_fault(host, vh_sim_operations(host) + 1, VH_SIM_HANG, NULL, NULL);
        failed(acts[i].act(host, &error), VH_ERROR_TIMEOUT);
        vh_sim_set_fault(host, 0, VH_SIM_NONE, NULL, NULL);
        vh_sim_let_go(host);
        g_assert_cmpint(vh_host_hung(host).pid, ==, 0);
    }
    g_autofree char *end = vh_sim_state(host);
    g_assert_cmpstr(start, ==, end);
}

static gboolean two_acts(gpointer host, GError **error)
{
    return act_unbind(*(VhHost **)host, error) && act_probe(*(VhHost **)host, error);
}

static gboolean fails(gpointer host, GError **error)
{
    return vh_error_set(error, VH_ERROR_BUSY, "why it failed");
}

static gboolean leaves(gpointer host, GError **error)
{
    _exit(0);
}

/* The process dies; the machine is as it left it, and goes on. */
static void test_mortal(void)
{
    g_autoptr(VhHost) host = machine(lab);
    const VhSimDeath death = {.number = 2, .fault = VH_SIM_DIE_BEFORE}, by_name = {.step = "probe"};
    const VhSimDeath none = {.number = 0};
    g_autofree char *start = vh_sim_state(host);
    gboolean died;
    g_autoptr(GError) error = NULL;

    g_assert_false(vh_sim_mortal(&host, &death, two_acts, &host, &died, &error));
    g_assert_no_error(error);
    g_assert_true(died);
    g_autofree char *half = vh_sim_state(host);
    g_assert_cmpstr(half, !=, start);
    g_assert_false(vh_sim_mortal(&host, &by_name, two_acts, &host, &died, NULL));
    g_assert_true(died);
    g_assert_true(vh_sim_mortal(&host, &none, two_acts, &host, &died, &error));
    g_assert_false(died);
    g_assert_false(vh_sim_mortal(&host, &none, fails, &host, &died, &error));
    g_assert_cmpstr(error->message, ==, "why it failed");
    g_clear_error(&error);
    g_assert_false(vh_sim_mortal(&host, &none, leaves, &host, &died, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_INTERRUPTED);
    g_assert_false(died);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/faults/trace", test_trace);
    g_test_add_func("/sim/faults/looking", test_looking);
    g_test_add_func("/sim/faults/signals", test_signals);
    g_test_add_func("/sim/faults/fail", test_fail);
    g_test_add_func("/sim/faults/fail-code", test_fail_code);
    g_test_add_func("/sim/faults/hang", test_hang);
    g_test_add_func("/sim/faults/by-name", test_by_name);
    g_test_add_func("/sim/faults/die", test_die);
    g_test_add_func("/sim/faults/die-by-name", test_die_by_name);
    g_test_add_func("/sim/faults/abort", test_abort);
    g_test_add_func("/sim/faults/second", test_second);
    g_test_add_func("/sim/faults/let-go", test_let_go);
    g_test_add_func("/sim/faults/mortal", test_mortal);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* What people see when the desktop is back. */
#include <string.h>

#include "machine.h"

#define FRONT "/sys/class/tty/tty0/active"

static void assert_front(Machine *machine, const char *expected)
{
    g_autofree char *text = vh_host_read(machine->host, FRONT, NULL);

    g_assert_cmpstr(text, ==, expected);
}

static void cycle(Machine *machine)
{
    g_autoptr(GBytes) xml = machine_sample_domain("emulated");
    g_autoptr(GError) error = NULL;

    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
    assert_front(machine, "tty1");
    machine_release(machine, xml, &error);
    g_assert_no_error(error);
}

static void test_comes_by_itself(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");

    cycle(machine);
    assert_front(machine, "tty7");
    g_assert_false(machine_did(machine, "front_switch"));
}

static void test_stays_behind(void)
{
    g_autoptr(Machine) machine =
        machine_changed("emulated", "\"vt\": 7,", "\"vt\": 7, \"behind\": true,");

    cycle(machine);
    g_assert_true(machine_did(machine, "front_switch seat0 7"));
    assert_front(machine, "tty7");
}

static void test_logind_refuses(void)
{
    g_autoptr(Machine) machine =
        machine_changed("emulated", "\"vt\": 7,", "\"vt\": 7, \"behind\": true,");

    vh_sim_set_fault_at(machine->host, "front_switch", VH_SIM_FAIL);
    cycle(machine);
    g_assert_true(machine_told(machine, "Ctrl+Alt+F7 shows it"));
    g_assert_false(machine_has_journal(machine));
}

/* Somebody starts the display manager while the guest has the card, and it is one that stays up
 * without a screen. */
static void test_started_without_card(void)
{
    g_autoptr(Machine) machine =
        machine_changed("emulated", "\"stop_ms\": 600,", "\"stop_ms\": 600, \"blind\": true,");
    g_autoptr(GBytes) xml = machine_sample_domain("emulated");
    g_autofree char *before = machine_state(machine, NULL);
    gint64 later = vh_host_now(machine->host) + 100 * G_USEC_PER_SEC;

    machine_prepare_ok(machine, xml);
    g_assert_true(vh_host_unit_start(machine->host, "lightdm.service", later, NULL));
    machine_release_ok(machine, xml);
    g_assert_true(machine_told(machine, "runs already and shows nothing: it is started anew"));
    machine_assert_state(machine, before, NULL);
}

/* One that has a session is let be, whoever started it. */
static void test_started_with_session(void)
{
    g_autoptr(Machine) machine =
        machine_changed("emulated", "\"needs\": [\"/dev/dri/card0\"]", "\"needs\": []");
    g_autoptr(GBytes) xml = machine_sample_domain("emulated");
    gint64 later = vh_host_now(machine->host) + 100 * G_USEC_PER_SEC;

    machine_prepare_ok(machine, xml);
    g_assert_true(vh_host_unit_start(machine->host, "lightdm.service", later, NULL));
    guint acts = vh_sim_trace(machine->host)->len;
    machine_release_ok(machine, xml);
    const GPtrArray *trace = vh_sim_trace(machine->host);
    for (guint i = acts; i < trace->len; i++)
        g_assert_null(strstr(trace->pdata[i], "lightdm.service"));
}

/* Who had a text console in front did not look at the desktop. */
static void test_text_console(void)
{
    g_autoptr(Machine) machine =
        machine_changed("emulated", "\"text\": \"tty7\"", "\"text\": \"tty3\"");

    cycle(machine);
    g_assert_false(machine_did(machine, "front_switch"));
    g_assert_false(machine_told(machine, "bring the desktop to the front"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/front/by-itself", test_comes_by_itself);
    g_test_add_func("/front/behind", test_stays_behind);
    g_test_add_func("/front/refused", test_logind_refuses);
    g_test_add_func("/front/started-without-card", test_started_without_card);
    g_test_add_func("/front/started-with-session", test_started_with_session);
    g_test_add_func("/front/text-console", test_text_console);
    return g_test_run();
}

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
    g_test_add_func("/front/text-console", test_text_console);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* prepare and release as a person calls them. */
#include <string.h>

#include "machine.h"

static const char *const card[] = {"0000:01:00.0", "0000:01:00.1", NULL};

static void test_taken_over(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GBytes) output = NULL;
    VhCall call = {.guest = "win10",
                   .operation = "prepare",
                   .suboperation = "begin",
                   .extra = "-",
                   .xml = xml,
                   .by_hand = TRUE};

    g_assert_true(vh_call_answer(&machine->engine, &call, &output, NULL));
    guint acts = vh_sim_operations(machine->host);
    machine_prepare_ok(machine, xml);
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, acts);

    /* By hand, nothing is taken from a guest that starts or runs, unless forced. */
    call.operation = "release";
    call.suboperation = "end";
    call.xml = NULL;
    g_autoptr(GError) starting = NULL, error = NULL;
    g_assert_false(vh_call_answer(&machine->engine, &call, &output, &starting));
    g_assert_error(starting, VH_ERROR, VH_ERROR_REFUSED);
    g_assert_nonnull(strstr(starting->message, "libvirt is starting it"));
    g_assert_true(machine_call(machine, "win10", "started", xml, NULL));
    vh_sim_set_guest_running(machine->host, "win10", TRUE);
    g_assert_false(vh_call_answer(&machine->engine, &call, &output, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_REFUSED);
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, acts);
    vh_sim_set_guest_running(machine->host, "win10", FALSE);
    g_assert_true(vh_call_answer(&machine->engine, &call, &output, NULL));
    machine_assert_state(machine, before, NULL);
}

/* libvirt asks for every guest; a person is told that this one is none of ours. */
static void test_without_file(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win 11", TRUE, card);
    g_autoptr(GBytes) output = NULL;
    g_autoptr(GError) error = NULL;
    VhCall call = {.guest = "win 11",
                   .operation = "prepare",
                   .suboperation = "begin",
                   .extra = "-",
                   .xml = xml};

    g_assert_true(vh_call_answer(&machine->engine, &call, &output, NULL));
    call.by_hand = TRUE;
    g_assert_false(vh_call_answer(&machine->engine, &call, &output, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "virt-handoff init 'win 11'"));
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/by-hand/taken-over", test_taken_over);
    g_test_add_func("/by-hand/without-file", test_without_file);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* What is said on terminals, and that nothing is with notify = "off". */
#include <string.h>

#include "machine.h"

#define USB "0000:02:00.0"

static const char *const card[] = {"0000:01:00.0", "0000:01:00.1", NULL};
static const char *const usb[] = {USB, NULL};

static const char *said(Machine *machine, guint i)
{
    GPtrArray *lines = vh_sim_said(machine->host);

    return i < lines->len ? lines->pdata[i] : "";
}

static void test_start(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    g_assert_true(machine_prepare(machine, xml, NULL));
    g_assert_cmpstr(said(machine, 0), ==,
                    "virt-handoff: the desktop on seat0 stops now: win10 gets the display");
    g_assert_true(machine_call(machine, "win10", "started", xml, NULL));
    g_assert_true(machine_release(machine, xml, NULL));
    g_assert_cmpuint(vh_sim_said(machine->host)->len, ==, 1);
}

/* The emulated host whose card and desktop are those of another seat. */
static Machine *on_seat1(void)
{
    g_autofree char *sample = machine_sample("emulated");
    g_auto(GStrv) around_vga = g_strsplit(sample, "\"boot_vga\": true", -1);
    g_autofree char *changed = g_strjoinv("\"seat\": \"seat1\"", around_vga);
    g_auto(GStrv) around_session = g_strsplit(changed, "\"seat0\"", -1);
    g_autofree char *text = g_strjoinv("\"seat1\"", around_session);

    return machine_from_text(text);
}

/* Who asked for the start in the desktop that is back learns nothing from virsh. */
static void test_unstarted(void)
{
    g_autoptr(Machine) machine = on_seat1();
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    g_assert_true(machine_prepare(machine, xml, NULL));
    g_assert_true(machine_release(machine, xml, NULL));
    g_assert_true(
        g_str_has_prefix(said(machine, 1), "desktop of seat1: libvirt did not start win10; why: "));
    g_assert_true(machine_told(machine, "/var/log/libvirt/qemu/win10.log"));
    g_assert_cmpuint(vh_sim_said(machine->host)->len, ==, 2);
}

static void test_failure(void)
{
    g_autoptr(Machine) machine = on_seat1();
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    vh_sim_set_fault_at(machine->host, "module_unload bochs", VH_SIM_FAIL);
    g_assert_false(machine_prepare(machine, xml, NULL));
    g_assert_true(g_str_has_prefix(said(machine, 1), "virt-handoff: win10 could not be started: "));
    g_assert_true(g_str_has_suffix(said(machine, 1), "; everything is back"));
    g_assert_true(
        g_str_has_prefix(said(machine, 2), "desktop of seat1: win10 could not be started: "));
    g_assert_cmpuint(vh_sim_said(machine->host)->len, ==, 3);
}

/* What is stuck on the way back is told to the desktop, unless the file says not to. */
static void test_way_back(gconstpointer data)
{
    const char *file = data;
    g_autoptr(Machine) machine = on_seat1();
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    machine_configure(machine, "win10", file);
    g_assert_true(machine_prepare(machine, xml, NULL));
    guint before = vh_sim_said(machine->host)->len;
    vh_sim_set_fault_at(machine->host, "module_load bochs", VH_SIM_FAIL);
    g_assert_false(machine_release(machine, xml, NULL));
    if (*file) {
        g_assert_cmpuint(vh_sim_said(machine->host)->len, ==, 0);
        return;
    }
    g_assert_cmpuint(vh_sim_said(machine->host)->len, ==, before + 1);
    g_assert_true(g_str_has_prefix(said(machine, before),
                                   "desktop of seat1: not everything that win10 had is back: "));
}

/* What stops no desktop says nothing, nor does a start that was refused: virsh says that. */
static void test_nothing_to_say(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) controller = machine_domain("win10", TRUE, usb);
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    g_assert_true(machine_prepare(machine, controller, NULL));
    g_assert_true(machine_release(machine, controller, NULL));
    machine_configure(machine, "win10", "stop = [ \"none.service\" ];");
    g_assert_false(machine_prepare(machine, xml, NULL));
    machine_configure(machine, "win10", "notify = \"off\";");
    vh_sim_set_fault_at(machine->host, "module_unload bochs", VH_SIM_FAIL);
    g_assert_false(machine_prepare(machine, xml, NULL));
    g_assert_cmpuint(vh_sim_said(machine->host)->len, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/announce/start", test_start);
    g_test_add_func("/announce/unstarted", test_unstarted);
    g_test_add_func("/announce/failure", test_failure);
    g_test_add_data_func("/announce/way-back", "", test_way_back);
    g_test_add_data_func("/announce/way-back-quiet", "notify = \"off\";", test_way_back);
    g_test_add_func("/announce/nothing-to-say", test_nothing_to_say);
    return g_test_run();
}

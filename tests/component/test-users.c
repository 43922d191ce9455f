// SPDX-License-Identifier: GPL-2.0-or-later
/* Units in the users' own managers: stop_user, and services of users whose manager stays. */
#include <string.h>

#include "machine.h"

#define GPU "0000:01:00.0"
#define SOUND "0000:01:00.1"

static const char *const card[] = {GPU, SOUND, NULL};

/* The emulated host, where anna lingers: her manager and its sound server outlive her session. */
static Machine *machine_lingering(const char *config)
{
    g_autoptr(Machine) plain = machine_new("emulated");
    g_autofree char *text = vh_sim_snapshot(plain->host);
    g_auto(GStrv) parts = g_strsplit(text, "\"anna\"", 2);

    g_assert_cmpuint(g_strv_length(parts), ==, 2);
    g_autofree char *lingering = g_strjoinv("\"anna\", \"linger\": true", parts);
    Machine *machine = machine_from_text(lingering);
    machine_configure(machine, "win10", config);
    return machine;
}

static void assert_order(const char *text, const char *first, const char *second)
{
    const char *a = strstr(text, first), *b = strstr(text, second);

    g_assert_nonnull(a);
    g_assert_nonnull(b);
    g_assert_true(a < b);
}

static guint index_of(Machine *machine, const char *line)
{
    GPtrArray *trace = vh_sim_trace(machine->host);

    for (guint i = 0; i < trace->len; i++)
        if (strstr(trace->pdata[i], line))
            return i;
    g_assert_not_reached();
}

/* In their order, before the display manager; the new manager starts what it wants by itself. */
static void test_stop_user(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;
    g_autofree char *before = machine_state(machine, NULL);

    machine_configure(machine, "win10", "stop_user = [ \"wire*\", \"pipewire.service\" ];");
    g_autofree char *plan = machine_plan_text(machine, xml);
    assert_order(plan, "stop wireplumber.service of anna", "stop pipewire.service of anna");
    assert_order(plan, "stop pipewire.service of anna", "stop lightdm.service");
    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(index_of(machine, "user_unit_stop wireplumber.service 1000"), <,
                     index_of(machine, "user_unit_stop pipewire.service 1000"));
    g_assert_cmpuint(index_of(machine, "user_unit_stop pipewire.service 1000"), <,
                     index_of(machine, "unit_stop lightdm.service"));
    /* logind has ended the manager by the time the guest stops. */
    machine_settle(machine);
    machine_release(machine, xml, &error);
    g_assert_no_error(error);
    g_assert_false(machine_did(machine, "user_unit_start"));
    machine_assert_state(machine, before, NULL);
}

/* A failed start finds the same manager, and starts them again in it. */
static void test_roll_back(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);

    machine_configure(machine, "win10", "stop_user = [ \"wireplumber.service\" ];");
    vh_sim_set_fault_at(machine->host, "unit_stop lightdm.service", VH_SIM_FAIL);
    g_assert_false(machine_prepare(machine, xml, NULL));
    g_assert_true(machine_did(machine, "user_unit_start wireplumber.service 1000"));
    machine_assert_state(machine, before, NULL);
}

/* One that does not come back is a warning: the way back of the host is whole. */
static void test_does_not_start(void)
{
    g_autoptr(Machine) machine = machine_lingering("stop_user = [ \"*\" ];");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;

    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
    vh_sim_set_fault_at(machine->host, "user_unit_start wireplumber.service", VH_SIM_FAIL);
    machine_release(machine, xml, &error);
    g_assert_no_error(error);
    g_assert_true(machine_told(machine, "cannot start wireplumber.service of anna"));
    g_assert_false(machine_has_journal(machine));
}

/* Nobody has such a unit: that is said, and is no obstacle. */
static void test_nothing_found(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;

    machine_configure(machine, "win10", "stop_user = [ \"plasma-*\" ];");
    g_autofree char *plan = machine_plan_text(machine, xml);
    g_assert_nonnull(strstr(plan, "note: stop_user: no user who is logged in has such a unit"));
    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
}

/* A user who lingers is left alone, and named when that is in the way. */
static void test_lingering_named(void)
{
    g_autoptr(Machine) machine = machine_lingering("timeout = 8;");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;
    g_autofree char *plan = machine_plan_text(machine, xml);
    g_autofree char *before = machine_state(machine, NULL);

    g_assert_nonnull(strstr(plan, "wireplumber.service) keeps /dev/snd/controlC0 open"));
    g_assert_nonnull(strstr(plan, "\"wireplumber.service\" to stop_user"));
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_nonnull(strstr(error->message, "to stop_user"));
    g_assert_false(machine_did(machine, "user@1000.service"));
    machine_assert_state(machine, before, NULL);
}

/* Stopped in the manager that stays, by either key, and started there again. */
static void test_lingering(gconstpointer config)
{
    g_autoptr(Machine) machine = machine_lingering(config);
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;

    g_autofree char *plan = machine_plan_text(machine, xml);
    g_assert_nonnull(strstr(plan, "wireplumber.service of anna"));
    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
    g_assert_true(machine_did(machine, "user_unit_stop wireplumber.service 1000"));
    g_assert_false(machine_did(machine, "process_signal"));
    machine_release(machine, xml, &error);
    g_assert_no_error(error);
    g_assert_true(machine_did(machine, "user_unit_start wireplumber.service 1000"));
    machine_assert_state(machine, before, NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/users/stop-user", test_stop_user);
    g_test_add_func("/users/roll-back", test_roll_back);
    g_test_add_func("/users/does-not-start", test_does_not_start);
    g_test_add_func("/users/nothing-found", test_nothing_found);
    g_test_add_func("/users/lingering/named", test_lingering_named);
    g_test_add_data_func("/users/lingering/stop-user",
                         "stop_user = [ \"pipewire.service\", \"wireplumber.service\" ];",
                         test_lingering);
    g_test_add_data_func("/users/lingering/terminate", "holders = \"terminate\";", test_lingering);
    return g_test_run();
}

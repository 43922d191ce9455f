// SPDX-License-Identifier: GPL-2.0-or-later
/* Units in the users' own managers: stop_user, and services of users whose manager stays; and
 * desktops that are asked to log out. */
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
    vh_sim_set_fault_at(machine->host, "stop lightdm.service", VH_SIM_FAIL);
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

/* ---- sessions = "logout" ---- */

#define LOGOUT "sessions = \"logout\"; timeout = 60; "
#define DESKTOP "\"desktop\": \"KDE\","

/* It ends by itself before anything of it is stopped, its units included; nothing undoes that. */
static void test_logout_obeys(void)
{
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) xml = machine_sample_domain("nvidia-desktop");
    g_autoptr(GError) error = NULL;
    g_autofree char *before = machine_state(machine, NULL);

    machine_configure(machine, "win10", LOGOUT "stop_user = [ \"pipewire.service\" ];");
    g_autofree char *plan = machine_plan_text(machine, xml);
    assert_order(plan, "ask the desktops on seat0 to log out", "stop pipewire.service of anna");
    assert_order(plan, "stop pipewire.service of anna", "stop sddm.service");
    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(index_of(machine, "session_logout 2"), <,
                     index_of(machine, "unit_stop sddm.service"));
    g_assert_false(machine_told(machine, "log out:"));
    g_assert_false(machine_told(machine, "still there"));
    machine_release(machine, xml, &error);
    g_assert_no_error(error);
    machine_assert_state(machine, before, NULL);
}

/* One that stays has half of the time, and the display manager's stop ends it. */
static void test_logout_ignored(void)
{
    g_autoptr(Machine) machine =
        machine_changed("nvidia-desktop", DESKTOP, DESKTOP " \"ignores_logout\": true,");
    g_autoptr(GBytes) xml = machine_sample_domain("nvidia-desktop");
    g_autoptr(GError) error = NULL;
    g_autofree char *before = machine_state(machine, NULL);
    gint64 begin = vh_host_now(machine->host);

    machine_configure(machine, "win10", LOGOUT);
    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
    g_assert_true(
        machine_told(machine, "session 2 of anna (KDE) was asked to log out and is still"));
    g_assert_cmpint(vh_host_now(machine->host) - begin, >, 15 * G_USEC_PER_SEC);
    g_assert_cmpint(vh_host_now(machine->host) - begin, <, 40 * G_USEC_PER_SEC);
    g_assert_true(machine_did(machine, "unit_stop sddm.service"));
    machine_release(machine, xml, &error);
    g_assert_no_error(error);
    machine_assert_state(machine, before, NULL);
}

/* A desktop that nobody knows how to ask, or whose answer is an error, costs a note and no time. */
static void test_logout_cannot(gconstpointer instead)
{
    gboolean fails = g_str_equal(instead, DESKTOP);
    g_autoptr(Machine) machine = machine_changed("nvidia-desktop", DESKTOP, instead);
    g_autoptr(GBytes) xml = machine_sample_domain("nvidia-desktop");
    g_autoptr(GError) error = NULL;

    machine_configure(machine, "win10", LOGOUT);
    if (fails)
        vh_sim_set_fault_at(machine->host, "session_logout 2", VH_SIM_FAIL);
    gint64 begin = vh_host_now(machine->host);
    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
    g_assert_true(machine_told(machine, "cannot be asked to log out: "));
    g_assert_cmpint(vh_host_now(machine->host) - begin, <, 15 * G_USEC_PER_SEC);
}

/* Nobody is asked where nobody is logged in, or the guest's file does not say so. */
static void test_logout_nobody(void)
{
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) xml = machine_sample_domain("nvidia-desktop");

    g_autofree char *plan = machine_plan_text(machine, xml);
    g_assert_null(strstr(plan, "log out"));
    machine_configure(machine, "win10", LOGOUT);
    g_assert_true(vh_host_session_terminate(machine->host, "2", NULL));
    machine_settle(machine);
    g_autofree char *without = machine_plan_text(machine, xml);
    g_assert_null(strstr(without, "log out"));
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
    g_test_add_func("/users/logout/obeys", test_logout_obeys);
    g_test_add_func("/users/logout/ignored", test_logout_ignored);
    g_test_add_data_func("/users/logout/unknown", "\"desktop\": \"LXQt\",", test_logout_cannot);
    g_test_add_data_func("/users/logout/fails", DESKTOP, test_logout_cannot);
    g_test_add_func("/users/logout/nobody", test_logout_nobody);
    return g_test_run();
}

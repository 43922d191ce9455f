// SPDX-License-Identifier: GPL-2.0-or-later
/* Simulated hosts that are not idle or not well: no bus, somebody who comes late, another seat. */
#include <string.h>

#include "machine.h"

#define GPU "0000:01:00.0"
#define SOUND "0000:01:00.1"

static const char *const card[] = {GPU, SOUND, NULL};

/* Nobody can say what draws on the screen: refused, and nothing was even tried. */
static void test_no_bus_at_start(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;

    vh_sim_set_bus(machine->host, FALSE);
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "the screen is in use"));
    g_assert_cmpuint(vh_sim_trace(machine->host)->len, ==, 0);
    g_assert_false(machine_has_journal(machine));
    machine_assert_state(machine, before, NULL);
}

/* The devices come back, what is stuck is named, and all is well once there is a bus again. */
static void test_no_bus_at_end(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_true(machine_prepare(machine, xml, NULL));
    vh_sim_set_bus(machine->host, FALSE);
    g_assert_false(machine_release(machine, xml, NULL));
    machine_assert_driver(machine, GPU, "bochs-drm");
    machine_assert_driver(machine, SOUND, "snd_hda_intel");
    g_assert_true(machine_told(machine, "cannot start lightdm.service"));
    g_assert_true(machine_has_journal(machine));
    vh_sim_set_bus(machine->host, TRUE);
    g_assert_true(machine_release(machine, xml, &error));
    g_assert_no_error(error);
    g_assert_false(machine_has_journal(machine));
    machine_assert_state(machine, before, NULL);
}

typedef struct {
    Machine *machine;
    const char *moment; /* trace line */
    pid_t pid;
} Latecomer;

static void come(gpointer data, const char *line)
{
    Latecomer *self = data;

    if (self->pid == 0 && g_str_equal(line, self->moment))
        self->pid = vh_sim_process_add(self->machine->host, "mpd", 1000, "mpd.service",
                                       "/dev/snd/controlC0");
}

/* A start into which somebody comes with the sound function open at that moment; the error. */
static GError *prepare_with(Latecomer *late)
{
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    GError *error = NULL;

    vh_sim_watch(late->machine->host, come, late);
    g_assert_false(machine_prepare(late->machine, xml, &error));
    vh_sim_watch(late->machine->host, NULL, NULL);
    g_assert_cmpint(late->pid, !=, 0);
    g_autofree char *who = g_strdup_printf("mpd (pid %d, ", (int)late->pid);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, who));
    g_assert_nonnull(strstr(error->message, "/dev/snd/controlC0"));
    return error;
}

/* After the wait for the holders, up to the act before the unbind: a refusal, and no act that
 * hangs. */
static void test_late_holder(gconstpointer moment)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    Latecomer late = {machine, moment, 0};

    g_autoptr(GError) error = prepare_with(&late);
    g_assert_error(error, VH_ERROR, VH_ERROR_BUSY);
    g_assert_false(machine_did(machine, "pci_unbind " SOUND));
    g_assert_false(machine_has_journal(machine));
    machine_assert_driver(machine, SOUND, "snd_hda_intel");
    machine_assert_driver(machine, GPU, "bochs-drm");
    g_autoptr(VhPciFunction) sound = vh_host_pci_look(machine->host, SOUND, NULL);
    g_assert_null(sound->driver_override);
}

/* In the moment of the unbind, which hangs: he is named, the rest is back, and so is the function
 * when he has gone. */
static void test_holder_in_the_moment(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, "process ");
    Latecomer late = {machine, "pci_unbind " SOUND, 0};

    g_autoptr(GError) error = prepare_with(&late);
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_true(machine_has_journal(machine));
    machine_assert_driver(machine, GPU, "bochs-drm");
    g_assert_true(vh_sim_process_end(machine->host, late.pid));
    machine_settle(machine);
    g_assert_true(machine_release(machine, xml, NULL));
    g_assert_false(machine_has_journal(machine));
    machine_assert_driver(machine, SOUND, "snd_hda_intel");
}

/* ---- another seat ---- */

#define ANNAS                                                                                      \
    "{\"id\": \"2\", \"uid\": 1000, \"seat\": \"seat0\", \"type\": \"x11\", \"class\": \"user\", " \
    "\"desktop\": \"MATE\", \"unit\": \"lightdm.service\", \"process\": \"mate-session\", "        \
    "\"close_ms\": 200}"
#define BOBS                                                                                       \
    "{\"id\": \"3\", \"uid\": 0, \"seat\": \"seat1\", \"type\": \"x11\", \"class\": \"user\", "    \
    "\"unit\": \"lightdm.service\", \"process\": \"sawfish\"}"
#define OTHERS                                                                                     \
    "{\"id\": \"3\", \"uid\": 0, \"seat\": \"seat1\", \"type\": \"x11\", \"class\": \"user\", "    \
    "\"process\": \"sawfish\"}"

static void test_second_seat(void)
{
    g_autoptr(Machine) machine = machine_changed("two-equal-cards", ANNAS, ANNAS ", " BOBS);
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;

    /* One display manager for both: to stop it would end the other's session. */
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "root is logged in on seat1"));
    g_assert_cmpuint(vh_sim_trace(machine->host)->len, ==, 0);
    machine_assert_state(machine, before, NULL);
}

/* What another program began there lives on, and so is no reason. */
static void test_second_seat_of_another(void)
{
    g_autoptr(Machine) machine = machine_changed("two-equal-cards", ANNAS, ANNAS ", " OTHERS);
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_true(machine_prepare(machine, xml, &error));
    g_assert_no_error(error);
    g_assert_false(machine_told(machine, "session 3"));
    g_autoptr(GPtrArray) sessions = vh_host_sessions(machine->host, NULL);
    g_assert_cmpuint(sessions->len, ==, 1);
    g_assert_cmpstr(((VhSession *)sessions->pdata[0])->seat, ==, "seat1");
    g_assert_true(machine_release(machine, xml, NULL));
    machine_assert_state(machine, before, NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/busy/no-bus-at-start", test_no_bus_at_start);
    g_test_add_func("/busy/no-bus-at-end", test_no_bus_at_end);
    g_test_add_data_func("/busy/late-holder/early", "console_bind 1 unbind", test_late_holder);
    g_test_add_data_func("/busy/late-holder/late", "pci_override " SOUND " vfio-pci",
                         test_late_holder);
    g_test_add_func("/busy/holder-in-the-moment", test_holder_in_the_moment);
    g_test_add_func("/busy/second-seat", test_second_seat);
    g_test_add_func("/busy/second-seat-of-another", test_second_seat_of_another);
    return g_test_run();
}

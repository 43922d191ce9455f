// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A release that got stuck, or was cut off, leaves a journal, but no guest that needs anything:
 * what others need comes back with the last of them, and what is stuck is still there to be mended.
 */
#include <string.h>

#include "engine/recover.h"
#include "machine.h"
#include "sim/mortal.h"

#define SOUND "0000:01:00.1"
#define STOP "stop = [ \"lightdm.service\" ]; timeout = 300;"

static const char *const cards[][3] = {{"0000:01:00.0", SOUND, NULL},
                                       {"0000:02:00.0", "0000:02:00.1", NULL}};
static const char *const none[] = {NULL};

typedef struct {
    const char *name;
    GBytes *xml;
} Guest;

static Guest guest_new(Machine *machine, const char *name, const char *const *devices,
                       const char *config)
{
    machine_configure(machine, name, config);
    return (Guest){name, machine_domain(name, TRUE, devices)};
}

static void guest_clear(Guest *guest)
{
    g_bytes_unref(guest->xml);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Guest, guest_clear)

static void prepare(Machine *machine, const Guest *guest)
{
    g_autoptr(GError) error = NULL;

    (void)machine_call(machine, guest->name, "prepare", guest->xml, &error);
    g_assert_no_error(error);
}

static void release(Machine *machine, const Guest *guest)
{
    g_autoptr(GError) error = NULL;

    (void)machine_call(machine, guest->name, "release", guest->xml, &error);
    g_assert_no_error(error);
}

/* A release that cannot give @what back. */
static void get_stuck(Machine *machine, const Guest *guest, const char *what)
{
    g_autoptr(GError) error = NULL;

    vh_sim_set_fault_at(machine->host, what, VH_SIM_FAIL);
    g_assert_false(machine_call(machine, guest->name, "release", guest->xml, &error));
    g_assert_nonnull(strstr(error->message, "stuck"));
    vh_sim_set_fault_at(machine->host, NULL, VH_SIM_NONE);
}

static gboolean has_desktop(Machine *machine)
{
    g_autoptr(VhUnit) unit = vh_host_unit_look(machine->host, "lightdm.service", NULL);

    return g_str_equal(unit->active, "active");
}

/* Whether the host is so, in the words of vh_sim_state. */
static void assert_fact(Machine *machine, const char *fact)
{
    g_autofree char *state = vh_sim_state(machine->host);
    g_auto(GStrv) lines = g_strsplit(state, "\n", -1);

    if (!g_strv_contains((const char *const *)lines, fact))
        g_error("not so: %s\n%s", fact, state);
}

static guint journals(Machine *machine)
{
    g_autoptr(GPtrArray) list = vh_journal_list(&machine->engine, NULL);

    return list->len;
}

/* ---- tests ---- */

/* The next guest gets the desktop back, and the first its sound: by release or by recover. */
static void test_next(void)
{
    for (int by_recover = 0; by_recover < 2; by_recover++) {
        g_autoptr(Machine) machine = machine_new("two-equal-cards");
        g_auto(Guest) win10 = guest_new(machine, "win10", cards[0], STOP);
        g_auto(Guest) other = guest_new(machine, "other", cards[1], STOP);
        g_autofree char *before = machine_state(machine, NULL);
        guint replayed = 1;

        prepare(machine, &win10);
        get_stuck(machine, &win10, SOUND);
        g_assert_true(has_desktop(machine));
        prepare(machine, &other);
        g_assert_false(has_desktop(machine));
        release(machine, &other);
        g_assert_true(has_desktop(machine));
        if (by_recover)
            g_assert_true(vh_recover_all(&machine->engine, &replayed, NULL));
        else
            release(machine, &win10);
        g_assert_cmpuint(replayed, ==, 1);
        g_assert_cmpuint(journals(machine), ==, 0);
        machine_assert_state(machine, before, NULL);
        release(machine, &win10);
        machine_assert_state(machine, before, NULL);
    }
}

/* What is mended while others run leaves them what they need; the last of them brings it back. */
static void test_mended_among_others(void)
{
    for (int mended = 0; mended < 2; mended++) {
        g_autoptr(Machine) machine = machine_new("two-equal-cards");
        g_auto(Guest) win10 = guest_new(machine, "win10", cards[0], STOP);
        g_auto(Guest) other = guest_new(machine, "other", cards[1], STOP);
        g_auto(Guest) third = guest_new(machine, "third", none, STOP);
        g_autofree char *before = machine_state(machine, NULL);

        prepare(machine, &win10);
        get_stuck(machine, &win10, SOUND);
        prepare(machine, &other);
        prepare(machine, &third);
        if (mended)
            release(machine, &win10);
        else
            get_stuck(machine, &win10, SOUND);
        g_assert_false(has_desktop(machine));
        release(machine, &other);
        g_assert_false(has_desktop(machine));
        release(machine, &third);
        g_assert_true(has_desktop(machine));
        release(machine, &win10);
        g_assert_cmpuint(journals(machine), ==, 0);
        machine_assert_state(machine, before, NULL);
    }
}

/* A desktop that does not start is owed to the guest that runs, as the duty goes on to it. */
static void test_desktop_stuck(void)
{
    g_autoptr(Machine) machine = machine_new("two-equal-cards");
    g_auto(Guest) win10 = guest_new(machine, "win10", cards[0], STOP);
    g_auto(Guest) other = guest_new(machine, "other", cards[1], STOP);
    g_autofree char *before = machine_state(machine, NULL);

    prepare(machine, &win10);
    get_stuck(machine, &win10, "unit_start lightdm.service");
    prepare(machine, &other);
    release(machine, &win10);
    g_assert_cmpuint(journals(machine), ==, 1);
    g_assert_false(has_desktop(machine));
    release(machine, &other);
    g_assert_true(has_desktop(machine));
    machine_assert_state(machine, before, NULL);
}

/* What there is one of for the whole host is free for other values, and comes back from them; pages
 * that could not be given back are not there for others, as they may go yet. */
static void test_settings(void)
{
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_auto(Guest) win10 = guest_new(machine, "win10", none,
                                    "governor = \"performance\"; host_cpus = \"0-1\"; "
                                    "irq_cpus = \"0-1\"; hugepages = 64; timeout = 300;");
    g_auto(Guest) other = guest_new(machine, "other", none,
                                    "governor = \"powersave\"; host_cpus = \"0-2\"; "
                                    "irq_cpus = \"0-2\"; hugepages = 32; timeout = 300;");
    g_autofree char *before = machine_state(machine, NULL);

    prepare(machine, &win10);
    get_stuck(machine, &win10, "set_pages 2048k 0");
    g_autofree char *between = machine_state(machine, NULL);
    prepare(machine, &other);
    release(machine, &other);
    machine_assert_state(machine, between, NULL);
    prepare(machine, &other);
    release(machine, &win10);
    assert_fact(machine, "huge pages 2M: 32");
    assert_fact(machine, "governor policy0 is \"powersave\"");
    release(machine, &other);
    g_assert_cmpuint(journals(machine), ==, 0);
    machine_assert_state(machine, before, NULL);
}

/* Pages are taken away once, whoever found fewer gives his back first. */
static void test_pages(void)
{
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_auto(Guest) other = guest_new(machine, "other", none, "hugepages = 32;");
    g_auto(Guest) win10 = guest_new(machine, "win10", none, "hugepages = 64;");

    prepare(machine, &other);
    prepare(machine, &win10);
    assert_fact(machine, "huge pages 2M: 96");
    get_stuck(machine, &win10, "set_pages");
    release(machine, &other);
    assert_fact(machine, "huge pages 2M: 0");
    release(machine, &win10);
    assert_fact(machine, "huge pages 2M: 0");
}

/* ---- cut off ---- */

typedef struct {
    Machine *machine;
    const Guest *guest;
} Call;

static gboolean call_release(gpointer data, GError **error)
{
    const Call *call = data;

    return machine_call(call->machine, call->guest->name, "release", call->guest->xml, error);
}

/* FALSE when the release has no act @number. */
static gboolean release_and_die(Machine *machine, const Guest *guest, guint number)
{
    Call call = {machine, guest};
    const VhSimDeath death = {.number = number, .fault = VH_SIM_DIE_AFTER};
    g_autoptr(GError) error = NULL;
    gboolean died;

    vh_sim_reset_operations(machine->host);
    (void)vh_sim_mortal(&machine->host, &death, call_release, &call, &died, &error);
    g_assert_no_error(error);
    machine->engine.host = machine->host;
    return died;
}

/* FALSE when there is no act @number. */
static gboolean cut_off(guint number, gboolean early)
{
    g_autoptr(Machine) machine = machine_new("two-equal-cards");
    g_auto(Guest) win10 = guest_new(machine, "win10", cards[0], STOP);
    g_auto(Guest) other = guest_new(machine, "other", cards[1], STOP);
    g_autofree char *before = machine_state(machine, NULL);

    prepare(machine, &win10);
    if (early)
        prepare(machine, &other);
    gboolean died = release_and_die(machine, &win10, number);
    gboolean had_desktop = has_desktop(machine);
    if (!early)
        prepare(machine, &other);
    release(machine, &other);
    g_assert_true(has_desktop(machine) || !had_desktop);
    release(machine, &win10);
    g_assert_cmpuint(journals(machine), ==, 0);
    machine_assert_state(machine, before, NULL);
    return died;
}

static void test_cut_off(void)
{
    guint acts = 0;

    for (guint number = 1; cut_off(number, FALSE) && cut_off(number, TRUE); number++)
        acts++;
    g_assert_cmpuint(acts, >, 5);
    g_test_message("result: several guests | a release is cut off after each of its acts, another "
                   "guest ends, before or after | %u | all is back",
                   2 * acts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stuck/next", test_next);
    g_test_add_func("/stuck/mended-among-others", test_mended_among_others);
    g_test_add_func("/stuck/desktop", test_desktop_stuck);
    g_test_add_func("/stuck/settings", test_settings);
    g_test_add_func("/stuck/pages", test_pages);
    g_test_add_func("/stuck/cut-off", test_cut_off);
    return g_test_run();
}

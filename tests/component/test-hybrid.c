// SPDX-License-Identifier: GPL-2.0-or-later
/* Two graphics cards: the desktop goes on when it does not draw with the passed one. */
#include <string.h>

#include "engine/plan.h"
#include "machine.h"

/* gnome-shell on the laptop drives both cards, and wireplumber has both sound functions open. */
#define BOTH_CARDS                                                                                 \
    "\"/dev/dri/card0\", \"/dev/dri/renderD128\", \"/dev/dri/card1\", \"/dev/nvidia0\", "          \
    "\"/dev/nvidiactl\", \"/dev/nvidia-modeset\""
#define FIRST_CARD "\"/dev/dri/card0\", \"/dev/dri/renderD128\""
enum { WIREPLUMBER = 1262 };

static char *notes_of(Machine *machine, GBytes *xml)
{
    g_autoptr(GError) error = NULL;
    gsize length;
    const char *text = g_bytes_get_data(xml, &length);
    g_autoptr(VhDomain) domain = vh_domain_parse(text, length, &error);
    g_assert_no_error(error);
    g_autoptr(VhPlan) plan = vh_plan_for_guest(&machine->engine, domain, NULL, &error);

    g_assert_no_error(error);
    g_ptr_array_add(plan->notes, NULL);
    return g_strjoinv("\n", (char **)plan->notes->pdata);
}

static void assert_noted(Machine *machine, GBytes *xml, const char *const *words)
{
    g_autofree char *notes = notes_of(machine, xml);

    for (; *words; words++)
        if (!strstr(notes, *words))
            g_error("\"%s\" is not in: %s", *words, notes);
}

static void test_desktop_stays(gconstpointer data)
{
    static const struct {
        const char *sample, *both, *first, *manager, *node;
    } cases[] = {
        {"laptop-hybrid", BOTH_CARDS, FIRST_CARD, "gdm.service", "/dev/dri/card1"},
        {"two-equal-cards", "\"nodes\": [\"/dev/dri/card0\", \"/dev/dri/card1\"",
         "\"nodes\": [\"/dev/dri/card0\"", "lightdm.service", "/dev/dri/card1"},
    };
    gsize i = GPOINTER_TO_SIZE(data);
    g_autoptr(Machine) machine = machine_changed(cases[i].sample, cases[i].both, cases[i].first);
    g_autoptr(GBytes) xml = machine_sample_domain(cases[i].sample);
    g_autofree char *stop = g_strconcat("unit_stop ", cases[i].manager, NULL);
    g_autofree char *node = g_strconcat("node ", cases[i].node, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_true(vh_sim_process_end(machine->host, WIREPLUMBER));
    g_autofree char *before = machine_state(machine, NULL);
    g_assert_nonnull(strstr(before, node));
    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
    g_assert_false(machine_did(machine, stop));
    g_assert_false(machine_did(machine, "console_bind"));
    g_autofree char *during = machine_state(machine, NULL);
    g_assert_null(strstr(during, node));
    machine_release(machine, xml, &error);
    g_assert_no_error(error);
    machine_assert_state(machine, before, NULL);
}

static void test_desktop_drives_both(void)
{
    static const char *const words[] = {"the desktop is stopped because gnome-shell (pid 1284)",
                                        "0000:01:00.0 too", "mutter-device-ignore", NULL};
    g_autoptr(Machine) machine = machine_new("laptop-hybrid");
    g_autoptr(GBytes) xml = machine_sample_domain("laptop-hybrid");
    g_autoptr(GError) error = NULL;

    assert_noted(machine, xml, words);
    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
    g_assert_true(machine_did(machine, "unit_stop gdm.service"));
}

/* A game on the other card's desktop is no reason to end that, and is named. */
static void test_prime_user(void)
{
    static const char *const words[] = {"glxgears (pid ", "user anna", "(PRIME)",
                                        "/dev/dri/renderD129", NULL};
    g_autoptr(Machine) machine = machine_changed("laptop-hybrid", BOTH_CARDS, FIRST_CARD);
    g_autoptr(GBytes) xml = machine_sample_domain("laptop-hybrid");
    g_autoptr(GError) error = NULL;

    g_assert_true(vh_sim_process_end(machine->host, WIREPLUMBER));
    vh_sim_process_add(machine->host, "glxgears", 1000, "user@1000.service", "/dev/dri/renderD129");
    assert_noted(machine, xml, words);
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, "glxgears"));
    g_assert_false(machine_did(machine, "unit_stop gdm.service"));
}

/* Where the passed card is the only one, who draws a little draws on the screen. */
static void test_only_card(void)
{
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) xml = machine_sample_domain("nvidia-desktop");
    g_autofree char *notes = notes_of(machine, xml);

    g_assert_null(strstr(notes, "PRIME"));
    g_assert_null(strstr(notes, "drives"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/hybrid/stays/laptop", GSIZE_TO_POINTER(0), test_desktop_stays);
    g_test_add_data_func("/hybrid/stays/equal-cards", GSIZE_TO_POINTER(1), test_desktop_stays);
    g_test_add_func("/hybrid/drives-both", test_desktop_drives_both);
    g_test_add_func("/hybrid/prime-user", test_prime_user);
    g_test_add_func("/hybrid/only-card", test_only_card);
    return g_test_run();
}

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
#define LONG (100 * G_USEC_PER_SEC)

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

/* The sound server of a desktop that runs on the other card has the passed sound function open too:
 * it is named, with what to do, and nothing is touched. */
static void test_sound_server(void)
{
    static const char *const words[] = {"wireplumber (pid 1262, user anna, wireplumber.service)",
                                        "/dev/snd/controlC1",
                                        "add \"wireplumber.service\" to stop_user", NULL};
    g_autoptr(Machine) machine = machine_changed("laptop-hybrid", BOTH_CARDS, FIRST_CARD);
    g_autoptr(GBytes) xml = machine_sample_domain("laptop-hybrid");
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;

    machine_configure(machine, "win10", "timeout = 8;");
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_REFUSED);
    for (gsize i = 0; words[i]; i++)
        g_assert_nonnull(strstr(error->message, words[i]));
    machine_assert_state(machine, before, NULL);
    g_clear_error(&error);
    machine_configure(machine, "win10", "stop_user = [ \"wireplumber.service\" ];");
    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
    machine_release(machine, xml, &error);
    g_assert_no_error(error);
    g_assert_false(machine_did(machine, "unit_stop gdm.service"));
    g_assert_true(machine_did(machine, "user_unit_start wireplumber.service 1000"));
    machine_assert_state(machine, before, NULL);
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

/* ---- when the desktop is only just coming up ---- */

/* No unbind begins of what somebody has open and would be waited for. */
static void assert_free(gpointer data, const char *line)
{
    static const char unbind[] = "pci_unbind ";
    Machine *machine = data;

    if (!g_str_has_prefix(line, unbind))
        return;
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(machine->host, line + strlen(unbind), NULL);
    for (guint i = nodes->len; i > 0; i--)
        if (!((VhNode *)nodes->pdata[i - 1])->blocks)
            g_ptr_array_remove_index(nodes, i - 1);
    g_autoptr(GPtrArray) holders = vh_host_holders(machine->host, nodes, NULL);
    if (holders->len > 0)
        g_error("%s: %s", line, ((VhHolder *)holders->pdata[0])->command);
}

/* Started again so many milliseconds after its end. Returns how long that took, in seconds. */
static gint64 start_again(Machine *machine, GBytes *xml, guint after)
{
    g_autoptr(GError) error = NULL;

    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
    machine_release(machine, xml, &error);
    g_assert_no_error(error);
    vh_host_wait(machine->host, NULL, after * 1000);
    gint64 begin = vh_host_now(machine->host);
    if (!machine_prepare(machine, xml, &error))
        g_error("after %u ms: %s", after, error->message);
    gint64 took = vh_host_now(machine->host) - begin;
    machine_release(machine, xml, &error);
    g_assert_no_error(error);
    return took / G_USEC_PER_SEC;
}

static void test_right_again(gconstpointer data)
{
    enum { LAST = 1000, STEP = 20 };
    const char *sample = data;
    g_autoptr(Machine) machine = machine_new(sample);
    g_autoptr(GBytes) xml = machine_sample_domain(sample);
    g_autofree char *before = machine_state(machine, NULL);

    for (guint after = 0; after <= LAST; after += STEP) {
        machine_renew(machine, sample);
        vh_sim_watch(machine->host, assert_free, machine);
        /* logind keeps a user's manager for 10 s after the session. */
        g_assert_cmpint(start_again(machine, xml, after), <=, 12);
        machine_assert_state(machine, before, NULL);
    }
    g_test_message("result: several guests | %s: one starts again while the desktop is only just "
                   "coming back | %d | the desktop ends once more",
                   sample, LAST / STEP + 1);
}

static void test_told_coming(void)
{
    static const char *const words[] = {"gdm.service is only just coming up", "0000:01:00.0",
                                        "stop = [] in the guest's file", NULL};
    g_autoptr(Machine) machine = machine_new("laptop-hybrid");
    g_autoptr(GBytes) xml = machine_sample_domain("laptop-hybrid");

    g_assert_true(machine_prepare(machine, xml, NULL));
    g_assert_true(machine_release(machine, xml, NULL));
    assert_noted(machine, xml, words);
}

static gboolean plans_stop(Machine *machine, GBytes *xml)
{
    g_autofree char *plan = machine_plan_text(machine, xml);

    return strstr(plan, "stop gdm.service") != NULL;
}

/* Restarted by hand, where the desktop leaves the passed card alone: it counts as soon as it is
 * there, and not what is left of the one before. Who says in the guest's file that nothing is to be
 * stopped knows that. */
static void test_restarted(void)
{
    g_autoptr(Machine) machine = machine_changed("laptop-hybrid", BOTH_CARDS, FIRST_CARD);
    g_autoptr(GBytes) xml = machine_sample_domain("laptop-hybrid");
    VhHost *host = machine->host;

    g_assert_false(plans_stop(machine, xml));
    g_assert_true(vh_host_unit_stop(host, "gdm.service", vh_host_now(host) + LONG, NULL));
    vh_host_wait(host, NULL, G_USEC_PER_SEC);
    g_assert_false(vh_host_unit_start(host, "gdm.service", vh_host_now(host) + 1000, NULL));
    g_autofree char *state = vh_sim_state(host);
    g_assert_nonnull(strstr(state, "gnome-shell"));
    g_assert_true(plans_stop(machine, xml));
    machine_configure(machine, "win10", "stop = [];");
    g_autofree char *told = machine_plan_text(machine, xml);
    g_assert_null(strstr(told, "gdm.service"));
    g_assert_null(strstr(told, "graphical sessions"));
    machine_configure(machine, "win10", "");
    machine_settle(machine);
    g_assert_false(plans_stop(machine, xml));
}

/* The driver's own daemon, named in the guest's file as well: stopped once, where the file says. */
static void test_companion_in_list(void)
{
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) xml = machine_sample_domain("nvidia-desktop");
    guint found = 0;

    machine_configure(machine, "win10", "stop = [ \"nvidia-persistenced\", \"display-manager\" ];");
    g_autoptr(VhPlan) plan = machine_plan(machine, "win10", xml);
    for (guint i = 0; i < plan->steps->len; i++) {
        const VhStep *step = plan->steps->pdata[i];
        if (step->kind == &vh_step_unit &&
            g_str_equal(step->subject, "nvidia-persistenced.service"))
            found++;
    }
    g_assert_cmpuint(found, ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/hybrid/stays/laptop", GSIZE_TO_POINTER(0), test_desktop_stays);
    g_test_add_data_func("/hybrid/stays/equal-cards", GSIZE_TO_POINTER(1), test_desktop_stays);
    g_test_add_func("/hybrid/drives-both", test_desktop_drives_both);
    g_test_add_func("/hybrid/prime-user", test_prime_user);
    g_test_add_func("/hybrid/sound-server", test_sound_server);
    g_test_add_func("/hybrid/only-card", test_only_card);
    g_test_add_data_func("/hybrid/right-again/laptop", "laptop-hybrid", test_right_again);
    g_test_add_data_func("/hybrid/right-again/equal-cards", "two-equal-cards", test_right_again);
    g_test_add_func("/hybrid/told-coming", test_told_coming);
    g_test_add_func("/hybrid/restarted", test_restarted);
    g_test_add_func("/hybrid/companion-in-list", test_companion_in_list);
    return g_test_run();
}

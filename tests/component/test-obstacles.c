// SPDX-License-Identifier: GPL-2.0-or-later
/* Who is known beforehand to stay: refused before anything is touched, or named in the plan. */
#include <signal.h>
#include <string.h>

#include "engine/fate.h"
#include "machine.h"

#define GPU "0000:01:00.0"
#define SOUND "0000:01:00.1"
#define USB "0000:02:00.0"
#define CARD "/dev/dri/card0"
#define GROUP "/dev/vfio/5"

static const char *const card[] = {GPU, SOUND, NULL};

static pid_t add(Machine *machine, const char *command, const char *unit)
{
    pid_t pid = vh_sim_process_add(machine->host, command, 0, unit, CARD);

    g_assert_cmpint(pid, >, 0);
    return pid;
}

/* Nothing was touched; the error. */
static GError *refusal(Machine *machine)
{
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    GError *error = NULL;

    g_assert_false(machine_prepare(machine, xml, &error));
    g_test_message("%s", error->message);
    g_assert_error(error, VH_ERROR, VH_ERROR_REFUSED);
    g_assert_cmpuint(vh_sim_trace(machine->host)->len, ==, 0);
    g_assert_false(machine_has_journal(machine));
    return error;
}

static void test_service(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    gint64 begin = vh_host_now(machine->host);

    add(machine, "ollama", "ollama.service");
    g_autoptr(GError) error = refusal(machine);
    g_assert_nonnull(strstr(error->message, "add \"ollama.service\" to stop"));
    g_assert_nonnull(strstr(error->message, "or set holders = \"terminate\""));
    /* It was looked at again, and not for long. */
    g_assert_cmpint(vh_host_now(machine->host) - begin, >=, G_USEC_PER_SEC / 2);
    g_assert_cmpint(vh_host_now(machine->host) - begin, <=, 2 * G_USEC_PER_SEC);
}

/* Whatever the policy, and at once. */
static void test_guest(void)
{
    static const char *const files[] = {"", "holders = \"terminate\";"};

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autoptr(Machine) machine = machine_new("emulated");
        gint64 begin = vh_host_now(machine->host);
        machine_configure(machine, "win10", files[i]);
        add(machine, "qemu-system-x86", "machine-qemu\\x2d1\\x2dother.scope");
        g_autoptr(GError) error = refusal(machine);
        g_assert_nonnull(strstr(error->message, "shut that guest down first"));
        g_assert_null(strstr(error->message, "terminate"));
        g_assert_cmpint(vh_host_now(machine->host) - begin, ==, 0);
    }
}

/* As libvirt does. */
static void give_to_vfio(Machine *machine, const char *address)
{
    gint64 later = vh_host_now(machine->host) + G_USEC_PER_SEC;

    g_assert_true(vh_host_module_load(machine->host, "vfio-pci", later, NULL));
    g_assert_true(vh_host_pci_override(machine->host, address, "vfio-pci", NULL));
    g_assert_true(vh_host_pci_unbind(machine->host, address, later, NULL));
    g_assert_true(vh_host_pci_probe(machine->host, address, later, NULL));
    machine_assert_driver(machine, address, "vfio-pci");
}

/* The other function of the card's group is another guest's: the group is one guest's. */
static void test_group_without_us(void)
{
    static const char *const display[] = {GPU, NULL};
    static const pid_t sound_servers[] = {1250, 1252};
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, display);
    g_autoptr(GError) error = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(sound_servers); i++)
        g_assert_true(vh_sim_process_end(machine->host, sound_servers[i]));
    give_to_vfio(machine, SOUND);
    vh_sim_set_guest_running(machine->host, "soundvm", TRUE);
    guint before = vh_sim_trace(machine->host)->len;
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "keeps " GROUP " open: shut that guest down first"));
    g_assert_cmpuint(vh_sim_trace(machine->host)->len, ==, before);
    vh_sim_set_guest_running(machine->host, "soundvm", FALSE);
    machine_prepare_ok(machine, xml);
}

/* It could be stopped, and nobody could start it again. */
static void test_masked(void)
{
    g_autoptr(Machine) machine =
        machine_changed("emulated", "\"lightdm.service\", \"active\": \"active\",",
                        "\"lightdm.service\", \"load\": \"masked\", \"active\": \"active\",");
    g_autoptr(GError) error = refusal(machine);

    g_assert_nonnull(strstr(error->message, "systemctl unmask lightdm.service"));
}

/* What libvirt gave to a guest without us, at its start or while it runs, has no journal. */
static void test_guest_without_us(void)
{
    static const char *const both[] = {GPU, SOUND, USB, NULL};
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, both);
    g_autoptr(GError) error = NULL;

    give_to_vfio(machine, USB);
    vh_sim_set_guest_running(machine->host, "usbvm", TRUE);
    guint before = vh_sim_trace(machine->host)->len;
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "keeps /dev/vfio/6 open: shut that guest down first"));
    g_assert_cmpuint(vh_sim_trace(machine->host)->len, ==, before);
    g_assert_false(machine_has_journal(machine));
    /* Of the guest that has it, there is nothing to refuse. */
    g_autoptr(GBytes) own = machine_domain("usbvm", TRUE, &both[2]);
    machine_configure(machine, "usbvm", "");
    g_autoptr(VhPlan) plan = machine_plan(machine, "usbvm", own);
    g_assert_cmpuint(plan->refusals->len, ==, 0);
    vh_sim_set_guest_running(machine->host, "usbvm", FALSE);
    machine_prepare_ok(machine, xml);
}

/* A release that is forced while a guest runs names what ends that guest. */
static void test_guest_at_release(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;
    pid_t pid;

    machine_configure(machine, "win10", "");
    machine_prepare_ok(machine, xml);
    pid = vh_sim_process_add(machine->host, "qemu-system-x86", 0, "machine-qemu.scope", GROUP);
    g_assert_cmpint(pid, >, 0);
    g_assert_false(machine_release(machine, xml, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "virsh destroy"));
    g_assert_null(strstr(error->message, "next time"));
}

/* Left out of stop, it starts its server again and again. */
static void test_display_manager(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");

    machine_configure(machine, "win10", "stop = [];");
    g_autoptr(GError) error = refusal(machine);
    g_assert_nonnull(strstr(error->message, "add \"lightdm.service\" to stop"));
    g_assert_null(strstr(error->message, "terminate"));
}

static void assert_starts(Machine *machine)
{
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;

    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
}

/* What the guest's file says is at odds with the domain or the host. */
static void test_file(void)
{
    static const struct {
        const char *file, *words;
    } cases[] = {
        {"devices = [ \"02:00.0\" ]; stop = [];", "libvirt would take " GPU " from it"},
        {"devices = [];", "add it to devices, or take it out of the domain"},
        {"devices = []; stop = [ \"ssh.service\" ];", "libvirt would take " GPU " from it"},
        {"devices = [ \"01:00.0\" ];", "add " SOUND " to devices in the guest's file as well"},
        {"modules = [ \"nosuch\" ];", "no module nosuch"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Machine) machine = machine_new("emulated");
        g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
        machine_configure(machine, "win10", cases[i].file);
        g_autoptr(GError) error = refusal(machine);
        g_autofree char *plan = g_strdelimit(machine_plan_text(machine, xml), "\n", ' ');
        g_auto(GStrv) words = g_regex_split_simple(" +", plan, 0, 0);
        g_autofree char *text = g_strjoinv(" ", words);
        if (!strstr(text, cases[i].words))
            g_error("%s: \"%s\" is not in: %s", cases[i].file, cases[i].words, text);
    }
}

/* Whoever lists units himself may stop who has it. */
static void test_left_to_libvirt(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");

    machine_configure(machine, "win10", "devices = []; stop = [ \"lightdm.service\" ];");
    assert_starts(machine);
}

/* The plan of a guest whose devices have gone their way says so, and not that they stay there; that
 * of one that runs has no steps, which would be neither those done nor those to come. */
static void test_plan_of_prepared(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    machine_configure(machine, "win10", "");
    assert_starts(machine);
    g_autofree char *prepared = machine_plan_text(machine, xml);
    g_assert_nonnull(strstr(prepared, "handed over already"));
    g_assert_null(strstr(prepared, "stays so"));
    vh_sim_set_guest_running(machine->host, "win10", TRUE);
    g_autofree char *running = machine_plan_text(machine, xml);
    g_assert_nonnull(strstr(running, "win10 runs and has its devices"));
    g_assert_nonnull(strstr(running, "virt-handoff timeline win10"));
    g_assert_null(strstr(running, "when it starts"));
    g_assert_null(strstr(running, "host awake"));
    g_autoptr(VhPlan) plan = machine_plan(machine, "win10", xml);
    g_assert_true(plan->running);
    g_assert_cmpuint(plan->steps->len, ==, 0);
}

static char *replaced(char *text, const char *part, const char *instead)
{
    g_auto(GStrv) parts = g_strsplit(text, part, 2);

    g_free(text);
    g_assert_cmpuint(g_strv_length(parts), ==, 2);
    return g_strjoinv(instead, parts);
}

/* What does not run is neither stopped nor started again, but when another guest has stopped it. */
static void test_plan_of_inactive(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    const gint64 deadline = vh_host_now(machine->host) + 60 * G_USEC_PER_SEC;

    machine_configure(machine, "win10", "stop = [ \"lightdm.service\" ];");
    g_autofree char *active = machine_plan_text(machine, xml);
    g_assert_null(strstr(active, "does not run"));
    g_assert_true(vh_host_unit_stop(machine->host, "lightdm.service", deadline, NULL));
    g_autofree char *inactive = machine_plan_text(machine, xml);
    g_assert_nonnull(strstr(inactive,
                            "note: lightdm.service does not run now: it is neither stopped "
                            "nor started again"));
    assert_starts(machine);
    g_autofree char *prepared = machine_plan_text(machine, xml);
    g_assert_null(strstr(prepared, "does not run"));
}

/* A service that has the card open for a moment: on its way to its end. */
static void test_moment(void)
{
    g_autofree char *text = replaced(
        machine_sample("emulated"), "\"processes\": [",
        "\"processes\": [{\"pid\": 50, \"start_time\": 7, \"command\": \"blink\", "
        "\"uid\": 0, \"unit\": \"blink.service\", \"nodes\": [\"" CARD "\"], \"term_ms\": 400},");
    text = replaced(text, "\"units\": [",
                    "\"units\": [{\"id\": \"blink.service\", \"active\": \"active\"},");
    g_autoptr(Machine) machine = machine_from_text(text);

    machine_configure(machine, "win10", "");
    g_assert_true(vh_host_process_signal(machine->host, (VhProcess){50, 7}, SIGTERM, NULL));
    assert_starts(machine);
}

/* Who is stopped, or a splash screen, which goes by itself; with time for both. */
static void test_no_obstacle(void)
{
    static const struct {
        const char *command, *unit, *file;
    } cases[] = {
        {"ollama", "ollama.service", "stop = [ \"ollama\", \"display-manager\" ];"},
        {"plymouthd", "plymouth-start.service", ""},
        {"ollama", "ollama.service", "commands = ( { at = \"prepare\"; run = [ \"/bin/x\" ]; } );"},
        {"systemd-logind", "systemd-logind.service", ""},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Machine) machine = machine_new("emulated");
        g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
        machine_configure(machine, "win10", cases[i].file);
        vh_sim_program_add(machine->host, "/bin/x", FALSE);
        add(machine, cases[i].command, cases[i].unit);
        g_autoptr(VhPlan) plan = machine_plan(machine, "win10", xml);
        g_ptr_array_add(plan->refusals, NULL);
        g_assert_cmpstr(plan->refusals->pdata[0], ==, NULL);
    }
}

/* logind has the card open for the desktop that ends. */
static void test_logind(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    add(machine, "systemd-logind", "systemd-logind.service");
    g_autofree char *text = machine_plan_text(machine, xml);
    g_assert_null(strstr(text, "systemd-logind"));
}

/* The laptop's desktop, begun from a text console. */
static Machine *machine_of_console(const char *config)
{
    g_autofree char *text =
        replaced(machine_sample("emulated"), "\"type\": \"x11\"", "\"type\": \"tty\"");
    text = replaced(text, "\"unit\": \"lightdm.service\", \"process\"", "\"process\"");
    text = replaced(text, "\"processes\": [",
                    "\"processes\": [{\"pid\": 50, \"start_time\": 7, \"command\": \"sway\", "
                    "\"uid\": 1000, \"session\": \"2\", \"nodes\": [\"" CARD "\"]},");
    Machine *machine = machine_from_text(text);

    machine_configure(machine, "win10", config);
    return machine;
}

static void assert_fates(Machine *machine, const char *config_text, VhFate session, VhFate sound)
{
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(VhConfig) config = vh_config_parse(config_text, "win10.conf", NULL);
    g_autoptr(VhPlan) plan = machine_plan(machine, "win10", xml);
    g_autoptr(VhJudge) judge = vh_judge_new(machine->host, plan, config);
    const GPtrArray *sessions = vh_judge_sessions(judge), *holders = vh_judge_holders(judge);
    guint servers = 0;

    g_assert_cmpuint(sessions->len, ==, 1);
    g_assert_cmpint((int)vh_judge_session(judge, sessions->pdata[0]), ==, (int)session);
    for (guint i = 0; i < holders->len; i++) {
        const VhHolder *holder = holders->pdata[i];
        if (!g_str_equal(holder->command, "wireplumber"))
            continue;
        g_assert_cmpint((int)vh_judge_holder(judge, holder), ==, (int)sound);
        servers++;
    }
    g_assert_cmpuint(servers, ==, 1);
}

/* Nothing ends it by the defaults, though a display manager is stopped: the plan says so. */
static void test_console(void)
{
    static const struct {
        const char *file;
        gboolean noted;
        VhFate session, sound;
    } cases[] = {
        {"", TRUE, VH_FATE_WAITED, VH_FATE_WAITED},
        {"sessions = \"terminate\";", FALSE, VH_FATE_ENDS, VH_FATE_ENDS},
        {"sessions = \"keep\"; stop = [];", FALSE, VH_FATE_STAYS, VH_FATE_STAYS},
        {"sessions = \"keep\"; holders = \"terminate\";", FALSE, VH_FATE_STAYS, VH_FATE_STOPPED},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Machine) machine = machine_of_console(cases[i].file);
        g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
        g_autofree char *text = machine_plan_text(machine, xml);
        gboolean noted = strstr(text, "nothing that is stopped ends session 2 of anna") != NULL;
        g_assert_cmpint(noted, ==, cases[i].noted);
        assert_fates(machine, cases[i].file, cases[i].session, cases[i].sound);
    }
}

/* A graphical session ends with its display manager, also where sessions are not seen to. */
static void test_graphical(void)
{
    static const char *const files[] = {"", "sessions = \"keep\";"};

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autoptr(Machine) machine = machine_new("emulated");
        machine_configure(machine, "win10", files[i]);
        assert_fates(machine, files[i], VH_FATE_ENDS, VH_FATE_ENDS);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/obstacles/service", test_service);
    g_test_add_func("/obstacles/guest", test_guest);
    g_test_add_func("/obstacles/group-without-us", test_group_without_us);
    g_test_add_func("/obstacles/masked", test_masked);
    g_test_add_func("/obstacles/guest-without-us", test_guest_without_us);
    g_test_add_func("/obstacles/guest-at-release", test_guest_at_release);
    g_test_add_func("/obstacles/display-manager", test_display_manager);
    g_test_add_func("/obstacles/file", test_file);
    g_test_add_func("/obstacles/left-to-libvirt", test_left_to_libvirt);
    g_test_add_func("/obstacles/plan-of-prepared", test_plan_of_prepared);
    g_test_add_func("/obstacles/plan-of-inactive", test_plan_of_inactive);
    g_test_add_func("/obstacles/moment", test_moment);
    g_test_add_func("/obstacles/no-obstacle", test_no_obstacle);
    g_test_add_func("/obstacles/logind", test_logind);
    g_test_add_func("/obstacles/console", test_console);
    g_test_add_func("/obstacles/graphical", test_graphical);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* What a killed engine, or a /run that nobody can write to, leaves for the next one. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/plan.h"
#include "engine/recover.h"
#include "engine/run.h"
#include "machine.h"
#include "sim/mortal.h"

#define GPU "0000:01:00.0"
#define SOUND "0000:01:00.1"

static const char *const card[] = {GPU, SOUND, NULL}, *const nothing[] = {NULL};

static char *journal_of(Machine *machine)
{
    return g_build_filename(machine->state, MACHINE_UUID ".journal", NULL);
}

/* The journal, locked as by an act's child whose engine was killed. */
static int act_goes_on(Machine *machine)
{
    g_autofree char *path = journal_of(machine);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    g_assert_cmpint(flock(fd, LOCK_EX | LOCK_NB), ==, 0);
    return fd;
}

static void append(const char *path, const char *line)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

    g_assert_cmpint(write(fd, line, strlen(line)), ==, (gssize)strlen(line));
    close(fd);
}

static void test_act_goes_on(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;
    guint replayed;

    machine_prepare_ok(machine, xml);
    int fd = act_goes_on(machine);
    vh_sim_set_parent(machine->host, (VhProcess){4242, 1});
    g_assert_false(vh_recover_all(&machine->engine, &replayed, &error));
    g_assert_nonnull(strstr(error->message, GPU ": the kernel still holds an act on it"));
    g_assert_false(machine_did(machine, "pci_override " GPU " none"));
    close(fd);
    g_assert_true(vh_recover_all(&machine->engine, &replayed, NULL));
    machine_assert_state(machine, before, NULL);
    g_assert_false(machine_has_journal(machine));
}

/* A release that was killed after its first step: what is prepared is not all there any more. */
static void test_half_released(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autofree char *path = journal_of(machine);

    machine_prepare_ok(machine, xml);
    append(path, "{\"undone\":1}\n");
    machine_prepare_ok(machine, xml);
    g_assert_true(machine_told(machine, "an earlier hand-over was never given back"));
    g_assert_false(machine_told(machine, "taking over what was prepared before"));
    g_assert_true(machine_release(machine, xml, NULL));
    machine_assert_state(machine, before, NULL);
}

static gboolean release_it(gpointer data, GError **error)
{
    Machine *machine = data;
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);

    return machine_release(machine, xml, error);
}

/* One that was killed before its first step was done, while libvirt's daemon lives: nobody calls it
 * again, and what is there looks as if it were prepared to start. */
static void test_killed_at_first_undo(gconstpointer by_recovery)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    const VhSimDeath death = {.step = "pci_override " GPU};
    g_autoptr(GError) error = NULL;
    gboolean died = FALSE;
    guint replayed;

    machine_prepare_ok(machine, xml);
    g_assert_false(vh_sim_mortal(&machine->host, &death, release_it, machine, &died, &error));
    machine->engine.host = machine->host;
    g_assert_true(died);
    if (by_recovery) {
        g_assert_true(vh_recover_all(&machine->engine, &replayed, NULL));
        g_assert_cmpuint(replayed, ==, 1);
    } else {
        machine_prepare_ok(machine, xml);
        g_assert_false(machine_told(machine, "taking over what was prepared before"));
        g_assert_true(machine_release(machine, xml, NULL));
    }
    machine_assert_state(machine, before, NULL);
    g_assert_false(machine_has_journal(machine));
}

/* The earlier hand-over had more time to come back in than this one has: libvirt waits for this
 * one. */
static void test_less_time_than_earlier(void)
{
    enum { TIMEOUT = 12 };
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autofree char *path = journal_of(machine);
    g_autoptr(GError) error = NULL;

    machine_configure(machine, "win10", "timeout = 300;");
    machine_prepare_ok(machine, xml);
    append(path, "{\"undone\":1}\n");
    machine_configure(machine, "win10", "timeout = 12;");
    vh_sim_set_fault_at(machine->host, "unit_start lightdm.service", VH_SIM_HANG);
    gint64 begin = vh_host_now(machine->host);
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_nonnull(strstr(error->message, "what an earlier run left behind is still stuck"));
    g_assert_cmpint(vh_host_now(machine->host) - begin, <=, (TIMEOUT + 1) * G_USEC_PER_SEC);
    vh_sim_set_fault_at(machine->host, NULL, VH_SIM_NONE);
    vh_sim_let_go(machine->host);
    g_assert_true(machine_release(machine, xml, NULL));
    machine_assert_state(machine, before, NULL);
}

/* A display manager that does not come up leaves the units after it the time to stop. */
static void test_last_one_has_time(void)
{
    g_autoptr(Machine) machine =
        machine_changed("emulated", "\"active\": \"inactive\", \"stop_ms\": 5,",
                        "\"active\": \"inactive\", \"stop_ms\": 2500,");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;

    machine_prepare_ok(machine, xml);
    vh_sim_set_fault_at(machine->host, "unit_start lightdm.service", VH_SIM_HANG);
    gint64 begin = vh_host_now(machine->host);
    g_assert_false(machine_release(machine, xml, &error));
    g_assert_cmpint(vh_host_now(machine->host) - begin, <=, 25 * G_USEC_PER_SEC);
    g_assert_nonnull(strstr(error->message, "lightdm.service"));
    g_assert_nonnull(strstr(error->message, "(1 step(s) stuck"));
    g_assert_true(machine_told(machine, "let the host sleep again"));
    vh_sim_set_fault_at(machine->host, NULL, VH_SIM_NONE);
    g_assert_true(machine_release(machine, xml, NULL));
    machine_assert_state(machine, before, NULL);
}

/* An engine that was frozen until its time was over goes on with nothing, also with what needs no
 * time. */
static void test_time_over(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;
    const VhTeller teller = {.engine = &machine->engine, .guest = "win10"};
    const VhJournalHead head = {
        .guest = "win10", .uuid = MACHINE_UUID, .timeout = 25, .by_hand = TRUE, .devices = card};
    gint64 now = vh_host_now(machine->host);

    close(vh_lock_take(&machine->engine, now + 1, NULL));
    gsize length;
    const char *text = g_bytes_get_data(xml, &length);
    g_autoptr(VhDomain) domain = vh_domain_parse(text, length, &error);
    g_autoptr(VhPlan) plan = vh_plan_for_guest(&machine->engine, domain, NULL, &error);
    g_autoptr(VhJournal) journal = vh_journal_create(&machine->engine, &head, &error);
    g_assert_no_error(error);
    g_assert_false(vh_run_steps(&teller, journal, plan->steps, now - 2, now - 1, &error));
    g_assert_true(vh_error_is_timeout(error));
    g_assert_nonnull(strstr(error->message, "its time was over before it could load vfio-pci"));
    g_assert_cmpuint(vh_sim_operations(machine->host), ==, 0);
}

/* Who needs nothing of the host's waits for nobody. */
static void test_no_device_no_lock(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) plain = machine_domain("plain", TRUE, nothing);
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;
    int lock = vh_lock_take(&machine->engine, vh_host_now(machine->host) + 1, &error);

    g_assert_no_error(error);
    machine_configure(machine, "plain", "");
    for (gsize i = 0; i < 2; i++) {
        g_assert_true(machine_call(machine, "plain", i ? "release" : "prepare", plain, &error));
        g_assert_no_error(error);
    }
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_true(vh_error_is_timeout(error));
    g_assert_nonnull(strstr(error->message, "another hand-over still runs"));
    close(lock);
}

/* A release that waited for another hand-over in vain: the recovery does it, and only then. */
static void test_left_to_recovery(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;
    guint replayed;

    machine_prepare_ok(machine, xml);
    g_assert_true(vh_recover_all(&machine->engine, &replayed, NULL));
    g_assert_cmpuint(replayed, ==, 0);
    int lock = vh_lock_take(&machine->engine, vh_host_now(machine->host) + 1, NULL);
    g_assert_false(machine_release(machine, xml, &error));
    g_assert_true(vh_error_is_timeout(error));
    g_assert_true(machine_did(machine, "unit_start virt-handoff-recover.service"));
    close(lock);
    g_assert_true(vh_recover_all(&machine->engine, &replayed, NULL));
    g_assert_cmpuint(replayed, ==, 1);
    machine_assert_state(machine, before, NULL);
    g_assert_false(machine_has_journal(machine));
}

/* The recovery is at another guest's devices when a guest that it has passed over is left to it. */
typedef struct {
    Machine *machine;
    char *uuid;
} Passed;

static void leave_passed(gpointer data, const char *line)
{
    Passed *passed = data;
    g_autoptr(VhJournal) journal =
        g_str_has_prefix(line, "pci_unbind " GPU)
            ? vh_journal_open(&passed->machine->engine, passed->uuid, NULL)
            : NULL;

    if (journal && !journal->released)
        g_assert_true(vh_journal_set_released(journal, NULL));
}

static void test_left_while_recovering(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GBytes) first = machine_domain("first", TRUE, nothing);
    g_autoptr(VhDomain) domain =
        vh_domain_parse(g_bytes_get_data(first, NULL), g_bytes_get_size(first), NULL);
    Passed passed = {machine, domain->uuid};
    g_autofree char *before = machine_state(machine, NULL);
    g_autoptr(GError) error = NULL;
    guint replayed;

    machine_configure(machine, "first", "stop = [ \"lightdm.service\" ];");
    g_assert_true(machine_call(machine, "first", "prepare", first, &error));
    machine_prepare_ok(machine, xml);
    int lock = vh_lock_take(&machine->engine, vh_host_now(machine->host) + 1, NULL);
    g_assert_false(machine_release(machine, xml, NULL));
    close(lock);
    vh_sim_watch(machine->host, leave_passed, &passed);
    g_assert_true(vh_recover_all(&machine->engine, &replayed, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(replayed, ==, 2);
    g_autoptr(GPtrArray) journals = vh_journal_list(&machine->engine, NULL);
    g_assert_cmpuint(journals->len, ==, 0);
    machine_assert_state(machine, before, NULL);
}

/* What is stuck is tried once, also when it is left to the recovery meanwhile. */
static void test_stuck_is_tried_once(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    Passed passed = {machine, (char *)MACHINE_UUID};
    g_autoptr(GError) error = NULL;
    guint replayed;

    machine_prepare_ok(machine, xml);
    vh_sim_set_parent(machine->host, (VhProcess){0, 0});
    vh_sim_watch(machine->host, leave_passed, &passed);
    vh_sim_set_fault_at(machine->host, "unit_start lightdm.service", VH_SIM_FAIL);
    g_assert_false(vh_recover_all(&machine->engine, &replayed, &error));
    g_assert_nonnull(strstr(error->message, "guest win10: cannot start lightdm.service"));
    g_assert_cmpuint(replayed, ==, 1);
}

/* A recovery that is about to end may have looked already: it is asked for until one ends after. */
static void test_recovery_that_ends(void)
{
    g_autoptr(Machine) machine =
        machine_changed("emulated", "\"units\": [",
                        "\"units\": [{\"id\": \"virt-handoff-recover.service\", "
                        "\"active\": \"inactive\"},");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    const GPtrArray *trace;
    guint asked = 0;

    machine_prepare_ok(machine, xml);
    int lock = vh_lock_take(&machine->engine, vh_host_now(machine->host) + 1, NULL);
    g_assert_false(machine_release(machine, xml, NULL));
    close(lock);
    trace = vh_sim_trace(machine->host);
    for (guint i = 0; i < trace->len; i++)
        if (g_str_has_prefix(trace->pdata[i], "unit_start virt-handoff-recover.service"))
            asked++;
    g_assert_cmpuint(asked, ==, 3);
}

/* … or the guest starts again before. */
static void test_taken_over_from_recovery(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    guint replayed;

    machine_prepare_ok(machine, xml);
    int lock = vh_lock_take(&machine->engine, vh_host_now(machine->host) + 1, NULL);
    g_assert_false(machine_release(machine, xml, NULL));
    close(lock);
    machine_prepare_ok(machine, xml);
    g_assert_true(machine_told(machine, "taking over what was prepared before"));
    g_assert_true(vh_recover_all(&machine->engine, &replayed, NULL));
    g_assert_cmpuint(replayed, ==, 0);
    g_assert_true(machine_has_journal(machine));
}

/* The guest ended while libvirt's daemon was away: the next one gives back itself what the guest
 * had, under whoever has it then, and calls release. */
static void test_libvirts_turn(void)
{
    g_autoptr(Machine) machine = machine_changed(
        "emulated", "\"files\": [", "\"files\": [ {\"path\": \"/run/libvirt/qemu/win10.xml\"},");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL, refused = NULL;
    VhCall call = {.guest = "win10",
                   .operation = "release",
                   .suboperation = "end",
                   .extra = "-",
                   .by_hand = TRUE};
    g_autoptr(GBytes) output = NULL;
    guint replayed;

    machine_prepare_ok(machine, xml);
    g_assert_true(machine_call(machine, "win10", "started", xml, NULL));
    vh_sim_process_end(machine->host, vh_host_parent(machine->host).pid);
    gint64 begin = vh_host_now(machine->host);
    g_assert_false(vh_recover_all(&machine->engine, &replayed, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(error->message, "start its daemon"));
    g_assert_cmpuint(replayed, ==, 0);
    g_assert_cmpint(vh_host_now(machine->host) - begin, >=, 60 * G_USEC_PER_SEC);
    g_assert_cmpint(vh_host_now(machine->host) - begin, <=, 62 * G_USEC_PER_SEC);
    machine_assert_driver(machine, GPU, "vfio-pci");
    /* At a shutdown that is no failure, and nothing is waited for. */
    begin = vh_host_now(machine->host);
    vh_sim_set_interrupted(machine->host, TRUE);
    g_assert_true(vh_recover_all(&machine->engine, &replayed, NULL));
    vh_sim_set_interrupted(machine->host, FALSE);
    g_assert_cmpint(vh_host_now(machine->host) - begin, <, G_USEC_PER_SEC);
    machine_assert_driver(machine, GPU, "vfio-pci");
    g_assert_false(vh_call_answer(&machine->engine, &call, &output, &refused));
    g_assert_error(refused, VH_ERROR, VH_ERROR_REFUSED);
    g_assert_nonnull(strstr(refused->message, "has yet to see that it has ended"));
    machine_assert_driver(machine, GPU, "vfio-pci");
    /* libvirt's own call, or who insists. */
    call.force = TRUE;
    g_assert_true(vh_call_answer(&machine->engine, &call, &output, NULL));
    machine_assert_driver(machine, GPU, "bochs-drm");
    g_assert_false(machine_has_journal(machine));
}

/* libvirt's daemon has ended before the hook looks who called it. */
static void test_orphan_from_the_start(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GError) error = NULL;

    vh_sim_set_parent(machine->host, (VhProcess){1, 1});
    g_autofree char *before = machine_state(machine, NULL);
    g_assert_false(machine_prepare(machine, xml, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_INTERRUPTED);
    g_assert_nonnull(strstr(error->message, "libvirt's daemon ended meanwhile"));
    g_assert_false(machine_has_journal(machine));
    machine_assert_state(machine, before, NULL);
}

/* … and before an older version of the hook, or one that reconnects, wrote down who that was. */
static void test_first_process_is_no_daemon(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *before = machine_state(machine, NULL);
    g_autofree char *path = journal_of(machine);
    guint replayed;

    machine_prepare_ok(machine, xml);
    append(path, "{\"daemon\":{\"pid\":1,\"start\":1}}\n");
    g_assert_true(vh_recover_all(&machine->engine, &replayed, NULL));
    g_assert_cmpuint(replayed, ==, 1);
    machine_assert_state(machine, before, NULL);
    g_assert_false(machine_has_journal(machine));
}

/* A release needs of the XML the UUID only: that of another guest gives back nothing of this one's,
 * also where the rest cannot be read. */
static void test_uuid_alone(void)
{
    static const char xml_format[] = "<domain><name>win10</name><uuid>%s</uuid><devices>";
    g_autofree char *text = g_strdup_printf(xml_format, MACHINE_UUID);
    g_autofree char *other = g_strdup_printf(xml_format, "00000000-0000-4000-8000-0000000000ff");
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autoptr(GBytes) torn = g_bytes_new(text, strlen(text));
    g_autoptr(GBytes) torn_other = g_bytes_new(other, strlen(other));
    g_autofree char *before = machine_state(machine, NULL);

    machine_prepare_ok(machine, xml);
    g_assert_true(machine_release(machine, torn_other, NULL));
    g_assert_true(machine_has_journal(machine));
    g_assert_true(machine_release(machine, torn, NULL));
    g_assert_false(machine_has_journal(machine));
    machine_assert_state(machine, before, NULL);
}

/* Somebody empties /run while the guest runs. */
static void test_journal_removed(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, card);
    g_autofree char *path = journal_of(machine);
    g_autoptr(GError) error = NULL;

    machine_prepare_ok(machine, xml);
    g_assert_cmpint(unlink(path), ==, 0);
    g_assert_false(machine_release(machine, xml, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_JOURNAL);
    g_assert_true(machine_told(machine, "was removed while it had them: reboot the host"));
    /* It is said once: the guest has nothing more when it is started without its devices. */
    g_assert_true(machine_release(machine, xml, NULL));
}

/* Who waits for the lock ends when he is asked to, as at a shutdown. */
static void test_lock_interrupted(void)
{
    g_autoptr(Machine) machine = machine_new("emulated");
    g_autoptr(GError) error = NULL;
    gint64 later = vh_host_now(machine->host) + 1;
    int lock = vh_lock_take(&machine->engine, later, NULL);

    vh_sim_set_interrupted(machine->host, TRUE);
    g_assert_cmpint(vh_lock_take(&machine->engine, later + 60 * G_USEC_PER_SEC, &error), ==, -1);
    g_assert_error(error, VH_ERROR, VH_ERROR_INTERRUPTED);
    close(lock);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crashes/act-goes-on", test_act_goes_on);
    g_test_add_func("/crashes/half-released", test_half_released);
    g_test_add_data_func("/crashes/first-undo/recover", "", test_killed_at_first_undo);
    g_test_add_data_func("/crashes/first-undo/prepare", NULL, test_killed_at_first_undo);
    g_test_add_func("/crashes/less-time-than-earlier", test_less_time_than_earlier);
    g_test_add_func("/crashes/last-one-has-time", test_last_one_has_time);
    g_test_add_func("/crashes/time-over", test_time_over);
    g_test_add_func("/crashes/no-device-no-lock", test_no_device_no_lock);
    g_test_add_func("/crashes/left-to-recovery", test_left_to_recovery);
    g_test_add_func("/crashes/left-while-recovering", test_left_while_recovering);
    g_test_add_func("/crashes/stuck-is-tried-once", test_stuck_is_tried_once);
    g_test_add_func("/crashes/recovery-that-ends", test_recovery_that_ends);
    g_test_add_func("/crashes/taken-over-from-recovery", test_taken_over_from_recovery);
    g_test_add_func("/crashes/libvirts-turn", test_libvirts_turn);
    g_test_add_func("/crashes/orphan-from-the-start", test_orphan_from_the_start);
    g_test_add_func("/crashes/first-process-is-no-daemon", test_first_process_is_no_daemon);
    g_test_add_func("/crashes/uuid-alone", test_uuid_alone);
    g_test_add_func("/crashes/journal-removed", test_journal_removed);
    g_test_add_func("/crashes/lock-interrupted", test_lock_interrupted);
    return g_test_run();
}

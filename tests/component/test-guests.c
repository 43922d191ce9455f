// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Several guests: each call is an engine in a process of its own, on one shared machine, with one
 * directory of journals and its real lock. Only one can have a device; who comes later is told who
 * has it, or waits until it is given back.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"

/* Controllers, and guests for each of them. */
enum { CONTROLLERS = 10, RIVALS = 2, MOST = CONTROLLERS * RIVALS };

/* A host on which everybody can have a controller, and nothing takes long. */
static Machine *machine_with_controllers(void)
{
    g_autoptr(GString) text = g_string_new("{'version': 1, 'parent': 50, 'functions': [");

    for (guint i = 0; i < CONTROLLERS; i++)
        g_string_append_printf(text,
                               "%s{'address': '0000:%02x:00.0', 'class': '0x0c0330', 'vendor': "
                               "'0x1022', 'device': '0x149c', 'driver': 'xhci_hcd', 'group': %u}",
                               i ? ", " : "", i + 1, i + 1);
    g_string_append(text,
                    "], 'drivers': [{'name': 'xhci_hcd', 'classes': ['0c0330']}, {'name': "
                    "'vfio-pci', 'module': 'vfio_pci', 'vfio': true}], 'modules': [{'name': "
                    "'vfio_pci', 'state': 'available'}], 'processes': [{'pid': 50, "
                    "'command': 'libvirtd', 'uid': 0}], 'users': [{'uid': 0, 'name': 'root'}]}");
    g_autofree char *json = g_strdelimit(g_strdup(text->str), "'", '"');
    return machine_from_text(json);
}

/* ---- processes ---- */

typedef struct {
    char *guest;
    GBytes *xml;
    pid_t pid;
    int pipe;
    gboolean ok;
    char *error; /* "" when it is ok */
} Engine;

static void engine_clear(Engine *engine)
{
    g_free(engine->guest);
    g_bytes_unref(engine->xml);
    g_free(engine->error);
}

static void share(Machine *machine)
{
    g_autofree char *path = g_build_filename(machine->dir, "machine", NULL);
    g_autoptr(GError) error = NULL;

    vh_sim_share(machine->host, path, &error);
    g_assert_no_error(error);
}

/* One call; the process begins when @gate is closed by all that have it for writing. */
static void begin(Machine *machine, Engine *engine, const char *operation, const int gate[2])
{
    int pipes[2];
    char nothing;

    g_assert_cmpint(pipe2(pipes, O_CLOEXEC), ==, 0);
    engine->pid = fork();
    g_assert_cmpint(engine->pid, >=, 0);
    if (engine->pid == 0) {
        g_autoptr(GError) error = NULL;
        if (gate) {
            close(gate[1]);
            g_assert_cmpint(read(gate[0], &nothing, 1), ==, 0);
        }
        share(machine);
        gboolean ok = machine_call(machine, engine->guest, operation, engine->xml, &error);
        const char *message = error ? error->message : "";
        gssize length = (gssize)strlen(message);
        _exit(write(pipes[1], message, (gsize)length) == length && ok ? 0 : 1);
    }
    close(pipes[1]);
    engine->pipe = pipes[0];
}

static void end(Engine *engine)
{
    char message[4096] = "";
    int status;

    for (gsize done = 0, n = 1; n > 0; done += n)
        n = (gsize)MAX(read(engine->pipe, message + done, sizeof message - 1 - done), 0);
    close(engine->pipe);
    g_assert_cmpint(waitpid(engine->pid, &status, 0), ==, engine->pid);
    g_assert_true(WIFEXITED(status));
    engine->ok = WEXITSTATUS(status) == 0;
    g_free(engine->error);
    engine->error = g_strdup(message);
}

/* The same call of all of them at once. */
static void call_all(Machine *machine, Engine *engines, guint count, const char *operation)
{
    int gate[2];

    g_assert_cmpint(pipe2(gate, O_CLOEXEC), ==, 0);
    for (guint i = 0; i < count; i++)
        begin(machine, &engines[i], operation, gate);
    close(gate[0]);
    close(gate[1]);
    for (guint i = 0; i < count; i++)
        end(&engines[i]);
}

static guint count_journals(Machine *machine)
{
    g_autoptr(GPtrArray) journals = vh_journal_list(&machine->engine, NULL);

    for (guint i = 0; i < journals->len; i++) {
        const VhJournal *journal = journals->pdata[i];
        g_assert_cmpuint(journal->warnings->len, ==, 0);
        g_assert_true(journal->prepared);
    }
    return journals->len;
}

static Engine engine_of(Machine *machine, const char *guest, const char *const *addresses)
{
    machine_configure(machine, guest, "timeout = 300;");
    return (Engine){.guest = g_strdup(guest), .xml = machine_domain(guest, TRUE, addresses)};
}

/* ---- tests ---- */

/* The state that all share, without waiting for anything. */
static char *state_now(Machine *machine)
{
    return vh_sim_state(machine->host);
}

static void test_at_once(void)
{
    g_autoptr(Machine) machine = machine_with_controllers();
    Engine engines[MOST];
    g_autofree char *before = state_now(machine);

    for (guint i = 0; i < MOST; i++) {
        g_autofree char *guest = g_strdup_printf("guest%u", i);
        g_autofree char *address = g_strdup_printf("0000:%02x:00.0", i % CONTROLLERS + 1);
        const char *const addresses[] = {address, NULL};
        engines[i] = engine_of(machine, guest, addresses);
    }
    share(machine);
    call_all(machine, engines, MOST, "prepare");
    for (guint i = 0; i < CONTROLLERS; i++) {
        const Engine *one = &engines[i], *other = &engines[i + CONTROLLERS];
        const Engine *loser = one->ok ? other : one, *winner = one->ok ? one : other;
        g_autofree char *who = g_strdup_printf("held by guest %s", winner->guest);
        g_assert_true(one->ok != other->ok);
        if (!strstr(loser->error, who))
            g_error("\"%s\" is not in: %s", who, loser->error);
        g_autofree char *address = g_strdup_printf("0000:%02x:00.0", i + 1);
        g_autofree char *driver = machine_driver(machine, address);
        g_assert_cmpstr(driver, ==, "vfio-pci");
    }
    g_assert_cmpuint(count_journals(machine), ==, CONTROLLERS);
    call_all(machine, engines, MOST, "release");
    for (guint i = 0; i < MOST; i++) {
        g_assert_cmpstr(engines[i].error, ==, "");
        engine_clear(&engines[i]);
    }
    g_assert_cmpuint(count_journals(machine), ==, 0);
    g_autofree char *after = state_now(machine);
    g_assert_cmpstr(before, ==, after);
    g_test_message("result: several guests | %d start at once, %d for each device, then all end | "
                   "1 | one has each device, the others are told who; all is back",
                   MOST, RIVALS);
}

static void wait_until_locked(Machine *machine)
{
    g_autofree char *path = g_build_filename(machine->state, "lock", NULL);
    int fd = open(path, O_RDWR | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    while (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        g_assert_cmpint(flock(fd, LOCK_UN), ==, 0);
        g_usleep(1000);
    }
    close(fd);
}

/* While the first is giving the card back, the second waits; then it gets it. */
static void test_waits_its_turn(void)
{
    static const char *const card[] = {"0000:01:00.0", "0000:01:00.1", NULL};
    g_autoptr(Machine) machine = machine_new("emulated");
    Engine first = engine_of(machine, "win10", card), second = engine_of(machine, "other", card);

    share(machine);
    call_all(machine, &first, 1, "prepare");
    g_assert_cmpstr(first.error, ==, "");
    call_all(machine, &second, 1, "prepare");
    g_assert_nonnull(strstr(second.error, "held by guest win10"));
    begin(machine, &first, "release", NULL);
    wait_until_locked(machine);
    begin(machine, &second, "prepare", NULL);
    end(&first);
    end(&second);
    g_assert_cmpstr(first.error, ==, "");
    g_assert_cmpstr(second.error, ==, "");
    g_autofree char *driver = machine_driver(machine, card[0]);
    g_assert_cmpstr(driver, ==, "vfio-pci");
    g_assert_cmpuint(count_journals(machine), ==, 1);
    call_all(machine, &second, 1, "release");
    g_assert_cmpstr(second.error, ==, "");
    g_autofree char *back = machine_driver(machine, card[0]);
    g_assert_cmpstr(back, ==, "bochs-drm");
    engine_clear(&first);
    engine_clear(&second);
    g_test_message("result: several guests | one starts while another gives the same card back | 1 "
                   "| it waits, and gets the card");
}

static gboolean is_active(Machine *machine, const char *name)
{
    g_autoptr(VhUnit) unit = vh_host_unit_look(machine->host, name, NULL);

    return g_str_equal(unit->active, "active");
}

/* Two cards, two guests, one desktop: it goes once, and comes back with the last. */
static void test_shared(void)
{
    static const char *const cards[][3] = {{"0000:01:00.0", "0000:01:00.1", NULL},
                                           {"0000:02:00.0", "0000:02:00.1", NULL}};
    g_autoptr(Machine) machine = machine_new("two-equal-cards");
    Engine engines[] = {engine_of(machine, "win10", cards[0]),
                        engine_of(machine, "other", cards[1])};

    machine_configure(machine, "win10", "stop = [ \"lightdm.service\" ]; timeout = 300;");
    machine_configure(machine, "other", "stop = [ \"lightdm.service\" ]; timeout = 300;");
    share(machine);
    call_all(machine, engines, 2, "prepare");
    g_assert_cmpstr(engines[0].error, ==, "");
    g_assert_cmpstr(engines[1].error, ==, "");
    g_assert_cmpuint(count_journals(machine), ==, 2);
    call_all(machine, engines, 1, "release");
    g_assert_false(is_active(machine, "lightdm.service"));
    call_all(machine, engines, 2, "release");
    g_assert_true(is_active(machine, "lightdm.service"));
    g_assert_cmpuint(count_journals(machine), ==, 0);
    for (guint i = 0; i < 2; i++) {
        g_autofree char *driver = machine_driver(machine, cards[i][0]);
        g_assert_cmpstr(driver, ==, "amdgpu");
        g_assert_cmpstr(engines[i].error, ==, "");
        engine_clear(&engines[i]);
    }
    g_test_message("result: several guests | two start at once that need the desktop gone | 1 | "
                   "it comes back with the last of them");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/guests/at-once", test_at_once);
    g_test_add_func("/guests/waits-its-turn", test_waits_its_turn);
    g_test_add_func("/guests/shared", test_shared);
    return g_test_run();
}

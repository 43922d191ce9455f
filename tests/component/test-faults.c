// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every fault, everywhere: on every sample host, at every act of prepare and of release, the act
 * fails, hangs, or the engine dies right before or after it. After what libvirt does then, or after
 * `recover`, the host is as it was, or the journal names what is stuck. Prints its counts.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/recover.h"
#include "machine.h"

static const char *const samples[] = {"emulated", "nvidia-desktop", "amd-desktop", "laptop-hybrid",
                                      "apu",      "two-equal-cards"};

static const struct {
    const char *name;
    VhSimFault fault;
} faults[] = {
    {"fail", VH_SIM_FAIL},
    {"hang", VH_SIM_HANG},
    {"die-before", VH_SIM_DIE_BEFORE},
    {"die-after", VH_SIM_DIE_AFTER},
};

/* The bound is what `plan` prints as the worst case, and a second. */
static const struct {
    const char *name, *text;
    gint64 bound; /* seconds */
} configs[] = {
    {"empty file", "", 33},
    {"keeping", "modules = \"keep\"; consoles = \"keep\"; framebuffer = \"keep\";", 33},
    {"ending sessions", "sessions = \"terminate\"; sleep = \"allow\"; timeout = 60;", 64},
};

typedef struct {
    const char *sample;
    gsize config;
} Case;

/* What happens after the fault. */
typedef enum {
    AFTER_LIBVIRT,    /* the daemon lives: it calls stopped and release */
    AFTER_DAEMON_DIED /* it died too: recover runs when it comes back */
} After;

static jmp_buf death;

static void die(gpointer data)
{
    longjmp(death, 1);
}

/* One call in a process of its own that may die. */
static gboolean call_mortal(Machine *machine, const char *operation, GBytes *xml)
{
    if (setjmp(death) == 0)
        return machine_call(machine, "win10", operation, xml, NULL);
    machine_let_go(machine);
    return FALSE;
}

/* What libvirt, or else recover, does after a prepare or a release that failed or died. */
static void follow_up(Machine *machine, After after, GBytes *xml)
{
    guint replayed;

    if (after == AFTER_LIBVIRT) {
        (void)machine_call(machine, "win10", "stopped", xml, NULL);
        (void)machine_call(machine, "win10", "release", xml, NULL);
        return;
    }
    vh_sim_set_parent(machine->host, (VhProcess){4242, 1});
    (void)vh_recover_all(&machine->engine, &replayed, NULL);
}

static gboolean names_what_is_stuck(Machine *machine)
{
    g_autoptr(GPtrArray) journals = vh_journal_list(&machine->engine);

    for (guint i = 0; i < journals->len; i++) {
        const VhJournal *journal = journals->pdata[i];
        for (guint j = 0; j < journal->records->len; j++) {
            const VhRecord *record = journal->records->pdata[j];
            if (record->state == VH_RECORD_STUCK && record->error && *record->error)
                return TRUE;
        }
    }
    return FALSE;
}

typedef struct {
    guint runs, back, stuck;
} Count;

static void judge(Machine *machine, const char *before, const char *what, Count *count)
{
    g_autofree char *now = machine_state(machine, NULL);

    count->runs++;
    if (g_str_equal(now, before)) {
        count->back++;
        if (machine_has_journal(machine)) {
            g_test_message("%s: all is back, but a journal is left", what);
            g_test_fail();
        }
        return;
    }
    if (names_what_is_stuck(machine)) {
        count->stuck++;
        return;
    }
    g_test_message("%s: not back, and nothing says so", what);
    machine_assert_state(machine, before, NULL);
}

static Machine *machine_of(const Case *test)
{
    Machine *machine = machine_new(test->sample);

    machine_configure(machine, "win10", configs[test->config].text);
    return machine;
}

/* How many acts a whole preparation and a whole release have. */
static void count_acts(const Case *test, guint *ret_prepare, guint *ret_release)
{
    g_autoptr(Machine) machine = machine_of(test);
    g_autoptr(GBytes) xml = machine_sample_domain(test->sample);

    (void)machine_prepare(machine, xml, NULL);
    *ret_prepare = vh_sim_operations(machine->host);
    vh_sim_reset_operations(machine->host);
    (void)machine_release(machine, xml, NULL);
    *ret_release = vh_sim_operations(machine->host);
}

static void run_one(const Case *test, gboolean in_release, guint number, gsize fault, After after,
                    Count *count)
{
    g_autoptr(Machine) machine = machine_of(test);
    g_autoptr(GBytes) xml = machine_sample_domain(test->sample);
    g_autofree char *before = machine_state(machine, NULL);
    g_autofree char *what =
        g_strdup_printf("%s, %s, %s, act %u, %s, %s", test->sample, configs[test->config].name,
                        in_release ? "release" : "prepare", number, faults[fault].name,
                        after == AFTER_LIBVIRT ? "libvirt goes on" : "libvirt died too");
    gboolean ok;

    if (in_release)
        (void)machine_prepare(machine, xml, NULL);
    vh_sim_reset_operations(machine->host);
    vh_sim_set_fault(machine->host, number, faults[fault].fault, die, NULL);
    gint64 begin = vh_host_now(machine->host);
    ok = call_mortal(machine, in_release ? "release" : "prepare", xml);
    gint64 took = vh_host_now(machine->host) - begin;
    if (took > configs[test->config].bound * G_USEC_PER_SEC)
        g_test_message("%s: took too long", what);
    g_assert_cmpint(took, <=, configs[test->config].bound * G_USEC_PER_SEC);
    vh_sim_set_fault(machine->host, 0, VH_SIM_NONE, NULL, NULL);
    if (!ok || !in_release)
        follow_up(machine, ok ? AFTER_LIBVIRT : after, xml);
    judge(machine, before, what, count);
}

static void test_faults(gconstpointer data)
{
    const Case *test = data;
    Count count = {0};
    guint acts[2];

    count_acts(test, &acts[0], &acts[1]);
    for (int in_release = 0; in_release < 2; in_release++)
        for (guint number = 1; number <= acts[in_release]; number++)
            for (gsize fault = 0; fault < G_N_ELEMENTS(faults); fault++)
                for (After after = AFTER_LIBVIRT; after <= AFTER_DAEMON_DIED; after++)
                    run_one(test, in_release == 1, number, fault, after, &count);
    g_test_message("%s, %s: %u runs, %u came back whole, %u name what is stuck", test->sample,
                   configs[test->config].name, count.runs, count.back, count.stuck);
    g_assert_cmpuint(count.runs, >, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(samples); i++)
        for (gsize j = 0; j < G_N_ELEMENTS(configs); j++) {
            g_autofree char *path = g_strdup_printf("/faults/%s/%s", samples[i], configs[j].name);
            Case *test = g_new(Case, 1);
            *test = (Case){samples[i], j};
            g_test_add_data_func_full(path, test, test_faults, g_free);
        }
    return g_test_run();
}

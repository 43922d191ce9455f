// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every fault, everywhere: on every sample host, with every configuration, at every act of prepare
 * and of release, the act fails, hangs, or the engine is killed right before or after it; and
 * a second fault follows in what is done about the first. After what libvirt does then, or after
 * `recover`, the host is as it was, or the journal names what hangs; and it is as it was once that
 * hangs no more. An engine that dies is a process of its own that kills itself. Prints its counts.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/plan.h"
#include "engine/recover.h"
#include "machine.h"
#include "sim/mortal.h"

static const struct {
    const char *name, *told;
    VhSimFault fault;
} faults[] = {
    {"fails", "an act fails", VH_SIM_FAIL},
    {"hangs", "an act hangs", VH_SIM_HANG},
    {"dies before", "the engine is killed before an act", VH_SIM_DIE_BEFORE},
    {"dies after", "the engine is killed after an act", VH_SIM_DIE_AFTER},
};

/* What an act fails with, in turn: EIO, EBUSY, ENODEV, EACCES, ENOSYS. */
static const VhError codes[] = {VH_ERROR_FAILED, VH_ERROR_BUSY, VH_ERROR_GONE, VH_ERROR_DENIED,
                                VH_ERROR_UNSUPPORTED};

typedef struct {
    const char *sample;
    gsize sample_number, config;
    gint64 prepare_bound, release_bound; /* microseconds */
} Case;

/* What happens after the fault. */
typedef enum {
    AFTER_LIBVIRT,    /* the daemon lives: it calls stopped and release */
    AFTER_DAEMON_DIED /* it died too: recover runs when it comes back */
} After;

typedef struct {
    const Case *test;
    gboolean in_release;
    guint number;
    gsize fault;
    guint second; /* the act that fails as well; 0: none does */
    After after;
} Run;

/* Runs that came back whole, and those that did when what hung had ended; by fault, and last those
 * with two. */
typedef struct {
    guint back[G_N_ELEMENTS(faults) + 1];
    guint named[G_N_ELEMENTS(faults) + 1];
} Count;

static char *describe(const Run *run)
{
    g_autofree char *second = run->second ? g_strdup_printf(", act %u fails", run->second) : NULL;

    return g_strdup_printf(
        "%s, %s, %s, act %u %s%s, %s", run->test->sample, machine_configs[run->test->config].name,
        run->in_release ? "release" : "prepare", run->number, faults[run->fault].name,
        second ? second : "", run->after == AFTER_LIBVIRT ? "libvirt goes on" : "libvirt died too");
}

static void complain(const Run *run, Machine *machine, const char *what)
{
    g_autofree char *which = describe(run);

    g_test_message("%s: %s", which, what);
    for (guint i = 0; i < machine->events->len; i++)
        g_test_message("event: %s", (char *)machine->events->pdata[i]);
    g_test_fail();
}

/* ---- calls, each within its bound ---- */

typedef struct {
    Machine *machine;
    const char *operation;
    GBytes *xml;
} Call;

static gboolean make_call(gpointer data, GError **error)
{
    const Call *call = data;

    return machine_call(call->machine, "win10", call->operation, call->xml, error);
}

static void check_time(const Run *run, Machine *machine, const char *operation, gint64 begin)
{
    gint64 bound =
        g_str_equal(operation, "prepare") ? run->test->prepare_bound : run->test->release_bound;
    gint64 took = vh_host_now(machine->host) - begin;

    if (took > bound)
        complain(run, machine, "took longer than the plan says");
}

/* One call, in a process of its own when it is to die. */
static gboolean call_mortal(const Run *run, Machine *machine, const char *operation, GBytes *xml)
{
    Call call = {machine, operation, xml};
    const VhSimDeath death = {.number = run->number, .fault = faults[run->fault].fault};
    gint64 begin = vh_host_now(machine->host);
    gboolean died;
    g_autoptr(GError) error = NULL;

    if (death.fault != VH_SIM_DIE_BEFORE && death.fault != VH_SIM_DIE_AFTER) {
        gboolean ok = make_call(&call, NULL);
        check_time(run, machine, operation, begin);
        return ok;
    }
    gboolean ok = vh_sim_mortal(&machine->host, &death, make_call, &call, &died, &error);
    machine->engine.host = machine->host;
    if (!died)
        complain(run, machine, "it did not die");
    return ok;
}

/* What libvirt, or else recover, does after a prepare or a release that failed or died. */
static void follow_up(const Run *run, Machine *machine, GBytes *xml)
{
    gint64 begin = vh_host_now(machine->host);
    guint replayed;

    if (run->after == AFTER_LIBVIRT) {
        (void)machine_call(machine, "win10", "stopped", xml, NULL);
        (void)machine_call(machine, "win10", "release", xml, NULL);
    } else {
        vh_sim_set_parent(machine->host, (VhProcess){4242, 1});
        (void)vh_recover_all(&machine->engine, &replayed, NULL);
    }
    check_time(run, machine, "release", begin);
}

/* ---- the judgement ---- */

/* A module may be written with dashes. */
static gboolean has_name(const char *text, const char *name)
{
    g_autofree char *plain = g_strdelimit(g_strdup(text), "-", '_');
    g_autofree char *wanted = g_strdelimit(g_strdup(name), "-", '_');

    return strstr(plain, wanted) != NULL;
}

/* Whether a record that is stuck is about @name, or says something of it. */
static gboolean journal_names(Machine *machine, const char *name)
{
    g_autoptr(GPtrArray) journals = vh_journal_list(&machine->engine, NULL);

    for (guint i = 0; i < journals->len; i++) {
        const VhJournal *journal = journals->pdata[i];
        for (guint j = 0; j < journal->records->len; j++) {
            const VhRecord *record = journal->records->pdata[j];
            if (record->state == VH_RECORD_STUCK && record->error && *record->error &&
                (has_name(record->subject, name) || has_name(record->error, name)))
                return TRUE;
        }
    }
    return FALSE;
}

/* The name in "pci 0000:01:00.0 stuck", NULL for another fact. */
static char *what_hangs(const char *fact)
{
    g_auto(GStrv) words = g_strsplit(fact, " ", -1);
    guint n = g_strv_length(words);

    if (n < 3 || (!g_str_has_suffix(fact, " stuck") && !strstr(fact, " unbind waits")))
        return NULL;
    return g_str_equal(words[0], "console") ? g_strconcat("vtcon", words[1], NULL)
                                            : g_strdup(words[1]);
}

/* Whether something hangs, and all that does is named. */
static gboolean names_what_hangs(const Run *run, Machine *machine, const char *state)
{
    g_auto(GStrv) facts = g_strsplit(state, "\n", -1);
    guint hanging = 0;

    for (gsize i = 0; facts[i]; i++) {
        g_autofree char *name = what_hangs(facts[i]);
        if (!name)
            continue;
        hanging++;
        if (journal_names(machine, name))
            continue;
        g_autofree char *what = g_strconcat("hangs, and no journal names it: ", name, NULL);
        complain(run, machine, what);
    }
    return hanging > 0;
}

/* Who began while something hung has not opened what was not there; nobody begins it again. */
static char *without_processes(const char *state)
{
    g_auto(GStrv) facts = g_strsplit(state, "\n", -1);
    GString *kept = g_string_new(NULL);

    for (gsize i = 0; facts[i]; i++)
        if (*facts[i] && !g_str_has_prefix(facts[i], "process "))
            g_string_append_printf(kept, "%s\n", facts[i]);
    return g_string_free(kept, FALSE);
}

/* What the file has ended does not come back: a process, or a desktop that logged out before the
 * display manager stopped. All else does. */
static char *least_of(const Run *run, const char *state)
{
    return machine_logs_out(run->test->config) ? machine_without_desktops(state)
                                               : without_processes(state);
}

static gboolean is_back(const Run *run, Machine *machine, const char *now, const char *before)
{
    g_autofree char *least = least_of(run, now), *wanted = least_of(run, before);

    return g_str_equal(now, before) ||
           ((machine_did(machine, "process_signal") || machine_logs_out(run->test->config)) &&
            g_str_equal(least, wanted));
}

/* As it was, or as it will be when nothing hangs any more. */
static void judge_end(const Run *run, Machine *machine, const char *before)
{
    g_autofree char *now = machine_state(machine, NULL);
    g_autofree char *least = least_of(run, now), *wanted = least_of(run, before);

    if (!g_str_equal(least, wanted))
        machine_assert_state(machine, before, NULL);
}

static void judge(const Run *run, Machine *machine, GBytes *xml, const char *before, Count *count)
{
    g_autofree char *now = machine_state(machine, NULL);
    gboolean same = is_back(run, machine, now, before);

    gsize kind = run->second ? G_N_ELEMENTS(faults) : run->fault;
    (same ? count->back : count->named)[kind]++;
    if (!same) {
        if (!names_what_hangs(run, machine, now))
            complain(run, machine, "not back, though nothing hangs");
        vh_sim_let_go(machine->host);
        (void)machine_release(machine, xml, NULL);
        judge_end(run, machine, before);
    }
    if (machine_has_journal(machine))
        complain(run, machine, "all is back, but a journal is left");
    if (g_test_failed())
        complain(run, machine, "that was it");
}

/* ---- the runs ---- */

static void run_one(const Run *run, Machine *machine, GBytes *xml, Count *count)
{
    gboolean ok;

    machine_renew(machine, run->test->sample);
    g_autofree char *before = machine_state(machine, NULL);
    if (run->in_release)
        (void)machine_prepare(machine, xml, NULL);
    vh_sim_reset_operations(machine->host);
    vh_sim_set_fault_code(machine->host, codes[(run->number + run->fault) % G_N_ELEMENTS(codes)]);
    vh_sim_set_fault(machine->host, run->number, faults[run->fault].fault, NULL, NULL);
    vh_sim_set_second_fault(machine->host, run->second, VH_SIM_FAIL);
    ok = call_mortal(run, machine, run->in_release ? "release" : "prepare", xml);
    if (!run->second || vh_sim_operations(machine->host) >= run->second) {
        vh_sim_set_fault(machine->host, 0, VH_SIM_NONE, NULL, NULL);
        vh_sim_set_second_fault(machine->host, 0, VH_SIM_NONE);
    }
    if (!ok || !run->in_release)
        follow_up(run, machine, xml);
    vh_sim_set_second_fault(machine->host, 0, VH_SIM_NONE);
    judge(run, machine, xml, before, count);
}

/* What there is to do after act @number, as far as a second fault is concerned: a step or two on
 * and further back, another place for each. */
static guint second_of(const Run *run)
{
    return run->number + 1 + (run->number * 7 + (guint)run->fault * 3) % 11;
}

/* Both ways on and a second fault for the first configuration, else one way after the other. */
static void run_number(Run run, Machine *machine, GBytes *xml, Count *count)
{
    for (run.fault = 0; run.fault < G_N_ELEMENTS(faults); run.fault++) {
        After one = (run.number + run.fault) % 2 ? AFTER_LIBVIRT : AFTER_DAEMON_DIED;
        for (run.after = AFTER_LIBVIRT; run.after <= AFTER_DAEMON_DIED; run.after++)
            if (run.test->config == 0 || run.after == one)
                run_one(&run, machine, xml, count);
        if (faults[run.fault].fault > VH_SIM_HANG || run.test->config != 0)
            continue;
        run.after = one;
        run.second = second_of(&run);
        run_one(&run, machine, xml, count);
        run.second = 0;
    }
}

/* How many acts a whole preparation and a whole release have. */
static void count_acts(const Case *test, Machine *machine, GBytes *xml, guint acts[2])
{
    machine_renew(machine, test->sample);
    (void)machine_prepare(machine, xml, NULL);
    acts[0] = vh_sim_operations(machine->host);
    vh_sim_reset_operations(machine->host);
    (void)machine_release(machine, xml, NULL);
    acts[1] = vh_sim_operations(machine->host);
}

/* FALSE: this host cannot do it. */
static gboolean find_bounds(Case *test, Machine *machine, GBytes *xml)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhPlan) plan = machine_plan(machine, "win10", xml);

    if (!vh_plan_check(plan, &error)) {
        g_test_skip(error->message);
        return FALSE;
    }
    test->prepare_bound = (vh_plan_worst_case(plan) + 1) * G_USEC_PER_SEC;
    test->release_bound = (vh_plan_worst_release(plan) + 1) * G_USEC_PER_SEC;
    return TRUE;
}

/* For tests/RESULTS.md; adds @count to @total. */
static void tell(const char *sample, const Count *count, Count *total)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (gsize i = 0; i <= G_N_ELEMENTS(faults); i++) {
        const char *name =
            i < G_N_ELEMENTS(faults) ? faults[i].told : "an act fails or hangs, a later one fails";
        guint counts[] = {count->back[i], count->named[i]};
        if (total) {
            total->back[i] += counts[0];
            total->named[i] += counts[1];
            g_string_append_printf(text, "%s%s: %u + %u", i ? ", " : "", name, counts[0],
                                   counts[1]);
            continue;
        }
        if (counts[0] > 0)
            g_test_message("result: a fault at every act | %s: %s | %u | the host is as it was",
                           sample, name, counts[0]);
        if (counts[1] > 0)
            g_test_message("result: a fault at every act | %s: %s | %u | the journal names what "
                           "hangs; when that ends, the host is as it was",
                           sample, name, counts[1]);
    }
    if (total)
        g_test_message("runs that came back whole + when what hung had ended: %s", text->str);
}

static Count totals[MACHINE_SAMPLES];

static void test_faults(gconstpointer data)
{
    Case test = *(const Case *)data;
    g_autoptr(Machine) machine = machine_new(test.sample);
    g_autoptr(GBytes) xml = machine_sample_domain(test.sample);
    Count count = {0};
    guint acts[2];

    machine_configure(machine, "win10", machine_configs[test.config].text);
    if (!find_bounds(&test, machine, xml))
        return;
    count_acts(&test, machine, xml, acts);
    for (int in_release = 0; in_release < 2; in_release++)
        for (guint number = 1; number <= acts[in_release] && !g_test_failed(); number++)
            run_number((Run){&test, in_release == 1, number, 0, 0, AFTER_LIBVIRT}, machine, xml,
                       &count);
    g_assert_cmpuint(count.back[0], >, 0);
    tell(test.sample, &count, &totals[test.sample_number]);
}

int main(int argc, char **argv)
{
    static Case cases[MACHINE_SAMPLES][MACHINE_CONFIGS];

    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < MACHINE_SAMPLES; i++)
        for (gsize j = 0; j < MACHINE_CONFIGS; j++) {
            g_autofree char *path =
                g_strdup_printf("/faults/%s/%s", machine_samples[i], machine_configs[j].name);
            cases[i][j] = (Case){.sample = machine_samples[i], .sample_number = i, .config = j};
            g_test_add_data_func(path, &cases[i][j], test_faults);
        }
    int status = g_test_run();
    for (gsize i = 0; i < MACHINE_SAMPLES; i++)
        tell(machine_samples[i], &totals[i], NULL);
    return status;
}

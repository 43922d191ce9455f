// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any host, any files, any faults, and hook calls in any order, as libvirt could make them and as
 * it could not: two bytes or three for each thing that happens. After each, no device is without
 * an owner, none has two, journals can be read, and no call took longer than it may; in the end,
 * when nothing hangs and no guest runs, all comes back, once.
 */
#include "fuzz.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "component/machine.h"
#include "engine/recover.h"
#include "sim/mortal.h"

enum { GUESTS = 3, MOST = 40 };

static const char *const guests[GUESTS] = {"win10", "other", "third"};

typedef struct {
    const uint8_t *data;
    size_t size;
    Machine *machine;
    const char *sample;
    GBytes *xml[GUESTS];
    char *before; /* the host at rest */
    VhSimDeath death;
    pid_t holder;
    gboolean logs_out; /* a file has the desktop log out, which does not come back by itself */
    gboolean damaged;  /* a journal, or something on the host that nobody can bring back */
    guint boots;
} World;

static guint take(World *world)
{
    if (world->size == 0)
        return 0;
    world->size--;
    return *world->data++;
}

/* ---- calls ---- */

typedef struct {
    World *world;
    VhCall call;
} Call;

static gboolean run_call(gpointer data, GError **error)
{
    const Call *call = data;
    g_autoptr(GBytes) output = NULL;

    return vh_call_answer(&call->world->machine->engine, &call->call, &output, error);
}

/* Longest that a call may take: the file's or the journal's timeout is 60 s at most. */
static void check_time(gint64 took, gboolean prepare)
{
    gint64 most = prepare ? 63 : 60 + VH_RELEASE_PATIENCE;

    g_assert_cmpint(took, <=, (most + 1) * G_USEC_PER_SEC);
}

static void call_engine(World *world, VhCall call, guint guest)
{
    VhHost **host = &world->machine->host;
    gint64 begin = vh_host_now(*host);
    gboolean died = FALSE;
    g_autoptr(GError) error = NULL;

    call.guest = guests[guest];
    call.extra = "-";
    if (!call.xml)
        call.xml = world->xml[guest];
    Call data = {world, call};
    if (world->death.fault != VH_SIM_NONE) {
        world->death.number += vh_sim_operations(*host);
        vh_sim_mortal(host, &world->death, run_call, &data, &died, &error);
        g_assert_false(g_error_matches(error, VH_ERROR, VH_ERROR_INTERRUPTED) &&
                       strstr(error->message, "left no host"));
        world->machine->engine.host = *host;
        world->death = (VhSimDeath){.number = 0};
    } else {
        gboolean ok = run_call(&data, &error);
        g_assert_true(ok || error);
    }
    if (!died)
        check_time(vh_host_now(*host) - begin, g_str_equal(call.operation, "prepare"));
}

static void hook(World *world)
{
    static const char *const operations[][2] = {
        {"prepare", "begin"}, {"start", "begin"},     {"started", "begin"}, {"stopped", "end"},
        {"release", "end"},   {"reconnect", "begin"}, {"attach", "begin"},  {"prepare", "begin"},
    };
    guint what = take(world), guest = take(world) % GUESTS;
    VhCall call = {.operation = operations[what % 8][0], .suboperation = operations[what % 8][1]};

    /* As typed by a person, or with no, or another guest's, XML. */
    call.by_hand = (what & 0x10) != 0;
    call.force = call.by_hand && (what & 0x20);
    g_autoptr(GBytes) none = g_bytes_new_static("", 0);
    if ((what & 0xc0) == 0x40)
        call.xml = none;
    else if ((what & 0xc0) == 0x80)
        call.xml = world->xml[(guest + 1) % GUESTS];
    call_engine(world, call, guest);
}

/* What libvirt does from the start of a guest on, up to anywhere. */
static void start(World *world)
{
    guint guest = take(world) % GUESTS;
    VhCall call = {.operation = "prepare", .suboperation = "begin"};

    call_engine(world, call, guest);
    vh_sim_set_guest_running(world->machine->host, guests[guest], TRUE);
}

static void stop(World *world)
{
    guint guest = take(world) % GUESTS;
    VhCall stopped = {.operation = "stopped", .suboperation = "end"};
    VhCall release = {.operation = "release", .suboperation = "end"};

    vh_sim_set_guest_running(world->machine->host, guests[guest], FALSE);
    call_engine(world, stopped, guest);
    call_engine(world, release, guest);
}

static void recover(World *world)
{
    guint replayed;

    (void)vh_recover_all(&world->machine->engine, &replayed, NULL);
}

/* ---- what happens ---- */

static void guest_runs(World *world)
{
    guint guest = take(world);

    vh_sim_set_guest_running(world->machine->host, guests[guest % GUESTS], guest & 0x80);
}

static void daemon_changes(World *world)
{
    guint how = take(world);

    vh_sim_set_parent(world->machine->host,
                      how % 2 ? (VhProcess){4000 + (pid_t)how, 1} : (VhProcess){0, 0});
}

static void fault(World *world)
{
    guint how = take(world), number = 1 + take(world) % 64;
    VhHost *host = world->machine->host;

    vh_sim_set_fault_code(host, (VhError)(VH_ERROR_UNSUPPORTED + how / 4 % 4));
    if (how % 4 == 0)
        vh_sim_set_fault(host, vh_sim_operations(host) + number, VH_SIM_FAIL, NULL, NULL);
    else if (how % 4 == 1)
        vh_sim_set_fault(host, vh_sim_operations(host) + number, VH_SIM_HANG, NULL, NULL);
    else
        world->death = (VhSimDeath){.number = number,
                                    .fault = how % 4 == 2 ? VH_SIM_DIE_BEFORE : VH_SIM_DIE_AFTER};
}

static void let_go(World *world)
{
    vh_sim_let_go(world->machine->host);
}

static void give_file(World *world, guint guest, guint which)
{
    world->logs_out |= machine_logs_out(which % MACHINE_CONFIGS);
    machine_configure(world->machine, guests[guest], machine_configs[which % MACHINE_CONFIGS].text);
}

static void configure(World *world)
{
    guint which = take(world), guest = take(world) % GUESTS;

    if (which == 0xff)
        machine_configure(world->machine, guests[guest], NULL);
    else
        give_file(world, guest, which);
}

static void time_passes(World *world)
{
    vh_host_wait(world->machine->host, NULL, (gint64)take(world) * 100 * 1000);
}

/* Somebody opens a node of a function, or ends. */
static void hold(World *world)
{
    VhHost *host = world->machine->host;
    guint which = take(world);
    g_autoptr(GPtrArray) functions = vh_host_pci_list(host, NULL);

    if (world->holder) {
        (void)vh_sim_process_end(host, world->holder);
        world->holder = 0;
        return;
    }
    const VhPciFunction *function = functions->pdata[which % functions->len];
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(host, function->address, NULL);
    if (nodes && nodes->len > 0)
        world->holder = vh_sim_process_add(host, "holder", 1000, NULL,
                                           ((VhNode *)nodes->pdata[which / 16 % nodes->len])->path);
}

static void lose_device(World *world)
{
    g_autoptr(GPtrArray) functions = vh_host_pci_list(world->machine->host, NULL);
    const VhPciFunction *function = functions->pdata[take(world) % functions->len];

    world->damaged |= vh_sim_device_remove(world->machine->host, function->address);
}

static void shut_down(World *world)
{
    world->damaged = TRUE;
    vh_sim_set_stopping(world->machine->host, take(world) % 2);
}

static void interrupt(World *world)
{
    vh_sim_set_interrupted(world->machine->host, take(world) % 2);
}

static void reboot(World *world)
{
    g_autofree char *boot = g_strdup_printf("00000000-0000-4000-8000-%012u", ++world->boots);
    Machine *machine = world->machine;

    machine_reboot(machine, world->sample);
    vh_sim_set_boot(machine->host, boot);
    world->holder = 0;
}

static char *journal_of(World *world, guint which)
{
    g_autoptr(GPtrArray) journals = vh_journal_list(&world->machine->engine, NULL);

    return journals->len == 0
               ? NULL
               : g_strdup(((VhJournal *)journals->pdata[which % journals->len])->path);
}

/* The file of a guest is cut, has a byte changed, or gets another line. */
static void damage(World *world)
{
    g_autofree char *path = journal_of(world, take(world));
    guint how = take(world), where = take(world) * 256 + take(world);
    g_autofree char *text = NULL;
    gsize length;

    if (!path || !g_file_get_contents(path, &text, &length, NULL) || length == 0)
        return;
    world->damaged = TRUE;
    where %= (guint)length;
    if (how % 3 == 0)
        text[where] = (char)take(world);
    g_autoptr(GString) changed = g_string_new_len(text, (gssize)(how % 3 == 1 ? where : length));
    if (how % 3 == 2)
        g_string_append_len(changed, text + where, (gssize)(length - where));
    FILE *file = g_fopen(path, "w");
    g_assert_nonnull(file);
    g_assert_cmpuint(fwrite(changed->str, 1, changed->len, file), ==, changed->len);
    g_assert_cmpint(fclose(file), ==, 0);
}

/* ---- what always holds ---- */

static void check_journals(World *world, GHashTable *claims)
{
    g_autoptr(GPtrArray) journals = vh_journal_list(&world->machine->engine, NULL);

    for (guint i = 0; i < journals->len; i++) {
        const VhJournal *journal = journals->pdata[i];
        if (!world->damaged)
            g_assert_cmpuint(journal->warnings->len, ==, 0);
        for (gsize j = 0; journal->devices[j]; j++)
            if (!g_hash_table_add(claims, g_strdup(journal->devices[j])) && !world->damaged)
                g_error("%s is held twice", journal->devices[j]);
    }
}

/* A function that is not as it was is one that a journal answers for. */
static void check_devices(World *world, GHashTable *claims)
{
    g_autoptr(GPtrArray) functions = vh_host_pci_list(world->machine->host, NULL);

    for (guint i = 0; i < functions->len && !world->damaged; i++) {
        const VhPciFunction *function = functions->pdata[i];
        g_autofree char *fact = g_strdup_printf("pci %s driver %s\n", function->address,
                                                function->driver ? function->driver : "none");
        if (!strstr(world->before, fact) && !g_hash_table_contains(claims, function->address))
            g_error("nobody answers for: %s", fact);
    }
}

static void check(World *world)
{
    g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    check_journals(world, claims);
    check_devices(world, claims);
}

static void release_all(World *world)
{
    for (guint i = 0; i < GUESTS; i++)
        (void)machine_call(world->machine, guests[i], "release", world->xml[i], NULL);
}

/* Everything comes to an end well, and that is it: a second way back changes nothing. */
static void end(World *world)
{
    VhHost *host = world->machine->host;

    vh_sim_set_fault(host, 0, VH_SIM_NONE, NULL, NULL);
    vh_sim_set_interrupted(host, FALSE);
    vh_sim_let_go(host);
    vh_sim_set_parent(host, (VhProcess){9999, 1});
    for (guint i = 0; i < GUESTS; i++)
        vh_sim_set_guest_running(host, guests[i], FALSE);
    if (world->holder)
        (void)vh_sim_process_end(host, world->holder);
    release_all(world);
    if (world->damaged)
        return;
    g_autofree char *after = machine_state_of_kernel(world->machine);
    g_autofree char *least = machine_without_desktops(after);
    g_autofree char *wanted = machine_without_desktops(world->before);
    g_assert_cmpstr(world->logs_out ? least : after, ==, world->logs_out ? wanted : world->before);
    g_autoptr(GPtrArray) journals = vh_journal_list(&world->machine->engine, NULL);
    g_assert_cmpuint(journals->len, ==, 0);
    guint acts = vh_sim_operations(host);
    release_all(world);
    g_assert_cmpuint(vh_sim_operations(host), ==, acts);
}

/* ---- the whole ---- */

static void (*const things[])(World *) = {
    hook,  start,  stop,      hook,   recover,     guest_runs, daemon_changes,
    fault, let_go, configure, hold,   time_passes, interrupt,  fault,
    start, stop,   shut_down, reboot, damage,      lose_device};

/* Some functions of the host that are no bridges. */
static GBytes *some_devices(World *world, const char *guest)
{
    g_autoptr(GPtrArray) functions = vh_host_pci_list(world->machine->host, NULL);
    g_autoptr(GPtrArray) chosen = g_ptr_array_new();
    guint bits = take(world) | take(world) << 8;

    for (guint i = 0; i < functions->len; i++) {
        VhPciFunction *function = functions->pdata[i];
        if (!function->bridge && bits & (1U << i % 16))
            g_ptr_array_add(chosen, function->address);
    }
    g_ptr_array_add(chosen, NULL);
    return machine_domain(guest, bits & 1, (const char *const *)chosen->pdata);
}

static void begin(World *world)
{
    static Machine *machine;

    world->sample = machine_samples[take(world) % MACHINE_SAMPLES];
    if (!machine)
        machine = machine_new(world->sample);
    world->machine = machine;
    machine_renew(machine, world->sample);
    for (guint i = 0; i < GUESTS; i++) {
        guint which = take(world);
        give_file(world, i, which);
        world->xml[i] = which & 0x80 || i > 0 ? some_devices(world, guests[i])
                                              : machine_sample_domain(world->sample);
    }
    world->before = machine_state_of_kernel(machine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    World world = {.data = data, .size = size};

    begin(&world);
    for (guint i = 0; i < MOST && world.size > 0; i++) {
        things[take(&world) % G_N_ELEMENTS(things)](&world);
        check(&world);
    }
    end(&world);
    for (guint i = 0; i < GUESTS; i++)
        g_bytes_unref(world.xml[i]);
    g_free(world.before);
    return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The back end's table, and its operations that are one call of sim_act(). */
#include "sim/sim.h"

#include <signal.h>

#include "sim/look.h"

static gint64 now(VhHost *host)
{
    return sim_of(host)->machine->clock;
}

static gboolean interrupted(VhHost *host)
{
    return sim_of(host)->interrupted;
}

/* Acts are over, or stuck for good, when this process dies: nobody is left to keep it. */
static void keep(VhHost *host, int fd)
{
}

static gboolean stopping(VhHost *host)
{
    return sim_of(host)->machine->stopping;
}

static gboolean one_ended(const SimMachine *machine, GPtrArray *holders)
{
    for (guint i = 0; holders && i < holders->len; i++) {
        const VhHolder *holder = holders->pdata[i];
        const SimProcess *process = sim_process_find(machine, holder->process.pid);
        if (!process || (guint64)process->start_time != holder->process.start_time)
            return TRUE;
    }
    return FALSE;
}

static void wait_for(VhHost *host, GPtrArray *holders, gint64 microseconds)
{
    Sim *sim = sim_of(host);
    SimMachine *machine = sim->machine;
    gint64 end = machine->clock + CLAMP(microseconds, 0, SIM_MAX_TIME);

    /* One who ends meanwhile is seen a little later. */
    if (sim->share) {
        sim_share_wait(sim, end);
        return;
    }
    while (!one_ended(machine, holders))
        if (!sim_step(machine, end))
            return;
}

static gboolean pci_override(VhHost *host, const char *address, const char *driver, GError **error)
{
    SimAct act = {.kind = SIM_PCI_OVERRIDE, .target = address, .argument = driver};

    return sim_act(host, &act, error);
}

static gboolean pci_unbind(VhHost *host, const char *address, gint64 deadline, GError **error)
{
    SimAct act = {.kind = SIM_PCI_UNBIND, .target = address, .deadline = deadline};

    return sim_act(host, &act, error);
}

static gboolean pci_probe(VhHost *host, const char *address, gint64 deadline, GError **error)
{
    SimAct act = {.kind = SIM_PCI_PROBE, .target = address, .deadline = deadline};

    return sim_act(host, &act, error);
}

static gboolean pci_set(VhHost *host, const char *address, const char *name, const char *value,
                        gint64 deadline, GError **error)
{
    SimAct act = {.kind = SIM_PCI_SET,
                  .target = address,
                  .name = name,
                  .argument = value,
                  .deadline = deadline};

    return sim_act(host, &act, error);
}

static gboolean pci_remove(VhHost *host, const char *address, gint64 deadline, GError **error)
{
    SimAct act = {.kind = SIM_PCI_REMOVE, .target = address, .deadline = deadline};

    return sim_act(host, &act, error);
}

static gboolean pci_rescan(VhHost *host, gint64 deadline, GError **error)
{
    SimAct act = {.kind = SIM_PCI_RESCAN, .deadline = deadline};

    return sim_act(host, &act, error);
}

static gboolean suspend(VhHost *host, guint seconds, gint64 deadline, GError **error)
{
    SimAct act = {.kind = SIM_SUSPEND, .deadline = deadline};

    return sim_act(host, &act, error);
}

static GBytes *rom_read(VhHost *host, const char *address, gint64 deadline, GError **error)
{
    GBytes *rom = NULL;
    SimAct act = {
        .kind = SIM_ROM_READ, .target = address, .ret_output = &rom, .deadline = deadline};

    return sim_act(host, &act, error) ? rom : NULL;
}

static gboolean console_bind(VhHost *host, guint number, gboolean bind, gint64 deadline,
                             GError **error)
{
    SimAct act = {.kind = SIM_CONSOLE_BIND, .number = number, .bind = bind, .deadline = deadline};

    return sim_act(host, &act, error);
}

static gboolean framebuffer_bind(VhHost *host, const char *device, const char *driver,
                                 gboolean bind, gint64 deadline, GError **error)
{
    SimAct act = {.kind = SIM_FRAMEBUFFER_BIND,
                  .target = device,
                  .argument = driver,
                  .bind = bind,
                  .deadline = deadline};

    return sim_act(host, &act, error);
}

static gboolean module_load(VhHost *host, const char *name, gint64 deadline, GError **error)
{
    SimAct act = {.kind = SIM_MODULE_LOAD, .target = name, .deadline = deadline};

    return sim_act(host, &act, error);
}

static gboolean module_unload(VhHost *host, const char *name, gint64 deadline, GError **error)
{
    SimAct act = {.kind = SIM_MODULE_UNLOAD, .target = name, .deadline = deadline};

    return sim_act(host, &act, error);
}

static gboolean unit_stop(VhHost *host, const char *name, gint64 deadline, GError **error)
{
    SimAct act = {.kind = SIM_UNIT_STOP, .target = name, .deadline = deadline};

    return sim_act(host, &act, error);
}

static gboolean unit_start(VhHost *host, const char *name, gint64 deadline, GError **error)
{
    SimAct act = {.kind = SIM_UNIT_START, .target = name, .deadline = deadline};

    return sim_act(host, &act, error);
}

static gboolean unit_ask(VhHost *host, VhJob job, const char *name, GError **error)
{
    SimAct act = {.kind = job == VH_JOB_STOP ? SIM_UNIT_ASK_STOP : SIM_UNIT_ASK_START,
                  .target = name};

    return sim_act(host, &act, error);
}

static gboolean session_terminate(VhHost *host, const char *id, GError **error)
{
    SimAct act = {.kind = SIM_SESSION_TERMINATE, .target = id};

    return sim_act(host, &act, error);
}

static gboolean session_logout(VhHost *host, const VhSession *session, gint64 deadline,
                               GError **error)
{
    SimAct act = {.kind = SIM_SESSION_LOGOUT, .target = session->id, .deadline = deadline};

    return sim_act(host, &act, error);
}

/* No terminal is simulated: what is said is kept for the tests. */
static void say(VhHost *host, const char *const *terminals, const char *text)
{
    g_ptr_array_add(sim_of(host)->said, g_strdup(text));
}

static void tell_desktop(VhHost *host, const char *seat, const char *text)
{
    g_ptr_array_add(sim_of(host)->said,
                    g_strdup_printf("desktop of %s: %s", seat ? seat : "any seat", text));
}

static gboolean user_unit(VhHost *host, SimActKind kind, uid_t uid, const char *name,
                          gint64 deadline, GError **error)
{
    SimAct act = {.kind = kind, .target = name, .number = uid, .deadline = deadline};

    return sim_act(host, &act, error);
}

static gboolean user_unit_stop(VhHost *host, uid_t uid, const char *name, gint64 deadline,
                               GError **error)
{
    return user_unit(host, SIM_USER_UNIT_STOP, uid, name, deadline, error);
}

static gboolean user_unit_start(VhHost *host, uid_t uid, const char *name, gint64 deadline,
                                GError **error)
{
    return user_unit(host, SIM_USER_UNIT_START, uid, name, deadline, error);
}

static gboolean process_signal(VhHost *host, VhProcess process, int number, GError **error)
{
    const SimProcess *target = sim_process_find(sim_of(host)->machine, process.pid);
    gboolean same = target && (guint64)target->start_time == process.start_time;
    SimAct act = {.kind = SIM_PROCESS_SIGNAL,
                  .target = same ? target->command : "?",
                  .argument = number == SIGKILL ? "KILL" : "TERM",
                  .number = same ? (guint)process.pid : 0,
                  .signal = number};

    return sim_act(host, &act, error);
}

static gboolean front_switch(VhHost *host, const char *seat, guint vt, gint64 deadline,
                             GError **error)
{
    SimAct act = {.kind = SIM_FRONT_SWITCH, .target = seat, .number = vt, .deadline = deadline};

    return sim_act(host, &act, error);
}

static gboolean run(VhHost *host, const VhCommand *command, gint64 deadline, GBytes **ret_output,
                    GError **error)
{
    SimAct act = {.kind = SIM_RUN,
                  .target = command->argv[0],
                  .command = command,
                  .ret_output = ret_output,
                  .deadline = deadline};

    return sim_act(host, &act, error);
}

static void sim_free(VhHost *host)
{
    Sim *sim = sim_of(host);

    sim_record_free(sim->machine);
    g_ptr_array_unref(sim->trace);
    g_ptr_array_unref(sim->said);
    g_ptr_array_unref(sim->faults);
    sim_share_free(sim->share);
    g_free(sim);
}

static const VhHostOps ops = {
    .now = now,
    .process_start = sim_look_process_start,
    .hung = sim_look_hung,
    .keep = keep,
    .read = sim_look_read,
    .list = sim_look_list,
    .link = sim_look_link,
    .bytes = sim_look_bytes,
    .stat = sim_look_stat,
    .label = sim_look_label,
    .process_signal = process_signal,
    .parent = sim_look_parent,
    .interrupted = interrupted,
    .boot_id = sim_look_boot_id,
    .pci_list = sim_look_pci_list,
    .pci_look = sim_look_pci,
    .pci_driver_known = sim_look_driver_known,
    .iommu_on = sim_look_iommu_on,
    .pci_override = pci_override,
    .pci_unbind = pci_unbind,
    .pci_probe = pci_probe,
    .pci_uses = sim_look_uses,
    .pci_seat = sim_look_seat,
    .pci_set = pci_set,
    .pci_remove = pci_remove,
    .pci_rescan = pci_rescan,
    .pci_answers = sim_look_answers,
    .suspend = suspend,
    .pci_nodes = sim_look_nodes,
    .holders = sim_look_holders,
    .wait = wait_for,
    .consoles = sim_look_consoles,
    .console_bind = console_bind,
    .framebuffers = sim_look_framebuffers,
    .framebuffer_bind = framebuffer_bind,
    .module_look = sim_look_module,
    .module_load = module_load,
    .module_unload = module_unload,
    .service_manager = sim_look_service_manager,
    .unit_look = sim_look_unit,
    .unit_reloaded = sim_look_unit_reloaded,
    .unit_stop = unit_stop,
    .unit_start = unit_start,
    .unit_ask = unit_ask,
    .stopping = stopping,
    .sessions = sim_look_sessions,
    .session_terminate = session_terminate,
    .session_logout = session_logout,
    .front_switch = front_switch,
    .say = say,
    .tell_desktop = tell_desktop,
    .user_lingers = sim_look_lingers,
    .user_units = sim_look_user_units,
    .user_unit_of_desktop = sim_look_user_unit_of_desktop,
    .user_unit_stop = user_unit_stop,
    .user_unit_start = user_unit_start,
    .usb_name = sim_look_usb_name,
    .rom_usable = sim_look_rom,
    .rom_read = rom_read,
    .scripts = sim_look_scripts,
    .program_usable = sim_look_program,
    .run = run,
    .guest_running = sim_look_guest_running,
    .cpus = sim_look_cpus,
    .tunables = sim_look_tunables,
    .tune = sim_tune,
    .page_pools = sim_look_page_pools,
    .set_pages = sim_set_pages,
    .compact = sim_compact,
    .free = sim_free,
};

VhHost *sim_host_new(SimMachine *machine)
{
    Sim *sim = g_new0(Sim, 1);

    sim->host.ops = &ops;
    sim->machine = machine;
    sim->trace = g_ptr_array_new_with_free_func(g_free);
    sim->said = g_ptr_array_new_with_free_func(g_free);
    sim->faults = g_ptr_array_new();
    sim->fault_code = VH_ERROR_FAILED;
    return &sim->host;
}

VhHost *vh_sim_new(const char *snapshot, GError **error)
{
    SimMachine *machine = sim_snapshot_read(snapshot, error);

    if (!machine)
        return NULL;
    sim_begin(machine);
    return sim_host_new(machine);
}

VhHost *vh_sim_copy(VhHost *host)
{
    const SimMachine *machine = sim_of(host)->machine;
    SimMachine *copy = sim_record_copy(machine);

    /* The result of a job is a text of the unit itself. */
    for (guint i = 0; i < copy->units->len; i++) {
        SimUnit *unit = copy->units->pdata[i];
        unit->result = NULL;
    }
    return sim_host_new(copy);
}

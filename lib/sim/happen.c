// SPDX-License-Identifier: GPL-2.0-or-later
/* What happens to a machine by itself, as tests have it. */
#include "sim/look.h"

gboolean vh_sim_device_remove(VhHost *host, const char *address)
{
    SimMachine *machine = sim_of(host)->machine;
    SimFunction *function = sim_function_find(machine, address);

    if (!function)
        return FALSE;
    function->removed = TRUE;
    sim_function_unbind(machine, function);
    sim_settle(machine);
    return TRUE;
}

gboolean vh_sim_process_end(VhHost *host, pid_t pid)
{
    SimMachine *machine = sim_of(host)->machine;
    SimProcess *process = sim_process_find(machine, pid);

    if (!process)
        return FALSE;
    sim_process_ends(machine, process);
    sim_settle(machine);
    return TRUE;
}

static SimUnit *add_unit(SimMachine *machine, const char *id)
{
    SimUnit *unit = sim_record_new(&sim_unit_type);

    unit->id = g_strdup(id);
    unit->active = g_strdup("active");
    g_ptr_array_add(machine->units, unit);
    return unit;
}

pid_t vh_sim_process_add(VhHost *host, const char *command, uid_t uid, const char *unit_name,
                         const char *node)
{
    SimMachine *machine = sim_of(host)->machine;
    const char *module = NULL;

    if (node && !sim_node_find(machine, node, &module))
        return 0;
    SimProcess *process = sim_process_new(machine, command, uid);
    if (unit_name) {
        const SimUnit *unit = sim_unit_find(machine, unit_name);
        process->unit = g_strdup((unit ? unit : add_unit(machine, unit_name))->id);
    }
    if (node) {
        g_strfreev(process->nodes);
        process->nodes = g_new0(char *, 2);
        process->nodes[0] = g_strdup(node);
        sim_process_open(machine, process, node);
    }
    return (pid_t)process->pid;
}

void vh_sim_program_add(VhHost *host, const char *path, gboolean unsafe)
{
    SimMachine *machine = sim_of(host)->machine;
    SimProgram *program = sim_program_find(machine, path);

    if (!program) {
        program = sim_record_new(&sim_program_type);
        program->path = g_strdup(path);
        g_ptr_array_add(machine->programs, program);
    }
    program->unsafe = unsafe;
}

static SimGuest *find_guest(SimMachine *machine, const char *name)
{
    for (guint i = 0; i < machine->guests->len; i++) {
        SimGuest *guest = machine->guests->pdata[i];
        if (g_str_equal(guest->name, name))
            return guest;
    }
    SimGuest *guest = sim_record_new(&sim_guest_type);
    guest->name = g_strdup(name);
    g_ptr_array_add(machine->guests, guest);
    return guest;
}

static gboolean wants(const SimMachine *machine, const SimGuest *guest, const SimFunction *function)
{
    const SimDriver *driver = sim_function_driver(machine, function);

    if (!driver || !driver->vfio)
        return FALSE;
    if (guest->devices[0])
        return g_strv_contains((const char *const *)guest->devices, function->address);
    return !sim_function_held(machine, function);
}

static void start_guest(SimMachine *machine, SimGuest *guest)
{
    SimProcess *process = sim_process_new(machine, "qemu-system-x86", 0);

    guest->pid = process->pid;
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < machine->functions->len; i++) {
        const SimFunction *function = machine->functions->pdata[i];
        if (wants(machine, guest, function))
            g_ptr_array_add(paths, g_strdup_printf("/dev/vfio/%d", (int)function->group));
    }
    for (guint i = 0; i < paths->len; i++)
        sim_process_open(machine, process, paths->pdata[i]);
}

void vh_sim_set_guest_running(VhHost *host, const char *name, gboolean running)
{
    SimMachine *machine = sim_of(host)->machine;
    SimGuest *guest = find_guest(machine, name);

    if (running && guest->pid == 0)
        start_guest(machine, guest);
    else if (!running && guest->pid != 0)
        sim_process_ends(machine, sim_process_find(machine, guest->pid));
    sim_settle(machine);
}

/* libvirt's daemon, when it does not run but its unit would start it again. */
static SimProcess *ended_daemon(const SimMachine *machine)
{
    static const char *const names[] = {"libvirtd", "virtqemud", NULL};

    for (guint i = 0; i < machine->processes->len; i++) {
        SimProcess *process = machine->processes->pdata[i];
        if (!process->runs && process->unit && g_strv_contains(names, process->command))
            return process;
    }
    return NULL;
}

/* The daemon as it was, or was not, starts anew under the number @parent. */
static SimProcess *restart_daemon(SimMachine *machine, VhProcess parent)
{
    SimProcess *process = sim_process_find(machine, machine->parent);

    if (!process)
        process = ended_daemon(machine);
    if (!process)
        process = sim_process_new(machine, "libvirtd", 0);
    sim_process_start(machine, process);
    SimUnit *unit = process->unit ? sim_unit_find(machine, process->unit) : NULL;
    if (unit)
        sim_set_text(&unit->active, "active");
    process->pid = parent.pid;
    process->start_time = MAX((gint64)parent.start_time, 1);
    return process;
}

void vh_sim_set_parent(VhHost *host, VhProcess parent)
{
    SimMachine *machine = sim_of(host)->machine;
    SimProcess *process = sim_process_find(machine, parent.pid);

    if (parent.pid <= 1) {
        process = sim_process_find(machine, machine->parent);
        if (process)
            sim_process_ends(machine, process);
    } else if (!process || (guint64)process->start_time != parent.start_time) {
        machine->parent = restart_daemon(machine, parent)->pid;
    } else {
        machine->parent = process->pid;
    }
    sim_settle(machine);
}

void vh_sim_let_go(VhHost *host)
{
    SimMachine *machine = sim_of(host)->machine;

    for (guint i = 0; i < machine->functions->len; i++) {
        SimFunction *function = machine->functions->pdata[i];
        function->stuck = FALSE;
    }
    for (guint i = 0; i < machine->modules->len; i++) {
        SimModule *module = machine->modules->pdata[i];
        module->stuck = module->unload_hangs = FALSE;
    }
    for (guint i = 0; i < machine->consoles->len; i++) {
        SimConsole *console = machine->consoles->pdata[i];
        console->stuck = FALSE;
    }
    for (guint i = 0; i < machine->framebuffers->len; i++) {
        SimFramebuffer *framebuffer = machine->framebuffers->pdata[i];
        framebuffer->stuck = FALSE;
    }
    sim_settle(machine);
}

void vh_sim_set_boot(VhHost *host, const char *boot_id)
{
    sim_set_text(&sim_of(host)->machine->boot_id, boot_id);
}

void vh_sim_set_stopping(VhHost *host, gboolean stopping)
{
    sim_of(host)->machine->stopping = stopping;
}

void vh_sim_set_bus(VhHost *host, gboolean bus)
{
    sim_of(host)->machine->bus = bus;
}

void vh_sim_set_interrupted(VhHost *host, gboolean interrupted)
{
    sim_of(host)->interrupted = interrupted;
}

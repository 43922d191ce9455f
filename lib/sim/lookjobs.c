// SPDX-License-Identifier: GPL-2.0-or-later
/* Looking at processes, units, sessions, files and guests. */
#include "sim/look.h"

#include <errno.h>
#include <string.h>

/* init was there before everybody. */
/* One process stands for all that the kernel holds. */
enum { INIT_PID = 1, INIT_START = 1, HUNG_PID = 4194303, HUNG_START = 1, SOMEBODY_START = 1 };

guint64 sim_look_process_start(VhHost *host, pid_t pid)
{
    const SimProcess *process = sim_process_find(sim_of(host)->machine, pid);

    if (process)
        return (guint64)process->start_time;
    if (pid == HUNG_PID)
        return sim_something_hangs(sim_of(host)->machine) ? HUNG_START : 0;
    if (pid == SIM_SOMEBODY)
        return sim_of(host)->machine->parent == pid ? SOMEBODY_START : 0;
    return pid == INIT_PID ? INIT_START : 0;
}

VhProcess sim_look_hung(VhHost *host)
{
    if (!sim_something_hangs(sim_of(host)->machine))
        return (VhProcess){0, 0};
    return (VhProcess){HUNG_PID, HUNG_START};
}

VhProcess sim_look_parent(VhHost *host)
{
    const SimMachine *machine = sim_of(host)->machine;
    const SimProcess *process = sim_process_find(machine, machine->parent);

    if (machine->parent == SIM_SOMEBODY)
        return (VhProcess){SIM_SOMEBODY, SOMEBODY_START};
    if (!process)
        return (VhProcess){INIT_PID, INIT_START};
    return (VhProcess){(pid_t)process->pid, (guint64)process->start_time};
}

char *sim_process_unit(const SimProcess *process)
{
    if (process->session)
        return g_strdup_printf("session-%s.scope", process->session);
    return g_strdup(process->unit);
}

static char *user_name(const SimMachine *machine, gint64 uid)
{
    const SimUser *user = sim_user_find(machine, uid);

    return user ? g_strdup(user->name) : g_strdup_printf("%" G_GINT64_FORMAT, uid);
}

static VhHolder *holder_of(const SimMachine *machine, const SimProcess *process, const char *node)
{
    VhHolder *holder = g_new0(VhHolder, 1);

    holder->process = (VhProcess){(pid_t)process->pid, (guint64)process->start_time};
    holder->command = g_strdup(process->command);
    holder->uid = (uid_t)process->uid;
    holder->user = user_name(machine, process->uid);
    holder->unit = sim_process_unit(process);
    holder->user_unit = g_strdup(process->user_unit);
    holder->session = g_strdup(process->session);
    holder->node = g_strdup(node);
    return holder;
}

static const char *held_node(const SimProcess *process, GPtrArray *nodes)
{
    for (guint i = 0; process->runs && i < nodes->len; i++) {
        const VhNode *node = nodes->pdata[i];
        if (sim_process_has_open(process, node->path))
            return node->path;
    }
    return NULL;
}

GPtrArray *sim_look_holders(VhHost *host, GPtrArray *nodes, GError **error)
{
    const SimMachine *machine = sim_of(host)->machine;
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)vh_holder_free);

    for (guint i = 0; i < machine->processes->len; i++) {
        const SimProcess *process = machine->processes->pdata[i];
        const char *node = held_node(process, nodes);
        if (node)
            g_ptr_array_add(list, holder_of(machine, process, node));
    }
    return list;
}

/* Services behave alike under all of them. */
const VhServiceManager *sim_look_service_manager(VhHost *host)
{
    static const VhServiceManager *const managers[] = {&vh_manager_systemd, &vh_manager_openrc,
                                                       &vh_manager_sysvinit, &vh_manager_runit,
                                                       &vh_manager_none};
    const SimMachine *machine = sim_of(host)->machine;

    for (gsize i = 0; i < G_N_ELEMENTS(managers); i++)
        if (g_strcmp0(machine->services, managers[i]->name) == 0)
            return managers[i];
    return managers[0];
}

VhUnit *sim_look_unit(VhHost *host, const char *name, GError **error)
{
    const SimMachine *machine = sim_of(host)->machine;
    const SimUnit *unit = sim_unit_find(machine, name);

    if (!machine->bus) {
        vh_error_set(error, VH_ERROR_FAILED, "the system bus does not answer");
        return NULL;
    }
    VhUnit *seen = g_new0(VhUnit, 1);
    const char *load = unit && unit->load ? unit->load : "loaded";
    seen->id = g_strdup(unit ? unit->id : name);
    seen->load = g_strdup(unit ? load : "not-found");
    seen->active = g_strdup(unit ? sim_unit_active(unit) : "inactive");
    return seen;
}

gint64 sim_look_unit_reloaded(VhHost *host, const char *name)
{
    const SimMachine *machine = sim_of(host)->machine;
    const SimUnit *unit = machine->bus ? sim_unit_find(machine, name) : NULL;

    return unit ? unit->reloaded : 0;
}

GPtrArray *sim_look_sessions(VhHost *host, GError **error)
{
    const SimMachine *machine = sim_of(host)->machine;
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)vh_session_free);

    for (guint i = 0; i < machine->sessions->len; i++) {
        const SimSession *session = machine->sessions->pdata[i];
        if (!session->open)
            continue;
        VhSession *seen = g_new0(VhSession, 1);
        seen->id = g_strdup(session->id);
        seen->uid = (uid_t)session->uid;
        seen->user = user_name(machine, session->uid);
        seen->seat = g_strdup(session->seat);
        seen->type = g_strdup(session->type);
        seen->class = g_strdup(session->class);
        seen->state = g_strdup(session->state ? session->state : "active");
        seen->desktop = g_strdup(session->desktop);
        seen->vt = (guint)session->vt;
        /* What nothing starts again is one that somebody began without a display manager. */
        seen->unit = g_strdup(session->unit ? session->unit : "init.scope");
        g_ptr_array_add(list, seen);
    }
    return list;
}

gboolean sim_look_lingers(VhHost *host, uid_t uid)
{
    const SimUser *user = sim_user_find(sim_of(host)->machine, uid);

    return user && user->linger;
}

gboolean sim_look_rom(VhHost *host, const char *path, GError **error)
{
    static const struct {
        const char *problem;
        VhError code;
    } problems[] = {
        {"empty", VH_ERROR_FAILED}, {"unreadable", VH_ERROR_DENIED}, {"no file", VH_ERROR_FAILED}};
    const SimMachine *machine = sim_of(host)->machine;

    for (guint i = 0; i < machine->roms->len; i++) {
        const SimRom *rom = machine->roms->pdata[i];
        if (!g_str_equal(rom->path, path))
            continue;
        for (gsize k = 0; k < G_N_ELEMENTS(problems); k++)
            if (g_strcmp0(rom->problem, problems[k].problem) == 0)
                return vh_error_set(error, problems[k].code, "%s: %s", path, rom->problem);
        return TRUE;
    }
    return vh_error_set_errno(error, ENOENT, "%s", path);
}

static gboolean plain(const char *name)
{
    return *name && !strchr(name, '/') && !g_str_equal(name, ".") && !g_str_equal(name, "..");
}

static int by_bytes(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether @path is "…DIRECTORY" or a file in it. */
static gboolean is_in(const char *path, const char *directory)
{
    const char *found = strstr(path, directory);

    if (!found)
        return FALSE;
    found += strlen(directory);
    return *found == '\0' || (*found == '/' && !strchr(found + 1, '/'));
}

char **sim_look_scripts(VhHost *host, const char *guest, const char *operation,
                        const char *suboperation, GError **error)
{
    const SimMachine *machine = sim_of(host)->machine;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *directory =
        g_strdup_printf("/qemu.d/%s/%s/%s", guest, operation, suboperation);

    for (guint i = 0; plain(guest) && i < machine->programs->len; i++) {
        const SimProgram *program = machine->programs->pdata[i];
        if (!is_in(program->path, directory))
            continue;
        if (program->unsafe) {
            vh_error_set(error, VH_ERROR_DENIED, "%s can be written by others", program->path);
            return NULL;
        }
        g_ptr_array_add(list, g_strdup(program->path));
    }
    g_ptr_array_sort(list, by_bytes);
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_steal(list, NULL);
}

gboolean sim_look_program(VhHost *host, const char *path, GError **error)
{
    const SimProgram *program = sim_program_find(sim_of(host)->machine, path);

    if (!program)
        return vh_error_set_errno(error, ENOENT, "%s", path);
    return !program->unsafe ||
           vh_error_set(error, VH_ERROR_DENIED, "%s: refused, since others can write to it", path);
}

gboolean sim_look_guest_running(VhHost *host, const char *name)
{
    const SimMachine *machine = sim_of(host)->machine;

    for (guint i = 0; i < machine->guests->len; i++) {
        const SimGuest *guest = machine->guests->pdata[i];
        if (g_str_equal(guest->name, name))
            return guest->pid != 0 && sim_process_find(machine, guest->pid) != NULL;
    }
    return FALSE;
}

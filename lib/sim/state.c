// SPDX-License-Identifier: GPL-2.0-or-later
/* A machine's state as text, for comparing one with another. */
#include "sim/look.h"

static void fact(GPtrArray *facts, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void fact(GPtrArray *facts, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(facts, g_strdup_vprintf(format, args));
    va_end(args);
}

static void state_function(const SimMachine *machine, gconstpointer record, GPtrArray *facts)
{
    const SimFunction *function = record;
    const char *address = function->address;

    if (function->removed)
        return;
    fact(facts, "pci %s driver %s", address, function->driver ? function->driver : "none");
    if (function->driver_override)
        fact(facts, "pci %s override %s", address, function->driver_override);
    if (function->unbinding)
        fact(facts, "pci %s unbind waits for its users", address);
    if (function->stuck)
        fact(facts, "pci %s stuck", address);
    if (sim_function_conflicts(machine, function))
        fact(facts, "pci %s conflicts with the firmware framebuffer", address);
    for (guint i = 0; i < function->nodes->len; i++) {
        const SimNode *node = function->nodes->pdata[i];
        if (sim_node_there(machine, function, node))
            fact(facts, "node %s of %s", node->path, address);
    }
}

/* Whether it is a part of vfio: nobody unloads these again, so they tell nothing. */
static gboolean is_vfio(const SimMachine *machine, const SimModule *module)
{
    for (guint i = 0; i < machine->drivers->len; i++) {
        const SimDriver *driver = machine->drivers->pdata[i];
        if (driver->vfio && g_strcmp0(driver->module, module->name) == 0)
            return TRUE;
    }
    return g_str_has_prefix(module->name, "vfio") || g_str_equal(module->name, "irqbypass");
}

static void state_module(const SimMachine *machine, gconstpointer record, GPtrArray *facts)
{
    const SimModule *module = record;

    if (g_str_equal(module->state, "live") && !is_vfio(machine, module))
        fact(facts, "module %s", module->name);
    if (module->stuck)
        fact(facts, "module %s stuck", module->name);
}

static void state_console(const SimMachine *machine, gconstpointer record, GPtrArray *facts)
{
    const SimConsole *console = record;

    if (console->registered)
        fact(facts, "console %d %s", (int)console->number, console->bound ? "bound" : "unbound");
    if (console->stuck)
        fact(facts, "console %d stuck", (int)console->number);
}

static void state_framebuffer(const SimMachine *machine, gconstpointer record, GPtrArray *facts)
{
    const SimFramebuffer *framebuffer = record;

    if (framebuffer->removed)
        return;
    fact(facts, "framebuffer %s driver %s", framebuffer->device,
         framebuffer->driver ? framebuffer->driver : "none");
    if (framebuffer->stuck)
        fact(facts, "framebuffer %s stuck", framebuffer->device);
}

static void state_unit(const SimMachine *machine, gconstpointer record, GPtrArray *facts)
{
    const SimUnit *unit = record;

    fact(facts, "unit %s %s", unit->id, sim_unit_active(unit));
}

static void state_session(const SimMachine *machine, gconstpointer record, GPtrArray *facts)
{
    const SimSession *session = record;

    if (session->open)
        fact(facts, "session uid %d seat %s type %s class %s %s", (int)session->uid,
             session->seat ? session->seat : "none", session->type, session->class,
             session->state ? session->state : "active");
}

static const char *place_of(const SimProcess *process)
{
    if (process->session)
        return "a session";
    return process->unit ? process->unit : "no unit";
}

static void state_process(const SimMachine *machine, gconstpointer record, GPtrArray *facts)
{
    const SimProcess *process = record;
    g_autoptr(GString) nodes = g_string_new(NULL);

    for (guint i = 0; i < process->open->len; i++) {
        const SimOpen *open = process->open->pdata[i];
        g_string_append_printf(nodes, " %s%s", open->path, open->gone ? " (gone)" : "");
    }
    if (process->runs)
        fact(facts, "process %s uid %d in %s%s", process->command, (int)process->uid,
             place_of(process), nodes->str);
}

static void state_guest(const SimMachine *machine, gconstpointer record, GPtrArray *facts)
{
    const SimGuest *guest = record;

    if (guest->pid != 0)
        fact(facts, "guest %s", guest->name);
}

static void state_file(const SimMachine *machine, gconstpointer record, GPtrArray *facts)
{
    const SimFile *file = record;

    if (sim_is_setting(file->path))
        fact(facts, "file %s %s", file->path, file->text ? file->text : "");
}

static void state_tunable(const SimMachine *machine, gconstpointer record, GPtrArray *facts)
{
    const SimTunable *tunable = record;

    fact(facts, "%s %s is \"%s\"", tunable->kind, tunable->name,
         tunable->value ? tunable->value : "");
}

static void state_page_pool(const SimMachine *machine, gconstpointer record, GPtrArray *facts)
{
    const SimPagePool *pool = record;

    fact(facts, "huge pages %s: %d", pool->name, (int)pool->pages);
}

static int by_text(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

char *vh_sim_state(VhHost *host)
{
    static const struct {
        gsize records;
        void (*state)(const SimMachine *, gconstpointer record, GPtrArray *facts);
    } parts[] = {
        {G_STRUCT_OFFSET(SimMachine, functions), state_function},
        {G_STRUCT_OFFSET(SimMachine, modules), state_module},
        {G_STRUCT_OFFSET(SimMachine, consoles), state_console},
        {G_STRUCT_OFFSET(SimMachine, framebuffers), state_framebuffer},
        {G_STRUCT_OFFSET(SimMachine, units), state_unit},
        {G_STRUCT_OFFSET(SimMachine, sessions), state_session},
        {G_STRUCT_OFFSET(SimMachine, processes), state_process},
        {G_STRUCT_OFFSET(SimMachine, guests), state_guest},
        {G_STRUCT_OFFSET(SimMachine, files), state_file},
        {G_STRUCT_OFFSET(SimMachine, tunables), state_tunable},
        {G_STRUCT_OFFSET(SimMachine, page_pools), state_page_pool},
    };
    const SimMachine *machine = sim_of(host)->machine;
    g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func(g_free);

    for (gsize k = 0; k < G_N_ELEMENTS(parts); k++) {
        GPtrArray *records = G_STRUCT_MEMBER(GPtrArray *, machine, parts[k].records);
        for (guint i = 0; i < records->len; i++)
            parts[k].state(machine, records->pdata[i], facts);
    }
    if (machine->stopping)
        fact(facts, "stopping");
    g_ptr_array_sort(facts, by_text);
    g_ptr_array_add(facts, g_strdup(""));
    g_ptr_array_add(facts, NULL);
    return g_strjoinv("\n", (char **)facts->pdata);
}

char *vh_sim_snapshot(VhHost *host)
{
    return sim_snapshot_write(sim_of(host)->machine);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The acts on the kernel: devices, consoles, modules. */
#include "sim/act.h"

#include <errno.h>

gboolean sim_hang(SimMachine *machine, const SimAct *act, GError **error)
{
    if (act->deadline > machine->clock)
        sim_pass(machine, act->deadline);
    return vh_error_set(error, VH_ERROR_TIMEOUT, "%s: the kernel did not come back",
                        act->target ? act->target : "call");
}

static SimFunction *function_of(SimMachine *machine, const SimAct *act, GError **error)
{
    SimFunction *function = sim_function_find(machine, act->target);

    if (!function)
        vh_error_set_errno(error, ENODEV, "%s", act->target);
    return function;
}

/* driver_set_override(), unbind_store() and drivers_probe all take the device lock, which a
 * remove() that waits for its users holds (drivers/base/driver.c, bus.c, dd.c). */
static gboolean locked(const SimFunction *function)
{
    return function->stuck || function->unbinding;
}

/* Waits for the device lock until the deadline; FALSE: in vain. */
static gboolean lock(SimMachine *machine, const SimAct *act, const SimFunction *function)
{
    while (locked(function))
        if (!sim_step(machine, act->deadline))
            return FALSE;
    return TRUE;
}

gboolean sim_do_override(SimMachine *machine, SimAct *act, GError **error)
{
    SimFunction *function = function_of(machine, act, error);

    if (!function)
        return FALSE;
    if (locked(function))
        return sim_hang(machine, act, error);
    sim_set_text(&function->driver_override, act->argument);
    return TRUE;
}

gboolean sim_do_unbind(SimMachine *machine, SimAct *act, GError **error)
{
    SimFunction *function = function_of(machine, act, error);

    if (!function)
        return FALSE;
    if (!lock(machine, act, function))
        return sim_hang(machine, act, error);
    if (!function->driver)
        return TRUE;
    const SimDriver *driver = sim_function_driver(machine, function);
    if (!sim_function_held(machine, function)) {
        act->cost += driver->unbind_ms * 1000;
        sim_function_unbind(machine, function);
        return TRUE;
    }
    function->unbinding = TRUE;
    return lock(machine, act, function) ? TRUE : sim_hang(machine, act, error);
}

gboolean sim_do_probe(SimMachine *machine, SimAct *act, GError **error)
{
    SimFunction *function = function_of(machine, act, error);

    if (!function)
        return FALSE;
    if (!lock(machine, act, function))
        return sim_hang(machine, act, error);
    if (!function->driver)
        act->cost += sim_function_probe(machine, function);
    return TRUE;
}

gboolean sim_do_rom(SimMachine *machine, SimAct *act, GError **error)
{
    const SimFunction *function = function_of(machine, act, error);
    gsize length = 0;

    if (!function)
        return FALSE;
    if (!function->rom)
        return vh_error_set(error, VH_ERROR_UNSUPPORTED, "%s has no ROM", act->target);
    const SimDriver *driver = sim_function_driver(machine, function);
    /* What many cards answer while a driver of the host has them. */
    if (driver && !driver->vfio && function->rom_needs_free)
        return vh_error_set_errno(error, EIO, "%s: ROM", act->target);
    guchar *data = g_base64_decode(function->rom, &length);
    *act->ret_output = g_bytes_new_take(data, length);
    return TRUE;
}

/* Whether a call that never came back holds the console lock. */
static gboolean console_locked(const SimMachine *machine)
{
    for (guint i = 0; i < machine->consoles->len; i++)
        if (((const SimConsole *)machine->consoles->pdata[i])->stuck)
            return TRUE;
    return FALSE;
}

gboolean sim_do_console(SimMachine *machine, SimAct *act, GError **error)
{
    SimConsole *console = sim_console_find(machine, act->number);

    if (!console)
        return vh_error_set_errno(error, ENOENT, "vtcon%u", act->number);
    if (console_locked(machine))
        return sim_hang(machine, act, error);
    /* store_bind() in drivers/tty/vt/vt.c reports no error. */
    sim_console_bind(machine, console, act->bind);
    return TRUE;
}

gboolean sim_do_framebuffer(SimMachine *machine, SimAct *act, GError **error)
{
    SimFramebuffer *framebuffer = sim_framebuffer_find(machine, act->target);

    if (!framebuffer || !g_strv_contains((const char *const *)framebuffer->drivers, act->argument))
        return vh_error_set_errno(error, ENODEV, "%s and %s", act->target, act->argument);
    if (framebuffer->stuck)
        return sim_hang(machine, act, error);
    gboolean mine = g_strcmp0(framebuffer->driver, act->argument) == 0;
    if (!act->bind && !mine)
        return vh_error_set_errno(error, ENODEV, "%s is not bound to %s", act->target,
                                  act->argument);
    if (act->bind && framebuffer->driver)
        return vh_error_set_errno(error, EBUSY, "%s", act->target);
    if (act->bind && framebuffer->bind_fails)
        return vh_error_set_errno(error, ENODEV, "%s: cannot reserve video memory", act->target);
    sim_set_text(&framebuffer->driver, act->bind ? act->argument : NULL);
    return TRUE;
}

static SimModule *module_of(SimMachine *machine, const SimAct *act, GError **error)
{
    SimModule *module = sim_module_find(machine, act->target);

    if (!module)
        vh_error_set_errno(error, ENOENT, "module %s", act->target);
    return module;
}

gboolean sim_do_load(SimMachine *machine, SimAct *act, GError **error)
{
    SimModule *module = module_of(machine, act, error);

    if (!module)
        return FALSE;
    if (module->stuck)
        return sim_hang(machine, act, error);
    return sim_module_load(machine, module, &act->cost, error);
}

static gboolean in_use(const SimMachine *machine, const SimModule *module, GError **error)
{
    g_autoptr(GPtrArray) holders = sim_module_holders(machine, module);

    g_ptr_array_add(holders, NULL);
    g_autofree char *names = g_strjoinv(", ", (char **)holders->pdata);
    return vh_error_set(error, VH_ERROR_BUSY, "module %s is in use%s%s", module->name,
                        *names ? " by " : "", names);
}

/* driver_detach() takes the lock of each device. */
static gboolean device_locked(const SimMachine *machine, const SimModule *module)
{
    for (guint i = 0; i < machine->functions->len; i++) {
        const SimFunction *function = machine->functions->pdata[i];
        const SimDriver *driver = sim_function_driver(machine, function);
        if (driver && locked(function) && g_strcmp0(driver->module, module->name) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean sim_do_unload(SimMachine *machine, SimAct *act, GError **error)
{
    SimModule *module = sim_module_find(machine, act->target);

    if (!module || g_str_equal(module->state, "available"))
        return TRUE;
    if (g_str_equal(module->state, "builtin"))
        return vh_error_set(error, VH_ERROR_UNSUPPORTED, "module %s is built in", module->name);
    if (sim_module_count(machine, module) > 0)
        return in_use(machine, module, error);
    module->stuck = module->stuck || module->unload_hangs;
    if (module->stuck || device_locked(machine, module))
        return sim_hang(machine, act, error);
    act->cost += module->unload_ms * 1000;
    sim_module_unload(machine, module);
    return TRUE;
}

static void stick_function(SimMachine *machine, const SimAct *act)
{
    SimFunction *function = sim_function_find(machine, act->target);

    if (function)
        function->stuck = TRUE;
}

static void stick_console(SimMachine *machine, const SimAct *act)
{
    SimConsole *console = sim_console_find(machine, act->number);

    if (console)
        console->stuck = TRUE;
}

static void stick_framebuffer(SimMachine *machine, const SimAct *act)
{
    SimFramebuffer *framebuffer = sim_framebuffer_find(machine, act->target);

    if (framebuffer)
        framebuffer->stuck = TRUE;
}

static void stick_module(SimMachine *machine, const SimAct *act)
{
    SimModule *module = sim_module_find(machine, act->target);

    if (module)
        module->stuck = TRUE;
}

gboolean sim_something_hangs(const SimMachine *machine)
{
    for (guint i = 0; i < machine->functions->len; i++)
        if (!((const SimFunction *)machine->functions->pdata[i])->removed &&
            locked(machine->functions->pdata[i]))
            return TRUE;
    for (guint i = 0; i < machine->modules->len; i++)
        if (((const SimModule *)machine->modules->pdata[i])->stuck)
            return TRUE;
    for (guint i = 0; i < machine->consoles->len; i++)
        if (((const SimConsole *)machine->consoles->pdata[i])->stuck)
            return TRUE;
    for (guint i = 0; i < machine->framebuffers->len; i++)
        if (((const SimFramebuffer *)machine->framebuffers->pdata[i])->stuck)
            return TRUE;
    return FALSE;
}

void sim_stick(SimMachine *machine, const SimAct *act)
{
    static void (*const sticks[SIM_N_ACTS])(SimMachine *, const SimAct *) = {
        [SIM_PCI_OVERRIDE] = stick_function, [SIM_PCI_UNBIND] = stick_function,
        [SIM_PCI_PROBE] = stick_function,    [SIM_ROM_READ] = stick_function,
        [SIM_PCI_SET] = stick_function,      [SIM_PCI_REMOVE] = stick_function,
        [SIM_CONSOLE_BIND] = stick_console,  [SIM_FRAMEBUFFER_BIND] = stick_framebuffer,
        [SIM_MODULE_LOAD] = stick_module,    [SIM_MODULE_UNLOAD] = stick_module,
    };

    if (sticks[act->kind])
        sticks[act->kind](machine, act);
}

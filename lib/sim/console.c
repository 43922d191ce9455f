// SPDX-License-Identifier: GPL-2.0-or-later
/* vtconsoles and firmware framebuffers, as drivers/tty/vt/vt.c and drivers/video/fbdev/core have
 * it. */
#include "sim/machine.h"

#include <string.h>

SimConsole *sim_console_find(const SimMachine *machine, guint number)
{
    for (guint i = 0; i < machine->consoles->len; i++) {
        SimConsole *console = machine->consoles->pdata[i];
        if (console->registered && console->number == (gint64)number)
            return console;
    }
    return NULL;
}

gboolean sim_console_draws(const SimConsole *console)
{
    return strstr(console->name, "frame buffer") != NULL;
}

/* CON_DRIVER_FLAG_MODULE; the others are the system's defaults. */
static gboolean is_module(const SimConsole *console)
{
    return g_str_has_prefix(console->name, "(M)");
}

/* do_unbind_con_driver(): the default takes over. */
static void unbind(SimMachine *machine, SimConsole *console)
{
    for (guint i = 0; console->bound && i < machine->consoles->len; i++) {
        SimConsole *other = machine->consoles->pdata[i];
        if (is_module(other))
            continue;
        console->bound = FALSE;
        other->bound = TRUE;
    }
}

void sim_console_bind(SimMachine *machine, SimConsole *console, gboolean bind)
{
    /* vt_bind() and vt_unbind() leave a default alone, and say nothing. */
    if (!is_module(console))
        return;
    if (!bind) {
        unbind(machine, console);
        return;
    }
    for (guint i = 0; i < machine->consoles->len; i++)
        ((SimConsole *)machine->consoles->pdata[i])->bound = FALSE;
    console->bound = TRUE;
}

static gboolean firmware_draws(const SimMachine *machine)
{
    for (guint i = 0; i < machine->framebuffers->len; i++)
        if (((const SimFramebuffer *)machine->framebuffers->pdata[i])->driver)
            return TRUE;
    return FALSE;
}

/* The function whose framebuffer is fb0 when there is no firmware's: the boot display's, if it has
 * one, else the first. */
static SimFunction *native_framebuffer(const SimMachine *machine)
{
    SimFunction *first = NULL;

    for (guint i = 0; i < machine->functions->len; i++) {
        SimFunction *function = machine->functions->pdata[i];
        const SimDriver *driver = sim_function_driver(machine, function);
        if (!driver || !driver->framebuffer || function->removed)
            continue;
        if (function->boot_vga)
            return function;
        if (!first)
            first = function;
    }
    return first;
}

SimFunction *sim_console_function(const SimMachine *machine)
{
    gboolean bound = FALSE;

    for (guint i = 0; i < machine->consoles->len; i++) {
        const SimConsole *console = machine->consoles->pdata[i];
        bound = bound || (console->bound && sim_console_draws(console));
    }
    return bound && !firmware_draws(machine) ? native_framebuffer(machine) : NULL;
}

/* fbcon.c: fbcon_fb_unregistered() gives the console driver up with the last framebuffer,
 * fbcon_fb_registered() takes the consoles over with the first. */
void sim_consoles_follow(SimMachine *machine)
{
    gboolean there = firmware_draws(machine) || native_framebuffer(machine);

    for (guint i = 0; i < machine->consoles->len; i++) {
        SimConsole *console = machine->consoles->pdata[i];
        if (!sim_console_draws(console) || console->registered == there)
            continue;
        if (there) {
            console->registered = TRUE;
            sim_console_bind(machine, console, TRUE);
        } else {
            unbind(machine, console);
            console->bound = console->registered = FALSE;
        }
    }
}

SimFramebuffer *sim_framebuffer_find(const SimMachine *machine, const char *device)
{
    for (guint i = 0; i < machine->framebuffers->len; i++) {
        SimFramebuffer *framebuffer = machine->framebuffers->pdata[i];
        if (!framebuffer->removed && g_str_equal(framebuffer->device, device))
            return framebuffer;
    }
    return NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The settings of PCI functions, which are files of the snapshot as on a real machine, so that who
 * reads them there sees what was set; removal from the bus, the search for devices, and sleep.
 */
#include <errno.h>
#include <string.h>

#include "sim/look.h"

#define DEVICES "/sys/bus/pci/devices"

static SimFile *file_find(const SimMachine *machine, const char *path)
{
    for (guint i = 0; i < machine->files->len; i++) {
        SimFile *file = machine->files->pdata[i];
        if (g_str_equal(file->path, path))
            return file;
    }
    return NULL;
}

static SimFile *setting_find(const SimMachine *machine, const char *address, const char *name)
{
    g_autofree char *path = g_strdup_printf(DEVICES "/%s/%s", address, name);

    return file_find(machine, path);
}

const char *sim_setting_get(const SimMachine *machine, const char *address, const char *name)
{
    const SimFile *file = setting_find(machine, address, name);

    return file ? file->text : NULL;
}

gboolean sim_is_setting(const char *path)
{
    static const char *const endings[] = {"/reset_method", "/d3cold_allowed", "/power/control",
                                          "/sriov_numvfs", "/resource"};

    if (g_str_equal(path, "/sys/class/tty/tty0/active"))
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(endings); i++)
        if (g_str_has_prefix(path, DEVICES "/") && g_str_has_suffix(path, endings[i]))
            return TRUE;
    return FALSE;
}

void sim_setting_put(SimMachine *machine, const char *address, const char *name, const char *text)
{
    SimFile *file = setting_find(machine, address, name);

    if (file)
        sim_set_text(&file->text, text);
}

/* ---- one setting ---- */

/* drivers/pci/pci.c, reset_method_store(): each is tried first. */
static gboolean set_reset(const SimFunction *function, SimFile *file, const char *value,
                          GError **error)
{
    g_auto(GStrv) known = g_strsplit(file->text ? file->text : "", " ", -1);
    g_auto(GStrv) wanted = g_strsplit(value, " ", -1);

    for (char **word = wanted; *word; word++)
        if (!g_strv_contains((const char *const *)known, *word) &&
            !g_strv_contains((const char *const *)function->resets, *word))
            return vh_error_set_errno(error, EINVAL, "reset method %s", *word);
    sim_set_text(&file->text, value);
    return TRUE;
}

/* Line @bar of "resource": begin, end and flags; the end moves. */
static void move_end(SimFile *resource, guint bar, guint64 size)
{
    g_auto(GStrv) lines = g_strsplit(resource->text ? resource->text : "", "\n", -1);
    char *after = NULL;

    if (bar >= g_strv_length(lines))
        return;
    guint64 begin = g_ascii_strtoull(lines[bar], &after, 16);
    (void)g_ascii_strtoull(after, &after, 16);
    char *line = g_strdup_printf("0x%016" G_GINT64_MODIFIER "x 0x%016" G_GINT64_MODIFIER "x%s",
                                 begin, begin + size - 1, after);
    g_free(lines[bar]);
    lines[bar] = line;
    g_free(resource->text);
    resource->text = g_strjoinv("\n", lines);
}

/* drivers/pci/pci-sysfs.c, __resource_resize_store(): 2^value MiB, of a function without driver. */
static gboolean resize(SimMachine *machine, const SimFunction *function, const SimAct *act,
                       const SimFile *file, GError **error)
{
    SimFile *resource = setting_find(machine, function->address, "resource");
    guint64 choices = g_ascii_strtoull(file->text ? file->text : "", NULL, 16);
    guint64 exponent = g_ascii_strtoull(act->argument, NULL, 10);

    if (function->driver)
        return vh_error_set_errno(error, EBUSY, "%s has a driver", function->address);
    if (!resource || exponent > 43 || !(choices >> exponent & 1))
        return vh_error_set_errno(error, EINVAL, "%s of %s", act->name, function->address);
    move_end(resource, (guint)(act->name[strlen("resource")] - '0'),
             G_GUINT64_CONSTANT(1) << (20 + exponent));
    return TRUE;
}

static gboolean locked(const SimFunction *function)
{
    return function->stuck || function->unbinding;
}

gboolean sim_do_set(SimMachine *machine, SimAct *act, GError **error)
{
    SimFunction *function = sim_function_find(machine, act->target);
    SimFile *file = function ? setting_find(machine, act->target, act->name) : NULL;

    if (!function)
        return vh_error_set_errno(error, ENODEV, "%s", act->target);
    if (!file)
        return vh_error_set(error, VH_ERROR_UNSUPPORTED, "%s has no %s", act->target, act->name);
    if (locked(function))
        return sim_hang(machine, act, error);
    if (g_str_equal(act->name, "reset_method"))
        return set_reset(function, file, act->argument, error);
    if (g_str_has_suffix(act->name, "_resize"))
        return resize(machine, function, act, file, error);
    sim_set_text(&file->text, act->argument);
    return TRUE;
}

/* ---- removal and return ---- */

gboolean sim_do_remove(SimMachine *machine, SimAct *act, GError **error)
{
    SimFunction *function = sim_function_find(machine, act->target);

    if (!function)
        return vh_error_set_errno(error, ENODEV, "%s", act->target);
    if (locked(function) || sim_function_held(machine, function))
        return sim_hang(machine, act, error);
    sim_function_unbind(machine, function);
    function->removed = function->returns = TRUE;
    return TRUE;
}

/* What the kernel gives a device that it sees for the first time (drivers/pci/pci.c, pci_pm_init).
 * The order of resets is the machine's own again; that is not known here and stays. */
static void begin_anew(SimMachine *machine, SimFunction *function)
{
    static const struct {
        const char *name, *text;
    } fresh[] = {{"d3cold_allowed", "1"}, {"power/control", "on"}};

    function->removed = function->returns = function->wedged = FALSE;
    sim_set_text(&function->driver_override, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(fresh); i++)
        sim_setting_put(machine, function->address, fresh[i].name, fresh[i].text);
}

gboolean sim_do_rescan(SimMachine *machine, SimAct *act, GError **error)
{
    for (guint i = 0; i < machine->functions->len; i++) {
        SimFunction *function = machine->functions->pdata[i];
        if (!function->removed || !function->returns)
            continue;
        begin_anew(machine, function);
        act->cost += sim_function_probe(machine, function);
    }
    return TRUE;
}

gboolean sim_look_answers(VhHost *host, const char *address)
{
    const SimFunction *function = sim_function_find(sim_of(host)->machine, address);

    return !function || !function->wedged || g_strcmp0(function->wedges, "dead") != 0;
}

/* ---- sleep ---- */

/* The cards are without power for a moment. */
gboolean sim_do_suspend(SimMachine *machine, SimAct *act, GError **error)
{
    const SimFile *states = file_find(machine, "/sys/power/state");

    if (!file_find(machine, "/sys/class/rtc/rtc0/wakealarm") || !states || !states->text ||
        !strstr(states->text, "mem"))
        return vh_error_set_errno(error, ENOENT, "suspend");
    for (guint i = 0; i < machine->functions->len; i++)
        ((SimFunction *)machine->functions->pdata[i])->wedged = FALSE;
    return TRUE;
}

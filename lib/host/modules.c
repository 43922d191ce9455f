// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernel modules: their state from sysfs, loading and unloading through libkmod. */
#include "host/real-private.h"

#include <errno.h>
#include <libkmod.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/error.h"

/* As /sys/module and /proc/modules spell it. */
static char *kernel_name(const char *name)
{
    return g_strdelimit(g_strdup(name), "-", '_');
}

/* libkmod's own words are for developers. */
static void be_silent(void *data, int priority, const char *file, int line, const char *function,
                      const char *format, va_list args)
{
}

static struct kmod_ctx *open_kmod(VhReal *real)
{
    struct utsname uts;
    g_autofree char *etc = vh_real_path(real, "/etc/modprobe.d");
    g_autofree char *run = vh_real_path(real, "/run/modprobe.d");
    g_autofree char *usr = vh_real_path(real, "/lib/modprobe.d");
    const char *const configuration[] = {etc, run, usr, NULL};

    (void)uname(&uts);
    g_autofree char *dir = vh_real_path(real, "/lib/modules/%s", uts.release);
    /* Without a root, libkmod's own list of directories is the right one. */
    struct kmod_ctx *kmod = kmod_new(dir, *real->root ? configuration : NULL);
    if (kmod)
        kmod_set_log_fn(kmod, be_silent, NULL);
    return kmod;
}

void vh_real_modules_close(VhReal *real)
{
    if (real->kmod)
        kmod_unref(real->kmod);
    real->kmod = NULL;
}

/* ---- looking ---- */

/* Whether modprobe would find something to load by that name: a module's, or an alias's. */
static VhModuleState look_up(VhReal *real, const char *name)
{
    struct kmod_list *list = NULL;
    VhModuleState state = VH_MODULE_MISSING;

    if (!real->kmod)
        real->kmod = open_kmod(real);
    if (!real->kmod || kmod_module_new_from_lookup(real->kmod, name, &list) < 0 || !list)
        return state;
    struct kmod_module *module = kmod_module_get_module(list);
    /* Not kmod_module_get_initstate: it reads /sys wherever we look. */
    if (kmod_module_get_path(module) || kmod_module_get_install_commands(module))
        state = VH_MODULE_AVAILABLE;
    else if (kmod_module_get_initstate(module) == KMOD_MODULE_BUILTIN)
        state = VH_MODULE_BUILTIN;
    kmod_module_unref(module);
    kmod_module_unref_list(list);
    return state;
}

/* What is built in has a directory when it has parameters, but never an initstate
 * (kernel/module/sysfs.c). */
static VhModuleState read_state(VhReal *real, const char *dir, const char *name)
{
    g_autofree char *initstate = g_build_filename(dir, "initstate", NULL);

    if (vh_file_exists(initstate))
        return VH_MODULE_LIVE;
    return vh_file_exists(dir) ? VH_MODULE_BUILTIN : look_up(real, name);
}

static char **take_strv(GPtrArray *names)
{
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

/* The devices of one driver are the links in its directory, "module" aside. */
static void add_devices(GPtrArray *devices, const char *driver_dir)
{
    g_autoptr(GPtrArray) names = vh_file_list(driver_dir);

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *path = g_build_filename(driver_dir, name, NULL);
        g_autofree char *target = vh_file_link(path);
        if (target && strcmp(name, "module") != 0)
            g_ptr_array_add(devices, g_strdup(name));
    }
}

/* Links "BUS:DRIVER" to the driver's directory. */
static char **read_devices(const char *dir)
{
    g_autofree char *top = g_build_filename(dir, "drivers", NULL);
    g_autoptr(GPtrArray) drivers = vh_file_list(top);
    GPtrArray *devices = g_ptr_array_new();

    for (guint i = 0; i < drivers->len; i++) {
        g_autofree char *driver = g_build_filename(top, g_ptr_array_index(drivers, i), NULL);
        add_devices(devices, driver);
    }
    return take_strv(devices);
}

static char **read_holders(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "holders", NULL);
    g_autoptr(GPtrArray) names = vh_file_list(path);
    GPtrArray *holders = g_ptr_array_new();

    for (guint i = 0; i < names->len; i++)
        g_ptr_array_add(holders, g_strdup(g_ptr_array_index(names, i)));
    return take_strv(holders);
}

static int read_refcount(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "refcnt", NULL);
    g_autofree char *text = vh_file_attribute(path);
    guint64 count;

    return vh_number(text, 10, &count) && count <= G_MAXINT ? (int)count : 0;
}

static gboolean check_name(const char *name, GError **error)
{
    return vh_name_is_plain(name) ||
           vh_error_set(error, VH_ERROR_FAILED, "\"%s\" is no name of a module", name);
}

VhModule *vh_real_module_look(VhHost *host, const char *name, GError **error)
{
    VhReal *real = (VhReal *)host;

    if (!check_name(name, error))
        return NULL;
    VhModule *module = g_new0(VhModule, 1);
    module->name = kernel_name(name);
    g_autofree char *dir = vh_real_path(real, "/sys/module/%s", module->name);
    module->state = read_state(real, dir, name);
    if (module->state == VH_MODULE_LIVE)
        module->refcount = read_refcount(dir);
    module->holders = read_holders(dir);
    module->devices = read_devices(dir);
    return module;
}

/* ---- loading and unloading ---- */

typedef struct {
    VhReal *real;
    const char *name;
} Act;

static int act_load(gpointer data, GString *answer)
{
    const Act *self = data;
    struct kmod_list *list = NULL, *item;
    struct kmod_ctx *kmod = open_kmod(self->real);
    int r = kmod ? kmod_module_new_from_lookup(kmod, self->name, &list) : -ENOMEM;

    if (r < 0 || !list)
        return r < 0 ? -r : ENOENT;
    kmod_list_foreach(item, list)
    {
        struct kmod_module *module = kmod_module_get_module(item);
        /* As modprobe NAME: options, softdeps and install commands; a blacklist bars aliases that
         * devices ask for, not what is asked for by name. */
        r = kmod_module_probe_insert_module(module, 0, NULL, NULL, NULL, NULL);
        kmod_module_unref(module);
        if (r < 0 && r != -EEXIST)
            return -r;
    }
    return 0;
}

static gboolean explain_missing(GError **error, const char *name)
{
    struct utsname uts;

    (void)uname(&uts);
    return vh_error_set(error, VH_ERROR_GONE,
                        "kernel %s has no module %s; if its package was upgraded since the boot, "
                        "reboot",
                        uts.release, name);
}

gboolean vh_real_module_load(VhHost *host, const char *name, gint64 deadline, GError **error)
{
    Act act = {(VhReal *)host, name};
    g_autoptr(VhModule) module = vh_real_module_look(host, name, error);

    if (!module)
        return FALSE;
    if (module->state == VH_MODULE_LIVE || module->state == VH_MODULE_BUILTIN)
        return TRUE;
    if (module->state == VH_MODULE_MISSING)
        return explain_missing(error, name);
    g_autofree char *what = g_strdup_printf("load module %s", name);
    return vh_child_act(act.real, what, deadline, act_load, &act, NULL, error);
}

static int act_unload(gpointer data, GString *answer)
{
    const Act *self = data;
    struct kmod_module *module = NULL;
    struct kmod_ctx *kmod = open_kmod(self->real);
    int r = kmod ? kmod_module_new_from_name(kmod, self->name, &module) : -ENOMEM;

    if (r < 0)
        return -r;
    /* delete_module(2) with O_NONBLOCK: EAGAIN while it is in use. */
    r = kmod_module_remove_module(module, 0);
    return r == -ENOENT ? 0 : -r;
}

gboolean vh_real_module_unload(VhHost *host, const char *name, gint64 deadline, GError **error)
{
    Act act = {(VhReal *)host, NULL};
    g_autoptr(VhModule) module = vh_real_module_look(host, name, error);

    if (!module)
        return FALSE;
    if (module->state == VH_MODULE_BUILTIN)
        return vh_error_set(error, VH_ERROR_UNSUPPORTED,
                            "module %s is built into the kernel and cannot be unloaded", name);
    if (module->state != VH_MODULE_LIVE)
        return TRUE;
    act.name = module->name;
    g_autofree char *what = g_strdup_printf("unload module %s", module->name);
    return vh_child_act(act.real, what, deadline, act_unload, &act, NULL, error);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The unit operations, of whichever service manager runs this host. */
#include "base/error.h"
#include "host/services.h"

/* ---- a host whose services we cannot stop ---- */

static gboolean no_manager(GError **error)
{
    return vh_error_set(error, VH_ERROR_UNSUPPORTED,
                        "none of systemd, OpenRC, sysvinit and runit runs this host's services");
}

static VhUnit *none_look(VhReal *real, const char *name, GError **error)
{
    no_manager(error);
    return NULL;
}

static gboolean none_act(VhReal *real, const char *name, gint64 deadline, GError **error)
{
    return no_manager(error);
}

static gboolean none_stopping(VhReal *real)
{
    return FALSE;
}

static const VhServices none = {
    .manager = &vh_manager_none,
    .look = none_look,
    .stop = none_act,
    .start = none_act,
    .stopping = none_stopping,
};

/* ---- which one ---- */

/* Looked for each time: a boot may have got no further than to this. runit comes last, as it may be
 * there beside another's pid 1. */
static const VhServices *services_of(VhReal *real)
{
    static const VhServices *const all[] = {&vh_services_systemd, &vh_services_openrc,
                                            &vh_services_sysvinit, &vh_services_runit};

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        if (all[i]->here(real))
            return all[i];
    return &none;
}

const VhServiceManager *vh_real_service_manager(VhHost *host)
{
    return services_of((VhReal *)host)->manager;
}

/* ---- the display manager ---- */

#define ALIAS "display-manager.service"

/* On Debian's kin without systemd, the one that its package's script starts, as all others' do
 * nothing, and say that they run when their program is gone. NULL: no choice is known. */
static char *chosen_display_manager(VhReal *real)
{
    g_autofree char *path = vh_real_path(real, "/etc/X11/default-display-manager");
    g_autofree char *program = vh_file_attribute(path);
    g_autofree char *name = program ? g_path_get_basename(program) : NULL;

    return name && vh_name_is_plain(name) ? g_strconcat(name, ".service", NULL) : NULL;
}

/*
 * systemd has an alias for it, which is missing where it was started without being enabled;
 * elsewhere it has the name of its program, or of a service that runs the one that a file names.
 * The one that is up, else, where no alias says which is meant, the first there is.
 */
static VhUnit *find_display_manager(VhReal *real, const VhServices *services, GError **error)
{
    static const char *const names[] = {
        ALIAS,           "xdm.service",  "sddm.service",        "lightdm.service",
        "gdm.service",   "gdm3.service", "lxdm.service",        "greetd.service",
        "ly.service",    "slim.service", "plasmalogin.service", "cosmic-greeter.service",
        "emptty.service"};
    gboolean has_alias = services == &vh_services_systemd;
    g_autofree char *choice = has_alias ? NULL : chosen_display_manager(real);
    g_autoptr(VhUnit) first = choice ? services->look(real, choice, NULL) : NULL;

    if (first && g_strcmp0(first->load, "loaded") == 0)
        return g_steal_pointer(&first);
    g_clear_pointer(&first, vh_unit_free);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(VhUnit) unit = services->look(real, names[i], error);
        if (!unit)
            return NULL;
        if (has_alias && i == 0 && g_strcmp0(unit->load, "not-found") != 0)
            return g_steal_pointer(&unit);
        if (g_strcmp0(unit->load, "loaded") != 0)
            continue;
        if (g_strcmp0(unit->active, "inactive") != 0)
            return g_steal_pointer(&unit);
        if (!first && !has_alias)
            first = g_steal_pointer(&unit);
    }
    return first ? g_steal_pointer(&first) : vh_service_unit(ALIAS, NULL, NULL);
}

/* ---- the operations ---- */

VhUnit *vh_real_unit_look(VhHost *host, const char *name, GError **error)
{
    VhReal *real = (VhReal *)host;
    const VhServices *services = services_of(real);

    if (g_str_equal(name, ALIAS))
        return find_display_manager(real, services, error);
    return services->look(real, name, error);
}

gboolean vh_real_unit_stop(VhHost *host, const char *name, gint64 deadline, GError **error)
{
    VhReal *real = (VhReal *)host;

    return services_of(real)->stop(real, name, deadline, error);
}

gboolean vh_real_unit_start(VhHost *host, const char *name, gint64 deadline, GError **error)
{
    VhReal *real = (VhReal *)host;

    return services_of(real)->start(real, name, deadline, error);
}

gboolean vh_real_unit_ask(VhHost *host, VhJob job, const char *name, GError **error)
{
    VhReal *real = (VhReal *)host;
    const VhServices *services = services_of(real);

    if (services->ask)
        return services->ask(real, job, name, error);
    return vh_error_set(error, VH_ERROR_UNSUPPORTED,
                        "the services of this host have no jobs that could be queued");
}

gboolean vh_real_stopping(VhHost *host)
{
    VhReal *real = (VhReal *)host;

    return services_of(real)->stopping(real);
}

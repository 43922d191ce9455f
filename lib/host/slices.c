// SPDX-License-Identifier: GPL-2.0-or-later
/* On which CPUs the host's processes may run: AllowedCPUs= of systemd.resource-control(5). */
#include "host/real-private.h"

#include <string.h>

#include "base/cpus.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)

#define ASK_LIMIT (10 * G_USEC_PER_SEC)

/* All that is not a VM: those are in machine.slice. */
static const struct {
    const char *unit, *interface;
} slices[] = {
    {"system.slice", "org.freedesktop.systemd1.Slice"},
    {"user.slice", "org.freedesktop.systemd1.Slice"},
    {"init.scope", "org.freedesktop.systemd1.Scope"},
};

static gboolean check_cgroups(VhReal *real, GError **error)
{
    g_autofree char *path = vh_real_path(real, "/sys/fs/cgroup/cgroup.controllers");
    g_autofree char *text = vh_file_attribute(path);
    g_auto(GStrv) controllers = g_strsplit(text ? text : "", " ", 0);

    if (g_strv_contains((const char *const *)controllers, "cpuset"))
        return TRUE;
    return vh_error_set(error, VH_ERROR_UNSUPPORTED,
                        "the CPUs of the host's processes can only be chosen with cgroup v2 and "
                        "its cpuset controller, which this host does not have%s",
                        text ? ""
                             : " (with systemd, systemd.unified_cgroup_hierarchy=1 on the "
                               "kernel's command line switches to it)");
}

static char *object_of(VhReal *real, const char *unit, GError **error)
{
    g_autoptr(sd_bus_message) reply = NULL;
    const char *path;

    if (!vh_bus_call(real, g_get_monotonic_time() + ASK_LIMIT, &vh_bus_systemd, "LoadUnit", &reply,
                     error, "s", unit))
        return NULL;
    int r = sd_bus_message_read(reply, "o", &path);
    if (r > 0)
        return g_strdup(path);
    vh_bus_bad_reply(error, "LoadUnit", r);
    return NULL;
}

/* "" when it is not set. */
static char *look(VhReal *real, const char *unit, const char *interface, GError **error)
{
    g_autofree char *path = object_of(real, unit, error);
    const VhBusObject object = {vh_bus_systemd.destination, path,
                                "org.freedesktop.DBus.Properties"};
    g_autoptr(sd_bus_message) reply = NULL;
    const void *bytes;
    gsize length;
    VhCpus cpus;

    if (!path || !vh_bus_call(real, g_get_monotonic_time() + ASK_LIMIT, &object, "Get", &reply,
                              error, "ss", interface, "AllowedCPUs"))
        return NULL;
    int r = sd_bus_message_enter_container(reply, 'v', "ay");
    if (r > 0)
        r = sd_bus_message_read_array(reply, 'y', &bytes, &length);
    if (r <= 0) {
        vh_bus_bad_reply(error, "Get", r);
        return NULL;
    }
    vh_cpus_from_bytes(bytes, length, &cpus);
    return vh_cpus_list(&cpus);
}

GPtrArray *vh_slices(VhReal *real, GError **error)
{
    g_autoptr(GPtrArray) tunables = g_ptr_array_new_with_free_func((GDestroyNotify)vh_tunable_free);

    if (!check_cgroups(real, error))
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(slices); i++) {
        char *value = look(real, slices[i].unit, slices[i].interface, error);
        if (!value) {
            g_prefix_error(error, "look at %s: ", slices[i].unit);
            return NULL;
        }
        VhTunable *tunable = g_new0(VhTunable, 1);
        tunable->name = g_strdup(slices[i].unit);
        tunable->value = value;
        tunable->cpus = TRUE;
        g_ptr_array_add(tunables, tunable);
    }
    return g_steal_pointer(&tunables);
}

/* SetUnitProperties(name, runtime, properties), with the CPUs as an array of bytes. */
static int fill(sd_bus_message *call, const char *unit, const VhCpus *cpus)
{
    int r = sd_bus_message_append(call, "sb", unit, 1);

    if (r >= 0)
        r = sd_bus_message_open_container(call, 'a', "(sv)");
    if (r >= 0)
        r = sd_bus_message_open_container(call, 'r', "sv");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", "AllowedCPUs");
    if (r >= 0)
        r = sd_bus_message_open_container(call, 'v', "ay");
    if (r >= 0)
        r = sd_bus_message_append_array(call, 'y', cpus->bytes, vh_cpus_length(cpus));
    for (int open = 0; r >= 0 && open < 3; open++)
        r = sd_bus_message_close_container(call);
    return r;
}

static gboolean set(VhReal *real, const char *unit, const VhCpus *cpus, gint64 deadline,
                    GError **error)
{
    g_autoptr(sd_bus_message) call = NULL;
    sd_bus *bus = vh_bus_get(real, deadline, error);

    if (!bus)
        return FALSE;
    int r =
        sd_bus_message_new_method_call(bus, &call, vh_bus_systemd.destination, vh_bus_systemd.path,
                                       vh_bus_systemd.interface, "SetUnitProperties");
    if (r >= 0)
        r = fill(call, unit, cpus);
    if (r < 0)
        return vh_error_set_errno(error, -r, "SetUnitProperties over D-Bus");
    return vh_bus_send(real, deadline, call, error);
}

gboolean vh_slice_set(VhReal *real, const char *unit, const char *list, gint64 deadline,
                      GError **error)
{
    g_autofree char *present = *list ? NULL : vh_real_cpus(&real->host, NULL);
    VhCpus cpus, all;

    if (!vh_cpus_parse(list, &cpus))
        return vh_error_set(error, VH_ERROR_FAILED, "\"%s\" is no list of CPUs", list);
    /* Systemd may leave the group's file as it is when the setting goes: all of them first. */
    if (present && vh_cpus_parse(present, &all) && !set(real, unit, &all, deadline, error))
        return FALSE;
    return set(real, unit, &cpus, deadline, error);
}

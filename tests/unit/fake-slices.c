// SPDX-License-Identifier: GPL-2.0-or-later
/* The fake systemd's slices. */
#include <string.h>

#include "base/cpus.h"
#include "fake-bus.h"

/* A unit's object is "/unit/NAME"; only user.slice has its CPUs chosen. */
int fake_on_load_unit(Fake *fake, sd_bus_message *call)
{
    const char *name = NULL;

    (void)sd_bus_message_rewind(call, 1);
    (void)sd_bus_message_read(call, "s", &name);
    g_autofree char *path = g_strdelimit(g_strconcat("/unit/", name, NULL), ".", '_');
    return sd_bus_reply_method_return(call, "o", path);
}

int fake_on_get_cpus(sd_bus_message *call, const char *path)
{
    if (strcmp(path, "/unit/user_slice") == 0)
        return sd_bus_reply_method_return(call, "v", "ay", 2, 0x03, 0x01);
    return sd_bus_reply_method_return(call, "v", "ay", 0);
}

/* Notes "runtime AllowedCPUs=0-1". */
int fake_on_set_properties(Fake *fake, sd_bus_message *call)
{
    const char *property = NULL;
    const void *bytes = NULL;
    gsize length = 0;
    int runtime = 0;
    VhCpus cpus;

    (void)sd_bus_message_read(call, "b", &runtime);
    (void)sd_bus_message_enter_container(call, 'a', "(sv)");
    (void)sd_bus_message_enter_container(call, 'r', "sv");
    (void)sd_bus_message_read(call, "s", &property);
    (void)sd_bus_message_enter_container(call, 'v', "ay");
    (void)sd_bus_message_read_array(call, 'y', &bytes, &length);
    vh_cpus_from_bytes(bytes, length, &cpus);
    g_autofree char *list = vh_cpus_list(&cpus);
    g_autofree char *line =
        g_strdup_printf("%s %s=%s", runtime ? "runtime" : "for good", property, list);
    fake_note(fake, line);
    return sd_bus_reply_method_return(call, "");
}

int fake_on_get_ties(sd_bus_message *call, const char *unit, const char *property)
{
    static const struct {
        const char *unit, *property, *target;
    } ties[] = {
        {"bar_2eservice", "PartOf", "graphical-session.target"},
        {"idle_2eservice", "BindsTo", "sway-session.target"},
        {"pod_2eservice", "PartOf", "default.target"},
        {"pod_2eservice", "BindsTo", "session.slice"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(ties); i++)
        if (strcmp(ties[i].unit, unit) == 0 && strcmp(ties[i].property, property) == 0)
            return sd_bus_reply_method_return(call, "v", "as", 2, "other.service", ties[i].target);
    return sd_bus_reply_method_return(call, "v", "as", 0);
}

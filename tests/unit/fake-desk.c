// SPDX-License-Identifier: GPL-2.0-or-later
/* The fake's methods that are about people's desktops. */
#include "fake-bus.h"

#include <string.h>

int fake_on_list_inhibitors(Fake *fake, sd_bus_message *call)
{
    if (fake->behaviour.odd)
        return sd_bus_reply_method_return(call, "s", "odd");
    return sd_bus_reply_method_return(call, "a(ssssuu)", 2, "sleep:shutdown", "burner", "a disc",
                                      "block", 1000, 77, "sleep", "NetworkManager", "network",
                                      "delay", 0, 600);
}

/* "PROPERTY: WORDS" of each property of a new unit. */
int fake_on_transient(Fake *fake, sd_bus_message *call)
{
    const char *name;
    int r = sd_bus_message_enter_container(call, 'a', "(sv)");

    while (r > 0 && (r = sd_bus_message_enter_container(call, 'r', "sv")) > 0) {
        const char *type, *path, *a, *b, *c, *d;
        (void)sd_bus_message_read(call, "s", &name);
        (void)sd_bus_message_peek_type(call, NULL, &type);
        if (strcmp(type, "s") == 0) {
            r = sd_bus_message_read(call, "v", "s", &a);
            g_autofree char *line = g_strdup_printf("%s: %s", name, a);
            fake_note(fake, line);
        } else {
            r = sd_bus_message_read(call, "v", "a(sasb)", 1, &path, 4, &a, &b, &c, &d, NULL);
            g_autofree char *line = g_strjoin(" ", name, path, a, b, c, d, NULL);
            fake_note(fake, line);
        }
        if (r >= 0)
            r = sd_bus_message_exit_container(call);
    }
    return r < 0 ? r : sd_bus_reply_method_return(call, "o", JOB);
}

/* Its arguments, by their types. */
int fake_on_logout(Fake *fake, sd_bus_message *call)
{
    g_autoptr(GString) line = g_string_new("with");
    guint32 value = 0;
    char type;

    (void)sd_bus_message_rewind(call, 1);
    while (sd_bus_message_peek_type(call, &type, NULL) > 0 &&
           sd_bus_message_read_basic(call, type, &value) > 0)
        g_string_append_printf(line, " %c%u", type, value);
    fake_note(fake, line->str);
    return sd_bus_reply_method_return(call, "");
}

/* The texts of a notification and its urgency. */
int fake_on_notify(Fake *fake, sd_bus_message *call)
{
    const char *who, *icon, *summary, *body, *key;
    unsigned char urgency = 0;

    (void)sd_bus_message_rewind(call, 1);
    int r = sd_bus_message_read(call, "susssasa{sv}i", &who, NULL, &icon, &summary, &body, 0, 1,
                                &key, "y", &urgency, NULL);
    g_autofree char *line =
        r < 0 ? g_strdup("not as it should be")
              : g_strdup_printf("%s %s %s: %s %s %u", who, icon, summary, body, key, urgency);

    fake_note(fake, line);
    return sd_bus_reply_method_return(call, "u", 1);
}

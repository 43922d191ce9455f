// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stands in for a desktop's own service on the bus of its user: desk NAME FILE [COMMAND]. What it
 * is called for goes to FILE, a line each, with the texts that came along; then COMMAND is run.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>

static char **arguments;

static void write_texts(sd_bus_message *call, FILE *file)
{
    const char *contents;
    char type;

    while (sd_bus_message_peek_type(call, &type, &contents) > 0) {
        const char *text = NULL;
        if (type == SD_BUS_TYPE_STRING && sd_bus_message_read(call, "s", &text) > 0)
            (void)fprintf(file, " [%s]", text);
        else if (type != SD_BUS_TYPE_STRING && sd_bus_message_skip(call, NULL) < 0)
            return;
    }
}

static int answer(sd_bus_message *call, void *data, sd_bus_error *error)
{
    if (sd_bus_message_is_method_call(call, NULL, NULL) <= 0 ||
        sd_bus_message_is_method_call(call, "org.freedesktop.DBus.Peer", NULL) > 0)
        return 0;
    FILE *file = fopen(arguments[2], "a");
    if (!file)
        return -1;
    (void)fprintf(file, "%s", sd_bus_message_get_member(call));
    write_texts(call, file);
    (void)fprintf(file, "\n");
    (void)fclose(file);
    int r = sd_bus_reply_method_return(call, NULL);
    if (arguments[3] && system(arguments[3]) != 0)
        return -1;
    return r < 0 ? r : 1;
}

static bool serve(sd_bus *bus)
{
    while (sd_bus_process(bus, NULL) >= 0 && sd_bus_wait(bus, UINT64_MAX) >= 0)
        continue;
    return false;
}

int main(int argc, char **argv)
{
    sd_bus *bus = NULL;

    arguments = argv;
    return argc >= 3 && sd_bus_open_user(&bus) >= 0 &&
                   sd_bus_add_filter(bus, NULL, answer, NULL) >= 0 &&
                   sd_bus_request_name(bus, argv[1], 0) >= 0 && serve(bus)
               ? EXIT_SUCCESS
               : EXIT_FAILURE;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stands in for a compositor: compositor NODE, in a session. It has logind open the node for it, as
 * Wayland's compositors and an Xorg without root do; logind and systemd then have it open as well.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define LOGIND "org.freedesktop.login1"
#define SESSION "/org/freedesktop/login1/session/auto", LOGIND ".Session"

int main(int argc, char **argv)
{
    sd_bus_message *reply = NULL;
    sd_bus *bus = NULL;
    struct stat node;
    int fd, inactive;

    if (argc != 2 || stat(argv[1], &node) < 0 || sd_bus_open_system(&bus) < 0 ||
        sd_bus_call_method(bus, LOGIND, SESSION, "TakeControl", NULL, NULL, "b", false) < 0 ||
        sd_bus_call_method(bus, LOGIND, SESSION, "TakeDevice", NULL, &reply, "uu",
                           major(node.st_rdev), minor(node.st_rdev)) < 0 ||
        sd_bus_message_read(reply, "hb", &fd, &inactive) < 0)
        return EXIT_FAILURE;
    for (;;)
        (void)pause();
}

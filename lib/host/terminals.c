// SPDX-License-Identifier: GPL-2.0-or-later
/* A line on terminals, as wall(1) writes it. */
#include "host/real-private.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A terminal takes a line at once, or has stopped its output and does not get it. */
#define SAY_LIMIT G_USEC_PER_SEC

typedef struct {
    VhReal *real;
    const char *const *terminals;
    const char *line;
} Say;

/* "tty3", "pts/0": what may stand below /dev. */
static gboolean is_terminal(const char *name)
{
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789/") == strlen(name) && *name != '/';
}

/* What does not take it all in one go does not get the rest: nothing is waited for. */
static void say_to(const Say *self, const char *terminal)
{
    g_autofree char *path = vh_real_path(self->real, "/dev/%s", terminal);
    int fd = is_terminal(terminal) ? open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    if (isatty(fd) && write(fd, self->line, strlen(self->line)) < 0)
        g_debug("%s takes no line", path);
    (void)close(fd);
}

static int act_say(gpointer data, GString *answer)
{
    const Say *self = data;

    for (const char *const *terminal = self->terminals; *terminal; terminal++)
        say_to(self, *terminal);
    return 0;
}

void vh_real_say(VhHost *host, const char *const *terminals, const char *text)
{
    g_autofree char *line = g_strdup_printf("\r\n%s\r\n", text);
    Say say = {(VhReal *)host, terminals, line};

    (void)vh_child_look((VhReal *)host, "write to terminals", SAY_LIMIT, act_say, &say, NULL, NULL);
}

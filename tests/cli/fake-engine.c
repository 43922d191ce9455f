// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stands where the drop-in expects the engine, and writes down what reaches it: arguments and
 * environment with a NUL after each, standard input, and which descriptors are open.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build-config.h"

static void record_strings(const char *path, char **strings)
{
    FILE *file = fopen(path, "we");

    if (file == NULL)
        abort();
    for (; *strings != NULL; strings++)
        fwrite(*strings, strlen(*strings) + 1, 1, file);
    fclose(file);
}

static void record_stdin(const char *path)
{
    char buffer[65536];
    ssize_t length;
    FILE *file = fopen(path, "we");

    if (file == NULL)
        abort();
    while ((length = read(0, buffer, sizeof buffer)) > 0)
        fwrite(buffer, (size_t)length, 1, file);
    fclose(file);
}

int main(int argc, char **argv)
{
    char open[65] = "";

    /* Before anything here takes a number that came closed. */
    for (int fd = 0; fd < 64; fd++)
        open[fd] = fcntl(fd, F_GETFD) == -1 ? '-' : 'o';
    char *opened[] = {open, NULL};

    record_strings(RECORD_DIR "/descriptors", opened);
    record_strings(RECORD_DIR "/arguments", argv);
    record_strings(RECORD_DIR "/environment", environ);
    if (open[0] == 'o')
        record_stdin(RECORD_DIR "/stdin");
    return argc == 6 && strcmp(argv[5], "exit 7") == 0 ? 7 : 0;
}

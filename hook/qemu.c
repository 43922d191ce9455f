// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The drop-in, libvirt's hooks/qemu. libvirt runs it several times for every VM of the host and
 * waits for it, so it only finds out whether the guest is ours, with a few look-ups, and leaves
 * everything else to the engine. It links nothing but libc and takes nothing from the environment.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build-config.h"

enum { EXIT_USAGE = 64 };

/* Builds a path; one that is too long names nothing. */
__attribute__((format(printf, 2, 3))) static bool build(char path[PATH_MAX], const char *format,
                                                        ...)
{
    va_list args;

    va_start(args, format);
    int length = vsnprintf(path, PATH_MAX, format, args);
    va_end(args);
    return length >= 0 && length < PATH_MAX;
}

/* libvirt takes any text without a slash as a name, ".." included. */
static bool is_configured(const char *guest)
{
    char path[PATH_MAX];
    struct stat st;

    if (guest[0] == '\0' || strchr(guest, '/') != NULL)
        return false;
    /* Whatever kind of file it is: the engine judges it, and says what is wrong with it. */
    if (build(path, HOOKS_DIR "/kvm.conf.d/%s.conf", guest) && lstat(path, &st) == 0)
        return true;
    if (strcmp(guest, ".") == 0 || strcmp(guest, "..") == 0)
        return false;
    /* Trees may be shared between guests by a link. */
    return build(path, HOOKS_DIR "/qemu.d/%s", guest) && stat(path, &st) == 0 &&
           S_ISDIR(st.st_mode);
}

static bool is_journal(const char *name)
{
    size_t length = strlen(name), end = strlen(".journal");

    return length > end && strcmp(name + length - end, ".journal") == 0;
}

/* Some VM holds devices. Journals are named by UUID; whether it is this VM's, the engine finds. */
static bool any_journal(void)
{
    DIR *dir = opendir(STATE_DIR);
    const struct dirent *entry;
    bool found = false;

    if (dir == NULL)
        return false;
    while (!found && (entry = readdir(dir)) != NULL)
        found = is_journal(entry->d_name);
    closedir(dir);
    return found;
}

/* Operations that begin something: a guest without a file has nothing to begin. All the others can
 * be the end of what began with a file that was deleted meanwhile. */
static bool begins(const char *operation)
{
    static const char *const begin[] = {"prepare", "start", "started", "migrate", "restore"};

    for (size_t i = 0; i < sizeof begin / sizeof begin[0]; i++)
        if (strcmp(operation, begin[i]) == 0)
            return true;
    return false;
}

/* A VM that needs the host's devices must not start without them, but nothing else may fail here:
 * a failing reconnect kills a running VM. */
static int without_engine(const char *operation)
{
    int problem = errno;

    signal(SIGPIPE, SIG_IGN);
    fprintf(stderr,
            "virt-handoff: cannot run %s: %s; install virt-handoff again, or remove %s/qemu to "
            "start VMs without it\n",
            ENGINE, strerror(problem), HOOKS_DIR);
    return strcmp(operation, "prepare") == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    /* A libvirt that passes more some day is no reason to fail. */
    if (argc < 5) {
        fputs("Usage: qemu GUEST OPERATION SUB-OPERATION EXTRA < DOMAIN-XML\n"
              "libvirt calls this; by hand: virt-handoff --help\n",
              stderr);
        return EXIT_USAGE;
    }

    char *const guest = argv[1], *const operation = argv[2];
    if (!is_configured(guest) && (begins(operation) || !any_journal()))
        return EXIT_SUCCESS;

    char name[] = "virt-handoff", verb[] = "hook";
    char *const engine[] = {name, verb, guest, operation, argv[3], argv[4], NULL};
    execv(ENGINE, engine);
    return without_engine(operation);
}

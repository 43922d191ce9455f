// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Laid before the engine's libc (LD_PRELOAD) in the emulated host: at one point of its journal the
 * engine is killed or frozen, exactly there, which no signal from outside can promise.
 *
 * A line that begins a step is a point right after it was written, before the act; any other line
 * is one right before it is written, after the act; the last ones are before and after the file is
 * removed. VIRT_HANDOFF_TRAP is "kill N" or "stop N" for point N, "match TEXT" to be killed at the
 * first whose line has TEXT in it, or "orphan N": killed when child N of all steps has been made,
 * or one that stays has been asked for an act, which it does only a second later; -N counts all
 * such acts, as in release. What sprang is written to VIRT_HANDOFF_TRAP_TOLD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int points, children, acting;
static pid_t engine; /* its children have these functions, too */
static pid_t guard;  /* whose child the engine is; 0: none */

__attribute__((constructor)) static void begin(void)
{
    engine = getpid();
}

static int wanted(const char *what)
{
    const char *trap = getenv("VIRT_HANDOFF_TRAP");
    size_t length = strlen(what);

    return trap && strncmp(trap, what, length) == 0 ? (int)strtol(trap + length, NULL, 10) : 0;
}

static int matches(const char *line, size_t length)
{
    static const char match[] = "match ";
    const char *trap = getenv("VIRT_HANDOFF_TRAP");

    return trap && strncmp(trap, match, strlen(match)) == 0 &&
           memmem(line, length, trap + strlen(match), strlen(trap) - strlen(match)) != NULL;
}

static void tell(const char *where, const char *line, size_t length)
{
    const char *path = getenv("VIRT_HANDOFF_TRAP_TOLD");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

    if (fd < 0)
        return;
    dprintf(fd, "%d %s %.*s", (int)getpid(), where, (int)length, line);
    close(fd);
}

static int has_sprung(void)
{
    const char *path = getenv("VIRT_HANDOFF_TRAP_TOLD");

    return path && access(path, F_OK) == 0;
}

static void die(void)
{
    if (guard && !wanted("once "))
        kill(guard, SIGKILL);
    kill(getpid(), SIGKILL);
}

static void point(const char *where, const char *line, size_t length)
{
    points++;
    if (points != wanted("kill ") && points != wanted("stop ") && !matches(line, length) &&
        (points != wanted("once ") || has_sprung()))
        return;
    tell(where, line, length);
    if (wanted("stop "))
        kill(getpid(), SIGSTOP);
    else
        die();
}

static int is_journal(const char *path)
{
    size_t length = strlen(path), end = strlen(".journal");

    return length > end && strcmp(path + length - end, ".journal") == 0;
}

static int writes_journal(int fd)
{
    char link[64], path[4096];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return is_journal(path);
}

/* The first line, or one that begins a step. */
static int comes_first(const char *line, size_t length)
{
    return memmem(line, length, "\"begin\":", 8) || memmem(line, length, "\"virt-handoff\":", 15);
}

ssize_t write(int fd, const void *data, size_t length)
{
    int ours = writes_journal(fd), after = ours && comes_first(data, length);

    if (ours && !after)
        point("before", data, length);
    ssize_t n = syscall(SYS_write, fd, data, length);
    acting = ours ? after : acting;
    if (after)
        point("after", data, length);
    return n;
}

int unlink(const char *path)
{
    if (is_journal(path))
        point("before", "its removal\n", strlen("its removal\n"));
    int result = (int)syscall(SYS_unlink, path);
    if (is_journal(path))
        point("after", "its removal\n", strlen("its removal\n"));
    return result;
}

static int is_last(void)
{
    return getpid() == engine && (acting || wanted("orphan ") < 0) &&
           ++children == abs(wanted("orphan "));
}

static pid_t real_fork(void)
{
    pid_t (*real)(void) = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");

    return real();
}

/* In the child a second later; the parent is killed. */
static pid_t fork_orphan(void)
{
    static const char said[] = "a child was made\n";
    const struct timespec second = {.tv_sec = 1};
    pid_t pid = real_fork();

    if (pid == 0) {
        nanosleep(&second, NULL);
        return pid;
    }
    tell("after", said, strlen(said));
    die();
    return pid;
}

static pid_t fork_engine(void)
{
    pid_t pid = real_fork();

    if (pid == 0) {
        guard = engine;
        engine = getpid();
    }
    return pid;
}

pid_t fork(void)
{
    if (getenv("VIRT_HANDOFF_TRAP_GUARDED") && !guard && getpid() == engine)
        return fork_engine();
    return is_last() ? fork_orphan() : real_fork();
}

/* Only the child that stays is asked so. */
ssize_t send(int fd, const void *data, size_t length, int flags)
{
    int orphan = is_last() && fork_orphan() == 0;
    ssize_t n = syscall(SYS_sendto, fd, data, length, flags, NULL, 0);

    if (orphan)
        _exit(0);
    return n;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A simulated host is in memory, and would die with the process. So the child hands it over through
 * a file without a name, as the snapshot of a machine that runs, and what the child held (the lock)
 * is let go of by the kernel, as for any that is killed.
 */
#include "hook/mortal.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DONE = 0, FAILED = 1, KILLED = 2 };

typedef struct {
    VhHost *host;
    int fd;
} Mortal;

static gboolean hand_over(const Mortal *mortal, const char *text)
{
    gsize length = strlen(text);

    for (gsize done = 0; done < length;) {
        ssize_t n = write(mortal->fd, text + done, length - done);
        if (n < 0 && errno != EINTR)
            return FALSE;
        done += n > 0 ? (gsize)n : 0;
    }
    return TRUE;
}

static void end(const Mortal *mortal, int status, const char *message) G_GNUC_NORETURN;

/* The host first, then a zero byte and why it failed. */
static void end(const Mortal *mortal, int status, const char *message)
{
    g_autofree char *snapshot = vh_sim_snapshot(mortal->host);

    if (hand_over(mortal, snapshot) && message && write(mortal->fd, "", 1) == 1)
        (void)hand_over(mortal, message);
    _exit(status);
}

static void die(gpointer mortal)
{
    end(mortal, KILLED, NULL);
}

static void live(const Mortal *mortal, MortalRun run, gpointer data) G_GNUC_NORETURN;

static void live(const Mortal *mortal, MortalRun run, gpointer data)
{
    g_autoptr(GError) error = NULL;

    if (run(data, &error))
        end(mortal, DONE, NULL);
    end(mortal, FAILED, error ? error->message : "failed");
}

/* All of the file; at the second part, NULL: there is none. */
static char *read_back(int fd, const char **ret_message)
{
    off_t length = lseek(fd, 0, SEEK_END);
    char *text = length > 0 ? g_malloc0((gsize)length + 1) : NULL;

    *ret_message = NULL;
    if (!text || pread(fd, text, (gsize)length, 0) != length) {
        g_free(text);
        return NULL;
    }
    if (strlen(text) < (gsize)length)
        *ret_message = text + strlen(text) + 1;
    return text;
}

static gboolean take_back(VhHost **host, int fd, int status, GError **error)
{
    const char *message;
    g_autofree char *text = read_back(fd, &message);
    VhHost *left = text ? vh_sim_new(text, error) : NULL;

    if (!text)
        return vh_error_set(error, VH_ERROR_FAILED, "the rehearsal left no host behind");
    if (!left)
        return FALSE;
    vh_host_free(*host);
    *host = left;
    if (status == FAILED)
        return vh_error_set(error, VH_ERROR_FAILED, "%s", message ? message : "failed");
    return status == DONE;
}

gboolean mortal_run(VhHost **host, const char *step, MortalRun run, gpointer data,
                    gboolean *ret_died, GError **error)
{
    Mortal mortal = {*host, memfd_create("virt-handoff", MFD_CLOEXEC)};
    int status = -1;

    *ret_died = FALSE;
    if (mortal.fd < 0)
        return vh_error_set_errno(error, errno, "memory for a rehearsal");
    pid_t pid = fork();
    if (pid == 0) {
        vh_sim_set_fault(mortal.host, 0, VH_SIM_NONE, die, &mortal);
        vh_sim_set_fault_at(mortal.host, step, VH_SIM_DIE_BEFORE);
        live(&mortal, run, data);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    status = pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    *ret_died = status == KILLED;
    gboolean ok = take_back(host, mortal.fd, status, error);
    close(mortal.fd);
    return ok;
}

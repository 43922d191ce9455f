// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A simulated host is in memory, and would die with the process. So the child hands it over through
 * a file without a name, and what the child held (the lock) is let go of by the kernel, as for any
 * that is killed.
 */
#include "sim/mortal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DONE = 0, FAILED = 1 };

typedef struct {
    VhHost *host;
    int fd;
} Mortal;

static gboolean hand_over(const Mortal *mortal, const void *data, gsize length)
{
    for (gsize done = 0; done < length;) {
        ssize_t n = write(mortal->fd, (const char *)data + done, length - done);
        if (n < 0 && errno != EINTR)
            return FALSE;
        done += n > 0 ? (gsize)n : 0;
    }
    return TRUE;
}

/* The size of the host, the host, and why it failed. */
static void leave(const Mortal *mortal, const char *message)
{
    g_autoptr(GBytes) host = vh_sim_pack(mortal->host);
    gsize length = 0;
    const void *data = g_bytes_get_data(host, &length);

    if (!hand_over(mortal, &length, sizeof length) || !hand_over(mortal, data, length) ||
        !hand_over(mortal, message, strlen(message)))
        abort();
}

static void die(gpointer data)
{
    leave(data, "");
    (void)raise(SIGKILL);
}

static void live(const Mortal *mortal, VhSimRun run, gpointer data) G_GNUC_NORETURN;

static void live(const Mortal *mortal, VhSimRun run, gpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = run(data, &error);

    leave(mortal, error ? error->message : "failed");
    _exit(ok ? DONE : FAILED);
}

/* All that was left in the file; NULL: nothing whole. *@ret_message: its last part. */
static VhHost *read_back(int fd, char **ret_message)
{
    off_t end = lseek(fd, 0, SEEK_END);
    gsize size = end > 0 ? (gsize)end : 0, length = 0;
    g_autofree char *all = g_malloc(size + 1);

    if (size < sizeof length || pread(fd, all, size, 0) != end)
        return NULL;
    memcpy(&length, all, sizeof length);
    if (length > size - sizeof length)
        return NULL;
    g_autoptr(GBytes) host = g_bytes_new(all + sizeof length, length);
    all[size] = '\0';
    *ret_message = g_strdup(all + sizeof length + length);
    return vh_sim_unpack(host, NULL);
}

static gboolean take_back(VhHost **host, int fd, int status, gboolean *ret_died, GError **error)
{
    g_autofree char *message = NULL;

    *ret_died = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    VhHost *left = *ret_died || WIFEXITED(status) ? read_back(fd, &message) : NULL;
    if (!left)
        return vh_error_set(error, VH_ERROR_INTERRUPTED, "the process left no host behind");
    vh_host_free(*host);
    *host = left;
    if (*ret_died || WEXITSTATUS(status) == DONE)
        return !*ret_died;
    return vh_error_set(error, VH_ERROR_FAILED, "%s", message);
}

gboolean vh_sim_mortal(VhHost **host, const VhSimDeath *death, VhSimRun run, gpointer data,
                       gboolean *ret_died, GError **error)
{
    Mortal mortal = {*host, memfd_create("virt-handoff", MFD_CLOEXEC)};
    int status = -1;

    *ret_died = FALSE;
    if (mortal.fd < 0)
        return vh_error_set_errno(error, errno, "memory for a host that outlives its process");
    pid_t pid = fork();
    if (pid == 0) {
        vh_sim_set_fault(mortal.host, death->number, death->fault, die, &mortal);
        if (death->step)
            vh_sim_set_fault_at(mortal.host, death->step, VH_SIM_DIE_BEFORE);
        live(&mortal, run, data);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    gboolean ok = pid > 0 ? take_back(host, mortal.fd, status, ret_died, error)
                          : vh_error_set_errno(error, errno, "cannot begin a process that may die");
    close(mortal.fd);
    return ok;
}

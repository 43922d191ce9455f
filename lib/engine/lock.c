// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The state directory's fd, or -1. */
static int open_state_dir(const char *path, GError **error)
{
    struct stat st;

    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        vh_error_set_errno(error, errno, "cannot make %s", path);
        return -1;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        vh_error_set_errno(error, errno, "cannot open %s", path);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (st.st_uid != geteuid() || (st.st_mode & 0077) != 0) {
        vh_error_set(error, VH_ERROR_DENIED,
                     "%s is open to others: chown root: %s && chmod 0700 %s", path, path, path);
        close(fd);
        return -1;
    }
    return fd;
}

/* Polls, as flock() has no deadline of its own. */
static gboolean wait_for_lock(const VhEngine *engine, int fd, gint64 deadline, GError **error)
{
    enum { PAUSE = 20 * 1000 };

    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return vh_error_set_errno(error, errno, "cannot lock %s/lock", engine->state_dir);
        if (vh_host_interrupted(engine->host))
            return vh_error_set(error, VH_ERROR_INTERRUPTED,
                                "asked to stop (SIGTERM) while another hand-over still runs");
        gint64 left = deadline - vh_host_now(engine->host);
        if (left <= 0)
            return vh_error_set(error, VH_ERROR_TIMEOUT,
                                "another hand-over still runs (it holds %s/lock); see: "
                                "virt-handoff status",
                                engine->state_dir);
        vh_host_wait(engine->host, NULL, MIN(left, PAUSE));
    }
    return TRUE;
}

int vh_lock_take(const VhEngine *engine, gint64 deadline, GError **error)
{
    int dir = open_state_dir(engine->state_dir, error);

    if (dir < 0)
        return -1;
    /* For reading is enough for a lock, and works where /run has become read-only. */
    int fd = openat(dir, "lock", O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    int errnum = errno;
    close(dir);
    if (fd < 0) {
        vh_error_set_errno(error, errnum, "cannot open %s/lock", engine->state_dir);
        return -1;
    }
    if (wait_for_lock(engine, fd, deadline, error))
        return fd;
    close(fd);
    return -1;
}

int vh_lock_look(const VhEngine *engine, gboolean *ret_free)
{
    g_autofree char *path = g_build_filename(engine->state_dir, "lock", NULL);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    *ret_free = fd < 0 ? errno == ENOENT : flock(fd, LOCK_SH | LOCK_NB) == 0;
    if (fd < 0 || *ret_free)
        return fd;
    close(fd);
    return -1;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Acts that the kernel may not come back from: writing the "unbind" of a sound function waits until
 * nobody has it open (sound/core/init.c, snd_card_free), one of NVIDIA's driver waits for its usage
 * count, and no signal ends either. Such an act is done in a child, so that only the child hangs.
 */
#include "host/real-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/error.h"

/* How long a killed child may take to end before it is left to itself. */
#define KILL_GRACE (100 * G_TIME_SPAN_MILLISECOND)
#define KEPT_FD 4

int vh_pidfd_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int vh_poll_timeout(gint64 deadline)
{
    gint64 left = deadline - g_get_monotonic_time();

    /* Rounded up: a poll that ends just before the deadline would only be repeated. */
    return left <= 0 ? 0 : (int)MIN((left + 999) / 1000, 60000);
}

gboolean vh_child_wait(pid_t pid, gint64 deadline, int *ret_status)
{
    int pidfd = vh_pidfd_open(pid);
    gboolean ended = FALSE;

    for (;;) {
        pid_t got = waitpid(pid, ret_status, WNOHANG);
        int timeout = vh_poll_timeout(deadline);
        ended = got == pid || (got < 0 && errno != EINTR);
        if (ended || timeout == 0)
            break;
        /* Without pidfds (Linux before 5.3) we look again every 10 ms. */
        struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
        (void)poll(&poll_fd, 1, pidfd < 0 ? MIN(timeout, 10) : timeout);
    }
    if (pidfd >= 0)
        (void)close(pidfd);
    return ended;
}

void vh_child_reap(VhReal *real)
{
    for (guint i = real->left->len; i > 0; i--)
        if (waitpid(g_array_index(real->left, pid_t, i - 1), NULL, WNOHANG) != 0)
            g_array_remove_index_fast(real->left, i - 1);
}

void vh_child_leave(VhReal *real, pid_t pid)
{
    g_array_append_val(real->left, pid);
}

/* ---- in the child ---- */

/* Who captures our stdout or stderr waits for everybody who has it open: libvirt does, for ever
 * (src/util/vircommand.c, virCommandProcessIO). */
static void let_go(int result_fd, int kept)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    /* Out of the way of the numbers below. */
    kept = kept < 0 ? -1 : fcntl(kept, F_DUPFD_CLOEXEC, KEPT_FD + 1);
    result_fd = fcntl(result_fd, F_DUPFD_CLOEXEC, KEPT_FD + 1);

    for (int fd = 0; fd < VH_CHILD_FD; fd++)
        if (null < 0 || dup2(null, fd) < 0)
            (void)close(fd);
    if (dup3(result_fd, VH_CHILD_FD, O_CLOEXEC) < 0)
        _exit(EXIT_FAILURE);
    if (kept < 0 || dup3(kept, KEPT_FD, O_CLOEXEC) < 0)
        (void)close(KEPT_FD);
    vh_close_from(KEPT_FD + 1);
}

/* An act that has begun is carried through: a signal to the engine, or to its whole control group,
 * must not leave a device half unbound. */
static void shield(void)
{
    sigset_t set;

    (void)setsid();
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* An act, for the child that does no other. */
typedef struct {
    VhAct act;
    gpointer data;
} Once;

static void act_once(gpointer data)
{
    const Once *self = data;
    GString *answer = g_string_new(NULL);
    int errnum = self->act(self->data, answer);
    gboolean told = vh_write_all(VH_CHILD_FD, &errnum, sizeof errnum) &&
                    vh_write_all(VH_CHILD_FD, answer->str, answer->len);

    /* The kernel would take the memory apart first, and the parent waits for this. */
    (void)close(VH_CHILD_FD);
    _exit(told ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* ---- in the parent ---- */

pid_t vh_child_fork(const VhReal *real, int fd, void (*work)(gpointer), gpointer data,
                    GError **error)
{
    pid_t pid = fork();

    if (pid == 0) {
        shield();
        let_go(fd, real->kept);
        work(data);
        _exit(EXIT_SUCCESS);
    }
    if (pid < 0)
        vh_error_set_errno(error, errno, "fork");
    return pid;
}

static pid_t begin(const VhReal *real, VhAct act, gpointer data, int *ret_fd, GError **error)
{
    Once once = {act, data};
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0) {
        vh_error_set_errno(error, errno, "pipe");
        return -1;
    }
    pid_t pid = vh_child_fork(real, fds[1], act_once, &once, error);
    (void)close(fds[1]);
    if (pid < 0)
        (void)close(fds[0]);
    else
        *ret_fd = fds[0];
    return pid;
}

/* Collects what the child tells until it ends (TRUE) or the deadline. */
static gboolean listen_to(int fd, gint64 deadline, GByteArray *told)
{
    guint8 buffer[8192];

    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int timeout = vh_poll_timeout(deadline);
        int ready = poll(&poll_fd, 1, timeout);
        if (ready == 0 && timeout == 0)
            return FALSE;
        if (ready <= 0)
            continue;
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n == 0 || (n < 0 && errno != EINTR) || told->len > VH_TABLE_MAX)
            return TRUE;
        if (n > 0)
            g_byte_array_append(told, buffer, (guint)n);
    }
}

static void give_up(VhReal *real, pid_t pid)
{
    (void)kill(pid, SIGKILL);
    if (vh_child_wait(pid, g_get_monotonic_time() + KILL_GRACE, NULL))
        return;
    vh_child_leave(real, pid);
    real->hung = (VhProcess){pid, vh_real_process_start(&real->host, pid)};
}

/* The child ended without a word: killed by somebody, or by the kernel when it stumbled. */
static gboolean died(GError **error, const char *what, int status)
{
    if (WIFSIGNALED(status))
        return vh_error_set(error, VH_ERROR_FAILED,
                            "%s: the process that did it was killed by signal %d; the kernel's log "
                            "may say why",
                            what, WTERMSIG(status));
    return vh_error_set(error, VH_ERROR_FAILED, "%s: the process that did it ended early", what);
}

gboolean vh_child_judge(const GByteArray *told, const char *what, int status, GBytes **ret_answer,
                        GError **error)
{
    int errnum;

    if (told->len < sizeof errnum)
        return died(error, what, status);
    memcpy(&errnum, told->data, sizeof errnum);
    g_autoptr(GBytes) all = g_bytes_new(told->data, told->len);
    g_autoptr(GBytes) answer =
        g_bytes_new_from_bytes(all, sizeof errnum, told->len - sizeof errnum);
    if (errnum != 0) {
        gsize length;
        const char *why = g_bytes_get_data(answer, &length);
        if (length == 0)
            return vh_error_set_errno(error, errnum, "%s", what);
        return vh_error_set_errno(error, errnum, "%s: %.*s", what, (int)MIN(length, 512), why);
    }
    if (ret_answer)
        *ret_answer = g_steal_pointer(&answer);
    return TRUE;
}

gboolean vh_child_give_up(VhReal *real, pid_t pid, const char *what, gint64 began, GError **error)
{
    give_up(real, pid);
    return vh_error_set(error, VH_ERROR_TIMEOUT,
                        "%s: the kernel did not come back from it in %.1f s; it is left to itself "
                        "and may still happen (see the kernel's log, and who has the device open)",
                        what, (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC);
}

gboolean vh_child_prepare(VhReal *real, const char *what, gint64 deadline, GError **error)
{
    vh_child_reap(real);
    real->hung = (VhProcess){0, 0};
    return deadline > g_get_monotonic_time() ||
           vh_error_set(error, VH_ERROR_TIMEOUT, "%s: no time is left for it", what);
}

gboolean vh_child_act(VhReal *real, const char *what, gint64 deadline, VhAct act, gpointer data,
                      GBytes **ret_answer, GError **error)
{
    g_autoptr(GByteArray) told = g_byte_array_new();
    gint64 began = g_get_monotonic_time();
    int fd = -1, status = 0;

    if (!vh_child_prepare(real, what, deadline, error))
        return FALSE;
    pid_t pid = begin(real, act, data, &fd, error);
    if (pid < 0) {
        g_prefix_error(error, "%s: ", what);
        return FALSE;
    }
    /* Nobody but the child has its other end, and lets go of it when all is told. */
    gboolean ended = listen_to(fd, deadline, told);
    (void)close(fd);
    if (ended && told->len >= sizeof(int))
        vh_child_leave(real, pid);
    else if (!ended ||
             !vh_child_wait(pid, MAX(deadline, g_get_monotonic_time() + KILL_GRACE), &status))
        return vh_child_give_up(real, pid, what, began, error);
    return vh_child_judge(told, what, status, ret_answer, error);
}

VhProcess vh_real_hung(VhHost *host)
{
    return ((VhReal *)host)->hung;
}

gboolean vh_child_look(VhReal *real, const char *what, gint64 microseconds, VhAct act,
                       gpointer data, GBytes **ret_answer, GError **error)
{
    VhProcess hung_act = real->hung;
    gint64 deadline = g_get_monotonic_time() + microseconds;
    gboolean good = vh_child_act(real, what, deadline, act, data, ret_answer, error);

    real->hung = hung_act;
    return good;
}

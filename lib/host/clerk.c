// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A child that stays, and reads and writes attributes for us one after the other: to make a child
 * for each takes longer than what it does there. When the kernel does not come back from one, the
 * child is left to itself as that of any other act is, and the next one is done by a new child.
 */
#include "host/real-private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

/* A path, and the text for it: a list of processors is the longest. */
enum { MOST = 64 * 1024 };

/* What is asked for is one message: this letter, the path, NUL, the text, NUL. */
enum { READ = 'r', WRITE = 'w' };

/* It ends when it is asked nothing more. */
#define PATIENCE (100 * G_TIME_SPAN_MILLISECOND)

/* ---- in the child ---- */

static int read_attribute(const char *path, GByteArray *reply)
{
    g_autofree char *text = vh_file_attribute(path);

    if (!text)
        return ENOENT;
    g_byte_array_append(reply, (const guint8 *)text, (guint)strlen(text));
    return 0;
}

/* 0 or an errno, then what was read. */
static gboolean answer(const char *question)
{
    g_autoptr(GByteArray) reply = g_byte_array_new();
    const char *path = question + 1, *text = path + strlen(path) + 1;
    int errnum = 0;

    g_byte_array_append(reply, (const guint8 *)&errnum, sizeof errnum);
    errnum = *question == READ ? read_attribute(path, reply) : vh_file_write(path, text);
    memcpy(reply->data, &errnum, sizeof errnum);
    return send(VH_CHILD_FD, reply->data, reply->len, MSG_NOSIGNAL) == (ssize_t)reply->len;
}

/* Until who asks is gone. */
static void serve(gpointer data)
{
    g_autofree char *question = g_malloc(MOST + 2);

    for (;;) {
        ssize_t n = recv(VH_CHILD_FD, question, MOST, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        question[n] = question[n + 1] = '\0';
        if (!answer(question))
            return;
    }
}

/* ---- in the parent ---- */

/* What has ended, or does not come back, is asked nothing more. */
static pid_t dismiss(VhReal *real)
{
    pid_t pid = real->clerk.pid;

    (void)close(real->clerk.fd);
    real->clerk = (VhClerk){0, -1};
    return pid;
}

void vh_clerk_end(VhReal *real)
{
    if (real->clerk.pid)
        vh_child_leave(real, dismiss(real));
}

static gboolean begin(VhReal *real, GError **error)
{
    int fds[2];

    if (real->clerk.pid != 0)
        return TRUE;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return vh_error_set_errno(error, errno, "socketpair");
    pid_t pid = vh_child_fork(real, fds[1], serve, NULL, error);
    (void)close(fds[1]);
    if (pid < 0)
        (void)close(fds[0]);
    else
        real->clerk = (VhClerk){pid, fds[0]};
    return pid >= 0;
}

/* FALSE with errno. */
static gboolean put(const VhReal *real, const GByteArray *question)
{
    return send(real->clerk.fd, question->data, question->len, MSG_NOSIGNAL) ==
           (ssize_t)question->len;
}

/* One that was killed while it had nothing to do has a successor. */
static gboolean put_to_any(VhReal *real, const GByteArray *question, GError **error)
{
    if (!begin(real, error))
        return FALSE;
    if (put(real, question))
        return TRUE;
    if (errno == EPIPE) {
        vh_clerk_end(real);
        if (!begin(real, error))
            return FALSE;
        if (put(real, question))
            return TRUE;
    }
    return vh_error_set_errno(error, errno, "ask a child");
}

static gboolean ask(VhReal *real, char letter, const char *path, const char *text, GError **error)
{
    g_autoptr(GByteArray) question = g_byte_array_new();

    g_byte_array_append(question, (const guint8 *)&letter, 1);
    g_byte_array_append(question, (const guint8 *)path, (guint)strlen(path) + 1);
    g_byte_array_append(question, (const guint8 *)text, (guint)strlen(text) + 1);
    return question->len <= MOST ? put_to_any(real, question, error)
                                 : vh_error_set_errno(error, EMSGSIZE, "ask a child");
}

/* Until @deadline; FALSE: nothing came. An empty answer: the child has ended. */
static gboolean hear(int fd, gint64 deadline, GByteArray *told)
{
    static const guint most = sizeof(int) + VH_ATTRIBUTE_MAX;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int timeout;

    while ((timeout = vh_poll_timeout(deadline)) > 0) {
        if (poll(&poll_fd, 1, timeout) <= 0)
            continue;
        g_byte_array_set_size(told, most);
        ssize_t n = recv(fd, told->data, most, MSG_DONTWAIT);
        g_byte_array_set_size(told, n > 0 ? (guint)n : 0);
        if (n >= 0 || (errno != EINTR && errno != EAGAIN))
            return TRUE;
    }
    return FALSE;
}

static gboolean act(VhReal *real, const char *what, gint64 deadline, char letter, const char *path,
                    const char *text, GBytes **ret_answer, GError **error)
{
    g_autoptr(GByteArray) told = g_byte_array_new();
    gint64 began = g_get_monotonic_time();
    int status = 0;

    if (!vh_child_prepare(real, what, deadline, error))
        return FALSE;
    if (!ask(real, letter, path, text, error)) {
        g_prefix_error(error, "%s: ", what);
        return FALSE;
    }
    gboolean heard = hear(real->clerk.fd, deadline, told);
    pid_t gone = heard && told->len > 0 ? 0 : dismiss(real);
    if (!heard || (gone && !vh_child_wait(gone, g_get_monotonic_time() + PATIENCE, &status)))
        return vh_child_give_up(real, gone, what, began, error);
    return vh_child_judge(told, what, status, ret_answer, error);
}

void vh_real_keep(VhHost *host, int fd)
{
    VhReal *real = (VhReal *)host;

    /* A child keeps what was to be kept when it was made. */
    if (real->kept != fd)
        vh_clerk_end(real);
    real->kept = fd;
}

gboolean vh_child_write(VhReal *real, const char *what, gint64 deadline, const char *path,
                        const char *text, GError **error)
{
    return act(real, what, deadline, WRITE, path, text, NULL, error);
}

char *vh_child_attribute(VhReal *real, const char *what, const char *path, GError **error)
{
    VhProcess hung_act = real->hung;
    gint64 deadline = g_get_monotonic_time() + real->look_limit;
    g_autoptr(GBytes) answer = NULL;
    g_autoptr(GError) local = NULL;
    gboolean good = act(real, what, deadline, READ, path, "", &answer, &local);
    gsize length;

    real->hung = hung_act;
    if (good) {
        const char *text = g_bytes_get_data(answer, &length);
        return g_strndup(text ? text : "", length);
    }
    if (!vh_error_is_gone(local))
        g_propagate_error(error, g_steal_pointer(&local));
    return NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/confined.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/confined-filter.h"
#include "base/descriptors.h"
#include "base/error.h"
#include "base/text.h"

enum { ANSWER_FD = 0, MOST = 64 * 1024 * 1024, GOOD = -1 };

/* Whether the filter is there; the error's code or GOOD, and its message; the work's result. */
#define ANSWER "(bisa{sv})"

static gint64 limit; /* 0: no child */

void vh_confined_begin(gint64 microseconds)
{
    limit = microseconds;
}

/* ---- in the child ---- */

static G_GNUC_NORETURN void be_child(int fd, VhConfinedWork work, gconstpointer data)
{
    GError *error = NULL;

    if (dup2(fd, ANSWER_FD) < 0)
        _exit(EXIT_FAILURE);
    vh_close_from(ANSWER_FD + 1);
    gboolean filtered = vh_confined_enter();
    GVariant *result = work(data, &error);
    int code = result ? GOOD : error->code;
    const char *message = result ? "" : error->message;
    if (!result)
        result = g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0);
    GVariant *answer = g_variant_new("(bis@a{sv})", filtered, code, message, result);
    gboolean told = vh_write_all(ANSWER_FD, g_variant_get_data(answer), g_variant_get_size(answer));
    _exit(told ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* ---- in the parent ---- */

/* All that the child says until it ends; FALSE at the deadline, or when it says too much. */
static gboolean listen_to(int fd, gint64 deadline, GByteArray *said)
{
    guint8 buffer[16 * 1024];

    while (said->len <= MOST) {
        gint64 left = deadline - g_get_monotonic_time();
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (left <= 0)
            return FALSE;
        if (poll(&poll_fd, 1, (int)(left / 1000) + 1) <= 0)
            continue;
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n == 0 || (n < 0 && errno != EINTR))
            return TRUE;
        if (n > 0)
            g_byte_array_append(said, buffer, (guint)n);
    }
    return FALSE;
}

/* One that has ended keeps the status it ended with. */
static void end_child(pid_t pid, int *ret_status)
{
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        ;
}

/* What it says is as little trusted as what it has read. */
static GVariant *judge(const char *what, GByteArray *said, GError **error)
{
    g_autoptr(GBytes) bytes = g_bytes_new(said->data, said->len);
    g_autoptr(GVariant) answer =
        g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(ANSWER), bytes, FALSE));
    g_autoptr(GVariant) result = NULL;
    const char *message;
    gboolean filtered;
    gint32 code;

    if (said->len == 0 || !g_variant_is_normal_form(answer)) {
        vh_error_set(error, VH_ERROR_FAILED, "%s: reading it gave no sensible answer", what);
        return NULL;
    }
    g_variant_get(answer, "(bi&s@a{sv})", &filtered, &code, &message, &result);
    if (!filtered)
        g_debug("%s: read without a filter of system calls", what);
    if (code == GOOD)
        return g_steal_pointer(&result);
    g_autofree char *line = vh_text_one_line(message);
    vh_error_set(error, (VhError)CLAMP(code, 0, VH_ERROR_INTERRUPTED), "%s", line);
    return NULL;
}

static GVariant *hear(const char *what, int fd, pid_t pid, GError **error)
{
    g_autoptr(GByteArray) said = g_byte_array_new();
    gint64 deadline = g_get_monotonic_time() + limit;
    int status = 0;
    gboolean ended = listen_to(fd, deadline, said);

    end_child(pid, &status);
    if (!ended && said->len <= MOST)
        vh_error_set(error, VH_ERROR_TIMEOUT, "%s: reading it took more than %d s", what,
                     (int)(limit / G_USEC_PER_SEC));
    else if (!ended)
        vh_error_set(error, VH_ERROR_FAILED, "%s: there is too much in it", what);
    else if (WIFSIGNALED(status))
        vh_error_set(
            error, VH_ERROR_FAILED,
            "%s: the process that read it was killed by signal %d; nothing was done with it", what,
            WTERMSIG(status));
    else
        return judge(what, said, error);
    return NULL;
}

GVariant *vh_confined(const char *what, VhConfinedWork work, gconstpointer data, GError **error)
{
    int fds[2];

    if (limit == 0) {
        GVariant *result = work(data, error);
        return result ? g_variant_take_ref(result) : NULL;
    }
    if (pipe2(fds, O_CLOEXEC) < 0) {
        vh_error_set_errno(error, errno, "%s: pipe", what);
        return NULL;
    }
    pid_t pid = fork();
    if (pid == 0)
        be_child(fds[1], work, data);
    if (pid < 0)
        vh_error_set_errno(error, errno, "%s: fork", what);
    (void)close(fds[1]);
    GVariant *result = pid < 0 ? NULL : hear(what, fds[0], pid, error);
    (void)close(fds[0]);
    return result;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Running a program to its end: its input fed, its output collected, its complaints logged, and
 * nothing that it does or leaves behind can hold us longer than the deadline.
 */
#include "host/real-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

/* A domain's XML is seldom beyond 100 KiB; a program that writes on and on must not fill us. */
#define OUTPUT_MAX ((gsize)4 * 1024 * 1024)
/* What is kept of a line on stderr; longer ones are cut. */
#define LINE_LENGTH_MAX ((gsize)4096)
#define KILL_GRACE G_USEC_PER_SEC
/* What a pipe can hold, for the last look into it. */
#define DRAIN_MAX ((gsize)1024 * 1024)

typedef struct {
    VhReal *real;
    const VhCommand *command;
    const VhRunManner *manner;
    pid_t pid;
    int in, out, err; /* our ends, -1: closed */
    gsize fed;        /* of the input */
    GString *output;  /* NULL: to the log */
    gboolean too_much;
    GString *line_out, *line_err; /* begun, not ended lines */
    char *last;                   /* last line on stderr */
} Run;

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static int take_end(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

/* ---- starting ---- */

typedef struct {
    int in[2], out[2], err[2];
} Pipes;

static void close_pair(int pair[2])
{
    close_end(&pair[0]);
    close_end(&pair[1]);
}

static void close_pipes(Pipes *pipes)
{
    close_pair(pipes->in);
    close_pair(pipes->out);
    close_pair(pipes->err);
}

/* A pipe whose end @ours does not block, the other being an ordinary one; or /dev/null in its
 * place. */
static gboolean open_pair(int pair[2], int ours, gboolean is_pipe)
{
    if (!is_pipe) {
        pair[!ours] = open("/dev/null", (ours ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
        return pair[!ours] >= 0;
    }
    return pipe2(pair, O_CLOEXEC) >= 0 && fcntl(pair[ours], F_SETFL, O_NONBLOCK) >= 0;
}

static gboolean open_pipes(Pipes *pipes, gboolean input, gboolean output)
{
    *pipes = (Pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    return open_pair(pipes->in, 1, input) && open_pair(pipes->out, 0, output) &&
           open_pair(pipes->err, 0, output);
}

/* The same few variables whoever calls us, then the command's own. */
static char **make_environment(const char *const *own)
{
    static const char *const minimal[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
    GPtrArray *all = g_ptr_array_new();

    for (gsize i = 0; minimal[i]; i++)
        g_ptr_array_add(all, g_strdup(minimal[i]));
    for (gsize i = 0; own && own[i]; i++)
        g_ptr_array_add(all, g_strdup(own[i]));
    g_ptr_array_add(all, NULL);
    return (char **)g_ptr_array_free(all, FALSE);
}

/* A session of its own, so that its group can be killed; our signals are not its. @sturdy: but for
 * SIGPIPE, which we ignore. */
static int set_attributes(posix_spawnattr_t *attributes, gboolean sturdy)
{
    sigset_t all, none;

    (void)sigfillset(&all);
    if (sturdy)
        (void)sigdelset(&all, SIGPIPE);
    (void)sigemptyset(&none);
    (void)posix_spawnattr_setsigdefault(attributes, &all);
    (void)posix_spawnattr_setsigmask(attributes, &none);
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETSIGMASK);
}

static int spawn(Run *self, const Pipes *pipes)
{
    g_auto(GStrv) environment = make_environment(self->command->environment);
    char **argv = (char **)self->command->argv;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    int errnum = set_attributes(&attributes, self->manner->sturdy);
    if (errnum == 0)
        errnum = posix_spawn_file_actions_adddup2(&actions, pipes->in[0], STDIN_FILENO);
    if (errnum == 0)
        errnum = posix_spawn_file_actions_adddup2(&actions, pipes->out[1], STDOUT_FILENO);
    if (errnum == 0)
        errnum = posix_spawn_file_actions_adddup2(&actions, pipes->err[1], STDERR_FILENO);
    if (errnum == 0)
        errnum = posix_spawn_file_actions_addchdir_np(&actions, "/");
#if __GLIBC_PREREQ(2, 34)
    /* All of ours are close-on-exec; those that our caller left open to us are not. */
    if (errnum == 0)
        errnum = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
#endif
    if (errnum == 0)
        errnum = posix_spawn(&self->pid, argv[0], &actions, &attributes, argv, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return errnum;
}

static gboolean start(Run *self, GError **error)
{
    Pipes pipes;
    const char *path = self->command->argv[0];

    if (!path || *path != '/')
        return vh_error_set(error, VH_ERROR_FAILED, "\"%s\" is no absolute path of a program",
                            path ? path : "");
    int errnum = open_pipes(&pipes, self->command->input != NULL, !self->manner->silent)
                     ? spawn(self, &pipes)
                     : errno;
    if (errnum != 0) {
        close_pipes(&pipes);
        return vh_error_set_errno(error, errnum, "run %s", path);
    }
    self->in = take_end(&pipes.in[1]);
    self->out = take_end(&pipes.out[0]);
    self->err = take_end(&pipes.err[0]);
    close_pipes(&pipes);
    return TRUE;
}

/* ---- while it runs ---- */

static void log_line(Run *self, const char *line, int priority)
{
    g_autofree char *name = g_path_get_basename(self->command->argv[0]);
    g_autofree char *clean = vh_text_one_line(line);
    g_autofree char *text = g_strdup_printf("%s: %s", name, clean);
    VhEvent event = self->command->about ? *self->command->about : (VhEvent){0};

    event.kind = VH_EVENT_NOTE;
    event.priority = priority;
    event.duration = -1;
    event.text = text;
    self->real->sink(&event, self->real->sink_data);
}

static void end_line(Run *self, GString *line)
{
    gboolean complaint = line == self->line_err;

    if (line->len == 0)
        return;
    if (!self->manner->quiet && !self->command->quiet)
        log_line(self, line->str, complaint ? 5 : 6);
    if (complaint) {
        g_free(self->last);
        self->last = vh_text_one_line(line->str);
    }
    g_string_truncate(line, 0);
}

static void take_lines(Run *self, GString *line, const char *data, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        if (data[i] == '\n')
            end_line(self, line);
        else if (line->len < LINE_LENGTH_MAX && data[i] != '\0')
            g_string_append_c(line, data[i]);
    }
}

static void take_output(Run *self, const char *data, gsize length)
{
    if (!self->output) {
        take_lines(self, self->line_out, data, length);
        return;
    }
    self->too_much = self->too_much || self->output->len + length > OUTPUT_MAX;
    if (!self->too_much)
        g_string_append_len(self->output, data, (gssize)length);
}

/* Reads once; closes our end at the end of the stream. Returns how much came. */
static gsize pull(Run *self, int *fd)
{
    char buffer[16 * 1024];
    ssize_t n = *fd < 0 ? 0 : read(*fd, buffer, sizeof buffer);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        close_end(fd);
        return 0;
    }
    if (fd == &self->err)
        take_lines(self, self->line_err, buffer, (gsize)n);
    else
        take_output(self, buffer, (gsize)n);
    return (gsize)n;
}

/* A program need not read its input to the end: EPIPE is the end of it. */
static void feed(Run *self)
{
    gsize length;
    const char *data = g_bytes_get_data(self->command->input, &length);
    ssize_t n = self->fed < length ? write(self->in, data + self->fed, length - self->fed) : 0;

    if (n > 0)
        self->fed += (gsize)n;
    if (self->fed >= length || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_end(&self->in);
}

static void serve(Run *self, const struct pollfd fds[3])
{
    if (fds[0].revents)
        feed(self);
    if (fds[1].revents)
        (void)pull(self, &self->out);
    if (fds[2].revents)
        (void)pull(self, &self->err);
}

/* Until the program itself has ended (TRUE) or the deadline. Its end is what counts, not that of
 * its output: what it leaves in the background may keep that open for ever. */
static gboolean attend(Run *self, gint64 deadline, int *ret_status)
{
    int pidfd = vh_pidfd_open(self->pid);
    gboolean ended;

    for (;;) {
        struct pollfd fds[] = {{.fd = self->in, .events = POLLOUT},
                               {.fd = self->out, .events = POLLIN},
                               {.fd = self->err, .events = POLLIN},
                               {.fd = pidfd, .events = POLLIN}};
        int timeout = vh_poll_timeout(deadline);
        ended = waitpid(self->pid, ret_status, WNOHANG) == self->pid;
        if (ended || timeout == 0)
            break;
        /* Without pidfds (Linux before 5.3) we look again every 10 ms. */
        if (poll(fds, G_N_ELEMENTS(fds), pidfd < 0 ? MIN(timeout, 10) : timeout) > 0)
            serve(self, fds);
    }
    close_end(&pidfd);
    return ended;
}

/* ---- at its end ---- */

static void drain(Run *self)
{
    gsize total = 0, n;

    do {
        n = pull(self, &self->out);
        n += pull(self, &self->err);
        total += n;
    } while (n > 0 && total < DRAIN_MAX);
    end_line(self, self->line_out);
    end_line(self, self->line_err);
}

static gboolean kill_group(Run *self, GError **error)
{
    /* Its group is its session: it may have made others, whose end is not ours to force. */
    (void)kill(-self->pid, SIGKILL);
    if (!vh_child_wait(self->pid, g_get_monotonic_time() + KILL_GRACE, NULL))
        g_array_append_val(self->real->left, self->pid);
    return vh_error_set(error, VH_ERROR_TIMEOUT, "%s did not end in time and was killed%s%s",
                        self->command->argv[0], self->last ? "; it said last: " : "",
                        self->last ? self->last : "");
}

static gboolean leave(Run *self, GError **error)
{
    g_array_append_val(self->real->left, self->pid);
    return vh_error_set(error, VH_ERROR_TIMEOUT, "%s did not end in time and goes on",
                        self->command->argv[0]);
}

static gboolean judge(const Run *self, int status, GError **error)
{
    const char *path = self->command->argv[0];
    const char *colon = self->last ? ": " : "", *last = self->last ? self->last : "";

    if (WIFSIGNALED(status))
        return vh_error_set(error, VH_ERROR_FAILED, "%s was killed by signal %d%s%s", path,
                            WTERMSIG(status), colon, last);
    if (self->manner->ret_status)
        *self->manner->ret_status = WEXITSTATUS(status);
    else if (WEXITSTATUS(status) != 0)
        return vh_error_set(error, VH_ERROR_FAILED, "%s failed with exit status %d%s%s", path,
                            WEXITSTATUS(status), colon, last);
    if (self->too_much)
        return vh_error_set(error, VH_ERROR_FAILED, "%s wrote more than %zu MiB", path,
                            OUTPUT_MAX / 1024 / 1024);
    return TRUE;
}

static void clear(Run *self)
{
    close_end(&self->in);
    close_end(&self->out);
    close_end(&self->err);
    if (self->output)
        g_string_free(self->output, TRUE);
    g_string_free(self->line_out, TRUE);
    g_string_free(self->line_err, TRUE);
    g_free(self->last);
}

gboolean vh_program_run(VhReal *real, const VhCommand *command, const VhRunManner *manner,
                        gint64 deadline, GBytes **ret_output, GError **error)
{
    Run self = {.real = real, .command = command, .manner = manner, .in = -1, .out = -1, .err = -1};
    int status = 0;
    gboolean good = FALSE;

    self.output = ret_output ? g_string_new(NULL) : NULL;
    self.line_out = g_string_new(NULL);
    self.line_err = g_string_new(NULL);
    vh_child_reap(self.real);
    if (start(&self, error)) {
        gboolean ended = attend(&self, deadline, &status);
        drain(&self);
        good = ended           ? judge(&self, status, error)
               : manner->leave ? leave(&self, error)
                               : kill_group(&self, error);
    }
    if (good && ret_output)
        *ret_output = g_string_free_to_bytes(g_steal_pointer(&self.output));
    clear(&self);
    return good;
}

gboolean vh_real_run(VhHost *host, const VhCommand *command, gint64 deadline, GBytes **ret_output,
                     GError **error)
{
    static const VhRunManner plain = {.silent = FALSE};

    return vh_program_run((VhReal *)host, command, &plain, deadline, ret_output, error);
}

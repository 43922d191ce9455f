// SPDX-License-Identifier: GPL-2.0-or-later
/* Acts in a child: their results, their hanging, and what they keep hold of. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host-tree.h"

static gint64 in_ms(gint64 ms)
{
    return g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
}

static gboolean have_children(void)
{
    return waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD;
}

/* Nobody waits for a child that has told all, but it is not forgotten. */
static void assert_reaped(const HostTree *tree)
{
    VhReal *real = (VhReal *)tree->host;

    for (guint i = 0; i < 1000 && real->left->len > 0; i++) {
        g_usleep(10 * 1000);
        vh_child_reap(real);
    }
    g_assert_cmpuint(real->left->len, ==, 0);
    g_assert_false(have_children());
}

static int act_fail(gpointer data, GString *answer)
{
    if (data)
        g_string_append(answer, data);
    return EBUSY;
}

static void test_errno(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) plain = NULL, worded = NULL;

    g_assert_false(
        vh_child_act((VhReal *)tree->host, "thing", in_ms(10000), act_fail, NULL, NULL, &plain));
    g_assert_error(plain, VH_ERROR, VH_ERROR_BUSY);
    g_assert_true(g_str_has_prefix(plain->message, "thing: "));
    g_assert_false(vh_child_act((VhReal *)tree->host, "thing", in_ms(10000), act_fail,
                                (gpointer) "because", NULL, &worded));
    g_assert_true(g_str_has_prefix(worded->message, "thing: because: "));
    assert_reaped(tree);
}

/* More than a pipe holds. */
static int act_much(gpointer data, GString *answer)
{
    for (guint i = 0; i < 100000; i++)
        g_string_append_printf(answer, "%u\n", i);
    return 0;
}

static void test_answer(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) answer = NULL;

    g_assert_true(
        vh_child_act((VhReal *)tree->host, "much", in_ms(10000), act_much, NULL, &answer, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(g_bytes_get_size(answer), ==, 588890);
    g_autofree char *text = g_strndup(g_bytes_get_data(answer, NULL), g_bytes_get_size(answer));
    g_assert_true(g_str_has_suffix(text, "\n99999\n"));
    assert_reaped(tree);
}

static int act_hang(gpointer data, GString *answer)
{
    for (;;)
        (void)pause();
    return 0;
}

static void test_hang(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;
    gint64 began = g_get_monotonic_time();

    g_assert_false(
        vh_child_act((VhReal *)tree->host, "unbind it", in_ms(200), act_hang, NULL, NULL, &error));
    gint64 took = g_get_monotonic_time() - began;
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_true(g_str_has_prefix(error->message, "unbind it: the kernel did not come back"));
    g_assert_cmpint(took, >=, 200 * G_TIME_SPAN_MILLISECOND);
    g_assert_cmpint(took, <, 10 * G_USEC_PER_SEC);
    g_assert_false(have_children());
}

static void test_no_time_left(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = host_tree_path(tree, "/attribute");

    host_tree_write(tree, "old", "/attribute");
    g_assert_false(vh_child_write((VhReal *)tree->host, "late", in_ms(-1), path, "new", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_cmpstr(error->message, ==, "late: no time is left for it");
    g_autofree char *text = host_tree_read(tree, "/attribute");
    g_assert_cmpstr(text, ==, "old");
}

static int act_die(gpointer data, GString *answer)
{
    (void)raise(SIGKILL);
    return 0;
}

static void test_killed(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;

    g_assert_false(
        vh_child_act((VhReal *)tree->host, "act", in_ms(10000), act_die, NULL, NULL, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "signal 9"));
    g_assert_false(have_children());
}

/* What a child holds, as itself tells: descriptors and where they lead, session, signals. */
static int act_describe(gpointer data, GString *answer)
{
    for (int fd = 0; fd < 1024; fd++) {
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
        g_autofree char *target = g_file_read_link(path, NULL);
        if (target)
            g_string_append_printf(answer, "%d=%s\n", fd, target);
    }
    g_string_append_printf(answer, "session=%d\n", getsid(0) == getpid());
    (void)raise(SIGTERM);
    g_string_append(answer, "survived=1\n");
    return 0;
}

static void test_lets_go(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GBytes) answer = NULL;
    g_autoptr(GError) error = NULL;
    int kept = open("/dev/zero", O_RDONLY); /* not even close-on-exec */

    g_assert_cmpint(kept, >=, 3);
    g_assert_true(vh_child_act((VhReal *)tree->host, "describe", in_ms(10000), act_describe, NULL,
                               &answer, &error));
    g_assert_no_error(error);
    g_autofree char *text = g_strndup(g_bytes_get_data(answer, NULL), g_bytes_get_size(answer));
    g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 6);
    g_assert_cmpstr(lines[0], ==, "0=/dev/null");
    g_assert_cmpstr(lines[1], ==, "1=/dev/null");
    g_assert_cmpstr(lines[2], ==, "2=/dev/null");
    g_assert_true(g_str_has_prefix(lines[3], "3=pipe:"));
    g_assert_cmpstr(lines[4], ==, "session=1");
    g_assert_cmpstr(lines[5], ==, "survived=1");
    (void)close(kept);
}

/* Ends by itself, since nobody is left to end it, but only after the test. */
static int act_hang_on(gpointer data, GString *answer)
{
    (void)poll(NULL, 0, 8000);
    return 0;
}

/* An act that hangs on when the hook itself is gone must not hold the pipe by which libvirt waits
 * for the hook's end. */
static void test_hang_holds_no_pipe(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    int fds[2], status;
    char byte;

    g_assert_cmpint(pipe(fds), ==, 0);
    pid_t pid = fork();
    if (pid == 0) {
        /* The hook: its stdout is the pipe, its act hangs, and it is killed meanwhile. */
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        (void)alarm(1);
        (void)signal(SIGALRM, SIG_DFL);
        (void)vh_child_act((VhReal *)tree->host, "hang", in_ms(6000), act_hang_on, NULL, NULL,
                           NULL);
        _exit(0);
    }
    (void)close(fds[1]);
    gint64 began = g_get_monotonic_time();
    g_assert_cmpint(read(fds[0], &byte, 1), ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - began, <, 5000 * G_TIME_SPAN_MILLISECOND);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFSIGNALED(status));
    (void)close(fds[0]);
}

/* Goes on until the pipe of that name is closed by the one who watches. */
static int act_until_closed(gpointer path, GString *answer)
{
    int fd = open(path, O_RDONLY);
    char byte;

    return read(fd, &byte, 1) == 0 ? 0 : EIO;
}

static void act_once(VhReal *real, char *pipe)
{
    (void)vh_child_act(real, "act", in_ms(60000), act_until_closed, pipe, NULL, NULL);
}

static void act_by_clerk(VhReal *real, char *pipe)
{
    real->look_limit = 60 * G_USEC_PER_SEC;
    g_free(vh_child_attribute(real, "act", pipe, NULL));
}

static G_GNUC_NORETURN void be_engine(VhHost *host, int lock, void (*act)(VhReal *, char *),
                                      char *pipe)
{
    /* One that was made before there was anything to keep. */
    g_free(vh_child_attribute((VhReal *)host, "look", "/dev/null", NULL));
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
        vh_host_keep(host, lock);
        act((VhReal *)host, pipe);
    }
    _exit(EXIT_FAILURE);
}

/* Who is killed while a child of his acts leaves the lock to it. */
static void keeps_lock(void (*act)(VhReal *, char *))
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autofree char *pipe = host_tree_path(tree, "/pipe");
    g_autofree char *path = host_tree_path(tree, "/lock");

    host_tree_write(tree, "", "/lock");
    g_assert_cmpint(mkfifo(pipe, 0600), ==, 0);
    int theirs = open(path, O_RDONLY | O_CLOEXEC), ours = open(path, O_RDONLY | O_CLOEXEC);
    pid_t pid = fork();
    if (pid == 0)
        be_engine(tree->host, theirs, act, pipe);
    (void)close(theirs);
    int watch = open(pipe, O_WRONLY); /* the child acts from now on */
    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    g_assert_cmpint(flock(ours, LOCK_EX | LOCK_NB), ==, -1);
    g_assert_cmpint(errno, ==, EWOULDBLOCK);
    (void)close(watch);
    g_assert_cmpint(flock(ours, LOCK_EX), ==, 0);
    (void)close(ours);
}

static void test_keeps_lock(void)
{
    keeps_lock(act_once);
    keeps_lock(act_by_clerk);
}

/* ---- the child that stays ---- */

static pid_t clerk_of(HostTree *tree)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *stat =
        vh_child_attribute((VhReal *)tree->host, "look", "/proc/self/stat", &error);

    g_assert_no_error(error);
    pid_t pid = (pid_t)g_ascii_strtoll(stat, NULL, 10);
    g_assert_cmpint(pid, !=, getpid());
    return pid;
}

static void test_clerk_stays(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autofree char *path = host_tree_path(tree, "/attribute");
    g_autoptr(GError) error = NULL;
    pid_t clerk = clerk_of(tree);

    host_tree_write(tree, "old", "/attribute");
    g_assert_true(
        vh_child_write((VhReal *)tree->host, "set it", in_ms(10000), path, "new", &error));
    g_assert_no_error(error);
    g_autofree char *text = host_tree_read(tree, "/attribute");
    g_assert_cmpstr(text, ==, "new");
    g_assert_false(
        vh_child_write((VhReal *)tree->host, "set it", in_ms(10000), "/none", "new", &error));
    g_assert_true(vh_error_is_gone(error));
    g_assert_cmpint(clerk_of(tree), ==, clerk);
    /* What is to be kept from now on, it has not. */
    vh_host_keep(tree->host, STDERR_FILENO);
    g_assert_cmpint(clerk_of(tree), !=, clerk);
    for (guint i = 0; i < 1000 && kill(clerk, 0) == 0; i++) {
        g_usleep(10 * 1000);
        vh_child_reap((VhReal *)tree->host);
    }
    g_assert_cmpint(kill(clerk, 0), ==, -1);
}

static void test_clerk_hangs(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autofree char *pipe = host_tree_path(tree, "/pipe");
    g_autoptr(GError) error = NULL;
    pid_t clerk = clerk_of(tree);

    g_assert_cmpint(mkfifo(pipe, 0600), ==, 0);
    g_assert_false(
        vh_child_write((VhReal *)tree->host, "unbind it", in_ms(200), pipe, "1", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_true(g_str_has_prefix(error->message, "unbind it: the kernel did not come back"));
    g_assert_cmpint(clerk_of(tree), !=, clerk);
}

/* While it has nothing to do, and in the midst of an act. */
static void test_clerk_killed(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autofree char *pipe = host_tree_path(tree, "/pipe");
    g_autoptr(GError) error = NULL;
    pid_t clerk = clerk_of(tree);
    siginfo_t info;

    g_assert_cmpint(kill(clerk, SIGKILL), ==, 0);
    g_assert_cmpint(waitid(P_PID, (id_t)clerk, &info, WEXITED | WNOWAIT), ==, 0);
    g_assert_cmpint(clerk_of(tree), !=, clerk);
    clerk = clerk_of(tree);
    g_assert_cmpint(mkfifo(pipe, 0600), ==, 0);
    pid_t killer = fork();
    if (killer == 0) {
        (void)poll(NULL, 0, 200);
        _exit(kill(clerk, SIGKILL) == 0 ? 0 : 1);
    }
    g_assert_false(vh_child_write((VhReal *)tree->host, "act", in_ms(20000), pipe, "1", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "killed by signal 9"));
    g_assert_cmpint(waitpid(killer, NULL, 0), ==, killer);
    g_assert_cmpint(clerk_of(tree), !=, clerk);
}

static void test_attribute(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = host_tree_path(tree, "/attribute");

    g_assert_null(vh_child_attribute((VhReal *)tree->host, "look", path, &error));
    g_assert_no_error(error);
    host_tree_write(tree, "one\ntwo\n", "/attribute");
    g_autofree char *text = vh_child_attribute((VhReal *)tree->host, "look", path, &error);
    g_assert_cmpstr(text, ==, "one\ntwo");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/child/errno", test_errno);
    g_test_add_func("/child/answer", test_answer);
    g_test_add_func("/child/hang", test_hang);
    g_test_add_func("/child/no-time-left", test_no_time_left);
    g_test_add_func("/child/killed", test_killed);
    g_test_add_func("/child/lets-go", test_lets_go);
    g_test_add_func("/child/hang-holds-no-pipe", test_hang_holds_no_pipe);
    g_test_add_func("/child/keeps-lock", test_keeps_lock);
    g_test_add_func("/child/attribute", test_attribute);
    g_test_add_func("/clerk/stays", test_clerk_stays);
    g_test_add_func("/clerk/hangs", test_clerk_hangs);
    g_test_add_func("/clerk/killed", test_clerk_killed);
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "hook/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "hook/report.h"
#include "host/log.h"

/* More than once would be a fault that comes each time. */
enum { ATTEMPTS = 2 };

static volatile sig_atomic_t worker; /* pid, 0: none */

static void pass_on(int signal)
{
    int errnum = errno;

    if (worker > 0)
        (void)kill(worker, signal);
    errno = errnum;
}

static void pass_on_signals(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
        (void)signal(signals[i], pass_on);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* No signal comes between the child's beginning and our knowing it. */
static pid_t begin(int (*work)(gpointer), gpointer data)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    worker = MAX(pid, 0);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid == 0)
        exit(work(data));
    return pid;
}

/* Its status as of waitpid(2). Once it is reaped its number may be another's. */
static int wait_for(pid_t pid)
{
    siginfo_t info;
    int status = 0;

    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
    worker = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static void tell(const char *guest, const char *text)
{
    const VhEvent event = {.kind = VH_EVENT_NOTE,
                           .priority = LOG_WARNING,
                           .guest = guest,
                           .operation = "release",
                           .duration = -1,
                           .text = text};

    vh_log_journal(&event, NULL);
}

static int give_up(const char *guest, const char *how)
{
    g_autofree char *name = guest ? vh_text_one_line(guest) : NULL;
    g_autoptr(GError) error = NULL;

    vh_error_set(&error, VH_ERROR_FAILED,
                 "%s again before everything was given back; journalctl -k may say why (short of "
                 "memory?); then: virt-handoff %s%s",
                 how, name ? "release " : "recover", name ? name : "");
    tell(guest, error->message);
    vh_report_error(guest, error);
    return VH_EXIT_FAILED;
}

int vh_guard(const char *guest, int (*work)(gpointer), gpointer data)
{
    pass_on_signals();
    for (guint i = 1;; i++) {
        pid_t pid = begin(work, data);
        int status = pid < 0 ? 0 : wait_for(pid);
        if (pid < 0)
            return work(data);
        if (WIFEXITED(status))
            return WEXITSTATUS(status);
        g_autofree char *how = g_strdup_printf("killed by signal %d (%s)", WTERMSIG(status),
                                               g_strsignal(WTERMSIG(status)));
        if (i == ATTEMPTS)
            return give_up(guest, how);
        g_autofree char *text =
            g_strdup_printf("%s before everything was given back; begins again", how);
        tell(guest, text);
    }
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "hook/guard.h"

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

/* What is waited for, and not handled: nothing is to come between a child's beginning and our
 * knowing it, nor after its end to whom its number then belongs. */
static void take_signals(sigset_t *ret_set, sigset_t *ret_before)
{
    static const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};

    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigemptyset(ret_set);
    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
        (void)sigaddset(ret_set, signals[i]);
    (void)sigprocmask(SIG_BLOCK, ret_set, ret_before);
}

static pid_t begin(int (*work)(gpointer), gpointer data, const sigset_t *before)
{
    pid_t pid = fork();

    if (pid == 0) {
        (void)sigprocmask(SIG_SETMASK, before, NULL);
        exit(work(data));
    }
    return pid;
}

/* Its status as of waitpid(2). */
static int wait_for(pid_t pid, const sigset_t *set)
{
    int number = 0, status = 0;

    while (waitpid(pid, &status, WNOHANG) != pid)
        if (sigwait(set, &number) == 0 && number != SIGCHLD)
            (void)kill(pid, number);
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
                 "%s again before everything was given back; dmesg may say why (short of "
                 "memory?); then: virt-handoff %s%s",
                 how, name ? "release " : "recover", name ? name : "");
    tell(guest, error->message);
    vh_report_error(guest, error);
    return VH_EXIT_FAILED;
}

int vh_guard(const char *guest, int (*work)(gpointer), gpointer data)
{
    sigset_t set, before;

    take_signals(&set, &before);
    for (guint i = 1;; i++) {
        pid_t pid = begin(work, data, &before);
        if (pid < 0) {
            (void)sigprocmask(SIG_SETMASK, &before, NULL);
            return work(data);
        }
        int status = wait_for(pid, &set);
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

// SPDX-License-Identifier: GPL-2.0-or-later
/* A thread that sleeps: what is waited for may be a call of a library that never looks up. */
#include "hook/progress.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"

enum { FIRST = G_USEC_PER_SEC, AGAIN = 5 * G_USEC_PER_SEC };

static struct {
    GMutex lock;
    GCond changed;
    GThread *thread;
    gboolean waits; /* it has come as far as that */
    char *text;     /* NULL: nothing */
    gint64 since, next;
} progress;

static void tell(void)
{
    gint64 seconds = (g_get_monotonic_time() - progress.since) / G_USEC_PER_SEC;

    if (seconds > FIRST / G_USEC_PER_SEC)
        (void)dprintf(STDERR_FILENO, "virt-handoff: %s … %d s\n", progress.text, (int)seconds);
    else
        (void)dprintf(STDERR_FILENO, "virt-handoff: %s …\n", progress.text);
}

static gpointer watch(gpointer data)
{
    g_mutex_lock(&progress.lock);
    progress.waits = TRUE;
    g_cond_broadcast(&progress.changed);
    for (;;) {
        if (!progress.text) {
            g_cond_wait(&progress.changed, &progress.lock);
        } else if (!g_cond_wait_until(&progress.changed, &progress.lock, progress.next) &&
                   progress.text) {
            tell();
            progress.next += AGAIN;
        }
    }
    return NULL;
}

static void hold(void)
{
    g_mutex_lock(&progress.lock);
}

static void let_go(void)
{
    g_mutex_unlock(&progress.lock);
}

/*
 * Signals are for the thread that waits for something. A child has only the thread that forked it,
 * and every lock that another one held at that moment for ever: so ours is to do nothing but wait
 * then, and not to be still on its way to that.
 */
static void begin(void)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    if (pthread_atfork(hold, let_go, let_go) != 0 ||
        pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return;
    progress.thread = g_thread_new("progress", watch, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    while (!progress.waits)
        g_cond_wait(&progress.changed, &progress.lock);
}

void vh_progress(const char *text)
{
    if (!progress.thread && (!text || !isatty(STDERR_FILENO)))
        return;
    g_mutex_lock(&progress.lock);
    g_free(progress.text);
    progress.text = text ? vh_text_one_line(text) : NULL;
    progress.since = g_get_monotonic_time();
    progress.next = progress.since + FIRST;
    if (!progress.thread)
        begin();
    g_cond_signal(&progress.changed);
    g_mutex_unlock(&progress.lock);
}

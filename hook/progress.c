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
    char *text; /* NULL: nothing */
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

/* Signals are for the thread that waits for something. */
static void begin(void)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return;
    progress.thread = g_thread_new("progress", watch, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
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

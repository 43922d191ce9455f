// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A machine in a file, for several processes at once. Each looks at what the last act of any of
 * them left; an act has the file for itself. Time is real there: nobody could wait for another
 * otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "sim/act.h"

struct SimShare {
    int fd;
    gboolean locked;  /* by this process, which acts */
    SimMachine *last; /* the one before, which somebody on the stack may still look at */
    gint64 seen;      /* the generation that is in memory */
    gint64 begin;     /* the monotonic clock at which the machine's would have been 0 */
};

/* What the file begins with. */
typedef struct {
    gint64 generation, begin;
} Head;

static void lock(const SimShare *share, int how)
{
    while (flock(share->fd, how) < 0)
        if (errno != EINTR)
            g_error("cannot lock a shared machine: %s", g_strerror(errno));
}

static Head read_head(const SimShare *share)
{
    Head head = {0, 0};

    if (pread(share->fd, &head, sizeof head, 0) < 0)
        g_error("cannot read a shared machine: %s", g_strerror(errno));
    return head;
}

static void store(Sim *sim)
{
    g_autoptr(GBytes) bytes = vh_sim_pack(&sim->host);
    const Head head = {++sim->share->seen, sim->share->begin};
    gsize length = 0;
    const void *data = g_bytes_get_data(bytes, &length);

    if (ftruncate(sim->share->fd, 0) < 0 ||
        pwrite(sim->share->fd, &head, sizeof head, 0) != sizeof head ||
        pwrite(sim->share->fd, data, length, sizeof head) != (ssize_t)length)
        g_error("cannot write a shared machine: %s", g_strerror(errno));
}

static void load(Sim *sim, gint64 generation)
{
    SimShare *share = sim->share;
    gsize size = (gsize)lseek(share->fd, 0, SEEK_END) - sizeof(Head);
    guint8 *data = g_malloc(size);
    g_autoptr(GError) error = NULL;

    if (pread(share->fd, data, size, sizeof(Head)) != (ssize_t)size)
        g_error("cannot read a shared machine: %s", g_strerror(errno));
    g_autoptr(GBytes) bytes = g_bytes_new_take(data, size);
    SimMachine *machine = sim_unpack(bytes, &error);
    if (!machine)
        g_error("%s", error->message);
    g_clear_pointer(&share->last, sim_record_free);
    share->last = sim->machine;
    sim->machine = machine;
    share->seen = generation;
}

static void catch_up(Sim *sim)
{
    Head head = read_head(sim->share);

    if (head.generation != sim->share->seen)
        load(sim, head.generation);
    sim_pass(sim->machine, g_get_monotonic_time() - sim->share->begin);
}

void sim_share_look(Sim *sim)
{
    if (sim->share->locked)
        return;
    lock(sim->share, LOCK_SH);
    catch_up(sim);
    lock(sim->share, LOCK_UN);
}

void sim_share_begin(Sim *sim)
{
    lock(sim->share, LOCK_EX);
    catch_up(sim);
    sim->share->locked = TRUE;
}

void sim_share_end(Sim *sim)
{
    gint64 clock = sim->machine->clock;

    store(sim);
    sim->share->locked = FALSE;
    lock(sim->share, LOCK_UN);
    sim_share_wait(sim, clock);
}

void sim_share_wait(Sim *sim, gint64 until)
{
    gint64 left = until - (g_get_monotonic_time() - sim->share->begin);

    if (left > 0)
        g_usleep((gulong)left);
}

void sim_share_free(SimShare *share)
{
    if (!share)
        return;
    close(share->fd);
    g_clear_pointer(&share->last, sim_record_free);
    g_free(share);
}

gboolean vh_sim_share(VhHost *host, const char *path, GError **error)
{
    Sim *sim = sim_of(host);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return vh_error_set_errno(error, errno, "cannot open %s", path);
    g_clear_pointer(&sim->share, sim_share_free);
    sim->share = g_new0(SimShare, 1);
    sim->share->fd = fd;
    lock(sim->share, LOCK_EX);
    sim->share->begin = read_head(sim->share).begin;
    if (sim->share->begin == 0) {
        sim->share->begin = g_get_monotonic_time() - sim->machine->clock;
        store(sim);
    }
    lock(sim->share, LOCK_UN);
    return TRUE;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Who has a device node open, and waiting for them. */
#include "host/real-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"

#define WAIT_MAX 64

/* The scan waits for no process but for the memory lock of one that is stuck (/proc/PID/maps), and
 * asks no file system's server. */
#define SCAN_LIMIT (10 * G_USEC_PER_SEC)

typedef struct {
    dev_t device; /* of the file system that the node is in */
    ino_t inode;
    gboolean known;
    char mark[64]; /* how a line of maps names it */
} Place;

typedef struct {
    VhReal *real;
    GPtrArray *nodes; /* VhNode */
    Place *places;    /* of the nodes, for maps, which names files by these */
    pid_t self;
} Scan;

/* Index of the node, -1: none. */
typedef int (*Look)(const Scan *self, int proc_fd, const char *pid);

/* Block devices have numbers of their own. */
static int node_of_number(const Scan *self, gboolean block, dev_t number)
{
    for (guint i = 0; i < self->nodes->len; i++) {
        const VhNode *node = g_ptr_array_index(self->nodes, i);
        if (node->number == number && (g_strcmp0(node->subsystem, "block") == 0) == block)
            return (int)i;
    }
    return -1;
}

static int node_of_place(const Scan *self, dev_t device, ino_t inode)
{
    for (guint i = 0; i < self->nodes->len; i++) {
        const Place *place = &self->places[i];
        if (place->known && place->device == device && place->inode == inode)
            return (int)i;
    }
    return -1;
}

/* The node behind one of /proc/PID/fd. The target is compared by number, since a container knows
 * the node by another path. AT_STATX_DONT_SYNC: a file on a dead NFS server must not hold us. */
static int node_of_descriptor(const Scan *self, int dir_fd, const char *name)
{
    struct statx stx;

    if (statx(dir_fd, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &stx) < 0 ||
        !(S_ISCHR(stx.stx_mode) || S_ISBLK(stx.stx_mode)))
        return -1;
    return node_of_number(self, S_ISBLK(stx.stx_mode),
                          makedev(stx.stx_rdev_major, stx.stx_rdev_minor));
}

/* Every call counts here, as there are thousands: readdir(3) would add three for each process. */
static int look_at_descriptors(const Scan *self, int proc_fd, const char *pid)
{
    char path[64], entries[4096] __attribute__((aligned(__alignof__(struct dirent64))));
    int node = -1;
    ssize_t size;

    g_snprintf(path, sizeof path, "%s/fd", pid);
    int fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    while (node < 0 && (size = getdents64(fd, entries, sizeof entries)) > 0)
        for (ssize_t at = 0; node < 0 && at < size;) {
            const struct dirent64 *entry = (const void *)(entries + at);
            if (g_ascii_isdigit(entry->d_name[0]))
                node = node_of_descriptor(self, fd, entry->d_name);
            at += entry->d_reclen;
        }
    (void)close(fd);
    return node;
}

/* To take apart the lines that have no mark of a node would take most of the scan's time. */
static gboolean may_be_node(const Scan *self, const char *line)
{
    for (guint i = 0; i < self->nodes->len; i++)
        if (self->places[i].known && strstr(line, self->places[i].mark))
            return TRUE;
    return FALSE;
}

/* "START-END PERMS OFFSET MAJOR:MINOR INODE PATH", the device's numbers in hex */
static int node_of_mapping(const Scan *self, const char *line)
{
    unsigned int major_number, minor_number;
    unsigned long inode;

    if (!may_be_node(self, line) ||
        sscanf(line, "%*s %*s %*s %x:%x %lu", &major_number, &minor_number, &inode) != 3)
        return -1;
    return node_of_place(self, makedev(major_number, minor_number), inode);
}

/* The node of the first line that has one; *@ret_rest: the line at the end that is not whole. */
static int look_at_lines(const Scan *self, char *lines, char **ret_rest)
{
    int node = -1;

    for (char *end; node < 0 && (end = strchr(lines, '\n')); lines = end + 1) {
        *end = '\0';
        node = node_of_mapping(self, lines);
    }
    *ret_rest = lines;
    return node;
}

/* The longest line has a path of PATH_MAX characters, each of them as four ("\\012"). */
static int look_at_maps(const Scan *self, int proc_fd, const char *pid)
{
    char path[64], lines[8 * PATH_MAX];
    size_t kept = 0;
    int node = -1;
    ssize_t size;

    g_snprintf(path, sizeof path, "%s/maps", pid);
    int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    while (node < 0 && (size = read(fd, lines + kept, sizeof lines - 1 - kept)) > 0) {
        char *rest;
        lines[kept + (size_t)size] = '\0';
        node = look_at_lines(self, lines, &rest);
        kept = strlen(rest);
        memmove(lines, rest, kept);
    }
    (void)close(fd);
    return node;
}

/*
 * Whether nobody has anything of the module open: each who has, has a reference on it, and so has
 * each module that needs it, all of which are named as its holders (kernel/module/main.c). When
 * there are more references than these, or the module is part of the kernel, one has to look for
 * the processes.
 */
static gboolean is_unused(VhReal *real, const char *module)
{
    g_autofree char *count = vh_real_path(real, "/sys/module/%s/refcnt", module);
    g_autofree char *users = vh_real_path(real, "/sys/module/%s/holders", module);
    g_autofree char *text = vh_file_attribute(count);
    g_autoptr(GPtrArray) names = vh_file_list(users);
    guint64 references;

    return vh_number(text, 10, &references) && references == names->len;
}

/* Whether the kernel's counts tell that none of @nodes is open: to look at all processes takes
 * longer than all else that a start has to know. */
static gboolean are_unused(VhReal *real, const GPtrArray *nodes)
{
    const char *asked = NULL;

    for (guint i = 0; i < nodes->len; i++) {
        const VhNode *node = g_ptr_array_index(nodes, i);
        if (!node->counted)
            return FALSE;
        if (g_strcmp0(node->counted, asked) != 0 && !is_unused(real, node->counted))
            return FALSE;
        asked = node->counted;
    }
    return TRUE;
}

/* A thread of the kernel has none, nor has a process that is ending. */
static gboolean has_program(int proc_fd, const char *pid)
{
    char path[64], target[1];

    g_snprintf(path, sizeof path, "%s/exe", pid);
    return readlinkat(proc_fd, path, target, sizeof target) >= 0 || errno != ENOENT;
}

/* The children of kthreadd: the kernel's threads, and programs that it starts itself. Where the
 * kernel does not list them (CONFIG_PROC_CHILDREN), there are none. */
static GHashTable *find_kernels(const Scan *self, int proc_fd)
{
    g_autofree char *path = vh_real_path(self->real, "/proc/2/task/2/children");
    g_autofree char *text = has_program(proc_fd, "2") ? NULL : vh_file_attribute(path);
    g_auto(GStrv) pids = g_strsplit(text ? text : "", " ", -1);
    GHashTable *kernels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (char **pid = pids; *pid; pid++)
        g_hash_table_add(kernels, g_strdup(*pid));
    return kernels;
}

/* Whether the process may have something open. Most are the kernel's threads, and have nothing. */
static gboolean may_hold(const Scan *self, GHashTable *kernels, int proc_fd, const char *pid)
{
    guint64 number;

    return vh_number(pid, 10, &number) && (pid_t)number != self->self &&
           (pid_t)number != getpid() &&
           (!g_hash_table_contains(kernels, pid) || has_program(proc_fd, pid));
}

/* Lines "PID NODE". */
static void scan_processes(const Scan *self, Look look, GString *answer)
{
    g_autofree char *path = vh_real_path(self->real, "/proc");
    DIR *dir = opendir(path);

    if (!dir)
        return;
    g_autoptr(GHashTable) kernels = find_kernels(self, dirfd(dir));
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!may_hold(self, kernels, dirfd(dir), entry->d_name))
            continue;
        int node = look(self, dirfd(dir), entry->d_name);
        if (node >= 0)
            g_string_append_printf(answer, "%s %d\n", entry->d_name, node);
    }
    (void)closedir(dir);
}

static int act_scan_maps(gpointer data, GString *answer)
{
    scan_processes(data, look_at_maps, answer);
    return 0;
}

/* Mappings are looked at only when no descriptor is left: to have one without a descriptor is rare,
 * and to read them all takes longer. */
static int act_scan(gpointer data, GString *answer)
{
    const Scan *self = data;

    scan_processes(self, look_at_descriptors, answer);
    /* The last one may have been on its way out when we began to look. */
    return answer->len > 0 || are_unused(self->real, self->nodes) ? 0 : act_scan_maps(data, answer);
}

static void free_holder(gpointer holder)
{
    vh_holder_free(holder);
}

static void add_holder(VhReal *real, GPtrArray *holders, GPtrArray *nodes, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 2);
    guint64 pid, index;

    if (g_strv_length(words) != 2 || !vh_number(words[0], 10, &pid) ||
        !vh_number(words[1], 10, &index) || index >= nodes->len)
        return;
    VhHolder *holder = g_new0(VhHolder, 1);
    const VhNode *node = g_ptr_array_index(nodes, (guint)index);
    holder->process.pid = (pid_t)pid;
    holder->node = g_strdup(node->path);
    if (vh_process_describe(real, holder))
        g_ptr_array_add(holders, holder);
    else
        vh_holder_free(holder);
}

/* Adds those that are found, and still there, to @holders; *@ret_found: some were. */
static gboolean scan(Scan *self, VhAct act, GPtrArray *holders, gboolean *ret_found, GError **error)
{
    g_autoptr(GBytes) answer = NULL;
    gsize length;

    if (!vh_child_look(self->real, "look for processes that have the devices open", SCAN_LIMIT, act,
                       self, &answer, error))
        return FALSE;
    const char *data = g_bytes_get_data(answer, &length);
    g_autofree char *text = g_strndup(data ? data : "", length);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    *ret_found = length > 0;
    for (gsize i = 0; lines[i]; i++)
        add_holder(self->real, holders, self->nodes, lines[i]);
    return TRUE;
}

static void find_places(Scan *self)
{
    for (guint i = 0; i < self->nodes->len; i++) {
        const VhNode *node = g_ptr_array_index(self->nodes, i);
        g_autofree char *path = vh_real_path(self->real, "%s", node->path);
        struct stat st;
        self->places[i].known = lstat(path, &st) == 0;
        if (!self->places[i].known)
            continue;
        self->places[i].device = st.st_dev;
        self->places[i].inode = st.st_ino;
        /* fs/proc/task_mmu.c, show_vma_header_prefix */
        g_snprintf(self->places[i].mark, sizeof self->places[i].mark, " %02x:%02x %lu ",
                   major(st.st_dev), minor(st.st_dev), (unsigned long)st.st_ino);
    }
}

GPtrArray *vh_real_holders(VhHost *host, GPtrArray *nodes, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree Place *places = g_new0(Place, nodes->len + 1);
    g_autoptr(GPtrArray) holders = g_ptr_array_new_with_free_func(free_holder);
    Scan self = {real, nodes, places, getpid()};
    gboolean found;

    if (are_unused(real, nodes))
        return g_steal_pointer(&holders);
    find_places(&self);
    if (!scan(&self, act_scan, holders, &found, error))
        return NULL;
    /* Those that had a descriptor are gone again: the mappings were not looked at. */
    if (found && holders->len == 0 && !scan(&self, act_scan_maps, holders, &found, error))
        return NULL;
    return g_steal_pointer(&holders);
}

/* ---- waiting ---- */

typedef struct {
    struct pollfd fds[WAIT_MAX + 1];
    nfds_t n;
    gboolean blind; /* without pidfds (Linux before 5.3): look again soon */
} Wait;

static void wait_add(Wait *self, int fd)
{
    self->fds[self->n].fd = fd;
    self->fds[self->n].events = POLLIN;
    self->n++;
}

/* FALSE when one of them has ended already. */
static gboolean wait_open(Wait *self, VhHost *host, GPtrArray *holders)
{
    for (guint i = 0; holders && i < holders->len && self->n < WAIT_MAX; i++) {
        const VhHolder *holder = g_ptr_array_index(holders, i);
        int fd = vh_pidfd_open(holder->process.pid);
        if (fd >= 0)
            wait_add(self, fd);
        else if (errno != ESRCH)
            self->blind = TRUE;
        /* Only now, so that the descriptor is not that of a process with a recycled number. */
        if (!vh_host_process_alive(host, holder->process))
            return FALSE;
    }
    return TRUE;
}

void vh_real_wait(VhHost *host, GPtrArray *holders, gint64 microseconds)
{
    gint64 deadline = g_get_monotonic_time() + MAX(microseconds, 0);
    Wait self = {.n = 0};
    gboolean waiting = wait_open(&self, host, holders);
    nfds_t n_holders = self.n;

    if (self.blind)
        deadline = MIN(deadline, g_get_monotonic_time() + 50 * G_TIME_SPAN_MILLISECOND);
    wait_add(&self, vh_signal_fd());
    for (int timeout; waiting && (timeout = vh_poll_timeout(deadline)) > 0;)
        waiting = poll(self.fds, self.n, timeout) == 0;
    for (nfds_t i = 0; i < n_holders; i++)
        (void)close(self.fds[i].fd);
    /* Takes the signal, so that the next wait is one again. */
    (void)vh_host_interrupted(host);
}

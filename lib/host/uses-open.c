// SPDX-License-Identifier: GPL-2.0-or-later
/* Disks that a process has open as they are: the raw disk of another guest, a disk being written.
 * The kernel would take it away from under it. */
#include "base/text.h"
#include "host/uses-private.h"

static void free_node(gpointer node)
{
    vh_node_free(node);
}

/* The nodes of all block devices, and those that pass commands to a disk. */
static GPtrArray *nodes_of(const VhUses *self)
{
    GPtrArray *nodes = g_ptr_array_new_with_free_func(free_node);

    for (guint i = 0; i < self->blocks->len + self->generics->len; i++) {
        g_autofree char *dir =
            i < self->blocks->len
                ? vh_real_path(self->real, "/sys/class/block/%s",
                               (char *)g_ptr_array_index(self->blocks, i))
                : g_strdup(g_ptr_array_index(self->generics, i - self->blocks->len));
        VhNode *node = vh_node_read(dir, i < self->blocks->len ? "block" : "generic");
        if (node)
            g_ptr_array_add(nodes, node);
    }
    return nodes;
}

/* Who only looks what is on a disk lets go of it in a moment (udev's workers). */
static GPtrArray *find_holders(VhHost *host, GPtrArray *nodes, GError **error)
{
    enum { ATTEMPTS = 4, PAUSE = 150 * 1000 };
    GPtrArray *holders = vh_real_holders(host, nodes, error);

    for (guint i = 1; holders && holders->len > 0 && i < ATTEMPTS; i++) {
        vh_real_wait(host, holders, PAUSE);
        g_ptr_array_unref(holders);
        holders = vh_real_holders(host, nodes, error);
    }
    return holders;
}

gboolean vh_uses_add_open(VhUses *self, GError **error)
{
    g_autoptr(GPtrArray) nodes = nodes_of(self);
    g_autoptr(GPtrArray) holders = find_holders(&self->real->host, nodes, error);

    for (guint i = 0; holders && i < holders->len; i++) {
        const VhHolder *holder = g_ptr_array_index(holders, i);
        const char *unit = holder->user_unit ? holder->user_unit : holder->unit;
        g_autofree char *command = vh_text_one_line(holder->command);
        g_autofree char *who =
            g_strdup_printf("%s (pid %d, user %s%s%s)", command, (int)holder->process.pid,
                            holder->user, unit ? ", " : "", unit ? unit : "");
        vh_uses_add(self, "open", holder->node, who);
    }
    return holders != NULL;
}

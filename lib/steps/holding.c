// SPDX-License-Identifier: GPL-2.0-or-later
#include "steps/holding.h"

#include "base/json.h"
#include "base/text.h"

static gboolean blocks(const VhNode *node)
{
    return node->blocks;
}

/* A primary node of DRM, or a framebuffer's. */
static gboolean draws(const VhNode *node)
{
    return g_str_has_prefix(node->path, "/dev/dri/card") ||
           g_strcmp0(node->subsystem, "graphics") == 0;
}

static GPtrArray *find(VhHost *host, const char *const *addresses,
                       gboolean (*wanted)(const VhNode *), GError **error)
{
    g_autoptr(GPtrArray) chosen = g_ptr_array_new_with_free_func((GDestroyNotify)vh_node_free);

    for (gsize i = 0; addresses[i]; i++) {
        g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(host, addresses[i], error);
        if (!nodes)
            return NULL;
        while (nodes->len > 0) {
            VhNode *node = g_ptr_array_steal_index(nodes, nodes->len - 1);
            if (wanted(node))
                g_ptr_array_add(chosen, node);
            else
                vh_node_free(node);
        }
    }
    return vh_host_holders(host, chosen, error);
}

GPtrArray *vh_holding_find(VhHost *host, const char *const *addresses, GError **error)
{
    return find(host, addresses, blocks, error);
}

GPtrArray *vh_holding_drawers(VhHost *host, const char *const *addresses, GError **error)
{
    return find(host, addresses, draws, error);
}

/* A compositor lives in its session, or in the manager of its user. */
static gboolean is_drawn_from(const VhSession *session, const GPtrArray *drawers)
{
    for (guint i = 0; drawers && i < drawers->len; i++) {
        const VhHolder *holder = drawers->pdata[i];
        if (holder->session ? g_str_equal(holder->session, session->id)
                            : holder->user_unit && holder->uid == session->uid)
            return TRUE;
    }
    return FALSE;
}

static gboolean is_at(const VhSession *session, const char *seat)
{
    return g_strcmp0(session->seat, seat) == 0 && vh_holding_counts(session);
}

gboolean vh_holding_need_drawers(const GPtrArray *sessions, const char *seat)
{
    for (guint i = 0; sessions && i < sessions->len; i++)
        if (is_at(sessions->pdata[i], seat) && !vh_session_is_graphical(sessions->pdata[i]))
            return TRUE;
    return FALSE;
}

gboolean vh_holding_is_desktop(const VhSession *session, const char *seat, const GPtrArray *drawers)
{
    return is_at(session, seat) &&
           (vh_session_is_graphical(session) || is_drawn_from(session, drawers));
}

static gboolean is_managers(const VhHolder *holder, const char *manager)
{
    return manager && g_strcmp0(holder->unit, manager) == 0;
}

gboolean vh_holding_lives_in_desktop(const VhHolder *holder, const char *manager)
{
    if (holder->session || is_managers(holder, manager))
        return TRUE;
    return holder->unit && g_str_has_prefix(holder->unit, "user@");
}

static gboolean has_process(const GPtrArray *holders, const VhHolder *wanted)
{
    for (guint i = 0; holders && i < holders->len; i++)
        if (((const VhHolder *)holders->pdata[i])->process.pid == wanted->process.pid)
            return TRUE;
    return FALSE;
}

gboolean vh_holding_drives(const VhHolder *holder, const GPtrArray *drawers, const char *manager)
{
    return vh_holding_lives_in_desktop(holder, manager) &&
           (is_managers(holder, manager) || has_process(drawers, holder));
}

GPtrArray *vh_holding_desktops(VhHost *host, GVariant *args, GError **error)
{
    const char *seat = vh_json_string(args, "seat", "seat0");
    g_auto(GStrv) addresses = vh_json_strings(args, "addresses");
    GPtrArray *sessions = vh_host_sessions(host, error);
    g_autoptr(GPtrArray) drawers =
        vh_holding_need_drawers(sessions, seat)
            ? vh_holding_drawers(host, (const char *const *)addresses, NULL)
            : NULL;

    for (guint i = sessions ? sessions->len : 0; i > 0; i--)
        if (!vh_holding_is_desktop(sessions->pdata[i - 1], seat, drawers))
            g_ptr_array_remove_index(sessions, i - 1);
    return sessions;
}

char *vh_holding_describe(const VhHolder *holder)
{
    g_autofree char *command = vh_text_one_line(holder->command);
    const char *unit = holder->user_unit ? holder->user_unit : holder->unit;

    return g_strdup_printf("%s (pid %d, user %s%s%s) keeps %s open", command,
                           (int)holder->process.pid, holder->user, unit ? ", " : "",
                           unit ? unit : "", holder->node);
}

gboolean vh_holding_counts(const VhSession *session)
{
    return !g_str_has_prefix(session->class ? session->class : "", "manager") &&
           g_strcmp0(session->state, "closing") != 0;
}

gboolean vh_holding_ends_with(const VhSession *session, const char *manager)
{
    return session->seat && vh_session_is_graphical(session) &&
           (!manager || !session->unit || g_str_equal(session->unit, manager));
}

gboolean vh_holding_has_session(const GPtrArray *sessions, uid_t uid)
{
    for (guint i = 0; i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (session->uid == uid && vh_holding_counts(session))
            return TRUE;
    }
    return FALSE;
}

/* ---- who is never ended ---- */

#define GUEST "the QEMU of a guest"
#define LIBVIRT "a part of libvirt"
#define SYSTEM "a part of the system"

/* By the beginning of the unit's name or of the command's, and what the unit's name ends in. */
static const struct {
    const char *unit, *suffix, *command, *what;
} protected[] = {
    {.command = "qemu", .what = GUEST},
    {.unit = "machine-", .suffix = ".scope", .what = GUEST},
    {.command = "libvirtd", .what = LIBVIRT},
    {.command = "virtqemud", .what = LIBVIRT},
    {.unit = "libvirt", .suffix = ".service", .what = LIBVIRT},
    {.unit = "virt", .suffix = "d.service", .what = LIBVIRT},
    {.unit = "init.scope", .suffix = "", .what = SYSTEM},
    {.unit = "systemd-", .suffix = ".service", .what = SYSTEM},
    {.unit = "dbus", .suffix = ".service", .what = SYSTEM},
    {.unit = "elogind", .suffix = "", .what = SYSTEM},
    {.command = "systemd", .what = SYSTEM},
    {.command = "dbus-", .what = SYSTEM},
    {.command = "elogind", .what = SYSTEM},
};

static gboolean is_like(const VhHolder *holder, gsize i)
{
    if (protected[i].command)
        return g_str_has_prefix(holder->command, protected[i].command);
    return holder->unit && g_str_has_prefix(holder->unit, protected[i].unit) &&
           g_str_has_suffix(holder->unit, protected[i].suffix);
}

const char *vh_holding_protected(VhHost *host, const VhHolder *holder, const char *manager)
{
    if (holder->process.pid <= 1)
        return SYSTEM;
    if (holder->process.pid == vh_host_parent(host).pid)
        return LIBVIRT;
    if (manager && g_strcmp0(holder->unit, manager) == 0)
        return "the display manager's";
    for (gsize i = 0; i < G_N_ELEMENTS(protected); i++)
        if (is_like(holder, i))
            return protected[i].what;
    return NULL;
}

gboolean vh_holding_is_guest(const VhHolder *holder)
{
    for (gsize i = 0; i < G_N_ELEMENTS(protected); i++)
        if (is_like(holder, i))
            return g_str_equal(protected[i].what, GUEST);
    return FALSE;
}

gboolean vh_holding_is_logind(const VhHolder *holder)
{
    return g_strcmp0(holder->unit, "systemd-logind.service") == 0 ||
           g_strcmp0(holder->unit, "init.scope") == 0 ||
           g_str_has_prefix(holder->command, "elogind");
}

/* Parts of a desktop, which go with graphical-session.target or with the display that they draw on,
 * and what is started from it (systemd.io/DESKTOP_ENVIRONMENTS: app-…). */
gboolean vh_holding_is_of_desktop(const VhHolder *holder)
{
    static const char *const prefixes[] = {"app-",       "org.gnome.",   "gnome-",
                                           "plasma-",    "cosmic-",      "niri.",
                                           "wayland-wm", "xdg-desktop-", "dbus-"};

    for (gsize i = 0; holder->user_unit && i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(holder->user_unit, prefixes[i]))
            return TRUE;
    return FALSE;
}

/*
 * Services in which other people's programs run, where PAM makes no session of them: the program is
 * what is to end. To stop the service would leave it alone (KillMode=process) and take away the
 * last way in from outside.
 */
static gboolean is_way_in(const char *unit)
{
    static const char *const prefixes[] = {"ssh",     "dropbear", "getty@", "serial-getty@",
                                           "console", "cron",     "atd.",   "user@"};

    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(unit, prefixes[i]))
            return TRUE;
    return FALSE;
}

static gboolean is_service(const VhHolder *holder)
{
    return !holder->user_unit && !holder->session && holder->unit &&
           g_str_has_suffix(holder->unit, ".service") && !is_way_in(holder->unit);
}

const char *vh_holding_service(VhHost *host, const VhHolder *holder, const char *manager)
{
    return is_service(holder) && !vh_holding_protected(host, holder, manager) ? holder->unit : NULL;
}

gboolean vh_holding_is_user_service(VhHost *host, const VhHolder *holder, const GPtrArray *sessions)
{
    return holder->user_unit && g_str_has_suffix(holder->user_unit, ".service") &&
           !vh_holding_protected(host, holder, NULL) &&
           (vh_holding_has_session(sessions, holder->uid) ||
            vh_host_user_lingers(host, holder->uid));
}

char *vh_holding_manager(VhHost *host)
{
    g_autoptr(VhUnit) unit = vh_host_unit_look(host, "display-manager.service", NULL);

    return unit && g_strcmp0(unit->load, "not-found") != 0 ? g_strdup(unit->id) : NULL;
}

/* A service comes back by itself when it is named in the file. */
char *vh_holding_advice(VhHost *host, const VhHolder *holder, const char *manager)
{
    const char *what = vh_holding_protected(host, holder, manager);

    if (g_strcmp0(what, GUEST) == 0)
        return g_strdup("shut that guest down first");
    if (is_service(holder) && (!what || (manager && g_str_equal(holder->unit, manager))))
        return g_strdup_printf("add \"%s\" to stop in the guest's file, so that it is stopped for "
                               "as long as the guest runs",
                               holder->unit);
    if (holder->user_unit && g_str_has_suffix(holder->user_unit, ".service"))
        return g_strdup_printf("add \"%s\" to stop_user in the guest's file", holder->user_unit);
    if (what)
        return g_strdup_printf("it is %s and is not ended for a guest: log out first, or see "
                               "what uses it",
                               what);
    return g_strdup_printf("end it first (kill %d)", (int)holder->process.pid);
}

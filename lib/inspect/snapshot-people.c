// SPDX-License-Identifier: GPL-2.0-or-later
/* Who uses the devices: units, users, sessions, processes. */
#include <string.h>

#include "inspect/snapshot-private.h"
#include "steps/holding.h"
#include "steps/unit.h"

/* Where people begin (UID_MIN of login.defs), and nobody. */
enum { FIRST_PERSON = 1000, NOBODY = 65534 };

typedef struct {
    const VhSnapshot *snapshot;
    GPtrArray *nodes;    /* VhNode (borrowed): those whose holders matter */
    GPtrArray *holders;  /* VhHolder, one for each process */
    GPtrArray *sessions; /* VhSession */
    GHashTable *users;   /* uid → name */
    GHashTable *units;   /* those that were told */
    char *manager;       /* display manager that is active, or NULL */
    GVariantBuilder unit_list, user_list;
    guint people;
} People;

static void put_text(GVariantDict *dict, const char *key, const char *text)
{
    if (text)
        g_variant_dict_insert(dict, key, "s", text);
}

/* ---- units ---- */

static gboolean is_one_of(const char *word, const char *const *words)
{
    return word && g_strv_contains(words, word);
}

static void put_unit(People *people, const VhUnit *unit, const char *alias)
{
    static const char *const states[] = {"active",       "inactive", "activating",
                                         "deactivating", "failed",   NULL};
    const char *const aliases[] = {alias, NULL};
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    put_text(&dict, "id", unit->id);
    put_text(&dict, "active", is_one_of(unit->active, states) ? unit->active : "active");
    if (alias)
        g_variant_dict_insert_value(&dict, "aliases", g_variant_new_strv(aliases, -1));
    g_variant_builder_add_value(&people->unit_list, g_variant_dict_end(&dict));
}

/* Tells the unit, once, if there is one; whether it is told now. */
static gboolean add_unit(People *people, const char *name)
{
    g_autoptr(VhUnit) unit = NULL;

    if (g_hash_table_contains(people->units, name))
        return TRUE;
    unit = vh_host_unit_look(people->snapshot->host, name, NULL);
    if (!unit || !unit->id || g_strcmp0(unit->load, "loaded") != 0)
        return FALSE;
    gboolean aliased = !g_str_equal(unit->id, name);
    if (aliased)
        g_hash_table_add(people->units, g_strdup(name));
    if (g_hash_table_add(people->units, g_strdup(unit->id)))
        put_unit(people, unit, aliased ? name : NULL);
    return TRUE;
}

/* The screen's, what calls us, and who would send interrupts elsewhere. */
static void add_known_units(People *people)
{
    static const char *const names[] = {"libvirtd.service", "virtqemud.service",
                                        "systemd-logind.service", "irqbalance.service"};
    g_autoptr(VhUnit) manager =
        vh_host_unit_look(people->snapshot->host, "display-manager.service", NULL);

    if (add_unit(people, "display-manager.service") && manager &&
        g_strcmp0(manager->active, "active") == 0)
        people->manager = g_strdup(manager->id);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        (void)add_unit(people, names[i]);
    if (people->snapshot->domain) {
        g_autofree char *awake = vh_step_awake_unit(people->snapshot->domain->uuid);
        (void)add_unit(people, awake);
    }
}

/* ---- users ---- */

static void add_user(People *people, uid_t uid, const char *name)
{
    VhHost *host = people->snapshot->host;
    g_autofree char *manager = g_strdup_printf("user@%u.service", uid);
    GVariantDict dict;

    if (!g_hash_table_add(people->users, GUINT_TO_POINTER(uid)))
        return;
    gboolean person = uid >= FIRST_PERSON && uid != NOBODY;
    g_autofree char *shown = person ? g_strdup_printf("user%u", ++people->people)
                                    : g_strdup(name && *name ? name : "system");
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "uid", "x", (gint64)uid);
    put_text(&dict, "name", shown);
    if (vh_host_user_lingers(host, uid))
        g_variant_dict_insert(&dict, "linger", "b", TRUE);
    g_variant_builder_add_value(&people->user_list, g_variant_dict_end(&dict));
    (void)add_unit(people, manager);
}

/* ---- sessions ---- */

static const char *known_word(const char *word, const char *const *words, const char *fallback)
{
    return is_one_of(word, words) ? word : fallback;
}

static GVariant *session_variant(const People *people, const VhSession *session)
{
    static const char *const types[] = {"unspecified", "tty", "x11", "wayland", "mir", "web", NULL};
    static const char *const classes[] = {"user",       "user-early", "greeter", "lock-screen",
                                          "background", "manager",    NULL};
    static const char *const states[] = {"online", "active", "closing", NULL};
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    put_text(&dict, "id", session->id);
    g_variant_dict_insert(&dict, "uid", "x", (gint64)session->uid);
    put_text(&dict, "seat", session->seat);
    put_text(&dict, "type", known_word(session->type, types, "unspecified"));
    put_text(&dict, "class", known_word(session->class, classes, "background"));
    put_text(&dict, "state", known_word(session->state, states, NULL));
    put_text(&dict, "desktop", session->desktop);
    if (session->vt != 0)
        g_variant_dict_insert(&dict, "vt", "x", (gint64)session->vt);
    if (people->manager && vh_holding_ends_with(session, people->manager))
        put_text(&dict, "unit", people->manager);
    return g_variant_dict_end(&dict);
}

static GVariant *sessions_of(People *people)
{
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < people->sessions->len; i++) {
        const VhSession *session = people->sessions->pdata[i];
        add_user(people, session->uid, session->user);
        g_variant_builder_add_value(&list, session_variant(people, session));
    }
    return g_variant_builder_end(&list);
}

static gboolean has_session(const People *people, const char *id)
{
    for (guint i = 0; id && i < people->sessions->len; i++)
        if (g_strcmp0(((VhSession *)people->sessions->pdata[i])->id, id) == 0)
            return TRUE;
    return FALSE;
}

static const char *graphical_session(const People *people)
{
    for (guint i = 0; i < people->sessions->len; i++) {
        const VhSession *session = people->sessions->pdata[i];
        if (session->seat && vh_session_is_graphical(session))
            return session->id;
    }
    return NULL;
}

/* ---- processes ---- */

/* Whether process @pid has @node open, by its descriptors; -1: they cannot be listed. */
static int has_open(VhHost *host, pid_t pid, const char *node)
{
    g_autofree char *dir = g_strdup_printf("/proc/%d/fd", (int)pid);
    g_auto(GStrv) names = vh_host_list(host, dir);

    for (char **name = names; *name; name++) {
        g_autofree char *path = g_build_filename(dir, *name, NULL);
        g_autofree char *target = vh_host_link(host, path, NULL);
        if (g_strcmp0(target, node) == 0)
            return 1;
    }
    return *names ? 0 : -1;
}

static gboolean holds_alone(VhHost *host, const VhHolder *holder, VhNode *node)
{
    g_autoptr(GPtrArray) one = g_ptr_array_new();

    g_ptr_array_add(one, node);
    g_autoptr(GPtrArray) holders = vh_host_holders(host, one, NULL);
    for (guint i = 0; holders && i < holders->len; i++)
        if (((VhHolder *)holders->pdata[i])->process.pid == holder->process.pid)
            return TRUE;
    return FALSE;
}

/* Every node it has open: looking for holders tells one of them. */
static GVariant *open_nodes(const People *people, const VhHolder *holder)
{
    VhHost *host = people->snapshot->host;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE_STRING_ARRAY);
    for (guint i = 0; i < people->nodes->len; i++) {
        VhNode *node = people->nodes->pdata[i];
        if (!g_hash_table_add(seen, node->path))
            continue;
        int open = has_open(host, holder->process.pid, node->path);
        if (open > 0 || g_strcmp0(holder->node, node->path) == 0 ||
            (open < 0 && holds_alone(host, holder, node)))
            g_variant_builder_add(&list, "s", node->path);
    }
    return g_variant_builder_end(&list);
}

/* Where it lives: in a session, or else in a unit. */
static void put_place(People *people, const VhHolder *holder, GVariantDict *dict)
{
    /* What logind has open it has open for a session, and closes with it. */
    const char *session =
        g_strcmp0(holder->unit, "systemd-logind.service") == 0 ? graphical_session(people) : NULL;

    if (!session && has_session(people, holder->session))
        session = holder->session;
    if (session)
        put_text(dict, "session", session);
    else if (holder->unit && add_unit(people, holder->unit))
        put_text(dict, "unit", holder->unit);
    put_text(dict, "user_unit", holder->user_unit);
    if (holder->user_unit &&
        vh_host_user_unit_of_desktop(people->snapshot->host, holder->uid, holder->user_unit))
        g_variant_dict_insert(dict, "of_desktop", "b", TRUE);
}

static gboolean watches(const char *command)
{
    static const char *const table[] = {"pipewire", "pulseaudio", "wireplumber", NULL};

    return is_one_of(command, table);
}

static void put_process(GVariantDict *dict, VhProcess process, const char *command, uid_t uid)
{
    g_variant_dict_init(dict, NULL);
    g_variant_dict_insert(dict, "pid", "x", (gint64)process.pid);
    g_variant_dict_insert(dict, "start_time", "x", (gint64)MAX(process.start_time, 1));
    put_text(dict, "command", command && *command ? command : "unknown");
    g_variant_dict_insert(dict, "uid", "x", (gint64)uid);
}

static GVariant *holder_variant(People *people, const VhHolder *holder)
{
    GVariantDict dict;

    add_user(people, holder->uid, holder->user);
    put_process(&dict, holder->process, holder->command, holder->uid);
    put_place(people, holder, &dict);
    g_variant_dict_insert_value(&dict, "nodes", open_nodes(people, holder));
    if (watches(holder->command))
        g_variant_dict_insert(&dict, "watches", "b", TRUE);
    return g_variant_dict_end(&dict);
}

/* libvirt's daemon by its pid file; {0, 0} when none runs. */
static VhProcess find_daemon(VhHost *host, const char **ret_command)
{
    static const struct {
        const char *path, *command;
    } files[] = {{"/run/libvirtd.pid", "libvirtd"}, {"/run/virtqemud.pid", "virtqemud"}};

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *text = vh_host_read(host, files[i].path, NULL);
        VhProcess process = {text ? (pid_t)g_ascii_strtoll(text, NULL, 10) : 0, 0};
        if (process.pid > 1)
            process.start_time = vh_host_process_start(host, process.pid);
        *ret_command = files[i].command;
        if (process.start_time > 0)
            return process;
    }
    return (VhProcess){0, 0};
}

static void add_daemon(People *people, GVariantBuilder *list, GVariantDict *top)
{
    const char *command;
    VhProcess process = find_daemon(people->snapshot->host, &command);
    GVariantDict dict;

    if (process.pid == 0)
        return;
    g_autofree char *unit = g_strconcat(command, ".service", NULL);
    add_user(people, 0, "root");
    put_process(&dict, process, command, 0);
    if (add_unit(people, unit))
        put_text(&dict, "unit", unit);
    g_variant_builder_add_value(list, g_variant_dict_end(&dict));
    g_variant_dict_insert(top, "parent", "x", (gint64)process.pid);
}

static GVariant *processes_of(People *people, GVariantDict *top)
{
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    add_daemon(people, &list, top);
    for (guint i = 0; i < people->holders->len; i++)
        g_variant_builder_add_value(&list, holder_variant(people, people->holders->pdata[i]));
    return g_variant_builder_end(&list);
}

/* ---- the whole ---- */

static void people_clear(People *people)
{
    g_clear_pointer(&people->nodes, g_ptr_array_unref);
    g_clear_pointer(&people->holders, g_ptr_array_unref);
    g_clear_pointer(&people->sessions, g_ptr_array_unref);
    g_clear_pointer(&people->users, g_hash_table_unref);
    g_clear_pointer(&people->units, g_hash_table_unref);
    g_free(people->manager);
    g_variant_builder_clear(&people->unit_list);
    g_variant_builder_clear(&people->user_list);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(People, people_clear)

/* Nodes of a VM's own devices are its QEMU's. */
static void find_nodes(People *people)
{
    people->nodes = g_ptr_array_new();
    for (guint i = 0; i < people->snapshot->nodes->len; i++) {
        const GPtrArray *nodes = people->snapshot->nodes->pdata[i];
        for (guint j = 0; j < nodes->len; j++) {
            const VhNode *node = nodes->pdata[j];
            if (node->blocks && !g_str_has_prefix(node->path, "/dev/vfio/"))
                g_ptr_array_add(people->nodes, nodes->pdata[j]);
        }
    }
}

gboolean vh_snapshot_people(const VhSnapshot *snapshot, GVariantDict *dict, GError **error)
{
    g_auto(People) people = {.snapshot = snapshot};

    g_variant_builder_init(&people.unit_list, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&people.user_list, G_VARIANT_TYPE("aa{sv}"));
    people.users = g_hash_table_new(NULL, NULL);
    people.units = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    find_nodes(&people);
    people.holders = vh_host_holders(snapshot->host, people.nodes, error);
    if (!people.holders)
        return FALSE;
    people.sessions = vh_host_sessions(snapshot->host, error);
    if (!people.sessions)
        return FALSE;
    add_known_units(&people);
    g_variant_dict_insert_value(dict, "sessions", sessions_of(&people));
    g_variant_dict_insert_value(dict, "processes", processes_of(&people, dict));
    g_variant_dict_insert_value(dict, "units", g_variant_builder_end(&people.unit_list));
    g_variant_dict_insert_value(dict, "users", g_variant_builder_end(&people.user_list));
    return TRUE;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* What scripts do with units. What it is to us is known when all of them are read: a unit that is
 * started may be one that was stopped, and it may be the undo of what another script does. */
#include <string.h>

#include "inspect/import-private.h"

#define SERVICE ".service"
#define SYSTEMCTL "/usr/bin/systemctl"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.@"

/* One unit that is started, restarted or stopped somewhere. */
typedef struct {
    VhImportNote *note; /* what is said of it; NULL when there are too many to say */
    const char *verb;
    char *unit;
    gboolean user;  /* of a user's manager */
    const char *at; /* libvirt's operation; NULL: nobody knows */
    char *file;
    guint line;
} Act;

void import_act_free(gpointer data)
{
    Act *act = data;

    g_free(act->unit);
    g_free(act->file);
    g_free(act);
}

/* ---- which unit, and when ---- */

/* What is said of a unit that needs nothing, or NULL. */
static const char *needless_because(const char *verb, const char *name)
{
    static const struct {
        const char *names, *text;
    } table[] = {
        {"display-manager|gdm|gdm3|sddm|lightdm|lxdm|xdm|ly|greetd|slim|kdm|entrance|nodm|"
         "cosmic-greeter|plasmalogin|graphical.target|multi-user.target",
         "the display manager is found by itself"},
        {"nvidia-persistenced|nvidia-powerd", "it is stopped by itself when its card is passed"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_auto(GStrv) names = g_strsplit(table[i].names, "|", -1);
        if (g_strv_contains((const char *const *)names, name))
            return table[i].text;
    }
    if (g_str_has_prefix(name, "libvirt-nosleep"))
        return "the host does not sleep while the guest runs";
    if (g_str_equal(verb, "stop") &&
        (g_str_has_suffix(name, ".target") || g_str_has_suffix(name, ".slice")))
        return "only what uses the devices is stopped";
    return NULL;
}

static void add_act(const ImportPlace *place, const char *verb, const char *name, gboolean user)
{
    gboolean plain = strchr(name, '.') || strpbrk(name, "*?[");

    if (place->import->acts->len >= IMPORT_MOST_NOTES)
        return;
    Act *act = g_new0(Act, 1);
    act->verb = verb;
    act->unit = plain ? g_strdup(name) : g_strconcat(name, SERVICE, NULL);
    act->user = user;
    act->file = g_strdup(place->file);
    act->line = place->line;
    act->at = place->at;
    act->note = import_note_later(place);
    g_ptr_array_add(place->import->acts, act);
}

static void not_a_name(const ImportPlace *place, const char *verb, const char *unit, gboolean user)
{
    if (strpbrk(unit, "$`") && g_str_equal(verb, "stop") && !user) {
        place->import->stops_display = TRUE;
        import_note(place, VH_IMPORT_PERSON,
                    "%.80s is computed: where it is the display manager, that is found by itself; "
                    "add any other unit to stop",
                    unit);
        return;
    }
    import_note(place, VH_IMPORT_PERSON, "\"%.80s\" is no unit's name", unit);
}

static void take_unit(const ImportPlace *place, const char *verb, const char *unit, gboolean user)
{
    g_autofree char *name = g_strdup(unit);
    const char *letters = user ? LETTERS "*?[]" : LETTERS;

    if (g_str_has_suffix(name, SERVICE))
        name[strlen(name) - strlen(SERVICE)] = '\0';
    /* "libvirt-nosleep@$1" is one of them, and is nobody's name. */
    const char *because = user ? NULL : needless_because(verb, name);
    if (!because && (!*name || *name == '-' || strspn(name, letters) != strlen(name))) {
        not_a_name(place, verb, unit, user);
        return;
    }
    if (!because) {
        add_act(place, verb, name, user);
        return;
    }
    if (g_str_equal(verb, "stop") && strstr(because, "display manager"))
        place->import->stops_display = TRUE;
    import_note(place, VH_IMPORT_NEEDLESS, "%s: %s", name, because);
}

void import_unit(const ImportPlace *place, const char *unit)
{
    take_unit(place, "stop", unit, FALSE);
}

/* ---- systemctl ---- */

typedef struct {
    const char *verb; /* NULL: none */
    gboolean user;
    GPtrArray *units; /* char *, borrowed */
} Call;

static Call call_of(char **words)
{
    static const char *const valued[] = {
        "-M",     "--machine", "-H",         "--host", "-s", "--signal",   "-t",
        "--type", "-p",        "--property", "-n",     "-o", "--job-mode", NULL};
    Call call = {.units = g_ptr_array_new()};

    for (gsize i = 1; words[i]; i++) {
        if (g_str_equal(words[i], "--user"))
            call.user = TRUE;
        else if (words[i][0] == '-')
            i += words[i + 1] && g_strv_contains(valued, words[i]) ? 1 : 0;
        else if (!call.verb)
            call.verb = words[i];
        else
            g_ptr_array_add(call.units, words[i]);
    }
    return call;
}

static void take_units(const ImportPlace *place, const Call *call, const char *text)
{
    for (guint i = 0; i < call->units->len; i++)
        take_unit(place, text, call->units->pdata[i], call->user);
}

static void isolate(const ImportPlace *place, const Call *call, const char *text)
{
    const char *target = call->units->len > 0 ? call->units->pdata[0] : "";

    if (!g_str_has_prefix(target, "graphical"))
        place->import->stops_display = TRUE;
    import_note(place, VH_IMPORT_NEEDLESS, "systemctl %s: %s", call->verb, text);
}

static void needless(const ImportPlace *place, const Call *call, const char *text)
{
    import_note(place, VH_IMPORT_NEEDLESS, "systemctl %s: %s", call->verb, text);
}

/* What is to be said of each verb, or the verb as we write it. */
static const struct {
    const char *verbs;
    void (*take)(const ImportPlace *place, const Call *call, const char *text);
    const char *text;
} verbs[] = {
    {"stop", take_units, "stop"},
    {"start", take_units, "start"},
    {"restart|try-restart|reload-or-restart|condrestart", take_units, "restart"},
    {"isolate", isolate, "only what uses the devices is stopped"},
    {"default", needless, "what was stopped is started again"},
    {"daemon-reload|daemon-reexec|reset-failed", needless,
     "a unit that failed is started again all the same"},
    {"status|show|cat|help|is-active|is-enabled|is-failed|is-system-running|list-units|list-jobs|"
     "list-unit-files|list-dependencies|list-sockets|list-timers|get-default|show-environment",
     needless, "it only asks"},
};

void import_systemctl(const ImportPlace *place, char **words)
{
    Call call = call_of(words);
    g_autoptr(GPtrArray) units = call.units;

    if (!call.verb)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
        g_auto(GStrv) names = g_strsplit(verbs[i].verbs, "|", -1);
        if (g_strv_contains((const char *const *)names, call.verb)) {
            verbs[i].take(place, &call, verbs[i].text);
            return;
        }
    }
    g_autofree char *line = g_strjoinv(" ", words + 1);
    import_note(place, VH_IMPORT_PERSON,
                "not taken over: systemctl %.100s; it can become one of the commands of the "
                "per-VM file",
                line);
}

/* ---- what becomes of it ---- */

static gboolean is_stop(const Act *act)
{
    return g_str_equal(act->verb, "stop");
}

static gboolean has(const GPtrArray *list, const char *text)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)list, text, g_str_equal, NULL);
}

static void add(GPtrArray *list, const char *text)
{
    if (list->len < IMPORT_MOST_WORDS && !has(list, text))
        g_ptr_array_add(list, g_strdup(text));
}

static char *argv_of(const char *verb, const char *unit)
{
    return g_strdup_printf("[ \"" SYSTEMCTL "\", \"%s\", \"%s\" ]", verb, unit);
}

static char *group_of(const Act *act, const char *at, gboolean undo)
{
    g_autofree char *run = argv_of(act->verb, act->unit);
    g_autofree char *stop = argv_of("stop", act->unit);

    return g_strdup_printf("{ at = \"%s\"; run = %s;%s%s%s }", at, run, undo ? "\n    undo = " : "",
                           undo ? stop : "", undo ? ";" : "");
}

static void not_taken(const Act *act, const char *what)
{
    g_autofree char *group = group_of(act, "prepare", g_str_equal(act->verb, "start"));
    g_auto(GStrv) lines = g_strsplit(group, "\n   ", -1);
    g_autofree char *line = g_strjoinv("", lines);

    import_note_settle(act->note, VH_IMPORT_PERSON, "not taken over: systemctl %s%s %s; %s%s%s",
                       act->user ? "--user " : "", act->verb, act->unit, what,
                       act->user || is_stop(act) ? "" : line,
                       act->user || is_stop(act) ? "" : " );");
}

/* Another act on the same unit, of that kind, or NULL. */
static const Act *other_act(const VhImport *import, const Act *act, gboolean stop, gboolean after)
{
    for (guint i = 0; i < import->acts->len; i++) {
        const Act *other = import->acts->pdata[i];
        if (other != act && is_stop(other) == stop && import_is_after(other->at) == after &&
            other->user == act->user && g_str_equal(other->unit, act->unit))
            return other;
    }
    return NULL;
}

/* A script that starts a unit and stops it further down: is that for the guest, or for the way
 * back? Nobody can say where both are in one file. */
static gboolean is_backwards(const VhImport *import, const Act *act)
{
    const Act *other = act->at ? NULL : other_act(import, act, !is_stop(act), FALSE);

    if (!other || other->at || !g_str_equal(other->file, act->file))
        return FALSE;
    return is_stop(act) ? other->line < act->line : act->line < other->line;
}

static void settle_stop(VhImport *import, const Act *act)
{
    if (act->user) {
        add(import->stop_user, act->unit);
        import_note_settle(act->note, VH_IMPORT_TAKEN, "%s is stopped in the users' managers",
                           act->unit);
    } else if (is_backwards(import, act)) {
        not_taken(act, "it is started before that: where it is to be stopped while the guest runs, "
                       "add it to stop");
    } else {
        add(import->stop, act->unit);
        import_note_settle(act->note, VH_IMPORT_TAKEN, "%s is stopped, and started again",
                           act->unit);
    }
}

static void become_command(VhImport *import, const Act *act, gboolean undo)
{
    g_autofree char *group = group_of(act, act->at, undo);

    add(import->commands, group);
    import_note_settle(act->note, VH_IMPORT_TAKEN,
                       "systemctl %s %s is a command now: when it fails, the guest %s", act->verb,
                       act->unit,
                       import_is_after(act->at) ? "is not kept from anything" : "does not start");
}

static void settle_other(VhImport *import, const Act *act)
{
    gboolean start = g_str_equal(act->verb, "start");

    if (has(act->user ? import->stop_user : import->stop, act->unit))
        import_note_settle(act->note, VH_IMPORT_NEEDLESS, "%s: what was stopped is started again",
                           act->unit);
    else if (act->user)
        not_taken(act, "units of users can only be stopped (stop_user)");
    else if (!act->at)
        not_taken(act, "where it is to run when the guest starts, write commands = ( ");
    else
        become_command(import, act,
                       start && !import_is_after(act->at) && other_act(import, act, TRUE, TRUE));
}

/* When the guest has ended, a unit is stopped that was started for it, or one of the host's. */
static void settle_late_stop(VhImport *import, const Act *act)
{
    const Act *start = other_act(import, act, FALSE, FALSE);

    if (start && start->at)
        import_note_settle(act->note, VH_IMPORT_TAKEN, "%s is stopped again", act->unit);
    else
        become_command(import, act, FALSE);
}

void import_units_settle(VhImport *import)
{
    for (guint i = 0; i < import->acts->len; i++) {
        const Act *act = import->acts->pdata[i];
        if (is_stop(act) && !import_is_after(act->at))
            settle_stop(import, act);
    }
    for (guint i = 0; i < import->acts->len; i++) {
        const Act *act = import->acts->pdata[i];
        if (!is_stop(act) || (act->user && import_is_after(act->at)))
            settle_other(import, act);
        else if (import_is_after(act->at))
            settle_late_stop(import, act);
    }
}

/* ---- stop, as a list ---- */

/* Whether there is a display among the devices, as far as anybody can say. */
static gboolean may_have_display(const VhImport *import, VhHost *host)
{
    g_autoptr(GPtrArray) functions = host ? vh_host_pci_list(host, NULL) : NULL;

    if (!functions || functions->len == 0 || import->devices->len == 0)
        return TRUE;
    for (guint i = 0; i < import->devices->len; i++) {
        g_autoptr(VhPciFunction) function = vh_host_pci_look(host, import->devices->pdata[i], NULL);
        if (!function || vh_pci_is_display(function))
            return TRUE;
    }
    return FALSE;
}

/* A list takes the place of "auto", which stops the display manager and what belongs to drivers. */
gboolean import_stop_needs_display(VhImport *import, VhHost *host)
{
    const ImportPlace place = {import, "the per-VM file", 0, NULL};

    if (import->stops_display)
        return TRUE;
    if (!may_have_display(import, host))
        return FALSE;
    import_note(&place, VH_IMPORT_PERSON,
                "stop: a list takes the place of \"auto\", so the display manager is in it; take "
                "it out where the desktop is to stay");
    return TRUE;
}

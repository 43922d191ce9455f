// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes (proc(5)). */
#include "host/real-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* Field 22, counted from the end of the command, which may hold spaces and parentheses itself.
 * @ret_command may be NULL. 0: gone, or a zombie. */
static guint64 read_stat(VhReal *real, pid_t pid, char **ret_command)
{
    enum { STATE = 0, START = 19 }; /* fields 3 and 22 */
    g_autofree char *path = vh_real_path(real, "/proc/%d/stat", pid);
    g_autofree char *text = vh_file_attribute(path);
    char *open = text ? strchr(text, '(') : NULL;
    char *close = text ? strrchr(text, ')') : NULL;
    guint64 start = 0;

    if (pid <= 0 || !open || !close || close < open || close[1] != ' ')
        return 0;
    g_auto(GStrv) fields = g_strsplit(close + 2, " ", START + 2);
    if (g_strv_length(fields) <= START || !vh_number(fields[START], 10, &start) ||
        strchr("ZXx", fields[STATE][0]))
        return 0;
    if (ret_command)
        *ret_command = g_strndup(open + 1, (gsize)(close - open) - 1);
    return start;
}

guint64 vh_real_process_start(VhHost *host, pid_t pid)
{
    return read_stat((VhReal *)host, pid, NULL);
}

VhProcess vh_real_parent(VhHost *host)
{
    VhProcess parent = {.pid = getppid()};

    parent.start_time = read_stat((VhReal *)host, parent.pid, NULL);
    return parent;
}

char *vh_real_boot_id(VhHost *host)
{
    g_autofree char *path = vh_real_path((VhReal *)host, "/proc/sys/kernel/random/boot_id");
    char *text = vh_file_attribute(path);

    return text ? text : g_strdup("");
}

/* ---- users ---- */

/* "name:x:1000:…" */
static char *passwd_name(VhReal *real, uid_t uid)
{
    g_autofree char *path = vh_real_path(real, "/etc/passwd");
    g_auto(GStrv) lines = vh_file_lines(path);

    for (gsize i = 0; lines[i]; i++) {
        g_auto(GStrv) fields = g_strsplit(lines[i], ":", 4);
        guint64 number;
        if (g_strv_length(fields) == 4 && *fields[0] && vh_number(fields[2], 10, &number) &&
            number == uid)
            return g_strdup(fields[0]);
    }
    return NULL;
}

char *vh_user_name(VhReal *real, uid_t uid)
{
    char *name = passwd_name(real, uid);

    if (name)
        return name;
    g_autofree char *path = vh_real_path(real, "/run/systemd/users/%u", uid);
    g_autofree char *text = vh_file_read(path, VH_ATTRIBUTE_MAX, NULL);
    name = vh_line_value(text, "NAME");
    return name ? name : g_strdup_printf("%u", uid);
}

/* The effective user, as ps(1) shows. "Uid:	REAL	EFFECTIVE	SAVED	FILESYSTEM" */
static gboolean read_uid(VhReal *real, pid_t pid, uid_t *ret_uid)
{
    g_autofree char *path = vh_real_path(real, "/proc/%d/status", pid);
    g_auto(GStrv) lines = vh_file_lines(path);

    for (gsize i = 0; lines[i]; i++) {
        guint64 number;
        if (!g_str_has_prefix(lines[i], "Uid:"))
            continue;
        g_auto(GStrv) words = g_strsplit(lines[i], "\t", 4);
        if (g_strv_length(words) < 3 || !vh_number(words[2], 10, &number))
            return FALSE;
        *ret_uid = (uid_t)number;
        return TRUE;
    }
    return FALSE;
}

/* ---- units ---- */

/* What OpenRC puts before a service's name in the unified hierarchy. */
static const char *const openrc[] = {"/openrc.", "/rc/"};

/* The path in a hierarchy, ":name=systemd:" or "::"; NULL where that is not in use. */
static char *cgroup_in(const char *text, const char *hierarchy)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (gsize i = 0; lines[i]; i++) {
        const char *colon = strchr(lines[i], ':');
        const char *path =
            colon && g_str_has_prefix(colon, hierarchy) ? colon + strlen(hierarchy) : NULL;
        /* A hierarchy that nobody uses has everything in its root. */
        if (path && strcmp(path, "/") != 0)
            return g_strdup(path);
    }
    return NULL;
}

/* systemd's own hierarchy: "0::/PATH", or "1:name=systemd:/PATH" where there still is one. */
static char *systemd_cgroup(const char *text)
{
    char *path = cgroup_in(text, ":name=systemd:");

    return path ? path : cgroup_in(text, "::");
}

static char *first_component(const char *path)
{
    return g_strndup(path, strcspn(path, "/"));
}

/* The first component of the path in a hierarchy; NULL where that is not in use. */
static char *first_in(const char *text, const char *hierarchy)
{
    g_autofree char *path = cgroup_in(text, hierarchy);

    return path ? first_component(path + 1) : NULL;
}

static char *unified_openrc(const char *text)
{
    g_autofree char *path = cgroup_in(text, "::");

    for (gsize i = 0; path && i < G_N_ELEMENTS(openrc); i++)
        if (g_str_has_prefix(path, openrc[i]))
            return first_component(path + strlen(openrc[i]));
    return NULL;
}

/* "2", or "c2" where the kernel does not count logins. */
static gboolean is_session_id(const char *name)
{
    const char *digits = *name == 'c' ? name + 1 : name;

    return *digits && strspn(digits, "0123456789") == strlen(digits);
}

/*
 * Without systemd: OpenRC has a service in "1:name=openrc:/SERVICE", "0::/openrc.SERVICE" or,
 * newer, "0::/rc/SERVICE" (sh/rc-cgroup.sh). elogind has a session in "/ID" of whichever hierarchy
 * it found when it was built or started: a named one of its own, OpenRC's, or the unified one.
 */
static void parse_others(const char *text, char **ret_unit, char **ret_session)
{
    static const char *const hierarchies[] = {":name=elogind:", ":name=openrc:", "::"};
    g_autofree char *service = first_in(text, ":name=openrc:");

    for (gsize i = 0; i < G_N_ELEMENTS(hierarchies) && !*ret_session; i++) {
        g_autofree char *name = first_in(text, hierarchies[i]);
        if (name && is_session_id(name))
            *ret_session = g_steal_pointer(&name);
    }
    *ret_unit =
        service && !is_session_id(service) ? g_steal_pointer(&service) : unified_openrc(text);
}

static gboolean is_unit(const char *component)
{
    static const char *const suffixes[] = {".service", ".scope", ".socket", ".mount", ".swap"};

    for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++)
        if (g_str_has_suffix(component, suffixes[i]))
            return TRUE;
    return FALSE;
}

/* The next unit on the way down: slices are passed over, anything else ends the way. A name that
 * would look like a kernel's file has an underscore before it (systemd, cg_escape). */
static const char *next_unit(char **components, gsize *at)
{
    while (components[*at] && g_str_has_suffix(components[*at], ".slice"))
        (*at)++;
    const char *component = components[*at];
    if (!component)
        return NULL;
    if (component[0] == '_')
        component++;
    if (!is_unit(component))
        return NULL;
    (*at)++;
    return component;
}

void vh_cgroup_parse(const char *text, char **ret_unit, char **ret_user_unit, char **ret_session)
{
    g_autofree char *path = systemd_cgroup(text);
    g_auto(GStrv) components = g_strsplit(path ? path + 1 : "", "/", -1);
    gsize at = 0;
    const char *unit = next_unit(components, &at);

    *ret_unit = g_strdup(unit);
    *ret_user_unit = NULL;
    *ret_session = NULL;
    if (!unit) {
        parse_others(text, ret_unit, ret_session);
        return;
    }
    if (g_str_has_prefix(unit, "user@"))
        *ret_user_unit = g_strdup(next_unit(components, &at));
    else if (g_str_has_prefix(unit, "session-") && g_str_has_suffix(unit, ".scope"))
        *ret_session = g_strndup(unit + strlen("session-"),
                                 strlen(unit) - strlen("session-") - strlen(".scope"));
}

gboolean vh_process_describe(VhReal *real, VhHolder *holder)
{
    VhProcess *process = &holder->process;
    g_autofree char *path = vh_real_path(real, "/proc/%d/cgroup", process->pid);
    g_autofree char *cgroup = vh_file_attribute(path);

    process->start_time = read_stat(real, process->pid, &holder->command);
    if (process->start_time == 0 || !read_uid(real, process->pid, &holder->uid))
        return FALSE;
    holder->user = vh_user_name(real, holder->uid);
    vh_cgroup_parse(cgroup ? cgroup : "", &holder->unit, &holder->user_unit, &holder->session);
    return TRUE;
}

/* 0: not known. "PPid:	PARENT" */
static pid_t parent_of(VhReal *real, pid_t pid)
{
    g_autofree char *path = vh_real_path(real, "/proc/%d/status", pid);
    g_auto(GStrv) lines = vh_file_lines(path);
    guint64 number = 0;

    for (gsize i = 0; lines[i]; i++)
        if (g_str_has_prefix(lines[i], "PPid:\t") &&
            vh_number(lines[i] + strlen("PPid:\t"), 10, &number) && number <= G_MAXINT)
            return (pid_t)number;
    return 0;
}

char *vh_process_maker(VhReal *real, pid_t pid)
{
    /* A session may have been begun from within another one (su). */
    enum { GENERATIONS = 8 };

    for (guint i = 0; i < GENERATIONS && (pid = parent_of(real, pid)) > 0; i++) {
        g_autofree char *path = vh_real_path(real, "/proc/%d/cgroup", pid);
        g_autofree char *cgroup = vh_file_attribute(path), *user_unit = NULL, *session = NULL;
        g_autofree char *unit = NULL;
        vh_cgroup_parse(cgroup ? cgroup : "", &unit, &user_unit, &session);
        if (unit && !session)
            return g_steal_pointer(&unit);
    }
    return NULL;
}

/* ---- guests ---- */

/* Whether an argument says "guest=NAME,…"; commas in the name are doubled. -1: none names one. */
static int names_guest(GBytes *arguments, const char *guest)
{
    gsize length, at = 0;
    const char *data = g_bytes_get_data(arguments, &length);
    g_auto(GStrv) parts = g_strsplit(guest, ",", -1);
    g_autofree char *escaped = g_strjoinv(",,", parts);
    g_autofree char *wanted = g_strconcat("guest=", escaped, NULL);
    gsize n = strlen(wanted);

    for (; at < length; at += strnlen(data + at, length - at) + 1) {
        const char *argument = data + at;
        gsize size = strnlen(argument, length - at);
        if (size < strlen("guest=") || strncmp(argument, "guest=", strlen("guest=")) != 0)
            continue;
        return size >= n && memcmp(argument, wanted, n) == 0 &&
               (size == n || (argument[n] == ',' && (size == n + 1 || argument[n + 1] != ',')));
    }
    return -1;
}

/* Reading another's command line waits for a lock of its memory, which a QEMU that is pinning a
 * guest's memory holds for long: in a child. */
static int act_cmdline(gpointer data, GString *answer)
{
    char buffer[4096];
    FILE *file = fopen(data, "re");
    gsize n;

    if (!file)
        return ENOENT;
    while ((n = fread(buffer, 1, sizeof buffer, file)) > 0 && answer->len < VH_TABLE_MAX / 8)
        g_string_append_len(answer, buffer, (gssize)n);
    (void)fclose(file);
    return 0;
}

static gboolean is_qemu(VhReal *real, pid_t pid, const char *command, const char *guest)
{
    g_autofree char *path = vh_real_path(real, "/proc/%d/cmdline", pid);
    g_autoptr(GBytes) arguments = NULL;
    gboolean looks_like = strstr(command, "qemu") != NULL || strstr(command, "kvm") != NULL;
    g_autoptr(GError) error = NULL;

    /* In doubt it runs: taking devices from a running guest is worse than leaving them. */
    if (!vh_child_look(real, "look at QEMU", real->look_limit, act_cmdline, path, &arguments,
                       &error))
        return vh_error_is_timeout(error) || looks_like;
    int named = names_guest(arguments, guest);
    return named >= 0 ? named : looks_like;
}

/* libvirt writes it there as it would into XML: virPidFileBuildPath in src/util/virpidfile.c, with
 * virBufferEscapeString. */
static char *pid_file_name(const char *guest)
{
    static const struct {
        char character;
        const char *entity;
    } entities[] = {
        {'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}, {'\'', "&apos;"}};
    GString *name = g_string_new(NULL);

    for (; *guest; guest++) {
        gsize i = 0;
        while (i < G_N_ELEMENTS(entities) && entities[i].character != *guest)
            i++;
        if (i < G_N_ELEMENTS(entities))
            g_string_append(name, entities[i].entity);
        else
            g_string_append_c(name, *guest);
    }
    g_string_append(name, ".pid");
    return g_string_free(name, FALSE);
}

gboolean vh_real_guest_running(VhHost *host, const char *guest)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *name = pid_file_name(guest);
    g_autofree char *path = vh_real_path(real, "/run/libvirt/qemu/%s", name);
    g_autofree char *text = vh_name_is_plain(guest) ? vh_file_attribute(path) : NULL;
    g_autofree char *command = NULL;
    guint64 pid;

    if (!text || !vh_number(g_strstrip(text), 10, &pid) || pid == 0 || pid > G_MAXINT ||
        read_stat(real, (pid_t)pid, &command) == 0)
        return FALSE;
    return is_qemu(real, (pid_t)pid, command, guest);
}

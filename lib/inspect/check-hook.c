// SPDX-License-Identifier: GPL-2.0-or-later
/* libvirt, our hook, other hooks, and what may keep libvirt from running ours. */
#include <string.h>
#include <sys/stat.h>

#include "inspect/check-private.h"

/* ---- the daemon ---- */

/* The first unit of @names that is active (its name, static), with *@ret_loaded the first one that
 * is installed; NULL with an error when nobody can be asked. */
static const char *active_unit(VhHost *host, const char *const *names, const char **ret_loaded,
                               GError **error)
{
    *ret_loaded = NULL;
    for (gsize i = 0; names[i]; i++) {
        g_autoptr(VhUnit) unit = vh_host_unit_look(host, names[i], error);
        if (!unit)
            return NULL;
        if (g_strcmp0(unit->active, "active") == 0)
            return names[i];
        if (g_strcmp0(unit->load, "loaded") == 0 && !*ret_loaded)
            *ret_loaded = names[i];
    }
    return NULL;
}

void vh_check_daemon(gpointer data)
{
    VhChecking *checking = data;
    static const char *const names[] = {"virtqemud.service", "libvirtd.service", "virtqemud.socket",
                                        "libvirtd.socket", NULL};
    g_autoptr(GError) error = NULL;
    const char *loaded;
    const char *active = active_unit(checking->host, names, &loaded, &error);

    if (error) {
        vh_check_unknown(checking, "whether it runs", error);
    } else if (active) {
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s is active", active);
    } else if (loaded) {
        const VhServiceManager *manager = vh_host_service_manager(checking->host);
        g_autofree char *start = vh_service_command(
            manager, manager == &vh_manager_systemd ? "enable --now" : "start", loaded);
        g_autofree char *mend = g_strconcat("sudo ", start, NULL);
        vh_check_add(checking, VH_FINDING_FAILURE, mend, "%s is not active", loaded);
    } else {
        vh_check_add(checking, VH_FINDING_FAILURE, "install libvirt's daemon with QEMU",
                     "neither libvirtd nor virtqemud is installed");
    }
}

/* ---- the hook ---- */

static gboolean is_ours(VhChecking *checking, const char *path)
{
    g_autoptr(GBytes) bytes = vh_host_bytes(checking->host, path, NULL);
    gsize size = 0;
    const char *start = bytes ? g_bytes_get_data(bytes, &size) : NULL;

    return start && memmem(start, size, checking->in->engine, strlen(checking->in->engine)) != NULL;
}

static void check_rights(VhChecking *checking, const char *path, const VhFileInfo *info)
{
    g_autofree char *chmod_command = g_strdup_printf("sudo chmod 0755 %s", path);
    g_autofree char *chown_command = g_strdup_printf("sudo chown root:root %s", path);

    if (!S_ISREG(info->mode))
        vh_check_add(checking, VH_FINDING_FAILURE, "install virt-handoff again",
                     "%s is no regular file", path);
    else if ((info->mode & 0111) != 0111)
        vh_check_add(checking, VH_FINDING_FAILURE, chmod_command, "%s is not executable for all",
                     path);
    if (info->uid != 0)
        vh_check_add(checking, VH_FINDING_FAILURE, chown_command,
                     "%s belongs to user %u, who could have root run anything", path, info->uid);
    if (info->mode & 0022)
        vh_check_add(checking, VH_FINDING_FAILURE, chmod_command,
                     "%s can be written by others than root", path);
}

static void check_contents(VhChecking *checking, const char *path)
{
    const char *engine = checking->in->engine;
    VhFileInfo info;

    if (!is_ours(checking, path))
        vh_check_add(checking, VH_FINDING_FAILURE,
                     "keep it under another name, then install virt-handoff again",
                     "%s is another program than virt-handoff's", path);
    else if (!vh_check_follow(checking->host, engine, &info, NULL, NULL))
        vh_check_add(checking, VH_FINDING_FAILURE, "install virt-handoff again",
                     "%s runs %s, which is not there", path, engine);
    else if (!S_ISREG(info.mode) || !(info.mode & 0111))
        vh_check_add(checking, VH_FINDING_FAILURE, "install virt-handoff again",
                     "%s runs %s, which is not executable", path, engine);
}

void vh_check_hook(gpointer data)
{
    VhChecking *checking = data;
    g_autofree char *path = g_build_filename(checking->in->hooks_dir, "qemu", NULL);
    g_autofree char *where = NULL;
    g_autoptr(GError) error = NULL;
    guint before = checking->findings->len;
    VhFileInfo info;
    gboolean known;

    if (!vh_check_follow(checking->host, path, &info, &where, &error)) {
        if (!vh_check_there(checking, path, "/etc", &known) && known)
            vh_check_add(checking, VH_FINDING_FAILURE, "install virt-handoff", "%s is not there",
                         path);
        else
            vh_check_unknown(checking, "what the hook is", error);
        return;
    }
    check_rights(checking, where, &info);
    check_contents(checking, where);
    if (checking->findings->len == before)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s", path);
}

/* ---- has the daemon seen it? ---- */

/* Seconds since 1970 of this boot, 0: not known. */
static gint64 boot_time(VhChecking *checking)
{
    g_autofree char *text = vh_check_read(checking, "/proc/stat");
    const char *line = text ? strstr(text, "\nbtime ") : NULL;

    return line ? g_ascii_strtoll(line + strlen("\nbtime "), NULL, 10) : 0;
}

/* The daemon's pid by its own file, 0: none. */
static pid_t daemon_pid(VhChecking *checking, const char **ret_unit)
{
    static const struct {
        const char *path, *unit;
    } files[] = {
        {"/run/virtqemud.pid", "virtqemud"},
        {"/run/libvirt/virtqemud.pid", "virtqemud"},
        {"/run/libvirtd.pid", "libvirtd"},
        {"/run/libvirt/libvirtd.pid", "libvirtd"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *text = vh_check_read(checking, files[i].path);
        gint64 pid = text ? g_ascii_strtoll(text, NULL, 10) : 0;
        if (pid <= 0 || pid > G_MAXINT32 || !vh_host_process_start(checking->host, (pid_t)pid))
            continue;
        *ret_unit = files[i].unit;
        return (pid_t)pid;
    }
    return 0;
}

/* Whether a guest has its devices by a call of that very daemon: then it knows the hook, whenever
 * the file was put there, as another one was in its place before. */
static gboolean has_called(VhChecking *checking, pid_t pid)
{
    const GPtrArray *journals = checking->in->journals;
    guint64 start = pid != 0 ? vh_host_process_start(checking->host, pid) : 0;

    for (guint i = 0; start != 0 && journals && i < journals->len; i++) {
        const VhJournal *journal = journals->pdata[i];
        if (journal->daemon.pid == pid && journal->daemon.start_time == start)
            return TRUE;
    }
    return FALSE;
}

void vh_check_loaded(gpointer data)
{
    VhChecking *checking = data;
    enum { TICKS = 100 }; /* per second, in /proc: USER_HZ */
    g_autofree char *path = g_build_filename(checking->in->hooks_dir, "qemu", NULL);
    const char *unit = NULL;
    pid_t pid = daemon_pid(checking, &unit);
    gint64 boot = boot_time(checking);
    VhFileInfo info;

    if (has_called(checking, pid)) {
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s has called it", unit);
        return;
    }
    if (!vh_host_stat(checking->host, path, &info, NULL) || info.changed == 0 || boot == 0 ||
        pid == 0) {
        vh_check_unknown(checking, "whether libvirt's daemon started after the hook was there",
                         NULL);
        return;
    }
    gint64 started = boot + (gint64)(vh_host_process_start(checking->host, pid) / TICKS);
    const VhServiceManager *manager = vh_host_service_manager(checking->host);
    g_autofree char *service = g_strconcat(unit, ".service", NULL);
    g_autofree char *again =
        vh_service_command(manager, manager == &vh_manager_systemd ? "reload" : "restart", unit);
    g_autofree char *mend = g_strdup_printf("sudo %s (guests go on)", again);
    if (started >= info.changed)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s started after the hook was there", unit);
    else if (vh_host_unit_reloaded(checking->host, service) >= info.changed)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s was reloaded after the hook was there",
                     unit);
    else
        vh_check_add(checking, VH_FINDING_WARNING, mend,
                     "%s was put there after %s started, and no reload since is known", path, unit);
}

/* ---- other hooks ---- */

/* Somebody else's hook, which our setup and our packages put aside and bring back. */
#define KEPT "qemu.before-virt-handoff"

static void add_name(VhChecking *checking, const char *name)
{
    g_autofree char *path = g_build_filename(checking->in->hooks_dir, name, NULL);
    g_autofree char *mend =
        g_strdup_printf("sudo mv %s /root/ (after a look at what it does)", path);

    if (g_str_equal(name, KEPT))
        vh_check_add(checking, VH_FINDING_OK, NULL,
                     "%s is the hook that was there before: it is not run, and comes back when "
                     "virt-handoff is removed",
                     path);
    else
        vh_check_add(checking, VH_FINDING_WARNING, mend, "%s is of no use here", path);
}

static guint check_names(VhChecking *checking)
{
    /* libvirt's own, and ours. */
    static const char *const known[] = {"qemu",    "qemu.d", "kvm.conf.d", "daemon",    "daemon.d",
                                        "lxc",     "lxc.d",  "network",    "network.d", "libxl",
                                        "libxl.d", "bhyve",  "bhyve.d",    NULL};
    g_auto(GStrv) names = vh_host_list(checking->host, checking->in->hooks_dir);
    guint found = 0;

    for (gsize i = 0; names[i]; i++) {
        if (g_strv_contains(known, names[i]))
            continue;
        add_name(checking, names[i]);
        found++;
    }
    return found;
}

/* What a guest's own script had better leave to us. */
static guint check_script(VhChecking *checking, const char *path)
{
    static const struct {
        const char *word, *problem;
    } doubtful[] = {
        {"virsh", "calls libvirt, which waits for it meanwhile: that can hang for ever"},
        {"display-manager", "stops or starts the desktop, which is done already"},
        {"vtconsole", "unbinds or binds consoles, which is done already"},
        {"efi-framebuffer", "unbinds or binds the framebuffer, which is done already"},
        {"modprobe -r", "unloads modules, which is done already"},
    };
    g_autofree char *text = vh_check_read(checking, path);
    g_autofree char *mend = g_strdup_printf(
        "virt-handoff import %s says what becomes of it; then sudo mv it to /root/", path);

    for (gsize i = 0; text && i < G_N_ELEMENTS(doubtful); i++)
        if (strstr(text, doubtful[i].word)) {
            vh_check_add(checking, VH_FINDING_WARNING, mend, "%s %s", path, doubtful[i].problem);
            return 1;
        }
    return 0;
}

/* The scripts of one guest, in the layout of the VFIO-Tools hook helper: a file or a directory for
 * each operation. */
static guint check_guest_scripts(VhChecking *checking, const char *dir)
{
    static const char *const times[] = {"prepare/begin", "start/begin", "started/begin",
                                        "stopped/end", "release/end"};
    guint found = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autofree char *path = g_build_filename(dir, times[i], NULL);
        g_auto(GStrv) names = vh_host_list(checking->host, path);
        VhFileInfo info;
        if (vh_check_follow(checking->host, path, &info, NULL, NULL) && S_ISREG(info.mode))
            found += check_script(checking, path);
        for (char **name = names; *name; name++) {
            g_autofree char *script = g_build_filename(path, *name, NULL);
            found += check_script(checking, script);
        }
    }
    return found;
}

/* libvirt 6.5 and later runs every file there for every guest; directories are for the guest of
 * that name, and for us to run. */
static guint check_scripts(VhChecking *checking)
{
    g_autofree char *dir = g_build_filename(checking->in->hooks_dir, "qemu.d", NULL);
    g_auto(GStrv) names = vh_host_list(checking->host, dir);
    guint found = 0;

    for (gsize i = 0; names[i]; i++) {
        g_autofree char *path = g_build_filename(dir, names[i], NULL);
        VhFileInfo info;
        if (!vh_check_follow(checking->host, path, &info, NULL, NULL) || !S_ISREG(info.mode)) {
            found += check_guest_scripts(checking, path);
            continue;
        }
        g_autofree char *mend = g_strdup_printf("sudo mv %s /root/ (after a look at it)", path);
        if (info.mode & 0111)
            vh_check_add(checking, VH_FINDING_WARNING, mend,
                         "libvirt runs %s for every guest, beside our hook", path);
        else
            vh_check_add(checking, VH_FINDING_WARNING, mend,
                         "%s is not executable, of which libvirt complains at each start", path);
        found++;
    }
    return found;
}

void vh_check_strangers(gpointer data)
{
    VhChecking *checking = data;
    VhFileInfo info;
    g_autoptr(GError) error = NULL;

    if (!vh_host_stat(checking->host, checking->in->hooks_dir, &info, &error))
        vh_check_unknown(checking, "what other hooks there are", error);
    else if (check_names(checking) + check_scripts(checking) == 0)
        vh_check_add(checking, VH_FINDING_OK, NULL, "none");
}

/* ---- AppArmor ---- */

/* The mode of the profile of libvirt's daemon, from the kernel's list "NAME (MODE)"; NULL: none. */
static char *profile_mode(const char *profiles)
{
    static const char *const names[] = {"libvirtd", "virtqemud", "/usr/sbin/libvirtd",
                                        "/usr/sbin/virtqemud"};
    g_auto(GStrv) lines = g_strsplit(profiles, "\n", -1);

    for (gsize i = 0; lines[i]; i++)
        for (gsize j = 0; j < G_N_ELEMENTS(names); j++) {
            const char *rest = lines[i] + strlen(names[j]);
            if (g_str_has_prefix(lines[i], names[j]) && g_str_has_prefix(rest, " ("))
                return g_strndup(rest + 2, strcspn(rest + 2, ")"));
        }
    return NULL;
}

/* Directories whose programs the profile lets the daemon run unconfined (PUx). */
static gboolean is_let_run(const char *path)
{
    static const char *const directories[] = {"/bin", "/sbin", "/usr/bin", "/usr/sbin", NULL};
    g_autofree char *directory = g_path_get_dirname(path);

    return g_strv_contains(directories, directory);
}

void vh_check_apparmor(gpointer data)
{
    VhChecking *checking = data;
    const char *engine = checking->in->engine;
    g_autofree char *enabled = vh_check_read(checking, "/sys/module/apparmor/parameters/enabled");
    g_autoptr(GError) error = NULL;
    g_autofree char *profiles =
        vh_host_read(checking->host, "/sys/kernel/security/apparmor/profiles", &error);
    gboolean known;

    if (g_strcmp0(enabled, "N") == 0 ||
        (!enabled && !vh_check_there(checking, "/sys/module/apparmor", "/sys/module", &known) &&
         known)) {
        vh_check_add(checking, VH_FINDING_OK, NULL, "not in use");
        return;
    }
    if (!profiles) {
        vh_check_unknown(checking, "whether a profile confines libvirt", error);
        return;
    }
    g_autofree char *mode = profile_mode(profiles);
    if (g_strcmp0(mode, "enforce") == 0 && !is_let_run(engine))
        vh_check_add(checking, VH_FINDING_FAILURE, "install virt-handoff with prefix /usr",
                     "libvirt's profile does not let the hook run %s", engine);
    else if (g_strcmp0(mode, "enforce") == 0)
        vh_check_add(checking, VH_FINDING_OK, NULL, "libvirt's profile lets the hook run %s",
                     engine);
    else
        vh_check_add(checking, VH_FINDING_OK, NULL, "does not confine libvirt");
}

/* ---- SELinux ---- */

/* Of the hook; a file that was moved here has that of where it came from. */
static void check_label(VhChecking *checking)
{
    const char *dir = checking->in->hooks_dir;
    g_autofree char *path = g_build_filename(dir, "qemu", NULL);
    g_autofree char *mend = g_strdup_printf("sudo restorecon -Rv %s", dir);
    g_autoptr(GError) error = NULL;
    g_autofree char *label = vh_host_label(checking->host, path, &error);
    g_auto(GStrv) parts = label ? g_strsplit(label, ":", -1) : NULL;

    /* "user:role:type:level" */
    if (!label)
        vh_check_unknown(checking, "which label the hook has", error);
    else if (g_strv_length(parts) > 2 && g_str_equal(parts[2], "virt_hook_t"))
        vh_check_add(checking, VH_FINDING_OK, NULL, "the hook has the label virt_hook_t");
    else
        vh_check_add(checking, VH_FINDING_WARNING, mend,
                     "the hook has the label %s, which libvirt's daemon may not run, instead of "
                     "virt_hook_t",
                     *label ? label : "\"\"");
}

void vh_check_selinux(gpointer data)
{
    VhChecking *checking = data;
    g_autofree char *enforce = vh_check_read(checking, "/sys/fs/selinux/enforce");
    g_autofree char *value =
        vh_check_read(checking, "/sys/fs/selinux/booleans/virt_hooks_unconfined");
    gboolean known;

    if (!enforce) {
        if (!vh_check_there(checking, "/sys/fs/selinux/enforce", "/sys/fs", &known) && known)
            vh_check_add(checking, VH_FINDING_OK, NULL, "not in use");
        else
            vh_check_unknown(checking, "whether it is in use", NULL);
        return;
    }
    if (!g_str_has_prefix(enforce, "1")) {
        vh_check_add(checking, VH_FINDING_OK, NULL, "permissive");
        return;
    }
    if (!value)
        vh_check_add(checking, VH_FINDING_WARNING, "update selinux-policy",
                     "enforcing, and this policy has no virt_hooks_unconfined");
    else if (g_str_has_prefix(value, "1"))
        vh_check_add(checking, VH_FINDING_OK, NULL, "enforcing, virt_hooks_unconfined is on");
    else
        vh_check_add(checking, VH_FINDING_FAILURE, "sudo setsebool -P virt_hooks_unconfined on",
                     "enforcing, and virt_hooks_unconfined is off");
    check_label(checking);
}

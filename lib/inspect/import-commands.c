// SPDX-License-Identifier: GPL-2.0-or-later
/* What the commands of hook scripts are to us. */
#include <string.h>

#include "base/address.h"
#include "base/text.h"
#include "inspect/import-private.h"

typedef struct Command Command;
struct Command {
    const char *program;  /* without its directory; '|' between several */
    const char *argument; /* one of its arguments begins so; NULL: any */
    void (*take)(const ImportPlace *place, const Command *command, char **words);
    const char *text; /* why it is needless, or what a person has to do */
};

/* ---- kinds of commands ---- */

static void needless(const ImportPlace *place, const Command *command, char **words)
{
    import_note(place, VH_IMPORT_NEEDLESS, "%s: %s", words[0], command->text);
}

static void for_person(const ImportPlace *place, const Command *command, char **words)
{
    g_autofree char *line = g_strjoinv(" ", words);
    g_autofree char *text = vh_text_one_line(line);

    import_note(place, VH_IMPORT_PERSON, "%.100s: %s", text, command->text);
}

static void ignored(const ImportPlace *place, const Command *command, char **words)
{
}

static void detach(const ImportPlace *place, const Command *command, char **words)
{
    for (gsize i = 1; words[i]; i++)
        if (!g_str_has_prefix(words[i], "nodedev-") && words[i][0] != '-')
            if (!import_device(place, words[i], "detached by virsh")) {
                for_person(place, command, words);
                return;
            }
}

static void systemctl(const ImportPlace *place, const Command *command, char **words)
{
    import_systemctl(place, words);
}

/* "telinit 3": no graphical target. */
static void runlevel(const ImportPlace *place, const Command *command, char **words)
{
    if (words[1] && !g_str_equal(words[1], "5"))
        place->import->stops_display = TRUE;
    needless(place, command, words);
}

static void allowed_cpus(const ImportPlace *place, const Command *command, char **words)
{
    for (gsize i = 1; words[i]; i++) {
        const char *cpus = strstr(words[i], "AllowedCPUs=");
        if (!cpus)
            continue;
        cpus += strlen("AllowedCPUs=");
        /* The shortest list is the one while the guest runs; the other gives all back. */
        const char *old = place->import->host_cpus;
        if (*cpus && strspn(cpus, "0123456789,-") == strlen(cpus)) {
            if (!old || strlen(cpus) < strlen(old)) {
                g_free(place->import->host_cpus);
                place->import->host_cpus = g_strdup(cpus);
            }
            import_note(place, VH_IMPORT_TAKEN, "AllowedCPUs: CPUs that are left to the host");
        } else {
            for_person(place, command, words);
        }
        return;
    }
    for_person(place, command, words);
}

static void governor(const ImportPlace *place, const Command *command, char **words)
{
    for (gsize i = 1; words[i] && words[i + 1]; i++)
        if (g_str_equal(words[i], "-g"))
            import_governor(place, words[i + 1]);
}

static void terminate(const ImportPlace *place, const Command *command, char **words)
{
    place->import->terminate = TRUE;
    import_note(place, VH_IMPORT_TAKEN, "sessions are terminated (sessions = \"terminate\")");
}

static void wake(const ImportPlace *place, const Command *command, char **words)
{
    g_free(place->import->reset);
    place->import->reset = g_strdup("rtcwake");
    import_note(place, VH_IMPORT_TAKEN, "a short suspend to RAM resets the card");
}

static void modules(const ImportPlace *place, const Command *command, char **words)
{
    static const char *const known[] = {
        "nvidia", "amdgpu",     "radeon", "nouveau",   "i915",   "xe",     "vfio",  "snd_hda",
        "drm",    "i2c_nvidia", "ttm",    "gpu_sched", "amdkfd", "virqfd", "bochs", NULL};

    for (gsize i = 1; words[i]; i++) {
        gboolean ours = words[i][0] == '-';
        g_autofree char *name = g_strdelimit(g_strdup(words[i]), "-", '_');
        for (gsize k = 0; known[k] && !ours; k++)
            ours = g_str_has_prefix(name, known[k]);
        if (!ours) {
            for_person(place, command, words);
            return;
        }
    }
    import_note(place, VH_IMPORT_NEEDLESS,
                "%s: modules are found from the devices, and come back as they were", words[0]);
}

#define DEADLOCK "a hook must not call libvirt, which may wait for the hook for ever; leave it out"

static const Command commands[] = {
    {"virsh", "nodedev-de", detach, "it names no PCI address"},
    {"virsh", "nodedev-reattach", needless, "devices go back by themselves"},
    {"virsh", NULL, for_person, DEADLOCK},
    {"sleep", NULL, needless, "what is needed is waited for"},
    {"modprobe|rmmod|insmod", NULL, modules,
     "this module is none of a display's: have it loaded by /etc/modules-load.d, or by a script in "
     "qemu.d"},
    {"systemctl", "set-property", allowed_cpus, "only AllowedCPUs is known"},
    {"systemctl", NULL, systemctl, NULL},
    {"init|telinit", NULL, runlevel, "only what uses the devices is stopped"},
    {"service|rc-service|sv", NULL, for_person, "services can be listed in stop"},
    {"loginctl", "terminate", terminate, NULL},
    {"loginctl", "kill", terminate, NULL},
    {"killall|pkill|kill|fuser", NULL, for_person,
     "who holds a device is found and named; sessions = \"terminate\" ends sessions"},
    {"rtcwake", NULL, wake, NULL},
    {"cpupower", "frequency-set", governor, NULL},
    {"nvidia-xconfig", NULL, needless, "the display server finds its cards itself"},
    {"nvidia-smi|nvidia-persistenced", NULL, needless,
     "holders of the card are found and waited for"},
    {"systemd-inhibit|caffeine", NULL, needless, "the host does not sleep while the guest runs"},
    {"echo|printf|logger|set|shopt|exit|return|true|false|:|[|[[|test|date|shift|break|continue|"
     "wait|trap|cd|read|basename|dirname|tee|grep|awk|sed|cat|lspci|readonly|unset|((|let|lsmod|"
     "umask|sync|touch|mkdir|chmod|chown|ls",
     NULL, ignored, NULL},
    {"source|.", NULL, for_person, "import that file, too, if it has devices in it"},
    {"vfio-startup|vfio-startup.sh|vfio-teardown|vfio-teardown.sh", NULL, for_person,
     "a guide's script, which does what the hook does itself: import that file, too, for what it "
     "says of this host"},
};

static gboolean has_argument(char **words, const char *start)
{
    if (!start)
        return TRUE;
    for (gsize i = 1; words[0] && words[i]; i++)
        if (g_str_has_prefix(words[i], start))
            return TRUE;
    return FALSE;
}

/* A path that ends in the program's name; a line of /etc/passwd does so too. */
static gboolean is_program(const char *programs, const char *word)
{
    g_auto(GStrv) list = g_strsplit(programs, "|", -1);
    const char *slash = strrchr(word, '/');

    return !strchr(word, ':') &&
           g_strv_contains((const char *const *)list, slash ? slash + 1 : word);
}

gboolean import_is_program(const char *word)
{
    gboolean known = import_is_wrapper(word);

    for (gsize i = 0; i < G_N_ELEMENTS(commands) && !known; i++)
        known = is_program(commands[i].program, word);
    return known;
}

/* ---- writes to attributes ---- */

typedef struct {
    const char *part; /* of the path */
    VhImportVerdict verdict;
    const char *text;
} Target;

static const Target targets[] = {
    {"vtconsole", VH_IMPORT_NEEDLESS, "consoles on the card are unbound by themselves"},
    {"framebuffer", VH_IMPORT_NEEDLESS, "the firmware's framebuffer is unbound by itself"},
    {"/new_id", VH_IMPORT_NEEDLESS, "devices are bound by their address"},
    {"/remove_id", VH_IMPORT_NEEDLESS, "devices are bound by their address"},
    {"compact_memory", VH_IMPORT_NEEDLESS, "huge pages are made by their own step"},
    {"drop_caches", VH_IMPORT_NEEDLESS, "huge pages are made by their own step"},
    {"/dev/kmsg", VH_IMPORT_NEEDLESS, "everything goes to the systemd journal"},
    {"drivers_probe", VH_IMPORT_NEEDLESS, "devices go back by themselves"},
    {"/remove", VH_IMPORT_PERSON, "reset = \"rescan\" removes a device and finds it again"},
    {"/rescan", VH_IMPORT_PERSON, "reset = \"rescan\" removes a device and finds it again"},
    {"/sys/", VH_IMPORT_PERSON, "is no attribute that virt-handoff writes; a script in qemu.d can"},
    {"/proc/", VH_IMPORT_PERSON,
     "is no attribute that virt-handoff writes; a script in qemu.d can"},
};

/* The address that is a component of the path, or the value written. */
static void address_written(const ImportPlace *place, const char *target, char **words)
{
    g_auto(GStrv) parts = g_strsplit(target, "/", 64);

    for (gsize i = 0; parts[i]; i++) {
        g_autofree char *address = vh_address_canonical(parts[i], NULL);
        if (address) {
            import_device(place, address, "taken from its driver");
            return;
        }
    }
    for (gsize i = 1; words[0] && words[i]; i++)
        if (strlen(words[i]) > 6 && import_device(place, words[i], "taken from its driver"))
            return;
    import_note(place, VH_IMPORT_PERSON, "%.100s: which device it is about is not plain", target);
}

static void take_target(const ImportPlace *place, const char *raw, char **words)
{
    g_autofree char *target = vh_text_one_line(raw);

    if (strstr(target, "nr_hugepages")) {
        place->import->hugepages = -1;
        import_note(place, VH_IMPORT_TAKEN,
                    "huge pages are counted from the domain's own memory (hugepages = \"auto\")");
        return;
    }
    if (strstr(target, "scaling_governor") && words[0] && words[1]) {
        import_governor(place, words[1]);
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(targets); i++) {
        gboolean device =
            strstr(target, "/sys/bus/pci/") && g_str_has_prefix(targets[i].part, "/sys");
        if (device && (strstr(target, "bind") || strstr(target, "driver_override"))) {
            address_written(place, target, words);
            return;
        }
        if (strstr(target, targets[i].part)) {
            import_note(place, targets[i].verdict, "%.100s: %s", target, targets[i].text);
            return;
        }
    }
}

/* A command that nobody knows, but that is about a device. */
static gboolean address_unknown(const ImportPlace *place, char **words)
{
    for (gsize i = 0; words[i]; i++) {
        g_autofree char *address = vh_address_canonical(words[i], NULL);
        if (!address)
            continue;
        import_note_device(place, address,
                           "%.100s: it is not known; %s was not taken: add it to devices if the "
                           "guest is to have it",
                           words[0], address);
        return TRUE;
    }
    return FALSE;
}

/* Whether it is a file that no package brings: what it does may be ours to do. */
static gboolean is_own_script(const char *path)
{
    static const char *const homes[] = {"/usr/local/", "/etc/", "/home/", "/root/", "/opt/", "./"};

    if (g_str_has_suffix(path, ".sh"))
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(homes); i++)
        if (g_str_has_prefix(path, homes[i]))
            return TRUE;
    return FALSE;
}

void import_command(const ImportPlace *place, char **outer, const char *target)
{
    g_auto(GStrv) words = import_unwrap(outer);

    if (target)
        take_target(place, target, words);
    if (!words[0] || !*words[0])
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        if (is_program(commands[i].program, words[0]) &&
            has_argument(words, commands[i].argument)) {
            g_autofree char *name = vh_text_one_line(words[0]);
            char *first = words[0];
            place->import->known++;
            words[0] = name;
            commands[i].take(place, &commands[i], words);
            words[0] = first;
            return;
        }
    if (address_unknown(place, words))
        return;
    g_autofree char *line = g_strjoinv(" ", words);
    g_autofree char *text = vh_text_one_line(line);
    import_note_strange(
        place,
        "%.100s: it is not known; %sit can become one of the commands of the "
        "per-VM file, or a script in qemu.d",
        text, is_own_script(words[0]) ? "if it moves devices, import it, too; else " : "");
}

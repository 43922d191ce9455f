// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/keys.h"

#include "base/text.h"
#include "config/check.h"
#include "config/config.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define FIELD(type, member)                                                                        \
    {                                                                                              \
        offsetof(type, member), sizeof(((type *)NULL)->member)                                     \
    }

/* Numbers stay far below 2^31: libconfig 1.5 cuts larger ones without a word. */
enum { MAX_TIMEOUT = 300, MAX_HUGEPAGES = 16 * 1024 * 1024, MAX_NODE = 1023 };

static const VhKey hugepage_keys[] = {
    {.name = "size",
     .accepts = VH_ACCEPTS_SIZE,
     .noun = "a page size such as \"2M\" or \"1G\"",
     .value = FIELD(VhConfig, hugepage_size),
     .doc = "size of a page; the host's default size when left out"},
    {.name = "count",
     .accepts = VH_ACCEPTS_NUMBER,
     .min = 1,
     .max = MAX_HUGEPAGES,
     .required = TRUE,
     .value = FIELD(VhConfig, hugepage_count),
     .doc = "number of pages"},
    {.name = "node",
     .accepts = VH_ACCEPTS_NUMBER,
     .min = -1,
     .max = MAX_NODE,
     .preset = "-1",
     .value = FIELD(VhConfig, hugepage_node),
     .doc = "NUMA node to take them from; -1 is any"},
    {.name = NULL},
};

static const VhKey command_keys[] = {
    {.name = "at",
     .accepts = VH_ACCEPTS_WORD,
     .words = WORDS("prepare", "start", "started", "stopped", "release", "reconnect", "migrate",
                    "restore", "attach"),
     .required = TRUE,
     .value = FIELD(VhConfigCommand, at),
     .doc = "libvirt's operation at which it runs"},
    {.name = "run",
     .accepts = VH_ACCEPTS_ARGV,
     .check = vh_check_program,
     .required = TRUE,
     .value = FIELD(VhConfigCommand, run),
     .doc = "program and arguments; no shell reads them"},
    {.name = "undo",
     .accepts = VH_ACCEPTS_ARGV,
     .check = vh_check_program,
     .value = FIELD(VhConfigCommand, undo),
     .doc = "program and arguments that take it back"},
    {.name = "timeout",
     .accepts = VH_ACCEPTS_NUMBER,
     .min = 1,
     .max = MAX_TIMEOUT,
     .preset = "5",
     .value = FIELD(VhConfigCommand, timeout),
     .doc = "seconds it may take"},
    {.name = NULL},
};

const VhKey vh_keys[] = {
    {.name = "devices",
     .accepts = VH_ACCEPTS_WORD | VH_ACCEPTS_LIST,
     .words = WORDS("auto"),
     .noun = "PCI addresses",
     .check = vh_check_address,
     .preset = "\"auto\"",
     .choice = FIELD(VhConfig, devices),
     .other = VH_CHOICE_LIST,
     .value = FIELD(VhConfig, device_list),
     .doc = "PCI devices to hand over; \"auto\" is every one that the domain XML passes"},
    {.name = "driver",
     .accepts = VH_ACCEPTS_TEXT,
     .noun = "a driver's name",
     .check = vh_check_driver,
     .preset = "\"vfio-pci\"",
     .value = FIELD(VhConfig, driver),
     .doc = "driver to hand them to"},
    {.name = "stop",
     .accepts = VH_ACCEPTS_WORD | VH_ACCEPTS_LIST,
     .words = WORDS("auto"),
     .noun = "unit names",
     .check = vh_check_unit,
     .preset = "\"auto\"",
     .choice = FIELD(VhConfig, stop),
     .other = VH_CHOICE_LIST,
     .value = FIELD(VhConfig, stop_list),
     .doc = "system units to stop, in this order; \"auto\" is the display manager when a passed "
            "display is in use"},
    {.name = "stop_user",
     .accepts = VH_ACCEPTS_LIST,
     .noun = "unit names or globs",
     .check = vh_check_unit_glob,
     .preset = "[]",
     .value = FIELD(VhConfig, stop_user),
     .doc = "units to stop in the sessions' user managers; globs such as plasma-* are allowed"},
    {.name = "sessions",
     .accepts = VH_ACCEPTS_WORD,
     .words = WORDS("wait", "logout", "terminate", "keep"),
     .preset = "\"wait\"",
     .choice = FIELD(VhConfig, sessions),
     .doc = "graphical sessions on the display's seat: wait for their end, ask them to log out, "
            "terminate or keep them"},
    {.name = "holders",
     .accepts = VH_ACCEPTS_WORD,
     .words = WORDS("refuse", "terminate"),
     .preset = "\"refuse\"",
     .choice = FIELD(VhConfig, holders),
     .doc = "processes that keep a device open to the last: refuse to start the VM, or terminate "
            "them"},
    {.name = "consoles",
     .accepts = VH_ACCEPTS_WORD,
     .words = WORDS("auto", "keep"),
     .preset = "\"auto\"",
     .choice = FIELD(VhConfig, keep_consoles),
     .doc = "framebuffer consoles: unbind those on the passed display, or keep them"},
    {.name = "framebuffer",
     .accepts = VH_ACCEPTS_WORD,
     .words = WORDS("auto", "keep"),
     .preset = "\"auto\"",
     .choice = FIELD(VhConfig, keep_framebuffer),
     .doc = "firmware framebuffer: unbind it when it sits on a passed display, or keep it"},
    {.name = "modules",
     .accepts = VH_ACCEPTS_WORD | VH_ACCEPTS_LIST,
     .words = WORDS("auto", "keep"),
     .noun = "module names",
     .check = vh_check_module,
     .preset = "\"auto\"",
     .choice = FIELD(VhConfig, modules),
     .other = VH_CHOICE_LIST,
     .value = FIELD(VhConfig, module_list),
     .doc = "modules to unload; \"auto\" is those of the display driver that serve no other "
            "device, \"keep\" none"},
    {.name = "timeout",
     .accepts = VH_ACCEPTS_NUMBER,
     .min = 1,
     .max = MAX_TIMEOUT,
     .preset = "25",
     .value = FIELD(VhConfig, timeout),
     .doc = "seconds for all of the preparation"},
    {.name = "sleep",
     .accepts = VH_ACCEPTS_WORD,
     .words = WORDS("inhibit", "allow"),
     .preset = "\"inhibit\"",
     .choice = FIELD(VhConfig, allow_sleep),
     .doc = "whether the host may sleep while the VM runs"},
    {.name = "notify",
     .accepts = VH_ACCEPTS_WORD,
     .words = WORDS("auto", "off"),
     .preset = "\"auto\"",
     .choice = FIELD(VhConfig, quiet),
     .doc = "a line on the text console and to those logged in on terminals when the desktop is "
            "about to stop and when the VM could not be started, and what failed on the desktop "
            "that is back"},
    {.name = "governor",
     .accepts = VH_ACCEPTS_TEXT,
     .noun = "a governor's name",
     .check = vh_check_governor,
     .example = "\"performance\"",
     .value = FIELD(VhConfig, governor),
     .doc = "CPU frequency governor while the VM runs"},
    {.name = "host_cpus",
     .accepts = VH_ACCEPTS_TEXT,
     .noun = "a CPU list such as \"0-1,8-9\"",
     .check = vh_check_cpus,
     .example = "\"0-1\"",
     .value = FIELD(VhConfig, host_cpus),
     .doc = "CPUs that are left to the host's processes while the VM runs"},
    {.name = "irq_cpus",
     .accepts = VH_ACCEPTS_TEXT,
     .noun = "a CPU list such as \"0-1,8-9\"",
     .check = vh_check_cpus,
     .example = "\"0-1\"",
     .value = FIELD(VhConfig, irq_cpus),
     .doc = "CPUs that interrupts go to while the VM runs"},
    {.name = "hugepages",
     .accepts = VH_ACCEPTS_WORD | VH_ACCEPTS_NUMBER | VH_ACCEPTS_GROUP,
     .words = WORDS("none", "auto"),
     .min = 1,
     .max = MAX_HUGEPAGES,
     .members = hugepage_keys,
     .preset = "\"none\"",
     .choice = FIELD(VhConfig, hugepages),
     .other = VH_HUGEPAGES_COUNT,
     .value = FIELD(VhConfig, hugepage_count),
     .doc = "huge pages to set aside; \"auto\" is what the domain's memory needs"},
    {.name = "reset",
     .accepts = VH_ACCEPTS_WORD,
     .words = WORDS("auto", "keep", "rescan", "rtcwake"),
     .preset = "\"auto\"",
     .value = FIELD(VhConfig, reset),
     .doc = "power and reset of the devices: \"auto\" helps one that does not come back, "
            "\"rescan\" removes and finds each again, \"rtcwake\" suspends the host for a moment"},
    {.name = "rebar",
     .accepts = VH_ACCEPTS_LIST,
     .noun = "sizes such as \"256M\" or \"2:8M\"",
     .check = vh_check_bar,
     .preset = "[]",
     .value = FIELD(VhConfig, rebar),
     .doc = "size of the card's largest resizable BAR while the VM runs, or of BAR:SIZE"},
    {.name = "commands",
     .accepts = VH_ACCEPTS_GROUPS,
     .members = command_keys,
     .preset = "()",
     .value = FIELD(VhConfig, commands),
     .doc = "programs of your own to run"},
    {.name = NULL},
};

const VhKey *vh_key_find(const VhKey *keys, const char *name)
{
    for (; keys->name; keys++)
        if (g_str_equal(keys->name, name))
            return keys;
    return NULL;
}

const char *vh_key_nearest(const VhKey *keys, const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (; keys->name; keys++)
        g_ptr_array_add(names, (gpointer)keys->name);
    g_ptr_array_add(names, NULL);
    return vh_text_nearest(name, (const char *const *)names->pdata);
}

static char *member_names(const VhKey *key)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (const VhKey *member = key->members; member && member->name; member++)
        g_string_append_printf(names, "%s%s", names->len ? ", " : "", member->name);
    return g_string_free(g_steal_pointer(&names), FALSE);
}

static char *range(const VhKey *key)
{
    return g_strdup_printf("a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                           key->min, key->max);
}

static char *noun(const VhKey *key)
{
    return g_strdup(key->noun);
}

static char *list(const VhKey *key)
{
    return g_strdup_printf("a list of %s", key->noun);
}

static char *argv_list(const VhKey *key)
{
    return g_strdup("a list of a program's absolute path and its arguments");
}

static char *group(const VhKey *key)
{
    g_autofree char *names = member_names(key);
    return g_strdup_printf("a group of %s", names);
}

static char *groups(const VhKey *key)
{
    g_autofree char *names = member_names(key);
    return g_strdup_printf("a list of groups of %s", names);
}

char *vh_key_accepts(const VhKey *key)
{
    static const struct {
        VhKeyAccepts accepts;
        char *(*say)(const VhKey *key);
    } table[] = {
        {VH_ACCEPTS_TEXT, noun},     {VH_ACCEPTS_SIZE, noun},      {VH_ACCEPTS_NUMBER, range},
        {VH_ACCEPTS_LIST, list},     {VH_ACCEPTS_ARGV, argv_list}, {VH_ACCEPTS_GROUP, group},
        {VH_ACCEPTS_GROUPS, groups},
    };
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) text = g_string_new(NULL);

    for (gsize i = 0; key->words && key->words[i]; i++)
        g_ptr_array_add(parts, g_strdup_printf("\"%s\"", key->words[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (key->accepts & table[i].accepts)
            g_ptr_array_add(parts, table[i].say(key));
    for (guint i = 0; i < parts->len; i++) {
        if (i > 0)
            g_string_append(text, i + 1 < parts->len ? ", " : " or ");
        g_string_append(text, parts->pdata[i]);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Processor, firmware and kernel. */
#include <string.h>

#include "base/address.h"
#include "base/text.h"
#include "inspect/check-private.h"

/* The words of the first line of @text that begins with @key and a colon; NULL without. */
static char **words_after(const char *text, const char *key)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (gsize i = 0; lines[i]; i++) {
        const char *colon = strchr(lines[i], ':');
        if (colon && g_str_has_prefix(lines[i], key))
            return g_strsplit(colon + 1, " ", -1);
    }
    return NULL;
}

void vh_check_virtualization(gpointer data)
{
    const VhDomain *domain = ((VhChecking *)data)->in->domain;
    g_autofree char *text = vh_check_read(data, "/proc/cpuinfo");
    g_auto(GStrv) flags = text ? words_after(text, "flags") : NULL;

    if (domain && g_strcmp0(domain->type, "qemu") == 0)
        vh_check_add(data, VH_FINDING_OK, NULL, "not needed: the guest is emulated");
    else if (!flags)
        vh_check_unknown(data, "what the processor can do", NULL);
    else if (g_strv_contains((const char *const *)flags, "svm"))
        vh_check_add(data, VH_FINDING_OK, NULL, "AMD-V is on");
    else if (g_strv_contains((const char *const *)flags, "vmx"))
        vh_check_add(data, VH_FINDING_OK, NULL, "VT-x is on");
    else
        vh_check_add(data, VH_FINDING_FAILURE,
                     "switch on SVM (AMD) or VT-x (Intel) in the firmware",
                     "the processor has neither AMD-V nor VT-x, or the firmware has it off");
}

/* ---- IOMMU ---- */

/* A parameter without its dashes, which the kernel takes for underscores. */
static char *plain(const char *text)
{
    return g_strdelimit(g_strdup(text), "-", '_');
}

/* Whether @word is KEY=VALUE with @item in the list that is its value. */
static gboolean lists_item(const char *word, const char *key, const char *item)
{
    const char *equals = strchr(word, '=');
    g_auto(GStrv) items = equals ? g_strsplit(equals + 1, ",", -1) : NULL;
    g_autofree char *own = equals ? g_strndup(word, (gsize)(equals - word)) : NULL;
    g_autofree char *name = own ? plain(own) : NULL;

    return g_strcmp0(name, key) == 0 && g_strv_contains((const char *const *)items, item);
}

/* One of @words, NULL for none, that sets @key or @other (which may be NULL) to @item. */
static const char *word_with(char *const *words, const char *key, const char *other,
                             const char *item)
{
    for (gsize i = 0; words && words[i]; i++)
        if (lists_item(words[i], key, item) || (other && lists_item(words[i], other, item)))
            return words[i];
    return NULL;
}

/* Whose IOMMU it is, and the table by which the firmware offers it to the kernel. */
typedef struct {
    const char *key, *table;
    gboolean by_itself; /* the kernel has it on when nobody says anything */
} Maker;

#define TABLES "/sys/firmware/acpi/tables"
static const Maker intel = {"intel_iommu", TABLES "/DMAR", FALSE};
static const Maker amd = {"amd_iommu", TABLES "/IVRS", TRUE};

static void add_off(VhChecking *checking, const char *mend, const char *what)
{
    g_autofree char *text = g_strconcat(mend, ", then reboot", NULL);

    vh_check_add(checking, VH_FINDING_FAILURE, text, "%s", what);
}

/* Why it is off. That a kernel was not asked is no reason by itself: some need not be. */
static void explain_iommu(VhChecking *checking, const Maker *maker, char *const *words)
{
    const char *off = word_with(words, maker->key, "iommu", "off");
    gboolean asked = maker->by_itself || word_with(words, maker->key, NULL, "on");
    gboolean known, offered = vh_check_there(checking, maker->table, TABLES, &known);

    if (off) {
        g_autofree char *take = g_strdup_printf("take %s off the kernel's command line", off);
        add_off(checking, take, "off: the kernel was told so");
    } else if (known && !offered)
        add_off(checking,
                asked ? "switch on the IOMMU (AMD-Vi, VT-d) in the firmware"
                      : "switch on VT-d in the firmware and add intel_iommu=on to the kernel's "
                        "command line",
                "off: the firmware does not offer it");
    else if (!asked)
        add_off(checking,
                offered ? "add intel_iommu=on to the kernel's command line"
                        : "add intel_iommu=on to the kernel's command line (and VT-d in the "
                          "firmware)",
                "off: the kernel was not asked for it");
    else if (offered)
        add_off(checking, "see why: sudo dmesg | grep -e DMAR -e AMD-Vi -e IOMMU; mend it",
                "off, although the firmware offers it");
    else
        add_off(checking, "switch on the IOMMU (AMD-Vi, VT-d) in the firmware", "off");
}

void vh_check_iommu(gpointer data)
{
    VhChecking *checking = data;
    g_autofree char *cpu = vh_check_read(checking, "/proc/cpuinfo");
    g_autofree char *line = vh_check_read(checking, "/proc/cmdline");
    g_auto(GStrv) words = line ? g_strsplit_set(line, " \n", -1) : NULL;

    if (vh_host_iommu_on(checking->host))
        vh_check_add(checking, VH_FINDING_OK, NULL, "on");
    else
        explain_iommu(checking, cpu && strstr(cpu, "GenuineIntel") ? &intel : &amd, words);
}

/* ---- the command line ---- */

/* The word of @words that @word is a slip of: near to one, and none itself. */
static const char *slip_of(const char *word, const char *const *words)
{
    return g_strv_contains(words, word) ? NULL : vh_text_nearest(word, words);
}

static guint judge_modules(VhChecking *checking, const char *key, const char *list)
{
    static const char *const modules[] = {"vfio_pci",    "vfio",         "vfio_iommu_type1",
                                          "vfio_virqfd", "vendor_reset", NULL};
    g_auto(GStrv) names = g_strsplit(list, ",", -1);
    guint found = 0;

    for (gsize i = 0; names[i]; i++) {
        g_autofree char *name = plain(names[i]);
        const char *meant = slip_of(name, modules);
        g_autofree char *shown = meant ? g_strdup(meant) : NULL;
        if (!meant || !g_str_has_prefix(name, "v"))
            continue;
        g_autofree char *mend = g_strdup_printf("write %s=%s instead of %s=%s", key,
                                                g_strdelimit(shown, "_", '-'), key, names[i]);
        vh_check_add(checking, VH_FINDING_WARNING, mend, "%s names no module: %s", key, names[i]);
        found++;
    }
    return found;
}

static guint judge_key(VhChecking *checking, const char *key, const char *word)
{
    static const char *const keys[] = {
        "intel_iommu",      "amd_iommu",        "iommu",
        "vfio_pci.ids",     "rd.driver.pre",    "iommu.passthrough",
        "iommu.strict",     "rd.driver.post",   "rd.driver.blacklist",
        "rd.driver.export", "module_blacklist", "modprobe.blacklist",
        "amd_iommu_intr",   "amd_iommu_dump",   NULL};
    g_autofree char *name = plain(key);
    const char *meant = slip_of(name, keys);

    /* "MODULE.PARAMETER" is no slip of what has no module. */
    if (!meant || strlen(name) < 5 || !strchr(name, '.') != !strchr(meant, '.'))
        return 0;
    g_autofree char *mend = g_strdup_printf("was %s meant?", meant);
    vh_check_add(checking, VH_FINDING_WARNING, mend, "the kernel knows no parameter %s (in %s)",
                 key, word);
    return 1;
}

/* Parameters that are as meant, and do harm. */
static guint judge_word(VhChecking *checking, const char *word)
{
    static const char *const keys[] = {"intel_iommu", "amd_iommu", "iommu"};

    /* Of the other maker's, or taken back by a later word, it does none. */
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        if (lists_item(word, keys[i], "off") && !vh_host_iommu_on(checking->host)) {
            vh_check_add(checking, VH_FINDING_FAILURE, "take it away", "%s switches the IOMMU off",
                         word);
            return 1;
        }
    if (!g_str_has_prefix(word, "pcie_acs_override="))
        return 0;
    vh_check_add(checking, VH_FINDING_WARNING, "take it away and pass whole groups",
                 "pcie_acs_override splits groups that the hardware does not separate: a guest can "
                 "reach what else is in them");
    return 1;
}

static guint judge_parameter(VhChecking *checking, const char *word)
{
    static const char *const lists[] = {"rd.driver.pre", "rd.driver.post", "modules_load",
                                        "rd.modules_load", NULL};
    const char *equals = strchr(word, '=');
    g_autofree char *key = g_strndup(word, equals ? (gsize)(equals - word) : strlen(word));
    g_autofree char *name = plain(key);
    guint found = judge_word(checking, word);

    if (equals && g_strv_contains(lists, name))
        found += judge_modules(checking, key, equals + 1);
    return found > 0 ? found : judge_key(checking, key, word);
}

void vh_check_parameters(gpointer data)
{
    g_autofree char *line = vh_check_read(data, "/proc/cmdline");
    g_auto(GStrv) words = line ? g_strsplit_set(line, " \n", -1) : NULL;
    guint found = 0;

    if (!words) {
        vh_check_unknown(data, "the kernel's command line", NULL);
        return;
    }
    for (gsize i = 0; words[i]; i++)
        found += judge_parameter(data, words[i]);
    if (found == 0)
        vh_check_add(data, VH_FINDING_OK, NULL, "no slip in them");
}

/* ---- Secure Boot ---- */

#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

void vh_check_secure_boot(gpointer data)
{
    VhChecking *checking = data;
    enum { ATTRIBUTES = 4 }; /* bytes before the value (efivarfs) */
    g_autoptr(GBytes) bytes = vh_host_bytes(checking->host, SECURE_BOOT, NULL);
    gsize size = 0;
    const guint8 *value = bytes ? g_bytes_get_data(bytes, &size) : NULL;
    gboolean known;

    if (size > ATTRIBUTES && value[ATTRIBUTES])
        vh_check_add(
            checking, VH_FINDING_WARNING,
            "sign modules from outside the kernel (nvidia, vendor-reset), or switch Secure "
            "Boot off in the firmware",
            "on");
    else if (size > ATTRIBUTES)
        vh_check_add(checking, VH_FINDING_OK, NULL, "off");
    else if (!vh_check_there(checking, "/sys/firmware/efi", "/sys/firmware", &known) && known)
        vh_check_add(checking, VH_FINDING_OK, NULL, "not started by UEFI");
    else
        vh_check_unknown(checking, "whether it is on", NULL);
}

void vh_check_lockdown(gpointer data)
{
    g_autofree char *text = vh_check_read(data, "/sys/kernel/security/lockdown");
    gboolean known;

    if (!text &&
        !vh_check_there(data, "/sys/kernel/security/lockdown", "/sys/kernel/security", &known) &&
        known)
        vh_check_add(data, VH_FINDING_OK, NULL, "this kernel has none");
    else if (!text)
        vh_check_unknown(data, "whether the kernel is locked down", NULL);
    else if (strstr(text, "[none]"))
        vh_check_add(data, VH_FINDING_OK, NULL, "none");
    else
        vh_check_add(data, VH_FINDING_WARNING,
                     "sign the modules you add, or switch Secure Boot off in the firmware",
                     "the kernel is locked down: %s", text);
}

/* ---- the firmware's framebuffer ---- */

/* The PCI function in whose memory BOOTFB lies, from /proc/iomem, where what is within is indented
 * by two; "" when BOOTFB lies elsewhere, NULL when there is none. */
static char *bootfb_on(const char *iomem)
{
    enum { DEEPEST = 16 };
    g_auto(GStrv) lines = g_strsplit(iomem, "\n", -1);
    const char *names[DEEPEST] = {NULL};

    for (gsize i = 0; lines[i]; i++) {
        gsize depth = MIN(strspn(lines[i], " ") / 2, DEEPEST - 1);
        const char *colon = strstr(lines[i], " : ");
        names[depth] = colon ? colon + 3 : "";
        if (!g_str_equal(names[depth], "BOOTFB"))
            continue;
        for (gsize above = depth; above-- > 0;) {
            char *address = names[above] ? vh_address_canonical(names[above], NULL) : NULL;
            if (address)
                return address;
        }
        return g_strdup("");
    }
    return NULL;
}

static const VhFramebuffer *bound_framebuffer(const GPtrArray *framebuffers)
{
    for (guint i = 0; framebuffers && i < framebuffers->len; i++)
        if (((VhFramebuffer *)framebuffers->pdata[i])->driver)
            return framebuffers->pdata[i];
    return NULL;
}

void vh_check_framebuffer(gpointer data)
{
    VhChecking *checking = data;
    g_autoptr(GPtrArray) framebuffers = vh_host_framebuffers(checking->host, NULL);
    const VhFramebuffer *bound = bound_framebuffer(framebuffers);
    g_autofree char *iomem = vh_check_read(checking, "/proc/iomem");
    g_autofree char *address = iomem ? bootfb_on(iomem) : NULL;

    if (bound)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s%s%s, which prepare takes away",
                     bound->device, bound->address ? " draws on " : "",
                     bound->address ? bound->address : "");
    else if (address && *address)
        vh_check_add(checking, VH_FINDING_WARNING,
                     "add initcall_blacklist=sysfb_init to the kernel's command line, then reboot",
                     "BOOTFB keeps memory of %s, and no driver is there to be unbound", address);
    else if (iomem)
        vh_check_add(checking, VH_FINDING_OK, NULL, "none on a card");
    else
        vh_check_unknown(checking, "whether BOOTFB is on a card", NULL);
}

/* ---- vfio-pci ---- */

void vh_check_vfio(gpointer data)
{
    VhChecking *checking = data;
    static const char *const states[] = {
        [VH_MODULE_AVAILABLE] = "can be loaded",
        [VH_MODULE_BUILTIN] = "built in",
        [VH_MODULE_LIVE] = "loaded",
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(VhModule) module = vh_host_module_look(checking->host, "vfio-pci", &error);

    if (vh_host_pci_driver_known(checking->host, "vfio-pci"))
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s",
                     module && states[module->state] ? states[module->state] : "there");
    else if (!module)
        vh_check_unknown(checking, "whether the kernel has it", error);
    else if (module->state == VH_MODULE_MISSING)
        vh_check_add(checking, VH_FINDING_FAILURE,
                     "reboot if the kernel was updated, else install the package with its modules",
                     "the running kernel has no vfio-pci");
    else
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s", states[module->state]);
}

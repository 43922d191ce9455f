// SPDX-License-Identifier: GPL-2.0-or-later
/* One guest: its file, its plan, its domain. */
#include <string.h>

#include "base/address.h"
#include "base/text.h"
#include "inspect/check-private.h"

void vh_check_file(gpointer data)
{
    VhChecking *checking = data;
    const GError *error = checking->in->config_error;
    gboolean known;

    if (checking->in->config) {
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s", checking->in->config->path);
    } else if (vh_error_is_gone(error) &&
               !vh_check_there(checking, checking->in->hooks_dir, "/etc", &known) && !known) {
        vh_check_unknown(checking, "whether there is one", NULL);
    } else if (vh_error_is_gone(error)) {
        g_autofree char *guest = vh_text_operand(checking->in->guest);
        g_autofree char *mend = g_strdup_printf("sudo virt-handoff init %s", guest);
        vh_check_add(checking, VH_FINDING_FAILURE, mend, "there is none");
    } else if (g_error_matches(error, VH_ERROR, VH_ERROR_CONFIG)) {
        g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);
        checking->why = "With a slip in this file the guest does not start.";
        for (gsize i = 0; lines[i]; i++)
            if (*lines[i])
                vh_check_add(checking, VH_FINDING_FAILURE, "correct it", "%s", lines[i]);
    } else {
        vh_check_unknown(checking, "what is in it", error);
    }
}

void vh_check_domain(gpointer data)
{
    VhChecking *checking = data;
    const VhDomain *domain = checking->in->domain;
    g_autofree char *guest = vh_text_operand(checking->in->guest);
    g_autofree char *attach = g_strdup_printf(
        "virt-handoff attach %s ADDRESS (the card's; its group comes along)", guest);

    if (vh_error_is_gone(checking->in->domain_error))
        vh_check_add(checking, VH_FINDING_FAILURE, NULL, "%s", checking->in->domain_error->message);
    else if (!domain)
        vh_check_add(checking, VH_FINDING_WARNING, NULL, "what the guest is cannot be told: %s",
                     checking->in->domain_error->message);
    else if (domain->devices->len == 0)
        vh_check_add(checking, VH_FINDING_WARNING, attach, "it passes no PCI device of this host");
    else
        vh_check_add(checking, VH_FINDING_OK, NULL, "passes %u of this host's PCI devices",
                     domain->devices->len);
}

void vh_check_plan(gpointer data)
{
    VhChecking *checking = data;
    const VhPlan *plan = checking->in->plan;

    if (!plan) {
        vh_check_unknown(checking, "what a start would do", checking->in->plan_error);
        return;
    }
    for (guint i = 0; i < plan->refusals->len; i++)
        vh_check_add(checking, VH_FINDING_FAILURE, NULL, "%s", (char *)plan->refusals->pdata[i]);
    if (plan->running && plan->refusals->len == 0)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s runs and has its devices", plan->guest);
    else if (plan->refusals->len == 0)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%u step%s, nothing against it",
                     plan->steps->len, plan->steps->len == 1 ? "" : "s");
}

/* ---- reset ---- */

/* How the kernel resets the function: its methods, "" when it has none, NULL: not known. */
static char *reset_methods(VhChecking *checking, const char *address)
{
    g_autofree char *dir = g_strdup_printf("/sys/bus/pci/devices/%s", address);
    g_autofree char *methods_path = g_strconcat(dir, "/reset_method", NULL);
    g_auto(GStrv) names = vh_host_list(checking->host, dir);
    char *methods = vh_check_read(checking, methods_path);

    /* Before Linux 5.15 there is a file "reset" where there is any. */
    if (methods || !*names)
        return methods;
    return g_strdup(g_strv_contains((const char *const *)names, "reset") ? "yes" : "");
}

static gboolean sibling_resets(VhChecking *checking, const char *address)
{
    const GPtrArray *devices = checking->in->domain->devices;

    for (guint i = 0; i < devices->len; i++) {
        const VhDomainDevice *device = devices->pdata[i];
        g_autofree char *methods = vh_address_same_slot(device->address, address)
                                       ? reset_methods(checking, device->address)
                                       : NULL;
        if (methods && *methods)
            return TRUE;
    }
    return FALSE;
}

static gboolean is_passed(const VhDomain *domain, const char *address)
{
    for (guint i = 0; i < domain->devices->len; i++)
        if (g_str_equal(((const VhDomainDevice *)domain->devices->pdata[i])->address, address))
            return TRUE;
    return FALSE;
}

/* Whether all on the function's bus, which is behind a bridge, is passed: then vfio-pci resets the
 * bus for QEMU (VFIO_DEVICE_PCI_HOT_RESET in the kernel's vfio_pci_core.c). A display that has no
 * reset of its own is what people have trouble with, also after that. */
static gboolean resets_with_bus(VhChecking *checking, const char *address)
{
    const gsize bus_length = strlen("0000:09:");
    g_autoptr(GPtrArray) all = vh_host_pci_list(checking->host, NULL);
    gboolean found = FALSE;

    for (guint i = 0; all && i < all->len; i++) {
        const VhPciFunction *function = all->pdata[i];
        if (strncmp(function->address, address, bus_length) != 0)
            continue;
        if (!is_passed(checking->in->domain, function->address))
            return FALSE;
        found |= g_str_equal(function->address, address) && !vh_pci_is_display(function);
    }
    return found && strncmp(address + strlen("0000:"), "00:", 3) != 0;
}

static void tell_unknown(VhChecking *checking, GPtrArray *addresses)
{
    g_ptr_array_add(addresses, NULL);
    g_autofree char *list = vh_text_list((const char *const *)addresses->pdata);
    g_autofree char *what = g_strconcat("how the kernel resets ", list, NULL);

    vh_check_unknown(checking, what, NULL);
}

void vh_check_reset(gpointer data)
{
    VhChecking *checking = data;
    const VhDomain *domain = checking->in->domain;
    g_autoptr(GPtrArray) unknown = g_ptr_array_new();
    guint good = 0;

    for (guint i = 0; i < domain->devices->len; i++) {
        char *address = ((VhDomainDevice *)domain->devices->pdata[i])->address;
        g_autofree char *methods = reset_methods(checking, address);
        if (!methods)
            g_ptr_array_add(unknown, address);
        else if (*methods)
            good++;
        else if (sibling_resets(checking, address) && resets_with_bus(checking, address))
            vh_check_add(checking, VH_FINDING_OK, NULL,
                         "%s is reset together with all that is passed beside it", address);
        else
            vh_check_add(checking, VH_FINDING_WARNING,
                         "AMD cards: the module vendor-reset; others: pass another controller",
                         "the kernel has no reset for %s", address);
    }
    if (unknown->len > 0)
        tell_unknown(checking, unknown);
    else if (good == domain->devices->len)
        vh_check_add(checking, VH_FINDING_OK, NULL, "the kernel can reset all of them");
}

/* ---- the machine ---- */

static const VhDomain *domain_of(const VhChecking *checking)
{
    return checking->in->domain;
}

static const char *or_none(const char *text)
{
    return text ? text : "none";
}

void vh_check_machine(gpointer data)
{
    const VhDomain *domain = domain_of(data);

    if (domain->machine && strstr(domain->machine, "q35"))
        vh_check_add(data, VH_FINDING_OK, NULL, "%s", domain->machine);
    else
        vh_check_add(data, VH_FINDING_WARNING,
                     "make a new guest of machine type q35 with the same disk", "it is %s, not Q35",
                     or_none(domain->machine));
}

void vh_check_firmware(gpointer data)
{
    const VhDomain *domain = domain_of(data);

    if (g_strcmp0(domain->firmware, "efi") == 0 || g_strcmp0(domain->loader_type, "pflash") == 0)
        vh_check_add(data, VH_FINDING_OK, NULL, "UEFI");
    else
        vh_check_add(data, VH_FINDING_WARNING,
                     "make a new guest with firmware UEFI; a system installed by BIOS has to be "
                     "installed again",
                     "it is not UEFI");
}

void vh_check_cpu(gpointer data)
{
    static const char *const good[] = {"host-passthrough", "maximum", NULL};
    const VhDomain *domain = domain_of(data);

    if (g_strcmp0(domain->type, "qemu") == 0)
        vh_check_add(data, VH_FINDING_OK, NULL, "emulated");
    else if (domain->cpu_mode && g_strv_contains(good, domain->cpu_mode))
        vh_check_add(data, VH_FINDING_OK, NULL, "%s", domain->cpu_mode);
    else
        vh_check_add(data, VH_FINDING_WARNING, "virsh edit: <cpu mode='host-passthrough'/>",
                     "its mode is %s", or_none(domain->cpu_mode));
}

/* Whether @list has some of them; says so. */
static gboolean overlaps(VhChecking *checking, const char *key, const char *list)
{
    g_autofree char *note = vh_plan_overlap(checking->in->domain, key, list);

    if (note)
        vh_check_add(checking, VH_FINDING_WARNING,
                     "give one of them other CPUs: the guest's file, or virsh edit <cputune>", "%s",
                     note);
    return note != NULL;
}

void vh_check_pins(gpointer data)
{
    VhChecking *checking = data;
    const VhDomain *domain = domain_of(checking);
    const VhConfig *config = checking->in->config;

    gboolean host = overlaps(checking, "host_cpus", config ? config->host_cpus : NULL);
    gboolean interrupts = overlaps(checking, "irq_cpus", config ? config->irq_cpus : NULL);
    if (!domain->pinned)
        vh_check_add(checking, VH_FINDING_OK, NULL, "none is its own (<vcpupin>)");
    else if (!host && !interrupts)
        vh_check_add(checking, VH_FINDING_OK, NULL, "%s", domain->pinned);
}

/* ---- devices ---- */

/* How many display functions the guest gets; *@ret_nvidia: the first of NVIDIA's, or NULL. */
static guint displays(VhChecking *checking, const char **ret_nvidia)
{
    enum { NVIDIA = 0x10de };
    const GPtrArray *devices = checking->in->domain->devices;
    guint found = 0;

    *ret_nvidia = NULL;
    for (guint i = 0; i < devices->len; i++) {
        const char *address = ((VhDomainDevice *)devices->pdata[i])->address;
        g_autoptr(VhPciFunction) now = vh_host_pci_look(checking->host, address, NULL);
        if (!now || !vh_pci_is_display(now))
            continue;
        found++;
        if (now->vendor == NVIDIA && !*ret_nvidia)
            *ret_nvidia = address;
    }
    return found;
}

void vh_check_hidden(gpointer data)
{
    VhChecking *checking = data;
    const VhDomain *domain = domain_of(checking);
    const char *nvidia;

    (void)displays(checking, &nvidia);
    g_autofree char *guest = vh_text_operand(checking->in->guest);
    g_autofree char *hide =
        g_strdup_printf("virt-handoff attach %s %s --hide-kvm", guest, nvidia ? nvidia : "");
    if (!nvidia)
        vh_check_add(checking, VH_FINDING_OK, NULL, "no card of NVIDIA's is passed");
    else if (!domain->kvm_hidden)
        vh_check_add(checking, VH_FINDING_WARNING, hide, "<kvm><hidden state='on'/> is not set");
    else if (!domain->vendor_id)
        vh_check_add(checking, VH_FINDING_OK, NULL,
                     "hidden; <hyperv><vendor_id/>, which some old drivers need too, is not set");
    else
        vh_check_add(checking, VH_FINDING_OK, NULL, "hidden, vendor_id %s", domain->vendor_id);
}

static char *join(const GPtrArray *texts)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();

    for (guint i = 0; i < texts->len; i++)
        if (!g_str_equal(texts->pdata[i], "none"))
            g_ptr_array_add(words, texts->pdata[i]);
    g_ptr_array_add(words, NULL);
    return g_strjoinv(", ", (char **)words->pdata);
}

void vh_check_graphics(gpointer data)
{
    VhChecking *checking = data;
    const VhDomain *domain = domain_of(checking);
    const char *nvidia;

    guint cards = displays(checking, &nvidia);
    g_autofree char *videos = join(domain->videos);
    g_autofree char *graphics = join(domain->graphics);
    if (cards == 0)
        vh_check_add(checking, VH_FINDING_OK, NULL, "no card is passed, so it is needed");
    else if (*videos)
        vh_check_add(
            checking, VH_FINDING_WARNING,
            "when the guest's driver is installed: virsh edit, <video> to type='none', and "
            "without <graphics>",
            "left over: %s%s%s", videos, *graphics ? ", " : "", graphics);
    else if (*graphics)
        vh_check_add(checking, VH_FINDING_WARNING, "virsh edit: take away <graphics>",
                     "left over: %s", graphics);
    else
        vh_check_add(checking, VH_FINDING_OK, NULL, "none");
}

void vh_check_managed(gpointer data)
{
    VhChecking *checking = data;
    const VhDomain *domain = domain_of(checking);
    g_autoptr(GString) unmanaged = g_string_new(NULL);

    for (guint i = 0; i < domain->devices->len; i++) {
        const VhDomainDevice *device = domain->devices->pdata[i];
        if (!device->managed)
            g_string_append_printf(unmanaged, "%s%s", unmanaged->len ? ", " : "", device->address);
    }
    if (unmanaged->len == 0)
        vh_check_add(checking, VH_FINDING_OK, NULL, "all of them");
    else if (checking->in->config)
        vh_check_add(checking, VH_FINDING_OK, NULL, "not %s, which the hook sees to",
                     unmanaged->str);
    else
        vh_check_add(checking, VH_FINDING_WARNING, "virsh edit: managed='yes'",
                     "not %s, and the hook leaves this guest alone", unmanaged->str);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/check-private.h"

#include <sys/stat.h>

static const VhCheckKind kinds[] = {
    {"virtualization", "processor's virtualization",
     "Without it guests are emulated, a hundred times slower, and cannot have a host's device.",
     VH_ABOUT_HOST, vh_check_virtualization},
    {"iommu", "IOMMU", "The kernel hands a device to a guest only behind an IOMMU.", VH_ABOUT_HOST,
     vh_check_iommu},
    {"parameters", "kernel parameters",
     "A slip goes unnoticed, and one that is right may do harm all the same.", VH_ABOUT_HOST,
     vh_check_parameters},
    {"secure-boot", "Secure Boot",
     "Under it the kernel loads signed modules only, and may be locked down.", VH_ABOUT_HOST,
     vh_check_secure_boot},
    {"lockdown", "kernel lockdown",
     "A locked down kernel refuses unsigned modules and reading a card's ROM.", VH_ABOUT_HOST,
     vh_check_lockdown},
    {"framebuffer", "firmware framebuffer",
     "A framebuffer that keeps the card's memory makes vfio-pci fail: \"can't reserve\".",
     VH_ABOUT_HOST, vh_check_framebuffer},
    {"vfio", "vfio-pci", "It is the driver that a guest's device is bound to.", VH_ABOUT_HOST,
     vh_check_vfio},
    {"daemon", "libvirt's daemon", "It starts the guests and calls the hook.", VH_ABOUT_HOST,
     vh_check_daemon},
    {"hook", "hook", "Without it libvirt takes the card from a desktop that runs.", VH_ABOUT_HOST,
     vh_check_hook},
    {"hook-loaded", "hook known to libvirt",
     "libvirt looks for a hook when it starts, not each time a guest does.", VH_ABOUT_HOST,
     vh_check_loaded},
    {"strangers", "other hooks",
     "Two hooks that take and give back the same card end in a dark screen.", VH_ABOUT_HOST,
     vh_check_strangers},
    {"recovery", "recovery",
     "When libvirt's daemon dies in a start, this is what brings the desktop back.", VH_ABOUT_HOST,
     vh_check_recovery},
    {"files", "per-VM files",
     "Of a guest that was renamed the hook has no file, and libvirt takes the card from a desktop "
     "that runs.",
     VH_ABOUT_HOST, vh_check_files},
    {"apparmor", "AppArmor", "libvirt's profile decides what a hook may run.", VH_ABOUT_HOST,
     vh_check_apparmor},
    {"selinux", "SELinux", "Its policy decides whether libvirt may run a hook.", VH_ABOUT_HOST,
     vh_check_selinux},
    {"groups", "user's groups", "Members of libvirt manage guests without being root.",
     VH_ABOUT_HOST, vh_check_groups},
    {"services", "service manager",
     "What stops the display manager and starts it again is asked through it.", VH_ABOUT_HOST,
     vh_check_services},
    {"display-manager", "display manager",
     "It is what prepare stops so that the desktop lets go of the card.", VH_ABOUT_HOST,
     vh_check_display_manager},
    {"holders", "programs on the card",
     "A service that keeps the card open makes the guest's start fail.", VH_ABOUT_HOST,
     vh_check_holders},
    {"linger", "lingering users",
     "Their services, the sound server among them, outlive the session and keep devices open.",
     VH_ABOUT_HOST, vh_check_linger},
    {"default-network", "network \"default\"",
     "A guest on a network that is not active ends as soon as it starts.", VH_ABOUT_HOST,
     vh_check_default_network},

    {"file", "per-VM file", "The hook leaves alone a guest that has none.", VH_ABOUT_GUEST,
     vh_check_file},
    {"domain", "domain", "The guest's devices are read from its XML.", VH_ABOUT_GUEST,
     vh_check_domain},
    {"plan", "plan", "Each of these ends the guest's start before anything is touched.",
     VH_ABOUT_DOMAIN, vh_check_plan},
    {"reset", "reset", "A device that cannot be reset may work once and then not until a reboot.",
     VH_ABOUT_DOMAIN, vh_check_reset},
    {"machine", "machine type", "Cards and their drivers expect the PCI Express of Q35.",
     VH_ABOUT_DOMAIN, vh_check_machine},
    {"firmware", "guest's firmware",
     "By UEFI a card shows a picture from the start; SeaBIOS needs the card's old VGA.",
     VH_ABOUT_DOMAIN, vh_check_firmware},
    {"cpu", "guest's processor", "Another model costs speed, and games may refuse it.",
     VH_ABOUT_DOMAIN, vh_check_cpu},
    {"pins", "guest's CPUs", "What the host does on the guest's CPUs makes the guest stutter.",
     VH_ABOUT_DOMAIN, vh_check_pins},
    {"hidden", "hypervisor hidden", "NVIDIA's drivers before 465 stop in a guest: Code 43.",
     VH_ABOUT_DOMAIN, vh_check_hidden},
    {"graphics", "emulated graphics",
     "With a second display a guest may draw on that, and the card stays dark.", VH_ABOUT_DOMAIN,
     vh_check_graphics},
    {"managed", "managed devices",
     "A device with managed='no' is bound and given back by the hook alone.", VH_ABOUT_DOMAIN,
     vh_check_managed},
    {"rom", "ROM file", "QEMU runs as a user of its own, who has to be able to read it.",
     VH_ABOUT_DOMAIN, vh_check_rom},
    {"images", "guest's disks",
     "Without its image QEMU does not start, after the desktop has stopped.", VH_ABOUT_DOMAIN,
     vh_check_images},
    {"networks", "guest's networks",
     "Without its network QEMU does not start, after the desktop has stopped.", VH_ABOUT_DOMAIN,
     vh_check_networks},
    {"memory", "guest's memory", "Without it QEMU does not start, after the desktop has stopped.",
     VH_ABOUT_DOMAIN, vh_check_memory},
};

static void finding_free(gpointer data)
{
    VhFinding *finding = data;

    g_free(finding->what);
    g_free(finding->mend);
    g_free(finding);
}

void vh_check_add(VhChecking *checking, VhFindingState state, const char *mend, const char *format,
                  ...)
{
    VhFinding *finding = g_new0(VhFinding, 1);
    va_list args;

    finding->id = checking->kind->id;
    finding->title = checking->kind->title;
    finding->why = checking->why ? checking->why : checking->kind->why;
    finding->guest = checking->kind->about != VH_ABOUT_HOST;
    finding->state = state;
    finding->mend = g_strdup(mend);
    va_start(args, format);
    finding->what = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(checking->findings, finding);
}

void vh_check_unknown(VhChecking *checking, const char *what, const GError *error)
{
    const char *mend = g_error_matches(error, VH_ERROR, VH_ERROR_DENIED)
                           ? "run this as root: sudo virt-handoff check"
                           : NULL;

    vh_check_add(checking, VH_FINDING_UNKNOWN, mend, "%s cannot be told%s%s", what,
                 error ? ": " : "", error ? error->message : "");
}

char *vh_check_read(VhChecking *checking, const char *path)
{
    return vh_host_read(checking->host, path, NULL);
}

gboolean vh_check_there(VhChecking *checking, const char *path, const char *above,
                        gboolean *ret_known)
{
    g_autoptr(GError) error = NULL;
    VhFileInfo info;

    *ret_known = TRUE;
    if (vh_host_stat(checking->host, path, &info, &error))
        return TRUE;
    *ret_known = vh_error_is_gone(error) && vh_host_stat(checking->host, above, &info, NULL);
    return FALSE;
}

gboolean vh_check_follow(VhHost *host, const char *path, VhFileInfo *ret_info, char **ret_path,
                         GError **error)
{
    enum { MOST_LINKS = 8 };
    g_autofree char *now = g_strdup(path);

    for (int i = 0; i <= MOST_LINKS; i++) {
        if (!vh_host_stat(host, now, ret_info, error))
            return FALSE;
        if (!S_ISLNK(ret_info->mode)) {
            if (ret_path)
                *ret_path = g_steal_pointer(&now);
            return TRUE;
        }
        g_autofree char *target = vh_host_link(host, now, error);
        g_autofree char *directory = g_path_get_dirname(now);
        if (!target)
            return FALSE;
        g_free(now);
        now = g_canonicalize_filename(target, directory);
    }
    return vh_error_set(error, VH_ERROR_FAILED, "%s: too many symbolic links", path);
}

static gboolean has_subject(const VhCheck *check, VhCheckAbout about)
{
    switch (about) {
    case VH_ABOUT_HOST:
        return TRUE;
    case VH_ABOUT_GUEST:
        return check->guest != NULL;
    case VH_ABOUT_DOMAIN:
        return check->domain != NULL;
    }
    g_assert_not_reached();
}

GPtrArray *vh_check_run(const VhCheck *check)
{
    VhChecking checking = {
        .in = check, .host = check->host, .findings = g_ptr_array_new_with_free_func(finding_free)};

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        checking.kind = &kinds[i];
        checking.why = NULL;
        if (has_subject(check, kinds[i].about))
            kinds[i].look(&checking);
    }
    return checking.findings;
}

VhFindingState vh_check_worst(const GPtrArray *findings)
{
    VhFindingState worst = VH_FINDING_OK;

    for (guint i = 0; i < findings->len; i++)
        worst = MAX(worst, ((VhFinding *)findings->pdata[i])->state);
    return worst == VH_FINDING_UNKNOWN ? VH_FINDING_OK : worst;
}

const char *vh_finding_state_name(VhFindingState state)
{
    static const char *const names[] = {"ok", "unknown", "warning", "failure"};

    return names[state];
}

GVariant *vh_check_variant(const GPtrArray *findings)
{
    GVariantBuilder list;
    GVariantDict dict;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < findings->len; i++) {
        const VhFinding *finding = findings->pdata[i];
        g_variant_dict_init(&dict, NULL);
        g_variant_dict_insert(&dict, "id", "s", finding->id);
        g_variant_dict_insert(&dict, "about", "s", finding->guest ? "guest" : "host");
        g_variant_dict_insert(&dict, "state", "s", vh_finding_state_name(finding->state));
        g_variant_dict_insert(&dict, "title", "s", finding->title);
        g_variant_dict_insert(&dict, "what", "s", finding->what);
        g_variant_dict_insert(&dict, "why", "s", finding->why);
        if (finding->mend)
            g_variant_dict_insert(&dict, "mend", "s", finding->mend);
        g_variant_builder_add_value(&list, g_variant_dict_end(&dict));
    }
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "state", "s", vh_finding_state_name(vh_check_worst(findings)));
    g_variant_dict_insert_value(&dict, "findings", g_variant_builder_end(&list));
    return g_variant_dict_end(&dict);
}

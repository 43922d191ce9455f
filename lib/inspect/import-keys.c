// SPDX-License-Identifier: GPL-2.0-or-later
/* The keys that other people's configurations have, and what they are to us. */
#include <string.h>

#include "base/address.h"
#include "base/text.h"
#include "inspect/import-private.h"

typedef struct Key Key;
struct Key {
    const char *names; /* '|' between them; '*' at the end: any ending */
    void (*take)(const ImportPlace *place, const Key *key, const char *name, char **values);
    const char *words; /* what it is, or why it is needless */
};

#define DISPLAY "the display"

static gboolean is_display(const Key *key)
{
    return g_str_equal(key->words, DISPLAY);
}

/* Keys of two kinds are often filled in for one card; a second card would be missed. */
static void note_second_display(const ImportPlace *place, const Key *key, const char *text)
{
    const GPtrArray *notes = place->import->notes;
    gboolean slot;
    g_autofree char *address = import_address(text, &slot);
    g_autofree char *same = g_strconcat(address, ", " DISPLAY, NULL);

    for (guint i = 0; is_display(key) && i < notes->len; i++) {
        const VhImportNote *note = notes->pdata[i];
        if (note->verdict != VH_IMPORT_TAKEN || g_str_equal(note->text, same) ||
            !g_str_has_suffix(note->text, ", " DISPLAY))
            continue;
        g_autofree char *other = g_strndup(note->text, strcspn(note->text, ","));
        import_note(place, VH_IMPORT_PERSON,
                    "%s and %s are both called the display: where the guest is to have one card, "
                    "take the other out of devices",
                    other, address);
        return;
    }
}

static void take_devices(const ImportPlace *place, const Key *key, const char *name, char **values)
{
    gsize good = 0, n = g_strv_length(values);

    for (gsize i = 0; i < n; i++) {
        gboolean slot;
        g_autofree char *address = import_address(values[i], &slot);
        good += address != NULL;
    }
    if (good == n) {
        note_second_display(place, key, values[0]);
        for (gsize i = 0; i < n; i++)
            import_device(place, values[i], i > 0 && is_display(key) ? "a device" : key->words);
    } else if (good > 0) {
        import_note(place, VH_IMPORT_PERSON,
                    "%s has PCI addresses and something else (%s): nothing of it was taken", name,
                    key->words);
    } else {
        g_autofree char *all = g_strjoinv(" ", values);
        g_autofree char *text = vh_text_one_line(all);
        import_note(place, VH_IMPORT_PERSON,
                    "%s = \"%.100s\" is no PCI address (%s); write it as 0000:09:00.0", name, text,
                    key->words);
    }
}

static void take_guest(const ImportPlace *place, const Key *key, const char *name, char **values)
{
    g_free(place->import->guest);
    place->import->guest = vh_text_one_line(values[0]);
    import_note(place, VH_IMPORT_NEEDLESS, "%s: the guest is the name of the per-VM file", name);
}

static void take_memory(const ImportPlace *place, const Key *key, const char *name, char **values)
{
    place->import->hugepages = -1;
    import_note(place, VH_IMPORT_TAKEN,
                "%s: huge pages are counted from the domain's own memory (hugepages = \"auto\")",
                name);
}

static void take_governor(const ImportPlace *place, const Key *key, const char *name, char **values)
{
    import_governor(place, values[0]);
}

static void take_cpus(const ImportPlace *place, const Key *key, const char *name, char **values)
{
    if (strspn(values[0], "0123456789,-") != strlen(values[0]) || !*values[0]) {
        import_note(place, VH_IMPORT_PERSON, "%s is no list of CPUs such as 0-1,8-9", name);
        return;
    }
    g_free(place->import->host_cpus);
    place->import->host_cpus = g_strdup(values[0]);
    import_note(place, VH_IMPORT_TAKEN, "%s: CPUs that are left to the host", name);
}

/* Keeping the kernel's writeback off the guest's CPUs. */
static void take_writeback(const ImportPlace *place, const Key *key, const char *name,
                           char **values)
{
    if (place->import->host_cpus || g_str_equal(values[0], "0"))
        import_note(place, VH_IMPORT_NEEDLESS, "%s: the kernel's writeback keeps to host_cpus",
                    name);
    else
        import_note(
            place, VH_IMPORT_PERSON,
            "%s: host_cpus does that: write host_cpus = \"0-1\" with the CPUs that are left "
            "to the host",
            name);
}

static void take_units(const ImportPlace *place, const Key *key, const char *name, char **values)
{
    for (gsize i = 0; values[i]; i++)
        import_unit(place, values[i]);
}

static void needless(const ImportPlace *place, const Key *key, const char *name, char **values)
{
    import_note(place, VH_IMPORT_NEEDLESS, "%s: %s", name, key->words);
}

static void for_person(const ImportPlace *place, const Key *key, const char *name, char **values)
{
    import_note(place, VH_IMPORT_PERSON, "%s: %s", name, key->words);
}

/* Names in capitals, without VIRSH in front and without digits at the end; first match counts. */
static const Key keys[] = {
    {"VM_NAME|VM|GUEST|GUEST_NAME|DOMAIN", take_guest, NULL},
    {"GPU_ID|GPU_IDS|*_ID|*_IDS", needless, "devices are named by their address, not by their ids"},
    {"GPU|GPU_VIDEO|GPUV|VGA_DEVICE|GPU_PCI|IOMMU_GPU_VGA|VIDEOBUSID|PF_GPU|GPU_VGA|VIDEO|"
     "SECONDARY_GPU_VIDEO|SECONDARY_GPU|GPU_ADDRESS|GPU_PCI_ADDRESS",
     take_devices, DISPLAY},
    {"GPU_AUDIO|GPUA|AUDIO_DEVICE|AUDIO_PCI|IOMMU_GPU_AUDIO|AUDIOBUSID|SECONDARY_GPU_AUDIO|"
     "AUDIO_ADDRESS|GPU_AUDIO_ADDRESS",
     take_devices, "the display's sound"},
    {"GPU_USB|GPU_USBC|IOMMU_GPU_USB", take_devices, "the card's USB controller"},
    {"GPU_SERIAL|GPU_SERIAL_BUS|GPU_SERIALBUS|SERIAL_BUS|GPU_SBC|GPU_SB|IOMMU_GPU_SERIAL|GPU_UCSI",
     take_devices, "the card's serial bus controller"},
    {"PCIE_USB|USB|USB_CONTROLLER|USB_DEVICE", take_devices, "a USB controller"},
    {"NVME_SSD|SSD_NVME|SATA|SATA_CONTROLLER|NVME", take_devices, "storage"},
    {"NIC|REALTEK_NIC", take_devices, "a network card"},
    {"HD_AUDIO|AUDIO|AUDIO_JACK|PCI_AUDIO|ONBOARD_CARD|ONBOARD_AUDIO|ONBOARD_SMBUS|ONBOARD_SPI|"
     "GPU_CPU",
     take_devices, "sound or its companions"},
    {"DEVICES|PCI_DEVS|VFIO_DEVICES|NODE_DEVICES|EXTRA|UNBIND|PCI_DEVICES|ADDRESS|PCI_ADDRESS|PCI|"
     "BUSID",
     take_devices, "a device"},
    {"MEMORY|VM_MEMORY|HUGEPAGES", take_memory, NULL},
    {"CPUGOVERNOR|GOVERNOR|CPU_GOVERNOR", take_governor, NULL},
    {"HOST_CPUS|HOST_CORES", take_cpus, NULL},
    {"NVIDIA_SERVICES|SERVICES|DM_SERVICE|DISPLAY_MANAGER", take_units, NULL},
    {"WRITEBACK", take_writeback, NULL},
    {"MODULES|NVIDIA_MODULES|HOST_DRIVER|DRIVER", needless,
     "drivers and modules are found from the devices, and come back as they were"},
    {"TOTAL_CORES|VIRT_CORES|ALL_CPUS|*_MASK", needless,
     "the host gets all its CPUs back by itself"},
    {"*_ISO|OVMF|OVMF_VARS|ISO", needless, "it belongs to the domain XML, which has it"},
    {"USER|USER_DBUS_ADDR", needless, "sessions and their users are found through logind"},
    {"LOGFILE|VFIO_LOG|LOG|LOG_FILE", needless,
     "everything goes to the systemd journal: journalctl -t virt-handoff"},
    {"VFIO_SAFE_UNBIND|VFIO_SETTLE_SECS|SETTLE_SECS|LATE_BIND|MODE", needless,
     "what is needed is waited for, not a fixed time or mode"},
    {"SRIOV_NUM_VFS|SRIOV_PCI|GVT_GUID|MDEV_TYPE|GVT_PCI", for_person,
     "virtual functions and mediated devices have to be there before the guest starts"},
    {"TARGET_NICE|KILLSWITCH|PRE|POST|ON_PREPARE|ON_RELEASE", for_person,
     "what it does has to become commands of the per-VM file, or a script in qemu.d"},
};

static gboolean matches(const char *names, const char *name)
{
    g_auto(GStrv) list = g_strsplit(names, "|", -1);

    for (gsize i = 0; list[i]; i++)
        if (*list[i] == '*' ? g_str_has_suffix(name, list[i] + 1) : g_str_equal(list[i], name))
            return TRUE;
    return FALSE;
}

/* The name as the table has it. */
static char *normal_name(const ImportPlace *place, const char *name)
{
    g_autofree char *upper = g_ascii_strup(name, -1);
    const char *rest = g_strdelimit(upper, "-. ", '_');

    if (g_str_has_prefix(rest, "VRISH_"))
        import_note(place, VH_IMPORT_PERSON, "%s: a slip for VIRSH_%s; it was taken as that", name,
                    name + strlen("VRISH_"));
    if (g_str_has_prefix(rest, "VIRSH") || g_str_has_prefix(rest, "VRISH"))
        rest += strlen("VIRSH");
    rest += strspn(rest, "_");
    char *normal = g_strdup(rest);
    for (gsize n = strlen(normal);
         n > 1 && (g_ascii_isdigit(normal[n - 1]) || normal[n - 1] == '_');)
        normal[--n] = '\0';
    return normal;
}

static gboolean is_virsh(const char *name)
{
    return g_ascii_strncasecmp(name, "VIRSH", 5) == 0;
}

/* A name nobody knows: only what it has tells whether somebody must look. */
static void unknown(const ImportPlace *place, const char *name, char **values, gboolean ours)
{
    for (gsize i = 0; values[i]; i++) {
        g_autofree char *address = vh_address_canonical(values[i], NULL);
        if (address) {
            import_note_device(place, address,
                               "%s is not a known key; %s was not taken: add it to devices if the "
                               "guest is to have it",
                               name, address);
            return;
        }
    }
    /* That file is one by its name, whatever is in it. */
    if (is_virsh(name) || g_str_has_suffix(place->file, "kvm.conf"))
        import_note(place, VH_IMPORT_PERSON, "%s is not a known key", name);
    else if (ours)
        import_note_strange(place, "%s is not a known key", name);
    else
        place->import->strange++;
}

static const Key *key_of(const char *normal)
{
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        if (matches(keys[i].names, normal))
            return &keys[i];
    return NULL;
}

static gboolean is_list(const Key *key)
{
    return key->take == take_devices || key->take == take_units;
}

/* Of a list, that may be in one pair of quotes: "a b", "a, b". */
static char **members_of(char **values)
{
    g_autofree char *all = g_strjoinv(" ", values);
    g_auto(GStrv) words = g_strsplit_set(all, ", \t\n", -1);
    GPtrArray *members = g_ptr_array_new();

    for (gsize i = 0; words[i]; i++)
        if (*words[i] && members->len < IMPORT_MOST_WORDS)
            g_ptr_array_add(members, g_strdup(words[i]));
    g_ptr_array_add(members, NULL);
    return (char **)g_ptr_array_free(members, FALSE);
}

void import_key(const ImportPlace *place, const char *name, char **values)
{
    g_autofree char *quoted = vh_text_one_line(name);
    g_autofree char *normal = normal_name(place, quoted);
    gboolean ours =
        is_virsh(name) || !strchr(place->file, '/') || g_str_has_suffix(place->file, ".conf");

    const Key *key = key_of(normal);
    g_auto(GStrv) members = members_of(values);
    place->import->known += key != NULL;
    if (members[0]) {
        if (key)
            key->take(place, key, quoted, is_list(key) ? members : values);
        else
            unknown(place, quoted, members, ours);
    } else if (is_virsh(name) || (key && key->take == take_devices)) {
        import_note(place, VH_IMPORT_PERSON, "%s is empty", quoted);
    }
}

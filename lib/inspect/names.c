// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/names.h"

#include <pci/pci.h>
#include <setjmp.h>

struct VhPciNames {
    struct pci_access *access;
};

/* udev's hardware database has no more than pci.ids, and where there is none, libpci looks for it
 * again, and leaks, at every unknown device. */
enum { LONGEST = 1024, FLAGS = PCI_LOOKUP_NO_HWDB };

/* ---- libpci ends the process on a broken pci.ids: its error function must not return ---- */

static jmp_buf give_up;
static gboolean loading;

static void on_error(char *format, ...) G_GNUC_NORETURN G_GNUC_PRINTF(1, 2);

static void on_error(char *format, ...)
{
    if (loading)
        longjmp(give_up, 1);
    /* All that is left is memory, which GLib does not survive either. */
    g_error("libpci: out of memory");
}

static void on_remark(char *format, ...) G_GNUC_PRINTF(1, 2);

static void on_remark(char *format, ...)
{
}

/* What was read before the broken line stays; libpci does not try again. */
static void load(struct pci_access *access)
{
    loading = TRUE;
    if (setjmp(give_up) == 0)
        (void)pci_load_name_list(access);
    loading = FALSE;
}

/* ---- names ---- */

VhPciNames *vh_pci_names_new(void)
{
    VhPciNames *names = g_new0(VhPciNames, 1);

    names->access = pci_alloc();
    names->access->error = on_error;
    names->access->warning = on_remark;
    names->access->debug = on_remark;
    /* Neither DNS nor what it once answered. */
    names->access->id_lookup_mode = 0;
    load(names->access);
    return names;
}

void vh_pci_names_free(VhPciNames *names)
{
    if (!names)
        return;
    pci_cleanup(names->access);
    g_free(names);
}

char *vh_pci_names_class(VhPciNames *names, guint32 class_code)
{
    char buffer[LONGEST];

    return g_utf8_make_valid(pci_lookup_name(names->access, buffer, sizeof buffer,
                                             FLAGS | PCI_LOOKUP_CLASS | PCI_LOOKUP_MIXED,
                                             (int)(class_code >> 8)),
                             -1);
}

char *vh_pci_names_device(VhPciNames *names, guint16 vendor, guint16 device, gboolean ids)
{
    const int flags = FLAGS | PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | (ids ? PCI_LOOKUP_MIXED : 0);
    char buffer[LONGEST];

    return g_utf8_make_valid(
        pci_lookup_name(names->access, buffer, sizeof buffer, flags, vendor, device), -1);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of PCI devices and classes from pci.ids, as lspci gives them; never from the network.
 * Numbers stand for what it does not know.
 */
#pragma once

#include <glib.h>

typedef struct VhPciNames VhPciNames;

/* Reads the list of names. */
VhPciNames *vh_pci_names_new(void);
void vh_pci_names_free(VhPciNames *names);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhPciNames, vh_pci_names_free)

/* "VGA compatible controller [0300]" for the 24 bits 0x030000. The caller owns it. */
char *vh_pci_names_class(VhPciNames *names, guint32 class_code);
/* "NVIDIA Corporation GA102 [GeForce RTX 3090]"; with "[10de:2204]" behind it when @ids. The caller
 * owns it. */
char *vh_pci_names_device(VhPciNames *names, guint16 vendor, guint16 device, gboolean ids);

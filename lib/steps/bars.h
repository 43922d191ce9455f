// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Resizable BARs (PCI Express, "Resizable BAR"; drivers/pci/pci-sysfs.c, resourceN_resize). A size
 * is an exponent: 2^size MiB. A choice is written "BAR:SIZE", "0:8" is 256 MiB for BAR 0.
 */
#pragma once

#include "steps/step.h"

enum { VH_BARS = 6 };

/* What BAR @bar has now, -1: it has none, or none of a whole number of MiB. */
int vh_bar_size(VhHost *host, const char *address, guint bar);
/* Bit n is set when it can have 2^n MiB; 0: its size cannot be changed. */
guint64 vh_bar_choices(VhHost *host, const char *address, guint bar);

/* The same BARs as in @bars ("BAR:SIZE") with what they have now; NULL when one cannot be read. */
char **vh_bars_now(VhHost *host, const char *address, char **bars);
/* Whether all of them have that size now. */
gboolean vh_bars_are(VhHost *host, const char *address, char **bars);
/* Gives each that size, but for those that have it. The function must have no driver. */
gboolean vh_bars_set(const VhStepContext *context, const char *address, char **bars,
                     GError **error);

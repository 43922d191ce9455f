/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the modules that stand in for NVIDIA's stack are to each other. */
#pragma once

#include <linux/pci.h>

#define NVIDIA_MAJOR 195
#define NVIDIA_MINOR_MODESET 254
#define NVIDIA_MINOR_CTL 255

/* Told of the card while it is bound: at registration, and when it comes and goes later. */
struct nvidia_client {
    int (*attach)(struct pci_dev *gpu);
    void (*detach)(void);
};

/* nvidia: somebody uses the card, and its driver cannot leave it before all have given it back. */
int nvidia_take(void);
void nvidia_give(void);
/* nvidia, nvidia_modeset: one client, which passes it on to one of its own. NULL: none any more. */
int nvidia_set_client(const struct nvidia_client *client);
int nvidia_modeset_set_client(const struct nvidia_client *client);

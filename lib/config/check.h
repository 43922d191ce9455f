// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checks of single texts of the per-VM file. Each returns the text as it is kept (the caller owns
 * it), or NULL and VH_ERROR_FAILED with a sentence that quotes the text.
 */
#pragma once

#include <glib.h>

/* @text for a message: quoted, on one line, and no longer than a line. The caller owns it. */
char *vh_check_quote(const char *text);

/* A PCI address, kept canonical. */
char *vh_check_address(const char *text, GError **error);
/* Name of a kernel driver, "vfio-pci". */
char *vh_check_driver(const char *text, GError **error);
/* Name of a kernel module, kept with underscores as /proc/modules has it. */
char *vh_check_module(const char *text, GError **error);
/* Name of a systemd unit with its suffix, "sddm.service"; no template, no glob. */
char *vh_check_unit(const char *text, GError **error);
/* The same, or a glob ("plasma-*"). */
char *vh_check_unit_glob(const char *text, GError **error);
/* Name of a CPU frequency governor. */
char *vh_check_governor(const char *text, GError **error);
/* A CPU list as the kernel writes it, "0-1,8-9". */
char *vh_check_cpus(const char *text, GError **error);
/* A size for a BAR, "256M" or "0:256M", kept as ":8" or "0:8" (2^8 MiB). */
char *vh_check_bar(const char *text, GError **error);
/* Absolute path of a program. */
char *vh_check_program(const char *text, GError **error);

/* The bytes of a page size such as "2M" or "1G", 0 when it is none (a power of two, K, M or G). */
guint64 vh_check_page_size(const char *text);

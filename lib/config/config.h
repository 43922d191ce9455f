// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The per-VM file, /etc/libvirt/hooks/kvm.conf.d/GUEST.conf, as typed values. An empty file is a
 * complete configuration. The key table (config/keys.h) is the one list of keys: the loader, the
 * man page and the template of `init` come from it.
 */
#pragma once

#include <glib.h>

#include "base/error.h"

/* The two words that need no list, and the list. */
typedef enum { VH_CHOICE_AUTO, VH_CHOICE_KEEP, VH_CHOICE_LIST } VhChoice;
typedef enum {
    VH_SESSIONS_WAIT,
    VH_SESSIONS_LOGOUT,
    VH_SESSIONS_TERMINATE,
    VH_SESSIONS_KEEP
} VhSessions;
typedef enum { VH_HOLDERS_REFUSE, VH_HOLDERS_TERMINATE } VhHolders;
typedef enum { VH_HUGEPAGES_NONE, VH_HUGEPAGES_AUTO, VH_HUGEPAGES_COUNT } VhHugepages;

typedef struct {
    char *at;      /* operation, never NULL */
    char **run;    /* argv, absolute path first */
    char **undo;   /* argv or NULL */
    guint timeout; /* seconds */
} VhConfigCommand;

typedef struct {
    char *path;         /* for messages */
    VhChoice devices;   /* AUTO or LIST */
    char **device_list; /* canonical, no duplicates; never NULL */
    char *driver;
    VhChoice stop; /* AUTO or LIST */
    char **stop_list;
    char **stop_user;
    VhSessions sessions;
    VhHolders holders;
    gboolean keep_consoles;
    gboolean keep_framebuffer;
    VhChoice modules;
    char **module_list; /* with underscores, as in /proc/modules */
    guint timeout;      /* seconds, 1 to 300 */
    gboolean allow_sleep;
    gboolean quiet;  /* nothing is said on terminals */
    char *governor;  /* NULL: as it is */
    char *host_cpus; /* cpulist as written, checked; NULL: as it is */
    char *irq_cpus;
    VhHugepages hugepages;
    guint64 hugepage_count;
    guint64 hugepage_size; /* bytes, 0: the default size */
    int hugepage_node;     /* -1: any */
    char *reset;           /* "auto", "keep", "rescan" or "rtcwake" */
    char **rebar;          /* "BAR:N" or ":N", the largest: 2^N MiB */
    GPtrArray *commands;   /* VhConfigCommand; never NULL */
} VhConfig;

/*
 * Reads and checks @path. All problems are collected: VH_ERROR_CONFIG, one line each,
 * "FILE:LINE: KEY: problem" ("FILE:LINE: problem" when the syntax is wrong). A file that is not
 * root's (or the caller's own, for one who is not root), that others can write, that is a link or
 * no regular file, over 64 KiB, or below a directory others can write is refused: VH_ERROR_CONFIG,
 * one line "FILE: …" with the command that mends it. VH_ERROR_GONE when there is none,
 * VH_ERROR_DENIED when we may not read it. @path is absolute.
 */
VhConfig *vh_config_load(const char *path, GError **error);

/*
 * The same, with the check of the directories beginning below @trusted, which @path must lie in:
 * for trees that stand in for "/" (tests, --root), whose own place may be one others can write to.
 */
VhConfig *vh_config_load_below(const char *trusted, const char *path, GError **error);

/* The same for a text already read; @path is for messages only. "" gives all defaults. */
VhConfig *vh_config_parse(const char *text, const char *path, GError **error);

void vh_config_free(VhConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhConfig, vh_config_free)

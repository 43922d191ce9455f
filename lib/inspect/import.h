// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What other people's hooks were configured with, as a per-VM file: kvm.conf and its kin, hook
 * scripts, trees of the VFIO-Tools hook helper. Everything is parsed, and nothing is run.
 */
#pragma once

#include "host/host.h"

typedef enum {
    VH_IMPORT_TAKEN,    /* it is in the per-VM file */
    VH_IMPORT_NEEDLESS, /* virt-handoff does it without being told, or needs it no more */
    VH_IMPORT_PERSON,   /* somebody has to look at it */
    VH_N_IMPORT_VERDICTS
} VhImportVerdict;

typedef struct {
    VhImportVerdict verdict;
    char *file;
    guint line;       /* 0: the file as a whole */
    char *text;       /* a sentence without its full stop */
    char *device;     /* it is about this one not being taken, NULL: about something else */
    gboolean strange; /* it only says that nobody knows the line */
} VhImportNote;

typedef struct {
    GPtrArray *notes;           /* VhImportNote, in the order of finding */
    GPtrArray *devices;         /* char *, canonical, each once */
    GPtrArray *acts;            /* of import-units.c: what was done with units */
    GPtrArray *stop;            /* char *, units */
    GPtrArray *stop_user;       /* char *, units of users' managers */
    GPtrArray *commands;        /* char *, groups as they are written */
    gboolean stops_display;     /* the old hook stopped the display manager, too */
    gboolean terminate;         /* … and ended sessions */
    char *governor, *host_cpus; /* NULL: not set */
    gint64 hugepages;           /* 0: not set, -1: by the domain's memory */
    char *reset;                /* NULL: not set */
    char *guest;                /* the guest's name where one was written, or NULL */
    GHashTable *values;         /* what the scripts assigned so far: name to char ** */
    GHashTable *sources;        /* address to a set of char *: the keys that brought it, or "" */
    const char *key;            /* the one that is being assigned, or NULL */
    guint known, strange;       /* how many keys and commands were known, and how many not */
} VhImport;

/* No file of these is longer. */
enum { VH_IMPORT_MOST = 256 * 1024 };

/* An import that has read nothing yet. */
VhImport *vh_import_new(void);

/*
 * Reads the text of one file. VH_ERROR_FAILED with a sentence for one that is none of these: a
 * modprobe.d file that has the name kvm.conf, XML, bytes that are no text.
 */
gboolean vh_import_text(VhImport *import, const char *name, const char *text, gsize length,
                        GError **error);

/* Reads a file, or every script and configuration in a directory (bounded; links are left out).
 * VH_ERROR_FAILED, too, for one file of which nobody knows a line. */
gboolean vh_import_path(VhImport *import, const char *path, GError **error);

/*
 * The per-VM file of what was read; it parses. What the hook would not take is in it as a comment,
 * and noted. With @host, bridges are left out, and devices that it does not have noted. The caller
 * owns it.
 */
char *vh_import_file(VhImport *import, VhHost *host, GError **error);

/* "taken", "needless", "person". Static. */
const char *vh_import_verdict_name(VhImportVerdict verdict);

void vh_import_free(VhImport *import);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhImport, vh_import_free)

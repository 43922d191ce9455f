// SPDX-License-Identifier: GPL-2.0-or-later
/* The verbs of virt-handoff, one file each: verb-NAME.c. The table is in virt-handoff.c. */
#pragma once

#include "engine/engine.h"

/* What the options common to the verbs say. */
typedef struct {
    const char *verb; /* that was typed */
    gboolean json;
    gboolean force;
    char *xml;              /* domain XML file instead of libvirt's */
    char *host;             /* snapshot of a host instead of this one */
    char *root;             /* directory with another sysfs and proc */
    char *config;           /* per-VM file instead of the installed one */
    char *rom;              /* attach: ROM file of the card */
    char *vendor;           /* … what Hyper-V's vendor is to be */
    gboolean hide;          /* … the guest is not to see KVM */
    char *guest;            /* guest to write a file for */
    char *fail;             /* rehearse: this act fails */
    char *kill;             /* … the engine is killed at it */
    char *hold;             /* … a process of this name holds a device */
    gboolean yes;           /* start: without a question */
    char *svg;              /* timeline: a picture is written here */
    char *journal;          /* … directory with the systemd journal's files */
    char *group;            /* of the IOMMU */
    gboolean gpu;           /* groups with a display controller only */
    gboolean watch;         /* go on until interrupted */
    gboolean desktop_entry; /* start: write a launcher */
} VhOptions;

typedef struct {
    const char *name;
    const char *arguments; /* "GUEST", for the help */
    const char *summary;   /* NULL: not shown in the help */
    int least, most;       /* arguments after the options */
    guint options;         /* VhOptionSet: which options it takes */
    gboolean root;         /* needs to be root */
    int (*run)(int argc, char **argv, const VhOptions *options); /* returns the exit status */
} VhVerb;

enum {
    VH_OPTION_JSON = 1 << 0,
    VH_OPTION_FORCE = 1 << 1, /* --force: go on against advice */
    VH_OPTION_XML = 1 << 2,
    VH_OPTION_HOST = 1 << 3,
    VH_OPTION_CONFIG = 1 << 4,
    VH_OPTION_ROOT = 1 << 5,
    VH_OPTION_ROM = 1 << 6,
    VH_OPTION_HIDE_KVM = 1 << 7,
    VH_OPTION_VENDOR_ID = 1 << 8,
    VH_OPTION_REPLACE = 1 << 9, /* --force: over a file that is there */
    VH_OPTION_FAIL = 1 << 10,
    VH_OPTION_KILL = 1 << 11,
    VH_OPTION_HOLD = 1 << 12,
    VH_OPTION_SVG = 1 << 13,
    VH_OPTION_JOURNAL = 1 << 14,
    VH_OPTION_YES = 1 << 15,
    VH_OPTION_GROUP = 1 << 20,
    VH_OPTION_GPU = 1 << 21,
    VH_OPTION_WATCH = 1 << 22,
    VH_OPTION_DESKTOP_ENTRY = 1 << 24,
    VH_OPTION_GUEST = 1 << 25,
};

int vh_verb_attach(int argc, char **argv, const VhOptions *options);
int vh_verb_check(int argc, char **argv, const VhOptions *options);
int vh_verb_hook(int argc, char **argv, const VhOptions *options);
int vh_verb_import(int argc, char **argv, const VhOptions *options);
int vh_verb_init(int argc, char **argv, const VhOptions *options);
int vh_verb_plan(int argc, char **argv, const VhOptions *options);
int vh_verb_prepare(int argc, char **argv, const VhOptions *options);
int vh_verb_release(int argc, char **argv, const VhOptions *options);
int vh_verb_status(int argc, char **argv, const VhOptions *options);
int vh_verb_recover(int argc, char **argv, const VhOptions *options);
int vh_verb_rehearse(int argc, char **argv, const VhOptions *options);
int vh_verb_snapshot(int argc, char **argv, const VhOptions *options);
int vh_verb_start(int argc, char **argv, const VhOptions *options);
int vh_verb_start_asked(int argc, char **argv, const VhOptions *options);
int vh_verb_start_now(int argc, char **argv, const VhOptions *options);
int vh_verb_tell(int argc, char **argv, const VhOptions *options);
int vh_verb_timeline(int argc, char **argv, const VhOptions *options);
int vh_verb_vbios(int argc, char **argv, const VhOptions *options);
int vh_verb_iommu(int argc, char **argv, const VhOptions *options);
int vh_verb_usb(int argc, char **argv, const VhOptions *options);
int vh_verb_domain_xml(int argc, char **argv, const VhOptions *options);
int vh_verb_definition(int argc, char **argv, const VhOptions *options);
int vh_verb_define_xml(int argc, char **argv, const VhOptions *options);

/* ---- shared by several verbs (machine.c) ---- */

/* An engine on this machine; the host is the caller's to free. @sink tells what happens; @guest
 * (NULL: no certain one) is borrowed, for the log of its scripts. */
VhEngine vh_machine_engine(VhEventSink sink, const char *guest);

/* The machine to look at: the one of --host (simulated), that below --root, or this one. NULL with
 * the place of the problem for a snapshot that is none. */
VhHost *vh_machine_host(const VhOptions *options, GError **error);

/*
 * The XML of @guest: from the file @path, else from libvirt (asked in a child that has 10 s), else
 * from the definition that libvirt keeps in /etc/libvirt/qemu, so that a way back can be found
 * while libvirt does not answer. NULL with libvirt's error otherwise, VH_ERROR_GONE when it knows
 * no such guest.
 */
GBytes *vh_machine_domain_xml(const char *guest, const char *path, GError **error);

/* The whole definition of @guest, with its passwords, from the file @path or else from libvirt. */
GBytes *vh_machine_definition(const char *guest, const char *path, GError **error);
/* Has libvirt take @xml as a definition, bounded as above. */
gboolean vh_machine_define(const char *xml, GError **error);

/* A VhEventSink: to the terminal and to the systemd journal. A refusal, which is the answer anyhow,
 * sets @data (gboolean *) instead of being said on the terminal, unless that is NULL. */
void vh_machine_tell(const VhEvent *event, gpointer data);

/* Answers a call by hand on this machine, telling the terminal and the systemd journal; returns
 * the exit status. @xml may be NULL where the journal has all that is needed. */
int vh_machine_answer(const char *operation, const char *suboperation, const char *guest,
                      GBytes *xml, gboolean force);

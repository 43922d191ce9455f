// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The schema of a snapshot: what a simulated machine consists of. Each struct below is one kind of
 * JSON object, each member one key of the same name (the tables in snapshot.c say which keys must
 * be there, and what the others are when they are not). Unknown keys, wrong types, values out of
 * range, two things of one name and references to nothing are refused with their place.
 *
 * A minimal snapshot is {"version": 1}. Times "…_ms" are durations in milliseconds. Times "…_at"
 * are points on the machine's clock in microseconds, 0: nothing is due; they, and the keys marked
 * (run), are written by vh_sim_snapshot for a machine that was running, and need not be in a
 * snapshot written by hand. Numbers in hex are texts: "0x10de".
 */
#pragma once

#include "base/error.h"
#include "sim/record.h"

/* "nodes" of a function or framebuffer: a device node that is there while its driver is bound (and
 * its module, if it has one, is loaded). The vfio group's node need not be listed. */
typedef struct {
    SimRecord record;
    char *path;      /* "/dev/dri/card0"; several functions may share one ("/dev/nvidiactl") */
    char *subsystem; /* "drm", "sound", … */
    char *number;    /* "226:0" */
    gboolean blocks; /* a driver that "unbind_hangs" waits for a process that has it open */
    char *driver;    /* bound to this; missing: to any but a vfio driver */
    char *module; /* module that makes it and is in use while it is open; missing: the driver's */
} SimNode;

/* "uses" of a function: see VhUse. */
typedef struct {
    SimRecord record;
    char *kind; /* "mount", "swap", "array", "open", "route" */
    char *name;
    char *where;
} SimUse;

/* "functions": PCI functions. */
typedef struct {
    SimRecord record;
    char *address;         /* canonical */
    gint64 class_code;     /* JSON "class": "0x030000" */
    gint64 vendor, device; /* "0x10de" */
    char *driver;          /* bound to */
    char *driver_override;
    gint64 group;    /* IOMMU group, -1: none */
    gboolean bridge; /* header type 1; class 0x06 is one anyway */
    gboolean boot_vga;
    char *seat;              /* missing: "seat0" */
    GPtrArray *nodes;        /* SimNode */
    GPtrArray *uses;         /* SimUse, while a driver of the host is bound */
    char *rom;               /* its expansion ROM, in base64; missing: it has none */
    gboolean rom_needs_free; /* reading it fails while a driver of the host is bound */
    char **resets;           /* ways to reset it beside those in its file "reset_method" */
    char *wedges;            /* after a vfio driver had it: "probe", no driver of the host binds;
                                "dead", it does not answer either; missing: it is well */
    gboolean unbinding;      /* (run) an unbind waits in the kernel until the nodes are closed */
    gboolean stuck;          /* (run) something has its device lock and never lets go */
    gint64 nodes_at;         /* its nodes come at this time */
    gboolean removed;        /* (run) it left the bus, */
    gboolean returns;        /* (run) … and is found again by a search */
    gboolean wedged;         /* (run) a driver cannot bind until it was removed, or without power */
} SimFunction;

/* "drivers" of the PCI bus, in the order of their registration: the first that matches binds. A
 * driver is registered while its module is loaded. */
typedef struct {
    SimRecord record;
    char *name;
    char *module;   /* missing: built in */
    char **ids;     /* matches these, "10de:2489" */
    char **classes; /* … and classes that begin so, "0403" */
    gboolean vfio;  /* vfio-pci or a variant: binds by driver_override only, needs an IOMMU group,
                       and waits for the group's node to be closed */
    gboolean unbind_hangs;  /* an unbind waits, unkillably, while a node that "blocks" is open
                               (snd_hda_intel, nvidia) */
    gboolean bind_fails;    /* its probe fails: the function stays without it */
    gboolean framebuffer;   /* its displays get a framebuffer that the console draws on */
    gboolean console_holds; /* … and the console that does so counts as a user of the module */
    gboolean takes_framebuffer; /* removes the firmware framebuffer of the function when it binds */
    gint64 nodes_ms;            /* from bind to nodes */
    gint64 bind_ms, unbind_ms;
} SimDriver;

/* "modules". Those that use it (holders) and its count are computed: live modules that depend on
 * it, open nodes, a console on its framebuffer, and "references". */
typedef struct {
    SimRecord record;
    char *name;        /* with underscores */
    char *state;       /* "live", "available", "builtin" */
    char **depends;    /* modules it needs */
    char **softdeps;   /* modules loaded before it when they can be */
    gint64 references; /* users nobody can name */
    gboolean unload_hangs;
    gboolean load_fails;
    gboolean needs_device; /* refuses to load when its drivers find no function (nvidia) */
    gint64 load_ms, unload_ms;
    gboolean stuck; /* (run) its exit never came back */
} SimModule;

/* "consoles": vtconsoles. One that draws on framebuffers is there only while a framebuffer is. */
typedef struct {
    SimRecord record;
    gint64 number;
    char *name; /* "(M) frame buffer device"; (S) ones are the defaults, bound when no other is */
    gboolean bound;
    gboolean registered; /* (run) FALSE: no framebuffer is there */
    gboolean stuck;      /* (run) something has the console lock and never lets go */
} SimConsole;

/* "framebuffers" of the firmware: platform devices. */
typedef struct {
    SimRecord record;
    char *device;        /* "efi-framebuffer.0" */
    char *driver;        /* bound to */
    char **drivers;      /* platform drivers that can bind it */
    char *address;       /* PCI function whose memory it draws in */
    GPtrArray *nodes;    /* SimNode */
    gboolean bind_fails; /* a bind does not work a second time (the BAR has moved) */
    gboolean removed;    /* (run) a native driver took its place */
    gboolean stuck;      /* (run) */
} SimFramebuffer;

/* "units" of the system manager. */
typedef struct {
    SimRecord record;
    char *id;
    char **aliases; /* "display-manager.service" */
    char *load;     /* missing: "loaded" */
    char *active;   /* missing: "inactive" */
    gint64 stop_ms, start_ms;
    char *stop_result, *start_result; /* of the jobs; missing: "done" */
    char **needs;      /* its start ends in "failed" when none of these nodes is there */
    gint64 restart_ms; /* Restart=: comes back so long after its process ended, -1: never; five
                          times within ten seconds, then it has failed */
    gboolean blind; /* … stays up without them, and shows nothing then until it is started anew */
    gint64 reloaded;             /* seconds since 1970, 0: not since its start */
    char *job;                   /* (run) "stop" or "start" */
    gint64 job_at;               /* when the job ends */
    gboolean again;              /* (run) a start waits for the stop job's end */
    gint64 starts, starts_since; /* (run) restarts by itself, and when the first was */
    const char *result;          /* of its last job, NULL: not ended; not in the snapshot */
} SimUnit;

/* "users". The unit user@UID.service, if listed, is the user's manager. */
typedef struct {
    SimRecord record;
    gint64 uid;
    char *name;
    gboolean linger;
    gint64 stop_delay_ms; /* logind's UserStopDelaySec, 10 s when missing */
    gint64 stop_at;       /* logind stops the manager */
} SimUser;

/* "sessions" of logind. */
typedef struct {
    SimRecord record;
    char *id;
    gint64 uid;
    char *seat;  /* missing: none */
    char *type;  /* "x11", "wayland", … */
    char *class; /* JSON "class": "user", "greeter", … */
    char *state; /* missing: "active" */
    char *desktop;
    gint64 vt;               /* its virtual terminal, which comes to the front with it, */
    gboolean behind;         /* … or does not */
    gboolean ignores_logout; /* its desktop does not heed a request to log out */
    char *unit;      /* its stop ends the session, its start opens it again (an autologin) */
    char *process;   /* command of the process whose end ends it */
    gint64 close_ms; /* from that end to the session's */
    gint64 close_at;
    gboolean terminated; /* (run) logind kills all its processes */
    gboolean open;       /* (run) FALSE: ended, comes back with its unit */
} SimSession;

/* A node that a process has open (run). */
typedef struct {
    SimRecord record;
    char *path;
    char *module;  /* in use by it */
    gboolean gone; /* the node was taken away meanwhile */
} SimOpen;

/* "processes". */
typedef struct {
    SimRecord record;
    gint64 pid;
    gint64 start_time; /* missing: 1 */
    char *command;
    gint64 uid;
    char *unit;      /* system unit it lives in and ends with; missing: see session */
    char *user_unit; /* unit in its user's manager */
    char *session;   /* it lives in session-ID.scope */
    gboolean
        of_desktop;   /* its user's manager ends it with the desktop, whether that manager stays */
    gboolean stays;   /* lives on when its session ends by itself (KillUserProcesses=no) */
    gboolean watches; /* opens and closes its nodes as they come and go (udev) */
    char **nodes;     /* what it opens when it starts */
    gint64 term_ms;   /* from SIGTERM to its end, -1: it does not heed it */
    gint64 ends_at;
    GPtrArray *open;  /* SimOpen (run) */
    gboolean started; /* (run) "open" is true; else it opens its nodes now */
    gboolean runs;    /* (run) FALSE: ended, comes back with its unit or session */
} SimProcess;

/* "guests". */
typedef struct {
    SimRecord record;
    char *name;
    gint64 pid;     /* of its QEMU, 0: does not run */
    char **devices; /* what its QEMU opens; none: every function that is free on a vfio driver */
} SimGuest;

/* "roms": files that are there. */
typedef struct {
    SimRecord record;
    char *path;
    char *problem; /* "empty", "unreadable", "no file"; missing: usable */
} SimRom;

/* "files" that inspections look at: a text, or the target of a link. Directories follow from them.
 */
typedef struct {
    SimRecord record;
    char *path;
    char *text;
    char *hex;  /* instead of a text: bytes, two hex digits each */
    char *link; /* not NULL: it is a symbolic link, and this is its target */
    char *mode; /* permissions, four octal digits; missing: "0644" */
    gint64 uid, gid;
    gint64 changed; /* seconds since 1970 */
    char *label;    /* of SELinux */
} SimFile;

/* "programs" that can be run, scripts in …/qemu.d/GUEST/OPERATION/SUBOPERATION among them. */
typedef struct {
    SimRecord record;
    char *path;
    gint64 status;   /* it exits with */
    gint64 ms;       /* it takes */
    char *output;    /* its stdout */
    char *error;     /* the last line on its stderr */
    gboolean unsafe; /* others than root can write it */
} SimProgram;

/* "tunables": governors, slices, workqueues and interrupts. A machine without slices has no cpuset
 * controller. */
typedef struct {
    SimRecord record;
    char *name;     /* as of VhTunable: "policy0", "irq 27" */
    char *kind;     /* "governor", "slice", "workqueue", "irq" */
    char *value;    /* missing: "" */
    char **choices; /* what it takes; none: any */
    char *about;
    gboolean fixed; /* cannot be changed, and does not look it (an interrupt of one CPU) */
} SimTunable;

/* "page_pools": huge pages of one size on one NUMA node. */
typedef struct {
    SimRecord record;
    char *name;             /* "2M", "2M on node 1" */
    gint64 size_kb, node;   /* node -1: the kernel knows none */
    gboolean usual;         /* the size that is meant when none is named */
    gint64 pages;           /* set aside */
    gint64 used, reserved;  /* in use, and promised to somebody */
    gint64 most;            /* so many can be had; missing: any number */
    gint64 more_on_compact; /* … and so many more each time that memory is compacted, */
    gint64 most_after;      /* … up to this many */
} SimPagePool;

/* The machine itself: the top. */
typedef struct {
    SimRecord record;
    gint64 version; /* 1 */
    char *about;    /* for people */
    char *boot_id;  /* missing: zeros */
    char *services; /* what starts and stops them, a VhServiceManager's name; missing: "systemd" */
    gint64 clock;   /* microseconds, missing: one second */
    gboolean iommu; /* missing: on */
    gboolean bus;   /* whether systemd and logind answer; missing: they do */
    gboolean stopping;
    gint64 parent; /* pid of the process that calls us, 0: it is gone; missing: one not told of */
    GPtrArray *functions, *drivers, *modules, *consoles, *framebuffers, *units, *users, *sessions,
        *processes, *guests, *roms, *files, *programs, *tunables, *page_pools;
    char *cpus;                    /* "0-15"; missing: not known */
    gint64 next_pid, next_session; /* (run) numbers for the next ones */
} SimMachine;

/* Those that a machine makes itself. */
extern const SimType sim_node_type, sim_unit_type, sim_user_type, sim_process_type, sim_open_type,
    sim_guest_type, sim_program_type, sim_machine_type, sim_tunable_type, sim_page_pool_type;

/* The machine of a snapshot's text, NULL with VH_ERROR_FAILED and the place otherwise. */
SimMachine *sim_snapshot_read(const char *text, GError **error);
char *sim_snapshot_write(const SimMachine *machine);

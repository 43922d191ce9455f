// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A machine, in the words of this program. Steps and inspections see a machine only through these
 * operations; what is behind them is the real one (host/real.h) or a simulated one (sim/sim.h).
 *
 * Rules for all of them:
 * - addresses are canonical ("0000:09:00.0"), see base/address.h
 * - times are monotonic microseconds; a deadline is a point on vh_host_now()'s clock
 * - looking changes nothing and never blocks for long: what the kernel does not tell in a few
 *   seconds, because an act that hangs holds a lock, is VH_ERROR_TIMEOUT
 * - an act that can block in the kernel is bounded by its deadline: VH_ERROR_TIMEOUT says that the
 *   kernel did not come back from it (the act may still happen later)
 * - an act does one thing, once: retrying, verifying and undoing are the steps' work
 * - VH_ERROR_GONE when the device, module, unit or process is not there; VH_ERROR_BUSY when it is
 *   in use; VH_ERROR_DENIED, VH_ERROR_UNSUPPORTED and VH_ERROR_FAILED otherwise
 * - arrays returned own their elements; NULL is returned only together with an error
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/event.h"
#include "host/tuning.h" /* processors and memory */

/* ---- time and this process ---- */

/* Now, in microseconds (CLOCK_MONOTONIC; a simulated host has its own clock). */
gint64 vh_host_now(VhHost *host);

typedef struct {
    pid_t pid;
    guint64
        start_time; /* clock ticks since boot, field 22 of /proc/PID/stat: tells a recycled pid */
} VhProcess;

/* Start time of @pid, 0 when there is no such process or it is a zombie. */
guint64 vh_host_process_start(VhHost *host, pid_t pid);
/* Whether that very process (not another with its number) still runs; zombies do not. */
gboolean vh_host_process_alive(VhHost *host, VhProcess process);
/* Sends @signal to that very process, never to another with its number; does not wait for what it
 * does. VH_ERROR_GONE when it has ended. */
gboolean vh_host_process_signal(VhHost *host, VhProcess process, int signal, GError **error);
/* The process that called us (the daemon), as it is now; pid 1 when it is gone. */
VhProcess vh_host_parent(VhHost *host);
/* Whether somebody asked this process to end (SIGTERM, SIGINT); stays TRUE. */
gboolean vh_host_interrupted(VhHost *host);

/*
 * The process in which the kernel holds the last act that ended in VH_ERROR_TIMEOUT: for as long as
 * it lives, the act may still happen, and everything else on that device would hang as well.
 * {0, 0} when the last act did not hang, or only a program or a job did.
 */
VhProcess vh_host_hung(VhHost *host);

/*
 * Children that act keep @fd open from now on (-1: none), also when this process is killed: a lock
 * that was taken on it (flock) is then held until the last of them has ended. @fd stays the
 * caller's.
 */
void vh_host_keep(VhHost *host, int fd);

/* This boot, from /proc/sys/kernel/random/boot_id. Never NULL; the caller owns it. */
char *vh_host_boot_id(VhHost *host);

/* ---- PCI functions ---- */

typedef struct {
    char *address;
    guint32 class_code; /* 24 bits: 0x030000 is a VGA controller */
    guint16 vendor, device;
    char *driver;          /* what it is bound to, NULL: nothing */
    char *module;          /* module of that driver; NULL: built in, or no driver */
    char *driver_override; /* NULL: none */
    int iommu_group;       /* -1: none */
    gboolean bridge;       /* header type 1, or class 0x06: stays with the host */
    gboolean boot_vga;
    gboolean vfio; /* bound to vfio-pci or one of its variants */
} VhPciFunction;

void vh_pci_function_free(VhPciFunction *function);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhPciFunction, vh_pci_function_free)

/* Display controller (class 0x03), or sound (0x0401, 0x0403). */
gboolean vh_pci_is_display(const VhPciFunction *function);
gboolean vh_pci_is_sound(const VhPciFunction *function);

/* Every PCI function of the machine, ordered by address (VhPciFunction). The driver_override of one
 * whose lock is held by an act that hangs is left out. */
GPtrArray *vh_host_pci_list(VhHost *host, GError **error);
/* One function as it is now. */
VhPciFunction *vh_host_pci_look(VhHost *host, const char *address, GError **error);
/* Whether a driver of that name is registered with the PCI bus now. */
gboolean vh_host_pci_driver_known(VhHost *host, const char *driver);
/* Whether the kernel has an IOMMU in use (/sys/kernel/iommu_groups is not empty). */
gboolean vh_host_iommu_on(VhHost *host);

/* Sets driver_override; @driver NULL clears it. Binds nothing. */
gboolean vh_host_pci_override(VhHost *host, const char *address, const char *driver,
                              GError **error);
/* Unbinds the function from whatever driver it has; having none is success. Blocks in the kernel
 * for as long as an NVIDIA or sound function is open. */
gboolean vh_host_pci_unbind(VhHost *host, const char *address, gint64 deadline, GError **error);
/* Has the bus look for a driver (drivers_probe). Success says nothing about what is bound after:
 * look. */
gboolean vh_host_pci_probe(VhHost *host, const char *address, gint64 deadline, GError **error);

/* Sets one of the function's settings, by its name in sysfs: "reset_method", "d3cold_allowed",
 * "power/control", "resource0_resize" (to 2^value MiB; only without a driver) and the like.
 * VH_ERROR_UNSUPPORTED when the kernel has none of that name. They are read by vh_host_read. */
gboolean vh_host_pci_set(VhHost *host, const char *address, const char *name, const char *value,
                         gint64 deadline, GError **error);
/* Takes the function off the bus, with what it was set to. */
gboolean vh_host_pci_remove(VhHost *host, const char *address, gint64 deadline, GError **error);
/* Has the kernel look for functions it does not know; drivers bind to them as at boot. */
gboolean vh_host_pci_rescan(VhHost *host, gint64 deadline, GError **error);
/* Whether the function answers: FALSE when its configuration space reads as ones, which no reset
 * through it can mend. TRUE also when that cannot be told. */
gboolean vh_host_pci_answers(VhHost *host, const char *address);

typedef struct {
    char *kind;  /* "mount", "swap", "array", "open" or "route" */
    char *name;  /* "/dev/nvme0n1p2", "enp5s0" */
    char *where; /* mount point, array, process or gateway, for people */
} VhUse;

/* What the host itself cannot do without on this function: mounted file systems, swap, members of
 * running RAID/LVM/dm devices, disks that a process has open, the default route (VhUse). Empty:
 * nothing. */
GPtrArray *vh_host_pci_uses(VhHost *host, const char *address, GError **error);
/* The seat (logind) this function belongs to: ID_SEAT of its nodes in udev, "seat0" without. */
char *vh_host_pci_seat(VhHost *host, const char *address);

/* No expansion ROM is larger. */
#define VH_HOST_ROM_MOST ((gsize)16 * 1024 * 1024)

/* The function's expansion ROM, which is switched on for that and off again, also on failure. An
 * error says how it could be read. What comes may be anything, also empty (see inspect/rom.h). */
GBytes *vh_host_rom_read(VhHost *host, const char *address, gint64 deadline, GError **error);

/* ---- device nodes and who holds them ---- */

typedef struct {
    char *path;      /* "/dev/dri/card0" */
    char *subsystem; /* "drm", "sound", "graphics", "i2c-dev", … */
    dev_t number;
    gboolean blocks; /* unbinding waits for, or breaks, a process that has it open (drm, sound,
                        graphics, i2c-dev, kfd, nvidia, block, …); not so for input, hidraw, and
                        all on USB */
    char *counted;   /* the module whose use count is raised for as long as it is open or mapped;
                        NULL: that is not known of this one */
} VhNode;

/* The nodes of this function, found through sysfs below its directory (not below another PCI
 * function), those of the firmware framebuffer that sits on it, /dev/kfd for amdgpu, the
 * /dev/nvidia* nodes of its own minor and of the driver's shared ones, other nodes of modules upon
 * its driver's, and its group's /dev/vfio/N while it is bound to vfio (VhNode). */
GPtrArray *vh_host_pci_nodes(VhHost *host, const char *address, GError **error);

typedef struct {
    VhProcess process;
    char *command; /* comm */
    uid_t uid;
    char *user; /* name, or the number as text */
    char *unit; /* system unit: "sshd.service", "user@1000.service", "session-3.scope"; or NULL */
    char *user_unit; /* unit in the user's manager, or NULL */
    char *session;   /* logind session id, or NULL */
    char *node;      /* a node it has open */
} VhHolder;

/* Processes that have one of @nodes (VhNode) open (VhHolder), each once, without ourselves; those
 * that only have one mapped are looked for when no other is left. A process that ends while we look
 * is left out. */
GPtrArray *vh_host_holders(VhHost *host, GPtrArray *nodes, GError **error);

/* Returns when one of @holders (VhHolder; NULL: nobody) ends, when @microseconds are over, or when
 * a signal asks us to end, whichever is first. Such a signal wakes one wait; later ones, those of a
 * rollback, are whole again. */
void vh_host_wait(VhHost *host, GPtrArray *holders, gint64 microseconds);

/* ---- consoles and firmware framebuffers ---- */

typedef struct {
    guint number;         /* N of /sys/class/vtconsole/vtconN */
    char *name;           /* "(M) frame buffer device" */
    gboolean framebuffer; /* it draws on framebuffers, not in VGA text or the dummy */
    gboolean bound;
} VhConsole;

/* The vtconsoles (VhConsole). */
GPtrArray *vh_host_consoles(VhHost *host, GError **error);
gboolean vh_host_console_bind(VhHost *host, guint number, gboolean bind, gint64 deadline,
                              GError **error);

typedef struct {
    char *device;  /* platform device: "efi-framebuffer.0", "simple-framebuffer.0" */
    char *driver;  /* platform driver it is bound to, NULL: none */
    char *address; /* PCI function whose memory it draws in, NULL: not known */
} VhFramebuffer;

/* The firmware framebuffers: platform devices efi-framebuffer, vesa-framebuffer,
 * simple-framebuffer (also simpledrm) (VhFramebuffer). */
GPtrArray *vh_host_framebuffers(VhHost *host, GError **error);
/* Binds or unbinds platform device @device and platform driver @driver; already so is success. */
gboolean vh_host_framebuffer_bind(VhHost *host, const char *device, const char *driver,
                                  gboolean bind, gint64 deadline, GError **error);

/* ---- modules ---- */

typedef enum {
    VH_MODULE_MISSING,   /* the kernel has no such module */
    VH_MODULE_AVAILABLE, /* can be loaded */
    VH_MODULE_BUILTIN,
    VH_MODULE_LIVE, /* loaded */
} VhModuleState;

typedef struct {
    char *name; /* underscores, as in /sys/module */
    VhModuleState state;
    int refcount;   /* 0 when not live */
    char **holders; /* modules that use it */
    char **devices; /* PCI addresses bound to its drivers; other devices by their sysfs name */
} VhModule;

void vh_module_free(VhModule *module);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhModule, vh_module_free)

/* @name may have dashes; a module the kernel does not know has state MISSING (no error). */
VhModule *vh_host_module_look(VhHost *host, const char *name, GError **error);
/* Loads it with its options, dependencies and softdeps; already loaded or built in is success. */
gboolean vh_host_module_load(VhHost *host, const char *name, gint64 deadline, GError **error);
/* One attempt; not loaded is success; in use is VH_ERROR_BUSY. */
gboolean vh_host_module_unload(VhHost *host, const char *name, gint64 deadline, GError **error);

/* ---- units and sessions ---- */

/* What starts and stops services here. "Unit" stands for its services as well: a name without
 * ".service" is that of a service. */
typedef struct {
    const char
        *name; /* "systemd", "OpenRC", "sysvinit", "runit"; "none": no operation below works */
    const char *list; /* the command that lists the services; of "none" as of systemd */
    const char *tool; /* "systemctl VERB UNIT", "service UNIT VERB", "sv VERB UNIT" */
    gboolean verb_last;
    gboolean scripts; /* what its scripts say: a service that is ending may still look "active" */
} VhServiceManager;

/* Static, never NULL. */
const VhServiceManager *vh_host_service_manager(VhHost *host);
/* What a person types to have @verb ("start", "stop", "restart") done to @unit. */
char *vh_service_command(const VhServiceManager *manager, const char *verb, const char *unit);

extern const VhServiceManager vh_manager_systemd, vh_manager_openrc, vh_manager_sysvinit,
    vh_manager_runit, vh_manager_none;

typedef struct {
    char *id;     /* canonical name: "lightdm.service" for display-manager.service */
    char *load;   /* "loaded", "not-found", "masked", … */
    char *active; /* "active", "inactive", "activating" (also: waits for its start), "deactivating",
                     "failed", "reloading" */
} VhUnit;

void vh_unit_free(VhUnit *unit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhUnit, vh_unit_free)

/* "display-manager.service" finds the display manager also where there is no such alias. A unit
 * that does not exist has load "not-found" (no error). */
VhUnit *vh_host_unit_look(VhHost *host, const char *name, GError **error);
/* When systemd last had the service @name reload its configuration, in seconds since 1970; 0: not
 * since it started, or that is not known. */
gint64 vh_host_unit_reloaded(VhHost *host, const char *name);
/* Queues the stop job and waits for its end. VH_ERROR_TIMEOUT when the job outlives the deadline
 * (it is then cancelled), VH_ERROR_FAILED with the job's result otherwise. */
gboolean vh_host_unit_stop(VhHost *host, const char *name, gint64 deadline, GError **error);
/* reset-failed, then start, and waits for the job's end. At the deadline the job goes on:
 * VH_ERROR_TIMEOUT says only that nobody waited longer. */
gboolean vh_host_unit_start(VhHost *host, const char *name, gint64 deadline, GError **error);
typedef enum { VH_JOB_STOP, VH_JOB_START } VhJob;
/* Queues the job and does not wait: for that, stop or start the unit. VH_ERROR_UNSUPPORTED where
 * services have no jobs: anywhere but with systemd. */
gboolean vh_host_unit_ask(VhHost *host, VhJob job, const char *name, GError **error);
/* Suspends the host to RAM and has its clock wake it after so many seconds. */
gboolean vh_host_suspend(VhHost *host, guint seconds, gint64 deadline, GError **error);
/* Whether the host itself is shutting down. */
gboolean vh_host_stopping(VhHost *host);

typedef struct {
    char *id;
    uid_t uid;
    char *user;
    char *seat;     /* NULL: none (ssh) */
    char *type;     /* "x11", "wayland", "mir", "tty", "unspecified" */
    char *class;    /* "user", "greeter", "manager", "background", … */
    char *state;    /* "online", "active", "closing" */
    char *desktop;  /* "KDE", "GNOME", … or NULL */
    guint vt;       /* number of its virtual terminal, 0: none */
    char *terminal; /* "tty3", "pts/0"; NULL: none */
    char *unit;     /* of the process that began it, as a display manager's; NULL: not known */
} VhSession;

/* logind's sessions (VhSession); empty where there is no logind. */
GPtrArray *vh_host_sessions(VhHost *host, GError **error);
/* x11, wayland or mir, of class user or greeter. */
gboolean vh_session_is_graphical(const VhSession *session);
/* Has logind end the session and its processes; does not wait. */
gboolean vh_host_session_terminate(VhHost *host, const char *id, GError **error);
/* Whether the session says that it is a desktop whose interface for logging out is known. */
gboolean vh_session_desktop_known(const VhSession *session);
/* Has the session's desktop log out in order, by its own interface; does not wait for that.
 * VH_ERROR_UNSUPPORTED when none that is known is there; VH_ERROR_TIMEOUT when it was asked and did
 * not answer. */
gboolean vh_host_session_logout(VhHost *host, const VhSession *session, gint64 deadline,
                                GError **error);
/* Brings virtual terminal @vt of the seat to the front; which one is there now is in
 * /sys/class/tty/tty0/active. */
gboolean vh_host_front_switch(VhHost *host, const char *seat, guint vt, gint64 deadline,
                              GError **error);
/* Writes a line on these terminals (names below /dev, NULL-terminated), as far as they take it now.
 */
void vh_host_say(VhHost *host, const char *const *terminals, const char *text);
/* Has @text shown on the desktop that comes up next, if one does soon, rather on that of @seat
 * (NULL: of any); waits for nothing. */
void vh_host_tell_desktop(VhHost *host, const char *seat, const char *text);
/* Whether this user's manager stays without a session (loginctl enable-linger). */
gboolean vh_host_user_lingers(VhHost *host, uid_t uid);

/*
 * The units (VhUnit) of the user's own manager: for each of @globs (NULL-terminated) those that
 * match it and are loaded, each once; a name that is no glob is also there when it is not loaded.
 * Empty when that manager does not run; *@ret_manager is its process, {0, 0} then.
 */
GPtrArray *vh_host_user_units(VhHost *host, uid_t uid, const char *const *globs,
                              VhProcess *ret_manager, GError **error);
/* Whether the user's manager ends that unit of its with the desktop: it is a part of the target of
 * a session, or bound to one (graphical-session.target in systemd.special(7), or a compositor's
 * own). FALSE, too, where that cannot be known. */
gboolean vh_host_user_unit_of_desktop(VhHost *host, uid_t uid, const char *name);
/* As vh_host_unit_stop and vh_host_unit_start; VH_ERROR_GONE when the manager does not run. */
gboolean vh_host_user_unit_stop(VhHost *host, uid_t uid, const char *name, gint64 deadline,
                                GError **error);
gboolean vh_host_user_unit_start(VhHost *host, uid_t uid, const char *name, gint64 deadline,
                                 GError **error);

/* ---- files, programs, guests ---- */

/*
 * For inspections, which look at more than a hand-over needs: the text of a file of /sys, /proc,
 * /etc, /run, … (at most 1 MiB, without a newline at its end), the names in a directory (sorted
 * bytewise; empty when it is none), the target of a symbolic link as it is written. The caller owns
 * the result; NULL from reading and from the link is VH_ERROR_GONE, VH_ERROR_DENIED or FAILED.
 */
char *vh_host_read(VhHost *host, const char *path, GError **error);
char **vh_host_list(VhHost *host, const char *path);
char *vh_host_link(VhHost *host, const char *path, GError **error);
/* What vh_host_read reads where it is no text, with every byte of it. */
GBytes *vh_host_bytes(VhHost *host, const char *path, GError **error);
/* Bytes in the line @key of /proc/meminfo ("MemAvailable"); 0 where it has none. */
guint64 vh_host_memory(VhHost *host, const char *key);

typedef struct {
    guint32 mode; /* type and permissions, as of stat(2) */
    guint32 uid, gid;
    gint64 changed; /* seconds since 1970: when it was put there (ctime) */
} VhFileInfo;

/* What is at @path itself: a symbolic link is not followed. */
gboolean vh_host_stat(VhHost *host, const char *path, VhFileInfo *ret_info, GError **error);
/* The SELinux label of what is at @path itself; "" when it has none. The caller owns it; NULL is an
 * error as of the reading above. */
char *vh_host_label(VhHost *host, const char *path, GError **error);

/* What the USB device at @port ("1-4.2") calls itself, "Logitech USB Receiver"; what udev's
 * hardware database calls it when it does not say; NULL when neither is known. The caller owns it.
 */
char *vh_host_usb_name(VhHost *host, const char *port);

/* Whether QEMU can be given this ROM file: a regular file, not empty, readable. */
gboolean vh_host_rom_usable(VhHost *host, const char *path, GError **error);

/* The guest's scripts for one operation, in the order to run them: the file, or the executable
 * regular files of the directory, HOOKSDIR/qemu.d/GUEST/OPERATION/SUBOPERATION, sorted bytewise,
 * without editors' backups ("NAME~").
 * None for a guest whose name is no plain path component. Files or directories that others than
 * root can write are VH_ERROR_DENIED. */
char **vh_host_scripts(VhHost *host, const char *guest, const char *operation,
                       const char *suboperation, GError **error);

/* Whether root may run this program: a regular file (or a link of root's to one) that is executable
 * and that nobody but root can have written or put there, above all not through a directory that
 * others can write to. VH_ERROR_GONE or VH_ERROR_DENIED; the sentence says how to mend it. */
gboolean vh_host_program_usable(VhHost *host, const char *path, GError **error);

typedef struct {
    const char *const *argv;        /* absolute path first; run without a shell */
    const char *const *environment; /* "NAME=value" added to PATH and LC_ALL=C, or NULL */
    GBytes *input;                  /* its stdin, NULL: /dev/null */
    const VhEvent *about;           /* fields of the lines that it has logged, NULL: none */
    gboolean quiet; /* no line of it is logged; the last one may still explain a failure */
} VhCommand;

/* Runs it in "/" to its end in a process group of its own, which is killed at the deadline
 * (VH_ERROR_TIMEOUT); stdout goes to @ret_output (NULL: to the log), stderr to the log. An exit
 * status other than 0 is VH_ERROR_FAILED with the last line it wrote to stderr. A child that it
 * leaves behind keeps no pipe of ours. */
gboolean vh_host_run(VhHost *host, const VhCommand *command, gint64 deadline, GBytes **ret_output,
                     GError **error);

/* Whether the guest has a QEMU process (/run/libvirt/qemu/NAME.pid, checked against /proc). */
gboolean vh_host_guest_running(VhHost *host, const char *guest);

void vh_host_free(VhHost *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhHost, vh_host_free)

/* Free functions for elements of the arrays above. */
void vh_use_free(VhUse *use);
void vh_node_free(VhNode *node);
void vh_holder_free(VhHolder *holder);
void vh_console_free(VhConsole *console);
void vh_framebuffer_free(VhFramebuffer *framebuffer);
void vh_session_free(VhSession *session);

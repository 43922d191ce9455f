// SPDX-License-Identifier: GPL-2.0-or-later
/* What the files of the real back end share. Nobody else includes this, but for its tests. */
#pragma once

#include <sys/stat.h>
#include <systemd/sd-bus.h>

#include "base/event.h"
#include "host/host-ops.h"

struct kmod_ctx;

/* A child that reads and writes attributes (clerk.c); pid 0: none was needed yet. */
typedef struct {
    pid_t pid;
    int fd;
} VhClerk;

typedef struct {
    VhHost host;
    char *root; /* "" or a directory without a slash at its end */
    char *hooksdir;
    sd_bus *bus;           /* NULL until first use */
    char *bus_socket;      /* of a manager or a user's bus; NULL: the system bus */
    gboolean user_bus;     /* it is a bus, not a manager that is spoken to directly */
    gboolean mute;         /* the last question over the bus ran out of time */
    struct kmod_ctx *kmod; /* NULL until first use */
    gint64 look_limit;     /* VH_LOOK_LIMIT; tests have less patience */
    GArray *left;          /* pid_t: children that nobody waits for, and that have not ended yet */
    VhProcess hung;        /* the last act's child, when it is one of them */
    int kept;              /* what children keep open, -1: nothing */
    VhClerk clerk;
    VhEventSink sink; /* where the output of programs goes */
    gpointer sink_data;
} VhReal;

/* Looking is bounded too (VhReal.look_limit): some attributes take the lock of a device, which a
 * hung unbind holds. */
#define VH_LOOK_LIMIT ((gint64)3 * G_USEC_PER_SEC)
#define VH_ATTRIBUTE_MAX ((gsize)64 * 1024)
#define VH_TABLE_MAX ((gsize)16 * 1024 * 1024)

/* ---- file.c: paths, attributes, directories ---- */

/* ROOT and the formatted path. */
char *vh_real_path(VhReal *real, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The file's text, NUL-terminated, NULL and an error (FAILED when longer than @limit). */
char *vh_file_read(const char *path, gsize limit, GError **error);
/* The same for what is no text. */
GBytes *vh_file_bytes(const char *path, gsize limit, GError **error);
/* A sysfs attribute without the newline at its end; NULL when there is none or it is unreadable. */
char *vh_file_attribute(const char *path);
/* One write(2) of @text. 0 or an errno. */
int vh_file_write(const char *path, const char *text);
/* Last component of the symbolic link's target, NULL when it is none. */
char *vh_file_link(const char *path);
/* The same with @path below the directory that @dir_fd is open on. */
char *vh_file_link_at(int dir_fd, const char *path);
/* The names in a directory, sorted bytewise, without "." and ".."; empty when it is none. */
GPtrArray *vh_file_list(const char *path);
gboolean vh_file_exists(const char *path);
/* The lines of a table such as /proc/swaps; empty when it is unreadable. */
char **vh_file_lines(const char *path);
/* Whether @name can be one component of a path: not empty, ".", "..", nor with a slash. */
gboolean vh_name_is_plain(const char *name);
/* Parses all of @text; FALSE when it is no number. */
gboolean vh_number(const char *text, guint base, guint64 *ret_value);
/* "MAJOR:MINOR"; FALSE when it is none. */
gboolean vh_device_number(const char *text, dev_t *ret_number);
/* The value of "KEY=VALUE" among the lines of @text, NULL without. */
char *vh_line_value(const char *text, const char *key);

/* ---- walk.c: the devices below a directory of sysfs ---- */

typedef struct {
    const char *path;      /* of the device's directory */
    const char *name;      /* its last component */
    const char *subsystem; /* never NULL */
    gboolean usb;          /* it is a USB device or below one */
    gboolean node;         /* it has a node in /dev, or may have: the attribute "dev" is there */
} VhDeviceDir;

/* Calls @visit for each directory below (not at) @top that has a subsystem, without going into
 * other PCI functions. */
void vh_sysfs_walk(const char *top, void (*visit)(const VhDeviceDir *, gpointer), gpointer data);

/* ---- child.c: acts that the kernel may not come back from ---- */

/*
 * Does one act, in a child of ours. Returns 0 or an errno; what it appends to @answer is its
 * result, or on failure words that explain it.
 */
typedef int (*VhAct)(gpointer data, GString *answer);

/*
 * Runs @act in a child with a session of its own, no descriptor of ours and its stdio on
 * /dev/null, which no SIGTERM ends. @what begins the error ("unbind 0000:01:00.0"). At the
 * deadline it is killed, left to itself, and VH_ERROR_TIMEOUT is set. @ret_answer may be NULL.
 */
gboolean vh_child_act(VhReal *real, const char *what, gint64 deadline, VhAct act, gpointer data,
                      GBytes **ret_answer, GError **error);
/* Looks in such a child, for so long at most; not an act that vh_host_hung() would tell of. */
gboolean vh_child_look(VhReal *real, const char *what, gint64 microseconds, VhAct act,
                       gpointer data, GBytes **ret_answer, GError **error);
/* Nobody waits for the end of @pid, a child of ours that has nothing to do any more. */
void vh_child_leave(VhReal *real, pid_t pid);
/* Reaps what was left behind and has ended by now. */
void vh_child_reap(VhReal *real);
/* Waits for the end of @pid, a child of ours, until @deadline; FALSE: it is still there. */
gboolean vh_child_wait(pid_t pid, gint64 deadline, int *ret_status);
/* pidfd_open(2), O_CLOEXEC; -1 and errno. */
int vh_pidfd_open(pid_t pid);
/* What such a child is made of, for clerk.c as well. */
#define VH_CHILD_FD 3 /* in the child: what it tells by */
/* A child that does @work and ends; of our descriptors it has @fd, as VH_CHILD_FD, and what is to
 * be kept. -1 with an error. */
pid_t vh_child_fork(const VhReal *real, int fd, void (*work)(gpointer), gpointer data,
                    GError **error);
/* Before an act: forgets the last one. FALSE with VH_ERROR_TIMEOUT when @deadline is over. */
gboolean vh_child_prepare(VhReal *real, const char *what, gint64 deadline, GError **error);
/* Kills the child that does not come back, and leaves it to itself; always FALSE. */
gboolean vh_child_give_up(VhReal *real, pid_t pid, const char *what, gint64 began, GError **error);
/* Of what it has told, an errno and the answer; when that is too little, it died with @status. */
gboolean vh_child_judge(const GByteArray *told, const char *what, int status, GBytes **ret_answer,
                        GError **error);
/* Milliseconds for poll(2) until @deadline: 0 when it is over, at most a minute. */
int vh_poll_timeout(gint64 deadline);
/* The descriptor that is readable when a signal asked us to end, -1 when none is caught. */
int vh_signal_fd(void);

/* ---- clerk.c: attributes, whose reading or writing the kernel may not come back from ---- */

/* As vh_child_act of one vh_file_write, but in a child that does several. */
gboolean vh_child_write(VhReal *real, const char *what, gint64 deadline, const char *path,
                        const char *text, GError **error);
/* Reads an attribute whose reading takes a lock that an act under way may hold. NULL without an
 * error when there is none; VH_ERROR_TIMEOUT after look_limit. */
char *vh_child_attribute(VhReal *real, const char *what, const char *path, GError **error);
/* Ends that child, if there is one. */
void vh_clerk_end(VhReal *real);

/* ---- proc.c ---- */

/* Name of a user, without asking a name service that may not answer: /etc/passwd, then logind's
 * record of those logged in, then the number. */
char *vh_user_name(VhReal *real, uid_t uid);
/* Fills command, uid, user, unit, user_unit and session of a holder whose process is set; FALSE
 * when the process is gone or another one by now. */
gboolean vh_process_describe(VhReal *real, VhHolder *holder);
/* The unit of the process that made @pid, the leader of a session; NULL: not known. */
char *vh_process_maker(VhReal *real, pid_t pid);
/* The units in the text of /proc/PID/cgroup; each may come out NULL. */
void vh_cgroup_parse(const char *text, char **ret_unit, char **ret_user_unit, char **ret_session);

/* ---- bus.c ---- */

typedef struct {
    const char *destination, *path, *interface;
} VhBusObject;

extern const VhBusObject vh_bus_systemd;
extern const VhBusObject vh_bus_logind;

/* Takes over a connection instead of opening the system bus. For tests. */
void vh_real_use_bus(VhHost *host, sd_bus *bus);
/* The bus, ready for calls; borrowed. */
sd_bus *vh_bus_get(VhReal *real, gint64 deadline, GError **error);
/* Until when a question may take that no deadline of a step bounds. Who did not answer the last one
 * gets a moment only: a hook has several questions, and libvirt waits. */
gint64 vh_bus_ask_deadline(const VhReal *real);
/* One method call, bounded by @deadline; @types and what follows as for sd_bus_message_append. */
gboolean vh_bus_call(VhReal *real, gint64 deadline, const VhBusObject *object, const char *member,
                     sd_bus_message **ret_reply, GError **error, const char *types, ...);
/* The same, sent only: it comes before all that is called later, and its answer is of no interest.
 */
void vh_bus_post(VhReal *real, gint64 deadline, const VhBusObject *object, const char *member,
                 const char *types, ...);
/* Sends a call that was put together by hand, on the bus of vh_bus_get; its answer is of no
 * interest. */
gboolean vh_bus_send(VhReal *real, gint64 deadline, sd_bus_message *call, GError **error);
/* Sets @error from an answer that was not of the expected type. Returns FALSE. */
gboolean vh_bus_bad_reply(GError **error, const char *member, int result);

/* ---- users.c: speaking as a user, in a child that has become that user ---- */

/* /run/user/UID, which systemd made for the user, and the user's group; NULL: it is not there. */
char *vh_user_directory(VhReal *real, uid_t uid, gid_t *ret_gid);
/* In the child: from here on it is the user. 0 or an errno. */
int vh_user_become(uid_t uid, gid_t gid);
/* In the child: the answer is this error, with its code. */
void vh_user_answer_error(GString *answer, const GError *error);
/* In the parent: what the child answered, NULL with its error, which @what begins. */
char *vh_user_answer(GBytes *answer, const char *what, GError **error);

/* In @ret_user: the bus of the user whose directory that is. The caller owns its bus_socket. */
void vh_user_bus(VhReal *real, const char *directory, VhReal *ret_user);

/* ---- desk.c ---- */

/* "PROGRAM VERB -- ARGUMENT", run by systemd as a unit that outlives whoever asked. */
typedef struct {
    const char *unit, *about, *program, *verb, *argument;
} VhTransient;

gboolean vh_transient_start(VhReal *real, const VhTransient *transient, gint64 deadline,
                            GError **error);

/* ---- log.c ---- */

/* As VhEventSink vh_log_journal, through another socket; FALSE: nobody listens there. */
gboolean vh_log_journal_at(const char *socket_path, const VhEvent *event);
/* The line for people to a syslog daemon. */
gboolean vh_log_syslog_at(const char *socket_path, const VhEvent *event);

/* ---- programs.c ---- */

/* How a program is run; all of it 0: as vh_host_run says. */
typedef struct {
    gboolean silent; /* its stdout and stderr are /dev/null, also for what it starts */
    gboolean quiet;  /* no line of it is logged; the last one may still explain a failure */
    gboolean leave;  /* at the deadline it goes on: VH_ERROR_TIMEOUT says only that nobody waits */
    gboolean
        sturdy; /* it goes on when nobody reads any more what it writes, as when we are killed */
    int *ret_status; /* not NULL: its exit status, which is no error then */
} VhRunManner;

gboolean vh_program_run(VhReal *real, const VhCommand *command, const VhRunManner *manner,
                        gint64 deadline, GBytes **ret_output, GError **error);

/* ---- pci.c ---- */

/* The function's directory in /sys/devices, resolved; NULL and VH_ERROR_GONE without. */
char *vh_pci_directory(VhReal *real, const char *address, GError **error);

/* Who drives the function in the directory @dir: of its fields driver, module, vfio and iommu_group
 * are set. */
VhPciFunction *vh_pci_read_driver(const char *address, const char *dir);

/* ---- framebuffers.c ---- */

/* The directory of a platform device. */
char *vh_platform_directory(VhReal *real, const char *device);

/* ---- slices.c: the operations on VH_TUNE_SLICE ---- */

GPtrArray *vh_slices(VhReal *real, GError **error);
gboolean vh_slice_set(VhReal *real, const char *unit, const char *cpus, gint64 deadline,
                      GError **error);

/* ---- the operations of host.h, by subject ---- */

guint64 vh_real_process_start(VhHost *host, pid_t pid);
VhProcess vh_real_hung(VhHost *host);
void vh_real_keep(VhHost *host, int fd);
char *vh_real_read(VhHost *host, const char *path, GError **error);
char **vh_real_list(VhHost *host, const char *path);
char *vh_real_link(VhHost *host, const char *path, GError **error);
GBytes *vh_real_bytes(VhHost *host, const char *path, GError **error);
char *vh_real_label(VhHost *host, const char *path, GError **error);
gboolean vh_real_stat(VhHost *host, const char *path, VhFileInfo *ret_info, GError **error);
gboolean vh_real_process_signal(VhHost *host, VhProcess process, int signal, GError **error);
VhProcess vh_real_parent(VhHost *host);
gboolean vh_real_interrupted(VhHost *host);
char *vh_real_boot_id(VhHost *host);
gboolean vh_real_guest_running(VhHost *host, const char *guest);
GPtrArray *vh_real_pci_list(VhHost *host, GError **error);
VhPciFunction *vh_real_pci_look(VhHost *host, const char *address, GError **error);
gboolean vh_real_pci_driver_known(VhHost *host, const char *driver);
gboolean vh_real_iommu_on(VhHost *host);
gboolean vh_real_pci_override(VhHost *host, const char *address, const char *driver,
                              GError **error);
gboolean vh_real_pci_unbind(VhHost *host, const char *address, gint64 deadline, GError **error);
gboolean vh_real_pci_probe(VhHost *host, const char *address, gint64 deadline, GError **error);
GPtrArray *vh_real_pci_uses(VhHost *host, const char *address, GError **error);
char *vh_real_pci_seat(VhHost *host, const char *address);
gboolean vh_real_pci_set(VhHost *host, const char *address, const char *name, const char *value,
                         gint64 deadline, GError **error);
gboolean vh_real_pci_remove(VhHost *host, const char *address, gint64 deadline, GError **error);
gboolean vh_real_pci_rescan(VhHost *host, gint64 deadline, GError **error);
gboolean vh_real_pci_answers(VhHost *host, const char *address);
gboolean vh_real_suspend(VhHost *host, guint seconds, gint64 deadline, GError **error);
/* What the directory of sysfs says of its node; NULL: it has none. */
VhNode *vh_node_read(const char *dir, const char *subsystem);
GPtrArray *vh_real_pci_nodes(VhHost *host, const char *address, GError **error);
GPtrArray *vh_real_holders(VhHost *host, GPtrArray *nodes, GError **error);
void vh_real_wait(VhHost *host, GPtrArray *holders, gint64 microseconds);
GPtrArray *vh_real_consoles(VhHost *host, GError **error);
gboolean vh_real_console_bind(VhHost *host, guint number, gboolean bind, gint64 deadline,
                              GError **error);
GPtrArray *vh_real_framebuffers(VhHost *host, GError **error);
gboolean vh_real_framebuffer_bind(VhHost *host, const char *device, const char *driver,
                                  gboolean bind, gint64 deadline, GError **error);
VhModule *vh_real_module_look(VhHost *host, const char *name, GError **error);
gboolean vh_real_module_load(VhHost *host, const char *name, gint64 deadline, GError **error);
gboolean vh_real_module_unload(VhHost *host, const char *name, gint64 deadline, GError **error);
void vh_real_modules_close(VhReal *real);
gint64 vh_real_unit_reloaded(VhHost *host, const char *name);
VhUnit *vh_real_unit_look(VhHost *host, const char *name, GError **error);
gboolean vh_real_unit_stop(VhHost *host, const char *name, gint64 deadline, GError **error);
gboolean vh_real_unit_start(VhHost *host, const char *name, gint64 deadline, GError **error);
gboolean vh_real_unit_ask(VhHost *host, VhJob job, const char *name, GError **error);
const VhServiceManager *vh_real_service_manager(VhHost *host);
gboolean vh_real_stopping(VhHost *host);
GPtrArray *vh_real_sessions(VhHost *host, GError **error);
gboolean vh_real_session_terminate(VhHost *host, const char *id, GError **error);
gboolean vh_real_session_logout(VhHost *host, const VhSession *session, gint64 deadline,
                                GError **error);
gboolean vh_real_front_switch(VhHost *host, const char *seat, guint vt, gint64 deadline,
                              GError **error);
void vh_real_say(VhHost *host, const char *const *terminals, const char *text);
void vh_real_tell_desktop(VhHost *host, const char *seat, const char *text);
gboolean vh_real_user_lingers(VhHost *host, uid_t uid);
GPtrArray *vh_real_user_units(VhHost *host, uid_t uid, const char *const *globs,
                              VhProcess *ret_manager, GError **error);
gboolean vh_real_user_unit_of_desktop(VhHost *host, uid_t uid, const char *name);
gboolean vh_real_user_unit_stop(VhHost *host, uid_t uid, const char *name, gint64 deadline,
                                GError **error);
gboolean vh_real_user_unit_start(VhHost *host, uid_t uid, const char *name, gint64 deadline,
                                 GError **error);
char *vh_real_usb_name(VhHost *host, const char *port);
gboolean vh_real_rom_usable(VhHost *host, const char *path, GError **error);
GBytes *vh_real_rom_read(VhHost *host, const char *address, gint64 deadline, GError **error);
char **vh_real_scripts(VhHost *host, const char *guest, const char *operation,
                       const char *suboperation, GError **error);
gboolean vh_real_program_usable(VhHost *host, const char *path, GError **error);
gboolean vh_real_run(VhHost *host, const VhCommand *command, gint64 deadline, GBytes **ret_output,
                     GError **error);
char *vh_real_cpus(VhHost *host, GError **error);
GPtrArray *vh_real_tunables(VhHost *host, VhTune kind, GError **error);
gboolean vh_real_tune(VhHost *host, VhTune kind, const char *name, const char *value,
                      gint64 deadline, GError **error);
GPtrArray *vh_real_page_pools(VhHost *host, GError **error);
gboolean vh_real_set_pages(VhHost *host, guint64 size, int node, guint64 pages, gint64 deadline,
                           GError **error);
gboolean vh_real_compact(VhHost *host, int node, gint64 deadline, GError **error);

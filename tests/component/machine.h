// SPDX-License-Identifier: GPL-2.0-or-later
/* A simulated host with the real engine on it, for the component tests. */
#pragma once

#include "engine/call.h"
#include "engine/journal.h"
#include "engine/plan.h"
#include "sim/sim.h"

typedef struct {
    VhHost *host;
    VhEngine engine;
    char *dir, *hooks, *state;
    GPtrArray *events; /* char *: "KIND: TEXT" of every event */
} Machine;

/* A per-VM file. */
typedef struct {
    const char *name, *text;
} MachineConfig;

/* All sample hosts, and the files that everything is tried with on each; see configs.c. */
enum { MACHINE_SAMPLES = 7, MACHINE_CONFIGS = 11 };
extern const char *const machine_samples[MACHINE_SAMPLES];
extern const MachineConfig machine_configs[MACHINE_CONFIGS];

#define MACHINE_UUID "c7a5fdbd-edaf-9455-926a-d65c16db1809"

/* The shipped sample host of that name, with an empty file for guest win10. */
Machine *machine_new(const char *sample);
/* The text of a sample host; the caller owns it. */
char *machine_sample(const char *sample);
/* The same from a snapshot's text. */
Machine *machine_from_text(const char *snapshot);
/* A sample host with the first @text in its snapshot replaced. */
Machine *machine_changed(const char *sample, const char *text, const char *instead);
/* The sample host again as it was, with no journal and nothing told; the files stay. */
void machine_renew(Machine *machine, const char *sample);
/* The same, but journals stay. */
void machine_reboot(Machine *machine, const char *sample);
void machine_free(Machine *machine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Machine, machine_free)

/* Writes the per-VM file of @guest; NULL removes it. */
void machine_configure(Machine *machine, const char *guest, const char *text);

/* Domain XML of @guest with these host devices (canonical, NULL-terminated); @managed as in the
 * XML. The UUID is made from the name; win10 has MACHINE_UUID. */
GBytes *machine_domain(const char *guest, gboolean managed, const char *const *addresses);
/* The domain shipped with a sample host. */
GBytes *machine_sample_domain(const char *sample);

/* One call as libvirt makes it. */
gboolean machine_call(Machine *machine, const char *guest, const char *operation, GBytes *xml,
                      GError **error);
gboolean machine_prepare(Machine *machine, GBytes *xml, GError **error);
gboolean machine_release(Machine *machine, GBytes *xml, GError **error);
/* The same where it must succeed: fails the test with the message otherwise. */
void machine_prepare_ok(Machine *machine, GBytes *xml);
void machine_release_ok(Machine *machine, GBytes *xml);

/* What a prepare of @guest would do now; never NULL. */
VhPlan *machine_plan(Machine *machine, const char *guest, GBytes *xml);
/* The same for win10, as `plan` prints it; the caller owns it. */
char *machine_plan_text(Machine *machine, GBytes *xml);

/* The driver of the function now, or "none" or "gone"; the caller owns it. */
char *machine_driver(Machine *machine, const char *address);
void machine_assert_driver(Machine *machine, const char *address, const char *driver);
/* Whether a journal is there. */
gboolean machine_has_journal(Machine *machine);
/* An engine that dies lets go of its files, and so of the lock. */
void machine_let_go(Machine *machine);
/* Lets the host come to rest: jobs end, sessions close, the login comes back. */
void machine_settle(Machine *machine);
/* The state of the host at rest, without the lines that begin with @without (NULL: all). */
char *machine_state(Machine *machine, const char *without);
/* The same without processes: who began while something hung has not opened what was not there. */
char *machine_state_of_kernel(Machine *machine);
/* A state without desktops, their processes and their users' managers: one that was asked to log
 * out and did is back only when somebody logs in, or the display manager starts again. */
char *machine_without_desktops(const char *state);
/* Whether desktops are asked to log out with that one of machine_configs. */
gboolean machine_logs_out(gsize config);
/* Fails the test, with the difference, unless the host at rest is as @before. */
void machine_assert_state(Machine *machine, const char *before, const char *without);
/* Whether an event's text, or a trace line, has @text in it. */
gboolean machine_told(Machine *machine, const char *text);
gboolean machine_did(Machine *machine, const char *text);

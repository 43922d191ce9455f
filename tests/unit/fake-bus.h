// SPDX-License-Identifier: GPL-2.0-or-later
/* A systemd and a logind on the other end of a socket, in a thread, and a host that speaks with
 * them. */
#pragma once

#include "host-tree.h"

#define JOB "/org/freedesktop/systemd1/job/7"
#define SYSTEMD "org.freedesktop.systemd1"
#define LOGIND "org.freedesktop.login1"

/* What the fake does; all zero is a systemd that does everything well. */
typedef struct {
    const char *result; /* of jobs; NULL: "done" */
    gboolean never;     /* the job does not end */
    gboolean early;     /* its end is told before the answer that names it */
    gboolean drop;      /* the connection breaks after the answer */
    gboolean odd;       /* answers are of another type */
    gboolean no_alias;  /* nothing is called display-manager.service; sddm.service runs */
    gboolean absent;    /* it is on the bus, but not under the services' names */
    const char *silent; /* member that is not answered */
    const char *fails;  /* member that is answered with an error … */
    const char *error;  /* … of this name … */
    const char *why;    /* … and with these words; NULL: "as told" */
    const char *name;   /* on a user's bus: what it is called there */
    const char *ours;   /* two desktops are in front: the seat of that which is ours */
} FakeBehaviour;

typedef struct {
    FakeBehaviour behaviour;
    int fd;       /* -1: on a bus, at address */
    int listener; /* > 0: a user's manager, that is spoken to by one after the other */
    char *address;
    sd_bus *bus;
    GThread *thread;
    GMutex lock;
    GString *calls; /* one line each: MEMBER ARGUMENTS */
} Fake;

typedef struct {
    HostTree *tree;
    Fake fake;
    VhHost *host; /* the tree's */
    GPid daemon;  /* of the bus, 0 without one */
} FakeSetup;

/* Peer to peer. */
FakeSetup *fake_setup_new(FakeBehaviour behaviour);
/* With a bus between them, which the host finds in its tree; NULL and the test skipped where there
 * is no dbus-daemon. */
FakeSetup *fake_setup_on_bus(FakeBehaviour behaviour);
/* On the bus of the user we are, under one name; as fake_setup_on_bus. */
FakeSetup *fake_setup_on_user_bus(FakeBehaviour behaviour);
/* As the manager of the user we are, at its socket in the tree. */
FakeSetup *fake_setup_manager(FakeBehaviour behaviour);
void fake_setup_free(FakeSetup *setup);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeSetup, fake_setup_free)

/* What was asked so far, one line each. */
char *fake_calls(Fake *fake);

/* ---- between fake-bus.c, fake-desk.c and fake-slices.c ---- */

/* Adds a line to the calls. */
void fake_note(Fake *fake, const char *text);
/* Methods of the fake, as the others in fake-bus.c. */
int fake_on_load_unit(Fake *fake, sd_bus_message *call);
int fake_on_set_properties(Fake *fake, sd_bus_message *call);
int fake_on_list_inhibitors(Fake *fake, sd_bus_message *call);
int fake_on_transient(Fake *fake, sd_bus_message *call);
int fake_on_logout(Fake *fake, sd_bus_message *call);
int fake_on_notify(Fake *fake, sd_bus_message *call);
/* Answers Get of AllowedCPUs on the unit's object @path. */
int fake_on_get_cpus(sd_bus_message *call, const char *path);
/* Answers Get of what @unit of a user, as in its object's path, is a part of, or bound to. */
int fake_on_get_ties(sd_bus_message *call, const char *unit, const char *property);

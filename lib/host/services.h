// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What starts and stops the host's services: systemd, or on hosts without it OpenRC, sysvinit or
 * runit; units-*.c, behind the unit operations of host.h. units.c finds out which is in use.
 */
#pragma once

#include "host/real-private.h"

/* The unit operations of host.h. Names come as they are in the per-VM file, "sddm.service"; those
 * of services that have no such suffix are told without it. */
typedef struct {
    const VhServiceManager *manager;
    gboolean (*here)(VhReal *real); /* it runs this host */
    VhUnit *(*look)(VhReal *real, const char *name, GError **error);
    gboolean (*stop)(VhReal *real, const char *name, gint64 deadline, GError **error);
    gboolean (*start)(VhReal *real, const char *name, gint64 deadline, GError **error);
    /* NULL: it has no jobs. */
    gboolean (*ask)(VhReal *real, VhJob job, const char *name, GError **error);
    gboolean (*stopping)(VhReal *real);
} VhServices;

extern const VhServices vh_services_systemd;
extern const VhServices vh_services_openrc;
extern const VhServices vh_services_sysvinit;
extern const VhServices vh_services_runit;

/* ---- units-tool.c: for managers that are asked through a program ---- */

/* What a question may take. */
#define VH_ASK_LIMIT (10 * G_USEC_PER_SEC)

/* The service's own name, without ".service". NULL when it can be the name of none. */
char *vh_service_name(const char *unit);
/* A unit in one of systemd's states; @name NULL: "not-found". */
VhUnit *vh_service_unit(const char *unit, const char *name, const char *active);
/* The first of @paths (NULL-terminated) that is there, below our root; NULL: none. */
char *vh_service_path(VhReal *real, const char *const *paths);
/* Runs the manager's program. Its exit status is *@ret_status; NULL: other than 0 is an error. What
 * it prints is *@ret_output (NULL allowed). */
gboolean vh_service_ask(VhReal *real, const char *const *argv, gint64 deadline, int *ret_status,
                        char **ret_output, GError **error);
/* The same for a program that stops something, and is not cut short when we are killed. */
gboolean vh_service_halt(VhReal *real, const char *const *argv, gint64 deadline, GError **error);
/* The same for a program that starts something: it and all that it starts have /dev/null for
 * their output, as ours is a pipe that ends with us, and at the deadline it goes on. */
gboolean vh_service_launch(VhReal *real, const char *const *argv, gint64 deadline, GError **error);
/* That the service, which is active, is so a second later as well: what ends at once did not start.
 * Past @deadline it is not looked at. */
gboolean vh_service_stays(VhReal *real, const VhServices *services, const char *unit,
                          gint64 deadline, GError **error);
/* Until the service is @active, as it was asked to be. */
gboolean vh_service_await(VhReal *real, const VhServices *services, const char *unit,
                          const char *active, gint64 deadline, GError **error);

// SPDX-License-Identifier: GPL-2.0-or-later
/* Who has a device open, as the steps that see to it and the plan need it. */
#pragma once

#include "host/host.h"

/* Processes that have a node of one of @addresses open that unbinding would wait for (VhHolder). */
GPtrArray *vh_holding_find(VhHost *host, const char *const *addresses, GError **error);

/* Processes that have a node of one of @addresses open which one draws on a screen with (VhHolder):
 * not those that only compute or render, as a program does that runs on the second card. */
GPtrArray *vh_holding_drawers(VhHost *host, const char *const *addresses, GError **error);
/* Whether the session is a desktop at that seat, and not about to end: a graphical one, or a text
 * console from which one of @drawers (VhHolder) was started (sway, startx). */
gboolean vh_holding_is_desktop(const VhSession *session, const char *seat,
                               const GPtrArray *drawers);
/* Whether that takes the drawers to say for one of @sessions (VhSession, or NULL): to look for them
 * is to look at every process. */
gboolean vh_holding_need_drawers(const GPtrArray *sessions, const char *seat);

/* Whether @holder lives where the desktop does: in a session, in the manager of a user, or in the
 * display manager's unit (@manager, or NULL: none). */
gboolean vh_holding_lives_in_desktop(const VhHolder *holder, const char *manager);
/* … and is the desktop: the display manager, or one of @drawers (VhHolder). The others have work
 * done on the card, and no desktop ends for them. */
gboolean vh_holding_drives(const VhHolder *holder, const GPtrArray *drawers, const char *manager);

/* The desktops (VhSession) that a step with { seat, addresses } is about. One that logind calls
 * closing has ended; what is left of it are processes, and those that matter are waited for as
 * holders. */
GPtrArray *vh_holding_desktops(VhHost *host, GVariant *args, GError **error);

/* "Xorg (pid 812, user root, lightdm.service) keeps /dev/dri/card0 open" */
char *vh_holding_describe(const VhHolder *holder);

/* Whether the session is one that somebody works in, and not about to end. */
gboolean vh_holding_counts(const VhSession *session);
/* Whether it ends with the display manager @manager (its unit; NULL: not known which): a graphical
 * one on a seat, unless something else began it. */
gboolean vh_holding_ends_with(const VhSession *session, const char *manager);
/* Whether the user has a session that is not about to end. @sessions: VhSession. */
gboolean vh_holding_has_session(const GPtrArray *sessions, uid_t uid);

/* Why it is never ended, whatever the guest's file says, as what it is: "the QEMU of a guest";
 * NULL: it may be. @manager: unit of the display manager, or NULL. */
const char *vh_holding_protected(VhHost *host, const VhHolder *holder, const char *manager);

/* Whether it is the QEMU of a guest, which ends with that guest only. */
gboolean vh_holding_is_guest(const VhHolder *holder);
/* Whether it is logind, which keeps the cards of a desktop's session open for it, or the systemd
 * that keeps them for logind, should that be started anew (FDSTORE=1 in logind-session-device.c).
 */
gboolean vh_holding_is_logind(const VhHolder *holder);

/* Whether it is a unit in a user's manager that is a part of the desktop, or was started from it,
 * so that it ends with the desktop though the manager stays. */
gboolean vh_holding_is_of_desktop(const VhHolder *holder);

/* The system service that is to be stopped so that it ends and comes back; NULL: none. */
const char *vh_holding_service(VhHost *host, const VhHolder *holder, const char *manager);

/* Whether it is a service in the manager of a user who will keep that manager, for a session or for
 * lingering, so that it is that service that is to be stopped. @sessions: VhSession that stay. */
gboolean vh_holding_is_user_service(VhHost *host, const VhHolder *holder,
                                    const GPtrArray *sessions);

/* The display manager's unit, by the name that it goes by itself; NULL: none. */
char *vh_holding_manager(VhHost *host);

/* What the user can do about it. */
char *vh_holding_advice(VhHost *host, const VhHolder *holder, const char *manager);

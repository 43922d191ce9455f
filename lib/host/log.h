// SPDX-License-Identifier: GPL-2.0-or-later
/* Events to the systemd journal, or to syslog where there is none. */
#pragma once

#include "base/event.h"

/*
 * A VhEventSink: sends the event with SYSLOG_IDENTIFIER=virt-handoff and the fields MESSAGE,
 * PRIORITY, MESSAGE_ID, GUEST, UUID, TRANSACTION, OPERATION, STEP, DEVICE, DURATION_USEC, ERROR;
 * those that are NULL (or a duration of -1) are left out. A journal that does not answer is
 * ignored. On a host without one, /dev/log gets the guest and MESSAGE.
 */
void vh_log_journal(const VhEvent *event, gpointer data);

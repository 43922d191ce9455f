// SPDX-License-Identifier: GPL-2.0-or-later
/* The virtual terminal in front. logind switches it: the kernel's own way (VT_ACTIVATE) needs a
 * capability that libvirt's AppArmor profile does not leave to its hooks. */
#include "host/real-private.h"

#include "base/error.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)

gboolean vh_real_front_switch(VhHost *host, const char *seat, guint vt, gint64 deadline,
                              GError **error)
{
    VhReal *real = (VhReal *)host;
    VhBusObject object = {vh_bus_logind.destination, NULL, "org.freedesktop.login1.Seat"};
    g_autoptr(sd_bus_message) reply = NULL;

    if (!vh_bus_call(real, deadline, &vh_bus_logind, "GetSeat", &reply, error, "s", seat))
        return FALSE;
    int r = sd_bus_message_read(reply, "o", &object.path);
    if (r <= 0)
        return vh_bus_bad_reply(error, "GetSeat", r);
    return vh_bus_call(real, deadline, &object, "SwitchTo", NULL, error, "u", (guint32)vt);
}

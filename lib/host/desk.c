// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/desk.h"

#include "base/text.h"
#include "host/services.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)

#define INHIBITOR "(ssssuu)"

void vh_inhibitor_free(VhInhibitor *inhibitor)
{
    if (!inhibitor)
        return;
    g_free(inhibitor->what);
    g_free(inhibitor->who);
    g_free(inhibitor->why);
    g_free(inhibitor->mode);
    g_free(inhibitor);
}

static int next(sd_bus_message *list, GPtrArray *inhibitors)
{
    const char *what, *who, *why, *mode;
    guint32 uid, pid;
    int r = sd_bus_message_read(list, INHIBITOR, &what, &who, &why, &mode, &uid, &pid);

    if (r <= 0)
        return r;
    VhInhibitor *inhibitor = g_new0(VhInhibitor, 1);
    inhibitor->what = g_strdup(what);
    inhibitor->who = g_strdup(who);
    inhibitor->why = g_strdup(why);
    inhibitor->mode = g_strdup(mode);
    inhibitor->uid = uid;
    inhibitor->pid = (pid_t)pid;
    g_ptr_array_add(inhibitors, inhibitor);
    return r;
}

GPtrArray *vh_desk_inhibitors(VhHost *host, GError **error)
{
    g_autoptr(GPtrArray) inhibitors =
        g_ptr_array_new_with_free_func((GDestroyNotify)vh_inhibitor_free);
    g_autoptr(sd_bus_message) list = NULL;

    if (!vh_bus_call((VhReal *)host, vh_bus_ask_deadline((VhReal *)host), &vh_bus_logind,
                     "ListInhibitors", &list, error, ""))
        return NULL;
    int r = sd_bus_message_enter_container(list, 'a', INHIBITOR);
    while (r > 0)
        r = next(list, inhibitors);
    if (r == 0)
        return g_steal_pointer(&inhibitors);
    vh_bus_bad_reply(error, "ListInhibitors", r);
    return NULL;
}

/* CollectMode: one that failed does not keep the unit's name from the next one. systemd puts the
 * environment's variables into arguments. */
gboolean vh_transient_start(VhReal *real, const VhTransient *transient, gint64 deadline,
                            GError **error)
{
    g_auto(GStrv) parts = g_strsplit(transient->argument, "$", -1);
    g_autofree char *argument = g_strjoinv("$$", parts);

    if (vh_bus_call(real, deadline, &vh_bus_systemd, "StartTransientUnit", NULL, error,
                    "ssa(sv)a(sa(sv))", transient->unit, "fail", 3, "Description", "s",
                    transient->about, "CollectMode", "s", "inactive-or-failed", "ExecStart",
                    "a(sasb)", 1, transient->program, 4, transient->program, transient->verb, "--",
                    argument, FALSE, 0))
        return TRUE;
    g_prefix_error(error, "start %s: ", transient->unit);
    return FALSE;
}

/* It goes on in a session of its own; what fails at once is told. */
static gboolean start_by_ourselves(VhReal *real, const char *program, const char *guest,
                                   GError **error)
{
    enum { SECONDS = 5 };
    const char *const argv[] = {program, "start-now", "--", guest, NULL};
    gint64 deadline = g_get_monotonic_time() + (gint64)SECONDS * G_USEC_PER_SEC;
    g_autoptr(GError) cause = NULL;

    if (vh_service_launch(real, argv, deadline, &cause) || vh_error_is_timeout(cause))
        return TRUE;
    g_autofree char *operand = vh_text_operand(guest);
    g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                               "start %s (see: virsh start %s): ", guest, operand);
    return FALSE;
}

gboolean vh_desk_start_guest(VhHost *host, const char *unit, const char *program, const char *guest,
                             GError **error)
{
    g_autofree char *about = g_strconcat("Start of virtual machine ", guest, NULL);
    VhReal *real = (VhReal *)host;
    const VhTransient transient = {unit, about, program, "start-now", guest};

    if (vh_real_service_manager(host) != &vh_manager_systemd)
        return start_by_ourselves(real, program, guest, error);
    return vh_transient_start(real, &transient, vh_bus_ask_deadline(real), error);
}

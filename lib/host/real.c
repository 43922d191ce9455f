// SPDX-License-Identifier: GPL-2.0-or-later
/* The machine we run on: its making, its signals, and the table of its operations. */
#include "host/real.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "host/log.h"
#include "host/real-private.h"

/* ---- signals: of the process, hence not of one host ---- */

static int signal_fd = -1;
static gboolean interrupted;

void vh_real_catch_signals(void)
{
    sigset_t set;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    /* Blocked and read, not handled: no call of ours is cut short by them. */
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    signal_fd = signalfd(signal_fd, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int vh_signal_fd(void)
{
    return signal_fd;
}

gboolean vh_real_interrupted(VhHost *host)
{
    struct signalfd_siginfo info;

    while (signal_fd >= 0 && read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        interrupted = TRUE;
    return interrupted;
}

/* ---- the host ---- */

static gint64 real_now(VhHost *host)
{
    return g_get_monotonic_time();
}

static void real_free(VhHost *host)
{
    VhReal *real = (VhReal *)host;

    vh_clerk_end(real);
    vh_child_reap(real);
    vh_real_modules_close(real);
    sd_bus_close_unref(real->bus);
    g_array_unref(real->left);
    g_free(real->root);
    g_free(real->hooksdir);
    g_free(real);
}

static const VhHostOps ops = {
    .now = real_now,
    .process_start = vh_real_process_start,
    .hung = vh_real_hung,
    .keep = vh_real_keep,
    .read = vh_real_read,
    .list = vh_real_list,
    .link = vh_real_link,
    .bytes = vh_real_bytes,
    .stat = vh_real_stat,
    .label = vh_real_label,
    .process_signal = vh_real_process_signal,
    .parent = vh_real_parent,
    .interrupted = vh_real_interrupted,
    .boot_id = vh_real_boot_id,
    .pci_list = vh_real_pci_list,
    .pci_look = vh_real_pci_look,
    .pci_driver_known = vh_real_pci_driver_known,
    .iommu_on = vh_real_iommu_on,
    .pci_override = vh_real_pci_override,
    .pci_unbind = vh_real_pci_unbind,
    .pci_probe = vh_real_pci_probe,
    .pci_uses = vh_real_pci_uses,
    .pci_seat = vh_real_pci_seat,
    .pci_set = vh_real_pci_set,
    .pci_remove = vh_real_pci_remove,
    .pci_rescan = vh_real_pci_rescan,
    .pci_answers = vh_real_pci_answers,
    .suspend = vh_real_suspend,
    .pci_nodes = vh_real_pci_nodes,
    .holders = vh_real_holders,
    .wait = vh_real_wait,
    .consoles = vh_real_consoles,
    .console_bind = vh_real_console_bind,
    .framebuffers = vh_real_framebuffers,
    .framebuffer_bind = vh_real_framebuffer_bind,
    .module_look = vh_real_module_look,
    .module_load = vh_real_module_load,
    .module_unload = vh_real_module_unload,
    .service_manager = vh_real_service_manager,
    .unit_look = vh_real_unit_look,
    .unit_reloaded = vh_real_unit_reloaded,
    .unit_stop = vh_real_unit_stop,
    .unit_start = vh_real_unit_start,
    .unit_ask = vh_real_unit_ask,
    .stopping = vh_real_stopping,
    .sessions = vh_real_sessions,
    .session_terminate = vh_real_session_terminate,
    .session_logout = vh_real_session_logout,
    .front_switch = vh_real_front_switch,
    .say = vh_real_say,
    .tell_desktop = vh_real_tell_desktop,
    .user_lingers = vh_real_user_lingers,
    .user_units = vh_real_user_units,
    .user_unit_of_desktop = vh_real_user_unit_of_desktop,
    .user_unit_stop = vh_real_user_unit_stop,
    .user_unit_start = vh_real_user_unit_start,
    .usb_name = vh_real_usb_name,
    .rom_usable = vh_real_rom_usable,
    .rom_read = vh_real_rom_read,
    .scripts = vh_real_scripts,
    .program_usable = vh_real_program_usable,
    .run = vh_real_run,
    .guest_running = vh_real_guest_running,
    .cpus = vh_real_cpus,
    .tunables = vh_real_tunables,
    .tune = vh_real_tune,
    .page_pools = vh_real_page_pools,
    .set_pages = vh_real_set_pages,
    .compact = vh_real_compact,
    .free = real_free,
};

VhHost *vh_real_new(const VhRealOptions *options)
{
    VhReal *real = g_new0(VhReal, 1);

    real->host.ops = &ops;
    real->root = g_strdup(options && options->root ? options->root : "");
    while (g_str_has_suffix(real->root, "/"))
        real->root[strlen(real->root) - 1] = '\0';
    real->hooksdir = g_strdup(options ? options->hooksdir : NULL);
    real->left = g_array_new(FALSE, FALSE, sizeof(pid_t));
    real->look_limit = VH_LOOK_LIMIT;
    real->kept = -1;
    real->sink = options && options->sink ? options->sink : vh_log_journal;
    real->sink_data = options ? options->sink_data : NULL;
    return &real->host;
}

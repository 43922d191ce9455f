// SPDX-License-Identifier: GPL-2.0-or-later
/* Signals to other processes (pidfd_send_signal(2)). */
#include "host/real-private.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

static gboolean refuse(VhProcess process, int errnum, GError **error)
{
    if (errnum == ENOSYS)
        return vh_error_set(error, VH_ERROR_UNSUPPORTED,
                            "signal process %d: this kernel has no pidfds (Linux 5.3 has)",
                            (int)process.pid);
    return vh_error_set_errno(error, errnum, "signal process %d", (int)process.pid);
}

/* The start time is compared after the descriptor is there: from then on the number may go to
 * another process, and the descriptor does not. */
gboolean vh_real_process_signal(VhHost *host, VhProcess process, int signal, GError **error)
{
    int fd = process.pid > 1 ? vh_pidfd_open(process.pid) : -1;
    int errnum = 0;

    if (process.pid <= 1)
        errnum = EPERM;
    else if (fd < 0)
        errnum = errno;
    else if (!vh_host_process_alive(host, process))
        errnum = ESRCH;
    else if (syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) < 0)
        errnum = errno;
    if (fd >= 0)
        (void)close(fd);
    return errnum == 0 || refuse(process, errnum, error);
}

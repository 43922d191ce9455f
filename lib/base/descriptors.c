// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/descriptors.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

void vh_close_from(int first)
{
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0)
        return;
    /* Linux before 5.9. */
    for (int fd = first, end = (int)sysconf(_SC_OPEN_MAX); fd < end; fd++)
        (void)close(fd);
}

gboolean vh_write_all(int fd, const void *data, gsize length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t n = write(fd, at, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return FALSE;
        at += n;
        length -= (gsize)n;
    }
    return TRUE;
}

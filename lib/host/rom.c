// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The expansion ROM of a PCI function through its "rom" attribute: "1" has the kernel switch the
 * ROM's decoder on for reads, "0" off again (drivers/pci/pci-sysfs.c, pci_write_rom). Reading maps
 * the BAR and can wait for a device that does not answer: hence in a child.
 */
#include "host/real-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"

/* The kernel takes "0" and a newline, and nothing else, for off. */
#define ON "1\n"
#define OFF "0\n"

/* 0 or an errno. */
static int read_rom(const char *path, GString *answer)
{
    char buffer[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
    int errnum = 0;

    if (fd < 0)
        return errno;
    for (;;) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            errnum = errno;
        else if (answer->len + (gsize)n > VH_HOST_ROM_MOST)
            errnum = EFBIG;
        if (n <= 0 || errnum != 0)
            break;
        g_string_append_len(answer, buffer, n);
    }
    (void)close(fd);
    return errnum;
}

static int act_rom(gpointer data, GString *answer)
{
    const char *path = data;
    int errnum = vh_file_write(path, ON);

    if (errnum == 0)
        errnum = read_rom(path, answer);
    /* In any case: a decoder that stays on can answer for addresses that others use. */
    int off = vh_file_write(path, OFF);
    if (errnum != 0)
        g_string_truncate(answer, 0);
    return errnum != 0 ? errnum : off;
}

/* The error that @cause is for a person; the function's directory is @dir. */
static void explain(GError **error, const char *address, const char *dir, GError *cause)
{
    g_autoptr(VhPciFunction) now = vh_pci_read_driver(address, dir);
    const char *advice = "";

    if (g_error_matches(cause, VH_ERROR, VH_ERROR_DENIED))
        advice = "; this needs root, and a kernel that is not locked down";
    else if (!vh_error_is_timeout(cause) && (!now->driver || now->vfio))
        advice = "; no driver is in the way: the card shows no ROM that can be read; take one from "
                 "its maker's or the firmware's file (virt-handoff vbios trim IN OUT)";
    else if (!vh_error_is_timeout(cause))
        advice = "; dump it with the driver unbound or on vfio-pci, best before any driver had it";
    g_propagate_error(error, g_error_new(VH_ERROR, cause->code, "%s%s", cause->message, advice));
}

GBytes *vh_real_rom_read(VhHost *host, const char *address, gint64 deadline, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *dir = vh_pci_directory(real, address, error);
    g_autoptr(GError) cause = NULL;
    GBytes *answer = NULL;

    if (!dir)
        return NULL;
    g_autofree char *path = g_build_filename(dir, "rom", NULL);
    g_autofree char *what = g_strdup_printf("read the ROM of %s (%s)", address, path);
    if (!vh_file_exists(path)) {
        vh_error_set(error, VH_ERROR_UNSUPPORTED,
                     "PCI function %s has no ROM that the kernel knows of (%s is not there)",
                     address, path);
        return NULL;
    }
    if (vh_child_act(real, what, deadline, act_rom, path, &answer, &cause))
        return answer;
    /* The child may have been killed between on and off. */
    if (vh_error_is_timeout(cause) && real->hung.pid == 0)
        (void)vh_child_write(real, what, g_get_monotonic_time() + real->look_limit, path, OFF,
                             NULL);
    explain(error, address, dir, cause);
    return NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A function's settings (reset, power, sizes of its BARs), its removal from the bus and return, and
 * the machine's sleep: what helps a device that does not come back from a guest by itself.
 */
#include "host/real-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define DEVICES "/sys/bus/pci/devices"

static gboolean is_setting(const char *name)
{
    static const char *const names[] = {"reset_method",
                                        "d3cold_allowed",
                                        "sriov_numvfs",
                                        "power/control",
                                        "resource0_resize",
                                        "resource1_resize",
                                        "resource2_resize",
                                        "resource3_resize",
                                        "resource4_resize",
                                        "resource5_resize",
                                        NULL};

    return g_strv_contains(names, name);
}

static gboolean check_address(VhReal *real, const char *address, GError **error)
{
    g_autofree char *dir = vh_pci_directory(real, address, error);

    return dir != NULL;
}

gboolean vh_real_pci_set(VhHost *host, const char *address, const char *name, const char *value,
                         gint64 deadline, GError **error)
{
    VhReal *real = (VhReal *)host;

    if (!check_address(real, address, error))
        return FALSE;
    if (!is_setting(name))
        return vh_error_set(error, VH_ERROR_FAILED, "\"%s\" is no setting of a PCI function", name);
    g_autofree char *path = vh_real_path(real, DEVICES "/%s/%s", address, name);
    g_autofree char *what = g_strdup_printf("set %s of %s to \"%s\"", name, address, value);
    if (!vh_file_exists(path))
        return vh_error_set(error, VH_ERROR_UNSUPPORTED, "%s: the kernel has no such setting",
                            what);
    return vh_child_write(real, what, deadline, path, value, error);
}

gboolean vh_real_pci_remove(VhHost *host, const char *address, gint64 deadline, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *what = g_strdup_printf("remove %s from the bus", address);

    if (!check_address(real, address, error))
        return FALSE;
    g_autofree char *path = vh_real_path(real, DEVICES "/%s/remove", address);
    return vh_child_write(real, what, deadline, path, "1", error);
}

gboolean vh_real_pci_rescan(VhHost *host, gint64 deadline, GError **error)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *path = vh_real_path(real, "/sys/bus/pci/rescan");

    return vh_child_write(real, "look for new PCI devices", deadline, path, "1", error);
}

/* ---- does it answer? ---- */

enum { HEADER = 64, TYPE_AT = 0x0e, TYPE_MASK = 0x7f };

/* The first bytes of the configuration space; drivers/pci/pci-sysfs.c wakes the device for it. */
static int act_header(gpointer data, GString *answer)
{
    char bytes[HEADER];
    int fd = open(data, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return errno;
    ssize_t n = pread(fd, bytes, sizeof bytes, 0);
    int errnum = n < 0 ? errno : 0;
    (void)close(fd);
    if (n > 0)
        g_string_append_len(answer, bytes, n);
    return errnum;
}

gboolean vh_real_pci_answers(VhHost *host, const char *address)
{
    VhReal *real = (VhReal *)host;
    g_autofree char *path = vh_real_path(real, DEVICES "/%s/config", address);
    g_autoptr(GBytes) header = NULL;
    gsize length;

    if (!vh_child_look(real, "look at a PCI function", real->look_limit, act_header, path, &header,
                       NULL))
        return TRUE;
    const guint8 *bytes = g_bytes_get_data(header, &length);
    if (length < HEADER)
        return TRUE;
    /* Who does not answer reads as ones; a bus that is half awake gives some of them. A virtual
     * function has ones for its maker in any case. */
    g_autofree char *physical = vh_real_path(real, DEVICES "/%s/physfn", address);
    gboolean nobody = bytes[0] == 0xff && bytes[1] == 0xff && !vh_file_exists(physical);
    return !nobody && (bytes[TYPE_AT] & TYPE_MASK) != TYPE_MASK;
}

/* ---- sleep ---- */

typedef struct {
    VhReal *real;
    guint seconds;
} Sleep;

/* Of "[s2idle] deep", what "mem" stands for now; NULL where it is "deep" or can never be. Only that
 * one takes the power from a card (Documentation/admin-guide/pm/sleep-states.rst). */
static char *shallow_sleep(const char *path)
{
    g_autofree char *text = vh_file_attribute(path);
    const char *begin = text ? strchr(text, '[') : NULL;
    gsize length = begin ? strcspn(begin + 1, "]") : 0;

    if (!begin || !strstr(text, "deep") || strncmp(begin + 1, "deep", length) == 0)
        return NULL;
    return g_strndup(begin + 1, length);
}

static int sleep_deeply(VhReal *real)
{
    g_autofree char *state = vh_real_path(real, "/sys/power/state");
    g_autofree char *depth = vh_real_path(real, "/sys/power/mem_sleep");
    g_autofree char *before = shallow_sleep(depth);

    if (before)
        (void)vh_file_write(depth, "deep");
    int errnum = vh_file_write(state, "mem");
    if (before)
        (void)vh_file_write(depth, before);
    return errnum;
}

/* Alarms are set and cleared by writing; one that is set already has to be cleared first
 * (drivers/rtc/sysfs.c, wakealarm_store). */
static int act_suspend(gpointer data, GString *answer)
{
    const Sleep *self = data;
    g_autofree char *alarm = vh_real_path(self->real, "/sys/class/rtc/rtc0/wakealarm");
    g_autofree char *when = g_strdup_printf("+%u", self->seconds);
    int errnum = vh_file_write(alarm, "0");

    if (errnum == 0)
        errnum = vh_file_write(alarm, when);
    if (errnum != 0) {
        g_string_append(answer, "the clock's alarm");
        return errnum;
    }
    errnum = sleep_deeply(self->real);
    (void)vh_file_write(alarm, "0");
    return errnum;
}

gboolean vh_real_suspend(VhHost *host, guint seconds, gint64 deadline, GError **error)
{
    Sleep self = {(VhReal *)host, seconds};

    return vh_child_act(self.real, "suspend the host to RAM", deadline, act_suspend, &self, NULL,
                        error);
}

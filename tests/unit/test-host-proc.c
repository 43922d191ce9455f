// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes, units of control groups, guests; consoles and framebuffers, over a tree. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host-tree.h"

#define GPU "0000:01:00.0"
#define OTHER "0000:02:00.0"

static gint64 soon(void)
{
    return g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
}

/* ---- processes ---- */

static void test_start_time(void)
{
    g_autoptr(HostTree) tree = host_tree_new();

    host_tree_process(tree, 10, "a) S 1 2 (b", "S", 4242, 0, "");
    host_tree_process(tree, 11, "zombie", "Z", 4243, 0, "");
    host_tree_write(tree, "12 (short) S 1 2", "/proc/12/stat");
    host_tree_write(tree, "", "/proc/13/stat");
    host_tree_write(tree, ")(", "/proc/14/stat");
    g_assert_cmpuint(vh_host_process_start(tree->host, 10), ==, 4242);
    for (pid_t pid = 11; pid <= 15; pid++)
        g_assert_cmpuint(vh_host_process_start(tree->host, pid), ==, 0);
    g_assert_cmpuint(vh_host_process_start(tree->host, -1), ==, 0);
    VhProcess same = {10, 4242}, recycled = {10, 4241};
    g_assert_true(vh_host_process_alive(tree->host, same));
    g_assert_false(vh_host_process_alive(tree->host, recycled));
}

static void test_parent_and_boot(void)
{
    g_autoptr(HostTree) tree = host_tree_new();

    g_autofree char *none = vh_host_boot_id(tree->host);
    g_assert_cmpstr(none, ==, "");
    host_tree_process(tree, getppid(), "libvirtd", "S", 77, 0, "");
    host_tree_write(tree, "8f64-11\n", "/proc/sys/kernel/random/boot_id");
    VhProcess parent = vh_host_parent(tree->host);
    g_autofree char *boot = vh_host_boot_id(tree->host);
    g_assert_cmpint(parent.pid, ==, getppid());
    g_assert_cmpuint(parent.start_time, ==, 77);
    g_assert_cmpstr(boot, ==, "8f64-11");
}

static void test_signal(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;
    pid_t pid = fork();
    int status;

    if (pid == 0)
        for (;;)
            pause();
    VhProcess process = {pid, 4242}, recycled = {pid, 4241}, init = {1, 1};
    host_tree_process(tree, 1, "systemd", "S", 1, 0, "");
    host_tree_process(tree, pid, "miner", "S", 4242, 0, "");

    /* Another process that had this number before is not this one. */
    g_assert_false(vh_host_process_signal(tree->host, recycled, SIGKILL, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_GONE);
    g_clear_error(&error);
    g_assert_false(vh_host_process_signal(tree->host, init, SIGKILL, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_DENIED);
    g_clear_error(&error);
    g_assert_cmpint(waitpid(pid, &status, WNOHANG), ==, 0);

    vh_host_process_signal(tree->host, process, SIGTERM, &error);
    g_assert_no_error(error);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    g_assert_false(vh_host_process_signal(tree->host, process, SIGTERM, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_GONE);
}

static void test_user_names(void)
{
    g_autoptr(HostTree) tree = host_tree_new();

    host_tree_write(tree, "root:x:0:0::/:/bin/sh\nbroken\n::1001:\nalice:x:1000:1000::/:\n",
                    "/etc/passwd");
    host_tree_write(tree, "# private\nNAME=bob\nSTATE=active\n", "/run/systemd/users/60001");
    VhReal *real = (VhReal *)tree->host;
    g_autofree char *local = vh_user_name(real, 1000);
    g_autofree char *logged_in = vh_user_name(real, 60001);
    g_autofree char *unknown = vh_user_name(real, 1001);
    g_assert_cmpstr(local, ==, "alice");
    g_assert_cmpstr(logged_in, ==, "bob");
    g_assert_cmpstr(unknown, ==, "1001");
}

static void test_cgroups(void)
{
    static const struct {
        const char *text, *unit, *user_unit, *session;
    } cases[] = {
        {"0::/system.slice/lightdm.service\n", "lightdm.service", NULL, NULL},
        {"0::/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", NULL,
         NULL},
        {"0::/user.slice/user-1000.slice/session-c3.scope", "session-c3.scope", NULL, "c3"},
        {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope/deep",
         "user@1000.service", "app-x.scope", NULL},
        {"0::/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service",
         "init.scope", NULL},
        {"12:pids:/x.service\n1:name=systemd:/system.slice/a.service\n0::/\n", "a.service", NULL,
         NULL},
        {"1:name=systemd:/\n0::/system.slice/b.service\n", "b.service", NULL, NULL},
        {"0::/machine.slice/machine-qemu.scope/libvirt/emulator", "machine-qemu.scope", NULL, NULL},
        {"0::/system.slice/_cpu.service", "cpu.service", NULL, NULL},
        {"0::/system.slice/dbus.service/x.service", "dbus.service", NULL, NULL},
        {"5:pids:/x::/y.service\n0::/system.slice/b.service", "b.service", NULL, NULL},
        {"3:name=elogind:/c2\n2:name=openrc:/sddm\n1:cpu:/\n0::/", "sddm", NULL, "c2"},
        {"2:name=elogind:/elogind\n0::/openrc.elogind/x", "elogind", NULL, NULL},
        {"0::/rc/sddm/x", "sddm", NULL, NULL},
        {"2:name=openrc:/\n0::/", NULL, NULL, NULL},
        {"3:cpu:/\n1:name=openrc:/c1\n0::/openrc.sddm", "sddm", NULL, "c1"},
        {"0::/2", NULL, NULL, "2"},
        {"0::/c14/x", NULL, NULL, "c14"},
        {"0::/rc.init", NULL, NULL, NULL},
        {"0::/c", NULL, NULL, NULL},
        {"0::/", NULL, NULL, NULL},
        {"0::/docker/0123", NULL, NULL, NULL},
        {"nonsense", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *unit = NULL, *user_unit = NULL, *session = NULL;
        vh_cgroup_parse(cases[i].text, &unit, &user_unit, &session);
        g_assert_cmpstr(unit, ==, cases[i].unit);
        g_assert_cmpstr(user_unit, ==, cases[i].user_unit);
        g_assert_cmpstr(session, ==, cases[i].session);
    }
}

/* ---- guests ---- */

static void write_bytes(HostTree *tree, const char *data, gsize length, const char *path)
{
    g_autofree char *full = host_tree_path(tree, "%s", path);

    host_tree_write(tree, "", "%s", path);
    g_assert_true(g_file_set_contents(full, data, (gssize)length, NULL));
}

#define QEMU(name) "/usr/bin/qemu-system-x86_64\0-name\0guest=" name ",debug-threads=on\0-S"

static void test_guest_running(void)
{
    static const struct {
        const char *pid_file, *command, *state, *cmdline;
        gsize length;
        gboolean running;
    } cases[] = {
        {"55\n", "qemu-system-x86", "S", QEMU("win"), sizeof QEMU("win"), TRUE},
        {"55", "my-emulator", "S", QEMU("win"), sizeof QEMU("win"), TRUE},
        /* The number went to another guest, whose name begins like this one's. */
        {"55\n", "qemu-system-x86", "S", QEMU("win2"), sizeof QEMU("win2"), FALSE},
        {"55\n", "qemu-system-x86", "S", QEMU("win,,a"), sizeof QEMU("win,,a"), FALSE},
        {"55\n", "bash", "S", "bash\0-i", sizeof "bash\0-i", FALSE},
        {"55\n", "qemu-system-x86", "Z", QEMU("win"), sizeof QEMU("win"), FALSE},
        /* On its way out a process has no command line. */
        {"55\n", "qemu-system-x86", "D", "", 0, TRUE},
        {"nonsense\n", "qemu-system-x86", "S", QEMU("win"), sizeof QEMU("win"), FALSE},
        {"0\n", "qemu-system-x86", "S", QEMU("win"), sizeof QEMU("win"), FALSE},
        {"", "qemu-system-x86", "S", QEMU("win"), sizeof QEMU("win"), FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(HostTree) tree = host_tree_new();
        g_assert_false(vh_host_guest_running(tree->host, "win"));
        host_tree_write(tree, cases[i].pid_file, "/run/libvirt/qemu/win.pid");
        host_tree_process(tree, 55, cases[i].command, cases[i].state, 5, 0, "");
        write_bytes(tree, cases[i].cmdline, cases[i].length, "/proc/55/cmdline");
        g_test_message("case %zu", i);
        g_assert_cmpint(vh_host_guest_running(tree->host, "win"), ==, cases[i].running);
    }
}

static void test_guest_names(void)
{
    g_autoptr(HostTree) tree = host_tree_new();

    host_tree_process(tree, 55, "qemu-system-x86", "S", 5, 0, "");
    write_bytes(tree, QEMU("a,,b c"), sizeof QEMU("a,,b c"), "/proc/55/cmdline");
    host_tree_write(tree, "55\n", "/run/libvirt/qemu/a,b c.pid");
    host_tree_process(tree, 56, "qemu-system-x86", "S", 5, 0, "");
    write_bytes(tree, "", 0, "/proc/56/cmdline");
    host_tree_write(tree, "57\n", "/run/libvirt/qemu/O&apos;Brien &lt;&amp;&gt; &quot;ü&quot;.pid");
    host_tree_process(tree, 57, "qemu-system-x86", "S", 5, 0, "");
    write_bytes(tree, QEMU("O'Brien <&> \"ü\""), sizeof QEMU("O'Brien <&> \"ü\""),
                "/proc/57/cmdline");
    host_tree_write(tree, "56\n", "/run/libvirt/other.pid");
    host_tree_write(tree, "56\n", "/run/libvirt/qemu/.pid");
    g_assert_true(vh_host_guest_running(tree->host, "a,b c"));
    g_assert_true(vh_host_guest_running(tree->host, "O'Brien <&> \"ü\""));
    g_assert_false(vh_host_guest_running(tree->host, "../other"));
    g_assert_false(vh_host_guest_running(tree->host, ""));
}

/* A QEMU whose command line cannot be read (its memory is locked) counts as running. */
static void test_guest_in_doubt(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autofree char *path = host_tree_path(tree, "/proc/55/cmdline");

    ((VhReal *)tree->host)->look_limit = 100 * G_TIME_SPAN_MILLISECOND;
    host_tree_process(tree, 55, "strange", "D", 5, 0, "");
    host_tree_write(tree, "55\n", "/run/libvirt/qemu/win.pid");
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    g_assert_true(vh_host_guest_running(tree->host, "win"));
}

/* ---- consoles ---- */

static void test_consoles(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;

    g_autoptr(GPtrArray) none = vh_host_consoles(tree->host, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(none->len, ==, 0);
    host_tree_write(tree, "(S) dummy device\n", "/sys/class/vtconsole/vtcon0/name");
    host_tree_write(tree, "0\n", "/sys/class/vtconsole/vtcon0/bind");
    host_tree_write(tree, "(M) frame buffer device\n", "/sys/class/vtconsole/vtcon1/name");
    host_tree_write(tree, "1\n", "/sys/class/vtconsole/vtcon1/bind");
    host_tree_dir(tree, "/sys/class/vtconsole/vtcon2");
    g_autoptr(GPtrArray) consoles = vh_host_consoles(tree->host, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(consoles->len, ==, 2);
    const VhConsole *dummy = g_ptr_array_index(consoles, 0);
    const VhConsole *framebuffer = g_ptr_array_index(consoles, 1);
    g_assert_cmpuint(dummy->number, ==, 0);
    g_assert_false(dummy->framebuffer);
    g_assert_false(dummy->bound);
    g_assert_cmpuint(framebuffer->number, ==, 1);
    g_assert_cmpstr(framebuffer->name, ==, "(M) frame buffer device");
    g_assert_true(framebuffer->framebuffer);
    g_assert_true(framebuffer->bound);
}

static void test_console_bind(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;

    host_tree_write(tree, "1\n", "/sys/class/vtconsole/vtcon1/bind");
    g_assert_true(vh_host_console_bind(tree->host, 1, FALSE, soon(), &error));
    g_autofree char *unbound = host_tree_read(tree, "/sys/class/vtconsole/vtcon1/bind");
    g_assert_cmpstr(unbound, ==, "0");
    g_assert_true(vh_host_console_bind(tree->host, 1, TRUE, soon(), &error));
    g_autofree char *bound = host_tree_read(tree, "/sys/class/vtconsole/vtcon1/bind");
    g_assert_cmpstr(bound, ==, "1");
    g_assert_false(vh_host_console_bind(tree->host, 7, TRUE, soon(), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_GONE);
}

static void test_consoles_are_bounded(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = host_tree_path(tree, "/sys/class/vtconsole/vtcon1/bind");

    ((VhReal *)tree->host)->look_limit = 100 * G_TIME_SPAN_MILLISECOND;
    host_tree_write(tree, "(M) frame buffer device\n", "/sys/class/vtconsole/vtcon1/name");
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    g_assert_null(vh_host_consoles(tree->host, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
}

/* ---- framebuffers ---- */

static HostTree *framebuffer_tree(const char *device, const char *memory)
{
    HostTree *tree = host_tree_new();
    g_autofree char *dir = g_strconcat("/sys/devices/platform/", device, NULL);

    host_tree_pci(tree, GPU, "0x030000\n", "10de:1b80");
    host_tree_write(tree,
                    "0x00000000f6000000 0x00000000f6ffffff 0x40200\n"
                    "0x00000000e0000000 0x00000000efffffff 0x14220c\n"
                    "0x0000000000000000 0x0000000000000000 0x0\n",
                    "/sys/devices/pci0000:00/" GPU "/resource");
    host_tree_pci(tree, OTHER, "0x030000\n", "10de:1b80");
    host_tree_write(tree, "0x00000000d0000000 0x00000000dfffffff 0x14220c\n",
                    "/sys/devices/pci0000:00/" OTHER "/resource");
    /* A bridge, whose window contains all. */
    host_tree_pci(tree, "0000:00:01.0", "0x060400\n", "8086:1901");
    host_tree_write(tree, "0x00000000d0000000 0x00000000ffffffff 0x14220c\n",
                    "/sys/devices/pci0000:00/0000:00:01.0/resource");
    host_tree_dir(tree, "%s", dir);
    host_tree_link(tree, dir, "/sys/bus/platform/devices/%s", device);
    host_tree_dir(tree, "/sys/bus/platform/devices/serial8250");
    host_tree_write(tree, memory, "/proc/iomem");
    return tree;
}

static void test_framebuffers(void)
{
    static const struct {
        const char *device, *memory, *address;
    } cases[] = {
        {"efi-framebuffer.0", "e0000000-efffffff : " GPU "\n  e0000000-e02fffff : efifb\n", GPU},
        {"simple-framebuffer.0", "d0000000-dfffffff : x\n  d1000000-d12fffff : BOOTFB\n", OTHER},
        {"vesa-framebuffer.0", "e1000000-e12fffff : vesafb\n", GPU},
        {"efi-framebuffer.0", "e0000000-e02fffff : efi-framebuffer.0\n", GPU},
        {"efi-framebuffer.0", "e0000000-e02fffff : something\n", NULL},
        {"efi-framebuffer.0", "a0000000-a02fffff : efifb\n", NULL},
        /* Half outside. */
        {"efi-framebuffer.0", "eff00000-f02fffff : efifb\n", NULL},
        /* As an unprivileged reader sees it. */
        {"efi-framebuffer.0", "00000000-00000000 : efifb\n", NULL},
        {"efi-framebuffer.0", "", NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(HostTree) tree = framebuffer_tree(cases[i].device, cases[i].memory);
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) framebuffers = vh_host_framebuffers(tree->host, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(framebuffers->len, ==, 1);
        const VhFramebuffer *framebuffer = g_ptr_array_index(framebuffers, 0);
        g_assert_cmpstr(framebuffer->device, ==, cases[i].device);
        g_assert_null(framebuffer->driver);
        g_assert_cmpstr(framebuffer->address, ==, cases[i].address);
    }
}

static void test_framebuffer_bind(void)
{
    g_autoptr(HostTree) tree = framebuffer_tree("efi-framebuffer.0", "");
    const char *driver = "/sys/bus/platform/drivers/efi-framebuffer";
    g_autoptr(GError) error = NULL;

    host_tree_write(tree, "", "%s/bind", driver);
    host_tree_write(tree, "", "%s/unbind", driver);
    /* Not bound: to unbind it is no act, to bind it is one. */
    g_assert_true(vh_host_framebuffer_bind(tree->host, "efi-framebuffer.0", "efi-framebuffer",
                                           FALSE, soon(), &error));
    g_assert_true(vh_host_framebuffer_bind(tree->host, "efi-framebuffer.0", "efi-framebuffer", TRUE,
                                           soon(), &error));
    g_autofree char *not_unbound = host_tree_read(tree, "%s/unbind", driver);
    g_autofree char *bound = host_tree_read(tree, "%s/bind", driver);
    g_assert_cmpstr(not_unbound, ==, "");
    g_assert_cmpstr(bound, ==, "efi-framebuffer.0");
    host_tree_link(tree, driver, "/sys/devices/platform/efi-framebuffer.0/driver");
    g_assert_true(vh_host_framebuffer_bind(tree->host, "efi-framebuffer.0", "efi-framebuffer",
                                           FALSE, soon(), &error));
    g_autofree char *unbound = host_tree_read(tree, "%s/unbind", driver);
    g_assert_cmpstr(unbound, ==, "efi-framebuffer.0");
    g_autoptr(GPtrArray) framebuffers = vh_host_framebuffers(tree->host, &error);
    const VhFramebuffer *framebuffer = g_ptr_array_index(framebuffers, 0);
    g_assert_cmpstr(framebuffer->driver, ==, "efi-framebuffer");
    g_assert_no_error(error);
    g_assert_false(
        vh_host_framebuffer_bind(tree->host, "efi-framebuffer.9", "x", TRUE, soon(), &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_GONE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/proc/start-time", test_start_time);
    g_test_add_func("/proc/parent-and-boot", test_parent_and_boot);
    g_test_add_func("/proc/signal", test_signal);
    g_test_add_func("/proc/user-names", test_user_names);
    g_test_add_func("/proc/cgroups", test_cgroups);
    g_test_add_func("/guests/running", test_guest_running);
    g_test_add_func("/guests/names", test_guest_names);
    g_test_add_func("/guests/in-doubt", test_guest_in_doubt);
    g_test_add_func("/consoles/list", test_consoles);
    g_test_add_func("/consoles/bind", test_console_bind);
    g_test_add_func("/consoles/bounded", test_consoles_are_bounded);
    g_test_add_func("/framebuffers/list", test_framebuffers);
    g_test_add_func("/framebuffers/bind", test_framebuffer_bind);
    return g_test_run();
}

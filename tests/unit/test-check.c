// SPDX-License-Identifier: GPL-2.0-or-later
/* Each finding on a machine that is well, and on one that is not. */
#include "check-cases.h"

static void test_hook(void)
{
#define KEPT HOOKS "/qemu.before-virt-handoff"
#define IS_KEPT                                                                                    \
    " is the hook that was there before: it is not run, and comes back when virt-handoff is "      \
    "removed"
    CASES({"hook", INSTALLED "," HOOK(",\"mode\":\"0755\""), NULL, NULL, "ok " HOOKS "/qemu"},
          {"hook", "", NULL, NULL,
           "unknown what the hook is cannot be told: " HOOKS "/qemu: No such file or directory"},
          {"hook", FILE_AT("/etc/passwd", "x"), NULL, NULL, "failure " HOOKS "/qemu is not there"},
          {"hook", INSTALLED "," HOOK(",\"mode\":\"0744\""), NULL, NULL,
           "failure " HOOKS "/qemu is not executable for all"},
          {"hook", INSTALLED "," HOOK(",\"mode\":\"0777\",\"uid\":1000"), NULL, NULL,
           "failure " HOOKS "/qemu belongs to user 1000, who could have root run anything\n"
           "failure " HOOKS "/qemu can be written by others than root"},
          {"hook", HOOK(",\"mode\":\"0755\""), NULL, NULL,
           "failure " HOOKS "/qemu runs " ENGINE ", which is not there"},
          {"hook",
           INSTALLED ",{\"path\":\"" HOOKS "/qemu\",\"text\":\"#!/bin/bash\","
                     "\"mode\":\"0755\"}",
           NULL, NULL, "failure " HOOKS "/qemu is another program than virt-handoff's"},
          {"hook",
           INSTALLED ",{\"path\":\"" HOOKS "/qemu\",\"link\":\"../../own\"},"
                     "{\"path\":\"/etc/own\",\"text\":\"" ENGINE "\",\"mode\":\"0700\"}",
           NULL, NULL, "failure /etc/own is not executable for all"},
          {"strangers", HOOK(""), NULL, NULL, "ok none"},
          {"strangers", FILE_AT(HOOKS "/kvm.conf", "x") "," FILE_AT(HOOKS "/network", "x"), NULL,
           NULL, "warning " HOOKS "/kvm.conf is of no use here"},
          /* What our setup put aside stays where its --uninstall looks for it. */
          {"strangers", FILE_AT(KEPT, "x"), NULL, NULL, "ok " KEPT IS_KEPT},
          {"strangers", FILE_AT(KEPT, "x") "," FILE_AT(HOOKS "/qemu.old", "x"), NULL, NULL,
           "ok " KEPT IS_KEPT "\nwarning " HOOKS "/qemu.old is of no use here"},
          {"strangers",
           "{\"path\":\"" HOOKS "/qemu.d/a\",\"mode\":\"0755\"},{\"path\":\"" HOOKS
           "/qemu.d/b\"},{\"path\":\"" HOOKS "/qemu.d/win10/prepare/begin/c\",\"mode\":\"0755\"}",
           NULL, NULL,
           "warning libvirt runs " HOOKS "/qemu.d/a for every guest, beside our hook\n"
           "warning " HOOKS "/qemu.d/b is not executable, of which libvirt complains at each "
           "start"},
          {"strangers",
           FILE_AT(
               HOOKS "/qemu.d/win10/prepare/begin/start.sh",
               "virsh nodedev-detach x") "," FILE_AT(HOOKS "/qemu.d/win10/prepare/begin/own.sh",
                                                     "ddcutil x") "," FILE_AT(HOOKS "/qemu.d/win10/"
                                                                                    "release/end",
                                                                              "modprobe -r vfio"),
           NULL, NULL,
           "warning " HOOKS "/qemu.d/win10/prepare/begin/start.sh calls libvirt, which waits for "
           "it meanwhile: that can hang for ever\n"
           "warning " HOOKS "/qemu.d/win10/release/end unloads modules, which is done already"});
}

static void test_libvirt(void)
{
#define DAEMON(active) "\"units\":[{\"id\":\"libvirtd.service\",\"active\":\"" active "\"}]"
#define STARTED(changed)                                                                           \
    FILE_AT("/proc/stat", "cpu 1\\nbtime 1700000000\\n")                                           \
    "," FILE_AT("/run/libvirtd.pid", "810") "," HOOK(",\"changed\":" changed)
#define RUNNING                                                                                    \
    "\"users\":[{\"uid\":0,\"name\":\"root\"}],\"processes\":[{\"pid\":810,\"start_time\":5000,"   \
    "\"command\":\"libvirtd\",\"uid\":0}]"
#define RELOADED(when)                                                                             \
    "\"units\":[{\"id\":\"libvirtd.service\",\"active\":\"active\",\"reloaded\":" when "}]"
#define LABEL(type) ",\"label\":\"system_u:object_r:" type ":s0\""
#define SELINUX(enforce, value)                                                                    \
    FILE_AT("/sys/fs/selinux/enforce", enforce)                                                    \
    "," FILE_AT("/sys/fs/selinux/booleans/virt_hooks_unconfined", value)
    CASES(
        {"daemon", "", DAEMON("active"), NULL, "ok libvirtd.service is active"},
        {"daemon", "", DAEMON("inactive"), NULL, "failure libvirtd.service is not active"},
        {"daemon", "", "\"units\":[{\"id\":\"virtqemud.socket\",\"active\":\"active\"}]", NULL,
         "ok virtqemud.socket is active"},
        {"daemon", "", "\"bus\":false", NULL,
         "unknown whether it runs cannot be told: the system bus does not answer"},
        {"daemon", "", NULL, NULL, "failure neither libvirtd nor virtqemud is installed"},
        {"hook-loaded", STARTED("1700000049"), RUNNING, NULL,
         "ok libvirtd started after the hook was there"},
        {"hook-loaded", STARTED("1700000051"), RUNNING, NULL,
         "warning " HOOKS "/qemu was put there after libvirtd started, and no reload since is "
         "known"},
        {"hook-loaded", STARTED("1700000051"), RUNNING "," RELOADED("1700000050"), NULL,
         "warning " HOOKS "/qemu was put there after libvirtd started, and no reload since is "
         "known"},
        {"hook-loaded", STARTED("1700000051"), RUNNING "," RELOADED("1700000051"), NULL,
         "ok libvirtd was reloaded after the hook was there"},
        {"hook-loaded", STARTED("1700000051"), NULL, NULL,
         "unknown whether libvirt's daemon started after the hook was there cannot be told"},
        {"apparmor", FILE_AT("/sys/module/apparmor/parameters/enabled", "N"), NULL, NULL,
         "ok not in use"},
        {"apparmor",
         FILE_AT("/sys/module/apparmor/parameters/enabled", "Y") "," FILE_AT(
             "/sys/kernel/security/apparmor/profiles", "a (enforce)\\nlibvirtd (enforce)"),
         NULL, NULL, "ok libvirt's profile lets the hook run " ENGINE},
        {"apparmor",
         FILE_AT("/sys/module/apparmor/parameters/enabled", "Y") "," FILE_AT(
             "/sys/kernel/security/apparmor/profiles", "libvirtd//x (enforce)"),
         NULL, NULL, "ok does not confine libvirt"},
        {"selinux", SELINUX("0", "0 0"), NULL, NULL, "ok permissive"},
        {"selinux", SELINUX("1", "1 1"), NULL, NULL,
         "ok enforcing, virt_hooks_unconfined is on\n"
         "unknown which label the hook has cannot be told: " HOOKS
         "/qemu: No such file or directory"},
        {"selinux", SELINUX("1", "1 1") "," HOOK(LABEL("virt_hook_t")), NULL, NULL,
         "ok enforcing, virt_hooks_unconfined is on\nok the hook has the label virt_hook_t"},
        {"selinux", SELINUX("1", "1 1") "," HOOK(LABEL("user_home_t")), NULL, NULL,
         "ok enforcing, virt_hooks_unconfined is on\n"
         "warning the hook has the label system_u:object_r:user_home_t:s0, which libvirt's daemon "
         "may not run, instead of virt_hook_t"},
        {"selinux", SELINUX("1", "0 0"), NULL, NULL,
         "failure enforcing, and virt_hooks_unconfined is off\n"
         "unknown which label the hook has cannot be told: " HOOKS
         "/qemu: No such file or directory"},
        {"selinux", FILE_AT("/sys/fs/selinux/enforce", "1") "," HOOK(LABEL("virt_hook_t")), NULL,
         NULL,
         "warning enforcing, and this policy has no virt_hooks_unconfined\n"
         "ok the hook has the label virt_hook_t"},
        {"selinux", FILE_AT("/sys/fs/x", "y"), NULL, NULL, "ok not in use"},
        {"default-network", FILE_AT("/etc/libvirt/qemu.conf", "x"), NULL, NULL, "ok not defined"},
        {"default-network", FILE_AT("/etc/passwd", "x"), NULL, NULL,
         "unknown whether it is active cannot be told: /etc/libvirt/qemu/networks/default.xml: "
         "No such file or directory"},
        {"default-network",
         FILE_AT("/etc/libvirt/qemu/networks/default.xml", "x") "," FILE_AT("/run/x", "y"), NULL,
         NULL, "warning not active\nwarning not started with the host"},
        {"default-network",
         FILE_AT("/etc/libvirt/qemu/networks/default.xml",
                 "x") "," FILE_AT("/etc/libvirt/qemu/networks/autostart/default.xml",
                                  "x") "," FILE_AT("/run/libvirt/network/default.xml", "y"),
         NULL, NULL, "ok active, and started with the host"});
}

#define PASSED(rom)                                                                                \
    "<devices><hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' "     \
    "bus='9' slot='0' function='0'/></source>" rom "</hostdev><hostdev mode='subsystem' "          \
    "type='pci' managed='no'><source><address domain='0' bus='9' slot='0' function='1'/>"          \
    "</source></hostdev></devices>"

static void test_desktop(void)
{
#define ANNA                                                                                       \
    "\"users\":[{\"uid\":1000,\"name\":\"anna\",\"linger\":true}],\"sessions\":[{\"id\":\"2\","    \
    "\"uid\":1000,\"seat\":\"seat0\",\"type\":\"x11\",\"class\":\"user\"}]"
#define TWO_CARDS(node, boot)                                                                      \
    "\"functions\":[{\"address\":\"0000:00:02.0\",\"class\":\"0x030000\",\"vendor\":\"0x8086\","   \
    "\"device\":\"0x9a60\",\"group\":2,\"driver\":\"i915\"},{\"address\":\"0000:09:00.0\","        \
    "\"class\":\"0x030000\",\"vendor\":\"0x1002\",\"device\":\"0x73bf\",\"group\":16,\"driver\":"  \
    "\"amdgpu\",\"boot_vga\":" boot ",\"nodes\":[{\"path\":\"/dev/dri/" node "\",\"subsystem\":"   \
    "\"drm\",\"number\":\"226:0\",\"blocks\":true}]}],\"drivers\":[{\"name\":\"i915\"},{\"name\":" \
    "\"amdgpu\"}],\"users\":[{\"uid\":1000,\"name\":\"anna\"}],\"sessions\":[{\"id\":\"2\","       \
    "\"uid\":1000,\"seat\":\"seat0\",\"type\":\"x11\",\"class\":\"user\"}],\"processes\":[{"       \
    "\"pid\":77,\"command\":\"glxgears\",\"uid\":1000,\"session\":\"2\",\"nodes\":[\"/dev/"        \
    "dri/" node "\"]}]"
#define HELD(unit)                                                                                 \
    "\"functions\":[{\"address\":\"0000:09:00.0\",\"class\":\"0x030000\",\"vendor\":\"0x10de\","   \
    "\"device\":\"0x2489\",\"group\":16,\"driver\":\"nvidia\",\"nodes\":[{\"path\":\"/dev/"        \
    "nvidia0\","                                                                                   \
    "\"subsystem\":\"nvidia\",\"number\":\"195:0\",\"blocks\":true}]}],\"drivers\":[{\"name\":"    \
    "\"nvidia\"}],\"units\":[{\"id\":\"" unit "\",\"active\":\"active\"}],\"users\":[{\"uid\":0,"  \
    "\"name\":\"root\"}],\"processes\":[{\"pid\":77,\"command\":\"worker\",\"uid\":0,\"unit\":"    \
    "\"" unit "\",\"nodes\":[\"/dev/nvidia0\"]}]"
    CASES(
        {"groups", ACCOUNTS, NULL, NULL, "ok anna is in libvirt, not in kvm and input"},
        {"groups",
         FILE_AT("/etc/passwd", "anna:x:1000:1000::/:") "," FILE_AT("/etc/group",
                                                                    "libvirt:x:140:annabel"),
         NULL, NULL, "warning anna is in none of them, not in libvirt"},
        {"groups", "", NULL, NULL, "unknown who uses the guests cannot be told"},
        {"services", "", NULL, NULL, "ok systemd"},
        {"services", "", "\"services\":\"OpenRC\"", NULL, "ok OpenRC"},
        {"services", "", "\"services\":\"none\"", NULL,
         "warning none of systemd, OpenRC, sysvinit and runit: no service can be stopped"},
        {"display-manager", "", ANNA, NULL,
         "warning there is none, but anna has a desktop (session 2)"},
        {"display-manager", "", NULL, NULL, "ok none, and no desktop runs"},
        {"linger", "", ANNA, NULL, "warning anna lingers"},
        {"linger", "", NULL, NULL, "ok none with a desktop"},
        {"holders", "", HELD("ollama.service"), NULL,
         "warning worker (pid 77, ollama.service) has /dev/nvidia0 of 0000:09:00.0 open"},
        {"holders", "", HELD("nvidia-persistenced.service"), NULL,
         "ok nvidia-persistenced.service, which prepare stops, holds 0000:09:00.0"},
        /* A session's program on a second card: the desktop does not end for it, … */
        {"holders", "", TWO_CARDS("renderD128", "false"), NULL,
         "warning glxgears (pid 77) has work done on 0000:09:00.0 (PRIME), and no desktop ends "
         "for that"},
        /* … unless it draws, or that is the screen, … */
        {"holders", "", TWO_CARDS("card0", "false"), NULL, "ok only those of the desktop (1)"},
        {"holders", "", TWO_CARDS("renderD128", "true"), NULL, "ok only those of the desktop (1)"},
        /* … or this guest does not get the card. */
        {"holders", "", TWO_CARDS("renderD128", "false"), "", "ok only those of the desktop (1)"},
        {"holders", "", TWO_CARDS("renderD128", "false"), PASSED(""),
         "warning glxgears (pid 77) has work done on 0000:09:00.0 (PRIME), and no desktop ends "
         "for that"});
}

static void test_guest(void)
{
#define OTHER                                                                                      \
    "\"functions\":[{\"address\":\"0000:08:00.0\",\"class\":\"0x030000\",\"vendor\":\"0x10de\","   \
    "\"device\":\"0x2489\",\"group\":1}]"
#define RESET "/sys/bus/pci/devices/0000:09:00."
    CASES_WITH("commands = ({ at = \"prepare\"; run = [ \"/usr/bin/true\" ]; });",
               {"plan", "", "\"programs\":[{\"path\":\"/usr/bin/true\"}]", "",
                "ok 1 step, nothing against it"});
    CASES({"file", "", NULL, "", "ok " HOOKS "/kvm.conf.d/win10.conf"},
          {"domain", "", NULL, "", "warning it passes no PCI device of this host"},
          {"plan", "", NULL, "", "ok 0 steps, nothing against it"},
          {"plan", "", OTHER, PASSED(""),
           "failure there is no PCI device 0000:09:00.0 on this host: addresses change when a card "
           "is moved or the firmware is updated; compare with lspci and correct the domain or the "
           "guest's file\n"
           "failure there is no PCI device 0000:09:00.1 on this host: addresses change when a card "
           "is moved or the firmware is updated; compare with lspci and correct the domain or the "
           "guest's file"},
          {"reset", FILE_AT(RESET "0/vendor", "x") "," FILE_AT(RESET "1/vendor", "x"), CARD,
           PASSED(""),
           "warning the kernel has no reset for 0000:09:00.0\n"
           "warning the kernel has no reset for 0000:09:00.1"},
          {"reset", FILE_AT(RESET "0/reset_method", "bus") "," FILE_AT(RESET "1/vendor", "x"), CARD,
           PASSED(""), "ok 0000:09:00.1 is reset together with all that is passed beside it"},
          {"reset", "", CARD, PASSED(""),
           "unknown how the kernel resets 0000:09:00.0 and 0000:09:00.1 cannot be told"},
          {"machine", "", NULL, "<os><type machine='pc-i440fx-6.2'>hvm</type></os>",
           "warning it is pc-i440fx-6.2, not Q35"},
          {"machine", "", NULL, "<os><type machine='pc-q35-6.2'>hvm</type></os>", "ok pc-q35-6.2"},
          {"firmware", "", NULL, "<os firmware='efi'/>", "ok UEFI"},
          {"firmware", "", NULL, "<os/>", "warning it is not UEFI"},
          {"cpu", "", NULL, "<cpu mode='host-model'/>", "warning its mode is host-model"},
          {"cpu", "", NULL, "<cpu mode='host-passthrough'/>", "ok host-passthrough"},
          {"hidden", "", CARD, PASSED(""), "warning <kvm><hidden state='on'/> is not set"},
          {"hidden", "", NULL, "", "ok no card of NVIDIA's is passed"},
          {"hidden", "", CARD,
           PASSED("") "<features><kvm><hidden state='on'/></kvm><hyperv><vendor_id state='on' "
                      "value='x1'/></hyperv></features>",
           "ok hidden, vendor_id x1"},
          {"graphics", "", CARD,
           PASSED("") "<devices><graphics type='spice'/><video><model type='qxl'/></video>"
                      "</devices>",
           "warning left over: qxl, spice"},
          {"graphics", "", CARD,
           PASSED("") "<devices><video><model type='none'/></video></devices>", "ok none"},
          {"managed", "", CARD, PASSED(""), "ok not 0000:09:00.1, which the hook sees to"},
          {"managed", "", CARD, "", "ok all of them"});
}

static void test_needs(void)
{
#define ROM PASSED("<rom file='/home/anna/card.rom'/>")
#define MEMINFO FILE_AT("/proc/meminfo", "MemTotal: 8388608 kB")
#define POOL(name, more)                                                                           \
    "{\"name\":\"" name "\",\"size_kb\":2048,\"usual\":true,\"pages\":4" more "}"
#define POOLS(pools) "\"page_pools\":[" pools "]"
#define USED(used) POOLS(POOL("2M", ",\"node\":-1,\"used\":" used))
#define TWO_NODES POOLS(POOL("2M on node 0", "") "," POOL("2M on node 1", ",\"node\":1,\"used\":2"))
#define CELLS(pages)                                                                               \
    "<memory unit='MiB'>14</memory><memoryBacking><hugepages>" pages "</hugepages>"                \
    "</memoryBacking><numatune><memnode cellid='1' mode='strict' nodeset='1'/></numatune><cpu>"    \
    "<numa><cell id='0' memory='8' unit='MiB'/><cell id='1' memory='6' unit='MiB'/></numa></cpu>"
#define HUGE "<memory unit='MiB'>5</memory><memoryBacking><hugepages/></memoryBacking>"
#define NETWORK(kind, source)                                                                      \
    "<devices><interface type='" kind "'><source " source "/></interface></devices>"
#define IMAGE(file, policy)                                                                        \
    "<devices><disk type='file'><source file='" file "' " policy "/></disk></devices>"
    CASES(
        {"rom", ACCOUNTS "," FILE_AT("/home/anna/card.rom", "x"), CARD, ROM,
         "ok readable for user libvirt-qemu"},
        {"rom", ACCOUNTS "," FILE_AT("/home/anna/card.rom", "x\",\"mode\":\"0600"), CARD, ROM,
         "failure /home/anna/card.rom is not readable for user libvirt-qemu"},
        {"rom", ACCOUNTS "," FILE_AT("/home/anna/card.rom", "x\",\"gid\":44,\"mode\":\"0640"), CARD,
         ROM, "ok readable for user libvirt-qemu"},
        {"rom",
         ACCOUNTS
         "," FILE_AT("/etc/libvirt/qemu.conf", "#user = \\\"x\\\"\\nuser = \\\"+0\\\"") "," FILE_AT(
             "/home/anna/card.rom", "x\",\"mode\":\"0600"),
         CARD, ROM, "ok readable for user 0"},
        {"rom", FILE_AT("/home/anna/card.rom", "x"), CARD, ROM,
         "unknown which user QEMU runs as cannot be told"},
        {"rom", "", CARD, PASSED(""), "ok none is given"},
        {"networks", FILE_AT("/run/x", "y"), NULL, NETWORK("network", "network='lan'"),
         "failure network lan is not active"},
        {"networks", FILE_AT("/run/libvirt/network/lan.xml", "y"), NULL,
         NETWORK("network", "network='lan'"), "ok there"},
        {"networks", FILE_AT("/sys/class/net/lo/mtu", "1"), NULL, NETWORK("bridge", "bridge='br0'"),
         "failure there is no network interface br0"},
        {"networks", "", NULL, NETWORK("bridge", "bridge='br0'"),
         "unknown whether br0 is active cannot be told"},
        {"networks", "", NULL, "", "ok it has none"},
        {"images", FILE_AT("/images/b.qcow2", "x"), NULL, IMAGE("/images/a.qcow2", ""),
         "failure there is no /images/a.qcow2"},
        {"images", FILE_AT("/images/a.qcow2", "x"), NULL, IMAGE("/images/a.qcow2", ""), "ok there"},
        {"images", FILE_AT("/images/b.qcow2", "x"), NULL,
         IMAGE("/images/a.qcow2", "startupPolicy='optional'"), "ok none of its disks is a file"},
        {"images", "", NULL, IMAGE("/images/a.qcow2", ""),
         "unknown whether /images/a.qcow2 is there cannot be told"},
        {"memory", MEMINFO, USED("1"), HUGE, "ok 3 huge pages of 2 MiB needed, 3 free"},
        {"memory", MEMINFO, USED("2"), HUGE, "failure 3 huge pages of 2 MiB needed, 2 free"},
        {"memory", MEMINFO, USED("0,\"reserved\":2"), HUGE,
         "failure 3 huge pages of 2 MiB needed, 2 free"},
        {"memory", MEMINFO, NULL, HUGE, "unknown how many huge pages are free cannot be told"},
        /* Each cell's by its node; what one has by name the other has not. */
        {"memory", MEMINFO, TWO_NODES, CELLS(""),
         "ok 4 huge pages of 2 MiB needed, 4 free\n"
         "failure 3 huge pages of 2 MiB needed on NUMA node 1, 2 free"},
        {"memory", MEMINFO, TWO_NODES, CELLS("<page size='1' unit='G' nodeset='0'/>"),
         "failure 1 huge pages of 1024 MiB needed, 0 free"},
        {"memory", MEMINFO, NULL, "<memory unit='GiB'>9</memory>",
         "failure it needs 9216 MiB, and this host has 8192"},
        {"memory", MEMINFO, NULL, "<memory unit='GiB'>8</memory>",
         "ok 8192 MiB of this host's 8192"});
}

/* What prepare sets aside need not be there. */
static void test_needs_of_hook(void)
{
#define OTHERS "; prepare sets aside the others"
    CASES_WITH(
        "hugepages = \"auto\";",
        {"memory", MEMINFO, USED("2"), HUGE, "ok 3 huge pages of 2 MiB needed, 2 free" OTHERS},
        {"memory", MEMINFO, TWO_NODES, CELLS("<page size='1' unit='G' nodeset='0'/>"),
         "failure 1 huge pages of 1024 MiB needed, 0 free"},
        {"memory", MEMINFO, USED("1"), HUGE, "ok 3 huge pages of 2 MiB needed, 3 free"});
    CASES_WITH("hugepages = 3;", {"memory", MEMINFO, USED("2"), HUGE,
                                  "ok 3 huge pages of 2 MiB needed, 2 free" OTHERS});
    CASES_WITH("hugepages = 2;", {"memory", MEMINFO, USED("2"), HUGE,
                                  "failure 3 huge pages of 2 MiB needed, 2 free"});
    CASES_WITH(
        "hugepages = { size = \"1G\"; count = 8; };",
        {"memory", MEMINFO, USED("2"), HUGE, "failure 3 huge pages of 2 MiB needed, 2 free"});
    CASES_WITH("hugepages = { count = 3; node = 1; };",
               {"memory", MEMINFO, TWO_NODES, CELLS(""),
                "ok 4 huge pages of 2 MiB needed, 4 free\n"
                "ok 3 huge pages of 2 MiB needed on NUMA node 1, 2 free" OTHERS});
}

static void test_pins(void)
{
#define PINS "<cputune><vcpupin vcpu='0' cpuset='2-4'/></cputune>"
#define AS_WELL ", and a <vcpupin> of the domain has the guest's processors on it as well"
    CASES({"pins", "", NULL, "", "ok none is its own (<vcpupin>)"},
          {"pins", "", NULL, PINS, "ok 2-4"});
    CASES_WITH("host_cpus = \"0-1\"; irq_cpus = \"1\";",
               {"pins", "", NULL, "", "ok none is its own (<vcpupin>)"},
               {"pins", "", NULL, PINS, "ok 2-4"});
    CASES_WITH("host_cpus = \"0-3\"; irq_cpus = \"4-7\";",
               {"pins", "", NULL, PINS,
                "warning CPU 2-3 is left to the host in host_cpus" AS_WELL
                "\nwarning CPU 4 gets the interrupts by irq_cpus" AS_WELL});
}

/* A journal says that the daemon which runs has called the hook, whenever the file was put there.
 */
static void test_called(void)
{
    static const struct {
        VhProcess daemon;
        const char *wanted;
    } cases[] = {
        {{810, 5000}, "ok libvirtd has called it"},
        {{810, 4999}, "warning "},
        {{0, 0}, "warning "},
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(VhHost) host =
        vh_sim_new("{\"version\":1,\"files\":[" STARTED("1700000051") "]," RUNNING "}", &error);

    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        VhJournal journal = {.daemon = cases[i].daemon};
        g_autoptr(GPtrArray) journals = g_ptr_array_new();
        g_ptr_array_add(journals, &journal);
        const VhCheck check = {
            .host = host, .hooks_dir = HOOKS, .engine = ENGINE, .journals = journals};
        g_autoptr(GPtrArray) findings = vh_check_run(&check);
        g_autofree char *got = describe(findings, "hook-loaded");
        g_assert_true(g_str_has_prefix(got, cases[i].wanted));
    }
}

static void test_setup(void)
{
#define WANTS "/etc/systemd/system/libvirtd.service.wants/virt-handoff-recover.service"
#define OLD HOOKS "/kvm.conf.d/old.conf"
    CASES(
        {"recovery", FILE_AT(WANTS, "x"), NULL, NULL, "ok comes with libvirtd"},
        {"recovery", FILE_AT("/etc/systemd/system/x", "y"), NULL, NULL,
         "warning virt-handoff-recover.service is not enabled"},
        {"recovery", "", NULL, NULL, "unknown whether it is enabled cannot be told"},
        {"files", "", NULL, NULL, "ok no others"},
        {"files", FILE_AT(HOOKS "/kvm.conf.d/win10.conf", "x"), NULL, "", "ok no others"},
        {"files", FILE_AT(OLD, "x"), NULL, NULL,
         "unknown whether each has its guest cannot be told"},
        {"files",
         FILE_AT(OLD, "x") "," FILE_AT("/etc/libvirt/qemu/new.xml", "x") "," FILE_AT("/run/x", "y"),
         NULL, NULL, "warning " OLD ": libvirt has no guest of that name"},
        {"files", FILE_AT(OLD, "x") "," FILE_AT("/etc/libvirt/qemu/old.xml", "x"), NULL, NULL,
         "ok each has its guest"},
        {"files", FILE_AT(OLD, "x") "," FILE_AT("/run/libvirt/qemu/old.xml", "x"), NULL, NULL,
         "ok each has its guest"});
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_test_add_func("/check/hook", test_hook);
    g_test_add_func("/check/called", test_called);
    g_test_add_func("/check/libvirt", test_libvirt);
    g_test_add_func("/check/desktop", test_desktop);
    g_test_add_func("/check/setup", test_setup);
    g_test_add_func("/check/guest", test_guest);
    g_test_add_func("/check/pins", test_pins);
    g_test_add_func("/check/needs", test_needs);
    g_test_add_func("/check/needs-of-hook", test_needs_of_hook);
    return g_test_run();
}

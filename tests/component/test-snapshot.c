// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A snapshot of a machine is a machine again: it has what matters to a hand-over, and the engine
 * does the same things on it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inspect/snapshot.h"
#include "machine.h"

static char *snapshot_text(VhHost *host)
{
    g_autoptr(GError) error = NULL;
    GVariant *snapshot = vh_snapshot_take(host, NULL, &error);

    g_assert_no_error(error);
    return vh_json_pretty(snapshot);
}

/* What of the sample a snapshot tells: not who uses no device, nor unrelated modules and units. */
static gboolean is_told(const char *fact)
{
    static const char *const kinds[] = {"pci ",       "node ",        "console ",  "session ",
                                        "slice ",     "framebuffer ", "governor ", "irq ",
                                        "workqueue ", "huge "};

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_str_has_prefix(fact, kinds[i]))
            return TRUE;
    return g_str_has_prefix(fact, "process ") && strstr(fact, "/dev/") != NULL;
}

static int by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The facts with the words of each in one order: what a process opened first is not told. */
static char **facts_of(const char *state)
{
    char **facts = g_strsplit(state, "\n", -1);

    for (char **fact = facts; *fact; fact++) {
        g_auto(GStrv) words = g_strsplit(*fact, " ", -1);
        if (g_strv_length(words) > 1)
            qsort(words + 1, g_strv_length(words) - 1, sizeof *words, by_text);
        g_free(*fact);
        *fact = g_strjoinv(" ", words);
    }
    return facts;
}

static void assert_facts(const char *of, const char *in, gboolean (*wanted)(const char *))
{
    g_auto(GStrv) facts = facts_of(of);
    g_auto(GStrv) all = facts_of(in);

    for (char **fact = facts; *fact; fact++)
        if ((!wanted || wanted(*fact)) && !g_strv_contains((const char *const *)all, *fact)) {
            g_test_message("missing: %s", *fact);
            g_test_fail();
        }
}

static void test_equal(gconstpointer sample)
{
    g_autoptr(Machine) machine = machine_new(sample);
    g_autofree char *text = snapshot_text(machine->host);
    g_autoptr(Machine) again = machine_from_text(text);
    g_autofree char *before = vh_sim_state(machine->host);
    g_autofree char *after = vh_sim_state(again->host);

    assert_facts(before, after, is_told);
    assert_facts(after, before, NULL);
    g_assert_nonnull(strstr(after, "unit user@1000.service active"));
    g_assert_nonnull(strstr(after, "module snd_hda_intel"));
    /* A snapshot of what a snapshot made is that snapshot. */
    g_autofree char *second = snapshot_text(again->host);
    g_assert_cmpstr(text, ==, second);
}

static gboolean is_step(const char *event)
{
    return g_str_has_prefix(event, "step: ") && !strstr(event, "keep the host awake");
}

static void test_rehearse(gconstpointer sample)
{
    g_autoptr(Machine) machine = machine_new(sample);
    g_autofree char *text = snapshot_text(machine->host);
    g_autoptr(Machine) again = machine_from_text(text);
    g_autoptr(GBytes) xml = machine_sample_domain(sample);
    g_autofree char *before = machine_state(again, NULL);
    g_autoptr(GError) error = NULL;

    (void)machine_prepare(machine, xml, NULL);
    machine_prepare(again, xml, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < machine->events->len; i++)
        if (is_step(machine->events->pdata[i]) && !machine_told(again, machine->events->pdata[i])) {
            g_test_message("not done: %s", (char *)machine->events->pdata[i]);
            g_test_fail();
        }
    machine_release(again, xml, &error);
    g_assert_no_error(error);
    machine_assert_state(again, before, NULL);
}

/* Processors and memory, of the machines that know theirs. Users of a reservation and of pages are
 * told, too: so many more are set aside there as here. */
static void test_tuning(gconstpointer sample)
{
    static const char wanted[] =
        "governor = \"performance\"; host_cpus = \"0\"; irq_cpus = \"0\"; hugepages = 100;";
    static const char *const none[] = {NULL};
    g_autoptr(Machine) machine = machine_new(sample);
    g_autofree char *text = snapshot_text(machine->host);
    g_autoptr(Machine) again = machine_from_text(text);
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, none);
    g_autofree char *before = machine_state(again, NULL);
    g_autoptr(GError) error = NULL;

    machine_configure(machine, "win10", wanted);
    machine_configure(again, "win10", wanted);
    g_autofree char *plan = machine_plan_text(machine, xml);
    g_autofree char *same = machine_plan_text(again, xml);
    g_assert_cmpstr(same, ==, plan);
    machine_prepare(again, xml, &error);
    g_assert_no_error(error);
    g_autofree char *state = vh_sim_state(again->host);
    g_assert_nonnull(strstr(state, "governor policy5 is \"performance\""));
    g_assert_nonnull(strstr(state, "slice user.slice is \"0\""));
    g_assert_nonnull(strstr(state, "irq irq 1 is \"0\""));
    g_assert_nonnull(strstr(state, "huge pages 2M on node 0: 90"));
    machine_release(again, xml, &error);
    g_assert_no_error(error);
    machine_assert_state(again, before, NULL);
}

#define UUID_FUNCTION                                                                              \
    "'functions': [{'address': '0000:03:00.0', 'class': '0x010802', 'vendor': '0x144d', "          \
    "'device': '0xa808', 'driver': 'nvme', 'uses': [{'kind': 'mount', 'name': "                    \
    "'/dev/mapper/annas-secret', 'where': '/media/anna/Backup'}, {'kind': 'route', 'name': "       \
    "'enx001122334455', 'where': '192.168.77.1'}], 'nodes': [{'path': '/dev/dri/card0', "          \
    "'subsystem': 'drm', 'number': '226:0', 'blocks': true}]}], "                                  \
    "'drivers': [{'name': 'nvme', 'classes': ['0108']}], "                                         \
    "'users': [{'uid': 1001, 'name': 'anna'}], 'processes': [{'pid': 50, 'command': 'player', "    \
    "'uid': 1001, 'nodes': ['/dev/dri/card0']}], "                                                 \
    "'files': [{'path': '/sys/bus/pci/devices/0000:03:00.0/reset_method', 'text': 'flr bus'}, "    \
    "{'path': '/sys/bus/pci/devices/0000:03:00.0/reset'}, "                                        \
    "{'path': '/sys/bus/pci/devices/0000:03:00.0/serial_number', 'text': 'S3CR3T'}, "              \
    "{'path': '/sys/bus/usb/devices/1-4/serial', 'text': 'USBS3R14L'}, "                           \
    "{'path': '/sys/bus/usb/devices/1-4/devnum', 'text': '2'}, "                                   \
    "{'path': '/sys/class/dmi/id/product_serial', 'text': 'B04RDS3R'}, "                           \
    "{'path': '/proc/cmdline', 'text': 'root=UUID=5EC2E7 intel_iomu=on cryptkey=/dev/5EC2E7 "      \
    "vfio-pci.ids=10de:2489 ip=192.168.7.1'}, "                                                    \
    "{'path': '/proc/cpuinfo', 'text': 'processor : 0\\nvendor_id : GenuineIntel\\nflags : "       \
    "fpu'}, "                                                                                      \
    "{'path': '/etc/machine-id', 'text': '0123456789abcdef0123456789abcdef'}, "                    \
    "{'path': '/etc/hostname', 'text': 'annas-computer'}]"

/* What is a person's own stays at home; what a rehearsal needs does not. */
static void test_private(void)
{
    static const char *const left_out[] = {"anna",   "192.168",   "0011",     "S3CR3T",
                                           "Backup", "USBS3R14L", "B04RDS3R", "0123456789abcdef",
                                           "5EC2E7", "fpu"};
    static const char *const told[] = {"user1",
                                       "flr bus",
                                       "/reset\"",
                                       "player",
                                       "\"/mnt\"",
                                       "eth0",
                                       "10802",
                                       "\"intel_iomu=on vfio-pci.ids=10de:2489\"",
                                       "\"vendor_id : GenuineIntel\""};
    g_autofree char *json = g_strdelimit(g_strdup("{'version': 1, " UUID_FUNCTION "}"), "'", '"');
    g_autoptr(Machine) machine = machine_from_text(json);
    g_autofree char *text = snapshot_text(machine->host);

    for (gsize i = 0; i < G_N_ELEMENTS(left_out); i++)
        g_assert_null(strstr(text, left_out[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(told); i++)
        if (!strstr(text, told[i]))
            g_error("%s is not in %s", told[i], text);
}

/* A guest's ROM file is known to the snapshot that is taken for it. */
static void test_rom(void)
{
    static const char *const addresses[] = {"0000:09:00.0", NULL};
    g_autoptr(Machine) machine = machine_new("nvidia-desktop");
    g_autoptr(GBytes) xml = machine_domain("win10", TRUE, addresses);
    g_autoptr(VhDomain) domain =
        vh_domain_parse(g_bytes_get_data(xml, NULL), g_bytes_get_size(xml), NULL);
    g_autoptr(GError) error = NULL;

    ((VhDomainDevice *)domain->devices->pdata[0])->rom_file =
        g_strdup("/usr/share/vgabios/rtx3060ti.rom");
    GVariant *snapshot = vh_snapshot_take(machine->host, domain, &error);
    g_assert_no_error(error);
    g_autofree char *text = vh_json_pretty(snapshot);
    g_autoptr(VhHost) again = vh_sim_new(text, &error);
    g_assert_no_error(error);
    g_assert_true(vh_host_rom_usable(again, "/usr/share/vgabios/rtx3060ti.rom", NULL));
    g_autoptr(VhUnit) awake =
        vh_host_unit_look(again, "virt-handoff-awake@" MACHINE_UUID ".service", NULL);
    g_assert_cmpstr(awake->load, ==, "loaded");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < MACHINE_SAMPLES; i++) {
        g_autofree char *equal = g_strdup_printf("/snapshot/equal/%s", machine_samples[i]);
        g_autofree char *rehearse = g_strdup_printf("/snapshot/rehearse/%s", machine_samples[i]);
        g_test_add_data_func(equal, machine_samples[i], test_equal);
        /* Users of a module that nobody can name, as its amdgpu has one, cannot be told either. */
        if (!g_str_equal(machine_samples[i], "apu"))
            g_test_add_data_func(rehearse, machine_samples[i], test_rehearse);
    }
    g_test_add_data_func("/snapshot/tuning", "amd-desktop", test_tuning);
    g_test_add_func("/snapshot/private", test_private);
    g_test_add_func("/snapshot/rom", test_rom);
    return g_test_run();
}

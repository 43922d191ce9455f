// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

static void record_event(const VhEvent *event, gpointer data)
{
    Machine *machine = data;

    g_ptr_array_add(machine->events,
                    g_strdup_printf("%s: %s", vh_event_name(event->kind), event->text));
}

static char *read_sample(const char *sample, const char *suffix)
{
    g_autofree char *name = g_strconcat(sample, suffix, NULL);
    g_autofree char *path = g_build_filename(SAMPLE_DIR, name, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

/* Takes the host. */
static Machine *machine_on(VhHost *host)
{
    Machine *machine = g_new0(Machine, 1);

    machine->host = host;
    machine->dir = g_dir_make_tmp("vh-machine-XXXXXX", NULL);
    machine->hooks = g_build_filename(machine->dir, "hooks", NULL);
    machine->state = g_build_filename(machine->dir, "state", NULL);
    machine->events = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *configs = g_build_filename(machine->hooks, "kvm.conf.d", NULL);
    g_assert_cmpint(g_mkdir_with_parents(configs, 0700), ==, 0);
    machine->engine = (VhEngine){.host = machine->host,
                                 .hooks_dir = machine->hooks,
                                 .trusted = machine->dir,
                                 .state_dir = machine->state,
                                 .sink = record_event,
                                 .sink_data = machine};
    machine_configure(machine, "win10", "");
    return machine;
}

char *machine_sample(const char *sample)
{
    return read_sample(sample, ".json");
}

Machine *machine_from_text(const char *snapshot)
{
    g_autoptr(GError) error = NULL;
    VhHost *host = vh_sim_new(snapshot, &error);

    g_assert_no_error(error);
    return machine_on(host);
}

/* Parsed once and copied, as some tests need it a thousand times. */
static VhHost *new_sample(const char *sample)
{
    static GHashTable *parsed;

    if (!parsed)
        parsed =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)vh_host_free);
    VhHost *host = g_hash_table_lookup(parsed, sample);
    if (!host) {
        g_autofree char *text = read_sample(sample, ".json");
        g_autoptr(GError) error = NULL;
        host = vh_sim_new(text, &error);
        g_assert_no_error(error);
        g_hash_table_insert(parsed, g_strdup(sample), host);
    }
    return vh_sim_copy(host);
}

Machine *machine_new(const char *sample)
{
    return machine_on(new_sample(sample));
}

Machine *machine_changed(const char *sample, const char *text, const char *instead)
{
    g_autofree char *snapshot = read_sample(sample, ".json");
    g_auto(GStrv) parts = g_strsplit(snapshot, text, 2);

    g_assert_cmpuint(g_strv_length(parts), ==, 2);
    g_autofree char *changed = g_strconcat(parts[0], instead, parts[1], NULL);
    return machine_from_text(changed);
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    (void)remove(path);
}

void machine_reboot(Machine *machine, const char *sample)
{
    vh_host_free(machine->host);
    machine->host = machine->engine.host = new_sample(sample);
    g_ptr_array_set_size(machine->events, 0);
}

void machine_renew(Machine *machine, const char *sample)
{
    g_autoptr(GDir) dir = g_dir_open(machine->state, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(machine->state, name, NULL);
        (void)g_unlink(path);
    }
    machine_reboot(machine, sample);
}

void machine_free(Machine *machine)
{
    if (!machine)
        return;
    remove_tree(machine->dir);
    vh_host_free(machine->host);
    g_ptr_array_unref(machine->events);
    g_free(machine->dir);
    g_free(machine->hooks);
    g_free(machine->state);
    g_free(machine);
}

void machine_configure(Machine *machine, const char *guest, const char *text)
{
    g_autofree char *path = g_strdup_printf("%s/kvm.conf.d/%s.conf", machine->hooks, guest);
    g_autoptr(GError) error = NULL;

    if (!text) {
        (void)g_unlink(path);
        return;
    }
    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
}

static char *uuid_of(const char *guest)
{
    if (g_str_equal(guest, "win10"))
        return g_strdup(MACHINE_UUID);
    return g_strdup_printf("%08x-0000-4000-8000-000000000000", g_str_hash(guest));
}

GBytes *machine_domain(const char *guest, gboolean managed, const char *const *addresses)
{
    GString *xml = g_string_new(NULL);
    g_autofree char *name = g_markup_escape_text(guest, -1);
    g_autofree char *uuid = uuid_of(guest);

    g_string_append_printf(xml, "<domain type='kvm'><name>%s</name><uuid>%s</uuid><devices>", name,
                           uuid);
    for (gsize i = 0; addresses[i]; i++) {
        const char *a = addresses[i];
        g_string_append_printf(xml,
                               "<hostdev mode='subsystem' type='pci' managed='%s'><source>"
                               "<address domain='0x%.4s' bus='0x%.2s' slot='0x%.2s' "
                               "function='0x%.1s'/></source></hostdev>",
                               managed ? "yes" : "no", a, a + 5, a + 8, a + 11);
    }
    g_string_append(xml, "</devices></domain>");
    return g_string_free_to_bytes(xml);
}

GBytes *machine_sample_domain(const char *sample)
{
    char *text = read_sample(sample, ".xml");

    return g_bytes_new_take(text, strlen(text));
}

gboolean machine_call(Machine *machine, const char *guest, const char *operation, GBytes *xml,
                      GError **error)
{
    g_autoptr(GBytes) output = NULL;
    gboolean ends = g_str_equal(operation, "release") || g_str_equal(operation, "stopped");
    const VhCall call = {.guest = guest,
                         .operation = operation,
                         .suboperation = ends ? "end" : "begin",
                         .extra = "-",
                         .xml = xml};

    return vh_call_answer(&machine->engine, &call, &output, error);
}

gboolean machine_prepare(Machine *machine, GBytes *xml, GError **error)
{
    return machine_call(machine, "win10", "prepare", xml, error);
}

gboolean machine_release(Machine *machine, GBytes *xml, GError **error)
{
    return machine_call(machine, "win10", "release", xml, error);
}

void machine_prepare_ok(Machine *machine, GBytes *xml)
{
    g_autoptr(GError) error = NULL;

    machine_prepare(machine, xml, &error);
    g_assert_no_error(error);
}

void machine_release_ok(Machine *machine, GBytes *xml)
{
    g_autoptr(GError) error = NULL;

    machine_release(machine, xml, &error);
    g_assert_no_error(error);
}

VhPlan *machine_plan(Machine *machine, const char *guest, GBytes *xml)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhDomain) domain =
        vh_domain_parse(g_bytes_get_data(xml, NULL), g_bytes_get_size(xml), &error);
    g_assert_no_error(error);
    g_autoptr(VhConfig) config = vh_engine_config(&machine->engine, guest, &error);
    g_assert_no_error(error);
    VhPlan *plan = vh_plan_for_guest(&machine->engine, domain, config, &error);
    g_assert_no_error(error);
    return plan;
}

char *machine_plan_text(Machine *machine, GBytes *xml)
{
    g_autoptr(VhPlan) plan = machine_plan(machine, "win10", xml);

    return vh_plan_text(plan);
}

char *machine_driver(Machine *machine, const char *address)
{
    g_autoptr(VhPciFunction) function = vh_host_pci_look(machine->host, address, NULL);

    return g_strdup(!function ? "gone" : function->driver ? function->driver : "none");
}

void machine_assert_driver(Machine *machine, const char *address, const char *driver)
{
    g_autofree char *now = machine_driver(machine, address);

    g_assert_cmpstr(now, ==, driver);
}

gboolean machine_has_journal(Machine *machine)
{
    g_autofree char *path = g_build_filename(machine->state, MACHINE_UUID ".journal", NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void print_missing(const char *label, const char *from, const char *in)
{
    g_auto(GStrv) lines = g_strsplit(from, "\n", -1);
    g_auto(GStrv) others = g_strsplit(in, "\n", -1);

    for (gsize i = 0; lines[i]; i++)
        if (!g_strv_contains((const char *const *)others, lines[i]))
            g_test_message("%s: %s", label, lines[i]);
}

void machine_settle(Machine *machine)
{
    gint64 end = vh_host_now(machine->host) + 60 * G_USEC_PER_SEC;

    while (vh_host_now(machine->host) < end)
        vh_host_wait(machine->host, NULL, end - vh_host_now(machine->host));
}

char *machine_state(Machine *machine, const char *without)
{
    machine_settle(machine);
    g_autofree char *state = vh_sim_state(machine->host);
    g_auto(GStrv) lines = g_strsplit(state, "\n", -1);
    GString *kept = g_string_new(NULL);

    for (gsize i = 0; lines[i]; i++)
        if (*lines[i] && !(without && g_str_has_prefix(lines[i], without)))
            g_string_append_printf(kept, "%s\n", lines[i]);
    return g_string_free(kept, FALSE);
}

char *machine_without_desktops(const char *state)
{
    static const char *const prefixes[] = {"process ", "session ", "unit user@"};
    g_auto(GStrv) lines = g_strsplit(state, "\n", -1);
    GString *kept = g_string_new(NULL);

    for (gsize i = 0; lines[i]; i++) {
        gboolean of_desktop = *lines[i] == '\0';
        for (gsize j = 0; j < G_N_ELEMENTS(prefixes); j++)
            of_desktop = of_desktop || g_str_has_prefix(lines[i], prefixes[j]);
        if (!of_desktop)
            g_string_append_printf(kept, "%s\n", lines[i]);
    }
    return g_string_free(kept, FALSE);
}

gboolean machine_logs_out(gsize config)
{
    return strstr(machine_configs[config].text, "\"logout\"") != NULL;
}

char *machine_state_of_kernel(Machine *machine)
{
    return machine_state(machine, "process ");
}

void machine_assert_state(Machine *machine, const char *before, const char *without)
{
    g_autofree char *now = machine_state(machine, without);

    if (g_str_equal(now, before))
        return;
    print_missing("missing", before, now);
    print_missing("new", now, before);
    for (guint i = 0; i < machine->events->len; i++)
        g_test_message("event: %s", (char *)machine->events->pdata[i]);
    g_test_fail();
}

void machine_let_go(Machine *machine)
{
    g_autoptr(GDir) fds = g_dir_open("/proc/self/fd", 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(fds))) {
        g_autofree char *link = g_build_filename("/proc/self/fd", name, NULL);
        g_autofree char *target = g_file_read_link(link, NULL);
        if (target && g_str_has_prefix(target, machine->dir))
            close((int)g_ascii_strtoll(name, NULL, 10));
    }
}

static gboolean has_text(const GPtrArray *lines, const char *text)
{
    for (guint i = 0; i < lines->len; i++)
        if (strstr(lines->pdata[i], text))
            return TRUE;
    return FALSE;
}

gboolean machine_told(Machine *machine, const char *text)
{
    return has_text(machine->events, text);
}

gboolean machine_did(Machine *machine, const char *text)
{
    return has_text(vh_sim_trace(machine->host), text);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake-bus.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define OTHER_JOB "/org/freedesktop/systemd1/job/8"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)

void fake_note(Fake *fake, const char *text)
{
    g_mutex_lock(&fake->lock);
    g_string_append_printf(fake->calls, "%s\n", text);
    g_mutex_unlock(&fake->lock);
}

char *fake_calls(Fake *fake)
{
    g_mutex_lock(&fake->lock);
    char *calls = g_strdup(fake->calls->str);
    g_mutex_unlock(&fake->lock);
    return calls;
}

/* ---- the fake's methods ---- */

static int job_removed(Fake *fake, const char *job, const char *result)
{
    return sd_bus_emit_signal(fake->bus, "/org/freedesktop/systemd1", SYSTEMD ".Manager",
                              "JobRemoved", "uoss", 7, job, "a.service", result);
}

static int on_job(Fake *fake, sd_bus_message *call)
{
    const FakeBehaviour *b = &fake->behaviour;
    const char *result = b->result ? b->result : "done";
    int r = 0;

    /* Another's job, which must not be taken for ours. */
    (void)job_removed(fake, OTHER_JOB, "failed");
    if (b->early)
        r = job_removed(fake, JOB, result);
    if (r >= 0)
        r = b->odd ? sd_bus_reply_method_return(call, "s", "odd")
                   : sd_bus_reply_method_return(call, "o", JOB);
    if (r >= 0 && !b->early && !b->never && !b->drop)
        r = job_removed(fake, JOB, result);
    if (b->drop) {
        (void)sd_bus_flush(fake->bus);
        return -ECONNRESET;
    }
    return r;
}

static int on_nothing(Fake *fake, sd_bus_message *call)
{
    return sd_bus_reply_method_return(call, "");
}

static int append_unit(sd_bus_message *reply, const char *name, gboolean no_alias)
{
    static const struct {
        const char *name, *id, *load, *active, *job;
    } units[] = {
        {"display-manager.service", "lightdm.service", "loaded", "active", ""},
        {"masked.service", "masked.service", "masked", "inactive", ""},
        {"queued.service", "queued.service", "loaded", "inactive", "start"},
        {"going.service", "going.service", "loaded", "active", "stop"},
        {"leaving.service", "leaving.service", "loaded", "inactive", "stop"},
        {"xdm.service", "xdm.service", "loaded", "inactive", ""},
        {"sddm.service", "sddm.service", "loaded", "active", ""},
    };
    const char *id = name, *load = "not-found", *active = "inactive", *job = "";

    for (gsize i = no_alias ? 1 : 0; i < G_N_ELEMENTS(units); i++)
        if (strcmp(units[i].name, name) == 0) {
            id = units[i].id;
            load = units[i].load;
            active = units[i].active;
            job = units[i].job;
        }
    /* What is no unit's name is left out. */
    if (strchr(name, ' '))
        return 0;
    return sd_bus_message_append(reply, "(ssssssouso)", id, "Description", load, active, "sub", "",
                                 "/unit", 0, job, "/");
}

static int on_list_units(Fake *fake, sd_bus_message *call)
{
    g_autoptr(sd_bus_message) reply = NULL;
    const char *name = NULL;

    if (fake->behaviour.odd)
        return sd_bus_reply_method_return(call, "u", 1);
    (void)sd_bus_message_rewind(call, 1);
    (void)sd_bus_message_read(call, "as", 1, &name);
    (void)sd_bus_message_new_method_return(call, &reply);
    (void)sd_bus_message_open_container(reply, 'a', "(ssssssouso)");
    (void)append_unit(reply, name, fake->behaviour.no_alias);
    (void)sd_bus_message_close_container(reply);
    return sd_bus_send(fake->bus, reply, NULL);
}

/* What two globs and a manager that tells nonsense bring. */
static int on_list_patterns(Fake *fake, sd_bus_message *call)
{
    static const char *const names[] = {"plasma-b.service", "plasma-a.service", "pipewire.service",
                                        "plasma bad.service", ""};
    g_autoptr(sd_bus_message) reply = NULL;

    (void)sd_bus_message_new_method_return(call, &reply);
    (void)sd_bus_message_open_container(reply, 'a', "(ssssssouso)");
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        (void)sd_bus_message_append(reply, "(ssssssouso)", names[i], "Description", "loaded",
                                    i == 1 ? "inactive" : "active", "sub", "", "/unit", 0, "", "/");
    (void)sd_bus_message_close_container(reply);
    return sd_bus_send(fake->bus, reply, NULL);
}

static int two_desktops(Fake *fake, sd_bus_message *call)
{
    guint32 we = geteuid(), others = we + 1;
    gboolean first = g_str_equal(fake->behaviour.ours, "seat1");

    return sd_bus_reply_method_return(call, "a(susso)", 2, "3", first ? we : others, "bob", "seat1",
                                      "/s/two", "2", first ? others : we, "alice", "seat0",
                                      "/s/two");
}

static int on_list_sessions(Fake *fake, sd_bus_message *call)
{
    if (fake->behaviour.odd)
        return sd_bus_reply_method_return(call, "as", 1, "x");
    if (fake->behaviour.ours)
        return two_desktops(fake, call);
    return sd_bus_reply_method_return(call, "a(susso)", 3, "2", 1000, "alice", "seat0", "/s/two",
                                      "c1", 117, "lightdm", "seat0", "/s/gone", "9", 0, "root", "",
                                      "/s/nine");
}

static int on_get_all(Fake *fake, sd_bus_message *call)
{
    const char *path = sd_bus_message_get_path(call);

    if (strcmp(path, "/s/gone") == 0)
        return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_OBJECT, "gone");
    if (strcmp(path, "/s/two") == 0)
        return sd_bus_reply_method_return(call, "a{sv}", 7, "Leader", "u", 24, "VTNr", "u", 7,
                                          "Type", "s", "wayland", "Class", "s", "user", "State",
                                          "s", "active", "Desktop", "s", "KDE", "Seat", "(so)",
                                          "seat0", "/seat");
    return sd_bus_reply_method_return(call, "a{sv}", 4, "Type", "s", "tty", "Class", "s", "user",
                                      "State", "s", "closing", "Desktop", "s", "");
}

static int on_get_user(Fake *fake, sd_bus_message *call)
{
    guint32 uid = 0;

    (void)sd_bus_message_rewind(call, 1);
    (void)sd_bus_message_read(call, "u", &uid);
    if (uid == 1002)
        return sd_bus_reply_method_errorf(call, LOGIND ".NoSuchUser", "no such user");
    return sd_bus_reply_method_return(call, "o", uid == 1000 ? "/u/lingers" : "/u/leaves");
}

/* ExecReload of a unit: commands with when they began and ended, and how. */
static int on_get_reload(Fake *fake, sd_bus_message *call, const char *unit)
{
    if (fake->behaviour.odd)
        return sd_bus_reply_method_return(call, "v", "a(ss)", 1, "a", "b");
    if (strcmp(unit, "libvirtd_2eservice") != 0)
        return sd_bus_reply_method_return(call, "v", "a(sasbttttuii)", 1, "/bin/kill", 1, "kill", 0,
                                          (uint64_t)0, (uint64_t)0, (uint64_t)0, (uint64_t)0, 0, 0,
                                          0);
    return sd_bus_reply_method_return(
        call, "v", "a(sasbttttuii)", 2, "/bin/kill", 2, "kill", "810", 0,
        G_GUINT64_CONSTANT(1700000000000000), (uint64_t)1, G_GUINT64_CONSTANT(1700000001500000),
        (uint64_t)2, 811, 1, 0, "/bin/false", 0, 1, G_GUINT64_CONSTANT(1700000002000000),
        (uint64_t)3, G_GUINT64_CONSTANT(1700000003000000), (uint64_t)4, 812, 1, 1);
}

static int on_get(Fake *fake, sd_bus_message *call)
{
    static const char units[] = "/org/freedesktop/systemd1/unit/";
    const char *path = sd_bus_message_get_path(call), *interface = "", *property = "";

    (void)sd_bus_message_rewind(call, 1);
    (void)sd_bus_message_read(call, "ss", &interface, &property);
    if (strcmp(interface, "org.freedesktop.systemd1.Unit") == 0 && !fake->behaviour.odd)
        return fake_on_get_ties(call, path + strlen(units), property);
    if (g_str_has_prefix(path, units))
        return on_get_reload(fake, call, path + strlen(units));
    if (g_str_has_prefix(path, "/unit/"))
        return fake_on_get_cpus(call, path);
    if (g_str_has_prefix(path, "/u/"))
        return sd_bus_reply_method_return(call, "v", "b", strcmp(path, "/u/lingers") == 0);
    return sd_bus_reply_method_return(call, "v", "s",
                                      fake->behaviour.result ? fake->behaviour.result : "running");
}

static int on_get_seat(Fake *fake, sd_bus_message *call)
{
    if (fake->behaviour.odd)
        return sd_bus_reply_method_return(call, "u", 1);
    return sd_bus_reply_method_return(call, "o", "/seat/zero");
}

static int on_switch(Fake *fake, sd_bus_message *call)
{
    guint32 vt = 0;

    (void)sd_bus_message_rewind(call, 1);
    (void)sd_bus_message_read(call, "u", &vt);
    g_autofree char *line = g_strdup_printf("to %u", vt);
    fake_note(fake, line);
    return sd_bus_reply_method_return(call, "");
}

static const struct {
    const char *member;
    int (*answer)(Fake *, sd_bus_message *);
} methods[] = {
    {"StopUnit", on_job},
    {"StartUnit", on_job},
    {"ResetFailedUnit", on_nothing},
    {"KillUnit", on_nothing},
    {"Cancel", on_nothing},
    {"ListUnitsByNames", on_list_units},
    {"ListUnitsByPatterns", on_list_patterns},
    {"ListSessions", on_list_sessions},
    {"GetAll", on_get_all},
    {"GetUser", on_get_user},
    {"Get", on_get},
    {"TerminateSession", on_nothing},
    {"GetSeat", on_get_seat},
    {"SwitchTo", on_switch},
    {"ListInhibitors", fake_on_list_inhibitors},
    {"StartTransientUnit", fake_on_transient},
    {"LoadUnit", fake_on_load_unit},
    {"SetUnitProperties", fake_on_set_properties},
    {"logout", fake_on_logout},
    {"Logout", fake_on_logout},
    {"Notify", fake_on_notify},
};

/* "StopUnit a.service replace"; for calls on other objects with their path. */
static void note_call(Fake *fake, sd_bus_message *call)
{
    g_autoptr(GString) line = g_string_new(sd_bus_message_get_member(call));
    const char *path = sd_bus_message_get_path(call);
    const char *text;

    if (!g_str_has_prefix(path, "/org/freedesktop/") || strstr(path, "/job/"))
        g_string_append_printf(line, " %s", path);
    while (sd_bus_message_peek_type(call, NULL, NULL) > 0 && sd_bus_message_is_empty(call) == 0 &&
           sd_bus_message_read(call, "s", &text) > 0)
        g_string_append_printf(line, " %s", text);
    fake_note(fake, line->str);
}

static int on_call(sd_bus_message *call, void *data, sd_bus_error *error)
{
    Fake *fake = data;
    const char *member = sd_bus_message_get_member(call);

    if (!sd_bus_message_is_method_call(call, NULL, NULL))
        return 0;
    note_call(fake, call);
    if (g_strcmp0(fake->behaviour.silent, member) == 0)
        return 1;
    if (g_strcmp0(fake->behaviour.fails, member) == 0)
        return sd_bus_reply_method_errorf(call, fake->behaviour.error, "%s",
                                          fake->behaviour.why ? fake->behaviour.why : "as told");
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
        if (strcmp(methods[i].member, member) == 0) {
            int r = methods[i].answer(fake, call);
            if (r == -ECONNRESET)
                sd_bus_close(fake->bus);
            else
                g_assert_cmpint(r, >=, 0);
            return 1;
        }
    g_assert_not_reached();
}

/* ---- its connection ---- */

static void connect_peer(Fake *fake)
{
    sd_id128_t id = SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10);

    g_assert_cmpint(sd_bus_set_fd(fake->bus, fake->fd, fake->fd), >=, 0);
    g_assert_cmpint(sd_bus_set_server(fake->bus, 1, id), >=, 0);
    g_assert_cmpint(sd_bus_start(fake->bus), >=, 0);
}

static void connect_bus(Fake *fake)
{
    g_assert_cmpint(sd_bus_set_address(fake->bus, fake->address), >=, 0);
    g_assert_cmpint(sd_bus_set_bus_client(fake->bus, 1), >=, 0);
    g_assert_cmpint(sd_bus_start(fake->bus), >=, 0);
    if (fake->behaviour.absent)
        return;
    if (fake->behaviour.name) {
        g_assert_cmpint(sd_bus_request_name(fake->bus, fake->behaviour.name, 0), >=, 0);
        return;
    }
    g_assert_cmpint(sd_bus_request_name(fake->bus, SYSTEMD, 0), >=, 0);
    g_assert_cmpint(sd_bus_request_name(fake->bus, LOGIND, 0), >=, 0);
}

static void serve_one(Fake *fake)
{
    g_assert_cmpint(sd_bus_new(&fake->bus), >=, 0);
    g_assert_cmpint(sd_bus_add_filter(fake->bus, NULL, on_call, fake), >=, 0);
    if (fake->fd >= 0)
        connect_peer(fake);
    else
        connect_bus(fake);
    fake_note(fake, "ready");
    for (int r = 0; r >= 0;) {
        r = sd_bus_process(fake->bus, NULL);
        if (r == 0)
            r = sd_bus_wait(fake->bus, G_MAXUINT64);
    }
    sd_bus_close_unref(fake->bus);
}

static gpointer serve(gpointer data)
{
    serve_one(data);
    return NULL;
}

/* Until nobody can connect any more. */
static gpointer serve_all(gpointer data)
{
    Fake *fake = data;

    while ((fake->fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        serve_one(fake);
    return NULL;
}

/* ---- a host that speaks with it ---- */

static FakeSetup *begin(FakeBehaviour behaviour)
{
    FakeSetup *setup = g_new0(FakeSetup, 1);

    setup->fake.behaviour = behaviour;
    setup->fake.calls = g_string_new(NULL);
    g_mutex_init(&setup->fake.lock);
    setup->tree = host_tree_new();
    setup->host = setup->tree->host;
    return setup;
}

static void wait_until(FakeSetup *setup, gboolean (*holds)(FakeSetup *))
{
    gint64 deadline = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    while (!holds(setup) && g_get_monotonic_time() < deadline)
        g_usleep(5000);
    g_assert_true(holds(setup));
}

static gboolean is_ready(FakeSetup *setup)
{
    g_mutex_lock(&setup->fake.lock);
    gboolean ready = setup->fake.calls->len > 0;
    g_mutex_unlock(&setup->fake.lock);
    return ready;
}

static void start(FakeSetup *setup)
{
    setup->fake.thread = g_thread_new("fake", serve, &setup->fake);
    wait_until(setup, is_ready);
    g_string_truncate(setup->fake.calls, 0);
}

FakeSetup *fake_setup_new(FakeBehaviour behaviour)
{
    FakeSetup *setup = begin(behaviour);
    sd_bus *bus = NULL;
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    setup->fake.fd = fds[1];
    start(setup);
    g_assert_cmpint(sd_bus_new(&bus), >=, 0);
    g_assert_cmpint(sd_bus_set_fd(bus, fds[0], fds[0]), >=, 0);
    g_assert_cmpint(sd_bus_start(bus), >=, 0);
    vh_real_use_bus(setup->host, bus);
    return setup;
}

static const char bus_configuration[] =
    "<busconfig><listen>%s</listen><auth>EXTERNAL</auth><policy context='default'>"
    "<allow own='*'/><allow send_destination='*'/><allow receive_sender='*'/>"
    "</policy></busconfig>\n";

/* Its socket is there a moment before it listens. */
static gboolean bus_is_there(FakeSetup *setup)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpuint(g_strlcpy(address.sun_path, setup->fake.address + strlen("unix:path="),
                               sizeof address.sun_path),
                     <, sizeof address.sun_path);
    gboolean there = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd);
    return there;
}

static FakeSetup *setup_on_bus(FakeBehaviour behaviour, const char *directory, const char *name)
{
    g_autofree char *program = g_find_program_in_path("dbus-daemon");
    g_autoptr(GError) error = NULL;

    if (!program) {
        g_test_skip("there is no dbus-daemon");
        return NULL;
    }
    FakeSetup *setup = begin(behaviour);
    g_autofree char *path = host_tree_path(setup->tree, "%s/%s", directory, name);
    setup->fake.fd = -1;
    setup->fake.address = g_strconcat("unix:path=", path, NULL);
    g_autofree char *text = g_strdup_printf(bus_configuration, setup->fake.address);
    host_tree_dir(setup->tree, "%s", directory);
    host_tree_write(setup->tree, text, "/bus.conf");
    g_autofree char *option = g_strconcat("--config-file=", setup->tree->root, "/bus.conf", NULL);
    char *argv[] = {program, option, (char *)"--nofork", (char *)"--nopidfile", NULL};
    g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &setup->daemon, &error);
    g_assert_no_error(error);
    wait_until(setup, bus_is_there);
    start(setup);
    return setup;
}

FakeSetup *fake_setup_on_bus(FakeBehaviour behaviour)
{
    return setup_on_bus(behaviour, "/run/dbus", "system_bus_socket");
}

FakeSetup *fake_setup_on_user_bus(FakeBehaviour behaviour)
{
    g_autofree char *directory = g_strdup_printf("/run/user/%u", geteuid());

    return setup_on_bus(behaviour, directory, "bus");
}

FakeSetup *fake_setup_manager(FakeBehaviour behaviour)
{
    FakeSetup *setup = begin(behaviour);
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    host_tree_dir(setup->tree, "/run/user/%u/systemd", geteuid());
    g_autofree char *path = host_tree_path(setup->tree, "/run/user/%u/systemd/private", geteuid());
    g_assert_cmpuint(g_strlcpy(address.sun_path, path, sizeof address.sun_path), <,
                     sizeof address.sun_path);
    setup->fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(setup->fake.listener, (const struct sockaddr *)&address, sizeof address),
                    ==, 0);
    g_assert_cmpint(listen(setup->fake.listener, 8), ==, 0);
    setup->fake.thread = g_thread_new("fake", serve_all, &setup->fake);
    return setup;
}

void fake_setup_free(FakeSetup *setup)
{
    if (setup->fake.listener > 0)
        (void)shutdown(setup->fake.listener, SHUT_RDWR);
    if (setup->daemon) {
        (void)kill(setup->daemon, SIGKILL);
        (void)waitpid(setup->daemon, NULL, 0);
    }
    host_tree_free(setup->tree); /* ends the connection, and with it the thread */
    (void)g_thread_join(setup->fake.thread);
    if (setup->fake.listener > 0)
        (void)close(setup->fake.listener);
    g_string_free(setup->fake.calls, TRUE);
    g_mutex_clear(&setup->fake.lock);
    g_free(setup->fake.address);
    g_free(setup);
}

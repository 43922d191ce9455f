// SPDX-License-Identifier: GPL-2.0-or-later
/* Running programs, finding scripts, ROM files, and events to the journal. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host-tree.h"

static gint64 in_ms(gint64 ms)
{
    return g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
}

/* What the host logs meanwhile, one line each with its priority. */
static void log_to(const VhEvent *event, gpointer data)
{
    g_string_append_printf(data, "%d %s\n", event->priority, event->text);
}

typedef struct {
    HostTree *tree;
    GString *log;
} Setup;

static Setup *setup_new(void)
{
    Setup *setup = g_new0(Setup, 1);

    setup->tree = host_tree_new();
    setup->log = g_string_new(NULL);
    ((VhReal *)setup->tree->host)->sink = log_to;
    ((VhReal *)setup->tree->host)->sink_data = setup->log;
    vh_real_catch_signals();
    return setup;
}

static void setup_free(Setup *setup)
{
    host_tree_free(setup->tree);
    g_string_free(setup->log, TRUE);
    g_free(setup);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Setup, setup_free)

/* Runs a line of shell; @ret_output NULL: its stdout goes to the log. */
static gboolean run(Setup *setup, const char *script, GBytes *input, gint64 deadline,
                    char **ret_output, GError **error)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    const char *const environment[] = {"GUEST=a b", NULL};
    VhCommand command = {.argv = argv, .environment = environment, .input = input};
    g_autoptr(GBytes) output = NULL;

    if (!vh_host_run(setup->tree->host, &command, deadline, ret_output ? &output : NULL, error))
        return FALSE;
    if (ret_output)
        *ret_output = g_strndup(g_bytes_get_data(output, NULL), g_bytes_get_size(output));
    return TRUE;
}

static void test_output_and_environment(void)
{
    g_autoptr(Setup) setup = setup_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL;

    g_assert_true(g_setenv("VH_TEST_SECRET", "1", TRUE));
    g_assert_true(run(setup, "echo \"$GUEST\"; echo \"${VH_TEST_SECRET-unset} $LC_ALL\"; pwd; cat",
                      NULL, in_ms(10000), &output, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(output, ==, "a b\nunset C\n/\n");
    g_assert_cmpstr(setup->log->str, ==, "");
}

/* More than its pipe holds goes in, and out again. */
static void test_input(void)
{
    g_autoptr(Setup) setup = setup_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strnfill(1000000, 'x');
    g_autoptr(GBytes) input = g_bytes_new(text, 1000000);
    g_autofree char *output = NULL;

    g_assert_true(run(setup, "cat", input, in_ms(20000), &output, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(output, ==, text);
}

static void test_input_not_read(void)
{
    g_autoptr(Setup) setup = setup_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strnfill(1000000, 'x');
    g_autoptr(GBytes) input = g_bytes_new(text, 1000000);
    g_autofree char *output = NULL;

    g_assert_true(run(setup, "exec <&-; echo done", input, in_ms(10000), &output, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(output, ==, "done\n");
}

static void test_log(void)
{
    g_autoptr(Setup) setup = setup_new();
    g_autoptr(GError) error = NULL;

    g_assert_true(run(setup, "echo one; echo; printf 'no\tend'", NULL, in_ms(10000), NULL, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(setup->log->str, ==, "6 sh: one\n6 sh: no\\tend\n");
}

static void test_failure(void)
{
    g_autoptr(Setup) setup = setup_new();
    g_autoptr(GError) status = NULL, killed = NULL;

    g_assert_false(
        run(setup, "echo first >&2; echo last >&2; exit 3", NULL, in_ms(10000), NULL, &status));
    g_assert_error(status, VH_ERROR, VH_ERROR_FAILED);
    g_assert_nonnull(strstr(status->message, "/bin/sh failed with exit status 3: last"));
    g_assert_cmpstr(setup->log->str, ==, "5 sh: first\n5 sh: last\n");
    g_assert_false(run(setup, "kill -9 $$", NULL, in_ms(10000), NULL, &killed));
    g_assert_nonnull(strstr(killed->message, "signal 9"));
}

static void test_quiet(void)
{
    const char *const argv[] = {"/bin/sh", "-c", "echo out; echo why >&2; exit 1", NULL};
    const VhCommand command = {.argv = argv, .quiet = TRUE};
    g_autoptr(Setup) setup = setup_new();
    g_autoptr(GError) error = NULL;

    g_assert_false(vh_host_run(setup->tree->host, &command, in_ms(10000), NULL, &error));
    g_assert_nonnull(strstr(error->message, ": why"));
    g_assert_cmpstr(setup->log->str, ==, "");
}

static void test_not_there(void)
{
    g_autoptr(Setup) setup = setup_new();
    static const struct {
        const char *path;
        VhError code;
    } cases[] = {{"/nonexistent/program", VH_ERROR_GONE},
                 {"/dev/null", VH_ERROR_DENIED},
                 {"sh", VH_ERROR_FAILED},
                 {"", VH_ERROR_FAILED}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *const argv[] = {cases[i].path, NULL};
        VhCommand command = {.argv = argv};
        g_autoptr(GError) error = NULL;
        g_assert_false(vh_host_run(setup->tree->host, &command, in_ms(10000), NULL, &error));
        g_assert_error(error, VH_ERROR, (gint)cases[i].code);
    }
}

/* Milliseconds since @began. */
static gint64 since(gint64 began)
{
    return (g_get_monotonic_time() - began) / G_TIME_SPAN_MILLISECOND;
}

/* At the deadline it and what it started end; a trap does not save it. */
static void test_deadline(void)
{
    g_autoptr(Setup) setup = setup_new();
    g_autoptr(GError) error = NULL;
    gint64 began = g_get_monotonic_time();
    g_autofree char *path = host_tree_path(setup->tree, "/child");
    g_autofree char *script = g_strdup_printf(
        "trap '' TERM; sleep 100 & echo $! >'%s'; echo working >&2; wait; sleep 100", path);

    g_assert_false(run(setup, script, NULL, in_ms(500), NULL, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(error->message, "it said last: working"));
    g_assert_cmpint(since(began), >=, 500);
    g_assert_cmpint(since(began), <, 10000);
    g_assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    /* The sleep is nobody's child here: wait until init has it ended. */
    g_autofree char *text = host_tree_read(setup->tree, "/child");
    g_autoptr(VhHost) live = vh_real_new(NULL);
    guint64 pid;
    g_assert_true(vh_number(g_strstrip(text), 10, &pid));
    while (vh_host_process_start(live, (pid_t)pid) != 0 && since(began) < 20000)
        vh_host_wait(live, NULL, 10 * G_TIME_SPAN_MILLISECOND);
    g_assert_cmpuint(vh_host_process_start(live, (pid_t)pid), ==, 0);
}

/* What it leaves behind keeps its pipes, and lives on, but we do not wait for it. */
static void test_background(void)
{
    g_autoptr(Setup) setup = setup_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL;
    gint64 began = g_get_monotonic_time();
    guint64 pid;

    g_assert_true(
        run(setup, "sleep 100 & echo $!; echo note >&2", NULL, in_ms(20000), &output, &error));
    g_assert_no_error(error);
    g_assert_cmpint(since(began), <, 10000);
    g_assert_cmpstr(setup->log->str, ==, "5 sh: note\n");
    g_assert_true(vh_number(g_strstrip(output), 10, &pid));
    g_assert_cmpint(kill((pid_t)pid, SIGKILL), ==, 0);
}

static void test_output_bound(void)
{
    g_autoptr(Setup) setup = setup_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL, *much = NULL;

    g_assert_true(
        run(setup, "head -c 4194304 /dev/zero | tr '\\0' x", NULL, in_ms(20000), &much, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(strlen(much), ==, 4194304);
    g_assert_false(run(setup, "head -c 4194305 /dev/zero", NULL, in_ms(20000), &output, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "more than 4 MiB"));
}

/* One endless line on stderr does not grow without end either. */
static void test_long_line(void)
{
    g_autoptr(Setup) setup = setup_new();
    g_autoptr(GError) error = NULL;

    g_assert_false(run(setup, "head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1", NULL,
                       in_ms(20000), NULL, &error));
    g_assert_cmpuint(strlen(error->message), <, 5000);
    g_assert_cmpuint(setup->log->len, <, 5000);
    g_assert_cmpuint(setup->log->len, >, 4000);
}

/* Signals that we block or ignore are not blocked or ignored in it, nor are our files open. */
static void test_clean_child(void)
{
    int kept = open("/dev/zero", O_RDONLY); /* not close-on-exec */
    g_autoptr(Setup) setup = setup_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL;

    /* Both are sets in hex; SIGHUP, SIGINT, SIGPIPE and SIGTERM are 1, 2, 13 and 15. */
    g_assert_true(run(setup,
                      "for set in $(sed -nE 's/^Sig(Blk|Ign):\t//p' /proc/self/status); do"
                      " echo $((0x$set & 0x5003)); done; ls /proc/self/fd",
                      NULL, in_ms(10000), &output, &error));
    g_assert_no_error(error);
    /* ls has the directory open as 3. */
    g_assert_cmpstr(output, ==, "0\n0\n0\n1\n2\n3\n");
    (void)close(kept);
}

/* ---- scripts ---- */

#define HOOKS "/etc/libvirt/hooks"
#define BEGIN HOOKS "/qemu.d/win/prepare/begin"

static void add_script(HostTree *tree, const char *path, int mode)
{
    g_autofree char *full = host_tree_path(tree, "%s", path);

    host_tree_write(tree, "#!/bin/sh\n", "%s", path);
    g_assert_cmpint(chmod(full, (mode_t)mode), ==, 0);
}

static char *scripts_of(HostTree *tree, const char *guest)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) scripts = vh_host_scripts(tree->host, guest, "prepare", "begin", &error);
    GString *names = g_string_new(NULL);

    g_assert_no_error(error);
    for (gsize i = 0; scripts[i]; i++) {
        g_assert_true(g_str_has_prefix(scripts[i], tree->root));
        g_string_append_printf(names, "%s ", strrchr(scripts[i], '/') + 1);
    }
    return g_string_free(names, FALSE);
}

static void test_scripts(void)
{
    g_autoptr(HostTree) tree = host_tree_new();

    g_autofree char *none = scripts_of(tree, "win");
    g_assert_cmpstr(none, ==, "");
    add_script(tree, BEGIN "/b.sh", 0755);
    add_script(tree, BEGIN "/B.sh", 0755);
    add_script(tree, BEGIN "/10 a.sh", 0500);
    add_script(tree, BEGIN "/.hidden", 0755);
    add_script(tree, BEGIN "/b.sh~", 0755);
    add_script(tree, BEGIN "/notes.txt", 0644);
    host_tree_dir(tree, BEGIN "/sub.d");
    g_autofree char *names = scripts_of(tree, "win");
    g_assert_cmpstr(names, ==, ".hidden 10 a.sh B.sh b.sh ");
}

static void test_script_file(void)
{
    g_autoptr(HostTree) tree = host_tree_new();

    add_script(tree, BEGIN, 0755);
    g_autofree char *file = scripts_of(tree, "win");
    g_assert_cmpstr(file, ==, "begin ");
    add_script(tree, BEGIN, 0644);
    g_autofree char *plain = scripts_of(tree, "win");
    g_assert_cmpstr(plain, ==, "");
}

static void test_script_guests(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    static const char *const guests[] = {".", "..", "", "../qemu.d/win", "win/", "/"};

    add_script(tree, BEGIN "/a", 0755);
    add_script(tree, HOOKS "/prepare/begin", 0755);
    add_script(tree, HOOKS "/qemu.d/prepare/begin", 0755);
    for (gsize i = 0; i < G_N_ELEMENTS(guests); i++) {
        g_autofree char *names = scripts_of(tree, guests[i]);
        g_assert_cmpstr(names, ==, "");
    }
}

/* Who can write any part of the way could have root run what he likes. */
static void test_script_owners(void)
{
    static const char *const parts[] = {HOOKS, HOOKS "/qemu.d", HOOKS "/qemu.d/win", BEGIN,
                                        BEGIN "/a"};

    for (gsize i = 0; i < 2 * G_N_ELEMENTS(parts); i++) {
        g_autoptr(HostTree) tree = host_tree_new();
        g_autofree char *path = host_tree_path(tree, "%s", parts[i / 2]);
        g_autoptr(GError) error = NULL;
        add_script(tree, BEGIN "/a", 0755);
        g_assert_cmpint(chmod(path, i % 2 ? 0775 : 0757), ==, 0);
        g_assert_null(vh_host_scripts(tree->host, "win", "prepare", "begin", &error));
        g_assert_error(error, VH_ERROR, VH_ERROR_DENIED);
        g_assert_nonnull(strstr(error->message, "chmod go-w"));
        g_assert_nonnull(strstr(error->message, path));
        g_clear_error(&error);
        g_assert_cmpint(chmod(path, 0755), ==, 0);
        if (lchown(path, 4242, (gid_t)-1) < 0) {
            g_test_skip("may not give files away here");
            return;
        }
        g_assert_null(vh_host_scripts(tree->host, "win", "prepare", "begin", &error));
        g_assert_error(error, VH_ERROR, VH_ERROR_DENIED);
        g_assert_nonnull(strstr(error->message, "chown root"));
    }
}

/* ---- ROM files ---- */

static void test_rom(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autoptr(GError) good = NULL, empty = NULL, absent = NULL, directory = NULL;

    host_tree_write(tree, "\x55\xaa", "/usr/share/vgabios/card.rom");
    host_tree_write(tree, "", "/usr/share/vgabios/empty.rom");
    g_assert_true(vh_host_rom_usable(tree->host, "/usr/share/vgabios/card.rom", &good));
    g_assert_no_error(good);
    g_assert_false(vh_host_rom_usable(tree->host, "/usr/share/vgabios/empty.rom", &empty));
    g_assert_error(empty, VH_ERROR, VH_ERROR_FAILED);
    g_assert_nonnull(strstr(empty->message, "is empty"));
    g_assert_false(vh_host_rom_usable(tree->host, "/usr/share/vgabios/none.rom", &absent));
    g_assert_error(absent, VH_ERROR, VH_ERROR_GONE);
    g_assert_false(vh_host_rom_usable(tree->host, "/usr/share/vgabios", &directory));
    g_assert_error(directory, VH_ERROR, VH_ERROR_FAILED);
}

/* ---- the journal ---- */

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    g_assert_cmpuint(g_strlcpy(address.sun_path, path, sizeof address.sun_path), <,
                     sizeof address.sun_path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    return fd;
}

static void test_journal(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autofree char *path = host_tree_path(tree, "/socket");
    int fd = listen_at(path);
    char got[4096] = "";
    VhEvent event = {.kind = VH_EVENT_STUCK,
                     .priority = 3,
                     .guest = "win",
                     .uuid = "u-u",
                     .transaction = "t1",
                     .operation = "release",
                     .step = "device",
                     .device = "0000:01:00.0",
                     .error = "two\nlines",
                     .duration = 1500,
                     .text = "it is stuck"};
    static const char wanted[] =
        "SYSLOG_IDENTIFIER=virt-handoff\nMESSAGE=it is stuck\nPRIORITY=3\n"
        "MESSAGE_ID=508c7329d8224494ac77a09d1daae771\nGUEST=win\nUUID=u-u\nTRANSACTION=t1\n"
        "OPERATION=release\nSTEP=device\nDEVICE=0000:01:00.0\n"
        "ERROR\n\x09\0\0\0\0\0\0\0two\nlines\nDURATION_USEC=1500\n";

    (void)vh_log_journal_at(path, &event);
    ssize_t n = recv(fd, got, sizeof got, MSG_DONTWAIT);
    g_assert_cmpint(n, ==, (gint64)sizeof wanted - 1);
    g_assert_cmpint(memcmp(got, wanted, sizeof wanted - 1), ==, 0);
    VhEvent bare = {.kind = VH_EVENT_NOTE, .priority = 6, .duration = -1, .text = "note"};
    (void)vh_log_journal_at(path, &bare);
    n = recv(fd, got, sizeof got, MSG_DONTWAIT);
    g_assert_cmpint(n, >, 0);
    got[n] = '\0';
    g_assert_cmpstr(got, ==,
                    "SYSLOG_IDENTIFIER=virt-handoff\nMESSAGE=note\nPRIORITY=6\n"
                    "MESSAGE_ID=86f473ccd65b4ca98c66a023de0ca143\n");
    g_assert_true(vh_log_syslog_at(path, &event));
    n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
    got[MAX(n, 0)] = '\0';
    g_assert_cmpstr(got, ==, "<27>virt-handoff: win: it is stuck");
    (void)close(fd);
}

/* Nobody reads: the socket fills, and we go on. Then nobody is there at all. */
static void test_journal_does_not_hold_us(void)
{
    g_autoptr(HostTree) tree = host_tree_new();
    g_autofree char *path = host_tree_path(tree, "/socket");
    VhEvent event = {.kind = VH_EVENT_NOTE, .priority = 6, .duration = -1, .text = "note"};
    int fd = listen_at(path);
    gint64 began = g_get_monotonic_time();

    (void)alarm(20);
    for (guint i = 0; i < 5000; i++)
        (void)vh_log_journal_at(path, &event);
    g_assert_true(vh_log_journal_at(path, &event));
    (void)close(fd);
    g_assert_false(vh_log_journal_at(path, &event));
    g_assert_false(vh_log_journal_at("/nonexistent/socket", &event));
    (void)alarm(0);
    g_assert_cmpint(since(began), <, 10000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run/output-and-environment", test_output_and_environment);
    g_test_add_func("/run/input", test_input);
    g_test_add_func("/run/input-not-read", test_input_not_read);
    g_test_add_func("/run/log", test_log);
    g_test_add_func("/run/failure", test_failure);
    g_test_add_func("/run/quiet", test_quiet);
    g_test_add_func("/run/not-there", test_not_there);
    g_test_add_func("/run/deadline", test_deadline);
    g_test_add_func("/run/background", test_background);
    g_test_add_func("/run/output-bound", test_output_bound);
    g_test_add_func("/run/long-line", test_long_line);
    g_test_add_func("/run/clean-child", test_clean_child);
    g_test_add_func("/scripts/directory", test_scripts);
    g_test_add_func("/scripts/file", test_script_file);
    g_test_add_func("/scripts/guests", test_script_guests);
    g_test_add_func("/scripts/owners", test_script_owners);
    g_test_add_func("/rom/usable", test_rom);
    g_test_add_func("/journal/fields", test_journal);
    g_test_add_func("/journal/does-not-hold-us", test_journal_does_not_hold_us);
    return g_test_run();
}

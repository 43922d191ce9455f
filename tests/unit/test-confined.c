// SPDX-License-Identifier: GPL-2.0-or-later
/* Work in a confined child: what it answers, what it cannot do, and what becomes of one that is
 * broken. Before each refusal the same is done unconfined, where it succeeds. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/confined.h"
#include "base/error.h"
#include "base/json.h"

static GVariant *answer_of(const char *key, gint64 number)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, key, "x", number);
    return g_variant_dict_end(&dict);
}

/* ---- works ---- */

static GVariant *length_of(gconstpointer text, GError **error)
{
    return answer_of("length", (gint64)strlen(text));
}

static GVariant *refuse(gconstpointer text, GError **error)
{
    vh_error_set(error, VH_ERROR_DOMAIN, "%s has a\nline too many", (const char *)text);
    return NULL;
}

static GVariant *crash(gconstpointer data, GError **error)
{
    *(volatile int *)(gsize)data = 1;
    return NULL;
}

static GVariant *never_end(gconstpointer data, GError **error)
{
    volatile gboolean on = TRUE;

    while (on)
        ;
    return NULL;
}

static GVariant *write_nonsense(gconstpointer text, GError **error)
{
    ssize_t n = write(0, text, strlen(text));

    _exit(n < 0);
}

static GVariant *say_too_much(gconstpointer data, GError **error)
{
    gsize size = 80 * 1024 * 1024;
    g_autofree char *text = g_malloc(size + 1);
    GVariantDict dict;

    memset(text, 'x', size);
    text[size] = '\0';
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "text", "s", text);
    return g_variant_dict_end(&dict);
}

/* ---- acts, which return 0 or an errno ---- */

static int checked(long result)
{
    return result < 0 ? errno : 0;
}

static int act_open(void)
{
    return checked(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static int act_create(void)
{
    int fd = open(g_get_tmp_dir(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

    return fd < 0 && errno == EOPNOTSUPP ? 0 : checked(fd);
}

static int act_socket(void)
{
    return checked(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/* It succeeds when it gets as far as the program, which is none. */
static int act_execute(void)
{
    char *argv[] = {(char *)"/dev/null", NULL};

    (void)execve(argv[0], argv, NULL);
    return errno == EACCES ? 0 : errno;
}

static int act_fork(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : checked(waitpid(pid, NULL, 0));
}

static int act_signal(void)
{
    return checked(kill(getppid(), 0));
}

static int act_read(void)
{
    char byte;

    return checked(read(0, &byte, 0));
}

static int act_unlink(void)
{
    return unlink("/nonexistent/file") < 0 && errno == ENOENT ? 0 : errno;
}

static int act_control(void)
{
    return ioctl(-1, 0) < 0 && errno == EBADF ? 0 : errno;
}

static int act_trace(void)
{
    return ptrace(PTRACE_ATTACH, 0, NULL, NULL) < 0 && errno == ESRCH ? 0 : errno;
}

static const struct {
    const char *name;
    int (*act)(void);
} acts[] = {
    {"open", act_open},   {"create", act_create}, {"socket", act_socket}, {"execute", act_execute},
    {"fork", act_fork},   {"signal", act_signal}, {"read", act_read},     {"unlink", act_unlink},
    {"trace", act_trace}, {"ioctl", act_control},
};

static GVariant *do_act(gconstpointer data, GError **error)
{
    return answer_of("errno", acts[GPOINTER_TO_UINT(data)].act());
}

/* ---- tests ---- */

enum { SECOND = G_USEC_PER_SEC, SOON = 2 * G_USEC_PER_SEC, LATER = 60 * G_USEC_PER_SEC };

static void test_answer(void)
{
    g_autoptr(GError) error = NULL;

    for (gint64 limit = 0; limit <= LATER; limit += LATER) {
        vh_confined_begin(limit);
        g_autoptr(GVariant) got = vh_confined("text", length_of, "four", &error);
        g_assert_no_error(error);
        g_assert_cmpint(vh_json_int(got, "length", 0), ==, 4);
        g_assert_false(g_variant_is_floating(got));
    }
}

/* As deep as JSON may be: GVariant has a limit of its own for what is not trusted. */
static void test_json(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < 32; i++)
        g_string_append(text, "{\"a\":");
    g_string_append(text, "1");
    for (guint i = 0; i < 32; i++)
        g_string_append_c(text, '}');
    vh_confined_begin(LATER);
    g_autoptr(GVariant) got = vh_json_parse_confined("text", text->str, &error);
    g_assert_no_error(error);
    g_autofree char *line = vh_json_line(got);
    g_assert_cmpstr(line, ==, text->str);
}

static void test_error(void)
{
    g_autoptr(GError) error = NULL;

    vh_confined_begin(LATER);
    g_assert_null(vh_confined("text", refuse, "it", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_DOMAIN);
    g_assert_cmpstr(error->message, ==, "it has a\\nline too many");
}

static void expect(VhConfinedWork work, gconstpointer data, VhError code, const char *pattern)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(vh_confined("text", work, data, &error));
    g_assert_error(error, VH_ERROR, (gint)code);
    if (!g_pattern_match_simple(pattern, error->message))
        g_error("\"%s\" is not like \"%s\"", error->message, pattern);
}

static void test_broken(void)
{
    vh_confined_begin(LATER);
    expect(write_nonsense, "", VH_ERROR_FAILED, "text: * no sensible answer");
    expect(write_nonsense, "nonsense", VH_ERROR_FAILED, "text: * no sensible answer");
    expect(say_too_much, NULL, VH_ERROR_FAILED, "text: there is too much in it");
}

static void test_crash(void)
{
    vh_confined_begin(LATER);
    /* A sanitizer makes an exit of it. */
    expect(crash, NULL, VH_ERROR_FAILED, "text: *");
}

static void test_endless(void)
{
    gint64 begun = g_get_monotonic_time();

    vh_confined_begin(SECOND);
    expect(never_end, NULL, VH_ERROR_TIMEOUT, "text: reading it took more than 1 s");
    g_assert_cmpint(g_get_monotonic_time() - begun, <, LATER);
    /* It is no more. */
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
    g_assert_cmpint(errno, ==, ECHILD);
}

static void test_act(gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    const char *name = acts[GPOINTER_TO_UINT(data)].name;

    for (int confined = 0; confined < 2; confined++) {
        vh_confined_begin(confined * LATER);
        g_autoptr(GVariant) got = vh_confined(name, do_act, data, &error);
        g_assert_no_error(error);
        g_assert_cmpint(vh_json_int(got, "errno", -1), ==, confined ? EPERM : 0);
    }
}

/* ---- seen from outside ---- */

static gpointer be_busy(gpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(vh_confined("text", never_end, NULL, &error));
    return NULL;
}

/* The status of a child of this process that has @line, NULL: there is none (yet). */
static char *status_of_child(const char *line)
{
    g_autofree char *parent = g_strdup_printf("\nPPid:\t%d\n", (int)getpid());
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_strdup_printf("/proc/%s/status", name);
        g_autofree char *status = NULL;
        if (g_ascii_isdigit(*name) && g_file_get_contents(path, &status, NULL, NULL) &&
            strstr(status, parent) && strstr(status, line))
            return g_steal_pointer(&status);
    }
    return NULL;
}

/* The filter comes last: with it all is there. */
static void test_status(void)
{
    char *status = NULL;

    vh_confined_begin(SOON);
    GThread *thread = g_thread_new("confined", be_busy, NULL);
    gint64 end = g_get_monotonic_time() + SOON;
    while (!status && g_get_monotonic_time() < end)
        status = status_of_child("\nSeccomp:\t2\n");
    g_thread_join(thread);
    g_assert_nonnull(status);
    g_assert_nonnull(strstr(status, "\nNoNewPrivs:\t1\n"));
    g_assert_nonnull(strstr(status, "\nCapPrm:\t0000000000000000\n"));
    g_assert_nonnull(strstr(status, "\nCapEff:\t0000000000000000\n"));
    g_free(status);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/confined/answer", test_answer);
    g_test_add_func("/confined/json", test_json);
    g_test_add_func("/confined/error", test_error);
    g_test_add_func("/confined/broken", test_broken);
    g_test_add_func("/confined/crash", test_crash);
    g_test_add_func("/confined/endless", test_endless);
    g_test_add_func("/confined/status", test_status);
    for (guint i = 0; i < G_N_ELEMENTS(acts); i++) {
        g_autofree char *path = g_strconcat("/confined/no/", acts[i].name, NULL);
        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_act);
    }
    return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The journal: write ahead, read back, and survive whatever is found in the file. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/json.h"
#include "engine/journal.h"
#include "host/host-ops.h"

static const char *boot = "boot-1";

static char *fake_boot_id(VhHost *host)
{
    return g_strdup(boot);
}

static gint64 fake_now(VhHost *host)
{
    return g_get_monotonic_time();
}

static void fake_wait(VhHost *host, GPtrArray *holders, gint64 microseconds)
{
    g_usleep((gulong)microseconds);
}

static gboolean fake_interrupted(VhHost *host)
{
    return FALSE;
}

static const VhHostOps fake_ops = {
    .boot_id = fake_boot_id, .now = fake_now, .wait = fake_wait, .interrupted = fake_interrupted};
static VhHost fake_host = {&fake_ops};

#define UUID "11111111-2222-3333-4444-555555555555"

typedef struct {
    VhEngine engine;
    char *dir;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    g_autofree char *tmp = g_dir_make_tmp("vh-journal-XXXXXX", NULL);

    f->dir = g_build_filename(tmp, "state", NULL);
    g_assert_cmpint(g_mkdir(f->dir, 0700), ==, 0);
    f->engine = (VhEngine){.host = &fake_host, .state_dir = f->dir};
    boot = "boot-1";
}

static char *journal_path(Fixture *f)
{
    return g_build_filename(f->dir, UUID ".journal", NULL);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    static const char *const names[] = {UUID ".journal", "other.journal", "lock"};
    g_autofree char *parent = g_path_get_dirname(f->dir);

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(f->dir, names[i], NULL);
        (void)g_unlink(path);
    }
    g_assert_cmpint(g_rmdir(f->dir), ==, 0);
    g_assert_cmpint(g_rmdir(parent), ==, 0);
    g_free(f->dir);
}

static VhJournal *create(Fixture *f)
{
    static const char *const devices[] = {"0000:01:00.0", NULL};
    const VhJournalHead head = {.guest = "win10\n",
                                .uuid = UUID,
                                .timeout = 25,
                                .daemon = {.pid = 7, .start_time = 9},
                                .devices = devices};
    g_autoptr(GError) error = NULL;
    VhJournal *journal = vh_journal_create(&f->engine, &head, &error);

    g_assert_no_error(error);
    return journal;
}

static VhRecord *begin(VhJournal *journal, const char *subject, gboolean prior)
{
    g_autoptr(GError) error = NULL;
    VhRecord *record = vh_journal_begin(
        journal, &vh_step_unit, subject, g_variant_new_parsed("{'unit': <%s>}", subject),
        prior ? g_variant_new_parsed("{'active': <true>}") : NULL, &error);

    g_assert_no_error(error);
    return record;
}

static void append_text(Fixture *f, const char *text)
{
    g_autofree char *path = journal_path(f);
    FILE *file = g_fopen(path, "a");

    g_assert_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static VhJournal *reopen(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    VhJournal *journal = vh_journal_open(&f->engine, UUID, &error);

    g_assert_no_error(error);
    return journal;
}

static void test_round_trip(Fixture *f, gconstpointer data)
{
    g_autoptr(VhJournal) journal = create(f);
    VhRecord *first = begin(journal, "a.service", TRUE);

    vh_journal_done(journal, first, 5);
    begin(journal, "b.service", FALSE);
    vh_journal_stuck(journal, begin(journal, "c.service", TRUE), "no \"way\"\n");
    vh_journal_undone(journal, first);
    g_assert_true(vh_journal_set_prepared(journal, NULL));

    g_autoptr(VhJournal) again = reopen(f);
    g_assert_cmpstr(again->guest, ==, "win10\n");
    g_assert_cmpstr(again->transaction, ==, journal->transaction);
    g_assert_cmpint(again->daemon.pid, ==, 7);
    g_assert_cmpuint(again->daemon.start_time, ==, 9);
    g_assert_true(again->prepared);
    g_assert_cmpstr(again->devices[0], ==, "0000:01:00.0");
    g_assert_cmpuint(again->records->len, ==, 3);
    VhRecord **records = (VhRecord **)again->records->pdata;
    g_assert_cmpint((int)records[0]->state, ==, VH_RECORD_UNDONE);
    g_assert_true(records[0]->kind == &vh_step_unit);
    g_assert_cmpstr(vh_json_string(records[0]->args, "unit", NULL), ==, "a.service");
    g_assert_false(vh_journal_is_open(records[0]));
    g_assert_null(records[1]->prior);
    g_assert_false(vh_journal_is_open(records[1]));
    g_assert_cmpint((int)records[2]->state, ==, VH_RECORD_STUCK);
    g_assert_cmpstr(records[2]->error, ==, "no \"way\"\n");
    g_assert_true(vh_journal_is_open(records[2]));
    g_assert_cmpuint(again->warnings->len, ==, 0);
}

/* Undone, but to be seen to again; a journal goes back from its first step that did, or could not.
 */
static void test_goes_back(Fixture *f, gconstpointer data)
{
    g_autoptr(VhJournal) journal = create(f);
    VhRecord *first = begin(journal, "a.service", TRUE), *last = begin(journal, "b.service", TRUE);

    g_assert_false(vh_journal_goes_back(journal));
    g_assert_true(vh_journal_holds(first));
    vh_journal_stuck(journal, last, "no way");
    g_assert_true(vh_journal_goes_back(journal));
    g_assert_true(vh_journal_holds(last));
    vh_journal_again(journal, first);

    g_autoptr(VhJournal) again = reopen(f);
    const VhRecord *record = again->records->pdata[0];
    g_assert_cmpint((int)record->state, ==, VH_RECORD_AGAIN);
    g_assert_true(vh_journal_is_open(record));
    g_assert_false(vh_journal_holds(record));
    g_assert_true(vh_journal_goes_back(again));
    g_assert_cmpuint(again->warnings->len, ==, 0);
}

static void test_private_file(Fixture *f, gconstpointer data)
{
    g_autoptr(VhJournal) journal = create(f);
    struct stat st;

    g_assert_cmpint(stat(journal->path, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 0777, ==, 0600);
    /* A second one of the same guest is never made over the first. */
    const VhJournalHead head = {.guest = "x", .uuid = UUID, .devices = (const char *[]){NULL}};
    g_autoptr(GError) error = NULL;
    g_assert_null(vh_journal_create(&f->engine, &head, &error));
    g_assert_nonnull(error);
}

static void test_torn_line(Fixture *f, gconstpointer data)
{
    g_autoptr(VhJournal) journal = create(f);

    begin(journal, "a.service", TRUE);
    append_text(f, "{\"begin\":2,\"kind\":\"un");
    g_autoptr(VhJournal) again = reopen(f);
    g_assert_cmpuint(again->warnings->len, ==, 1);
    g_assert_cmpuint(again->records->len, ==, 1);
    /* What is appended now stands on a line of its own. */
    begin(again, "b.service", TRUE);
    g_autoptr(VhJournal) third = reopen(f);
    g_assert_cmpuint(third->records->len, ==, 2);
    g_assert_cmpuint(third->warnings->len, ==, 1);
}

static void test_odd_lines(Fixture *f, gconstpointer data)
{
    static const char *const odd[] = {
        "nonsense\n",
        "[]\n",
        "{\"done\":99}\n",
        "{\"done\":0}\n",
        "{\"undone\":-1}\n",
        "{\"begin\":7,\"kind\":\"unit\",\"args\":{}}\n",
        "{\"begin\":2,\"kind\":5,\"args\":{}}\n",
        "{\"begin\":2,\"kind\":\"unit\",\"args\":[]}\n",
        "{\"something\":\"new\"}\n",
        "\xff\xfe\n",
    };
    g_autoptr(VhJournal) journal = create(f);

    begin(journal, "a.service", TRUE);
    for (gsize i = 0; i < G_N_ELEMENTS(odd); i++)
        append_text(f, odd[i]);
    g_autoptr(VhJournal) again = reopen(f);
    g_assert_cmpuint(again->records->len, ==, 1);
    g_assert_cmpuint(again->warnings->len, ==, G_N_ELEMENTS(odd));
    g_assert_true(strstr(again->warnings->pdata[0], ".journal:3: ") != NULL);
}

static void test_unknown_kind(Fixture *f, gconstpointer data)
{
    g_autoptr(VhJournal) journal = create(f);

    append_text(f, "{\"begin\":1,\"kind\":\"later\",\"subject\":\"s\",\"args\":{},\"prior\":{}}\n");
    g_autoptr(VhJournal) again = reopen(f);
    VhRecord *record = again->records->pdata[0];
    g_assert_null(record->kind);
    g_assert_cmpstr(record->kind_name, ==, "later");
    g_assert_true(vh_journal_is_open(record));
}

static void test_other_version(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = journal_path(f);

    append_text(f, "{\"virt-handoff\":2,\"boot\":\"boot-1\"}\n");
    g_assert_null(vh_journal_open(&f->engine, UUID, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_JOURNAL);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void test_list_except(Fixture *f, gconstpointer data)
{
    g_autoptr(VhJournal) journal = create(f);
    g_autoptr(GPtrArray) all = vh_journal_list(&f->engine, "00000000-0000-4000-8000-000000000000");
    g_autoptr(GPtrArray) others = vh_journal_list(&f->engine, UUID);

    g_assert_cmpuint(all->len, ==, 1);
    g_assert_cmpuint(others->len, ==, 0);
}

/* What is left of a journal that was never begun, or of another boot, is nothing to give back. */
static void test_discarded(Fixture *f, gconstpointer data)
{
    static const char *const heads[] = {"", "{\"virt-hand", "{}\n",
                                        "{\"virt-handoff\":1,\"boot\":\"boot-0\"}\n"};
    g_autofree char *path = journal_path(f);

    for (gsize i = 0; i < G_N_ELEMENTS(heads); i++) {
        g_autoptr(GError) error = NULL;
        append_text(f, heads[i]);
        g_autoptr(GPtrArray) list = vh_journal_list(&f->engine, NULL);
        g_assert_cmpuint(list->len, ==, 0);
        g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS)); /* looking removes nothing */
        g_assert_null(vh_journal_open(&f->engine, UUID, &error));
        g_assert_true(vh_error_is_gone(error));
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    }
}

static void test_link_refused(Fixture *f, gconstpointer data)
{
    g_autofree char *path = journal_path(f);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(symlink("/etc/passwd", path), ==, 0);
    g_assert_null(vh_journal_open(&f->engine, UUID, &error));
    g_assert_nonnull(error);
    g_assert_false(vh_error_is_gone(error));
}

/* A full disk: what cannot be written ahead must not be done, and a half line does no harm. */
static void test_disk_full(Fixture *f, gconstpointer data)
{
    g_autoptr(VhJournal) journal = create(f);
    g_autoptr(GError) error = NULL;
    struct rlimit old, tight;
    struct stat st;

    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(fstat(journal->fd, &st), ==, 0);
    getrlimit(RLIMIT_FSIZE, &old);
    tight = old;
    tight.rlim_cur = (rlim_t)st.st_size + 10;
    setrlimit(RLIMIT_FSIZE, &tight);
    VhRecord *record = vh_journal_begin(journal, &vh_step_unit, "a.service",
                                        g_variant_new_parsed("{'unit': <'a.service'>}"),
                                        g_variant_new_parsed("{'active': <true>}"), &error);
    setrlimit(RLIMIT_FSIZE, &old);
    g_assert_null(record);
    g_assert_nonnull(error);
    g_assert_cmpuint(journal->records->len, ==, 0);
    begin(journal, "b.service", TRUE);
    g_autoptr(VhJournal) again = reopen(f);
    g_assert_cmpuint(again->records->len, ==, 1);
    g_assert_cmpstr(((VhRecord *)again->records->pdata[0])->subject, ==, "b.service");
}

/* An act that outlives its engine holds the lock; one that the engine gave up does not. */
static void test_quiet(Fixture *f, gconstpointer data)
{
    g_autoptr(VhJournal) journal = create(f);
    g_autoptr(VhJournal) again = reopen(f);
    int child = dup(journal->fd);

    g_assert_true(vh_journal_quiet(journal));
    g_assert_false(vh_journal_quiet(again));
    (void)close(journal->fd); /* killed */
    journal->fd = -1;
    g_assert_false(vh_journal_quiet(again));
    (void)close(child);
    g_assert_true(vh_journal_quiet(again));
    child = dup(again->fd);
    g_clear_pointer(&again, vh_journal_free); /* ends as it should */
    again = reopen(f);
    g_assert_true(vh_journal_quiet(again));
    (void)close(child);
}

static void test_exists(Fixture *f, gconstpointer data)
{
    g_assert_false(vh_journal_exists(&f->engine, UUID));
    g_autoptr(VhJournal) journal = create(f);
    g_assert_true(vh_journal_exists(&f->engine, UUID));
}

static void test_take_over(Fixture *f, gconstpointer data)
{
    g_autoptr(VhJournal) journal = create(f);

    g_assert_true(vh_journal_set_released(journal, NULL));
    g_autoptr(VhJournal) released = reopen(f);
    g_assert_true(released->released);
    g_assert_true(vh_journal_take_over(journal, (VhProcess){.pid = 70, .start_time = 90}, NULL));
    g_autoptr(VhJournal) again = reopen(f);
    g_assert_cmpint(again->daemon.pid, ==, 70);
    g_assert_false(again->released);
    g_assert_false(again->by_hand);
    g_assert_true(vh_journal_remove(again, NULL));
    g_assert_true(vh_journal_remove(again, NULL));
}

static void test_lock(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    int first = vh_lock_take(&f->engine, fake_now(NULL) + G_USEC_PER_SEC, &error);

    g_assert_no_error(error);
    g_assert_cmpint(first, >=, 0);
    g_assert_cmpint(vh_lock_take(&f->engine, fake_now(NULL) + 50 * 1000, &error), ==, -1);
    g_assert_true(vh_error_is_timeout(error));
    close(first);
    g_clear_error(&error);
    int second = vh_lock_take(&f->engine, fake_now(NULL) + 50 * 1000, &error);
    g_assert_no_error(error);
    close(second);
}

static void test_lock_open_directory(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_chmod(f->dir, 0755), ==, 0);
    g_assert_cmpint(vh_lock_take(&f->engine, fake_now(NULL), &error), ==, -1);
    g_assert_error(error, VH_ERROR, VH_ERROR_DENIED);
    g_assert_true(strstr(error->message, "chmod 0700") != NULL);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(Fixture *, gconstpointer);
    } tests[] = {
        {"/journal/round-trip", test_round_trip},
        {"/journal/goes-back", test_goes_back},
        {"/journal/private-file", test_private_file},
        {"/journal/torn-line", test_torn_line},
        {"/journal/odd-lines", test_odd_lines},
        {"/journal/unknown-kind", test_unknown_kind},
        {"/journal/other-version", test_other_version},
        {"/journal/discarded", test_discarded},
        {"/journal/list-except", test_list_except},
        {"/journal/link-refused", test_link_refused},
        {"/journal/disk-full", test_disk_full},
        {"/journal/quiet", test_quiet},
        {"/journal/exists", test_exists},
        {"/journal/take-over", test_take_over},
        {"/lock/exclusive", test_lock},
        {"/lock/open-directory", test_lock_open_directory},
    };

    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Fixture, NULL, set_up, tests[i].run, tear_down);
    return g_test_run();
}

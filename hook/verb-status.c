// SPDX-License-Identifier: GPL-2.0-or-later
/* status [GUEST]: who holds what, since when, what is stuck, and what to type. */
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "engine/give-back.h"
#include "hook/patient.h"
#include "hook/report.h"
#include "hook/verbs.h"

static const char *state_of(VhHost *host, const VhJournal *journal)
{
    for (guint i = 0; i < journal->records->len; i++)
        if (((VhRecord *)journal->records->pdata[i])->state == VH_RECORD_STUCK)
            return "stuck";
    if (vh_host_guest_running(host, journal->guest))
        return "running";
    if (journal->released)
        return "released";
    return journal->prepared && !vh_journal_goes_back(journal) ? "prepared" : "unfinished";
}

/* Who is looked at, and whether nobody had the lock at that moment. */
typedef struct {
    VhHost *host;
    gboolean idle;
} Look;

/* Nobody is at work on it, and it is not what a hand-over leaves. */
static gboolean is_cut_off(const Look *look, const char *state)
{
    return look->idle && g_str_equal(state, "unfinished");
}

/* What to do about a guest in that state, or NULL. */
static const char *advice_for(const Look *look, const char *state)
{
    static const struct {
        const char *state, *advice;
    } table[] = {
        {"stuck", "mend what it says, then"},
        {"prepared", "start the guest, or give everything back"},
        {"released", "it is given back after another hand-over; if nothing moves"},
        {"unfinished", "a hand-over is under way; if nothing moves any more"},
    };

    if (is_cut_off(look, state))
        return "it was cut off";
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (g_str_equal(table[i].state, state))
            return table[i].advice;
    return NULL;
}

static char *driver_of(VhHost *host, const char *address)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhPciFunction) now = vh_host_pci_look(host, address, &error);

    if (!now)
        return g_strdup(vh_error_is_gone(error) ? "gone" : "does not answer");
    return g_strdup(now->driver ? now->driver : "no driver");
}

/* "2 days 3 h", "3 h 5 min", "5 min", "less than a minute". */
static char *age_text(gint64 seconds)
{
    gint64 minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

    if (days > 0)
        return g_strdup_printf("%d day%s %d h", (int)days, days == 1 ? "" : "s", (int)(hours % 24));
    if (hours > 0)
        return g_strdup_printf("%d h %d min", (int)hours, (int)(minutes % 60));
    if (minutes > 0)
        return g_strdup_printf("%d min", (int)minutes);
    return g_strdup("less than a minute");
}

static char *since_of(const VhJournal *journal)
{
    g_autoptr(GDateTime) since = g_date_time_new_from_unix_local(journal->since);
    gint64 age = g_get_real_time() / G_USEC_PER_SEC - journal->since;

    if (!since)
        return g_strdup("?");
    g_autofree char *point = g_date_time_format(since, "%F %T");
    /* A clock that was set back since tells no age. */
    if (age < 0)
        return g_steal_pointer(&point);
    g_autofree char *text = age_text(age);
    return g_strdup_printf("%s (%s)", point, text);
}

/* What to type, if anything. */
static void show_advice(const Look *look, const VhJournal *journal, const char *state)
{
    const char *advice = advice_for(look, state);
    g_autofree char *guest = vh_text_operand(journal->guest);
    const char *turn =
        g_str_equal(state, "prepared") ? vh_libvirts_turn(look->host, journal) : NULL;

    if (turn) {
        vh_report_wrapped(2, "",
                          "%s, and has all given back itself; start its daemon if it does "
                          "not run",
                          turn);
        vh_report_text("  if nothing moves any more: virt-handoff release --force %s\n", guest);
    } else if (advice) {
        vh_report_text("  %s: virt-handoff release %s\n", advice, guest);
    }
}

static void show_text(const Look *look, const VhJournal *journal)
{
    const char *state = state_of(look->host, journal);
    g_autofree char *since = since_of(journal);

    vh_report_text("%s: %s, since %s\n", journal->guest, state, since);
    for (gsize i = 0; journal->devices[i]; i++) {
        g_autofree char *driver = driver_of(look->host, journal->devices[i]);
        vh_report_text("  %s  %s\n", journal->devices[i], driver);
    }
    for (guint i = 0; i < journal->records->len; i++) {
        const VhRecord *record = journal->records->pdata[i];
        if (record->state == VH_RECORD_STUCK)
            vh_report_wrapped(2, "!stuck: ", "%s", record->error ? record->error : record->subject);
    }
    show_advice(look, journal, state);
}

static GVariant *device_variant(VhHost *host, const char *address)
{
    g_autofree char *driver = driver_of(host, address);

    return g_variant_new_parsed("{'address': <%s>, 'driver': <%s>}", address, driver);
}

static GVariant *record_variant(const VhRecord *record)
{
    static const char *const states[] = {"begun", "done", "undone", "undone", "stuck"};
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "step", "s", record->kind_name);
    g_variant_dict_insert(&dict, "subject", "s", record->subject);
    g_variant_dict_insert(&dict, "state", "s", record->prior ? states[record->state] : "already");
    if (record->error)
        g_variant_dict_insert(&dict, "error", "s", record->error);
    return g_variant_dict_end(&dict);
}

static GVariant *journal_variant(VhHost *host, const VhJournal *journal)
{
    GVariantDict dict;
    GVariantBuilder devices, records;

    g_variant_builder_init(&devices, G_VARIANT_TYPE("aa{sv}"));
    for (gsize i = 0; journal->devices[i]; i++)
        g_variant_builder_add_value(&devices, device_variant(host, journal->devices[i]));
    g_variant_builder_init(&records, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < journal->records->len; i++)
        g_variant_builder_add_value(&records, record_variant(journal->records->pdata[i]));
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "guest", "s", journal->guest);
    g_variant_dict_insert(&dict, "uuid", "s", journal->uuid);
    g_variant_dict_insert(&dict, "state", "s", state_of(host, journal));
    g_variant_dict_insert(&dict, "since", "x", journal->since);
    g_variant_dict_insert(&dict, "by_hand", "b", journal->by_hand);
    g_variant_dict_insert_value(&dict, "devices", g_variant_builder_end(&devices));
    g_variant_dict_insert_value(&dict, "steps", g_variant_builder_end(&records));
    return g_variant_dict_end(&dict);
}

/* That the guest (NULL: no guest) holds nothing, and who does; the exit status. */
static int show_none(const Patient *patient, const GPtrArray *journals, const char *guest)
{
    g_autofree char *holders = vh_journal_holders(journals);
    g_autoptr(GError) error = NULL;
    gboolean known = !guest || patient_has_guest(patient, guest, &error);
    gboolean json = patient->options->json;

    if (!json && !guest)
        vh_report_text("No guest holds a device.\n");
    else if (!json && holders)
        vh_report_text("%s %s\n", guest, holders);
    else if (!known)
        vh_report_error(guest, error);
    else if (!json)
        vh_report_text("This guest holds no device.\n");
    return known ? VH_EXIT_OK : VH_EXIT_FAILED;
}

/* The journals as they are while nobody changes them, or while somebody has the lock: a hand-over
 * that ends or begins in between must not look as if it was cut off. */
static GPtrArray *look_at_journals(const VhEngine *engine, gboolean *ret_idle)
{
    int lock = vh_lock_look(engine, ret_idle);
    GPtrArray *journals = vh_journal_list(engine, NULL);

    if (lock >= 0)
        close(lock);
    return journals;
}

int vh_verb_status(int argc, char **argv, const VhOptions *options)
{
    g_auto(Patient) patient = {0};
    g_autoptr(GError) error = NULL;

    if (!patient_admit(&patient, options, &error)) {
        vh_report_error(NULL, error);
        return VH_EXIT_FAILED;
    }
    Look look = {.host = patient.engine.host};
    g_autoptr(GPtrArray) journals = look_at_journals(&patient.engine, &look.idle);
    GVariantBuilder list;
    gboolean bad = FALSE, any = FALSE;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < journals->len; i++) {
        const VhJournal *journal = journals->pdata[i];
        if (argc > 0 && strcmp(argv[0], journal->guest) != 0)
            continue;
        any = TRUE;
        const char *state = state_of(look.host, journal);
        bad |= g_str_equal(state, "stuck") || is_cut_off(&look, state);
        if (options->json)
            g_variant_builder_add_value(&list, journal_variant(look.host, journal));
        else
            show_text(&look, journal);
    }
    GVariant *guests = g_variant_ref_sink(g_variant_builder_end(&list));
    if (options->json)
        vh_report_json(g_variant_new_parsed("{'guests': <%@aa{sv}>}", guests));
    g_variant_unref(guests);
    if (!any)
        return show_none(&patient, journals, argc > 0 ? argv[0] : NULL);
    return bad ? VH_EXIT_FAILED : VH_EXIT_OK;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* What the real back end does on a host that the manager named in the first argument runs. Service
 * "sddm" is up, "broken" cannot be started. */
#include <string.h>

#include "host/real.h"

static VhHost *host;
static const char *manager;

static gint64 in_seconds(guint seconds)
{
    return g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;
}

static void assert_unit(const char *name, const char *id, const char *load, const char *active)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhUnit) unit = vh_host_unit_look(host, name, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(unit->id, ==, id);
    g_assert_cmpstr(unit->load, ==, load);
    g_assert_cmpstr(unit->active, ==, active);
}

static void test_look(void)
{
    g_assert_cmpstr(vh_host_service_manager(host)->name, ==, manager);
    assert_unit("sddm.service", "sddm", "loaded", "active");
    assert_unit("sddm", "sddm", "loaded", "active");
    assert_unit("display-manager.service", "sddm", "loaded", "active");
    assert_unit("broken.service", "broken", "loaded", "inactive");
    assert_unit("other.service", "other.service", "not-found", "inactive");
    g_assert_false(vh_host_stopping(host));
}

static void test_cycle(void)
{
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 2; i++) {
        (void)vh_host_unit_stop(host, "sddm.service", in_seconds(30), &error);
        g_assert_no_error(error);
        assert_unit("sddm", "sddm", "loaded", "inactive");
        (void)vh_host_unit_start(host, "sddm.service", in_seconds(30), &error);
        g_assert_no_error(error);
        assert_unit("sddm", "sddm", "loaded", "active");
    }
}

static void test_ask_stop(void)
{
    g_autoptr(GError) error = NULL;
    gint64 deadline = in_seconds(60);
    gboolean down = FALSE;

    (void)vh_host_unit_ask_stop(host, "sddm", &error);
    g_assert_no_error(error);
    while (!down && g_get_monotonic_time() < deadline) {
        g_autoptr(VhUnit) unit = vh_host_unit_look(host, "sddm", NULL);
        down = unit && g_str_equal(unit->active, "inactive");
    }
    g_assert_true(down);
}

static void test_failure(void)
{
    g_autoptr(GError) broken = NULL, other = NULL;

    g_assert_false(vh_host_unit_start(host, "broken", in_seconds(30), &broken));
    g_test_message("%s", broken->message);
    g_assert_error(broken, VH_ERROR, VH_ERROR_FAILED);
    g_assert_false(vh_host_unit_stop(host, "other", in_seconds(30), &other));
    g_test_message("%s", other->message);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    manager = argc > 1 ? argv[1] : "";
    host = vh_real_new(NULL);
    g_test_add_func("/look", test_look);
    g_test_add_func("/cycle", test_cycle);
    g_test_add_func("/failure", test_failure);
    g_test_add_func("/ask-stop", test_ask_stop);
    int status = g_test_run();
    vh_host_free(host);
    return status;
}

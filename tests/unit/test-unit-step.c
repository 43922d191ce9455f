// SPDX-License-Identifier: GPL-2.0-or-later
/* The step that stops and starts a unit, where scripts run the services. */
#include "fake-services.h"
#include "steps/step.h"

/* A stop that did not end in time may end it yet: what seems to run is started when it does not. */
static void test_ends_late(void)
{
    g_autoptr(HostTree) tree = fake_sysvinit_tree();
    g_autoptr(GVariant) args =
        g_variant_ref_sink(g_variant_new_parsed("{'unit': <'sddm.service'>}"));
    const VhStepContext context = {.host = tree->host,
                                   .act_deadline = g_get_monotonic_time() + 20 * G_USEC_PER_SEC};
    g_autoptr(GError) error = NULL;

    host_tree_write(tree, "ending", "/services/sddm");
    (void)vh_step_unit.undo(&context, args, args, &error);
    g_assert_no_error(error);
    g_autofree char *state = host_tree_read(tree, "/services/sddm");
    g_assert_cmpstr(state, ==, "started\n");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/unit-step/ends-late", test_ends_late);
    return g_test_run();
}

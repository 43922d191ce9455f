// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include "sim/sim.h"

/* Every look, and every act on every function, whatever the snapshot made of them. */
static void use(VhHost *host)
{
    g_autoptr(GPtrArray) functions = vh_host_pci_list(host, NULL);
    g_autoptr(GPtrArray) sessions = vh_host_sessions(host, NULL);
    gint64 second = G_USEC_PER_SEC;

    vh_host_unit_stop(host, "display-manager.service", vh_host_now(host) + second, NULL);
    for (guint i = 0; i < functions->len; i++) {
        const char *address = ((const VhPciFunction *)functions->pdata[i])->address;
        g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(host, address, NULL);
        g_autoptr(GPtrArray) holders = vh_host_holders(host, nodes, NULL);
        vh_host_pci_override(host, address, "vfio-pci", NULL);
        vh_host_pci_unbind(host, address, vh_host_now(host) + second, NULL);
        vh_host_pci_probe(host, address, vh_host_now(host) + second, NULL);
        vh_host_wait(host, holders, 20 * second);
    }
    for (guint i = 0; i < sessions->len; i++)
        vh_host_session_terminate(host, ((const VhSession *)sessions->pdata[i])->id, NULL);
    vh_host_module_load(host, "vfio_pci", vh_host_now(host) + second, NULL);
    vh_sim_set_guest_running(host, "guest", TRUE);
    vh_host_unit_start(host, "display-manager.service", vh_host_now(host) + second, NULL);
    vh_host_wait(host, NULL, 60 * second);
}

/* A machine's snapshot is a snapshot, of an equal machine. */
static void check(VhHost *host)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = vh_sim_snapshot(host);
    g_autoptr(VhHost) again = vh_sim_new(text, &error);

    g_assert_no_error(error);
    g_autofree char *state = vh_sim_state(host);
    g_autofree char *state_again = vh_sim_state(again);
    g_assert_cmpstr(state, ==, state_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = fuzz_text(data, size);
    g_autoptr(VhHost) host = vh_sim_new(text, &error);

    if (!host) {
        g_assert_error(error, VH_ERROR, VH_ERROR_FAILED);
        return 0;
    }
    check(host);
    use(host);
    check(host);
    return 0;
}

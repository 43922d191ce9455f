// SPDX-License-Identifier: GPL-2.0-or-later
/* What the tests of the simulated machine share. */
#pragma once

#include <string.h>

#include "sim/sim.h"

/* A machine from a snapshot with ' for ", so that it can be read in C. */
static inline VhHost *machine_try(const char *text, GError **error)
{
    g_autofree char *json = g_strdelimit(g_strdup(text), "'", '"');

    return vh_sim_new(json, error);
}

static inline VhHost *machine(const char *text)
{
    g_autoptr(GError) error = NULL;
    VhHost *host = machine_try(text, &error);

    g_assert_no_error(error);
    g_assert_nonnull(host);
    return host;
}

/* A shipped sample host; the test's environment says where they are. */
static inline char *sample_text(const char *name)
{
    g_autofree char *file = g_strconcat(name, ".json", NULL);
    g_autofree char *path = g_build_filename(g_getenv("VH_SAMPLE_HOSTS"), file, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

static inline VhHost *sample(const char *name)
{
    g_autofree char *text = sample_text(name);
    g_autoptr(GError) error = NULL;
    VhHost *host = vh_sim_new(text, &error);

    g_assert_no_error(error);
    return host;
}

static const gint64 SECOND = G_USEC_PER_SEC;

static inline gint64 in_ms(VhHost *host, gint64 ms)
{
    return vh_host_now(host) + ms * 1000;
}

/* A deadline that what does not hang never meets. */
static inline gint64 soon(VhHost *host)
{
    return vh_host_now(host) + 5 * SECOND;
}

/* Whether the machine's state has this line. */
static inline gboolean has_fact(VhHost *host, const char *fact)
{
    g_autofree char *state = vh_sim_state(host);
    g_auto(GStrv) lines = g_strsplit(state, "\n", -1);

    return g_strv_contains((const char *const *)lines, fact);
}

#define assert_fact(host, fact) g_assert_true(has_fact(host, fact))
#define assert_no_fact(host, fact) g_assert_false(has_fact(host, fact))

static inline void assert_driver(VhHost *host, const char *address, const char *driver)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhPciFunction) function = vh_host_pci_look(host, address, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(function->driver, ==, driver);
}

static inline guint count_nodes(VhHost *host, const char *address)
{
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(host, address, NULL);

    return nodes->len;
}

static inline int count_of(VhHost *host, const char *name)
{
    g_autoptr(VhModule) module = vh_host_module_look(host, name, NULL);

    return module->refcount;
}

static inline char *active_of(VhHost *host, const char *name)
{
    g_autoptr(VhUnit) unit = vh_host_unit_look(host, name, NULL);

    return unit ? g_strdup(unit->active) : NULL;
}

static inline void assert_active(VhHost *host, const char *name, const char *state)
{
    g_autofree char *active = active_of(host, name);

    g_assert_cmpstr(active, ==, state);
}

/* Commands of those that have a node of the function open, sorted, with blanks between. */
static inline char *holders_of(VhHost *host, const char *address)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(host, address, &error);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) holders = vh_host_holders(host, nodes, &error);
    g_assert_no_error(error);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < holders->len; i++) {
        const VhHolder *holder = holders->pdata[i];
        g_string_append_printf(text, "%s%s", i ? " " : "", holder->command);
    }
    return g_string_free(text, FALSE);
}

static inline void assert_holders(VhHost *host, const char *address, const char *commands)
{
    g_autofree char *text = holders_of(host, address);

    g_assert_cmpstr(text, ==, commands);
}

/* The first process that has a node of the function open. */
static inline VhProcess holder_of(VhHost *host, const char *address)
{
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(host, address, NULL);
    g_autoptr(GPtrArray) holders = vh_host_holders(host, nodes, NULL);

    g_assert_cmpuint(holders->len, >, 0);
    return ((const VhHolder *)holders->pdata[0])->process;
}

#define did(call)                                                                                  \
    G_STMT_START                                                                                   \
    {                                                                                              \
        g_autoptr(GError) error = NULL;                                                            \
        gboolean done_ = (call);                                                                   \
        g_assert_no_error(error);                                                                  \
        g_assert_true(done_);                                                                      \
    }                                                                                              \
    G_STMT_END

#define failed(call, code)                                                                         \
    G_STMT_START                                                                                   \
    {                                                                                              \
        g_autoptr(GError) error = NULL;                                                            \
        g_assert_false(call);                                                                      \
        g_assert_error(error, VH_ERROR, (gint)(code));                                             \
    }                                                                                              \
    G_STMT_END

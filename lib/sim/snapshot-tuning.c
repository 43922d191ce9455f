// SPDX-License-Identifier: GPL-2.0-or-later
/* The tables of the schema that are about processors and memory. */
#include "sim/snapshot.h"

#define AT(record, member) .offset = G_STRUCT_OFFSET(record, member)

static const char *const kinds[] = {"governor", "slice", "workqueue", "irq", NULL};

static const SimField tunable_fields[] = {
    {.key = "name", .kind = SIM_TEXT, AT(SimTunable, name), .required = TRUE},
    {.key = "kind", .kind = SIM_TEXT, AT(SimTunable, kind), .required = TRUE, .words = kinds},
    {.key = "value", .kind = SIM_TEXT, AT(SimTunable, value)},
    {.key = "choices", .kind = SIM_TEXTS, AT(SimTunable, choices)},
    {.key = "about", .kind = SIM_TEXT, AT(SimTunable, about)},
    {.key = "fixed", .kind = SIM_FLAG, AT(SimTunable, fixed)},
    {.key = NULL},
};
const SimType sim_tunable_type = {sizeof(SimTunable), tunable_fields, TRUE};

#define MOST_PAGES ((gint64)1 << 40)
#define PAGES(m)                                                                                   \
    {                                                                                              \
        .key = #m, .kind = SIM_NUMBER, AT(SimPagePool, m), .maximum = MOST_PAGES                   \
    }

static const SimField page_pool_fields[] = {
    {.key = "name", .kind = SIM_TEXT, AT(SimPagePool, name), .required = TRUE},
    {.key = "size_kb",
     .kind = SIM_NUMBER,
     AT(SimPagePool, size_kb),
     .required = TRUE,
     .minimum = 4,
     .maximum = 64 * 1024 * 1024},
    {.key = "node", .kind = SIM_NUMBER, AT(SimPagePool, node), .minimum = -1, .maximum = 1023},
    {.key = "usual", .kind = SIM_FLAG, AT(SimPagePool, usual)},
    PAGES(pages),
    PAGES(used),
    PAGES(reserved),
    {.key = "most",
     .kind = SIM_NUMBER,
     AT(SimPagePool, most),
     .maximum = MOST_PAGES,
     .fallback = MOST_PAGES},
    PAGES(more_on_compact),
    PAGES(most_after),
    {.key = NULL},
};
const SimType sim_page_pool_type = {sizeof(SimPagePool), page_pool_fields, TRUE};

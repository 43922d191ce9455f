// SPDX-License-Identifier: GPL-2.0-or-later
/* How the tables of the schema (snapshot.h) are written. */
#pragma once

#include "sim/machine.h"

#define AT(record, member) .offset = G_STRUCT_OFFSET(record, member)
#define TEXT(r, m)                                                                                 \
    {                                                                                              \
        .key = #m, .kind = SIM_TEXT, AT(r, m)                                                      \
    }
#define TEXTS(r, m)                                                                                \
    {                                                                                              \
        .key = #m, .kind = SIM_TEXTS, AT(r, m)                                                     \
    }
#define FLAG(r, m)                                                                                 \
    {                                                                                              \
        .key = #m, .kind = SIM_FLAG, AT(r, m)                                                      \
    }
#define FLAG_ON(r, m)                                                                              \
    {                                                                                              \
        .key = #m, .kind = SIM_FLAG, AT(r, m), .fallback = TRUE                                    \
    }
#define NAME(r, m)                                                                                 \
    {                                                                                              \
        .key = #m, .kind = SIM_TEXT, AT(r, m), .required = TRUE                                    \
    }
#define RULED(r, m, rule, words)                                                                   \
    {                                                                                              \
        .key = #m, .kind = SIM_TEXT, AT(r, m), .required = TRUE, .check = rule, .expected = words  \
    }
#define CHECKED(r, m, rule, words)                                                                 \
    {                                                                                              \
        .key = #m, .kind = SIM_TEXT, AT(r, m), .check = rule, .expected = words                    \
    }
#define REFERS(r, m, to)                                                                           \
    {                                                                                              \
        .key = #m, .kind = SIM_TEXT, AT(r, m), .refers = to                                        \
    }
#define WORD(r, m, list)                                                                           \
    {                                                                                              \
        .key = #m, .kind = SIM_TEXT, AT(r, m), .words = list                                       \
    }
#define HEX(r, k, m, n)                                                                            \
    {                                                                                              \
        .key = k, .kind = SIM_HEX, AT(r, m), .digits = n, .required = TRUE                         \
    }
#define NUMBER(r, m, low, high)                                                                    \
    {                                                                                              \
        .key = #m, .kind = SIM_NUMBER, AT(r, m), .minimum = low, .maximum = high, .fallback = 0    \
    }
/* A day is long enough for anything that is waited for; a year for a machine to run. */
#define MS(r, m) NUMBER(r, m, 0, 24 * 3600 * 1000)
#define TIME(r, m) NUMBER(r, m, 0, MAX_TIME)
#define RECORDS(r, m, t)                                                                           \
    {                                                                                              \
        .key = #m, .kind = SIM_RECORDS, AT(r, m), .type = &t                                       \
    }
#define END                                                                                        \
    {                                                                                              \
        .key = NULL                                                                                \
    }

#define MAX_TIME SIM_MAX_TIME
#define MAX_PID SIM_MAX_PID

static inline gboolean is_absolute(const char *text)
{
    return text[0] == '/';
}

/* Those of snapshot-files.c that the machine's own table has. */
extern const SimType sim_rom_type, sim_file_type;

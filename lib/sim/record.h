// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Records: C structs whose members are described by a table, so that one reader, one writer and
 * one check serve every part of a snapshot. A record's struct begins with a SimRecord.
 */
#pragma once

#include <glib.h>

typedef struct SimType SimType;

typedef struct {
    const SimType *type;
} SimRecord;

typedef enum {
    SIM_TEXT,    /* char *, NULL when missing */
    SIM_NUMBER,  /* gint64 within minimum and maximum */
    SIM_HEX,     /* gint64, in JSON a text "0x" and exactly @digits hex digits */
    SIM_FLAG,    /* gboolean */
    SIM_TEXTS,   /* char **, never NULL */
    SIM_RECORDS, /* GPtrArray of records, never NULL */
} SimKind;

typedef struct {
    const char *key; /* NULL ends a table */
    SimKind kind;
    gsize offset;
    gboolean required;
    gint64 fallback; /* number or flag when missing */
    gint64 minimum, maximum;
    guint digits;
    const char *const *words;            /* the texts allowed, NULL: any that is not empty */
    gboolean (*check)(const char *text); /* … or a text's own rule, */
    const char *expected;                /* … and that rule for people */
    const char *refers;  /* the text or number names a record of this array of the top record */
    const SimType *type; /* of SIM_RECORDS */
} SimField;

struct SimType {
    gsize size;
    const SimField *fields; /* the first is what names a record, */
    gboolean unique;        /* … and no two of one array may have the same */
};

/* A new record from the object @dict (a{sv}). NULL with VH_ERROR_FAILED and the place of the
 * problem, "functions[2].class: …"; @place is where @dict is, "" for the top. */
gpointer sim_record_read(const SimType *type, GVariant *dict, const char *place, GError **error);
/* A record with every member at its fallback. */
gpointer sim_record_new(const SimType *type);
/* Another record that is equal, members and all below. */
gpointer sim_record_copy(gconstpointer record);
/* Whether every reference of @top leads to a record; the error has the place. */
gboolean sim_record_check_references(gconstpointer top, GError **error);
/* The record as a floating a{sv}; members at their fallback are left out. */
GVariant *sim_record_write(gconstpointer record);
void sim_record_free(gpointer record);

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one list of keys of the per-VM file. The loader reads by it, and the man page and the
 * template of `init` are written from it, so that a key is described in one place.
 */
#pragma once

#include <glib.h>

/* What a key's value may be written as. A key may accept several. */
typedef enum {
    VH_ACCEPTS_WORD = 1 << 0,   /* one of its words */
    VH_ACCEPTS_TEXT = 1 << 1,   /* a text that passes its check */
    VH_ACCEPTS_SIZE = 1 << 2,   /* a text such as "2M", kept in bytes */
    VH_ACCEPTS_NUMBER = 1 << 3, /* a whole number in its range */
    VH_ACCEPTS_LIST = 1 << 4,   /* texts that pass its check, none of them twice */
    VH_ACCEPTS_ARGV = 1 << 5,   /* texts, the first one passes its check */
    VH_ACCEPTS_GROUP = 1 << 6,  /* one group of its members */
    VH_ACCEPTS_GROUPS = 1 << 7, /* a list of such groups */
} VhKeyAccepts;

/* Where a value goes in the structure that the key belongs to; size 0: nowhere. */
typedef struct {
    gsize offset, size;
} VhKeyField;

typedef struct VhKey VhKey;
struct VhKey {
    const char *name;
    guint accepts;            /* VhKeyAccepts */
    const char *const *words; /* NULL-terminated */
    const char *noun;         /* what a text is, or a list's members are: for sentences */
    char *(*check)(const char *text, GError **error); /* the text as it is kept, or NULL */
    gint64 min, max;                                  /* of a number */
    const VhKey *members;                             /* of a group, ends with a NULL name */
    const char *preset;  /* the default as one would write it; NULL: none */
    const char *example; /* of a key without a default: one that can be written */
    gboolean required;   /* of a member: the group is wrong without it */
    const char *doc;     /* one line for people */

    VhKeyField choice; /* int: the word's place among the words, or… */
    int other;         /* …this, when no word is given */
    VhKeyField value;  /* the text, number, list or groups; also a word when there is no choice */
};

/* Ends with a NULL name. The members' offsets are those of VhConfig; of the members of `commands`
 * those of VhConfigCommand. */
extern const VhKey vh_keys[];

/* The key of that name in @keys, or NULL. */
const VhKey *vh_key_find(const VhKey *keys, const char *name);

/* The name in @keys nearest to @name, or NULL when none is near. Static. */
const char *vh_key_nearest(const VhKey *keys, const char *name);

/* What @key accepts, to follow "must be": "\"auto\" or a list of PCI addresses". The caller owns
 * the result. */
char *vh_key_accepts(const VhKey *key);

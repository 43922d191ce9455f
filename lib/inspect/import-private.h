// SPDX-License-Identifier: GPL-2.0-or-later
/* What the files of the import share. */
#pragma once

#include "inspect/import.h"

/* Bounds that no honest file comes near; without them, words of words would double and double. */
enum {
    IMPORT_MOST_NOTES = 400,
    IMPORT_MOST_WORDS = 64,
    IMPORT_LONGEST_WORD = 256,
    IMPORT_MOST_VALUES = 512
};

/* Where in the files we are. */
typedef struct {
    VhImport *import;
    const char *file;
    guint line;
} ImportPlace;

/* Adds a note about the place. */
void import_note(const ImportPlace *place, VhImportVerdict verdict, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* The address that @text is in one of the forms of these files, canonical: of capitals, too, and
 * without a function (then *@ret_slot, and it is function 0). NULL: it is none. */
char *import_address(const char *text, gboolean *ret_slot);
/* Adds a note that no longer counts when that device is taken elsewhere. */
void import_note_device(const ImportPlace *place, const char *address, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* Adds the device @text is the address of; FALSE: it is none. */
gboolean import_device(const ImportPlace *place, const char *text, const char *what);

/* Takes the name of a CPU frequency governor. */
void import_governor(const ImportPlace *place, const char *name);

/* ---- import-shell.c ---- */

typedef struct {
    guint line;
    gboolean comment; /* the words are those of a comment */
    GPtrArray *words; /* char *; of an array assignment: "NAME=(", the members, ")" */
    char *target;     /* of ">", or NULL */
} ImportStatement;

/* The commands and assignments of a shell script, without its keywords (ImportStatement). */
GPtrArray *import_shell(const char *text);

/* ---- import-csv.c ---- */

/* Whether the text is lines of as many cells, the first of them keys. */
gboolean import_is_csv(const char *text);
/* Takes the keys of its first guest. */
void import_csv(const ImportPlace *place, const char *text);

/* ---- import-keys.c ---- */

/* Takes the values of one key. */
void import_key(const ImportPlace *place, const char *name, char **values);

/* ---- import-commands.c ---- */

/* Takes one command of a script, with variables replaced. */
void import_command(const ImportPlace *place, char **words, const char *target);
/* What stopping such a unit means: the display manager's is found without being told. */
void import_unit(const ImportPlace *place, const char *unit);

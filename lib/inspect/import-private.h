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
    const char *at; /* libvirt's operation that it is for; NULL: nobody knows */
} ImportPlace;

/* Adds a note about the place. */
void import_note(const ImportPlace *place, VhImportVerdict verdict, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* The address that @text is in one of the forms of these files, canonical: of capitals, too, and
 * without a function (then *@ret_slot, and it is function 0). NULL: it is none. */
char *import_address(const char *text, gboolean *ret_slot);
/* A note whose verdict and text import_note_settle gives it; NULL: there are too many. Borrowed. */
VhImportNote *import_note_later(const ImportPlace *place);
void import_note_settle(VhImportNote *note, VhImportVerdict verdict, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* Adds a note about a line that nobody knows. */
void import_note_strange(const ImportPlace *place, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Adds a note that no longer counts when that device is taken elsewhere. */
void import_note_device(const ImportPlace *place, const char *address, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* Adds the device @text is the address of; FALSE: it is none. */
gboolean import_device(const ImportPlace *place, const char *text, const char *what);

/* A key is assigned @values anew: devices that only its earlier ones brought are not taken. */
void import_key_again(const ImportPlace *place, const char *key, char **values);

/* Takes the name of a CPU frequency governor. */
void import_governor(const ImportPlace *place, const char *name);

/* ---- import-shell.c ---- */

typedef struct {
    guint line;
    gboolean comment; /* the words are those of a comment */
    GPtrArray *words; /* char *; of an array assignment: "NAME=(", the members, ")" */
    char *target;     /* of ">", or NULL */
    const char *at;   /* the operation whose branch it is in, or NULL */
} ImportStatement;

/* The commands and assignments of a shell script, without its keywords (ImportStatement). */
GPtrArray *import_shell(const char *text);

/* ---- import-branches.c ---- */

/* The operation of libvirt's whose folder @file lies in, or NULL. */
const char *import_operation_of_file(const char *file);
/* Whether the guest has ended then; FALSE for NULL. */
gboolean import_is_after(const char *at);

/* The "if" and "case" that are open at a place in a script. Freed by g_free. */
typedef struct ImportBranches ImportBranches;
ImportBranches *import_branches_new(void);
/* The operation that the place is for, or NULL. */
const char *import_branches_now(const ImportBranches *branches);
/* What was read there: a keyword; the words of a command; those that end with an alternative of a
 * pattern of "case", and their end. */
void import_branches_keyword(ImportBranches *branches, const char *word);
void import_branches_statement(ImportBranches *branches, const GPtrArray *words);
void import_branches_pattern(ImportBranches *branches, const GPtrArray *words);
void import_branches_pattern_end(ImportBranches *branches);

/* ---- import-csv.c ---- */

/* Whether the text is lines of as many cells, the first of them keys. */
gboolean import_is_csv(const char *text);
/* Takes the keys of its first guest. */
void import_csv(const ImportPlace *place, const char *text);

/* ---- import-text.c ---- */

/* "NAME=value", "NAME=(" and the members, "NAME+=…": the length of the name, 0: none of these. */
gsize import_assigned(const char *word);

/* ---- import-keys.c ---- */

/* Takes the values of one key. */
void import_key(const ImportPlace *place, const char *name, char **values);

/* ---- import-commands.c ---- */

/* Takes one command of a script, with variables replaced. */
void import_command(const ImportPlace *place, char **outer, const char *target);
/* Whether it is one of those that are known. */
gboolean import_is_program(const char *word);

/* ---- import-wrap.c ---- */

/* The command that sudo and its like run, or @words when they do not. The caller owns it. */
char **import_unwrap(char **words);
gboolean import_is_wrapper(const char *word);

/* ---- import-units.c ---- */

/* What stopping such a unit means: the display manager's is found without being told. */
void import_unit(const ImportPlace *place, const char *unit);
/* Takes a call of systemctl. */
void import_systemctl(const ImportPlace *place, char **words);
/* Makes lists and commands of all that scripts did with units, and says so. */
void import_units_settle(VhImport *import);
/* Whether the display manager belongs into a list of units to stop; notes it where no script
 * stopped it. */
gboolean import_stop_needs_display(VhImport *import, VhHost *host);
void import_act_free(gpointer act);

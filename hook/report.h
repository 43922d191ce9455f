// SPDX-License-Identifier: GPL-2.0-or-later
/* The only code that writes to stdout, and the one that says errors. */
#pragma once

#include "base/event.h"

enum { VH_EXIT_OK = 0, VH_EXIT_FAILED = 1, VH_EXIT_USAGE = 64 };

/* Text for people, as it is. */
void vh_report_text(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* The errno with which stdout took something of it no more; 0: all of it is there. */
int vh_report_output(void);
/* Bytes for programs (what a user's script printed). FALSE when they could not be written. */
gboolean vh_report_bytes(GBytes *bytes);
/* @value as indented JSON; it may be floating. */
void vh_report_json(GVariant *value);
/* One line; a mark at its start as in a table's cell colours it, '*' makes it bold. */
void vh_report_line(const char *line);
/*
 * Rows as aligned columns, the first one (bold on a terminal) the head: GPtrArray of char **, each
 * of as many cells as the head, NULL-terminated. A cell that begins with '!' is shown without it in
 * red, with '?' in yellow, with '+' in green, where colours are (NO_COLOR is respected).
 * A row of one cell is a line of its own and says nothing about the columns.
 */
void vh_report_table(const GPtrArray *rows);
/* "virt-handoff: GUEST: MESSAGE", one line on stderr; only the first line of the message, with a
 * count of the others. @guest may be NULL. */
void vh_report_error(const char *guest, const GError *error);
/* The same, with a line of its own for each line of the message. */
void vh_report_errors(const char *guest, const GError *error);
/* Says so, and returns the verb's exit status: that of a wrong command line, or of a failure. */
int vh_report_failure(const char *guest, const GError *error);
/* Text for people on stderr: about what is on stdout. */
void vh_report_remark(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Columns for running text: the terminal's, but neither more than 80 nor less than 40; 80 where
 * stdout is none. */
int vh_report_width(void);
/* A sentence in lines of that width: @indent blanks, then @mark (which may begin as a table's cell,
 * and be empty), then the text; its other lines stand below the mark, two further in. */
void vh_report_wrapped(int indent, const char *mark, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The same without colours, and its other lines stand below the text's first letter, as those of
 * "12. text". */
void vh_report_item(int indent, const char *mark, const char *text);
/* A VhEventSink for people: what happens, with its duration, on stdout; debug events are left out.
 */
void vh_report_event(const VhEvent *event, gpointer data);

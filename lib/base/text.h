// SPDX-License-Identifier: GPL-2.0-or-later
/* Small helpers about words. */
#pragma once

#include <glib.h>

/* @text on one line and without control characters, for messages and logs: newlines, tabs,
 * escapes and broken UTF-8 become visible. The caller owns the result. NULL gives "". */
char *vh_text_one_line(const char *text);

/* @text as one word of a shell's command line, quoted only where that is needed. The caller owns
 * the result. */
char *vh_text_word(const char *text);

/* The same for an operand of a command, as a guest's name: what begins with "-" gets a "--" before
 * it, which ends the options of all commands that we name. The caller owns the result. */
char *vh_text_operand(const char *text);

/* The member of @words (NULL-terminated) nearest to @word by edit distance, capitals aside, or NULL
 * when none is near enough to be a likely slip (more than a third of its length away). Borrowed. */
const char *vh_text_nearest(const char *word, const char *const *words);

/* "a", "a and b", "a, b and c". The caller owns the result; "" for none. */
char *vh_text_list(const char *const *words);

/* @text in lines of at most @width characters, broken between words; at least one line. The caller
 * owns the result. */
char **vh_text_wrap(const char *text, glong width);

/* "3,100". The caller owns the result. */
char *vh_text_number(guint64 number);

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * JSON in and out. The data model is GVariant: objects are a{sv}, arrays av or as, numbers x or
 * i/u, texts s. (Fractions are read as d, so that a reader can refuse them; we write none.) Journal
 * lines, snapshots and --json output all go through here.
 */
#pragma once

#include <glib.h>

/*
 * Parses @length bytes of JSON (-1: up to the NUL) whose top is an object. Returns a new a{sv}
 * with no floating reference, NULL and VH_ERROR_FAILED (with line and column) otherwise. Nesting
 * deeper than 32, texts that are not UTF-8 or have a NUL in them, and numbers that are no whole
 * ones of 64 bits are errors.
 */
GVariant *vh_json_parse(const char *text, gssize length, GError **error);

/* The same for a text that others wrote: by vh_confined(), whose errors begin with @what. */
GVariant *vh_json_parse_confined(const char *what, const char *text, GError **error);

/* One line, no newline at the end. @value may be floating (then it is consumed). */
char *vh_json_line(GVariant *value);

/* Indented by two, with a newline at the end. @value may be floating (then it is consumed). */
char *vh_json_pretty(GVariant *value);

/*
 * Readers of an object @dict (a{sv}): the member @key, or the fallback when it is missing or of
 * another type. Borrowed strings live as long as @dict.
 */
const char *vh_json_string(GVariant *dict, const char *key, const char *fallback);
gint64 vh_json_int(GVariant *dict, const char *key, gint64 fallback);
gboolean vh_json_bool(GVariant *dict, const char *key, gboolean fallback);
/* A new NULL-terminated array of copies; empty when missing; members that are no text are skipped.
 */
char **vh_json_strings(GVariant *dict, const char *key);
/* The member object, a new reference (a{sv}), or NULL. */
GVariant *vh_json_object(GVariant *dict, const char *key);
/* The member array's objects, each a new reference; never NULL; frees them with the array. */
GPtrArray *vh_json_objects(GVariant *dict, const char *key);

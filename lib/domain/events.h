// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * XML as a sequence of events, read with libxml2 and without building a tree, so that nothing of a
 * text with passwords in it stays in memory. The only file that knows libxml2.
 */
#pragma once

#include <glib.h>

#include "base/error.h"

/* An element as it begins. Borrowed for the time of the call. */
typedef struct VhXmlElement VhXmlElement;

typedef struct {
    /* FALSE and an error end the reading; the error gets the line and the element put before. */
    gboolean (*begin)(const VhXmlElement *element, gpointer data, GError **error);
    gboolean (*end)(const char *path, gpointer data, GError **error);
    void (*text)(const char *path, const char *text, gsize length, gpointer data);
} VhXmlEvents;

/*
 * Reads @length bytes. VH_ERROR_DOMAIN when the text is not well-formed, has a DOCTYPE, is not
 * UTF-8, over 4 MiB or deeper than 256 elements, or when a function of @events says so.
 */
gboolean vh_xml_read(const char *xml, gsize length, const VhXmlEvents *events, gpointer data,
                     GError **error);

/* "/domain/devices/hostdev". An element of a namespace is "/:NAME", which no path of ours is. */
const char *vh_xml_path(const VhXmlElement *element);

/* The value of an attribute without namespace, or NULL; the caller owns it. */
char *vh_xml_attribute(const VhXmlElement *element, const char *name);

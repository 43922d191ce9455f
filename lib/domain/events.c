// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain/events.h"

#include <libxml/parser.h>
#include <string.h>

#include "base/text.h"

enum { MAX_SIZE = 4 * 1024 * 1024, MAX_DEPTH = 256, MAX_SHOWN = 200 };

/* An attribute as SAX2 passes it: five pointers. */
enum { LOCAL, PREFIX, NAMESPACE, VALUE, VALUE_END, N_PARTS };

struct VhXmlElement {
    const char *path;
    const xmlChar **attributes;
    int n_attributes;
};

typedef struct {
    xmlParserCtxtPtr parser;
    const VhXmlEvents *events;
    gpointer data;
    GString *path;  /* of the open element */
    GArray *starts; /* gsize: where each open element begins in it */
    GError *error;  /* the first one */
} Reader;

const char *vh_xml_path(const VhXmlElement *element)
{
    return element->path;
}

char *vh_xml_attribute(const VhXmlElement *element, const char *name)
{
    for (int i = 0; i < element->n_attributes; i++) {
        const xmlChar **parts = element->attributes + i * N_PARTS;
        if (!parts[PREFIX] && g_str_equal(parts[LOCAL], name))
            return g_strndup((const char *)parts[VALUE], (gsize)(parts[VALUE_END] - parts[VALUE]));
    }
    return NULL;
}

/* Takes @cause over as the reading's error, unless there is one, and ends the reading. */
static void fail(Reader *reader, int line, const char *element, GError *cause)
{
    if (reader->error) {
        g_error_free(cause);
        return;
    }
    g_propagate_error(&reader->error, cause);
    if (element)
        g_prefix_error(&reader->error, "<%s>: ", element);
    g_prefix_error(&reader->error, "domain XML, line %d: ", line);
    xmlStopParser(reader->parser);
}

static void fail_here(Reader *reader, const char *element, GError *cause)
{
    fail(reader, xmlSAX2GetLineNumber(reader->parser), element, cause);
}

static GError *complaint(const char *text)
{
    return g_error_new_literal(VH_ERROR, VH_ERROR_DOMAIN, text);
}

/* ---- what libxml2 calls ---- */

static void on_doctype(void *data, const xmlChar *name, const xmlChar *id, const xmlChar *uri)
{
    fail_here(data, NULL, complaint("a DOCTYPE has no place in it"));
}

static void on_begin(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int n_namespaces, const xmlChar **namespaces, int n_attributes,
                     int n_defaulted, const xmlChar **attributes)
{
    Reader *reader = data;
    gsize start = reader->path->len;
    GError *cause = NULL;

    if (reader->error)
        return;
    if (reader->starts->len >= MAX_DEPTH) {
        fail_here(reader, NULL, complaint("elements are nested too deeply"));
        return;
    }
    g_array_append_val(reader->starts, start);
    g_string_append_printf(reader->path, "/%s%s", prefix || uri ? ":" : "", (const char *)name);
    const VhXmlElement element = {reader->path->str, attributes, n_attributes};
    if (!reader->events->begin(&element, reader->data, &cause))
        fail_here(reader, (const char *)name, cause);
}

static void on_end(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    Reader *reader = data;
    GError *cause = NULL;

    if (reader->error || reader->starts->len == 0)
        return;
    if (!reader->events->end(reader->path->str, reader->data, &cause))
        fail_here(reader, (const char *)name, cause);
    gsize start = g_array_index(reader->starts, gsize, reader->starts->len - 1);
    g_array_set_size(reader->starts, reader->starts->len - 1);
    g_string_truncate(reader->path, start);
}

static void on_text(void *data, const xmlChar *text, int length)
{
    Reader *reader = data;

    if (!reader->error)
        reader->events->text(reader->path->str, (const char *)text, (gsize)length, reader->data);
}

#if LIBXML_VERSION >= 21200
typedef const xmlError *Complaint;
#else
typedef xmlErrorPtr Complaint;
#endif

/* Only what makes the text not well-formed counts; libvirt lets the rest pass, too. */
static void on_error(void *data, Complaint error)
{
    Reader *reader = data;

    if (error->level != XML_ERR_FATAL || reader->error)
        return;
    g_autofree char *message = g_strchomp(g_strdup(error->message ? error->message : "broken"));
    g_autofree char *line = vh_text_one_line(message);
    g_autofree char *shown = g_utf8_substring(line, 0, MIN(g_utf8_strlen(line, -1), MAX_SHOWN));
    fail(reader, error->line, NULL, complaint(shown));
}

/* ---- reading ---- */

static guint line_of(const char *xml, const char *at)
{
    guint line = 1;

    for (; xml < at; xml++)
        line += *xml == '\n';
    return line;
}

/* What is sure before libxml2 sees the text. */
static gboolean check_bytes(const char *xml, gsize length, GError **error)
{
    const char *bad = NULL;

    if (length > MAX_SIZE)
        return vh_error_set(error, VH_ERROR_DOMAIN, "domain XML is larger than 4 MiB");
    if (length == 0)
        return vh_error_set(error, VH_ERROR_DOMAIN, "domain XML is empty");
    if (!g_utf8_validate(xml, (gssize)length, &bad))
        return vh_error_set(error, VH_ERROR_DOMAIN, "domain XML, line %u: not UTF-8 text",
                            line_of(xml, bad));
    return TRUE;
}

static void parse(Reader *reader, const char *xml, gsize length)
{
    static const xmlSAXHandler handler = {
        .internalSubset = on_doctype,
        .startElementNs = on_begin,
        .endElementNs = on_end,
        .characters = on_text,
        .serror = on_error,
        .initialized = XML_SAX2_MAGIC,
    };
    /*
     * The text is UTF-8 by our own check, whatever it says of itself. Without NOENT an attribute's
     * "&amp;" stays "&#38;"; there are no entities but XML's own, since there is no DOCTYPE.
     */
    const int options = XML_PARSE_NONET | XML_PARSE_NOENT;

    *reader->parser->sax = handler;
    reader->parser->userData = reader;
    xmlDocPtr tree = xmlCtxtReadMemory(reader->parser, xml, (int)length, NULL, "UTF-8", options);
    if (tree)
        xmlFreeDoc(tree);
    if (!reader->error && !reader->parser->wellFormed)
        fail_here(reader, NULL, complaint("not well-formed"));
}

gboolean vh_xml_read(const char *xml, gsize length, const VhXmlEvents *events, gpointer data,
                     GError **error)
{
    Reader reader = {.events = events, .data = data};

    if (!check_bytes(xml, length, error))
        return FALSE;
    reader.parser = xmlNewParserCtxt();
    if (!reader.parser)
        return vh_error_set(error, VH_ERROR_FAILED, "no memory for the XML parser");
    reader.path = g_string_new(NULL);
    reader.starts = g_array_new(FALSE, FALSE, sizeof(gsize));
    parse(&reader, xml, length);
    xmlFreeParserCtxt(reader.parser);
    g_string_free(reader.path, TRUE);
    g_array_unref(reader.starts);
    if (!reader.error)
        return TRUE;
    g_propagate_error(error, reader.error);
    return FALSE;
}

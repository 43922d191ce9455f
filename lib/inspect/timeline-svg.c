// SPDX-License-Identifier: GPL-2.0-or-later
/* The picture: a row for each step, its bar where it was in time. */
#include "inspect/timeline.h"

#include "base/text.h"

/* In pixels. */
enum { WIDTH = 960, MARGIN = 16, LABEL = 400, AFTER = 70, ROW = 20, HEAD = 44, GAP = 14 };

static const struct {
    const char *result, *colour;
} colours[] = {
    {"done", "#2e7d32"}, {"failed", "#c62828"}, {"stuck", "#c62828"}, {"refused", "#ef6c00"}};

static const char *colour_of(const char *result)
{
    for (gsize i = 0; i < G_N_ELEMENTS(colours); i++)
        if (g_str_equal(colours[i].result, result))
            return colours[i].colour;
    return "#616161";
}

/* Of any text, what XML can have: one line, without control characters, cut and escaped. */
static char *escape(const char *text, glong most)
{
    g_autofree char *line = vh_text_one_line(text);
    g_autofree char *cut = NULL;

    if (g_utf8_strlen(line, -1) > most) {
        g_autofree char *begin = g_utf8_substring(line, 0, most - 1);
        cut = g_strconcat(begin, "…", NULL);
    }
    return g_markup_escape_text(cut ? cut : line, -1);
}

static void put(GString *svg, int x, int y, const char *style, const char *text, glong most)
{
    g_autofree char *escaped = escape(text, most);

    g_string_append_printf(svg, "<text x=\"%d\" y=\"%d\" %s>%s</text>\n", x, y, style, escaped);
}

static int scale(gint64 time, gint64 whole)
{
    enum { ROOM = WIDTH - 2 * MARGIN - LABEL - AFTER };

    return whole > 0 ? (int)(CLAMP(time, 0, whole) * ROOM / whole) : 0;
}

static void put_step(GString *svg, const VhTimelineRun *run, const VhTimelineStep *step, int y)
{
    int from = scale(step->start, run->duration);
    int to = scale(step->start + step->duration, run->duration);
    int x = MARGIN + LABEL + from, width = MAX(to - from, 2);
    g_autofree char *time = g_strdup_printf("%.3f s", (double)step->duration / G_USEC_PER_SEC);

    put(svg, MARGIN, y + 14, "fill=\"#212121\"", step->text, 60);
    g_string_append_printf(svg,
                           "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", x,
                           y + 3, width, ROW - 6, step->stuck ? "#c62828" : "#1565c0");
    put(svg, x + width + 4, y + 14, "fill=\"#616161\"", time, 20);
}

static int put_run(GString *svg, const VhTimelineRun *run, int y)
{
    g_autofree char *begin = vh_timeline_begin_text(run);
    g_autofree char *head = g_strdup_printf("%s, %s, %.3f s: %s", run->operation, begin,
                                            (double)run->duration / G_USEC_PER_SEC, run->result);
    g_autofree char *style =
        g_strdup_printf("font-weight=\"bold\" fill=\"%s\"", colour_of(run->result));

    put(svg, MARGIN, y + 14, style, head, 110);
    y += ROW;
    if (run->text) {
        put(svg, MARGIN, y + 14, "fill=\"#424242\"", run->text, 140);
        y += ROW;
    }
    for (guint i = 0; i < run->steps->len; i++, y += ROW)
        put_step(svg, run, run->steps->pdata[i], y);
    return y + GAP;
}

char *vh_timeline_svg(const char *guest, const GPtrArray *runs)
{
    g_autoptr(GString) body = g_string_new(NULL);
    GString *svg = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    int y = HEAD;

    put(body, MARGIN, 28, "font-size=\"18\" fill=\"#212121\"", guest, 80);
    for (guint i = 0; i < runs->len; i++)
        y = put_run(body, runs->pdata[i], y);
    g_string_append_printf(svg,
                           "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                           "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n"
                           "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
                           WIDTH, y, WIDTH, y);
    g_string_append_printf(svg, "%s</svg>\n", body->str);
    return g_string_free(svg, FALSE);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "hook/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <syslog.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

/* Why something that was printed did not get where it was to go: the first errno; 0: it all did. */
static int output_errno;

static void flush(void)
{
    /* What does not fit into the buffer fails before. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && output_errno == 0)
        output_errno = errno != 0 ? errno : EIO;
}

int vh_report_output(void)
{
    flush();
    return output_errno;
}

void vh_report_text(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    flush();
}

void vh_report_remark(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
}

gboolean vh_report_bytes(GBytes *bytes)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);

    return vh_write_all(STDOUT_FILENO, data, length);
}

void vh_report_json(GVariant *value)
{
    g_autofree char *text = vh_json_pretty(value);

    fputs(text, stdout);
    flush();
}

/* @guest is on one line and may be "", @text need not be. */
static void complain(const char *guest, const char *text, const char *more)
{
    g_autofree char *line = vh_text_one_line(text);

    fprintf(stderr, "virt-handoff: %s%s%s%s\n", guest, *guest ? ": " : "", line, more);
}

void vh_report_error(const char *guest, const GError *error)
{
    g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);
    g_autofree char *name = vh_text_one_line(guest), *operand = vh_text_operand(name);
    guint others = 0;

    for (gsize i = 1; lines[0] && lines[i]; i++)
        others += *lines[i] != '\0';
    g_autofree char *more =
        others > 0
            ? g_strdup_printf(" (and %u more; all of them: virt-handoff plan %s)", others, operand)
            : g_strdup("");
    complain(name, lines[0], more);
}

void vh_report_errors(const char *guest, const GError *error)
{
    g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);
    g_autofree char *name = vh_text_one_line(guest);

    for (gsize i = 0; lines[i]; i++)
        if (*lines[i])
            complain(name, lines[i], "");
}

int vh_report_failure(const char *guest, const GError *error)
{
    vh_report_error(guest, error);
    return g_error_matches(error, VH_ERROR, VH_ERROR_USAGE) ? VH_EXIT_USAGE : VH_EXIT_FAILED;
}

static gboolean colours(void)
{
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) && !(no && *no) && g_strcmp0(terminal, "dumb") != 0;
}

/* ---- tables ---- */

static const struct {
    char mark;
    const char *colour;
} marks[] = {{'!', "\033[31m"}, {'?', "\033[33m"}, {'+', "\033[32m"}};

static const char *colour_of(const char *cell)
{
    for (gsize i = 0; i < G_N_ELEMENTS(marks); i++)
        if (*cell == marks[i].mark)
            return marks[i].colour;
    return NULL;
}

static const char *text_of(const char *cell)
{
    return colour_of(cell) ? cell + 1 : cell;
}

static void print_row(char *const *row, const gsize *widths, const char *style)
{
    for (gsize i = 0; row[i]; i++) {
        const char *text = text_of(row[i]);
        const char *colour = style ? style : colour_of(row[i]);
        gboolean coloured = colour && colours();
        gsize pad = row[i + 1] ? widths[i] - (gsize)g_utf8_strlen(text, -1) + 2 : 0;
        printf("%s%s%s%*s", coloured ? colour : "", text, coloured ? "\033[0m" : "", (int)pad, "");
    }
    printf("\n");
}

void vh_report_table(const GPtrArray *rows)
{
    gsize columns = rows->len > 0 ? g_strv_length(rows->pdata[0]) : 0;
    g_autofree gsize *widths = g_new0(gsize, columns + 1);

    for (guint i = 0; i < rows->len; i++) {
        char **row = rows->pdata[i];
        if (!row[0] || !row[1])
            continue;
        for (gsize j = 0; j < columns && row[j]; j++)
            widths[j] = MAX(widths[j], (gsize)g_utf8_strlen(text_of(row[j]), -1));
    }
    for (guint i = 0; i < rows->len; i++)
        print_row(rows->pdata[i], widths, i == 0 ? "\033[1m" : NULL);
    flush();
}

void vh_report_line(const char *line)
{
    const char *colour = *line == '*' ? "\033[1m" : colour_of(line);
    const char *text = *line == '*' ? line + 1 : text_of(line);
    gboolean coloured = colour && colours();

    printf("%s%s%s\n", coloured ? colour : "", text, coloured ? "\033[0m" : "");
    flush();
}

enum { FURTHER = 2 };

int vh_report_width(void)
{
    enum { LEAST = 40, USUAL = 80 };
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return USUAL;
    return CLAMP(size.ws_col, LEAST, USUAL);
}

void vh_report_wrapped(int indent, const char *mark, const char *format, ...)
{
    const char *colour = colours() ? colour_of(mark) : NULL;
    const char *shown = text_of(mark);
    gsize left = strlen(shown);
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *line = vh_text_one_line(text);
    g_autofree char *whole = g_strconcat(shown, line, NULL);
    g_auto(GStrv) lines = vh_text_wrap(whole, vh_report_width() - indent - FURTHER);
    for (gsize i = 0; lines[i]; i++) {
        gsize marked = MIN(left, strlen(lines[i]));
        printf("%*s", i == 0 ? indent : indent + FURTHER, "");
        if (marked > 0)
            printf("%s%.*s%s", colour ? colour : "", (int)marked, lines[i],
                   colour ? "\033[0m" : "");
        printf("%s\n", lines[i] + marked);
        left -= MIN(left, marked + 1);
    }
    flush();
}

/* Later lines stand @indent columns in. */
static void put_after(const char *before, int indent, const char *colour, const char *text)
{
    gboolean coloured = *colour && colours();
    g_auto(GStrv) lines =
        vh_text_wrap(text, vh_report_width() - MAX((glong)strlen(before), indent));

    printf("%s%s", coloured ? colour : "", before);
    for (gsize i = 0; lines[i]; i++)
        printf("%*s%s%s", i > 0 ? indent : 0, "", lines[i], lines[i + 1] ? "\n" : "");
    printf("%s\n", coloured ? "\033[0m" : "");
    flush();
}

void vh_report_item(int indent, const char *mark, const char *text)
{
    g_autofree char *before = g_strdup_printf("%*s%s", indent, "", mark);
    g_autofree char *line = vh_text_one_line(text);

    put_after(before, (int)strlen(before), "", line);
}

void vh_report_event(const VhEvent *event, gpointer data)
{
    static const char *const labels[] = {
        [VH_EVENT_STEP] = "  ", [VH_EVENT_NOTE] = "  note: ", [VH_EVENT_STUCK] = "  stuck: "};
    const char *mark = event->kind < G_N_ELEMENTS(labels) ? labels[event->kind] : NULL;
    const char *colour = event->priority <= LOG_ERR       ? "\033[31m"
                         : event->priority == LOG_WARNING ? "\033[33m"
                                                          : "";

    if (event->priority >= LOG_DEBUG)
        return;
    g_autofree char *time =
        event->duration >= 0 ? g_strdup_printf("%8.3f s ", (double)event->duration / G_USEC_PER_SEC)
                             : g_strdup_printf("%10s ", "");
    g_autofree char *before = g_strconcat(time, mark, NULL);
    put_after(before, (int)strlen(time) + FURTHER, colour, event->text);
}

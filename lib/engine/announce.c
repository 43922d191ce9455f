// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/announce.h"

#include "base/text.h"

/* What is shown on a desktop, at most. */
#define LONGEST 500

void vh_announce(const VhTeller *teller, const VhConfig *config, const char *format, ...)
{
    VhHost *host = teller->engine->host;
    g_autoptr(GPtrArray) terminals = g_ptr_array_new();
    g_autofree char *text = NULL;
    va_list args;

    if (config->quiet)
        return;
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    /* tty0 is the console in front; a guest's name may hold anything. */
    g_autofree char *said = vh_text_one_line(text);
    g_autofree char *line = g_strconcat("virt-handoff: ", said, NULL);
    g_autoptr(GPtrArray) sessions = vh_host_sessions(host, NULL);
    g_ptr_array_add(terminals, (gpointer) "tty0");
    for (guint i = 0; sessions && i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (session->terminal && !vh_session_is_graphical(session))
            g_ptr_array_add(terminals, session->terminal);
    }
    g_ptr_array_add(terminals, NULL);
    vh_host_say(host, (const char *const *)terminals->pdata, line);
}

void vh_announce_later(const VhTeller *teller, const VhConfig *config, const char *seat,
                       const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    if (config && config->quiet)
        return;
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *start = g_strndup(text, LONGEST);
    g_autofree char *said = vh_text_one_line(start);
    vh_host_tell_desktop(teller->engine->host, seat, said);
}

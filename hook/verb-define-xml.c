// SPDX-License-Identifier: GPL-2.0-or-later
/* Not for people: has libvirt define the domain XML on stdin, see vh_machine_define. */
#include <unistd.h>

#include "domain/libvirt.h"
#include "hook/report.h"
#include "hook/verbs.h"

static char *read_input(GError **error)
{
    enum { MOST = 8 * 1024 * 1024 };
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[4096];
    gssize n;

    while ((n = read(STDIN_FILENO, buffer, sizeof buffer)) > 0 && text->len <= MOST)
        g_string_append_len(text, buffer, n);
    if (n == 0)
        return g_string_free(g_steal_pointer(&text), FALSE);
    vh_error_set(error, VH_ERROR_FAILED, "the definition cannot be read from standard input");
    return NULL;
}

int vh_verb_define_xml(int argc, char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = read_input(&error);

    if (xml && vh_libvirt_domain_define(xml, &error))
        return VH_EXIT_OK;
    vh_report_error(NULL, error);
    return VH_EXIT_FAILED;
}

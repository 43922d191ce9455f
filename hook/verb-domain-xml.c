// SPDX-License-Identifier: GPL-2.0-or-later
/* Not for people: prints libvirt's XML of a guest, see vh_machine_domain_xml and
 * vh_machine_definition. */
#include <string.h>

#include "domain/libvirt.h"
#include "hook/report.h"
#include "hook/verbs.h"

static int show(const char *guest, gboolean definition)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = vh_libvirt_domain_xml(guest, definition, &error);

    /* Nothing at all is the answer that tells apart what is an error of the guest's name alone. */
    if (vh_error_is_gone(error))
        return VH_EXIT_OK;
    if (!xml) {
        vh_report_error(NULL, error);
        return VH_EXIT_FAILED;
    }
    g_autoptr(GBytes) bytes = g_bytes_new_static(xml, strlen(xml));
    return vh_report_bytes(bytes) ? VH_EXIT_OK : VH_EXIT_FAILED;
}

int vh_verb_domain_xml(int argc, char **argv, const VhOptions *options)
{
    return show(argv[0], FALSE);
}

int vh_verb_definition(int argc, char **argv, const VhOptions *options)
{
    return show(argv[0], TRUE);
}

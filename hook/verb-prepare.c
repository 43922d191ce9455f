// SPDX-License-Identifier: GPL-2.0-or-later
/* prepare GUEST: the same as libvirt's start of the guest would do, by hand (over SSH). */
#include "hook/report.h"
#include "hook/verbs.h"

int vh_verb_prepare(int argc, char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) xml = vh_machine_domain_xml(argv[0], options->xml, &error);

    if (xml)
        return vh_machine_answer("prepare", "begin", argv[0], xml, options->force);
    vh_report_error(argv[0], error);
    return VH_EXIT_FAILED;
}

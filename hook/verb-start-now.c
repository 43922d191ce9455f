// SPDX-License-Identifier: GPL-2.0-or-later
/* Not for people: has libvirt start a guest, as the process of a unit that `start` made. */
#include "domain/libvirt.h"
#include "hook/report.h"
#include "hook/verbs.h"

int vh_verb_start_now(int argc, char **argv, const VhOptions *options)
{
    g_autoptr(GError) error = NULL;

    if (vh_libvirt_domain_start(argv[0], &error))
        return VH_EXIT_OK;
    vh_report_error(NULL, error);
    return VH_EXIT_FAILED;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Finding the guest's file. */
#include <limits.h>
#include <string.h>

#include "base/text.h"
#include "engine/engine.h"

VhConfig *vh_engine_config(const VhEngine *engine, const char *guest, GError **error)
{
    g_autofree char *name = g_strconcat(guest, ".conf", NULL);
    g_autofree char *path = g_build_filename(engine->hooks_dir, "kvm.conf.d", name, NULL);

    /* libvirt allows no slash; somebody who types one by hand asks for another directory. A name
     * that no file can have has no file. */
    if (strchr(guest, '/') || *guest == '\0' || strlen(name) > NAME_MAX) {
        vh_error_set(error, VH_ERROR_GONE, "\"%s\" is no guest's name", guest);
        return NULL;
    }
    return vh_config_load_below(engine->trusted ? engine->trusted : "/", path, error);
}

char *vh_engine_no_config(const VhEngine *engine, const char *guest)
{
    g_autofree char *operand = vh_text_operand(guest);

    return g_strdup_printf("%s/kvm.conf.d/%s.conf does not exist, so the hook leaves this guest "
                           "alone; an empty file is enough: virt-handoff init %s",
                           engine->hooks_dir, guest, operand);
}

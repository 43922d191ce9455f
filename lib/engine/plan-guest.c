// SPDX-License-Identifier: GPL-2.0-or-later
/* A plan from what is on disk and in libvirt. */
#include "engine/plan.h"

static VhConfig *config_of(const VhEngine *engine, const char *guest, const char *path,
                           gboolean *ret_missing, GError **error)
{
    g_autoptr(GError) cause = NULL;
    VhConfig *config =
        path ? vh_config_load(path, &cause) : vh_engine_config(engine, guest, &cause);

    *ret_missing = !config && !path && vh_error_is_gone(cause);
    if (*ret_missing)
        return vh_config_parse("", "defaults", error);
    if (!config)
        g_propagate_error(error, g_steal_pointer(&cause));
    return config;
}

VhPlan *vh_plan_for_guest(const VhEngine *engine, const char *guest, GBytes *xml,
                          const char *config_path, GError **error)
{
    gsize length;
    const char *text = g_bytes_get_data(xml, &length);
    gboolean missing;
    g_autoptr(VhConfig) config = config_of(engine, guest, config_path, &missing, error);
    g_autoptr(VhDomain) domain = config ? vh_domain_parse(text, length, error) : NULL;

    if (!domain)
        return NULL;
    g_autoptr(GPtrArray) claims = vh_claims_of_others(engine, domain->uuid);
    VhPlan *plan = vh_plan_new(engine->host, config, domain, claims, error);
    if (plan && missing)
        g_ptr_array_add(plan->notes,
                        g_strdup_printf("%s/kvm.conf.d/%s.conf does not exist, so the hook leaves "
                                        "this guest alone; an empty file is enough",
                                        engine->hooks_dir, guest));
    return plan;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* A plan beside what the other guests hold. */
#include "engine/plan.h"

VhPlan *vh_plan_for_guest(const VhEngine *engine, const VhDomain *domain, const VhConfig *config,
                          GError **error)
{
    g_autoptr(VhConfig) defaults = config ? NULL : vh_config_parse("", "defaults", error);

    if (!config && !defaults)
        return NULL;
    g_autoptr(GPtrArray) claims = vh_claims_of_others(engine, domain->uuid);
    VhPlan *plan = vh_plan_new(engine->host, config ? config : defaults, domain, claims, error);
    if (plan && !config)
        g_ptr_array_add(plan->notes,
                        g_strdup_printf("%s/kvm.conf.d/%s.conf does not exist, so the hook leaves "
                                        "this guest alone; an empty file is enough",
                                        engine->hooks_dir, domain->name));
    return plan;
}

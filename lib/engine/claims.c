// SPDX-License-Identifier: GPL-2.0-or-later
/* Claims come from the journals: two guests cannot hold one device. */
#include "engine/journal.h"
#include "engine/plan.h"

void vh_claim_free(VhClaim *claim)
{
    g_free(claim->guest);
    g_free(claim->address);
    g_free(claim);
}

GPtrArray *vh_claims_of_others(const VhEngine *engine, const char *uuid)
{
    GPtrArray *claims = g_ptr_array_new_with_free_func((GDestroyNotify)vh_claim_free);
    g_autoptr(GPtrArray) journals = engine->state_dir ? vh_journal_list(engine) : NULL;

    for (guint i = 0; journals && i < journals->len; i++) {
        const VhJournal *journal = journals->pdata[i];
        if (g_strcmp0(journal->uuid, uuid) == 0)
            continue;
        for (gsize j = 0; journal->devices[j]; j++) {
            VhClaim *claim = g_new0(VhClaim, 1);
            claim->guest = g_strdup(journal->guest);
            claim->address = g_strdup(journal->devices[j]);
            g_ptr_array_add(claims, claim);
        }
    }
    return claims;
}

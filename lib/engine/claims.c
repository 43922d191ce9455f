// SPDX-License-Identifier: GPL-2.0-or-later
/* Claims come from the journals: two guests cannot hold one device. */
#include "engine/give-back.h"
#include "engine/plan.h"

void vh_claim_free(VhClaim *claim)
{
    g_free(claim->guest);
    g_free(claim->address);
    g_clear_pointer(&claim->args, g_variant_unref);
    g_free(claim);
}

static VhClaim *add_claim(GPtrArray *claims, const VhJournal *journal, const char *turn)
{
    VhClaim *claim = g_new0(VhClaim, 1);

    claim->guest = g_strdup(journal->guest);
    claim->turn = turn;
    g_ptr_array_add(claims, claim);
    return claim;
}

static void add_claims(VhHost *host, GPtrArray *claims, const VhJournal *journal)
{
    const char *turn = vh_libvirts_turn(host, journal);

    for (gsize i = 0; journal->devices[i]; i++)
        add_claim(claims, journal, turn)->address = g_strdup(journal->devices[i]);
    for (guint i = 0; i < journal->records->len; i++) {
        const VhRecord *record = journal->records->pdata[i];
        if (!record->kind || !record->kind->shared || !vh_journal_holds(record))
            continue;
        VhClaim *claim = add_claim(claims, journal, turn);
        claim->kind = record->kind;
        claim->args = g_variant_ref(record->args);
    }
}

GPtrArray *vh_claims_of_others(const VhEngine *engine, const char *uuid)
{
    GPtrArray *claims = g_ptr_array_new_with_free_func((GDestroyNotify)vh_claim_free);
    g_autoptr(GPtrArray) journals = vh_journal_list(engine, uuid);

    for (guint i = 0; i < journals->len; i++)
        add_claims(engine->host, claims, journals->pdata[i]);
    return claims;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The part of a domain that only inspections look at. Nothing in it is an error: what libvirt
 * would refuse is left out. */
#pragma once

#include "domain/domain.h"
#include "domain/events.h"

typedef struct {
    VhDomain *domain;
    GString *memory; /* the number of its element */
    guint64 memory_unit;
    VhDomainNetwork *network; /* of the last interface that began; borrowed */
} VhFacts;

void vh_facts_start(VhFacts *facts, VhDomain *domain);
void vh_facts_begin(VhFacts *facts, const char *path, const VhXmlElement *element);
void vh_facts_text(VhFacts *facts, const char *path, const char *text, gsize length);
void vh_facts_finish(VhFacts *facts);
/* Frees these members of the domain. */
void vh_facts_free(VhDomain *domain);

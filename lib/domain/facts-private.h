// SPDX-License-Identifier: GPL-2.0-or-later
/* The part of a domain that only inspections look at. Nothing in it is an error: what libvirt
 * would refuse is left out. */
#pragma once

#include "base/cpus.h"
#include "domain/domain.h"
#include "domain/events.h"

typedef struct {
    guint64 size;
    gboolean everywhere; /* for every cell that no other names */
    VhCpus cells;
} VhMemoryPage;

/* A NUMA cell of the guest. */
typedef struct {
    int id, node; /* of the host, -1: any */
    guint64 bytes;
} VhMemoryCell;

typedef struct {
    GArray *pages;          /* VhMemoryPage */
    GArray *cells, *places; /* VhMemoryCell: what they are, and where <memnode> has them */
    int node;               /* of cells without a place */
    VhCpus pinned;
} VhMemoryFacts;

typedef struct {
    VhDomain *domain;
    VhMemoryFacts backing;
    GString *memory; /* the number of its element */
    guint64 memory_unit;
    VhDomainNetwork *network; /* of the last interface that began; borrowed */
} VhFacts;

void vh_facts_start(VhFacts *facts, VhDomain *domain);
void vh_facts_begin(VhFacts *facts, const char *path, const VhXmlElement *element);
void vh_facts_text(VhFacts *facts, const char *path, const char *text, gsize length);
void vh_facts_finish(VhFacts *facts);
/* Makes the lists among these members of a new domain, and frees all of them. */
void vh_facts_make(VhDomain *domain);
void vh_facts_free(VhDomain *domain);
/* @number in the unit that the element has, in bytes; 0: nothing one could have. */
guint64 vh_facts_amount(const char *number, const VhXmlElement *element);

/* memory.c; start and finish with the facts'. */
void vh_memory_start(VhMemoryFacts *facts);
void vh_memory_begin(VhMemoryFacts *facts, const char *path, const VhXmlElement *element);
void vh_memory_finish(VhMemoryFacts *facts, VhDomain *domain);

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What this program needs to know of a libvirt domain, read from its XML (libvirt's formatdomain;
 * what a hook gets on stdin). No network, no entities, bounded size and depth: the text is not
 * trusted. It may hold passwords, so nothing of it is kept or logged beyond these fields.
 */
#pragma once

#include <glib.h>

#include "base/error.h"

typedef struct {
    char *address;      /* of the host's function, canonical */
    gboolean managed;   /* managed='yes': libvirt binds and gives back what we left unbound */
    char *origin;       /* "hostdev", "interface" or "nvme" */
    char *rom_file;     /* <rom file=…>, or NULL */
    char *driver_model; /* <driver model=…> (libvirt 10), or NULL */
} VhDomainDevice;

typedef struct {
    char *kind; /* "network", "bridge", "direct", "user", … */
    char *name; /* of the network or of the host's interface; NULL: none */
} VhDomainNetwork;

/* Memory that is to be huge pages. */
typedef struct {
    guint64 size;  /* of a page in bytes, 0: the host's default size */
    guint64 bytes; /* of memory */
    int node;      /* NUMA node of the host, -1: any */
} VhDomainPages;

typedef struct {
    char *name;
    char *uuid;         /* lower case, with dashes */
    GPtrArray *devices; /* VhDomainDevice, in the order of the XML, each address once */

    GPtrArray *pages; /* VhDomainPages: what <memoryBacking> asks for, each size and node once */
    char *pinned;     /* list of the host's CPUs that a <vcpupin> names; NULL: none */

    /* What only inspections look at; NULL where the XML does not say. */
    char *type;          /* "kvm", "qemu" */
    char *machine;       /* "pc-q35-9.0", "q35", "pc-i440fx-6.2" */
    char *firmware;      /* <os firmware=…>: "efi", "bios" */
    char *loader_type;   /* "pflash", "rom" */
    char *cpu_mode;      /* "host-passthrough" */
    gboolean kvm_hidden; /* <kvm><hidden state='on'/> */
    char *vendor_id;     /* <hyperv><vendor_id state='on' value=…/> */
    GPtrArray *graphics; /* char *: "spice", "vnc" */
    GPtrArray *videos;   /* char *: "qxl", "none" */
    GPtrArray *images;   /* char *: files of disks that are not to be missing */
    GPtrArray *networks; /* VhDomainNetwork */
    guint64 memory;      /* bytes, 0: not known */
    gboolean hugepages;  /* <memoryBacking><hugepages> */
    guint64 page_size;   /* bytes, 0: the host's default size */
} VhDomain;

/*
 * Parses @length bytes. VH_ERROR_DOMAIN for anything that is no domain XML: not well-formed (with
 * line), a DOCTYPE, no name or uuid, a hostdev address out of range, over 4 MiB, deeper than 256.
 */
VhDomain *vh_domain_parse(const char *xml, gsize length, GError **error);

void vh_domain_free(VhDomain *domain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhDomain, vh_domain_free)

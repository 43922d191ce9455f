// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Option ROMs, as the PCI Firmware Specification 3.x (chapter 5) and the UEFI specification lay
 * them out: a chain of images, each with a 55 AA header that points to a PCIR structure. What a
 * flash dump of an NVIDIA card has around that chain is told apart from it.
 */
#pragma once

#include <glib.h>

#include "base/error.h"

/* No expansion ROM BAR is larger (PCI Local Bus Specification 3.0, 6.2.5.2). */
enum { VH_ROM_MOST = 16 * 1024 * 1024 };

/* Code types of an image (PCIR, byte 0x14). */
enum { VH_ROM_X86 = 0, VH_ROM_OPEN_FIRMWARE = 1, VH_ROM_PA_RISC = 2, VH_ROM_EFI = 3 };

typedef struct {
    gsize offset; /* in the file */
    gsize size;   /* as the PCIR structure has it, in bytes; the file may end before */
    guint8 code_type;
    guint16 vendor, device;
    guint32 class_code; /* 24 bits */
    gboolean last;      /* it says that no image follows */
    gboolean cut;       /* the file ends within it */

    gboolean has_checksum; /* x86 images have one… */
    gboolean checksum_ok;  /* …and it fits */

    gboolean efi; /* code type 3 with the signature 0x0EF1; then the rest is set */
    guint16 subsystem, machine, compression;
    guint16 efi_offset; /* of the program, in the image */
} VhRomImage;

typedef struct {
    gsize length;        /* of the file */
    gsize start, end;    /* what the images take of it */
    GPtrArray *images;   /* VhRomImage, at least one */
    gboolean complete;   /* no image is cut off, and the last one says that it is */
    char *before;        /* what is in front of the first one, in words; NULL: nothing */
    char *after;         /* what is behind the last one; NULL: nothing */
    GPtrArray *problems; /* char *, sentences: why it may not work; mostly empty */
    GPtrArray *notes;    /* char *, sentences: worth knowing */
} VhRom;

/*
 * The ROM in @length bytes of @data: from the first 55 AA header that a PCIR structure confirms.
 * VH_ERROR_FAILED with a sentence that says what the bytes are instead when there is none (empty,
 * all ff, all 00, too large, cut off, something else).
 */
VhRom *vh_rom_parse(const guint8 *data, gsize length, GError **error);

/* "x86", "EFI", "Open Firmware", "PA-RISC", "unknown". Static. */
const char *vh_rom_code_name(guint8 code_type);
/* The machine of an EFI image: "x64", "ia32", "aa64", … or "unknown". Static. */
const char *vh_rom_machine_name(guint16 machine);
/* "boot service driver", "runtime driver", "application", "unknown". Static. */
const char *vh_rom_subsystem_name(guint16 subsystem);

/* Whether there is such an image, and the file has all of it. */
gboolean vh_rom_has(const VhRom *rom, guint8 code_type);

/* All of it as a{sv}, floating, for --json. */
GVariant *vh_rom_variant(const VhRom *rom);

/* The same of @content, which is parsed by vh_confined(); an error begins with @path. The offsets
 * are within the content, and there is an image. */
GVariant *vh_rom_read(const char *path, GBytes *content, GError **error);

void vh_rom_free(VhRom *rom);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VhRom, vh_rom_free)

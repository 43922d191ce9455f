// SPDX-License-Identifier: GPL-2.0-or-later
/* The tables of guests, and of what lies in files: ROMs, texts, programs. */
#include <string.h>

#include "sim/fields.h"

static gboolean is_bytes(const char *text)
{
    return strlen(text) % 2 == 0 && text[strspn(text, "0123456789abcdef")] == '\0';
}

static gboolean is_mode(const char *text)
{
    return strlen(text) == 4 && strspn(text, "01234567") == 4;
}

static const char *const rom_problems[] = {"empty", "unreadable", "no file", NULL};

static const SimField guest_fields[] = {
    NAME(SimGuest, name),
    {.key = "pid",
     .kind = SIM_NUMBER,
     AT(SimGuest, pid),
     .minimum = 0,
     .maximum = MAX_PID,
     .refers = "processes"},
    {.key = "devices", .kind = SIM_TEXTS, AT(SimGuest, devices), .refers = "functions"},
    END,
};
const SimType sim_guest_type = {sizeof(SimGuest), guest_fields, TRUE};

static const SimField rom_fields[] = {
    NAME(SimRom, path),
    WORD(SimRom, problem, rom_problems),
    END,
};
const SimType sim_rom_type = {sizeof(SimRom), rom_fields, TRUE};

static const SimField file_fields[] = {
    RULED(SimFile, path, is_absolute, "an absolute path"),
    TEXT(SimFile, text),
    CHECKED(SimFile, hex, is_bytes, "two hex digits for each byte"),
    TEXT(SimFile, link),
    CHECKED(SimFile, mode, is_mode, "four octal digits"),
    NUMBER(SimFile, uid, 0, G_MAXUINT32),
    NUMBER(SimFile, gid, 0, G_MAXUINT32),
    NUMBER(SimFile, changed, 0, MAX_TIME),
    TEXT(SimFile, label),
    END,
};
const SimType sim_file_type = {sizeof(SimFile), file_fields, TRUE};

static const SimField program_fields[] = {
    RULED(SimProgram, path, is_absolute, "an absolute path"),
    NUMBER(SimProgram, status, 0, 255),
    MS(SimProgram, ms),
    TEXT(SimProgram, output),
    TEXT(SimProgram, error),
    FLAG(SimProgram, unsafe),
    END,
};
const SimType sim_program_type = {sizeof(SimProgram), program_fields, TRUE};

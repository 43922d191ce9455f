// SPDX-License-Identifier: GPL-2.0-or-later
/* The tables of the schema (documented in snapshot.h), and what no table can say. */
#include "sim/fields.h"

#include <string.h>

#include "base/address.h"
#include "base/json.h"

static gboolean is_address(const char *text)
{
    g_autofree char *canonical = vh_address_canonical(text, NULL);

    return canonical && g_str_equal(canonical, text);
}

/* "10de:2489" */
static gboolean is_id(const char *text)
{
    if (strlen(text) != 9 || text[4] != ':')
        return FALSE;
    return strspn(text, "0123456789abcdef") == 4 && strspn(text + 5, "0123456789abcdef") == 4;
}

static gboolean is_class(const char *text)
{
    gsize length = strlen(text);

    return length >= 2 && length <= 6 && strspn(text, "0123456789abcdef") == length;
}

/* "226:0" */
static gboolean is_number(const char *text)
{
    gsize major = strspn(text, "0123456789");
    gsize minor = text[major] == ':' ? strspn(text + major + 1, "0123456789") : 0;

    return major > 0 && major < 5 && minor > 0 && minor < 8 && text[major + 1 + minor] == '\0';
}

static gboolean is_module(const char *text)
{
    return *text && !strpbrk(text, "-/. ");
}

static const char *const module_states[] = {"live", "available", "builtin", NULL};
static const char *const load_states[] = {"loaded", "not-found", "masked", "error", NULL};
static const char *const active_states[] = {"active",       "inactive", "activating",
                                            "deactivating", "failed",   NULL};
static const char *const job_results[] = {"done",     "failed",     "timeout",
                                          "canceled", "dependency", NULL};
static const char *const jobs[] = {"stop", "start", NULL};
static const char *const session_types[] = {"unspecified", "tty", "x11", "wayland",
                                            "mir",         "web", NULL};
static const char *const session_classes[] = {"user",       "user-early", "greeter", "lock-screen",
                                              "background", "manager",    NULL};
static const char *const session_states[] = {"online", "active", "closing", NULL};
static const char *const wedge_kinds[] = {"probe", "dead", NULL};
static const char *const use_kinds[] = {"mount", "swap", "array", "open", "route", NULL};

static const SimField node_fields[] = {
    RULED(SimNode, path, is_absolute, "an absolute path"),
    NAME(SimNode, subsystem),
    RULED(SimNode, number, is_number, "a device number like 226:0"),
    FLAG(SimNode, blocks),
    TEXT(SimNode, driver),
    REFERS(SimNode, module, "modules"),
    END,
};
const SimType sim_node_type = {sizeof(SimNode), node_fields, FALSE};

static const SimField use_fields[] = {
    {.key = "kind", .kind = SIM_TEXT, AT(SimUse, kind), .required = TRUE, .words = use_kinds},
    NAME(SimUse, name),
    NAME(SimUse, where),
    END,
};
static const SimType use_type = {sizeof(SimUse), use_fields, FALSE};

static const SimField function_fields[] = {
    RULED(SimFunction, address, is_address, "a canonical PCI address like 0000:09:00.0"),
    HEX(SimFunction, "class", class_code, 6),
    HEX(SimFunction, "vendor", vendor, 4),
    HEX(SimFunction, "device", device, 4),
    REFERS(SimFunction, driver, "drivers"),
    TEXT(SimFunction, driver_override),
    {.key = "group",
     .kind = SIM_NUMBER,
     AT(SimFunction, group),
     .minimum = -1,
     .maximum = 65535,
     .fallback = -1},
    FLAG(SimFunction, bridge),
    FLAG(SimFunction, boot_vga),
    TEXT(SimFunction, seat),
    RECORDS(SimFunction, nodes, sim_node_type),
    RECORDS(SimFunction, uses, use_type),
    TEXT(SimFunction, rom),
    FLAG(SimFunction, rom_needs_free),
    TEXTS(SimFunction, resets),
    WORD(SimFunction, wedges, wedge_kinds),
    FLAG(SimFunction, unbinding),
    FLAG(SimFunction, stuck),
    TIME(SimFunction, nodes_at),
    FLAG(SimFunction, removed),
    FLAG(SimFunction, returns),
    FLAG(SimFunction, wedged),
    END,
};
static const SimType function_type = {sizeof(SimFunction), function_fields, TRUE};

static const SimField driver_fields[] = {
    NAME(SimDriver, name),
    REFERS(SimDriver, module, "modules"),
    {.key = "ids",
     .kind = SIM_TEXTS,
     AT(SimDriver, ids),
     .check = is_id,
     .expected = "vendor:device in hex"},
    {.key = "classes",
     .kind = SIM_TEXTS,
     AT(SimDriver, classes),
     .check = is_class,
     .expected = "2 to 6 hex digits"},
    FLAG(SimDriver, vfio),
    FLAG(SimDriver, unbind_hangs),
    FLAG(SimDriver, bind_fails),
    FLAG(SimDriver, framebuffer),
    FLAG(SimDriver, console_holds),
    FLAG(SimDriver, takes_framebuffer),
    MS(SimDriver, nodes_ms),
    MS(SimDriver, bind_ms),
    MS(SimDriver, unbind_ms),
    END,
};
static const SimType driver_type = {sizeof(SimDriver), driver_fields, TRUE};

static const SimField module_fields[] = {
    RULED(SimModule, name, is_module, "a module's name with underscores"),
    {.key = "state",
     .kind = SIM_TEXT,
     AT(SimModule, state),
     .required = TRUE,
     .words = module_states},
    {.key = "depends", .kind = SIM_TEXTS, AT(SimModule, depends), .refers = "modules"},
    {.key = "softdeps", .kind = SIM_TEXTS, AT(SimModule, softdeps), .refers = "modules"},
    NUMBER(SimModule, references, 0, 1000),
    FLAG(SimModule, unload_hangs),
    FLAG(SimModule, load_fails),
    FLAG(SimModule, needs_device),
    MS(SimModule, load_ms),
    MS(SimModule, unload_ms),
    FLAG(SimModule, stuck),
    END,
};
static const SimType module_type = {sizeof(SimModule), module_fields, TRUE};

static const SimField console_fields[] = {
    {.key = "number",
     .kind = SIM_NUMBER,
     AT(SimConsole, number),
     .required = TRUE,
     .minimum = 0,
     .maximum = 15 /* MAX_NR_CON_DRIVER, drivers/tty/vt/vt.c */},
    NAME(SimConsole, name),
    FLAG(SimConsole, bound),
    FLAG_ON(SimConsole, registered),
    FLAG(SimConsole, stuck),
    END,
};
static const SimType console_type = {sizeof(SimConsole), console_fields, TRUE};

static const SimField framebuffer_fields[] = {
    NAME(SimFramebuffer, device),
    TEXT(SimFramebuffer, driver),
    TEXTS(SimFramebuffer, drivers),
    REFERS(SimFramebuffer, address, "functions"),
    RECORDS(SimFramebuffer, nodes, sim_node_type),
    FLAG(SimFramebuffer, bind_fails),
    FLAG(SimFramebuffer, removed),
    FLAG(SimFramebuffer, stuck),
    END,
};
static const SimType framebuffer_type = {sizeof(SimFramebuffer), framebuffer_fields, TRUE};

static const SimField unit_fields[] = {
    NAME(SimUnit, id),
    TEXTS(SimUnit, aliases),
    WORD(SimUnit, load, load_states),
    WORD(SimUnit, active, active_states),
    MS(SimUnit, stop_ms),
    MS(SimUnit, start_ms),
    WORD(SimUnit, stop_result, job_results),
    WORD(SimUnit, start_result, job_results),
    {.key = "needs",
     .kind = SIM_TEXTS,
     AT(SimUnit, needs),
     .check = is_absolute,
     .expected = "an absolute path"},
    {.key = "restart_ms",
     .kind = SIM_NUMBER,
     AT(SimUnit, restart_ms),
     .minimum = -1,
     .maximum = 3600 * 1000,
     .fallback = -1},
    FLAG(SimUnit, blind),
    NUMBER(SimUnit, reloaded, 0, MAX_TIME),
    WORD(SimUnit, job, jobs),
    TIME(SimUnit, job_at),
    FLAG(SimUnit, again),
    NUMBER(SimUnit, starts, 0, G_MAXINT32),
    TIME(SimUnit, starts_since),
    END,
};
const SimType sim_unit_type = {sizeof(SimUnit), unit_fields, TRUE};

static const SimField user_fields[] = {
    {.key = "uid",
     .kind = SIM_NUMBER,
     AT(SimUser, uid),
     .required = TRUE,
     .minimum = 0,
     .maximum = G_MAXUINT32 - 1},
    NAME(SimUser, name),
    FLAG(SimUser, linger),
    {.key = "stop_delay_ms",
     .kind = SIM_NUMBER,
     AT(SimUser, stop_delay_ms),
     .minimum = 0,
     .maximum = 3600 * 1000,
     .fallback = 10000},
    TIME(SimUser, stop_at),
    END,
};
const SimType sim_user_type = {sizeof(SimUser), user_fields, TRUE};

static const SimField session_fields[] = {
    NAME(SimSession, id),
    {.key = "uid",
     .kind = SIM_NUMBER,
     AT(SimSession, uid),
     .required = TRUE,
     .minimum = 0,
     .maximum = G_MAXUINT32 - 1,
     .refers = "users"},
    TEXT(SimSession, seat),
    {.key = "type",
     .kind = SIM_TEXT,
     AT(SimSession, type),
     .required = TRUE,
     .words = session_types},
    {.key = "class",
     .kind = SIM_TEXT,
     AT(SimSession, class),
     .required = TRUE,
     .words = session_classes},
    WORD(SimSession, state, session_states),
    TEXT(SimSession, desktop),
    NUMBER(SimSession, vt, 0, 63),
    FLAG(SimSession, behind),
    FLAG(SimSession, ignores_logout),
    REFERS(SimSession, unit, "units"),
    TEXT(SimSession, process),
    MS(SimSession, close_ms),
    TIME(SimSession, close_at),
    FLAG(SimSession, terminated),
    FLAG_ON(SimSession, open),
    END,
};
static const SimType session_type = {sizeof(SimSession), session_fields, TRUE};

static const SimField open_fields[] = {
    NAME(SimOpen, path),
    REFERS(SimOpen, module, "modules"),
    FLAG(SimOpen, gone),
    END,
};
const SimType sim_open_type = {sizeof(SimOpen), open_fields, FALSE};

static const SimField process_fields[] = {
    {.key = "pid",
     .kind = SIM_NUMBER,
     AT(SimProcess, pid),
     .required = TRUE,
     .minimum = 2,
     .maximum = MAX_PID},
    {.key = "start_time",
     .kind = SIM_NUMBER,
     AT(SimProcess, start_time),
     .minimum = 1,
     .maximum = G_MAXINT64,
     .fallback = 1},
    NAME(SimProcess, command),
    {.key = "uid",
     .kind = SIM_NUMBER,
     AT(SimProcess, uid),
     .required = TRUE,
     .minimum = 0,
     .maximum = G_MAXUINT32 - 1,
     .refers = "users"},
    REFERS(SimProcess, unit, "units"),
    TEXT(SimProcess, user_unit),
    REFERS(SimProcess, session, "sessions"),
    FLAG(SimProcess, of_desktop),
    FLAG(SimProcess, stays),
    FLAG(SimProcess, watches),
    {.key = "nodes",
     .kind = SIM_TEXTS,
     AT(SimProcess, nodes),
     .check = is_absolute,
     .expected = "an absolute path"},
    {.key = "term_ms",
     .kind = SIM_NUMBER,
     AT(SimProcess, term_ms),
     .minimum = -1,
     .maximum = 3600 * 1000},
    TIME(SimProcess, ends_at),
    RECORDS(SimProcess, open, sim_open_type),
    FLAG(SimProcess, started),
    FLAG_ON(SimProcess, runs),
    END,
};
const SimType sim_process_type = {sizeof(SimProcess), process_fields, TRUE};

static const SimField machine_fields[] = {
    {.key = "version",
     .kind = SIM_NUMBER,
     AT(SimMachine, version),
     .required = TRUE,
     .minimum = 1,
     .maximum = 1},
    TEXT(SimMachine, about),
    TEXT(SimMachine, boot_id),
    TEXT(SimMachine, services),
    {.key = "clock",
     .kind = SIM_NUMBER,
     AT(SimMachine, clock),
     .minimum = 1,
     .maximum = MAX_TIME,
     .fallback = G_USEC_PER_SEC},
    FLAG_ON(SimMachine, iommu),
    FLAG_ON(SimMachine, bus),
    FLAG(SimMachine, stopping),
    {.key = "parent",
     .kind = SIM_NUMBER,
     AT(SimMachine, parent),
     .minimum = 0,
     .fallback = SIM_SOMEBODY,
     .maximum = MAX_PID,
     .refers = "processes"},
    RECORDS(SimMachine, functions, function_type),
    RECORDS(SimMachine, drivers, driver_type),
    RECORDS(SimMachine, modules, module_type),
    RECORDS(SimMachine, consoles, console_type),
    RECORDS(SimMachine, framebuffers, framebuffer_type),
    RECORDS(SimMachine, units, sim_unit_type),
    RECORDS(SimMachine, users, sim_user_type),
    RECORDS(SimMachine, sessions, session_type),
    RECORDS(SimMachine, processes, sim_process_type),
    RECORDS(SimMachine, guests, sim_guest_type),
    RECORDS(SimMachine, roms, sim_rom_type),
    RECORDS(SimMachine, files, sim_file_type),
    RECORDS(SimMachine, programs, sim_program_type),
    RECORDS(SimMachine, tunables, sim_tunable_type),
    RECORDS(SimMachine, page_pools, sim_page_pool_type),
    TEXT(SimMachine, cpus),
    NUMBER(SimMachine, next_pid, 0, MAX_PID),
    NUMBER(SimMachine, next_session, 0, G_MAXINT32),
    END,
};
const SimType sim_machine_type = {sizeof(SimMachine), machine_fields, FALSE};

SimMachine *sim_snapshot_read(const char *text, GError **error)
{
    g_autoptr(GVariant) dict = vh_json_parse_confined("snapshot", text, error);

    if (!dict)
        return NULL;
    SimMachine *machine = sim_record_read(&sim_machine_type, dict, "", error);
    if (machine && sim_record_check_references(machine, error) && sim_check(machine, error))
        return machine;
    sim_record_free(machine);
    return NULL;
}

char *sim_snapshot_write(const SimMachine *machine)
{
    return vh_json_pretty(sim_record_write(machine));
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* What is peculiar to some devices: virtual functions and what they hang on, the other functions of
 * a card, keyboard and mouse on a USB controller. */
#include <string.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "engine/plan-private.h"

#define DEVICES "/sys/bus/pci/devices"

/* ---- virtual functions (Documentation/PCI/pci-iov-howto.rst) ---- */

/* The addresses that the links "virtfnN" of the function lead to. */
static GPtrArray *virtual_functions(VhHost *host, const char *address)
{
    g_autofree char *dir = g_build_filename(DEVICES, address, NULL);
    g_auto(GStrv) names = vh_host_list(host, dir);
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);

    for (char **name = names; *name; name++) {
        g_autofree char *path = g_build_filename(dir, *name, NULL);
        g_autofree char *target =
            g_str_has_prefix(*name, "virtfn") ? vh_host_link(host, path, NULL) : NULL;
        if (target)
            g_ptr_array_add(found, g_path_get_basename(target));
    }
    return found;
}

static const char *claimed_by(const VhPlanning *planning, const char *address)
{
    for (guint i = 0; i < planning->claims->len; i++) {
        const VhClaim *claim = planning->claims->pdata[i];
        if (g_strcmp0(claim->address, address) == 0)
            return claim->guest;
    }
    return NULL;
}

static const VhPciFunction *find(const VhPlanning *planning, const char *address)
{
    for (guint i = 0; i < planning->all->len; i++) {
        const VhPciFunction *function = planning->all->pdata[i];
        if (g_str_equal(function->address, address))
            return function;
    }
    return NULL;
}

/* They end before the function that they hang on goes. */
void vh_plan_check_virtual(VhPlanning *planning, VhPlanDevice *device)
{
    g_autoptr(GPtrArray) virtuals = NULL;

    if (!vh_plan_moves(device))
        return;
    virtuals = virtual_functions(planning->host, device->address);
    device->virtuals = virtuals->len;
    for (guint i = 0; i < virtuals->len; i++) {
        const VhPciFunction *function = find(planning, virtuals->pdata[i]);
        const char *guest = claimed_by(planning, virtuals->pdata[i]);
        if (!function || (!function->driver && !guest))
            continue;
        vh_plan_refuse(planning,
                       "%s has virtual functions, and %s is in use by %s%s: pass that one "
                       "instead, or end them: echo 0 > " DEVICES "/%s/sriov_numvfs",
                       device->address, function->address, guest ? "guest " : "",
                       guest ? guest : function->driver, device->address);
        return;
    }
    if (device->virtuals > 0)
        vh_plan_note(planning,
                     "the %u virtual function(s) of %s end while the guest has it, and come back "
                     "without what was set on them",
                     device->virtuals, device->address);
}

void vh_plan_virtual(VhPlanning *planning)
{
    const VhPlan *plan = planning->plan;

    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (device->virtuals > 0)
            vh_plan_add(planning, &vh_step_virtual, device->address,
                        g_variant_new_parsed("{'address': <%s>}", device->address));
    }
}

/* ---- the other functions of a card ---- */

static gboolean same_slot(const char *a, const char *b)
{
    const char *dot = strrchr(a, '.');

    return dot && strncmp(a, b, (gsize)(dot - a) + 1) == 0;
}

/* Graphics cards have functions for sound, USB and USB-C (UCSI) beside the display. Those in other
 * groups may stay, but then the slot cannot be reset as a whole. */
static void note_rest_of_card(VhPlanning *planning, const VhPlanDevice *device)
{
    g_autoptr(GPtrArray) rest = g_ptr_array_new();

    if (!device->now || !vh_pci_is_display(device->now))
        return;
    for (guint i = 0; i < planning->all->len; i++) {
        const VhPciFunction *other = planning->all->pdata[i];
        if (same_slot(device->address, other->address) && !other->bridge &&
            other->iommu_group != device->now->iommu_group &&
            !vh_plan_device(planning->plan, other->address) && !other->vfio)
            g_ptr_array_add(rest, other->address);
    }
    if (rest->len == 0)
        return;
    g_ptr_array_add(rest, NULL);
    g_autofree char *list = vh_text_list((const char *const *)rest->pdata);
    vh_plan_note(planning,
                 "%s stay%s with the host, though on the same card as %s: without all of it the "
                 "card cannot be reset as a whole; add what is missing to the domain when the "
                 "guest starts only once",
                 list, rest->len == 2 ? "s" : "", device->address);
}

/* ---- keyboard and mouse ---- */

typedef struct {
    guint passed, kept; /* devices of a kind, on what is passed and elsewhere */
} Count;

enum { KEYBOARD, MOUSE, N_KINDS };

/* Whether udev calls the event device one ("E:ID_INPUT_KEYBOARD=1"), by its number "13:66". */
static gboolean is_input(VhHost *host, const char *record, const char *property)
{
    g_autofree char *path = g_build_filename("/run/udev/data", record, NULL);
    g_autofree char *text = vh_host_read(host, path, NULL);
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

    return g_strv_contains((const char *const *)lines, property);
}

static void count_record(VhHost *host, const char *record, gboolean passed, Count *counts)
{
    static const char *const properties[N_KINDS] = {"E:ID_INPUT_KEYBOARD=1", "E:ID_INPUT_MOUSE=1"};

    for (gsize i = 0; i < N_KINDS; i++)
        if (is_input(host, record, properties[i]))
            *(passed ? &counts[i].passed : &counts[i].kept) += 1;
}

/* The records in udev's database of the event devices below the function. */
static void take_records(VhPlanning *planning, const VhPlanDevice *device, GHashTable *records)
{
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(planning->host, device->address, NULL);

    for (guint i = 0; nodes && i < nodes->len; i++) {
        const VhNode *node = nodes->pdata[i];
        if (g_str_has_prefix(node->path, "/dev/input/event"))
            g_hash_table_add(records,
                             g_strdup_printf("c%u:%u", major(node->number), minor(node->number)));
    }
}

static void note_input(VhPlanning *planning)
{
    static const char *const words[N_KINDS] = {"keyboard", "mouse"};
    enum { FIRST_EVENT = 64 }; /* drivers/input/evdev.c */
    g_autoptr(GHashTable) passed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_auto(GStrv) names = vh_host_list(planning->host, "/run/udev/data");
    const VhPlan *plan = planning->plan;
    Count counts[N_KINDS] = {{0}};

    for (guint i = 0; i < plan->devices->len; i++)
        if (vh_plan_moves(plan->devices->pdata[i]))
            take_records(planning, plan->devices->pdata[i], passed);
    for (char **name = names; g_hash_table_size(passed) > 0 && *name; name++)
        if (g_str_has_prefix(*name, "c13:") && g_ascii_strtoull(*name + 4, NULL, 10) >= FIRST_EVENT)
            count_record(planning->host, *name, g_hash_table_contains(passed, *name), counts);
    for (gsize i = 0; i < N_KINDS; i++)
        if (counts[i].passed > 0 && counts[i].kept == 0)
            vh_plan_note(planning,
                         "the host has no other %s than what is plugged into the passed devices: "
                         "have another computer ready to reach it (ssh)",
                         words[i]);
}

void vh_plan_note_devices(VhPlanning *planning)
{
    for (guint i = 0; i < planning->plan->devices->len; i++)
        note_rest_of_card(planning, planning->plan->devices->pdata[i]);
    note_input(planning);
}

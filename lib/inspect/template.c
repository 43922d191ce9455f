// SPDX-License-Identifier: GPL-2.0-or-later
#include "inspect/template.h"

#include "base/text.h"
#include "config/keys.h"

enum { WIDTH = 78 };

/* Appends @text as comment lines, broken between words. */
static void comment(GString *to, const char *indent, const char *text)
{
    g_autofree char *line = vh_text_one_line(text);
    g_auto(GStrv) lines = vh_text_wrap(line, WIDTH - 2 - g_utf8_strlen(indent, -1));

    for (gsize i = 0; lines[i]; i++)
        g_string_append_printf(to, "# %s%s\n", indent, lines[i]);
}

static void append_device(GString *to, const VhPlanDevice *device)
{
    const VhPciFunction *now = device->now;
    g_autofree char *line =
        now ? g_strdup_printf("%s  %04x:%04x, %s, IOMMU group %d%s", device->address, now->vendor,
                              now->device, now->driver ? now->driver : "no driver",
                              now->iommu_group, vh_pci_is_display(now) ? ", a display" : "")
            : g_strdup_printf("%s  is not on this host", device->address);

    comment(to, "  ", line);
}

/* The subjects of the plan's steps of that kind, as one comment; nothing when there are none. */
static void append_subjects(GString *to, const VhPlan *plan, const VhStepKind *kind,
                            const char *head)
{
    g_autoptr(GString) text = g_string_new(head);
    gsize before = text->len;

    for (guint i = 0; i < plan->steps->len; i++) {
        const VhStep *step = plan->steps->pdata[i];
        if (step->kind == kind)
            g_string_append_printf(text, "%s %s", text->len > before ? "," : "", step->subject);
    }
    if (text->len > before)
        comment(to, "", text->str);
}

static void append_plan(GString *to, const VhPlan *plan)
{
    if (plan->devices->len > 0)
        comment(to, "", "The domain passes:");
    else
        comment(to, "", "The domain passes no PCI device of this host yet.");
    for (guint i = 0; i < plan->devices->len; i++)
        append_device(to, plan->devices->pdata[i]);
    append_subjects(to, plan, &vh_step_unit, "Would stop:");
    append_subjects(to, plan, &vh_step_module, "Would unload:");
    for (guint i = 0; i < plan->refusals->len; i++) {
        g_autofree char *text =
            g_strconcat("Cannot start yet: ", (char *)plan->refusals->pdata[i], NULL);
        comment(to, "", text);
    }
}

static void append_key(GString *to, const VhKey *key)
{
    g_autofree char *accepts = vh_key_accepts(key);
    g_autofree char *text = g_strdup_printf("%s. Accepts %s.%s", key->doc, accepts,
                                            key->preset ? "" : " No default; an example:");

    g_string_append_c(to, '\n');
    *text = g_ascii_toupper(*text);
    comment(to, "", text);
    g_string_append_printf(to, "#%s = %s;\n", key->name, key->preset ? key->preset : key->example);
}

char *vh_template_text(const char *guest, const VhPlan *plan)
{
    GString *text = g_string_new(NULL);
    g_autofree char *head = g_strdup_printf("How guest %s gets the devices of this host.", guest);

    comment(text, "", head);
    comment(text, "",
            "An empty file is enough: every key below has its default. To change one, take away "
            "the # before it. The manual: man virt-handoff-kvm.conf");
    if (plan) {
        g_string_append(text, "#\n");
        append_plan(text, plan);
    }
    for (const VhKey *key = vh_keys; key->name; key++)
        append_key(text, key);
    return g_string_free(text, FALSE);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* What has to let go of the devices before they can move: desktop, processes, consoles. */
#include "base/json.h"
#include "base/text.h"
#include "engine/plan-private.h"
#include "steps/holding.h"
#include "steps/unit.h"

/* The facts about one display function that is to move. */
typedef struct {
    const VhPlanDevice *device;
    GPtrArray *nodes; /* VhNode */
    char *seat;
    gboolean drm;
    gboolean firmware; /* a firmware framebuffer is bound on it */
    gboolean console;  /* the text consoles are drawn on it */
} Display;

static void display_free(Display *display)
{
    g_ptr_array_unref(display->nodes);
    g_free(display->seat);
    g_free(display);
}

/* fbcon draws on the first framebuffer unless it is told otherwise (drivers/video/fbdev/core/
 * fbcon.c, con2fb_map); the others are not held by it. */
static gboolean owns_first_framebuffer(const Display *display)
{
    for (guint i = 0; i < display->nodes->len; i++) {
        const VhNode *node = display->nodes->pdata[i];
        if (g_strcmp0(node->subsystem, "graphics") == 0 && g_str_has_suffix(node->path, "/fb0"))
            return TRUE;
    }
    return FALSE;
}

static gboolean has_subsystem(const Display *display, const char *subsystem)
{
    for (guint i = 0; i < display->nodes->len; i++)
        if (g_strcmp0(((VhNode *)display->nodes->pdata[i])->subsystem, subsystem) == 0)
            return TRUE;
    return FALSE;
}

/* Whether the framebuffer is bound on @device: where it sits is not always known, and then it is
 * the firmware's, hence on the boot display. */
static gboolean sits_on(const VhFramebuffer *framebuffer, const VhPlanDevice *device)
{
    if (!framebuffer->driver)
        return FALSE;
    return framebuffer->address ? g_str_equal(framebuffer->address, device->address)
                                : device->now->boot_vga;
}

static Display *display_new(VhPlanning *planning, const VhPlanDevice *device,
                            const GPtrArray *framebuffers, GError **error)
{
    g_autoptr(GPtrArray) nodes = vh_host_pci_nodes(planning->host, device->address, error);

    if (!nodes)
        return NULL;
    Display *display = g_new0(Display, 1);
    display->device = device;
    display->nodes = g_steal_pointer(&nodes);
    display->seat = vh_host_pci_seat(planning->host, device->address);
    display->drm = has_subsystem(display, "drm");
    for (guint i = 0; i < framebuffers->len; i++)
        display->firmware |= sits_on(framebuffers->pdata[i], device);
    display->console = display->firmware || owns_first_framebuffer(display);
    return display;
}

/* The display functions that move (Display). */
static GPtrArray *find_displays(VhPlanning *planning, const GPtrArray *framebuffers, GError **error)
{
    g_autoptr(GPtrArray) displays = g_ptr_array_new_with_free_func((GDestroyNotify)display_free);
    const VhPlan *plan = planning->plan;

    for (guint i = 0; i < plan->devices->len; i++) {
        const VhPlanDevice *device = plan->devices->pdata[i];
        if (!device->now || !vh_pci_is_display(device->now) || !vh_plan_moves(device))
            continue;
        Display *display = display_new(planning, device, framebuffers, error);
        if (!display)
            return NULL;
        g_ptr_array_add(displays, display);
    }
    return g_steal_pointer(&displays);
}

/* ---- does the desktop use it? ---- */

/* Whether a session draws with it, or the display manager has it at all. A program of the desktop
 * that only renders on it (PRIME) is no reason to end the desktop: it is named as one who has the
 * device open. */
static gboolean held_by_desktop(VhPlanning *planning, const Display *display, const char *manager)
{
    const char *const address[] = {display->device->address, NULL};
    g_autoptr(GPtrArray) drawers = vh_holding_drawers(planning->host, address, NULL);
    g_autoptr(GPtrArray) holders =
        manager ? vh_host_holders(planning->host, display->nodes, NULL) : NULL;

    vh_plan_note_desktop(planning, display->device, display->nodes, drawers, manager);
    for (guint i = 0; drawers && i < drawers->len; i++) {
        const VhHolder *holder = drawers->pdata[i];
        if (holder->session || holder->user_unit)
            return TRUE;
    }
    for (guint i = 0; holders && i < holders->len; i++)
        if (g_strcmp0(((const VhHolder *)holders->pdata[i])->unit, manager) == 0)
            return TRUE;
    return FALSE;
}

/* Whether who draws is a desktop that is there to stay, and not a splash screen, nor what is left
 * of a session that has ended. @sessions: VhSession, NULL when nobody knows. */
static gboolean is_standing(const VhHolder *holder, const GPtrArray *sessions, const char *manager)
{
    if (g_strcmp0(holder->unit, manager) == 0)
        return TRUE;
    return vh_holding_lives_in_desktop(holder, manager) &&
           (!sessions || vh_holding_has_session(sessions, holder->uid));
}

/*
 * Whether the display manager runs, and its desktop draws nowhere yet: it was started a moment ago,
 * as after the last guest. That it has not opened this card says nothing then: it takes every one
 * that it finds, and the sound server of its session does too. Not when it draws elsewhere, on
 * whatever seat: then it is up, and has left this card alone.
 */
static gboolean desktop_comes(VhPlanning *planning, const VhUnit *manager)
{
    g_autoptr(GPtrArray) addresses = g_ptr_array_new();

    if (!manager || !vh_step_unit_runs(manager))
        return FALSE;
    for (guint i = 0; i < planning->all->len; i++) {
        const VhPciFunction *function = planning->all->pdata[i];
        if (vh_pci_is_display(function))
            g_ptr_array_add(addresses, function->address);
    }
    g_ptr_array_add(addresses, NULL);
    g_autoptr(GPtrArray) drawers =
        vh_holding_drawers(planning->host, (const char *const *)addresses->pdata, NULL);
    g_autoptr(GPtrArray) sessions = vh_host_sessions(planning->host, NULL);
    for (guint i = 0; drawers && i < drawers->len; i++)
        if (is_standing(drawers->pdata[i], sessions, manager->id))
            return FALSE;
    return drawers != NULL;
}

/* The screen of a host that has no other display but the passed ones. */
static gboolean only_display(VhPlanning *planning)
{
    for (guint i = 0; i < planning->all->len; i++) {
        const VhPciFunction *function = planning->all->pdata[i];
        if (vh_pci_is_display(function) && !function->vfio &&
            !vh_plan_device(planning->plan, function->address))
            return FALSE;
    }
    return TRUE;
}

static const Display *first_that_draws(const GPtrArray *displays)
{
    for (guint i = 0; i < displays->len; i++)
        if (((const Display *)displays->pdata[i])->drm)
            return displays->pdata[i];
    return NULL;
}

/* A display that something draws on, or will in a moment: then what draws has to end first. */
static gboolean screen_in_use(VhPlanning *planning, const GPtrArray *displays,
                              const VhUnit *manager)
{
    const Display *first = first_that_draws(displays);

    for (guint i = 0; i < displays->len; i++) {
        const Display *display = displays->pdata[i];
        if (display->firmware || (display->drm && only_display(planning)) ||
            (display->drm && display->device->now->boot_vga) ||
            held_by_desktop(planning, display, manager ? manager->id : NULL))
            return TRUE;
    }
    /* Whoever chose himself what is stopped has to know what comes. */
    if (!first || !manager || planning->config->stop != VH_CHOICE_AUTO ||
        !desktop_comes(planning, manager))
        return FALSE;
    vh_plan_note(planning,
                 "the desktop is stopped because %s is only just coming up and may take %s too "
                 "(stop = [] in the guest's file leaves it alone)",
                 manager->id, first->device->address);
    return TRUE;
}

/* ---- units and sessions ---- */

/* NULL: there are none. */
static const char *seat_of(const GPtrArray *displays)
{
    return displays->len > 0 ? ((const Display *)displays->pdata[0])->seat : NULL;
}

static gboolean has_unit(const VhPlanning *planning, const char *id)
{
    const GPtrArray *steps = planning->plan->steps;

    for (guint i = 0; i < steps->len; i++) {
        const VhStep *step = steps->pdata[i];
        if (step->kind == &vh_step_unit && g_str_equal(step->subject, id))
            return TRUE;
    }
    return FALSE;
}

/* Once, also when the guest's file names what belongs to a driver. */
static void add_unit(VhPlanning *planning, const VhUnit *unit)
{
    if (has_unit(planning, unit->id))
        return;
    if (g_strcmp0(unit->load, "masked") == 0 && vh_step_unit_runs(unit))
        vh_plan_refuse(planning,
                       "%s is masked, and could not be started again when it has been stopped: "
                       "systemctl unmask %s",
                       unit->id, unit->id);
    vh_plan_add(planning, &vh_step_unit, unit->id,
                g_variant_new_parsed("{'unit': <%s>}", unit->id));
}

/*
 * What is in front is remembered before the unit stops, so that on the way back it comes after. It
 * also waits for the units before it: one that refuses to stop must not cost the session.
 */
static void add_manager(VhPlanning *planning, const GPtrArray *displays, const VhUnit *manager)
{
    const char *seat = seat_of(displays);

    if (has_unit(planning, manager->id))
        return;
    vh_plan_add(planning, &vh_step_front, seat,
                g_variant_new_parsed("{'seat': <%s>, 'unit': <%s>}", seat, manager->id));
    add_unit(planning, manager);
}

/* @manager: the display manager, or NULL. */
static gboolean plan_listed_units(VhPlanning *planning, const GPtrArray *displays,
                                  const VhUnit *manager, GError **error)
{
    for (gsize i = 0; planning->config->stop_list[i]; i++) {
        const char *name = planning->config->stop_list[i];
        g_autoptr(VhUnit) unit = vh_host_unit_look(planning->host, name, error);
        if (!unit)
            return FALSE;
        if (g_strcmp0(unit->load, "not-found") == 0)
            vh_plan_refuse(planning, "stop: there is no unit %s; list them with: %s", name,
                           vh_host_service_manager(planning->host)->list);
        else if (manager && g_str_equal(unit->id, manager->id))
            add_manager(planning, displays, unit);
        else
            add_unit(planning, unit);
    }
    return TRUE;
}

/* What a step about the desktops of the seat has to know. */
static GVariant *seat_args(const GPtrArray *displays, const char *seat, const char *policy)
{
    g_autoptr(GPtrArray) addresses = g_ptr_array_new();

    for (guint i = 0; i < displays->len; i++)
        g_ptr_array_add(addresses, ((Display *)displays->pdata[i])->device->address);
    return g_variant_new_parsed(
        "{'seat': <%s>, 'policy': <%s>, 'addresses': <%@as>}", seat, policy,
        g_variant_new_strv((const char *const *)addresses->pdata, (gssize)addresses->len));
}

static void plan_sessions(VhPlanning *planning, const GPtrArray *displays)
{
    static const char *const policies[] = {"wait", "logout", "terminate", "keep"};
    VhSessions policy = planning->config->sessions;

    if (policy == VH_SESSIONS_KEEP)
        return;
    const char *seat = seat_of(displays);
    vh_plan_add(planning, &vh_step_sessions, seat, seat_args(displays, seat, policies[policy]));
}

/* Where the desktop ends anyway it is asked to end itself, before anything of it is stopped: as
 * step number @index. */
static void plan_logout(VhPlanning *planning, const GPtrArray *displays, guint index)
{
    GPtrArray *steps = planning->plan->steps;
    const VhStep *last = steps->len > index ? steps->pdata[steps->len - 1] : NULL;

    if (planning->config->sessions != VH_SESSIONS_LOGOUT || !last ||
        last->kind != &vh_step_sessions)
        return;
    g_autoptr(GVariant) args = g_variant_ref_sink(seat_args(displays, last->subject, "logout"));
    g_autoptr(GPtrArray) sessions = vh_holding_desktops(planning->host, args, NULL);
    if (sessions && sessions->len > 0)
        g_ptr_array_insert(steps, (int)index, vh_step_new(&vh_step_logout, last->subject, args));
}

/*
 * Daemons that belong to a driver and keep its nodes open for as long as they run
 * (nvidia-persistenced(1)); any other service that holds the card is for the user to name.
 */
static gboolean plan_companions(VhPlanning *planning, const GPtrArray *displays, GError **error)
{
    static const struct {
        const char *driver, *unit;
    } companions[] = {
        {"nvidia", "nvidia-persistenced.service"},
        {"nvidia", "nvidia-powerd.service"},
    };

    for (guint i = 0; i < displays->len; i++) {
        const Display *display = displays->pdata[i];
        for (gsize j = 0; j < G_N_ELEMENTS(companions); j++) {
            if (g_strcmp0(display->device->now->driver, companions[j].driver) != 0)
                continue;
            g_autoptr(GError) cause = NULL;
            g_autoptr(VhUnit) unit = vh_host_unit_look(planning->host, companions[j].unit, &cause);
            if (!unit && !g_error_matches(cause, VH_ERROR, VH_ERROR_UNSUPPORTED)) {
                g_propagate_error(error, g_steal_pointer(&cause));
                return FALSE;
            }
            if (unit && vh_step_unit_runs(unit))
                add_unit(planning, unit);
        }
    }
    return TRUE;
}

/* One display manager serves all seats, and what another one shows is not ours to end. A greeter
 * comes back. */
static void spare_other_seats(VhPlanning *planning, const GPtrArray *displays,
                              const VhUnit *manager)
{
    const char *seat = seat_of(displays);
    g_autoptr(GPtrArray) sessions = vh_host_sessions(planning->host, NULL);

    for (guint i = 0; sessions && i < sessions->len; i++) {
        const VhSession *session = sessions->pdata[i];
        if (vh_holding_ends_with(session, manager->id) && vh_holding_counts(session) &&
            g_strcmp0(session->class, "user") == 0 && !g_str_equal(session->seat, seat))
            vh_plan_refuse(planning,
                           "%s is logged in on %s, which none of these devices serves, and to stop "
                           "%s would end that session too: have %s log out first, or allow it with "
                           "stop = [ \"%s\" ] in the guest's file",
                           session->user, session->seat, manager->id, session->user, manager->id);
    }
}

/* The display manager, whatever it is called: systemd's alias for it. *@ret_ends: what draws on
 * @displays has to end. */
static gboolean plan_desktop(VhPlanning *planning, const GPtrArray *displays, gboolean *ret_ends,
                             GError **error)
{
    gboolean is_auto = planning->config->stop == VH_CHOICE_AUTO;
    g_autoptr(GError) cause = NULL;
    g_autoptr(VhUnit) manager = NULL;

    if (displays->len > 0)
        manager = vh_host_unit_look(planning->host, "display-manager.service", &cause);
    gboolean found = manager && g_strcmp0(manager->load, "not-found") != 0;
    if (!is_auto && !plan_listed_units(planning, displays, found ? manager : NULL, error))
        return FALSE;
    *ret_ends = displays->len > 0 && screen_in_use(planning, displays, found ? manager : NULL);
    if (!*ret_ends)
        return TRUE;
    if (is_auto && !manager)
        vh_plan_refuse(planning,
                       "the screen is in use, and nobody can say what draws on it: %s (stop = [] "
                       "in the guest's file does without)",
                       cause->message);
    if (is_auto && found) {
        spare_other_seats(planning, displays, manager);
        add_manager(planning, displays, manager);
    }
    return TRUE;
}

/* ---- consoles and framebuffers ---- */

static gboolean plan_consoles(VhPlanning *planning, const GPtrArray *displays, GError **error)
{
    gboolean drawn_on = FALSE;
    g_autoptr(GPtrArray) consoles = NULL;

    for (guint i = 0; i < displays->len; i++)
        drawn_on |= ((Display *)displays->pdata[i])->console;
    if (!drawn_on || planning->config->keep_consoles)
        return TRUE;
    consoles = vh_host_consoles(planning->host, error);
    for (guint i = 0; consoles && i < consoles->len; i++) {
        const VhConsole *console = consoles->pdata[i];
        g_autofree char *subject = g_strdup_printf("vtcon%u", console->number);
        if (console->framebuffer && console->bound)
            vh_plan_add(planning, &vh_step_console, subject,
                        g_variant_new_parsed("{'number': <%x>, 'name': <%s>}",
                                             (gint64)console->number, console->name));
    }
    return consoles != NULL;
}

static void plan_framebuffers(VhPlanning *planning, const GPtrArray *displays,
                              const GPtrArray *framebuffers)
{
    for (guint i = 0; i < framebuffers->len; i++) {
        const VhFramebuffer *framebuffer = framebuffers->pdata[i];
        gboolean concerned = FALSE;
        for (guint j = 0; j < displays->len; j++)
            concerned |= sits_on(framebuffer, ((Display *)displays->pdata[j])->device);
        if (!concerned)
            continue;
        if (planning->config->keep_framebuffer)
            vh_plan_note(planning, "the firmware framebuffer %s stays, as the guest's file says",
                         framebuffer->device);
        else
            vh_plan_add(planning, &vh_step_framebuffer, framebuffer->device,
                        g_variant_new_parsed("{'device': <%s>, 'driver': <%s>}",
                                             framebuffer->device, framebuffer->driver));
    }
}

static void plan_displays(VhPlanning *planning, const GPtrArray *displays)
{
    for (guint i = 0; i < displays->len; i++) {
        const Display *display = displays->pdata[i];
        const VhPciFunction *now = display->device->now;
        GVariantDict dict;
        if (!now->driver || now->vfio)
            continue;
        g_variant_dict_init(&dict, NULL);
        g_variant_dict_insert(&dict, "address", "s", now->address);
        g_variant_dict_insert(&dict, "driver", "s", now->driver);
        g_variant_dict_insert(&dict, "drm", "b", display->drm);
        g_variant_dict_insert(&dict, "reset", "s", planning->config->reset);
        if (now->module)
            g_variant_dict_insert(&dict, "module", "s", now->module);
        vh_plan_add(planning, &vh_step_display, now->address, g_variant_dict_end(&dict));
    }
}

gboolean vh_plan_screen(VhPlanning *planning, GError **error)
{
    g_autoptr(GPtrArray) framebuffers = vh_host_framebuffers(planning->host, error);
    g_autoptr(GPtrArray) displays =
        framebuffers ? find_displays(planning, framebuffers, error) : NULL;

    guint first = planning->plan->steps->len;
    gboolean ends;

    if (displays)
        vh_plan_user_units(planning, seat_of(displays));
    /* One unit after the other, so that they stop together: companions with the display manager. */
    if (!displays || !plan_desktop(planning, displays, &ends, error) ||
        !plan_companions(planning, displays, error))
        return FALSE;
    if (ends)
        plan_sessions(planning, displays);
    plan_logout(planning, displays, first);
    vh_plan_holders(planning);
    if (!plan_consoles(planning, displays, error))
        return FALSE;
    plan_framebuffers(planning, displays, framebuffers);
    plan_displays(planning, displays);
    return TRUE;
}

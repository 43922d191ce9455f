// SPDX-License-Identifier: GPL-2.0-or-later
/* The operations handed on to the back end, and the small types they return. */
#include "host/host-ops.h"

#include <string.h>

#include "base/text.h"

gint64 vh_host_now(VhHost *host)
{
    return host->ops->now(host);
}

guint64 vh_host_process_start(VhHost *host, pid_t pid)
{
    return host->ops->process_start(host, pid);
}

gboolean vh_host_process_signal(VhHost *host, VhProcess process, int signal, GError **error)
{
    return host->ops->process_signal(host, process, signal, error);
}

VhProcess vh_host_parent(VhHost *host)
{
    return host->ops->parent(host);
}

gboolean vh_host_interrupted(VhHost *host)
{
    return host->ops->interrupted(host);
}

VhProcess vh_host_hung(VhHost *host)
{
    return host->ops->hung(host);
}

void vh_host_keep(VhHost *host, int fd)
{
    host->ops->keep(host, fd);
}

char *vh_host_boot_id(VhHost *host)
{
    return host->ops->boot_id(host);
}

GPtrArray *vh_host_pci_list(VhHost *host, GError **error)
{
    return host->ops->pci_list(host, error);
}

VhPciFunction *vh_host_pci_look(VhHost *host, const char *address, GError **error)
{
    return host->ops->pci_look(host, address, error);
}

gboolean vh_host_pci_driver_known(VhHost *host, const char *driver)
{
    return host->ops->pci_driver_known(host, driver);
}

gboolean vh_host_iommu_on(VhHost *host)
{
    return host->ops->iommu_on(host);
}

gboolean vh_host_pci_override(VhHost *host, const char *address, const char *driver, GError **error)
{
    return host->ops->pci_override(host, address, driver, error);
}

gboolean vh_host_pci_unbind(VhHost *host, const char *address, gint64 deadline, GError **error)
{
    return host->ops->pci_unbind(host, address, deadline, error);
}

gboolean vh_host_pci_probe(VhHost *host, const char *address, gint64 deadline, GError **error)
{
    return host->ops->pci_probe(host, address, deadline, error);
}

GPtrArray *vh_host_pci_uses(VhHost *host, const char *address, GError **error)
{
    return host->ops->pci_uses(host, address, error);
}

char *vh_host_pci_seat(VhHost *host, const char *address)
{
    return host->ops->pci_seat(host, address);
}

gboolean vh_host_pci_set(VhHost *host, const char *address, const char *name, const char *value,
                         gint64 deadline, GError **error)
{
    return host->ops->pci_set(host, address, name, value, deadline, error);
}

gboolean vh_host_pci_remove(VhHost *host, const char *address, gint64 deadline, GError **error)
{
    return host->ops->pci_remove(host, address, deadline, error);
}

gboolean vh_host_pci_rescan(VhHost *host, gint64 deadline, GError **error)
{
    return host->ops->pci_rescan(host, deadline, error);
}

gboolean vh_host_pci_answers(VhHost *host, const char *address)
{
    return host->ops->pci_answers(host, address);
}

gboolean vh_host_suspend(VhHost *host, guint seconds, gint64 deadline, GError **error)
{
    return host->ops->suspend(host, seconds, deadline, error);
}

GBytes *vh_host_rom_read(VhHost *host, const char *address, gint64 deadline, GError **error)
{
    return host->ops->rom_read(host, address, deadline, error);
}

GPtrArray *vh_host_pci_nodes(VhHost *host, const char *address, GError **error)
{
    return host->ops->pci_nodes(host, address, error);
}

GPtrArray *vh_host_holders(VhHost *host, GPtrArray *nodes, GError **error)
{
    return host->ops->holders(host, nodes, error);
}

void vh_host_wait(VhHost *host, GPtrArray *holders, gint64 microseconds)
{
    host->ops->wait(host, holders, microseconds);
}

GPtrArray *vh_host_consoles(VhHost *host, GError **error)
{
    return host->ops->consoles(host, error);
}

gboolean vh_host_console_bind(VhHost *host, guint number, gboolean bind, gint64 deadline,
                              GError **error)
{
    return host->ops->console_bind(host, number, bind, deadline, error);
}

GPtrArray *vh_host_framebuffers(VhHost *host, GError **error)
{
    return host->ops->framebuffers(host, error);
}

gboolean vh_host_framebuffer_bind(VhHost *host, const char *device, const char *driver,
                                  gboolean bind, gint64 deadline, GError **error)
{
    return host->ops->framebuffer_bind(host, device, driver, bind, deadline, error);
}

VhModule *vh_host_module_look(VhHost *host, const char *name, GError **error)
{
    return host->ops->module_look(host, name, error);
}

gboolean vh_host_module_load(VhHost *host, const char *name, gint64 deadline, GError **error)
{
    return host->ops->module_load(host, name, deadline, error);
}

gboolean vh_host_module_unload(VhHost *host, const char *name, gint64 deadline, GError **error)
{
    return host->ops->module_unload(host, name, deadline, error);
}

#define SYSTEMD_LIST "systemctl list-units --type=service"

const VhServiceManager vh_manager_systemd = {"systemd", SYSTEMD_LIST, "systemctl", FALSE, FALSE};
const VhServiceManager vh_manager_openrc = {"OpenRC", "rc-service --list", "rc-service", TRUE,
                                            TRUE};
const VhServiceManager vh_manager_sysvinit = {"sysvinit", "ls /etc/init.d", "service", TRUE, TRUE};
const VhServiceManager vh_manager_runit = {
    "runit", "ls /run/runit/service /var/service /etc/service", "sv", FALSE, FALSE};
const VhServiceManager vh_manager_none = {"none", SYSTEMD_LIST, "systemctl", FALSE, FALSE};

char *vh_service_command(const VhServiceManager *manager, const char *verb, const char *unit)
{
    gsize length = strlen(unit);

    if (manager != &vh_manager_systemd && g_str_has_suffix(unit, ".service"))
        length -= strlen(".service");
    g_autofree char *name = g_strndup(unit, length);
    return g_strdup_printf("%s %s %s", manager->tool, manager->verb_last ? name : verb,
                           manager->verb_last ? verb : name);
}

const VhServiceManager *vh_host_service_manager(VhHost *host)
{
    return host->ops->service_manager(host);
}

VhUnit *vh_host_unit_look(VhHost *host, const char *name, GError **error)
{
    return host->ops->unit_look(host, name, error);
}

gint64 vh_host_unit_reloaded(VhHost *host, const char *name)
{
    return host->ops->unit_reloaded(host, name);
}

gboolean vh_host_unit_stop(VhHost *host, const char *name, gint64 deadline, GError **error)
{
    return host->ops->unit_stop(host, name, deadline, error);
}

gboolean vh_host_unit_start(VhHost *host, const char *name, gint64 deadline, GError **error)
{
    return host->ops->unit_start(host, name, deadline, error);
}

gboolean vh_host_unit_ask(VhHost *host, VhJob job, const char *name, GError **error)
{
    return host->ops->unit_ask(host, job, name, error);
}

gboolean vh_host_stopping(VhHost *host)
{
    return host->ops->stopping(host);
}

GPtrArray *vh_host_sessions(VhHost *host, GError **error)
{
    return host->ops->sessions(host, error);
}

gboolean vh_host_session_terminate(VhHost *host, const char *id, GError **error)
{
    return host->ops->session_terminate(host, id, error);
}

gboolean vh_host_session_logout(VhHost *host, const VhSession *session, gint64 deadline,
                                GError **error)
{
    return host->ops->session_logout(host, session, deadline, error);
}

gboolean vh_host_front_switch(VhHost *host, const char *seat, guint vt, gint64 deadline,
                              GError **error)
{
    return host->ops->front_switch(host, seat, vt, deadline, error);
}

void vh_host_say(VhHost *host, const char *const *terminals, const char *text)
{
    host->ops->say(host, terminals, text);
}

void vh_host_tell_desktop(VhHost *host, const char *seat, const char *text)
{
    host->ops->tell_desktop(host, seat, text);
}

gboolean vh_host_user_lingers(VhHost *host, uid_t uid)
{
    return host->ops->user_lingers(host, uid);
}

GPtrArray *vh_host_user_units(VhHost *host, uid_t uid, const char *const *globs,
                              VhProcess *ret_manager, GError **error)
{
    return host->ops->user_units(host, uid, globs, ret_manager, error);
}

gboolean vh_host_user_unit_of_desktop(VhHost *host, uid_t uid, const char *name)
{
    return host->ops->user_unit_of_desktop(host, uid, name);
}

gboolean vh_host_user_unit_stop(VhHost *host, uid_t uid, const char *name, gint64 deadline,
                                GError **error)
{
    return host->ops->user_unit_stop(host, uid, name, deadline, error);
}

gboolean vh_host_user_unit_start(VhHost *host, uid_t uid, const char *name, gint64 deadline,
                                 GError **error)
{
    return host->ops->user_unit_start(host, uid, name, deadline, error);
}

char *vh_host_read(VhHost *host, const char *path, GError **error)
{
    return host->ops->read(host, path, error);
}

char **vh_host_list(VhHost *host, const char *path)
{
    return host->ops->list(host, path);
}

char *vh_host_link(VhHost *host, const char *path, GError **error)
{
    return host->ops->link(host, path, error);
}

GBytes *vh_host_bytes(VhHost *host, const char *path, GError **error)
{
    return host->ops->bytes(host, path, error);
}

gboolean vh_host_stat(VhHost *host, const char *path, VhFileInfo *ret_info, GError **error)
{
    return host->ops->stat(host, path, ret_info, error);
}

char *vh_host_label(VhHost *host, const char *path, GError **error)
{
    return host->ops->label(host, path, error);
}

char *vh_host_usb_name(VhHost *host, const char *port)
{
    return host->ops->usb_name(host, port);
}

gboolean vh_host_rom_usable(VhHost *host, const char *path, GError **error)
{
    return host->ops->rom_usable(host, path, error);
}

char **vh_host_scripts(VhHost *host, const char *guest, const char *operation,
                       const char *suboperation, GError **error)
{
    return host->ops->scripts(host, guest, operation, suboperation, error);
}

gboolean vh_host_program_usable(VhHost *host, const char *path, GError **error)
{
    return host->ops->program_usable(host, path, error);
}

gboolean vh_host_run(VhHost *host, const VhCommand *command, gint64 deadline, GBytes **ret_output,
                     GError **error)
{
    return host->ops->run(host, command, deadline, ret_output, error);
}

gboolean vh_host_guest_running(VhHost *host, const char *guest)
{
    return host->ops->guest_running(host, guest);
}

void vh_host_free(VhHost *host)
{
    if (host)
        host->ops->free(host);
}

gboolean vh_host_process_alive(VhHost *host, VhProcess process)
{
    guint64 start = vh_host_process_start(host, process.pid);

    return start != 0 && start == process.start_time;
}

char *vh_usb_name(const char *manufacturer, const char *product)
{
    g_autofree char *maker = g_strstrip(vh_text_one_line(manufacturer));
    g_autofree char *model = g_strstrip(vh_text_one_line(product));

    if (!*maker || g_ascii_strncasecmp(model, maker, strlen(maker)) == 0)
        return *model ? g_steal_pointer(&model) : NULL;
    return g_strconcat(maker, *model ? " " : "", model, NULL);
}

gboolean vh_pci_is_display(const VhPciFunction *function)
{
    return function->class_code >> 16 == 0x03;
}

gboolean vh_pci_is_sound(const VhPciFunction *function)
{
    guint32 class = function->class_code >> 8;

    return class == 0x0401 || class == 0x0403;
}

gboolean vh_session_is_graphical(const VhSession *session)
{
    static const char *const types[] = {"x11", "wayland", "mir", NULL};
    static const char *const classes[] = {"user", "user-early", "greeter", NULL};

    return session->type && session->class && g_strv_contains(types, session->type) &&
           g_strv_contains(classes, session->class);
}

void vh_pci_function_free(VhPciFunction *function)
{
    if (!function)
        return;
    g_free(function->address);
    g_free(function->driver);
    g_free(function->module);
    g_free(function->driver_override);
    g_free(function);
}

void vh_use_free(VhUse *use)
{
    if (!use)
        return;
    g_free(use->kind);
    g_free(use->name);
    g_free(use->where);
    g_free(use);
}

void vh_node_free(VhNode *node)
{
    if (!node)
        return;
    g_free(node->path);
    g_free(node->subsystem);
    g_free(node->counted);
    g_free(node);
}

void vh_holder_free(VhHolder *holder)
{
    if (!holder)
        return;
    g_free(holder->command);
    g_free(holder->user);
    g_free(holder->unit);
    g_free(holder->user_unit);
    g_free(holder->session);
    g_free(holder->node);
    g_free(holder);
}

void vh_console_free(VhConsole *console)
{
    if (!console)
        return;
    g_free(console->name);
    g_free(console);
}

void vh_framebuffer_free(VhFramebuffer *framebuffer)
{
    if (!framebuffer)
        return;
    g_free(framebuffer->device);
    g_free(framebuffer->driver);
    g_free(framebuffer->address);
    g_free(framebuffer);
}

void vh_module_free(VhModule *module)
{
    if (!module)
        return;
    g_free(module->name);
    g_strfreev(module->holders);
    g_strfreev(module->devices);
    g_free(module);
}

void vh_unit_free(VhUnit *unit)
{
    if (!unit)
        return;
    g_free(unit->id);
    g_free(unit->load);
    g_free(unit->active);
    g_free(unit);
}

void vh_session_free(VhSession *session)
{
    if (!session)
        return;
    g_free(session->id);
    g_free(session->user);
    g_free(session->seat);
    g_free(session->type);
    g_free(session->class);
    g_free(session->state);
    g_free(session->desktop);
    g_free(session->terminal);
    g_free(session->unit);
    g_free(session);
}

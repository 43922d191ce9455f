// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain/libvirt.h"

#include <dlfcn.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

typedef struct {
    void *handle;
    typeof(virConnectOpenReadOnly) *connect;
    typeof(virConnectOpen) *connect_to_act;
    typeof(virDomainCreate) *create;
    typeof(virDomainDefineXML) *define;
    typeof(virConnectClose) *disconnect;
    typeof(virDomainLookupByName) *look_up;
    typeof(virDomainGetXMLDesc) *get_xml;
    typeof(virDomainFree) *free_domain;
    typeof(virGetLastErrorMessage) *last_message;
    typeof(virGetLastErrorCode) *last_code;
    typeof(virSetErrorFunc) *set_error_func;
} Library;

/* libvirt prints errors to stderr unless told otherwise. */
static void keep_quiet(void *data, virErrorPtr error)
{
}

static gboolean load(Library *library, GError **error)
{
    const struct {
        const char *name;
        void **target;
    } symbols[] = {
        {"virConnectOpenReadOnly", (void **)&library->connect},
        {"virConnectOpen", (void **)&library->connect_to_act},
        {"virDomainCreate", (void **)&library->create},
        {"virDomainDefineXML", (void **)&library->define},
        {"virConnectClose", (void **)&library->disconnect},
        {"virDomainLookupByName", (void **)&library->look_up},
        {"virDomainGetXMLDesc", (void **)&library->get_xml},
        {"virDomainFree", (void **)&library->free_domain},
        {"virGetLastErrorMessage", (void **)&library->last_message},
        {"virGetLastErrorCode", (void **)&library->last_code},
        {"virSetErrorFunc", (void **)&library->set_error_func},
    };

    library->handle = dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library->handle)
        return vh_error_set(error, VH_ERROR_UNSUPPORTED, "libvirt's library is not installed: %s",
                            dlerror());
    for (gsize i = 0; i < G_N_ELEMENTS(symbols); i++) {
        *symbols[i].target = dlsym(library->handle, symbols[i].name);
        if (!*symbols[i].target)
            return vh_error_set(error, VH_ERROR_UNSUPPORTED, "libvirt's library has no %s",
                                symbols[i].name);
    }
    library->set_error_func(NULL, keep_quiet);
    return TRUE;
}

/* A connection and what it was asked for. */
typedef struct {
    Library library;
    virConnectPtr connection;
    virDomainPtr domain;
} Session;

/* libvirt's library is not unloaded: it leaves threads and locks of its own behind. */
static void clear(Session *session)
{
    if (session->domain)
        session->library.free_domain(session->domain);
    if (session->connection)
        session->library.disconnect(session->connection);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, clear)

/* FALSE with @error when there is no library; without a connection there is no domain later. */
static gboolean begin(Session *session, gboolean to_act, GError **error)
{
    if (!load(&session->library, error))
        return FALSE;
    session->connection =
        (to_act ? session->library.connect_to_act : session->library.connect)("qemu:///system");
    return TRUE;
}

static void look_up(Session *session, const char *guest)
{
    if (session->connection)
        session->domain = session->library.look_up(session->connection, guest);
}

static void fail(const Library *library, const char *guest, GError **error)
{
    if (library->last_code() == VIR_ERR_NO_DOMAIN)
        vh_libvirt_unknown(guest, error);
    else
        vh_error_set(error, VH_ERROR_FAILED, "libvirt says of guest %s: %s", guest,
                     library->last_message());
}

char *vh_libvirt_domain_xml(const char *guest, gboolean definition, GError **error)
{
    guint flags = definition ? VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE : 0;
    g_auto(Session) session = {0};

    if (!begin(&session, definition, error))
        return NULL;
    look_up(&session, guest);
    char *xml = session.domain ? session.library.get_xml(session.domain, flags) : NULL;
    if (!xml)
        fail(&session.library, guest, error);
    return xml;
}

gboolean vh_libvirt_domain_start(const char *guest, GError **error)
{
    g_auto(Session) session = {0};

    if (!begin(&session, TRUE, error))
        return FALSE;
    look_up(&session, guest);
    gboolean started = session.domain && session.library.create(session.domain) == 0;
    if (!started)
        fail(&session.library, guest, error);
    return started;
}

gboolean vh_libvirt_domain_define(const char *xml, GError **error)
{
    g_auto(Session) session = {0};

    if (!begin(&session, TRUE, error))
        return FALSE;
    if (session.connection)
        session.domain = session.library.define(session.connection, xml);
    if (!session.domain)
        vh_error_set(error, VH_ERROR_FAILED, "libvirt does not take the definition: %s",
                     session.library.last_message());
    return session.domain != NULL;
}

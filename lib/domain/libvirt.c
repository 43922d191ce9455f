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

static char *fail(const Library *library, const char *guest, GError **error)
{
    VhError code = library->last_code() == VIR_ERR_NO_DOMAIN ? VH_ERROR_GONE : VH_ERROR_FAILED;

    vh_error_set(error, code, "libvirt says of guest %s: %s", guest, library->last_message());
    return NULL;
}

char *vh_libvirt_domain_xml(const char *guest, gboolean definition, GError **error)
{
    Library library;
    virConnectPtr connection;
    virDomainPtr domain;
    char *xml = NULL;

    /* Not unloaded: libvirt leaves threads and locks of its own behind. */
    if (!load(&library, error))
        return NULL;
    connection = (definition ? library.connect_to_act : library.connect)("qemu:///system");
    if (!connection)
        return fail(&library, guest, error);
    domain = library.look_up(connection, guest);
    if (domain)
        xml = library.get_xml(domain,
                              definition ? VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE : 0);
    if (!xml)
        fail(&library, guest, error);
    if (domain)
        library.free_domain(domain);
    library.disconnect(connection);
    return xml;
}

gboolean vh_libvirt_domain_start(const char *guest, GError **error)
{
    Library library;
    virConnectPtr connection;
    virDomainPtr domain;

    if (!load(&library, error))
        return FALSE;
    connection = library.connect_to_act("qemu:///system");
    domain = connection ? library.look_up(connection, guest) : NULL;
    gboolean started = domain && library.create(domain) == 0;
    if (!started)
        fail(&library, guest, error);
    if (domain)
        library.free_domain(domain);
    if (connection)
        library.disconnect(connection);
    return started;
}

gboolean vh_libvirt_domain_define(const char *xml, GError **error)
{
    Library library;
    virConnectPtr connection;
    virDomainPtr domain;

    if (!load(&library, error))
        return FALSE;
    connection = library.connect_to_act("qemu:///system");
    domain = connection ? library.define(connection, xml) : NULL;
    if (!domain)
        vh_error_set(error, VH_ERROR_FAILED, "libvirt does not take the definition: %s",
                     library.last_message());
    if (domain)
        library.free_domain(domain);
    if (connection)
        library.disconnect(connection);
    return domain != NULL;
}

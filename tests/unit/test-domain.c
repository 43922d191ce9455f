// SPDX-License-Identifier: GPL-2.0-or-later
/* The domain XML as a hook gets it, and as it should never get it. */
#include <string.h>

#include "domain/domain.h"
#include "test-domain.h"

/* A domain as lines: name, uuid, and "ADDRESS ORIGIN managed ROM MODEL". */
static char *describe(const VhDomain *domain)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "%s\n%s\n", domain->name, domain->uuid);
    for (guint i = 0; i < domain->devices->len; i++) {
        const VhDomainDevice *device = domain->devices->pdata[i];
        g_string_append_printf(text, "%s %s%s%s%s%s%s\n", device->address, device->origin,
                               device->managed ? " managed" : "", device->rom_file ? " " : "",
                               device->rom_file ? device->rom_file : "",
                               device->driver_model ? " " : "",
                               device->driver_model ? device->driver_model : "");
    }
    return g_string_free(text, FALSE);
}

static void assert_domain(const char *xml, const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhDomain) domain = vh_domain_parse(xml, strlen(xml), &error);

    g_assert_no_error(error);
    g_autofree char *got = describe(domain);
    g_assert_cmpstr(got, ==, wanted);
}

static void assert_bytes_fail(const char *xml, gsize length, const char *wanted)
{
    /* An exact copy, so that the sanitizer sees a look behind the end. */
    g_autofree char *exact = length > 0 ? g_malloc(length) : NULL;
    g_autoptr(GError) error = NULL;

    if (length > 0)
        memcpy(exact, xml, length);
    g_assert_null(vh_domain_parse(exact ? exact : "", length, &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_DOMAIN);
    g_assert_cmpstr(error->message, ==, wanted);
}

static void assert_fails(const char *xml, const char *wanted)
{
    assert_bytes_fail(xml, strlen(xml), wanted);
}

/* ---- real ones ---- */

#define WIN10                                                                                      \
    "win10\nc7a5fdbd-edaf-9455-926a-d65c16db1809\n"                                                \
    "0000:09:00.0 hostdev managed /usr/share/vgabios/ga102.rom\n"                                  \
    "0000:09:00.1 hostdev managed\n"                                                               \
    "0000:09:00.2 hostdev managed\n"                                                               \
    "0000:09:00.3 hostdev managed\n"                                                               \
    "0000:2d:00.3 hostdev managed\n"

static void test_fixtures(void)
{
    static const struct {
        const char *name, *wanted;
    } cases[] = {
        {"win10-prepare.xml", WIN10},
        {"win10-release.xml", WIN10},
        {"win10-restore.xml", WIN10},
        {"kinds.xml", "Arbeit – Büro\n0e2d4bd4-16f7-4d41-8b5c-3a3f8b0f77aa\n"
                      "0000:04:00.0 nvme managed\n"
                      "0001:05:00.0 nvme\n"
                      "0000:0a:10.7 interface managed\n"
                      "10000:e1:1f.7 hostdev mlx5_vfio_pci\n"
                      "0000:08:0a.1 hostdev /a & b/<c>.rom\n"},
        {"lookalikes.xml",
         "win10\nc7a5fdbd-edaf-9455-926a-d65c16db1809\n0000:09:00.0 hostdev managed\n"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = read_fixture(cases[i].name);
        assert_domain(xml, cases[i].wanted);
    }
}

/* Whatever is cut off, what is left is refused, and quietly. */
static void test_truncated(void)
{
    g_autofree char *xml = read_fixture("kinds.xml");
    gsize length = strlen(g_strchomp(xml));

    for (gsize n = 0; n < length; n++) {
        g_autofree char *part = g_malloc(MAX(n, 1));
        g_autoptr(GError) error = NULL;
        memcpy(part, xml, n);
        g_assert_null(vh_domain_parse(part, n, &error));
        g_assert_error(error, VH_ERROR, VH_ERROR_DOMAIN);
        g_assert_null(strchr(error->message, '\n'));
    }
}

/* ---- made up ones ---- */

#define UUID "<uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>"
#define GUEST "<domain><name>g</name>" UUID
#define NAMED "g\nc7a5fdbd-edaf-9455-926a-d65c16db1809\n"
#define DEVICE(attributes, inner)                                                                  \
    GUEST "\n<devices>\n<hostdev mode='subsystem' type='pci'" attributes ">" inner                 \
          "</hostdev></devices></domain>"
#define SOURCE(address) "<source><address " address "/></source>"
#define ZERO "domain='0x0000' bus='0x00' slot='0x02' function='0x0'"

static void test_names(void)
{
    static const struct {
        const char *xml, *name;
    } cases[] = {
        {"..", ".."},
        {"-x", "-x"},
        {" a b;$(id) ", " a b;$(id) "},
        {"a\nb\tc", "a\nb\tc"},
        {"Büro – 日本", "Büro – 日本"},
        {"a&amp;&lt;&gt;&quot;&apos;&#x21;", "a&<>\"'!"},
        {"<![CDATA[<a>&b;]]>c", "<a>&b;c"},
        {"a<!-- no -->b<?no no?>", "ab"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml =
            g_strdup_printf("<domain><name>%s</name>" UUID "</domain>", cases[i].xml);
        g_autofree char *wanted =
            g_strdup_printf("%s\nc7a5fdbd-edaf-9455-926a-d65c16db1809\n", cases[i].name);
        assert_domain(xml, wanted);
    }
    assert_fails("<domain>" UUID "</domain>", "domain XML: no name");
    assert_fails("<domain><name/>" UUID "</domain>", "domain XML: no name");
    assert_fails("<domain><name>../a</name>" UUID "</domain>",
                 "domain XML: name=\"../a\" is not one of a guest");
    assert_fails("<domain>\n<name>a</name>\n<name>b</name></domain>",
                 "domain XML, line 3: <name>: is there twice");
    g_autofree char *name = g_strnfill(5000, 'x');
    g_autofree char *xml = g_strdup_printf("<domain><name>%s</name>" UUID "</domain>", name);
    g_autofree char *wanted =
        g_strdup_printf("domain XML: name=\"%.64s\" is not one of a guest", name);
    assert_fails(xml, wanted);
}

static void test_uuids(void)
{
    assert_domain("<domain><name>g</name><uuid> C7A5FDBD-EDAF-9455-926A-D65C16DB1809\n</uuid>"
                  "</domain>",
                  NAMED);
    assert_domain("<domain><name>g</name><uuid>C7A5FDBDEDAF9455926AD65C16DB1809</uuid></domain>",
                  NAMED);
    assert_fails("<domain><name>g</name></domain>", "domain XML: no uuid");
    assert_fails("<domain><name>g</name><uuid>c7a5fdbdedaf9455926ad65c16db180g</uuid></domain>",
                 "domain XML: uuid=\"c7a5fdbdedaf9455926ad65c16db180g\" is not a UUID");
    assert_fails("<domain><name>g</name><uuid>../\n</uuid></domain>",
                 "domain XML: uuid=\"../\\n\" is not a UUID");
    assert_fails("<domain>" UUID UUID "</domain>", "domain XML, line 1: <uuid>: is there twice");
}

static void test_numbers(void)
{
    static const struct {
        const char *bus, *wanted;
    } good[] = {{"0x0", "00"}, {"0xFf", "ff"}, {"0X0a", "0a"}, {"0x000000a0", "a0"},
                {"255", "ff"}, {"08", "08"},   {"010", "0a"}};
    static const char *const bad[] = {"",
                                      "0x",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "a",
                                      "0xg",
                                      "1.0",
                                      "0x1 ",
                                      "00000000001",
                                      "0x00000000001",
                                      "99999999999999999999"};

    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *xml = g_strdup_printf(
            GUEST "<devices><hostdev type='pci'><source><address bus='%s' slot='0' function='0'/>"
                  "</source></hostdev></devices></domain>",
            good[i].bus);
        g_autofree char *wanted = g_strdup_printf(NAMED "0000:%s:00.0 hostdev\n", good[i].wanted);
        assert_domain(xml, wanted);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *xml = g_strdup_printf(
            GUEST "<devices>\n<hostdev type='pci'>\n<source>\n<address bus='%s' slot='0' "
                  "function='0'/></source></hostdev></devices></domain>",
            bad[i]);
        g_autofree char *wanted =
            g_strdup_printf("domain XML, line 4: <address>: bus=\"%s\" is not a number", bad[i]);
        assert_fails(xml, wanted);
    }
}

/* What is no PCI device of the host needs no address of one. */
static void test_other_devices(void)
{
    static const char *const others[] = {
        "<hostdev mode='capabilities' type='pci'/>", "<hostdev mode='subsystem' type='usb'/>",
        "<hostdev/>", "<interface type='network'><source/></interface>",
        "<disk type='file'><source file='/a' type='file'/></disk>"};

    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *xml = g_strdup_printf(GUEST "<devices>%s</devices></domain>", others[i]);
        assert_domain(xml, NAMED);
    }
}

#define RANGE                                                                                      \
    "domain XML, line 3: <address>: not a PCI address: bus is at most ff, slot 1f, function 7"

static void test_bad_devices(void)
{
    static const struct {
        const char *xml, *wanted;
    } cases[] = {
        {DEVICE("", SOURCE("bus='0x100' slot='0' function='0'")), RANGE},
        {DEVICE("", SOURCE("bus='0' slot='0x20' function='0'")), RANGE},
        {DEVICE("", SOURCE("bus='0' slot='0' function='8'")), RANGE},
        {DEVICE("", SOURCE("domain='0x100000000' bus='0' slot='0' function='0'")), RANGE},
        {DEVICE("", SOURCE("slot='0' function='0'")),
         "domain XML, line 3: <address>: bus is missing"},
        {DEVICE("", SOURCE("bus='0' function='0'")),
         "domain XML, line 3: <address>: slot is missing"},
        {DEVICE("", SOURCE("bus='0' slot='0'")),
         "domain XML, line 3: <address>: function is missing"},
        {DEVICE("", SOURCE("x:bus='1' xmlns:x='x' slot='0' function='0'")),
         "domain XML, line 3: <address>: bus is missing"},
        {DEVICE("", "<source/><address type='pci' " ZERO "/>"),
         "domain XML, line 3: <hostdev>: a host device without a source address"},
        {DEVICE("", "<source><address " ZERO "/><address " ZERO "/></source>"),
         "domain XML, line 3: <address>: a second address of one device"},
        {DEVICE(" managed='maybe'", ""),
         "domain XML, line 3: <hostdev>: managed=\"maybe\" is neither \"yes\" nor \"no\""},
        {DEVICE("", "<rom file=''/>"),
         "domain XML, line 3: <rom>: file=\"\" is not the path of a file"},
        {DEVICE("", "<driver model='../x'/>"),
         "domain XML, line 3: <driver>: model=\"../x\" is not the name of a driver"},
        {DEVICE("", "<driver model='&#10;'/>"),
         "domain XML, line 3: <driver>: model=\"\\n\" is not the name of a driver"},
        {GUEST "<devices>\n<hostdev type='pci'>" SOURCE(
             ZERO) "</hostdev>\n<interface "
                   "type='hostdev'><source><address type='pci' " ZERO "/></source></interface>"
                   "</devices></domain>",
         "domain XML, line 3: <interface>: 0000:00:02.0 is passed twice"},
        {GUEST
         "<devices>\n<hostdev type='pci'>" SOURCE(ZERO) "</hostdev>\n<hostdev type='pci'>" SOURCE(
             "bus='0' slot='2' function='0'") "</hostdev></devices></domain>",
         "domain XML, line 3: <hostdev>: 0000:00:02.0 is passed twice"},
        {GUEST "<devices>\n<disk type='nvme'><source type='pci'/></disk></devices></domain>",
         "domain XML, line 2: <source>: a host device without a source address"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_fails(cases[i].xml, cases[i].wanted);
}

static void test_no_domain(void)
{
    assert_fails("", "domain XML is empty");
    assert_fails("<network/>", "domain XML, line 1: <network>: is no libvirt domain");
    assert_fails("<domain xmlns='x'/>", "domain XML, line 1: <domain>: is no libvirt domain");
    assert_fails("<x:domain xmlns:x='x'/>", "domain XML, line 1: <domain>: is no libvirt domain");
    assert_fails("<domain/>", "domain XML: no name");
    assert_fails(GUEST "\n\xff</domain>", "domain XML, line 2: not UTF-8 text");
}

/* The words are libxml2's, and differ by its version; the line does not. */
static void test_malformed(void)
{
    static const char *const on_line_2[] = {
        "\n win10",
        GUEST "</domain>\n<domain/>",
        GUEST "\n</domian>",
        GUEST "\n&secret;</domain>",
        GUEST "\n<a b='&secret;'/></domain>",
        GUEST "\n<a b='1' b='2'/></domain>",
        GUEST "\n<a b=1/></domain>",
        GUEST "\n<a b='<'/></domain>",
        GUEST "\n<a></b></domain>",
        GUEST "\n\x01</domain>",
        GUEST "\n&#0;</domain>",
        GUEST "\n<!-- -- --></domain>",
        GUEST "\n]]></domain>",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(on_line_2); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(vh_domain_parse(on_line_2[i], strlen(on_line_2[i]), &error));
        g_assert_error(error, VH_ERROR, VH_ERROR_DOMAIN);
        g_assert_true(g_str_has_prefix(error->message, "domain XML, line 2: "));
        g_assert_null(strchr(error->message, '\n'));
    }
}

#define LAUGHS                                                                                     \
    "<!DOCTYPE domain [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">"                             \
    "<!ENTITY c \"&b;&b;&b;&b;\">]>"
#define NO_DOCTYPE "domain XML, line 1: a DOCTYPE has no place in it"

static void test_doctype(void)
{
    assert_fails("<!DOCTYPE domain><domain/>", NO_DOCTYPE);
    assert_fails(LAUGHS "<domain><name>&c;</name></domain>", NO_DOCTYPE);
    assert_fails("<!DOCTYPE domain SYSTEM 'file:///etc/passwd'>" GUEST "</domain>", NO_DOCTYPE);
    assert_fails("<!DOCTYPE domain [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><domain><name>&a;"
                 "</name></domain>",
                 NO_DOCTYPE);
    assert_fails("<!DOCTYPE domain [<!ENTITY % a SYSTEM 'http://127.0.0.1:9/'> %a;]><domain/>",
                 NO_DOCTYPE);
}

/* A text is what its bytes are, not what it says of itself; and NUL is no end of it. */
static void test_bytes(void)
{
    static const char nul[] = GUEST "</domain>\0<domain/>";
    static const char utf16[] = "\xff\xfe<\0d\0o\0m\0a\0i\0n\0/\0>\0";

    assert_domain("<?xml version='1.0' encoding='UTF-16'?>" GUEST "</domain>", NAMED);
    assert_domain("<?xml version='1.0' encoding='ISO-8859-1'?><domain><name>ä</name>" UUID
                  "</domain>",
                  "ä\nc7a5fdbd-edaf-9455-926a-d65c16db1809\n");
    assert_domain("\xef\xbb\xbf" GUEST "</domain>\n", NAMED);
    assert_bytes_fail(nul, sizeof nul - 1, "domain XML, line 1: not UTF-8 text");
    assert_bytes_fail(utf16, sizeof utf16 - 1, "domain XML, line 1: not UTF-8 text");
}

static void test_limits(void)
{
    g_autoptr(GString) xml = g_string_new(GUEST);
    const gsize limit = 4 * 1024 * 1024, end = strlen("</domain>");

    /* The root is one of the 256. */
    for (int i = 0; i < 255; i++)
        g_string_append(xml, "<a>");
    for (int i = 0; i < 255; i++)
        g_string_append(xml, "</a>");
    g_string_append(xml, "</domain>");
    assert_domain(xml->str, NAMED);
    g_string_insert(xml, strlen(GUEST), "<a>");
    g_string_insert(xml, (gssize)(xml->len - end), "</a>");
    assert_fails(xml->str, "domain XML, line 1: elements are nested too deeply");
    g_string_assign(xml, GUEST);
    for (int i = 0; i < 100000; i++)
        g_string_append(xml, "<a>");
    assert_fails(xml->str, "domain XML, line 1: elements are nested too deeply");

    g_string_assign(xml, GUEST);
    while (xml->len < limit - end)
        g_string_append_c(xml, ' ');
    g_string_append(xml, "</domain>");
    assert_domain(xml->str, NAMED);
    g_string_append_c(xml, '\n');
    assert_fails(xml->str, "domain XML is larger than 4 MiB");
}

/* Microseconds for a guest with that many devices. */
static gint64 parse_many(guint count)
{
    g_autoptr(GString) xml = g_string_new(GUEST "<devices>");
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < count; i++)
        g_string_append_printf(xml,
                               "<hostdev type='pci'><source><address domain='%u' bus='%u' slot='0' "
                               "function='0'/></source></hostdev>",
                               i / 256, i % 256);
    g_string_append(xml, "</devices></domain>");
    gint64 start = g_get_monotonic_time();
    g_autoptr(VhDomain) domain = vh_domain_parse(xml->str, xml->len, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(domain->devices->len, ==, count);
    return g_get_monotonic_time() - start;
}

/* Thousands of devices are no guest, but they must not hold the hook up: twenty times as many may
 * take a hundred times as long, and would take four hundred times if each were compared with each.
 */
static void test_many(void)
{
    gint64 few = parse_many(1000);

    g_assert_cmpint(parse_many(20000), <, 100 * few);
}

/* ---- what inspections look at ---- */

static char *facts_of(const char *xml)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhDomain) domain = vh_domain_parse(xml, strlen(xml), &error);
    GString *text = g_string_new(NULL);

    g_assert_no_error(error);
    g_string_append_printf(
        text, "%s %s %s %s %s %d %s %" G_GUINT64_FORMAT " %d %" G_GUINT64_FORMAT,
        domain->type ? domain->type : "-", domain->machine ? domain->machine : "-",
        domain->firmware ? domain->firmware : "-", domain->loader_type ? domain->loader_type : "-",
        domain->cpu_mode ? domain->cpu_mode : "-", domain->kvm_hidden,
        domain->vendor_id ? domain->vendor_id : "-", domain->memory, domain->hugepages,
        domain->page_size);
    for (guint i = 0; i < domain->graphics->len; i++)
        g_string_append_printf(text, " graphics:%s", (char *)domain->graphics->pdata[i]);
    for (guint i = 0; i < domain->videos->len; i++)
        g_string_append_printf(text, " video:%s", (char *)domain->videos->pdata[i]);
    for (guint i = 0; i < domain->images->len; i++)
        g_string_append_printf(text, " image:%s", (char *)domain->images->pdata[i]);
    for (guint i = 0; i < domain->networks->len; i++) {
        const VhDomainNetwork *network = domain->networks->pdata[i];
        g_string_append_printf(text, " %s:%s", network->kind ? network->kind : "-",
                               network->name ? network->name : "-");
    }
    return g_string_free(text, FALSE);
}

static void test_facts(void)
{
    static const struct {
        const char *xml, *wanted;
    } cases[] = {
        {GUEST "</domain>", "- - - - - 0 - 0 0 0"},
        {"<domain type='kvm'><name>g</name>" UUID
         "<memory unit='GiB'>16</memory><memoryBacking><hugepages><page size='1' unit='G'/>"
         "</hugepages></memoryBacking></domain>",
         "kvm - - - - 0 - 17179869184 1 1073741824"},
        {GUEST "<memory>8</memory><memoryBacking><hugepages/></memoryBacking></domain>",
         "- - - - - 0 - 8192 1 0"},
        {GUEST "<memory unit='MB'> 5\n</memory></domain>", "- - - - - 0 - 5000000 0 0"},
        {GUEST "<memory unit='parsec'>5</memory></domain>", "- - - - - 0 - 0 0 0"},
        {GUEST "<memory unit='TiB'>99999999999</memory></domain>", "- - - - - 0 - 0 0 0"},
        {GUEST "<memory>99999999999999999999999999999999999999999999</memory></domain>",
         "- - - - - 0 - 0 0 0"},
        {GUEST "<features><kvm><hidden state='off'/></kvm><hyperv><vendor_id state='off' "
               "value='x'/></hyperv></features></domain>",
         "- - - - - 0 - 0 0 0"},
        {GUEST "<devices><graphics type='spice'/><graphics type='vnc'/><video><model type='qxl'/>"
               "</video><interface type='bridge'><source bridge='br0'/></interface><interface "
               "type='user'/><interface type='network'><source network='lan'/></interface>"
               "</devices></domain>",
         "- - - - - 0 - 0 0 0 graphics:spice graphics:vnc video:qxl bridge:br0 user:- network:lan"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = facts_of(cases[i].xml);
        g_assert_cmpstr(got, ==, cases[i].wanted);
    }
    g_autofree char *xml = read_fixture("win10-prepare.xml");
    g_autofree char *got = facts_of(xml);
    g_assert_true(g_str_has_prefix(got, "kvm pc-q35-7.2 efi pflash host-passthrough 1 1234567890ab "
                                        "17179869184 0 0"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain/fixtures", test_fixtures);
    g_test_add_func("/domain/truncated", test_truncated);
    g_test_add_func("/domain/facts", test_facts);
    g_test_add_func("/domain/names", test_names);
    g_test_add_func("/domain/uuids", test_uuids);
    g_test_add_func("/domain/numbers", test_numbers);
    g_test_add_func("/domain/other-devices", test_other_devices);
    g_test_add_func("/domain/bad-devices", test_bad_devices);
    g_test_add_func("/domain/no-domain", test_no_domain);
    g_test_add_func("/domain/malformed", test_malformed);
    g_test_add_func("/domain/doctype", test_doctype);
    g_test_add_func("/domain/bytes", test_bytes);
    g_test_add_func("/domain/limits", test_limits);
    g_test_add_func("/domain/many", test_many);
    return g_test_run();
}

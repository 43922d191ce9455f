// SPDX-License-Identifier: GPL-2.0-or-later
/* The per-VM file as a text: every key, what is wrong with it, and what is not supported yet. */
#include <string.h>

#include "config/config.h"
#include "config/keys.h"

/* ---- one field of a configuration as a text, to compare with ---- */

static char *strings(char **list)
{
    g_autofree char *joined = g_strjoinv(" ", list);
    return g_strdup_printf("[%s]", joined);
}

static char *commands(const VhConfig *config)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < config->commands->len; i++) {
        const VhConfigCommand *command = config->commands->pdata[i];
        g_autofree char *run = strings(command->run);
        g_autofree char *undo = command->undo ? strings(command->undo) : g_strdup("-");
        g_string_append_printf(text, "(%s %s %s %u)", command->at, run, undo, command->timeout);
    }
    return g_string_free(text, FALSE);
}

static char *choice(VhChoice choice, char **list)
{
    static const char *const words[] = {"auto", "keep", "list"};
    g_autofree char *text = strings(list);

    return g_strdup_printf("%s%s", words[choice], text);
}

/* All of a configuration, one KEY=VALUE after the other. */
static char *describe(const VhConfig *config)
{
    g_autofree char *devices = choice(config->devices, config->device_list);
    g_autofree char *stop = choice(config->stop, config->stop_list);
    g_autofree char *stop_user = strings(config->stop_user);
    g_autofree char *modules = choice(config->modules, config->module_list);
    g_autofree char *rebar = strings(config->rebar);
    g_autofree char *ran = commands(config);

    return g_strdup_printf(
        "devices=%s driver=%s stop=%s stop_user=%s sessions=%u holders=%u consoles=%d "
        "framebuffer=%d modules=%s timeout=%u sleep=%d governor=%s host_cpus=%s irq_cpus=%s "
        "hugepages=%u:%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT
        ":%d reset=%s rebar=%s commands=%s.",
        devices, config->driver, stop, stop_user, config->sessions, config->holders,
        config->keep_consoles, config->keep_framebuffer, modules, config->timeout,
        config->allow_sleep, config->governor, config->host_cpus, config->irq_cpus,
        config->hugepages, config->hugepage_count, config->hugepage_size, config->hugepage_node,
        config->reset, rebar, ran);
}

/* The presets with the values of @changed, "KEY=VALUE KEY=VALUE", put in. */
static char *expected(const char *changed)
{
    g_auto(GStrv) presets = g_strsplit(
        "devices=auto[]|driver=vfio-pci|stop=auto[]|stop_user=[]|sessions=0|holders=0|"
        "consoles=0|framebuffer=0|modules=auto[]|timeout=25|sleep=0|governor=(null)|"
        "host_cpus=(null)|irq_cpus=(null)|hugepages=0:0:0:-1|reset=auto|rebar=[]|commands=",
        "|", -1);
    gsize key = strcspn(changed, "=") + 1;

    for (gsize i = 0; presets[i] && *changed; i++)
        if (strncmp(presets[i], changed, key) == 0) {
            g_free(presets[i]);
            presets[i] = g_strdup(changed);
        }
    g_autofree char *joined = g_strjoinv(" ", presets);
    return g_strconcat(joined, ".", NULL);
}

static void test_good(void)
{
    static const struct {
        const char *text, *changed;
    } cases[] = {
        {"", ""},
        {"\xEF\xBB\xBF"
         "timeout = 40;\r\n",
         "timeout=40"},
        {"\n# nothing\n// here\n/* at\nall */\r\n", ""},
        {"devices = \"auto\";", ""},
        {"devices = [ ];", "devices=list[]"},
        {"devices = [ \"09:00.0\", \"pci_0000_0C_00_3\" ]",
         "devices=list[0000:09:00.0 0000:0c:00.3]"},
        {"devices = ( \"10000:01:00.1\" );", "devices=list[10000:01:00.1]"},
        {"driver = \"amd-vfio.pci_2\";", "driver=amd-vfio.pci_2"},
        {"stop: [ \"sddm.service\", \"a@b.c.socket\" ];", "stop=list[sddm.service a@b.c.socket]"},
        {"stop = [ \"sddm\", \"a@b\" ];", "stop=list[sddm.service a@b.service]"},
        {"stop_user = [ \"plasma-*\", \"x[12].service\", \"b.service\" ];",
         "stop_user=[plasma-* x[12].service b.service]"},
        {"sessions = \"wait\";", ""},
        {"sessions = \"logout\";", "sessions=1"},
        {"sessions = \"terminate\";", "sessions=2"},
        {"sessions = \"keep\";", "sessions=3"},
        {"holders = \"terminate\";", "holders=1"},
        {"consoles = \"keep\";", "consoles=1"},
        {"framebuffer = \"keep\";", "framebuffer=1"},
        {"modules = \"keep\";", "modules=keep[]"},
        {"modules = [ \"nvidia-drm\", \"nvidia\" ];", "modules=list[nvidia_drm nvidia]"},
        {"timeout = 1;", "timeout=1"},
        {"timeout = 300;", "timeout=300"},
        {"timeout = 0x19L;", "timeout=25"},
        {"sleep = \"allow\";", "sleep=1"},
        {"governor = \"performance\";", "governor=performance"},
        {"host_cpus = \"0-1,8-9\";", "host_cpus=0-1,8-9"},
        {"irq_cpus = \"8191\";", "irq_cpus=8191"},
        {"hugepages = \"none\";", ""},
        {"hugepages = \"auto\";", "hugepages=1:0:0:-1"},
        {"hugepages = 4096;", "hugepages=2:4096:0:-1"},
        {"hugepages = { size = \"1G\"; count = 8; node = 0; };", "hugepages=2:8:1073741824:0"},
        {"hugepages : { count = 8; size = \"2M\" }", "hugepages=2:8:2097152:-1"},
        {"reset = \"rtcwake\";", "reset=rtcwake"},
        {"rebar = [ \"8G\", \"2:8M\", \"1:1M\" ];", "rebar=[:13 2:3 1:0]"},
        {"commands = ();", ""},
        {"commands = ( { at = \"prepare\"; run = [ \"/bin/a\", \"\", \"b c\" ]; },"
         "{ at = \"release\"; run = ( \"/x\" ); undo = [ \"/y\", \"1\" ]; timeout = 300; } );",
         "commands=(prepare [/bin/a  b c] - 5)(release [/x] [/y 1] 300)"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VhConfig) config = vh_config_parse(cases[i].text, "/a/b.conf", &error);
        g_assert_no_error(error);
        g_autofree char *got = describe(config);
        g_autofree char *wanted = expected(cases[i].changed);
        g_assert_cmpstr(got, ==, wanted);
        g_assert_cmpstr(config->path, ==, "/a/b.conf");
    }
}

static void assert_problems(const char *text, const char *wanted)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(vh_config_parse(text, "F", &error));
    g_assert_error(error, VH_ERROR, VH_ERROR_CONFIG);
    g_assert_cmpstr(error->message, ==, wanted);
}

#define OPERATIONS                                                                                 \
    "\"prepare\", \"start\", \"started\", \"stopped\", \"release\", \"reconnect\", \"migrate\", "  \
    "\"restore\" or \"attach\""
#define TIMEOUT "F:1: timeout: must be a whole number from 1 to 300, not "
#define HUGEPAGES                                                                                  \
    "F:1: hugepages: must be \"none\", \"auto\", a whole number from 1 to 16777216 or a group of " \
    "size, count, node, not "
#define ADDRESS " is not a PCI address; write it as 0000:09:00.0, 09:00.0 or pci_0000_09_00_0"
#define CPUS " is not a CPU list; write it as \"0-1,8-9\""

static void test_bad_devices(void)
{
    assert_problems("devices = \"09:00.0\";",
                    "F:1: devices: must be \"auto\" or a list of PCI addresses, not \"09:00.0\"");
    assert_problems("devices = 9;",
                    "F:1: devices: must be \"auto\" or a list of PCI addresses, not 9");
    assert_problems("devices = [ 9, 8 ];", "F:1: devices: member 1 must be a text\n"
                                           "F:1: devices: member 2 must be a text");
    assert_problems("devices = [ \"09:00\", \"01:00.8\" ];", "F:1: devices: \"09:00\"" ADDRESS "\n"
                                                             "F:1: devices: \"01:00.8\"" ADDRESS);
    assert_problems("devices = [ \"09:00.0\",\n\"09:00.1\",\n\n\"pci_0000_09_00_0\",\n"
                    "\"0000:09:00.0\" ];",
                    "F:4: devices: 0000:09:00.0 is listed twice, first on line 1\n"
                    "F:5: devices: 0000:09:00.0 is listed twice, first on line 1");
    assert_problems("driver = \"../vfio\";",
                    "F:1: driver: \"../vfio\" is not the name of a driver");
    assert_problems("driver = \"\";", "F:1: driver: \"\" is not the name of a driver");
    assert_problems("driver = [ \"vfio-pci\" ];",
                    "F:1: driver: must be a driver's name, not a list");
}

static void test_bad_units(void)
{
    assert_problems("stop = [ \"sddm.servce\" ];", "F:1: stop: \"sddm.servce\" is not the name of "
                                                   "a unit, such as \"sddm\" or \"sddm.service\"");
    assert_problems(
        "stop = [ \"getty@\", \"-x\", \"\" ];",
        "F:1: stop: \"getty@\" is a template; name an instance of it\n"
        "F:1: stop: \"-x\" is not the name of a unit, such as \"sddm\" or \"sddm.service\"\n"
        "F:1: stop: \"\" is not the name of a unit, such as \"sddm\" or \"sddm.service\"");
    assert_problems("stop = [ \"plasma-*\" ];",
                    "F:1: stop: \"plasma-*\" is not the name of a unit");
    assert_problems(
        "stop = [ \"a b.service\", \"getty@.service\", \"@x.service\", \".service\" ];",
        "F:1: stop: \"a b.service\" is not the name of a unit\n"
        "F:1: stop: \"getty@.service\" is a template; name an instance of it\n"
        "F:1: stop: \"@x.service\" is not the name of a unit\n"
        "F:1: stop: \".service\" is not the name of a unit, such as \"sddm\" or \"sddm.service\"");
    assert_problems("stop = \"none\";",
                    "F:1: stop: must be \"auto\" or a list of unit names, not \"none\"");
    assert_problems("stop_user = [ \"a/*\" ];",
                    "F:1: stop_user: \"a/*\" is not the name of a unit or a glob");
    assert_problems("stop_user = [ \"plasma.x\" ];",
                    "F:1: stop_user: \"plasma.x\" is not the name of a unit, such as \"sddm\" or "
                    "\"sddm.service\"");
    assert_problems("stop_user = \"auto\";",
                    "F:1: stop_user: must be a list of unit names or globs, not \"auto\"");
    assert_problems("modules = [ \"a/b\", \"nvidia_drm\", \"nvidia-drm\" ];",
                    "F:1: modules: \"a/b\" is not the name of a module\n"
                    "F:1: modules: nvidia_drm is listed twice, first on line 1");
    assert_problems("modules = true;", "F:1: modules: must be \"auto\", \"keep\" or a list of "
                                       "module names, not true or false");
}

static void test_bad_words(void)
{
    assert_problems("sessions = \"wit\";",
                    "F:1: sessions: must be \"wait\", \"logout\", \"terminate\" or \"keep\", not "
                    "\"wit\"; did you mean \"wait\"?");
    assert_problems("holders = \"kill\";",
                    "F:1: holders: must be \"refuse\" or \"terminate\", not \"kill\"");
    assert_problems("consoles = true;",
                    "F:1: consoles: must be \"auto\" or \"keep\", not true or false");
    assert_problems("framebuffer = { };",
                    "F:1: framebuffer: must be \"auto\" or \"keep\", not a group");
    assert_problems("sleep = 0;", "F:1: sleep: must be \"inhibit\" or \"allow\", not 0");
    assert_problems("reset = \"none\";", "F:1: reset: must be \"auto\", \"keep\", \"rescan\" or "
                                         "\"rtcwake\", not \"none\"");
    assert_problems("governor = \"per formance\";",
                    "F:1: governor: \"per formance\" is not the name of a governor");
    assert_problems("governor = \"sixteen_letters_\";",
                    "F:1: governor: \"sixteen_letters_\" is not the name of a governor");
}

/* libconfig 1.5 reads numbers modulo 2^32, so some of these would be 10 seconds. */
static void test_bad_numbers(void)
{
    assert_problems("timeout = 0;", TIMEOUT "0");
    assert_problems("timeout = 301;", TIMEOUT "301");
    assert_problems("timeout = -1;", TIMEOUT "-1");
    assert_problems("timeout = 25.0;", TIMEOUT "a fraction");
    assert_problems("timeout = \"25\";", TIMEOUT "\"25\"");
    assert_problems("timeout = 4294967306;", TIMEOUT "a number that large");
    assert_problems("timeout = 0x10000000A;", TIMEOUT "a number that large");
    assert_problems("timeout = 0x1000000000000000A;", TIMEOUT "a number that large");
    assert_problems("timeout = 0x1000000000000000AL;", TIMEOUT "a number that large");
    assert_problems("timeout = 18446744073709551626L;", TIMEOUT "a number that large");
    assert_problems("timeout = -4294967286;", TIMEOUT "a number that large");
    assert_problems("\ntimeout = 026;", "F:2: a number must not begin with 0: leave the zero out");
    assert_problems("devices = [ 01:00.0 ];", "F:1: an address stands in quotes, like \"01:00.0\"");
    assert_problems("hugepages = 0;", HUGEPAGES "0");
    assert_problems("hugepages = 16777217;", HUGEPAGES "16777217");
    assert_problems("hugepages = \"autoo\";", HUGEPAGES "\"autoo\"; did you mean \"auto\"?");
    assert_problems("hugepages = [ 1 ];", HUGEPAGES "a list");
    assert_problems("hugepages = { };", "F:1: hugepages.count: is missing");
    assert_problems("hugepages = { count = 1;\nsize = \"3M\"; node = 1024; sise = 1; };",
                    "F:2: hugepages.size: must be a page size such as \"2M\" or \"1G\", not "
                    "\"3M\"\n"
                    "F:2: hugepages.node: must be a whole number from -1 to 1023, not 1024\n"
                    "F:2: hugepages.sise: unknown key; did you mean \"size\"?");
}

static void test_bad_cpus(void)
{
    static const char *const bad[] = {"",    "1-",  "-1",   "2-1", "0,",   ",0",
                                      "0-x", "all", "8192", "0 1", "0--1", "99999999999"};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text =
            g_strdup_printf("host_cpus = \"%s\";\nirq_cpus = \"%s\";", bad[i], bad[i]);
        g_autofree char *wanted = g_strdup_printf(
            "F:1: host_cpus: \"%s\"" CPUS "\nF:2: irq_cpus: \"%s\"" CPUS, bad[i], bad[i]);
        assert_problems(text, wanted);
    }
}

static void test_bad_commands(void)
{
    assert_problems("commands = { };", "F:1: commands: must be a list of groups of at, run, undo, "
                                       "timeout, not a group");
    assert_problems("commands = (\n3, { } );", "F:2: commands: member 1 must be a group, { … }\n"
                                               "F:2: commands.at: is missing\n"
                                               "F:2: commands.run: is missing");
    assert_problems("commands = (\n{ at = \"prepar\"; run = [ \"ls\", \"/\" ];\n undo = [];\n"
                    "timeout = 301; when = 1; } );",
                    "F:2: commands.at: must be " OPERATIONS ", not \"prepar\"; did you mean "
                    "\"prepare\"?\n"
                    "F:2: commands.run: \"ls\" is not an absolute path\n"
                    "F:3: commands.undo: names no program\n"
                    "F:4: commands.timeout: must be a whole number from 1 to 300, not 301\n"
                    "F:4: commands.when: unknown key");
    assert_problems("commands = ( { at = \"start\"; run = \"/bin/true\"; } );",
                    "F:1: commands.run: must be a list of a program's absolute path and its "
                    "arguments, not \"/bin/true\"");
}

static void test_unknown(void)
{
    assert_problems("TIMEOUT = 4;", "F:1: TIMEOUT: unknown key; did you mean \"timeout\"?");
    assert_problems("device = [ ];", "F:1: device: unknown key; did you mean \"devices\"?");
    assert_problems("wallpaper = 1;", "F:1: wallpaper: unknown key");
    assert_problems("VIRSH_GPU = \"pci_0000_09_00_0\";", "F:1: VIRSH_GPU: unknown key");
}

static void test_several(void)
{
    assert_problems(
        "# mine\n\ntimeuot = 3;\nstop = [ \"a.x\",\n  \"b.y\" ];\n\nsleep = \"no\";\n"
        "driver = 1; devices = 2;\n",
        "F:3: timeuot: unknown key; did you mean \"timeout\"?\n"
        "F:4: stop: \"a.x\" is not the name of a unit, such as \"sddm\" or \"sddm.service\"\n"
        "F:5: stop: \"b.y\" is not the name of a unit, such as \"sddm\" or \"sddm.service\"\n"
        "F:7: sleep: must be \"inhibit\" or \"allow\", not \"no\"\n"
        "F:8: devices: must be \"auto\" or a list of PCI addresses, not 2\n"
        "F:8: driver: must be a driver's name, not 1");
}

static void test_syntax(void)
{
#define HINT "syntax error; write KEY = \"TEXT\"; or KEY = [ \"TEXT\", \"TEXT\" ];"
    assert_problems("stop = auto;", "F:1: " HINT);
    assert_problems("# old\nVIRSH_GPU_VIDEO=pci_0000_09_00_0\n", "F:2: " HINT);
    assert_problems("a = 1;\ndriver = \"vfio-pci;\nstop = [];\n",
                    "F:2: a text begins here and has no closing quotation mark");
    assert_problems("driver = \"\\\"", "F:1: a text begins here and has no closing quotation mark");
    assert_problems("timeout = 3;\nstop = [ \"a\"\n", "F:2: " HINT);
    assert_problems("timeout = 3;\nstop = [ \"a\"", "F:2: " HINT);
    assert_problems("timeout =", "F:1: " HINT);
    assert_problems("timeout = 3;\ntimeout = 4;", "F:2: duplicate setting name");
    assert_problems("devices = [ \"a\",\n1 ];", "F:2: mismatched element type in array");
    assert_problems("\n@include \"/etc/passwd\"\n", "F:2: files cannot be included (@)");
    assert_problems("/* \" */ @include \"x\"", "F:1: files cannot be included (@)");
    assert_problems("a = \"\\\"\";\n/*\n*/ b = @;", "F:3: files cannot be included (@)");
    assert_problems("x = ((((((((0))))))));\ny = (((((((((0)))))))));",
                    "F:2: groups and lists are nested too deeply");
    assert_problems("driver =\n\"\xff\";", "F:2: not UTF-8 text");
}

/* What a message quotes is foreign: it stays on its line, and short. */
static void test_foreign(void)
{
    g_autofree char *long_name = g_strnfill(5000, 'x');
    g_autofree char *text = g_strdup_printf("driver = \"%s\";", long_name);
    g_autofree char *wanted =
        g_strdup_printf("F:1: driver: \"%.64s…\" is not the name of a driver", long_name);

    assert_problems(text, wanted);
    assert_problems("driver = \"a\x1b[31m\\n\";",
                    "F:1: driver: \"a\\x1b[31m\\n\" is not the name of a driver");
    g_autoptr(GError) error = NULL;
    g_assert_null(vh_config_parse("x = 1;", "/d/a\nb.conf", &error));
    g_assert_cmpstr(error->message, ==, "/d/a\\nb.conf:1: x: unknown key");
}

static void test_many(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 70; i++)
        g_string_append_printf(text, "wallpaper%d = 1;\n", i);
    g_assert_null(vh_config_parse(text->str, "F", &error));
    g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 51);
    g_assert_cmpstr(lines[49], ==, "F:50: wallpaper49: unknown key");
    g_assert_cmpstr(lines[50], ==, "F: and 20 more");

    g_string_assign(text, "devices = [ ");
    for (guint i = 0; i < 257; i++)
        g_string_append_printf(text, "%s\"%x:00.0\"", i > 0 ? ", " : "", i);
    g_string_append(text, " ];");
    assert_problems(text->str, "F:1: devices: has more than 256 members");
    g_string_set_size(text, 0);
    for (int i = 0; i < 64 * 1024 + 1; i++)
        g_string_append_c(text, '\n');
    assert_problems(text->str, "F:1: the file is larger than 64 KiB");
}

/* The table itself: a key can be described, and its default is one that it accepts. */
static void check_table(const VhKey *keys)
{
    for (; keys->name; keys++) {
        g_autofree char *accepts = vh_key_accepts(keys);
        g_assert_nonnull(keys->doc);
        g_assert_cmpstr(accepts, !=, "");
        g_assert_null(strstr(accepts, "(null)"));
        g_assert_true(!keys->required || !keys->preset);
        if (keys->members)
            check_table(keys->members);
    }
}

static void test_table(void)
{
    check_table(vh_keys);
    g_assert_null(vh_key_find(vh_keys, "nothing"));
    for (const VhKey *key = vh_keys; key->name; key++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strdup_printf("%s = %s;", key->name, key->preset);
        g_assert_true(vh_key_find(vh_keys, key->name) == key);
        if (!key->preset)
            continue;
        g_autoptr(VhConfig) config = vh_config_parse(text, "F", &error);
        g_assert_no_error(error);
        g_autofree char *got = describe(config);
        g_autofree char *wanted = expected("");
        g_assert_cmpstr(got, ==, wanted);
    }
}

/* A file whose last line is a comment without its end. */
static void test_comment_at_end(void)
{
    static const char *const texts[] = {"# all defaults", "// all defaults",
                                        "timeout = 25; # as it is"};

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VhConfig) config = vh_config_parse(texts[i], "win10.conf", &error);
        g_assert_no_error(error);
        g_assert_cmpuint(config->timeout, ==, 25);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/config/good", test_good);
    g_test_add_func("/config/bad-devices", test_bad_devices);
    g_test_add_func("/config/bad-units", test_bad_units);
    g_test_add_func("/config/bad-words", test_bad_words);
    g_test_add_func("/config/bad-numbers", test_bad_numbers);
    g_test_add_func("/config/bad-cpus", test_bad_cpus);
    g_test_add_func("/config/bad-commands", test_bad_commands);
    g_test_add_func("/config/unknown", test_unknown);
    g_test_add_func("/config/several", test_several);
    g_test_add_func("/config/syntax", test_syntax);
    g_test_add_func("/config/foreign", test_foreign);
    g_test_add_func("/config/many", test_many);
    g_test_add_func("/config/table", test_table);
    g_test_add_func("/config/comment-at-end", test_comment_at_end);
    return g_test_run();
}

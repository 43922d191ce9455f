// SPDX-License-Identifier: GPL-2.0-or-later
/* The engine and command in one: finds the verb and its options. */
#include <errno.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "base/confined.h"
#include "base/text.h"
#include "build-config.h"
#include "hook/guard.h"
#include "hook/progress.h"
#include "hook/report.h"
#include "hook/verbs.h"

static const VhVerb verbs[] = {
    {"attach", "GUEST ADDRESS…", "add devices, with all of their IOMMU groups, to the guest", 2, 33,
     VH_OPTION_ROM | VH_OPTION_HIDE_KVM | VH_OPTION_VENDOR_ID | VH_OPTION_YES | VH_OPTION_XML |
         VH_OPTION_HOST | VH_OPTION_ROOT,
     TRUE, vh_verb_attach},
    {"check", "[GUEST]", "what is not fit on host and guest, and what mends it", 0, 1,
     VH_OPTION_JSON | VH_OPTION_ROOT | VH_OPTION_HOST | VH_OPTION_XML | VH_OPTION_CONFIG, FALSE,
     vh_verb_check},
    {"init", "GUEST", "write a per-VM file to begin with", 1, 1,
     VH_OPTION_FORCE | VH_OPTION_REPLACE | VH_OPTION_XML | VH_OPTION_HOST | VH_OPTION_ROOT, TRUE,
     vh_verb_init},
    {"plan", "GUEST", "what a start of the guest would do, and what is against it", 1, 1,
     VH_OPTION_JSON | VH_OPTION_XML | VH_OPTION_CONFIG | VH_OPTION_HOST | VH_OPTION_ROOT, TRUE,
     vh_verb_plan},
    {"rehearse", "[GUEST]", "run the whole sequence on a simulated copy of this host", 0, 1,
     VH_OPTION_HOST | VH_OPTION_ROOT | VH_OPTION_XML | VH_OPTION_CONFIG | VH_OPTION_FAIL |
         VH_OPTION_KILL | VH_OPTION_HOLD,
     FALSE, vh_verb_rehearse},
    {"status", "[GUEST]", "which guest holds which devices, and what is stuck", 0, 1,
     VH_OPTION_JSON | VH_OPTION_ROOT, TRUE, vh_verb_status},
    {"prepare", "GUEST", "hand the devices over by hand, as the guest's start would", 1, 1,
     VH_OPTION_XML, TRUE, vh_verb_prepare},
    {"release", "GUEST", "give everything back by hand", 1, 1, VH_OPTION_FORCE, TRUE,
     vh_verb_release},
    {"import", "FILE", "other hooks' configuration as a per-VM file", 1, 1,
     VH_OPTION_JSON | VH_OPTION_REPLACE | VH_OPTION_HOST | VH_OPTION_ROOT | VH_OPTION_GUEST, FALSE,
     vh_verb_import},
    {"vbios", "dump|info|trim ARGUMENT…", "read a card's option ROM, show a ROM file, cut one", 2,
     3, VH_OPTION_JSON | VH_OPTION_FORCE | VH_OPTION_REPLACE | VH_OPTION_HOST | VH_OPTION_ROOT,
     FALSE, vh_verb_vbios},
    {"recover", "", "give back what is left over when libvirt's daemon died", 0, 0, 0, TRUE,
     vh_verb_recover},
    {"start", "GUEST", "say what a start ends, ask, and have libvirt do it", 1, 1,
     VH_OPTION_YES | VH_OPTION_DESKTOP_ENTRY | VH_OPTION_FORCE | VH_OPTION_REPLACE |
         VH_OPTION_HOST | VH_OPTION_ROOT | VH_OPTION_XML | VH_OPTION_CONFIG,
     TRUE, vh_verb_start},
    {"timeline", "GUEST", "how long which step took in the last runs", 1, 1,
     VH_OPTION_JSON | VH_OPTION_SVG | VH_OPTION_REPLACE | VH_OPTION_JOURNAL | VH_OPTION_ROOT, FALSE,
     vh_verb_timeline},
    {"snapshot", "[FILE]", "write this host as a snapshot, to rehearse on it elsewhere", 0, 1,
     VH_OPTION_REPLACE | VH_OPTION_HOST | VH_OPTION_ROOT, TRUE, vh_verb_snapshot},
    {"iommu", "", "the IOMMU groups, and what can only be passed together", 0, 0,
     VH_OPTION_GROUP | VH_OPTION_GPU | VH_OPTION_JSON | VH_OPTION_ROOT | VH_OPTION_HOST, FALSE,
     vh_verb_iommu},
    {"usb", "", "which port is on which controller, and can that be passed", 0, 0,
     VH_OPTION_JSON | VH_OPTION_WATCH | VH_OPTION_ROOT | VH_OPTION_HOST, FALSE, vh_verb_usb},
    {"hook", "GUEST OPERATION SUBOPERATION EXTRA", "what libvirt's hook calls", 4, 4, 0, TRUE,
     vh_verb_hook},
    {"start-asked", "GUEST", NULL, 1, 1, 0, FALSE, vh_verb_start_asked},
    {"start-now", "GUEST", NULL, 1, 1, 0, TRUE, vh_verb_start_now},
    {"tell", "TEXT", NULL, 1, 1, VH_OPTION_ROOT, TRUE, vh_verb_tell},
    {"domain-xml", "GUEST", NULL, 1, 1, 0, TRUE, vh_verb_domain_xml},
    {"definition", "GUEST", NULL, 1, 1, 0, TRUE, vh_verb_definition},
    {"define-xml", "", NULL, 0, 0, 0, TRUE, vh_verb_define_xml},
};

/* Every option there is: where its value goes, and what the help says. */
static const struct {
    guint set;
    const char *name;
    GOptionArg type;
    gsize offset;
    const char *argument, *summary;
} option_table[] = {
    {VH_OPTION_JSON, "json", G_OPTION_ARG_NONE, G_STRUCT_OFFSET(VhOptions, json), "",
     "print JSON for programs"},
    {VH_OPTION_XML, "xml", G_OPTION_ARG_FILENAME, G_STRUCT_OFFSET(VhOptions, xml), " FILE",
     "domain XML from FILE instead of libvirt's"},
    {VH_OPTION_CONFIG, "config", G_OPTION_ARG_FILENAME, G_STRUCT_OFFSET(VhOptions, config), " FILE",
     "per-VM file FILE instead of the installed one"},
    {VH_OPTION_HOST, "host", G_OPTION_ARG_FILENAME, G_STRUCT_OFFSET(VhOptions, host), " FILE",
     "simulated host from snapshot FILE"},
    {VH_OPTION_ROOT, "root", G_OPTION_ARG_FILENAME, G_STRUCT_OFFSET(VhOptions, root), " DIR",
     "look at the machine whose files are below DIR"},
    {VH_OPTION_FAIL, "fail", G_OPTION_ARG_STRING, G_STRUCT_OFFSET(VhOptions, fail), " STEP",
     "rehearse that every act with STEP in it fails"},
    {VH_OPTION_KILL, "kill", G_OPTION_ARG_STRING, G_STRUCT_OFFSET(VhOptions, kill), " STEP",
     "rehearse that the engine is killed at STEP"},
    {VH_OPTION_HOLD, "hold", G_OPTION_ARG_STRING, G_STRUCT_OFFSET(VhOptions, hold), " PROCESS",
     "rehearse that PROCESS holds a device"},
    {VH_OPTION_SVG, "svg", G_OPTION_ARG_FILENAME, G_STRUCT_OFFSET(VhOptions, svg), " FILE",
     "draw a picture into FILE"},
    {VH_OPTION_JOURNAL, "journal", G_OPTION_ARG_FILENAME, G_STRUCT_OFFSET(VhOptions, journal),
     " DIR", "the systemd journal's files in DIR instead of this host's"},
    {VH_OPTION_GROUP, "group", G_OPTION_ARG_STRING, G_STRUCT_OFFSET(VhOptions, group), " N",
     "only IOMMU group N"},
    {VH_OPTION_GPU, "gpu", G_OPTION_ARG_NONE, G_STRUCT_OFFSET(VhOptions, gpu), "",
     "only groups with a display controller"},
    {VH_OPTION_WATCH, "watch", G_OPTION_ARG_NONE, G_STRUCT_OFFSET(VhOptions, watch), "",
     "go on, and show what is plugged and unplugged"},
    {VH_OPTION_GUEST, "guest", G_OPTION_ARG_STRING, G_STRUCT_OFFSET(VhOptions, guest), " GUEST",
     "write the per-VM file of GUEST"},
    {VH_OPTION_ROM, "rom", G_OPTION_ARG_FILENAME, G_STRUCT_OFFSET(VhOptions, rom), " FILE",
     "give the guest the card's option ROM from FILE"},
    {VH_OPTION_HIDE_KVM, "hide-kvm", G_OPTION_ARG_NONE, G_STRUCT_OFFSET(VhOptions, hide), "",
     "do not let the guest see KVM"},
    {VH_OPTION_VENDOR_ID, "vendor-id", G_OPTION_ARG_STRING, G_STRUCT_OFFSET(VhOptions, vendor),
     " TEXT", "what the guest sees as Hyper-V's vendor"},
    {VH_OPTION_YES, "yes", G_OPTION_ARG_NONE, G_STRUCT_OFFSET(VhOptions, yes), "", "ask nothing"},
    {VH_OPTION_DESKTOP_ENTRY, "desktop-entry", G_OPTION_ARG_NONE,
     G_STRUCT_OFFSET(VhOptions, desktop_entry), "", "write a launcher for the start instead"},
    {VH_OPTION_REPLACE, "force", G_OPTION_ARG_NONE, G_STRUCT_OFFSET(VhOptions, force), "",
     "replace the file that is there"},
    {VH_OPTION_FORCE, "force", G_OPTION_ARG_NONE, G_STRUCT_OFFSET(VhOptions, force), "",
     "do it in spite of what speaks against it"},
};

static const VhVerb *find_verb(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (g_str_equal(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

static void help_options(guint set)
{
    for (gsize i = 0; i < G_N_ELEMENTS(option_table); i++) {
        g_autofree char *option =
            g_strconcat("--", option_table[i].name, option_table[i].argument, NULL);
        if (set & option_table[i].set)
            vh_report_text("  %-18s %s\n", option, option_table[i].summary);
    }
}

static int help(void)
{
    vh_report_text("Usage: virt-handoff VERB [OPTION…] [ARGUMENT…]\n\n"
                   "Hands a host's GPU and other PCI devices to a VM and takes them back.\n\n"
                   "Verbs:\n");
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (verbs[i].summary && strlen(verbs[i].arguments) < 10)
            vh_report_text("  %-9s %-8s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].summary);
        else if (verbs[i].summary)
            vh_report_text("  %s %s\n%21s%s\n", verbs[i].name, verbs[i].arguments, "",
                           verbs[i].summary);
    vh_report_text("\nOptions of verbs:\n");
    help_options(~0U);
    vh_report_text("\n  -h, --help         this text; VERB --help for one verb\n"
                   "  --version          the version\n\n"
                   "Per-VM files: %s/kvm.conf.d/GUEST.conf\n"
                   "Manual: man virt-handoff\n",
                   HOOKS_DIR);
    return VH_EXIT_OK;
}

static int help_verb(const VhVerb *verb)
{
    vh_report_text("Usage: virt-handoff %s%s%s%s\n\n%s\n", verb->name,
                   verb->options ? " [OPTION…]" : "", *verb->arguments ? " " : "", verb->arguments,
                   verb->summary ? verb->summary : "internal");
    help_options(verb->options);
    return VH_EXIT_OK;
}

static int usage(const VhVerb *verb, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* @verb: whose help is to be read, NULL: that of all. */
static int usage(const VhVerb *verb, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    vh_error_set(&error, VH_ERROR_USAGE, "%s (try: virt-handoff %s%s--help)", text,
                 verb ? verb->name : "", verb ? " " : "");
    vh_report_error(NULL, error);
    return VH_EXIT_USAGE;
}

static int complain_unknown(const char *name)
{
    const char *names[G_N_ELEMENTS(verbs) + 1] = {NULL};
    gsize n = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (verbs[i].summary)
            names[n++] = verbs[i].name;
    const char *nearest = vh_text_nearest(name, names);
    return usage(NULL, "there is no verb \"%s\"%s%s%s", name, nearest ? "; did you mean \"" : "",
                 nearest ? nearest : "", nearest ? "\"?" : "");
}

/* "help" as --help has it. */
static int help_about(int argc, char **argv)
{
    const VhVerb *verb = argc == 1 ? find_verb(argv[0]) : NULL;

    if (argc > 1)
        return usage(NULL, "help takes: [VERB]");
    if (argc == 0)
        return help();
    return verb ? help_verb(verb) : complain_unknown(argv[0]);
}

/* Takes the verb's options out of *@argc and *@argv. */
static gboolean parse_options(const VhVerb *verb, int *argc, char ***argv, VhOptions *options,
                              gboolean *ret_help, GError **error)
{
    GOptionEntry entries[G_N_ELEMENTS(option_table) + 2] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, ret_help, NULL, NULL}};
    gsize n = 1;

    for (gsize i = 0; i < G_N_ELEMENTS(option_table); i++)
        if (verb->options & option_table[i].set)
            entries[n++] = (GOptionEntry){option_table[i].name,
                                          0,
                                          0,
                                          option_table[i].type,
                                          G_STRUCT_MEMBER_P(options, option_table[i].offset),
                                          NULL,
                                          NULL};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, entries, NULL);
    return g_option_context_parse(context, argc, argv, error);
}

static void drop_double_dash(int *argc, char ***argv)
{
    if (*argc > 1 && g_str_equal((*argv)[1], "--")) {
        (*argv)++;
        (*argc)--;
    }
}

typedef struct {
    const VhVerb *verb;
    int argc; /* without the verb */
    char **argv;
    const VhOptions *options;
} Request;

/* Of what only waits for somebody, nothing is said. */
static int run_watched(gpointer data)
{
    const Request *request = data;
    const VhVerb *verb = request->verb;
    g_autofree char *text = g_strdup_printf("%s is under way", verb->name);

    if (verb->summary && verb->run != vh_verb_hook && !request->options->watch)
        vh_progress(text);
    int status = verb->run(request->argc, request->argv, request->options);
    vh_progress(NULL);
    return status;
}

/* What has to come to its end; the hook itself knows which of its operations has to. */
static int run(const VhVerb *verb, int argc, char **argv, const VhOptions *options)
{
    Request request = {verb, argc, argv, options};

    if (verb->run == vh_verb_release || verb->run == vh_verb_recover)
        return vh_guard(argc > 0 ? argv[0] : NULL, run_watched, &request);
    return run_watched(&request);
}

/* The name of an option that was given nothing, or NULL. */
static const char *empty_option(VhOptions *options)
{
    for (gsize i = 0; i < G_N_ELEMENTS(option_table); i++) {
        char **value = G_STRUCT_MEMBER_P(options, option_table[i].offset);
        if (option_table[i].type != G_OPTION_ARG_NONE && *value && !**value)
            return option_table[i].name;
    }
    return NULL;
}

static int answer(const VhVerb *verb, int argc, char **argv, VhOptions *options)
{
    g_autoptr(GError) error = NULL;
    const char *empty = empty_option(options);

    if (argc - 1 < verb->least || argc - 1 > verb->most)
        return usage(verb, "%s takes: %s", verb->name,
                     *verb->arguments ? verb->arguments : "no argument");
    if (empty)
        return usage(verb, "--%s: there is nothing behind it", empty);
    if (options->host && options->root)
        return usage(verb, "--host and --root: one of them at a time");
    if (options->root && !g_file_test(options->root, G_FILE_TEST_IS_DIR))
        return usage(verb, "--root %s: it is no directory", options->root);
    /* Nothing may take it for a guest that has no file. */
    if (options->config && access(options->config, R_OK) != 0)
        return usage(verb, "--config %s: %s", options->config, g_strerror(errno));
    /* Another machine's files ask for no more than what they are. */
    if (!verb->root || options->host || options->root || geteuid() == 0)
        return run(verb, argc - 1, argv + 1, options);
    vh_error_set(&error, VH_ERROR_DENIED, "%s needs to be root: sudo virt-handoff %s …", verb->name,
                 verb->name);
    vh_report_error(NULL, error);
    return VH_EXIT_FAILED;
}

static int run_verb(const VhVerb *verb, int argc, char **argv)
{
    VhOptions options = {.verb = verb->name};
    gboolean wants_help = FALSE;
    g_autoptr(GError) error = NULL;

    /* A guest may be called "--help": the hook's arguments are never options. libvirt gives four.
     */
    if (verb->run == vh_verb_hook) {
        wants_help = argc == 2 && g_str_equal(argv[1], "--help");
    } else {
        if (!parse_options(verb, &argc, &argv, &options, &wants_help, &error))
            return usage(verb, "%s: %s", verb->name, error->message);
        drop_double_dash(&argc, &argv);
    }
    int status = wants_help ? help_verb(verb) : answer(verb, argc, argv, &options);
    for (gsize i = 0; i < G_N_ELEMENTS(option_table); i++)
        if (option_table[i].type == G_OPTION_ARG_FILENAME ||
            option_table[i].type == G_OPTION_ARG_STRING)
            g_free(G_STRUCT_MEMBER(char *, &options, option_table[i].offset));
    return status;
}

/* A file that lacks its end is worth nothing; who closed a pipe has seen what he wanted. */
static int finish(int status)
{
    g_autoptr(GError) error = NULL;
    int errnum = vh_report_output();

    if (errnum == 0 || errnum == EPIPE)
        return status;
    vh_error_set_errno(&error, errnum, "write the output");
    vh_report_error(NULL, error);
    return status == VH_EXIT_OK ? VH_EXIT_FAILED : status;
}

/* For one text that others wrote; it takes a millisecond. */
enum { CONFINED_SECONDS = 10 };

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    vh_confined_begin((gint64)CONFINED_SECONDS * G_USEC_PER_SEC);
    if (argc < 2)
        return usage(NULL, "which verb?");
    if (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h"))
        return help();
    if (g_str_equal(argv[1], "--version")) {
        vh_report_text("virt-handoff %s\n", VERSION);
        return VH_EXIT_OK;
    }
    if (g_str_equal(argv[1], "help"))
        return help_about(argc - 2, argv + 2);
    const VhVerb *verb = find_verb(argv[1]);
    return verb ? finish(run_verb(verb, argc - 1, argv + 1)) : complain_unknown(argv[1]);
}

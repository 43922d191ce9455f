// SPDX-License-Identifier: GPL-2.0-or-later
/* What was found, and the per-VM file of it. */
#include "inspect/import.h"

#include <string.h>

#include "base/address.h"
#include "base/text.h"
#include "config/config.h"
#include "inspect/import-private.h"

static void note_free(gpointer data)
{
    VhImportNote *note = data;

    g_free(note->file);
    g_free(note->text);
    g_free(note->device);
    g_free(note);
}

static void free_values(gpointer values)
{
    g_strfreev(values);
}

VhImport *vh_import_new(void)
{
    VhImport *import = g_new0(VhImport, 1);

    import->notes = g_ptr_array_new_with_free_func(note_free);
    import->devices = g_ptr_array_new_with_free_func(g_free);
    import->acts = g_ptr_array_new_with_free_func(import_act_free);
    import->stop = g_ptr_array_new_with_free_func(g_free);
    import->stop_user = g_ptr_array_new_with_free_func(g_free);
    import->commands = g_ptr_array_new_with_free_func(g_free);
    import->sources =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);
    import->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_values);
    return import;
}

void vh_import_free(VhImport *import)
{
    if (!import)
        return;
    g_ptr_array_unref(import->notes);
    g_ptr_array_unref(import->devices);
    g_ptr_array_unref(import->acts);
    g_ptr_array_unref(import->stop);
    g_ptr_array_unref(import->stop_user);
    g_ptr_array_unref(import->commands);
    g_hash_table_unref(import->sources);
    g_hash_table_unref(import->values);
    g_free(import->governor);
    g_free(import->host_cpus);
    g_free(import->reset);
    g_free(import->guest);
    g_free(import);
}

const char *vh_import_verdict_name(VhImportVerdict verdict)
{
    static const char *const names[VH_N_IMPORT_VERDICTS] = {"taken", "needless", "person"};

    return names[verdict];
}

static VhImportNote *add_note(const ImportPlace *place, VhImportVerdict verdict, const char *device,
                              const char *text)
{
    GPtrArray *notes = place->import->notes;

    if (notes->len >= IMPORT_MOST_NOTES)
        return NULL;
    VhImportNote *note = g_new0(VhImportNote, 1);
    note->device = g_strdup(device);
    gboolean full = notes->len == IMPORT_MOST_NOTES - 1;
    note->verdict = full ? VH_IMPORT_PERSON : verdict;
    note->file = vh_text_one_line(place->file);
    note->line = place->line;
    note->strange = full;
    note->text = full ? g_strdup("there is more than can be reported: look at it line by line")
                      : vh_text_one_line(text);
    g_ptr_array_add(notes, note);
    return full ? NULL : note;
}

VhImportNote *import_note_later(const ImportPlace *place)
{
    return add_note(place, VH_IMPORT_PERSON, NULL, "");
}

void import_note_settle(VhImportNote *note, VhImportVerdict verdict, const char *format, ...)
{
    va_list args;

    if (!note)
        return;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_free(note->text);
    note->text = vh_text_one_line(text);
    note->verdict = verdict;
}

void import_note(const ImportPlace *place, VhImportVerdict verdict, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    add_note(place, verdict, NULL, text);
}

void import_note_strange(const ImportPlace *place, const char *format, ...)
{
    va_list args;

    place->import->strange++;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    VhImportNote *note = add_note(place, VH_IMPORT_PERSON, NULL, text);
    if (note)
        note->strange = TRUE;
}

void import_note_device(const ImportPlace *place, const char *address, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    add_note(place, VH_IMPORT_PERSON, address, text);
}

/* What was not taken at one place, and was at another. */
static void drop_settled_notes(VhImport *import)
{
    for (guint i = import->notes->len; i-- > 0;) {
        const VhImportNote *note = import->notes->pdata[i];
        if (note->device &&
            g_ptr_array_find_with_equal_func(import->devices, note->device, g_str_equal, NULL))
            g_ptr_array_remove_index(import->notes, i);
    }
}

char *import_address(const char *text, gboolean *ret_slot)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);
    char *address = vh_address_canonical(lower, NULL);
    g_autofree char *first = address ? NULL : g_strconcat(lower, ".0", NULL);
    const char *colon = strrchr(lower, ':');

    *ret_slot = !address && colon && strlen(colon) == 3;
    return *ret_slot ? vh_address_canonical(first, NULL) : address;
}

static void add_source(VhImport *import, const char *address)
{
    GHashTable *keys = g_hash_table_lookup(import->sources, address);

    if (!keys) {
        keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_insert(import->sources, g_strdup(address), keys);
    }
    g_hash_table_add(keys, g_strdup(import->key ? import->key : ""));
}

/* The note that it was taken is no longer true. */
static void take_back(const ImportPlace *place, guint device, const char *key)
{
    VhImport *import = place->import;
    g_autofree char *address = g_strdup(import->devices->pdata[device]);
    g_autofree char *begin = g_strconcat(address, ", ", NULL);

    for (guint i = import->notes->len; i-- > 0;) {
        const VhImportNote *note = import->notes->pdata[i];
        if (note->verdict == VH_IMPORT_TAKEN && g_str_has_prefix(note->text, begin))
            g_ptr_array_remove_index(import->notes, i);
    }
    g_ptr_array_remove_index(import->devices, device);
    import_note_device(place, address,
                       "%s is assigned again: %s is not taken, as the last one counts", key,
                       address);
}

static gboolean has_address(char **values, const char *address)
{
    for (gsize i = 0; values[i]; i++) {
        gboolean slot;
        g_autofree char *one = import_address(values[i], &slot);
        if (g_strcmp0(one, address) == 0)
            return TRUE;
    }
    return FALSE;
}

void import_key_again(const ImportPlace *place, const char *key, char **values)
{
    VhImport *import = place->import;

    for (guint i = import->devices->len; i-- > 0;) {
        const char *address = import->devices->pdata[i];
        GHashTable *keys = g_hash_table_lookup(import->sources, address);
        if (keys && g_hash_table_remove(keys, key) && g_hash_table_size(keys) == 0 &&
            !has_address(values, address))
            take_back(place, i, key);
    }
}

gboolean import_device(const ImportPlace *place, const char *text, const char *what)
{
    GPtrArray *devices = place->import->devices;
    gboolean slot;
    g_autofree char *address = import_address(text, &slot);

    if (!address)
        return FALSE;
    add_source(place->import, address);
    if (g_ptr_array_find_with_equal_func(devices, address, g_str_equal, NULL))
        return TRUE;
    if (devices->len >= IMPORT_MOST_WORDS) {
        import_note(place, VH_IMPORT_PERSON, "%s was not taken: too many devices", address);
        return TRUE;
    }
    import_note(place, VH_IMPORT_TAKEN, "%s, %s", address, what);
    if (slot)
        import_note(place, VH_IMPORT_PERSON,
                    "%.40s names no function: the first was taken; add the others to devices",
                    text);
    g_ptr_array_add(devices, g_steal_pointer(&address));
    return TRUE;
}

void import_governor(const ImportPlace *place, const char *name)
{
    if (!*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyz_-")] || strlen(name) > 15) {
        import_note(place, VH_IMPORT_PERSON, "\"%.40s\" is no CPU frequency governor", name);
        return;
    }
    if (import_is_after(place->at)) {
        import_note(place, VH_IMPORT_NEEDLESS, "%s: the governor that was set comes back", name);
        return;
    }
    /* The first one is for the time while the guest runs; the next one gives it back. */
    if (!place->import->governor)
        place->import->governor = g_strdup(name);
    import_note(place, VH_IMPORT_TAKEN, "CPU frequency governor %s", name);
}

/* ---- what the host says to the devices ---- */

static void check_devices(VhImport *import, VhHost *host)
{
    const ImportPlace place = {import, "this host", 0, NULL};
    g_autoptr(GPtrArray) functions = host ? vh_host_pci_list(host, NULL) : NULL;

    /* A machine that shows no function at all (a container) says nothing about any. */
    if (!functions || functions->len == 0)
        return;
    for (guint i = 0; i < import->devices->len; i++) {
        const char *address = import->devices->pdata[i];
        g_autoptr(VhPciFunction) function = vh_host_pci_look(host, address, NULL);
        if (!function) {
            import_note(&place, VH_IMPORT_PERSON,
                        "there is no PCI function %s: addresses change with slots and firmware "
                        "settings; correct it in devices",
                        address);
        } else if (function->bridge) {
            import_note(&place, VH_IMPORT_PERSON,
                        "%s is a bridge, which stays with the host: it "
                        "was left out",
                        address);
            g_ptr_array_remove_index(import->devices, i--);
        }
    }
}

/* ---- the file ---- */

typedef struct {
    const char *key;
    char *value; /* as libconfig reads it */
} Setting;

static void setting_clear(gpointer data)
{
    g_free(((Setting *)data)->value);
}

static void set(GArray *settings, const char *key, char *value)
{
    Setting setting = {key, value};

    g_array_append_val(settings, setting);
}

static char *list_of(const GPtrArray *texts, const char *first)
{
    GString *list = g_string_new("[ ");

    if (first)
        g_string_append_printf(list, "\"%s\"%s", first, texts->len ? ", " : "");
    for (guint i = 0; i < texts->len; i++)
        g_string_append_printf(list, "%s\"%s\"", i ? ", " : "", (char *)texts->pdata[i]);
    g_string_append(list, " ]");
    return g_string_free(list, FALSE);
}

static char *quoted(const char *text)
{
    return g_strdup_printf("\"%s\"", text);
}

static char *groups_of(const GPtrArray *groups)
{
    GString *text = g_string_new("(");

    for (guint i = 0; i < groups->len; i++)
        g_string_append_printf(text, "%s\n  %s", i ? "," : "", (char *)groups->pdata[i]);
    g_string_append(text, "\n)");
    return g_string_free(text, FALSE);
}

static void set_units(VhImport *import, VhHost *host, GArray *settings)
{
    const char *display = "display-manager.service";

    if (import->stop->len > 0)
        set(settings, "stop",
            list_of(import->stop, import_stop_needs_display(import, host) ? display : NULL));
    if (import->stop_user->len > 0)
        set(settings, "stop_user", list_of(import->stop_user, NULL));
}

static GArray *settings_of(VhImport *import, VhHost *host)
{
    GArray *settings = g_array_new(FALSE, FALSE, sizeof(Setting));

    g_array_set_clear_func(settings, setting_clear);
    if (import->devices->len > 0)
        set(settings, "devices", list_of(import->devices, NULL));
    set_units(import, host, settings);
    if (import->terminate)
        set(settings, "sessions", g_strdup("\"terminate\""));
    if (import->governor)
        set(settings, "governor", quoted(import->governor));
    if (import->host_cpus)
        set(settings, "host_cpus", quoted(import->host_cpus));
    if (import->hugepages != 0)
        set(settings, "hugepages", g_strdup("\"auto\""));
    if (import->reset)
        set(settings, "reset", quoted(import->reset));
    if (import->commands->len > 0)
        set(settings, "commands", groups_of(import->commands));
    return settings;
}

/* Whether this one line can stand in a file that the hook takes; the sentence why not. */
static char *reason_against(const char *line)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VhConfig) config = vh_config_parse(line, "import", &error);

    return config ? NULL : vh_text_one_line(error->message);
}

char *vh_import_file(VhImport *import, VhHost *host, GError **error)
{
    const ImportPlace place = {import, "the per-VM file", 0, NULL};
    g_autoptr(GString) file = g_string_new("# Written by virt-handoff import. See "
                                           "virt-handoff-kvm.conf(5) for all keys.\n");

    check_devices(import, host);
    drop_settled_notes(import);
    import_units_settle(import);
    g_autoptr(GArray) settings = settings_of(import, host);
    for (guint i = 0; i < settings->len; i++) {
        const Setting *setting = &g_array_index(settings, Setting, i);
        g_autofree char *line = g_strdup_printf("%s = %s;", setting->key, setting->value);
        g_autofree char *reason = reason_against(line);
        if (reason) {
            g_autofree char *shown = vh_text_one_line(line);
            g_string_append_printf(file, "# %s\n", shown);
            import_note(&place, VH_IMPORT_PERSON, "%s is only a comment: %s", setting->key, reason);
        } else {
            g_string_append_printf(file, "%s\n", line);
        }
    }
    if (import->devices->len == 0)
        g_string_append(file,
                        "# No devices were found: those of the domain XML are handed over.\n");
    g_autoptr(VhConfig) check = vh_config_parse(file->str, "import", error);
    return check ? g_string_free(g_steal_pointer(&file), FALSE) : NULL;
}

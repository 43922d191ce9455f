// SPDX-License-Identifier: GPL-2.0-or-later
/* Attributes, links and directories of sysfs, procfs and their kind. */
#include "host/real-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"

char *vh_real_path(VhReal *real, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *path = g_strdup_vprintf(format, args);
    va_end(args);
    return g_strconcat(real->root, path, NULL);
}

/* Appends all that @fd has; 0 or an errno. */
static int read_all(int fd, gsize limit, GString *text)
{
    char buffer[8192];

    for (;;) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (text->len + (gsize)n > limit)
            return EFBIG;
        g_string_append_len(text, buffer, n);
    }
}

static GString *read_file(const char *path, gsize limit, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        vh_error_set_errno(error, errno, "%s", path);
        return NULL;
    }
    GString *text = g_string_new(NULL);
    int errnum = read_all(fd, limit, text);
    (void)close(fd);
    if (errnum == 0)
        return text;
    g_string_free(text, TRUE);
    vh_error_set_errno(error, errnum, "%s", path);
    return NULL;
}

char *vh_file_read(const char *path, gsize limit, GError **error)
{
    GString *text = read_file(path, limit, error);

    return text ? g_string_free(text, FALSE) : NULL;
}

GBytes *vh_file_bytes(const char *path, gsize limit, GError **error)
{
    GString *text = read_file(path, limit, error);

    return text ? g_string_free_to_bytes(text) : NULL;
}

char *vh_file_attribute(const char *path)
{
    char *text = vh_file_read(path, VH_ATTRIBUTE_MAX, NULL);
    gsize length = text ? strlen(text) : 0;

    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
    return text;
}

int vh_file_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    int errnum = 0;
    gsize length = strlen(text);

    if (fd < 0)
        return errno;
    /* One write: each write to an attribute is an act of its own. */
    ssize_t n = write(fd, text, length);
    if (n < 0)
        errnum = errno;
    else if ((gsize)n != length)
        errnum = EIO;
    (void)close(fd);
    return errnum;
}

char *vh_file_link_at(int dir_fd, const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(dir_fd, path, target, sizeof target - 1);

    if (n <= 0)
        return NULL;
    target[n] = '\0';
    return g_path_get_basename(target);
}

char *vh_file_link(const char *path)
{
    return vh_file_link_at(AT_FDCWD, path);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *vh_file_list(const char *path)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    DIR *dir = opendir(path);

    if (!dir)
        return names;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            g_ptr_array_add(names, g_strdup(entry->d_name));
    (void)closedir(dir);
    g_ptr_array_sort(names, compare_names);
    return names;
}

gboolean vh_file_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

char **vh_file_lines(const char *path)
{
    g_autofree char *text = vh_file_read(path, VH_TABLE_MAX, NULL);

    return g_strsplit(text ? text : "", "\n", -1);
}

gboolean vh_name_is_plain(const char *name)
{
    return name && *name && !strchr(name, '/') && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 && strlen(name) <= NAME_MAX;
}

gboolean vh_number(const char *text, guint base, guint64 *ret_value)
{
    if (text && base == 16 && g_str_has_prefix(text, "0x"))
        text += 2;
    return text && g_ascii_string_to_unsigned(text, base, 0, G_MAXUINT64, ret_value, NULL);
}

gboolean vh_device_number(const char *text, dev_t *ret_number)
{
    guint64 major_number, minor_number;
    g_auto(GStrv) parts = g_strsplit(text ? text : "", ":", 3);

    if (g_strv_length(parts) != 2 || !vh_number(parts[0], 10, &major_number) ||
        !vh_number(parts[1], 10, &minor_number))
        return FALSE;
    *ret_number = makedev((guint)major_number, (guint)minor_number);
    return TRUE;
}

char *vh_line_value(const char *text, const char *key)
{
    gsize length = strlen(key);

    for (const char *line = text; line && *line;) {
        const char *end = strchrnul(line, '\n');
        if (strncmp(line, key, length) == 0 && line[length] == '=')
            return g_strndup(line + length + 1, (gsize)(end - line) - length - 1);
        line = *end ? end + 1 : end;
    }
    return NULL;
}

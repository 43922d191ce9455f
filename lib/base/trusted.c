// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/trusted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum { MAX_LINKS = 8 };

/* A walk from the trusted directory down to the file. */
typedef struct {
    int fd;         /* of the directory reached, O_PATH */
    GString *shown; /* its path */
    GQueue *rest;   /* names still to go, the file's last */
    guint links;    /* followed so far */
    const char *path;
    const VhTrust *trust;
} Walk;

gboolean vh_trusted_refuse(const VhTrust *trust, const char *path, GError **error,
                           const char *format, ...)
{
    g_autofree char *line = vh_text_one_line(path);
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return vh_error_set(error, trust->code, "%s: %s", line, text);
}

static gboolean refuse_errno(const Walk *walk, int errnum, GError **error)
{
    g_autofree char *line = vh_text_one_line(walk->path);

    /* Only these two have a code of their own: the socket of ENXIO is not gone. */
    if (errnum == ENOENT || errnum == EACCES)
        return vh_error_set_errno(error, errnum, "%s", line);
    if (errnum == ELOOP)
        return vh_trusted_refuse(walk->trust, walk->path, error,
                                 "is a symbolic link; put the file itself there");
    return vh_trusted_refuse(walk->trust, walk->path, error, "cannot be read: %s",
                             g_strerror(errnum));
}

/* @path as a person can type it into a shell. */
static char *typed(const char *path)
{
    g_autofree char *line = vh_text_one_line(path);

    return g_shell_quote(line);
}

static gboolean is_trusted_owner(const struct stat *status)
{
    return status->st_uid == 0 || status->st_uid == geteuid();
}

/* @what is the file or a directory above it; @mode are the bits that nobody else may have. */
static gboolean check_owner(const Walk *walk, const char *what, const struct stat *status,
                            GError **error)
{
    g_autofree char *shown = vh_text_one_line(what);
    g_autofree char *quoted = typed(what);

    if (!is_trusted_owner(status))
        return vh_trusted_refuse(walk->trust, walk->path, error,
                                 "refused, since %s is not root's; to mend it: chown root %s",
                                 shown, quoted);
    if ((status->st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return TRUE;
    if (walk->trust->sticky && S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX))
        return TRUE;
    return vh_trusted_refuse(walk->trust, walk->path, error,
                             "refused, since others can write to %s; to mend it: chmod go-w %s",
                             shown, quoted);
}

/* Puts the names of @path before the rest of the walk. */
static void push_names(Walk *walk, const char *path)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);

    for (gsize i = g_strv_length(names); i > 0; i--)
        if (*names[i - 1] && !g_str_equal(names[i - 1], "."))
            g_queue_push_head(walk->rest, g_strdup(names[i - 1]));
}

static gboolean enter(Walk *walk, int fd, const char *shown)
{
    g_string_assign(walk->shown, shown);
    close(walk->fd);
    walk->fd = fd;
    return TRUE;
}

/* Links have no mode of their own. */
static gboolean check_link_owner(const Walk *walk, const char *shown, const struct stat *status,
                                 GError **error)
{
    g_autofree char *line = vh_text_one_line(shown);
    g_autofree char *quoted = typed(shown);

    return is_trusted_owner(status) ||
           vh_trusted_refuse(
               walk->trust, walk->path, error,
               "refused, since the link %s is not root's; to mend it: chown -h root %s", line,
               quoted);
}

/* @fd is the link. The walk goes on at what it names; an absolute one leads out of the trusted
 * directory, hence from the root on. */
static gboolean follow(Walk *walk, int fd, const char *shown, const struct stat *status,
                       GError **error)
{
    char target[PATH_MAX];

    if (!check_link_owner(walk, shown, status, error))
        return FALSE;
    if (++walk->links > MAX_LINKS)
        return refuse_errno(walk, EMLINK, error);
    ssize_t n = readlinkat(fd, "", target, sizeof target - 1);
    if (n < 0)
        return refuse_errno(walk, errno, error);
    target[n] = '\0';
    push_names(walk, target);
    if (*target != '/')
        return TRUE;
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? refuse_errno(walk, errno, error) : enter(walk, root, "");
}

/* One directory down. */
static gboolean step(Walk *walk, const char *name, GError **error)
{
    g_autofree char *shown = g_strconcat(walk->shown->str, "/", name, NULL);
    int fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    gboolean entered = FALSE, good = FALSE;

    if (fd < 0)
        return refuse_errno(walk, errno, error);
    if (fstat(fd, &status) < 0)
        good = refuse_errno(walk, errno, error);
    else if (S_ISLNK(status.st_mode))
        good = follow(walk, fd, shown, &status, error);
    else if (!S_ISDIR(status.st_mode))
        good = refuse_errno(walk, ENOTDIR, error);
    else
        good = entered = check_owner(walk, shown, &status, error) && enter(walk, fd, shown);
    if (!entered)
        close(fd);
    return good;
}

/* Whether the walk ends here; a link is followed where it may be one. */
static int open_last(Walk *walk, const char *name, gboolean *ret_followed, GError **error)
{
    g_autofree char *shown = g_strconcat(walk->shown->str, "/", name, NULL);
    struct stat status;

    *ret_followed = FALSE;
    if (walk->trust->link) {
        int link = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        gboolean is_link = link >= 0 && fstat(link, &status) == 0 && S_ISLNK(status.st_mode);
        if (is_link)
            *ret_followed = follow(walk, link, shown, &status, error);
        if (link >= 0)
            (void)close(link);
        if (is_link)
            return -1;
    }
    /* A FIFO or a terminal must not hold us up. */
    int fd =
        openat(walk->fd, name, walk->trust->flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        refuse_errno(walk, errno, error);
    return fd;
}

static gboolean check_file(const Walk *walk, int fd, GError **error)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return refuse_errno(walk, errno, error);
    if (!S_ISREG(status.st_mode))
        return vh_trusted_refuse(walk->trust, walk->path, error, "is not a regular file");
    return check_owner(walk, walk->path, &status, error);
}

static int walk_down(Walk *walk, GError **error)
{
    gboolean followed = TRUE;
    int fd = -1;

    while (fd < 0 && followed) {
        while (g_queue_get_length(walk->rest) > 1) {
            g_autofree char *name = g_queue_pop_head(walk->rest);
            if (!step(walk, name, error))
                return -1;
        }
        g_autofree char *name = g_queue_pop_head(walk->rest);
        fd = open_last(walk, name ? name : ".", &followed, error);
    }
    if (fd >= 0 && !check_file(walk, fd, error)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* The part of @path below @top, or NULL. */
static const char *below(const char *top, const char *path)
{
    gsize length = strlen(top);

    while (length > 0 && top[length - 1] == '/')
        length--;
    if (strncmp(path, top, length) != 0 || path[length] != '/' || strlen(path) >= PATH_MAX)
        return NULL;
    g_auto(GStrv) names = g_strsplit(path + length, "/", -1);
    gboolean climbs = g_strv_contains((const char *const *)names, "..");
    return climbs || g_str_has_suffix(path, "/") ? NULL : path + length;
}

int vh_trusted_open(const VhTrust *trust, const char *top, const char *path, GError **error)
{
    const char *rest = below(top, path);
    Walk walk = {.path = path, .trust = trust};

    if (!rest) {
        vh_trusted_refuse(trust, path, error, "is not the path of a file below %s", top);
        return -1;
    }
    walk.fd = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (walk.fd < 0) {
        refuse_errno(&walk, errno, error);
        return -1;
    }
    walk.rest = g_queue_new();
    walk.shown = g_string_new_len(path, rest - path);
    push_names(&walk, rest);
    int fd = walk_down(&walk, error);
    g_queue_free_full(walk.rest, g_free);
    g_string_free(walk.shown, TRUE);
    (void)close(walk.fd);
    return fd;
}

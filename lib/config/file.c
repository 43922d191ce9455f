// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/trusted.h"

enum { MAX_SIZE = 64 * 1024 };

static const VhTrust trust = {.flags = O_RDONLY, .sticky = TRUE, .code = VH_ERROR_CONFIG};

static gboolean refuse_size(const char *path, GError **error)
{
    return vh_trusted_refuse(&trust, path, error, "is larger than 64 KiB");
}

/* At most one byte more than allowed is read, however the file grows meanwhile. */
static char *read_all(int fd, const char *path, GError **error)
{
    g_autofree char *content = g_malloc(MAX_SIZE + 2);
    gsize size = 0;
    ssize_t n = 0;

    do {
        n = read(fd, content + size, MAX_SIZE + 1 - size);
        size += n > 0 ? (gsize)n : 0;
    } while (n > 0 || (n < 0 && errno == EINTR));
    content[size] = '\0';
    const char *nul = memchr(content, '\0', size);
    if (n == 0 && size <= MAX_SIZE && !nul)
        return g_steal_pointer(&content);
    if (n < 0)
        vh_trusted_refuse(&trust, path, error, "cannot be read: %s", g_strerror(errno));
    else if (nul)
        vh_trusted_refuse(&trust, path, error, "is not text: it contains a NUL byte");
    else
        refuse_size(path, error);
    return NULL;
}

char *vh_config_read_file(const char *trusted, const char *path, GError **error)
{
    int fd = vh_trusted_open(&trust, trusted, path, error);
    char *content = NULL;
    struct stat status;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) == 0 && status.st_size > MAX_SIZE)
        refuse_size(path, error);
    else
        content = read_all(fd, path, error);
    (void)close(fd);
    return content;
}

/* target.c - names as paths below a folder, temporary files and their renaming. */
#include "cli/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/guid.h"

/* ---- names */

enum fy_code fy_target_name_check(const char *name, size_t size_bytes, struct fy_err *err)
{
    if (size_bytes == 0)
        return fy_err_set(err, FY_EINPUT, "an empty name is no file");
    if (memchr(name, '\0', size_bytes) != NULL)
        return fy_err_set(err, FY_EINPUT, "its name holds a zero byte: no file can have it");
    if (size_bytes > FY_OBJECT_BYTES_MAX)
        return fy_err_set(err, FY_EINPUT, "its name is over %d bytes", FY_OBJECT_BYTES_MAX);
    if (name[0] == '/')
        return fy_err_set(err, FY_EINPUT, "its name begins with '/': it would leave the folder");
    for (const char *at = name;; at++) {
        size_t bytes = strcspn(at, "/");
        if (bytes == 2 && memcmp(at, "..", 2) == 0)
            return fy_err_set(err, FY_EINPUT, "its name has a '..': it would leave the folder");
        if (bytes == 0 || (bytes == 1 && at[0] == '.'))
            return fy_err_set(err, FY_EINPUT,
                              "its name has an empty or '.' part: another object may be that file");
        if (bytes > NAME_MAX)
            return fy_err_set(err, FY_EINPUT, "a part of its name is over %d bytes", NAME_MAX);
        at += bytes;
        if (*at == '\0')
            return FY_OK;
    }
}

/* ---- folders */

/* The folder `name` in folder_fd, made when it is not there. -1: errno. */
static int enter(int folder_fd, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(folder_fd, name, flags);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (mkdirat(folder_fd, name, 0777) != 0 && errno != EEXIST)
        return -1;
    return openat(folder_fd, name, flags);
}

/* An own descriptor of the folder that the last part of name goes into; *leaf is that part. */
static enum fy_code enter_all(int root_fd, const char *name, const char **leaf, int *folder_fd,
                              struct fy_err *err)
{
    int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
    for (const char *slash; fd >= 0 && (slash = strchr(name, '/')) != NULL; name = slash + 1) {
        char part[NAME_MAX + 1];
        memcpy(part, name, (size_t)(slash - name));
        part[slash - name] = '\0';
        int inner = enter(fd, part);
        int why = errno;
        (void)close(fd); /* only a way in */
        fd = inner;
        errno = why;
    }
    if (fd < 0)
        return fy_err_set(err, FY_EIO, "a folder on its way: %s",
                          errno == ELOOP || errno == ENOTDIR
                              ? "there is a file or a symbolic link of that name"
                              : strerror(errno));
    *leaf = name;
    *folder_fd = fd;
    return FY_OK;
}

/* ---- the file */

/* Takes folder_fd. */
static enum fy_code open_temporary(int folder_fd, const char *leaf, struct fy_target *target,
                                   struct fy_err *err)
{
    char id[FY_GUID_DIGITS + 1];
    *target = (struct fy_target){.folder_fd = folder_fd, .fd = -1};
    FY_ASSERT(fy_text_copy(target->leaf, sizeof(target->leaf), leaf));
    fy_guid_new(fy_clock_system(), id);
    (void)snprintf(target->temporary, sizeof(target->temporary), ".ferry-%s.part", id);
    target->fd =
        openat(folder_fd, target->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (target->fd >= 0)
        return FY_OK;
    (void)fy_err_set(err, FY_EIO, "make a file for it: %s", strerror(errno));
    (void)close(folder_fd); /* only a way in */
    return FY_EIO;
}

enum fy_code fy_target_open_below(int root_fd, const char *name, size_t size_bytes,
                                  struct fy_target *target, struct fy_err *err)
{
    const char *leaf = NULL;
    int folder_fd = -1;
    enum fy_code code = fy_target_name_check(name, size_bytes, err);
    if (code == FY_OK)
        code = enter_all(root_fd, name, &leaf, &folder_fd, err);
    if (code == FY_OK)
        code = open_temporary(folder_fd, leaf, target, err);
    return code;
}

enum fy_code fy_target_open_path(const char *path, struct fy_target *target, struct fy_err *err)
{
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    const char *leaf = slash != NULL ? slash + 1 : path;
    size_t folder_bytes = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    if (leaf[0] == '\0' || strlen(leaf) > NAME_MAX || folder_bytes >= sizeof(folder))
        return fy_err_set(err, FY_EINPUT, "'%.80s' is no path of a file", path);
    if (slash != NULL) {
        memcpy(folder, path, folder_bytes);
        folder[folder_bytes] = '\0';
    }
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0)
        return fy_err_set(err, FY_EIO, "folder %.120s: %s", folder, strerror(errno));
    return open_temporary(folder_fd, leaf, target, err);
}

enum fy_code fy_target_restart(struct fy_target *target, struct fy_err *err)
{
    if (ftruncate(target->fd, 0) == 0 && lseek(target->fd, 0, SEEK_SET) == 0)
        return FY_OK;
    return fy_err_set(err, FY_EIO, "begin its file anew: %s", strerror(errno));
}

static void end(struct fy_target *target)
{
    (void)close(target->folder_fd); /* only a way in */
    *target = (struct fy_target){.folder_fd = -1, .fd = -1};
}

enum fy_code fy_target_commit(struct fy_target *target, struct fy_err *err)
{
    bool good = close(target->fd) == 0; /* network file systems tell here that they are full */
    good = good &&
           renameat(target->folder_fd, target->temporary, target->folder_fd, target->leaf) == 0;
    enum fy_code code =
        good ? FY_OK : fy_err_set(err, FY_EIO, "give its file its name: %s", strerror(errno));
    if (!good)
        (void)unlinkat(target->folder_fd, target->temporary, 0); /* best effort */
    end(target);
    return code;
}

void fy_target_abort(struct fy_target *target)
{
    (void)close(target->fd);                                 /* nobody reads it */
    (void)unlinkat(target->folder_fd, target->temporary, 0); /* best effort */
    end(target);
}

/* store_dir_kept.c - files that a folder store keeps beside the bodies, under names of the caller.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/adapters/store_dir_internal.h"

enum fy_code store_dir_kept_open(struct fy_store *port, const char *name, struct fy_reader **reader,
                                 int64_t *size, struct fy_err *err)
{
    struct store_dir *self = (struct store_dir *)port;
    return store_dir_reader_open(self, self->kept.fd, name, name, reader, size, err);
}

/* No fsync of the folder: what a crash brings back is removed again by whoever removes it. */
enum fy_code store_dir_kept_remove(struct fy_store *port, const char *name, struct fy_err *err)
{
    struct store_dir *self = (struct store_dir *)port;
    if (unlinkat(self->kept.fd, name, 0) != 0 && errno != ENOENT)
        return store_dir_fail(err, errno, "remove a kept file");
    return FY_OK;
}

struct kept_walk {
    fy_store_kept_fn *visit;
    void *arg;
};

static bool visit_kept(void *arg, int folder_fd, const char *file)
{
    const struct kept_walk *walk = arg;
    struct stat status;
    if (!fy_kept_name_is_valid(file) ||
        fstatat(folder_fd, file, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
        return true; /* somebody else's, or removed a moment ago */
    return walk->visit(walk->arg, file, status.st_size);
}

enum fy_code store_dir_kept_list(struct fy_store *port, fy_store_kept_fn *visit, void *arg,
                                 struct fy_err *err)
{
    struct store_dir *self = (struct store_dir *)port;
    struct kept_walk walk = {.visit = visit, .arg = arg};
    return store_dir_each(self->kept.fd, visit_kept, &walk, err);
}

static_assert(FY_KEPT_NAME_BYTES_MAX < STORE_DIR_NAME_BYTES, "every name fits");

/* Never over another file, on any file system: a link fails where the name is taken. */
int store_dir_temp_keep(bool nameless, int shard_fd, int fd, const struct store_dir_name *temp,
                        int kept_fd, const char *name)
{
    if (nameless) {
        struct store_dir_name as = *temp;
        bool fits = fy_text_copy(as.file, sizeof(as.file), name);
        FY_ASSERT(fits);
        return store_dir_temp_publish(true, kept_fd, fd, &as);
    }
    char file[STORE_DIR_NAME_BYTES];
    store_dir_name_temp(temp, file);
    if (linkat(shard_fd, file, kept_fd, name, 0) != 0)
        return -1;
    (void)unlinkat(shard_fd, file, 0); /* what stays, the sweeper finds by its boot id */
    return 0;
}

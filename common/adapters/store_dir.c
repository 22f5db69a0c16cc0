/* store_dir.c - the store port in a folder: opening it, and everything but writing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/adapters/store_dir_internal.h"

#define KEPT_FOLDER "kept" /* no shard has such a name */

struct fy_reader {
    struct store_dir *store;
    int fd;
};

enum fy_code store_dir_fail(struct fy_err *err, int number, const char *doing)
{
    /* EFBIG: a limit of the process or the file system, for which this body has no room either. */
    bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
    const char *reason = strerrordesc_np(number);
    return fy_err_set(err, full ? FY_ENOSPACE : FY_EIO, "store: cannot %s: %s", doing,
                      reason == NULL ? "unknown error" : reason);
}

enum fy_code store_dir_reader_open(struct store_dir *self, int folder_fd, const char *file,
                                   const char *shown, struct fy_reader **reader, int64_t *size,
                                   struct fy_err *err)
{
    int fd = openat(folder_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return fy_err_set(err, FY_ENOTFOUND, "store: %s is not there", shown);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
        return fy_err_set(err, FY_EBUSY, "store: too much is open to open a body");
    if (fd < 0)
        return store_dir_fail(err, errno, "open a body");
    struct stat status;
    if (fstat(fd, &status) != 0) {
        enum fy_code code = store_dir_fail(err, errno, "look at a body");
        close(fd);
        return code;
    }
    struct fy_reader *made = fy_alloc(sizeof(*made));
    *made = (struct fy_reader){.store = self, .fd = fd};
    self->handles++;
    *size = status.st_size;
    *reader = made;
    return FY_OK;
}

static enum fy_code store_dir_open_body(struct fy_store *port, const char *blob_ref,
                                        struct fy_reader **reader, int64_t *size,
                                        struct fy_err *err)
{
    struct store_dir *self = (struct store_dir *)port;
    struct store_dir_name name;
    enum fy_code code = store_dir_ref_parse(blob_ref, &name, err);
    if (code != FY_OK)
        return code;
    if (name.temp)
        return fy_err_set(err, FY_ENOTFOUND, "store: %s was never finished", blob_ref);
    return store_dir_reader_open(self, self->shards[name.shard].fd, name.file, blob_ref, reader,
                                 size, err);
}

static enum fy_code store_dir_read(struct fy_reader *reader, int64_t offset, void *bytes,
                                   size_t capacity, size_t *size_bytes, struct fy_err *err)
{
    FY_ASSERT(offset >= 0);
    ssize_t got;
    do {
        got = pread(reader->fd, bytes, capacity, offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return store_dir_fail(err, errno, "read a body");
    *size_bytes = (size_t)got;
    return FY_OK;
}

static int store_dir_reader_fd(struct fy_reader *reader)
{
    return reader->fd;
}

static void store_dir_reader_close(struct fy_reader *reader)
{
    struct store_dir *store = reader->store;
    close(reader->fd);
    free(reader);
    uint32_t before = store->handles--;
    FY_ASSERT(before > 0);
}

/* No fsync of the folder: a name that a crash brings back has a dead boot id and no row, so the
 * sweeper meets it again. */
static enum fy_code store_dir_remove(struct fy_store *port, const char *blob_ref,
                                     struct fy_err *err)
{
    struct store_dir *self = (struct store_dir *)port;
    struct store_dir_name name;
    enum fy_code code = store_dir_ref_parse(blob_ref, &name, err);
    if (code != FY_OK)
        return code;
    if (unlinkat(self->shards[name.shard].fd, name.file, 0) != 0 && errno != ENOENT)
        return store_dir_fail(err, errno, "remove a body");
    return FY_OK;
}

/* Holds no lock and a few kilobytes of names at a time, so visit may take its time (and should,
 * when it removes many: creating files is slow right after). */
enum fy_code store_dir_each(int folder_fd, store_dir_entry_fn *visit, void *arg, struct fy_err *err)
{
    /* A descriptor of its own: the folder's has one position for all threads. */
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        enum fy_code code = store_dir_fail(err, errno, "list a folder");
        if (fd >= 0)
            close(fd);
        return code;
    }
    enum fy_code code = FY_OK;
    for (bool go_on = true; go_on;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL && errno != 0)
            code = store_dir_fail(err, errno, "list a folder");
        go_on = entry != NULL && visit(arg, fd, entry->d_name);
    }
    closedir(folder);
    return code;
}

struct body_walk {
    uint32_t shard;
    fy_store_visit_fn *visit;
    void *arg;
    bool over;
};

/* Shows one entry; what is not a body (a folder, a name of somebody else) is passed over. */
static bool visit_entry(void *arg, int shard_fd, const char *file)
{
    struct body_walk *walk = arg;
    struct store_dir_name name;
    struct stat status;
    if (!store_dir_name_of_file(walk->shard, file, &name))
        return true;
    if (fstatat(shard_fd, file, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
        return true; /* removed a moment ago, mostly */
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
    store_dir_ref_print(&name, blob_ref);
    walk->over = !walk->visit(walk->arg, blob_ref, name.boot_id, status.st_size);
    return !walk->over;
}

static enum fy_code store_dir_list(struct fy_store *port, fy_store_visit_fn *visit, void *arg,
                                   struct fy_err *err)
{
    struct store_dir *self = (struct store_dir *)port;
    struct body_walk walk = {.visit = visit, .arg = arg};
    enum fy_code code = FY_OK;
    for (; walk.shard < FY_STORE_SHARDS && !walk.over && code == FY_OK; walk.shard++)
        code = store_dir_each(self->shards[walk.shard].fd, visit_entry, &walk, err);
    return code;
}

static enum fy_code store_dir_space(struct fy_store *port, int64_t *free_bytes, bool *above_floor,
                                    struct fy_err *err)
{
    struct store_dir *self = (struct store_dir *)port;
    return store_dir_space_get(&self->space, free_bytes, above_floor, err);
}

static void store_dir_close(struct fy_store *port)
{
    struct store_dir *self = (struct store_dir *)port;
    FY_ASSERT(self->handles == 0); /* all writers and readers have ended */
    for (uint32_t shard = 0; shard < FY_STORE_SHARDS; shard++)
        store_dir_shard_close(&self->shards[shard]);
    store_dir_shard_close(&self->kept);
    store_dir_space_done(&self->space);
    close(self->root_fd);
    free(self);
}

static const struct fy_store_ops store_dir_ops = {
    .name = "dir",
    .begin = store_dir_begin,
    .hash = store_dir_hash,
    .write = store_dir_write,
    .seal = store_dir_seal,
    .finish = store_dir_finish,
    .keep = store_dir_keep,
    .abort = store_dir_abort,
    .open = store_dir_open_body,
    .read = store_dir_read,
    .reader_fd = store_dir_reader_fd,
    .reader_close = store_dir_reader_close,
    .remove = store_dir_remove,
    .list = store_dir_list,
    .kept_open = store_dir_kept_open,
    .kept_remove = store_dir_kept_remove,
    .kept_list = store_dir_kept_list,
    .space = store_dir_space,
    .close = store_dir_close,
};

/* A folder is durable once the one above it is. Not only when we made it: the process that did may
 * have died before its fsync. A folder above that we may not read was there before us. */
static enum fy_code parent_sync(int root_fd, bool made, struct fy_err *err)
{
    int fd = openat(root_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return made ? store_dir_fail(err, errno, "open the parent folder") : FY_OK;
    enum fy_code code = FY_OK;
    if (fsync(fd) != 0)
        code = store_dir_fail(err, errno, "sync the parent folder");
    close(fd);
    return code;
}

static enum fy_code root_open(const char *path, int *root_fd, struct fy_err *err)
{
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return store_dir_fail(err, errno, "make the folder");
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return store_dir_fail(err, errno, "open the folder");
    enum fy_code code = parent_sync(fd, made, err);
    if (code == FY_OK)
        *root_fd = fd;
    else
        close(fd);
    return code;
}

static enum fy_code shards_open(struct store_dir *self, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    uint32_t opened = 0;
    while (opened < FY_STORE_SHARDS && code == FY_OK) {
        char name[3];
        store_dir_shard_print(opened, name);
        code = store_dir_shard_open(&self->shards[opened], self->root_fd, name, err);
        opened += code == FY_OK;
    }
    bool kept = false;
    if (code == FY_OK) {
        code = store_dir_shard_open(&self->kept, self->root_fd, KEPT_FOLDER, err);
        kept = code == FY_OK;
    }
    if (code == FY_OK && fsync(self->root_fd) != 0)
        code = store_dir_fail(err, errno, "sync the folder");
    if (code != FY_OK && kept)
        store_dir_shard_close(&self->kept);
    while (code != FY_OK && opened > 0)
        store_dir_shard_close(&self->shards[--opened]);
    return code;
}

/* Whether a file may be written without a name and get one later: some file systems lack the first,
 * a system without /proc the second. */
static bool nameless_works(const struct store_dir *self)
{
    struct store_dir_name name;
    store_dir_name_new(self->boot_id, &name);
    int shard_fd = self->shards[name.shard].fd;
    int fd = store_dir_temp_open(true, shard_fd, &name);
    if (fd < 0) /* a full disk does not tell, and most can */
        return errno == ENOSPC || errno == EDQUOT;
    bool works = store_dir_temp_publish(true, shard_fd, fd, &name) == 0;
    if (works)
        (void)unlinkat(shard_fd, name.file,
                       0); /* an empty body of ours; the sweeper would take it */
    close(fd);
    return works;
}

enum fy_code fy_store_dir_open(const struct fy_store_dir_settings *settings,
                               struct fy_store **store, struct fy_err *err)
{
    FY_ASSERT(*store == NULL);
    FY_ASSERT(store_dir_boot_id_is_valid(settings->boot_id));

    int root_fd = -1;
    if (root_open(settings->path, &root_fd, err) != FY_OK)
        return fy_err_add(err, "%s", settings->path);
    struct store_dir *self = fy_alloc(sizeof(*self));
    self->port.ops = &store_dir_ops;
    self->root_fd = root_fd;
    bool fits = fy_text_copy(self->boot_id, sizeof(self->boot_id), settings->boot_id);
    FY_ASSERT(fits);
    if (shards_open(self, err) != FY_OK) {
        close(root_fd);
        free(self);
        return fy_err_add(err, "%s", settings->path);
    }
    self->nameless = nameless_works(self);
    store_dir_space_init(&self->space, root_fd, settings->free_floor_bytes);
    *store = &self->port;
    return FY_OK;
}

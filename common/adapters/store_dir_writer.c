/* store_dir_writer.c - one body on its way into the folder. What a crash leaves after each step
 * stands in ENGINE 6; in short: nothing, until the whole body is there and has its name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/adapters/store_dir_internal.h"

struct fy_writer {
    struct store_dir *store;
    struct store_dir_name name;
    struct fy_digest digest; /* once sealed */
    bool sealed;             /* no hash and no write follows */

    /* The thread of fy_store_hash. */
    struct fy_sha256 *hash;
    int64_t hashed; /* bytes */

    /* The thread of fy_store_write. */
    enum fy_code failed;   /* what a write failed with; FY_OK while the writer is good */
    int fd;                /* -1 until the buffer is full or the body ends */
    int64_t size;          /* bytes given to us */
    int64_t written;       /* of them, bytes given to the kernel */
    int64_t behind;        /* of them, bytes the kernel was told to write to the disk */
    int64_t promised_left; /* of the size hint, what is set aside and not yet written */

    /* Small bodies, and small pieces of large ones, gather here: a body that fits is opened,
     * written, named and synced in finish, on a thread that may block. Made by the first write. */
    uint8_t *buffer;
    size_t buffer_bytes;
    size_t buffered;
};

enum fy_code store_dir_begin(struct fy_store *port, int64_t size_hint, struct fy_writer **writer,
                             struct fy_err *err)
{
    struct store_dir *self = (struct store_dir *)port;
    int64_t promise_bytes = size_hint < 0 ? 0 : size_hint;
    enum fy_code code = store_dir_space_take(&self->space, promise_bytes, err);
    if (code != FY_OK)
        return code;

    struct fy_writer *made = fy_alloc(sizeof(*made));
    made->store = self;
    made->hash = fy_sha256_new();
    made->fd = -1;
    made->promised_left = promise_bytes;
    made->buffer_bytes = size_hint > 0 && size_hint < FY_STORE_BUFFER_BYTES ? (size_t)size_hint
                                                                            : FY_STORE_BUFFER_BYTES;
    store_dir_name_new(self->boot_id, &made->name);
    self->handles++;
    *writer = made;
    return FY_OK;
}

static int shard_fd(const struct fy_writer *writer)
{
    return writer->store->shards[writer->name.shard].fd;
}

/* Keeps the answer of a call: after a failure it is that of all writes that follow, and that the
 * disk is full is news for begin too. */
static enum fy_code writer_note(struct fy_writer *writer, enum fy_code code)
{
    writer->failed = code;
    if (code == FY_ENOSPACE)
        store_dir_space_forget(&writer->store->space);
    return code;
}

/* The kernel begins to write what is new and has written what was new the last time, so that the
 * last fsync of a large body is short and its dirty pages are few. An error it reports here would
 * not be reported by fsync again, so it ends the writer. */
static enum fy_code write_behind(struct fy_writer *writer, struct fy_err *err)
{
    const unsigned begin = SYNC_FILE_RANGE_WRITE;
    const unsigned end = SYNC_FILE_RANGE_WAIT_BEFORE | begin | SYNC_FILE_RANGE_WAIT_AFTER;
    int64_t from = writer->behind;
    int64_t before = from < FY_STORE_WRITE_BEHIND_BYTES ? 0 : from - FY_STORE_WRITE_BEHIND_BYTES;
    int failed = sync_file_range(writer->fd, from, writer->written - from, begin);
    if (failed == 0 && from > before)
        failed = sync_file_range(writer->fd, before, from - before, end);
    if (failed != 0 && errno != ENOSYS && errno != EINVAL) /* some file systems cannot: no harm */
        return store_dir_fail(err, errno, "write a body back");
    writer->behind = writer->written;
    return FY_OK;
}

static enum fy_code write_all(struct fy_writer *writer, const uint8_t *bytes, size_t size_bytes,
                              struct fy_err *err)
{
    size_t at = 0;
    while (at < size_bytes) {
        ssize_t wrote = write(writer->fd, bytes + at, size_bytes - at);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return store_dir_fail(err, wrote == 0 ? EIO : errno, "write a body");
        at += (size_t)wrote;
    }
    return FY_OK;
}

/* Hands bytes to the kernel, into the file that this opens when it is the first time. */
static enum fy_code spill(struct fy_writer *writer, const uint8_t *bytes, size_t size_bytes,
                          struct fy_err *err)
{
    struct store_dir *store = writer->store;
    enum fy_code code = FY_OK;
    if ((int64_t)size_bytes > writer->promised_left)
        code = store_dir_space_unpromised(&store->space, err);
    if (code != FY_OK)
        return code;
    if (writer->fd < 0)
        writer->fd = store_dir_temp_open(store->nameless, shard_fd(writer), &writer->name);
    if (writer->fd < 0)
        return store_dir_fail(err, errno, "create a body");
    code = write_all(writer, bytes, size_bytes, err);
    if (code != FY_OK)
        return code;

    writer->written += (int64_t)size_bytes;
    int64_t given =
        (int64_t)size_bytes < writer->promised_left ? (int64_t)size_bytes : writer->promised_left;
    writer->promised_left -= given;
    store_dir_space_give(&store->space, given);
    if (writer->written - writer->behind < FY_STORE_WRITE_BEHIND_BYTES)
        return FY_OK;
    return write_behind(writer, err);
}

static enum fy_code spill_buffer(struct fy_writer *writer, struct fy_err *err)
{
    size_t buffered = writer->buffered;
    writer->buffered = 0;
    return spill(writer, writer->buffer, buffered, err);
}

static enum fy_code append_bytes(struct fy_writer *writer, const uint8_t *bytes, size_t size_bytes,
                                 struct fy_err *err)
{
    enum fy_code code = FY_OK;
    if (writer->buffered > 0 && size_bytes > writer->buffer_bytes - writer->buffered)
        code = spill_buffer(writer, err);
    if (code != FY_OK)
        return code;
    if (size_bytes > writer->buffer_bytes)
        return spill(writer, bytes, size_bytes, err);
    if (writer->buffer == NULL)
        writer->buffer = fy_alloc(writer->buffer_bytes);
    memcpy(writer->buffer + writer->buffered, bytes, size_bytes);
    writer->buffered += size_bytes;
    return FY_OK;
}

void store_dir_hash(struct fy_writer *writer, const void *bytes, size_t size_bytes)
{
    FY_ASSERT(!writer->sealed);
    fy_sha256_update(writer->hash, bytes, size_bytes);
    writer->hashed += (int64_t)size_bytes;
}

enum fy_code store_dir_write(struct fy_writer *writer, const void *bytes, size_t size_bytes,
                             struct fy_err *err)
{
    if (writer->failed != FY_OK)
        return fy_err_set(err, writer->failed, "store: the writer has failed before");
    FY_ASSERT(!writer->sealed);
    if (size_bytes == 0)
        return FY_OK;
    writer->size += (int64_t)size_bytes;
    return writer_note(writer, append_bytes(writer, bytes, size_bytes, err));
}

static void writer_free(struct fy_writer *writer)
{
    struct store_dir *store = writer->store;
    /* What close could still report, fsync has reported before; an aborted file does not matter. */
    if (writer->fd >= 0)
        (void)close(writer->fd);
    store_dir_space_give(&store->space, writer->promised_left);
    fy_sha256_free(writer->hash);
    free(writer->buffer);
    free(writer);
    uint32_t before = store->handles--;
    FY_ASSERT(before > 0);
}

void store_dir_abort(struct fy_writer *writer)
{
    if (writer->fd >= 0 && !writer->store->nameless) {
        char temp[STORE_DIR_NAME_BYTES];
        store_dir_name_temp(&writer->name, temp);
        /* Best effort: what stays, the sweeper finds by its boot id. */
        (void)unlinkat(shard_fd(writer), temp, 0);
    }
    writer_free(writer);
}

/* fsync, not fdatasync: that a file without a name got one is metadata. Neither is ever repeated
 * after a failure: the kernel has dropped the pages it could not write and would then report
 * success. */
static enum fy_code make_durable(struct fy_writer *writer, uint64_t ticket, struct fy_err *err)
{
    struct store_dir_shard *shard = &writer->store->shards[writer->name.shard];
    if (fsync(writer->fd) != 0)
        return store_dir_fail(err, errno, "sync a body");
    return store_dir_shard_sync(shard, ticket, err);
}

/* Names the file, then makes file and name durable; on failure the name goes again. */
static enum fy_code publish(struct fy_writer *writer, struct fy_err *err)
{
    struct store_dir *store = writer->store;
    uint64_t ticket = store_dir_shard_ticket(&store->shards[writer->name.shard]);
    if (store_dir_temp_publish(store->nameless, shard_fd(writer), writer->fd, &writer->name) != 0)
        return store_dir_fail(err, errno, "name a body");
    enum fy_code code = make_durable(writer, ticket, err);
    if (code != FY_OK) {
        /* If a crash brings the name back, no row has it and its boot id is dead: it is swept. */
        (void)unlinkat(shard_fd(writer), writer->name.file, 0);
    }
    return code;
}

void store_dir_seal(struct fy_writer *writer, struct fy_stored *stored)
{
    FY_ASSERT(writer->hashed == writer->size); /* or the digest is another body's */
    if (!writer->sealed)
        fy_sha256_final(writer->hash, &writer->digest);
    writer->sealed = true;
    *stored = (struct fy_stored){.size = writer->size, .digest = writer->digest};
}

enum fy_code store_dir_finish(struct fy_writer *writer, struct fy_stored *stored,
                              struct fy_err *err)
{
    FY_ASSERT(writer->failed == FY_OK); /* only abort may follow a failed write */
    enum fy_code code = spill_buffer(writer, err);
    if (code == FY_OK)
        code = publish(writer, err);
    if (code != FY_OK) {
        (void)writer_note(writer, code);
        store_dir_abort(writer);
        return code;
    }
    store_dir_seal(writer, stored);
    store_dir_ref_print(&writer->name, stored->blob_ref);
    writer_free(writer);
    return FY_OK;
}

/* As publish, but under a name that others may want. */
static enum fy_code publish_kept(struct fy_writer *writer, const char *name, struct fy_err *err)
{
    struct store_dir *store = writer->store;
    uint64_t ticket = store_dir_shard_ticket(&store->kept);
    if (fsync(writer->fd) != 0) /* whole before it has a name: nobody asks again whether it is */
        return store_dir_fail(err, errno, "sync a kept file");
    if (store_dir_temp_keep(store->nameless, shard_fd(writer), writer->fd, &writer->name,
                            store->kept.fd, name) != 0) {
        if (errno == EEXIST)
            return fy_err_set(err, FY_EEXISTS, "store: %s is there already", name);
        return store_dir_fail(err, errno, "name a kept file");
    }
    enum fy_code code = fsync(writer->fd) != 0 /* that it has a name is metadata */
                            ? store_dir_fail(err, errno, "sync a kept file")
                            : store_dir_shard_sync(&store->kept, ticket, err);
    if (code != FY_OK)
        (void)unlinkat(store->kept.fd, name, 0);
    return code;
}

enum fy_code store_dir_keep(struct fy_writer *writer, const char *name, struct fy_err *err)
{
    FY_ASSERT(writer->failed == FY_OK); /* only abort may follow a failed write */
    enum fy_code code = spill_buffer(writer, err);
    if (code == FY_OK)
        code = publish_kept(writer, name, err);
    if (code != FY_OK) {
        (void)writer_note(writer, code);
        store_dir_abort(writer);
        return code;
    }
    writer_free(writer);
    return FY_OK;
}

int store_dir_temp_open(bool nameless, int shard_fd, const struct store_dir_name *name)
{
    if (nameless)
        return openat(shard_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    char temp[STORE_DIR_NAME_BYTES];
    store_dir_name_temp(name, temp);
    return openat(shard_fd, temp, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int store_dir_temp_publish(bool nameless, int shard_fd, int fd, const struct store_dir_name *name)
{
    if (nameless) {
        char path[sizeof("/proc/self/fd/") + 10]; /* ten digits and the sign of an int */
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* it fits */
        return linkat(AT_FDCWD, path, shard_fd, name->file, AT_SYMLINK_FOLLOW);
    }
    char temp[STORE_DIR_NAME_BYTES];
    store_dir_name_temp(name, temp);
    int failed = renameat2(shard_fd, temp, shard_fd, name->file, RENAME_NOREPLACE);
    /* Some file systems cannot refuse to replace. 128 random bits say that there is nothing to. */
    if (failed != 0 && (errno == EINVAL || errno == ENOSYS))
        failed = renameat(shard_fd, temp, shard_fd, name->file);
    return failed;
}

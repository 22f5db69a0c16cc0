/* store.h - port: where bodies live, by opaque blob_ref. */
/* Adapters: store_dir.c (folder), later store_s3.c. Contract: tests/contract/store_contract.c */
#ifndef FY_PORTS_STORE_H
#define FY_PORTS_STORE_H

#include "common/core/digest.h"

/* Whether a kept file may be called so (fy_store_keep). In common/ports/store.c. */
bool fy_kept_name_is_valid(const char *name);

struct fy_store;
struct fy_writer; /* one body being written; belongs to one thread at a time, see fy_store_hash */
struct fy_reader; /* one body being read; belongs to one thread at a time */

/* What finish proved, computed by the store itself while the bytes went in. */
struct fy_stored {
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
    int64_t size;
    struct fy_digest digest;
};

/* Called for each body of the store. boot_id: which process wrote it. false stops the walk. */
typedef bool fy_store_visit_fn(void *arg, const char *blob_ref, const char *boot_id, int64_t size);

/* Called for each kept file. false stops the walk. */
typedef bool fy_store_kept_fn(void *arg, const char *name, int64_t size);

struct fy_store_ops {
    const char *name;
    enum fy_code (*begin)(struct fy_store *self, int64_t size_hint, struct fy_writer **writer,
                          struct fy_err *err);
    void (*hash)(struct fy_writer *writer, const void *bytes, size_t size_bytes);
    enum fy_code (*write)(struct fy_writer *writer, const void *bytes, size_t size_bytes,
                          struct fy_err *err);
    void (*seal)(struct fy_writer *writer, struct fy_stored *stored);
    enum fy_code (*finish)(struct fy_writer *writer, struct fy_stored *stored, struct fy_err *err);
    enum fy_code (*keep)(struct fy_writer *writer, const char *name, struct fy_err *err);
    void (*abort)(struct fy_writer *writer);
    enum fy_code (*open)(struct fy_store *self, const char *blob_ref, struct fy_reader **reader,
                         int64_t *size, struct fy_err *err);
    enum fy_code (*read)(struct fy_reader *reader, int64_t offset, void *bytes, size_t capacity,
                         size_t *size_bytes, struct fy_err *err);
    int (*reader_fd)(struct fy_reader *reader);
    void (*reader_close)(struct fy_reader *reader);
    enum fy_code (*remove)(struct fy_store *self, const char *blob_ref, struct fy_err *err);
    enum fy_code (*list)(struct fy_store *self, fy_store_visit_fn *visit, void *arg,
                         struct fy_err *err);
    enum fy_code (*kept_open)(struct fy_store *self, const char *name, struct fy_reader **reader,
                              int64_t *size, struct fy_err *err);
    enum fy_code (*kept_remove)(struct fy_store *self, const char *name, struct fy_err *err);
    enum fy_code (*kept_list)(struct fy_store *self, fy_store_kept_fn *visit, void *arg,
                              struct fy_err *err);
    enum fy_code (*space)(struct fy_store *self, int64_t *free_bytes, bool *above_floor,
                          struct fy_err *err);
    void (*close)(struct fy_store *self);
};

struct fy_store {
    const struct fy_store_ops *ops;
};

/*
 * Begins one attempt to store a body under a random name of its own that carries the boot id.
 *   size_hint  promised bytes, or -1 unknown; a hint of FY_BIG_BYTES or more turns write-behind on
 *   writer     on FY_OK owned by the caller, who ends it with exactly one of finish and abort
 * Errors: FY_ENOSPACE free space is under the floor (or size_hint would take it there); FY_EIO.
 * Thread: any. May block on the disk.
 */
FY_MUST_CHECK static inline enum fy_code fy_store_begin(struct fy_store *self, int64_t size_hint,
                                                        struct fy_writer **writer,
                                                        struct fy_err *err)
{
    FY_ASSERT(*writer == NULL);
    FY_ASSERT(size_hint >= -1);
    return self->ops->begin(self, size_hint, writer, err);
}
/*
 * The two halves of append, for a big body: each may have a thread of its own at the same time, and
 * each is given all bytes of the body in order, in pieces of its own. All that follows (seal,
 * finish, abort) comes when both halves are over.
 * Errors of write: FY_ENOSPACE, FY_EIO; then only abort may follow.
 */
static inline void fy_store_hash(struct fy_store *self, struct fy_writer *writer, const void *bytes,
                                 size_t size_bytes)
{
    self->ops->hash(writer, bytes, size_bytes);
}
FY_MUST_CHECK static inline enum fy_code fy_store_write(struct fy_store *self,
                                                        struct fy_writer *writer, const void *bytes,
                                                        size_t size_bytes, struct fy_err *err)
{
    return self->ops->write(writer, bytes, size_bytes, err);
}
/* Hashes and writes the next bytes. Errors: FY_ENOSPACE, FY_EIO; then only abort may follow. */
FY_MUST_CHECK static inline enum fy_code fy_store_append(struct fy_store *self,
                                                         struct fy_writer *writer,
                                                         const void *bytes, size_t size_bytes,
                                                         struct fy_err *err)
{
    fy_store_hash(self, writer, bytes, size_bytes);
    return fy_store_write(self, writer, bytes, size_bytes, err);
}
/* Ends the appending and tells size and digest (and an empty blob_ref), so that a body that is not
 * the promised one is aborted before it costs a sync and gets a name that only the sweeper may
 * remove. Optional; then only finish and abort may follow. Never fails, does not touch the disk. */
static inline void fy_store_seal(struct fy_store *self, struct fy_writer *writer,
                                 struct fy_stored *stored)
{
    FY_ASSERT(writer != NULL);
    self->ops->seal(writer, stored);
}
/* Makes the body durable (name and bytes) and frees the writer, whatever the answer. On FY_OK the
 * body can be opened by stored->blob_ref and survives a power cut. Blocks on the disk: call it on a
 * pool thread. Errors: FY_ENOSPACE, FY_EIO (nothing is left that the sweeper would not remove). */
FY_MUST_CHECK static inline enum fy_code fy_store_finish(struct fy_store *self,
                                                         struct fy_writer *writer,
                                                         struct fy_stored *stored,
                                                         struct fy_err *err)
{
    FY_ASSERT(writer != NULL);
    return self->ops->finish(writer, stored, err);
}
/*
 * In place of finish: the bytes become a kept file, under a name of the caller's. Kept files are
 * what a store has besides bodies: fy_store_list does not show them, no row names them, and nobody
 * sweeps them. Durable, and freed, as finish has it.
 *   name  1..FY_KEPT_NAME_BYTES_MAX of [0-9a-z.-], beginning with a letter
 * Errors: FY_EEXISTS there is one of that name, which stays as it is: of two who keep it at once
 * one is refused. FY_ENOSPACE, FY_EIO.
 */
FY_MUST_CHECK static inline enum fy_code
fy_store_keep(struct fy_store *self, struct fy_writer *writer, const char *name, struct fy_err *err)
{
    FY_ASSERT(writer != NULL);
    FY_ASSERT(fy_kept_name_is_valid(name));
    return self->ops->keep(writer, name, err);
}
/* Drops what was written; accepts NULL. */
static inline void fy_store_abort(struct fy_store *self, struct fy_writer *writer)
{
    if (writer != NULL)
        self->ops->abort(writer);
}
/* Opens a body. *reader on FY_OK is the caller's (fy_store_reader_close). A body stays readable
 * through an open reader even when it is removed meanwhile. Errors: FY_ENOTFOUND; FY_EIO; FY_EBUSY
 * the process or the machine has no more room for open files; FY_EINTERNAL blob_ref is none of this
 * store's. Thread: any. */
FY_MUST_CHECK static inline enum fy_code fy_store_open(struct fy_store *self, const char *blob_ref,
                                                       struct fy_reader **reader, int64_t *size,
                                                       struct fy_err *err)
{
    FY_ASSERT(*reader == NULL);
    return self->ops->open(self, blob_ref, reader, size, err);
}
/* Reads up to capacity bytes at offset; *size_bytes 0 at the end. Errors: FY_EIO. */
FY_MUST_CHECK static inline enum fy_code fy_store_read(struct fy_store *self,
                                                       struct fy_reader *reader, int64_t offset,
                                                       void *bytes, size_t capacity,
                                                       size_t *size_bytes, struct fy_err *err)
{
    return self->ops->read(reader, offset, bytes, capacity, size_bytes, err);
}
/* A file descriptor for sendfile, positioned anywhere, or -1 when the store has none (S3). It
 * belongs to the reader. */
static inline int fy_store_reader_fd(struct fy_store *self, struct fy_reader *reader)
{
    return self->ops->reader_fd(reader);
}
static inline void fy_store_reader_close(struct fy_store *self, struct fy_reader *reader)
{
    if (reader != NULL)
        self->ops->reader_close(reader);
}
/* Removes a body; absent is FY_OK. For the sweeper, and for a writer whose row was refused, so that
 * nobody can name the body (DESIGN 5). Errors: FY_EIO;
 * FY_EINTERNAL blob_ref is none of this store's. */
FY_MUST_CHECK static inline enum fy_code fy_store_remove(struct fy_store *self,
                                                         const char *blob_ref, struct fy_err *err)
{
    return self->ops->remove(self, blob_ref, err);
}
/* Walks all durable bodies in no order; bodies that come or go meanwhile may or may not be seen. */
FY_MUST_CHECK static inline enum fy_code
fy_store_list(struct fy_store *self, fy_store_visit_fn *visit, void *arg, struct fy_err *err)
{
    return self->ops->list(self, visit, arg, err);
}
/* As fy_store_open, fy_store_remove and fy_store_list, of kept files; a listing has no order. */
FY_MUST_CHECK static inline enum fy_code fy_store_kept_open(struct fy_store *self, const char *name,
                                                            struct fy_reader **reader,
                                                            int64_t *size, struct fy_err *err)
{
    FY_ASSERT(*reader == NULL);
    FY_ASSERT(fy_kept_name_is_valid(name));
    return self->ops->kept_open(self, name, reader, size, err);
}
FY_MUST_CHECK static inline enum fy_code fy_store_kept_remove(struct fy_store *self,
                                                              const char *name, struct fy_err *err)
{
    FY_ASSERT(fy_kept_name_is_valid(name));
    return self->ops->kept_remove(self, name, err);
}
FY_MUST_CHECK static inline enum fy_code
fy_store_kept_list(struct fy_store *self, fy_store_kept_fn *visit, void *arg, struct fy_err *err)
{
    return self->ops->kept_list(self, visit, arg, err);
}
/* Free bytes, and whether they are above the floor (with hysteresis: once under, it takes
 * floor * 1.1 to be above again). */
FY_MUST_CHECK static inline enum fy_code fy_store_space(struct fy_store *self, int64_t *free_bytes,
                                                        bool *above_floor, struct fy_err *err)
{
    return self->ops->space(self, free_bytes, above_floor, err);
}
/* Ends the store; all writers and readers have ended before. Accepts NULL. */
static inline void fy_store_close(struct fy_store *self)
{
    if (self != NULL)
        self->ops->close(self);
}

#endif

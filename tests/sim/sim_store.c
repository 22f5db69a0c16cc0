/* sim_store.c - bodies in memory; what finish answered for survives any crash, the rest none. */
#include "tests/sim/sim_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ports/sha256.h"
#include "tests/sim/sim_plant.h"

#define FREE_BYTES (1LL << 40)

struct sim_disk {
    struct sim_body **bodies; /* removed ones too */
    size_t count, capacity;
    struct sim_body *kept; /* kept files; blob_ref is the name */
    struct sim_store_faults faults;
};
struct sim_store {
    struct fy_store port;
    struct sim_disk *disk;
    char boot_id[32];
    uint64_t written; /* names given */
};
struct sim_writer {
    struct sim_store *store;
    struct fy_sha256 *hash;
    char *bytes;
    size_t size_bytes;
    bool failed, sealed;
    struct fy_stored stored;
};
struct sim_reader {
    struct sim_store *store;
    const struct sim_body *body;
};

static struct sim_store *store_from(struct fy_store *port)
{
    return FY_CONTAINER_OF(port, struct sim_store, port);
}
static struct sim_writer *writer_from(struct fy_writer *port)
{
    return (struct sim_writer *)(void *)port;
}
static struct sim_reader *reader_from(struct fy_reader *port)
{
    return (struct sim_reader *)(void *)port;
}

static enum fy_code disk_error(struct fy_err *err)
{
    return fiber_chance(3) ? fy_err_set(err, FY_ENOSPACE, "sim: no space")
                           : fy_err_set(err, FY_EIO, "sim: the disk failed");
}

/* ------------------------------------------------------------------ writing */

static enum fy_code store_begin(struct fy_store *port, int64_t size_hint, struct fy_writer **writer,
                                struct fy_err *err)
{
    struct sim_store *self = store_from(port);
    (void)size_hint;
    fiber_yield();
    if (fiber_chance(self->disk->faults.begin_one_of))
        return disk_error(err);
    struct sim_writer *made = fy_alloc(sizeof(*made));
    made->store = self;
    made->hash = fy_sha256_new();
    *writer = (struct fy_writer *)(void *)made;
    return FY_OK;
}

static void store_hash(struct fy_writer *port, const void *bytes, size_t size_bytes)
{
    fy_sha256_update(writer_from(port)->hash, bytes, size_bytes);
}

static enum fy_code store_write(struct fy_writer *port, const void *bytes, size_t size_bytes,
                                struct fy_err *err)
{
    struct sim_writer *writer = writer_from(port);
    FY_ASSERT(!writer->failed);
    fiber_yield();
    if (fiber_chance(writer->store->disk->faults.write_one_of)) {
        writer->failed = true;
        return disk_error(err);
    }
    writer->bytes = fy_realloc(writer->bytes, writer->size_bytes + size_bytes + 1);
    memcpy(writer->bytes + writer->size_bytes, bytes, size_bytes);
    writer->size_bytes += size_bytes;
    return FY_OK;
}

static void store_seal(struct fy_writer *port, struct fy_stored *stored)
{
    struct sim_writer *writer = writer_from(port);
    if (!writer->sealed) {
        writer->stored.size = (int64_t)writer->size_bytes;
        fy_sha256_final(writer->hash, &writer->stored.digest);
        writer->sealed = true;
    }
    *stored = writer->stored;
}

static void store_abort(struct fy_writer *port)
{
    struct sim_writer *writer = writer_from(port);
    fy_sha256_free(writer->hash);
    free(writer->bytes);
    free(writer);
}

/* Takes the writer's bytes. */
static void keep(struct sim_writer *writer, const char *blob_ref)
{
    struct sim_disk *disk = writer->store->disk;
    struct sim_body *body = fy_alloc(sizeof(*body));
    FY_ASSERT(fy_text_copy(body->blob_ref, sizeof(body->blob_ref), blob_ref));
    memcpy(body->boot_id, writer->store->boot_id, sizeof(body->boot_id));
    body->size = (int64_t)writer->size_bytes;
    body->bytes = writer->bytes;
    writer->bytes = NULL;
    if (disk->count == disk->capacity) {
        disk->capacity = disk->capacity > 0 ? 2 * disk->capacity : 64;
        disk->bodies = fy_realloc(disk->bodies, disk->capacity * sizeof(struct sim_body *));
    }
    disk->bodies[disk->count++] = body;
}

/* A planted bug: on the disk some time after it was said to be there, if the process lives. */
static void *late_main(void *arg)
{
    struct sim_body *body = arg;
    fiber_sleep_us(fiber_some(1000000));
    body->removed = false;
    return NULL;
}

static void keep_late(struct sim_disk *disk)
{
    disk->bodies[disk->count - 1]->removed = true;
    (void)fiber_start(fiber_group_here(), "late", late_main, disk->bodies[disk->count - 1], 0);
}

static enum fy_code store_finish(struct fy_writer *port, struct fy_stored *stored,
                                 struct fy_err *err)
{
    struct sim_writer *writer = writer_from(port);
    struct sim_store *self = writer->store;
    const struct sim_store_faults *faults = &self->disk->faults;
    struct fy_stored proved;
    FY_ASSERT(!writer->failed);
    store_seal(port, &proved);
    (void)snprintf(proved.blob_ref, sizeof(proved.blob_ref), "sim:%s.%" PRIu64, self->boot_id,
                   ++self->written);
    if (faults->delay_us_max > 0)
        fiber_sleep_us(fiber_some(faults->delay_us_max)); /* a kill here leaves nothing */
    bool fails = fiber_chance(faults->finish_one_of);
    if (!fails || fiber_chance(2))
        keep(writer, proved.blob_ref);
    if (!fails && sim_planted(SIM_NOT_DURABLE))
        keep_late(self->disk);
    fiber_trace("store: %s %s", proved.blob_ref, fails ? "failed" : "durable");
    fiber_yield(); /* a kill here leaves a file that no row names */
    store_abort(port);
    if (fails)
        return disk_error(err);
    *stored = proved;
    return FY_OK;
}

static struct sim_body **kept_place(struct sim_disk *disk, const char *name)
{
    struct sim_body **at = &disk->kept;
    while (*at != NULL && strcmp((*at)->blob_ref, name) != 0)
        at = &(*at)->next;
    return at;
}

static enum fy_code store_keep(struct fy_writer *port, const char *name, struct fy_err *err)
{
    struct sim_writer *writer = writer_from(port);
    const struct sim_store_faults *faults = &writer->store->disk->faults;
    if (faults->delay_us_max > 0)
        fiber_sleep_us(fiber_some(faults->delay_us_max)); /* a kill here leaves nothing */
    struct sim_body **place = kept_place(writer->store->disk, name);
    bool taken = *place != NULL;
    bool fails = fiber_chance(faults->finish_one_of);
    if (!taken && (!fails || fiber_chance(2))) {
        *place = fy_alloc(sizeof(**place));
        FY_ASSERT(fy_text_copy((*place)->blob_ref, sizeof((*place)->blob_ref), name));
        (*place)->size = (int64_t)writer->size_bytes;
        (*place)->bytes = writer->bytes;
        writer->bytes = NULL;
    }
    fiber_yield();
    store_abort(port);
    if (taken)
        return fy_err_set(err, FY_EEXISTS, "sim: %s is there", name);
    return fails ? disk_error(err) : FY_OK;
}

/* ------------------------------------------------------------------ reading and removing */

static struct sim_body *find(const struct sim_disk *disk, const char *blob_ref)
{
    for (size_t i = 0; i < disk->count; i++)
        if (strcmp(disk->bodies[i]->blob_ref, blob_ref) == 0)
            return disk->bodies[i];
    return NULL;
}

static enum fy_code check_ref(const char *blob_ref, struct fy_err *err)
{
    if (strncmp(blob_ref, "sim:", 4) == 0 && strchr(blob_ref, '/') == NULL)
        return FY_OK;
    return fy_err_set(err, FY_EINTERNAL, "'%.80s' is none of this store's", blob_ref);
}

static enum fy_code store_open(struct fy_store *port, const char *blob_ref,
                               struct fy_reader **reader, int64_t *size, struct fy_err *err)
{
    struct sim_store *self = store_from(port);
    if (check_ref(blob_ref, err) != FY_OK)
        return err->code;
    fiber_yield();
    const struct sim_body *body = find(self->disk, blob_ref);
    if (body == NULL || body->removed)
        return fy_err_set(err, FY_ENOTFOUND, "no body %s", blob_ref);
    if (fiber_chance(self->disk->faults.read_one_of))
        return fy_err_set(err, FY_EIO, "sim: the disk failed");
    struct sim_reader *made = fy_alloc(sizeof(*made));
    *made = (struct sim_reader){.store = self, .body = body};
    *reader = (struct fy_reader *)(void *)made;
    *size = body->size;
    return FY_OK;
}

static enum fy_code store_read(struct fy_reader *port, int64_t offset, void *bytes, size_t capacity,
                               size_t *size_bytes, struct fy_err *err)
{
    const struct sim_reader *reader = reader_from(port);
    if (fiber_chance(reader->store->disk->faults.read_one_of))
        return fy_err_set(err, FY_EIO, "sim: the disk failed");
    int64_t left = reader->body->size - offset;
    *size_bytes = left <= 0 ? 0 : (size_t)left < capacity ? (size_t)left : capacity;
    if (*size_bytes > 0)
        memcpy(bytes, reader->body->bytes + offset, *size_bytes);
    return FY_OK;
}

static int store_reader_fd(struct fy_reader *port)
{
    (void)port;
    return -1;
}

static void store_reader_close(struct fy_reader *port)
{
    free(reader_from(port));
}

static enum fy_code store_remove(struct fy_store *port, const char *blob_ref, struct fy_err *err)
{
    struct sim_store *self = store_from(port);
    if (check_ref(blob_ref, err) != FY_OK)
        return err->code;
    fiber_yield();
    if (fiber_chance(self->disk->faults.read_one_of))
        return fy_err_set(err, FY_EIO, "sim: the disk failed");
    struct sim_body *body = find(self->disk, blob_ref);
    if (body != NULL)
        body->removed = true;
    fiber_trace("store: %s removed", blob_ref);
    fiber_yield();
    return FY_OK;
}

static enum fy_code store_list(struct fy_store *port, fy_store_visit_fn *visit, void *arg,
                               struct fy_err *err)
{
    struct sim_disk *disk = store_from(port)->disk;
    (void)err;
    for (size_t i = 0; i < disk->count; i++) {
        const struct sim_body *body = disk->bodies[i];
        if (!body->removed && !visit(arg, body->blob_ref, body->boot_id, body->size))
            break;
        fiber_yield();
    }
    return FY_OK;
}

static enum fy_code store_kept_open(struct fy_store *port, const char *name,
                                    struct fy_reader **reader, int64_t *size, struct fy_err *err)
{
    struct sim_store *self = store_from(port);
    const struct sim_body *file = *kept_place(self->disk, name);
    if (file == NULL)
        return fy_err_set(err, FY_ENOTFOUND, "no kept file %s", name);
    struct sim_reader *made = fy_alloc(sizeof(*made));
    *made = (struct sim_reader){.store = self, .body = file};
    *reader = (struct fy_reader *)(void *)made;
    *size = file->size;
    return FY_OK;
}

static enum fy_code store_kept_remove(struct fy_store *port, const char *name, struct fy_err *err)
{
    (void)err;
    struct sim_body **place = kept_place(store_from(port)->disk, name);
    struct sim_body *file = *place;
    if (file == NULL)
        return FY_OK;
    *place = file->next;
    free(file->bytes);
    free(file);
    fiber_yield();
    return FY_OK;
}

static enum fy_code store_kept_list(struct fy_store *port, fy_store_kept_fn *visit, void *arg,
                                    struct fy_err *err)
{
    (void)err;
    for (const struct sim_body *file = store_from(port)->disk->kept; file != NULL;
         file = file->next)
        if (!visit(arg, file->blob_ref, file->size))
            break;
    return FY_OK;
}

static enum fy_code store_space(struct fy_store *port, int64_t *free_bytes, bool *above_floor,
                                struct fy_err *err)
{
    (void)port;
    (void)err;
    *free_bytes = FREE_BYTES;
    *above_floor = true;
    return FY_OK;
}

static void store_close(struct fy_store *port)
{
    free(store_from(port));
}

static const struct fy_store_ops sim_store_ops = {.name = "sim",
                                                  .begin = store_begin,
                                                  .hash = store_hash,
                                                  .write = store_write,
                                                  .seal = store_seal,
                                                  .finish = store_finish,
                                                  .keep = store_keep,
                                                  .abort = store_abort,
                                                  .open = store_open,
                                                  .read = store_read,
                                                  .reader_fd = store_reader_fd,
                                                  .reader_close = store_reader_close,
                                                  .remove = store_remove,
                                                  .list = store_list,
                                                  .kept_open = store_kept_open,
                                                  .kept_remove = store_kept_remove,
                                                  .kept_list = store_kept_list,
                                                  .space = store_space,
                                                  .close = store_close};

struct fy_store *sim_store_open(struct sim_disk *disk, const char *boot_id)
{
    struct sim_store *self = fy_alloc(sizeof(*self));
    self->port.ops = &sim_store_ops;
    self->disk = disk;
    FY_ASSERT(fy_text_copy(self->boot_id, sizeof(self->boot_id), boot_id));
    return &self->port;
}

struct sim_disk *sim_disk_new(void)
{
    return fy_alloc(sizeof(struct sim_disk));
}

void sim_disk_faults(struct sim_disk *disk, const struct sim_store_faults *faults)
{
    disk->faults = *faults;
}

const struct sim_body *sim_disk_body(const struct sim_disk *disk, const char *blob_ref)
{
    const struct sim_body *body = find(disk, blob_ref);
    return body == NULL || body->removed ? NULL : body;
}

size_t sim_disk_count(const struct sim_disk *disk)
{
    size_t count = 0;
    for (size_t i = 0; i < disk->count; i++)
        count += !disk->bodies[i]->removed;
    return count;
}

void sim_disk_free(struct sim_disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        free(disk->bodies[i]->bytes);
        free(disk->bodies[i]);
    }
    while (disk->kept != NULL) {
        struct sim_body *file = disk->kept;
        disk->kept = file->next;
        free(file->bytes);
        free(file);
    }
    free(disk->bodies);
    free(disk);
}

/* fake_store.c - bodies are remembered by their digest; their bytes are not kept. */
#include "tests/support/fake_store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ports/sha256.h"

struct body {
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
    struct fy_digest digest;
    int64_t size;
    struct body *next;
};

struct fy_writer {
    struct fake_store *store;
    struct fy_sha256 *hash;
    int64_t size;
    bool sealed;
    struct fy_digest digest; /* once sealed */
};

struct fy_reader {
    char nothing;
};

struct fake_store {
    struct fy_store port;
    pthread_mutex_t mutex;
    pthread_cond_t let_go;
    struct body *bodies;
    size_t body_count, names;
    int writers;
    bool full, holding;
    struct {
        enum fy_code code;
        int count;
    } faults[FAKE_STORE_STEPS];
};

static struct fake_store *from(struct fy_store *port)
{
    return FY_CONTAINER_OF(port, struct fake_store, port);
}

static enum fy_code fault(struct fake_store *self, enum fake_store_step step, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    pthread_mutex_lock(&self->mutex);
    if (self->faults[step].count != 0) {
        code = self->faults[step].code;
        if (self->faults[step].count > 0)
            self->faults[step].count--;
    }
    pthread_mutex_unlock(&self->mutex);
    return code == FY_OK ? FY_OK : fy_err_set(err, code, "the disk was told to fail");
}

static enum fy_code store_begin(struct fy_store *port, int64_t size_hint, struct fy_writer **writer,
                                struct fy_err *err)
{
    (void)size_hint;
    struct fake_store *self = from(port);
    enum fy_code code = fault(self, FAKE_BEGIN, err);
    if (code != FY_OK)
        return code;
    *writer = fy_alloc(sizeof(**writer));
    (*writer)->store = self;
    (*writer)->hash = fy_sha256_new();
    pthread_mutex_lock(&self->mutex);
    self->writers++;
    pthread_mutex_unlock(&self->mutex);
    return FY_OK;
}

static void store_hash(struct fy_writer *writer, const void *bytes, size_t size_bytes)
{
    struct fake_store *self = writer->store;
    pthread_mutex_lock(&self->mutex);
    while (self->holding)
        pthread_cond_wait(&self->let_go, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
    fy_sha256_update(writer->hash, bytes, size_bytes);
}

static enum fy_code store_write(struct fy_writer *writer, const void *bytes, size_t size_bytes,
                                struct fy_err *err)
{
    (void)bytes;
    enum fy_code code = fault(writer->store, FAKE_APPEND, err);
    if (code == FY_OK)
        writer->size += (int64_t)size_bytes;
    return code;
}

static void writer_free(struct fy_writer *writer)
{
    struct fake_store *self = writer->store;
    fy_sha256_free(writer->hash);
    free(writer);
    pthread_mutex_lock(&self->mutex);
    self->writers--;
    pthread_mutex_unlock(&self->mutex);
}

static void store_seal(struct fy_writer *writer, struct fy_stored *stored)
{
    if (!writer->sealed)
        fy_sha256_final(writer->hash, &writer->digest);
    writer->sealed = true;
    *stored = (struct fy_stored){.size = writer->size, .digest = writer->digest};
}

static enum fy_code store_finish(struct fy_writer *writer, struct fy_stored *stored,
                                 struct fy_err *err)
{
    struct fake_store *self = writer->store;
    enum fy_code code = fault(self, FAKE_FINISH, err);
    if (code == FY_OK) {
        struct body *body = fy_alloc(sizeof(*body));
        store_seal(writer, stored);
        body->digest = stored->digest;
        body->size = stored->size;
        pthread_mutex_lock(&self->mutex);
        (void)snprintf(body->blob_ref, sizeof(body->blob_ref), "fake:%zu", ++self->names);
        body->next = self->bodies;
        self->bodies = body;
        self->body_count++;
        pthread_mutex_unlock(&self->mutex);
        memcpy(stored->blob_ref, body->blob_ref, sizeof(stored->blob_ref));
    }
    writer_free(writer);
    return code;
}

static const struct body *body_of(const struct fake_store *self, const char *blob_ref)
{
    const struct body *body = self->bodies;
    while (body != NULL && strcmp(body->blob_ref, blob_ref) != 0)
        body = body->next;
    return body;
}

/* Tells whether it is there and how long, no more. */
static enum fy_code store_open(struct fy_store *port, const char *blob_ref,
                               struct fy_reader **reader, int64_t *size, struct fy_err *err)
{
    struct fake_store *self = from(port);
    pthread_mutex_lock(&self->mutex);
    const struct body *body = body_of(self, blob_ref);
    if (body != NULL)
        *size = body->size;
    pthread_mutex_unlock(&self->mutex);
    if (body == NULL)
        return fy_err_set(err, FY_ENOTFOUND, "there is no body %s", blob_ref);
    *reader = fy_alloc(sizeof(**reader));
    return FY_OK;
}

static enum fy_code store_read(struct fy_reader *reader, int64_t offset, void *bytes,
                               size_t capacity, size_t *size_bytes, struct fy_err *err)
{
    (void)reader, (void)offset, (void)bytes, (void)capacity, (void)size_bytes;
    return fy_err_set(err, FY_EIO, "the fake keeps no bytes");
}

static int reader_fd(struct fy_reader *reader)
{
    (void)reader;
    return -1;
}

static void reader_close(struct fy_reader *reader)
{
    free(reader);
}

static enum fy_code store_remove(struct fy_store *port, const char *blob_ref, struct fy_err *err)
{
    (void)err;
    struct fake_store *self = from(port);
    pthread_mutex_lock(&self->mutex);
    for (struct body **at = &self->bodies; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->blob_ref, blob_ref) != 0)
            continue;
        struct body *body = *at;
        *at = body->next;
        free(body);
        self->body_count--;
        break;
    }
    pthread_mutex_unlock(&self->mutex);
    return FY_OK;
}

static enum fy_code store_list(struct fy_store *port, fy_store_visit_fn *visit, void *arg,
                               struct fy_err *err)
{
    (void)port, (void)visit, (void)arg, (void)err;
    return FY_OK;
}

static enum fy_code store_space(struct fy_store *port, int64_t *free_bytes, bool *above_floor,
                                struct fy_err *err)
{
    (void)err;
    struct fake_store *self = from(port);
    pthread_mutex_lock(&self->mutex);
    *above_floor = !self->full;
    *free_bytes = self->full ? 0 : INT64_MAX;
    pthread_mutex_unlock(&self->mutex);
    return FY_OK;
}

static void store_close(struct fy_store *port)
{
    (void)port;
}

static const struct fy_store_ops fake_ops = {
    .name = "fake",
    .begin = store_begin,
    .hash = store_hash,
    .write = store_write,
    .seal = store_seal,
    .finish = store_finish,
    .abort = writer_free,
    .open = store_open,
    .read = store_read,
    .reader_fd = reader_fd,
    .reader_close = reader_close,
    .remove = store_remove,
    .list = store_list,
    .space = store_space,
    .close = store_close,
};

struct fake_store *fake_store_new(void)
{
    struct fake_store *self = fy_alloc(sizeof(*self));
    self->port.ops = &fake_ops;
    FY_ASSERT(pthread_mutex_init(&self->mutex, NULL) == 0);
    FY_ASSERT(pthread_cond_init(&self->let_go, NULL) == 0);
    return self;
}

void fake_store_free(struct fake_store *self)
{
    FY_ASSERT(self->writers == 0);
    while (self->bodies != NULL) {
        struct body *body = self->bodies;
        self->bodies = body->next;
        free(body);
    }
    pthread_cond_destroy(&self->let_go);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

struct fy_store *fake_store_port(struct fake_store *self)
{
    return &self->port;
}

void fake_store_fail(struct fake_store *self, enum fake_store_step step, enum fy_code code,
                     int count)
{
    pthread_mutex_lock(&self->mutex);
    self->faults[step].code = code;
    self->faults[step].count = count;
    pthread_mutex_unlock(&self->mutex);
}

void fake_store_hold_hashes(struct fake_store *self, bool hold)
{
    pthread_mutex_lock(&self->mutex);
    self->holding = hold;
    pthread_cond_broadcast(&self->let_go);
    pthread_mutex_unlock(&self->mutex);
}

void fake_store_full(struct fake_store *self, bool full)
{
    pthread_mutex_lock(&self->mutex);
    self->full = full;
    pthread_mutex_unlock(&self->mutex);
}

size_t fake_store_bodies(struct fake_store *self)
{
    pthread_mutex_lock(&self->mutex);
    size_t count = self->body_count;
    pthread_mutex_unlock(&self->mutex);
    return count;
}

int fake_store_writers(struct fake_store *self)
{
    pthread_mutex_lock(&self->mutex);
    int writers = self->writers;
    pthread_mutex_unlock(&self->mutex);
    return writers;
}

bool fake_store_has(struct fake_store *self, const char *blob_ref, struct fy_digest *digest)
{
    bool found = false;
    pthread_mutex_lock(&self->mutex);
    for (struct body *body = self->bodies; body != NULL && !found; body = body->next) {
        found = strcmp(body->blob_ref, blob_ref) == 0;
        if (found)
            *digest = body->digest;
    }
    pthread_mutex_unlock(&self->mutex);
    return found;
}

void fake_store_place(struct fake_store *self, const char *blob_ref, const struct fy_digest *digest,
                      int64_t size)
{
    struct body *body = fy_alloc(sizeof(*body));
    FY_ASSERT(fy_text_copy(body->blob_ref, sizeof(body->blob_ref), blob_ref));
    body->digest = *digest;
    body->size = size;
    pthread_mutex_lock(&self->mutex);
    body->next = self->bodies;
    self->bodies = body;
    self->body_count++;
    pthread_mutex_unlock(&self->mutex);
}

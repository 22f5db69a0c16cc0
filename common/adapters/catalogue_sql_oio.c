/* catalogue_sql_oio.c - changes of containers and of what is in them, written down to be told as
 * OpenIO tells them. */
/*
 * An event is written in the transaction of its change, in the stream FY_STREAM_OIO: none is lost,
 * none is told of what did not happen, and those of a container have the order of its changes.
 * `when` is the clock's, and ascends within a process.
 *
 * Sums of a container change with each of its objects and are told once a second: state_due says of
 * which, and fy_cs_states_tell writes what they are by then. A catalogue that processes share has a
 * row of it for each transaction, so that none waits for another's, and none that commits late is
 * forgotten with one that was told.
 */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"
#include "common/adapters/container_cid.h"
#include "common/core/names.h"

static_assert(FY_OIO_KEY_BYTES == FY_HEX_DIGITS, "a key is a container's id");

/* ------------------------------------------------------------------ who asked */

/* Where operations have who asked for them; 0: nowhere. */
static const struct place {
    size_t asker, op_id;
} places[FY_CAT_KIND_COUNT] = {
#define BOTH(kind, type)                                                                           \
    [FY_CAT_##kind] = {offsetof(struct fy_cat_##type, asker), offsetof(struct fy_cat_##type, op_id)}
#define ASKER(kind, type) [FY_CAT_##kind] = {.asker = offsetof(struct fy_cat_##type, asker)}
#define OP_ID(kind, type, member)                                                                  \
    [FY_CAT_##kind] = {.op_id = offsetof(struct fy_cat_##type, member)}
    OP_ID(BUCKET_CREATE, bucket_create, op_id),
    OP_ID(BUCKET_DELETE, bucket_delete, op_id),
    OP_ID(UNDELETE, undelete, op_id),
    OP_ID(APPLY, apply, order.op_id),
    BOTH(UPLOAD_FINISH, upload_finish),
    BOTH(OBJECT_DELETE, object_delete),
    BOTH(CONTAINER_MAKE, container_make),
    BOTH(CONTAINER_DESTROY, container_destroy),
    ASKER(PROPERTIES, properties),
    ASKER(CONTAINER_STATE, container_state),
    ASKER(TOUCH, touch),
    BOTH(FLUSH, flush),
    BOTH(VERSIONS_PURGE, versions_purge),
    BOTH(SNAPSHOT, snapshot),
    ASKER(REGISTER, register),
    BOTH(OBJECT_PROPERTIES, object_properties),
#undef BOTH
#undef ASKER
#undef OP_ID
};

void fy_cs_asker_set(struct fy_cs *self, const struct fy_cat_op *op)
{
    const struct place *place = &places[op->kind];
    const char *bytes = (const char *)op;
    const struct fy_cat_container_make *make = (const void *)op;
    bool makes = op->kind == FY_CAT_CONTAINER_MAKE;
    self->given = makes ? make->properties : NULL;
    self->given_count = makes ? make->count : 0;
    self->asker = (struct fy_cat_asker){.request_id = NULL};
    if (place->asker != 0)
        memcpy(&self->asker, bytes + place->asker, sizeof self->asker);
    if (place->op_id != 0 && (self->asker.request_id == NULL || self->asker.request_id[0] == '\0'))
        self->asker.request_id = bytes + place->op_id;
}

/* ------------------------------------------------------------------ events of any kind */

static const char *cid_of(struct fy_cs *self, const struct fy_cs_container *container)
{
    const struct fy_container_row *row = &container->row;
    if (strcmp(self->told_cid.name, row->name) == 0 &&
        strcmp(self->told_cid.account, row->account) == 0)
        return self->told_cid.text;
    struct fy_digest cid;
    fy_container_cid(row->account, row->name, &cid);
    fy_digest_print_hex(&cid, true, self->told_cid.text);
    memcpy(self->told_cid.account, row->account, sizeof self->told_cid.account);
    memcpy(self->told_cid.name, row->name, sizeof self->told_cid.name);
    return self->told_cid.text;
}

/* Of one that is being made its row does not say it yet. */
static const char *bucket_of(const struct fy_cs *self, const struct fy_cs_container *container)
{
    for (size_t index = 0; index < self->given_count; index++)
        if (strcmp(self->given[index].key, "sys.m2.bucket.name") == 0)
            return self->given[index].value;
    return container->bucket;
}

static struct fy_oio_event event_of(struct fy_cs *self, enum fy_oio_kind kind,
                                    const struct fy_cs_container *container)
{
    int64_t now_us = self->now_ms * 1000;
    self->told_us = now_us > self->told_us ? now_us : self->told_us + 1;
    return (struct fy_oio_event){.kind = kind,
                                 .when_us = self->told_us,
                                 .ns = self->oio_namespace,
                                 .account = container->row.account,
                                 .container = container->row.name,
                                 .cid = cid_of(self, container),
                                 .bucket = bucket_of(self, container),
                                 .request_id = self->asker.request_id,
                                 .origin = self->asker.origin};
}

static struct fy_buf *begin(struct fy_cs *self, const struct fy_oio_event *event, size_t *record)
{
    return fy_cs_event_begin(self, FY_STREAM_OIO, event->cid, FY_OIO_KEY_BYTES, record);
}

static void end(struct fy_cs *self, size_t record)
{
    fy_cs_event_end(self, FY_STREAM_OIO, record);
}

/* Of a catalogue that is being put back, and of a snapshot that is being made, nobody is told. */
static bool is_told(const struct fy_cs *self, const struct fy_cs_container *container)
{
    return self->tells_oio && !self->restoring && !container->hidden;
}

/* ------------------------------------------------------------------ containers */

/* Where others reach the site; its id, while it has no row of its own. */
static void own_host(struct fy_cs *self, char host[static FY_URI_BYTES_MAX + 1])
{
    struct fy_site_row row = {.uri = ""};
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SITE_GET);
    fy_cs_text(&use, self->site);
    bool entered = fy_cs_row(&use);
    if (entered)
        (void)fy_cs_take_site(&use, &row);
    fy_cs_end(&use);
    if (!entered || !fy_uri_host(row.uri, host))
        memcpy(host, self->site, sizeof self->site);
}

static void tell_services(struct fy_cs *self, const struct fy_cs_container *container,
                          const char *service)
{
    size_t record;
    struct fy_oio_event event = event_of(self, FY_OIO_SERVICES, container);
    fy_oio_services_write(&event, service, begin(self, &event, &record));
    end(self, record);
}

static void tell_sums(struct fy_cs *self, enum fy_oio_kind kind,
                      const struct fy_cs_container *container, const struct fy_cs_sum *sum)
{
    size_t record;
    struct fy_oio_event event = event_of(self, kind, container);
    fy_oio_state_write(&event, container->created_ms, sum->objects, sum->bytes,
                       begin(self, &event, &record));
    end(self, record);
}

/* At least one event: a container may be made without properties. */
static void tell_properties(struct fy_cs *self, enum fy_oio_kind kind,
                            const struct fy_cs_container *container, const char *service,
                            const struct fy_property *properties, size_t count)
{
    size_t at = 0;
    do {
        size_t record;
        struct fy_oio_event event = event_of(self, kind, container);
        at = fy_oio_properties_write(&event, service, properties, count, at,
                                     begin(self, &event, &record));
        end(self, record);
        kind = FY_OIO_CONTAINER_UPDATE; /* what did not fit follows */
    } while (at < count);
}

void fy_cs_tell_container_made(struct fy_cs *self, const struct fy_cs_container *container,
                               const struct fy_property *properties, size_t count)
{
    if (!is_told(self, container))
        return;
    char host[FY_URI_BYTES_MAX + 1];
    own_host(self, host);
    tell_services(self, container, host);
    tell_properties(self, FY_OIO_CONTAINER_NEW, container, host, properties, count);
}

static bool is_among_keys(const struct fy_property *properties, size_t count, const char *key)
{
    for (size_t index = 0; index < count; index++)
        if (strcmp(properties[index].key, key) == 0)
            return true;
    return false;
}

/* Keys of clients' properties that are there and not among those, each with its zero byte. */
static size_t keys_read(struct fy_cs *self, int64_t container_id,
                        const struct fy_property *properties, size_t count, struct fy_buf *keys)
{
    static const char prefix[] = "user.";
    size_t found = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_PROPERTY_SIZES);
    fy_cs_i64(&use, container_id);
    fy_cs_i64(&use, FY_PROPERTIES_MAX);
    while (fy_cs_row(&use)) {
        size_t size = 0, start = keys->size_bytes;
        const void *text = fy_cs_take_blob(&use, &size);
        fy_buf_add(keys, text, size);
        fy_buf_add(keys, "", 1);
        FY_ASSERT(!keys->overflow); /* nobody could set more */
        const char *key = keys->bytes + start;
        if (strncmp(key, prefix, sizeof prefix - 1) == 0 && !is_among_keys(properties, count, key))
            found++;
        else
            keys->size_bytes = start;
    }
    fy_cs_end(&use);
    return found;
}

static void tell_flush(struct fy_cs *self, const struct fy_cs_container *container,
                       const struct fy_property *properties, size_t count)
{
    struct fy_buf keys;
    fy_buf_init(&keys, FY_PROPERTIES_BYTES_MAX + FY_PROPERTIES_MAX);
    size_t gone = keys_read(self, container->id, properties, count, &keys);
    struct fy_property *all = fy_alloc((gone + count + 1) * sizeof *all);
    const char *key = keys.bytes;
    for (size_t index = 0; index < gone; index++, key += strlen(key) + 1)
        all[index] = (struct fy_property){.key = key};
    for (size_t index = 0; index < count; index++)
        all[gone + index] = properties[index];
    if (gone + count > 0)
        tell_properties(self, FY_OIO_CONTAINER_UPDATE, container, NULL, all, gone + count);
    free(all);
    fy_buf_done(&keys);
}

void fy_cs_tell_container_changes(struct fy_cs *self, const struct fy_cs_container *container,
                                  const struct fy_property *properties, size_t count, bool flush)
{
    if (!is_told(self, container))
        return;
    if (flush)
        tell_flush(self, container, properties, count);
    else if (count > 0)
        tell_properties(self, FY_OIO_CONTAINER_UPDATE, container, NULL, properties, count);
}

/* ------------------------------------------------------------------ sums */

void fy_cs_tell_state(struct fy_cs *self, int64_t container_id, const struct fy_cat_asker *asker)
{
    if (!self->tells_oio || self->restoring)
        return;
    const char *request_id = asker != NULL ? asker->request_id : NULL;
    const char *origin = asker != NULL ? asker->origin : NULL;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_STATE_DUE_PUT);
    fy_cs_i64(&use, container_id);
    fy_cs_i64(&use, self->now_ms + FY_OIO_STATE_MS);
    fy_cs_text(&use, request_id != NULL ? request_id : "");
    fy_cs_text(&use, origin != NULL ? origin : "");
    fy_cs_send(&use);
}

/* Who asked for sums to be told, as far as that is known. */
struct due {
    char request_id[FY_OP_ID_BYTES_MAX + 1];
    char origin[FY_ORIGIN_BYTES_MAX + 1];
};

/* false: nothing was due of the container. */
static bool due_take(struct fy_cs *self, int64_t container_id, struct due *due)
{
    bool found = false;
    *due = (struct due){.request_id = ""};
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_STATE_DUE_TAKE);
    fy_cs_i64(&use, container_id);
    for (; fy_cs_row(&use); found = true) {
        struct due last;
        fy_cs_take_text(&use, last.request_id, sizeof last.request_id);
        fy_cs_take_text(&use, last.origin, sizeof last.origin);
        if (last.request_id[0] != '\0' || last.origin[0] != '\0')
            *due = last;
    }
    fy_cs_end(&use);
    return found;
}

static void tell_due(struct fy_cs *self, const struct fy_cs_container *container,
                     const struct due *due)
{
    const struct fy_cs_sum sum = fy_cs_sum_get(self, self->writer, container->id);
    const struct fy_cat_asker asker = self->asker;
    self->asker = (struct fy_cat_asker){.request_id = due->request_id, .origin = due->origin};
    tell_sums(self, FY_OIO_CONTAINER_STATE, container, &sum);
    self->asker = asker;
}

void fy_cs_tell_container_gone(struct fy_cs *self, const struct fy_cs_container *container)
{
    static const struct fy_cs_sum nothing = {.objects = 0};
    struct due due;
    if (!is_told(self, container))
        return;
    if (due_take(self, container->id, &due))
        tell_due(self, container, &due);
    tell_services(self, container, NULL);
    tell_sums(self, FY_OIO_CONTAINER_DELETED, container, &nothing);
}

static bool is_among(const int64_t *ids, size_t count, int64_t id)
{
    for (size_t index = 0; index < count; index++)
        if (ids[index] == id)
            return true;
    return false;
}

/* Containers of which something is due, each once. */
static size_t due_list(struct fy_cs *self, uint32_t limit, int64_t ids[static FY_OIO_STATES_MAX])
{
    size_t count = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_STATE_DUE_LIST);
    fy_cs_i64(&use, self->now_ms);
    fy_cs_i64(&use, limit);
    while (fy_cs_row(&use)) {
        int64_t id = fy_cs_take_i64(&use);
        FY_ASSERT(count < FY_OIO_STATES_MAX);
        if (!is_among(ids, count, id))
            ids[count++] = id;
    }
    fy_cs_end(&use);
    return count;
}

/* One that is gone has told of its sums, or nobody saw it. */
static bool find_by_id(struct fy_cs *self, int64_t id, struct fy_cs_container *container)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_BY_ID);
    fy_cs_i64(&use, id);
    bool found = fy_cs_row(&use);
    if (found)
        fy_cs_take_container(&use, container);
    fy_cs_end(&use);
    return found && container->there && !container->hidden;
}

enum fy_code fy_cs_states_tell(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_states_tell *tell = (struct fy_cat_states_tell *)(void *)op;
    int64_t ids[FY_OIO_STATES_MAX];
    FY_ASSERT(tell->limit <= FY_OIO_STATES_MAX);
    size_t count = due_list(self, tell->limit, ids);
    for (size_t index = 0; index < count; index++) {
        struct due due;
        struct fy_cs_container container;
        /* What is gone by now another process has told. */
        if (due_take(self, ids[index], &due) && self->tells_oio &&
            find_by_id(self, ids[index], &container))
            tell_due(self, &container, &due);
    }
    tell->told = (uint32_t)count;
    return FY_OK;
}

/* ------------------------------------------------------------------ contents */

void fy_cs_tell_content(struct fy_cs *self, enum fy_oio_kind kind,
                        const struct fy_cs_container *container,
                        const struct fy_oio_content *content)
{
    if (!is_told(self, container))
        return;
    size_t parts = kind == FY_OIO_CONTENT_DELETED ? 1 : fy_oio_content_parts(content);
    for (size_t part = 0; part < parts; part++) {
        size_t record;
        struct fy_oio_event event = event_of(self, kind, container);
        event.content = content;
        fy_oio_content_write(&event, part, parts, begin(self, &event, &record));
        end(self, record);
    }
}

void fy_cs_tell_erased(struct fy_cs *self, const struct fy_cs_container *container,
                       const char *name, const struct fy_cs_object *old)
{
    const int64_t at_ms = fy_stamp_ms(&old->reg.stamp);
    if (old->stays || (old->reg.status != FY_STATUS_READY && !old->marker))
        return;
    fy_cs_tell_content(self, FY_OIO_CONTENT_DELETED, container,
                       &(struct fy_oio_content){
                           .name = name,
                           .version = old->number,
                           .id = old->id,
                           .marker = old->marker,
                           .created_ms = at_ms,
                           .changed_ms = at_ms,
                           .size = old->size,
                           .digest = old->reg.has_digest ? &old->reg.digest : NULL,
                           .hash = old->hash,
                       });
}

/* A version with a lower number than what was there comes back: it was told when it was made. */
void fy_cs_tell_written(struct fy_cs *self, const struct fy_cs_container *container,
                        const char *name, const struct fy_cs_object *old,
                        const struct fy_cs_ready *ready)
{
    const bool same = old->reg.status == FY_STATUS_READY && old->number == ready->number;
    const int64_t at_ms = fy_stamp_ms(ready->stamp);
    const int64_t made_ms = ready->facts->creation_ms;
    if (!same)
        fy_cs_tell_erased(self, container, name, old);
    if (ready->number < old->number)
        return;
    fy_cs_tell_content(self, same ? FY_OIO_CONTENT_UPDATE : FY_OIO_CONTENT_NEW, container,
                       &(struct fy_oio_content){
                           .name = name,
                           .version = ready->number,
                           .id = ready->id,
                           .created_ms = made_ms != 0 ? made_ms : at_ms,
                           .changed_ms = at_ms,
                           .size = ready->size,
                           .digest = ready->digest,
                           .metadata = ready->facts->metadata,
                       });
}

/* Likewise of delete markers. */
void fy_cs_tell_deleted(struct fy_cs *self, const struct fy_cs_container *container,
                        const char *name, const struct fy_cs_object *old, int64_t marker,
                        const struct fy_stamp *stamp)
{
    const int64_t at_ms = fy_stamp_ms(stamp);
    if (!old->marker || marker != old->number)
        fy_cs_tell_erased(self, container, name, old);
    if (marker > old->number)
        fy_cs_tell_content(self, FY_OIO_CONTENT_NEW, container,
                           &(struct fy_oio_content){.name = name,
                                                    .version = marker,
                                                    .marker = true,
                                                    .created_ms = at_ms,
                                                    .changed_ms = at_ms});
}

void fy_cs_tell_version(struct fy_cs *self, enum fy_oio_kind kind,
                        const struct fy_cs_container *container, const char *name,
                        const struct fy_object_row *row)
{
    fy_cs_tell_content(self, kind, container,
                       &(struct fy_oio_content){
                           .name = name,
                           .version = row->version,
                           .id = row->id,
                           .marker = row->marker,
                           .created_ms = row->facts.creation_ms,
                           .changed_ms = fy_stamp_ms(&row->reg.stamp),
                           .size = row->size,
                           .digest = row->reg.has_digest ? &row->reg.digest : NULL,
                           .hash = row->facts.hash,
                           .metadata = row->facts.metadata,
                       });
}

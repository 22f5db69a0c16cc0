/* catalogue_sql_describe.c - what is said of versions without their bodies: registered ones, and
 * properties. */
#include <string.h>

#include "common/adapters/catalogue_sql_version.h"
#include "common/adapters/metadata_json.h"

/* ------------------------------------------------------------------ registered */

/* May it be registered there? What is registered already gives way where names are written again
 * and no version is kept. */
static enum fy_code register_check(struct fy_cs *self, struct fy_cat_register *given,
                                   const struct fy_cs_name *at, struct fy_cs_seat *seat)
{
    struct fy_err *err = &given->op.err;
    bool versioned = at->container->row.rules.versioned;
    if (given->size > FY_OBJECT_SIZE_MAX)
        return fy_err_set(err, FY_ETOOBIG, "over %lld bytes", FY_OBJECT_SIZE_MAX);
    enum fy_code code = fy_rule_local_upload(&at->object->reg, at->container->there, versioned);
    if (code != FY_OK)
        return fy_err_set(err, code, "object %s/%.100s is %s", given->key.bucket, at->name,
                          code == FY_ENOTACCEPT ? "being uploaded" : "there");
    code = fy_cs_seat_find(self, at, given->version, seat, err);
    if (code != FY_OK)
        return code;
    if (seat->fills && (!versioned || given->version != 0))
        return fy_err_set(err, FY_EEXISTS, "a version of object %s/%.100s is registered",
                          given->key.bucket, at->name);
    return FY_OK;
}

/* Is there room for a size that nobody has seen yet? */
static enum fy_code promise_check(struct fy_cs *self, const struct fy_cs_container *container,
                                  int64_t more, struct fy_err *err)
{
    enum fy_code code = fy_cs_quota_check(self, container, more, err);
    if (code != FY_OK || more <= 0)
        return code;
    int64_t used = fy_cs_sum_get(self, self->writer, container->id).bytes;
    if (used <= FY_PROMISED_BYTES_MAX - more)
        return FY_OK;
    return fy_err_set(err, FY_EQUOTA, "container %s holds %lld bytes; %lld are too many for any",
                      container->row.name, (long long)used, (long long)more);
}

static void register_row(struct fy_cs *self, struct fy_cat_register *given,
                         struct fy_object_row *row, int64_t number, const struct fy_stamp *stamp)
{
    memset(row, 0, sizeof *row);
    if (given->id[0] == '\0')
        fy_guid_new(self->clock, given->id);
    memcpy(row->id, given->id, sizeof row->id);
    row->version = given->version = number;
    row->registered = true;
    row->reg.stamp = *stamp;
    row->size = given->size;
    row->facts = given->facts;
    if (row->facts.creation_ms == 0)
        row->facts.creation_ms = fy_stamp_ms(stamp);
}

enum fy_code fy_cs_register(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_register *given = (struct fy_cat_register *)(void *)op;
    struct fy_cs_container container;
    struct fy_cs_object object;
    struct fy_cs_seat seat = {.number = 0};
    struct fy_object_row row;
    const struct fy_cs_name at = {
        .container = &container, .name = given->key.object, .object = &object};
    enum fy_code code =
        fy_cs_container_for(self, op, &given->key, given->client, FY_RIGHT_WRITE, &container);
    if (code != FY_OK)
        return code;
    fy_cs_object_read(self, self->writer, container.id, given->key.object, &object);
    code = register_check(self, given, &at, &seat);
    if (code != FY_OK)
        return code;
    bool replaces = seat.fills && !fy_cs_keeps_versions(self, &container);
    code = promise_check(self, &container, given->size - (replaces ? seat.registered.size : 0),
                         &op->err);
    if (code != FY_OK)
        return code;

    struct fy_stamp stamp = fy_cs_stamp_next(self, &object.reg.stamp);
    if (seat.fills) { /* what is registered is there, and this is another */
        seat.number = 0;
        seat.greatest = seat.registered.version;
    }
    fy_cs_container_registered(self, &container);
    if (replaces)
        fy_cs_version_drop(self, &at, &seat.registered);
    register_row(self, given, &row, fy_cs_seat_number(&seat, &stamp), &stamp);
    fy_cs_version_add(self, &at, &row);
    fy_cs_sum_add(self, container.id, 0, 0, 1);
    fy_cs_versions_exceeding(self, &at);
    return FY_OK;
}

/* ------------------------------------------------------------------ properties */

/* The version that is meant; *is_object: it is the object row. */
static bool find_version(struct fy_cs *self, const struct fy_cs_name *at, int64_t version,
                         struct fy_object_row *row, bool *is_object)
{
    *is_object = fy_cs_is_version(at->object);
    bool found =
        fy_cs_has_versions(at->container) &&
        (version == 0
             ? fy_cs_version_top(self, self->writer, at->container->id, at->name, row) &&
                   fy_cs_is_newer(row, at->object)
             : fy_cs_version_find(self, self->writer, at->container->id, at->name, version, row));
    if (found) {
        *is_object = false;
        return true;
    }
    return *is_object && (version == 0 || version == at->object->number) &&
           fy_cs_version_object(self, self->writer, at->container->id, at->name, row);
}

/* The same version with a new stamp, so that other sites hear of it. */
static void object_properties(struct fy_cs *self, const struct fy_cs_name *at,
                              const struct fy_object_row *row)
{
    struct fy_stamp stamp = fy_cs_stamp_next(self, &row->reg.stamp);
    struct fy_cs_ready ready = {.stamp = &stamp,
                                .facts = &row->facts,
                                .body_id = row->body_id,
                                .size = row->size,
                                .proof = row->proof,
                                .digest = &row->reg.digest,
                                .blob_ref = row->blob_ref};
    fy_cs_object_ready(self, at->container, at->name, at->object, &ready);
    fy_cs_order_add(self, at, FY_ACTION_CREATE, &stamp, ready.digest, ready.size);
}

static void version_properties(struct fy_cs *self, const struct fy_cs_name *at,
                               const struct fy_object_row *row)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_VERSION_METADATA);
    fy_cs_text(&use, row->facts.metadata);
    fy_cs_i64(&use, at->container->id);
    fy_cs_text(&use, at->name);
    fy_cs_i64(&use, row->version);
    fy_cs_expect(&use); /* read in this transaction */
    fy_cs_journal_version(self, at->container, at->name, row->version);
    fy_cs_tell_version(self, FY_OIO_CONTENT_UPDATE, at->container, at->name, row);
    fy_cs_sum_add(self, at->container->id, 0, 0, 1);
}

enum fy_code fy_cs_object_properties(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_object_properties *set = (struct fy_cat_object_properties *)(void *)op;
    struct fy_cs_container container;
    struct fy_cs_object object;
    struct fy_object_row row;
    bool is_object = false;
    const struct fy_cs_name at = {.container = &container,
                                  .name = set->key.object,
                                  .object = &object,
                                  .client = set->client,
                                  .op_id = set->op_id};
    enum fy_code code =
        fy_cs_container_for(self, op, &set->key, set->client, FY_RIGHT_WRITE, &container);
    if (code != FY_OK)
        return code;
    fy_cs_object_read(self, self->writer, container.id, set->key.object, &object);
    if (!find_version(self, &at, set->version, &row, &is_object) || row.marker)
        return fy_err_set(&op->err, FY_ENOTFOUND, "no such version of %s/%.100s is here",
                          set->key.bucket, set->key.object);
    code =
        fy_metadata_json_set(row.facts.metadata, set->flush, set->properties, set->count, &op->err);
    if (code != FY_OK)
        return code;
    if (is_object)
        object_properties(self, &at, &row);
    else
        version_properties(self, &at, &row);
    return FY_OK;
}

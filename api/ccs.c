/* ccs.c - names, rights, JSON and headers of the CCS routes. */
#include "api/ccs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/adapters/unicode_utf8proc.h"
#include "common/core/container_rules.h"
#include "common/core/names.h"
#include "common/runtime/damage.h"
#include "common/runtime/knowledge.h"

void fy_object_row_free(struct fy_object_row **row)
{
    free(*row);
}

enum fy_code fy_ccs_path_key(struct fy_exchange *x, struct fy_object_key *key, struct fy_err *err)
{
    const char *bucket = fy_path_value(x, "bucket");
    const char *object = fy_path_value(x, "object");
    memset(key, 0, sizeof(*key));
    char cleaned[FY_OBJECT_BYTES_MAX + 1];
    enum fy_code code = fy_ccs_clean_bucket(bucket, fy_unicode_strip_marks, cleaned, err);
    if (code != FY_OK)
        return fy_err_add(err, "bucket name");
    if (!fy_text_copy(key->bucket, sizeof(key->bucket), cleaned))
        return fy_err_set(err, FY_EINPUT, "bucket name: too long");
    if (object == NULL)
        return FY_OK;
    code = fy_ccs_clean_object(object, fy_unicode_strip_marks, key->object, err);
    return code == FY_OK ? FY_OK : fy_err_add(err, "object name");
}

bool fy_ccs_key_or_404(struct fy_exchange *x, struct fy_object_key *key)
{
    struct fy_err err = {0};
    if (fy_ccs_path_key(x, key, &err) == FY_OK)
        return true;
    fy_answer_fail(x, FY_ENOTFOUND, "%s", err.text);
    return false;
}

bool fy_ccs_full_check(struct fy_exchange *x)
{
    const char *value = fy_query(x, "fullCheck");
    return value != NULL && strcasecmp(value, "true") == 0;
}

/* The CCS-visible bucket, there now. FY_ENOTFOUND none, FY_EGONE deleted. */
static enum fy_code bucket_there(struct fy_node *node, const char *bucket,
                                 struct fy_container_row *row, struct fy_err *err)
{
    enum fy_code code = fy_catalogue_container_get(node->catalogue, "", bucket, row, err);
    if (code == FY_ENOTFOUND)
        return fy_err_set(err, FY_ENOTFOUND, "Bucket not found: %s", bucket);
    if (code != FY_OK)
        return code;
    if (row->status != FY_STATUS_READY)
        return fy_err_set(err, FY_EGONE, "Bucket deleted: %s", bucket);
    return FY_OK;
}

enum fy_code fy_ccs_allowed(struct fy_node *node, const char *client, const char *bucket,
                            unsigned needed, struct fy_err *err)
{
    unsigned rights = 0;
    enum fy_code code = fy_know_rights(node, client, bucket, needed, &rights, err);
    if (code != FY_OK)
        return code;
    if ((rights & needed) != needed)
        return fy_err_set(err, FY_EFORBIDDEN, "client %s lacks the right on bucket %s", client,
                          bucket);
    return FY_OK;
}

static enum fy_code has_right(struct fy_exchange *x, const char *account, const char *bucket,
                              struct fy_err *err)
{
    if (account[0] != '\0' && strcmp(fy_client(x), account) == 0)
        return FY_OK;
    struct fy_node *node = fy_node_of(x);
    enum fy_code code = fy_ccs_allowed(node, fy_client(x), bucket, FY_RIGHT_READ, err);
    if (code != FY_EFORBIDDEN)
        return code;
    struct fy_container_row row;
    struct fy_err absent;
    enum fy_code there =
        fy_catalogue_container_get(node->catalogue, account, bucket, &row, &absent);
    if (there == FY_ENOTFOUND || (there == FY_OK && row.status != FY_STATUS_READY))
        return fy_err_set(err, FY_ENOTFOUND, "bucket %s is not here", bucket);
    return code;
}

enum fy_code fy_ccs_is_shown(struct fy_exchange *x, const struct fy_container_row *row,
                             struct fy_err *err)
{
    if (fy_container_state_at(&row->rules, fy_wall_ms(fy_node_of(x)->clock)) !=
        FY_CONTAINER_DISABLED)
        return FY_OK;
    return fy_container_refuses(row, FY_CONTAINER_DISABLED, FY_EFROZEN, err);
}

enum fy_code fy_ccs_shows(struct fy_exchange *x, const char *account, const char *bucket,
                          struct fy_err *err)
{
    struct fy_container_row row;
    enum fy_code code =
        fy_catalogue_container_get(fy_node_of(x)->catalogue, account, bucket, &row, err);
    if (code == FY_ENOTFOUND)
        return FY_OK; /* what is asked for next says that, in its own words */
    return code == FY_OK ? fy_ccs_is_shown(x, &row, err) : code;
}

enum fy_code fy_ccs_may_read(struct fy_exchange *x, const char *account, const char *bucket,
                             struct fy_err *err)
{
    enum fy_code code = has_right(x, account, bucket, err);
    if (code != FY_OK || fy_is_from_site(x))
        return code;
    return fy_ccs_shows(x, account, bucket, err);
}

enum fy_code fy_ccs_object_ready(struct fy_exchange *x, enum fy_ccs_side side,
                                 const struct fy_object_key *key, struct fy_object_row *row,
                                 struct fy_err *err)
{
    struct fy_node *node = fy_node_of(x);
    struct fy_container_row container;
    row->reg.stamp = (struct fy_stamp){0};
    enum fy_code code = bucket_there(node, key->bucket, &container, err);
    if (code == FY_EGONE)
        return fy_err_set(err, FY_ENOTFOUND, "Bucket deleted: %s", key->bucket);
    if (code == FY_OK)
        code = fy_ccs_allowed(node, fy_client(x), key->bucket, FY_RIGHT_READ, err);
    if (code == FY_OK && side == FY_CCS_CLIENT)
        code = fy_ccs_is_shown(x, &container, err);
    if (code != FY_OK)
        return code;
    code = fy_catalogue_object_get(node->catalogue, key, row, err);
    if (code == FY_OK && row->reg.status != FY_STATUS_READY)
        code = FY_ENOTFOUND;
    if (code == FY_ENOTFOUND)
        return fy_err_set(err, FY_ENOTFOUND, "Object not found: %s/%s", key->bucket, key->object);
    return code;
}

/* ---- rows as JSON and headers */

void fy_ccs_bucket_json(struct fy_node *node, const struct fy_container_row *row,
                        struct fy_buf *json)
{
    fy_buf_text(json, "{");
    fy_buf_json_str(json, "id", row->name);
    fy_buf_json_str(json, "clientId", row->account);
    fy_buf_json_str(json, "site", node->site);
    fy_buf_json_instant(json, "creation", row->creation_ms);
    fy_buf_json_instant(json, "expires", row->expires_ms);
    fy_buf_json_str(json, "status", fy_status_name(row->status));
    fy_buf_text(json, "}");
}

/* As given, else base32hex of the digest; "" unknown. */
static void hash_text(const struct fy_object_row *row, char text[static FY_HASH_BYTES_MAX + 1])
{
    static_assert(FY_HASH_BYTES_MAX >= FY_BASE32HEX_DIGITS, "a digest fits");
    if (row->facts.hash[0] != '\0')
        memcpy(text, row->facts.hash, FY_HASH_BYTES_MAX + 1);
    else if (row->reg.has_digest)
        fy_digest_print_base32hex(&row->reg.digest, text);
    else
        text[0] = '\0';
}

static bool has_metadata(const struct fy_object_row *row)
{
    return row->facts.metadata[0] != '\0' && strcmp(row->facts.metadata, "{}") != 0;
}

void fy_ccs_object_json(struct fy_node *node, const char *bucket, const struct fy_object_row *row,
                        struct fy_buf *json)
{
    char hash[FY_HASH_BYTES_MAX + 1];
    hash_text(row, hash);
    fy_buf_text(json, "{");
    fy_buf_json_str(json, "id", row->id);
    fy_buf_json_str(json, "site", node->site);
    fy_buf_json_str(json, "bucket", bucket);
    fy_buf_json_str(json, "name", row->name);
    fy_buf_json_filled(json, "hash", hash);
    fy_buf_json_str(json, "status", fy_status_name(row->reg.status));
    fy_buf_json_instant(json, "creation", row->facts.creation_ms);
    fy_buf_json_instant(json, "expires", row->facts.expires_ms);
    fy_buf_json_i64(json, "size", row->size);
    fy_buf_json_key(json, "metadata");
    fy_buf_text(json, has_metadata(row) ? row->facts.metadata : "{}");
    if (!fy_stamp_is_zero(&row->reg.stamp)) { /* ours; CCS readers ignore unknown keys */
        char stamp[FY_STAMP_TEXT_BYTES];
        fy_stamp_print(&row->reg.stamp, stamp);
        fy_buf_json_str(json, "stamp", stamp);
    }
    fy_buf_text(json, "}");
}

void fy_stamp_header(struct fy_exchange *x, const struct fy_stamp *stamp)
{
    char text[FY_STAMP_TEXT_BYTES];
    if (fy_stamp_is_zero(stamp))
        return;
    fy_stamp_print(stamp, text);
    fy_answer_header(x, "x-ferry-stamp", text);
}

void fy_version_header(struct fy_exchange *x, const struct fy_object_row *row)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)row->version);
    fy_answer_header(x, "x-ferry-version-id", text);
}

static void instant_header(struct fy_exchange *x, const char *name, int64_t wall_ms)
{
    char text[FY_INSTANT_BYTES];
    if (wall_ms == 0)
        return;
    fy_instant_print(wall_ms, text);
    fy_answer_header(x, name, text);
}

/* Exact names and OpenIO's may hold bytes that a header cannot carry: those travel in the URL only.
 */
static bool fits_header(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            return false;
    return true;
}

void fy_ccs_object_headers(struct fy_exchange *x, const char *bucket,
                           const struct fy_object_row *row)
{
    char hash[FY_HASH_BYTES_MAX + 1];
    char size[24];
    hash_text(row, hash);
    (void)snprintf(size, sizeof(size), "%lld", (long long)row->size);
    fy_answer_header(x, "x-clonecloudstore-id", row->id);
    fy_answer_header(x, "x-clonecloudstore-site", fy_node_of(x)->site);
    if (fits_header(bucket))
        fy_answer_header(x, "x-clonecloudstore-bucket", bucket);
    if (fits_header(row->name))
        fy_answer_header(x, "x-clonecloudstore-name", row->name);
    fy_answer_header(x, "x-clonecloudstore-size", size);
    if (hash[0] != '\0')
        fy_answer_header(x, "x-clonecloudstore-hash", hash);
    fy_answer_header(x, "x-clonecloudstore-status", fy_status_name(row->reg.status));
    instant_header(x, "x-clonecloudstore-creation", row->facts.creation_ms);
    instant_header(x, "x-clonecloudstore-expires", row->facts.expires_ms);
    if (has_metadata(row))
        fy_answer_header(x, "x-clonecloudstore-metadata", row->facts.metadata);
    fy_stamp_header(x, &row->reg.stamp);
}

void fy_ccs_answer_bucket(struct fy_exchange *x, int http_status,
                          const struct fy_container_row *row)
{
    struct fy_buf json;
    fy_buf_init(&json, FY_ACCESSOR_JSON_BYTES_MAX);
    fy_ccs_bucket_json(fy_node_of(x), row, &json);
    fy_answer_json(x, http_status, &json);
}

void fy_ccs_answer_object(struct fy_exchange *x, int http_status, const char *bucket,
                          const struct fy_object_row *row)
{
    struct fy_buf json;
    fy_buf_init(&json, FY_ACCESSOR_JSON_BYTES_MAX);
    fy_ccs_object_json(fy_node_of(x), bucket, row, &json);
    fy_answer_json(x, http_status, &json);
}

/* The row's body for reading, if the store really has it whole. */
static enum fy_code open_body(struct fy_node *node, const struct fy_body_row *body,
                              struct fy_reader **reader, struct fy_err *err)
{
    int64_t size = 0;
    if (body->damaged)
        return fy_err_set(err, FY_ENOTFOUND, "the body in the store is damaged");
    enum fy_code code = fy_store_open(node->store, body->blob_ref, reader, &size, err);
    if (code == FY_ENOTFOUND) {
        fy_damage_found(node, body, FY_DAMAGE_MISSING);
    } else if (code == FY_OK && size != body->size) {
        fy_damage_found(node, body, FY_DAMAGE_SIZE);
        fy_store_reader_close(node->store, *reader);
        *reader = NULL;
        code = fy_err_set(err, FY_ENOTFOUND, "the body in the store has %lld bytes, not %lld",
                          (long long)size, (long long)body->size);
    }
    return code;
}

void fy_ccs_answer_body(struct fy_exchange *x, const char *bucket, const struct fy_object_row *row)
{
    struct fy_reader *reader = NULL;
    struct fy_body_row body;
    struct fy_err err = {0};
    fy_body_of_object(row, &body);
    if (open_body(fy_node_of(x), &body, &reader, &err) != FY_OK) {
        fy_answer_error(x, &err);
        return;
    }
    fy_ccs_object_headers(x, bucket, row);
    fy_answer_stored(x, reader, &body);
}

/* ---- what the accessor and the other sites ask alike */

static enum fy_code path_bucket(struct fy_exchange *x, struct fy_container_row *row,
                                struct fy_err *err)
{
    struct fy_object_key key;
    enum fy_code code = fy_ccs_path_key(x, &key, err);
    return code == FY_OK ? bucket_there(fy_node_of(x), key.bucket, row, err) : code;
}

void fy_ccs_get_bucket(struct fy_exchange *x, bool with_stamp)
{
    struct fy_container_row row;
    struct fy_err err = {0};
    enum fy_code code = path_bucket(x, &row, &err);
    if (code != FY_OK) {
        fy_answer_error(x, &err);
        return;
    }
    if (with_stamp)
        fy_stamp_header(x, &row.reg.stamp);
    fy_ccs_answer_bucket(x, 200, &row);
}

void fy_ccs_head_bucket(struct fy_exchange *x)
{
    struct fy_container_row row;
    struct fy_err err = {0};
    enum fy_code code = path_bucket(x, &row, &err);
    if (code == FY_OK)
        fy_answer_type(x, "BUCKET");
    else if (code == FY_EINPUT || code == FY_ENOTFOUND || code == FY_EGONE)
        fy_answer_none(x, err.text);
    else
        fy_answer_error(x, &err);
}

/* "OBJECT", "DIRECTORY" or NULL. */
static enum fy_code object_type(struct fy_exchange *x, enum fy_ccs_side side,
                                const struct fy_object_key *key, bool full_check, const char **type,
                                struct fy_err *err)
{
    struct fy_node *node = fy_node_of(x);
    FY_AUTO(fy_object_row_free) struct fy_object_row *row = fy_alloc(sizeof(*row));
    *type = NULL;
    enum fy_code code = fy_ccs_object_ready(x, side, key, row, err);
    if (code == FY_EFORBIDDEN)
        return FY_OK; /* spec 1.6 K: a HEAD without the right finds nothing */
    if (code == FY_OK) {
        struct fy_reader *reader = NULL;
        struct fy_body_row body;
        fy_body_of_object(row, &body);
        code = full_check ? open_body(node, &body, &reader, err) : FY_OK;
        fy_store_reader_close(node->store, reader);
        if (code == FY_OK)
            *type = "OBJECT";
        return code == FY_ENOTFOUND ? FY_OK : code;
    }
    if (code != FY_ENOTFOUND)
        return code;
    bool found = false;
    code = fy_catalogue_prefix_ready(node->catalogue, key, &found, err);
    if (code == FY_OK && found)
        *type = "DIRECTORY";
    return code == FY_ENOTFOUND ? FY_OK : code;
}

void fy_ccs_head_object(struct fy_exchange *x, enum fy_ccs_side side, bool full_check)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    const char *type = NULL;
    enum fy_code code = fy_ccs_path_key(x, &key, &err);
    if (code == FY_OK)
        code = object_type(x, side, &key, full_check, &type, &err);
    if (code == FY_OK && type != NULL)
        fy_answer_type(x, type);
    else if (code == FY_OK)
        fy_answer_none(x, "Object not found");
    else if (code == FY_EINPUT || code == FY_ENOTFOUND)
        fy_answer_none(x, err.text);
    else
        fy_answer_error(x, &err);
}

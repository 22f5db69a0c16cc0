/* export_json.c - lines of an export, written by hand and read by a table. */
#include "common/adapters/export_json.h"

#include <string.h>

#include "common/adapters/json_fields.h"
#include "common/core/names.h"
#include "common/core/targets.h"

/* A byte of a text takes at most six ("\u001f") in JSON; site ids in targets take one. */
static_assert(6 * (2 * FY_CLIENT_BYTES_MAX + FY_BUCKET_BYTES_MAX + FY_OBJECT_BYTES_MAX +
                   FY_BLOB_REF_BYTES_MAX + FY_HASH_BYTES_MAX + FY_METADATA_BYTES_MAX +
                   FY_PROPERTY_KEY_BYTES_MAX + 2 * FY_SITE_BYTES_MAX + FY_URI_BYTES_MAX) +
                      FY_TARGETS_BYTES_MAX + 1024 <
                  FY_EXPORT_LINE_BYTES,
              "every line fits");

static const char *const names[FY_EXPORT_KIND_COUNT] = {
    [FY_EXPORT_HEAD] = "head",
    [FY_EXPORT_END] = "end",
    [FY_EXPORT_BUCKET] = "bucket",
    [FY_EXPORT_TARGETS] = "targets",
    [FY_EXPORT_OBJECT] = "object",
    [FY_EXPORT_BODY] = "body",
    [FY_EXPORT_RIGHT] = "right",
    [FY_EXPORT_SITE] = "site",
    [FY_EXPORT_TRASH] = "",
    [FY_EXPORT_RULES] = "rules",
    [FY_EXPORT_PROPERTY] = "property",
    [FY_EXPORT_VERSION] = "version",
};

/* ------------------------------------------------------------------ writing */

static void text(struct fy_buf *buf, const char *key, const char *value)
{
    if (value != NULL && value[0] != '\0')
        fy_buf_json_str(buf, key, value);
}

static void number(struct fy_buf *buf, const char *key, int64_t value)
{
    if (value != 0)
        fy_buf_json_i64(buf, key, value);
}

static void truth(struct fy_buf *buf, const char *key, bool value)
{
    if (value)
        fy_buf_json_bool(buf, key, true);
}

static bool has_body(const struct fy_export_line *record)
{
    return record->kind == FY_EXPORT_BODY ||
           (record->kind == FY_EXPORT_OBJECT && record->status == FY_STATUS_READY) ||
           (record->kind == FY_EXPORT_VERSION && record->version_kind == FY_VERSION_BODY &&
            !record->gone);
}

static void write_rules(struct fy_buf *buf, const struct fy_container_rules *rules)
{
    truth(buf, "versioned", rules->versioned);
    if (rules->policy != FY_UNSET)
        fy_buf_json_i64(buf, "policy", rules->policy);
    truth(buf, "exceeding", rules->delete_exceeding);
    if (rules->keep_deleted_s != FY_UNSET)
        fy_buf_json_i64(buf, "keep", rules->keep_deleted_s);
    number(buf, "quota", rules->quota);
    number(buf, "state", rules->state);
    number(buf, "until", rules->frozen_until_ms);
}

void fy_export_json_write(const struct fy_export_line *record, struct fy_buf *buf)
{
    char stamp[FY_STAMP_TEXT_BYTES] = "";
    char sha[FY_BASE32HEX_DIGITS + 1] = "";
    FY_ASSERT(record->kind < FY_EXPORT_TRASH);
    if (!fy_stamp_is_zero(&record->stamp))
        fy_stamp_print(&record->stamp, stamp);
    if (has_body(record))
        fy_digest_print_base32hex(&record->digest, sha);
    fy_buf_text(buf, "{");
    fy_buf_json_str(buf, "is", names[record->kind]);
    number(buf, "format", record->format);
    number(buf, "number", record->number);
    truth(buf, "full", record->full);
    text(buf, "catalogue", record->catalogue);
    text(buf, "id", record->site_id);
    text(buf, "name", record->site_name);
    text(buf, "uri", record->uri);
    number(buf, "at", record->at_ms);
    text(buf, "account", record->account);
    text(buf, "client", record->client);
    text(buf, "bucket", record->bucket);
    text(buf, "object", record->object);
    text(buf, "targets", record->targets);
    text(buf, "key", record->key);
    text(buf, "value", record->value);
    number(buf, "kind", record->version_kind);
    text(buf, "guid", record->id);
    number(buf, "status", record->status);
    text(buf, "stamp", stamp);
    number(buf, "created", record->created_ms);
    number(buf, "deleted", record->deleted_ms);
    number(buf, "expires", record->expires_ms);
    number(buf, "size", record->size);
    text(buf, "sha", sha);
    text(buf, "place", record->blob_ref);
    number(buf, "proof", record->proof);
    text(buf, "hash", record->hash);
    text(buf, "metadata", record->metadata);
    number(buf, "rights", record->rights);
    if (record->kind == FY_EXPORT_RULES)
        write_rules(buf, &record->rules);
    truth(buf, "flag", record->flag);
    truth(buf, "gone", record->gone);
    number(buf, "count", record->count);
    fy_buf_text(buf, "}\n");
}

/* ------------------------------------------------------------------ reading */

#define FIELD(name, kind, required, member)                                                        \
    FY_JSON_FIELD(struct fy_export_room, name, kind, required, member)
static const struct fy_json_field fields[] = {
    FIELD("is", FY_JSON_TEXT, true, is),
    FIELD("format", FY_JSON_I64, false, format),
    FIELD("number", FY_JSON_I64, false, number),
    FIELD("full", FY_JSON_BOOL, false, full),
    FIELD("catalogue", FY_JSON_TEXT, false, catalogue),
    FIELD("id", FY_JSON_TEXT, false, site_id),
    FIELD("name", FY_JSON_TEXT, false, site_name),
    FIELD("uri", FY_JSON_TEXT, false, uri),
    FIELD("at", FY_JSON_I64, false, at),
    FIELD("account", FY_JSON_TEXT, false, account),
    FIELD("client", FY_JSON_TEXT, false, client),
    FIELD("bucket", FY_JSON_TEXT, false, bucket),
    FIELD("object", FY_JSON_TEXT, false, object),
    FIELD("targets", FY_JSON_TEXT, false, targets),
    FIELD("key", FY_JSON_TEXT, false, key),
    FIELD("value", FY_JSON_TEXT, false, value),
    FIELD("kind", FY_JSON_I64, false, kind),
    FIELD("guid", FY_JSON_TEXT, false, guid),
    FIELD("status", FY_JSON_I64, false, status),
    FIELD("stamp", FY_JSON_TEXT, false, stamp),
    FIELD("created", FY_JSON_I64, false, created),
    FIELD("deleted", FY_JSON_I64, false, deleted),
    FIELD("expires", FY_JSON_I64, false, expires),
    FIELD("size", FY_JSON_I64, false, size),
    FIELD("sha", FY_JSON_TEXT, false, sha),
    FIELD("place", FY_JSON_TEXT, false, blob_ref),
    FIELD("proof", FY_JSON_I64, false, proof),
    FIELD("hash", FY_JSON_TEXT, false, hash),
    FIELD("metadata", FY_JSON_TEXT, false, metadata),
    FIELD("rights", FY_JSON_I64, false, rights),
    FIELD("versioned", FY_JSON_BOOL, false, versioned),
    FIELD("policy", FY_JSON_I64, false, policy),
    FIELD("exceeding", FY_JSON_BOOL, false, exceeding),
    FIELD("keep", FY_JSON_I64, false, keep),
    FIELD("quota", FY_JSON_I64, false, quota),
    FIELD("state", FY_JSON_I64, false, state),
    FIELD("until", FY_JSON_I64, false, until),
    FIELD("flag", FY_JSON_BOOL, false, flag),
    FIELD("gone", FY_JSON_BOOL, false, gone),
    FIELD("count", FY_JSON_I64, false, count),
};

static bool kind_of(const char *is, enum fy_export_kind *kind)
{
    for (int i = 0; i < FY_EXPORT_TRASH; i++)
        if (strcmp(names[i], is) == 0) {
            *kind = (enum fy_export_kind)i;
            return true;
        }
    return false;
}

static void borrow(const struct fy_export_room *room, struct fy_export_line *record)
{
    record->rules = (struct fy_container_rules){
        .versioned = room->versioned,
        .policy = room->policy,
        .delete_exceeding = room->exceeding,
        .keep_deleted_s = room->keep,
        .quota = room->quota,
        .state = (enum fy_container_state)room->state,
        .frozen_until_ms = room->until,
    };
    record->version_kind = (enum fy_version_kind)room->kind;
    record->key = room->key;
    record->value = room->value;
    record->id = room->guid;
    record->gone = room->gone;
    record->flag = room->flag;
    record->full = room->full;
    record->status = (enum fy_status)room->status;
    record->proof = (enum fy_proof)room->proof;
    record->rights = (unsigned)room->rights;
    record->created_ms = room->created;
    record->deleted_ms = room->deleted;
    record->expires_ms = room->expires;
    record->at_ms = room->at;
    record->size = room->size;
    record->format = room->format;
    record->number = room->number;
    record->count = room->count;
    record->account = room->account;
    record->client = room->client;
    record->bucket = room->bucket;
    record->object = room->object;
    record->targets = room->targets;
    record->blob_ref = room->blob_ref;
    record->hash = room->hash;
    record->metadata = room->metadata;
    record->catalogue = room->catalogue;
    record->site_id = room->site_id;
    record->site_name = room->site_name;
    record->uri = room->uri;
}

/* Numbers that become enums or go into columns. */
static bool numbers_fit(const struct fy_export_room *room)
{
    return room->status >= 0 && room->status <= FY_STATUS_ERR_UPL && room->proof >= 0 &&
           room->proof <= FY_PROOF_TRANSPORT && room->rights >= 0 &&
           room->rights <= FY_RIGHT_OWNER && room->size >= 0 && room->count >= 0 &&
           room->kind >= 0 && room->kind <= FY_VERSION_REGISTERED && room->state >= 0 &&
           room->state <= FY_CONTAINER_DISABLED && room->quota >= 0;
}

static bool is_register(const struct fy_export_line *record)
{
    bool known = record->status == FY_STATUS_READY || record->status == FY_STATUS_DELETED;
    return known && !fy_stamp_is_zero(&record->stamp);
}

/* What a row of its kind cannot do without. */
static bool is_whole(const struct fy_export_line *record)
{
    bool named = record->account[0] != '\0' && record->bucket[0] != '\0';
    bool stored = record->blob_ref[0] != '\0';
    switch (record->kind) {
    case FY_EXPORT_HEAD:
        return record->format > 0 && record->number >= 0 && record->catalogue[0] != '\0';
    case FY_EXPORT_END:
        return true;
    case FY_EXPORT_BUCKET:
        return named && (record->status == FY_STATUS_UNKNOWN || is_register(record));
    case FY_EXPORT_TARGETS:
    case FY_EXPORT_RULES:
        return named;
    case FY_EXPORT_PROPERTY:
        return named && (record->key[0] != '\0' || record->flag) && record->number >= 0;
    case FY_EXPORT_VERSION:
        return named && record->object[0] != '\0' && record->number != 0 &&
               (!has_body(record) || (stored && record->proof != 0));
    case FY_EXPORT_OBJECT:
        return named && record->object[0] != '\0' && is_register(record) &&
               (record->status == FY_STATUS_DELETED || (stored && record->proof != 0));
    case FY_EXPORT_BODY:
        return stored;
    case FY_EXPORT_RIGHT:
        return record->bucket[0] != '\0' && (record->gone || record->client[0] != '\0');
    case FY_EXPORT_SITE:
        return fy_site_is_valid(record->site_id) && record->number >= 0 &&
               (record->gone || record->uri[0] != '\0');
    case FY_EXPORT_TRASH:
    case FY_EXPORT_KIND_COUNT:
        break;
    }
    return false;
}

static enum fy_code none_of_ours(struct fy_err *err, const char *why)
{
    return fy_err_set(err, FY_ECORRUPT, "not a line of an export: %s", why);
}

enum fy_code fy_export_json_read(const char *line, size_t line_bytes, struct fy_export_room *room,
                                 struct fy_export_line *record, struct fy_err *err)
{
    struct fy_err why = {.code = FY_OK};
    *room = (struct fy_export_room){.is = "", .policy = FY_UNSET, .keep = FY_UNSET};
    *record = (struct fy_export_line){.kind = FY_EXPORT_KIND_COUNT};
    if (fy_json_fields_read(line, line_bytes, fields, FY_COUNT_OF(fields), room, &why) != FY_OK)
        return none_of_ours(err, why.text);
    if (!kind_of(room->is, &record->kind))
        return none_of_ours(err, "it is of a kind that this program does not know");
    if (!numbers_fit(room))
        return none_of_ours(err, "a number is out of its range");
    borrow(room, record);
    if (room->stamp[0] != '\0' && (fy_stamp_parse(room->stamp, &record->stamp, &why) != FY_OK ||
                                   record->stamp.time > INT64_MAX))
        return none_of_ours(err, "its stamp");
    if (has_body(record) && !fy_digest_parse(room->sha, &record->digest))
        return none_of_ours(err, "its digest");
    if (room->targets[0] != '\0' && fy_targets_check(room->targets, &why) != FY_OK)
        return none_of_ours(err, why.text);
    return is_whole(record) ? FY_OK : none_of_ours(err, "something is missing");
}

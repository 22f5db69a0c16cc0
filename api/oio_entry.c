/* oio_entry.c - versions of objects in OpenIO's words. */
#include "api/oio_entry.h"

#include <stdio.h>
#include <string.h>

#include "api/oio_facts.h"
#include "common/adapters/oio_json.h"
#include "common/core/names.h"

#define MARKER_MIME    "application/x-deleted"
#define MIME_BYTES_MAX (FY_METADATA_BYTES_MAX + 1)

void fy_oio_entry_hash(const struct fy_object_row *row, char text[static FY_OIO_HASH_BYTES])
{
    static_assert(FY_OIO_HASH_BYTES > FY_HEX_DIGITS, "a digest fits");
    if (row->reg.has_digest)
        fy_digest_print_hex(&row->reg.digest, true, text);
    else
        fy_oio_hash_print(row->facts.hash, text);
}

enum fy_code fy_oio_site_uri(struct fy_node *node, char uri[static FY_URI_BYTES_MAX + 1],
                             struct fy_err *err)
{
    struct fy_site_row row;
    enum fy_code code = fy_catalogue_site_get(node->catalogue, node->site, &row, err);
    uri[0] = '\0';
    if (code == FY_OK)
        memcpy(uri, row.uri, sizeof(row.uri));
    return code == FY_ENOTFOUND ? FY_OK : code;
}

/* ---- chunks */

static void url_part(struct fy_buf *url, const char *name, const char *value)
{
    char encoded[3 * FY_OBJECT_BYTES_MAX + 1];
    static_assert(FY_OBJECT_BYTES_MAX >= FY_BUCKET_BYTES_MAX, "each name fits");
    static_assert(FY_OBJECT_BYTES_MAX >= FY_CLIENT_BYTES_MAX, "each name fits");
    FY_ASSERT(fy_percent_encode(value, false, encoded, sizeof(encoded)));
    fy_buf_text(url, name);
    fy_buf_text(url, encoded);
}

static void add_chunk(const struct fy_oio_entries *entries, const struct fy_object_row *row,
                      struct fy_buf *json)
{
    char hash[FY_OIO_HASH_BYTES];
    struct fy_buf url;
    fy_oio_entry_hash(row, hash);
    fy_buf_init(&url, FY_OIO_URL_BYTES_MAX);
    fy_buf_text(&url, entries->site_uri);
    url_part(&url, "/ferry/v1/content?acct=", entries->account);
    url_part(&url, "&ref=", entries->container);
    url_part(&url, "&path=", row->name);
    fy_buf_printf(&url, "&version=%lld", (long long)row->version);
    FY_ASSERT(!url.overflow);
    fy_buf_text(json, "{");
    fy_buf_json_str(json, "url", url.bytes);
    fy_buf_json_str(json, "real_url", url.bytes);
    fy_buf_json_str(json, "pos", "0");
    fy_buf_json_i64(json, "size", row->size);
    fy_buf_json_str(json, "hash", hash);
    fy_buf_json_i64(json, "score", 100);
    fy_buf_text(json, "}");
    fy_buf_done(&url);
}

void fy_oio_entry_chunks(const struct fy_oio_entries *entries, const struct fy_object_row *row,
                         struct fy_buf *json)
{
    fy_buf_text(json, "[");
    if (!row->marker)
        add_chunk(entries, row, json);
    fy_buf_text(json, "]");
}

/* ---- entries */

static void add_marker(struct fy_buf *json)
{
    fy_buf_json_str(json, "id", FY_OIO_MARKER_ID);
    fy_buf_json_str(json, "content", FY_OIO_MARKER_ID);
    fy_buf_json_str(json, "policy", NULL);
    fy_buf_json_str(json, "chunk-method", NULL);
    fy_buf_json_str(json, "hash", NULL);
    fy_buf_json_str(json, "size", NULL);
    fy_buf_json_str(json, "mime-type", MARKER_MIME);
}

static void add_metadata(const struct fy_oio_entries *entries, const struct fy_object_row *row,
                         struct fy_buf *json)
{
    char mime_type[MIME_BYTES_MAX];
    struct fy_buf properties;
    fy_buf_init(&properties, (size_t)6 * FY_METADATA_BYTES_MAX);
    bool some = fy_oio_metadata_print(row->facts.metadata, entries->properties ? &properties : NULL,
                                      mime_type, sizeof(mime_type));
    fy_buf_json_str(json, "mime-type", mime_type[0] != '\0' ? mime_type : FY_OIO_MIME_DEFAULT);
    if (some && entries->properties) {
        fy_buf_json_key(json, "properties");
        fy_buf_add(json, properties.bytes, properties.size_bytes);
    }
    fy_buf_done(&properties);
}

static void add_body(const struct fy_oio_entries *entries, const struct fy_object_row *row,
                     struct fy_buf *json)
{
    char id[FY_OIO_ID_DIGITS + 1];
    char hash[FY_OIO_HASH_BYTES];
    fy_oio_id_print(row->id, id);
    fy_oio_entry_hash(row, hash);
    fy_buf_json_str(json, "id", id);
    fy_buf_json_str(json, "content", id);
    fy_buf_json_str(json, "policy", FY_OIO_POLICY);
    fy_buf_json_str(json, "chunk-method", FY_OIO_CHUNK_METHOD);
    fy_buf_json_str(json, "hash", hash);
    fy_buf_json_i64(json, "size", row->size);
    add_metadata(entries, row, json);
}

void fy_oio_entry_json(const struct fy_oio_entries *entries, const struct fy_object_row *row,
                       struct fy_buf *json)
{
    fy_buf_text(json, "{");
    fy_buf_json_str(json, "name", row->name);
    fy_buf_json_i64(json, "version", row->version);
    fy_buf_json_i64(json, "ctime", row->facts.creation_ms / 1000);
    fy_buf_json_i64(json, "mtime", row->facts.creation_ms / 1000);
    fy_buf_json_bool(json, "deleted", row->marker);
    if (row->marker)
        add_marker(json);
    else
        add_body(entries, row, json);
    if (entries->chunks) {
        fy_buf_json_key(json, "chunks");
        fy_oio_entry_chunks(entries, row, json);
    }
    fy_buf_text(json, "}");
}

/* ---- headers */

static bool add_header(struct fy_oio *oio, const char *key, const char *value)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "x-oio-content-meta-%s", key);
    return fy_oio_header(oio, name, value);
}

static bool add_number(struct fy_oio *oio, const char *key, int64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)number);
    return add_header(oio, key, text);
}

static bool add_body_headers(struct fy_oio *oio, const struct fy_object_row *row)
{
    char id[FY_OIO_ID_DIGITS + 1];
    char hash[FY_OIO_HASH_BYTES];
    char mime_type[MIME_BYTES_MAX];
    fy_oio_id_print(row->id, id);
    fy_oio_entry_hash(row, hash);
    (void)fy_oio_metadata_print(row->facts.metadata, NULL, mime_type, sizeof(mime_type));
    return add_header(oio, "id", id) && add_header(oio, "policy", FY_OIO_POLICY) &&
           add_header(oio, "chunk-method", FY_OIO_CHUNK_METHOD) && add_header(oio, "hash", hash) &&
           add_header(oio, "hash-method", "sha256") && add_number(oio, "size", row->size) &&
           add_number(oio, "length", row->size) &&
           add_header(oio, "mime-type", mime_type[0] != '\0' ? mime_type : FY_OIO_MIME_DEFAULT);
}

enum fy_code fy_oio_entry_headers(struct fy_oio *oio, const struct fy_object_row *row,
                                  struct fy_err *err)
{
    bool fit = add_header(oio, "name", row->name) && add_number(oio, "version", row->version) &&
               add_number(oio, "ctime", row->facts.creation_ms / 1000) &&
               add_number(oio, "mtime", row->facts.creation_ms / 1000) &&
               add_header(oio, "deleted", row->marker ? "True" : "False");
    if (fit && row->marker)
        fit = add_header(oio, "id", FY_OIO_MARKER_ID) && add_header(oio, "mime-type", MARKER_MIME);
    else if (fit)
        fit = add_body_headers(oio, row);
    if (fit)
        return FY_OK;
    return fy_err_set(err, FY_EINPUT, "the request's head leaves no room for the answer's");
}

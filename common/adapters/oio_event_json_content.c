/* oio_event_json_content.c - OpenIO's events of objects: typed items, and parts of them. */
#include "common/adapters/oio_event_json_impl.h"

#include <jansson.h>
#include <string.h>

#include "common/core/digest.h"

/* Each of its properties repeats the object's name, so that many of them go into several parts. */
#define PART_PROPERTIES 100

/* A byte of a text takes at most six ("\u001f") in JSON. */
static_assert(6 * (PART_PROPERTIES * (FY_OBJECT_BYTES_MAX + 16) + FY_METADATA_BYTES_MAX) +
                      PART_PROPERTIES * 128 + (64 << 10) <
                  FY_OIO_EVENT_BYTES_MAX,
              "a part fits an event");

const char *fy_oio_content_id(const struct fy_oio_content *content,
                              char text[static FY_OIO_ID_DIGITS + 1])
{
    if (content->marker)
        return FY_OIO_MARKER_ID;
    fy_oio_id_print(content->id, text);
    return text;
}

/* ------------------------------------------------------------------ its metadata */

/* NULL: it has none. Written by us in one form, so whatever else it is counts as none. */
static json_t *tree_of(const struct fy_oio_content *content)
{
    if (content->marker || content->metadata == NULL || content->metadata[0] == '\0' ||
        strcmp(content->metadata, "{}") == 0)
        return NULL;
    json_t *tree = json_loads(content->metadata, 0, NULL);
    if (json_is_object(tree))
        return tree;
    json_decref(tree);
    return NULL;
}

static size_t property_count(const json_t *tree)
{
    return json_object_size(tree) - (json_object_get(tree, FY_OIO_MIME_KEY) != NULL);
}

size_t fy_oio_content_parts(const struct fy_oio_content *content)
{
    json_auto_t *tree = tree_of(content);
    size_t count = property_count(tree);
    return count == 0 ? 1 : (count + PART_PROPERTIES - 1) / PART_PROPERTIES;
}

/* ------------------------------------------------------------------ its items */

static void item_begin(struct fy_buf *buf, const char *type)
{
    fy_buf_json_next(buf);
    fy_buf_text(buf, "{");
    fy_buf_json_str(buf, "type", type);
}

static void add_alias(struct fy_buf *buf, const struct fy_oio_content *content)
{
    char id[FY_OIO_ID_DIGITS + 1];
    item_begin(buf, "aliases");
    fy_buf_json_str(buf, "name", content->name);
    fy_buf_json_i64(buf, "version", content->version);
    fy_buf_json_i64(buf, "ctime", content->created_ms / 1000);
    fy_buf_json_i64(buf, "mtime", content->changed_ms / 1000);
    fy_buf_json_bool(buf, "deleted", content->marker);
    fy_buf_json_str(buf, "header", fy_oio_content_id(content, id));
    fy_buf_text(buf, "}");
}

static void add_hash_and_size(struct fy_buf *buf, const struct fy_oio_content *content)
{
    char hash[FY_HASH_BYTES_MAX + 1] = "";
    if (content->digest != NULL)
        fy_digest_print_hex(content->digest, true, hash);
    else if (content->hash != NULL)
        fy_oio_hash_print(content->hash, hash);
    fy_buf_json_filled(buf, "hash", hash);
    fy_buf_json_i64(buf, "size", content->size);
}

static void add_header(struct fy_buf *buf, const struct fy_oio_content *content, const json_t *tree)
{
    char id[FY_OIO_ID_DIGITS + 1];
    char type_text[FY_METADATA_BYTES_MAX + 1];
    const char *type = json_string_value(json_object_get(tree, FY_OIO_MIME_KEY));
    if (type != NULL) {
        fy_oio_mime_print(type, type_text, sizeof(type_text));
        type = type_text;
    }
    item_begin(buf, "contents_headers");
    fy_buf_json_str(buf, "id", fy_oio_content_id(content, id));
    add_hash_and_size(buf, content);
    fy_buf_json_str(buf, "policy", FY_OIO_POLICY);
    fy_buf_json_str(buf, "chunk-method", FY_OIO_CHUNK_METHOD);
    if (type == NULL && content->metadata != NULL)
        type = FY_OIO_MIME_DEFAULT;
    fy_buf_json_str(buf, "mime-type", type);
    fy_buf_text(buf, "}");
}

/* A body is one chunk. Its id is no address: bodies are none of the readers' business. */
static void add_chunk(struct fy_buf *buf, const struct fy_oio_content *content)
{
    char id[FY_OIO_ID_DIGITS + 1];
    item_begin(buf, "chunks");
    fy_buf_json_str(buf, "id", fy_oio_content_id(content, id));
    fy_buf_json_str(buf, "pos", "0");
    add_hash_and_size(buf, content);
    fy_buf_text(buf, "}");
}

static void add_properties(struct fy_buf *buf, const struct fy_oio_content *content, json_t *tree,
                           size_t part)
{
    const char *key;
    json_t *value;
    size_t index = 0;
    json_object_foreach(tree, key, value)
    {
        if (strcmp(key, FY_OIO_MIME_KEY) == 0 || index++ / PART_PROPERTIES != part)
            continue;
        item_begin(buf, "properties");
        fy_buf_json_str(buf, "alias", content->name);
        fy_buf_json_i64(buf, "version", content->version);
        fy_buf_json_str(buf, "key", key);
        fy_buf_json_str(buf, "value", json_string_value(value));
        fy_buf_text(buf, "}");
    }
}

void fy_oio_content_write(const struct fy_oio_event *event, size_t part, size_t parts,
                          struct fy_buf *buf)
{
    const struct fy_oio_content *content = event->content;
    json_auto_t *tree = tree_of(content);
    FY_ASSERT(part < parts);
    fy_oio_event_begin(event, buf);
    fy_buf_text(buf, "[");
    if (part == 0) {
        add_alias(buf, content);
        if (!content->marker)
            add_header(buf, content, tree);
        if (!content->marker && event->kind == FY_OIO_CONTENT_DELETED)
            add_chunk(buf, content);
    }
    add_properties(buf, content, tree, part);
    fy_buf_text(buf, "]");
    fy_buf_json_i64(buf, "part", (int64_t)part);
    fy_buf_json_i64(buf, "parts", (int64_t)parts);
    fy_buf_text(buf, "}");
}

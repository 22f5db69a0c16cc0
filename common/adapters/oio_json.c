/* oio_json.c - the bodies of OpenIO's requests, read with jansson. */
#include "common/adapters/oio_json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/metadata_json.h"
#include "common/core/json_cut.h"
#include "common/core/names.h"

#define USER_PREFIX "user."

/* *tree NULL: there is nothing. Of a key that is given twice the last one counts, as OpenIO has it.
 */
static enum fy_code load(const char *bytes, size_t size_bytes, json_t **tree, struct fy_err *err)
{
    *tree = NULL;
    if (size_bytes == 0)
        return FY_OK;
    if (fy_json_depth_check(bytes, size_bytes, err) != FY_OK)
        return fy_err_add(err, "body");
    json_error_t why;
    *tree = json_loadb(bytes, size_bytes, JSON_DECODE_ANY, &why);
    if (*tree == NULL)
        return fy_err_set(err, FY_EINPUT, "body: not JSON: %s", why.text);
    return FY_OK;
}

enum fy_code fy_oio_json_check(const char *bytes, size_t size_bytes, struct fy_err *err)
{
    json_auto_t *tree = NULL;
    return load(bytes, size_bytes, &tree, err);
}

/* ------------------------------------------------------------------ properties */

void fy_oio_body_done(struct fy_oio_body *body)
{
    json_decref(body->tree);
    free(body->keys);
    free(body->properties);
    *body = (struct fy_oio_body){0};
}

/* A section of a body: absent and null are empty. */
static enum fy_code section_get(const json_t *object, const char *name, json_t **section,
                                struct fy_err *err)
{
    json_t *found = json_object_get(object, name);
    *section = NULL;
    if (found == NULL || json_is_null(found))
        return FY_OK;
    if (!json_is_object(found))
        return fy_err_set(err, FY_EINPUT, "body: %s is not an object", name);
    *section = found;
    return FY_OK;
}

/* Room for all of them, and for the bytes that their prefixed keys take. */
static void body_reserve(struct fy_oio_body *body, size_t count, size_t key_bytes)
{
    if (count > 0)
        body->properties = fy_alloc(count * sizeof(*body->properties));
    if (key_bytes > 0)
        body->keys = fy_alloc(key_bytes);
}

static size_t prefixed_bytes(const char *key)
{
    return strlen(USER_PREFIX) + strlen(key) + 1;
}

/* *at moves on within body->keys. */
static const char *prefixed_key(char **at, const char *key)
{
    char *start = *at;
    size_t start_bytes = prefixed_bytes(key);
    (void)snprintf(start, start_bytes, USER_PREFIX "%s", key);
    *at += start_bytes;
    return start;
}

static enum fy_code value_check(const char *key, const json_t *value, struct fy_err *err)
{
    if (key[0] == '\0')
        return fy_err_set(err, FY_EINPUT, "body: a property without a name");
    if (!json_is_string(value) && !json_is_null(value))
        return fy_err_set(err, FY_EINPUT, "body: property '%.80s' is not a text", key);
    return FY_OK;
}

static bool system_key_is_good(const char *key)
{
    return strncmp(key, "sys.", 4) == 0 || strncmp(key, USER_PREFIX, strlen(USER_PREFIX)) == 0;
}

static enum fy_code system_add(const json_t *section, bool checked, struct fy_oio_body *body,
                               struct fy_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)section, key, value)
    {
        if (value_check(key, value, err) != FY_OK)
            return FY_EINPUT;
        if (checked && !system_key_is_good(key))
            return fy_err_set(err, FY_EINPUT,
                              "body: system key '%.80s' begins neither with sys. nor with user.",
                              key);
        body->properties[body->count++] = (struct fy_property){key, json_string_value(value)};
    }
    return FY_OK;
}

static enum fy_code user_add(const json_t *section, struct fy_oio_body *body, struct fy_err *err)
{
    char *at = body->keys;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)section, key, value)
    {
        if (value_check(key, value, err) != FY_OK)
            return FY_EINPUT;
        body->properties[body->count++] =
            (struct fy_property){prefixed_key(&at, key), json_string_value(value)};
    }
    return FY_OK;
}

static size_t all_prefixed_bytes(const json_t *section)
{
    const char *key;
    json_t *value;
    size_t bytes = 0;
    json_object_foreach((json_t *)(uintptr_t)section, key, value) bytes += prefixed_bytes(key);
    return bytes;
}

/* Both sections of an object. body's tree stays as it is. */
static enum fy_code sections_read(const json_t *object, bool checked, struct fy_oio_body *body,
                                  struct fy_err *err)
{
    json_t *system, *user;
    enum fy_code code = section_get(object, "system", &system, err);
    if (code == FY_OK)
        code = section_get(object, "properties", &user, err);
    if (code != FY_OK)
        return code;
    body_reserve(body, json_object_size(system) + json_object_size(user), all_prefixed_bytes(user));
    code = system_add(system, checked, body, err);
    return code == FY_OK ? user_add(user, body, err) : code;
}

enum fy_code fy_oio_json_properties(const char *bytes, size_t size_bytes, bool checked,
                                    struct fy_oio_body *body, struct fy_err *err)
{
    json_t *tree;
    *body = (struct fy_oio_body){0};
    enum fy_code code = load(bytes, size_bytes, &tree, err);
    body->tree = tree;
    if (code != FY_OK || tree == NULL || json_is_null(tree))
        return code;
    if (!json_is_object(tree))
        code = fy_err_set(err, FY_EINPUT, "body: not an object");
    else
        code = sections_read(tree, checked, body, err);
    if (code != FY_OK)
        fy_oio_body_done(body);
    return code;
}

/* Takes the tree, and frees it on failure. */
static enum fy_code keys_read(json_t *tree, const json_t *array, bool prefixed,
                              struct fy_oio_body *body, struct fy_err *err)
{
    size_t count = json_array_size(array), key_bytes = 0;
    body->tree = tree;
    for (size_t i = 0; i < count; i++) {
        const char *key = json_string_value(json_array_get(array, i));
        if (key == NULL) {
            fy_oio_body_done(body);
            return fy_err_set(err, FY_EINPUT, "body: item %zu is not a text", i);
        }
        key_bytes += prefixed ? prefixed_bytes(key) : 0;
    }
    body_reserve(body, count, key_bytes);
    char *at = body->keys;
    for (; body->count < count; body->count++) {
        const char *key = json_string_value(json_array_get(array, body->count));
        body->properties[body->count].key = prefixed ? prefixed_key(&at, key) : key;
    }
    return FY_OK;
}

enum fy_code fy_oio_json_keys(const char *bytes, size_t size_bytes, struct fy_oio_body *body,
                              struct fy_err *err)
{
    json_t *tree;
    *body = (struct fy_oio_body){0};
    enum fy_code code = load(bytes, size_bytes, &tree, err);
    if (code == FY_OK && json_is_array(tree))
        return keys_read(tree, tree, true, body, err);
    json_decref(tree);
    return code == FY_OK ? fy_err_set(err, FY_EINPUT, "body: not an array of keys") : code;
}

/* ------------------------------------------------------------------ several containers */

void fy_oio_many_done(struct fy_oio_many *many)
{
    for (size_t i = 0; i < many->count; i++)
        fy_oio_body_done(&many->items[i].body);
    free(many->items);
    json_decref(many->tree);
    *many = (struct fy_oio_many){0};
}

static enum fy_code item_read(const json_t *value, struct fy_oio_item *item, struct fy_err *err)
{
    item->name = json_string_value(json_object_get(value, "name"));
    if (item->name == NULL)
        return fy_err_set(err, FY_EINPUT, "no object with a name");
    return sections_read(value, false, &item->body, err);
}

static enum fy_code items_read(const json_t *array, struct fy_oio_many *many, struct fy_err *err)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array))
        return fy_err_set(err, FY_EINPUT, "body: no array of containers");
    if (count > FY_OIO_MANY_MAX)
        return fy_err_set(err, FY_ETOOBIG, "body: %zu containers, at most %d are made at once",
                          count, FY_OIO_MANY_MAX);
    if (count > 0)
        many->items = fy_alloc(count * sizeof(*many->items));
    enum fy_code code = FY_OK;
    while (code == FY_OK && many->count < count) {
        size_t i = many->count++; /* counted first, so that what it has is freed */
        code = item_read(json_array_get(array, i), &many->items[i], err);
        if (code != FY_OK)
            code = fy_err_add(err, "container %zu", i);
    }
    return code;
}

enum fy_code fy_oio_json_many(const char *bytes, size_t size_bytes, struct fy_oio_many *many,
                              struct fy_err *err)
{
    json_t *tree;
    *many = (struct fy_oio_many){0};
    enum fy_code code = load(bytes, size_bytes, &tree, err);
    many->tree = tree;
    if (code == FY_OK)
        code = items_read(json_object_get(tree, "containers"), many, err);
    if (code != FY_OK)
        fy_oio_many_done(many);
    return code;
}

/* ------------------------------------------------------------------ a snapshot's target */

static enum fy_code text_get(const json_t *object, const char *key, char *out, size_t out_bytes,
                             struct fy_err *err)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text == NULL)
        return fy_err_set(err, FY_EINPUT, "body: %s is missing, or not a text", key);
    if (!fy_text_copy(out, out_bytes, text))
        return fy_err_set(err, FY_EINPUT, "body: %s has over %zu bytes", key, out_bytes - 1);
    return FY_OK;
}

enum fy_code fy_oio_json_target(const char *bytes, size_t size_bytes,
                                char account[static FY_CLIENT_BYTES_MAX + 1],
                                char container[static FY_BUCKET_BYTES_MAX + 1], struct fy_err *err)
{
    json_auto_t *tree = NULL;
    enum fy_code code = load(bytes, size_bytes, &tree, err);
    if (code == FY_OK)
        code = text_get(tree, "account", account, FY_CLIENT_BYTES_MAX + 1, err);
    if (code == FY_OK)
        code = text_get(tree, "container", container, FY_BUCKET_BYTES_MAX + 1, err);
    return code;
}

/* ------------------------------------------------------------------ objects */

/* Those of a body without null and "", which are none, in an object of their own. */
static enum fy_code pairs_copy(json_t *section, json_t *pairs, struct fy_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(section, key, value)
    {
        if (value_check(key, value, err) != FY_OK)
            return FY_EINPUT;
        if (json_string_length(value) > 0)
            FY_ASSERT(json_object_set(pairs, key, value) == 0);
    }
    return FY_OK;
}

/* Compact text of a tree of texts, checked and put in its one form. */
static enum fy_code metadata_write(const json_t *pairs,
                                   char metadata[static FY_METADATA_BYTES_MAX + 1],
                                   struct fy_err *err)
{
    char text[FY_METADATA_BYTES_MAX + 1];
    size_t text_bytes = json_dumpb(pairs, text, sizeof(text) - 1, JSON_COMPACT);
    if (text_bytes >= sizeof(text))
        return fy_err_set(err, FY_ETOOBIG, "properties of over %d bytes", FY_METADATA_BYTES_MAX);
    text[text_bytes] = '\0';
    return fy_metadata_json_clean(text, false, metadata, err);
}

/* Encoded, since metadata has no ';', which stands before a charset. */
static enum fy_code mime_type_set(json_t *pairs, const char *mime_type, struct fy_err *err)
{
    char encoded[FY_METADATA_BYTES_MAX];
    if (!fy_percent_encode(mime_type, true, encoded, sizeof(encoded)))
        return fy_err_set(err, FY_ETOOBIG, "a mime type of %zu bytes", strlen(mime_type));
    FY_ASSERT(json_object_set_new(pairs, FY_OIO_MIME_KEY, json_string(encoded)) == 0);
    return FY_OK;
}

enum fy_code fy_oio_json_content(const char *bytes, size_t size_bytes, const char *mime_type,
                                 char metadata[static FY_METADATA_BYTES_MAX + 1],
                                 struct fy_err *err)
{
    json_auto_t *tree = NULL;
    json_auto_t *pairs = json_object();
    json_t *section = NULL;
    enum fy_code code = load(bytes, size_bytes, &tree, err);
    if (code == FY_OK && tree != NULL && !json_is_object(tree) && !json_is_array(tree))
        code = fy_err_set(err, FY_EINPUT, "body: neither an object nor an array of chunks");
    if (code == FY_OK)
        code = section_get(tree, "properties", &section, err);
    if (code == FY_OK)
        code = pairs_copy(section, pairs, err);
    if (code == FY_OK && mime_type[0] != '\0')
        code = mime_type_set(pairs, mime_type, err);
    return code == FY_OK ? metadata_write(pairs, metadata, err) : code;
}

enum fy_code fy_oio_json_content_set(const char *bytes, size_t size_bytes, struct fy_oio_body *body,
                                     struct fy_err *err)
{
    json_t *tree, *section = NULL;
    *body = (struct fy_oio_body){0};
    enum fy_code code = load(bytes, size_bytes, &tree, err);
    body->tree = tree;
    if (code == FY_OK && !json_is_object(tree))
        code = fy_err_set(err, FY_EINPUT, "body: not an object");
    if (code == FY_OK)
        code = section_get(tree, "properties", &section, err);
    if (code == FY_OK) {
        body_reserve(body, json_object_size(section), 0);
        code = system_add(section, false, body, err);
    }
    for (size_t i = 0; i < body->count; i++)
        if (body->properties[i].value != NULL && body->properties[i].value[0] == '\0')
            body->properties[i].value = NULL;
    if (code != FY_OK)
        fy_oio_body_done(body);
    return code;
}

enum fy_code fy_oio_json_content_del(const char *bytes, size_t size_bytes, struct fy_oio_body *body,
                                     struct fy_err *err)
{
    json_t *tree;
    *body = (struct fy_oio_body){0};
    enum fy_code code = load(bytes, size_bytes, &tree, err);
    const json_t *array = json_is_object(tree) ? json_object_get(tree, "properties") : tree;
    if (code == FY_OK && json_is_array(array))
        return keys_read(tree, array, false, body, err);
    json_decref(tree);
    return code == FY_OK ? fy_err_set(err, FY_EINPUT, "body: no array of keys") : code;
}

static void pair_print(struct fy_buf *json, const char *key, const json_t *value)
{
    if (json != NULL && json_is_string(value))
        fy_buf_json_str(json, key, json_string_value(value));
}

bool fy_oio_metadata_print(const char *metadata, struct fy_buf *properties, char *mime_type,
                           size_t mime_type_bytes)
{
    json_auto_t *tree = metadata[0] != '\0' ? json_loads(metadata, 0, NULL) : NULL;
    const char *key;
    json_t *value;
    size_t count = 0;
    mime_type[0] = '\0';
    if (properties != NULL)
        fy_buf_text(properties, "{");
    json_object_foreach(tree, key, value)
    {
        if (strcmp(key, FY_OIO_MIME_KEY) == 0 && json_is_string(value)) {
            fy_oio_mime_print(json_string_value(value), mime_type, mime_type_bytes);
            continue;
        }
        count++;
        pair_print(properties, key, value);
    }
    if (properties != NULL)
        fy_buf_text(properties, "}");
    return count > 0;
}

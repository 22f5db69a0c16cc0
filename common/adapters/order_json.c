/* order_json.c - orders as JSON, read with jansson and written by hand. */
#include "common/adapters/order_json.h"

#include <jansson.h>
#include <string.h>

#include "common/adapters/order_json_impl.h"
#include "common/core/json_cut.h"

/* A byte of a text takes at most six ("\u001f") in JSON, or three for one that is not UTF-8. */
static_assert(6 * (FY_OP_ID_BYTES_MAX + 2 * FY_SITE_BYTES_MAX + 2 * FY_CLIENT_BYTES_MAX +
                   FY_BUCKET_BYTES_MAX + FY_OBJECT_BYTES_MAX + FY_HASH_BYTES_MAX) +
                      1024 <
                  FY_ORDER_JSON_BYTES,
              "what is written can be read");

const struct fy_order_text_key fy_order_text_keys[FY_ORDER_TEXT_KEYS] = {
#define TEXT_KEY(key, member)                                                                      \
    {                                                                                              \
        key, sizeof(key) - 1, offsetof(struct fy_order, member),                                   \
            sizeof(((struct fy_order *)NULL)->member)                                              \
    }
    TEXT_KEY("opId", op_id),      TEXT_KEY("fromSite", from_site), TEXT_KEY("toSite", to_site),
    TEXT_KEY("clientId", client), TEXT_KEY("bucketName", bucket),  TEXT_KEY("objectName", object),
    TEXT_KEY("hash", hash),       TEXT_KEY("account", account),
#undef TEXT_KEY
};

/* *text is NULL when the key is absent or null, else borrowed from the tree. */
static enum fy_code get_text(const json_t *tree, const char *key, const char **text,
                             struct fy_err *err)
{
    const json_t *value = json_object_get(tree, key);
    *text = json_string_value(value); /* NULL for whatever is no text */
    if (value != NULL && !json_is_null(value) && *text == NULL)
        return fy_err_set(err, FY_EINPUT, "%s is not a text", key);
    return FY_OK;
}

static enum fy_code read_texts(const json_t *tree, struct fy_order *order, struct fy_err *err)
{
    for (size_t i = 0; i < FY_ORDER_TEXT_KEYS; i++) {
        const struct fy_order_text_key *key = &fy_order_text_keys[i];
        const char *text;
        enum fy_code code = get_text(tree, key->key, &text, err);
        if (code != FY_OK)
            return code;
        char *field = (char *)order + key->offset;
        if (text != NULL && !fy_text_copy(field, key->field_bytes, text))
            return fy_err_set(err, FY_EINPUT, "%s is longer than %zu bytes", key->key,
                              key->field_bytes - 1);
    }
    return FY_OK;
}

static enum fy_code read_action(const json_t *tree, struct fy_order *order, struct fy_err *err)
{
    const char *text;
    enum fy_code code = get_text(tree, "action", &text, err);
    if (code != FY_OK)
        return code;
    if (text == NULL)
        return fy_err_set(err, FY_EINPUT, "action is missing");
    if (!fy_action_parse(text, &order->action))
        return fy_err_set(err, FY_EINPUT,
                          "action '%.40s' is none of CREATE, UPDATE, DELETE, UNKNOWN", text);
    return FY_OK;
}

static enum fy_code read_size(const json_t *tree, struct fy_order *order, struct fy_err *err)
{
    const json_t *value = json_object_get(tree, "size");
    if (value == NULL || json_is_null(value))
        return FY_OK;
    if (!json_is_integer(value))
        return fy_err_set(err, FY_EINPUT, "size is not an integer");
    order->size = json_integer_value(value);
    if (order->size < 0)
        return fy_err_set(err, FY_EINPUT, "size is negative");
    return FY_OK;
}

/* The keys only Ferry writes. */
static enum fy_code read_times(const json_t *tree, struct fy_order *order, struct fy_err *err)
{
    const char *stamp;
    enum fy_code code = get_text(tree, "stamp", &stamp, err);
    if (code == FY_OK && stamp != NULL)
        code = fy_stamp_parse(stamp, &order->stamp, err);
    if (code != FY_OK)
        return code;

    const char *instant;
    code = get_text(tree, "orderedAt", &instant, err);
    if (code != FY_OK || instant == NULL)
        return code;
    if (fy_instant_parse(instant, &order->ordered_at_ms) != FY_OK)
        return fy_err_set(err, FY_EINPUT,
                          "orderedAt '%.60s' is not an instant like 2024-02-21T11:27:52.867Z",
                          instant);
    return FY_OK;
}

static enum fy_code read_flag(const json_t *tree, const char *key, bool *flag, struct fy_err *err)
{
    const json_t *value = json_object_get(tree, key);
    if (value != NULL && !json_is_null(value) && !json_is_boolean(value))
        return fy_err_set(err, FY_EINPUT, "%s is neither true nor false", key);
    *flag = json_is_true(value);
    return FY_OK;
}

static enum fy_code read_order(const json_t *tree, struct fy_order *order, struct fy_err *err)
{
    if (!json_is_object(tree))
        return fy_err_set(err, FY_EINPUT, "an order is a JSON object");
    enum fy_code code = read_texts(tree, order, err);
    if (code == FY_OK)
        code = read_action(tree, order, err);
    if (code == FY_OK)
        code = read_size(tree, order, err);
    if (code == FY_OK)
        code = read_times(tree, order, err);
    if (code == FY_OK)
        code = read_flag(tree, "given", &order->given, err);
    if (code == FY_OK)
        code = read_flag(tree, "overwrites", &order->overwrites, err);
    return code;
}

enum fy_code fy_order_json_parse(const void *bytes, size_t size_bytes, struct fy_order *order,
                                 struct fy_err *err)
{
    if (size_bytes > FY_ORDER_JSON_BYTES)
        return fy_err_set(err, FY_EINPUT, "an order of %zu bytes, more than %d", size_bytes,
                          FY_ORDER_JSON_BYTES);
    if (fy_order_json_plain(bytes, size_bytes, order))
        return FY_OK;
    if (fy_json_depth_check(bytes, size_bytes, err) != FY_OK)
        return FY_EINPUT;

    /* JSON_DECODE_ANY, so that a lone number is called what it is. Without JSON_ALLOW_NUL a zero
     * byte in a text is refused: nothing of it would be left after the copy. */
    json_error_t why;
    json_auto_t *tree =
        json_loadb(bytes, size_bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (tree == NULL)
        return fy_err_set(err, FY_EINPUT, "not JSON: %s at byte %d", why.text, why.position);

    struct fy_order parsed = {0};
    enum fy_code code = read_order(tree, &parsed, err);
    if (code == FY_OK)
        *order = parsed;
    return code;
}

void fy_order_json_write(const struct fy_order *order, struct fy_buf *buf)
{
    fy_buf_text(buf, "{");
    fy_buf_json_filled(buf, "opId", order->op_id);
    fy_buf_json_filled(buf, "fromSite", order->from_site);
    fy_buf_json_filled(buf, "toSite", order->to_site);
    fy_buf_json_filled(buf, "clientId", order->client);
    fy_buf_json_filled(buf, "bucketName", order->bucket);
    fy_buf_json_filled(buf, "objectName", order->object);
    fy_buf_json_i64(buf, "size", order->size);
    fy_buf_json_filled(buf, "hash", order->hash);
    fy_buf_json_str(buf, "action", fy_action_name(order->action));
    if (!fy_stamp_is_zero(&order->stamp)) {
        char stamp[FY_STAMP_TEXT_BYTES];
        fy_stamp_print(&order->stamp, stamp);
        fy_buf_json_str(buf, "stamp", stamp);
    }
    if (order->ordered_at_ms != 0)
        fy_buf_json_instant(buf, "orderedAt", order->ordered_at_ms);
    if (order->account[0] != '\0')
        fy_buf_json_str(buf, "account", order->account);
    if (order->given)
        fy_buf_json_bool(buf, "given", true);
    if (order->overwrites)
        fy_buf_json_bool(buf, "overwrites", true);
    fy_buf_text(buf, "}");
}

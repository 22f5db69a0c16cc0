/* order.c - what an order means and which orders are let in. */
#include "common/core/order.h"

#include <string.h>

#include "common/core/names.h"

static const char *const action_names[] = {
    [FY_ACTION_UNKNOWN] = "UNKNOWN",
    [FY_ACTION_CREATE] = "CREATE",
    [FY_ACTION_UPDATE] = "UPDATE",
    [FY_ACTION_DELETE] = "DELETE",
};

const char *fy_action_name(enum fy_action action)
{
    FY_ASSERT((unsigned)action < FY_COUNT_OF(action_names));
    return action_names[action];
}

bool fy_action_parse(const char *text, enum fy_action *action)
{
    for (unsigned i = 0; i < FY_COUNT_OF(action_names); i++) {
        if (strcmp(text, action_names[i]) == 0) {
            *action = (enum fy_action)i;
            return true;
        }
    }
    return false;
}

const char *fy_order_account(const struct fy_order *order)
{
    return order->account[0] != '\0' ? order->account : order->client;
}

size_t fy_order_key(const struct fy_order *order, char key[static FY_KEY_BYTES_MAX + 1])
{
    size_t bucket_bytes = strlen(order->bucket);
    size_t object_bytes = strlen(order->object);
    size_t key_bytes = bucket_bytes + 1 + object_bytes;
    FY_ASSERT(key_bytes <= FY_KEY_BYTES_MAX);
    memcpy(key, order->bucket, bucket_bytes + 1);
    memcpy(key + bucket_bytes + 1, order->object, object_bytes + 1);
    return key_bytes;
}

bool fy_order_digest(const struct fy_order *order, struct fy_digest *digest)
{
    return fy_digest_parse(order->hash, digest);
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\n\v\f\r")] == '\0';
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* Names of an order that CCS or an application wrote: nobody cleans them any more (spec 2.2,
 * notes). */
static enum fy_code check_ccs_names(const struct fy_order *order, struct fy_err *err)
{
    if (!fy_ccs_bucket_is_valid(order->bucket))
        return fy_err_set(err, FY_EINPUT, "bucketName '%.80s' is not 3-63 of 0-9, a-z and '-'",
                          order->bucket);
    if (order->object[0] != '\0' && !fy_ccs_object_is_valid(order->object))
        return fy_err_set(err, FY_EINPUT,
                          "objectName '%.80s' is not 1-1024 of 0-9, a-z, A-Z, '_', '.', '/', '-'",
                          order->object);
    if (order->client[0] != '\0' && !fy_ccs_client_is_valid(order->client))
        return fy_err_set(err, FY_EINPUT, "clientId '%.80s' is not 3-63 of 0-9, a-z and '-'",
                          order->client);
    if (order->account[0] != '\0' && !fy_ccs_client_is_valid(order->account))
        return fy_err_set(err, FY_EINPUT, "account '%.80s' is not 3-63 of 0-9, a-z and '-'",
                          order->account);
    return FY_OK;
}

/* Names between Ferry sites travel exactly (DESIGN 4). */
static enum fy_code check_exact_names(const struct fy_order *order, struct fy_err *err)
{
    if (!fy_exact_bucket_is_valid(order->bucket, strlen(order->bucket)))
        return fy_err_set(err, FY_EINPUT, "bucketName '%.80s' is not 1-1023 bytes of UTF-8",
                          order->bucket);
    if (order->object[0] != '\0' && !fy_exact_object_is_valid(order->object, strlen(order->object)))
        return fy_err_set(err, FY_EINPUT, "objectName '%.80s' is not 1-1023 bytes of UTF-8",
                          order->object);
    if (order->client[0] != '\0' && !fy_exact_client_is_valid(order->client, strlen(order->client)))
        return fy_err_set(err, FY_EINPUT, "clientId '%.80s' is not 1-255 bytes of UTF-8",
                          order->client);
    if (order->account[0] != '\0' &&
        !fy_exact_client_is_valid(order->account, strlen(order->account)))
        return fy_err_set(err, FY_EINPUT, "account '%.80s' is not 1-255 bytes of UTF-8",
                          order->account);
    return FY_OK;
}

static enum fy_code check_from_site(const struct fy_order *order, enum fy_order_door door,
                                    const char *own_site, struct fy_err *err)
{
    if (order->from_site[0] == '\0' && door == FY_DOOR_FERRY)
        return FY_OK;
    if (!fy_site_is_valid(order->from_site))
        return fy_err_set(err, FY_EINPUT, "fromSite '%s' is not 1-64 of 0-9, A-Z, a-z, '.', '-'",
                          order->from_site);
    if (door != FY_DOOR_FERRY && strcmp(order->from_site, own_site) == 0)
        return fy_err_set(err, FY_EINPUT, "fromSite '%s' is this site: nothing to fetch from",
                          order->from_site);
    return FY_OK;
}

void fy_order_stamp_of_record(struct fy_order *order, int64_t timestamp_ms, int64_t offset)
{
    fy_stamp_of_record(&order->stamp, timestamp_ms, offset, order->from_site);
    order->given = true;
}

static enum fy_code check_stamp(const struct fy_order *order, int64_t now_ms, struct fy_err *err)
{
    if (!fy_site_is_valid(order->stamp.site))
        return fy_err_set(err, FY_EINPUT, "stamp names the site '%s', which is not valid",
                          order->stamp.site);
    int64_t ahead_ms = fy_stamp_ms(&order->stamp) - now_ms;
    if (ahead_ms > FY_STAMP_AHEAD_MS_MAX)
        return fy_err_set(err, FY_EINPUT,
                          "stamp is %lld ms ahead of this site's clock, more than %d: is a clock "
                          "wrong?",
                          (long long)ahead_ms, FY_STAMP_AHEAD_MS_MAX);
    return FY_OK;
}

enum fy_code fy_order_check(const struct fy_order *order, enum fy_order_door door,
                            const char *own_site, int64_t now_ms, struct fy_err *err)
{
    bool stamped = !fy_stamp_is_zero(&order->stamp);

    /* One blank character is the name of a container like any other, where names are exact. */
    if (stamped ? order->bucket[0] == '\0' : is_blank(order->bucket))
        return fy_err_set(err, FY_EINPUT, "bucketName is blank");
    /* Any text will do as opId (spec 2.3), but it travels in headers. */
    if (has_control(order->op_id))
        return fy_err_set(err, FY_EINPUT, "opId holds a control character");
    enum fy_code code = stamped ? check_exact_names(order, err) : check_ccs_names(order, err);
    if (code == FY_OK)
        code = check_from_site(order, door, own_site, err);
    if (code == FY_OK && stamped)
        code = check_stamp(order, now_ms, err);
    return code;
}

/* queue_record_fuzz.c - records of topics that anyone may write to: what becomes of their orders.
 */
/*
 * The first 16 bytes of an input are the record's timestamp and offset, the rest is its value. An
 * order that is let in at one door, stamped there and sent on, is let in at every later one, gives
 * the same stamp again, and leaves the clock that has to go above its stamp in working order.
 */
#include "common/adapters/order_json.h"
#include "tests/fuzz/fuzz.h"

#define NOW_MS   1700000000000 /* 2023-11-14 */
#define OWN_SITE "site-b"

static int64_t fixed_ms(struct fy_clock *clock)
{
    (void)clock;
    return NOW_MS;
}

static struct fy_clock fixed_clock = {.wall_ms = fixed_ms, .mono_ms = fixed_ms};

static int64_t take_i64(const uint8_t **data, size_t *size_bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | fuzz_byte(data, size_bytes);
    return (int64_t)value;
}

/* A change at this site goes above whatever stamp the row has. */
static void check_clock(const struct fy_stamp *stamp)
{
    struct fy_hlc hlc;
    fy_hlc_init(&hlc, &fixed_clock, OWN_SITE, 1, 0);
    struct fy_stamp next = fy_hlc_next(&hlc, stamp);
    FY_ASSERT(fy_stamp_compare(&next, stamp) > 0);
    fy_hlc_done(&hlc);
}

/* Written by this site for the next topic, and read there. */
static void check_onward(const struct fy_order *order)
{
    struct fy_buf value;
    struct fy_order onward = {0};
    struct fy_err err = {0};
    fy_buf_init(&value, FY_ORDER_JSON_BYTES);
    fy_order_json_write(order, &value);
    enum fy_code code = fy_order_json_parse(value.bytes, value.size_bytes, &onward, &err);
    FY_ASSERT(code == FY_OK);
    code = fy_order_check(&onward, FY_DOOR_QUEUE, OWN_SITE, NOW_MS, &err);
    FY_ASSERT(code == FY_OK);
    fy_buf_done(&value);
}

static void check_key(const struct fy_order *order)
{
    char key[FY_KEY_BYTES_MAX + 1];
    size_t key_bytes = fy_order_key(order, key);
    FY_ASSERT(key_bytes >= 1);
    FY_ASSERT(key_bytes <= FY_KEY_BYTES_MAX);
    FY_ASSERT(fy_murmur2_partition(key, key_bytes, FY_PARTITIONS_DEFAULT) < FY_PARTITIONS_DEFAULT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    int64_t timestamp_ms = take_i64(&data, &size_bytes);
    int64_t offset = take_i64(&data, &size_bytes);
    uint8_t *value =
        size_bytes > 0 ? fuzz_copy(data, size_bytes) : NULL; /* a record may have none */
    struct fy_order order = {0};
    struct fy_err err = {0};
    enum fy_code code = fy_order_json_parse(value, size_bytes, &order, &err);
    free(value);
    if (code != FY_OK)
        return 0;
    for (int door = FY_DOOR_CCS; door <= FY_DOOR_QUEUE; door++) {
        struct fy_order taken = order;
        if (fy_order_check(&taken, (enum fy_order_door)door, OWN_SITE, NOW_MS, &err) != FY_OK) {
            FY_ASSERT(err.text[0] != '\0');
            continue;
        }
        if (door == FY_DOOR_FERRY &&
            (taken.from_site[0] == '\0' || strcmp(taken.from_site, OWN_SITE) == 0))
            continue; /* of this site's own object: it never comes to this site's worker */
        if (fy_stamp_is_zero(&taken.stamp)) {
            struct fy_stamp again;
            fy_order_stamp_of_record(&taken, timestamp_ms, offset);
            fy_stamp_of_record(&again, timestamp_ms, offset, taken.from_site);
            FY_ASSERT(fy_stamp_compare(&taken.stamp, &again) == 0);
            if (fy_order_check(&taken, FY_DOOR_QUEUE, OWN_SITE, NOW_MS, &err) != FY_OK &&
                fy_stamp_ms(&taken.stamp) - NOW_MS > FY_STAMP_AHEAD_MS_MAX)
                continue; /* the record's own time is ahead: refused, as any stamp is */
        }
        check_key(&taken);
        check_clock(&taken.stamp);
        check_onward(&taken);
    }
    return 0;
}

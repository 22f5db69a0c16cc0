/* order_json_fuzz.c - one order as JSON, as peers, clients and applications write it. */
/*
 * What is refused leaves the order alone and has a sentence; what is taken is written again by
 * Ferry, for the next topic or site, and must mean the same there.
 */
#include "common/adapters/order_json.h"
#include "tests/fuzz/fuzz.h"

static void check_same(const struct fy_order *a, const struct fy_order *b)
{
    FY_ASSERT(a->action == b->action);
    FY_ASSERT(a->size == b->size);
    FY_ASSERT(fy_stamp_compare(&a->stamp, &b->stamp) == 0);
    FY_ASSERT(a->ordered_at_ms == b->ordered_at_ms);
    FY_ASSERT(strcmp(a->op_id, b->op_id) == 0);
    FY_ASSERT(strcmp(a->from_site, b->from_site) == 0);
    FY_ASSERT(strcmp(a->to_site, b->to_site) == 0);
    FY_ASSERT(strcmp(a->client, b->client) == 0);
    FY_ASSERT(strcmp(a->account, b->account) == 0);
    FY_ASSERT(strcmp(a->bucket, b->bucket) == 0);
    FY_ASSERT(strcmp(a->object, b->object) == 0);
    FY_ASSERT(strcmp(a->hash, b->hash) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    uint8_t *copy = fuzz_copy(data, size_bytes);
    struct fy_order order;
    struct fy_order untouched;
    struct fy_err err = {0};
    memset(&order, 0xa5, sizeof(order));
    memset(&untouched, 0xa5, sizeof(untouched));

    enum fy_code code = fy_order_json_parse(copy, size_bytes, &order, &err);
    free(copy);
    if (code != FY_OK) {
        FY_ASSERT(code == FY_EINPUT);
        FY_ASSERT(err.text[0] != '\0');
        FY_ASSERT(memcmp(&order, &untouched, sizeof(order)) == 0);
        return 0;
    }

    struct fy_buf written;
    fy_buf_init(&written, FY_ORDER_JSON_BYTES);
    fy_order_json_write(&order, &written);
    FY_ASSERT(!written.overflow);
    struct fy_order again = {0};
    code = fy_order_json_parse(written.bytes, written.size_bytes, &again, &err);
    FY_ASSERT(code == FY_OK);
    check_same(&order, &again);
    fy_buf_done(&written);
    return 0;
}

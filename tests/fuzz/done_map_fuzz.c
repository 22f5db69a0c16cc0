/* done_map_fuzz.c - what any process may have kept beside a committed offset. */
/* The first byte chooses: the rest is a text; or the bytes of a map, which get their sum and become
 * a text here, so that the search is not stopped by the sum. What is taken for a map makes sense,
 * and is written again as it was, byte for byte. */
#include "common/core/done_map.h"
#include "tests/fuzz/fuzz.h"

#define BYTES_MAX 3065 /* with the sum the most that fits; one more must be refused as text */

static uint32_t sum_of(const uint8_t *bytes, size_t size_bytes)
{
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < 8 * size_bytes; i++) {
        uint32_t bit = (sum ^ (uint32_t)bytes[i / 8] >> (i % 8)) & 1;
        sum = sum >> 1 ^ (bit != 0 ? UINT32_C(0xedb88320) : 0);
    }
    return ~sum;
}

static char *text_of(const uint8_t *data, size_t size_bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[BYTES_MAX + 4 + 2] = {0}; /* and zeros for the last digit */
    char *text = fy_alloc(FY_COMMIT_TEXT_BYTES_MAX + 1);
    char *end = text + 3;
    memcpy(bytes, data, size_bytes);
    uint32_t sum = sum_of(bytes, size_bytes);
    for (unsigned i = 0; i < 4; i++)
        bytes[size_bytes++] = (uint8_t)(sum >> (8 * i));
    memcpy(text, "F1.", 3);
    for (size_t bit = 0; bit < 8 * size_bytes; bit += 6) {
        unsigned pair = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];
        *end++ = digits[pair >> (10 - bit % 8) & 63];
    }
    return text;
}

static void check(const char *text, int64_t committed)
{
    struct fy_done_map map;
    char again[FY_COMMIT_TEXT_BYTES_MAX + 1];
    if (!fy_done_map_read(text, committed, &map))
        return;
    FY_ASSERT(map.base == committed);
    FY_ASSERT(map.done_end >= map.base);
    FY_ASSERT(map.incomplete_count <= FY_INCOMPLETES_MAX);
    for (size_t i = 0; i < map.incomplete_count; i++) {
        FY_ASSERT(map.incomplete[i] >= (i > 0 ? map.incomplete[i - 1] + 1 : map.base));
        FY_ASSERT(map.incomplete[i] < map.done_end);
    }
    FY_ASSERT(fy_done_map_left(&map, map.done_end) == (int64_t)map.incomplete_count);
    fy_done_map_write(&map, again);
    FY_ASSERT(strcmp(text, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    bool is_text = (fuzz_byte(&data, &size_bytes) & 1) != 0;
    int64_t committed = fuzz_byte(&data, &size_bytes);
    if (!is_text && size_bytes > BYTES_MAX)
        return 0;
    char *text = is_text ? fuzz_text(data, size_bytes) : text_of(data, size_bytes);
    check(text, committed);
    free(text);
    return 0;
}

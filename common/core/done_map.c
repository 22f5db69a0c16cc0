/* done_map.c - the map as bytes, and those as text that any queue keeps unharmed. */
#include "common/core/done_map.h"

#include <string.h>

#define PREFIX         "F1."
#define PREFIX_BYTES   (sizeof(PREFIX) - 1)
#define VERSION        1
#define CRC_BYTES      4
#define VARINT_BYTES   10                                                  /* of 64 bits */
#define BYTES_MAX      ((FY_COMMIT_TEXT_BYTES_MAX - PREFIX_BYTES) / 4 * 3) /* of whole groups */
#define HEAD_BYTES_MAX (1 + 3 * VARINT_BYTES)

static_assert(BYTES_MAX > HEAD_BYTES_MAX + CRC_BYTES, "a map that says nothing fits");
static_assert(FY_INCOMPLETES_MAX * 3 + HEAD_BYTES_MAX + CRC_BYTES <= BYTES_MAX,
              "a map of gaps below two million fits whole");

/* ------------------------------------------------------------------ bytes */

/* CRC-32 of IEEE 802.3, bit by bit: three kilobytes a second are not worth a table. */
static uint32_t crc_of(const uint8_t *bytes, size_t size_bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size_bytes; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (UINT32_C(0xedb88320) & (0 - (crc & 1)));
    }
    return ~crc;
}

static size_t put_number(uint64_t number, uint8_t *out)
{
    size_t count = 0;
    for (; number > 0x7f; number >>= 7)
        out[count++] = (uint8_t)(0x80 | (number & 0x7f));
    out[count++] = (uint8_t)number;
    return count;
}

struct input {
    const uint8_t *at, *end;
};

/* false: there is none, or not as put_number writes it, or over INT64_MAX. */
static bool take_number(struct input *input, int64_t *number)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 63 && input->at < input->end; shift += 7) {
        uint8_t byte = *input->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) != 0)
            continue;
        *number = (int64_t)value;
        return byte != 0 || shift == 0;
    }
    return false;
}

static size_t put_head(const struct fy_done_map *map, int64_t done_end, uint8_t *out)
{
    size_t count = 0;
    out[count++] = VERSION;
    count += put_number(map->generation, out + count);
    count += put_number((uint64_t)map->base, out + count);
    return count + put_number((uint64_t)(done_end - map->base), out + count);
}

/* Distance of an incomplete offset to the one before, less one. */
static uint64_t gap_of(const struct fy_done_map *map, size_t i)
{
    return (uint64_t)(map->incomplete[i] - (i > 0 ? map->incomplete[i - 1] + 1 : map->base));
}

/* The map as bytes with their CRC; at most BYTES_MAX. */
static size_t pack(const struct fy_done_map *map, uint8_t out[static BYTES_MAX])
{
    uint8_t gap[VARINT_BYTES];
    size_t head_bytes = put_head(map, map->done_end, out);
    size_t size_bytes = head_bytes;
    size_t count = 0;
    while (count < map->incomplete_count) {
        size_t gap_bytes = put_number(gap_of(map, count), gap);
        if (size_bytes + gap_bytes + CRC_BYTES > BYTES_MAX)
            break;
        memcpy(out + size_bytes, gap, gap_bytes);
        size_bytes += gap_bytes;
        count++;
    }
    if (count < map->incomplete_count) { /* a lower done_end is no longer than the one before */
        size_t lower_bytes = put_head(map, map->incomplete[count], out);
        memmove(out + lower_bytes, out + head_bytes, size_bytes - head_bytes);
        size_bytes -= head_bytes - lower_bytes;
    }
    uint32_t crc = crc_of(out, size_bytes);
    for (unsigned i = 0; i < CRC_BYTES; i++)
        out[size_bytes++] = (uint8_t)(crc >> (8 * i));
    return size_bytes;
}

/* false: not what pack makes for this offset. */
static bool unpack(const uint8_t *bytes, size_t size_bytes, int64_t committed,
                   struct fy_done_map *map)
{
    uint32_t crc = 0;
    int64_t generation, span, gap;
    if (size_bytes < 1 + CRC_BYTES || bytes[0] != VERSION)
        return false;
    struct input input = {.at = bytes + 1, .end = bytes + size_bytes - CRC_BYTES};
    for (unsigned i = 0; i < CRC_BYTES; i++)
        crc |= (uint32_t)input.end[i] << (8 * i);
    if (crc != crc_of(bytes, size_bytes - CRC_BYTES))
        return false;
    if (!take_number(&input, &generation) || generation > UINT32_MAX)
        return false;
    if (!take_number(&input, &map->base) || map->base != committed)
        return false;
    if (!take_number(&input, &span) || span > INT64_MAX - map->base)
        return false;
    map->generation = (uint32_t)generation;
    map->done_end = map->base + span;
    int64_t next = map->base; /* the least that may come */
    for (map->incomplete_count = 0; input.at < input.end; map->incomplete_count++) {
        if (map->incomplete_count == FY_INCOMPLETES_MAX || !take_number(&input, &gap) ||
            gap >= map->done_end - next)
            return false;
        map->incomplete[map->incomplete_count] = next + gap;
        next += gap + 1;
    }
    return true;
}

/* ------------------------------------------------------------------ text */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void print_text(const uint8_t *bytes, size_t size_bytes, char *text)
{
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        bits = bits << 8 | bytes[i];
        for (count += 8; count >= 6; count -= 6)
            *text++ = digits[bits >> (count - 6) & 63];
    }
    if (count > 0)
        *text++ = digits[bits << (6 - count) & 63];
    *text = '\0';
}

/* false: not as print_text writes it, or too long. */
static bool parse_text(const char *text, uint8_t bytes[static BYTES_MAX], size_t *size_bytes)
{
    uint32_t bits = 0;
    unsigned count = 0;
    *size_bytes = 0;
    for (; *text != '\0'; text++) {
        const char *digit = strchr(digits, *text);
        if (digit == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(digit - digits);
        count += 6;
        if (count < 8)
            continue;
        if (*size_bytes == BYTES_MAX)
            return false;
        count -= 8;
        bytes[(*size_bytes)++] = (uint8_t)(bits >> count);
    }
    return count < 6 && (bits & ((1U << count) - 1)) == 0; /* whole bytes, the rest zero */
}

/* ------------------------------------------------------------------ the map */

void fy_done_map_write(const struct fy_done_map *map,
                       char text[static FY_COMMIT_TEXT_BYTES_MAX + 1])
{
    uint8_t bytes[BYTES_MAX];
    FY_ASSERT(map->base >= 0);
    FY_ASSERT(map->done_end >= map->base);
    FY_ASSERT(map->incomplete_count <= FY_INCOMPLETES_MAX);
    memcpy(text, PREFIX, PREFIX_BYTES);
    print_text(bytes, pack(map, bytes), text + PREFIX_BYTES);
}

bool fy_done_map_read(const char *text, int64_t committed, struct fy_done_map *map)
{
    uint8_t bytes[BYTES_MAX];
    size_t size_bytes;
    return strncmp(text, PREFIX, PREFIX_BYTES) == 0 &&
           parse_text(text + PREFIX_BYTES, bytes, &size_bytes) &&
           unpack(bytes, size_bytes, committed, map);
}

int64_t fy_done_map_left(const struct fy_done_map *map, int64_t end)
{
    /* A topic made anew may end below what an old map says. */
    int64_t above = end > map->done_end ? end - map->done_end : 0;
    return above + (int64_t)map->incomplete_count;
}

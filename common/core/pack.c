/* pack.c - records as bytes, one after the other. */
#include "common/core/pack.h"

#include <string.h>

#define SIZE_BYTES 4
#define HEAD_BYTES ((size_t)(2 * SIZE_BYTES))

static void put_size(char *to, size_t size)
{
    for (unsigned i = 0; i < SIZE_BYTES; i++)
        to[i] = (char)(unsigned char)(size >> (8 * i) & 0xff);
}

static size_t take_size(const char *from)
{
    size_t size = 0;
    for (unsigned i = 0; i < SIZE_BYTES; i++)
        size |= (size_t)(unsigned char)from[i] << (8 * i);
    return size;
}

size_t fy_pack_begin(struct fy_buf *buf, const void *key, size_t key_bytes)
{
    char head[HEAD_BYTES] = {0};
    size_t record = buf->size_bytes;
    FY_ASSERT(key_bytes <= UINT32_MAX);
    put_size(head, key_bytes);
    fy_buf_add(buf, head, sizeof(head));
    fy_buf_add(buf, key, key_bytes);
    return record;
}

void fy_pack_end(struct fy_buf *buf, size_t record)
{
    FY_ASSERT(!buf->overflow); /* whoever packs has room for what it packs */
    FY_ASSERT(buf->size_bytes >= record + HEAD_BYTES);
    size_t key_bytes = take_size(buf->bytes + record);
    size_t value_bytes = buf->size_bytes - record - HEAD_BYTES - key_bytes;
    FY_ASSERT(value_bytes <= UINT32_MAX);
    put_size(buf->bytes + record + SIZE_BYTES, value_bytes);
}

bool fy_pack_next(const char *bytes, size_t size_bytes, size_t *at, struct fy_packed *packed)
{
    FY_ASSERT(*at <= size_bytes);
    if (size_bytes - *at < HEAD_BYTES)
        return false;
    const char *head = bytes + *at;
    size_t key_bytes = take_size(head);
    size_t value_bytes = take_size(head + SIZE_BYTES);
    size_t left = size_bytes - *at - HEAD_BYTES;
    if (key_bytes > left || value_bytes > left - key_bytes)
        return false;
    *packed = (struct fy_packed){.key = head + HEAD_BYTES,
                                 .key_bytes = key_bytes,
                                 .value = head + HEAD_BYTES + key_bytes,
                                 .value_bytes = value_bytes};
    *at += HEAD_BYTES + key_bytes + value_bytes;
    return true;
}

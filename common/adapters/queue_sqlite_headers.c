/* queue_sqlite_headers.c - the headers of a record as one compact blob. */
#include <string.h>

#include "common/adapters/queue_sqlite_impl.h"

#define VARINT_BYTES_MAX 5 /* of a value up to 32 bits */

static size_t varint_size(size_t value)
{
    size_t size_bytes = 1;
    for (; value >= 0x80; value >>= 7)
        size_bytes++;
    return size_bytes;
}

static uint8_t *varint_write(uint8_t *out, size_t value)
{
    for (; value >= 0x80; value >>= 7)
        *out++ = (uint8_t)(value | 0x80);
    *out++ = (uint8_t)value;
    return out;
}

/* Moves *in behind the number; false when it is cut or longer than we write. */
static bool varint_read(const uint8_t **in, const uint8_t *end, size_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX && *in < end; i++) {
        uint8_t byte = *(*in)++;
        *value |= (size_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

/* 0 stands for a value that is absent, so a size is written plus one. */
static size_t value_mark(const struct fy_header *header)
{
    return header->value == NULL ? 0 : header->value_bytes + 1;
}

enum fy_code fy_sqlq_headers_size(const struct fy_header *headers, size_t count, size_t *size_bytes,
                                  struct fy_err *err)
{
    if (count > FY_HEADERS_MAX)
        return fy_err_set(err, FY_EINPUT, "a record has %zu headers, at most %d are kept", count,
                          FY_HEADERS_MAX);
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (headers[i].name == NULL)
            return fy_err_set(err, FY_EINPUT, "header %zu of a record has no name", i);
        if (headers[i].value_bytes > FY_QUEUE_HEADERS_BYTES_MAX)
            return fy_err_set(err, FY_ETOOBIG, "header %s has %zu bytes", headers[i].name,
                              headers[i].value_bytes);
        size_t mark = value_mark(&headers[i]);
        sum += strlen(headers[i].name) + 1 + varint_size(mark) + (mark == 0 ? 0 : mark - 1);
    }
    if (sum > FY_QUEUE_HEADERS_BYTES_MAX)
        return fy_err_set(err, FY_ETOOBIG, "the headers of a record have %zu bytes, at most %d fit",
                          sum, FY_QUEUE_HEADERS_BYTES_MAX);
    *size_bytes = sum;
    return FY_OK;
}

uint8_t *fy_sqlq_headers_pack(const struct fy_header *headers, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        out = (uint8_t *)stpcpy((char *)out, headers[i].name) + 1;
        size_t mark = value_mark(&headers[i]);
        out = varint_write(out, mark);
        if (mark > 1) {
            memcpy(out, headers[i].value, mark - 1);
            out += mark - 1;
        }
    }
    return out;
}

/* One header; moves *in behind it. */
static bool unpack_one(const uint8_t **in, const uint8_t *end, struct fy_header *header)
{
    const uint8_t *zero = memchr(*in, 0, (size_t)(end - *in));
    if (zero == NULL)
        return false;
    header->name = (const char *)*in;
    *in = zero + 1;
    size_t mark = 0;
    if (!varint_read(in, end, &mark))
        return false;
    if (mark > (size_t)(end - *in) + 1)
        return false;
    header->value = mark == 0 ? NULL : *in;
    header->value_bytes = mark == 0 ? 0 : mark - 1;
    *in += header->value_bytes;
    return true;
}

bool fy_sqlq_headers_unpack(const void *bytes, size_t size_bytes,
                            struct fy_header headers[static FY_HEADERS_MAX], size_t *count)
{
    const uint8_t *in = bytes;
    const uint8_t *end = in == NULL ? NULL : in + size_bytes;
    size_t found = 0;
    for (; in != end; found++) {
        if (found == FY_HEADERS_MAX)
            return false;
        if (!unpack_one(&in, end, &headers[found]))
            return false;
    }
    *count = found;
    return true;
}

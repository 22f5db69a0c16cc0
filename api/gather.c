/* gather.c - bodies in memory: they grow as their bytes come, and all of them together have a
 * bound. */
#include <stdlib.h>
#include <string.h>

#include "api/exchange.h"

#define GATHER_FIRST_BYTES                                                                         \
    4096 /* most bodies fit; what a client declares is not believed beyond                         \
          */

bool fy_gather_reserve(struct fy_server *server, struct fy_gather *gather, size_t capacity,
                       size_t all_max_bytes)
{
    FY_ASSERT(capacity > gather->capacity || gather->bytes == NULL);
    size_t more = capacity - gather->capacity;
    if (atomic_fetch_add(&server->body_bytes, more) > all_max_bytes - more) {
        atomic_fetch_sub(&server->body_bytes, more);
        return false;
    }
    fy_gather_grow(gather, capacity);
    return true;
}

size_t fy_gather_capacity(const struct fy_gather *gather, size_t size_bytes, size_t whole_bytes)
{
    FY_ASSERT(size_bytes <= whole_bytes);
    if (size_bytes <= gather->capacity && gather->bytes != NULL)
        return gather->capacity;
    size_t capacity = gather->capacity > 0 ? gather->capacity : GATHER_FIRST_BYTES;
    while (capacity < size_bytes)
        capacity *= 2;
    return capacity < whole_bytes ? capacity : whole_bytes;
}

void fy_gather_grow(struct fy_gather *gather, size_t capacity)
{
    FY_ASSERT(capacity >= gather->size);
    gather->bytes = fy_realloc(gather->bytes, capacity + 1);
    gather->capacity = capacity;
}

void fy_gather_append(struct fy_gather *gather, const void *bytes, size_t size_bytes)
{
    FY_ASSERT(gather->size + size_bytes <= gather->capacity);
    memcpy(gather->bytes + gather->size, bytes, size_bytes);
    gather->size += size_bytes;
    gather->bytes[gather->size] = '\0';
}

void fy_gather_free(struct fy_server *server, struct fy_gather *gather)
{
    atomic_fetch_sub(&server->body_bytes, gather->capacity);
    free(gather->bytes);
    *gather = (struct fy_gather){0};
}

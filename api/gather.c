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
    gather->bytes = fy_realloc(gather->bytes, capacity + 1);
    gather->capacity = capacity;
    return true;
}

enum fy_code fy_gather_add(struct fy_server *server, struct fy_gather *gather, const void *bytes,
                           size_t size_bytes, size_t max_bytes, struct fy_err *err)
{
    if (size_bytes > max_bytes - gather->size)
        return fy_err_set(err, FY_ETOOBIG, "body over %zu bytes", max_bytes);
    size_t needed = gather->size + size_bytes;
    if (needed > gather->capacity || gather->bytes == NULL) {
        size_t capacity = gather->capacity > 0 ? gather->capacity : GATHER_FIRST_BYTES;
        while (capacity < needed)
            capacity *= 2;
        if (capacity > max_bytes)
            capacity = max_bytes;
        if (!fy_gather_reserve(server, gather, capacity, FY_BODIES_BYTES_MAX))
            return fy_err_set(err, FY_EBUSY, "request bodies fill %d bytes of memory already",
                              FY_BODIES_BYTES_MAX);
    }
    memcpy(gather->bytes + gather->size, bytes, size_bytes);
    gather->size = needed;
    gather->bytes[needed] = '\0';
    return FY_OK;
}

void fy_gather_free(struct fy_server *server, struct fy_gather *gather)
{
    atomic_fetch_sub(&server->body_bytes, gather->capacity);
    free(gather->bytes);
    *gather = (struct fy_gather){0};
}

/* mark_sum.c - texts with the zero byte that ends them, numbers highest byte first. */
#include "common/adapters/mark_sum.h"

#include <string.h>

static void hash_number(struct fy_sha256 *hash, uint64_t number)
{
    uint8_t bytes[sizeof(number)];
    for (size_t index = 0; index < sizeof(bytes); index++)
        bytes[index] = (uint8_t)(number >> (8 * (sizeof(bytes) - 1 - index)));
    fy_sha256_update(hash, bytes, sizeof(bytes));
}

void fy_mark_sum(struct fy_sum *sum, struct fy_sha256 *hash, const struct fy_object_mark *mark)
{
    struct fy_digest digest;
    fy_sha256_reset(hash);
    fy_sha256_update(hash, mark->name, strlen(mark->name) + 1);
    hash_number(hash, mark->stamp.time);
    fy_sha256_update(hash, mark->stamp.site, strlen(mark->stamp.site) + 1);
    hash_number(hash, (uint64_t)mark->size);
    if (mark->has_digest)
        fy_sha256_update(hash, mark->digest.bytes, sizeof(mark->digest.bytes));
    fy_sha256_final(hash, &digest);
    fy_sum_add_digest(sum, &digest);
}

/* murmur2.c - the partition of a key, as every Kafka client of the Java line computes it. */
#include "common/core/order.h"

/* MurmurHash2, 32 bits, with the seed of Kafka's default partitioner. Kafka reads its four bytes as
 * little-endian, which is spelled out here so that the host's byte order does not matter. */
#define MURMUR2_SEED UINT32_C(0x9747b28c)
#define MURMUR2_M    UINT32_C(0x5bd1e995)

static uint32_t murmur2(const uint8_t *bytes, size_t size_bytes)
{
    uint32_t hash = MURMUR2_SEED ^ (uint32_t)size_bytes;
    size_t left = size_bytes;
    for (; left >= 4; bytes += 4, left -= 4) {
        uint32_t word = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                        (uint32_t)bytes[3] << 24;
        word *= MURMUR2_M;
        word ^= word >> 24;
        word *= MURMUR2_M;
        hash = hash * MURMUR2_M ^ word;
    }
    if (left > 0) {
        uint32_t tail = 0;
        for (size_t i = 0; i < left; i++)
            tail |= (uint32_t)bytes[i] << (8 * i);
        hash = (hash ^ tail) * MURMUR2_M;
    }
    hash ^= hash >> 13;
    hash *= MURMUR2_M;
    hash ^= hash >> 15;
    return hash;
}

uint32_t fy_murmur2_partition(const void *key, size_t key_bytes, uint32_t partition_count)
{
    FY_ASSERT(partition_count > 0);
    return (murmur2(key, key_bytes) & INT32_MAX) % partition_count;
}

/* hash.c - FNV-1a of 64 bits. */
#include "common/core/hash.h"

#include <string.h>

#define PRIME UINT64_C(0x100000001b3)

uint64_t fy_hash_bytes(uint64_t hash, const void *bytes, size_t size_bytes)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size_bytes; i++)
        hash = (hash ^ at[i]) * PRIME;
    return hash;
}

uint64_t fy_hash_text(uint64_t hash, const char *text)
{
    return fy_hash_bytes(hash, text, strlen(text) + 1);
}

/* sum.c - addition modulo 2^128. */
#include "common/core/sum.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void fy_sum_add(struct fy_sum *sum, const struct fy_sum *other)
{
    uint64_t low = sum->low + other->low;
    sum->high += other->high + (low < sum->low ? 1 : 0);
    sum->low = low;
}

static uint64_t read_word(const uint8_t *bytes)
{
    uint64_t word = 0;
    for (size_t index = 0; index < sizeof(word); index++)
        word = word << 8 | bytes[index];
    return word;
}

void fy_sum_add_digest(struct fy_sum *sum, const struct fy_digest *digest)
{
    fy_sum_add(sum, &(struct fy_sum){.high = read_word(digest->bytes),
                                     .low = read_word(digest->bytes + sizeof(uint64_t))});
}

bool fy_sum_equal(const struct fy_sum *a, const struct fy_sum *b)
{
    return a->high == b->high && a->low == b->low;
}

void fy_sum_print(const struct fy_sum *sum, char text[static FY_SUM_DIGITS + 1])
{
    (void)snprintf(text, FY_SUM_DIGITS + 1, "%016" PRIx64 "%016" PRIx64, sum->high, sum->low);
}

bool fy_sum_parse(const char *text, struct fy_sum *sum)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t words[2] = {0, 0};
    if (strlen(text) != FY_SUM_DIGITS || strspn(text, digits) != FY_SUM_DIGITS)
        return false;
    for (size_t index = 0; index < FY_SUM_DIGITS; index++) {
        uint64_t *word = &words[index / (FY_SUM_DIGITS / 2)];
        *word = *word << 4 | (uint64_t)(strchr(digits, text[index]) - digits);
    }
    *sum = (struct fy_sum){.high = words[0], .low = words[1]};
    return true;
}

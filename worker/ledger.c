/* ledger.c - two rings of bits and three marks that only rise. */
#include "worker/ledger.h"

#include <stdlib.h>
#include <string.h>

#define RING_BYTES (FY_LEDGER_WINDOW / 8)

static bool bit_get(const uint64_t *ring, int64_t offset)
{
    uint64_t bit = (uint64_t)offset % FY_LEDGER_WINDOW;
    return (ring[bit / 64] >> (bit % 64) & 1) != 0;
}

static void bit_set(uint64_t *ring, int64_t offset)
{
    uint64_t bit = (uint64_t)offset % FY_LEDGER_WINDOW;
    ring[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static void bit_clear(uint64_t *ring, int64_t offset)
{
    uint64_t bit = (uint64_t)offset % FY_LEDGER_WINDOW;
    ring[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

void fy_ledger_init(struct fy_ledger *ledger, int32_t epoch, int64_t base)
{
    FY_ASSERT(base >= 0);
    *ledger = (struct fy_ledger){
        .epoch = epoch,
        .base = base,
        .next = base,
        .done_end = base,
        .received = fy_alloc(RING_BYTES),
        .done = fy_alloc(RING_BYTES),
    };
}

void fy_ledger_free(struct fy_ledger *ledger)
{
    free(ledger->received);
    free(ledger->done);
    *ledger = (struct fy_ledger){0};
}

/* Moves base over what is done and gives its bits back to the ring. */
static void advance(struct fy_ledger *ledger)
{
    while (ledger->base < ledger->next && bit_get(ledger->done, ledger->base)) {
        bit_clear(ledger->done, ledger->base);
        bit_clear(ledger->received, ledger->base);
        ledger->base++;
    }
    if (ledger->done_end < ledger->base)
        ledger->done_end = ledger->base;
}

enum fy_ledger_receipt fy_ledger_peek(const struct fy_ledger *ledger, int64_t offset)
{
    if (offset < ledger->base)
        return FY_LEDGER_OVER;
    if (offset - ledger->base >= FY_LEDGER_WINDOW) {
        /* Nothing is open: whatever lies between was jumped over, and base may follow. */
        return ledger->incomplete == 0 ? FY_LEDGER_NEW : FY_LEDGER_FULL;
    }
    if (bit_get(ledger->done, offset))
        return FY_LEDGER_OVER;
    if (bit_get(ledger->received, offset))
        return FY_LEDGER_AGAIN;
    return ledger->incomplete < FY_INCOMPLETES_MAX ? FY_LEDGER_NEW : FY_LEDGER_FULL;
}

/* Offsets [from, to) will never come. */
static void jump_over(struct fy_ledger *ledger, int64_t from, int64_t to)
{
    if (ledger->incomplete == 0 && to - ledger->base >= FY_LEDGER_WINDOW) {
        memset(ledger->received, 0, RING_BYTES);
        memset(ledger->done, 0, RING_BYTES);
        ledger->base = ledger->next = ledger->done_end = to;
        return;
    }
    for (int64_t offset = from; offset < to; offset++) {
        bit_set(ledger->received, offset);
        bit_set(ledger->done, offset);
    }
    ledger->next = to;
    advance(ledger);
}

enum fy_ledger_receipt fy_ledger_receive(struct fy_ledger *ledger, int64_t offset)
{
    enum fy_ledger_receipt receipt = fy_ledger_peek(ledger, offset);
    if (receipt != FY_LEDGER_NEW)
        return receipt;
    FY_ASSERT(offset >= ledger->next); /* what is below was received, or jumped over */
    if (offset > ledger->next)
        jump_over(ledger, ledger->next, offset);
    bit_set(ledger->received, offset);
    ledger->incomplete++;
    ledger->next = offset + 1;
    return FY_LEDGER_NEW;
}

void fy_ledger_finish(struct fy_ledger *ledger, int64_t offset)
{
    FY_ASSERT(offset < ledger->next);
    if (offset < ledger->base || bit_get(ledger->done, offset))
        return;
    FY_ASSERT(ledger->incomplete > 0);
    bit_set(ledger->done, offset);
    ledger->incomplete--;
    if (offset >= ledger->done_end)
        ledger->done_end = offset + 1;
    advance(ledger);
}

void fy_ledger_map(const struct fy_ledger *ledger, struct fy_done_map *map)
{
    map->generation = (uint32_t)ledger->epoch;
    map->base = ledger->base;
    map->done_end = ledger->done_end;
    map->incomplete_count = 0;
    for (int64_t offset = ledger->base; offset < ledger->done_end; offset++) {
        if (offset % 64 == 0 && ledger->done[offset % FY_LEDGER_WINDOW / 64] == UINT64_MAX)
            offset += 63; /* most are done: a word at a time */
        else if (!bit_get(ledger->done, offset)) {
            FY_ASSERT(map->incomplete_count < FY_INCOMPLETES_MAX); /* no more are received */
            map->incomplete[map->incomplete_count++] = offset;
        }
    }
}

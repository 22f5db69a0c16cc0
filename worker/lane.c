/* lane.c - lanes in a hash table; a lane is freed when it empties. */
#include "worker/lane.h"

#include <stdlib.h>
#include <string.h>

/* Keys are well mixed already (fy_lane_hash), so their own bits choose the bucket. */
#define HASH_FUNCTION(key, key_bytes, hash)                                                        \
    do {                                                                                           \
        uint64_t hash_key_;                                                                        \
        memcpy(&hash_key_, (key), sizeof(hash_key_));                                              \
        (hash) = (unsigned)hash_key_;                                                              \
    } while (0)
#include <uthash.h>

#include "common/core/hash.h"

struct fy_lane {
    uint64_t hash;
    struct fy_lane_node *head, *last;
    size_t node_count;
    struct fy_lane *next_spare;
    UT_hash_handle hh;
};

/* FNV-1a leaves the low bits of short texts close together; the table takes the low bits. */
static uint64_t mix(uint64_t hash)
{
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ (hash >> 33);
}

uint64_t fy_lane_hash(const struct fy_order *order)
{
    bool of_object = order->object[0] != '\0';
    uint64_t hash = fy_hash_text(FY_HASH_START, of_object ? fy_order_account(order) : "");
    hash = fy_hash_text(hash, order->bucket);
    return mix(fy_hash_text(hash, order->object));
}

uint64_t fy_lane_hash_of(uint64_t a, uint64_t b)
{
    return mix(mix(a) ^ b);
}

void fy_lanes_init(struct fy_lanes *lanes)
{
    *lanes = (struct fy_lanes){0};
}

void fy_lanes_done(struct fy_lanes *lanes)
{
    FY_ASSERT(lanes->node_count == 0);
    FY_ASSERT(lanes->table == NULL);
    while (lanes->spare != NULL) {
        struct fy_lane *lane = lanes->spare;
        lanes->spare = lane->next_spare;
        free(lane);
    }
}

static struct fy_lane *lane_of(struct fy_lanes *lanes, uint64_t hash)
{
    struct fy_lane *lane = NULL;
    HASH_FIND(hh, lanes->table, &hash, sizeof(hash), lane);
    return lane;
}

static struct fy_lane *lane_new(struct fy_lanes *lanes, uint64_t hash)
{
    struct fy_lane *lane = lanes->spare;
    if (lane != NULL) {
        lanes->spare = lane->next_spare;
        *lane = (struct fy_lane){0};
    } else {
        lane = fy_alloc(sizeof(*lane));
    }
    lane->hash = hash;
    HASH_ADD(hh, lanes->table, hash, sizeof(lane->hash), lane);
    lanes->lane_count++;
    return lane;
}

bool fy_lanes_join(struct fy_lanes *lanes, uint64_t hash, struct fy_lane_node *node)
{
    FY_ASSERT(node->lane == NULL);
    struct fy_lane *lane = lane_of(lanes, hash);
    if (lane == NULL)
        lane = lane_new(lanes, hash);
    node->lane = lane;
    node->behind = NULL;
    if (lane->last == NULL)
        lane->head = node;
    else
        lane->last->behind = node;
    lane->last = node;
    lane->node_count++;
    lanes->node_count++;
    return lane->head == node;
}

static struct fy_lane_node *before(const struct fy_lane *lane, const struct fy_lane_node *node)
{
    struct fy_lane_node *at = lane->head;
    while (at->behind != node)
        at = at->behind; /* node is in this lane and not its head */
    return at;
}

struct fy_lane_node *fy_lanes_leave(struct fy_lanes *lanes, struct fy_lane_node *node)
{
    struct fy_lane *lane = node->lane;
    FY_ASSERT(lane != NULL);
    struct fy_lane_node *new_head = NULL;
    if (lane->head == node) {
        lane->head = new_head = node->behind;
        if (lane->head == NULL)
            lane->last = NULL;
    } else {
        struct fy_lane_node *previous = before(lane, node);
        previous->behind = node->behind;
        if (lane->last == node)
            lane->last = previous;
    }
    *node = (struct fy_lane_node){0};
    lane->node_count--;
    lanes->node_count--;
    if (lane->head == NULL) {
        HASH_DELETE(hh, lanes->table, lane);
        lanes->lane_count--;
        lane->next_spare = lanes->spare;
        lanes->spare = lane;
    }
    return new_head;
}

bool fy_lane_is_head(const struct fy_lane_node *node)
{
    FY_ASSERT(node->lane != NULL);
    return node->lane->head == node;
}

struct fy_lane_node *fy_lanes_find(struct fy_lanes *lanes, uint64_t hash)
{
    struct fy_lane *lane = lane_of(lanes, hash);
    return lane != NULL ? lane->head : NULL;
}

size_t fy_lanes_depth(const struct fy_lanes *lanes)
{
    size_t depth = 0;
    for (const struct fy_lane *lane = lanes->table; lane != NULL; lane = lane->hh.next)
        if (lane->node_count > depth)
            depth = lane->node_count;
    return depth;
}

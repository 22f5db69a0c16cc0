/* lane.h - one first-in-first-out line per object: only the head of a lane may run (ENGINE 1.2). */
/* Lanes are found by a 64-bit hash of (account, bucket, object). Two objects whose hashes collide
 * share a lane: they wait for each other and nothing else happens, so the names need not be kept.
 *
 * Orders about buckets themselves leave the account out. Which of two owners has a name depends on
 * who came first: an owner's delete and the next one's create must be done as they were ordered.
 */
#ifndef FY_WORKER_LANE_H
#define FY_WORKER_LANE_H

#include "common/core/order.h"

/* Embedded in what stands in line. */
struct fy_lane_node {
    struct fy_lane_node *behind; /* NULL: the last */
    struct fy_lane *lane;        /* NULL: in no lane */
};
struct fy_lane;
struct fy_lanes {
    struct fy_lane *table; /* uthash */
    struct fy_lane *spare; /* empty ones, kept for the next key */
    size_t lane_count;
    size_t node_count;
};

uint64_t fy_lane_hash(const struct fy_order *order);
/* For what has no object of its own (a message that could not be read): any two numbers. */
uint64_t fy_lane_hash_of(uint64_t a, uint64_t b);

void fy_lanes_init(struct fy_lanes *lanes);
void fy_lanes_done(struct fy_lanes *lanes); /* all lanes are empty */
/* Puts the node last in the lane of hash. true: it is the head and may run. */
bool fy_lanes_join(struct fy_lanes *lanes, uint64_t hash, struct fy_lane_node *node);
/* Takes the node out, wherever it stands. Returns the node that became head by this, or NULL. */
struct fy_lane_node *fy_lanes_leave(struct fy_lanes *lanes, struct fy_lane_node *node);
bool fy_lane_is_head(const struct fy_lane_node *node);
/* The head of the lane of hash, or NULL; walk on by `behind`. */
struct fy_lane_node *fy_lanes_find(struct fy_lanes *lanes, uint64_t hash);
/* Longest lane now; walks all (metrics). */
size_t fy_lanes_depth(const struct fy_lanes *lanes);

#endif

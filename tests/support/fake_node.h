/* fake_node.h - a worker's node over the fakes, with the real engine on top. */
#ifndef FY_TESTS_FAKE_NODE_H
#define FY_TESTS_FAKE_NODE_H

#include "common/runtime/node.h"
#include "tests/support/fake_catalogue.h"
#include "tests/support/fake_peer.h"
#include "tests/support/fake_queue.h"
#include "tests/support/fake_store.h"
#include "worker/worker.h"

#define FAKE_SITE   "site-b" /* under test */
#define FAKE_SOURCE "site-a"
#define FAKE_ALL    ((1u << FAKE_PARTITIONS) - 1)

struct fake_node {
    struct fy_config config; /* changed before fake_node_start only */
    struct fy_node node;
    struct fake_queue *queue;
    struct fake_catalogue *catalogue;
    struct fake_store *store;
    struct fake_peer *peer;
    struct fy_engine *engine;
    uint64_t stamps; /* of orders made so far */
};

/* Everything but the engine, with short pauses in the configuration. Topology: site-a, site-b,
 * site-c. */
void fake_node_init(struct fake_node *self);
/* The engine runs, all partitions are its own. */
void fake_node_start(struct fake_node *self);
/* Ends the engine as SIGTERM does; start may follow, as after a restart. */
void fake_node_stop(struct fake_node *self, int64_t drain_ms);
void fake_node_done(struct fake_node *self);
/* The same for cmocka: the state is a fake_node of its own for each test. */
int fake_node_setup(void **state);
int fake_node_teardown(void **state);

/* An order as a Ferry site writes it, with the digest and size of the fake content. */
void fake_order(struct fake_node *self, struct fy_order *order, enum fy_action action,
                const char *object);
/* Publishes the order to request-action by its key; returns its stamp. */
struct fy_stamp fake_node_give(struct fake_node *self, const struct fy_order *order);
/* Both at once for the usual one. */
struct fy_stamp fake_node_create(struct fake_node *self, const char *object);

/* The bytes of this object are here already; returns their body's id. */
int64_t fake_node_body(struct fake_node *self, const char *object);

/* Waiting for what the engine does; false after a minute. */
bool fake_node_wait_ready(struct fake_node *self, const char *object);
bool fake_node_wait_deleted(struct fake_node *self, const char *object);
bool fake_node_wait_ready_count(struct fake_node *self, size_t count);
bool fake_node_wait_waiting(struct fake_node *self, enum fy_wait_state state, size_t count);
bool fake_node_wait_metric(struct fake_node *self, enum fy_metric metric, int64_t least);
bool fake_node_wait_committed(struct fake_node *self); /* every record is done and committed */
int64_t fake_node_metric(struct fake_node *self, enum fy_metric metric);

#endif

/* sim_queue.h - the queue port in memory: a broker that outlives the processes that use it. */
#ifndef FY_TESTS_SIM_SIM_QUEUE_H
#define FY_TESTS_SIM_SIM_QUEUE_H

#include "common/core/clock.h"
#include "common/ports/queue.h"
#include "tests/sim/fiber.h"

/* A chance is "one of so many", 0 never. */
struct sim_queue_faults {
    uint32_t refuse_one_of; /* publishes refused at once */
    uint32_t fail_one_of;   /* publishes that are not acknowledged; half of them are there */
    uint32_t poll_one_of;   /* polls that fail, and as many that see nothing yet */
    uint32_t commit_one_of; /* commits that fail; half of them are there all the same */
    int64_t delay_us_max;   /* of a publish or a commit */
    int64_t session_us_max; /* until a dead process is missed by its groups */
};

struct sim_broker;
struct sim_broker *sim_broker_new(struct fy_clock *clock, int32_t partition_count);
void sim_broker_faults(struct sim_broker *broker, const struct sim_queue_faults *faults);

/* A process's connection; it belongs to the caller's group of fibers. */
struct fy_queue *sim_queue_open(struct sim_broker *broker);
/* Its process has been killed: what it had in flight arrives or not, in order; its groups miss it.
 */
void sim_queue_died(struct fy_queue *queue);

/* All groups with more than nobody in them share anew; lost: without being asked first. */
void sim_broker_rebalance(struct sim_broker *broker, bool lost);
/* Records that no group of that name has committed, of all topics it reads. */
int64_t sim_broker_undone(struct sim_broker *broker);
/* Each record of the topic ever published, trimmed ones too. */
void sim_broker_walk(struct sim_broker *broker, const char *topic, fy_record_visit_fn *visit,
                     void *arg);
/* The topics that are there, by number; NULL after the last. */
const char *sim_broker_topic(struct sim_broker *broker, size_t index);

#endif

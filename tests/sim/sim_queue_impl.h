/* sim_queue_impl.h - what the files of the simulated queue share; nobody else includes it. */
#ifndef FY_TESTS_SIM_SIM_QUEUE_IMPL_H
#define FY_TESTS_SIM_SIM_QUEUE_IMPL_H

#include "tests/sim/sim_queue.h"

#define SIM_TOPICS_MAX     16
#define SIM_PARTITIONS_MAX 8
#define SIM_GROUPS_MAX     16
#define SIM_MEMBERS_MAX    32 /* killed ones too, until they are missed */

struct sim_record {
    struct fy_record record; /* all it points to is its own */
};
struct sim_partition {
    struct sim_record **records; /* all that ever were, by offset */
    int64_t start, end, capacity;
};
struct sim_topic {
    char name[FY_TOPIC_BYTES_MAX + 1];
    size_t number;
    struct sim_partition partitions[SIM_PARTITIONS_MAX];
};

struct sim_offset {
    bool known;
    int64_t offset;
    char text[FY_COMMIT_TEXT_BYTES_MAX + 1];
};
struct sim_group {
    char name[64];
    struct sim_offset offsets[SIM_TOPICS_MAX][SIM_PARTITIONS_MAX];
    struct sim_consumer *members[SIM_MEMBERS_MAX];
    size_t member_count;
};

struct sim_broker {
    struct fy_clock *clock;
    int32_t partition_count;
    int32_t round_robin;
    struct sim_queue_faults faults;
    struct sim_topic topics[SIM_TOPICS_MAX];
    size_t topic_count;
    struct sim_group groups[SIM_GROUPS_MAX];
    size_t group_count;
};

struct sim_publish {
    struct sim_publish *next;
    struct sim_record **records;
    struct sim_topic **topics;
    size_t count;
    bool arrived;
    int64_t since_us;
    fy_publish_done_fn *done;
    void *arg;
};
struct sim_queue {
    struct fy_queue port;
    struct sim_broker *broker;
    struct fiber *reports;
    struct sim_publish *first, **last_next;
    bool closing;
};
static inline struct sim_queue *sim_queue_from(struct fy_queue *port)
{
    return FY_CONTAINER_OF(port, struct sim_queue, port);
}

struct sim_topic *sim_topic_find(struct sim_broker *broker, const char *name);
struct sim_group *sim_group_find(struct sim_broker *broker, const char *name, bool make);
/* What the group has committed; -1: nothing. group may be NULL. */
int64_t sim_committed(const struct sim_group *group, const struct sim_topic *topic,
                      int32_t partition);

/* sim_queue_consumer.c */
void sim_consumers_notice(struct sim_broker *broker, const struct sim_topic *topic);
void sim_consumers_died(struct sim_queue *queue);
enum fy_code sim_consumer_open(struct fy_queue *port, const char *group, const char *const *topics,
                               size_t topic_count, struct fy_consumer **consumer,
                               struct fy_err *err);
int sim_consumer_fd(struct fy_consumer *port);
enum fy_code sim_consumer_event(struct fy_consumer *port, struct fy_consumer_event *event,
                                struct fy_err *err);
void sim_consumer_revoked(struct fy_consumer *port);
enum fy_code sim_consumer_poll(struct fy_consumer *port, const char *topic, int32_t partition,
                               size_t records_max, fy_record_visit_fn *visit, void *arg,
                               struct fy_err *err);
enum fy_code sim_consumer_commit(struct fy_consumer *port, const struct fy_topic_partition *offsets,
                                 size_t count, struct fy_err *err);
void sim_consumer_close(struct fy_consumer *port);

#endif

/* sim_queue_consumer.c - groups: who has which partition, and how far they are. */
/* A group shares anew when a member comes, goes or is missed, and whenever the simulation wants it:
 * all hand back first (or are told that it is gone already), then all are given. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim_plant.h"
#include "tests/sim/sim_queue_impl.h"

/* One partition of a member. */
struct share {
    struct sim_topic *topic;
    int32_t partition;
    int64_t position; /* the next to give */
};

struct sim_consumer {
    struct sim_queue *queue;
    struct sim_group *group;
    struct sim_topic *topics[FY_CONSUMER_TOPICS];
    size_t topic_count;
    int fd;
    int32_t epoch;
    bool holds; /* it has what the last ASSIGN gave, and has not handed it back */
    enum fy_consumer_event_kind pending;
    bool told; /* the pending REVOKE or LOST was given; the answer is awaited */
    struct share shares[FY_CONSUMER_TOPICS * SIM_PARTITIONS_MAX];
    size_t share_count;
    struct fy_topic_partition list[FY_CONSUMER_TOPICS * SIM_PARTITIONS_MAX];
};

static struct sim_consumer *consumer_from(struct fy_consumer *port)
{
    return (struct sim_consumer *)(void *)port;
}

struct sim_group *sim_group_find(struct sim_broker *broker, const char *name, bool make)
{
    for (size_t i = 0; i < broker->group_count; i++)
        if (strcmp(broker->groups[i].name, name) == 0)
            return &broker->groups[i];
    if (!make)
        return NULL;
    FY_ASSERT(broker->group_count < SIM_GROUPS_MAX);
    struct sim_group *group = &broker->groups[broker->group_count++];
    FY_ASSERT(fy_text_copy(group->name, sizeof(group->name), name));
    return group;
}

static bool may_have_more(const struct sim_consumer *consumer)
{
    if (consumer->pending != FY_CONSUMER_NONE && !consumer->told)
        return true;
    for (size_t i = 0; consumer->holds && i < consumer->share_count; i++) {
        const struct share *share = &consumer->shares[i];
        if (share->position < share->topic->partitions[share->partition].end)
            return true;
    }
    return false;
}

static void fd_refresh(struct sim_consumer *consumer)
{
    fiber_fd_set(consumer->fd, may_have_more(consumer));
}

void sim_consumers_notice(struct sim_broker *broker, const struct sim_topic *topic)
{
    (void)topic;
    for (size_t g = 0; g < broker->group_count; g++)
        for (size_t m = 0; m < broker->groups[g].member_count; m++)
            fd_refresh(broker->groups[g].members[m]);
}

/* ------------------------------------------------------------------ sharing */

static void give(struct sim_group *group, struct sim_consumer *consumer, struct sim_topic *topic,
                 int32_t partition)
{
    int64_t committed = sim_committed(group, topic, partition);
    int64_t start = topic->partitions[partition].start;
    if (committed < start)
        committed = start;
    struct sim_offset *offset = &group->offsets[topic->number][partition];
    if (!offset->known) /* the group is known from here on, so that trim keeps its records */
        *offset = (struct sim_offset){.known = true, .offset = committed};
    consumer->shares[consumer->share_count++] =
        (struct share){.topic = topic, .partition = partition, .position = committed};
}

static bool reads(const struct sim_consumer *consumer, const struct sim_topic *topic)
{
    for (size_t i = 0; i < consumer->topic_count; i++)
        if (consumer->topics[i] == topic)
            return true;
    return false;
}

/* The members that read the topic take turns. */
static void share_topic(struct sim_broker *broker, struct sim_group *group, struct sim_topic *topic)
{
    size_t turn = 0;
    for (int32_t partition = 0; partition < broker->partition_count; partition++) {
        for (size_t n = 0; n < group->member_count; n++) {
            struct sim_consumer *member = group->members[turn++ % group->member_count];
            if (!reads(member, topic))
                continue;
            give(group, member, topic, partition);
            break;
        }
    }
}

/* Once nobody holds anything. */
static void try_to_share(struct sim_broker *broker, struct sim_group *group)
{
    for (size_t m = 0; m < group->member_count; m++)
        if (group->members[m]->holds)
            return;
    for (size_t m = 0; m < group->member_count; m++)
        group->members[m]->share_count = 0;
    for (size_t t = 0; group->member_count > 0 && t < broker->topic_count; t++)
        share_topic(broker, group, &broker->topics[t]);
    for (size_t m = 0; m < group->member_count; m++) {
        struct sim_consumer *member = group->members[m];
        member->pending = FY_CONSUMER_ASSIGN;
        member->told = false;
        member->epoch++;
        fd_refresh(member);
    }
}

static void share_anew(struct sim_broker *broker, struct sim_group *group, bool lost)
{
    for (size_t m = 0; m < group->member_count; m++) {
        struct sim_consumer *member = group->members[m];
        /* What it was given and has not heard of is shared anew with the rest: else it would take
         * it, and nobody would ask it to hand it back. */
        if (member->pending == FY_CONSUMER_ASSIGN)
            member->pending = FY_CONSUMER_NONE;
        if (member->holds && member->pending == FY_CONSUMER_NONE) {
            member->pending = lost ? FY_CONSUMER_LOST : FY_CONSUMER_REVOKE;
            member->told = false;
            fd_refresh(member);
        }
    }
    try_to_share(broker, group);
}

void sim_broker_rebalance(struct sim_broker *broker, bool lost)
{
    for (size_t g = 0; g < broker->group_count; g++)
        if (fiber_chance(2))
            share_anew(broker, &broker->groups[g], lost);
}

static void leave(struct sim_consumer *consumer)
{
    struct sim_group *group = consumer->group;
    size_t at = 0;
    while (at < group->member_count && group->members[at] != consumer)
        at++;
    if (at == group->member_count)
        return;
    group->members[at] = group->members[--group->member_count];
    share_anew(consumer->queue->broker, group, false);
}

/* ------------------------------------------------------------------ the port's functions */

enum fy_code sim_consumer_open(struct fy_queue *port, const char *group_name,
                               const char *const *topics, size_t topic_count,
                               struct fy_consumer **consumer, struct fy_err *err)
{
    struct sim_queue *queue = sim_queue_from(port);
    struct sim_broker *broker = queue->broker;
    struct sim_consumer *made = fy_alloc(sizeof(*made));
    fiber_yield();
    for (size_t i = 0; i < topic_count; i++) {
        made->topics[made->topic_count++] = sim_topic_find(broker, topics[i]);
        if (made->topics[i] == NULL) {
            free(made);
            return fy_err_set(err, FY_ENOTFOUND, "no topic '%s'", topics[i]);
        }
    }
    made->queue = queue;
    made->group = sim_group_find(broker, group_name, true);
    made->fd = fiber_fd_new();
    struct sim_group *group = made->group;
    FY_ASSERT(group->member_count < SIM_MEMBERS_MAX);
    group->members[group->member_count++] = made;
    share_anew(broker, group, false);
    *consumer = (struct fy_consumer *)(void *)made;
    return FY_OK;
}

int sim_consumer_fd(struct fy_consumer *port)
{
    return consumer_from(port)->fd;
}

static void fill_list(struct sim_consumer *consumer)
{
    for (size_t i = 0; i < consumer->share_count; i++) {
        const struct share *share = &consumer->shares[i];
        struct fy_topic_partition *entry = &consumer->list[i];
        *entry =
            (struct fy_topic_partition){.partition = share->partition, .offset = share->position};
        FY_ASSERT(fy_text_copy(entry->topic, sizeof(entry->topic), share->topic->name));
    }
}

enum fy_code sim_consumer_event(struct fy_consumer *port, struct fy_consumer_event *event,
                                struct fy_err *err)
{
    struct sim_consumer *consumer = consumer_from(port);
    (void)err;
    *event = (struct fy_consumer_event){.kind = FY_CONSUMER_NONE, .epoch = consumer->epoch};
    if (consumer->pending == FY_CONSUMER_NONE || consumer->told)
        return FY_OK;
    event->kind = consumer->pending;
    fill_list(consumer);
    event->partitions = consumer->list;
    event->partition_count = consumer->share_count;
    if (consumer->pending == FY_CONSUMER_ASSIGN) {
        consumer->pending = FY_CONSUMER_NONE;
        consumer->holds = true;
    } else {
        consumer->told = true;
    }
    fd_refresh(consumer);
    return FY_OK;
}

void sim_consumer_revoked(struct fy_consumer *port)
{
    struct sim_consumer *consumer = consumer_from(port);
    FY_ASSERT(consumer->told);
    consumer->told = false;
    consumer->pending = FY_CONSUMER_NONE;
    consumer->holds = false;
    try_to_share(consumer->queue->broker, consumer->group);
    fd_refresh(consumer);
    fiber_yield();
}

static struct share *share_find(struct sim_consumer *consumer, const char *topic, int32_t partition)
{
    if (!consumer->holds)
        return NULL;
    for (size_t i = 0; i < consumer->share_count; i++)
        if (consumer->shares[i].partition == partition &&
            strcmp(consumer->shares[i].topic->name, topic) == 0)
            return &consumer->shares[i];
    return NULL;
}

enum fy_code sim_consumer_poll(struct fy_consumer *port, const char *topic, int32_t partition,
                               size_t records_max, fy_record_visit_fn *visit, void *arg,
                               struct fy_err *err)
{
    struct sim_consumer *consumer = consumer_from(port);
    const struct sim_broker *broker = consumer->queue->broker;
    struct share *share = share_find(consumer, topic, partition);
    if (share == NULL || consumer->pending != FY_CONSUMER_NONE ||
        fiber_chance(broker->faults.poll_one_of))
        return FY_OK;
    if (fiber_chance(broker->faults.poll_one_of))
        return fy_err_set(err, fiber_chance(2) ? FY_EIO : FY_EBUSY, "sim: the poll failed");
    const struct sim_partition *from = &share->topic->partitions[partition];
    for (size_t n = 0; n < records_max && share->position < from->end; n++) {
        const struct fy_record *record = &from->records[share->position]->record;
        share->position++;
        if (!visit(arg, record)) {
            share->position--;
            break;
        }
    }
    fd_refresh(consumer);
    return FY_OK;
}

static void keep_offset(struct sim_consumer *consumer, const struct fy_topic_partition *from)
{
    const struct sim_topic *topic = sim_topic_find(consumer->queue->broker, from->topic);
    struct sim_offset *offset = &consumer->group->offsets[topic->number][from->partition];
    offset->known = true;
    offset->offset = from->offset;
    const struct share *share = share_find(consumer, from->topic, from->partition);
    if (sim_planted(SIM_COMMITS_RECEIVED) && share != NULL)
        offset->offset = share->position;
    (void)snprintf(offset->text, sizeof(offset->text), "%s", from->text == NULL ? "" : from->text);
}

enum fy_code sim_consumer_commit(struct fy_consumer *port, const struct fy_topic_partition *offsets,
                                 size_t count, struct fy_err *err)
{
    struct sim_consumer *consumer = consumer_from(port);
    const struct sim_queue_faults *faults = &consumer->queue->broker->faults;
    if (faults->delay_us_max > 0)
        fiber_sleep_us(fiber_some(faults->delay_us_max));
    for (size_t i = 0; i < count; i++)
        if (share_find(consumer, offsets[i].topic, offsets[i].partition) == NULL ||
            consumer->pending == FY_CONSUMER_LOST)
            return fy_err_set(err, FY_EINPUT, "%s/%d is not ours", offsets[i].topic,
                              offsets[i].partition);
    bool fails = fiber_chance(faults->commit_one_of);
    if (!fails || fiber_chance(2))
        for (size_t i = 0; i < count; i++)
            keep_offset(consumer, &offsets[i]);
    fiber_yield();
    return fails ? fy_err_set(err, FY_EBUSY, "sim: the commit was not answered") : FY_OK;
}

void sim_consumer_close(struct fy_consumer *port)
{
    struct sim_consumer *consumer = consumer_from(port);
    leave(consumer);
    fiber_fd_close(consumer->fd);
    free(consumer);
}

/* ------------------------------------------------------------------ death */

/* A member that was killed is missed after a while; until then it holds what it has. */
static void *miss_main(void *arg)
{
    struct sim_consumer *consumer = arg;
    int64_t max_us = consumer->queue->broker->faults.session_us_max;
    if (max_us > 0)
        fiber_sleep_us(fiber_some(max_us));
    consumer->holds = false;
    leave(consumer);
    return NULL;
}

void sim_consumers_died(struct sim_queue *queue)
{
    struct sim_broker *broker = queue->broker;
    for (size_t g = 0; g < broker->group_count; g++)
        for (size_t m = 0; m < broker->groups[g].member_count; m++)
            if (broker->groups[g].members[m]->queue == queue)
                (void)fiber_start(NULL, "missed", miss_main, broker->groups[g].members[m], 0);
}

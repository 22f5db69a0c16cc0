/* queue_kafka_assign.c - groups: what is given and taken back. */
/* Eager: a rebalance takes all partitions back, then gives the new set. What is given is handed on
 * once its offsets are known; the library starts to fetch only then. */
#include "common/adapters/queue_kafka_impl.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/log.h"

static const uint64_t one = 1;

const char *fy_kq_consumer_topic(const struct fy_consumer *self, const char *full)
{
    for (size_t i = 0; i < self->topic_count; i++) {
        char name[FY_TOPIC_BYTES_MAX + 1];
        fy_kq_name(self->queue, self->topics[i], name);
        if (strcmp(name, full) == 0)
            return self->topics[i];
    }
    return NULL;
}

void fy_kq_parts_free(struct fy_consumer *self)
{
    for (size_t i = 0; i < self->part_count; i++) {
        struct fy_kq_part *part = &self->parts[i];
        rd_kafka_queue_io_event_enable(part->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(part->queue);
        free(part->held);
    }
    free(self->parts);
    self->parts = NULL;
    self->part_count = 0;
    self->next_part = 0;
    self->empty_count = 0;
}

/* The event of all partitions that are ours. */
static void fill_event(struct fy_consumer *self, enum fy_consumer_event_kind kind,
                       struct fy_consumer_event *event)
{
    free(self->partitions);
    self->partitions = NULL;
    if (self->part_count > 0)
        self->partitions = fy_alloc(self->part_count * sizeof(*self->partitions));
    for (size_t i = 0; i < self->part_count; i++)
        self->partitions[i] = self->parts[i].id;
    *event = (struct fy_consumer_event){.kind = kind,
                                        .epoch = self->epoch,
                                        .partition_count = self->part_count,
                                        .partitions = self->partitions};
}

/* ------------------------------------------------------------------ given */

static enum fy_code ask_committed(struct fy_consumer *self, rd_kafka_topic_partition_list_t *list,
                                  struct fy_err *err)
{
    static const char doing[] = "ask for committed offsets";
    rd_kafka_resp_err_t error = rd_kafka_committed(self->rk, list, FY_KAFKA_ASSIGN_MS);
    return error != RD_KAFKA_RESP_ERR_NO_ERROR ? fy_kq_failed(err, error, NULL, doing)
                                               : fy_kq_list_failed(list, doing, err);
}

/* Where a partition that holds [start, end) is begun at; at->offset: what the group has committed.
 * What is not known there, or is gone, is added to fresh. */
static void choose_offset(struct fy_consumer *self, rd_kafka_topic_partition_t *at, int64_t start,
                          int64_t end, rd_kafka_topic_partition_list_t *fresh)
{
    bool known = at->offset >= 0;
    bool gone = known && at->offset < start;
    bool beyond = known && at->offset > end;
    if (beyond)
        fy_log(NULL, FY_WARN, "kafka.offset_beyond_end", fy_kv_str("topic", at->topic),
               fy_kv_i64("partition", at->partition), fy_kv_i64("committed", at->offset),
               fy_kv_i64("end", end));
    if (gone)
        fy_kq_gap(self, at->topic, at->partition, at->offset, start);
    if (!known || gone || beyond)
        at->offset = start;
    if (!known || gone) /* told once: committed, it is no gap at the next assignment */
        rd_kafka_topic_partition_list_add(fresh, at->topic, at->partition)->offset = at->offset;
}

/* The offsets to begin at: the group's, but never outside what the partition holds (a topic made
 * anew, or trimmed by somebody else). fresh: those that the group has not committed on, or on what
 * is gone. */
static enum fy_code find_offsets(struct fy_consumer *self, rd_kafka_topic_partition_list_t *list,
                                 rd_kafka_topic_partition_list_t *fresh, struct fy_err *err)
{
    rd_kafka_topic_partition_list_t *starts = rd_kafka_topic_partition_list_copy(list);
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(list);
    enum fy_code code = ask_committed(self, list, err);
    for (int i = 0; i < list->cnt; i++) {
        starts->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
        ends->elems[i].offset = RD_KAFKA_OFFSET_END;
    }
    if (code == FY_OK)
        code = fy_kq_ask_offsets(self->rk, starts, FY_KAFKA_ASSIGN_MS, err);
    if (code == FY_OK)
        code = fy_kq_ask_offsets(self->rk, ends, FY_KAFKA_ASSIGN_MS, err);
    for (int i = 0; code == FY_OK && i < list->cnt; i++)
        choose_offset(self, &list->elems[i], starts->elems[i].offset, ends->elems[i].offset, fresh);
    rd_kafka_topic_partition_list_destroy(starts);
    rd_kafka_topic_partition_list_destroy(ends);
    return code;
}

/* A list without what another process has put into the commit's metadata: given to assign, the
 * library would commit it again with other offsets. */
static rd_kafka_topic_partition_list_t *
without_metadata(const rd_kafka_topic_partition_list_t *from)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(from->cnt);
    for (int i = 0; i < from->cnt; i++)
        rd_kafka_topic_partition_list_add(list, from->elems[i].topic, from->elems[i].partition)
            ->offset = from->elems[i].offset;
    return list;
}

/* Each partition keeps its own queue, so that one that is not polled stops itself alone. */
static void make_parts(struct fy_consumer *self, const rd_kafka_topic_partition_list_t *list)
{
    self->parts = fy_alloc((size_t)(list->cnt > 0 ? list->cnt : 1) * sizeof(*self->parts));
    self->part_count = (size_t)list->cnt;
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *given = &list->elems[i];
        struct fy_kq_part *part = &self->parts[i];
        const char *topic = fy_kq_consumer_topic(self, given->topic);
        FY_ASSERT(topic != NULL); /* nothing else was subscribed to */
        FY_ASSERT(fy_text_copy(part->id.topic, sizeof(part->id.topic), topic));
        part->id.partition = given->partition;
        part->id.offset = given->offset;
        part->queue = rd_kafka_queue_get_partition(self->rk, given->topic, given->partition);
        FY_ASSERT(part->queue != NULL);
        rd_kafka_queue_forward(part->queue, NULL);
        rd_kafka_queue_io_event_enable(part->queue, self->fd, &one, sizeof(one));
    }
}

/* From now on the group is known on these partitions: another group's progress does not trim them
 * away, and a restart begins where this one did. */
static void commit_fresh(struct fy_consumer *self, rd_kafka_topic_partition_list_t *fresh)
{
    struct fy_err err = {0};
    if (fresh->cnt > 0 && fy_kq_commit_list(self, fresh, &err) != FY_OK)
        fy_log(NULL, FY_INFO, "kafka.first_commit_failed", fy_kv_str("group", self->group),
               fy_kv_err(&err)); /* the next commit says it */
}

static enum fy_code take_given(struct fy_consumer *self, struct fy_consumer_event *event,
                               struct fy_err *err)
{
    rd_kafka_topic_partition_list_t *list = without_metadata(self->given);
    rd_kafka_topic_partition_list_t *fresh = rd_kafka_topic_partition_list_new(0);
    enum fy_code code = list->cnt > 0 ? find_offsets(self, list, fresh, err) : FY_OK;
    if (code == FY_OK) {
        rd_kafka_topic_partition_list_t *clean = without_metadata(list);
        make_parts(self, clean);
        rd_kafka_resp_err_t error = rd_kafka_assign(self->rk, clean);
        rd_kafka_topic_partition_list_destroy(clean);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            fy_kq_parts_free(self);
            code = fy_kq_failed(err, error, NULL, "assign");
        }
    }
    if (code == FY_OK) {
        rd_kafka_topic_partition_list_destroy(self->given);
        self->given = NULL;
        commit_fresh(self, fresh);
        self->epoch++;
        fill_event(self, FY_CONSUMER_ASSIGN, event);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_partition_list_destroy(fresh);
    return code;
}

/* ------------------------------------------------------------------ taken back */

void fy_kq_consumer_revoked(struct fy_consumer *self)
{
    FY_ASSERT(self->revoking);
    self->revoking = false;
    fy_kq_parts_free(self);
    rd_kafka_resp_err_t error = rd_kafka_assign(self->rk, NULL);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR__FATAL)
        fy_log(NULL, FY_WARN, "kafka.unassign_failed", fy_kv_str("error", rd_kafka_err2str(error)));
}

/* What was given and never handed on needs no answer but ours. */
static void take_back(struct fy_consumer *self, bool lost, struct fy_consumer_event *event)
{
    if (self->given != NULL)
        rd_kafka_topic_partition_list_destroy(self->given);
    self->given = NULL;
    self->revoking = true;
    if (self->part_count == 0) {
        fy_kq_consumer_revoked(self);
        return;
    }
    fill_event(self, lost ? FY_CONSUMER_LOST : FY_CONSUMER_REVOKE, event);
}

/* ------------------------------------------------------------------ events */

static void take_rebalance(struct fy_consumer *self, rd_kafka_event_t *library_event,
                           struct fy_consumer_event *event)
{
    if (rd_kafka_event_error(library_event) != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        take_back(self, rd_kafka_assignment_lost(self->rk) != 0, event);
        return;
    }
    FY_ASSERT(self->part_count == 0); /* eager: all were taken back before */
    FY_ASSERT(self->given == NULL);
    self->given =
        rd_kafka_topic_partition_list_copy(rd_kafka_event_topic_partition_list(library_event));
}

/* The library has given the handle up: what it had is lost, too. */
static enum fy_code join_again(struct fy_consumer *self, struct fy_consumer_event *event,
                               struct fy_err *err)
{
    if (self->part_count > 0) {
        take_back(self, true, event);
        return FY_OK;
    }
    fy_kq_consumer_leave(self);
    self->fatal = false;
    return fy_kq_consumer_join(self, err);
}

/* true: there may be more. */
static bool next_event(struct fy_consumer *self, struct fy_consumer_event *event)
{
    rd_kafka_event_t *library_event = rd_kafka_queue_poll(self->events, 0);
    if (library_event == NULL)
        return false;
    if (rd_kafka_event_type(library_event) == RD_KAFKA_EVENT_REBALANCE)
        take_rebalance(self, library_event, event);
    else if (rd_kafka_event_type(library_event) == RD_KAFKA_EVENT_ERROR &&
             rd_kafka_event_error_is_fatal(library_event))
        self->fatal = true; /* others are logged by the library, which goes on */
    rd_kafka_event_destroy(library_event);
    return event->kind == FY_CONSUMER_NONE;
}

enum fy_code fy_kq_consumer_event(struct fy_consumer *self, struct fy_consumer_event *event,
                                  struct fy_err *err)
{
    *event = (struct fy_consumer_event){.kind = FY_CONSUMER_NONE, .epoch = self->epoch};
    if (self->revoking)
        return FY_OK; /* one answer at a time */
    if (self->rk == NULL)
        return fy_kq_consumer_join(self, err);
    while (next_event(self, event))
        continue;
    enum fy_code code = FY_OK;
    if (event->kind == FY_CONSUMER_NONE && self->fatal)
        code = join_again(self, event, err);
    else if (event->kind == FY_CONSUMER_NONE && self->given != NULL)
        code = take_given(self, event, err);
    if (event->kind == FY_CONSUMER_NONE && self->part_count == 0 && self->rk != NULL)
        fy_kq_consumer_quiet(self); /* nobody polls: nobody else would clear it */
    return code;
}

/* queue_kafka_control.c - questions to the cluster: metadata, offsets, administration. */
#include "common/adapters/queue_kafka_impl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ------------------------------------------------------------------ asking again */

int fy_kq_left_ms(int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - fy_kq_now_ms();
    return left_ms > 0 ? (int)left_ms : 0;
}

bool fy_kq_ask_again(enum fy_code code, int64_t deadline_ms)
{
    const struct timespec pause = {.tv_nsec = FY_KQ_PAUSE_MS * 1000000L};
    if (code != FY_EBUSY || fy_kq_left_ms(deadline_ms) <= FY_KQ_PAUSE_MS)
        return false;
    (void)nanosleep(&pause, NULL); /* shorter when interrupted: it only asks again sooner */
    return true;
}

/* ------------------------------------------------------------------ metadata */

enum fy_code fy_kq_ask_metadata(rd_kafka_t *rk, const char *full, int timeout_ms,
                                const struct rd_kafka_metadata **metadata, struct fy_err *err)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, full, NULL);
    if (topic == NULL)
        return fy_kq_failed(err, rd_kafka_last_error(), NULL, full);
    rd_kafka_resp_err_t error = rd_kafka_metadata(rk, 0, topic, metadata, timeout_ms);
    rd_kafka_topic_destroy(topic);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fy_kq_failed(err, error, NULL, "ask for metadata");
    FY_ASSERT((*metadata)->topic_cnt == 1);
    error = (*metadata)->topics[0].err;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR && (*metadata)->topics[0].partition_cnt == 0)
        error = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return FY_OK;
    rd_kafka_metadata_destroy(*metadata);
    *metadata = NULL;
    return fy_kq_failed(err, error, NULL, full);
}

enum fy_code fy_kq_ask_partitions(struct fy_kafka *self, const char *full, int timeout_ms,
                                  uint32_t *count, struct fy_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    enum fy_code code = fy_kq_ask_metadata(self->control, full, timeout_ms, &metadata, err);
    if (code != FY_OK)
        return code;
    FY_ASSERT(metadata != NULL);
    int partition_count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    if (partition_count > FY_PARTITIONS_MAX)
        return fy_err_set(err, FY_ETOOBIG, "topic %s has %d partitions, over %d", full,
                          partition_count, FY_PARTITIONS_MAX);
    *count = (uint32_t)partition_count;
    return FY_OK;
}

/* ------------------------------------------------------------------ offsets */

rd_kafka_topic_partition_list_t *fy_kq_list_new(const char *full, uint32_t partition_count,
                                                int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)partition_count);
    for (int32_t i = 0; i < (int32_t)partition_count; i++)
        rd_kafka_topic_partition_list_add(list, full, i)->offset = offset;
    return list;
}

enum fy_code fy_kq_list_failed(const rd_kafka_topic_partition_list_t *list, const char *doing,
                               struct fy_err *err)
{
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return fy_kq_failed(err, list->elems[i].err, NULL, doing);
    return FY_OK;
}

static enum fy_code ask_offsets_once(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                                     int timeout_ms, struct fy_err *err)
{
    static const char doing[] = "ask for offsets";
    rd_kafka_topic_partition_list_t *asked = rd_kafka_topic_partition_list_copy(list);
    rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(rk, asked, timeout_ms);
    enum fy_code code = error != RD_KAFKA_RESP_ERR_NO_ERROR ? fy_kq_failed(err, error, NULL, doing)
                                                            : fy_kq_list_failed(asked, doing, err);
    for (int i = 0; code == FY_OK && i < list->cnt; i++)
        list->elems[i].offset = asked->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(asked);
    return code;
}

/* A topic that was just made, or whose leader just moved, is refused for a moment. */
enum fy_code fy_kq_ask_offsets(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                               int timeout_ms, struct fy_err *err)
{
    int64_t deadline_ms = fy_kq_now_ms() + timeout_ms;
    struct fy_err failure = {0};
    enum fy_code code = FY_OK;
    do
        code = ask_offsets_once(rk, list, fy_kq_left_ms(deadline_ms), &failure);
    while (fy_kq_ask_again(code, deadline_ms));
    return code == FY_OK ? FY_OK : fy_err_set(err, code, "%s", failure.text);
}

/* What a commit kept beside the offset, as text: any process may have written it. One that ours
 * would not write is left out. */
static void copy_text(const rd_kafka_topic_partition_t *from, rd_kafka_topic_partition_t *to)
{
    free(to->metadata); /* of a look before this one */
    to->metadata = NULL;
    to->metadata_size = 0;
    if (from->metadata == NULL || from->metadata_size > FY_COMMIT_TEXT_BYTES_MAX)
        return;
    char *text = fy_alloc(from->metadata_size + 1);
    memcpy(text, from->metadata, from->metadata_size);
    to->metadata = text;
    to->metadata_size = strlen(text);
}

static enum fy_code copy_offsets(rd_kafka_event_t *event, rd_kafka_topic_partition_list_t *list,
                                 struct fy_err *err)
{
    static const char doing[] = "ask for committed offsets";
    size_t count = 0;
    const rd_kafka_ListConsumerGroupOffsets_result_t *result =
        rd_kafka_event_ListConsumerGroupOffsets_result(event);
    const rd_kafka_group_result_t **groups =
        rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count);
    FY_ASSERT(count == 1);
    const rd_kafka_error_t *error = rd_kafka_group_result_error(groups[0]);
    if (error != NULL)
        return fy_kq_failed(err, rd_kafka_error_code(error), rd_kafka_error_string(error), doing);
    const rd_kafka_topic_partition_list_t *found = rd_kafka_group_result_partitions(groups[0]);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *committed = rd_kafka_topic_partition_list_find(
            found, list->elems[i].topic, list->elems[i].partition);
        list->elems[i].offset = committed != NULL && committed->offset >= 0
                                    ? committed->offset
                                    : RD_KAFKA_OFFSET_INVALID;
        if (committed != NULL)
            copy_text(committed, &list->elems[i]);
    }
    return fy_kq_list_failed(found, doing, err);
}

void fy_kq_asker_close(struct fy_kafka *self)
{
    if (self->asker != NULL)
        rd_kafka_destroy_flags(self->asker, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    self->asker = NULL;
}

/* A question to a group's coordinator that the library gives up while that broker is away ends the
 * process when it is back: the library goes on with what it has freed (an assertion in
 * rd_kafka_enq_once_del_source_return; reported of releases up to 2.15.1, librdkafka's pull request
 * 5397 is open). So the library never gives up: a question without an answer when our time is over
 * takes its handle along, and with it all that is under way. Other calls ask no coordinator. */
static rd_kafka_event_t *ask_coordinator(struct fy_kafka *self,
                                         rd_kafka_ListConsumerGroupOffsets_t *wanted,
                                         int timeout_ms, struct fy_err *err)
{
    struct fy_kq_call call =
        fy_kq_call_begin(self->asker, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, FY_KAFKA_NEVER_MS,
                         "ask for committed offsets");
    call.timeout_ms = timeout_ms;
    rd_kafka_ListConsumerGroupOffsets(self->asker, &wanted, 1, call.options, call.queue);
    rd_kafka_event_t *event = fy_kq_call_end(&call, err);
    if (!call.answered)
        fy_kq_asker_close(self);
    return event;
}

static enum fy_code ask_committed_once(struct fy_kafka *self, const char *group,
                                       rd_kafka_topic_partition_list_t *list, int timeout_ms,
                                       struct fy_err *err)
{
    if (self->asker == NULL) {
        enum fy_code opened = fy_kq_handle_new(self, FY_KQ_ASKER, NULL, 0, &self->asker, err);
        if (opened != FY_OK)
            return opened;
    }
    rd_kafka_ListConsumerGroupOffsets_t *wanted =
        rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_event_t *event = ask_coordinator(self, wanted, timeout_ms, err);
    rd_kafka_ListConsumerGroupOffsets_destroy(wanted);
    if (event == NULL)
        return err->code;
    enum fy_code code = copy_offsets(event, list, err);
    rd_kafka_event_destroy(event);
    return code;
}

/* The first group of a cluster has no coordinator for a moment, nor has any while it moves. */
enum fy_code fy_kq_ask_committed(struct fy_kafka *self, const char *group,
                                 rd_kafka_topic_partition_list_t *list, int timeout_ms,
                                 struct fy_err *err)
{
    int64_t deadline_ms = fy_kq_now_ms() + timeout_ms;
    struct fy_err failure = {0};
    enum fy_code code = FY_OK;
    do
        code = ask_committed_once(self, group, list, fy_kq_left_ms(deadline_ms), &failure);
    while (fy_kq_ask_again(code, deadline_ms));
    return code == FY_OK ? FY_OK : fy_err_set(err, code, "%s", failure.text);
}

/* ------------------------------------------------------------------ administration */

enum fy_code fy_kq_control_begin(struct fy_kafka *self, struct fy_err *err)
{
    if (fy_kq_is_away(self, err))
        return FY_EBUSY;
    pthread_mutex_lock(&self->control_mutex);
    if (fy_kq_now_ms() >= self->held_until_ms)
        return FY_OK;
    pthread_mutex_unlock(&self->control_mutex);
    return fy_err_set(err, FY_EBUSY, "no broker answered a moment ago");
}

void fy_kq_control_end(struct fy_kafka *self, enum fy_code code)
{
    if (code == FY_EBUSY)
        self->held_until_ms = fy_kq_now_ms() + FY_KAFKA_HOLD_MS;
    pthread_mutex_unlock(&self->control_mutex);
}

struct fy_kq_call fy_kq_call_begin(rd_kafka_t *rk, rd_kafka_admin_op_t op, int timeout_ms,
                                   const char *doing)
{
    char text[FY_ERR_TEXT_BYTES];
    struct fy_kq_call call = {.queue = rd_kafka_queue_new(rk),
                              .options = rd_kafka_AdminOptions_new(rk, op),
                              .timeout_ms = timeout_ms,
                              .doing = doing};
    FY_ASSERT(call.options != NULL);
    rd_kafka_resp_err_t error =
        rd_kafka_AdminOptions_set_request_timeout(call.options, timeout_ms, text, sizeof(text));
    FY_ASSERT(error == RD_KAFKA_RESP_ERR_NO_ERROR); /* every operation has one */
    return call;
}

rd_kafka_event_t *fy_kq_call_end(struct fy_kq_call *call, struct fy_err *err)
{
    rd_kafka_AdminOptions_destroy(call->options);
    rd_kafka_event_t *event = rd_kafka_queue_poll(call->queue, call->timeout_ms);
    rd_kafka_queue_destroy(call->queue); /* a later result is dropped with it */
    call->answered = event != NULL;
    if (event == NULL) {
        (void)fy_kq_failed(err, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, call->doing);
        return NULL;
    }
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return event;
    (void)fy_kq_failed(err, error, rd_kafka_event_error_string(event), call->doing);
    rd_kafka_event_destroy(event);
    return NULL;
}

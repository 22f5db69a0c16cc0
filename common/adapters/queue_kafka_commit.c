/* queue_kafka_commit.c - groups: offsets, one commit at a time. */
/* On a queue of our own with explicit offsets: the library's own store of offsets loses or mixes
 * their metadata, and several commits under way may land out of order. */
#include "common/adapters/queue_kafka_impl.h"

#include <string.h>

/* The reply to a commit that nobody waits for any more. Its outcome is of no matter: it said what
 * was done then. */
static bool take_owed(struct fy_consumer *self, int timeout_ms)
{
    if (!self->commit_owed)
        return true;
    rd_kafka_event_t *event = rd_kafka_queue_poll(self->replies, timeout_ms);
    if (event == NULL)
        return false;
    rd_kafka_event_destroy(event);
    self->commit_owed = false;
    return true;
}

static enum fy_code outcome_of(rd_kafka_event_t *event, struct fy_err *err)
{
    static const char doing[] = "commit";
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);
    if (error == RD_KAFKA_RESP_ERR__NO_OFFSET)
        error = RD_KAFKA_RESP_ERR_NO_ERROR;
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    for (int i = 0; list != NULL && error == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
        error = list->elems[i].err;
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ? FY_OK : fy_kq_failed(err, error, NULL, doing);
}

enum fy_code fy_kq_commit_list(struct fy_consumer *self, rd_kafka_topic_partition_list_t *list,
                               struct fy_err *err)
{
    /* While revoking there is no later time: the one before is waited for. */
    if (!take_owed(self, self->revoking ? FY_KAFKA_COMMIT_MS : 0))
        return fy_err_set(err, FY_EBUSY, "commit: the one before is not answered yet");
    rd_kafka_resp_err_t error = rd_kafka_commit_queue(self->rk, list, self->replies, NULL, NULL);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fy_kq_failed(err, error, NULL, "commit");
    rd_kafka_event_t *event = rd_kafka_queue_poll(self->replies, FY_KAFKA_COMMIT_MS);
    if (event == NULL) {
        self->commit_owed = true;
        return fy_kq_failed(err, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, "commit");
    }
    enum fy_code code = outcome_of(event, err);
    rd_kafka_event_destroy(event);
    return code;
}

static bool is_ours(const struct fy_consumer *self, const struct fy_topic_partition *offset)
{
    for (size_t i = 0; i < self->part_count; i++)
        if (self->parts[i].id.partition == offset->partition &&
            strcmp(self->parts[i].id.topic, offset->topic) == 0)
            return true;
    return false;
}

/* The list owns the text, and frees it. */
static void put_offset(rd_kafka_topic_partition_t *entry, const struct fy_topic_partition *offset)
{
    entry->offset = offset->offset;
    if (offset->text == NULL || offset->text[0] == '\0')
        return;
    entry->metadata = fy_strdup(offset->text);
    entry->metadata_size = strlen(offset->text);
}

enum fy_code fy_kq_consumer_commit(struct fy_consumer *self,
                                   const struct fy_topic_partition *offsets, size_t count,
                                   struct fy_err *err)
{
    char full[FY_TOPIC_BYTES_MAX + 1];
    enum fy_code code = FY_OK;
    if (self->rk == NULL)
        return fy_err_set(err, FY_EBUSY, "commit: joining the group again");
    if (count == 0)
        return FY_OK;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; code == FY_OK && i < count; i++) {
        if (!is_ours(self, &offsets[i]) || offsets[i].offset < 0)
            code = fy_err_set(err, FY_EINPUT, "commit: topic %s, partition %d: not ours to commit",
                              offsets[i].topic, (int)offsets[i].partition);
        fy_kq_name(self->queue, offsets[i].topic, full);
        put_offset(rd_kafka_topic_partition_list_add(list, full, offsets[i].partition),
                   &offsets[i]);
    }
    if (code == FY_OK)
        code = fy_kq_commit_list(self, list, err);
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

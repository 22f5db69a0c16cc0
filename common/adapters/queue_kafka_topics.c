/* queue_kafka_topics.c - topics are made, and looked at. */
#include "common/adapters/queue_kafka_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/buf.h"
#include "common/core/log.h"

#define TEXT_OF(number)   TEXT_OF_2(number)
#define TEXT_OF_2(number) #number
#define MESSAGE_BYTES     TEXT_OF(FY_KAFKA_MESSAGE_BYTES)

/* From so many copies on one of them may be missing and orders are still taken. */
#define COPIES_SAFE         3
#define IN_SYNC_SAFE        "2"
#define RETENTION_NOT_ASKED INT64_MIN

/* A broker that has not heard of a new topic says that there is none: an answer to ask again for,
 * once another broker knows better. */
static enum fy_code not_yet(enum fy_code code)
{
    return code == FY_ENOTFOUND ? FY_EBUSY : code;
}

/* ------------------------------------------------------------------ making */

static void set_config(rd_kafka_NewTopic_t *topic, const char *name, const char *value)
{
    rd_kafka_resp_err_t error = rd_kafka_NewTopic_set_config(topic, name, value);
    FY_ASSERT(error == RD_KAFKA_RESP_ERR_NO_ERROR);
}

bool fy_kq_is_told(const struct fy_kafka *self, const char *name)
{
    for (size_t i = 0; i < FY_COUNT_OF(self->told); i++)
        if (strcmp(name, self->told[i]) == 0)
            return true;
    return false;
}

/* Records stay until they are done: trim takes them away, time must not. What is told to others has
 * no end but time. */
static int64_t retention_of(const struct fy_kafka *self, const char *name)
{
    return fy_kq_is_told(self, name) ? self->told_keep_ms : -1;
}

static rd_kafka_NewTopic_t *new_topic(const struct fy_kafka *self, const char *name,
                                      const char *full)
{
    char text[FY_ERR_TEXT_BYTES];
    char retention[24];
    int copies = self->replication == 0 ? -1 : (int)self->replication;
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(full, (int)self->partition_count, copies, text, sizeof(text));
    FY_ASSERT(topic != NULL); /* open has bounded both counts */
    (void)snprintf(retention, sizeof(retention), "%" PRId64, retention_of(self, name));
    set_config(topic, "retention.ms", retention);
    set_config(topic, "retention.bytes", "-1");
    set_config(topic, "cleanup.policy", "delete");
    set_config(topic, "max.message.bytes", MESSAGE_BYTES);
    set_config(topic, "unclean.leader.election.enable", "false");
    if (self->replication >= COPIES_SAFE)
        set_config(topic, "min.insync.replicas", IN_SYNC_SAFE);
    return topic;
}

static rd_kafka_event_t *ask_to_create(struct fy_kafka *self, const char *name, const char *full,
                                       int timeout_ms, struct fy_err *err)
{
    rd_kafka_NewTopic_t *topic = new_topic(self, name, full);
    struct fy_kq_call call =
        fy_kq_call_begin(self->control, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms, "make topic");
    rd_kafka_CreateTopics(self->control, &topic, 1, call.options, call.queue);
    rd_kafka_NewTopic_destroy(topic);
    return fy_kq_call_end(&call, err);
}

/* The library asks once only, and gives that up after its socket.timeout.ms. Existing already is
 * success: other processes start at the same moment, or the one that hung has made it. */
static enum fy_code create(struct fy_kafka *self, const char *name, const char *full,
                           struct fy_err *err)
{
    int64_t deadline_ms = fy_kq_now_ms() + FY_KAFKA_ADMIN_MS;
    rd_kafka_event_t *event = NULL;
    size_t count = 0;
    do
        event = ask_to_create(self, name, full, fy_kq_left_ms(deadline_ms), err);
    while (event == NULL && fy_kq_ask_again(err->code, deadline_ms));
    if (event == NULL)
        return err->code;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    FY_ASSERT(count == 1);
    rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[0]);
    enum fy_code code = FY_OK;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        code = fy_kq_failed(err, error, rd_kafka_topic_result_error_string(results[0]), full);
    rd_kafka_event_destroy(event);
    return code;
}

/* ------------------------------------------------------------------ looking */

static int64_t number_of(const rd_kafka_ConfigEntry_t *entry)
{
    const char *text = rd_kafka_ConfigEntry_value(entry);
    return text == NULL ? RETENTION_NOT_ASKED : strtoll(text, NULL, 10);
}

static void take_configs(const rd_kafka_ConfigResource_t *resource,
                         struct fy_kafka_topic_state *state)
{
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        if (strcmp(name, "retention.ms") == 0)
            state->retention_ms = number_of(entries[i]);
        else if (strcmp(name, "retention.bytes") == 0)
            state->retention_bytes = number_of(entries[i]);
        else if (strcmp(name, "min.insync.replicas") == 0)
            state->min_insync = number_of(entries[i]);
    }
}

/* A user who may not ask leaves the state as it is, "not asked". */
static enum fy_code ask_configs(struct fy_kafka *self, const char *full,
                                struct fy_kafka_topic_state *state, struct fy_err *err)
{
    size_t count = 0;
    rd_kafka_ConfigResource_t *wanted = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, full);
    struct fy_kq_call call = fy_kq_call_begin(self->control, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
                                              FY_KAFKA_ADMIN_MS, "ask how a topic is kept");
    rd_kafka_DescribeConfigs(self->control, &wanted, 1, call.options, call.queue);
    rd_kafka_ConfigResource_destroy(wanted);
    rd_kafka_event_t *event = fy_kq_call_end(&call, err);
    if (event == NULL)
        return err->code;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    FY_ASSERT(count == 1);
    enum fy_code code = FY_OK;
    rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(resources[0]);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        take_configs(resources[0], state);
    else if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        code = fy_kq_failed(err, error, NULL, full);
    rd_kafka_event_destroy(event);
    return code;
}

static void take_metadata(const struct rd_kafka_metadata *metadata,
                          struct fy_kafka_topic_state *state)
{
    const rd_kafka_metadata_topic_t *topic = &metadata->topics[0];
    state->exists = true;
    state->partition_count = (uint32_t)topic->partition_cnt;
    state->replication = (uint32_t)topic->partitions[0].replica_cnt;
    for (int i = 1; i < topic->partition_cnt; i++)
        if ((uint32_t)topic->partitions[i].replica_cnt < state->replication)
            state->replication = (uint32_t)topic->partitions[i].replica_cnt;
}

static enum fy_code ask_state(struct fy_kafka *self, const char *full,
                              struct fy_kafka_topic_state *state, struct fy_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    *state = (struct fy_kafka_topic_state){.min_insync = -1,
                                           .retention_ms = RETENTION_NOT_ASKED,
                                           .retention_bytes = RETENTION_NOT_ASKED};
    enum fy_code code = fy_kq_ask_metadata(self->control, full, FY_KAFKA_ADMIN_MS, &metadata, err);
    if (code == FY_ENOTFOUND)
        return FY_OK;
    if (code != FY_OK)
        return code;
    take_metadata(metadata, state);
    rd_kafka_metadata_destroy(metadata);
    int64_t deadline_ms = fy_kq_now_ms() + FY_KAFKA_ADMIN_MS;
    do
        code = ask_configs(self, full, state, err);
    while (fy_kq_ask_again(not_yet(code), deadline_ms));
    return code;
}

enum fy_code fy_queue_kafka_topic_state(struct fy_queue *queue, const char *topic,
                                        struct fy_kafka_topic_state *state, struct fy_err *err)
{
    struct fy_kafka *self = fy_kq_from(queue);
    char full[FY_TOPIC_BYTES_MAX + 1];
    struct fy_err own = {0}; /* a topic that is not there is no error of ours */
    fy_kq_name(self, topic, full);
    enum fy_code code = fy_kq_await_answer(self, &own);
    if (code == FY_OK)
        code = ask_state(self, full, state, &own);
    return code == FY_OK ? FY_OK : fy_err_set(err, code, "kafka: %s", own.text);
}

void fy_queue_kafka_topic_command(struct fy_queue *queue, const char *topic, struct fy_buf *command)
{
    const struct fy_kafka *self = fy_kq_from(queue);
    char full[FY_TOPIC_BYTES_MAX + 1];
    fy_kq_name(self, topic, full);
    fy_buf_printf(command,
                  "kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions %" PRIu32,
                  self->brokers, full, self->partition_count);
    if (self->replication > 0)
        fy_buf_printf(command, " --replication-factor %" PRIu32, self->replication);
    fy_buf_printf(command, " --config retention.ms=%" PRId64, retention_of(self, topic));
    fy_buf_text(command, " --config retention.bytes=-1"
                         " --config unclean.leader.election.enable=false"
                         " --config max.message.bytes=" MESSAGE_BYTES);
    if (self->replication >= COPIES_SAFE)
        fy_buf_text(command, " --config min.insync.replicas=" IN_SYNC_SAFE);
}

/* ------------------------------------------------------------------ ensuring */

/* Records that are deleted by age would be orders lost, unless a person has said that nothing will
 * ever wait so long. */
static enum fy_code judge_retention(const struct fy_kafka *self, const char *full,
                                    const struct fy_kafka_topic_state *state, struct fy_err *err)
{
    if (state->retention_ms == RETENTION_NOT_ASKED) {
        fy_log(NULL, FY_WARN, "kafka.retention_unknown", fy_kv_str("topic", full));
        return FY_OK;
    }
    if (state->retention_bytes >= 0)
        return fy_err_set(err, FY_EINPUT,
                          "topic %s deletes orders by size (retention.bytes=%" PRId64
                          "): set it to -1",
                          full, state->retention_bytes);
    if (state->retention_ms < 0)
        return FY_OK;
    if (self->accept_retention_ms == 0 || state->retention_ms < self->accept_retention_ms)
        return fy_err_set(err, FY_EINPUT,
                          "topic %s deletes orders by age (retention.ms=%" PRId64
                          "): set it to -1, or accept it with --accept-retention",
                          full, state->retention_ms);
    fy_log(NULL, FY_WARN, "kafka.retention_accepted", fy_kv_str("topic", full),
           fy_kv_i64("retention_ms", state->retention_ms));
    return FY_OK;
}

/* FY_OK: each partition has a leader, as far as the handle's broker knows. */
static enum fy_code ask_leaders(rd_kafka_t *rk, const char *full, int timeout_ms,
                                uint32_t *partition_count, struct fy_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    enum fy_code code = fy_kq_ask_metadata(rk, full, timeout_ms, &metadata, err);
    if (code != FY_OK)
        return code;
    *partition_count = (uint32_t)metadata->topics[0].partition_cnt;
    for (int i = 0; code == FY_OK && i < metadata->topics[0].partition_cnt; i++)
        if (metadata->topics[0].partitions[i].leader < 0)
            code = fy_err_set(err, FY_EBUSY, "%s: no leader for all partitions", full);
    rd_kafka_metadata_destroy(metadata);
    return code;
}

/* A topic that was just made has its leaders a moment later. */
static enum fy_code await_leaders(rd_kafka_t *rk, const char *full, uint32_t *partition_count,
                                  struct fy_err *err)
{
    int64_t deadline_ms = fy_kq_now_ms() + FY_KAFKA_ADMIN_MS;
    enum fy_code code = FY_OK;
    do
        code = ask_leaders(rk, full, fy_kq_left_ms(deadline_ms), partition_count, err);
    while (fy_kq_ask_again(not_yet(code), deadline_ms));
    return code;
}

/* A leader that has just been named refuses until it knows so itself. */
static enum fy_code await_ends(struct fy_kafka *self, const char *full, uint32_t partition_count,
                               struct fy_err *err)
{
    int64_t deadline_ms = fy_kq_now_ms() + FY_KAFKA_ADMIN_MS;
    rd_kafka_topic_partition_list_t *list =
        fy_kq_list_new(full, partition_count, RD_KAFKA_OFFSET_END);
    enum fy_code code = FY_OK;
    do
        code = fy_kq_ask_offsets(self->control, list, fy_kq_left_ms(deadline_ms), err);
    while (fy_kq_ask_again(not_yet(code), deadline_ms));
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

/* The one place that appends to the topics: the control mutex is held. */
static enum fy_code know(struct fy_kafka *self, const char *name, uint32_t partition_count,
                         struct fy_err *err)
{
    size_t count = atomic_load(&self->topic_count);
    size_t index = count;
    struct fy_kq_topic *topic = fy_kq_topic_find(self, name, &index);
    if (topic != NULL) {
        atomic_store(&topic->partition_count, partition_count);
        return FY_OK;
    }
    if (count == FY_QUEUE_TOPICS_MAX)
        return fy_err_set(err, FY_ETOOBIG, "over %d topics", FY_QUEUE_TOPICS_MAX);
    topic = fy_alloc(sizeof(*topic));
    FY_ASSERT(fy_text_copy(topic->name, sizeof(topic->name), name));
    atomic_init(&topic->partition_count, partition_count);
    self->topics[count] = topic;
    enum fy_code code = fy_kq_producer_topic(self, count, err);
    if (code != FY_OK) {
        self->topics[count] = NULL;
        free(topic);
        return code;
    }
    atomic_store_explicit(&self->topic_count, count + 1, memory_order_release);
    return FY_OK;
}

/* The producer asks for the topic's leaders now: the first record would wait a second for them. */
static enum fy_code warm_up(struct fy_kafka *self, const char *full, struct fy_err *err)
{
    uint32_t partition_count = 0;
    pthread_rwlock_rdlock(&self->producer_lock);
    enum fy_code code = await_leaders(self->producer->rk, full, &partition_count, err);
    pthread_rwlock_unlock(&self->producer_lock);
    return code;
}

static enum fy_code ensure(struct fy_kafka *self, const char *name, struct fy_err *err)
{
    char full[FY_TOPIC_BYTES_MAX + 1];
    struct fy_kafka_topic_state state;
    uint32_t partition_count = 0;
    fy_kq_name(self, name, full);
    enum fy_code code = ask_state(self, full, &state, err);
    if (code == FY_OK && !state.exists && !self->manage)
        return fy_err_set(err, FY_ENOTFOUND,
                          "topic %s is not there and topics.manage is off: ferry topics ensure "
                          "prints the commands that make them",
                          full);
    if (code == FY_OK && !state.exists)
        code = create(self, name, full, err);
    if (code == FY_OK)
        code = await_leaders(self->control, full, &partition_count, err);
    if (code == FY_OK && !state.exists) /* somebody else may have made it, in another way */
        code = ask_state(self, full, &state, err);
    if (code == FY_OK && !fy_kq_is_told(self, name))
        code = judge_retention(self, full, &state, err);
    if (code == FY_OK && partition_count > FY_PARTITIONS_MAX)
        code = fy_err_set(err, FY_ETOOBIG, "topic %s has %" PRIu32 " partitions, over %d", full,
                          partition_count, FY_PARTITIONS_MAX);
    if (code == FY_OK)
        code = await_ends(self, full, partition_count, err);
    if (code == FY_OK)
        code = know(self, name, partition_count, err);
    return code == FY_OK ? warm_up(self, full, err) : code;
}

enum fy_code fy_kq_topic_ensure(struct fy_queue *port, const char *topic, struct fy_err *err)
{
    struct fy_kafka *self = fy_kq_from(port);
    struct fy_err own = {0}; /* of a look that failed and was repeated, too */
    enum fy_code code = fy_kq_await_answer(self, &own);
    if (code == FY_OK) {
        pthread_mutex_lock(&self->control_mutex); /* asked even if nobody answered a moment ago */
        code = ensure(self, topic, &own);
        fy_kq_control_end(self, FY_OK);
    }
    return code == FY_OK ? FY_OK : fy_err_set(err, code, "kafka: ensure %s", own.text);
}

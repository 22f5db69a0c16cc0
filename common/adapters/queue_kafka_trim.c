/* queue_kafka_trim.c - done records on their way out: DeleteRecords below the slowest group. */
#include "common/adapters/queue_kafka_impl.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/log.h"

struct groups {
    size_t count;
    char *names[FY_KAFKA_GROUPS_MAX];
    bool too_many;
};

static void groups_free(struct groups *groups)
{
    for (size_t i = 0; i < groups->count; i++)
        free(groups->names[i]);
}

/* Those that have our prefix: with one, other sites of the cluster are none of our business. */
static void take_groups(const struct fy_kafka *self, rd_kafka_event_t *event, struct groups *groups)
{
    size_t count = 0;
    const rd_kafka_ConsumerGroupListing_t **found = rd_kafka_ListConsumerGroups_result_valid(
        rd_kafka_event_ListConsumerGroups_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConsumerGroupListing_group_id(found[i]);
        if (strncmp(name, self->prefix, strlen(self->prefix)) != 0)
            continue;
        if (groups->count == FY_KAFKA_GROUPS_MAX) {
            groups->too_many = true;
            return;
        }
        groups->names[groups->count++] = fy_strdup(name);
    }
}

static enum fy_code ask_groups(struct fy_kafka *self, struct groups *groups, struct fy_err *err)
{
    size_t failed_count = 0;
    struct fy_kq_call call = fy_kq_call_begin(self->control, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS,
                                              FY_KAFKA_ASK_MS, "list the groups");
    rd_kafka_ListConsumerGroups(self->control, call.options, call.queue);
    rd_kafka_event_t *event = fy_kq_call_end(&call, err);
    if (event == NULL)
        return err->code;
    const rd_kafka_error_t **failed = rd_kafka_ListConsumerGroups_result_errors(
        rd_kafka_event_ListConsumerGroups_result(event), &failed_count);
    enum fy_code code = FY_OK;
    if (failed_count > 0) /* a broker whose groups are not known may have the slowest */
        code = fy_kq_failed(err, rd_kafka_error_code(failed[0]), rd_kafka_error_string(failed[0]),
                            "list the groups");
    else
        take_groups(self, event, groups);
    rd_kafka_event_destroy(event);
    return code;
}

/* ------------------------------------------------------------------ one topic */

/* Lowers each offset of lowest to the group's. A group that is known on the topic, but not on a
 * partition of it, has done nothing there. */
static enum fy_code lower_to(struct fy_kafka *self, const char *group,
                             rd_kafka_topic_partition_list_t *lowest, bool *known,
                             struct fy_err *err)
{
    rd_kafka_topic_partition_list_t *committed = rd_kafka_topic_partition_list_copy(lowest);
    enum fy_code code = fy_kq_ask_committed(self, group, committed, FY_KAFKA_ASK_MS, err);
    bool any = false;
    for (int i = 0; code == FY_OK && i < committed->cnt; i++)
        any |= committed->elems[i].offset >= 0;
    for (int i = 0; any && i < committed->cnt; i++) {
        int64_t offset = committed->elems[i].offset >= 0 ? committed->elems[i].offset : 0;
        if (offset < lowest->elems[i].offset)
            lowest->elems[i].offset = offset;
    }
    *known |= any;
    rd_kafka_topic_partition_list_destroy(committed);
    return code;
}

/* Up to where each partition may go: below every group, and older than asked. */
static enum fy_code find_targets(struct fy_kafka *self, const struct groups *groups,
                                 int64_t older_than_ms, rd_kafka_topic_partition_list_t *lowest,
                                 bool *known, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    rd_kafka_topic_partition_list_t *young = rd_kafka_topic_partition_list_copy(lowest);
    for (size_t i = 0; code == FY_OK && i < groups->count; i++)
        code = lower_to(self, groups->names[i], lowest, known, err);
    if (code == FY_OK && *known) {
        for (int i = 0; i < young->cnt; i++)
            young->elems[i].offset = older_than_ms;
        code = fy_kq_ask_offsets(self->control, young, FY_KAFKA_ASK_MS, err);
    }
    for (int i = 0; code == FY_OK && *known && i < young->cnt; i++)
        if (young->elems[i].offset >= 0 && young->elems[i].offset < lowest->elems[i].offset)
            lowest->elems[i].offset = young->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(young);
    return code;
}

static enum fy_code delete_records(struct fy_kafka *self,
                                   const rd_kafka_topic_partition_list_t *before,
                                   struct fy_err *err)
{
    static const char doing[] = "delete done records";
    if (before->cnt == 0)
        return FY_OK;
    rd_kafka_DeleteRecords_t *wanted = rd_kafka_DeleteRecords_new(before);
    struct fy_kq_call call =
        fy_kq_call_begin(self->control, RD_KAFKA_ADMIN_OP_DELETERECORDS, FY_KAFKA_ADMIN_MS, doing);
    rd_kafka_DeleteRecords(self->control, &wanted, 1, call.options, call.queue);
    rd_kafka_DeleteRecords_destroy(wanted);
    rd_kafka_event_t *event = fy_kq_call_end(&call, err);
    if (event == NULL)
        return err->code;
    const rd_kafka_topic_partition_list_t *list =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
    enum fy_code code = fy_kq_list_failed(list, doing, err);
    rd_kafka_event_destroy(event);
    return code;
}

/* Of the targets, those that would delete something. */
static enum fy_code delete_below(struct fy_kafka *self,
                                 const rd_kafka_topic_partition_list_t *targets, struct fy_err *err)
{
    rd_kafka_topic_partition_list_t *starts = rd_kafka_topic_partition_list_copy(targets);
    rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_new(0);
    for (int i = 0; i < starts->cnt; i++)
        starts->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
    enum fy_code code = fy_kq_ask_offsets(self->control, starts, FY_KAFKA_ASK_MS, err);
    for (int i = 0; code == FY_OK && i < targets->cnt; i++) {
        const rd_kafka_topic_partition_t *target = &targets->elems[i];
        if (target->offset > starts->elems[i].offset)
            rd_kafka_topic_partition_list_add(before, target->topic, target->partition)->offset =
                target->offset;
    }
    if (code == FY_OK)
        code = delete_records(self, before, err);
    rd_kafka_topic_partition_list_destroy(starts);
    rd_kafka_topic_partition_list_destroy(before);
    return code;
}

static enum fy_code trim_topic(struct fy_kafka *self, const struct fy_kq_topic *topic,
                               const struct groups *groups, int64_t older_than_ms,
                               struct fy_err *err)
{
    char full[FY_TOPIC_BYTES_MAX + 1];
    uint32_t count = 0;
    bool known = false;
    fy_kq_name(self, topic->name, full);
    enum fy_code code = fy_kq_ask_partitions(self, full, FY_KAFKA_ASK_MS, &count, err);
    if (code != FY_OK)
        return code == FY_ENOTFOUND ? FY_OK : code; /* somebody has deleted it */
    rd_kafka_topic_partition_list_t *targets = fy_kq_list_new(full, count, INT64_MAX);
    code = find_targets(self, groups, older_than_ms, targets, &known, err);
    if (code == FY_OK && known)
        code = delete_below(self, targets, err);
    rd_kafka_topic_partition_list_destroy(targets);
    return code == FY_OK ? FY_OK : fy_err_add(err, "%s", full);
}

/* ------------------------------------------------------------------ the port */

static enum fy_code trim_all(struct fy_kafka *self, int64_t older_than_ms, struct fy_err *err)
{
    struct groups groups = {0};
    enum fy_code code = ask_groups(self, &groups, err);
    size_t count = atomic_load(&self->topic_count);
    if (groups.too_many)
        code = fy_err_set(err, FY_ETOOBIG,
                          "over %d groups in the cluster: give this site a queue.prefix",
                          FY_KAFKA_GROUPS_MAX);
    for (size_t i = 0; code == FY_OK && i < count; i++)
        if (!fy_kq_is_told(self, self->topics[i]->name)) /* whoever reads it, it is not ours */
            code = trim_topic(self, self->topics[i], &groups, older_than_ms, err);
    groups_free(&groups);
    return code;
}

enum fy_code fy_kq_trim(struct fy_queue *port, int64_t older_than_ms, struct fy_err *err)
{
    struct fy_kafka *self = fy_kq_from(port);
    struct fy_err own = {0};
    if (!self->manage)
        return FY_OK; /* its user may not: the cluster's people see to it */
    enum fy_code code = fy_kq_control_begin(self, &own);
    if (code == FY_OK) {
        code = trim_all(self, older_than_ms, &own);
        fy_kq_control_end(self, code);
    }
    return code == FY_OK ? FY_OK : fy_err_set(err, code, "trim: %s", own.text);
}

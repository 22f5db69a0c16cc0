/* topics.c - `ferry topics ensure`, and what `ferry doctor` says of topics. */
#include "cli/topics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/node_open.h"
#include "cli/output.h"
#include "common/core/clock.h"
#include "common/core/names.h"

#define IN_SYNC_SAFE 2 /* fewer: an acknowledged order may be in one place only */
#define COMMAND_BYTES_MAX                                                                          \
    2048                     /* one kafka-topics command: the brokers' addresses are the longest */
#define HEADROOM_PART_LEFT 2 /* less than a half left is said */

/* ------------------------------------------------------------------ names */

static enum fy_code add_site(struct fy_topic_names *names, const char *site, struct fy_err *err)
{
    if (!fy_site_is_valid(site))
        return fy_err_set(err, FY_EINPUT, "'%s' is not a site's name", site);
    char topic[FY_TOPIC_BYTES_MAX + 1];
    fy_topic_of_site(site, topic);
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i], topic) == 0)
            return FY_OK;
    if (names->count == FY_SITE_TOPICS_MAX)
        return fy_err_set(err, FY_ETOOBIG, "over %d sites", FY_SITES_MAX);
    memcpy(names->names[names->count++], topic, sizeof(topic));
    return FY_OK;
}

enum fy_code fy_topic_names(const struct fy_config *config, bool peers, const char *const *sites,
                            size_t site_count, struct fy_topic_names *names, struct fy_err *err)
{
    const struct {
        const char *name;
        bool used;
    } own[] = {{FY_TOPIC_REPLICATION, true},
               {FY_TOPIC_ACTION, true},
               {FY_TOPIC_DEAD, true},
               {FY_TOPIC_EVENTS, fy_config_tells(config)},
               {FY_TOPIC_OIO, fy_config_tells_oio(config)}};
    enum fy_code code = FY_OK;
    *names = (struct fy_topic_names){0};
    for (size_t i = 0; i < FY_COUNT_OF(own); i++)
        if (own[i].used)
            FY_ASSERT(
                fy_text_copy(names->names[names->count++], FY_TOPIC_BYTES_MAX + 1, own[i].name));
    for (uint32_t i = 0; peers && code == FY_OK && i < config->peer_count; i++) {
        char site[FY_CONFIG_TEXT_BYTES];
        FY_ASSERT(fy_text_copy(site, sizeof(site), config->peers[i]));
        site[strcspn(site, "=")] = '\0';
        code = add_site(names, site, err);
    }
    for (size_t i = 0; code == FY_OK && i < site_count; i++)
        code = add_site(names, sites[i], err);
    return code;
}

/* By whom it is read, only they know. */
static bool is_told(const char *topic)
{
    return strcmp(topic, FY_TOPIC_EVENTS) == 0 || strcmp(topic, FY_TOPIC_OIO) == 0;
}

/* Who reads a topic. */
static const char *group_of(const char *topic)
{
    if (strcmp(topic, FY_TOPIC_ACTION) == 0)
        return FY_GROUP_WORKER;
    if (strcmp(topic, FY_TOPIC_DEAD) == 0)
        return FY_GROUP_KEEPER;
    return strcmp(topic, FY_TOPIC_REPLICATION) == 0 ? FY_GROUP_ROUTER : FY_GROUP_SENDER;
}

/* ------------------------------------------------------------------ judging */

/* Who is told what is found of one topic. */
struct listener {
    const char *topic;
    fy_topic_say_fn *say;
    void *arg;
};

static void find(void *arg, enum fy_doctor_level level, const char *text)
{
    const struct listener *listener = arg;
    listener->say(listener->arg, level, listener->topic, text);
}

static void judge_copies(struct fy_doctor_judge *judge, const struct fy_config *config,
                         const struct fy_kafka_topic_state *state)
{
    if (state->replication < config->topics_replication)
        fy_doctor_say(judge, FY_DOCTOR_WARN, "has %" PRIu32 " copies, not %" PRIu32,
                      state->replication, config->topics_replication);
    if (state->min_insync < 0) {
        fy_doctor_say(judge, FY_DOCTOR_WARN, "does not tell its settings: this user may not ask");
    } else if (state->min_insync > (int64_t)state->replication) {
        fy_doctor_say(judge, FY_DOCTOR_FAIL,
                      "takes no order: min.insync.replicas=%" PRId64 " of %" PRIu32 " copies",
                      state->min_insync, state->replication);
    } else if (state->min_insync < IN_SYNC_SAFE) {
        fy_doctor_say(judge, FY_DOCTOR_WARN,
                      "min.insync.replicas=%" PRId64 ": an accepted order may be on one disk only",
                      state->min_insync);
    } else if (state->min_insync == (int64_t)state->replication) {
        fy_doctor_say(judge, FY_DOCTOR_WARN, "takes no order while any one of its brokers is away");
    }
}

static void judge_retention(struct fy_doctor_judge *judge, const struct fy_config *config,
                            const struct fy_kafka_topic_state *state, int64_t oldest_age_ms)
{
    char kept[FY_CELL_BYTES];
    char left[FY_CELL_BYTES];
    if (state->retention_bytes >= 0)
        fy_doctor_say(judge, FY_DOCTOR_FAIL,
                      "deletes orders by size: retention.bytes=%" PRId64 ", not -1",
                      state->retention_bytes);
    if (state->retention_ms < 0)
        return;
    int64_t left_ms = state->retention_ms - oldest_age_ms;
    fy_cell_seconds(state->retention_ms / 1000, kept);
    fy_cell_seconds(left_ms / 1000, left);
    if (config->accept_retention_ms == 0 || state->retention_ms < config->accept_retention_ms)
        fy_doctor_say(judge, FY_DOCTOR_FAIL,
                      "deletes orders by age: retention.ms=%" PRId64
                      ", not -1 (--accept-retention puts up "
                      "with it)",
                      state->retention_ms);
    else if (left_ms < state->retention_ms / HEADROOM_PART_LEFT)
        fy_doctor_say(judge, FY_DOCTOR_FAIL,
                      "deletes what is older than %s; the oldest undone has %s left", kept,
                      left_ms > 0 ? left : "nothing");
    else
        fy_doctor_say(judge, FY_DOCTOR_WARN,
                      "deletes what is older than %s; the oldest undone has %s left", kept, left);
}

/* No order is lost with an event that is deleted, and nobody trims them: time has to. */
static void judge_told(struct fy_doctor_judge *judge, const struct fy_kafka_topic_state *state)
{
    char kept[FY_CELL_BYTES];
    if (state->retention_ms < 0 && state->retention_bytes < 0) {
        fy_doctor_say(judge, FY_DOCTOR_WARN, "keeps events for ever, and nobody deletes them");
        return;
    }
    fy_cell_seconds(state->retention_ms / 1000, kept);
    if (!judge->spoke)
        fy_doctor_say(
            judge, FY_DOCTOR_OK, "%" PRIu32 " partitions, %" PRIu32 " copies, events kept %s",
            state->partition_count, state->replication, state->retention_ms < 0 ? "by size" : kept);
}

void fy_topic_judge(const struct fy_config *config, const char *topic,
                    const struct fy_kafka_topic_state *state, int64_t oldest_age_ms,
                    fy_topic_say_fn *say, void *arg)
{
    struct listener listener = {.topic = topic, .say = say, .arg = arg};
    struct fy_doctor_judge judge = {.find = find, .arg = &listener};
    if (!state->exists) {
        fy_doctor_say(&judge, FY_DOCTOR_FAIL, "is not there: ferry topics ensure");
        return;
    }
    if (state->partition_count > FY_PARTITIONS_MAX)
        fy_doctor_say(&judge, FY_DOCTOR_FAIL, "has %" PRIu32 " partitions, over %d",
                      state->partition_count, FY_PARTITIONS_MAX);
    else if (state->partition_count < config->queue_partitions)
        fy_doctor_say(&judge, FY_DOCTOR_WARN,
                      "has %" PRIu32 " partitions, not %" PRIu32
                      ": more workers than that stand idle",
                      state->partition_count, config->queue_partitions);
    judge_copies(&judge, config, state);
    if (is_told(topic)) {
        judge_told(&judge, state);
        return;
    }
    judge_retention(&judge, config, state, oldest_age_ms);
    if (!judge.spoke)
        fy_doctor_say(&judge, FY_DOCTOR_OK,
                      "%" PRIu32 " partitions, %" PRIu32 " copies, kept until done",
                      state->partition_count, state->replication);
}

static bool take_oldest(void *arg, const struct fy_partition_lag *lag)
{
    int64_t *oldest_ms = arg;
    if (lag->oldest_ms != 0 && (*oldest_ms == 0 || lag->oldest_ms < *oldest_ms))
        *oldest_ms = lag->oldest_ms;
    return true;
}

static enum fy_code check(const struct fy_config *config, struct fy_queue *queue, const char *topic,
                          fy_topic_say_fn *say, void *arg, struct fy_err *err)
{
    struct fy_kafka_topic_state state;
    int64_t oldest_ms = 0;
    enum fy_code code = fy_queue_kafka_topic_state(queue, topic, &state, err);
    if (code == FY_OK && state.exists && state.retention_ms >= 0 && !is_told(topic))
        code = fy_queue_lag(queue, group_of(topic), topic, take_oldest, &oldest_ms, err);
    if (code != FY_OK)
        return code;
    int64_t age_ms = oldest_ms == 0 ? 0 : fy_wall_ms(fy_clock_system()) - oldest_ms;
    fy_topic_judge(config, topic, &state, age_ms > 0 ? age_ms : 0, say, arg);
    return FY_OK;
}

enum fy_code fy_topics_check(const struct fy_config *config, struct fy_queue *queue,
                             const struct fy_topic_names *names, fy_topic_say_fn *say, void *arg,
                             struct fy_err *err)
{
    enum fy_code code = FY_OK;
    for (size_t i = 0; code == FY_OK && i < names->count; i++)
        code = check(config, queue, names->names[i], say, arg, err);
    return code;
}

/* ------------------------------------------------------------------ the command */

struct ensuring {
    const struct fy_command_line *line;
    struct fy_queue *queue;
    struct fy_topic_names names;
    bool made[FY_SITE_TOPICS_MAX]; /* by this call; as names */
    struct fy_table table;
    size_t levels[FY_DOCTOR_LEVELS];
};

static bool was_made(const struct ensuring *ensuring, const char *topic)
{
    for (size_t i = 0; i < ensuring->names.count; i++)
        if (strcmp(ensuring->names.names[i], topic) == 0)
            return ensuring->made[i];
    return false;
}

static void print_finding(void *arg, enum fy_doctor_level level, const char *topic,
                          const char *text)
{
    struct ensuring *ensuring = arg;
    bool made = was_made(ensuring, topic);
    ensuring->levels[level]++;
    if (!ensuring->line->json) {
        char found[FY_ERR_TEXT_BYTES + 16];
        (void)snprintf(found, sizeof(found), "%s%s", made ? "made: " : "", text);
        FY_TABLE_ROW(&ensuring->table, fy_doctor_level_name(level), topic, found);
        return;
    }
    FY_AUTO(fy_buf_done) struct fy_buf json;
    fy_buf_init(&json, COMMAND_BYTES_MAX);
    fy_buf_text(&json, "{");
    fy_buf_json_str(&json, "level", fy_doctor_level_name(level));
    fy_buf_json_str(&json, "topic", topic);
    fy_buf_json_bool(&json, "made", made);
    fy_buf_json_str(&json, "text", text);
    fy_buf_text(&json, "}");
    fy_print_buf(&json);
}

/* What somebody with the right has to run; they are no secret, and go to stdout as they are. */
static enum fy_code print_commands(struct ensuring *ensuring, struct fy_err *err)
{
    for (size_t i = 0; i < ensuring->names.count; i++) {
        struct fy_kafka_topic_state state;
        enum fy_code code =
            fy_queue_kafka_topic_state(ensuring->queue, ensuring->names.names[i], &state, err);
        if (code != FY_OK)
            return code;
        if (state.exists)
            continue;
        FY_AUTO(fy_buf_done) struct fy_buf command;
        fy_buf_init(&command, COMMAND_BYTES_MAX);
        fy_queue_kafka_topic_command(ensuring->queue, ensuring->names.names[i], &command);
        fy_say("%s", command.bytes);
    }
    return FY_OK;
}

/* A topic that is kept in a way that loses orders is said with all the others; one that cannot be
 * made ends it, with the cluster's reason. */
static enum fy_code make_topics(struct ensuring *ensuring, struct fy_err *err)
{
    for (size_t i = 0; i < ensuring->names.count; i++) {
        struct fy_kafka_topic_state before;
        const char *name = ensuring->names.names[i];
        enum fy_code code = fy_queue_kafka_topic_state(ensuring->queue, name, &before, err);
        if (code == FY_OK)
            code = fy_queue_topic_ensure(ensuring->queue, name, err);
        if (code != FY_OK && !(code == FY_EINPUT && before.exists))
            return code;
        ensuring->made[i] = code == FY_OK && !before.exists;
    }
    return FY_OK;
}

static enum fy_code ensure(struct ensuring *ensuring, struct fy_err *err)
{
    const struct fy_config *config = &ensuring->line->config;
    if (!fy_queue_is_kafka(config))
        return fy_err_set(err, FY_EINPUT,
                          "the embedded queue makes its own topics; of a Kafka, say which: --queue "
                          "kafka://HOST:PORT");
    enum fy_code code = fy_topic_names(config, true, ensuring->line->words,
                                       (size_t)ensuring->line->word_count, &ensuring->names, err);
    if (code == FY_OK)
        code = fy_queue_open_kafka(config, fy_clock_system(), &ensuring->queue, err);
    if (code == FY_OK)
        code = config->topics_manage ? make_topics(ensuring, err) : print_commands(ensuring, err);
    if (code == FY_OK)
        code = fy_topics_check(config, ensuring->queue, &ensuring->names, print_finding, ensuring,
                               err);
    return code;
}

int fy_command_topics_ensure(const struct fy_command_line *line)
{
    struct fy_err err = {0};
    struct ensuring *ensuring = fy_alloc(sizeof(*ensuring));
    ensuring->line = line;
    FY_TABLE_INIT(&ensuring->table, "<CHECK", "<TOPIC", "<FOUND");
    enum fy_code code = ensure(ensuring, &err);
    fy_table_print(&ensuring->table, line->config.topics_manage ? stdout : stderr);
    int exit_status = code == FY_EINPUT                      ? fy_fail_usage(&err)
                      : code != FY_OK                        ? fy_fail(&err)
                      : ensuring->levels[FY_DOCTOR_FAIL] > 0 ? FY_EXIT_ERROR
                                                             : FY_EXIT_DONE;
    fy_queue_close(ensuring->queue);
    fy_table_done(&ensuring->table);
    free(ensuring);
    return fy_output_end(exit_status);
}

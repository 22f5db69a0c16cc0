/* queue_kafka.c - the queue port over Kafka: open, close, the topics we know, the port's table. */
#include "common/adapters/queue_kafka_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t fy_kq_now_ms(void)
{
    return fy_mono_ms(fy_clock_system());
}

void fy_kq_name(const struct fy_kafka *self, const char *name,
                char full[static FY_TOPIC_BYTES_MAX + 1])
{
    int length = snprintf(full, FY_TOPIC_BYTES_MAX + 1, "%s%s", self->prefix, name);
    FY_ASSERT(length > 0);
    FY_ASSERT(length <= FY_TOPIC_BYTES_MAX); /* open has bounded the prefix, names.h the sites */
}

struct fy_kq_topic *fy_kq_topic_find(struct fy_kafka *self, const char *name, size_t *index)
{
    size_t count = atomic_load_explicit(&self->topic_count, memory_order_acquire);
    for (size_t i = 0; i < count; i++)
        if (strcmp(self->topics[i]->name, name) == 0) {
            *index = i;
            return self->topics[i];
        }
    return NULL;
}

/* The library's queue of the producer: it is not the queue that orders wait in. */
static void fill(struct fy_queue *port, int64_t *used_bytes, int64_t *max_bytes)
{
    struct fy_kafka *self = fy_kq_from(port);
    pthread_mutex_lock(&self->mutex);
    *used_bytes = (int64_t)self->pending_bytes;
    pthread_mutex_unlock(&self->mutex);
    *max_bytes = (int64_t)self->bytes_max;
}

static void free_all(struct fy_kafka *self)
{
    size_t count = atomic_load(&self->topic_count);
    for (size_t i = 0; i < count; i++)
        free(self->topics[i]);
    fy_kq_asker_close(self);
    if (self->control != NULL)
        rd_kafka_destroy(self->control);
    if (self->base_conf != NULL)
        rd_kafka_conf_destroy(self->base_conf);
    pthread_rwlock_destroy(&self->producer_lock);
    pthread_mutex_destroy(&self->mutex);
    pthread_mutex_destroy(&self->control_mutex);
    pthread_mutex_destroy(&self->lines_mutex);
    pthread_mutex_destroy(&self->health.mutex);
    pthread_cond_destroy(&self->health.wake);
    pthread_cond_destroy(&self->settled);
    free(self->brokers);
    free(self);
}

static void close_queue(struct fy_queue *port)
{
    struct fy_kafka *self = fy_kq_from(port);
    fy_kq_health_close(self);
    fy_kq_producer_close(self);
    free_all(self);
}

static const struct fy_queue_ops ops = {
    .name = "kafka",
    .topic_ensure = fy_kq_topic_ensure,
    .publish = fy_kq_publish,
    .consumer_open = fy_kq_consumer_open,
    .consumer_fd = fy_kq_consumer_fd,
    .consumer_event = fy_kq_consumer_event,
    .consumer_revoked = fy_kq_consumer_revoked,
    .consumer_poll = fy_kq_consumer_poll,
    .consumer_commit = fy_kq_consumer_commit,
    .consumer_close = fy_kq_consumer_close,
    .lag = fy_kq_lag,
    .trim = fy_kq_trim,
    .fill = fill,
    .health = fy_kq_health,
    .close = close_queue,
};

/* What may stand in a topic's name. */
static bool prefix_is_valid(const char *prefix)
{
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "._-";
    return strspn(prefix, allowed) == strlen(prefix);
}

/* A person may have given the library a smaller queue than ours. */
static size_t limit_of(const struct fy_kafka *self, const char *property)
{
    char text[32] = "";
    size_t text_bytes = sizeof(text);
    rd_kafka_conf_res_t found = rd_kafka_conf_get(self->base_conf, property, text, &text_bytes);
    FY_ASSERT(found == RD_KAFKA_CONF_OK);
    return strtoul(text, NULL, 10);
}

static void set_limits(struct fy_kafka *self)
{
    self->records_max =
        limit_of(self, "queue.buffering.max.messages") * FY_KAFKA_FULL_PERCENT / 100;
    self->bytes_max =
        limit_of(self, "queue.buffering.max.kbytes") * 1024 / 100 * FY_KAFKA_FULL_PERCENT;
    self->publish_ms = (int64_t)limit_of(self, "message.timeout.ms");
}

static struct fy_kafka *kafka_new(const struct fy_queue_kafka_settings *settings)
{
    struct fy_kafka *self = fy_alloc(sizeof(*self));
    pthread_condattr_t monotonic;
    self->port.ops = &ops;
    self->clock = settings->clock;
    self->brokers = fy_strdup(settings->brokers);
    self->partition_count = settings->partition_count;
    self->replication = settings->replication;
    self->manage = settings->manage;
    self->accept_retention_ms = settings->accept_retention_ms;
    FY_ASSERT(settings->told_count <= FY_KAFKA_TOLD_MAX);
    for (size_t i = 0; i < settings->told_count; i++)
        FY_ASSERT(fy_text_copy(self->told[i], sizeof(self->told[i]), settings->told_topics[i]));
    self->told_keep_ms = settings->told_keep_ms;
    pthread_rwlock_init(&self->producer_lock, NULL);
    pthread_mutex_init(&self->mutex, NULL);
    pthread_mutex_init(&self->control_mutex, NULL);
    pthread_mutex_init(&self->lines_mutex, NULL);
    pthread_mutex_init(&self->health.mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->settled, &monotonic);
    pthread_cond_init(&self->health.wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return self;
}

/* The configuration that all handles begin with; the caller's. */
static enum fy_code read_settings(const struct fy_queue_kafka_settings *settings,
                                  rd_kafka_conf_t **conf, struct fy_err *err)
{
    if (strlen(settings->prefix) > FY_KAFKA_PREFIX_BYTES_MAX || !prefix_is_valid(settings->prefix))
        return fy_err_set(err, FY_EINPUT, "prefix '%s' is not 0-%d of 0-9 A-Z a-z . _ -",
                          settings->prefix, FY_KAFKA_PREFIX_BYTES_MAX);
    return fy_kq_conf_base(settings, conf, err);
}

enum fy_code fy_queue_kafka_check(const struct fy_queue_kafka_settings *settings,
                                  struct fy_err *err)
{
    rd_kafka_conf_t *conf = NULL;
    if (read_settings(settings, &conf, err) != FY_OK)
        return fy_err_add(err, "kafka");
    rd_kafka_conf_destroy(conf);
    return FY_OK;
}

enum fy_code fy_queue_kafka_open(const struct fy_queue_kafka_settings *settings,
                                 struct fy_queue **queue, struct fy_err *err)
{
    FY_ASSERT(*queue == NULL);
    struct fy_kafka *self = kafka_new(settings);
    enum fy_code code = read_settings(settings, &self->base_conf, err);
    if (code == FY_OK) {
        FY_ASSERT(fy_text_copy(self->prefix, sizeof(self->prefix), settings->prefix));
        set_limits(self);
        code = fy_kq_handle_new(self, FY_KQ_CONTROL, NULL, 0, &self->control, err);
    }
    if (code == FY_OK)
        code = fy_kq_health_open(self, err);
    if (code == FY_OK)
        code = fy_kq_producer_open(self, err);
    if (code != FY_OK) {
        fy_kq_health_close(self);
        free_all(self);
        return fy_err_add(err, "kafka");
    }
    *queue = &self->port;
    return FY_OK;
}

/* queue_kafka_log.c - the library's log lines as ours: each at most once a minute. */
/* Every handle says of every broker that is away that it is, at every try. */
#include "common/adapters/queue_kafka_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/core/hash.h"
#include "common/core/log.h"

void fy_kq_cut_counts(char *text)
{
    char *end = strstr(text, " (after ");
    if (end != NULL)
        *end = '\0';
}

/* The same trouble whichever handle has it: "[thrd:NAME]: " in front is the handle's own. */
static const char *without_thread(const char *text)
{
    const char *end = strncmp(text, "[thrd:", 6) == 0 ? strstr(text, "]: ") : NULL;
    return end == NULL ? text : end + 3;
}

/* false: it was said less than a minute ago. left_out: how often it was not said before. */
static bool may_say(struct fy_kafka *self, const char *facility, const char *text,
                    uint32_t *left_out)
{
    uint64_t hash = fy_hash_text(fy_hash_text(FY_HASH_START, facility), text);
    struct fy_kq_line *line = &self->lines[hash % FY_COUNT_OF(self->lines)];
    int64_t now_ms = fy_kq_now_ms();
    pthread_mutex_lock(&self->lines_mutex);
    bool same = line->hash == hash && line->said_ms != 0;
    bool say = !same || now_ms - line->said_ms >= FY_KAFKA_LOG_MS;
    *left_out = same ? line->left_out : 0;
    if (say)
        *line = (struct fy_kq_line){.hash = hash, .said_ms = now_ms};
    else
        line->left_out++;
    pthread_mutex_unlock(&self->lines_mutex);
    return say;
}

void fy_kq_on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    char line[FY_ERR_TEXT_BYTES];
    uint32_t left_out = 0;
    struct fy_kafka *self = rk == NULL ? NULL : rd_kafka_opaque(rk);
    /* A property of producers is of no use to a consumer: we set them all on every handle. That all
     * brokers are down is told by the pulse, and said of every handle that closes. */
    bool expected = strcmp(facility, "CONFWARN") == 0 || strstr(text, "brokers are down") != NULL;
    enum fy_log_level ours = expected     ? FY_DEBUG
                             : level <= 3 ? FY_WARN
                             : level <= 5 ? FY_INFO
                                          : FY_DEBUG;
    (void)snprintf(line, sizeof(line), "%s", without_thread(text)); /* a long one is cut */
    fy_kq_cut_counts(line);
    if (!fy_log_enabled(ours) || (self != NULL && !may_say(self, facility, line, &left_out)))
        return;
    fy_log(NULL, ours, "kafka.log", fy_kv_str("client", rk == NULL ? "" : rd_kafka_name(rk)),
           fy_kv_str("facility", facility), fy_kv_str("text", line),
           fy_kv_i64("left_out", left_out));
}

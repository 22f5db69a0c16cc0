/* queue_kafka_health.c - whether the brokers answer, and acknowledge: asked by a thread of its own,
 * so that whoever wants to know is told at once. */
/* The library tells when the last connection goes, never when one is back, and nothing at all of a
 * broker that hangs. So a broker is asked for no more than who it is, again and again. */
#include "common/adapters/queue_kafka_impl.h"

#include <stdio.h>
#include <string.h>

#include "common/core/log.h"
#include "common/runtime/pool.h"

/* ------------------------------------------------------------------ what is heard */

void fy_kq_health_error(struct fy_kafka *self, rd_kafka_resp_err_t error, const char *text)
{
    struct fy_kq_health *health = &self->health;
    pthread_mutex_lock(&health->mutex);
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        health->lost = true; /* idle connections end, too: the next answer will tell */
        pthread_cond_signal(&health->wake);
    } else {
        health->refused = health->refused || error == RD_KAFKA_RESP_ERR__AUTHENTICATION;
        (void)snprintf(health->cause, sizeof(health->cause), "%s", text); /* a long one is cut */
        fy_kq_cut_counts(health->cause);
    }
    pthread_mutex_unlock(&health->mutex);
}

void fy_kq_health_published(struct fy_kafka *self, bool acknowledged)
{
    int64_t failed_ms = acknowledged ? 0 : fy_kq_now_ms();
    if (failed_ms != atomic_load_explicit(&self->health.failed_ms, memory_order_relaxed))
        atomic_store_explicit(&self->health.failed_ms, failed_ms, memory_order_relaxed);
}

/* ------------------------------------------------------------------ asking */

static void log_change(enum fy_code before, const struct fy_err *away, int64_t away_ms)
{
    if (before == FY_OK && away->code != FY_OK)
        fy_log(NULL, FY_WARN, "kafka.away", fy_kv_err(away));
    if (before != FY_OK && away->code == FY_OK)
        fy_log(NULL, FY_INFO, "kafka.back", fy_kv_i64("away_ms", away_ms));
}

/* One broker of several may hang while others work: a request to it that is not answered says
 * little, until the library has given its connection up and gone to another. No connection at all
 * says all. */
static void judge(struct fy_kafka *self, rd_kafka_resp_err_t error)
{
    struct fy_kq_health *health = &self->health;
    int64_t now_ms = fy_kq_now_ms();
    pthread_mutex_lock(&health->mutex);
    enum fy_code before = health->asked ? health->away.code : FY_OK;
    int64_t silent_ms = now_ms - health->answered_ms;
    health->asked = true;
    health->answered = error == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (health->answered) {
        health->answered_ms = now_ms;
        health->away = (struct fy_err){.code = FY_OK};
        health->refused = false;
        health->lost = false;
        health->cause[0] = '\0';
    } else if (error != RD_KAFKA_RESP_ERR__TIMED_OUT || health->lost ||
               silent_ms >= FY_KAFKA_SILENT_MS) {
        (void)fy_err_set(&health->away, health->refused ? FY_EFORBIDDEN : FY_EBUSY,
                         "no broker answers: %s",
                         health->cause[0] != '\0' ? health->cause : rd_kafka_err2str(error));
    }
    struct fy_err away = health->away;
    pthread_mutex_unlock(&health->mutex);
    log_change(before, &away, silent_ms);
}

static void ask(struct fy_kafka *self)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t error =
        rd_kafka_metadata(self->control, 0, NULL, &metadata, FY_KAFKA_PULSE_ANSWER_MS);
    if (metadata != NULL)
        rd_kafka_metadata_destroy(metadata);
    judge(self, error);
}

/* false: the queue closes. */
static bool await_turn(struct fy_kq_health *health)
{
    int timed_out = 0;
    pthread_mutex_lock(&health->mutex);
    int64_t wait_ms = health->answered ? FY_KAFKA_PULSE_MS : FY_KAFKA_PULSE_AWAY_MS;
    const struct timespec until = fy_mono_timespec(fy_kq_now_ms() + wait_ms);
    while (!health->stopping && timed_out == 0 && !(health->lost && health->answered))
        timed_out = pthread_cond_timedwait(&health->wake, &health->mutex, &until);
    bool goes_on = !health->stopping;
    pthread_mutex_unlock(&health->mutex);
    return goes_on;
}

static void *pulse_main(void *arg)
{
    struct fy_kafka *self = arg;
    do
        ask(self);
    while (await_turn(&self->health));
    return NULL;
}

/* ------------------------------------------------------------------ telling */

bool fy_kq_is_away(struct fy_kafka *self, struct fy_err *err)
{
    struct fy_kq_health *health = &self->health;
    pthread_mutex_lock(&health->mutex);
    struct fy_err away = health->away;
    bool known = health->asked && away.code != FY_OK;
    bool lost = health->lost;
    pthread_mutex_unlock(&health->mutex);
    if (known)
        (void)fy_err_set(err, FY_EBUSY, "%s", away.text);
    else if (lost)
        (void)fy_err_set(err, FY_EBUSY, "the connections to the brokers have just gone");
    return known || lost;
}

static struct fy_err away_now(struct fy_kq_health *health)
{
    pthread_mutex_lock(&health->mutex);
    struct fy_err away = health->away;
    pthread_mutex_unlock(&health->mutex);
    return away;
}

enum fy_code fy_kq_await_answer(struct fy_kafka *self, struct fy_err *err)
{
    int64_t deadline_ms = fy_kq_now_ms() + FY_KAFKA_ADMIN_MS;
    struct fy_err away = away_now(&self->health);
    while (fy_kq_ask_again(away.code, deadline_ms))
        away = away_now(&self->health);
    return away.code == FY_OK ? FY_OK : fy_err_set(err, away.code, "%s", away.text);
}

enum fy_code fy_kq_health(struct fy_queue *port, struct fy_err *err)
{
    struct fy_kafka *self = fy_kq_from(port);
    struct fy_kq_health *health = &self->health;
    int64_t failed_ms = atomic_load_explicit(&health->failed_ms, memory_order_relaxed);
    struct fy_err away = away_now(health);
    if (away.code != FY_OK)
        return fy_err_set(err, away.code, "kafka: %s", away.text);
    if (failed_ms != 0 && fy_kq_now_ms() - failed_ms < FY_KAFKA_FAILED_MS)
        return fy_err_set(err, FY_EBUSY, "kafka: brokers do not acknowledge what is published");
    return FY_OK;
}

/* ------------------------------------------------------------------ life */

enum fy_code fy_kq_health_open(struct fy_kafka *self, struct fy_err *err)
{
    struct fy_kq_health *health = &self->health;
    health->answered_ms = fy_kq_now_ms();
    (void)fy_err_set(&health->away, FY_EBUSY, "no broker has answered yet");
    enum fy_code code = fy_thread_start(&health->thread, "kafka-pulse", pulse_main, self, err);
    health->started = code == FY_OK;
    return code;
}

void fy_kq_health_close(struct fy_kafka *self)
{
    struct fy_kq_health *health = &self->health;
    if (!health->started)
        return;
    pthread_mutex_lock(&health->mutex);
    health->stopping = true;
    pthread_cond_signal(&health->wake);
    pthread_mutex_unlock(&health->mutex);
    pthread_join(health->thread, NULL); /* FY_KAFKA_PULSE_ANSWER_MS at most */
}

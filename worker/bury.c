/* bury.c - a dead order's copy for Kafka's tools, published before its row says DEAD (ENGINE 1.10).
 */
/*
 * The copy comes first: a crash between the two makes a second copy, never a dead row without one.
 * It holds no permits while it waits: a queue that is full of orders must still be able to drain.
 */
#include "common/adapters/order_json.h"
#include "worker/deadletter.h"
#include "worker/engine.h"

static void bury_again(struct fy_job *job)
{
    job->wake_ms = job->engine->now_ms + FY_LOCAL_PROBE_MS;
    fy_timers_add(&job->engine->timers, job);
}

static void bury_opened(struct fy_engine *engine, struct fy_letter *letter)
{
    struct fy_job *job = (struct fy_job *)letter;
    engine->burying--;
    if (job->buried != FY_OK) {
        bury_again(job);
        return;
    }
    job->plan = FY_PLAN_PARK;
    fy_job_become(job, FY_JOB_QUEUED);
}

/* Called on a thread of the queue. */
static void bury_done(void *arg, enum fy_code code, size_t accepted, const struct fy_err *err)
{
    (void)accepted;
    (void)err; /* the next try comes in a second, whatever it says */
    struct fy_job *job = arg;
    job->buried = code;
    job->letter.open = bury_opened;
    fy_engine_post(job->engine, &job->letter);
}

/* A record that could not be read goes out byte for byte; an order as it was understood, with the
 * stamp it got, so that a replay of it is the same change. */
static void fill_value(struct fy_job *job, struct fy_dead_letter *letter,
                       char key[static FY_KEY_BYTES_MAX + 1], struct fy_buf *json)
{
    if (job->poison != NULL) {
        letter->key = job->poison->bytes;
        letter->key_bytes = job->poison->key_bytes;
        letter->value = job->poison->bytes + job->poison->key_bytes;
        letter->value_bytes = job->poison->value_bytes;
        return;
    }
    fy_order_json_write(&job->order, json);
    letter->key = key;
    letter->key_bytes = fy_order_key(&job->order, key);
    letter->value = json->bytes;
    letter->value_bytes = json->size_bytes;
}

static enum fy_code publish(struct fy_job *job, struct fy_buf *json, struct fy_buf *texts,
                            struct fy_err *err)
{
    struct fy_engine *engine = job->engine;
    char key[FY_KEY_BYTES_MAX + 1];
    struct fy_header headers[FY_HEADERS_MAX];
    struct fy_dead_letter letter = {
        .direction = FY_IN,
        .reason = job->trouble->last.reason,
        .order = &job->order,
        .topic = job->partition >= 0 ? FY_TOPIC_ACTION : "waiting",
        .partition = job->partition,
        .offset = job->offset,
        .timestamp_ms = job->timestamp_ms,
        .http_status = job->trouble->last.http_status,
        .attempts = job->trouble->tries + job->trouble->rounds,
        .first_failed_ms = job->trouble->first_failed_ms,
        .detail = job->trouble->last.detail,
    };
    fill_value(job, &letter, key, json);
    struct fy_record record = {
        .topic = FY_TOPIC_DEAD,
        .partition = -1,
        .moves = true,
        .key = letter.key_bytes > 0 ? letter.key : NULL,
        .key_bytes = letter.key_bytes,
        .value = letter.value,
        .value_bytes = letter.value_bytes,
        .headers = headers,
    };
    record.header_count = fy_dead_letter_headers(engine->node, &letter, headers, texts);
    return fy_queue_publish(engine->node->queue, &record, 1, bury_done, job, err);
}

void fy_enter_bury(struct fy_job *job)
{
    struct fy_engine *engine = job->engine;
    struct fy_err err = {0};
    struct fy_buf json;
    struct fy_buf texts;
    fy_buf_init(&json, FY_ORDER_JSON_BYTES);
    fy_buf_init(&texts, FY_ORDER_JSON_BYTES);
    engine->burying++;
    if (publish(job, &json, &texts, &err) != FY_OK) {
        engine->burying--;
        bury_again(job);
    }
    fy_buf_done(&json);
    fy_buf_done(&texts);
}

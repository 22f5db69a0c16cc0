/* claim.c - due rows of `waiting` come back into the lanes. */
/*
 * A claim holds its rows for FY_CLAIM_HOLD_MS, so that another worker does not take them too and a
 * crash only delays them. It is asked for when a row is known to be due, when a person rings, and
 * every second: with nothing due it writes nothing.
 */
#include <stdlib.h>

#include "common/core/log.h"
#include "worker/engine.h"

struct fy_claim {
    struct fy_letter letter;
    struct fy_engine *engine;
    struct fy_cat_wait_claim op;
    struct fy_waiting_row rows[FY_CLAIM_ROWS];
    bool busy;
    int64_t next_ms; /* monotonic */
};

enum fy_code fy_claim_open(struct fy_engine *engine, struct fy_claim **claim, struct fy_err *err)
{
    (void)err;
    *claim = fy_alloc(sizeof(**claim));
    (*claim)->engine = engine;
    return FY_OK;
}

void fy_claim_close(struct fy_claim *claim)
{
    free(claim);
}

static void look_at(struct fy_claim *claim, int64_t mono_ms)
{
    if (mono_ms < claim->next_ms)
        claim->next_ms = mono_ms;
}

void fy_claim_due(struct fy_engine *engine, int64_t due_ms)
{
    int64_t in_ms = due_ms - fy_wall_ms(engine->node->clock);
    look_at(engine->claim, engine->now_ms + (in_ms > 0 ? in_ms : 0));
}

static void take_rows(struct fy_engine *engine, struct fy_claim *claim)
{
    if (claim->op.count > 0)
        fy_running_look(engine->running);
    for (size_t i = 0; i < claim->op.count; i++)
        if (!fy_intake_row(engine, &claim->rows[i]))
            return; /* the rest is due again when the claim has run out */
}

static void claim_opened(struct fy_engine *engine, struct fy_letter *letter)
{
    struct fy_claim *claim = FY_CONTAINER_OF(letter, struct fy_claim, letter);
    engine->async_count--;
    claim->busy = false;
    claim->next_ms = engine->now_ms + FY_CLAIM_EVERY_MS;
    if (claim->op.op.code != FY_OK) {
        fy_log(NULL, FY_WARN, "waiting.claim_failed", fy_kv_err(&claim->op.op.err));
        return;
    }
    if (fy_engine_stopping(engine))
        return; /* what was claimed comes back by itself */
    take_rows(engine, claim);
    if (claim->op.count == claim->op.capacity)
        claim->next_ms = engine->now_ms;
    else if (claim->op.next_due_ms != INT64_MAX)
        fy_claim_due(engine, claim->op.next_due_ms);
}

static void claim_done(struct fy_cat_op *op)
{
    struct fy_claim *claim = op->arg;
    claim->letter.open = claim_opened;
    fy_engine_post(claim->engine, &claim->letter);
}

static size_t room(const struct fy_engine *engine)
{
    size_t left = FY_LANES_ORDERS_MAX - engine->job_count;
    return left < FY_CLAIM_ROWS ? left : FY_CLAIM_ROWS;
}

int64_t fy_claim_turn(struct fy_engine *engine, bool rung)
{
    struct fy_claim *claim = engine->claim;
    if (rung)
        look_at(claim, engine->now_ms);
    if (claim->busy || fy_engine_stopping(engine))
        return INT64_MAX;
    if (engine->now_ms < claim->next_ms)
        return claim->next_ms;
    if (!fy_engine_has_room(engine, true) || engine->pauses[FY_LOCAL_CATALOGUE].on) {
        claim->next_ms = engine->now_ms + FY_CLAIM_EVERY_MS;
        return claim->next_ms;
    }
    claim->op = (struct fy_cat_wait_claim){
        .op = {.kind = FY_CAT_WAIT_CLAIM, .done = claim_done, .arg = claim},
        .now_ms = fy_wall_ms(engine->node->clock),
        .hold_ms = FY_CLAIM_HOLD_MS,
        .rows = claim->rows,
        .capacity = room(engine),
    };
    claim->busy = true;
    engine->async_count++;
    fy_catalogue_writer_submit(engine->node->writer, &claim->op.op);
    return INT64_MAX;
}

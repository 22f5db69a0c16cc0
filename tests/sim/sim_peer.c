/* sim_peer.c - calls between sites, each with what can go wrong on the way. */
#include "tests/sim/sim_peer.h"

#include "tests/sim/sim_plant.h"
#include "tests/support/peer_head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_US  200000   /* a caller looks so often whether the other process is still there */
#define STALL_US 20000000 /* without an answer so long, a call without a deadline has stalled */

struct sim_peer {
    struct fy_peer port;
    struct sim_net *net;
    struct sim_host *from;
};

/* A request on its way; both ends may die, so that it belongs to neither, and is never freed. */
struct exchange {
    struct fy_peer_call call; /* a copy: the caller's may be gone */
    char *body;
    struct fy_node *node;
    uint32_t *busy;
    struct sim_answer *answer; /* NULL: not yet */
};

/* A call as its caller has it. */
struct sim_call {
    struct sim_peer *peer;
    struct fy_peer_call *call;
    bool cancelled, resumed;
};

static struct sim_peer *peer_from(struct fy_peer *port)
{
    return FY_CONTAINER_OF(port, struct sim_peer, port);
}

/* ------------------------------------------------------------------ the way there and back */

static void *serve_main(void *arg)
{
    struct exchange *exchange = arg;
    struct sim_answer *answer = fy_alloc(sizeof(*answer));
    sim_api_serve(exchange->node, &exchange->call, exchange->body, answer);
    if (exchange->answer == NULL) /* else the request came twice */
        exchange->answer = answer;
    fiber_wake(exchange);
    --*exchange->busy;
    return NULL;
}

static void serve(struct exchange *exchange, struct fiber_group *group)
{
    ++*exchange->busy;
    (void)fiber_start(group, "api", serve_main, exchange, 0);
}

static void delay(const struct sim_net *net)
{
    if (net->faults.delay_us_max > 0)
        fiber_sleep_us(fiber_some(net->faults.delay_us_max));
}

static struct sim_host *host_find(const struct sim_net *net, const char *uri)
{
    for (size_t i = 0; i < net->host_count; i++)
        if (strcmp(net->hosts[i].uri, uri) == 0)
            return &net->hosts[i];
    return NULL;
}

struct failure {
    enum fy_code code;
    enum fy_reason reason;
    struct fy_err err;
};

static void failed(struct failure *failure, enum fy_code code, enum fy_reason reason,
                   const char *what)
{
    failure->code = fy_err_set(&failure->err, code, "sim: %s", what);
    failure->reason = reason;
}

/* Until the answer is there, or it is clear that none will come. */
static bool await_answer(struct sim_call *self, const struct exchange *exchange,
                         const struct fiber_group *served_by, int64_t until_us,
                         struct failure *failure)
{
    while (exchange->answer == NULL) {
        if (self->cancelled) {
            failed(failure, FY_ECANCELLED, FY_CANCELLED, "cancelled");
            return false;
        }
        if (served_by->dead) {
            failed(failure, FY_ENET, FY_SRC_UNREACHABLE, "connection reset");
            return false;
        }
        if (fiber_now_us() >= until_us) {
            failed(failure, FY_ETIMEOUT, FY_STALLED, "no answer");
            return false;
        }
        (void)fiber_wait(exchange, fiber_now_us() + LOOK_US);
    }
    return true;
}

/* The answer, or NULL and why there is none. */
static struct sim_answer *ask(struct sim_call *self, struct failure *failure)
{
    struct sim_net *net = self->peer->net;
    const struct fy_peer_call *call = self->call;
    struct sim_host *host = host_find(net, call->uri);
    int64_t until_us =
        fiber_now_us() + (call->deadline_ms > 0 ? call->deadline_ms * 1000 : STALL_US);
    struct exchange *exchange = fy_alloc(sizeof(*exchange));
    exchange->call = *call;
    if (call->body != NULL)
        exchange->body = fy_memdup(call->body, call->body_bytes);
    delay(net);
    if (host == NULL || host->group == NULL || host->group->dead || host->cut_off ||
        self->peer->from->cut_off || fiber_chance(net->faults.refuse_one_of)) {
        failed(failure, FY_ENET, FY_SRC_UNREACHABLE, "connection refused");
        return NULL;
    }
    struct fiber_group *group = host->group;
    exchange->node = host->node;
    exchange->busy = host->busy;
    if (!fiber_chance(net->faults.lose_one_of))
        serve(exchange, group);
    if (fiber_chance(net->faults.repeat_one_of))
        serve(exchange, group);
    if (!await_answer(self, exchange, group, until_us, failure))
        return NULL;
    delay(net);
    if (host->cut_off || self->peer->from->cut_off || fiber_chance(net->faults.lose_one_of)) {
        failed(failure, FY_ENET, FY_SRC_UNREACHABLE, "connection reset before the answer");
        return NULL;
    }
    return exchange->answer;
}

/* Something between us and the site answers in its place. */
static void replace_by_page(struct sim_answer *answer)
{
    static const int statuses[] = {502, 503, 500, 404, 200};
    static const char page[] = "<html>sim: a proxy's page</html>";
    /* What it replaces stays until the seed ends. */
    *answer = (struct sim_answer){.head = peer_head(statuses[fiber_below(FY_COUNT_OF(statuses))]),
                                  .body = fy_memdup(page, sizeof(page) - 1),
                                  .body_bytes = sizeof(page) - 1};
    answer->head.content_length = sizeof(page) - 1;
}

/* ------------------------------------------------------------------ giving it to the caller */

/* false: the call is over. */
static bool give_chunk(struct sim_call *self, const char *bytes, size_t size_bytes)
{
    struct fy_peer_call *call = self->call;
    while (call->on_data != NULL) {
        self->resumed = false;
        switch (call->on_data(call, bytes, size_bytes)) {
        case FY_PEER_TAKEN:
            return true;
        case FY_PEER_STOP:
            return false;
        case FY_PEER_PAUSE:
            break;
        }
        while (!self->resumed && !self->cancelled)
            (void)fiber_wait(self, FIBER_FOREVER);
        if (self->cancelled)
            return false;
    }
    return true;
}

static void give_body(struct sim_call *self, struct sim_answer *answer, struct failure *failure)
{
    const struct sim_peer_faults *faults = &self->peer->net->faults;
    size_t end = answer->body_bytes;
    /* Of bodies whose hash is promised: what is told without one, TCP's sums have to keep. */
    bool hashed = self->call->verb == FY_PEER_PULL;
    if (end > 0 && hashed && fiber_chance(faults->corrupt_one_of))
        answer->body[fiber_below((uint32_t)end)]++;
    if (end > 0 && fiber_chance(faults->cut_one_of))
        end = fiber_below((uint32_t)end);
    for (size_t at = 0; at < end;) {
        size_t left = end - at < FY_PEER_CHUNK_BYTES ? end - at : FY_PEER_CHUNK_BYTES;
        size_t chunk = 1 + fiber_below((uint32_t)left);
        if (self->cancelled || !give_chunk(self, answer->body + at, chunk)) {
            failed(failure, FY_ECANCELLED, FY_CANCELLED, "ended early");
            return;
        }
        at += chunk;
        fiber_yield();
    }
    if (end < answer->body_bytes)
        failed(failure, FY_ENET, fiber_chance(2) ? FY_SIZE_MISMATCH : FY_SRC_UNREACHABLE,
               "the body broke off");
}

static void *call_main(void *arg)
{
    struct sim_call *self = arg;
    struct fy_peer_call *call = self->call;
    struct failure failure = {0};
    struct sim_answer *answer = ask(self, &failure);
    if (answer != NULL && fiber_chance(self->peer->net->faults.page_one_of))
        replace_by_page(answer);
    if (answer != NULL && call->verb == FY_PEER_ORDERS && sim_planted(SIM_SENDER_FORGETS)) {
        answer->head.http_status = 201;
        answer->head.ferry = true;
    }
    if (answer != NULL && call->on_head != NULL && !call->on_head(call, &answer->head))
        failed(&failure, FY_ECANCELLED, FY_CANCELLED, "ended at its head");
    else if (answer != NULL && call->verb != FY_PEER_CHECK && call->verb != FY_PEER_FACTS)
        give_body(self, answer, &failure);
    fiber_trace("peer: %d to %s %s/%s: %s %d", (int)call->verb, call->site, call->bucket,
                call->object, fy_code_name(failure.code),
                answer != NULL ? answer->head.http_status : 0);
    call->adapter = NULL;
    call->on_done(call, failure.code, failure.reason, &failure.err);
    free(self);
    return NULL;
}

/* ------------------------------------------------------------------ the port's functions */

static void peer_start(struct fy_peer *port, struct fy_peer_call *call)
{
    struct sim_call *self = fy_alloc(sizeof(*self));
    *self = (struct sim_call){.peer = peer_from(port), .call = call};
    call->adapter = self;
    (void)fiber_start(fiber_group_here(), "call", call_main, self, 0);
}

static void peer_resume(struct fy_peer *port, struct fy_peer_call *call)
{
    struct sim_call *self = call->adapter;
    (void)port;
    if (self == NULL)
        return;
    self->resumed = true;
    fiber_wake(self);
}

static void peer_cancel(struct fy_peer *port, struct fy_peer_call *call)
{
    struct sim_call *self = call->adapter;
    (void)port;
    if (self == NULL)
        return;
    self->cancelled = true;
    fiber_wake(self);
}

static void peer_close(struct fy_peer *port)
{
    free(peer_from(port));
}

static const struct fy_peer_ops sim_peer_ops = {.name = "sim",
                                                .start = peer_start,
                                                .resume = peer_resume,
                                                .cancel = peer_cancel,
                                                .close = peer_close};

struct fy_peer *sim_peer_open(struct sim_net *net, struct sim_host *from)
{
    struct sim_peer *self = fy_alloc(sizeof(*self));
    *self = (struct sim_peer){.port = {.ops = &sim_peer_ops}, .net = net, .from = from};
    return &self->port;
}

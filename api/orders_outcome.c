/* orders_outcome.c - GET /ferry/v1/orders/{opId}: what became of an order, here and at every site.
 */
/*
 * {"opId":"..","sites":[{"site":"a","reachable":true,"total":2,"counts":{"applied":1,"waiting":1},
 *   "truncated":false,"orders":[{"bucket","object","action","outcome","reason","detail","stamp","at"}]}]}
 * With ?here=true only this site speaks; without, it asks all others at once and puts their words
 * in.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/orders.h"
#include "common/core/json_cut.h"
#include "common/core/names.h"
#include "common/runtime/knowledge.h"

#define ORDERS_SHOWN_MAX  1000      /* rows listed of a site; all are counted */
#define SITE_BYTES_MAX    (1 << 20) /* what one site may say: that many rows with long details */
#define ANSWER_BYTES_MAX  (8 << 20) /* what all of them may say together */
#define ASK_MS            2000      /* sites that take longer are not reachable */
#define OUTCOME_COUNT_MAX (FY_OUTCOME_LOCAL + 1)

/* ------------------------------------------------------------------ here */

struct here {
    struct fy_buf orders;
    int64_t counts[OUTCOME_COUNT_MAX];
    int64_t total, shown;
};

static void print_row(struct fy_buf *json, const struct fy_outcome_row *row)
{
    char stamp[FY_STAMP_TEXT_BYTES];
    fy_stamp_print(&row->stamp, stamp);
    fy_buf_text(json, "{");
    fy_buf_json_str(json, "opId", row->op_id);
    fy_buf_json_str(json, "bucket", row->bucket);
    fy_buf_json_filled(json, "object", row->object);
    fy_buf_json_str(json, "action", fy_action_name(row->action));
    fy_buf_json_str(json, "outcome", fy_outcome_name(row->outcome));
    fy_buf_json_str(json, "reason", fy_reason_name(row->reason));
    fy_buf_json_str(json, "detail", row->detail);
    fy_buf_json_str(json, "stamp", stamp);
    fy_buf_json_instant(json, "at", row->at_ms);
    fy_buf_text(json, "}");
}

static bool on_outcome(void *arg, const struct fy_outcome_row *row)
{
    struct here *here = arg;
    FY_ASSERT((unsigned)row->outcome < OUTCOME_COUNT_MAX);
    here->counts[row->outcome]++;
    here->total++;
    if (here->shown == ORDERS_SHOWN_MAX || here->orders.size_bytes > SITE_BYTES_MAX / 2)
        return true;
    here->shown++;
    fy_buf_json_next(&here->orders);
    print_row(&here->orders, row);
    return true;
}

/* Appends this site's object. */
static enum fy_code print_here(struct fy_node *node, const char *op_id, struct fy_buf *json,
                               struct fy_err *err)
{
    struct here here = {0};
    fy_buf_init(&here.orders, SITE_BYTES_MAX);
    enum fy_code code = fy_catalogue_outcome_list(node->catalogue, op_id, on_outcome, &here, err);
    if (code == FY_OK) {
        fy_buf_text(json, "{");
        fy_buf_json_str(json, "site", node->site);
        fy_buf_json_bool(json, "reachable", true);
        fy_buf_json_i64(json, "total", here.total);
        fy_buf_json_key(json, "counts");
        fy_buf_text(json, "{");
        for (int i = FY_OUTCOME_APPLIED; i < OUTCOME_COUNT_MAX; i++) {
            if (here.counts[i] > 0)
                fy_buf_json_i64(json, fy_outcome_name((enum fy_outcome)i), here.counts[i]);
        }
        fy_buf_text(json, "}");
        fy_buf_json_bool(json, "truncated", here.shown < here.total);
        fy_buf_json_key(json, "orders");
        fy_buf_text(json, "[");
        fy_buf_add(json, here.orders.bytes, here.orders.size_bytes);
        fy_buf_text(json, "]}");
    }
    fy_buf_done(&here.orders);
    return code;
}

/* ------------------------------------------------------------------ the others */

/* One question to one site. Its loop thread writes it; the merge reads it once all are done. */
struct ask {
    struct fy_peer_call call;
    struct asked *all;
    bool good; /* a Ferry that answered 200 */
    struct fy_buf body;
    struct fy_err err;
};

struct asked {
    struct fy_exchange *x;
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    char path[3 * FY_OP_ID_BYTES_MAX + 64];
    size_t ask_count;
    struct ask *asks[FY_SITES_MAX];
    _Atomic size_t open_count; /* calls without their on_done, and one while they are started */
};

static void asked_drop(void *state)
{
    struct asked *asked = state;
    for (size_t i = 0; i < asked->ask_count; i++) {
        fy_buf_done(&asked->asks[i]->body);
        free(asked->asks[i]);
    }
    free(asked);
}

/* What the site said of itself, or why it said nothing. */
static void print_site(const struct ask *ask, struct fy_buf *json)
{
    bool readable = ask->good && ask->body.size_bytes > 0 &&
                    fy_json_depth_check(ask->body.bytes, ask->body.size_bytes, NULL) == FY_OK;
    json_auto_t *tree =
        readable ? json_loadb(ask->body.bytes, ask->body.size_bytes, 0, NULL) : NULL;
    const json_t *site = json_array_get(json_object_get(tree, "sites"), 0);
    char *text = json_is_object(site) ? json_dumps(site, JSON_COMPACT) : NULL;
    if (text != NULL && json->size_bytes + strlen(text) < ANSWER_BYTES_MAX / 2) {
        fy_buf_text(json, text);
    } else {
        fy_buf_text(json, "{");
        fy_buf_json_str(json, "site", ask->call.site);
        fy_buf_json_bool(json, "reachable", false);
        fy_buf_json_str(json, "error", ask->err.text);
        fy_buf_text(json, ",\"orders\":[]}");
    }
    free(text);
}

/* This site's word, and then what the others said of theirs; asked NULL: nobody was asked. */
static void answer(struct fy_exchange *x, const char *op_id, const struct asked *asked)
{
    struct fy_buf json;
    struct fy_err err;
    fy_buf_init(&json, ANSWER_BYTES_MAX);
    fy_buf_text(&json, "{");
    fy_buf_json_str(&json, "opId", op_id);
    fy_buf_json_key(&json, "sites");
    fy_buf_text(&json, "[");
    enum fy_code code = print_here(fy_node_of(x), op_id, &json, &err);
    for (size_t i = 0; asked != NULL && i < asked->ask_count; i++) {
        fy_buf_json_next(&json);
        print_site(asked->asks[i], &json);
    }
    fy_buf_text(&json, "]}");
    fy_answer_result(x, code, &json, &err);
}

static void answer_merged(struct fy_exchange *x)
{
    const struct asked *asked = fy_state(x);
    answer(x, asked->op_id, asked);
}

static void one_done(struct asked *asked)
{
    if (atomic_fetch_sub(&asked->open_count, 1) == 1)
        fy_go_on(asked->x, answer_merged);
}

static bool on_head(struct fy_peer_call *call, const struct fy_peer_head *head)
{
    struct ask *ask = call->arg;
    ask->good = head->ferry && head->http_status == 200;
    if (!ask->good)
        (void)fy_err_set(&ask->err, FY_EPEER, "it answered %d%s", head->http_status,
                         head->ferry ? "" : ", and is no Ferry");
    return true;
}

static enum fy_peer_flow on_data(struct fy_peer_call *call, const void *bytes, size_t size_bytes)
{
    struct ask *ask = call->arg;
    if (ask->good)
        fy_buf_add(&ask->body, bytes, size_bytes);
    return ask->body.overflow ? FY_PEER_STOP : FY_PEER_TAKEN;
}

static void on_done(struct fy_peer_call *call, enum fy_code code, enum fy_reason reason,
                    const struct fy_err *err)
{
    (void)reason;
    struct ask *ask = call->arg;
    if (code != FY_OK) {
        ask->good = false;
        ask->err = *err;
    }
    one_done(ask->all);
}

static bool on_site(void *arg, const struct fy_site_row *row)
{
    struct asked *asked = arg;
    struct fy_node *node = fy_node_of(asked->x);
    if (row->status != FY_SITE_UP || strcmp(row->id, node->site) == 0)
        return true;
    struct ask *ask = fy_alloc(sizeof *ask);
    ask->all = asked;
    fy_buf_init(&ask->body, SITE_BYTES_MAX + SITE_BYTES_MAX / 4);
    (void)fy_err_set(&ask->err, FY_EPEER, "its answer could not be read");
    ask->call.verb = FY_PEER_GET;
    ask->call.ferry = true;
    ask->call.path = asked->path;
    ask->call.deadline_ms = ASK_MS;
    ask->call.on_head = on_head;
    ask->call.on_data = on_data;
    ask->call.on_done = on_done;
    ask->call.arg = ask;
    fy_peer_call_to(&ask->call, row->id, row->uri);
    FY_ASSERT(fy_text_copy(ask->call.op_id, sizeof ask->call.op_id, fy_op_id(asked->x)));
    asked->asks[asked->ask_count++] = ask;
    return asked->ask_count < FY_SITES_MAX;
}

static void ask_all(struct fy_exchange *x, const char *op_id)
{
    struct fy_node *node = fy_node_of(x);
    struct asked *asked = fy_alloc(sizeof *asked);
    asked->x = x;
    fy_state_set(x, asked, asked_drop);
    char encoded[3 * FY_OP_ID_BYTES_MAX + 1];
    FY_ASSERT(fy_text_copy(asked->op_id, sizeof asked->op_id, op_id));
    FY_ASSERT(fy_percent_encode(op_id, false, encoded, sizeof encoded));
    (void)snprintf(asked->path, sizeof asked->path, "/ferry/v1/orders/%s?here=true", encoded);
    struct fy_err err;
    if (fy_know_sites(node, on_site, asked, &err) != FY_OK) {
        fy_answer_error(x, &err);
        return;
    }
    atomic_store(&asked->open_count, asked->ask_count + 1);
    fy_defer(x);
    for (size_t i = 0; i < asked->ask_count; i++)
        fy_peer_start(node->peer, &asked->asks[i]->call);
    one_done(asked);
}

void fy_orders_get(struct fy_exchange *x)
{
    const char *op_id = fy_path_value(x, "opId");
    const char *only_here = fy_query(x, "here");
    if (strlen(op_id) > FY_OP_ID_BYTES_MAX || !fy_utf8_is_valid(op_id, strlen(op_id))) {
        fy_answer_fail(x, FY_EINPUT, "an opId is UTF-8 of at most %d bytes", FY_OP_ID_BYTES_MAX);
        return;
    }
    if (only_here != NULL && strcmp(only_here, "true") != 0 && strcmp(only_here, "false") != 0) {
        fy_answer_fail(x, FY_EINPUT, "here: '%.40s' is neither true nor false", only_here);
        return;
    }
    if (only_here != NULL && strcmp(only_here, "true") == 0)
        answer(x, op_id, NULL);
    else
        ask_all(x, op_id);
}

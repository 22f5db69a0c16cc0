/* backfill_test.c - the steps of a backfill over a real embedded catalogue; the site that is asked
 * is a fake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/adapters/mark_sum.h"
#include "common/adapters/order_json.h"
#include "common/core/log.h"
#include "tests/support/embedded.h"
#include "tests/support/peer_head.h"
#include "tests/support/temp.h"
#include "worker/backfill_internal.h"

#define MANY  1200 /* objects: more than one page, and more than one span */
#define MIB   (1LL << 20)
#define OLD   ((uint64_t)1700000000000 << 16)
#define NEWER (OLD + (1 << 16))

/* ------------------------------------------------------------------ the site that is asked */

struct other;
typedef void answer_fn(struct other *other, const char *path, struct fy_buf *json);
struct other {
    struct fy_peer port;
    struct fy_node *node; /* of the site under test */
    answer_fn *sums;
    const char *rows; /* what every request for rows is answered */
    const char *lag;
    int sums_asked, rows_asked;
    bool no_ferry;
    const char *ccs_type; /* of its HEADs, NULL none */
};

/* The value of a query whose names need no escape; "" none. */
static void query(const char *path, const char *key, char value[static 64])
{
    char pattern[32];
    (void)snprintf(pattern, sizeof(pattern), "&%s=", key);
    const char *at = strstr(path, pattern);
    value[0] = '\0';
    if (at != NULL)
        (void)snprintf(value, 64, "%.*s", (int)strcspn(at + strlen(pattern), "&"),
                       at + strlen(pattern));
}

static void sum_json(const struct fy_sum *sum, int count, struct fy_buf *json)
{
    char text[FY_SUM_DIGITS + 1];
    fy_sum_print(sum, text);
    fy_buf_printf(json, "{\"parts\":[{\"until\":null,\"count\":%d,\"sum\":\"%s\"}]}", count, text);
}

struct mirror {
    char until[64];
    int count;
    struct fy_sum sum;
    struct fy_sha256 *hash;
};

static bool add_mark(void *arg, const struct fy_object_mark *mark)
{
    struct mirror *mirror = arg;
    if (mirror->until[0] != '\0' && strcmp(mark->name, mirror->until) > 0)
        return false;
    mirror->count++;
    fy_mark_sum(&mirror->sum, mirror->hash, mark);
    return true;
}

/* It has what we have. */
static void sums_of_all(struct other *other, const char *path, struct fy_buf *json)
{
    char after[64];
    struct mirror mirror = {.hash = fy_sha256_new()};
    query(path, "after", after);
    query(path, "until", mirror.until);
    FY_ASSERT(fy_catalogue_object_marks(other->node->catalogue, "client-1", "bucket-1", "", after,
                                        add_mark, &mirror, NULL) == FY_OK);
    sum_json(&mirror.sum, mirror.count, json);
    fy_sha256_free(mirror.hash);
}

static void sums_of_nothing(struct other *other, const char *path, struct fy_buf *json)
{
    (void)other;
    (void)path;
    sum_json(&(struct fy_sum){.low = 0}, 0, json);
}

static void sums_of_something(struct other *other, const char *path, struct fy_buf *json)
{
    (void)other;
    (void)path;
    sum_json(&(struct fy_sum){.low = 7}, 7, json);
}

static void sums_of_nonsense(struct other *other, const char *path, struct fy_buf *json)
{
    (void)other;
    (void)path;
    fy_buf_text(json, "{\"parts\":7}");
}

/* All is answered before start returns. */
static void other_start(struct fy_peer *port, struct fy_peer_call *call)
{
    struct other *other = FY_CONTAINER_OF(port, struct other, port);
    struct fy_peer_head head = peer_head(200);
    struct fy_buf json;
    fy_buf_init(&json, 64 << 10);
    head.ferry = !other->no_ferry;
    if (call->verb == FY_PEER_CHECK || other->no_ferry) {
        head.http_status = 404;
        head.type = call->verb == FY_PEER_CHECK && other->ccs_type != NULL ? other->ccs_type : "";
    } else if (strncmp(call->path, "/ferry/v1/lag", 13) == 0) {
        fy_buf_text(&json, other->lag);
    } else if (strncmp(call->path, "/ferry/v1/digests", 17) == 0) {
        other->sums_asked++;
        other->sums(other, call->path, &json);
    } else if (strncmp(call->path, "/ferry/v1/objects", 17) == 0) {
        other->rows_asked++;
        fy_buf_text(&json, other->rows);
    } else {
        head.http_status = 404; /* it has no such container */
    }
    (void)call->on_head(call, &head);
    if (json.size_bytes > 0)
        (void)call->on_data(call, json.bytes, json.size_bytes);
    fy_buf_done(&json);
    call->on_done(call, FY_OK, FY_REASON_NONE, NULL);
}

static const struct fy_peer_ops other_ops = {.name = "other", .start = other_start};

/* ------------------------------------------------------------------ the site under test */

struct site {
    char folder[TEMP_BYTES];
    struct fy_config config;
    struct fy_node node;
    struct fy_peer *http; /* the node's own, put back before it closes */
    struct other other;
    struct fy_site_row target;
    struct fy_backfill_row row;
    struct fy_backfill_turn turn;
    struct fy_err err;
};

static int setup(void **state)
{
    struct site *self = fy_alloc(sizeof(*self));
    fy_log_level_set(FY_ERROR + 1);
    temp_folder("backfill", self->folder);
    embedded_config(&self->config, "site-a", self->folder);
    embedded_open(&self->node, &self->config);
    self->http = self->node.peer;
    self->node.peer = &self->other.port;
    self->other = (struct other){.port.ops = &other_ops,
                                 .node = &self->node,
                                 .sums = sums_of_nothing,
                                 .rows = "{\"objects\":[],\"next\":null}",
                                 .lag = "{\"backlog\":7}"};
    (void)snprintf(self->target.id, sizeof(self->target.id), "site-b");
    (void)snprintf(self->row.site, sizeof(self->row.site), "site-b");
    (void)snprintf(self->row.op_id, sizeof(self->row.op_id), "op-1");
    fy_backfill_turn_init(&self->turn, &self->node);
    self->turn.row = &self->row;
    self->turn.site = &self->target;
    self->turn.ferry = true;
    self->turn.limit = FY_BACKFILL_STEP;
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    struct site *self = *state;
    fy_backfill_turn_done(&self->turn);
    self->node.peer = self->http;
    fy_node_close(&self->node);
    temp_remove(self->folder);
    free(self);
    return 0;
}

static void make_change(struct site *self, enum fy_action action, const char *object, uint64_t time,
                        int64_t size, struct fy_cat_apply *apply)
{
    *apply = (struct fy_cat_apply){.op.kind = FY_CAT_APPLY, .size = size};
    apply->order = (struct fy_order){.action = action,
                                     .client = "client-1",
                                     .account = "client-1",
                                     .bucket = "bucket-1",
                                     .from_site = "site-x",
                                     .stamp = {.time = time, .site = "site-x"}};
    (void)snprintf(apply->order.object, sizeof(apply->order.object), "%s", object);
    apply->proof = FY_PROOF_PROMISE;
    fy_sha256_of(object, strlen(object), &apply->digest);
    if (action == FY_ACTION_CREATE && object[0] != '\0')
        (void)snprintf(apply->blob_ref, sizeof(apply->blob_ref), "file:00/%s.%s",
                       self->node.boot_id, object);
}

static void change(struct site *self, enum fy_action action, const char *object, uint64_t time,
                   int64_t size)
{
    struct fy_cat_apply *apply = fy_alloc(sizeof(*apply));
    make_change(self, action, object, time, size, apply);
    must(fy_catalogue_writer_run(self->node.writer, &apply->op, NULL), &apply->op.err);
    free(apply);
}

/* o0000, o0001, ... in transactions of a hundred. */
static void make_many(struct site *self)
{
    enum { GROUP = 100 };
    struct fy_cat_apply *applies = fy_alloc(GROUP * sizeof(*applies));
    struct fy_cat_op *ops[GROUP];
    static_assert(MANY % GROUP == 0, "whole groups");
    for (int first = 0; first < MANY; first += GROUP) {
        for (int i = 0; i < GROUP; i++) {
            char name[16];
            (void)snprintf(name, sizeof(name), "o%04d", first + i);
            make_change(self, FY_ACTION_CREATE, name, OLD, 1, &applies[i]);
            ops[i] = &applies[i].op;
        }
        must(fy_catalogue_write(self->node.catalogue, ops, GROUP, &self->err), &self->err);
        for (int i = 0; i < GROUP; i++)
            must(ops[i]->code, &ops[i]->err);
    }
    free(applies);
}

static enum fy_code step(struct site *self)
{
    fy_backfill_turn_clear(&self->turn);
    return fy_backfill_step(&self->turn, &self->err);
}

static void run_to_end(struct site *self)
{
    for (int steps = 0; self->row.state == FY_BACKFILL_RUNNING; steps++) {
        assert_in_range(steps, 0, MANY);
        must(step(self), &self->err);
    }
    assert_int_equal(self->row.state, FY_BACKFILL_DONE);
}

/* The n-th order of the turn. */
static struct fy_order order_of(struct site *self, size_t n)
{
    struct fy_order order = {0};
    assert_true(n < self->turn.count);
    must(fy_order_json_parse(self->turn.bytes.bytes + self->turn.places[n].value_at,
                             self->turn.places[n].value_bytes, &order, &self->err),
         &self->err);
    return order;
}

/* ------------------------------------------------------------------ sums */

static void a_site_that_has_it_all_is_asked_a_few_times(void **state)
{
    struct site *self = *state;
    change(self, FY_ACTION_CREATE, "", OLD, 0);
    make_many(self);
    self->other.sums = sums_of_all;
    run_to_end(self);
    assert_int_equal(self->row.ordered, 1); /* the bucket, of which it knows nothing */
    assert_int_equal(self->row.looked, MANY);
    assert_int_equal(self->other.sums_asked, 3); /* 256, 512 and the rest */
    assert_int_equal(self->other.rows_asked, 0);
}

static void a_site_that_has_nothing_is_asked_for_no_rows(void **state)
{
    struct site *self = *state;
    make_many(self);
    run_to_end(self);
    assert_int_equal(self->row.ordered, MANY);
    assert_int_equal(self->row.looked, MANY);
    assert_int_equal(self->row.bytes, MANY);
    assert_int_equal(self->other.rows_asked, 0);
}

/* The same orders whatever it has, and it is not asked. */
static void all_is_ordered_without_a_question(void **state)
{
    struct site *self = *state;
    make_many(self);
    self->row.whole = true;
    run_to_end(self);
    assert_int_equal(self->row.ordered, MANY);
    assert_int_equal(self->other.sums_asked, 0);
}

/* ------------------------------------------------------------------ orders */

/* As its change wrote it, but from here, and now. */
static void an_order_is_that_of_the_change_given_now(void **state)
{
    struct site *self = *state;
    int64_t before_ms = fy_wall_ms(fy_clock_system());
    change(self, FY_ACTION_CREATE, "o", OLD, 17);
    must(step(self), &self->err); /* into the container, which no order made */
    assert_int_equal(self->turn.count, 0);
    must(step(self), &self->err);
    assert_int_equal(self->turn.count, 1);
    struct fy_order order = order_of(self, 0);
    struct fy_digest digest, promised;
    fy_sha256_of("o", 1, &digest);
    assert_int_equal(order.action, FY_ACTION_CREATE);
    assert_string_equal(order.op_id, "op-1");
    assert_string_equal(order.from_site, "site-a");
    assert_string_equal(order.to_site, "site-b");
    assert_string_equal(order.client, "client-1");
    assert_string_equal(order.account, "client-1");
    assert_string_equal(order.bucket, "bucket-1");
    assert_string_equal(order.object, "o");
    assert_true(order.stamp.time == OLD);
    assert_string_equal(order.stamp.site, "site-x");
    assert_false(order.given);
    assert_int_equal(order.size, 17);
    assert_true(fy_order_digest(&order, &promised));
    assert_true(fy_digest_equal(&promised, &digest));
    assert_true(order.ordered_at_ms >= before_ms);
    assert_false(order.overwrites);
}

/* Also when the process that entered the container is dead. */
static void orders_of_a_container_with_a_version_policy_say_so(void **state)
{
    struct site *self = *state;
    const struct fy_property property = {"sys.m2.policy.version", "3"};
    struct fy_cat_properties *set = fy_alloc(sizeof(*set));
    *set = (struct fy_cat_properties){.op.kind = FY_CAT_PROPERTIES,
                                      .account = "client-1",
                                      .name = "bucket-1",
                                      .properties = &property,
                                      .count = 1};
    change(self, FY_ACTION_CREATE, "", OLD, 0);
    change(self, FY_ACTION_CREATE, "o", OLD, 17);
    must(fy_catalogue_writer_run(self->node.writer, &set->op, NULL), &set->op.err);
    free(set);
    must(step(self), &self->err);
    assert_string_equal(order_of(self, 0).object, "");
    assert_true(order_of(self, 0).overwrites);
    self->turn.overwrites = false;
    must(step(self), &self->err);
    assert_string_equal(order_of(self, 0).object, "o");
    assert_true(order_of(self, 0).overwrites);
}

static void a_turn_of_large_objects_is_short(void **state)
{
    struct site *self = *state;
    char name[16];
    for (int i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof(name), "o%d", i);
        change(self, FY_ACTION_CREATE, name, OLD, 100 * MIB + i);
    }
    must(step(self), &self->err);
    must(step(self), &self->err);
    assert_int_equal(self->turn.count, 3);
    assert_string_equal(self->row.at.object, "o2");
    run_to_end(self);
    assert_int_equal(self->row.ordered, 10);
}

/* ------------------------------------------------------------------ rows */

#define ROW(name, status, stamp, hash)                                                             \
    "{\"name\":\"" name "\",\"status\":\"" status "\",\"stamp\":\"" stamp                          \
    "\",\"size\":1,\"hash\":\"" hash "\"}"
#define STAMP_OLD   "018bcfe568000000@site-x" /* OLD */
#define STAMP_NEWER "018bcfe568010000@site-x"

static void what_no_order_would_change_is_left(void **state)
{
    struct site *self = *state;
    change(self, FY_ACTION_CREATE, "deleted-there-later", OLD, 1);
    change(self, FY_ACTION_CREATE, "other-bytes", OLD, 1);
    change(self, FY_ACTION_CREATE, "older-there", NEWER, 1);
    change(self, FY_ACTION_DELETE, "deleted-here-later", NEWER, 0);
    change(self, FY_ACTION_DELETE, "deleted-here-before", OLD, 0);
    self->other.sums = sums_of_something;
    self->other.rows =
        "{\"objects\":[" ROW("deleted-here-before", "READY", STAMP_NEWER, "") "," ROW(
            "deleted-here-later", "READY", STAMP_OLD,
            "") "," ROW("deleted-there-later", "DELETED", STAMP_NEWER,
                        "") "," ROW("older-there", "READY", STAMP_OLD,
                                    "") "," ROW("only-there", "READY", STAMP_OLD,
                                                "") "," ROW("other-bytes", "READY", STAMP_OLD,
                                                            "00000000000000000000000000000000000000"
                                                            "00000000000000") "],\"next\":null}";
    must(step(self), &self->err);
    must(step(self), &self->err);
    assert_int_equal(self->turn.count, 2);
    assert_string_equal(order_of(self, 0).object, "deleted-here-later");
    assert_int_equal(order_of(self, 0).action, FY_ACTION_DELETE);
    assert_true(order_of(self, 0).stamp.time == NEWER);
    assert_string_equal(order_of(self, 1).object, "older-there");
    assert_int_equal(order_of(self, 1).action, FY_ACTION_CREATE);
    assert_int_equal(self->row.left, 4);
    assert_int_equal(self->row.looked, 6);
    assert_int_equal(self->row.state, FY_BACKFILL_DONE);
}

/* A site that lists the same names again and again is no reason to ask for ever. */
static void a_site_that_answers_nonsense_ends_the_turn(void **state)
{
    static const char *const nonsense[] = {
        "{\"objects\":[" ROW("a", "READY", STAMP_OLD, "") "],\"next\":\"a\"}",
        "{\"objects\":[" ROW("b", "READY", STAMP_OLD, "") "," ROW("a", "READY", STAMP_OLD,
                                                                  "") "],\"next\":null}",
        "{\"objects\":[{\"name\":7}],\"next\":null}",
        "{\"parts\":[]}",
        "[",
    };
    struct site *self = *state;
    change(self, FY_ACTION_CREATE, "o", OLD, 1);
    must(step(self), &self->err);
    self->other.sums = sums_of_something;
    for (size_t i = 0; i < FY_COUNT_OF(nonsense); i++) {
        self->other.rows = nonsense[i];
        self->row.at.object[0] = '\0';
        assert_int_not_equal(step(self), FY_OK);
    }
    assert_in_range(self->other.rows_asked, 1, 2 * FY_COUNT_OF(nonsense));
}

/* Names behind the span are no matter of this turn: went it on behind them, ours in between would
 * never be ordered. */
static void rows_behind_what_was_asked_for_are_refused(void **state)
{
    struct site *self = *state;
    make_many(self);
    must(step(self), &self->err);
    self->other.sums = sums_of_something;
    self->other.rows = "{\"objects\":[" ROW("o0256", "READY", STAMP_OLD, "") "],\"next\":null}";
    assert_int_equal(step(self), FY_EPEER);
    self->row.at.object[0] = '\0';
    self->other.rows = "{\"objects\":[" ROW("o0255", "READY", STAMP_OLD, "") "],\"next\":null}";
    must(step(self), &self->err);
    assert_string_equal(self->row.at.object, "o0255");
}

/* A slow site may have many pages, each of half a minute. */
static void a_process_that_stops_asks_for_no_further_page(void **state)
{
    struct site *self = *state;
    change(self, FY_ACTION_CREATE, "o", OLD, 1);
    must(step(self), &self->err);
    self->other.sums = sums_of_something;
    atomic_store(&self->node.stopping, true);
    assert_int_equal(step(self), FY_ECANCELLED);
    assert_int_equal(self->other.rows_asked, 0);
}

/* ------------------------------------------------------------------ what the site is */

/* Whatever else answers is waited for: taken for CCS, containers would be left out for good. */
static void only_a_site_that_says_so_is_taken_for_ccs(void **state)
{
    struct site *self = *state;
    int64_t orders = -1;
    bool ferry = false;
    must(fy_backfill_lag(&self->node, &self->target, &orders, &ferry, &self->err), &self->err);
    assert_true(ferry);
    assert_int_equal(orders, 7);
    self->other.no_ferry = true;
    assert_int_equal(fy_backfill_lag(&self->node, &self->target, &orders, &ferry, &self->err),
                     FY_EPEER);
    self->other.ccs_type = "NONE";
    must(fy_backfill_lag(&self->node, &self->target, &orders, &ferry, &self->err), &self->err);
    assert_false(ferry);
    assert_int_equal(orders, 0);
}

/* It is added to what is on its way, and compared. */
static void a_backlog_that_cannot_be_is_refused(void **state)
{
    static const char *const nonsense[] = {"{\"backlog\":-1}", "{\"backlog\":9223372036854775807}"};
    struct site *self = *state;
    for (size_t i = 0; i < FY_COUNT_OF(nonsense); i++) {
        int64_t orders = 0;
        bool ferry = false;
        self->other.lag = nonsense[i];
        assert_int_equal(fy_backfill_lag(&self->node, &self->target, &orders, &ferry, &self->err),
                         FY_EPEER);
    }
}

static void a_span_that_could_not_be_summed_is_shorter_the_next_time(void **state)
{
    struct site *self = *state;
    make_many(self);
    must(step(self), &self->err);
    self->turn.span = FY_BACKFILL_SPAN;
    self->other.sums = sums_of_nonsense;
    assert_int_equal(step(self), FY_EPEER);
    assert_int_equal(self->turn.span, FY_BACKFILL_STEP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_site_that_has_it_all_is_asked_a_few_times),
        TEST(a_site_that_has_nothing_is_asked_for_no_rows),
        TEST(all_is_ordered_without_a_question),
        TEST(an_order_is_that_of_the_change_given_now),
        TEST(orders_of_a_container_with_a_version_policy_say_so),
        TEST(a_turn_of_large_objects_is_short),
        TEST(what_no_order_would_change_is_left),
        TEST(a_site_that_answers_nonsense_ends_the_turn),
        TEST(rows_behind_what_was_asked_for_are_refused),
        TEST(a_process_that_stops_asks_for_no_further_page),
        TEST(only_a_site_that_says_so_is_taken_for_ccs),
        TEST(a_backlog_that_cannot_be_is_refused),
        TEST(a_span_that_could_not_be_summed_is_shorter_the_next_time),
    };
    return cmocka_run_group_tests_name("backfill", tests, NULL, NULL);
}

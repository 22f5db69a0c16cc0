/* order_wait.c - polls GET /ferry/v1/orders/{opId} and counts what ended. */
#include "cli/order_wait.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/output.h"
#include "common/core/clock.h"
#include "common/core/order.h"

#define POLL_FIRST_MS   20 /* most orders end within tens of milliseconds */
#define POLL_LONGEST_MS 500
#define FAILURES_SHOWN  20 /* orders that failed, each in a line; all are counted */
/* The same as JSON: so much is listed, sites and one more order fit beside it. */
#define FAILURES_BYTES_MAX (1 << 20)

/* What a site counts, in the order of the columns. */
enum { APPLIED, DUPLICATE, SUPERSEDED, SETTLED, WAITING, DEAD, DROPPED, WORD_COUNT };
static const char *const words[WORD_COUNT] = {"applied", "duplicate", "superseded", "settled",
                                              "waiting", "dead",      "dropped"};

/* The orders that share an opId, at one site of the list. */
struct progress {
    int64_t expected; /* orders that are for it */
    int64_t counts[WORD_COUNT];
    bool reachable;
};
struct op {
    char id[FY_OP_ID_BYTES_MAX + 1];
    bool ended;
    int64_t nowhere; /* orders for a site that is not in the list: they can only fail */
    json_t *answer;  /* the last one */
    struct progress sites[FY_SITES_MAX];
};

struct fy_order_watch {
    const struct fy_site_list *list;
    size_t op_count;
    struct op *ops[FY_ORDER_WATCHES_MAX + 1]; /* the first is the request's */
};

static struct op *add_op(struct fy_order_watch *watch, const char *op_id)
{
    struct op *op = fy_alloc(sizeof(*op));
    FY_ASSERT(fy_text_copy(op->id, sizeof(op->id), op_id));
    watch->ops[watch->op_count++] = op;
    return op;
}

struct fy_order_watch *fy_order_watch_new(const struct fy_site_list *list, const char *op_id)
{
    struct fy_order_watch *watch = fy_alloc(sizeof(*watch));
    watch->list = list;
    (void)add_op(watch, op_id);
    return watch;
}

void fy_order_watch_free(struct fy_order_watch *watch)
{
    if (watch == NULL)
        return;
    for (size_t i = 0; i < watch->op_count; i++) {
        json_decref(watch->ops[i]->answer);
        free(watch->ops[i]);
    }
    free(watch);
}

/* ---- whom an order is for */

static struct op *op_of(struct fy_order_watch *watch, const char *op_id)
{
    if (op_id[0] == '\0')
        return watch->ops[0];
    for (size_t i = 0; i < watch->op_count; i++)
        if (strcmp(watch->ops[i]->id, op_id) == 0)
            return watch->ops[i];
    return watch->op_count <= FY_ORDER_WATCHES_MAX ? add_op(watch, op_id) : NULL;
}

bool fy_order_watch_add(struct fy_order_watch *watch, const char *json, size_t json_bytes)
{
    json_auto_t *order = json_loadb(json, json_bytes, 0, NULL);
    const char *op_id = fy_json_text(order, "opId");
    const char *from = fy_json_text(order, "fromSite");
    const char *to = fy_json_text(order, "toSite");
    if (order == NULL || strlen(op_id) > FY_OP_ID_BYTES_MAX)
        return true;
    struct op *op = op_of(watch, op_id);
    if (op == NULL)
        return false;
    op->nowhere += to[0] != '\0' && fy_site_list_find(watch->list, to) == NULL;
    for (size_t i = 0; i < watch->list->count; i++) {
        const struct fy_site_info *site = &watch->list->sites[i];
        bool is_source = from[0] == '\0' ? site->self : strcmp(site->id, from) == 0;
        bool is_target = to[0] == '\0' ? !is_source : strcmp(site->id, to) == 0;
        op->sites[i].expected += is_target;
    }
    return true;
}

/* ---- one look */

static void read_site(const json_t *said, struct progress *progress)
{
    const json_t *counts = json_object_get(said, "counts");
    progress->reachable = fy_json_bool(said, "reachable");
    if (!progress->reachable)
        return; /* what it said before still holds */
    for (size_t i = 0; i < WORD_COUNT; i++)
        progress->counts[i] = fy_json_i64(counts, words[i]);
}

static int64_t failed_of(const struct progress *progress)
{
    return progress->counts[DEAD] + progress->counts[DROPPED];
}

static int64_t open_of(const struct progress *progress)
{
    int64_t ended = failed_of(progress);
    for (int i = APPLIED; i <= SETTLED; i++)
        ended += progress->counts[i];
    return ended < progress->expected ? progress->expected - ended : 0;
}

/*
 * All targets have had all their orders; or those that are open can have failed on the way out: a
 * site that sends (to a target that refuses, or that nobody knows) records the failure, not the
 * target.
 */
static bool has_ended(const struct fy_order_watch *watch, const struct op *op)
{
    int64_t failed_on_the_way = 0;
    int64_t most_open = op->nowhere;
    for (size_t i = 0; i < watch->list->count; i++) {
        if (op->sites[i].expected == 0)
            failed_on_the_way += failed_of(&op->sites[i]);
        else if (open_of(&op->sites[i]) > most_open)
            most_open = open_of(&op->sites[i]);
    }
    return most_open <= failed_on_the_way;
}

static enum fy_code look(struct fy_order_watch *watch, struct op *op, struct fy_client *client,
                         struct fy_err *err)
{
    struct fy_buf path;
    json_t *tree = NULL;
    fy_path(&path, FY_PATH_ORDERS);
    fy_path_segment(&path, op->id);
    enum fy_code code = fy_client_get_json(client, &path, &tree, err);
    if (code != FY_OK)
        return code;
    json_decref(op->answer);
    op->answer = tree;
    size_t index;
    json_t *said;
    json_array_foreach(json_object_get(tree, "sites"), index, said)
    {
        const struct fy_site_info *site =
            fy_site_list_find(watch->list, fy_json_text(said, "site"));
        if (site != NULL)
            read_site(said, &op->sites[site - watch->list->sites]);
    }
    op->ended = has_ended(watch, op);
    return FY_OK;
}

/* All of them once more, but for those that have ended. */
static enum fy_code look_at_all(struct fy_order_watch *watch, struct fy_client *client,
                                bool *all_ended, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    *all_ended = true;
    for (size_t i = 0; code == FY_OK && i < watch->op_count; i++) {
        if (watch->ops[i]->ended)
            continue;
        code = look(watch, watch->ops[i], client, err);
        *all_ended = *all_ended && watch->ops[i]->ended;
    }
    return code;
}

/* ---- what became of them */

/* Calls visit for each order that a site gives a reason for: it waits, or has failed. */
static void each_failure(const struct fy_order_watch *watch,
                         void (*visit)(void *arg, const char *site, const json_t *order), void *arg)
{
    for (size_t i = 0; i < watch->op_count; i++) {
        size_t at;
        json_t *site;
        json_array_foreach(json_object_get(watch->ops[i]->answer, "sites"), at, site)
        {
            size_t index;
            json_t *order;
            json_array_foreach(json_object_get(site, "orders"), index, order)
            {
                if (fy_json_text(order, "reason")[0] != '\0')
                    visit(arg, fy_json_text(site, "site"), order);
            }
        }
    }
}

static void say_failure(void *arg, const char *site, const json_t *order)
{
    int *shown = arg;
    if ((*shown)++ < FAILURES_SHOWN)
        fy_say("%s: %s %s/%s: %s: %s", site, fy_json_text(order, "outcome"),
               fy_json_text(order, "bucket"), fy_json_text(order, "object"),
               fy_json_text(order, "reason"), fy_json_text(order, "detail"));
}

static void print_failures(const struct fy_order_watch *watch)
{
    int shown = 0;
    each_failure(watch, say_failure, &shown);
    if (shown > FAILURES_SHOWN)
        fy_say("and %d more", shown - FAILURES_SHOWN);
}

static void add_failure(void *arg, const char *site, const json_t *order)
{
    static const char *const keys[] = {"opId",    "bucket", "object", "action",
                                       "outcome", "reason", "detail"};
    struct fy_buf *json = arg;
    if (json->size_bytes > FAILURES_BYTES_MAX)
        return;
    fy_buf_json_next(json);
    fy_buf_text(json, "{");
    fy_buf_json_str(json, "site", site);
    for (size_t i = 0; i < FY_COUNT_OF(keys); i++)
        fy_buf_json_str(json, keys[i], fy_json_text(order, keys[i]));
    fy_buf_text(json, "}");
}

/* Of all opIds together. */
static struct progress sum_of(const struct fy_order_watch *watch, size_t site)
{
    struct progress sum = {.reachable = true};
    for (size_t i = 0; i < watch->op_count; i++) {
        const struct progress *one = &watch->ops[i]->sites[site];
        sum.expected += one->expected;
        sum.reachable = sum.reachable && one->reachable;
        for (size_t word = 0; word < WORD_COUNT; word++)
            sum.counts[word] += one->counts[word];
    }
    return sum;
}

static bool is_concerned(const struct progress *sum)
{
    return sum->expected > 0 || failed_of(sum) > 0;
}

static void print_table(const struct fy_order_watch *watch)
{
    struct fy_table table;
    FY_TABLE_INIT(&table, "<SITE", ">ORDERS", ">APPLIED", ">DUPLICATE", ">SUPERSEDED", ">SETTLED",
                  ">WAITING", ">DEAD", ">DROPPED", ">OPEN");
    for (size_t i = 0; i < watch->list->count; i++) {
        struct progress sum = sum_of(watch, i);
        char numbers[WORD_COUNT][FY_CELL_BYTES];
        char expected[FY_CELL_BYTES];
        char open[FY_CELL_BYTES];
        if (!is_concerned(&sum))
            continue;
        for (size_t word = 0; word < WORD_COUNT; word++)
            fy_cell_count(sum.counts[word], numbers[word]);
        fy_cell_count(sum.expected, expected);
        fy_cell_count(open_of(&sum), open);
        FY_TABLE_ROW(&table, watch->list->sites[i].id, expected, numbers[APPLIED],
                     numbers[DUPLICATE], numbers[SUPERSEDED], numbers[SETTLED], numbers[WAITING],
                     numbers[DEAD], numbers[DROPPED], open);
    }
    fy_table_print(&table, stdout);
    fy_table_done(&table);
}

static void print_json(const struct fy_order_watch *watch, bool ended)
{
    struct fy_buf json;
    fy_buf_init(&json, (size_t)2 * FAILURES_BYTES_MAX);
    fy_buf_text(&json, "{");
    fy_buf_json_str(&json, "opId", watch->ops[0]->id);
    fy_buf_json_bool(&json, "ended", ended);
    fy_buf_json_key(&json, "sites");
    fy_buf_text(&json, "[");
    for (size_t i = 0; i < watch->list->count; i++) {
        struct progress sum = sum_of(watch, i);
        if (!is_concerned(&sum))
            continue;
        fy_buf_json_next(&json);
        fy_buf_text(&json, "{");
        fy_buf_json_str(&json, "site", watch->list->sites[i].id);
        fy_buf_json_bool(&json, "reachable", sum.reachable);
        fy_buf_json_i64(&json, "orders", sum.expected);
        for (size_t word = 0; word < WORD_COUNT; word++)
            fy_buf_json_i64(&json, words[word], sum.counts[word]);
        fy_buf_json_i64(&json, "open", open_of(&sum));
        fy_buf_text(&json, "}");
    }
    fy_buf_text(&json, "]");
    fy_buf_json_key(&json, "failures");
    fy_buf_text(&json, "[");
    each_failure(watch, add_failure, &json);
    fy_buf_text(&json, "]}");
    fy_print_buf(&json);
    fy_buf_done(&json);
}

static bool any_failed(const struct fy_order_watch *watch)
{
    for (size_t i = 0; i < watch->list->count; i++) {
        struct progress sum = sum_of(watch, i);
        if (failed_of(&sum) > 0)
            return true;
    }
    return false;
}

int fy_order_watch_run(struct fy_order_watch *watch, struct fy_client *client, int64_t timeout_ms,
                       bool json)
{
    struct fy_clock *clock = fy_clock_system();
    struct fy_err err = {0};
    int64_t deadline_ms = fy_mono_ms(clock) + timeout_ms;
    int64_t pause_ms = POLL_FIRST_MS;
    bool ended = false;
    for (;;) {
        if (look_at_all(watch, client, &ended, &err) != FY_OK)
            return fy_fail(&err);
        int64_t left_ms = deadline_ms - fy_mono_ms(clock);
        if (ended || left_ms <= 0)
            break;
        int64_t step_ms = pause_ms < left_ms ? pause_ms : left_ms;
        struct timespec step = {.tv_sec = step_ms / 1000, .tv_nsec = step_ms % 1000 * 1000000};
        (void)nanosleep(&step, NULL); /* cut short by ^C, which the next call sees */
        pause_ms = pause_ms * 3 / 2 < POLL_LONGEST_MS ? pause_ms * 3 / 2 : POLL_LONGEST_MS;
    }
    if (json)
        print_json(watch, ended);
    else
        print_table(watch);
    if (!json)
        print_failures(watch);
    int exit_status = !ended              ? FY_EXIT_TIMED_OUT
                      : any_failed(watch) ? FY_EXIT_SOME_FAILED
                                          : FY_EXIT_DONE;
    return fy_output_end(exit_status);
}

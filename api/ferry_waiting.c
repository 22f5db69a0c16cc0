/* ferry_waiting.c - /ferry/v1/waiting: orders that wait or are dead; a person lists, retries, drops
 * them. */
#include <stdlib.h>
#include <string.h>

#include "api/page.h"
#include "api/query.h"
#include "common/adapters/json_fields.h"
#include "common/adapters/order_json.h"

#define MODULE "FERRY"
/* The last row is in it whole: its order, and a detail that is an error's sentence. */
#define PAGE_BYTES_MAX (FY_LIST_PAGE_BYTES + 2 * FY_ORDER_JSON_BYTES)
#define EDIT_ROWS      FY_LIST_PAGE_MAX /* of one transaction */

/* ---- the filter, out of the query or out of a JSON body; the same words in both. An empty word is
 * refused, and so is an unknown key: neither must end in dropping all that waits. */

struct filter_words {
    int64_t id;
    char state[16];
    char direction[8];
    char reason[32];
    char site[FY_SITE_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    bool dry_run;
};
#define FIELD(name, kind, member) FY_JSON_FIELD(struct filter_words, name, kind, false, member)
static const struct fy_json_field fields[] = {
    FIELD("id", FY_JSON_ID, id),
    FIELD("state", FY_JSON_WORD, state),
    FIELD("direction", FY_JSON_WORD, direction),
    FIELD("reason", FY_JSON_WORD, reason),
    FIELD("site", FY_JSON_WORD, site),
    FIELD("bucket", FY_JSON_WORD, bucket),
    FIELD("dryRun", FY_JSON_BOOL, dry_run),
};

static int word_index(const char *word, const char *first, const char *second)
{
    if (strcmp(word, first) == 0)
        return 0;
    return strcmp(word, second) == 0 ? 1 : -1;
}

static enum fy_code make_filter(const struct filter_words *words, struct fy_waiting_filter *filter,
                                struct fy_err *err)
{
    *filter = (struct fy_waiting_filter){
        .id = words->id, .state = -1, .direction = -1, .limit = FY_LIST_PAGE_MAX};
    if (words->state[0] != '\0') {
        filter->state = word_index(words->state, "waiting", "dead");
        if (filter->state < 0)
            return fy_err_set(err, FY_EINPUT, "state: '%s' is neither waiting nor dead",
                              words->state);
    }
    if (words->direction[0] != '\0') {
        filter->direction = word_index(words->direction, "in", "out");
        if (filter->direction < 0)
            return fy_err_set(err, FY_EINPUT, "direction: '%s' is neither in nor out",
                              words->direction);
    }
    if (words->reason[0] != '\0' && fy_reason_parse(words->reason, &filter->reason) != FY_OK)
        return fy_err_set(err, FY_EINPUT, "reason: '%s' is not a reason like SRC_NOT_FOUND",
                          words->reason);
    memcpy(filter->site, words->site, sizeof(filter->site));
    memcpy(filter->bucket, words->bucket, sizeof(filter->bucket));
    return FY_OK;
}

static enum fy_code query_filter(struct fy_exchange *x, struct fy_waiting_filter *filter,
                                 struct fy_err *err)
{
    struct filter_words words = {.id = -1};
    int64_t after_id = 0;
    uint32_t limit = 0;
    enum fy_code code = fy_query_i64(x, "id", 1, INT64_MAX, &words.id, err);
    if (code == FY_OK)
        code = fy_query_word(x, "state", words.state, sizeof(words.state), err);
    if (code == FY_OK)
        code = fy_query_word(x, "direction", words.direction, sizeof(words.direction), err);
    if (code == FY_OK)
        code = fy_query_word(x, "reason", words.reason, sizeof(words.reason), err);
    if (code == FY_OK)
        code = fy_query_word(x, "site", words.site, sizeof(words.site), err);
    if (code == FY_OK)
        code = fy_query_word(x, "bucket", words.bucket, sizeof(words.bucket), err);
    if (code == FY_OK)
        code = fy_query_i64(x, "after", 0, INT64_MAX, &after_id, err);
    if (code == FY_OK)
        code = fy_query_limit(x, &limit, err);
    if (code == FY_OK)
        code = make_filter(&words, filter, err);
    filter->after_id = after_id;
    filter->limit = limit;
    return code;
}

/* ---- list */

struct listing {
    struct fy_page page;
    int64_t last_id;
};

static bool add_row(void *arg, const struct fy_waiting_row *row)
{
    struct listing *listing = arg;
    struct fy_buf *json = fy_page_row(&listing->page);
    listing->last_id = row->id;
    fy_buf_text(json, "{");
    fy_buf_json_i64(json, "id", row->id);
    fy_buf_json_str(json, "direction", row->direction == FY_OUT ? "out" : "in");
    fy_buf_json_str(json, "state", row->state == FY_DEAD ? "dead" : "waiting");
    fy_buf_json_str(json, "reason", fy_reason_name(row->reason));
    fy_buf_json_str(json, "detail", row->detail);
    fy_buf_json_i64(json, "httpStatus", row->http_status);
    fy_buf_json_i64(json, "attempts", row->attempts);
    fy_buf_json_instant(json, "firstFailed", row->first_failed_ms);
    fy_buf_json_instant(json, "lastFailed", row->last_failed_ms);
    fy_buf_json_instant(json, "due", row->state == FY_DEAD ? 0 : row->due_ms);
    fy_buf_json_key(json, "order");
    fy_order_json_write(&row->order, json);
    fy_buf_text(json, "}");
    return fy_page_row_end(&listing->page);
}

static void list_waiting(struct fy_exchange *x)
{
    struct fy_waiting_filter filter;
    struct listing listing = {0};
    struct fy_err err = {0};
    enum fy_code code = query_filter(x, &filter, &err);
    fy_page_begin(&listing.page, "orders", PAGE_BYTES_MAX);
    if (code == FY_OK)
        code =
            fy_catalogue_waiting_list(fy_node_of(x)->catalogue, &filter, add_row, &listing, &err);
    fy_page_answer_ids(x, &listing.page, filter.limit, listing.last_id, code, &err);
}

/* ---- edit */

struct edited {
    int64_t matched, superseded, incurable;
};

/* In steps of EDIT_ROWS, each a transaction; a retried row keeps its id, so the walk goes by id. */
static enum fy_code edit_all(struct fy_node *node, enum fy_wait_action action,
                             struct fy_waiting_filter *filter, bool dry_run, struct edited *edited,
                             struct fy_err *err)
{
    struct fy_cat_wait_edit edit;
    do {
        edit = (struct fy_cat_wait_edit){.op = {.kind = FY_CAT_WAIT_EDIT},
                                         .action = action,
                                         .filter = *filter,
                                         .dry_run = dry_run};
        edit.filter.limit = EDIT_ROWS;
        enum fy_code code = fy_catalogue_writer_run(node->writer, &edit.op, err);
        if (code != FY_OK)
            return code;
        edited->matched += edit.matched;
        edited->superseded += edit.superseded;
        edited->incurable += edit.incurable;
        filter->after_id = edit.last_id;
    } while (edit.matched == EDIT_ROWS);
    return FY_OK;
}

static void edit_waiting(struct fy_exchange *x, enum fy_wait_action action)
{
    struct fy_node *node = fy_node_of(x);
    struct filter_words words = {.id = -1};
    struct fy_waiting_filter filter;
    struct fy_err err = {0};
    struct edited edited = {0};
    size_t size_bytes;
    const char *body = fy_body(x, &size_bytes);
    enum fy_code code =
        fy_json_fields_read_only(body, size_bytes, fields, FY_COUNT_OF(fields), &words, &err);
    if (code == FY_OK)
        code = make_filter(&words, &filter, &err);
    if (code == FY_OK)
        code = edit_all(node, action, &filter, words.dry_run, &edited, &err);
    if (code != FY_OK) {
        fy_answer_error(x, &err);
        return;
    }
    fy_bell_ring(&node->waiting_bell);
    fy_bell_ring(&node->outbox_bell);
    struct fy_buf json;
    fy_buf_init(&json, 256);
    fy_buf_text(&json, "{");
    fy_buf_json_i64(&json, "matched", edited.matched);
    if (action == FY_WAIT_RETRY) {
        fy_buf_json_i64(&json, "superseded", edited.superseded);
        fy_buf_json_i64(&json, "incurable", edited.incurable);
    }
    fy_buf_json_bool(&json, "dryRun", words.dry_run);
    fy_buf_text(&json, "}");
    fy_answer_json(x, 200, &json);
}

static void retry_waiting(struct fy_exchange *x)
{
    edit_waiting(x, FY_WAIT_RETRY);
}

static void drop_waiting(struct fy_exchange *x)
{
    edit_waiting(x, FY_WAIT_DROP);
}

static const struct fy_route routes[] = {
    FY_ROUTE("GET", "/ferry/v1/waiting", MODULE, list_waiting),
    FY_JSON_ROUTE("POST", "/ferry/v1/waiting/retry", MODULE, retry_waiting),
    FY_JSON_ROUTE("POST", "/ferry/v1/waiting/drop", MODULE, drop_waiting),
};
const struct fy_route_table fy_routes_waiting = {routes, FY_COUNT_OF(routes)};

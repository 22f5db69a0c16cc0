/* ferry_lag.c - /ferry/v1/lag: how far behind each topic is, by partition. */
#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "common/runtime/lag.h"
#include "common/runtime/sites.h"

/* A row has names of 160 bytes, keys of 100, seven numbers of 20 at most. */
#define LAG_BYTES_MAX (1024 + FY_LAG_ROWS_MAX * 400)

struct lag_list {
    struct fy_buf json;
    struct fy_lag_sum sum;
};

static void numbers_json(int64_t orders, int64_t backlog, int64_t oldest_ms, struct fy_buf *json)
{
    fy_buf_json_i64(json, "orders", orders);
    fy_buf_json_i64(json, "backlog", backlog);
    fy_buf_json_i64(json, "seconds", oldest_ms / 1000);
}

static void add_partition(void *arg, const struct fy_lag_row *row)
{
    struct lag_list *list = arg;
    fy_lag_add(&list->sum, row);
    fy_buf_json_next(&list->json);
    fy_buf_text(&list->json, "{");
    fy_buf_json_str(&list->json, "topic", row->topic);
    fy_buf_json_i64(&list->json, "partition", row->partition);
    fy_buf_json_str(&list->json, "group", row->group);
    fy_buf_json_str(&list->json, "site", row->site);
    numbers_json(row->orders, row->backlog, row->oldest_ms, &list->json);
    fy_buf_json_i64(&list->json, "committed", row->committed);
    fy_buf_json_i64(&list->json, "end", row->end);
    fy_buf_text(&list->json, "}");
}

/* Of the orders that come in alone: what another site asks that has many for us. */
static enum fy_code incoming_json(struct fy_node *node, struct lag_list *list, struct fy_err *err)
{
    return fy_lag_topic(node, FY_GROUP_WORKER, FY_TOPIC_ACTION, node->site, add_partition, list,
                        err);
}

/* All or nothing: a sum without a topic would be a wrong one. */
static enum fy_code all_json(struct fy_node *node, struct lag_list *list, struct fy_err *err)
{
    struct fy_site_row *sites = fy_alloc(FY_SITES_MAX * sizeof(*sites)); /* pool stacks are small */
    size_t site_count = 0;
    enum fy_code code = fy_sites_read(node->catalogue, false, sites, &site_count, err);
    if (code == FY_OK)
        code = fy_lag_all(node, sites, site_count, add_partition, NULL, list, err);
    free(sites);
    return code;
}

static void get_lag(struct fy_exchange *x)
{
    struct fy_node *node = fy_node_of(x);
    struct lag_list list = {0};
    struct fy_err err = {0};
    const char *topic = fy_query(x, "topic");
    if (topic != NULL && strcmp(topic, FY_TOPIC_ACTION) != 0) {
        fy_answer_fail(x, FY_EINPUT, "topic: '%.40s' is not " FY_TOPIC_ACTION, topic);
        return;
    }
    fy_buf_init(&list.json, LAG_BYTES_MAX);
    fy_buf_text(&list.json, "{");
    fy_buf_json_str(&list.json, "site", node->site);
    fy_buf_json_key(&list.json, "partitions");
    fy_buf_text(&list.json, "[");
    enum fy_code code =
        topic != NULL ? incoming_json(node, &list, &err) : all_json(node, &list, &err);
    fy_buf_text(&list.json, "]");
    numbers_json(list.sum.orders, list.sum.backlog, list.sum.oldest_ms, &list.json);
    fy_buf_text(&list.json, "}");
    fy_answer_result(x, code, &list.json, &err);
}

static const struct fy_route routes[] = {
    FY_ROUTE("GET", "/ferry/v1/lag", "FERRY", get_lag),
};
const struct fy_route_table fy_routes_lag = {routes, FY_COUNT_OF(routes)};

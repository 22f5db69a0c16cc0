/* ferry_sites.c - /ferry/v1/hello, /sites and /status: who we are, whom we know, how far behind
 * they are. */
#include <stdlib.h>
#include <string.h>

#include "api/topology.h"
#include "common/core/names.h"
#include "common/runtime/lag.h"

#define MODULE           "FERRY"
#define SITES_BYTES_MAX  ((size_t)FY_SITES_MAX * 4096)
#define STATUS_BYTES_MAX (1 << 20)

/* ---- hello */

static void hello(struct fy_exchange *x)
{
    struct fy_node *node = fy_node_of(x);
    struct fy_buf json;
    fy_buf_init(&json, 1024);
    fy_buf_text(&json, "{");
    fy_buf_json_str(&json, "site", node->site);
    fy_buf_json_str(&json, "version", FY_VERSION);
    fy_buf_json_instant(&json, "now", fy_wall_ms(node->clock));
    fy_buf_text(&json, "}");
    fy_answer_json(x, 200, &json);
}

/* ---- sites */

static void site_json(const struct fy_node *node, const struct fy_site_row *row,
                      struct fy_buf *json)
{
    fy_buf_text(json, "{");
    fy_buf_json_str(json, "id", row->id);
    fy_buf_json_str(json, "name", row->name);
    fy_buf_json_str(json, "uri", row->uri);
    fy_buf_json_str(json, "status", fy_topology_status_name(row->status));
    fy_buf_json_bool(json, "paused", row->paused);
    fy_buf_json_bool(json, "self", strcmp(row->id, node->site) == 0);
    fy_buf_text(json, "}");
}

struct site_list {
    struct fy_node *node;
    struct fy_buf json;
};

static bool add_site(void *arg, const struct fy_site_row *row)
{
    struct site_list *list = arg;
    fy_buf_json_next(&list->json);
    site_json(list->node, row, &list->json);
    return true;
}

static void list_sites(struct fy_exchange *x)
{
    struct site_list list = {.node = fy_node_of(x)};
    struct fy_err err = {0};
    fy_buf_init(&list.json, SITES_BYTES_MAX);
    fy_buf_text(&list.json, "{\"sites\":[");
    enum fy_code code = fy_catalogue_site_list(list.node->catalogue, add_site, &list, &err);
    fy_buf_text(&list.json, "]}");
    fy_answer_result(x, code, &list.json, &err);
}

static void answer_site(struct fy_exchange *x, int http_status, const struct fy_site_row *row)
{
    struct fy_buf json;
    fy_buf_init(&json, SITES_BYTES_MAX);
    site_json(fy_node_of(x), row, &json);
    fy_answer_json(x, http_status, &json);
}

/* As POST /administration/topologies, but a site is UP unless it says otherwise, and its name is
 * its id. */
static void post_site(struct fy_exchange *x)
{
    struct fy_site_row row = {0};
    struct fy_err err = {0};
    size_t size_bytes;
    const char *body = fy_body(x, &size_bytes);
    enum fy_code code = fy_topology_parse(body, size_bytes, &row, &err);
    if (code == FY_OK && row.status == FY_SITE_UNKNOWN)
        row.status = FY_SITE_UP;
    if (code == FY_OK && row.name[0] == '\0')
        memcpy(row.name, row.id, sizeof(row.name));
    if (code == FY_OK)
        code = fy_topology_write(fy_node_of(x), FY_SITE_INSERT, &row, &err);
    if (code == FY_OK)
        answer_site(x, 201, &row);
    else
        fy_answer_error(x, &err);
}

static void change_site(struct fy_exchange *x, enum fy_site_action action, bool paused)
{
    struct fy_node *node = fy_node_of(x);
    struct fy_site_row row = {.paused = paused};
    struct fy_err err = {0};
    const char *id = fy_path_value(x, "site");
    enum fy_code code = FY_OK;
    if (!fy_site_is_valid(id))
        code = fy_err_set(&err, FY_ENOTFOUND, "no such site");
    else if (strcmp(id, node->site) == 0)
        code = fy_err_set(&err, FY_EINPUT, "that is this site itself");
    if (code == FY_OK) {
        FY_ASSERT(fy_text_copy(row.id, sizeof(row.id), id));
        code = fy_topology_write(node, action, &row, &err);
    }
    if (code == FY_OK && action == FY_SITE_PAUSE)
        code = fy_catalogue_site_get(node->catalogue, id, &row, &err);
    if (code != FY_OK)
        fy_answer_error(x, &err);
    else if (action == FY_SITE_REMOVE)
        fy_answer_empty(x, 204);
    else
        answer_site(x, 200, &row);
}

static void delete_site(struct fy_exchange *x)
{
    change_site(x, FY_SITE_REMOVE, false);
}

static void pause_site(struct fy_exchange *x)
{
    change_site(x, FY_SITE_PAUSE, true);
}

static void resume_site(struct fy_exchange *x)
{
    change_site(x, FY_SITE_PAUSE, false);
}

/* ---- status */

static void add_lag(void *arg, const struct fy_lag_row *row)
{
    fy_lag_add(arg, row);
}

struct status {
    struct fy_node *node;
    struct fy_buf *json;
    enum fy_code lag_code; /* of the first topic that could not be looked at: no more are */
    struct fy_err queue;   /* why */
};

/* "lag":null is one that nobody can know while the queue does not answer; all else is told. */
static void lag_json(struct status *status, const char *group, const char *topic)
{
    struct fy_lag_sum sum = {0};
    if (status->lag_code == FY_OK)
        status->lag_code = fy_lag_topic(status->node, group, topic, status->node->site, add_lag,
                                        &sum, &status->queue);
    if (status->lag_code == FY_OK) {
        fy_buf_json_i64(status->json, "lag", sum.orders);
        fy_buf_json_i64(status->json, "oldestSeconds", sum.oldest_ms / 1000);
    } else {
        fy_buf_json_str(status->json, "lag", NULL);
        fy_buf_json_str(status->json, "oldestSeconds", NULL);
    }
}

static bool add_target(void *arg, const struct fy_site_row *row)
{
    struct status *status = arg;
    char topic[FY_TOPIC_BYTES_MAX + 1];
    if (strcmp(row->id, status->node->site) == 0)
        return true;
    fy_topic_of_site(row->id, topic);
    fy_buf_json_next(status->json);
    fy_buf_text(status->json, "{");
    fy_buf_json_str(status->json, "site", row->id);
    fy_buf_json_str(status->json, "uri", row->uri);
    fy_buf_json_str(status->json, "status", fy_topology_status_name(row->status));
    fy_buf_json_bool(status->json, "paused", row->paused);
    lag_json(status, FY_GROUP_SENDER, topic);
    fy_buf_text(status->json, "}");
    return true;
}

static bool add_waiting(void *arg, const struct fy_waiting_count *count)
{
    struct status *status = arg;
    fy_buf_json_next(status->json);
    fy_buf_text(status->json, "{");
    fy_buf_json_str(status->json, "direction", count->direction == FY_OUT ? "out" : "in");
    fy_buf_json_str(status->json, "state", count->state == FY_DEAD ? "dead" : "waiting");
    fy_buf_json_str(status->json, "reason", fy_reason_name(count->reason));
    fy_buf_json_str(status->json, "site", count->site);
    fy_buf_json_i64(status->json, "orders", count->orders);
    fy_buf_json_i64(status->json, "bytes", count->bytes);
    fy_buf_json_instant(status->json, "oldest", count->oldest_ms);
    fy_buf_text(status->json, "}");
    return true;
}

static void part_json(struct status *status, const char *part, const char *group, const char *topic)
{
    fy_buf_json_key(status->json, part);
    fy_buf_text(status->json, "{");
    lag_json(status, group, topic);
    fy_buf_text(status->json, "}");
}

/* After all lags: what they met counts, too. */
static void queue_json(struct status *status)
{
    struct fy_node *node = status->node;
    int64_t used_bytes = 0, max_bytes = 0;
    struct fy_err err = {0};
    bool up = fy_queue_health(node->queue, &err) == FY_OK;
    if (up && status->lag_code != FY_OK)
        err = status->queue;
    up = up && status->lag_code == FY_OK;
    fy_queue_fill(node->queue, &used_bytes, &max_bytes);
    fy_buf_json_key(status->json, "queue");
    fy_buf_text(status->json, "{");
    fy_buf_json_str(status->json, "engine", node->queue->ops->name);
    fy_buf_json_bool(status->json, "ok", up);
    fy_buf_json_str(status->json, "reason", up ? NULL : err.text);
    fy_buf_json_i64(status->json, "usedBytes", used_bytes);
    fy_buf_json_i64(status->json, "maxBytes", max_bytes);
    fy_buf_text(status->json, "}");
}

static void totals_json(const struct fy_node *node, const struct fy_catalogue_totals *totals,
                        struct fy_buf *json)
{
    fy_buf_json_str(json, "site", node->site);
    fy_buf_json_str(json, "version", FY_VERSION);
    fy_buf_json_instant(json, "started", node->started_ms);
    fy_buf_json_i64(json, "containers", totals->containers);
    fy_buf_json_i64(json, "objects", totals->objects);
    fy_buf_json_i64(json, "bytes", totals->bytes);
    fy_buf_json_i64(json, "conflicts", totals->conflicts);
    fy_buf_json_i64(json, "damagedBodies", totals->damaged_bodies);
    fy_buf_json_i64(json, "keptObjects", totals->kept_objects);
    fy_buf_json_i64(json, "keptBytes", totals->kept_bytes);
    fy_buf_json_i64(json, "outbox", totals->outbox_orders);
    fy_buf_json_i64(json, "waitingOrders", totals->waiting_orders);
    fy_buf_json_i64(json, "waitingBytes", totals->waiting_bytes);
    fy_buf_json_i64(json, "deadOrders", totals->dead_orders);
}

static enum fy_code own_json(struct status *status, struct fy_err *err)
{
    struct fy_node *node = status->node;
    struct fy_catalogue_totals totals;
    int64_t free_bytes = 0;
    bool above_floor = false;
    enum fy_code code = fy_catalogue_totals(node->catalogue, &totals, err);
    if (code == FY_OK)
        code = fy_store_space(node->store, &free_bytes, &above_floor, err);
    if (code != FY_OK)
        return code;
    totals_json(node, &totals, status->json);
    part_json(status, "incoming", FY_GROUP_WORKER, FY_TOPIC_ACTION);
    part_json(status, "routing", FY_GROUP_ROUTER, FY_TOPIC_REPLICATION);
    fy_buf_json_key(status->json, "store");
    fy_buf_text(status->json, "{");
    fy_buf_json_bool(status->json, "ok", above_floor);
    fy_buf_json_i64(status->json, "freeBytes", free_bytes);
    fy_buf_text(status->json, "}");
    return FY_OK;
}

static void get_status(struct fy_exchange *x)
{
    struct fy_buf json;
    struct fy_err err = {0};
    struct status status = {.node = fy_node_of(x), .json = &json};
    struct fy_catalogue *catalogue = status.node->catalogue;
    fy_buf_init(&json, STATUS_BYTES_MAX);
    fy_buf_text(&json, "{");
    enum fy_code code = own_json(&status, &err);
    fy_buf_json_key(&json, "targets");
    fy_buf_text(&json, "[");
    if (code == FY_OK)
        code = fy_catalogue_site_list(catalogue, add_target, &status, &err);
    fy_buf_text(&json, "]");
    fy_buf_json_key(&json, "waiting");
    fy_buf_text(&json, "[");
    if (code == FY_OK)
        code = fy_catalogue_waiting_counts(catalogue, add_waiting, &status, &err);
    fy_buf_text(&json, "]");
    queue_json(&status);
    fy_buf_text(&json, "}");
    fy_answer_result(x, code, &json, &err);
}

static const struct fy_route routes[] = {
    {.method = "GET",
     .pattern = "/ferry/v1/hello",
     .module = MODULE,
     .fast = true,
     .handle = hello},
    FY_ROUTE("GET", "/ferry/v1/sites", MODULE, list_sites),
    FY_JSON_ROUTE("POST", "/ferry/v1/sites", MODULE, post_site),
    FY_ROUTE("DELETE", "/ferry/v1/sites/{site}", MODULE, delete_site),
    FY_ROUTE("POST", "/ferry/v1/sites/{site}/pause", MODULE, pause_site),
    FY_ROUTE("POST", "/ferry/v1/sites/{site}/resume", MODULE, resume_site),
    FY_ROUTE("GET", "/ferry/v1/status", MODULE, get_status),
};
const struct fy_route_table fy_routes_sites = {routes, FY_COUNT_OF(routes)};

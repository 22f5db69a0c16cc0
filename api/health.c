/* health.c - is this process alive, is it ready, what does it count, what does it serve. */
#include <string.h>

#include "api/http.h"
#include "api/metrics_page.h"

#define LOOP_STUCK_MS   30000 /* an engine loop turns at least twice a second */
#define READY_BYTES_MAX 4096
/* All but the lag is a few hundred sites with all their labels. */
#define METRICS_BYTES_MAX ((1 << 20) + FY_METRICS_LAGS * FY_METRICS_LAG_BYTES_MAX)

/* The bytes of api/openapi.yaml, put into the program by the build. */
extern const char fy_openapi_yaml[];
extern const char fy_openapi_yaml_end[];

/* ------------------------------------------------------------------ live */

/* Answers even when the pool and all engines are stuck; an API without a worker has no loop to
 * turn. */
static void get_live(struct fy_exchange *x)
{
    struct fy_node *node = fy_node_of(x);
    int64_t turn_ms = atomic_load(&node->loop_turn_ms);
    int64_t stuck_ms = turn_ms != 0 ? fy_mono_ms(node->clock) - turn_ms : 0;
    if (stuck_ms > LOOP_STUCK_MS) {
        fy_answer_fail(x, FY_EBUSY, "the engine loop has not turned for %lld ms",
                       (long long)stuck_ms);
        return;
    }
    struct fy_buf json;
    fy_buf_init(&json, READY_BYTES_MAX);
    fy_buf_text(&json, "{\"live\":true}");
    fy_answer_json(x, 200, &json);
}

/* ------------------------------------------------------------------ ready */

static enum fy_code check_catalogue(struct fy_node *node, struct fy_err *err)
{
    if (!fy_catalogue_writer_healthy(node->writer))
        return fy_err_set(err, FY_EBUSY, "the last write did not reach it");
    struct fy_site_row row;
    enum fy_code code = fy_catalogue_site_get(node->catalogue, node->site, &row, err);
    return code == FY_ENOTFOUND ? FY_OK : code; /* any answer will do */
}

static enum fy_code check_store(struct fy_node *node, struct fy_err *err)
{
    int64_t free_bytes = 0;
    bool above_floor = false;
    enum fy_code code = fy_store_space(node->store, &free_bytes, &above_floor, err);
    if (code == FY_OK && !above_floor)
        code = fy_err_set(err, FY_ENOSPACE, "free space is under the floor: %lld bytes",
                          (long long)free_bytes);
    if (code == FY_OK && atomic_load(&node->store_fails))
        code = fy_err_set(err, FY_EIO, "writes fail: the worker is paused");
    return code;
}

static enum fy_code check_queue(struct fy_node *node, struct fy_err *err)
{
    int64_t used_bytes = 0, max_bytes = 0;
    enum fy_code code = fy_queue_health(node->queue, err);
    if (code != FY_OK)
        return code;
    fy_queue_fill(node->queue, &used_bytes, &max_bytes);
    if (max_bytes > 0 && used_bytes >= max_bytes)
        return fy_err_set(err, FY_EFULL, "full: %lld of %lld bytes", (long long)used_bytes,
                          (long long)max_bytes);
    return FY_OK;
}

static enum fy_code check_stopping(struct fy_node *node, struct fy_err *err)
{
    if (atomic_load(&node->stopping))
        return fy_err_set(err, FY_ECANCELLED, "the process is stopping");
    return FY_OK;
}

static const struct check_row {
    const char *name;
    enum fy_code (*check)(struct fy_node *node, struct fy_err *err);
} checks[] = {
    {"catalogue", check_catalogue},
    {"store", check_store},
    {"queue", check_queue},
    {"running", check_stopping},
};

static void get_ready(struct fy_exchange *x)
{
    struct fy_node *node = fy_node_of(x);
    struct fy_buf json;
    fy_buf_init(&json, READY_BYTES_MAX);
    bool ready = true;
    fy_buf_text(&json, "{\"checks\":{");
    for (size_t i = 0; i < FY_COUNT_OF(checks); i++) {
        struct fy_err err = {.code = FY_OK};
        enum fy_code code = checks[i].check(node, &err);
        fy_buf_json_str(&json, checks[i].name, code == FY_OK ? "ok" : err.text);
        ready = ready && code == FY_OK;
    }
    fy_buf_text(&json, "}");
    fy_buf_json_bool(&json, "ready", ready);
    fy_buf_text(&json, "}");
    if (!ready)
        fy_answer_header(x, "Retry-After", "1");
    fy_answer_json(x, ready ? 200 : 503, &json);
}

/* ------------------------------------------------------------------ metrics, openapi.yaml */

static void print_ready(struct fy_node *node, struct fy_buf *text)
{
    fy_buf_text(text, "# HELP ferry_ready 1 when /health/ready has nothing to say of it.\n"
                      "# TYPE ferry_ready gauge\n");
    for (size_t i = 0; i < FY_COUNT_OF(checks); i++)
        fy_buf_printf(text, "ferry_ready{check=\"%s\"} %d\n", checks[i].name,
                      checks[i].check(node, NULL) == FY_OK);
}

static void get_metrics(struct fy_exchange *x)
{
    struct fy_buf text;
    fy_buf_init(&text, METRICS_BYTES_MAX);
    fy_metrics_print(&fy_node_of(x)->metrics, fy_node_works(fy_node_of(x)), &text);
    print_ready(fy_node_of(x), &text);
    fy_metrics_page(fy_node_of(x), &text);
    fy_queue_numbers_print(&fy_node_of(x)->queue->numbers, &text);
    fy_node_metrics_print(fy_node_of(x), &text);
    fy_answer_bytes(x, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
}

static void get_openapi(struct fy_exchange *x)
{
    fy_answer_static(x, 200, "application/yaml", fy_openapi_yaml,
                     (size_t)(fy_openapi_yaml_end - fy_openapi_yaml));
}

static const struct fy_route routes[] = {
    {.method = "GET",
     .pattern = "/health/live",
     .module = "UNKNOWN",
     .fast = true,
     .vital = true,
     .handle = get_live},
    {.method = "GET",
     .pattern = "/health/ready",
     .module = "UNKNOWN",
     .vital = true,
     .handle = get_ready},
    {.method = "GET",
     .pattern = "/metrics",
     .module = "UNKNOWN",
     .vital = true,
     .handle = get_metrics},
    {.method = "GET",
     .pattern = "/openapi.yaml",
     .module = "UNKNOWN",
     .fast = true,
     .handle = get_openapi},
};
const struct fy_route_table fy_routes_health = {routes, FY_COUNT_OF(routes)};

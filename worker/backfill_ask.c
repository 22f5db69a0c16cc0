/* backfill_ask.c - how much another site has to do, and what it has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/container_json.h"
#include "common/adapters/diff_json.h"
#include "common/adapters/json_fields.h"
#include "common/core/names.h"
#include "common/runtime/lag.h"
#include "worker/backfill_internal.h"

/* A page of a listing with its last row, or all parts of a range whose names are long. */
#define ANSWER_BYTES_MAX ((size_t)FY_LIST_PAGE_BYTES << 1)
#define BACKLOG_MAX      (INT64_MAX / 4) /* added to ours, and subtracted, it stays a number */

/* ------------------------------------------------------------------ one question */

static void add_query(struct fy_buf *path, const char *key, const char *value)
{
    char text[3 * FY_OBJECT_BYTES_MAX + 1];
    if (value[0] == '\0')
        return;
    FY_ASSERT(fy_percent_encode(value, false, text, sizeof(text)));
    fy_buf_printf(path, "%c%s=%s", strchr(path->bytes, '?') == NULL ? '?' : '&', key, text);
}

static void begin_path(const struct fy_backfill_turn *turn, const char *route, struct fy_buf *path)
{
    fy_buf_init(path, FY_PATH_BYTES_MAX);
    fy_buf_text(path, route);
    add_query(path, "acct", turn->row->at.account);
    add_query(path, "ref", turn->row->at.bucket);
}

static void add_range(const struct fy_backfill_turn *turn, const struct fy_diff_range *range,
                      struct fy_buf *path)
{
    add_query(path, "prefix", turn->row->prefix);
    add_query(path, "after", range->after);
    add_query(path, "until", range->until);
}

/* FY_OK for whatever was answered whole; its body is free()d by the caller. call: what to ask. */
static enum fy_code run(struct fy_node *node, const struct fy_site_row *site,
                        struct fy_peer_call *call, struct fy_peer_answer *answer,
                        struct fy_err *err)
{
    enum fy_reason reason = FY_REASON_NONE;
    call->deadline_ms = FY_SMALL_CALL_MS;
    fy_peer_call_to(call, site->id, site->uri);
    enum fy_code code = fy_peer_wait(node->peer, call, ANSWER_BYTES_MAX, answer, &reason, err);
    return code == FY_OK ? code : fy_err_add(err, "%s", site->id);
}

static enum fy_code get(struct fy_node *node, const struct fy_site_row *site, const char *client,
                        const char *path, struct fy_peer_answer *answer, struct fy_err *err)
{
    struct fy_peer_call *call = fy_alloc(sizeof(*call));
    *call = (struct fy_peer_call){.verb = FY_PEER_GET, .ferry = true, .path = path};
    FY_ASSERT(fy_text_copy(call->client, sizeof(call->client), client));
    enum fy_code code = run(node, site, call, answer, err);
    free(call);
    return code;
}

static enum fy_code refused(const struct fy_site_row *site, const struct fy_peer_answer *answer,
                            struct fy_err *err)
{
    return fy_err_set(err, FY_EPEER, "%s answered %d: %s", site->id, answer->http_status,
                      answer->error);
}

/* As the container's owner, who may read it. FY_ENOTFOUND: a Ferry that does not know it. The path
 * is done with. */
static enum fy_code ask(const struct fy_backfill_turn *turn, struct fy_buf *path,
                        struct fy_peer_answer *answer, struct fy_err *err)
{
    FY_ASSERT(!path->overflow);
    *answer = (struct fy_peer_answer){0};
    enum fy_code code =
        get(turn->node, turn->site, turn->row->at.account, path->bytes, answer, err);
    fy_buf_done(path);
    if (code != FY_OK || (answer->http_status == 200 && answer->body != NULL))
        return code;
    if (answer->http_status == 404 && answer->ferry)
        return fy_err_set(err, FY_ENOTFOUND, "%s does not know the bucket", turn->site->id);
    return refused(turn->site, answer, err);
}

/* ------------------------------------------------------------------ its lag */

static void add_lag(void *arg, const struct fy_lag_row *row)
{
    fy_lag_add(arg, row);
}

/* What answered as no Ferry is CCS only if it says so: a proxy's page must not be taken for one,
 * for which containers would be left out. Asked as senders ask (sender_call.c). */
static enum fy_code expect_ccs(struct fy_node *node, const struct fy_site_row *site,
                               struct fy_err *err)
{
    struct fy_peer_answer answer = {0};
    struct fy_peer_call *call = fy_alloc(sizeof(*call));
    *call = (struct fy_peer_call){.verb = FY_PEER_CHECK, .client = "ferry", .bucket = "ferry"};
    enum fy_code code = run(node, site, call, &answer, err);
    bool good = answer.http_status / 100 == 2 || answer.http_status == 404;
    if (code == FY_OK && (answer.ferry || !good || answer.type[0] == '\0'))
        code = fy_err_set(err, FY_EPEER, "%s answered %d as neither Ferry nor CCS", site->id,
                          answer.http_status);
    free(answer.body);
    free(call);
    return code;
}

static enum fy_code lag_there(struct fy_node *node, const struct fy_site_row *site,
                              int64_t *backlog, bool *ferry, struct fy_err *err)
{
    static const struct fy_json_field field = {"backlog", FY_JSON_I64, true, 0, sizeof(*backlog)};
    struct fy_peer_answer answer = {0};
    enum fy_code code = get(node, site, "", "/ferry/v1/lag?topic=" FY_TOPIC_ACTION, &answer, err);
    *ferry = answer.ferry;
    if (code == FY_OK && !answer.ferry)
        code = expect_ccs(node, site, err);
    else if (code == FY_OK && (answer.http_status != 200 || answer.body == NULL))
        code = refused(site, &answer, err);
    else if (code == FY_OK)
        code = fy_json_fields_read(answer.body, answer.body_bytes, &field, 1, backlog, err);
    if (code == FY_OK && (*backlog < 0 || *backlog > BACKLOG_MAX))
        code = fy_err_set(err, FY_EPEER, "%s says that %lld orders are not done there", site->id,
                          (long long)*backlog);
    free(answer.body);
    return code;
}

enum fy_code fy_backfill_lag(struct fy_node *node, const struct fy_site_row *site, int64_t *orders,
                             bool *ferry, struct fy_err *err)
{
    char topic[FY_TOPIC_BYTES_MAX + 1];
    struct fy_lag_sum sum = {0};
    int64_t backlog = 0;
    fy_topic_of_site(site->id, topic);
    enum fy_code code = fy_lag_topic(node, FY_GROUP_SENDER, topic, site->id, add_lag, &sum, err);
    if (code == FY_OK)
        code = lag_there(node, site, &backlog, ferry, err);
    *orders = sum.orders + backlog;
    return code;
}

enum fy_code fy_backfill_ask_known(struct fy_node *node, const struct fy_site_row *site,
                                   struct fy_err *err)
{
    struct fy_peer_answer answer = {0};
    char path[64 + FY_SITE_BYTES_MAX]; /* letters, digits, dots and dashes need no escape */
    (void)snprintf(path, sizeof(path), "/administration/topologies/%s", node->site);
    enum fy_code code = get(node, site, "", path, &answer, err);
    if (code == FY_OK && answer.http_status == 404)
        code = fy_err_set(err, FY_EPEER, "%s does not know %s: ferry site add %s there", site->id,
                          node->site, node->site);
    else if (code == FY_OK && answer.http_status != 200)
        code = refused(site, &answer, err);
    free(answer.body);
    return code;
}

/* ------------------------------------------------------------------ what it has */

enum fy_code fy_backfill_ask_container(const struct fy_backfill_turn *turn, struct fy_stamp *stamp,
                                       struct fy_err *err)
{
    struct fy_buf path;
    struct fy_peer_answer answer;
    struct fy_container_json container = {.name = ""};
    begin_path(turn, "/ferry/v1/container", &path);
    enum fy_code code = ask(turn, &path, &answer, err);
    if (code == FY_OK)
        code = fy_container_json_parse(answer.body, answer.body_bytes, &container, err);
    free(answer.body);
    *stamp = container.stamp;
    return code == FY_ENOTFOUND ? FY_OK : code;
}

/* They may end anywhere. *whole: they reach the end of the range. */
static void add_parts(const struct fy_diff_parts *parts, struct fy_sum *sum, int64_t *count,
                      bool *whole)
{
    for (size_t i = 0; i < parts->count; i++) {
        fy_sum_add(sum, &parts->parts[i].sum);
        *count += parts->parts[i].count > 0 ? 1 : 0;
        *whole = parts->parts[i].until[0] == '\0';
    }
}

enum fy_code fy_backfill_ask_sum(const struct fy_backfill_turn *turn,
                                 const struct fy_diff_range *range, const struct fy_sum *wanted,
                                 enum fy_backfill_has *has, struct fy_err *err)
{
    struct fy_buf path;
    struct fy_peer_answer answer;
    struct fy_sum sum = {0};
    int64_t count = 0;
    bool whole = true;
    begin_path(turn, "/ferry/v1/digests", &path);
    add_range(turn, range, &path);
    struct fy_diff_parts *parts = fy_alloc(sizeof(*parts));
    enum fy_code code = ask(turn, &path, &answer, err);
    if (code == FY_OK)
        code = fy_diff_json_parts(answer.body, answer.body_bytes, parts, err);
    if (code == FY_OK)
        add_parts(parts, &sum, &count, &whole);
    free(parts);
    free(answer.body);
    *has = whole && fy_sum_equal(&sum, wanted) ? FY_BACKFILL_SAME
           : whole && count == 0               ? FY_BACKFILL_NONE
                                               : FY_BACKFILL_SOME;
    return code == FY_ENOTFOUND ? FY_OK : code;
}

enum fy_code fy_backfill_ask_rows(const struct fy_backfill_turn *turn,
                                  const struct fy_diff_range *range, struct fy_diff_rows *rows,
                                  struct fy_err *err)
{
    struct fy_buf path;
    struct fy_peer_answer answer;
    begin_path(turn, "/ferry/v1/objects", &path);
    add_range(turn, range, &path);
    fy_buf_printf(&path, "&status=ANY&limit=%d", FY_DIFF_ROWS);
    enum fy_code code = ask(turn, &path, &answer, err);
    rows->count = 0;
    rows->more = false;
    if (code == FY_OK)
        code = fy_diff_json_rows(answer.body, answer.body_bytes, rows, err);
    free(answer.body);
    return code == FY_ENOTFOUND ? FY_OK : code;
}

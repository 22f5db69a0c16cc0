/* replicator_local.c - /replicator/local/buckets: what the other sites have (spec 1.2, ops 1-4). */
#include <stdlib.h>
#include <string.h>

#include "api/ccs.h"
#include "api/lookup.h"
#include "api/proxy.h"
#include "common/adapters/container_json.h"

#define MODULE                  "REPLICATOR"
#define BUCKET_ANSWER_BYTES_MAX (16 << 10)

/* The site asked for; a target equal to the op-id is a known slip of real clients (spec 1.6 L). */
static const char *target_of(struct fy_exchange *x)
{
    const char *target = fy_request_header(x, "x-clonecloudstore-target-id");
    if (target == NULL || strcmp(target, fy_op_id(x)) == 0)
        return "";
    return target;
}

static enum fy_code find(struct fy_exchange *x, const struct fy_object_key *key,
                         struct fy_site_row *site, struct fy_err *err)
{
    const struct fy_lookup lookup = {.client = fy_client(x),
                                     .op_id = fy_op_id(x),
                                     .target = target_of(x),
                                     .bucket = key->bucket,
                                     .object = key->object[0] != '\0' ? key->object : NULL,
                                     .full_check = fy_ccs_full_check(x)};
    return fy_lookup_site(fy_node_of(x), &lookup, site, err);
}

/* spec 1.2: whatever is no 404 is a 500 here. */
static void answer_failure(struct fy_exchange *x, enum fy_code code, const struct fy_err *err)
{
    if (code == FY_EPEER || code == FY_ENET || code == FY_ETIMEOUT)
        fy_answer_fail(x, FY_EINTERNAL, "%s", err->text);
    else
        fy_answer_error(x, err);
}

static void head(struct fy_exchange *x, const char *type)
{
    struct fy_object_key key;
    struct fy_site_row site;
    struct fy_err err = {0};
    enum fy_code code = fy_ccs_path_key(x, &key, &err);
    if (code == FY_OK)
        code = find(x, &key, &site, &err);
    if (code == FY_OK) {
        fy_answer_header(x, "x-clonecloudstore-target-id", site.id);
        fy_answer_type(x, type);
    } else if (code == FY_EINPUT || code == FY_ENOTFOUND) {
        fy_answer_none(x, err.text);
    } else {
        fy_answer_header(x, "x-clonecloudstore-type", "NONE");
        answer_failure(x, code, &err);
    }
}

static void head_bucket(struct fy_exchange *x)
{
    head(x, "BUCKET");
}

static void head_object(struct fy_exchange *x)
{
    head(x, "OBJECT");
}

/* ---- op 1 */

/* Both readers find theirs: bucket fields on top, and the wrapper of the real client (spec 1.6 A).
 */
static void bucket_answer(struct fy_buf *json, const struct fy_container_json *bucket,
                          const char *site)
{
    for (int wrapped = 0; wrapped < 2; wrapped++) {
        if (wrapped) {
            fy_buf_json_key(json, "response");
            fy_buf_text(json, "{");
        }
        fy_buf_json_str(json, "id", bucket->name);
        fy_buf_json_str(json, "clientId", bucket->account);
        fy_buf_json_str(json, "site", bucket->site[0] != '\0' ? bucket->site : site);
        fy_buf_json_instant(json, "creation", bucket->creation_ms);
        fy_buf_json_instant(json, "expires", bucket->expires_ms);
        fy_buf_json_str(json, "status", fy_status_name(bucket->status));
    }
    fy_buf_text(json, "}");
    fy_buf_json_str(json, "targetId", site);
}

static enum fy_code fetch_bucket(struct fy_exchange *x, const struct fy_site_row *site,
                                 const char *bucket, struct fy_container_json *row,
                                 struct fy_err *err)
{
    struct fy_peer_call *call = fy_alloc(sizeof(*call));
    struct fy_peer_answer answer = {0};
    enum fy_reason reason = FY_REASON_NONE;
    *call = (struct fy_peer_call){.verb = FY_PEER_DESCRIBE, .deadline_ms = FY_LOOKUP_MS};
    fy_peer_call_to(call, site->id, site->uri);
    FY_ASSERT(fy_text_copy(call->client, sizeof(call->client), fy_client(x)));
    FY_ASSERT(fy_text_copy(call->op_id, sizeof(call->op_id), fy_op_id(x)));
    FY_ASSERT(fy_text_copy(call->bucket, sizeof(call->bucket), bucket));
    enum fy_code code =
        fy_peer_wait(fy_node_of(x)->peer, call, BUCKET_ANSWER_BYTES_MAX, &answer, &reason, err);
    if (code == FY_OK && answer.http_status == 200)
        code = fy_container_json_parse(answer.body != NULL ? answer.body : "", answer.body_bytes,
                                       row, err);
    else if (code == FY_OK && (answer.http_status == 404 || answer.http_status == 410))
        code = fy_err_set(err, answer.http_status == 404 ? FY_ENOTFOUND : FY_EGONE, "%s",
                          answer.error);
    else if (code == FY_OK)
        code = fy_err_set(err, FY_EPEER, "site %s answered %d", site->id, answer.http_status);
    if (code == FY_EINPUT)
        code = fy_err_set(err, FY_EPEER, "site %s gave no bucket", site->id);
    free(answer.body);
    free(call);
    return code;
}

static void get_bucket(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_site_row site;
    struct fy_container_json row = {0};
    struct fy_err err = {0};
    struct fy_buf json;
    enum fy_code code = fy_ccs_path_key(x, &key, &err);
    if (code == FY_OK)
        code = find(x, &key, &site, &err);
    if (code == FY_OK)
        code = fetch_bucket(x, &site, key.bucket, &row, &err);
    if (code != FY_OK) {
        answer_failure(x, code, &err);
        return;
    }
    fy_answer_header(x, "x-clonecloudstore-target-id", site.id);
    fy_buf_init(&json, (size_t)2 * FY_ACCESSOR_JSON_BYTES_MAX);
    fy_buf_text(&json, "{");
    bucket_answer(&json, &row, site.id);
    fy_buf_text(&json, "}");
    fy_answer_json(x, 200, &json);
}

/* ---- op 3 */

static void get_object(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_site_row site;
    struct fy_err err = {0};
    if (!fy_accepts(x, "application/octet-stream")) {
        fy_answer_fail(x, FY_ENOTACCEPT, "only application/octet-stream is given here");
        return;
    }
    if (!fy_ccs_key_or_404(x, &key))
        return;
    const char *target = fy_request_header(x, "x-clonecloudstore-target-id");
    enum fy_code code = find(x, &key, &site, &err);
    if (code != FY_OK) {
        if (target != NULL)
            fy_answer_header(x, "x-clonecloudstore-target-id", target);
        answer_failure(x, code, &err);
        return;
    }
    fy_proxy_object(x, &site, &key);
}

#define BUCKET "/replicator/local/buckets/{bucket}"
static const struct fy_route routes[] = {
    FY_CLIENT_ROUTE("GET", BUCKET, MODULE, get_bucket),
    FY_CLIENT_ROUTE("HEAD", BUCKET, MODULE, head_bucket),
    FY_CLIENT_ROUTE("GET", BUCKET "/{object*}", MODULE, get_object),
    FY_CLIENT_ROUTE("HEAD", BUCKET "/{object*}", MODULE, head_object),
};
const struct fy_route_table fy_routes_local = {routes, FY_COUNT_OF(routes)};

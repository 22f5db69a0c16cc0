/* oio.c - OpenIO's API: how its paths speak, and what each request is asked first. */
#include "api/oio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/oio_json.h"
#include "common/core/names.h"
#include "common/runtime/oio_full.h"

#define ERROR_BYTES_MAX 2048 /* a sentence, all of it escaped, and its frame */

/* ------------------------------------------------------------------ the dialect */

static void answer_error_as(struct fy_exchange *x, struct fy_oio_error error,
                            const struct fy_err *err)
{
    struct fy_buf json;
    fy_buf_init(&json, ERROR_BYTES_MAX);
    fy_buf_text(&json, "{");
    fy_buf_json_i64(&json, "status", error.code);
    fy_buf_json_str(&json, "message", err->text);
    fy_buf_text(&json, "}");
    fy_answer_error_status(x, error.http_status, err, &json);
}

static void answer_error(struct fy_exchange *x, const struct fy_err *err)
{
    answer_error_as(x, fy_oio_error(FY_OIO_NO_OPERATION, err->code), err);
}

static bool keeps_alive(struct fy_exchange *x)
{
    return fy_oio_words_have(fy_request_header(x, "Connection"), "keep-alive");
}

const struct fy_dialect fy_oio_dialect = {
    .owns = fy_oio_path, .answer_error = answer_error, .keeps_alive = keeps_alive};

/* ------------------------------------------------------------------ the address */

const char *fy_oio_param(struct fy_oio *oio, const char *name)
{
    return fy_oio_query_get(&oio->query, name);
}

static enum fy_code read_account(struct fy_oio *oio, struct fy_err *err)
{
    const char *account = fy_oio_param(oio, "acct");
    if (account == NULL)
        return fy_err_set(err, FY_EINPUT, "acct is missing");
    size_t account_bytes = strlen(account);
    if (account_bytes > FY_OIO_ACCOUNT_BYTES_MAX ||
        !fy_exact_client_is_valid(account, account_bytes))
        return fy_err_set(err, FY_EINPUT, "acct: 1-%d bytes of UTF-8 without control characters",
                          FY_OIO_ACCOUNT_BYTES_MAX);
    memcpy(oio->account, account, account_bytes + 1);
    return FY_OK;
}

static enum fy_code read_names(struct fy_oio *oio, struct fy_err *err)
{
    const char *name = fy_oio_param(oio, "ref");
    if (read_account(oio, err) != FY_OK)
        return FY_EINPUT;
    if (name == NULL)
        return fy_err_set(err, FY_EINPUT, "ref is missing");
    if (!fy_exact_bucket_is_valid(name, strlen(name)))
        return fy_err_set(err, FY_EINPUT, "ref: 1-%d bytes of UTF-8", FY_BUCKET_BYTES_MAX);
    memcpy(oio->name, name, strlen(name) + 1);
    return FY_OK;
}

static enum fy_code read_container(struct fy_oio *oio, struct fy_err *err)
{
    const char *text = fy_oio_param(oio, "cid");
    if (text == NULL)
        return read_names(oio, err);
    struct fy_digest cid;
    if (!fy_oio_cid_parse(text, &cid))
        return fy_err_set(err, FY_EINPUT, "cid: '%.80s' is no id of a container", text);
    struct fy_container_ref ref = {.cid = &cid};
    struct fy_container_info info;
    enum fy_code code =
        fy_catalogue_container_info(oio->node->catalogue, &ref, &info, NULL, NULL, err);
    if (code != FY_OK)
        return code;
    memcpy(oio->account, info.row.account, sizeof(oio->account));
    memcpy(oio->name, info.row.name, sizeof(oio->name));
    return FY_OK;
}

static enum fy_code read_path(struct fy_oio *oio, const char *path, struct fy_err *err)
{
    const char *version = fy_oio_param(oio, "version");
    if (path == NULL || !fy_exact_object_is_valid(path, strlen(path)))
        return fy_err_set(err, FY_EINPUT, "path: 1-1023 bytes of UTF-8");
    if (version != NULL && strcmp(version, "null") != 0 && !fy_oio_integer(version, &oio->version))
        return fy_err_set(err, FY_EINPUT, "version: '%.40s' is neither a number nor null", version);
    if (oio->version < 0)
        return fy_err_set(err, FY_EINPUT, "version: '%.40s' is below 0", version);
    memcpy(oio->key.object, path, strlen(path) + 1);
    return FY_OK;
}

/* version belongs to path, and is not looked at without it. */
static enum fy_code read_object(struct fy_oio *oio, bool by_id, struct fy_err *err)
{
    const char *path = fy_oio_param(oio, "path");
    const char *id = by_id && path == NULL ? fy_oio_param(oio, "content") : NULL;
    enum fy_code code = id == NULL ? read_path(oio, path, err) : FY_OK;
    if (code == FY_OK)
        code = read_container(oio, err);
    if (code == FY_OK && id != NULL)
        code = fy_oio_find(oio, id, err);
    memcpy(oio->key.account, oio->account, sizeof(oio->key.account));
    memcpy(oio->key.bucket, oio->name, sizeof(oio->key.bucket));
    return code;
}

static enum fy_code read_address(struct fy_oio *oio, enum fy_oio_address address,
                                 struct fy_err *err)
{
    switch (address) {
    case FY_OIO_BY_ACCOUNT:
        return read_account(oio, err);
    case FY_OIO_BY_NAMES:
        return read_names(oio, err);
    case FY_OIO_BY_CONTAINER:
        return read_container(oio, err);
    case FY_OIO_BY_PATH:
        return read_object(oio, false, err);
    case FY_OIO_BY_OBJECT:
        return read_object(oio, true, err);
    }
    FY_UNREACHABLE();
}

/* ------------------------------------------------------------------ who asks, and for how long */

static void copy_cut(char *out, size_t out_bytes, const char *text)
{
    size_t bytes = strnlen(text, out_bytes - 1);
    memcpy(out, text, bytes);
    out[bytes] = '\0';
}

static void read_asker(struct fy_oio *oio)
{
    const char *request_id = fy_request_header(oio->x, "x-oio-req-id");
    const char *origin = fy_request_header(oio->x, "User-Agent");
    if (request_id != NULL && request_id[0] != '\0')
        copy_cut(oio->request_id, sizeof(oio->request_id), request_id);
    else
        (void)snprintf(oio->request_id, sizeof(oio->request_id), "proxy-%s", fy_op_id(oio->x));
    if (origin != NULL)
        copy_cut(oio->origin, sizeof(oio->origin), origin);
    oio->asker = (struct fy_cat_asker){.request_id = oio->request_id,
                                       .origin = origin != NULL ? oio->origin : NULL};
}

/* What is no number of microseconds sets no limit of its own. */
static void read_timeout(struct fy_oio *oio)
{
    const char *text = fy_request_header(oio->x, "x-oio-timeout");
    int64_t timeout_us = 0;
    oio->begun_ms = fy_mono_ms(oio->node->clock);
    oio->until_ms = oio->begun_ms + FY_OIO_BUDGET_MS;
    if (text != NULL && fy_oio_integer(text, &timeout_us) && timeout_us >= 0 &&
        timeout_us / 1000 < FY_OIO_BUDGET_MS)
        oio->until_ms = oio->begun_ms + timeout_us / 1000;
}

enum fy_code fy_oio_in_time(struct fy_oio *oio, struct fy_err *err)
{
    if (atomic_load(&oio->node->stopping))
        return fy_err_set(err, FY_ECANCELLED, "this site is being stopped");
    if (fy_mono_ms(oio->node->clock) < oio->until_ms)
        return FY_OK;
    return fy_err_set(err, FY_ETIMEOUT,
                      "the time for this request is over; what it has done stays");
}

/* ------------------------------------------------------------------ serving */

static void oio_free(void *state)
{
    struct fy_oio *oio = state;
    fy_oio_query_done(&oio->query);
    free(oio);
}

static struct fy_oio *oio_new(struct fy_exchange *x, enum fy_oio_operation operation)
{
    struct fy_oio *oio = fy_alloc(sizeof(*oio));
    oio->x = x;
    oio->node = fy_node_of(x);
    oio->operation = operation;
    oio->body = fy_body(x, &oio->body_bytes);
    fy_state_set(x, oio, oio_free);
    read_asker(oio);
    read_timeout(oio);
    return oio;
}

static enum fy_code read_all(struct fy_oio *oio, enum fy_oio_address address, struct fy_err *err)
{
    const char *namespace = fy_path_value(oio->x, "ns");
    enum fy_code code = fy_oio_query_parse(fy_query_raw(oio->x), &oio->query, err);
    if (code == FY_OK && strcmp(namespace, oio->node->config->oio_namespace) != 0)
        code = fy_err_set(err, FY_EINPUT, "namespace '%.60s' is not served here", namespace);
    if (code == FY_OK)
        code = fy_oio_in_time(oio, err);
    if (code == FY_OK)
        code = read_address(oio, address, err);
    oio->resolved_ms = fy_mono_ms(oio->node->clock);
    return code;
}

/* An object that is not there, or its container: the catalogue says the same of both. */
static bool container_is_absent(struct fy_oio *oio)
{
    struct fy_container_ref ref = {.account = oio->account, .name = oio->name};
    struct fy_container_info info;
    struct fy_err ignored;
    return oio->name[0] == '\0' ||
           fy_catalogue_container_info(oio->node->catalogue, &ref, &info, NULL, NULL, &ignored) ==
               FY_ENOTFOUND;
}

static void answer_failure(struct fy_oio *oio, const struct fy_err *err)
{
    struct fy_oio_error error = oio->instead;
    if (error.code == 0)
        error = fy_oio_error(oio->operation, err->code);
    if (error.code == FY_OIO_CODE_NO_CONTENT && oio->instead.code == 0 && container_is_absent(oio))
        error.code = FY_OIO_CODE_NO_CONTAINER;
    answer_error_as(oio->x, error, err);
}

static enum fy_code check_room(struct fy_oio *oio, const struct fy_oio_way *way, struct fy_err *err)
{
    if (way->tells && fy_oio_is_full(oio->node))
        return fy_err_set(err, FY_EBUSY, "over %d events wait to be told", FY_OIO_WAITING_MAX);
    return FY_OK;
}

void fy_oio_serve(struct fy_exchange *x, const struct fy_oio_way *way,
                  void (*handle)(struct fy_exchange *x))
{
    struct fy_oio *oio = fy_state(x);
    struct fy_err err = {0};
    if (oio == NULL) {
        oio = oio_new(x, way->operation);
        enum fy_code code = read_all(oio, way->address, &err);
        /* A tree of JSON takes many times the memory of its text. */
        if (code == FY_OK && oio->body_bytes > FY_JSON_BODY_BYTES_MAX) {
            fy_go_on_in_turn(x, handle);
            return;
        }
        if (code != FY_OK) {
            answer_failure(oio, &err);
            return;
        }
    }
    if (check_room(oio, way, &err) != FY_OK || way->run(oio, &err) != FY_OK)
        answer_failure(oio, &err);
}

/* ------------------------------------------------------------------ for operations */

bool fy_oio_flag(struct fy_oio *oio, const char *name)
{
    const char *given = fy_oio_param(oio, name);
    if (given != NULL)
        return fy_oio_bool(given);
    return fy_oio_words_have(fy_request_header(oio->x, "x-oio-action-mode"), name);
}

enum fy_code fy_oio_param_i64(struct fy_oio *oio, const char *name, int64_t *value,
                              struct fy_err *err)
{
    const char *text = fy_oio_param(oio, name);
    if (text == NULL || fy_oio_integer(text, value))
        return FY_OK;
    return fy_err_set(err, FY_EINPUT, "%s: '%.40s' is not a whole number", name, text);
}

enum fy_code fy_oio_body_check(struct fy_oio *oio, struct fy_err *err)
{
    return fy_oio_json_check(oio->body, oio->body_bytes, err);
}

enum fy_code fy_oio_write(struct fy_oio *oio, struct fy_cat_op *op, struct fy_err *err)
{
    return fy_catalogue_writer_run(oio->node->writer, op, err);
}

void fy_oio_ordered(struct fy_oio *oio)
{
    fy_bell_ring(&oio->node->outbox_bell);
}

enum fy_container_state fy_oio_state(struct fy_oio *oio, const struct fy_container_rules *rules)
{
    return fy_container_state_at(rules, fy_wall_ms(oio->node->clock));
}

static void add_perfdata(struct fy_oio *oio)
{
    char text[96];
    if (fy_request_header(oio->x, "x-oio-perfdata") == NULL)
        return;
    int64_t now_ms = fy_mono_ms(oio->node->clock);
    (void)snprintf(text, sizeof(text), "resolve=%lld,meta2=%lld",
                   1000 * (long long)(oio->resolved_ms - oio->begun_ms),
                   1000 * (long long)(now_ms - oio->resolved_ms));
    fy_answer_header(oio->x, "x-oio-perfdata", text);
}

enum fy_code fy_oio_empty(struct fy_oio *oio, int http_status)
{
    add_perfdata(oio);
    fy_answer_empty(oio->x, http_status);
    return FY_OK;
}

enum fy_code fy_oio_json(struct fy_oio *oio, int http_status, struct fy_buf *json)
{
    add_perfdata(oio);
    fy_answer_json(oio->x, http_status, json);
    return FY_OK;
}

enum fy_code fy_oio_nothing(struct fy_oio *oio)
{
    struct fy_buf json;
    fy_buf_init(&json, sizeof("{}"));
    fy_buf_text(&json, "{}");
    return fy_oio_json(oio, 200, &json);
}

bool fy_oio_header(struct fy_oio *oio, const char *name, const char *value)
{
    size_t encoded_bytes = 3 * strlen(value) + 1;
    char *encoded = fy_alloc(encoded_bytes);
    FY_ASSERT(fy_percent_encode(value, false, encoded, encoded_bytes));
    bool fits = strlen(name) + strlen(encoded) + 4 <= fy_answer_room(oio->x);
    if (fits)
        fy_answer_header(oio->x, name, encoded);
    free(encoded);
    return fits;
}

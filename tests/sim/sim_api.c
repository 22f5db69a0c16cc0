/* sim_api.c - what a site answers to another, from its catalogue and store: the facts of api/'s
 * routes without HTTP around them. The door for orders is api/'s own. */
#include <stdlib.h>
#include <string.h>

#include "api/orders.h"
#include "common/core/json_cut.h"
#include "tests/sim/sim_peer.h"
#include "tests/support/peer_head.h"

#define CONTAINER_BYTES_MAX 4096

static void answer_error(struct sim_answer *answer, const struct fy_err *err)
{
    answer->head.http_status = fy_code_http_status(err->code);
    memcpy(answer->text, err->text, sizeof(answer->text));
    answer->head.error = answer->text;
}

/* ------------------------------------------------------------------ orders */

static enum fy_code add_orders(struct fy_order_batch *batch, const char *body, size_t body_bytes,
                               struct fy_err *err)
{
    if (body[0] != '[')
        return fy_order_batch_add(batch, body, body_bytes, -1, err);
    struct fy_json_cut cut;
    fy_json_cut_init(&cut, body, body_bytes);
    for (int64_t index = 0;; index++) {
        const char *element = NULL;
        size_t element_bytes = 0;
        enum fy_json_cut_step answer = fy_json_cut_next(&cut, &element, &element_bytes, err);
        if (answer != FY_JSON_CUT_ELEMENT)
            return answer == FY_JSON_CUT_END ? FY_OK : err->code;
        if (fy_order_batch_add(batch, element, element_bytes, index, err) != FY_OK)
            return err->code;
    }
}

static void post_orders(struct fy_node *node, const char *body, size_t body_bytes,
                        struct sim_answer *answer)
{
    struct fy_err err = {0};
    size_t accepted = 0;
    char op_id[FY_GUID_DIGITS + 1];
    fy_guid_new(node->clock, op_id);
    struct fy_order_batch *batch = fy_order_batch_new(node, op_id, FY_DOOR_CCS);
    enum fy_code code = add_orders(batch, body, body_bytes, &err);
    if (code == FY_OK)
        code = fy_order_batch_publish_wait(batch, &accepted, &err);
    if (code == FY_OK)
        answer->head.http_status = 201;
    else
        answer_error(answer, &err);
    fy_order_batch_free(batch);
}

/* ------------------------------------------------------------------ containers */

static void get_container(struct fy_node *node, const struct fy_peer_call *call,
                          struct sim_answer *answer)
{
    struct fy_container_row row;
    struct fy_err err = {0};
    struct fy_buf json;
    char stamp[FY_STAMP_TEXT_BYTES];
    if (fy_catalogue_container_get(node->catalogue, call->account, call->bucket, &row, &err) !=
        FY_OK) {
        answer_error(answer, &err);
        return;
    }
    fy_stamp_print(&row.reg.stamp, stamp);
    fy_buf_init(&json, CONTAINER_BYTES_MAX);
    fy_buf_text(&json, "{");
    fy_buf_json_str(&json, "account", row.account);
    fy_buf_json_str(&json, "name", row.name);
    fy_buf_json_str(&json, "status", fy_status_name(row.status));
    fy_buf_json_bool(&json, "present", row.reg.status == FY_STATUS_READY);
    fy_buf_json_filled(&json, "stamp", stamp);
    fy_buf_json_instant(&json, "creation", row.creation_ms);
    fy_buf_json_instant(&json, "expires", row.expires_ms);
    fy_buf_text(&json, "}");
    answer->head.http_status = 200;
    answer->body = fy_buf_take(&json, &answer->body_bytes);
}

static void check(struct fy_node *node, const struct fy_peer_call *call, struct sim_answer *answer)
{
    struct fy_container_row row;
    struct fy_err err = {0};
    enum fy_code code =
        fy_catalogue_container_get(node->catalogue, call->account, call->bucket, &row, &err);
    if (code != FY_OK && code != FY_ENOTFOUND) {
        answer_error(answer, &err);
        return;
    }
    bool there = code == FY_OK && row.status == FY_STATUS_READY;
    answer->head.http_status = there ? 204 : 404;
    answer->head.type = there ? "BUCKET" : "NONE";
}

/* ------------------------------------------------------------------ objects */

static void object_head(struct sim_answer *answer, const struct fy_object_row *row,
                        const char *site)
{
    struct fy_peer_head *head = &answer->head;
    head->has_stamp = !fy_stamp_is_zero(&row->reg.stamp);
    head->stamp = row->reg.stamp;
    head->has_facts = true;
    head->facts = row->facts;
    if (head->facts.hash[0] == '\0' && row->reg.has_digest)
        fy_digest_print_base32hex(&row->reg.digest, head->facts.hash);
    head->size = row->size;
    head->status = row->reg.status;
    head->site = site;
}

/* The bytes from the offset on, read as a server does: in pieces, which may fail on the way. */
static enum fy_code read_body(struct fy_node *node, const struct fy_object_row *row, int64_t offset,
                              struct sim_answer *answer, struct fy_err *err)
{
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    enum fy_code code = fy_store_open(node->store, row->blob_ref, &reader, &size, err);
    if (code == FY_OK && size != row->size)
        code = fy_err_set(err, FY_ENOTFOUND, "the body has another size");
    if (code == FY_OK && offset > size)
        code = fy_err_set(err, FY_ERANGE, "behind its end");
    answer->body = code == FY_OK ? fy_alloc((size_t)(size - offset) + 1) : NULL;
    while (code == FY_OK && offset + (int64_t)answer->body_bytes < size) {
        size_t got = 0;
        code = fy_store_read(node->store, reader, offset + (int64_t)answer->body_bytes,
                             answer->body + answer->body_bytes,
                             (size_t)(size - offset) - answer->body_bytes, &got, err);
        answer->body_bytes += got;
        fiber_yield();
    }
    fy_store_reader_close(node->store, reader);
    return code;
}

static void get_object(struct fy_node *node, const struct fy_peer_call *call,
                       struct sim_answer *answer)
{
    struct fy_object_key key = {0};
    struct fy_err err = {0};
    struct fy_object_row *row = fy_alloc(sizeof(*row));
    memcpy(key.account, call->account, sizeof(key.account));
    memcpy(key.bucket, call->bucket, sizeof(key.bucket));
    memcpy(key.object, call->object, sizeof(key.object));
    enum fy_code code = fy_catalogue_object_get(node->catalogue, &key, row, &err);
    if (code == FY_OK && row->reg.status != FY_STATUS_READY) {
        answer->head.has_stamp = !fy_stamp_is_zero(&row->reg.stamp);
        answer->head.stamp = row->reg.stamp;
        code = fy_err_set(&err, FY_ENOTFOUND, "Object not found");
    }
    if (code == FY_OK && call->verb == FY_PEER_PULL)
        code = read_body(node, row, call->offset, answer, &err);
    if (code == FY_OK) {
        object_head(answer, row, node->site);
        answer->head.http_status = call->verb == FY_PEER_PULL && row->size > 0 ? 206 : 200;
        answer->head.content_length = (int64_t)answer->body_bytes;
    } else {
        free(answer->body);
        answer->body = NULL;
        answer->body_bytes = 0;
        answer_error(answer, &err);
    }
    free(row);
}

static void hello(struct sim_answer *answer)
{
    static const char text[] = "{}";
    answer->head.http_status = 200;
    answer->body_bytes = sizeof(text) - 1;
    answer->body = fy_memdup(text, answer->body_bytes);
}

void sim_api_serve(struct fy_node *node, const struct fy_peer_call *call, const char *body,
                   struct sim_answer *answer)
{
    *answer = (struct sim_answer){.head = peer_head(0)};
    answer->head.ferry = true;
    answer->head.date_ms = fy_wall_ms(node->clock);
    switch (call->verb) {
    case FY_PEER_HELLO:
        hello(answer);
        break;
    case FY_PEER_CHECK:
        check(node, call, answer);
        break;
    case FY_PEER_DESCRIBE:
        get_container(node, call, answer);
        break;
    case FY_PEER_FACTS:
    case FY_PEER_PULL:
        get_object(node, call, answer);
        break;
    case FY_PEER_ORDERS:
        post_orders(node, body, call->body_bytes, answer);
        break;
    case FY_PEER_GET:
    case FY_PEER_VERB_COUNT:
        FY_UNREACHABLE();
    }
}

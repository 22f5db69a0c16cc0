/* change.c - a client's changes: the operation, then the bells. */
#include "api/change.h"

#include "common/runtime/knowledge.h"

enum fy_code fy_change_bucket_create(struct fy_exchange *x, const char *bucket, const char *targets,
                                     struct fy_container_row *row, struct fy_err *err)
{
    struct fy_node *node = fy_node_of(x);
    struct fy_cat_bucket_create op = {.op = {.kind = FY_CAT_BUCKET_CREATE}, .targets = targets};
    FY_ASSERT(fy_text_copy(op.client, sizeof(op.client), fy_client(x)));
    FY_ASSERT(fy_text_copy(op.bucket, sizeof(op.bucket), bucket));
    FY_ASSERT(fy_text_copy(op.op_id, sizeof(op.op_id), fy_op_id(x)));
    enum fy_code code = fy_catalogue_writer_run(node->writer, &op.op, err);
    if (code != FY_OK)
        return code;
    *row = op.row;
    fy_know_rights_changed(node, op.bucket);
    fy_bell_ring(&node->outbox_bell);
    return FY_OK;
}

void fy_change_bucket_delete(struct fy_exchange *x, const char *account, const char *bucket)
{
    struct fy_node *node = fy_node_of(x);
    struct fy_cat_bucket_delete op = {.op = {.kind = FY_CAT_BUCKET_DELETE}};
    FY_ASSERT(fy_text_copy(op.client, sizeof(op.client), fy_client(x)));
    FY_ASSERT(fy_text_copy(op.account, sizeof(op.account), account));
    FY_ASSERT(fy_text_copy(op.bucket, sizeof(op.bucket), bucket));
    FY_ASSERT(fy_text_copy(op.op_id, sizeof(op.op_id), fy_op_id(x)));
    if (fy_catalogue_writer_run(node->writer, &op.op, NULL) != FY_OK) {
        fy_answer_error(x, &op.op.err);
        return;
    }
    fy_know_rights_changed(node, op.bucket);
    fy_bell_ring(&node->outbox_bell);
    fy_answer_empty(x, 204);
}

struct fy_cat_asker fy_change_asker(struct fy_exchange *x)
{
    return (struct fy_cat_asker){.request_id = fy_op_id(x),
                                 .origin = fy_request_header(x, "User-Agent")};
}

void fy_change_object_delete(struct fy_exchange *x, const struct fy_object_key *key,
                             int64_t version)
{
    struct fy_node *node = fy_node_of(x);
    struct fy_cat_object_delete op = {.op = {.kind = FY_CAT_OBJECT_DELETE},
                                      .key = *key,
                                      .version = version,
                                      .asker = fy_change_asker(x)};
    FY_ASSERT(fy_text_copy(op.client, sizeof(op.client), fy_client(x)));
    FY_ASSERT(fy_text_copy(op.op_id, sizeof(op.op_id), fy_op_id(x)));
    if (fy_catalogue_writer_run(node->writer, &op.op, NULL) != FY_OK) {
        fy_answer_error(x, &op.op.err);
        return;
    }
    if (op.rights_changed)
        fy_know_rights_changed(node, op.key.bucket);
    fy_bell_ring(&node->outbox_bell);
    fy_answer_empty(x, 204);
}

/* put.c - one upload, from its first header to its row. */
#include "api/put.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/ccs.h"
#include "api/change.h"
#include "common/adapters/metadata_json.h"
#include "common/core/log.h"
#include "common/core/names.h"

struct put {
    struct fy_node *node;
    struct fy_object_key key;
    char client[FY_CLIENT_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    struct fy_cat_asker asker; /* borrows of the exchange */
    bool by_rules;             /* of the container */
    int64_t version;           /* given, or 0 */
    struct fy_object_facts facts;
    bool promised; /* the client gave a hash */
    struct fy_digest promise;
    bool taken;    /* the row is UPLOAD in our name */
    int64_t token; /* 0: no row was taken */
    int64_t seen_bytes;
    struct fy_writer *writer; /* NULL once ended */
};

/* Gives the row back to what it was; the body's bytes go with the writer. Thread: pool. */
static void undo(struct put *put)
{
    fy_store_abort(put->node->store, put->writer);
    put->writer = NULL;
    if (!put->taken)
        return;
    put->taken = false;
    struct fy_cat_upload_fail fail = {
        .op = {.kind = FY_CAT_UPLOAD_FAIL}, .key = put->key, .token = put->token};
    if (fy_catalogue_writer_run(put->node->writer, &fail.op, NULL) != FY_OK)
        fy_undone_add(&put->node->undone, &put->key, put->token);
}

static void put_drop(void *state)
{
    struct put *put = state;
    FY_ASSERT(put->writer == NULL); /* every path ends it */
    free(put);
}

/* ---- headers */

static enum fy_code read_size(struct fy_exchange *x, int64_t *size_hint, struct fy_err *err)
{
    const char *text = fy_request_header(x, "x-clonecloudstore-size");
    *size_hint = -1;
    if (text == NULL || text[0] == '\0')
        return FY_OK;
    char *end;
    errno = 0;
    long long size = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || size < 0)
        return fy_err_set(err, FY_EINPUT, "x-clonecloudstore-size: '%.40s' is not a size", text);
    if (size > 0) /* 0: unknown */
        *size_hint = size;
    return FY_OK;
}

static enum fy_code read_facts(struct fy_exchange *x, struct put *put, bool ccs, struct fy_err *err)
{
    const char *hash = fy_request_header(x, "x-clonecloudstore-hash");
    const char *metadata = fy_request_header(x, "x-clonecloudstore-metadata");
    const char *expires = fy_request_header(x, "x-clonecloudstore-expires");
    if (hash != NULL && hash[0] != '\0') {
        put->promised = fy_digest_parse(hash, &put->promise);
        if (!put->promised)
            return fy_err_set(err, FY_EINPUT,
                              "x-clonecloudstore-hash: neither 52 base32hex nor 64 hexadecimal "
                              "digits, so it cannot be verified");
        fy_digest_print_base32hex(&put->promise, put->facts.hash);
    }
    if (expires != NULL && expires[0] != '\0' &&
        fy_instant_parse(expires, &put->facts.expires_ms) != FY_OK)
        return fy_err_set(err, FY_EINPUT, "x-clonecloudstore-expires: '%.40s' is not an instant",
                          expires);
    return fy_metadata_json_clean(metadata != NULL ? metadata : "", ccs, put->facts.metadata, err);
}

/* ---- begin */

static enum fy_code take_row(struct put *put, struct fy_err *err)
{
    struct fy_cat_upload_begin *begin = fy_alloc(sizeof(*begin));
    begin->op.kind = FY_CAT_UPLOAD_BEGIN;
    begin->key = put->key;
    memcpy(begin->client, put->client, sizeof(begin->client));
    begin->by_rules = put->by_rules;
    enum fy_code code = fy_catalogue_writer_run(put->node->writer, &begin->op, err);
    put->token = begin->token;
    put->taken = code == FY_OK && begin->token != 0;
    if (code == FY_EBUSY && put->token != 0) /* perhaps it is taken, and nobody could say so */
        fy_undone_add(&put->node->undone, &put->key, put->token);
    free(begin);
    return code;
}

/* Whether the row may be taken at the end, in the transaction that publishes the body, as far as a
 * look can tell: what would be refused is refused now, before the body costs a sync. */
static bool looks_free(struct put *put)
{
    struct fy_node *node = put->node;
    struct fy_err ignored;
    if (strcmp(put->client, put->key.account) != 0 &&
        fy_ccs_allowed(node, put->client, put->key.bucket, FY_RIGHT_WRITE, &ignored) != FY_OK)
        return false;
    struct fy_object_row *row = fy_alloc(sizeof(*row));
    enum fy_code code = fy_catalogue_object_get(node->catalogue, &put->key, row, &ignored);
    bool free_now = code == FY_ENOTFOUND ||
                    (code == FY_OK && fy_rule_local_upload(&row->reg, true, false) == FY_OK);
    free(row);
    return free_now;
}

void fy_put_begin(struct fy_exchange *x, const struct fy_object_key *key, bool ccs, int64_t version)
{
    struct put *put = fy_alloc(sizeof(*put));
    struct fy_err err = {0};
    int64_t size_hint = -1;
    put->node = fy_node_of(x);
    put->key = *key;
    put->by_rules = !ccs;
    put->version = version;
    put->asker = fy_change_asker(x);
    fy_state_set(x, put, put_drop);
    FY_ASSERT(fy_text_copy(put->client, sizeof(put->client), fy_client(x)));
    FY_ASSERT(fy_text_copy(put->op_id, sizeof(put->op_id), fy_op_id(x)));
    enum fy_code code = read_size(x, &size_hint, &err);
    if (code == FY_OK)
        code = read_facts(x, put, ccs, &err);
    if (code == FY_OK && size_hint > FY_OBJECT_SIZE_MAX)
        code = fy_err_set(&err, FY_ETOOBIG, "over %lld bytes", FY_OBJECT_SIZE_MAX);
    /* The row says that an upload is under way, for the time after a crash. A body that is here
     * whole needs none: until it is answered nothing was promised, and nothing would be left. */
    if (code == FY_OK && !(fy_body_is_whole(x) && looks_free(put)))
        code = take_row(put, &err);
    if (code == FY_OK)
        code = fy_store_begin(put->node->store, size_hint, &put->writer, &err);
    if (code == FY_OK)
        return;
    undo(put);
    fy_answer_error(x, &err);
}

/* ---- data and end */

enum fy_code fy_put_data(struct fy_exchange *x, const void *bytes, size_t size_bytes,
                         struct fy_err *err)
{
    struct put *put = fy_state(x);
    put->seen_bytes += (int64_t)size_bytes;
    enum fy_code code =
        put->seen_bytes > FY_OBJECT_SIZE_MAX
            ? fy_err_set(err, FY_ETOOBIG, "over %lld bytes", FY_OBJECT_SIZE_MAX)
            : fy_store_append(put->node->store, put->writer, bytes, size_bytes, err);
    return code;
}

static enum fy_code publish(struct put *put, const struct fy_stored *stored,
                            struct fy_object_row *row, struct fy_err *err)
{
    struct fy_cat_upload_finish *finish = fy_alloc(sizeof(*finish));
    finish->op.kind = FY_CAT_UPLOAD_FINISH;
    finish->key = put->key;
    memcpy(finish->client, put->client, sizeof(finish->client));
    memcpy(finish->op_id, put->op_id, sizeof(finish->op_id));
    finish->token = put->token;
    finish->by_rules = put->by_rules;
    finish->version = put->version;
    finish->asker = put->asker;
    finish->facts = put->facts;
    memcpy(finish->blob_ref, stored->blob_ref, sizeof(finish->blob_ref));
    finish->size = stored->size;
    finish->digest = stored->digest;
    finish->proof = put->promised ? FY_PROOF_PROMISE : FY_PROOF_TRANSPORT;
    enum fy_code code = fy_catalogue_writer_run(put->node->writer, &finish->op, err);
    if (code == FY_OK)
        *row = finish->row;
    free(finish);
    return code;
}

/* Nothing of a body that is not the promised one becomes durable. */
static enum fy_code store_body(struct put *put, struct fy_stored *stored, struct fy_err *err)
{
    if (put->promised) {
        fy_store_seal(put->node->store, put->writer, stored);
        if (!fy_digest_equal(&stored->digest, &put->promise))
            return fy_err_set(err, FY_EINPUT, "the body's SHA-256 is not the hash that was given");
    }
    struct fy_writer *writer = put->writer;
    put->writer = NULL; /* finish ends it, whatever it answers */
    return fy_store_finish(put->node->store, writer, stored, err);
}

/* A refusal is known: no row names the body and none ever will, so it goes at once. Of a failed
 * transaction nobody knows whether it happened: then the body stays, and is the sweeper's if no row
 * names it once this process run has ended. */
static void discard_refused(struct put *put, const struct fy_stored *stored, enum fy_code code)
{
    struct fy_err err = {0};
    if (code != FY_EEXISTS && code != FY_ENOTFOUND && code != FY_EFORBIDDEN &&
        code != FY_ENOTACCEPT && code != FY_EINPUT && code != FY_ECORRUPT && code != FY_EFROZEN &&
        code != FY_EDISABLED && code != FY_EQUOTA)
        return;
    if (fy_store_remove(put->node->store, stored->blob_ref, &err) != FY_OK)
        fy_log(put->op_id, FY_WARN, "body.left_behind", fy_kv_str("blob", stored->blob_ref),
               fy_kv_err(&err));
}

void fy_put_end(struct fy_exchange *x)
{
    struct put *put = fy_state(x);
    struct fy_stored stored = {0};
    FY_AUTO(fy_object_row_free) struct fy_object_row *row = fy_alloc(sizeof(*row));
    struct fy_err err = {0};
    enum fy_code code = store_body(put, &stored, &err);
    if (code == FY_OK) {
        code = publish(put, &stored, row, &err);
        discard_refused(put, &stored, code);
    }
    if (code == FY_OK) {
        fy_bell_ring(&put->node->outbox_bell);
        fy_stamp_header(x, &row->reg.stamp);
        if (put->by_rules)
            fy_version_header(x, row);
        fy_ccs_answer_object(x, 201, put->key.bucket, row);
    } else {
        undo(put);
        fy_answer_error(x, &err);
    }
}

void fy_put_abort(struct fy_exchange *x)
{
    struct put *put = fy_state(x);
    if (put != NULL)
        undo(put);
}

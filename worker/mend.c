/* mend.c - a damaged body's bytes, fetched from another site. */
/*
 * A pull of its own beside the engine's: it applies no order and has no stamp, since no object
 * changes; the bytes have to be those that the catalogue has promised here all along. The peer's
 * loop thread fills a buffer and is paused when it is full; this thread empties it into the store.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/runtime/sites.h"
#include "worker/verify.h"

#define LOOK_MS 200 /* longest sleep between two looks at *stop */

/* A site that may have it. */
struct candidate {
    struct fy_site_row site;
    bool asked; /* what it is */
    bool ferry; /* once asked */
};

struct fetch {
    struct fy_node *node;
    const struct fy_body_row *body;
    const _Atomic bool *stop;
    struct fy_peer_call call;
    struct fy_bell moved; /* bytes came, or the end */

    /* Loop thread only. */
    bool wanted; /* the head promises what is wanted */

    pthread_mutex_t mutex; /* guards all below */
    char *bytes;           /* FY_MEND_BYTES */
    size_t size_bytes;     /* what is in it */
    bool paused, done;
    enum fy_code code;
    struct fy_err err;
};

/* ------------------------------------------------------------------ the peer's side, on its loop
 */

/* A hash that is none of ours, or none at all, says nothing: only the bytes can. */
static bool may_be_it(const struct fy_body_row *body, const struct fy_peer_head *head)
{
    struct fy_digest digest;
    if (head->size >= 0 && head->size != body->size)
        return false;
    return !head->has_facts || !fy_digest_parse(head->facts.hash, &digest) ||
           fy_digest_equal(&digest, &body->digest);
}

static bool on_head(struct fy_peer_call *call, const struct fy_peer_head *head)
{
    struct fetch *fetch = call->arg;
    fetch->wanted = (head->http_status == 200 || head->http_status == 206) &&
                    head->ferry == call->ferry && may_be_it(fetch->body, head);
    return fetch->wanted;
}

static enum fy_peer_flow on_data(struct fy_peer_call *call, const void *bytes, size_t size_bytes)
{
    struct fetch *fetch = call->arg;
    enum fy_peer_flow flow = FY_PEER_TAKEN;
    FY_ASSERT(size_bytes <= FY_MEND_BYTES);
    if (atomic_load(fetch->stop))
        return FY_PEER_STOP;
    pthread_mutex_lock(&fetch->mutex);
    if (fetch->size_bytes + size_bytes > FY_MEND_BYTES) {
        fetch->paused = true;
        flow = FY_PEER_PAUSE;
    } else {
        memcpy(fetch->bytes + fetch->size_bytes, bytes, size_bytes);
        fetch->size_bytes += size_bytes;
    }
    pthread_mutex_unlock(&fetch->mutex);
    fy_bell_ring(&fetch->moved);
    return flow;
}

static void on_done(struct fy_peer_call *call, enum fy_code code, enum fy_reason reason,
                    const struct fy_err *err)
{
    (void)reason;
    struct fetch *fetch = call->arg;
    pthread_mutex_lock(&fetch->mutex);
    fetch->code = code;
    if (err != NULL)
        fetch->err = *err;
    fetch->done = true;
    fy_bell_ring(&fetch->moved); /* mutex held: the other side frees it all next */
    pthread_mutex_unlock(&fetch->mutex);
}

/* ------------------------------------------------------------------ this side */

/* What has come, up to capacity bytes of it; the caller's copy. *done: nothing follows. */
static size_t take_bytes(struct fetch *fetch, char *bytes, bool *done)
{
    pthread_mutex_lock(&fetch->mutex);
    size_t size_bytes = fetch->size_bytes;
    memcpy(bytes, fetch->bytes, size_bytes);
    fetch->size_bytes = 0;
    *done = fetch->done;
    if (fetch->paused && !fetch->done)
        fy_peer_resume(fetch->node->peer, &fetch->call);
    fetch->paused = false;
    pthread_mutex_unlock(&fetch->mutex);
    return size_bytes;
}

/* Stores what comes, until the call is over. The first failure here ends the call. */
static enum fy_code store_all(struct fetch *fetch, struct fy_writer *writer, struct fy_err *err)
{
    struct fy_node *node = fetch->node;
    enum fy_code code = FY_OK;
    int64_t received = 0;
    bool done = false, cancelled = false;
    char *bytes = fy_alloc(FY_MEND_BYTES);
    while (!done) {
        size_t size_bytes = take_bytes(fetch, bytes, &done);
        received += (int64_t)size_bytes;
        if (code == FY_OK && atomic_load(fetch->stop))
            code = fy_err_set(err, FY_ECANCELLED, "the process is stopping");
        if (code == FY_OK && received > fetch->body->size)
            code = fy_err_set(err, FY_ECORRUPT, "more than %lld bytes came",
                              (long long)fetch->body->size);
        if (code == FY_OK && size_bytes > 0)
            code = fy_store_append(node->store, writer, bytes, size_bytes, err);
        if (code != FY_OK && !done && !cancelled) {
            fy_peer_cancel(node->peer, &fetch->call);
            cancelled = true;
        }
        if (!done && size_bytes == 0)
            (void)fy_bell_wait(&fetch->moved, -1, LOOK_MS);
    }
    free(bytes);
    if (code == FY_OK && (fetch->code != FY_OK || !fetch->wanted))
        code = fy_err_set(err, FY_ENOTFOUND, "%s",
                          fetch->wanted ? fetch->err.text : "it has not these bytes");
    return code;
}

/* What was stored is the body, and durable; or the writer is done with anyway. */
static enum fy_code finish(struct fetch *fetch, struct fy_writer *writer, struct fy_stored *stored,
                           struct fy_err *err)
{
    struct fy_store *store = fetch->node->store;
    fy_store_seal(store, writer, stored);
    if (stored->size != fetch->body->size ||
        !fy_digest_equal(&stored->digest, &fetch->body->digest)) {
        fy_store_abort(store, writer);
        return fy_err_set(err, FY_ENOTFOUND, "what it sent are other bytes");
    }
    return fy_store_finish(store, writer, stored, err);
}

static enum fy_code fetch_into(struct fetch *fetch, struct fy_stored *stored, struct fy_err *err)
{
    struct fy_store *store = fetch->node->store;
    struct fy_writer *writer = NULL;
    enum fy_code code = fy_store_begin(store, fetch->body->size, &writer, err);
    if (code != FY_OK)
        return code;
    fy_peer_start(fetch->node->peer, &fetch->call);
    code = store_all(fetch, writer, err);
    if (code == FY_OK)
        return finish(fetch, writer, stored, err);
    fy_store_abort(store, writer);
    return code;
}

static void fill_call(struct fetch *fetch, const struct candidate *from,
                      const struct fy_object_key *key)
{
    struct fy_peer_call *call = &fetch->call;
    *call = (struct fy_peer_call){.verb = FY_PEER_PULL,
                                  .ferry = from->ferry,
                                  .fresh = true,
                                  .size_hint = fetch->body->size,
                                  .on_head = on_head,
                                  .on_data = on_data,
                                  .on_done = on_done,
                                  .arg = fetch};
    fy_peer_call_to(call, from->site.id, from->site.uri);
    memcpy(call->client, key->account, sizeof call->client); /* the owner asks, as for orders */
    memcpy(call->account, key->account, sizeof call->account);
    memcpy(call->bucket, key->bucket, sizeof call->bucket);
    memcpy(call->object, key->object, sizeof call->object);
}

/* FY_OK: the bytes are in the store, under stored->blob_ref. */
static enum fy_code fetch_from(struct fy_node *node, const struct fy_body_row *body,
                               const struct candidate *from, const struct fy_object_key *key,
                               const _Atomic bool *stop, struct fy_stored *stored,
                               struct fy_err *err)
{
    struct fetch *fetch = fy_alloc(sizeof *fetch);
    *fetch = (struct fetch){.node = node, .body = body, .stop = stop};
    enum fy_code code = fy_bell_init(&fetch->moved, err);
    if (code == FY_OK) {
        pthread_mutex_init(&fetch->mutex, NULL);
        fetch->bytes = fy_alloc(FY_MEND_BYTES);
        fill_call(fetch, from, key);
        code = fetch_into(fetch, stored, err);
        free(fetch->bytes);
        pthread_mutex_destroy(&fetch->mutex);
        fy_bell_done(&fetch->moved);
    }
    free(fetch);
    return code;
}

/* ------------------------------------------------------------------ who may have it */

struct search {
    struct fy_node *node;
    const struct fy_body_row *body;
    const _Atomic bool *stop;
    struct fy_object_key keys[FY_MEND_NAMES];
    size_t key_count;
    bool of_object; /* else only older versions have it, which others may have under their names */
    struct candidate sites[FY_SITES_MAX];
    size_t site_count;
};

static bool keep_name(void *arg, const struct fy_object_key *key, int64_t version)
{
    struct search *search = arg;
    search->keys[search->key_count++] = *key;
    search->of_object |= version == 0;
    return search->key_count < FY_MEND_NAMES;
}

static enum fy_code find_sites(struct search *search, struct fy_err *err)
{
    const struct fy_node *node = search->node;
    struct fy_site_row *rows = fy_alloc(FY_SITES_MAX * sizeof *rows);
    size_t count = 0;
    enum fy_code code = fy_sites_read(node->catalogue, false, rows, &count, err);
    for (size_t i = 0; i < count; i++)
        if (rows[i].status == FY_SITE_UP && strcmp(rows[i].id, node->site) != 0)
            search->sites[search->site_count++].site = rows[i];
    free(rows);
    return code;
}

/* Asked once, however many names it is asked for after that. */
static void learn_kind(struct fy_node *node, struct candidate *from)
{
    struct fy_peer_head head = {0};
    if (from->asked)
        return;
    from->ferry = fy_peer_hello(node->peer, from->site.id, from->site.uri, FY_SMALL_CALL_MS, &head,
                                NULL) == FY_OK &&
                  head.ferry;
    from->asked = true;
}

static enum fy_code publish(struct fy_node *node, const struct fy_stored *stored, const char *site,
                            struct fy_err *err)
{
    struct fy_cat_mend op = {
        .op = {.kind = FY_CAT_MEND}, .size = stored->size, .digest = stored->digest};
    memcpy(op.blob_ref, stored->blob_ref, sizeof op.blob_ref);
    FY_ASSERT(fy_text_copy(op.from, sizeof op.from, site));
    return fy_catalogue_writer_run(node->writer, &op.op, err);
}

/* The bytes from one site, by one name. */
static enum fy_code try_one(struct search *search, struct candidate *from,
                            const struct fy_object_key *key, struct fy_stored *stored,
                            struct fy_err *err)
{
    learn_kind(search->node, from);
    return fetch_from(search->node, search->body, from, key, search->stop, stored, err);
}

/* The first site and name that give the bytes. What is wrong here ends it; what is wrong with a
 * site does not. */
static enum fy_code try_all(struct search *search, char *site, struct fy_err *err)
{
    enum fy_code code =
        fy_err_set(err, FY_ENOTFOUND, "no object has it, by whose name others could");
    for (size_t n = 0; n < search->key_count; n++)
        for (size_t i = 0; i < search->site_count; i++) {
            struct candidate *from = &search->sites[i];
            struct fy_stored stored = {0};
            code = try_one(search, from, &search->keys[n], &stored, err);
            if (code == FY_OK) {
                memcpy(site, from->site.id, sizeof from->site.id);
                return publish(search->node, &stored, site, err);
            }
            if (code != FY_ENOTFOUND && code != FY_ECORRUPT)
                return code;
        }
    if (search->key_count > 0 && !search->of_object)
        return fy_err_set(
            err, FY_ENOTFOUND,
            "only older versions have it, and under their names no site has its bytes");
    return code;
}

enum fy_code fy_mend(struct fy_node *node, const struct fy_body_row *body, const _Atomic bool *stop,
                     char *site, struct fy_err *err)
{
    struct search *search = fy_alloc(sizeof *search);
    search->node = node;
    search->body = body;
    search->stop = stop;
    enum fy_code code = find_sites(search, err);
    if (code == FY_OK)
        code = fy_catalogue_body_objects(node->catalogue, body->id, FY_MEND_NAMES, keep_name,
                                         search, err);
    if (code == FY_OK)
        code = try_all(search, site, err);
    free(search);
    return code;
}

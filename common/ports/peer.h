/* peer.h - port: another site, Ferry or CCS, over HTTP. */
/* Adapter: peer_http*.c (libcurl multi_socket loops). Contract: tests/contract/peer_contract.c */
/*
 * Calls are asynchronous: fy_peer_start hands a struct fy_peer_call to one loop thread of the
 * adapter, which makes all callbacks of that call and never blocks in them. The call's memory is
 * the caller's and must stay until on_done, which comes exactly once; after it the adapter has
 * forgotten the call.
 */
#ifndef FY_PORTS_PEER_H
#define FY_PORTS_PEER_H

#include "common/ports/catalogue.h"

enum fy_peer_verb {
    FY_PEER_HELLO,    /* GET /ferry/v1/hello: is it a Ferry, which one, what time has it */
    FY_PEER_CHECK,    /* HEAD /replicator/remote/buckets/{bucket}[/{object}]?fullCheck= */
    FY_PEER_DESCRIBE, /* the container: GET /ferry/v1/container?acct&ref, CCS: GET
                         .../buckets/{bucket} */
    FY_PEER_FACTS,  /* the object's headers only: HEAD /ferry/v1/content, CCS: GET ended after them
                     */
    FY_PEER_PULL,   /* the bytes: GET /ferry/v1/content?acct&ref&path with Range: bytes={offset}-,
                       CCS: GET /replicator/remote/buckets/{bucket}/{object}, zstd accepted */
    FY_PEER_ORDERS, /* POST /replicator/remote/orders (one) or orders/multiple (array), body given
                     */
    FY_PEER_GET, /* GET path below the base URI, for Ferry's own look-ups (orders/{opId}, status) */
    FY_PEER_VERB_COUNT
};

enum fy_peer_flow {
    FY_PEER_TAKEN,
    FY_PEER_PAUSE /* this chunk was not taken; resume gives it again */,
    FY_PEER_STOP /* end the call: on_done with FY_ECANCELLED */
};

/* The head of an answer. Texts are borrowed until on_head returns. */
struct fy_peer_head {
    int http_status;
    bool ferry;     /* x-ferry-version was there */
    bool has_stamp; /* x-ferry-stamp was there and good */
    struct fy_stamp stamp;
    int64_t
        content_length;    /* of the plain bytes that will come; -1 unknown (chunked, zstd, HEAD) */
    int64_t retry_after_s; /* 0 none */
    int64_t date_ms;       /* Date header; 0 none */
    bool has_facts;        /* object headers of spec 1.4 were there (-site not blank) */
    struct fy_object_facts facts;
    int64_t size;          /* x-clonecloudstore-size; -1 none */
    enum fy_status status; /* x-clonecloudstore-status */
    const char *id;        /* x-clonecloudstore-id, -site, -bucket, -name: "" none */
    const char *site;
    const char *bucket;
    const char *name;
    const char *type;   /* x-clonecloudstore-type, "" none */
    const char *target; /* x-clonecloudstore-target-id, "" none */
    const char *error;  /* x-clonecloudstore-error, "" none */
    const char *content_type;
};

struct fy_peer_call {
    /* Filled by the caller, constant until on_done. */
    enum fy_peer_verb verb;
    bool ferry;      /* the site is known to be a Ferry (its own routes are used) */
    bool full_check; /* CHECK */
    bool zstd;       /* PULL: ask for zstd (then without Range) */
    bool fresh;      /* use a new connection (after a mismatch) */
    char site[FY_SITE_BYTES_MAX + 1];
    char uri[FY_URI_BYTES_MAX + 1];       /* base, as in the topology; normalised by the adapter */
    char client[FY_CLIENT_BYTES_MAX + 1]; /* x-clonecloudstore-client-id; "" none */
    char op_id[FY_OP_ID_BYTES_MAX + 1];   /* x-clonecloudstore-op-id; "" none */
    char account[FY_CLIENT_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    char object[FY_OBJECT_BYTES_MAX + 1];
    const char *path; /* GET: path and query after the base URI; borrowed */
    int64_t offset;   /* PULL: first byte */
    int64_t
        size_hint; /* PULL: bytes that will come, if known (0 not): large ones get a large buffer */
    const char *body; /* ORDERS; borrowed */
    size_t body_bytes;
    int64_t deadline_ms; /* whole call, from start; 0 = only the stall timeout bounds it */

    /* All three on the loop thread. on_head may be NULL; false ends the call (FY_ECANCELLED).
     * Redirects are not followed. on_data gets plain bytes (zstd removed; their sum is unbounded,
     * so the receiver counts) of any status, at most FY_PEER_CHUNK_BYTES at once; NULL: the bytes
     * are dropped. A FACTS may end before any body. */
    bool (*on_head)(struct fy_peer_call *call, const struct fy_peer_head *head);
    enum fy_peer_flow (*on_data)(struct fy_peer_call *call, const void *bytes, size_t size_bytes);
    /*
     * FY_OK: the exchange ended cleanly, whatever its HTTP status (length kept, zstd frame ended).
     * Otherwise code and reason: FY_ENET SRC_UNREACHABLE (connect, reset) or SIZE_MISMATCH (short:
     * the body ended early), FY_ETIMEOUT STALLED, FY_ECORRUPT SIZE_MISMATCH (cut zstd frame, not
     * zstd, another range), FY_EPEER SRC_REFUSED (no HTTP, a header block too large, an encoding
     * not asked for), FY_EBUSY INTERNAL (no zstd window free: again), FY_EINPUT TOPOLOGY_UNKNOWN
     * (not a URI) or BAD_ORDER (a name that fits no header), FY_ECANCELLED CANCELLED.
     */
    void (*on_done)(struct fy_peer_call *call, enum fy_code code, enum fy_reason reason,
                    const struct fy_err *err);
    void *arg; /* the caller's */

    void *adapter; /* the adapter's, between start and on_done */
};
/* Says whom a call goes to: a site of the topology and its base URI, which fit. */
static inline void fy_peer_call_to(struct fy_peer_call *call, const char *site, const char *uri)
{
    FY_ASSERT(fy_text_copy(call->site, sizeof call->site, site));
    FY_ASSERT(fy_text_copy(call->uri, sizeof call->uri, uri));
}

struct fy_peer;
struct fy_peer_ops {
    const char *name;
    void (*start)(struct fy_peer *self, struct fy_peer_call *call);
    void (*resume)(struct fy_peer *self, struct fy_peer_call *call);
    void (*cancel)(struct fy_peer *self, struct fy_peer_call *call);
    void (*close)(struct fy_peer *self);
};
struct fy_peer {
    const struct fy_peer_ops *ops;
};

/* Never fails here: failures come by on_done. Bounded by the caller's permits. Thread: any. */
static inline void fy_peer_start(struct fy_peer *self, struct fy_peer_call *call)
{
    FY_ASSERT(call->on_done != NULL);
    self->ops->start(self, call);
}
/* After a PAUSE: the chunk comes again. Thread: any. Once on_done has begun it does nothing, as
 * long as the call's memory is there and is not started again. */
static inline void fy_peer_resume(struct fy_peer *self, struct fy_peer_call *call)
{
    self->ops->resume(self, call);
}
/* Asks for an early end: on_done follows soon (FY_ECANCELLED, or what came first). Thread: any.
 * Once on_done has begun it does nothing, as for fy_peer_resume. */
static inline void fy_peer_cancel(struct fy_peer *self, struct fy_peer_call *call)
{
    self->ops->cancel(self, call);
}
/* Cancels what runs, makes every on_done, joins the loops. Accepts NULL. */
static inline void fy_peer_close(struct fy_peer *self)
{
    if (self != NULL)
        self->ops->close(self);
}

/* A call made and waited for: blocks until on_done; the body is gathered up to body_max bytes (more
 * is FY_ETOOBIG; 0 drops it). *answer is set on FY_OK only; its body is free()d by the caller. For
 * pool threads only, never a loop thread. In common/runtime/peer_wait.c. */
struct fy_peer_answer {
    int http_status;
    bool ferry;
    struct fy_peer_head head; /* texts "" */
    char type[16];
    char error[FY_ERR_TEXT_BYTES];
    char *body; /* zero-terminated; NULL when none */
    size_t body_bytes;
};
FY_MUST_CHECK enum fy_code fy_peer_wait(struct fy_peer *self, struct fy_peer_call *call,
                                        size_t body_max, struct fy_peer_answer *answer,
                                        enum fy_reason *reason, struct fy_err *err);
/* HELLO, waited for: what a site says of itself. *head is set on FY_OK, its texts are "". As
 * fy_peer_wait; FY_ETOOBIG: what answered was no Ferry's hello. */
FY_MUST_CHECK enum fy_code fy_peer_hello(struct fy_peer *self, const char *site, const char *uri,
                                         int64_t deadline_ms, struct fy_peer_head *head,
                                         struct fy_err *err);

#endif

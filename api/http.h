/* http.h - requests in, answers out: the one file of api/ that handlers include. They never see
 * libmicrohttpd, which exchange.h and the files that include it drive. */
/*
 * A request goes through: route found -> head checked (client-id, body bounds) -> body gathered
 * (WHOLE) or given to the route's sink (STREAM) -> handle on a pool thread -> answer. Handlers may
 * block on the catalogue, the store and peers: they run on a pool of threads, never on a connection
 * thread, and wait there in turn, at most as many as there are connections. A handler either
 * answers before it returns, or calls fy_defer and somebody answers later from any thread; one that
 * does neither is answered 500.
 *
 * The server answers by itself: 404 unknown path, 405 with Allow, 401 without a client-id where one
 * is required, 413 over a bound, 415 for a Content-Encoding other than identity and zstd, 400 for a
 * query that cannot be percent-decoded. A HEAD without a route of its own is served by the GET
 * route, its body left out. Bodies arrive plain: zstd is decoded here, a cut or foreign frame is
 * 400.
 */
#ifndef FY_API_HTTP_H
#define FY_API_HTTP_H

#include <sys/types.h>

#include "common/core/buf.h"
#include "common/runtime/node.h"

struct fy_exchange;

/* How a family of paths speaks that is neither Ferry's nor CCS's (OpenIO's): whatever becomes of a
 * request to one of them, its answer has only the headers that its handler gives, errors are in
 * words of its own, there is no 405, a HEAD is not served by a GET, the query stays as it was sent,
 * and a connection is closed unless its client asks for keep-alive. */
struct fy_dialect {
    /* Whether the path is of the family; may bring it into the form that the patterns have. It is
     * as sent, without its query, and never gets longer. */
    bool (*owns)(char *path);
    /* Answers; the server's own errors, too. Thread: any. */
    void (*answer_error)(struct fy_exchange *x, const struct fy_err *err);
    /* Whether the connection stays open for another request. */
    bool (*keeps_alive)(struct fy_exchange *x);
};

enum fy_body_kind {
    FY_BODY_NONE,   /* a body is read and dropped up to a small bound, then 413 */
    FY_BODY_WHOLE,  /* gathered up to body_max, then handle */
    FY_BODY_STREAM, /* stream_begin, stream_data..., then handle; or stream_abort */
};
#define FY_ROUTE_VALUES_MAX 4 /* variables of a pattern */

struct fy_route {
    const char *method;   /* "GET" */
    const char *pattern;  /* "/replicator/remote/buckets/{bucket}/{object*}"; {x*} takes the rest,
                             slashes  included; literal segments win over variables */
    const char *module;   /* "REPLICATOR": x-clonecloudstore-module */
    bool client_required; /* 401 without x-clonecloudstore-client-id */
    bool fast;            /* handle never blocks: run it on the connection thread */
    bool vital;           /* tells how Ferry is: has memory and a connection when others get 503 */
    enum fy_body_kind body;
    size_t body_max;                  /* WHOLE: plain bytes; over it 413 */
    const struct fy_dialect *dialect; /* NULL: Ferry's own; a server knows one other */
    /* NULL, or decides by the head (fy_content_is) instead of body; may answer (415), which ends it
     * before the body. Connection thread. */
    enum fy_body_kind (*body_choose)(struct fy_exchange *x);
    void (*handle)(struct fy_exchange *x);
    /* STREAM only; all three on pool threads, one after the other, and may block on the disk.
     * begin: before the first byte is given; with "Expect: 100-continue" before the client sends
     * any. Answering there (an error) ends it: no data, no handle, no abort, the rest of the body
     * is refused. data: plain bytes in order, never 0, mostly FY_CHUNK_BYTES at a time; a code
     * other than FY_OK is the answer, and the rest of the body is refused. abort: after begin, when
     * handle will not come: the client went away, or data or the encoding failed. */
    void (*stream_begin)(struct fy_exchange *x);
    enum fy_code (*stream_data)(struct fy_exchange *x, const void *bytes, size_t size_bytes,
                                struct fy_err *err);
    void (*stream_abort)(struct fy_exchange *x);
};

/* The rows that most tables are made of; anything else is written out. */
#define FY_ROUTE(verb, path, unit, handler)                                                        \
    {                                                                                              \
        .method = (verb), .pattern = (path), .module = (unit), .handle = (handler)                 \
    }
#define FY_CLIENT_ROUTE(verb, path, unit, handler) /* on behalf of a client */                     \
    {                                                                                              \
        .method = (verb), .pattern = (path), .module = (unit), .client_required = true,            \
        .handle = (handler)                                                                        \
    }
#define FY_JSON_ROUTE(verb, path, unit, handler) /* with a small JSON body */                      \
    {                                                                                              \
        .method = (verb), .pattern = (path), .module = (unit), .body = FY_BODY_WHOLE,              \
        .body_max = FY_JSON_BODY_BYTES_MAX, .handle = (handler)                                    \
    }

/* Each resource file exports its table; routes.c lists them. */
struct fy_route_table {
    const struct fy_route *routes;
    size_t count;
};
extern const struct fy_route_table fy_routes_remote;  /* replicator_remote.c */
extern const struct fy_route_table fy_routes_local;   /* replicator_local.c */
extern const struct fy_route_table fy_routes_orders;  /* orders.c: CCS and /ferry/v1/orders */
extern const struct fy_route_table fy_routes_buckets; /* accessor_bucket.c */
extern const struct fy_route_table fy_routes_objects; /* accessor_object.c */
extern const struct fy_route_table fy_routes_administration; /* administration.c */
extern const struct fy_route_table fy_routes_content;        /* ferry_content.c */
extern const struct fy_route_table fy_routes_containers;     /* ferry_container.c */
extern const struct fy_route_table fy_routes_lag;            /* ferry_lag.c */
extern const struct fy_route_table fy_routes_backfills;      /* ferry_backfills.c */
extern const struct fy_route_table fy_routes_digests;        /* ferry_digests.c */
extern const struct fy_route_table fy_routes_sites;     /* ferry_sites.c: sites, hello, status */
extern const struct fy_route_table fy_routes_waiting;   /* ferry_waiting.c */
extern const struct fy_route_table fy_routes_conflicts; /* ferry_conflicts.c */
extern const struct fy_route_table fy_routes_undelete;  /* ferry_undelete.c */
extern const struct fy_route_table fy_routes_verify;    /* ferry_verify.c */
extern const struct fy_route_table fy_routes_health;    /* health.c: health, metrics, openapi */
extern const struct fy_route_table fy_routes_oio_container; /* oio_container.c */
extern const struct fy_route_table fy_routes_oio_property;  /* oio_property.c */
extern const struct fy_route_table fy_routes_oio_list;      /* oio_list.c */
extern const struct fy_route_table fy_routes_oio_snapshot;  /* oio_snapshot.c */
extern const struct fy_route_table fy_routes_oio_content;   /* oio_content.c */

/* ------------------------------------------------------------------ the request. Borrowed texts
 * live as long as the exchange. */
struct fy_node *fy_node_of(struct fy_exchange *x);
/* A variable of the route's pattern, percent-decoded once (spec 2.1); one with a broken escape or a
 * zero byte comes as it was sent, which fy_ccs_clean_* refuses for the same reason. NULL when the
 * pattern has no such variable. */
const char *fy_path_value(struct fy_exchange *x, const char *name);
const char *fy_path_raw(struct fy_exchange *x); /* as sent, before decoding, no query */
const char *fy_query(struct fy_exchange *x, const char *name); /* decoded; NULL absent; "" empty */
const char *fy_query_raw(struct fy_exchange *x); /* as sent, behind the '?'; "" none */
const char *fy_request_header(struct fy_exchange *x, const char *name); /* NULL absent */
void fy_request_headers(struct fy_exchange *x,
                        void (*visit)(void *arg, const char *name, const char *value), void *arg);
/* The client-id, at most FY_CLIENT_BYTES_MAX bytes; "" when absent and not required. */
const char *fy_client(struct fy_exchange *x);
/* Given, or a new GUID; at most FY_OP_ID_BYTES_MAX bytes; echoed in every answer. */
const char *fy_op_id(struct fy_exchange *x);
const char *fy_body(struct fy_exchange *x,
                    size_t *size_bytes);  /* WHOLE; zero-terminated; "" none */
void fy_body_drop(struct fy_exchange *x); /* frees it early; fy_body is "" from then on */
/* STREAM, from begin on: all of the body was here before begin, and was plain; it is small then. */
bool fy_body_is_whole(const struct fy_exchange *x);
/* Memory that a STREAM's route keeps until the client sends more, in all so much now: counted with
 * the bodies until the exchange ends. false: there is none left, and nothing is counted. */
FY_MUST_CHECK bool fy_body_keep(struct fy_exchange *x, size_t size_bytes);
bool fy_is_head(struct fy_exchange *x);
/* Another Ferry asks, on no client's behalf: it says so by x-ferry-version, as we do in answers. A
 * claim that nobody proves: it gives no right, and passes states only. */
bool fy_is_from_site(struct fy_exchange *x);
/* Whether Content-Type is the type ("application/json"), its parameters ignored. */
bool fy_content_is(struct fy_exchange *x, const char *type);
/* Whether Accept takes the type ("application/json"); none and star-slash-star take all. */
bool fy_accepts(struct fy_exchange *x, const char *type);
bool fy_accepts_zstd(struct fy_exchange *x); /* Accept-Encoding list with q (spec 1.5) */
/* One pointer per exchange for the handler's own state; drop (NULL: none) is called once, after the
 * answer has gone out or the exchange died, on any thread; it must not block. */
void fy_state_set(struct fy_exchange *x, void *state, void (*drop)(void *state));
void *fy_state(struct fy_exchange *x);

/* ------------------------------------------------------------------ the answer. Exactly one of the
 * fy_answer_* calls ends an exchange. Any thread. */
void fy_answer_header(struct fy_exchange *x, const char *name,
                      const char *value); /* before answer */
void fy_answer_empty(struct fy_exchange *x, int http_status);
void fy_answer_json(struct fy_exchange *x, int http_status,
                    struct fy_buf *json); /* takes the bytes */
/* A body over 4 KiB counts while its reader takes it; over FY_ANSWERS_BYTES_MAX it becomes 503. */
void fy_answer_bytes(struct fy_exchange *x, int http_status, const char *content_type,
                     struct fy_buf *bytes);
void fy_answer_static(struct fy_exchange *x, int http_status, const char *content_type,
                      const char *bytes, size_t size_bytes); /* of bytes that stay */
/* Status by err->code, x-clonecloudstore-error "<MODULE> - <text>" (one line, printable ASCII),
 * small JSON body {"code":...,"error":...}; 503 carries Retry-After. */
void fy_answer_error(struct fy_exchange *x, const struct fy_err *err);
/* The same with a JSON body of the caller's; takes its bytes. */
void fy_answer_error_json(struct fy_exchange *x, const struct fy_err *err, struct fy_buf *json);
/* With a status and a body of a dialect's; 503 carries Retry-After, and what only a person can mend
 * is logged. Takes the bytes. */
void fy_answer_error_status(struct fy_exchange *x, int http_status, const struct fy_err *err,
                            struct fy_buf *json);
/* How many bytes of headers there is still room for, names and values and four for each: the
 * library builds the answer's head in the memory that holds the request's. */
size_t fy_answer_room(struct fy_exchange *x);
void fy_answer_fail(struct fy_exchange *x, enum fy_code code, const char *format, ...)
    FY_PRINTF(3, 4);
/* What a read gave: 200 with the JSON on FY_OK, else the error. Takes the JSON's bytes either way.
 */
void fy_answer_result(struct fy_exchange *x, enum fy_code code, struct fy_buf *json,
                      const struct fy_err *err);
/* HEAD of the CCS look-ups: 204 with type, or 404 with type NONE and the error header. */
void fy_answer_type(struct fy_exchange *x, const char *type);
void fy_answer_none(struct fy_exchange *x, const char *why);

/* A streamed answer: read is called on the connection thread for the next bytes, and must be short:
 * >0 bytes, 0 end, FY_STREAM_WAIT (call fy_stream_wake from any thread when there is more; never
 * after drop), FY_STREAM_FAIL (the connection is cut so that the reader notices). Sent chunked, no
 * Content-Length; zstd when asked. drop is called once, also when read never was (HEAD). */
#define FY_STREAM_WAIT (-1)
#define FY_STREAM_FAIL (-2)
typedef ssize_t fy_stream_read_fn(void *state, char *bytes, size_t capacity);
void fy_answer_stream(struct fy_exchange *x, int http_status, const char *content_type, bool zstd,
                      fy_stream_read_fn *read, void *state, void (*drop)(void *state));
void fy_stream_wake(struct fy_exchange *x);
/* A stored body: 200 chunked without Range (zstd when the request accepts it), 206 by sendfile with
 * "Range: bytes=a-b", "a-" or "-n" (416 beyond the end; several ranges: ignored). Content-Type is
 * application/octet-stream unless a header was added. What covers the whole body is hashed on its
 * way, and its last bytes wait for the result: a damaged body is never received whole, and the
 * catalogue knows of it then. Takes the reader; body is copied. */
void fy_answer_stored(struct fy_exchange *x, struct fy_reader *reader,
                      const struct fy_body_row *body);

/* The handler returns without an answer; it or somebody else answers later, within a bounded time,
 * and may touch the exchange until then. Called by handle, before anybody else could answer. */
void fy_defer(struct fy_exchange *x);
/* Goes on with another function on the pool: for a fast handler that finds it has to block, or a
 * deferred exchange that needs a pool thread again. handle may answer or defer, as the route's. The
 * caller touches the exchange no more. */
void fy_go_on(struct fy_exchange *x, void (*handle)(struct fy_exchange *x));
/* The same for what takes much memory beside its body: FY_TURN_THREADS of them run at once, the
 * others wait in turn with their body alone. */
void fy_go_on_in_turn(struct fy_exchange *x, void (*handle)(struct fy_exchange *x));
/* For such a handler, at most once: memory that it leaves behind until its answer is counted, and
 * waited for while all together would be over FY_TURN_BYTES_MAX (one alone may be). Whoever else
 * holds some must not need a turn to answer. */
void fy_turn_take(struct fy_exchange *x, size_t size_bytes);
/* Before and after a walk over many rows of the catalogue. false, and FY_EBUSY in err: FY_WALKS_MAX
 * are under way already. Thread: pool. */
FY_MUST_CHECK bool fy_walk_begin(struct fy_exchange *x, struct fy_err *err);
void fy_walk_end(struct fy_exchange *x);
/* Runs a task of a streamed answer on the server's pool; false: it is full. The task must not touch
 * the exchange once its answer was dropped. Thread: any. */
struct fy_task;
FY_MUST_CHECK bool fy_run_task(struct fy_exchange *x, struct fy_task *task);

/* ------------------------------------------------------------------ the server */
struct fy_server;
struct fy_server_settings {
    const char *listen;          /* HOST:PORT; port 0 picks one */
    bool accept_unauthenticated; /* false: HOST is loopback */
    const struct fy_route_table *const *tables;
    size_t table_count;
    uint32_t threads, pool_threads, connections_max;
    uint32_t idle_ms; /* a connection that waits so long for its client is closed; 0 =
                         FY_IDLE_TIMEOUT_S */
};
FY_MUST_CHECK enum fy_code fy_server_open(const struct fy_server_settings *settings,
                                          struct fy_node *node, struct fy_server **server,
                                          struct fy_err *err);
uint16_t fy_server_port(struct fy_server *server);
/* Stops listening, lets requests in hand end for at most drain_ms, closes. What our own handlers
 * still have in hand then is waited for; what waits for its client is cut. Accepts NULL. */
void fy_server_close(struct fy_server *server, int64_t drain_ms);
/* All of the API, for `up` and `api`; health and metrics only, for a worker's --admin. In routes.c.
 */
extern const struct fy_route_table *const fy_tables_api[];
extern const size_t fy_tables_api_count;
extern const struct fy_route_table *const fy_tables_admin[];
extern const size_t fy_tables_admin_count;

#endif

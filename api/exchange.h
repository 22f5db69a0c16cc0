/* exchange.h - one request in hand and the server around it, for the files of api/ that drive
 * libmicrohttpd: server.c connections.c exchange.c request.c route.c body.c gather.c room.c
 * turn.c walk.c upload.c answer.c stream.c stored.c. */
/*
 * Who touches an exchange: the connection thread that got it from libmicrohttpd, until it suspends
 * the connection; from then on the pool thread or whoever answers, until the connection is resumed.
 * The hand-overs go through `mutex`; fields without a group of their own follow the hand-overs.
 */
#ifndef FY_API_EXCHANGE_H
#define FY_API_EXCHANGE_H

#include <microhttpd.h>
#include <pthread.h>

#include "api/http.h"
#include "common/ports/zstd.h"
#include "common/runtime/pool.h"

/* ------------------------------------------------------------------ the server */

/* One TCP connection. */
struct fy_conn {
    struct fy_server *server;
    int fd;
    _Atomic int64_t
        deadline_ms; /* monotonic: cut then; 0 none (libmicrohttpd's idle time-out stays) */
    _Atomic int64_t waits_since_ms; /* for the head of a request; 0 while one is in work */
    _Atomic bool served;            /* a request of it was answered */
    bool surplus;                   /* came when all seats were taken; set before its first byte */
    bool seated;                    /* server mutex held */
    struct fy_conn *prev, *next;    /* server->conns, mutex held */
};

struct fy_server {
    /* Written by fy_server_open, then read by any thread. */
    struct fy_node *node;
    const struct fy_route_table *const *tables;
    size_t table_count;
    const struct fy_dialect *dialect; /* of routes that have one; NULL none */
    int64_t idle_ms;
    size_t connections_max; /* seats */
    struct MHD_Daemon *daemon;
    struct fy_pool *pool, *turns;
    pthread_t watch;
    bool watch_started;
    int listen_fd;
    uint16_t port;

    /* Any thread. */
    _Atomic size_t body_bytes;      /* gathered bodies, and room given for them: room.c */
    _Atomic int room_count;         /* in line, and the favoured one */
    _Atomic size_t answer_bytes;    /* large answers in memory: at most FY_ANSWERS_BYTES_MAX */
    _Atomic size_t listing_bytes;   /* pages of listings: beyond FY_LISTINGS_BYTES_MAX short ones */
    _Atomic int zstd_answers;       /* at most FY_ZSTD_ANSWERS_MAX */
    _Atomic int zstd_bodies;        /* at most FY_ZSTD_BODIES_MAX */
    _Atomic int walks;              /* at most FY_WALKS_MAX */
    _Atomic int exchange_count;     /* alive */
    _Atomic bool draining, closing; /* last answer of each connection; no new request is taken */

    /* Any thread, mutex held. */
    pthread_mutex_t mutex;
    pthread_cond_t calmer; /* exchange_count or held_count reached 0 */
    size_t turn_bytes;     /* of fy_turn_take */
    pthread_cond_t turn_room;
    int held_count; /* suspended, being resumed, or about to be: stop_daemon must wait for them */
    struct fy_conn *conns;
    size_t seats_taken;
    struct fy_exchange *waiting_streams;
    struct fy_exchange *room_first, **room_end; /* the line for memory, by room_next */
    struct fy_exchange *favoured;               /* its body may go over the bound; else NULL */
    pthread_cond_t watch_wake;
    bool watch_stop;
};

/* ------------------------------------------------------------------ the exchange */

enum fy_phase {
    FY_PHASE_HEAD,   /* the request line was seen, the head is coming */
    FY_PHASE_BEGIN,  /* suspended: stream_begin runs before the client may send (100-continue) */
    FY_PHASE_BODY,   /* the body comes in */
    FY_PHASE_DROP,   /* answered early: the little that is left of the body is read first */
    FY_PHASE_LINGER, /* answered early, past libmicrohttpd; the body is dropped until the client
                        stops */
    FY_PHASE_HANDLE, /* the handler has it */
    FY_PHASE_ANSWER, /* the answer was queued */
};

/* Bytes of a body, counted in server->body_bytes. */
struct fy_gather {
    char *bytes; /* capacity + 1 of them, zero-terminated */
    size_t size, capacity;
};

struct fy_text_pair {
    const char *name, *value;
};

/* What stream bodies add: on pool threads while the connection is suspended. */
struct fy_upload {
    bool begun; /* stream_begin ran and did not answer */
    bool whole; /* the body was there, plain, before it ran */
    bool ended; /* handle, an error or an abort has it: stream_abort must not come any more */
    struct fy_unzstd *unzstd;
};

struct fy_exchange {
    struct fy_server *server;
    struct MHD_Connection *connection;
    struct fy_conn *conn;
    const struct fy_route *route;     /* never NULL once the head is in */
    const struct fy_dialect *dialect; /* of the path; NULL: Ferry's own */
    enum fy_phase phase;              /* connection thread only */

    /* The head, in one block of memory. */
    char *texts;
    const char *method, *path, *client, *module;
    char *query_text;
    struct fy_text_pair *headers;
    size_t header_count;
    struct fy_text_pair *queries;
    size_t query_count;
    struct fy_text_pair values[FY_ROUTE_VALUES_MAX];
    size_t value_count;
    char op_id[FY_OP_ID_BYTES_MAX + 1];

    /* The body. */
    enum fy_body_kind body_kind;
    int64_t body_promised; /* Content-Length; -1 unknown (chunked); 0 none */
    int64_t body_seen;     /* wire bytes taken from libmicrohttpd */
    bool body_zstd;
    struct fy_gather body;
    size_t kept_bytes; /* of fy_body_keep, in server->body_bytes */
    struct fy_upload upload;

    /* The answer. */
    struct fy_buf out_headers; /* name 0 value 0 ... */
    struct MHD_Response *response;
    int http_status;
    const char *small_body; /* the bytes of response when they are few: for the early answer */
    size_t small_body_bytes;

    void *state;
    void (*state_drop)(void *state);

    struct fy_task task;
    void (*next_handle)(struct fy_exchange *x);
    size_t turn_bytes; /* counted in the server's until the answer is given */

    /* Any thread, mutex held. */
    pthread_mutex_t mutex;
    bool answered;
    bool suspended;      /* for a task or an answer; whoever clears it resumes */
    bool hop;            /* a task works on the body: its end resumes, not the answer it may give */
    bool gone;           /* libmicrohttpd has forgotten it */
    unsigned task_count; /* pool threads inside it */
    unsigned promises;   /* handlers that run and answers that were deferred */

    /* Any thread, server mutex held. */
    bool stream_waiting; /* suspended until fy_stream_wake, and in server->waiting_streams */
    bool wake_pending;   /* woken before it slept */
    struct fy_exchange *stream_prev, *stream_next;

    /* In line for memory: server mutex; before and after: connection thread. */
    struct fy_exchange *room_next;
    size_t room_bytes;     /* wanted, or given */
    int64_t room_until_ms; /* monotonic: refused then */
    bool room_given, room_refused;

    char uri[]; /* as sent */
};

/* connections.c. cut_late: whose time is over; server mutex held. */
void fy_conn_notify(void *server, struct MHD_Connection *connection, void **context,
                    enum MHD_ConnectionNotificationCode code);
void fy_conns_cut_late(struct fy_server *server);

/* exchange.c: life, phases and hand-overs. */
void *fy_exchange_uri(void *server, const char *uri, struct MHD_Connection *connection);
enum MHD_Result fy_exchange_call(void *server, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *data_bytes, void **exchange);
void fy_exchange_completed(void *server, struct MHD_Connection *connection, void **exchange,
                           enum MHD_RequestTerminationCode code);
/* Gives the exchange to a thread of the pool, which runs it and then calls fy_exchange_task_end.
 * Never refused: an exchange has one task, besides one that is ending, and connections bound them.
 */
void fy_exchange_task(struct fy_exchange *x, struct fy_pool *pool,
                      void (*run)(struct fy_task *task));
void fy_exchange_task_end(struct fy_exchange *x);
/* Leave to suspend: taken before anybody could have a reason to resume. false: the server is
 * closing. */
FY_MUST_CHECK bool fy_server_hold(struct fy_server *server);
void fy_server_release(struct fy_server *server);
/* Connection thread, with leave: suspends it. */
void fy_exchange_suspend(struct fy_exchange *x);
/* Resumes a suspended connection and gives the leave back; the exchange may be gone when it
 * returns. Any thread, mutex not held. */
void fy_exchange_resume(struct fy_exchange *x);
/* Connection thread: an answer was given before any of the body, or in the middle, with these bytes
 * of it in hand. */
enum MHD_Result fy_exchange_refuse(struct fy_exchange *x);
enum MHD_Result fy_exchange_refuse_rest(struct fy_exchange *x, size_t *data_bytes);
/* Connection thread: the whole request is in and waits for its handler. */
enum MHD_Result fy_exchange_serve(struct fy_exchange *x, bool fast,
                                  void (*handle)(struct fy_exchange *x));

/* request.c: the head. FY_EINPUT: a query that cannot be decoded, or too many of something. */
FY_MUST_CHECK enum fy_code fy_request_read(struct fy_exchange *x, const char *method,
                                           struct fy_err *err);
bool fy_request_wants_continue(struct fy_exchange *x);

/* route.c: sets route, values and module; answers 404 and 405 itself (false). */
FY_MUST_CHECK bool fy_route_find(struct fy_exchange *x);

/* body.c: gathering and streaming. All on the connection thread. */
enum MHD_Result fy_body_begin(struct fy_exchange *x); /* after the head */
/* Takes the next wire bytes; *data_bytes becomes what was left. */
enum MHD_Result fy_body_take(struct fy_exchange *x, const char *data, size_t *data_bytes);
enum MHD_Result fy_body_end(struct fy_exchange *x); /* all is in: on to the handler */
/* gather.c. reserve: capacity more than now, unless all bodies together would exceed all_max_bytes.
 */
bool fy_gather_reserve(struct fy_server *server, struct fy_gather *gather, size_t capacity,
                       size_t all_max_bytes);
/* What to grow to for so many bytes, at most whole_bytes, which are enough. */
size_t fy_gather_capacity(const struct fy_gather *gather, size_t size_bytes, size_t whole_bytes);
void fy_gather_grow(struct fy_gather *gather, size_t capacity); /* counted already */
void fy_gather_append(struct fy_gather *gather, const void *bytes, size_t size_bytes); /* fits */
void fy_gather_free(struct fy_server *server, struct fy_gather *gather);
/* upload.c: STREAM bodies. */
enum MHD_Result fy_upload_begin(struct fy_exchange *x); /* before the body (100-continue) */
enum MHD_Result fy_upload_take(struct fy_exchange *x, const char *data, size_t *data_bytes);
void fy_upload_handle(struct fy_exchange *x); /* pool thread: the rest of the body, then handle */
void fy_upload_abort(struct fy_exchange *x);  /* the client went away */
/* A WHOLE body that came as zstd, decoded in its place. Pool thread. */
enum fy_code fy_upload_decode_whole(struct fy_exchange *x, struct fy_err *err);

/* stream.c: every answer that waits for more ends. */
void fy_streams_wake_all(struct fy_server *server);

/* room.c: memory for the next bytes of a WHOLE body. Connection thread. LATER: the connection is
 * suspended, and comes again with the same bytes. NONE: it waited in vain. */
enum fy_room { FY_ROOM_GIVEN, FY_ROOM_LATER, FY_ROOM_NONE, FY_ROOM_CLOSED };
FY_MUST_CHECK enum fy_room fy_room_for(struct fy_exchange *x, size_t size_bytes);
/* For a body that grows where it cannot wait: whether it may go over the bound, as one at a time
 * may until its memory is freed. Thread: any but the connection's. */
FY_MUST_CHECK bool fy_room_favour(struct fy_exchange *x);
/* The body's memory was freed: others may go on. Any thread, mutexes not held. */
void fy_room_freed(struct fy_exchange *x);
/* Takes those who waited long enough out of the line, server mutex held; to be resumed without. */
FY_MUST_CHECK struct fy_exchange *fy_room_refuse(struct fy_server *server, int64_t now_ms);
void fy_room_resume(struct fy_exchange *list);

/* turn.c: the answer is given. Any thread. */
void fy_turn_give(struct fy_exchange *x);

/* answer.c: the response with the headers every answer has. Takes response. */
void fy_answer_give(struct fy_exchange *x, int http_status, struct MHD_Response *response);
/* The answer written straight to the socket, for a body that libmicrohttpd still reads. */
bool fy_answer_write_early(struct fy_exchange *x);

#endif

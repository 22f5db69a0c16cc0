/* peer_http_internal.h - what the files of the peer_http adapter share. */
/*
 * peer_http.c          the port: open, start, resume, cancel, close (any thread)
 * peer_http_loop.c     a loop thread: epoll under libcurl's multi_socket, its mail, its ticks
 * peer_http_job.c      the life of one call on its loop: seat, start, resume, end
 * peer_http_request.c  call -> URL, headers, method
 * peer_http_head.c     header lines -> struct fy_peer_head
 * peer_http_body.c     body bytes -> on_data, zstd and pauses between
 *
 * A call becomes a job, which stays on one loop for life. Callbacks of libcurl (head, body) may not
 * end a transfer by themselves: they leave their verdict in the job and give libcurl an error.
 */
#ifndef FY_ADAPTERS_PEER_HTTP_INTERNAL_H
#define FY_ADAPTERS_PEER_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>

#include "common/adapters/peer_http.h"
#include "common/core/buf.h"
#include "common/ports/zstd.h"
#include "common/runtime/mailbox.h"

struct peer_http;
struct peer_loop;
struct peer_job;

/* A curl easy handle with its options set for life; a job sits on one while it runs. Reused, since
 * fresh handles halve the rate of small calls (ENGINE 1.12). Loop thread only. */
struct peer_seat {
    CURL *easy;           /* NULL only in the loop's bare seats */
    bool big;             /* has the big receive buffer */
    struct peer_job *job; /* NULL while idle */
    struct peer_seat *next;
    struct curl_slist *headers; /* of the request under way */
    char error[CURL_ERROR_SIZE];
};

/* An answer's head while its lines come in. */
struct peer_head {
    struct fy_peer_head head; /* its texts point into the fields below */
    bool zstd;
    bool has_length;
    bool has_transfer_encoding;
    bool has_site;               /* -site not blank: the object headers count */
    bool facts_broken;           /* one of them cannot be right: none counts */
    int64_t range_start;         /* of Content-Range; -1 none */
    const char *refused;         /* why this answer cannot be taken; NULL */
    char id[FY_GUID_DIGITS + 1]; /* a longer one is none */
    char site[FY_SITE_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    char name[FY_OBJECT_BYTES_MAX + 1];
    char type[16];
    char target[FY_SITE_BYTES_MAX + 1];
    char error[FY_ERR_TEXT_BYTES];
    char content_type[128];
};

/* Decoded bytes that the receiver did not take: zstd cannot be asked for them again. */
struct peer_held {
    uint8_t *bytes; /* NULL none */
    size_t size_bytes;
    size_t taken_bytes;
};

enum peer_ask { PEER_ASK_START = 1, PEER_ASK_RESUME = 2, PEER_ASK_CANCEL = 4 };

struct peer_job {
    struct fy_mail mail; /* first, so that mail converts back */
    struct fy_peer_call *call;
    struct peer_loop *loop;
    int64_t started_ms; /* written once, by start */

    /* Any thread, mutex of the peer held. */
    unsigned asks; /* set of enum peer_ask, since the mail was last taken */
    bool mailed;   /* in the loop's mailbox: not to be freed */

    /* Loop thread only. */
    bool over;                        /* on_done has begun; freed once its mail has been taken */
    struct peer_seat *seat;           /* NULL until started */
    struct peer_job *next, *previous; /* of the loop's running jobs */
    bool connected;                   /* on a connection: from here silence is a stall */
    bool paused;
    bool enough;            /* the rest of the answer is of no interest */
    int64_t last_byte_ms;   /* when bytes last moved, either way, or a pause ended */
    struct peer_head *head; /* while the head comes in */
    bool head_given;
    size_t header_bytes;
    struct fy_unzstd *unzstd; /* NULL: the body is plain */
    struct peer_held held;
    size_t skip_bytes; /* of the body bytes that libcurl gives again: taken before the pause */
    /* What a callback found; code FY_OK: nothing yet. */
    enum fy_reason verdict_reason;
    struct fy_err verdict;
};

/* What epoll watches for us at one descriptor. */
struct peer_socket {
    bool ours;              /* libcurl opened it through us and will close it through us */
    uint32_t watched;       /* event mask that epoll has; 0 it does not have the descriptor */
    uint32_t wanted;        /* event mask that libcurl wants */
    struct peer_seat *seat; /* who used it last; seats stay as long as their loop */
};

struct peer_loop {
    struct peer_http *peer; /* its settings are constant */
    pthread_t thread;
    struct fy_mailbox box;
    struct fy_mail stop; /* in the box: cancel all that runs, and all that comes */
    struct fy_mail exit; /* in the box: nothing runs any more anywhere, leave */

    /* Any thread, mutex of the peer held. */
    uint32_t calls_open;

    /* Loop thread only (opening and closing aside). */
    bool stopping;
    bool exiting;
    int epoll_fd;
    CURLM *multi;
    int64_t now_ms;
    int64_t curl_due_ms; /* when libcurl wants to be called; INT64_MAX never */
    int64_t tick_due_ms; /* when silence is looked for next */
    struct peer_job *running;
    struct peer_seat *idle_seats[2]; /* with the usual buffer, with the big one */
    uint32_t idle_seat_counts[2];
    struct peer_seat *bare_seats; /* their handle was given back */
    struct peer_socket *sockets;  /* by descriptor */
    size_t socket_count;
    struct fy_buf url; /* scratch of peer_request_prepare */
};

struct peer_http {
    struct fy_peer port; /* first */

    /* Written once by open, then read by any thread. */
    uint32_t loop_count;
    struct peer_loop loops[FY_PEER_LOOPS_MAX];
    uint32_t connections_max;
    uint32_t connect_timeout_ms;
    uint32_t stall_timeout_ms;
    char user_agent[FY_SITE_BYTES_MAX + 32];
    CURLSH *share; /* names and TLS sessions; never connections (ENGINE 1.12) */
    pthread_mutex_t share_mutexes[CURL_LOCK_DATA_LAST];

    /* Guards every call's adapter field, every job's asks and the counts of calls. */
    pthread_mutex_t mutex;
    pthread_cond_t all_over;
    uint64_t calls_open;
};

/* peer_http_loop.c */
enum fy_code peer_loop_open(struct peer_http *peer, struct peer_loop *loop, struct fy_err *err);
/* The thread has been joined, or was never started. */
void peer_loop_done(struct peer_loop *loop);
void *peer_loop_main(void *arg);
/* CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION; arg is the loop. */
curl_socket_t peer_socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address);
int peer_socket_close(void *arg, curl_socket_t descriptor);

/* peer_http_job.c, all on the loop thread */
void peer_job_start(struct peer_job *job);
void peer_job_resume(struct peer_job *job);
/* Ends a running or not yet started job from outside libcurl's callbacks. job is gone after. */
void peer_job_abort(struct peer_job *job, enum fy_code code, enum fy_reason reason,
                    const char *sentence);
/* libcurl is through with it. job is gone after. */
void peer_job_ended(struct peer_job *job, CURLcode result);
/* All idle seats; nothing runs. */
void peer_seats_free(struct peer_loop *loop);
/* Leaves a verdict for peer_job_ended; the first one counts. */
void peer_job_judge(struct peer_job *job, enum fy_code code, enum fy_reason reason,
                    const char *sentence);

/* peer_http_request.c */
FY_MUST_CHECK enum fy_code peer_request_prepare(struct peer_job *job, enum fy_reason *reason,
                                                struct fy_err *err);

/* peer_http_head.c: CURLOPT_HEADERFUNCTION; arg is the seat. */
size_t peer_head_line(char *line, size_t one, size_t size_bytes, void *arg);

/* peer_http_body.c: CURLOPT_WRITEFUNCTION; arg is the seat. */
size_t peer_body_bytes(char *bytes, size_t one, size_t size_bytes, void *arg);
/* Gives what was held back. false: the job cannot go on now: paused again, or judged. */
bool peer_body_give_held(struct peer_job *job);
void peer_held_clear(struct peer_held *held);

/* peer_http.c: takes a job off its call and makes on_done; frees it, or leaves that to its mail. */
void peer_job_over(struct peer_job *job, enum fy_code code, enum fy_reason reason,
                   const struct fy_err *err);
/* The asks since the last time; the mail is the loop's no more. */
unsigned peer_job_take_asks(struct peer_job *job);

#endif

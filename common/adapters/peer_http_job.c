/* peer_http_job.c - the life of one call on its loop: a seat, libcurl's transfer, one end. */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/peer_http_internal.h"

#define KEEPALIVE_IDLE_S     30L
#define KEEPALIVE_INTERVAL_S 10L

static const char *const verb_names[FY_PEER_VERB_COUNT] = {
    [FY_PEER_HELLO] = "hello", [FY_PEER_CHECK] = "check", [FY_PEER_DESCRIBE] = "describe",
    [FY_PEER_FACTS] = "facts", [FY_PEER_PULL] = "pull",   [FY_PEER_ORDERS] = "send orders",
    [FY_PEER_GET] = "look up",
};

/* ------------------------------------------------------------------ seats */

#define SET(easy, option, value) FY_ASSERT(curl_easy_setopt(easy, option, value) == CURLE_OK)

/* CURLOPT_PREREQFUNCTION: there is a connection; waiting for one was not the peer's silence. */
static int on_connected(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct peer_seat *seat = arg;
    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    seat->job->connected = true;
    seat->job->last_byte_ms = seat->job->loop->now_ms;
    return CURL_PREREQFUNC_OK;
}

static void set_rules(const struct peer_http *peer, CURL *easy)
{
    SET(easy, CURLOPT_SHARE, peer->share);
    SET(easy, CURLOPT_USERAGENT, peer->user_agent);
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)peer->connect_timeout_ms);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* faster for bulk, ENGINE 1.12 */
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_NOPROXY, "*");              /* none from the environment */
    SET(easy, CURLOPT_PATH_AS_IS, 1L);            /* an object may be named ".." */
    SET(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L); /* zstd is ours: its frame end must be seen */
    SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    SET(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    SET(easy, CURLOPT_MAXAGE_CONN, (long)FY_PEER_IDLE_CONN_S);
    SET(easy, CURLOPT_QUICK_EXIT, 1L); /* giving up a call must not wait for a name server */
}

static CURL *easy_new(struct peer_loop *loop, struct peer_seat *seat)
{
    CURL *easy = curl_easy_init();
    FY_ASSERT(easy != NULL); /* fails for want of memory only */
    set_rules(loop->peer, easy);
    SET(easy, CURLOPT_BUFFERSIZE,
        seat->big ? (long)FY_PEER_BIG_BUFFER_BYTES : (long)FY_PEER_BUFFER_BYTES);
    SET(easy, CURLOPT_PRIVATE, seat);
    SET(easy, CURLOPT_ERRORBUFFER, seat->error);
    SET(easy, CURLOPT_HEADERFUNCTION, peer_head_line);
    SET(easy, CURLOPT_HEADERDATA, seat);
    SET(easy, CURLOPT_WRITEFUNCTION, peer_body_bytes);
    SET(easy, CURLOPT_WRITEDATA, seat);
    SET(easy, CURLOPT_PREREQFUNCTION, on_connected);
    SET(easy, CURLOPT_PREREQDATA, seat);
    SET(easy, CURLOPT_OPENSOCKETFUNCTION, peer_socket_open);
    SET(easy, CURLOPT_OPENSOCKETDATA, loop);
    SET(easy, CURLOPT_CLOSESOCKETFUNCTION, peer_socket_close);
    SET(easy, CURLOPT_CLOSESOCKETDATA, loop);
    return easy;
}

static struct peer_seat *pop_seat(struct peer_seat **list)
{
    struct peer_seat *seat = *list;
    if (seat != NULL)
        *list = seat->next;
    return seat;
}

static void push_seat(struct peer_seat **list, struct peer_seat *seat)
{
    seat->next = *list;
    *list = seat;
}

static void take_seat(struct peer_job *job)
{
    struct peer_loop *loop = job->loop;
    bool big = job->call->verb == FY_PEER_PULL && job->call->size_hint >= FY_PEER_BIG_BYTES;
    struct peer_seat *seat = pop_seat(&loop->idle_seats[big]);
    if (seat != NULL) {
        loop->idle_seat_counts[big]--;
    } else {
        seat = pop_seat(&loop->bare_seats);
        if (seat == NULL)
            seat = fy_alloc(sizeof(*seat));
        seat->big = big;
        seat->easy = easy_new(loop, seat);
    }
    seat->error[0] = '\0';
    seat->job = job;
    job->seat = seat;
}

static void give_seat(struct peer_job *job)
{
    struct peer_loop *loop = job->loop;
    struct peer_seat *seat = job->seat;
    job->seat = NULL;
    seat->job = NULL;
    SET(seat->easy, CURLOPT_HTTPHEADER, NULL);
    SET(seat->easy, CURLOPT_POSTFIELDS, NULL); /* the caller's body */
    curl_slist_free_all(seat->headers);
    seat->headers = NULL;
    if (loop->idle_seat_counts[seat->big] < FY_PEER_IDLE_SEATS_MAX) {
        loop->idle_seat_counts[seat->big]++;
        push_seat(&loop->idle_seats[seat->big], seat);
        return;
    }
    curl_easy_cleanup(seat->easy);
    seat->easy = NULL;
    push_seat(&loop->bare_seats, seat);
}

static void free_seats(struct peer_seat **list)
{
    for (struct peer_seat *seat; (seat = pop_seat(list)) != NULL; free(seat))
        curl_easy_cleanup(seat->easy); /* accepts NULL */
}

void peer_seats_free(struct peer_loop *loop)
{
    free_seats(&loop->idle_seats[false]);
    free_seats(&loop->idle_seats[true]);
    free_seats(&loop->bare_seats);
}

/* ------------------------------------------------------------------ the end */

/* Ends the job with what was found. */
static void finish(struct peer_job *job, enum fy_code code, enum fy_reason reason,
                   struct fy_err *err)
{
    const struct fy_peer_call *call = job->call;
    if (code != FY_OK)
        (void)fy_err_add(err, "%s at %s", verb_names[call->verb],
                         call->site[0] != '\0' ? call->site : call->uri);
    if (job->seat != NULL)
        give_seat(job);
    fy_unzstd_free(job->unzstd);
    peer_held_clear(&job->held);
    free(job->head);
    peer_job_over(job, code, reason, code == FY_OK ? NULL : err);
}

static void leave_multi(struct peer_job *job)
{
    struct peer_loop *loop = job->loop;
    FY_ASSERT(curl_multi_remove_handle(loop->multi, job->seat->easy) == CURLM_OK);
    if (job->previous != NULL)
        job->previous->next = job->next;
    else
        loop->running = job->next;
    if (job->next != NULL)
        job->next->previous = job->previous;
}

void peer_job_judge(struct peer_job *job, enum fy_code code, enum fy_reason reason,
                    const char *sentence)
{
    FY_ASSERT(code != FY_OK);
    if (job->verdict.code != FY_OK)
        return;
    (void)fy_err_set(&job->verdict, code, "%s", sentence);
    job->verdict_reason = reason;
}

void peer_job_abort(struct peer_job *job, enum fy_code code, enum fy_reason reason,
                    const char *sentence)
{
    peer_job_judge(job, code, reason, sentence);
    if (job->seat != NULL)
        leave_multi(job);
    finish(job, job->verdict.code, job->verdict_reason, &job->verdict);
}

/* What libcurl's failures mean. Those not here are failures of the connection. */
static const struct failure_row {
    CURLcode result;
    enum fy_code code;
    enum fy_reason reason;
} failure_table[] = {
    {CURLE_PARTIAL_FILE, FY_ENET,
     FY_SIZE_MISMATCH}, /* ended before its length, or its last chunk */
    {CURLE_URL_MALFORMAT, FY_EINPUT, FY_TOPOLOGY_UNKNOWN},
    {CURLE_UNSUPPORTED_PROTOCOL, FY_EPEER, FY_SRC_REFUSED}, /* HTTP/0.9: what came is no HTTP */
    {CURLE_WEIRD_SERVER_REPLY, FY_EPEER, FY_SRC_REFUSED},
    {CURLE_FILESIZE_EXCEEDED, FY_EPEER, FY_SRC_REFUSED}, /* a Content-Length above 2^63 */
    {CURLE_OUT_OF_MEMORY, FY_EPEER, FY_SRC_REFUSED},     /* a header line over 100 KiB, in truth */
};

static void judge_result(struct peer_job *job, CURLcode result)
{
    enum fy_code code = FY_ENET;
    enum fy_reason reason = FY_SRC_UNREACHABLE;
    long failure = 0;
    for (size_t i = 0; i < FY_COUNT_OF(failure_table); i++) {
        if (failure_table[i].result == result) {
            code = failure_table[i].code;
            reason = failure_table[i].reason;
        }
    }
    (void)curl_easy_getinfo(job->seat->easy, CURLINFO_OS_ERRNO, &failure);
    if (result == CURLE_RECV_ERROR && failure == 0 && job->head_given)
        reason = FY_SIZE_MISMATCH; /* the connection is well: the chunks are not */
    const char *said = job->seat->error;
    peer_job_judge(job, code, reason, said[0] != '\0' ? said : curl_easy_strerror(result));
}

void peer_job_ended(struct peer_job *job, CURLcode result)
{
    if (job->verdict.code == FY_OK && !job->enough) {
        if (result != CURLE_OK)
            judge_result(job, result);
        else if (job->unzstd != NULL && !fy_unzstd_at_frame_end(job->unzstd))
            peer_job_judge(job, FY_ECORRUPT, FY_SIZE_MISMATCH, "the zstd frame is cut");
    }
    leave_multi(job);
    finish(job, job->verdict.code, job->verdict_reason, &job->verdict);
}

/* ------------------------------------------------------------------ the beginning, and going on */

void peer_job_start(struct peer_job *job)
{
    struct peer_loop *loop = job->loop;
    enum fy_reason reason = FY_REASON_NONE;
    struct fy_err err = {0};
    take_seat(job);
    enum fy_code code = peer_request_prepare(job, &reason, &err);
    if (code != FY_OK) {
        finish(job, code, reason, &err);
        return;
    }
    job->last_byte_ms = loop->now_ms;
    job->next = loop->running;
    if (job->next != NULL)
        job->next->previous = job;
    loop->running = job;
    FY_ASSERT(curl_multi_add_handle(loop->multi, job->seat->easy) == CURLM_OK);
}

void peer_job_resume(struct peer_job *job)
{
    if (!job->paused)
        return; /* it came before the pause, or twice */
    job->paused = false;
    job->last_byte_ms = job->loop->now_ms;
    CURLcode result = CURLE_OK;
    if (peer_body_give_held(job))
        result = curl_easy_pause(job->seat->easy, CURLPAUSE_CONT); /* which may call on_data */
    else if (!job->paused)
        result = CURLE_WRITE_ERROR;
    if (result != CURLE_OK) /* a failure in here is told by no message */
        peer_job_ended(job, result);
}

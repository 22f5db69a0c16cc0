/* peer_http_loop.c - one loop thread: epoll under libcurl's multi_socket interface, its mail, its
 * ticks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/adapters/peer_http_internal.h"
#include "common/core/clock.h"

#define EVENTS_PER_TURN 64
#define TICK_MS_MAX     250 /* a stall is noticed so late at most; an idle loop does not tick */
#define TICKS_PER_STALL 8
#define SOCKETS_FIRST   64

/* ------------------------------------------------------------------ sockets */

/* The pointer is good until the next call. */
static struct peer_socket *socket_at(struct peer_loop *loop, curl_socket_t descriptor)
{
    FY_ASSERT(descriptor >= 0);
    size_t index = (size_t)descriptor;
    if (index >= loop->socket_count) {
        size_t count = loop->socket_count > 0 ? loop->socket_count : SOCKETS_FIRST;
        while (count <= index)
            count *= 2; /* bounded by the limit of open descriptors */
        loop->sockets = fy_realloc(loop->sockets, count * sizeof(*loop->sockets));
        memset(loop->sockets + loop->socket_count, 0,
               (count - loop->socket_count) * sizeof(*loop->sockets));
        loop->socket_count = count;
    }
    return &loop->sockets[index];
}

curl_socket_t peer_socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct peer_loop *loop = arg;
    (void)purpose;
    int descriptor = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                            address->protocol);
    if (descriptor < 0)
        return CURL_SOCKET_BAD;
    *socket_at(loop, descriptor) = (struct peer_socket){.ours = true};
    return descriptor;
}

int peer_socket_close(void *arg, curl_socket_t descriptor)
{
    struct peer_loop *loop = arg;
    *socket_at(loop, descriptor) = (struct peer_socket){0}; /* epoll forgets it by itself */
    return close(descriptor);
}

/* Makes epoll watch for what is wanted. Should it fail, the transfer hears nothing and ends as
 * stalled. */
static void watch(struct peer_loop *loop, int descriptor, struct peer_socket *socket)
{
    struct epoll_event event = {.events = socket->wanted, .data = {.fd = descriptor}};
    int failed;
    if (socket->wanted == 0) {
        (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, descriptor,
                        NULL); /* may be closed already */
        failed = 0;
    } else if (socket->watched != 0) {
        failed = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, descriptor, &event);
        if (failed != 0 && errno == ENOENT) /* closed and opened anew behind our back */
            failed = epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, descriptor, &event);
    } else {
        failed = epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, descriptor, &event);
        if (failed != 0 && errno == EEXIST)
            failed = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, descriptor, &event);
    }
    socket->watched = failed == 0 ? socket->wanted : 0;
}

/* CURLMOPT_SOCKETFUNCTION. A connection that goes idle stays in epoll, since it is mostly wanted
 * again at once, for the same events: two system calls less for each small call. */
static int on_socket(CURL *easy, curl_socket_t descriptor, int what, void *arg, void *unused)
{
    struct peer_loop *loop = arg;
    struct peer_socket *socket = socket_at(loop, descriptor);
    (void)unused;
    if (what == CURL_POLL_REMOVE) {
        socket->wanted = 0;
        socket->seat = NULL;
        if (!socket->ours) /* libcurl's own pair for names: its close is not told to us */
            watch(loop, descriptor, socket);
        return 0;
    }
    struct peer_seat *seat = NULL;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&seat); /* NULL for libcurl's own */
    socket->seat = seat;
    socket->wanted = ((what & CURL_POLL_IN) != 0 ? (uint32_t)EPOLLIN : 0) |
                     ((what & CURL_POLL_OUT) != 0 ? (uint32_t)EPOLLOUT : 0);
    if (socket->wanted != socket->watched)
        watch(loop, descriptor, socket);
    return 0;
}

static void on_event(struct peer_loop *loop, const struct epoll_event *event)
{
    int descriptor = event->data.fd;
    struct peer_socket *socket = socket_at(loop, descriptor);
    if (socket->wanted == 0) {
        /* Bytes or an end on an idle connection: libcurl finds out when it would use it again. */
        if (socket->watched != 0)
            watch(loop, descriptor, socket);
        return;
    }
    struct peer_job *job = socket->seat != NULL ? socket->seat->job : NULL;
    if (job != NULL)
        job->last_byte_ms = loop->now_ms;
    int mask = ((event->events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
               ((event->events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
               ((event->events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
    int running;
    CURLMcode result = curl_multi_socket_action(loop->multi, descriptor, mask, &running);
    FY_ASSERT(result == CURLM_OK);
}

/* ------------------------------------------------------------------ time */

/* CURLMOPT_TIMERFUNCTION. One millisecond more than asked: our clock is cut, and libcurl does not
 * repeat itself when it is called too early. */
static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct peer_loop *loop = arg;
    (void)multi;
    int64_t now_ms = fy_mono_ms(fy_clock_system());
    if (timeout_ms < 0)
        loop->curl_due_ms = INT64_MAX;
    else
        loop->curl_due_ms = now_ms + timeout_ms + (timeout_ms > 0 ? 1 : 0);
    return 0;
}

static void wake_curl(struct peer_loop *loop)
{
    loop->curl_due_ms = INT64_MAX; /* libcurl names the next time, if there is one, meanwhile */
    int running;
    CURLMcode result = curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    FY_ASSERT(result == CURLM_OK);
}

static int64_t tick_ms(const struct peer_loop *loop)
{
    int64_t fraction_ms = loop->peer->stall_timeout_ms / TICKS_PER_STALL;
    return fraction_ms < 1 ? 1 : fraction_ms > TICK_MS_MAX ? TICK_MS_MAX : fraction_ms;
}

/* Ends the job if it has had its time. */
static void look_at_clock(struct peer_loop *loop, struct peer_job *job)
{
    int64_t deadline_ms = job->call->deadline_ms;
    int64_t silent_ms = loop->now_ms - job->last_byte_ms;
    char sentence[64];
    if (deadline_ms > 0 && loop->now_ms - job->started_ms >= deadline_ms) {
        (void)snprintf(sentence, sizeof(sentence), "not done within %lld ms",
                       (long long)deadline_ms);
        peer_job_abort(job, FY_ETIMEOUT, FY_STALLED, sentence);
    } else if (job->connected && !job->paused && silent_ms >= loop->peer->stall_timeout_ms) {
        (void)snprintf(sentence, sizeof(sentence), "no byte for %lld ms", (long long)silent_ms);
        peer_job_abort(job, FY_ETIMEOUT, FY_STALLED, sentence);
    }
}

static void tick(struct peer_loop *loop)
{
    loop->tick_due_ms = loop->now_ms + tick_ms(loop);
    struct peer_job *next;
    for (struct peer_job *job = loop->running; job != NULL; job = next) {
        next = job->next; /* an on_done adds calls by mail only, so this one stays */
        look_at_clock(loop, job);
    }
}

static int wait_ms(const struct peer_loop *loop)
{
    int64_t due_ms = loop->curl_due_ms;
    if (loop->running != NULL && loop->tick_due_ms < due_ms)
        due_ms = loop->tick_due_ms;
    if (due_ms == INT64_MAX)
        return -1;
    int64_t left_ms = due_ms - fy_mono_ms(fy_clock_system());
    return left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

/* ------------------------------------------------------------------ mail */

static void open_job_mail(struct peer_loop *loop, struct peer_job *job)
{
    unsigned asks = peer_job_take_asks(job);
    if (job->over) {
        free(job);
        return;
    }
    if (loop->stopping)
        peer_job_abort(job, FY_ECANCELLED, FY_CANCELLED, "we are stopping");
    else if ((asks & PEER_ASK_CANCEL) != 0)
        peer_job_abort(job, FY_ECANCELLED, FY_CANCELLED, "cancelled");
    else if ((asks & PEER_ASK_START) != 0)
        peer_job_start(job); /* a resume beside it came before any pause */
    else if ((asks & PEER_ASK_RESUME) != 0)
        peer_job_resume(job);
}

static void open_mail(struct peer_loop *loop)
{
    struct fy_mail *next;
    for (struct fy_mail *mail = fy_mailbox_take(&loop->box); mail != NULL; mail = next) {
        next = mail->next;
        if (mail == &loop->exit) {
            loop->exiting = true;
        } else if (mail == &loop->stop) {
            loop->stopping = true;
            while (loop->running != NULL)
                peer_job_abort(loop->running, FY_ECANCELLED, FY_CANCELLED, "we are stopping");
        } else {
            open_job_mail(loop, (struct peer_job *)mail);
        }
    }
}

/* ------------------------------------------------------------------ the loop */

static void collect_ended(struct peer_loop *loop)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(loop->multi, &left)) != NULL) {
        struct peer_seat *seat = NULL;
        CURLcode result = message->data.result; /* the message goes with its handle */
        FY_ASSERT(message->msg == CURLMSG_DONE);
        FY_ASSERT(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&seat) ==
                  CURLE_OK);
        peer_job_ended(seat->job, result);
    }
}

static void turn(struct peer_loop *loop)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, wait_ms(loop));
    FY_ASSERT(count >= 0 || errno == EINTR);
    loop->now_ms = fy_mono_ms(fy_clock_system());
    bool has_mail = false;
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == fy_mailbox_fd(&loop->box))
            has_mail = true;
        else
            on_event(loop, &events[i]);
    }
    if (has_mail)
        open_mail(loop);
    if (loop->curl_due_ms <= loop->now_ms)
        wake_curl(loop);
    collect_ended(loop);
    if (loop->running != NULL && loop->tick_due_ms <= loop->now_ms)
        tick(loop);
}

void *peer_loop_main(void *arg)
{
    struct peer_loop *loop = arg;
    while (!loop->exiting)
        turn(loop);
    FY_ASSERT(loop->running == NULL);
    return NULL;
}

static void set_multi_options(struct peer_loop *loop)
{
    CURLM *multi = loop->multi;
    FY_ASSERT(curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK);
    FY_ASSERT(curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, loop) == CURLM_OK);
    FY_ASSERT(curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK);
    FY_ASSERT(curl_multi_setopt(multi, CURLMOPT_TIMERDATA, loop) == CURLM_OK);
    FY_ASSERT(curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK);
    FY_ASSERT(curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)FY_INFLIGHT_ORDERS_MAX) ==
              CURLM_OK);
    FY_ASSERT(curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                                (long)loop->peer->connections_max) == CURLM_OK);
}

enum fy_code peer_loop_open(struct peer_http *peer, struct peer_loop *loop, struct fy_err *err)
{
    if (fy_mailbox_init(&loop->box, err) != FY_OK)
        return err->code;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fy_mailbox_fd(&loop->box)}};
    if (epoll_fd < 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fy_mailbox_fd(&loop->box), &event) != 0) {
        (void)fy_err_set(err, FY_EIO, "make an epoll: %s", strerror(errno));
        if (epoll_fd >= 0)
            (void)close(epoll_fd); /* nothing was written through it */
        fy_mailbox_done(&loop->box);
        return err->code;
    }
    loop->peer = peer;
    loop->epoll_fd = epoll_fd;
    loop->curl_due_ms = INT64_MAX;
    loop->multi = curl_multi_init();
    FY_ASSERT(loop->multi != NULL); /* fails for want of memory only */
    set_multi_options(loop);
    fy_buf_init(&loop->url, FY_PEER_URL_BYTES_MAX);
    return FY_OK;
}

void peer_loop_done(struct peer_loop *loop)
{
    FY_ASSERT(loop->running == NULL);
    peer_seats_free(loop);
    FY_ASSERT(curl_multi_cleanup(loop->multi) == CURLM_OK); /* closes the idle connections */
    (void)close(loop->epoll_fd);                            /* nothing was written through it */
    fy_mailbox_done(&loop->box);
    fy_buf_done(&loop->url);
    free(loop->sockets);
}

/* load.c - the benchmark's HTTP client: one request template over many keep-alive connections. */
/*
 * usage: bench_load PORT CONNECTIONS SECONDS|xCOUNT TEMPLATE
 *
 * TEMPLATE is a file with one whole HTTP/1.1 request; a run of nine '#' in it becomes a number of
 * nine digits, another one each time. Every connection sends, reads the answer, and sends again,
 * for so many SECONDS, or COUNT requests in all. Prints one JSON object: what was answered, how
 * fast, p50 and p99. To 127.0.0.1 only.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/tool.h"

#define CONNECTIONS_MAX 4096
#define ANSWER_BYTES    8192    /* head of an answer; its body is skipped */
#define SAMPLES_MAX     4000000 /* latencies kept for the percentiles */

struct connection {
    int fd;
    char *request;
    size_t request_bytes, sent_bytes;
    char head[ANSWER_BYTES];
    size_t head_bytes;
    bool in_body;
    int64_t body_left;
    int status;
    double began_s;
};

static struct {
    const char *template;
    size_t template_bytes;
    int port;
    int epoll_fd;
    long started, finished, wanted; /* wanted 0: by time */
    double until_s;
    long good, bad, closed;
    int bad_status;
    float *samples_ms;
    size_t sample_count;
} load;

static bool may_start(void)
{
    return load.wanted != 0 ? load.started < load.wanted : tool_now_s() < load.until_s;
}

static void write_more(struct connection *connection)
{
    while (connection->sent_bytes < connection->request_bytes) {
        ssize_t sent =
            send(connection->fd, connection->request + connection->sent_bytes,
                 connection->request_bytes - connection->sent_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent < 0)
            break; /* closed: the answer, or its absence, says so */
        connection->sent_bytes += (size_t)sent;
    }
    struct epoll_event event = {.data.ptr = connection, .events = EPOLLIN};
    if (connection->sent_bytes < connection->request_bytes)
        event.events |= EPOLLOUT;
    epoll_ctl(load.epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

static void start(struct connection *connection)
{
    tool_number(connection->request, load.template_bytes, load.started++);
    connection->sent_bytes = connection->head_bytes = 0;
    connection->in_body = false;
    connection->began_s = tool_now_s();
    write_more(connection);
}

static void next_request(struct connection *connection)
{
    memcpy(connection->request, load.template, load.template_bytes + 1);
    start(connection);
}

static void open_connection(struct connection *connection)
{
    struct epoll_event event = {.data.ptr = connection, .events = EPOLLIN};
    connection->fd = tool_connect(load.port);
    epoll_ctl(load.epoll_fd, EPOLL_CTL_ADD, connection->fd, &event);
    next_request(connection);
}

/* Returns whether the connection goes on. */
static bool end(struct connection *connection)
{
    if (load.sample_count < SAMPLES_MAX)
        load.samples_ms[load.sample_count++] = (float)((tool_now_s() - connection->began_s) * 1000);
    load.finished++;
    if (connection->status >= 200 && connection->status < 300)
        load.good++;
    else {
        load.bad++;
        load.bad_status = connection->status;
    }
    if (!may_start()) {
        close(connection->fd);
        return false;
    }
    next_request(connection);
    return true;
}

/* The head is whole: how long is the body? Only Content-Length and no body are known here. */
static void read_head(struct connection *connection, const char *head_end)
{
    connection->head[connection->head_bytes] = '\0';
    connection->status = atoi(connection->head + 9);
    const char *length = strcasestr(connection->head, "\r\ncontent-length:");
    int64_t body_bytes = length != NULL && length < head_end ? atoll(length + 17) : 0;
    int64_t got_bytes =
        (int64_t)connection->head_bytes - (int64_t)(head_end + 4 - connection->head);
    connection->in_body = true;
    connection->body_left = body_bytes - got_bytes;
}

/* The server refused a body before it had read it, or was full: a client comes again. Returns
 * whether the connection goes on. */
static bool reconnect(struct connection *connection)
{
    load.closed++;
    close(connection->fd); /* which also leaves the epoll */
    if (!may_start())
        return false;
    open_connection(connection);
    return true;
}

/* Returns whether the connection goes on. */
static bool read_more(struct connection *connection)
{
    char skipped[65536];
    for (;;) {
        bool body = connection->in_body;
        void *to = body ? skipped : connection->head + connection->head_bytes;
        size_t room = body ? sizeof(skipped) : ANSWER_BYTES - 1 - connection->head_bytes;
        ssize_t got = recv(connection->fd, to, room, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            return true;
        if (got <= 0)
            return reconnect(connection);
        if (body) {
            connection->body_left -= got;
        } else {
            connection->head_bytes += (size_t)got;
            connection->head[connection->head_bytes] = '\0';
            const char *head_end = strstr(connection->head, "\r\n\r\n");
            if (head_end != NULL)
                read_head(connection, head_end);
        }
        if (connection->in_body && connection->body_left <= 0)
            return end(connection);
    }
}

static void run(struct connection *connections, int count)
{
    int open_count = 0;
    for (int i = 0; i < count && may_start(); i++, open_count++) {
        struct connection *connection = &connections[i];
        connection->request = malloc(load.template_bytes + 1);
        connection->request_bytes = load.template_bytes;
        open_connection(connection);
    }
    while (open_count > 0) {
        struct epoll_event events[256];
        int ready = epoll_wait(load.epoll_fd, events, 256, 60000);
        if (ready <= 0)
            tool_die("no answer for a minute");
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if ((events[i].events & EPOLLOUT) != 0)
                write_more(connection);
            if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 &&
                !read_more(connection)) {
                free(connection->request);
                open_count--;
            }
        }
    }
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench_load PORT CONNECTIONS SECONDS|xCOUNT TEMPLATE\n");
        return 2;
    }
    int count = atoi(argv[2]);
    if (count < 1 || count > CONNECTIONS_MAX)
        return 2;
    load.port = atoi(argv[1]);
    load.template = tool_read_file(argv[4], &load.template_bytes);
    load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    load.samples_ms = malloc(SAMPLES_MAX * sizeof(float));
    double began_s = tool_now_s();
    if (argv[3][0] == 'x')
        load.wanted = atol(argv[3] + 1);
    else
        load.until_s = began_s + atof(argv[3]);
    struct connection *connections = calloc((size_t)count, sizeof(*connections));
    run(connections, count);
    double seconds = tool_now_s() - began_s;
    qsort(load.samples_ms, load.sample_count, sizeof(float), by_value);
    double p50 = load.sample_count > 0 ? (double)load.samples_ms[load.sample_count / 2] : 0;
    double p99 = load.sample_count > 0 ? (double)load.samples_ms[load.sample_count * 99 / 100] : 0;
    printf("{\"requests\":%ld,\"good\":%ld,\"bad\":%ld,\"badStatus\":%d,\"closed\":%ld,\"seconds\":"
           "%.3f,"
           "\"perSecond\":%.1f,\"p50ms\":%.3f,\"p99ms\":%.3f}\n",
           load.finished, load.good, load.bad, load.bad_status, load.closed, seconds,
           (double)load.finished / seconds, p50, p99);
    return 0;
}

/* floor_kafka.c - the limit for orders into Kafka: every line of a body becomes a record, unread,
 * and its reports are the answer. */
/*
 * usage: bench_floor_kafka THREADS BROKERS TOPIC PARTITIONS
 *
 * The HTTP library as Ferry's API has it and the producer with Ferry's own properties, and between
 * them nothing: no JSON, no key, no check, no header. Prints its port, serves until stdin ends.
 * What it has in hand is what its clients have: one request each.
 */
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/adapters/queue_kafka_impl.h"
#include "common/core/log.h"
#include "tests/bench/tool.h"

#define BODY_BYTES_MAX (1 << 20)
#define POLL_MS        100 /* longest until a stop is looked at */

struct request {
    struct MHD_Connection *connection;
    char *body; /* its lines are the records' values until they are reported */
    size_t body_bytes, capacity_bytes;
    bool sent;
    atomic_size_t open; /* records without report, and the sender itself */
    atomic_bool failed;
};

static struct {
    rd_kafka_t *producer;
    rd_kafka_queue_t *events;
    rd_kafka_topic_t *topic;
    unsigned partition_count;
    atomic_uint turn;
    atomic_bool stopping;
} floor_;

/* ------------------------------------------------------------------ Kafka */

static void open_producer(const char *brokers, const char *topic)
{
    struct fy_queue_kafka_settings settings = {.brokers = brokers, .client_id = "bench-floor"};
    rd_kafka_conf_t *conf = NULL;
    struct fy_err err;
    if (fy_kq_conf_base(&settings, &conf, &err) != FY_OK)
        tool_die(err.text);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    char text[256];
    floor_.producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (floor_.producer == NULL)
        tool_die(text);
    floor_.events = rd_kafka_queue_get_main(floor_.producer);
    floor_.topic = rd_kafka_topic_new(floor_.producer, topic, NULL);
}

/* Any thread; the last one answers. */
static void one_less(struct request *request)
{
    if (atomic_fetch_sub(&request->open, 1) == 1)
        MHD_resume_connection(request->connection);
}

static void *reports_main(void *arg)
{
    while (!atomic_load(&floor_.stopping)) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(floor_.events, POLL_MS);
        const rd_kafka_message_t *message = NULL;
        while (event != NULL && (message = rd_kafka_event_message_next(event)) != NULL) {
            struct request *request = message->_private;
            if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
                atomic_store(&request->failed, true);
            one_less(request);
        }
        rd_kafka_event_destroy(event);
    }
    return arg;
}

/* The library borrows the line: the body lives until the answer. */
static void produce(struct request *request, char *line, size_t line_bytes)
{
    unsigned turn = atomic_fetch_add_explicit(&floor_.turn, 1, memory_order_relaxed);
    atomic_fetch_add(&request->open, 1);
    if (rd_kafka_produce(floor_.topic, (int32_t)(turn % floor_.partition_count), 0, line,
                         line_bytes, NULL, 0, request) == 0)
        return;
    atomic_store(&request->failed, true);
    atomic_fetch_sub(&request->open, 1); /* never the last: the sender's own is open */
}

static void produce_lines(struct request *request)
{
    char *end = request->body + request->body_bytes;
    for (char *line = request->body; line < end;) {
        char *newline = memchr(line, '\n', (size_t)(end - line));
        char *line_end = newline != NULL ? newline : end;
        produce(request, line, (size_t)(line_end - line));
        line = line_end + 1;
    }
}

/* ------------------------------------------------------------------ HTTP */

static void gather(struct request *request, const char *data, size_t data_bytes)
{
    size_t need_bytes = request->body_bytes + data_bytes;
    if (need_bytes > BODY_BYTES_MAX)
        tool_die("a body of over 1 MiB");
    if (need_bytes > request->capacity_bytes) {
        request->capacity_bytes = 2 * need_bytes;
        request->body = realloc(request->body, request->capacity_bytes);
        if (request->body == NULL)
            tool_die("memory");
    }
    memcpy(request->body + request->body_bytes, data, data_bytes);
    request->body_bytes = need_bytes;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned http_status)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(connection, http_status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *data_bytes, void **state)
{
    (void)arg;
    (void)url;
    (void)method;
    (void)version;
    struct request *request = *state;
    if (request == NULL) {
        *state = request = calloc(1, sizeof(*request));
        if (request == NULL)
            return MHD_NO;
        request->connection = connection;
        return MHD_YES;
    }
    if (*data_bytes != 0) {
        gather(request, data, *data_bytes);
        *data_bytes = 0;
        return MHD_YES;
    }
    if (request->sent)
        return answer(connection, atomic_load(&request->failed) ? MHD_HTTP_SERVICE_UNAVAILABLE
                                                                : MHD_HTTP_CREATED);
    request->sent = true;
    atomic_init(&request->open, 1);
    MHD_suspend_connection(connection);
    produce_lines(request);
    one_less(request);
    return MHD_YES;
}

static void completed(void *arg, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    (void)arg;
    (void)connection;
    (void)code;
    struct request *request = *state;
    if (request == NULL)
        return;
    free(request->body);
    free(request);
}

static struct MHD_Daemon *serve(unsigned threads)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return MHD_start_daemon(
        MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL,
        handle, NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)FY_CONNECTION_BYTES,
        MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT, 2000u, MHD_OPTION_END);
}

/* Its clients have their answers: the library must not be stopped with a request suspended. */
static void finish(struct MHD_Daemon *daemon, pthread_t reports)
{
    MHD_stop_daemon(daemon);
    atomic_store(&floor_.stopping, true);
    rd_kafka_queue_yield(floor_.events);
    pthread_join(reports, NULL);
    rd_kafka_topic_destroy(floor_.topic);
    rd_kafka_queue_destroy(floor_.events);
    rd_kafka_destroy(floor_.producer);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench_floor_kafka THREADS BROKERS TOPIC PARTITIONS\n");
        return 2;
    }
    floor_.partition_count = (unsigned)atoi(argv[4]);
    fy_log_level_set(FY_WARN);
    open_producer(argv[2], argv[3]);
    pthread_t reports;
    if (floor_.partition_count == 0 || pthread_create(&reports, NULL, reports_main, NULL) != 0)
        return 1;
    struct MHD_Daemon *daemon = serve((unsigned)atoi(argv[1]));
    if (daemon == NULL)
        tool_die("libmicrohttpd does not start");
    printf("%u\n", (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    finish(daemon, reports);
    return 0;
}

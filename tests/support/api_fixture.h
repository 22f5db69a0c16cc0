/* api_fixture.h - an HTTP server for tests, with a node of real embedded adapters or of doubles. */
#ifndef FY_TESTS_SUPPORT_API_FIXTURE_H
#define FY_TESTS_SUPPORT_API_FIXTURE_H

#include "api/http.h"
#include "tests/support/http_client.h"
#include "tests/support/temp.h"

#define API_SITE "site-a"

/* A queue that keeps what is published, and answers as the test wants. */
struct api_record {
    char *topic, *key, *value;
    size_t key_bytes;
};
struct api_queue {
    struct fy_queue port;
    pthread_mutex_t mutex; /* all below */
    struct api_record *records;
    size_t count;
    size_t publish_count; /* calls */
    enum fy_code refuse;  /* publish answers it at once */
    size_t refuse_at;     /* the publish of this count is refused as FULL; 0 none */
    enum fy_code fail;    /* done gets it ... */
    size_t fail_accepted; /* ... with so many accepted */
    bool hold;            /* done waits for api_queue_release */
    fy_publish_done_fn *held_done;
    void *held_arg;
    size_t held_count;
    int64_t used_bytes, max_bytes; /* what fill says */
    enum fy_code lag_fails;        /* lag answers it */
    int32_t lag_partitions;        /* told by lag from 0 on; 0: just one, number 3 */
    enum fy_code health;           /* what health says */
};

struct api_fixture {
    char dir[TEMP_BYTES];
    struct fy_config *config;
    struct fy_node node;
    struct api_queue queue; /* node.queue, unless a test puts another there */
    struct fy_server *server;
    uint16_t port;
};

/* Tables served by 2 connection threads and 4 of the pool; idle_ms as in fy_server_settings. The
 * node has clock, stamps, metrics, the fake queue and a real store; the rest is NULL. */
struct api_fixture *api_fixture_new(const struct fy_route_table *const *tables, size_t table_count,
                                    uint32_t idle_ms);
/* Besides: a real catalogue with its writer, a cache and a peer. */
struct api_fixture *api_fixture_full(const struct fy_route_table *const *tables, size_t table_count,
                                     const char *site);
void api_fixture_free(struct api_fixture *f);
int api_fixture_tear_down(void **state); /* the same for cmocka */
/* Puts a body into the store and returns its reference (free()). */
char *api_fixture_store(struct api_fixture *f, const void *bytes, size_t size_bytes);

/* For handlers: 200 with the text. */
void api_say(struct fy_exchange *x, const char *text);
/* A handler: 200 with the body that came. */
void api_echo(struct fy_exchange *x);

/* Waits until so many publish calls are held; then lets one go. */
void api_queue_release(struct api_queue *queue);

#endif

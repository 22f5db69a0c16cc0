/* peer_server.h - an HTTP server that does exactly what a test says, byte by byte, good or hostile.
 */
/*
 * Each connection has a thread; for each request the test's play runs on it and writes raw bytes.
 * What a play waits for is an event of the test (a gate), never a guess of time. Nothing here
 * asserts, since cmocka's assertions belong to the main thread: tests look at what was seen.
 */
#ifndef FY_TESTS_CONTRACT_PEER_SERVER_H
#define FY_TESTS_CONTRACT_PEER_SERVER_H

#include <pthread.h>

#include "common/core/base.h"

#define PEER_SERVER_HEAD_BYTES_MAX (32 * 1024)
#define PEER_SERVER_NOTES_MAX      256

/* Opened once, for good; whoever waits goes on. */
struct peer_gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool open;
    uint32_t waiting; /* how many wait or have waited */
};
void peer_gate_init(struct peer_gate *gate);
void peer_gate_open(struct peer_gate *gate);
void peer_gate_wait(struct peer_gate *gate);
/* Until so many have come to the gate. */
void peer_gate_await(struct peer_gate *gate, uint32_t waiting);

struct peer_server;
struct peer_exchange {
    struct peer_server *server;
    int descriptor;      /* -1 after peer_reset */
    unsigned connection; /* 0 the first */
    unsigned request;    /* 0 the first on this connection */
    const char *head;    /* request line and headers, zero-terminated */
    const char *body;    /* zero-terminated */
    size_t body_bytes;
};
/* Answers one request. true: the connection is kept for the next; false: it is closed (FIN). */
typedef bool peer_play_fn(struct peer_exchange *x, void *arg);

struct peer_server *peer_server_open(peer_play_fn *play, void *arg);
/* Breaks all connections off and joins. Gates that plays wait at must be open. */
void peer_server_close(struct peer_server *server);
/* "http://127.0.0.1:port" */
const char *peer_server_uri(const struct peer_server *server);
unsigned peer_server_connections(struct peer_server *server);
unsigned peer_server_requests(struct peer_server *server);
/* Head (or body) of the n-th request of all, "" if there was none; good until the next open. */
const char *peer_server_head(struct peer_server *server, unsigned index);
const char *peer_server_body(struct peer_server *server, unsigned index);

/* For plays. Failing to write is no failure: the client may have gone, as the test wants. */
void peer_say(struct peer_exchange *x, const char *text);
void peer_say_bytes(struct peer_exchange *x, const void *bytes, size_t size_bytes);
void peer_say_format(struct peer_exchange *x, const char *format, ...) FY_PRINTF(2, 3);
/* Closes with RST; the play then returns false. */
void peer_reset(struct peer_exchange *x);
/* Until the client has closed its end. */
void peer_await_hangup(struct peer_exchange *x);

#endif

/* cut_proxy.c - one thread that forwards bytes between pairs of sockets. */
#include "tests/support/cut_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS_MAX    64
#define POLL_MS      20 /* how soon it notices that it is to stop */
#define WANTED_MAX   32
#define CHUNK_BYTES  65536
#define ANSWER_BYTES (CHUNK_BYTES - 256) /* room for another end */

struct pair {
    int client, server; /* -1: free */
    bool deaf;          /* the answer is awaited, to be swallowed */
    bool ending;        /* its end is awaited, to be another one */
};

struct cut_proxy {
    int listener, port, target_port;
    pthread_t thread;

    /* Any thread, mutex held. */
    pthread_mutex_t mutex;
    bool stopping, cut_all;
    unsigned cuts;
    enum cut_moment moment;
    unsigned char wanted[WANTED_MAX];
    size_t wanted_bytes;

    struct pair pairs[PAIRS_MAX]; /* the thread's */
};

static void pair_cut(struct pair *pair)
{
    (void)close(pair->client);
    (void)close(pair->server);
    *pair = (struct pair){.client = -1, .server = -1};
}

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static void pair_add(struct cut_proxy *proxy, int client)
{
    for (size_t index = 0; index < PAIRS_MAX; index++) {
        struct pair *pair = &proxy->pairs[index];
        if (pair->client != -1)
            continue;
        int server = connect_to(proxy->target_port);
        if (server < 0)
            break;
        *pair = (struct pair){.client = client, .server = server};
        return;
    }
    (void)close(client); /* the server is away, as the client will notice */
}

/* What to do with bytes of a client. */
static enum cut_moment moment_of(struct cut_proxy *proxy, const char *bytes, size_t size)
{
    enum cut_moment moment = CUT_NEVER;
    (void)pthread_mutex_lock(&proxy->mutex);
    if (proxy->moment != CUT_NEVER &&
        memmem(bytes, size, proxy->wanted, proxy->wanted_bytes) != NULL) {
        moment = proxy->moment;
        proxy->moment = CUT_NEVER;
        proxy->cuts++;
    }
    (void)pthread_mutex_unlock(&proxy->mutex);
    return moment;
}

static bool send_all(int to, const char *bytes, ssize_t size)
{
    for (ssize_t sent = 0; sent < size;) {
        ssize_t step = send(to, bytes + sent, (size_t)(size - sent), MSG_NOSIGNAL);
        if (step <= 0)
            return false;
        sent += step;
    }
    return size > 0;
}

static void from_client(struct cut_proxy *proxy, struct pair *pair, char *bytes)
{
    ssize_t size = recv(pair->client, bytes, CHUNK_BYTES, 0);
    enum cut_moment moment = size > 0 ? moment_of(proxy, bytes, (size_t)size) : CUT_BEFORE;
    if (moment == CUT_BEFORE || !send_all(pair->server, bytes, size)) {
        pair_cut(pair);
        return;
    }
    pair->deaf |= moment == CUT_AFTER;
    pair->ending |= moment == CUT_ENDING;
}

/* "Ready for query" ends an answer; "terminating connection" takes its place. */
static ssize_t end_otherwise(char *bytes, ssize_t size)
{
    static const char ready[] = {'Z', 0, 0, 0, 5};
    static const char fatal[] = "E\0\0\0\064SFATAL\0C57P01\0Mterminating connection by order\0";
    const ssize_t ready_bytes = (ssize_t)sizeof ready + 1; /* the state of the transaction */
    if (size < ready_bytes || memcmp(bytes + size - ready_bytes, ready, sizeof ready) != 0)
        return size; /* the answer goes on */
    memcpy(bytes + size - ready_bytes, fatal, sizeof fatal);
    return size - ready_bytes + (ssize_t)sizeof fatal;
}

static void from_server(struct pair *pair, char *bytes)
{
    ssize_t size = recv(pair->server, bytes, ANSWER_BYTES, 0);
    if (size > 0 && pair->ending)
        size = end_otherwise(bytes, size);
    if (size <= 0 || pair->deaf || !send_all(pair->client, bytes, size))
        pair_cut(pair);
}

static bool stopping(struct cut_proxy *proxy)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    bool stop = proxy->stopping;
    for (size_t index = 0; proxy->cut_all && index < PAIRS_MAX; index++)
        if (proxy->pairs[index].client != -1)
            pair_cut(&proxy->pairs[index]);
    proxy->cut_all = false;
    (void)pthread_mutex_unlock(&proxy->mutex);
    return stop;
}

static void *run(void *arg)
{
    struct cut_proxy *proxy = arg;
    char *bytes = malloc(CHUNK_BYTES);
    while (bytes != NULL && !stopping(proxy)) {
        struct pollfd ready[1 + 2 * PAIRS_MAX];
        ready[0] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
        for (size_t index = 0; index < PAIRS_MAX; index++) {
            ready[1 + 2 * index] =
                (struct pollfd){.fd = proxy->pairs[index].client, .events = POLLIN};
            ready[2 + 2 * index] =
                (struct pollfd){.fd = proxy->pairs[index].server, .events = POLLIN};
        }
        if (poll(ready, 1 + 2 * PAIRS_MAX, POLL_MS) <= 0)
            continue;
        for (size_t index = 0; index < PAIRS_MAX; index++) {
            struct pair *pair = &proxy->pairs[index];
            if (pair->client != -1 && ready[2 + 2 * index].revents != 0)
                from_server(pair, bytes);
            if (pair->client != -1 && ready[1 + 2 * index].revents != 0)
                from_client(proxy, pair, bytes);
        }
        if (ready[0].revents != 0)
            pair_add(proxy, accept(proxy->listener, NULL, NULL));
    }
    free(bytes);
    return NULL;
}

struct cut_proxy *cut_proxy_open(int target_port)
{
    struct cut_proxy *proxy = calloc(1, sizeof *proxy);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (proxy == NULL)
        return NULL;
    proxy->target_port = target_port;
    for (size_t index = 0; index < PAIRS_MAX; index++)
        proxy->pairs[index] = (struct pair){.client = -1, .server = -1};
    (void)pthread_mutex_init(&proxy->mutex, NULL);
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = proxy->listener >= 0 &&
                bind(proxy->listener, (struct sockaddr *)&address, size) == 0 &&
                listen(proxy->listener, 64) == 0 &&
                getsockname(proxy->listener, (struct sockaddr *)&address, &size) == 0;
    proxy->port = ntohs(address.sin_port);
    if (good && pthread_create(&proxy->thread, NULL, run, proxy) == 0)
        return proxy;
    (void)close(proxy->listener);
    free(proxy);
    return NULL;
}

int cut_proxy_port(const struct cut_proxy *proxy)
{
    return proxy->port;
}

void cut_proxy_arm(struct cut_proxy *proxy, enum cut_moment moment, const void *bytes,
                   size_t size_bytes)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    proxy->moment = moment;
    proxy->wanted_bytes = size_bytes < WANTED_MAX ? size_bytes : WANTED_MAX;
    memcpy(proxy->wanted, bytes, proxy->wanted_bytes);
    (void)pthread_mutex_unlock(&proxy->mutex);
}

void cut_proxy_cut_all(struct cut_proxy *proxy)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    proxy->cut_all = true;
    proxy->cuts++;
    (void)pthread_mutex_unlock(&proxy->mutex);
    for (bool done = false; !done;) { /* within POLL_MS */
        (void)usleep(1000);
        (void)pthread_mutex_lock(&proxy->mutex);
        done = !proxy->cut_all;
        (void)pthread_mutex_unlock(&proxy->mutex);
    }
}

unsigned cut_proxy_cuts(struct cut_proxy *proxy)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    unsigned cuts = proxy->cuts;
    (void)pthread_mutex_unlock(&proxy->mutex);
    return cuts;
}

void cut_proxy_close(struct cut_proxy *proxy)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    proxy->stopping = true;
    proxy->cut_all = true;
    (void)pthread_mutex_unlock(&proxy->mutex);
    (void)pthread_join(proxy->thread, NULL);
    for (size_t index = 0; index < PAIRS_MAX; index++)
        if (proxy->pairs[index].client != -1)
            pair_cut(&proxy->pairs[index]);
    (void)close(proxy->listener);
    (void)pthread_mutex_destroy(&proxy->mutex);
    free(proxy);
}

/* limits.c - what the machine allows: SHA-256 from memory, and a bare pull to synced files. */
/*
 * usage: bench_limits sha MEGABYTES             bytes/s of SHA-256 alone
 *        bench_limits pull PORT THREADS COUNT TEMPLATE FOLDER
 * pull sends TEMPLATE's request (nine '#' become a number) COUNT times from THREADS threads, each
 * on one keep-alive connection, writes each body to a file of its own and fsyncs it. No hash, no
 * catalogue. Prints one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/ports/sha256.h"

#define CHUNK_BYTES (1 << 20)
#define PLACE       "#########"

static void die(const char *what)
{
    fprintf(stderr, "bench_limits: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int sha(long megabytes)
{
    char *bytes = malloc(CHUNK_BYTES);
    memset(bytes, 'x', CHUNK_BYTES);
    struct fy_sha256 *hash = fy_sha256_new();
    struct fy_digest digest;
    double began_s = now_s();
    for (long i = 0; i < megabytes; i++)
        fy_sha256_update(hash, bytes, CHUNK_BYTES);
    fy_sha256_final(hash, &digest);
    double seconds = now_s() - began_s;
    printf("{\"bytesPerSecond\":%.0f}\n", (double)megabytes * CHUNK_BYTES / seconds);
    fy_sha256_free(hash);
    free(bytes);
    return 0;
}

static struct {
    int port;
    long count;
    char *template;
    size_t template_bytes;
    const char *folder;
    _Atomic long next;
    _Atomic long long bytes;
} pull;

/* Reads the head; returns the body's length, *extra of it already in buffer at *at. */
static long long read_head(int fd, char *buffer, size_t capacity, size_t *at, size_t *extra)
{
    size_t have = 0;
    for (;;) {
        ssize_t got = recv(fd, buffer + have, capacity - 1 - have, 0);
        if (got <= 0)
            die("recv");
        have += (size_t)got;
        buffer[have] = '\0';
        char *end = strstr(buffer, "\r\n\r\n");
        if (end == NULL)
            continue;
        if (buffer[9] != '2') {
            fprintf(stderr, "bench_limits: %.60s\n", buffer);
            exit(1);
        }
        const char *length = strcasestr(buffer, "\r\ncontent-length:");
        if (length == NULL)
            die("an answer without Content-Length");
        *at = (size_t)(end + 4 - buffer);
        *extra = have - *at;
        return atoll(length + 17);
    }
}

static void pull_one(int fd, long number, char *buffer)
{
    char path[512];
    char digits[16];
    char *request = malloc(pull.template_bytes + 1);
    memcpy(request, pull.template, pull.template_bytes + 1);
    (void)snprintf(digits, sizeof(digits), "%09ld", number);
    for (char *place = request; (place = strstr(place, PLACE)) != NULL;)
        memcpy(place, digits, sizeof(PLACE) - 1);
    if (send(fd, request, pull.template_bytes, MSG_NOSIGNAL) != (ssize_t)pull.template_bytes)
        die("send");
    free(request);
    size_t at;
    size_t extra;
    long long left = read_head(fd, buffer, CHUNK_BYTES, &at, &extra);
    (void)snprintf(path, sizeof(path), "%s/%09ld", pull.folder, number);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        die(path);
    atomic_fetch_add(&pull.bytes, left);
    if (write(file, buffer + at, extra) != (ssize_t)extra)
        die("write");
    for (left -= (long long)extra; left > 0;) {
        ssize_t have = recv(fd, buffer, CHUNK_BYTES, 0);
        if (have <= 0)
            die("the server closed a connection");
        if (write(file, buffer, (size_t)have) != have)
            die("write");
        left -= have;
    }
    if (fsync(file) != 0)
        die("fsync");
    close(file);
}

static void *puller(void *arg)
{
    (void)arg;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)pull.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    char *buffer = malloc(CHUNK_BYTES);
    for (long number; (number = atomic_fetch_add(&pull.next, 1)) < pull.count;)
        pull_one(fd, number, buffer);
    free(buffer);
    close(fd);
    return NULL;
}

static char *read_file(const char *path, size_t *size_bytes)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        die(path);
    fseek(file, 0, SEEK_END);
    *size_bytes = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size_bytes + 1);
    if (fread(bytes, 1, *size_bytes, file) != *size_bytes)
        die(path);
    bytes[*size_bytes] = '\0';
    fclose(file);
    return bytes;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "sha") == 0)
        return sha(atol(argv[2]));
    if (argc != 7 || strcmp(argv[1], "pull") != 0) {
        fprintf(stderr,
                "usage: bench_limits sha MEGABYTES | pull PORT THREADS COUNT TEMPLATE FOLDER\n");
        return 2;
    }
    long thread_count = atol(argv[3]);
    pull.port = atoi(argv[2]);
    pull.count = atol(argv[4]);
    pull.template = read_file(argv[5], &pull.template_bytes);
    pull.folder = argv[6];
    pthread_t *threads = calloc((size_t)thread_count, sizeof(*threads));
    double began_s = now_s();
    for (long i = 0; i < thread_count; i++)
        if (pthread_create(&threads[i], NULL, puller, NULL) != 0)
            die("thread");
    for (long i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    double seconds = now_s() - began_s;
    printf("{\"objects\":%ld,\"seconds\":%.3f,\"perSecond\":%.1f,\"bytesPerSecond\":%.0f}\n",
           pull.count, seconds, (double)pull.count / seconds,
           (double)atomic_load(&pull.bytes) / seconds);
    free(threads);
    free(pull.template);
    return 0;
}

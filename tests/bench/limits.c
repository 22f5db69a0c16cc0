/* limits.c - what the machine allows: each limit does one of Ferry's jobs and nothing else. */
/*
 * usage: bench_limits sha MEGABYTES
 *            bytes/s of SHA-256 alone, from memory
 *        bench_limits pull PORT THREADS COUNT TEMPLATE FOLDER
 *            COUNT times TEMPLATE's request (nine '#' become a number), each body to a file of its
 *            own that is synced. No hash, no catalogue
 *        bench_limits store THREADS COUNT BYTES FOLDER
 *            COUNT bodies of BYTES, hashed and written to a file of its own that is synced. No
 *            network, no catalogue
 *        bench_limits rows FILE SECONDS ROWS
 *            rows/s into a queue like Ferry's on SQLite, ROWS in each synced transaction. Nobody
 *            reads them
 * Prints one JSON object.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/ports/sha256.h"
#include "tests/bench/tool.h"

#define CHUNK_BYTES (1 << 20)

/* ------------------------------------------------------------------ sha */

static int sha(char **words)
{
    long megabytes = atol(words[0]);
    char *bytes = malloc(CHUNK_BYTES);
    memset(bytes, 'x', CHUNK_BYTES);
    struct fy_sha256 *hash = fy_sha256_new();
    struct fy_digest digest;
    double began_s = tool_now_s();
    for (long i = 0; i < megabytes; i++)
        fy_sha256_update(hash, bytes, CHUNK_BYTES);
    fy_sha256_final(hash, &digest);
    double seconds = tool_now_s() - began_s;
    printf("{\"bytesPerSecond\":%.0f}\n", (double)megabytes * CHUNK_BYTES / seconds);
    fy_sha256_free(hash);
    free(bytes);
    return 0;
}

/* ------------------------------------------------------------------ many bodies by many threads */

/* What the threads share. */
struct work {
    long count;
    const char *folder;
    _Atomic long next;
    _Atomic long long bytes;
    /* pull */
    int port;
    char *template;
    size_t template_bytes;
    /* store */
    size_t body_bytes;
};

static int body_open(const struct work *work, long number)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%09ld", work->folder, number);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        tool_die(path);
    return file;
}

static void body_write(int file, const void *bytes, size_t size_bytes)
{
    if (write(file, bytes, size_bytes) != (ssize_t)size_bytes)
        tool_die("write");
}

static void body_close(int file)
{
    if (fsync(file) != 0)
        tool_die("fsync");
    close(file);
}

static int run_threads(struct work *work, const char *threads_text, void *(*run)(void *))
{
    long thread_count = atol(threads_text);
    pthread_t *threads = calloc((size_t)thread_count, sizeof(*threads));
    double began_s = tool_now_s();
    for (long i = 0; i < thread_count; i++)
        if (pthread_create(&threads[i], NULL, run, work) != 0)
            tool_die("thread");
    for (long i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    double seconds = tool_now_s() - began_s;
    printf("{\"objects\":%ld,\"seconds\":%.3f,\"perSecond\":%.1f,\"bytesPerSecond\":%.0f}\n",
           work->count, seconds, (double)work->count / seconds,
           (double)atomic_load(&work->bytes) / seconds);
    free(threads);
    return 0;
}

/* ------------------------------------------------------------------ pull */

/* Reads the head; returns the body's length, *extra of it already in buffer at *at. */
static long long read_head(int fd, char *buffer, size_t capacity, size_t *at, size_t *extra)
{
    size_t have = 0;
    for (;;) {
        ssize_t got = recv(fd, buffer + have, capacity - 1 - have, 0);
        if (got <= 0)
            tool_die("recv");
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
            tool_die("an answer without Content-Length");
        *at = (size_t)(end + 4 - buffer);
        *extra = have - *at;
        return atoll(length + 17);
    }
}

static void pull_one(struct work *work, int fd, long number, char *buffer)
{
    char *request = malloc(work->template_bytes + 1);
    memcpy(request, work->template, work->template_bytes + 1);
    tool_number(request, work->template_bytes, number);
    if (send(fd, request, work->template_bytes, MSG_NOSIGNAL) != (ssize_t)work->template_bytes)
        tool_die("send");
    free(request);
    size_t at;
    size_t extra;
    long long left = read_head(fd, buffer, CHUNK_BYTES, &at, &extra);
    int file = body_open(work, number);
    atomic_fetch_add(&work->bytes, left);
    body_write(file, buffer + at, extra);
    for (left -= (long long)extra; left > 0;) {
        ssize_t have = recv(fd, buffer, CHUNK_BYTES, 0);
        if (have <= 0)
            tool_die("the server closed a connection");
        body_write(file, buffer, (size_t)have);
        left -= have;
    }
    body_close(file);
}

static void *pull_thread(void *arg)
{
    struct work *work = arg;
    int fd = tool_connect(work->port);
    char *buffer = malloc(CHUNK_BYTES);
    for (long number; (number = atomic_fetch_add(&work->next, 1)) < work->count;)
        pull_one(work, fd, number, buffer);
    free(buffer);
    close(fd);
    return NULL;
}

static int pull(char **words)
{
    struct work work = {.port = atoi(words[0]), .count = atol(words[2]), .folder = words[4]};
    work.template = tool_read_file(words[3], &work.template_bytes);
    (void)run_threads(&work, words[1], pull_thread);
    free(work.template);
    return 0;
}

/* ------------------------------------------------------------------ store */

static void *store_thread(void *arg)
{
    struct work *work = arg;
    char *bytes = malloc(work->body_bytes);
    memset(bytes, 'x', work->body_bytes);
    for (long number; (number = atomic_fetch_add(&work->next, 1)) < work->count;) {
        struct fy_digest digest;
        fy_sha256_of(bytes, work->body_bytes, &digest);
        int file = body_open(work, number);
        body_write(file, bytes, work->body_bytes);
        body_close(file);
        atomic_fetch_add(&work->bytes, (long long)work->body_bytes);
    }
    free(bytes);
    return NULL;
}

static int store(char **words)
{
    struct work work = {
        .count = atol(words[1]), .body_bytes = (size_t)atol(words[2]), .folder = words[3]};
    return run_threads(&work, words[0], store_thread);
}

/* ------------------------------------------------------------------ rows */

#define PARTITIONS      12
#define VALUE_BYTES     300 /* an order as JSON */
#define PARTITION_SHIFT 40  /* as in Ferry: the partition's rows lie together, by offset */

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "bench_limits: %s: %s\n", text, sqlite3_errmsg(db));
        exit(1);
    }
}

static sqlite3_stmt *rows_open(sqlite3 **db, const char *path)
{
    sqlite3_stmt *insert = NULL;
    if (sqlite3_open(path, db) != SQLITE_OK)
        tool_die(path);
    sql(*db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4096;"
             "CREATE TABLE records(id INTEGER PRIMARY KEY, timestamp_ms INTEGER NOT NULL, key BLOB,"
             " value BLOB, headers BLOB)");
    if (sqlite3_prepare_v2(*db, "INSERT INTO records VALUES(?, 1, ?, ?, NULL)", -1, &insert,
                           NULL) != SQLITE_OK)
        tool_die("prepare");
    return insert;
}

static void row_add(sqlite3_stmt *insert, long number)
{
    static const char value[VALUE_BYTES] = "{";
    char key[32];
    int key_bytes = snprintf(key, sizeof(key), "bench/o-%09ld", number);
    int64_t id = ((int64_t)(number % PARTITIONS) << PARTITION_SHIFT) + number / PARTITIONS;
    sqlite3_bind_int64(insert, 1, id);
    sqlite3_bind_blob(insert, 2, key, key_bytes, SQLITE_STATIC);
    sqlite3_bind_blob(insert, 3, value, VALUE_BYTES, SQLITE_STATIC);
    if (sqlite3_step(insert) != SQLITE_DONE)
        tool_die("insert");
    sqlite3_reset(insert);
}

static int rows(char **words)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = rows_open(&db, words[0]);
    long each = atol(words[2]);
    long count = 0;
    double began_s = tool_now_s();
    double until_s = began_s + atof(words[1]);
    while (tool_now_s() < until_s) {
        sql(db, "BEGIN");
        for (long i = 0; i < each; i++)
            row_add(insert, count++);
        sql(db, "COMMIT");
    }
    double seconds = tool_now_s() - began_s;
    printf("{\"rows\":%ld,\"seconds\":%.3f,\"perSecond\":%.1f}\n", count, seconds,
           (double)count / seconds);
    sqlite3_finalize(insert);
    sqlite3_close(db);
    return 0;
}

/* ------------------------------------------------------------------ which limit */

static const struct limit {
    const char *name;
    int word_count;
    int (*run)(char **words);
} limits[] = {{"sha", 1, sha}, {"pull", 5, pull}, {"store", 4, store}, {"rows", 3, rows}};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        if (argc == limits[i].word_count + 2 && strcmp(argv[1], limits[i].name) == 0)
            return limits[i].run(argv + 2);
    fprintf(stderr, "usage: bench_limits sha|pull|store|rows ...; see the head of limits.c\n");
    return 2;
}

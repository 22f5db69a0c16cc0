/* log.c - JSON lines on stderr, each one write, never waiting long for a reader. */
#include "common/core/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "common/core/buf.h"
#include "common/core/clock.h"

/* Kept free while pairs are added, for what ends a line: `,"cut":true}` and the newline. */
#define LOG_TAIL_BYTES 16

/* The log sink: the state every program shares (STYLE 3). */
static struct {
    enum fy_log_level level; /* written before threads start, then only read */

    /* Any thread, mutex held. */
    pthread_mutex_t mutex;
    uint64_t dropped; /* lines lost since the last one that was written */
} sink = {.level = FY_INFO, .mutex = PTHREAD_MUTEX_INITIALIZER};

void fy_log_level_set(enum fy_log_level level)
{
    sink.level = level;
}

bool fy_log_enabled(enum fy_log_level level)
{
    return level >= sink.level;
}

static const char *level_name(enum fy_log_level level)
{
    switch (level) {
    case FY_DEBUG:
        return "debug";
    case FY_INFO:
        return "info";
    case FY_WARN:
        return "warn";
    case FY_ERROR:
        return "error";
    }
    FY_UNREACHABLE();
}

static void add_pair(struct fy_buf *line, const struct fy_kv *pair)
{
    switch (pair->kind) {
    case FY_KV_STR:
        fy_buf_json_str(line, pair->key, pair->str);
        break;
    case FY_KV_I64:
        fy_buf_json_i64(line, pair->key, pair->i64);
        break;
    case FY_KV_ERR:
        fy_buf_json_str(line, "code", fy_code_name(pair->err->code));
        fy_buf_json_str(line, pair->key, pair->err->text);
        break;
    }
}

/* Adds a pair whole or not at all, so that a line is JSON whatever it carries. */
static bool add_pair_or_nothing(struct fy_buf *line, const struct fy_kv *pair)
{
    size_t before = line->size_bytes;
    add_pair(line, pair);
    if (!line->overflow)
        return true;
    line->size_bytes = before;
    line->bytes[before] = '\0';
    line->overflow = false;
    return false;
}

static void build_line(struct fy_buf *line, enum fy_log_level level, const char *op_id,
                       const char *event, const struct fy_kv *pairs, size_t pair_count)
{
    fy_buf_text(line, "{");
    fy_buf_json_instant(line, "ts", fy_wall_ms(fy_clock_system()));
    fy_buf_json_str(line, "level", level_name(level));
    bool whole = add_pair_or_nothing(line, &fy_kv_str("event", event));
    if (op_id != NULL)
        whole = add_pair_or_nothing(line, &fy_kv_str("op", op_id)) && whole;
    for (size_t i = 0; i < pair_count; i++)
        whole = add_pair_or_nothing(line, &pairs[i]) && whole;

    line->max_bytes = FY_LOG_LINE_BYTES;
    if (!whole)
        fy_buf_json_bool(line, "cut", true);
    fy_buf_text(line, "}\n");
    FY_ASSERT(!line->overflow);
}

/* Mutex held, so that nobody takes the room that poll has seen. A pipe that polls writable has room
 * for PIPE_BUF bytes, a line has no more: the write after it does not block. */
static bool write_line(const char *bytes, size_t size_bytes, int wait_ms)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    int ready;
    do {
        ready = poll(&out, 1, wait_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready != 1 || (out.revents & POLLOUT) == 0)
        return false;
    ssize_t written;
    do {
        written = write(STDERR_FILENO, bytes, size_bytes);
    } while (written < 0 && errno == EINTR);
    return written >= 0; /* a part is all a full disk takes: nobody could be told of it */
}

void fy_log_write(enum fy_log_level level, const char *op_id, const char *event,
                  const struct fy_kv *pairs, size_t pair_count)
{
    struct fy_buf line;
    fy_buf_init(&line, FY_LOG_LINE_BYTES - LOG_TAIL_BYTES);
    build_line(&line, level, op_id, event, pairs, pair_count);

    int saved_errno = errno;
    int answer = pthread_mutex_lock(&sink.mutex);
    FY_ASSERT(answer == 0);
    /* Once a line was lost nobody waits any more: a stuck reader must not slow every thread down.
     */
    if (sink.dropped > 0) {
        char notice[80];
        int notice_bytes =
            snprintf(notice, sizeof(notice),
                     "{\"level\":\"warn\",\"event\":\"log.dropped\",\"lines\":%llu}\n",
                     (unsigned long long)sink.dropped);
        if (write_line(notice, (size_t)notice_bytes, 0))
            sink.dropped = 0;
    }
    if (!write_line(line.bytes, line.size_bytes, sink.dropped > 0 ? 0 : FY_LOG_WAIT_MS))
        sink.dropped++;
    answer = pthread_mutex_unlock(&sink.mutex);
    FY_ASSERT(answer == 0);
    errno = saved_errno;
    fy_buf_done(&line);
}

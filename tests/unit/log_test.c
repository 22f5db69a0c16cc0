/* log_test.c - one line a write, JSON whatever it carries, and no thread held by a reader that is
 * stuck. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/log.h"

/* stderr as a pipe in packet mode: each read gives what one write wrote. */
struct captured {
    int saved_fd;
    int read_fd;
};

static struct captured capture(void)
{
    struct captured captured = {.saved_fd = dup(STDERR_FILENO)};
    int ends[2];
    assert_int_equal(pipe2(ends, O_DIRECT), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    captured.read_fd = ends[0];
    return captured;
}

static void restore(struct captured *captured)
{
    assert_true(dup2(captured->saved_fd, STDERR_FILENO) >= 0);
    close(captured->saved_fd);
    close(captured->read_fd);
}

/* The next line, parsed; the caller's. */
static json_t *read_line(const struct captured *captured)
{
    char line[FY_LOG_LINE_BYTES + 1];
    ssize_t size_bytes = read(captured->read_fd, line, sizeof(line));
    assert_in_range(size_bytes, 2, FY_LOG_LINE_BYTES);
    assert_int_equal(line[size_bytes - 1], '\n');
    assert_null(memchr(line, '\n', (size_t)size_bytes - 1));
    json_error_t why;
    json_t *tree = json_loadb(line, (size_t)size_bytes, JSON_REJECT_DUPLICATES, &why);
    if (tree == NULL)
        fail_msg("%s: %.*s", why.text, (int)size_bytes, line);
    return tree;
}

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text != NULL ? text : "(absent)";
}

static void a_line_carries_time_level_event_op_and_pairs(void **state)
{
    (void)state;
    struct captured captured = capture();
    struct fy_err err = {0};
    (void)fy_err_set(&err, FY_ETIMEOUT, "copy b/a.bin: read: no byte for 5000 ms");
    fy_log("7c1e", FY_WARN, "transfer.retry", fy_kv_str("site", "lyon"), fy_kv_i64("attempt", 3),
           fy_kv_err(&err));
    fy_log(NULL, FY_ERROR, "site.down", fy_kv_str("why", NULL));
    json_t *line = read_line(&captured);
    json_t *second = read_line(&captured);
    restore(&captured);

    int64_t ts_ms = 0;
    assert_int_equal(fy_instant_parse(text_of(line, "ts"), &ts_ms), FY_OK);
    assert_true(llabs(ts_ms - fy_wall_ms(fy_clock_system())) < 60000);
    assert_string_equal(text_of(line, "level"), "warn");
    assert_string_equal(text_of(line, "event"), "transfer.retry");
    assert_string_equal(text_of(line, "op"), "7c1e");
    assert_string_equal(text_of(line, "site"), "lyon");
    assert_int_equal(json_integer_value(json_object_get(line, "attempt")), 3);
    assert_string_equal(text_of(line, "code"), "timeout");
    assert_string_equal(text_of(line, "error"), err.text);
    assert_string_equal(text_of(second, "level"), "error");
    assert_null(json_object_get(second, "op"));
    assert_true(json_is_null(json_object_get(second, "why")));
    json_decref(line);
    json_decref(second);
}

static void levels_below_the_least_are_not_written(void **state)
{
    (void)state;
    struct captured captured = capture();
    assert_false(fy_log_enabled(FY_DEBUG));
    fy_log(NULL, FY_DEBUG, "hidden", fy_kv_i64("n", 1));
    fy_log_level_set(FY_DEBUG);
    fy_log(NULL, FY_DEBUG, "shown", fy_kv_i64("n", 2));
    fy_log_level_set(FY_INFO);
    json_t *line = read_line(&captured);
    restore(&captured);
    assert_string_equal(text_of(line, "event"), "shown");
    assert_string_equal(text_of(line, "level"), "debug");
    json_decref(line);
}

static void a_line_too_long_loses_pairs_and_stays_json(void **state)
{
    (void)state;
    struct captured captured = capture();
    char huge[3 * FY_LOG_LINE_BYTES];
    memset(huge, '\x01', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    fy_log("op-1", FY_INFO, "order.bad", fy_kv_str("object", huge), fy_kv_str("site", "lyon"));
    json_t *line = read_line(&captured);
    fy_log(huge, FY_INFO, huge, fy_kv_str("site", "lyon"));
    json_t *second = read_line(&captured);
    restore(&captured);
    assert_string_equal(text_of(line, "op"), "op-1");
    assert_null(json_object_get(line, "object"));
    assert_string_equal(text_of(line, "site"), "lyon");
    assert_true(json_is_true(json_object_get(line, "cut")));
    assert_string_equal(text_of(second, "site"), "lyon");
    assert_true(json_is_true(json_object_get(second, "cut")));
    json_decref(line);
    json_decref(second);
}

/* Each length around the bound: the end of the line always has its room. */
static void a_line_of_any_length_ends_well(void **state)
{
    (void)state;
    struct captured captured = capture();
    char text[FY_LOG_LINE_BYTES + 1];
    for (size_t size_bytes = FY_LOG_LINE_BYTES - 160; size_bytes < FY_LOG_LINE_BYTES;
         size_bytes++) {
        memset(text, 'x', size_bytes);
        text[size_bytes] = '\0';
        fy_log(NULL, FY_INFO, "e", fy_kv_str("t", text), fy_kv_i64("n", 1), fy_kv_i64("m", 22));
        json_decref(read_line(&captured));
    }
    restore(&captured);
}

#define WRITERS 4
#define LINES   50
/* A pipe that holds all of them, a page each: however late the reader is, none may be dropped. */
#define PIPE_BYTES (1 << 20)

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES; i++)
        fy_log(arg, FY_INFO, "line", fy_kv_i64("n", i));
    return NULL;
}

static void lines_of_many_threads_are_whole_and_all_there(void **state)
{
    (void)state;
    static char names[WRITERS][2] = {"a", "b", "c", "d"};
    struct captured captured = capture();
    assert_true(fcntl(captured.read_fd, F_SETPIPE_SZ, PIPE_BYTES) >= WRITERS * LINES * 4096);
    pthread_t threads[WRITERS];
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, names[i]), 0);
    int64_t next[WRITERS] = {0};
    for (int i = 0; i < WRITERS * LINES; i++) {
        json_t *line = read_line(&captured);
        size_t writer = (size_t)(text_of(line, "op")[0] - 'a');
        assert_in_range(writer, 0, WRITERS - 1);
        assert_int_equal(json_integer_value(json_object_get(line, "n")), next[writer]);
        next[writer]++;
        json_decref(line);
    }
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    restore(&captured);
}

/* Nobody reads: lines are lost, the writer goes on; who comes back is told how many. */
static void a_stuck_reader_loses_lines_and_holds_nobody(void **state)
{
    (void)state;
    const int lines = 20000;
    struct captured captured = capture();
    int64_t start_ms = fy_mono_ms(fy_clock_system());
    for (int i = 0; i < lines; i++)
        fy_log(NULL, FY_INFO, "flood", fy_kv_i64("n", i));
    int64_t took_ms = fy_mono_ms(fy_clock_system()) - start_ms;

    int kept = 0;
    int64_t expected = 0;
    assert_int_equal(fcntl(captured.read_fd, F_SETFL, O_NONBLOCK | O_DIRECT), 0);
    char packet[FY_LOG_LINE_BYTES];
    while (read(captured.read_fd, packet, sizeof(packet)) > 0)
        kept++;
    fy_log(NULL, FY_INFO, "back", fy_kv_i64("n", -1));
    json_t *notice = read_line(&captured);
    json_t *line = read_line(&captured);
    fy_log(NULL, FY_INFO, "after", fy_kv_i64("n", -2));
    json_t *after = read_line(&captured);
    restore(&captured);

    expected = lines - kept;
    assert_in_range(kept, 1, lines - 1);
    assert_string_equal(text_of(notice, "event"), "log.dropped");
    assert_int_equal(json_integer_value(json_object_get(notice, "lines")), expected);
    assert_string_equal(text_of(line, "event"), "back");
    assert_string_equal(text_of(after, "event"), "after");
    json_decref(notice);
    json_decref(line);
    json_decref(after);
    assert_true(took_ms < 10000); /* one wait of FY_LOG_WAIT_MS, not one for each line (1000 s) */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_carries_time_level_event_op_and_pairs),
        cmocka_unit_test(levels_below_the_least_are_not_written),
        cmocka_unit_test(a_line_too_long_loses_pairs_and_stays_json),
        cmocka_unit_test(a_line_of_any_length_ends_well),
        cmocka_unit_test(lines_of_many_threads_are_whole_and_all_there),
        cmocka_unit_test(a_stuck_reader_loses_lines_and_holds_nobody),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

/* queue_sqlite_test.c - the SQLite queue: the contract of its port, its file, its headers. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/adapters/queue_sqlite.h"
#include "common/adapters/queue_sqlite_impl.h"
#include "tests/contract/queue_sqlite_help.h"

/* Who may open. */

static void a_second_opener_in_this_process_is_refused(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    struct fy_queue *second = NULL;
    struct fy_err err = {0};
    assert_int_equal(queue_sqlite_factory.open(f->dir, &f->clock.port, &second, &err), FY_EEXISTS);
    assert_null(second);
    assert_non_null(strstr(err.text, "in use by another process"));
    queue_publish_text(f->queue, "orders", 0, NULL, "the first one goes on");
    queue_fixture_free(f);
}

/* Opens the queue in a process of its own; the process says so through the pipe and waits. */
static pid_t open_elsewhere(struct queue_fixture *f)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct fy_err err = {0};
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves no process */
        if (queue_sqlite_factory.open(f->dir, &f->clock.port, &f->queue, &err) != FY_OK)
            _exit(2);
        if (write(ends[1], "o", 1) != 1)
            _exit(3);
        for (;;)
            (void)pause(); /* until killed */
    }
    char byte = 0;
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(close(ends[0]), 0);
    return child;
}

static void a_second_process_is_refused_until_the_first_is_killed(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_fixture_new(&queue_sqlite_factory);
    struct fy_err err = {0};
    char pid[32];
    pid_t child = open_elsewhere(f);
    (void)snprintf(pid, sizeof(pid), "pid %ld", (long)child);
    assert_int_equal(queue_sqlite_factory.open(f->dir, &f->clock.port, &f->queue, &err),
                     FY_EEXISTS);
    assert_non_null(strstr(err.text, pid));

    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    queue_fixture_open(f);
    queue_fixture_free(f);
}

static void a_file_of_a_newer_schema_is_refused(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    struct fy_err err = {0};
    char nothing[64];
    queue_fixture_close(f);
    queue_sqlite_ask(f->dir, "UPDATE schema SET version = 3", nothing);
    assert_int_equal(queue_sqlite_factory.open(f->dir, &f->clock.port, &f->queue, &err),
                     FY_EINTERNAL);
    assert_non_null(strstr(err.text, "newer"));
    queue_sqlite_ask(f->dir, "UPDATE schema SET version = 2", nothing);
    queue_fixture_open(f);
    queue_fixture_free(f);
}

/* As the first schema had it: nothing kept beside the offsets. */
static void a_file_of_the_first_schema_is_brought_up(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    char nothing[64];
    queue_fixture_topic(f, "orders");
    queue_publish_text(f->queue, "orders", 1, NULL, "x");
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_commit(f->queue, consumer, "orders", 1, 1);
    queue_fixture_close(f);
    queue_sqlite_ask(f->dir, "ALTER TABLE progress DROP COLUMN text", nothing);
    queue_sqlite_ask(f->dir, "UPDATE schema SET version = 1", nothing);

    queue_fixture_open(f);
    struct fy_partition_lag lag = queue_lag_of(f->queue, "worker", "orders", 1);
    assert_int_equal(lag.committed_offset, 1);
    queue_fixture_close(f);
    queue_sqlite_ask(f->dir, "SELECT version FROM schema", nothing);
    assert_string_equal(nothing, "2");
    queue_fixture_open(f);
    queue_fixture_free(f);
}

static void a_file_that_is_no_queue_is_refused(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_fixture_new(&queue_sqlite_factory);
    struct fy_err err = {0};
    char path[TEMP_BYTES + 16];
    (void)snprintf(path, sizeof(path), "%s/queue.db", f->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(write(fd, "this is no database", 19), 19);
    assert_int_equal(close(fd), 0);
    assert_int_equal(queue_sqlite_factory.open(f->dir, &f->clock.port, &f->queue, &err), FY_EIO);
    assert_string_not_equal(err.text, "");
    queue_fixture_free(f);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_fixture_new(&queue_sqlite_factory);
    struct fy_err err = {0};
    assert_int_equal(
        queue_sqlite_factory.open("/tmp/ferry-no-such-folder", &f->clock.port, &f->queue, &err),
        FY_EIO);
    queue_fixture_free(f);
}

/* Topics of sites that came and went. */

static enum fy_code ensure(struct queue_fixture *f, const char *format, int number)
{
    char name[64];
    struct fy_err err = {0};
    (void)snprintf(name, sizeof(name), "%s.%d", format, number);
    return fy_queue_topic_ensure(f->queue, name, &err);
}

/* All places are taken; after a restart those of empty topics are free, and those with records are
 * as they were. */
static void an_empty_topic_gives_its_place_to_a_new_one(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    for (int i = 1; i < FY_QUEUE_TOPICS_MAX; i++)
        assert_int_equal(ensure(f, "site", i), FY_OK);
    assert_int_equal(ensure(f, "new", 0), FY_ETOOBIG);
    queue_publish_text(f->queue, "site.7", 2, "k", "kept");
    queue_publish_text(f->queue, "site.8", 1, "k", "read");
    struct fy_consumer *consumer = queue_consumer_open(f, "sender", "site.8", NULL);
    queue_consumer_commit(f->queue, consumer, "site.8", 1, 1); /* done, but not trimmed */
    queue_consumer_close(f, consumer);
    queue_fixture_close(f);

    queue_fixture_open(f);
    assert_int_equal(queue_lag_of(f->queue, "sender", "site.7", 2).end_offset, 1);
    assert_int_equal(queue_lag_of(f->queue, "sender", "site.8", 1).committed_offset, 1);
    for (int i = 0; i < FY_QUEUE_TOPICS_MAX - 2; i++)
        assert_int_equal(ensure(f, "new", i), FY_OK);
    assert_int_equal(ensure(f, "site", 9), FY_ETOOBIG); /* its place is another's now */
    queue_publish_text(f->queue, "new.253", 3, "k", "v");
    queue_fixture_close(f);

    queue_fixture_open(f);
    assert_int_equal(queue_lag_of(f->queue, "sender", "new.253", 3).end_offset, 1);
    assert_int_equal(queue_lag_of(f->queue, "sender", "site.7", 2).end_offset, 1);
    assert_int_equal(ensure(f, "site", 9), FY_OK);
    queue_fixture_free(f);
}

/* It goes on with the offsets of the one before, and knows nothing of that one's groups. */
static void a_topic_in_anothers_place_begins_with_nothing(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    struct fy_err err = {0};
    queue_publish_text(f->queue, "orders", 0, "k", "v");
    struct fy_consumer *consumer = queue_consumer_open(f, "sender", "orders", NULL);
    queue_consumer_commit(f->queue, consumer, "orders", 0, 1);
    queue_consumer_close(f, consumer);
    assert_int_equal(fy_queue_trim(f->queue, INT64_MAX, &err), FY_OK);
    assert_int_equal(queue_lag_of(f->queue, "sender", "orders", 0).start_offset, 1);
    for (int i = 0; i < FY_QUEUE_TOPICS_MAX / 2; i++)
        assert_int_equal(ensure(f, "site", i), FY_OK);
    queue_fixture_close(f);

    queue_fixture_open(f);
    consumer = NULL;
    assert_int_equal(
        fy_consumer_open(f->queue, "sender", (const char *const[]){"orders"}, 1, &consumer, &err),
        FY_ENOTFOUND);
    queue_fixture_topic(f, "other"); /* the first place that is free: the one of "orders" */
    assert_int_equal(queue_lag_of(f->queue, "sender", "other", 0).start_offset, 1);
    queue_publish_text(f->queue, "other", 0, "k", "v");
    consumer = queue_consumer_open(f, "sender", "other", NULL);
    queue_consumer_read(f, consumer, "other", 1, NULL, NULL);
    queue_consumer_close(f, consumer);
    queue_fixture_free(f);
}

static void few_topics_keep_their_names_though_empty(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_close(f, consumer);
    queue_fixture_close(f);
    queue_fixture_open(f);
    consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_close(f, consumer);
    queue_fixture_free(f);
}

/* Consumers. */

static void a_group_has_one_consumer_a_topic(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    queue_fixture_topic(f, "retries");
    const char *topics[] = {"retries", "orders"};
    struct fy_consumer *first = queue_consumer_open(f, "worker", "orders", NULL);
    struct fy_consumer *second = NULL;
    struct fy_err err = {0};
    assert_int_equal(fy_consumer_open(f->queue, "worker", topics, 2, &second, &err), FY_EEXISTS);
    assert_null(second);
    second = queue_consumer_open(f, "worker", "retries", NULL);
    queue_consumer_close(f, first);
    first = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_close(f, first);
    queue_consumer_close(f, second);
    queue_fixture_free(f);
}

static void offsets_that_make_no_sense_are_not_committed(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    struct fy_err err = {0};
    queue_publish_text(f->queue, "orders", 0, NULL, "x");
    const struct fy_topic_partition bad[] = {{"orders", 0, 2, NULL},
                                             {"orders", 0, -1, NULL},
                                             {"orders", QUEUE_CONTRACT_PARTITIONS, 0, NULL},
                                             {"orders", -1, 0, NULL},
                                             {"other", 0, 0, NULL}};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++) {
        const struct fy_topic_partition pair[] = {{"orders", 0, 1, NULL}, bad[i]};
        assert_int_equal(fy_consumer_commit(f->queue, consumer, pair, 2, &err), FY_EINPUT);
    }
    assert_int_equal(queue_lag_of(f->queue, "worker", "orders", 0).committed_offset, 0);
    queue_consumer_close(f, consumer);
    queue_fixture_free(f);
}

/* A group goes back to an offset that another call has trimmed by then: it reads what is left. */
static void a_group_that_goes_back_too_far_reads_from_what_is_kept(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    struct fy_err err = {0};
    for (int i = 0; i < 4; i++)
        queue_publish_text(f->queue, "orders", 0, NULL, "x");
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_commit(f->queue, consumer, "orders", 0, 3); /* ahead of what was polled */
    assert_int_equal(fy_queue_trim(f->queue, INT64_MAX - 1, &err), FY_OK);
    queue_consumer_read(f, consumer, "orders", 1, NULL, NULL);
    queue_consumer_close(f, consumer);
    queue_fixture_free(f);
}

/* A group that has joined and done nothing yet is known from then on, after a restart too: another
 * group's progress must not take its records away. */
static void a_group_that_joined_keeps_its_records_over_a_restart(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    struct fy_err err = {0};
    for (int i = 0; i < 5; i++)
        queue_publish_text(f->queue, "orders", 0, NULL, "x");
    queue_consumer_close(f, queue_consumer_open(f, "slow", "orders", NULL));
    queue_fixture_close(f);
    queue_fixture_open(f);
    struct fy_consumer *fast = queue_consumer_open(f, "fast", "orders", NULL);
    queue_consumer_commit(f->queue, fast, "orders", 0, 5);
    assert_int_equal(fy_queue_trim(f->queue, INT64_MAX - 1, &err), FY_OK);
    assert_int_equal(queue_lag_of(f->queue, "slow", "orders", 0).start_offset, 0);
    queue_consumer_close(f, fast);
    queue_fixture_free(f);
}

/* The file counts the assignments: one of a later process is told from all before it. */
static void an_assignment_after_a_restart_has_a_later_epoch(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    struct fy_consumer_event event;
    queue_consumer_close(f, queue_consumer_open(f, "worker", "orders", &event));
    int32_t epoch = event.epoch;
    queue_fixture_close(f);
    queue_fixture_open(f);
    queue_consumer_close(f, queue_consumer_open(f, "worker", "orders", &event));
    assert_true(event.epoch > epoch);
    queue_fixture_free(f);
}

/* After a process that was killed, SQLite itself finds nothing wrong with the file. */
static void the_file_is_sound_after_sigkill(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_fixture_new(&queue_sqlite_factory);
    pid_t child = open_elsewhere(f);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    char answer[64];
    queue_sqlite_ask(f->dir, "PRAGMA integrity_check", answer);
    assert_string_equal(answer, "ok");
    queue_fixture_free(f);
}

/* Headers as bytes. */

static void headers_survive_packing(void **state)
{
    (void)state;
    char longest[300];
    memset(longest, 'v', sizeof(longest));
    struct fy_header in[FY_HEADERS_MAX];
    for (size_t i = 0; i < FY_HEADERS_MAX; i++)
        in[i] = (struct fy_header){"name", i == 3 ? NULL : longest, i == 3 ? 0 : i * 12};
    size_t size_bytes = 0;
    struct fy_err err = {0};
    assert_int_equal(fy_sqlq_headers_size(in, FY_HEADERS_MAX, &size_bytes, &err), FY_OK);
    uint8_t *packed = fy_alloc(size_bytes);
    assert_ptr_equal(fy_sqlq_headers_pack(in, FY_HEADERS_MAX, packed), packed + size_bytes);

    struct fy_header out[FY_HEADERS_MAX];
    size_t count = 0;
    assert_true(fy_sqlq_headers_unpack(packed, size_bytes, out, &count));
    assert_int_equal(count, FY_HEADERS_MAX);
    for (size_t i = 0; i < FY_HEADERS_MAX; i++) {
        assert_string_equal(out[i].name, in[i].name);
        assert_int_equal(out[i].value_bytes, in[i].value_bytes);
        assert_int_equal(out[i].value == NULL, in[i].value == NULL);
        if (in[i].value != NULL)
            assert_memory_equal(out[i].value, in[i].value, in[i].value_bytes);
    }
    for (size_t cut = 1; cut < size_bytes; cut++) {
        /* A cut between two headers is a shorter list; any other is refused or reads no further. */
        if (fy_sqlq_headers_unpack(packed, cut, out, &count))
            assert_in_range(count, 1, FY_HEADERS_MAX - 1);
    }
    free(packed);
}

static void headers_over_their_bounds_are_refused(void **state)
{
    (void)state;
    struct fy_header many[FY_HEADERS_MAX + 1];
    char *big = fy_alloc(FY_QUEUE_HEADERS_BYTES_MAX);
    size_t size_bytes = 0;
    struct fy_err err = {0};
    for (size_t i = 0; i <= FY_HEADERS_MAX; i++)
        many[i] = (struct fy_header){"name", "value", 5};
    assert_int_equal(fy_sqlq_headers_size(many, FY_HEADERS_MAX + 1, &size_bytes, &err), FY_EINPUT);
    many[0].name = NULL;
    assert_int_equal(fy_sqlq_headers_size(many, 1, &size_bytes, &err), FY_EINPUT);
    many[0] = (struct fy_header){"name", big, FY_QUEUE_HEADERS_BYTES_MAX};
    assert_int_equal(fy_sqlq_headers_size(many, 1, &size_bytes, &err), FY_ETOOBIG);
    many[0].value_bytes = SIZE_MAX;
    assert_int_equal(fy_sqlq_headers_size(many, 1, &size_bytes, &err), FY_ETOOBIG);
    free(big);
}

static void damaged_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size_bytes;
    } damaged[] = {
        {"name", 4},                            /* no zero byte */
        {"name\0", 5},                          /* no size */
        {"name\0\x80", 6},                      /* size cut */
        {"name\0\x03v", 7},                     /* value cut */
        {"name\0\xff\xff\xff\xff\xff\x01", 11}, /* size too long */
    };
    struct fy_header out[FY_HEADERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < FY_COUNT_OF(damaged); i++)
        assert_false(fy_sqlq_headers_unpack(damaged[i].bytes, damaged[i].size_bytes, out, &count));
    char many[(FY_HEADERS_MAX + 1) * 2] = {0}; /* empty names, NULL values */
    assert_true(fy_sqlq_headers_unpack(many, (size_t)FY_HEADERS_MAX * 2, out, &count));
    assert_false(fy_sqlq_headers_unpack(many, sizeof(many), out, &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_opener_in_this_process_is_refused),
        cmocka_unit_test(a_second_process_is_refused_until_the_first_is_killed),
        cmocka_unit_test(a_file_of_a_newer_schema_is_refused),
        cmocka_unit_test(a_file_of_the_first_schema_is_brought_up),
        cmocka_unit_test(a_file_that_is_no_queue_is_refused),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
        cmocka_unit_test(an_empty_topic_gives_its_place_to_a_new_one),
        cmocka_unit_test(a_topic_in_anothers_place_begins_with_nothing),
        cmocka_unit_test(few_topics_keep_their_names_though_empty),
        cmocka_unit_test(a_group_has_one_consumer_a_topic),
        cmocka_unit_test(offsets_that_make_no_sense_are_not_committed),
        cmocka_unit_test(a_group_that_goes_back_too_far_reads_from_what_is_kept),
        cmocka_unit_test(a_group_that_joined_keeps_its_records_over_a_restart),
        cmocka_unit_test(an_assignment_after_a_restart_has_a_later_epoch),
        cmocka_unit_test(the_file_is_sound_after_sigkill),
        cmocka_unit_test(headers_survive_packing),
        cmocka_unit_test(headers_over_their_bounds_are_refused),
        cmocka_unit_test(damaged_headers_are_refused),
    };
    int failed = queue_contract_run(&queue_sqlite_factory);
    return failed + cmocka_run_group_tests_name("sqlite's own", tests, NULL, NULL);
}

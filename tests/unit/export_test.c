/* export_test.c - the exporter over a real catalogue and a folder that fails when it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/adapters/catalogue_sqlite.h"
#include "common/adapters/store_dir.h"
#include "common/runtime/export_name.h"
#include "tests/support/temp.h"
#include "worker/export.h"

#define T0     1700000000000LL
#define WAIT_S 20 /* for what takes milliseconds, on a machine that is busy */

struct test_clock {
    struct fy_clock port;
    _Atomic int64_t ms;
};

/* Writers have no way back to their fixture; one test runs at a time. */
static _Atomic bool store_fails;
static const struct fy_store_ops *real_ops;

struct fixture {
    char folder[TEMP_BYTES];
    struct test_clock clock;
    struct fy_store *store;
    struct fy_store_ops ops; /* of the store, with our own keep */
    const struct fy_store_ops *real;
    struct fy_config config;
    struct fy_node node;
    struct fy_exporter *exporter;
};

/* The folder store, whose kept files are refused while it is told to. */
static enum fy_code moody_keep(struct fy_writer *writer, const char *name, struct fy_err *err)
{
    if (!atomic_load(&store_fails))
        return real_ops->keep(writer, name, err);
    real_ops->abort(writer);
    return fy_err_set(err, FY_ENOSPACE, "the disk is full");
}

static int64_t clock_now(struct fy_clock *port)
{
    return atomic_load(&FY_CONTAINER_OF(port, struct test_clock, port)->ms);
}

static void open_catalogue(struct fixture *f)
{
    char path[TEMP_BYTES + 8];
    struct fy_err err = {.code = FY_OK};
    uint8_t slot = 0;
    uint64_t start_time = 0;
    (void)snprintf(path, sizeof path, "%s/c.db", f->folder);
    const struct fy_catalogue_sqlite_settings settings = {.path = path,
                                                          .common.clock = &f->clock.port,
                                                          .common.site = "site-a",
                                                          .common.reader_count = 2};
    assert_int_equal(fy_catalogue_sqlite_open(&settings, &f->node.catalogue, &err), FY_OK);
    assert_int_equal(
        fy_catalogue_lease_open(f->node.catalogue, f->node.boot_id, &slot, &start_time, &err),
        FY_OK);
    fy_hlc_init(&f->node.hlc, &f->clock.port, "site-a", slot, start_time);
    fy_catalogue_attach(f->node.catalogue, &f->node.hlc);
    assert_int_equal(fy_catalogue_writer_open(f->node.catalogue, &f->node.writer, &err), FY_OK);
}

static void open_store(struct fixture *f)
{
    char path[TEMP_BYTES + 8];
    struct fy_err err = {.code = FY_OK};
    (void)snprintf(path, sizeof path, "%s/store", f->folder);
    const struct fy_store_dir_settings settings = {.path = path, .boot_id = f->node.boot_id};
    assert_int_equal(fy_store_dir_open(&settings, &f->store, &err), FY_OK);
    real_ops = f->real = f->store->ops;
    f->ops = *f->real;
    f->ops.keep = moody_keep;
    f->store->ops = &f->ops;
    f->node.store = f->store;
    atomic_store(&store_fails, false);
}

static int setup_every(void **state, int64_t changes_ms)
{
    struct fixture *f = fy_alloc(sizeof *f);
    struct fy_err err = {.code = FY_OK};
    temp_folder("export", f->folder);
    f->clock.port = (struct fy_clock){.wall_ms = clock_now, .mono_ms = clock_now};
    atomic_store(&f->clock.ms, T0);
    fy_config_init(&f->config);
    f->config.export_changes_ms = changes_ms;
    f->node.config = &f->config;
    f->node.clock = &f->clock.port;
    f->node.site = "site-a";
    fy_guid_new(&f->clock.port, f->node.boot_id);
    open_catalogue(f);
    open_store(f);
    assert_int_equal(fy_exporter_open(&f->node, &f->exporter, &err), FY_OK);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return setup_every(state, 5);
}

/* After its first round it waits until the end. */
static int setup_seldom(void **state)
{
    return setup_every(state, 3600000);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fy_exporter_close(f->exporter);
    fy_catalogue_writer_close(f->node.writer);
    fy_catalogue_close(f->node.catalogue);
    fy_hlc_done(&f->node.hlc);
    f->store->ops = f->real;
    fy_store_close(f->store);
    temp_remove(f->folder);
    free(f);
    return 0;
}

static void make_bucket(struct fixture *f, const char *name)
{
    struct fy_cat_bucket_create op = {.op = {.kind = FY_CAT_BUCKET_CREATE}, .client = "client-1"};
    (void)snprintf(op.bucket, sizeof op.bucket, "%s", name);
    (void)snprintf(op.op_id, sizeof op.op_id, "op-%s", name);
    assert_int_equal(fy_catalogue_writer_run(f->node.writer, &op.op, NULL), FY_OK);
}

/* ------------------------------------------------------------------ what is there */

struct waiting {
    int lines, all; /* rows with lines, rows that want all */
};

static bool count_row(void *arg, const struct fy_journal_row *row)
{
    struct waiting *waiting = arg;
    waiting->lines += row->lines_bytes > 0;
    waiting->all += row->lines_bytes == 0;
    return true;
}

static struct waiting journal(struct fixture *f)
{
    struct waiting waiting = {0};
    struct fy_err err = {.code = FY_OK};
    assert_int_equal(
        fy_catalogue_journal_read(f->node.catalogue, 0, UINT32_MAX, count_row, &waiting, &err),
        FY_OK);
    return waiting;
}

/* Numbers of the newest full file and of the newest of all; 0 none. */
static void files(struct fixture *f, int64_t *full, int64_t *newest)
{
    struct fy_export_list list = {0};
    struct fy_err err = {.code = FY_OK};
    *full = *newest = 0;
    assert_int_equal(fy_export_list_read(f->store, &list, &err), FY_OK);
    for (size_t i = 0; i < list.count; i++) {
        *newest = list.names[i].number;
        if (list.names[i].full)
            *full = list.names[i].number;
    }
    fy_export_list_done(&list);
}

static void await(struct fixture *f, bool (*is_so)(struct fixture *f), const char *what)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    for (time_t end = time(NULL) + WAIT_S; !is_so(f); (void)nanosleep(&pause, NULL))
        if (time(NULL) > end)
            fail_msg("still not: %s", what);
}

static bool has_full(struct fixture *f)
{
    int64_t full = 0, newest = 0;
    files(f, &full, &newest);
    return full > 0 && journal(f).all == 0;
}

static bool is_drained(struct fixture *f)
{
    struct waiting waiting = journal(f);
    return waiting.lines == 0 && waiting.all == 0;
}

static bool wants_all(struct fixture *f)
{
    struct waiting waiting = journal(f);
    return waiting.lines == 0 && waiting.all > 0;
}

/* ------------------------------------------------------------------ the tests */

static void new_catalogue_is_written_down_at_once_and_then_its_changes(void **state)
{
    struct fixture *f = *state;
    int64_t full = 0, newest = 0;
    await(f, has_full, "a full file");
    make_bucket(f, "bucket-1");
    await(f, is_drained, "the change is in a file");
    files(f, &full, &newest);
    assert_int_equal(full, 1);
    assert_true(newest > full);
}

static void what_the_store_does_not_take_stays_until_it_does(void **state)
{
    struct fixture *f = *state;
    int64_t full = 0, before = 0, after = 0;
    await(f, has_full, "a full file");
    await(f, is_drained, "nothing waits");
    atomic_store(&store_fails, true);
    make_bucket(f, "bucket-1");
    make_bucket(f, "bucket-2");
    const struct timespec some_rounds = {.tv_nsec = 100000000};
    (void)nanosleep(&some_rounds, NULL); /* in which nothing may get lost */
    assert_int_equal(journal(f).lines, 2);
    files(f, &full, &before);
    atomic_store(&store_fails, false);
    await(f, is_drained, "both are in a file");
    files(f, &full, &after);
    assert_true(after > before);
    assert_int_equal(full, 1);
}

static bool has_second_full(struct fixture *f)
{
    int64_t full = 0, newest = 0;
    files(f, &full, &newest);
    return full > 1 && is_drained(f);
}

static void what_waits_too_long_gives_way_to_a_full_file(void **state)
{
    struct fixture *f = *state;
    await(f, has_full, "a full file");
    await(f, is_drained, "nothing waits");
    atomic_store(&store_fails, true);
    make_bucket(f, "bucket-1");
    atomic_store(&f->clock.ms, T0 + 11LL * 60 * 1000);
    await(f, wants_all, "the journal asks for all");
    atomic_store(&store_fails, false);
    await(f, has_second_full, "a new full file");
}

static bool asks_for_all_once(struct fixture *f)
{
    struct waiting waiting = journal(f);
    return waiting.lines == 0 && waiting.all == 1;
}

/* Or each round of a long failure would cost a full file of its own afterwards. */
static void journal_asks_for_all_once_however_long_the_store_fails(void **state)
{
    struct fixture *f = *state;
    await(f, has_full, "a full file");
    await(f, is_drained, "nothing waits");
    atomic_store(&store_fails, true);
    for (int i = 1; i <= 3; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "bucket-%d", i);
        make_bucket(f, name);
        atomic_store(&f->clock.ms, T0 + i * 11LL * 60 * 1000);
        await(f, asks_for_all_once, "one row asks for all");
    }
}

/* Some other site's, by mistake: it is said, and the journal does not grow. */
static void journal_is_bounded_beside_the_export_of_another_catalogue(void **state)
{
    struct fixture *f = *state;
    struct fy_err err = {.code = FY_OK};
    struct fy_writer *writer = NULL;
    char text[FY_KEPT_NAME_BYTES_MAX + 1];
    struct fy_export_name stranger = {.number = 99};
    await(f, has_full, "a full file");
    await(f, is_drained, "nothing waits");
    memset(stranger.catalogue, 'a', FY_GUID_DIGITS);
    fy_export_name_print(&stranger, text);
    assert_int_equal(fy_store_begin(f->store, -1, &writer, &err), FY_OK);
    assert_int_equal(fy_store_keep(f->store, writer, text, &err), FY_OK);
    make_bucket(f, "bucket-1");
    atomic_store(&f->clock.ms, T0 + 11LL * 60 * 1000);
    await(f, wants_all, "the journal asks for all");
}

/* And nothing that is older; first: the number of the older one. */
static bool keeps_the_last_two(struct fixture *f, int64_t first)
{
    struct fy_export_list list = {0};
    struct fy_err err = {.code = FY_OK};
    size_t full_count = 0;
    assert_int_equal(fy_export_list_read(f->store, &list, &err), FY_OK);
    for (size_t i = 0; i < list.count; i++)
        full_count += list.names[i].full;
    bool so = full_count == 2 && list.names[0].full && list.names[0].number == first &&
              list.names[list.count - 1].full;
    fy_export_list_done(&list);
    return so;
}

static bool has_the_first_two(struct fixture *f)
{
    return keeps_the_last_two(f, 1);
}

static bool has_third_full(struct fixture *f)
{
    return keeps_the_last_two(f, 3);
}

static void each_day_a_full_file_and_the_one_before_stays(void **state)
{
    struct fixture *f = *state;
    await(f, has_full, "a full file");
    make_bucket(f, "bucket-1");
    await(f, is_drained, "the change is in file 2");
    atomic_store(&f->clock.ms, T0 + f->config.export_every_ms);
    await(f, has_the_first_two, "two full files, and the changes between");
    atomic_store(&f->clock.ms, T0 + 2 * f->config.export_every_ms);
    await(f, has_third_full, "the first one and its changes go");
}

static void close_writes_what_has_changed_until_then(void **state)
{
    struct fixture *f = *state;
    await(f, has_full, "a full file");
    make_bucket(f, "bucket-1");
    assert_int_equal(journal(f).lines, 1);
    fy_exporter_close(f->exporter);
    f->exporter = NULL;
    assert_true(is_drained(f));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(new_catalogue_is_written_down_at_once_and_then_its_changes),
        TEST(what_the_store_does_not_take_stays_until_it_does),
        TEST(what_waits_too_long_gives_way_to_a_full_file),
        TEST(journal_asks_for_all_once_however_long_the_store_fails),
        TEST(journal_is_bounded_beside_the_export_of_another_catalogue),
        TEST(each_day_a_full_file_and_the_one_before_stays),
        cmocka_unit_test_setup_teardown(close_writes_what_has_changed_until_then, setup_seldom,
                                        teardown),
    };
    return cmocka_run_group_tests_name("exporter", tests, NULL, NULL);
}

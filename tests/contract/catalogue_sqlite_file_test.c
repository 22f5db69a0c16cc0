/* catalogue_sqlite_file_test.c - the SQLite catalogue under failure: kills, full disks, many
 * threads. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/contract/catalogue_sqlite_place.h"

#define BATCH 16

/* Batch n creates the objects "n/0".."n/15"; the order of each has the opId of its object. */
struct batch {
    struct fy_cat_apply apply[BATCH];
    struct fy_cat_op *ops[BATCH];
};

static void batch_fill(struct contract *c, struct batch *batch, unsigned number)
{
    char name[64];
    for (unsigned index = 0; index < BATCH; index++) {
        (void)snprintf(name, sizeof name, "%u/%u", number, index);
        batch->apply[index] =
            contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", name, name, 10 + number);
        memcpy(batch->apply[index].order.op_id, name, strlen(name) + 1);
        batch->ops[index] = &batch->apply[index].op;
    }
}

static unsigned batch_found(struct contract *c, unsigned number)
{
    char name[64];
    unsigned found = 0;
    for (unsigned index = 0; index < BATCH; index++) {
        (void)snprintf(name, sizeof name, "%u/%u", number, index);
        bool ready = contract_status(c, "bucket-1", name) == FY_STATUS_READY;
        assert_int_equal(ready, contract_outcome(c, name) == FY_OUTCOME_APPLIED);
        found += ready;
    }
    return found;
}

/* ------------------------------------------------------------------ kills */

/* The child: writes batches for ever and tells of each that was acknowledged. */
static void write_until_killed(struct contract *c, int pipe_fd)
{
    struct batch *batch = fy_alloc(sizeof *batch);
    contract_open(c);
    for (unsigned number = 0;; number++) {
        batch_fill(c, batch, number);
        if (fy_catalogue_write(c->catalogue, batch->ops, BATCH, &c->err) != FY_OK ||
            write(pipe_fd, &number, sizeof number) != sizeof number)
            _exit(1);
    }
}

/* The child: a local change with a stamp of a clock that is an hour ahead. */
static void stamp_until_killed(struct contract *c, int pipe_fd)
{
    unsigned number = 0;
    contract_open(c);
    c->clock.now_ms += 3600LL * 1000;
    if (contract_mkbucket(c, "client-1", "bucket-1") == FY_OK &&
        write(pipe_fd, &number, sizeof number) == sizeof number)
        (void)pause();
    _exit(1);
}

/* Runs the child until it has told of so many acknowledgements; the number of the last. */
static unsigned kill_after(struct contract *c, void (*child_main)(struct contract *c, int pipe_fd),
                           unsigned acknowledgements)
{
    int ends[2];
    unsigned number = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        child_main(c, ends[1]);
    }
    (void)close(ends[1]);
    for (unsigned seen = 0; seen < acknowledgements; seen++)
        assert_int_equal(read(ends[0], &number, sizeof number), sizeof number);
    assert_int_equal(kill(child, SIGKILL), 0);
    /* It may have told of more before it died. */
    while (read(ends[0], &number, sizeof number) == sizeof number)
        continue;
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return number;
}

static void acknowledged_batches_survive_a_kill_and_none_is_halved(void **state)
{
    struct contract *c = *state;
    for (unsigned round = 1; round <= 6; round++) {
        contract_close(c);
        c->factory->place_free(c->place);
        c->place = c->factory->place_new();
        unsigned last = kill_after(c, write_until_killed, round * 7);
        contract_open(c);
        for (unsigned number = 0; number <= last; number++)
            assert_int_equal(batch_found(c, number), BATCH);
        unsigned unsure = batch_found(c, last + 1);
        assert_true(unsure == 0 || unsure == BATCH);
        assert_int_equal(contract_totals(c).objects, (last + 1) * BATCH + unsure);
        contract_close(c);
        assert_int_equal(
            catalogue_sqlite_number(
                c->place,
                "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check<>'ok'"),
            0);
        contract_open(c);
    }
}

/* What a killed process stamped within its last second is in the lease row as well. */
static void stamps_of_a_killed_process_are_never_given_again(void **state)
{
    struct contract *c = *state;
    contract_close(c);
    (void)kill_after(c, stamp_until_killed, 1);
    contract_open(c);
    struct fy_container_row row = contract_container(c, "", "bucket-1");
    assert_true(fy_stamp_ms(&row.reg.stamp) >= CONTRACT_T0 + 3600LL * 1000);
    assert_true(c->start_time > row.reg.stamp.time);
}

/* ------------------------------------------------------------------ full disk */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void full_disk_refuses_the_batch_and_heals_by_itself(void **state)
{
    struct contract *c = *state;
    struct batch *batch = fy_alloc(sizeof *batch);
    enum fy_code code = FY_OK;
    unsigned number = 0;
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    limit_files(1500000);
    while (code == FY_OK && number < 1000) {
        batch_fill(c, batch, number++);
        code = fy_catalogue_write(c->catalogue, batch->ops, BATCH, &c->err);
    }
    if (code != FY_ENOSPACE)
        fail_msg("%s", c->err.text);
    for (unsigned index = 0; index < BATCH; index++)
        assert_int_equal(batch->ops[index]->code, FY_ENOSPACE);
    /* Still full: refused again, and what is there can be read. */
    assert_int_equal(fy_catalogue_write(c->catalogue, batch->ops, BATCH, &c->err), FY_ENOSPACE);
    assert_int_equal(contract_totals(c).objects, (number - 1) * BATCH);
    assert_int_equal(batch_found(c, number - 1), 0);

    limit_files(RLIM_INFINITY);
    assert_int_equal(fy_catalogue_write(c->catalogue, batch->ops, BATCH, &c->err), FY_OK);
    assert_int_equal(contract_totals(c).objects, number * BATCH);
    contract_reopen(c);
    assert_int_equal(batch_found(c, number - 1), BATCH);
    free(batch);
}

/* ------------------------------------------------------------------ threads */

struct crowd {
    struct contract *c;
    _Atomic bool done;
    _Atomic unsigned reads, torn, failed;
};

static bool count_object(void *arg, const struct fy_object_row *row)
{
    (void)row;
    ++*(unsigned *)arg;
    return true;
}

/* Each sum and each snapshot is one of whole batches. */
static void *read_all(void *arg)
{
    struct crowd *crowd = arg;
    struct fy_err err;
    while (!atomic_load(&crowd->done)) {
        struct fy_catalogue_totals totals;
        unsigned count = 0;
        if (fy_catalogue_totals(crowd->c->catalogue, &totals, &err) != FY_OK)
            atomic_fetch_add(&crowd->failed, 1);
        else if (totals.objects % BATCH != 0)
            atomic_fetch_add(&crowd->torn, 1);
        enum fy_code code = fy_catalogue_object_list(crowd->c->catalogue, "", "bucket-1", NULL, "",
                                                     40, count_object, &count, &err);
        if (code != FY_OK && code != FY_ENOTFOUND)
            atomic_fetch_add(&crowd->failed, 1);
        atomic_fetch_add(&crowd->reads, 1);
    }
    return NULL;
}

static void readers_see_whole_batches_beside_the_writer(void **state)
{
    static struct crowd crowd; /* outlives a failing test: its threads go on */
    crowd.c = *state;
    pthread_t threads[4]; /* of which two at a time find a connection */
    struct batch *batch = fy_alloc(sizeof *batch);
    for (size_t index = 0; index < FY_COUNT_OF(threads); index++)
        assert_int_equal(pthread_create(&threads[index], NULL, read_all, &crowd), 0);
    unsigned number = 0;
    for (; number < 60 || atomic_load(&crowd.reads) < 60; number++) {
        batch_fill(crowd.c, batch, number);
        assert_int_equal(fy_catalogue_write(crowd.c->catalogue, batch->ops, BATCH, &crowd.c->err),
                         FY_OK);
    }
    atomic_store(&crowd.done, true);
    for (size_t index = 0; index < FY_COUNT_OF(threads); index++)
        assert_int_equal(pthread_join(threads[index], NULL), 0);
    assert_int_equal(crowd.torn, 0);
    assert_int_equal(crowd.failed, 0);
    assert_int_equal(contract_totals(crowd.c).objects, number * BATCH);
    free(batch);
}

/* ------------------------------------------------------------------ what is derived agrees */

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void random_step(struct contract *c, uint32_t *seed, unsigned *local)
{
    static const char *const clients[] = {"client-1", "client-2"};
    static const char *const buckets[] = {"bucket-1", "bucket-2"};
    static const char *const objects[] = {"a", "b", "c"};
    static const char *const bytes[] = {"1", "22", "333"};
    const char *client = clients[next_random(seed) % 2], *bucket = buckets[next_random(seed) % 2];
    const char *object = objects[next_random(seed) % 3], *body = bytes[next_random(seed) % 3];
    int64_t offset = next_random(seed) % 5000;
    struct fy_cat_sweep sweep = {.op.kind = FY_CAT_SWEEP, .limit = 2, .now_ms = c->clock.now_ms};
    struct fy_cat_purge purge = {.op.kind = FY_CAT_PURGE,
                                 .tombstones_before_ms = c->clock.now_ms - 3000,
                                 .conflicts_before_ms = c->clock.now_ms - 500,
                                 .kept_before_ms = c->clock.now_ms - 700,
                                 .limit = 2};
    struct fy_cat_undelete undelete = {.op.kind = FY_CAT_UNDELETE,
                                       .key = contract_key("", bucket, object)};
    struct fy_cat_upload_begin begin = contract_begin(client, bucket, object);
    c->clock.now_ms += next_random(seed) % 10;
    memcpy(undelete.client, client, strlen(client) + 1);
    switch (next_random(seed) % 11) {
    case 0:
        *local += contract_mkbucket(c, client, bucket) == FY_OK;
        break;
    case 1:
        *local += contract_rmbucket(c, client, bucket) == FY_OK;
        break;
    case 2:
        *local += contract_put(c, client, bucket, object, body) == FY_OK;
        break;
    case 3:
        if (contract_status(c, bucket, object) == FY_STATUS_READY)
            *local += contract_rm(c, client, bucket, object) == FY_OK;
        break;
    case 4:
        (void)contract_apply(c, FY_ACTION_CREATE, client, bucket, "", NULL, offset);
        break;
    case 5:
        (void)contract_apply(c, FY_ACTION_DELETE, client, bucket, "", NULL, offset);
        break;
    case 6:
        (void)contract_apply(c, FY_ACTION_CREATE, client, bucket, object, body, offset);
        break;
    case 7:
        (void)contract_apply(c, FY_ACTION_DELETE, client, bucket, object, body, offset);
        break;
    case 8:
        (void)contract_run(c, &sweep.op);
        (void)contract_run(c, &purge.op);
        break;
    case 9:
        *local += contract_run(c, &undelete.op) == FY_OK;
        break;
    default:
        if (contract_run(c, &begin.op) == FY_OK && next_random(seed) % 2 == 0)
            (void)contract_fail(c, &begin);
        if (next_random(seed) % 20 == 0)
            contract_reopen(c);
        break;
    }
}

static const struct check {
    const char *what;
    const char *sql; /* counts what is wrong */
} checks[] = {
    {"a container is there while its register says so or a READY object is in it",
     "SELECT count(*) FROM container c WHERE there <> (status = 200 OR EXISTS(SELECT 1 FROM object "
     "o WHERE o.container_id = c.id AND o.status = 200))"},
    {"one container there has the name",
     "SELECT count(*) FROM container c WHERE there = 1 AND NOT EXISTS(SELECT 1 FROM container v "
     "WHERE v.name = c.name AND v.ccs_visible = 1)"},
    {"the visible one's owner has a right, and nobody has one on a bucket that is gone",
     "SELECT count(*) FROM container c WHERE ccs_visible = 1 AND there <> EXISTS(SELECT 1 FROM "
     "access a WHERE a.bucket = c.name)"},
    {"counters of containers, objects and bytes",
     "SELECT count(*) FROM counters WHERE containers <> (SELECT count(*) FROM container WHERE "
     "there "
     "= 1) OR objects <> (SELECT count(*) FROM object WHERE status = 200) OR bytes <> (SELECT "
     "ifnull(sum(size), 0) FROM object WHERE status = 200)"},
    {"counters of the outbox and of conflicts",
     "SELECT count(*) FROM counters WHERE outbox <> (SELECT count(*) FROM outbox) OR conflicts <> "
     "(SELECT count(*) FROM conflict)"},
    {"what is kept of deleted objects, with its counters",
     "SELECT count(*) FROM counters WHERE kept_objects <> (SELECT count(*) FROM object WHERE "
     "kept_body IS NOT NULL AND status <> 200) OR kept_bytes <> (SELECT ifnull(sum(b.size), 0) "
     "FROM object JOIN body b ON b.id = kept_body)"},
    {"READY objects have a body of their size, others none",
     "SELECT count(*) FROM object o LEFT JOIN body b ON b.id = o.body_id WHERE CASE o.status WHEN "
     "200 THEN b.id IS NULL OR b.size <> o.size ELSE o.body_id IS NOT NULL END"},
    {"a body that nobody names is known to the sweep",
     "SELECT count(*) FROM body b WHERE NOT EXISTS(SELECT 1 FROM object WHERE body_id = b.id) AND "
     "NOT EXISTS(SELECT 1 FROM conflict WHERE body_id = b.id) AND NOT EXISTS(SELECT 1 FROM object "
     "WHERE kept_body = b.id) AND NOT EXISTS(SELECT 1 FROM loose "
     "WHERE body_id = b.id)"},
    {"nothing in trash is a body's", "SELECT count(*) FROM trash JOIN body USING(blob_ref)"},
    {"foreign keys", "SELECT count(*) FROM pragma_foreign_key_check"},
    {"the file", "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"},
};

static void derived_rows_agree_after_random_operations(void **state)
{
    struct contract *c = *state;
    for (uint32_t round = 1; round <= 6; round++) {
        uint32_t seed = round * 7919;
        unsigned local = 0;
        contract_close(c);
        c->factory->place_free(c->place);
        c->place = c->factory->place_new();
        contract_open(c);
        for (unsigned index = 0; index < 400; index++)
            random_step(c, &seed, &local);
        /* Applying wrote no order: the outbox grew by the local operations alone. */
        assert_int_equal(contract_totals(c).outbox_orders, local);
        contract_close(c);
        for (size_t index = 0; index < FY_COUNT_OF(checks); index++)
            if (catalogue_sqlite_number(c->place, checks[index].sql) != 0)
                fail_msg("round %u: %s", round, checks[index].what);
        contract_open(c);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(acknowledged_batches_survive_a_kill_and_none_is_halved),
        TEST(stamps_of_a_killed_process_are_never_given_again),
        TEST(full_disk_refuses_the_batch_and_heals_by_itself),
        TEST(readers_see_whole_batches_beside_the_writer),
        TEST(derived_rows_agree_after_random_operations),
    };
    catalogue_contract_use(&catalogue_sqlite_factory);
    return cmocka_run_group_tests_name("catalogue file", tests, NULL, NULL);
}

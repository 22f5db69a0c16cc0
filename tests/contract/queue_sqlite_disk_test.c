/* queue_sqlite_disk_test.c - the SQLite queue when disk or memory end: bounds, fsync, full disk. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/adapters/queue_sqlite.h"
#include "common/adapters/queue_sqlite_impl.h"
#include "tests/contract/queue_sqlite_help.h"

#define DISK_BYTES (8 << 20)
#define BODY_BYTES 4000 /* of the records that fill something up */

/* The disk's word that bytes are safe, counted, and broken when a test wants it so. These take the
 * place of libc's for SQLite too, since a program's own functions come before a library's. */
static atomic_int syncs_count;
static atomic_bool sync_fails;

static int sync_by(long number, int fd)
{
    if (atomic_load(&sync_fails)) {
        errno = EIO;
        return -1;
    }
    atomic_fetch_add(&syncs_count, 1);
    return (int)syscall(number, fd);
}

int fsync(int fd)
{
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_by(SYS_fdatasync, fd);
}

/* Bounds. */

static char body[BODY_BYTES];

/* Publishes batches of 10 to one partition until one is refused; gives its code. */
static enum fy_code publish_until_refused(struct queue_fixture *f, size_t batches_max,
                                          size_t *accepted_count)
{
    struct fy_record records[10];
    for (size_t i = 0; i < FY_COUNT_OF(records); i++)
        records[i] = (struct fy_record){
            .topic = "orders", .partition = 0, .value = body, .value_bytes = sizeof(body)};
    for (size_t i = 0; i < batches_max; i++) {
        enum fy_code code = queue_publish_wait(f->queue, records, FY_COUNT_OF(records));
        if (code != FY_OK)
            return code;
        *accepted_count += FY_COUNT_OF(records);
    }
    return FY_OK;
}

static bool want_offset(void *arg, const struct fy_record *record)
{
    int64_t *wanted = arg;
    assert_int_equal(record->offset, *wanted);
    assert_int_equal(record->value_bytes, sizeof(body));
    ++*wanted;
    return true;
}

/* The worker is away for long: the queue refuses more, but loses nothing; once it is back, done
 * records make room at once, however young they are. */
static void a_full_queue_refuses_and_keeps_and_takes_again_when_work_is_done(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_small_factory);
    size_t accepted = 0;
    int64_t used = 0;
    int64_t max = 0;
    assert_int_equal(publish_until_refused(f, 1000, &accepted), FY_EFULL);
    fy_queue_fill(f->queue, &used, &max);
    assert_int_equal(max, QUEUE_SQLITE_SMALL_BYTES);
    assert_in_range(used, max * 9 / 10, max);
    assert_in_range(accepted, 500, QUEUE_SQLITE_SMALL_BYTES / BODY_BYTES);

    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    int64_t wanted = 0;
    queue_consumer_read(f, consumer, "orders", accepted, want_offset, &wanted);
    assert_int_equal(queue_lag_of(f->queue, "worker", "orders", 0).start_offset, 0);
    size_t again = 0;
    assert_int_equal(publish_until_refused(f, 1, &again), FY_EFULL); /* read is not done */
    queue_consumer_commit(f->queue, consumer, "orders", 0, wanted);
    /* The writer trims on its own thread after the commit; nothing tells when it has. */
    for (int tries = 0; again == 0 && tries < 1000; tries++) {
        (void)publish_until_refused(f, 1, &again);
        if (again == 0)
            (void)usleep(1000);
    }
    assert_int_equal(again, 10);
    queue_consumer_read(f, consumer, "orders", 10, want_offset, &wanted);
    queue_consumer_close(f, consumer);
    queue_fixture_free(f);
}

static void a_record_or_publish_that_could_never_be_held_is_too_big(void **state)
{
    (void)state;
    enum { PARTS = FY_QUEUE_PENDING_BYTES_MAX / FY_RECORD_BYTES_MAX };
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    char *big = fy_alloc(FY_RECORD_BYTES_MAX);
    struct fy_record records[PARTS];
    for (size_t i = 0; i < PARTS; i++)
        records[i] = (struct fy_record){
            .topic = "orders", .partition = 0, .value = big, .value_bytes = FY_RECORD_BYTES_MAX};
    assert_int_equal(queue_publish_wait(f->queue, records, 1), FY_OK);
    assert_int_equal(queue_publish_wait(f->queue, records, PARTS), FY_ETOOBIG);
    records[0].key = "k";
    records[0].key_bytes = 1; /* one byte more than a record may have */
    assert_int_equal(queue_publish_wait(f->queue, records, 1), FY_ETOOBIG);
    free(big);
    queue_fixture_free(f);
}

/* A done callback that holds the writer up, as a stalled disk would. */
struct stall {
    sem_t reached;
    sem_t release;
};

static void stall_done(void *arg, enum fy_code code, size_t accepted, const struct fy_err *err)
{
    struct stall *stall = arg;
    (void)code;
    (void)accepted;
    (void)err;
    (void)sem_post(&stall->reached); /* fails only at INT_MAX */
    (void)sem_wait(&stall->release); /* not interrupted: the thread takes no signals */
}

static void stall_begin(struct queue_fixture *f, struct stall *stall)
{
    const struct fy_record record = {.topic = "orders", .partition = 0};
    struct fy_err err = {0};
    assert_int_equal(sem_init(&stall->reached, 0, 0), 0);
    assert_int_equal(sem_init(&stall->release, 0, 0), 0);
    assert_int_equal(fy_queue_publish(f->queue, &record, 1, stall_done, stall, &err), FY_OK);
    queue_contract_wait(&stall->reached);
}

/* A router has to write copies before it may let go of what it copies: full to the brim, the queue
 * still takes them, up to a bound of their own; new orders stay refused meanwhile. */
static void a_full_queue_has_room_for_records_that_take_the_place_of_others(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_small_factory);
    struct queue_outcome outcome;
    struct fy_err err = {0};
    size_t accepted = 0;
    int moved = 0;
    assert_int_equal(publish_until_refused(f, 1000, &accepted), FY_EFULL);
    const struct fy_record copy = {.topic = "orders",
                                   .partition = 1,
                                   .moves = true,
                                   .value = body,
                                   .value_bytes = sizeof(body)};
    queue_outcome_init(&outcome);
    while (fy_queue_publish(f->queue, &copy, 1, queue_outcome_done, &outcome, &err) == FY_OK) {
        queue_contract_wait(&outcome.done);
        moved++;
    }
    assert_int_equal(err.code, FY_EFULL);
    assert_in_range(moved, 100, FY_QUEUE_MOVES_BYTES_MIN / (int)sizeof(body));
    assert_int_equal(queue_lag_of(f->queue, "g", "orders", 1).end_offset, moved);
    size_t again = 0;
    assert_int_equal(publish_until_refused(f, 1, &again), FY_EFULL);
    assert_int_equal(again, 0);
    queue_fixture_free(f);
}

/* The disk stalls: what waits in memory is bounded by count, and nothing admitted is forgotten. */
static void what_waits_for_a_stalled_disk_is_bounded(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    struct stall stall;
    struct queue_outcome outcome;
    struct fy_record *records = fy_alloc(1000 * sizeof(*records));
    struct fy_err err = {0};
    int taken = 0;
    stall_begin(f, &stall);
    queue_outcome_init(&outcome);
    for (size_t i = 0; i < 1000; i++)
        records[i] = (struct fy_record){.topic = "orders", .partition = 1};
    while (fy_queue_publish(f->queue, records, 1000, queue_outcome_done, &outcome, &err) == FY_OK)
        taken++;
    assert_int_equal(err.code, FY_EFULL);
    assert_int_equal(taken, FY_QUEUE_PENDING_RECORDS_MAX / 1000);
    assert_int_equal(sem_post(&stall.release), 0);
    for (int i = 0; i < taken; i++)
        queue_contract_wait(&outcome.done);
    assert_int_equal(queue_lag_of(f->queue, "g", "orders", 1).end_offset,
                     FY_QUEUE_PENDING_RECORDS_MAX);
    queue_publish_text(f->queue, "orders", 1, NULL, "x");
    free(records);
    queue_fixture_free(f);
}

static void what_waits_for_a_stalled_disk_is_bounded_in_bytes_too(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    struct stall stall;
    struct queue_outcome outcome;
    struct fy_err err = {0};
    enum { BIG = 1 << 20 };
    char *big = fy_alloc(BIG);
    const struct fy_record record = {
        .topic = "orders", .partition = 1, .value = big, .value_bytes = BIG};
    int taken = 0;
    stall_begin(f, &stall);
    queue_outcome_init(&outcome);
    while (fy_queue_publish(f->queue, &record, 1, queue_outcome_done, &outcome, &err) == FY_OK)
        taken++;
    assert_int_equal(err.code, FY_EFULL);
    assert_int_equal(taken, FY_QUEUE_PENDING_BYTES_MAX / BIG - 1); /* a little beside the value */
    assert_int_equal(sem_post(&stall.release), 0);
    for (int i = 0; i < taken; i++)
        queue_contract_wait(&outcome.done);
    free(big);
    queue_fixture_free(f);
}

/* A reader that stands still in the middle of its poll must not let the log grow for ever, and the
 * log is small again afterwards. */
static bool publish_much(void *arg, const struct fy_record *record)
{
    struct queue_fixture *f = arg;
    size_t accepted = 0;
    (void)record;
    return publish_until_refused(f, 50, &accepted) == FY_OK; /* 2 MB */
}

static void the_log_is_bounded_by_checkpoints(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    struct fy_err err = {0};
    char log[TEMP_BYTES + 16];
    struct stat about;
    queue_publish_text(f->queue, "orders", 1, NULL, "x");
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    assert_int_equal(fy_consumer_poll(f->queue, consumer, "orders", 1, 1, publish_much, f, &err),
                     FY_OK);
    size_t accepted = 0;
    assert_int_equal(publish_until_refused(f, 1500, &accepted), FY_OK); /* 60 MB */
    (void)snprintf(log, sizeof(log), "%s/queue.db-wal", f->dir);
    assert_int_equal(stat(log, &about), 0);
    assert_in_range(about.st_size, 1, 2LL * FY_QUEUE_WAL_PAGES * 4096);
    queue_consumer_close(f, consumer);
    queue_fixture_free(f);
}

/* Durability. */

static void an_acknowledgement_comes_after_an_fsync(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    for (int i = 0; i < 20; i++) {
        int before = atomic_load(&syncs_count);
        queue_publish_text(f->queue, "orders", 0, NULL, "x");
        assert_true(atomic_load(&syncs_count) > before);
    }
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    int before = atomic_load(&syncs_count);
    queue_consumer_commit(f->queue, consumer, "orders", 0, 20);
    assert_true(atomic_load(&syncs_count) > before);
    queue_consumer_close(f, consumer);
    queue_fixture_free(f);
}

/* Publishes that wait while the writer is at work share its next fsync. */
static void publishes_that_wait_share_an_fsync(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    struct stall stall;
    struct queue_outcome outcome;
    const struct fy_record record = {.topic = "orders", .partition = 1};
    struct fy_err err = {0};
    stall_begin(f, &stall);
    queue_outcome_init(&outcome);
    for (int i = 0; i < 900; i++)
        assert_int_equal(fy_queue_publish(f->queue, &record, 1, queue_outcome_done, &outcome, &err),
                         FY_OK);
    int before = atomic_load(&syncs_count);
    assert_int_equal(sem_post(&stall.release), 0);
    for (int i = 0; i < 900; i++)
        queue_contract_wait(&outcome.done);
    assert_int_equal(atomic_load(&syncs_count), before + 1);
    queue_fixture_free(f);
}

/* The disk cannot promise: nothing is acknowledged or shown, and later publishes are whole. */
static void a_failed_fsync_fails_the_publishes_of_its_group(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_factory);
    size_t accepted = 0;
    assert_int_equal(publish_until_refused(f, 2, &accepted), FY_OK);
    atomic_store(&sync_fails, true);
    for (int i = 0; i < 3; i++)
        assert_int_equal(publish_until_refused(f, 1, &accepted), FY_EIO);
    atomic_store(&sync_fails, false);
    assert_int_equal(queue_lag_of(f->queue, "worker", "orders", 0).end_offset, 20);
    assert_int_equal(publish_until_refused(f, 2, &accepted), FY_OK);
    queue_fixture_close(f);
    queue_fixture_open(f);
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    int64_t wanted = 0;
    queue_consumer_read(f, consumer, "orders", 40, want_offset, &wanted);
    queue_consumer_close(f, consumer);
    queue_fixture_free(f);
}

/* The disk. As root a small file system of our own; else a limit on the size of our files. */

struct disk {
    bool is_mount;
    char filler[96];
    struct rlimit unlimited;
};

static bool mount_small(const char *dir)
{
    /* Our own view of mounts, so that this one ends with the process whatever happens. */
    if (unshare(CLONE_NEWNS) != 0)
        return false;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return false;
    char options[32];
    (void)snprintf(options, sizeof(options), "size=%d", DISK_BYTES);
    return mount("tmpfs", dir, "tmpfs", 0, options) == 0;
}

static void disk_init(struct disk *disk, const char *dir)
{
    disk->is_mount = mount_small(dir);
    (void)snprintf(disk->filler, sizeof(disk->filler), "%s/filler", dir);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &disk->unlimited), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
}

static void disk_done(struct disk *disk, const char *dir)
{
    if (disk->is_mount)
        assert_int_equal(umount2(dir, MNT_DETACH), 0);
    assert_true(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
}

/* Leaves so many bytes free, about. */
static void disk_fill(const struct disk *disk, const char *dir, long free_bytes)
{
    if (!disk->is_mount) {
        char log[128];
        struct stat about;
        (void)snprintf(log, sizeof(log), "%s/queue.db-wal", dir);
        assert_int_equal(stat(log, &about), 0);
        const struct rlimit limit = {(rlim_t)(about.st_size + free_bytes),
                                     disk->unlimited.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        return;
    }
    int fd = open(disk->filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, body, sizeof(body)) > 0)
        ;
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - free_bytes), 0);
    assert_int_equal(close(fd), 0);
}

static void disk_free(const struct disk *disk)
{
    if (disk->is_mount)
        assert_int_equal(unlink(disk->filler), 0);
    else
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &disk->unlimited), 0);
}

/* The disk is full for a while. Publishes fail with the code that clients know, none is half done,
 * and as soon as there is space all goes on with no help. */
static void a_full_disk_refuses_publishes_and_heals_by_itself(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_fixture_new(&queue_sqlite_factory);
    struct disk disk;
    size_t accepted = 0;
    disk_init(&disk, f->dir);
    queue_fixture_open(f);
    queue_fixture_topic(f, "orders");
    assert_int_equal(publish_until_refused(f, 20, &accepted), FY_OK);
    disk_fill(&disk, f->dir, 0);
    for (int tries = 0; tries < 5; tries++)
        assert_int_equal(publish_until_refused(f, 1000, &accepted), FY_EFULL);
    assert_int_equal(queue_lag_of(f->queue, "worker", "orders", 0).end_offset, accepted);

    disk_free(&disk);
    assert_int_equal(publish_until_refused(f, 20, &accepted), FY_OK);
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    int64_t wanted = 0;
    queue_consumer_read(f, consumer, "orders", accepted, want_offset, &wanted);
    queue_consumer_close(f, consumer);

    queue_fixture_close(f);
    char answer[64];
    queue_sqlite_ask(f->dir, "PRAGMA integrity_check", answer);
    assert_string_equal(answer, "ok");
    queue_fixture_open(f);
    assert_int_equal(queue_lag_of(f->queue, "new", "orders", 0).end_offset, accepted);
    queue_fixture_close(f);
    disk_done(&disk, f->dir);
    queue_fixture_free(f);
}

/* A queue at its limit still takes offsets: they are what makes room. */
static void a_full_queue_takes_offsets(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_sqlite_fixture_new(&queue_sqlite_small_factory);
    size_t accepted = 0;
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    assert_int_equal(publish_until_refused(f, 1000, &accepted), FY_EFULL);
    queue_consumer_commit(f->queue, consumer, "orders", 0, 5);
    assert_int_equal(queue_lag_of(f->queue, "worker", "orders", 0).committed_offset, 5);
    queue_consumer_close(f, consumer);
    queue_fixture_free(f);
}

/* A thread that commits one offset. It must not assert, since cmocka jumps. */
struct committer {
    struct queue_fixture *f;
    struct fy_consumer *consumer;
    enum fy_code code;
};

static void *committer_main(void *arg)
{
    struct committer *self = arg;
    struct fy_topic_partition next = {.topic = "orders", .partition = 0, .offset = 7};
    struct fy_err err = {0};
    self->code = fy_consumer_commit(self->f->queue, self->consumer, &next, 1, &err);
    return NULL;
}

/* Until so many ops wait for the writer, which is stalled. */
static void wait_for_ops(struct queue_fixture *f, size_t count)
{
    struct fy_sqlq *queue = fy_sqlq_from(f->queue);
    size_t waiting = 0;
    for (int tries = 0; waiting < count && tries < QUEUE_CONTRACT_WAIT_MS; tries++) {
        pthread_mutex_lock(&queue->mutex);
        waiting = queue->waiting_ops;
        pthread_mutex_unlock(&queue->mutex);
        if (waiting < count)
            (void)usleep(1000);
    }
    assert_int_equal(waiting, count);
}

/* A large publish that the disk has no room for and a small commit meet in one group: the publish
 * is refused, the commit goes through. */
static void a_commit_does_not_fail_with_the_publish_beside_it(void **state)
{
    (void)state;
    struct queue_fixture *f = queue_fixture_new(&queue_sqlite_factory);
    struct disk disk;
    struct stall stall;
    struct queue_outcome outcome;
    struct fy_record records[100];
    struct fy_err err = {0};
    size_t accepted = 0;
    pthread_t thread;
    disk_init(&disk, f->dir);
    queue_fixture_open(f);
    queue_fixture_topic(f, "orders");
    assert_int_equal(publish_until_refused(f, 2, &accepted), FY_OK);
    struct committer committer = {.f = f};
    committer.consumer = queue_consumer_open(f, "worker", "orders", NULL);
    stall_begin(f, &stall);
    disk_fill(&disk, f->dir, 128 * 1024);

    queue_outcome_init(&outcome);
    for (size_t i = 0; i < FY_COUNT_OF(records); i++)
        records[i] = (struct fy_record){
            .topic = "orders", .partition = 0, .value = body, .value_bytes = sizeof(body)};
    assert_int_equal(fy_queue_publish(f->queue, records, FY_COUNT_OF(records), queue_outcome_done,
                                      &outcome, &err),
                     FY_OK);
    assert_int_equal(pthread_create(&thread, NULL, committer_main, &committer), 0);
    wait_for_ops(f, 2);
    assert_int_equal(sem_post(&stall.release), 0);
    queue_contract_wait(&outcome.done);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(outcome.code, FY_EFULL);
    assert_int_equal(outcome.accepted, 0);
    assert_int_equal(committer.code, FY_OK);
    assert_int_equal(queue_lag_of(f->queue, "worker", "orders", 0).committed_offset, 7);
    disk_free(&disk);
    queue_fixture_close(f);
    disk_done(&disk, f->dir);
    queue_fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_refuses_and_keeps_and_takes_again_when_work_is_done),
        cmocka_unit_test(a_full_queue_has_room_for_records_that_take_the_place_of_others),
        cmocka_unit_test(a_record_or_publish_that_could_never_be_held_is_too_big),
        cmocka_unit_test(what_waits_for_a_stalled_disk_is_bounded),
        cmocka_unit_test(what_waits_for_a_stalled_disk_is_bounded_in_bytes_too),
        cmocka_unit_test(the_log_is_bounded_by_checkpoints),
        cmocka_unit_test(an_acknowledgement_comes_after_an_fsync),
        cmocka_unit_test(publishes_that_wait_share_an_fsync),
        cmocka_unit_test(a_failed_fsync_fails_the_publishes_of_its_group),
        cmocka_unit_test(a_full_disk_refuses_publishes_and_heals_by_itself),
        cmocka_unit_test(a_full_queue_takes_offsets),
        cmocka_unit_test(a_commit_does_not_fail_with_the_publish_beside_it),
    };
    return cmocka_run_group_tests_name("sqlite's disk", tests, NULL, NULL);
}

/* catalogue_writer.c - the one thread that writes the catalogue: whatever has gathered, one
 * transaction. */
#include "common/runtime/catalogue_writer.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "common/runtime/pool.h"

struct fy_catalogue_writer {
    struct fy_catalogue *catalogue; /* borrowed; written by our thread alone */
    pthread_t thread;
    atomic_bool healthy;

    /* Any thread, mutex held. */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct fy_cat_op *first; /* oldest */
    struct fy_cat_op **last_next;
    bool waiting; /* the thread sleeps: only then is it worth a signal */
    bool closing;

    /* Catalogue thread only. */
    struct fy_cat_op *batch[FY_CAT_BATCH_MAX];
};

/* Moves the oldest operations into the batch, waiting for the first. 0: closing, and none is left.
 */
static size_t take_batch(struct fy_catalogue_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    while (writer->first == NULL && !writer->closing) {
        writer->waiting = true;
        FY_ASSERT(pthread_cond_wait(&writer->wake, &writer->mutex) == 0);
    }
    writer->waiting = false;
    size_t count = 0;
    while (writer->first != NULL && count < FY_CAT_BATCH_MAX) {
        writer->batch[count++] = writer->first;
        writer->first = writer->first->next;
    }
    if (writer->first == NULL)
        writer->last_next = &writer->first;
    pthread_mutex_unlock(&writer->mutex);
    return count;
}

static void write_batch(struct fy_catalogue_writer *writer, size_t count)
{
    struct fy_err err = {0};
    enum fy_code code = fy_catalogue_write(writer->catalogue, writer->batch, count, &err);
    atomic_store(&writer->healthy, code == FY_OK);
    for (size_t i = 0; i < count; i++) {
        struct fy_cat_op *op = writer->batch[i];
        if (code != FY_OK) { /* none is known to have happened, whatever the adapter wrote there */
            op->code = code;
            op->err = err;
        }
        op->next = NULL;
        op->done(op); /* which may free it */
    }
}

static void *writer_main(void *arg)
{
    struct fy_catalogue_writer *writer = arg;
    for (;;) {
        size_t count = take_batch(writer);
        if (count == 0)
            return NULL;
        write_batch(writer, count);
    }
}

enum fy_code fy_catalogue_writer_open(struct fy_catalogue *catalogue,
                                      struct fy_catalogue_writer **writer, struct fy_err *err)
{
    struct fy_catalogue_writer *opened = fy_alloc(sizeof *opened);
    opened->catalogue = catalogue;
    opened->last_next = &opened->first;
    atomic_init(&opened->healthy, true); /* the catalogue has just been opened */
    FY_ASSERT(pthread_mutex_init(&opened->mutex, NULL) == 0);
    FY_ASSERT(pthread_cond_init(&opened->wake, NULL) == 0);
    if (fy_thread_start(&opened->thread, "cat", writer_main, opened, err) != FY_OK) {
        pthread_cond_destroy(&opened->wake);
        pthread_mutex_destroy(&opened->mutex);
        free(opened);
        return fy_err_add(err, "open the catalogue writer");
    }
    *writer = opened;
    return FY_OK;
}

void fy_catalogue_writer_submit(struct fy_catalogue_writer *writer, struct fy_cat_op *op)
{
    FY_ASSERT(op->done != NULL); /* who waits uses fy_catalogue_writer_run */
    op->next = NULL;
    pthread_mutex_lock(&writer->mutex);
    *writer->last_next = op;
    writer->last_next = &op->next;
    if (writer->waiting)
        pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->mutex);
}

/* One submitter's wait; op->arg points here meanwhile. */
struct turn {
    pthread_mutex_t mutex;
    pthread_cond_t over_cond;
    bool over;
};

/* Called on the catalogue thread. */
static void turn_over(struct fy_cat_op *op)
{
    struct turn *turn = op->arg;
    pthread_mutex_lock(&turn->mutex);
    turn->over = true;
    pthread_cond_signal(&turn->over_cond); /* mutex held: the waiter destroys the turn next */
    pthread_mutex_unlock(&turn->mutex);
}

enum fy_code fy_catalogue_writer_run(struct fy_catalogue_writer *writer, struct fy_cat_op *op,
                                     struct fy_err *err)
{
    FY_ASSERT(op->done == NULL);
    FY_ASSERT(!pthread_equal(pthread_self(), writer->thread)); /* it would wait for itself */
    struct turn turn = {.mutex = PTHREAD_MUTEX_INITIALIZER, .over_cond = PTHREAD_COND_INITIALIZER};
    void *arg = op->arg;
    op->arg = &turn;
    op->done = turn_over;
    fy_catalogue_writer_submit(writer, op);

    pthread_mutex_lock(&turn.mutex);
    while (!turn.over)
        FY_ASSERT(pthread_cond_wait(&turn.over_cond, &turn.mutex) == 0);
    pthread_mutex_unlock(&turn.mutex);
    pthread_cond_destroy(&turn.over_cond);
    pthread_mutex_destroy(&turn.mutex);
    op->done = NULL;
    op->arg = arg;
    if (op->code != FY_OK && err != NULL)
        *err = op->err;
    return op->code;
}

bool fy_catalogue_writer_healthy(struct fy_catalogue_writer *writer)
{
    return atomic_load(&writer->healthy);
}

void fy_catalogue_writer_close(struct fy_catalogue_writer *writer)
{
    if (writer == NULL)
        return;
    pthread_mutex_lock(&writer->mutex);
    writer->closing = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->mutex);
    FY_ASSERT(pthread_join(writer->thread, NULL) == 0);
    FY_ASSERT(writer->first == NULL); /* submitted after the close began */
    pthread_cond_destroy(&writer->wake);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}

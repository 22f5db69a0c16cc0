/* publish_wait.c - the queue answers on its own thread; here somebody waits for it. */
#include "common/runtime/publish_wait.h"

#include <pthread.h>

struct publish_wait {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool done;
    enum fy_code code;
    size_t accepted;
    struct fy_err err;
};

/* Called on the queue's thread. Signals with the mutex held: the waiter's frame is gone as soon as
 * it sees done. */
static void on_published(void *arg, enum fy_code code, size_t accepted, const struct fy_err *err)
{
    struct publish_wait *wait = arg;
    pthread_mutex_lock(&wait->mutex);
    wait->code = code;
    wait->accepted = accepted;
    if (err != NULL)
        wait->err = *err;
    wait->done = true;
    pthread_cond_signal(&wait->cond);
    pthread_mutex_unlock(&wait->mutex);
}

enum fy_code fy_publish_wait(struct fy_queue *queue, const struct fy_record *records, size_t count,
                             size_t *accepted, struct fy_err *err)
{
    struct publish_wait wait = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                                .cond = PTHREAD_COND_INITIALIZER};
    enum fy_code code = fy_queue_publish(queue, records, count, on_published, &wait, err);
    if (code != FY_OK)
        return code;
    pthread_mutex_lock(&wait.mutex);
    while (!wait.done)
        pthread_cond_wait(&wait.cond, &wait.mutex);
    pthread_mutex_unlock(&wait.mutex);
    if (accepted != NULL)
        *accepted = wait.accepted;
    if (wait.code != FY_OK && err != NULL)
        *err = wait.err;
    return wait.code;
}

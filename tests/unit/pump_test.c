/* pump_test.c - how soon the pump looks for rows that nobody has told it of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <time.h>

#include "common/core/log.h"
#include "tests/support/fake_queue.h"
#include "worker/worker.h"

#define WAIT_S 20

/* A catalogue whose outbox is empty, and counts how often it is asked. */
struct outbox {
    struct fy_catalogue port;
    pthread_mutex_t mutex;
    pthread_cond_t asked;
    unsigned asked_count;
    enum fy_code code;
};

static enum fy_code outbox_read(struct fy_catalogue *port, uint32_t limit,
                                fy_outbox_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct outbox *self = FY_CONTAINER_OF(port, struct outbox, port);
    (void)limit;
    (void)visit;
    (void)arg;
    pthread_mutex_lock(&self->mutex);
    self->asked_count++;
    pthread_cond_broadcast(&self->asked);
    pthread_mutex_unlock(&self->mutex);
    return self->code == FY_OK ? FY_OK : fy_err_set(err, self->code, "as the test says");
}

static const struct fy_catalogue_ops outbox_ops = {.name = "outbox", .outbox_read = outbox_read};

static struct outbox outbox_of(enum fy_code code)
{
    return (struct outbox){.port.ops = &outbox_ops,
                           .mutex = PTHREAD_MUTEX_INITIALIZER,
                           .asked = PTHREAD_COND_INITIALIZER,
                           .code = code};
}

/* How long it takes until the outbox has been asked so often. */
static int64_t ms_until(struct outbox *outbox, unsigned count)
{
    int64_t begun_ms = fy_mono_ms(fy_clock_system());
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&outbox->mutex);
    int failure = 0;
    while (outbox->asked_count < count && failure == 0)
        failure = pthread_cond_timedwait(&outbox->asked, &outbox->mutex, &until);
    pthread_mutex_unlock(&outbox->mutex);
    assert_int_equal(failure, 0);
    return fy_mono_ms(fy_clock_system()) - begun_ms;
}

/* The time for so many looks of a pump that is never rung. */
static int64_t ms_of_looks(bool shared, enum fy_code code, unsigned looks)
{
    struct outbox outbox = outbox_of(code);
    struct fake_queue *queue = fake_queue_new();
    struct fy_node node = {.clock = fy_clock_system(),
                           .catalogue = &outbox.port,
                           .queue = fake_queue_port(queue),
                           .shared = shared};
    struct fy_pump *pump = NULL;
    struct fy_err err = {0};
    fy_log_level_set(FY_ERROR + 1);
    assert_int_equal(fy_bell_init(&node.outbox_bell, &err), FY_OK);
    assert_int_equal(fy_pump_open(&node, FY_PUMP_ORDERS, &pump, &err), FY_OK);
    int64_t ms = ms_until(&outbox, looks);
    fy_pump_close(pump);
    fy_bell_done(&node.outbox_bell);
    fake_queue_free(queue);
    return ms;
}

/* An API in another process cannot ring: 20 looks of half a second each would take ten. */
static void rows_of_another_process_are_found_within_moments(void **state)
{
    (void)state;
    assert_in_range(ms_of_looks(true, FY_OK, 20), 100, 5000);
}

static void whoever_does_not_pump_looks_twice_a_second(void **state)
{
    (void)state;
    assert_in_range(ms_of_looks(true, FY_EEXISTS, 3), 900, WAIT_S * 1000);
}

static void a_process_alone_is_rung(void **state)
{
    (void)state;
    assert_in_range(ms_of_looks(false, FY_OK, 3), 900, WAIT_S * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_another_process_are_found_within_moments),
        cmocka_unit_test(whoever_does_not_pump_looks_twice_a_second),
        cmocka_unit_test(a_process_alone_is_rung),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* mailbox_test.c - nothing put into a mailbox is lost, repeated, or left without a wake-up. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/runtime/mailbox.h"

#define WRITERS         4
#define MAIL_PER_WRITER 20000

struct numbered {
    struct fy_mail mail; /* first */
    uint32_t writer;
    uint32_t number;
};

static bool is_readable(const struct fy_mailbox *box)
{
    struct pollfd wait = {.fd = fy_mailbox_fd(box), .events = POLLIN};
    return poll(&wait, 1, 0) == 1;
}

static void mail_is_taken_in_the_order_it_was_put(void **state)
{
    (void)state;
    struct fy_mailbox box;
    struct fy_err err;
    assert_int_equal(fy_mailbox_init(&box, &err), FY_OK);
    struct numbered mail[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    for (size_t i = 0; i < 3; i++)
        fy_mailbox_put(&box, &mail[i].mail);

    struct fy_mail *taken = fy_mailbox_take(&box);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(taken, &mail[i].mail);
        taken = taken->next;
    }
    assert_null(taken);
    assert_null(fy_mailbox_take(&box));
    fy_mailbox_done(&box);
}

static void the_box_is_readable_exactly_while_mail_waits(void **state)
{
    (void)state;
    struct fy_mailbox box;
    struct fy_err err;
    assert_int_equal(fy_mailbox_init(&box, &err), FY_OK);
    struct fy_mail first, second;

    assert_false(is_readable(&box));
    fy_mailbox_put(&box, &first);
    fy_mailbox_put(&box, &second);
    assert_true(is_readable(&box));
    assert_ptr_equal(fy_mailbox_take(&box), &first);
    assert_false(is_readable(&box));
    fy_mailbox_put(&box, &first);
    assert_true(is_readable(&box)); /* the wake-up works again after it was cleared */
    assert_ptr_equal(fy_mailbox_take(&box), &first);
    fy_mailbox_done(&box);
}

struct writer {
    struct fy_mailbox *box;
    struct numbered *mail;
    uint32_t number;
};

static void *write_all(void *arg)
{
    struct writer *writer = arg;
    for (uint32_t i = 0; i < MAIL_PER_WRITER; i++) {
        writer->mail[i].writer = writer->number;
        writer->mail[i].number = i;
        fy_mailbox_put(writer->box, &writer->mail[i].mail);
    }
    return NULL;
}

/* The reader only ever sleeps on the descriptor, so a lost wake-up would hang here. */
static void many_writers_lose_nothing_and_keep_their_own_order(void **state)
{
    (void)state;
    struct fy_mailbox box;
    struct fy_err err;
    assert_int_equal(fy_mailbox_init(&box, &err), FY_OK);
    struct numbered *mail = fy_alloc((size_t)WRITERS * MAIL_PER_WRITER * sizeof *mail);
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){&box, mail + (size_t)i * MAIL_PER_WRITER, i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_all, &writers[i]), 0);
    }

    uint32_t next[WRITERS] = {0};
    size_t total = 0;
    while (total < (size_t)WRITERS * MAIL_PER_WRITER) {
        struct pollfd wait = {.fd = fy_mailbox_fd(&box), .events = POLLIN};
        assert_int_equal(poll(&wait, 1, 20000), 1);
        for (struct fy_mail *taken = fy_mailbox_take(&box); taken != NULL; taken = taken->next) {
            struct numbered *one = (struct numbered *)taken;
            assert_int_equal(one->number, next[one->writer]);
            next[one->writer]++;
            total++;
        }
    }
    for (uint32_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_null(fy_mailbox_take(&box));
    fy_mailbox_done(&box);
    free(mail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_is_taken_in_the_order_it_was_put),
        cmocka_unit_test(the_box_is_readable_exactly_while_mail_waits),
        cmocka_unit_test(many_writers_lose_nothing_and_keep_their_own_order),
    };
    return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}

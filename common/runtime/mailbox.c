/* mailbox.c - a stack that is pushed by compare-and-swap and taken whole, so nothing is ever popped
 * singly and no ABA can arise. */
#include "common/runtime/mailbox.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum fy_code fy_mailbox_init(struct fy_mailbox *box, struct fy_err *err)
{
    int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0)
        return fy_err_set(err, FY_EIO, "make an eventfd: %s", strerror(errno));
    atomic_init(&box->head, NULL);
    atomic_init(&box->putting, 0);
    box->event_fd = event_fd;
    return FY_OK;
}

void fy_mailbox_done(struct fy_mailbox *box)
{
    FY_ASSERT(atomic_load(&box->head) == NULL); /* mail left here would never be answered */
    /* The owner may have opened a mail, and be closing for it, before its sender has woken him. */
    while (atomic_load_explicit(&box->putting, memory_order_acquire) != 0)
        (void)sched_yield();
    if (box->event_fd >= 0)
        (void)close(box->event_fd); /* an eventfd has nothing to lose */
    box->event_fd = -1;
}

void fy_mailbox_put(struct fy_mailbox *box, struct fy_mail *mail)
{
    atomic_fetch_add_explicit(&box->putting, 1, memory_order_relaxed); /* seen with the mail */
    struct fy_mail *head = atomic_load_explicit(&box->head, memory_order_relaxed);
    do {
        mail->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&box->head, &head, mail, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (head == NULL) { /* whoever puts the first one wakes the owner, who takes all */
        uint64_t one = 1;
        ssize_t written = write(box->event_fd, &one, sizeof one);
        FY_ASSERT(written == sizeof one || errno == EAGAIN); /* EAGAIN: it is readable already */
    }
    atomic_fetch_sub_explicit(&box->putting, 1, memory_order_release);
}

struct fy_mail *fy_mailbox_take(struct fy_mailbox *box)
{
    /* Cleared before the mail is taken: a put in between wakes us once too often, never too seldom.
     */
    uint64_t count;
    ssize_t got = read(box->event_fd, &count, sizeof count);
    FY_ASSERT(got == sizeof count || errno == EAGAIN);

    struct fy_mail *newest_first = atomic_exchange_explicit(&box->head, NULL, memory_order_acq_rel);
    struct fy_mail *oldest_first = NULL;
    while (newest_first != NULL) {
        struct fy_mail *mail = newest_first;
        newest_first = mail->next;
        mail->next = oldest_first;
        oldest_first = mail;
    }
    return oldest_first;
}

/* mailbox.h - many threads give, one thread takes: an intrusive list with an eventfd. It cannot
 * overflow: what is put in holds a permit of its own (ENGINE 1.1). */
#ifndef FY_RUNTIME_MAILBOX_H
#define FY_RUNTIME_MAILBOX_H

#include <stdatomic.h>

#include "common/core/err.h"

struct fy_mail {
    struct fy_mail *next;
};
struct fy_mailbox {
    _Atomic(struct fy_mail *) head; /* pushed last in, first out; take reverses */
    int event_fd;                   /* readable while mail may wait */
    _Atomic uint32_t putting;       /* calls of put under way: done waits for their last touch */
};

FY_MUST_CHECK enum fy_code fy_mailbox_init(struct fy_mailbox *box, struct fy_err *err);
void fy_mailbox_done(struct fy_mailbox *box);
/* Thread: any. Wakes the owner only when the box was empty. */
void fy_mailbox_put(struct fy_mailbox *box, struct fy_mail *mail);
/* All that waits, in the order it was put, or NULL; clears the eventfd. Thread: the owner. */
struct fy_mail *fy_mailbox_take(struct fy_mailbox *box);
static inline int fy_mailbox_fd(const struct fy_mailbox *box)
{
    return box->event_fd;
}

#endif
